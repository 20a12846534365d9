/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of something else than S3: a proxy, a firewall, a console, a login page. */
#include <string.h>
#include <strings.h>

#include "aws/s3/internal.h"
#include "base/human.h"

static bool starts_with(const char *text, const char *start)
{
	return strncasecmp(text, start, strlen(start)) == 0;
}

static bool has_html_type(const struct xc_s3_call *call)
{
	char type[64];

	return xc_http_header(&call->request, "content-type", type, sizeof(type)) &&
	       (starts_with(type, "text/html") || starts_with(type, "application/xhtml"));
}

/* Behind an XML declaration, of which pages may have one, too. */
static const char *behind_declaration(const char *text)
{
	const char *end = starts_with(text, "<?xml") ? strstr(text, "?>") : NULL;

	return end ? end + 2 + strspn(end + 2, " \t\r\n") : text;
}

/* The type alone proves nothing: Swift says text/html of empty answers, and of some XML. */
static bool is_web_page(const struct xc_s3_call *call)
{
	const char *text = xc_buf_str(&call->request.reply), *root;

	text += strspn(text, "\xef\xbb\xbf \t\r\n");
	root = behind_declaration(text);
	return starts_with(root, "<!doctype html") || starts_with(root, "<html") ||
	       (text[0] == '<' && root == text && has_html_type(call));
}

static bool is_head(const struct xc_s3_call *call)
{
	return strcmp(call->operation->method, "HEAD") == 0;
}

bool xc_s3_success_is_foreign(const struct xc_s3_call *call)
{
	char etag[XC_S3_ETAG_MAX];

	/* Nothing to look into: not S3's has no ETag, which S3 never leaves out there. */
	if (is_head(call) || (call->request.into && call->request.status == 200))
		return has_html_type(call) && !xc_s3_call_etag(call, etag);
	return is_web_page(call);
}

bool xc_s3_error_is_foreign(const struct xc_s3_call *call)
{
	char realm[300];

	if (call->code[0] != '\0' || is_head(call))
		return false;
	switch (call->request.status) {
	case 407:
		return true;
	case 401:
		return call->request.reply.len_bytes > 0 ||
		       xc_http_header(&call->request, "www-authenticate", realm, sizeof(realm));
	case 403:
		return call->request.reply.len_bytes > 0;
	default:
		return is_web_page(call);
	}
}

void xc_s3_describe_foreign(const struct xc_s3_call *call, struct xc_err *err)
{
	const char *what = is_web_page(call) ? "a web page" : "not S3's answer";

	switch (call->request.status) {
	case 401:
		xc_err_set(err, XC_ERR_IO,
			   "a web server or proxy, not S3, asks for a password (401): check the "
			   "endpoint and what stands in front of it");
		break;
	case 403:
		xc_err_set(err, XC_ERR_IO,
			   "a web server, proxy or firewall, not S3, denied the request (403, with "
			   "%s), so this is not about your S3 credentials: check the endpoint and "
			   "what stands in front of it",
			   what);
		break;
	case 407:
		xc_err_set(err, XC_ERR_IO,
			   "the proxy asks for a password (407): set http_proxy or https_proxy to "
			   "http://USER:PASSWORD@HOST:PORT");
		break;
	default:
		xc_err_set(err, XC_ERR_IO,
			   "this does not look like S3: it answers with a web page (%d); check the "
			   "endpoint, which may be that of a console, a login page or a proxy",
			   call->request.status);
	}
	err->http = call->request.status;
}

void xc_s3_describe_too_large(const struct xc_s3_call *call, struct xc_err *err)
{
	size_t bytes = call->request.body_bytes;

	if (bytes > XC_S3_PART_BYTES_MIN)
		xc_err_set(err, XC_ERR_IO,
			   "the server, or a proxy in front of it, does not take a request of %s "
			   "(%d%s%s): raise its limit (client_max_body_size in nginx), or set a "
			   "smaller part-size, from 5 MiB, in the store's URL",
			   XC_SIZE(bytes), call->request.status, call->code[0] ? " " : "",
			   call->code);
	else
		xc_err_set(err, XC_ERR_IO,
			   "the server, or a proxy in front of it, does not take a request of %s "
			   "(%d%s%s): raise its limit (client_max_body_size in nginx) above the "
			   "part-size, which is 16 MiB unless the store's URL sets another",
			   XC_SIZE(bytes), call->request.status, call->code[0] ? " " : "",
			   call->code);
}
