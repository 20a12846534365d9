/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a request that need no engine. */
#include <string.h>
#include <strings.h>

#include "http/http.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The value in the line [line, end) if its name is `name`, else NULL. */
static const char *value_of(const char *line, const char *end, const char *name, size_t *ret_length)
{
	size_t name_length = strlen(name);

	if ((size_t)(end - line) <= name_length || line[name_length] != ':' ||
	    strncasecmp(line, name, name_length) != 0)
		return NULL;
	line += name_length + 1;
	while (line < end && is_blank(*line))
		line++;
	while (end > line && is_blank(end[-1]))
		end--;
	*ret_length = (size_t)(end - line);
	return line;
}

bool xc_http_header(const struct xc_http_request *request, const char *name, char *out,
		    size_t out_bytes)
{
	const char *line = xc_buf_str(&request->header), *last = NULL;
	const char *end = line + request->header.len_bytes;
	size_t last_length = 0;

	while (line < end) {
		const char *line_end = memchr(line, '\n', (size_t)(end - line));
		const char *value;

		if (!line_end)
			line_end = end;
		value = value_of(line, line_end, name, &last_length);
		if (value)
			last = value;
		line = line_end + (line_end < end);
	}
	if (!last || last_length >= out_bytes || memchr(last, '\0', last_length))
		return false;
	memcpy(out, last, last_length);
	out[last_length] = '\0';
	return true;
}

static void wipe(char *data, size_t length)
{
	if (data)
		explicit_bzero(data, length);
}

void xc_http_request_release(struct xc_http_request *request)
{
	/* Signatures, tokens and credentials come and go in all of these. */
	for (size_t i = 0; i < request->headers.count; i++)
		wipe(request->headers.items[i], strlen(request->headers.items[i]));
	if (request->url)
		wipe(request->url, strlen(request->url));
	wipe(request->reply.data, request->reply.cap_bytes);
	wipe(request->header.data, request->header.cap_bytes);
	xc_strlist_release(&request->headers);
	free(STEAL_PTR(request->url));
	xc_buf_release(&request->reply);
	xc_buf_release(&request->header);
}
