/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/sign/internal.h"

#include <strings.h>

#include "base/err.h"

/* One header or one parameter of a query; `position` keeps the order of equal names. */
struct pair {
	char *name, *value;
	size_t position;
};

struct pairs {
	struct pair *items;
	size_t count;
};

static void pairs_release(struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		explicit_bzero(pairs->items[i].value, strlen(pairs->items[i].value));
		free(pairs->items[i].name);
		free(pairs->items[i].value);
	}
	free(pairs->items);
}
#define cleanup_pairs __attribute__((cleanup(pairs_release)))

/* Takes both. There are few: room for each is made as it comes. */
static void pairs_take(struct pairs *pairs, char *name, char *value)
{
	pairs->items = xc_realloc(pairs->items, (pairs->count + 1) * sizeof(*pairs->items));
	pairs->items[pairs->count] = (struct pair){ name, value, pairs->count };
	pairs->count++;
}

static int compare_names(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	return order ? order : (a->position > b->position) - (a->position < b->position);
}

static int compare_names_and_values(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	return order ? order : strcmp(a->value, b->value);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Trimmed, and each run of white space one blank (AWS, "CanonicalHeaders"). */
static char *squeeze(const char *text)
{
	char *value = xc_malloc(strlen(text) + 1), *end = value;
	bool is_gap = false;

	for (; *text; text++) {
		if (is_space(*text)) {
			is_gap = end != value;
			continue;
		}
		if (is_gap)
			*end++ = ' ';
		is_gap = false;
		*end++ = *text;
	}
	*end = '\0';
	return value;
}

static char *lower(const char *text, size_t length)
{
	char *copy = xc_strndup(text, length);

	for (char *c = copy; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	return copy;
}

/* Those that a proxy or the transfer library may change or add. */
static bool is_hop_by_hop(const char *name, size_t length)
{
	static const char *const names[] = { "Connection", "User-Agent", "Expect",
					     "Accept-Encoding" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i]) == length && strncasecmp(names[i], name, length) == 0)
			return true;
	return false;
}

static void take_headers(struct pairs *pairs, const struct xc_strlist *headers)
{
	for (size_t i = 0; headers && i < headers->count; i++) {
		const char *line = headers->items[i], *colon = strchr(line, ':');
		size_t length = colon ? (size_t)(colon - line) : 0;

		if (length > 0 && !is_hop_by_hop(line, length))
			pairs_take(pairs, lower(line, length), squeeze(colon + 1));
	}
}

void xc_sigv4_canonical_headers(const struct xc_sigv4_request *request,
				const struct xc_strlist *added, struct xc_buf *ret_lines,
				struct xc_buf *ret_names)
{
	cleanup_pairs struct pairs pairs = { 0 };

	pairs_take(&pairs, xc_strdup("host"), squeeze(request->host));
	take_headers(&pairs, request->headers);
	take_headers(&pairs, added);
	qsort(pairs.items, pairs.count, sizeof(*pairs.items), compare_names);
	for (size_t i = 0; i < pairs.count; i++) {
		if (i > 0 && strcmp(pairs.items[i].name, pairs.items[i - 1].name) == 0) {
			xc_buf_truncate(ret_lines, ret_lines->len_bytes - 1);
			xc_buf_add_char(ret_lines, ',');
		} else {
			xc_buf_add_str(ret_names, i > 0 ? ";" : "");
			xc_buf_add_str(ret_names, pairs.items[i].name);
			xc_buf_add_str(ret_lines, pairs.items[i].name);
			xc_buf_add_char(ret_lines, ':');
		}
		xc_buf_add_str(ret_lines, pairs.items[i].value);
		xc_buf_add_char(ret_lines, '\n');
	}
}

static void drop_segment(struct xc_buf *path, size_t start)
{
	while (path->len_bytes > start && path->data[path->len_bytes - 1] != '/')
		xc_buf_truncate(path, path->len_bytes - 1);
	if (path->len_bytes > start)
		xc_buf_truncate(path, path->len_bytes - 1);
}

void xc_sigv4_canonical_path(const struct xc_sigv4_request *request, struct xc_buf *out)
{
	const char *path = request->path;
	size_t start = out->len_bytes, length = strlen(path);

	if (request->path_as_is) {
		xc_buf_add_str(out, path);
		return;
	}
	for (const char *segment = path; *segment;) {
		size_t segment_length = strcspn(segment, "/");

		if (segment_length == 2 && memcmp(segment, "..", 2) == 0) {
			drop_segment(out, start);
		} else if (segment_length > 0 && !(segment_length == 1 && segment[0] == '.')) {
			xc_buf_add_char(out, '/');
			xc_uri_encode(segment, segment_length, false, out);
		}
		segment += segment_length;
		segment += *segment == '/';
	}
	if (out->len_bytes == start || path[length - 1] == '/')
		xc_buf_add_char(out, '/');
}

static char *recode(const char *text, size_t length)
{
	cleanup_secret_buf struct xc_buf bytes = XC_BUF_INIT;
	struct xc_buf encoded = XC_BUF_INIT;

	if (!xc_buf_reserve(&bytes, length + 1) || !xc_buf_reserve(&encoded, 3 * length + 1))
		xc_out_of_memory();
	/* A '%' that encodes nothing stands for itself, as servers read it. */
	(void)xc_uri_decode(text, length, &bytes);
	xc_uri_encode(xc_buf_str(&bytes), bytes.len_bytes, false, &encoded);
	return xc_buf_steal(&encoded);
}

void xc_sigv4_canonical_query(const char *query, struct xc_buf *out)
{
	cleanup_pairs struct pairs pairs = { 0 };

	while (*query) {
		size_t length = strcspn(query, "&"), name_length = strcspn(query, "=&");
		size_t value_start = XC_MIN(name_length + 1, length);

		if (length > 0)
			pairs_take(&pairs, recode(query, name_length),
				   recode(query + value_start, length - value_start));
		query += length;
		query += *query == '&';
	}
	if (pairs.count > 0)
		qsort(pairs.items, pairs.count, sizeof(*pairs.items), compare_names_and_values);
	for (size_t i = 0; i < pairs.count; i++) {
		xc_buf_add_str(out, i > 0 ? "&" : "");
		xc_buf_add_str(out, pairs.items[i].name);
		xc_buf_add_char(out, '=');
		xc_buf_add_str(out, pairs.items[i].value);
	}
}
