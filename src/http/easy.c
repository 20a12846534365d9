/* SPDX-License-Identifier: Apache-2.0 */
/* The options and callbacks of an easy handle: from a request to the wire, and back. */
#include <string.h>

#include "http/internal.h"

#define RECEIVE_BUFFER_BYTES (256L << 10)
#define SEND_BUFFER_BYTES    (512L << 10)
/* S3 closes idle connections after 5 s. */
#define IDLE_SECONDS_MAX 4L

static bool is_success(const struct xc_attempt *attempt)
{
	return attempt->status >= 200 && attempt->status < 300;
}

/* Returned instead of what was taken, it makes curl end the transfer. */
static size_t refuse(struct xc_attempt *attempt, enum xc_fault fault)
{
	attempt->fault = fault;
	return 0;
}

static size_t take_header(char *line, size_t size, size_t length, void *context)
{
	struct xc_attempt *attempt = context;

	(void)size;
	attempt->http->received_bytes += length;
	attempt->headers_bytes += length;
	if (attempt->headers_bytes > XC_HTTP_HEADERS_BYTES_MAX)
		return refuse(attempt, XC_FAULT_HEADERS);
	/* Trailers of a chunked body come this way as well. */
	if (attempt->headers_done)
		return length;
	xc_buf_add(&attempt->header, line, length);
	if (strspn(line, "\r\n") < length)
		return length;
	curl_easy_getinfo(attempt->easy, CURLINFO_RESPONSE_CODE, &attempt->status);
	if (attempt->status >= 100 && attempt->status < 200) {
		/* "100 Continue" and the like come before the answer. */
		attempt->status = 0;
		xc_buf_clear(&attempt->header);
	} else {
		attempt->headers_done = true;
		xc_socket_acknowledge(attempt->socket);
	}
	return length;
}

static size_t take_into(struct xc_attempt *attempt, const char *data, size_t length)
{
	size_t into_bytes = attempt->call->request->into_bytes;

	if (attempt->got_bytes == 0) {
		curl_off_t announced = -1;

		curl_easy_getinfo(attempt->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
		if (announced >= 0 && (uint64_t)announced != into_bytes) {
			attempt->got_bytes = (size_t)announced;
			return refuse(attempt, XC_FAULT_LENGTH);
		}
	}
	if (length > into_bytes - attempt->got_bytes) {
		attempt->got_bytes += length;
		return refuse(attempt, XC_FAULT_LENGTH);
	}
	memcpy(attempt->into + attempt->got_bytes, data, length);
	attempt->got_bytes += length;
	return length;
}

static size_t take_reply(struct xc_attempt *attempt, const char *data, size_t length)
{
	bool success = is_success(attempt);
	size_t most =
		success ? xc_http_reply_limit(attempt->call->request) : XC_HTTP_REPLY_BYTES_DEFAULT;
	size_t room = most - XC_MIN(attempt->reply.len_bytes, most);

	attempt->got_bytes += length;
	if (success && length > room)
		return refuse(attempt, XC_FAULT_REPLY);
	xc_buf_add(&attempt->reply, data, XC_MIN(length, room));
	if (!success && attempt->got_bytes > XC_HTTP_REPLY_BYTES_DRAINED)
		return refuse(attempt, XC_FAULT_CUT);
	return length;
}

static size_t take_body(char *data, size_t size, size_t length, void *context)
{
	struct xc_attempt *attempt = context;

	(void)size;
	attempt->http->received_bytes += length;
	if (attempt->into && is_success(attempt))
		return take_into(attempt, data, length);
	return take_reply(attempt, data, length);
}

static size_t give_body(char *buffer, size_t size, size_t count, void *context)
{
	struct xc_attempt *attempt = context;
	const struct xc_http_request *request = attempt->call->request;
	size_t length = XC_MIN(size * count, request->body_bytes - attempt->body_at);

	if (length > 0)
		memcpy(buffer, (const char *)request->body + attempt->body_at, length);
	attempt->body_at += length;
	return length;
}

static int rewind_body(void *context, curl_off_t offset, int origin)
{
	struct xc_attempt *attempt = context;

	if (origin != SEEK_SET || offset < 0 ||
	    (uint64_t)offset > attempt->call->request->body_bytes)
		return CURL_SEEKFUNC_FAIL;
	attempt->body_at = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct xc_http *http = context;

	(void)purpose;
	return xc_sockets_open(&http->sockets, address->family, address->socktype,
			       address->protocol);
}

static int close_socket(void *context, curl_socket_t fd)
{
	struct xc_http *http = context;

	xc_sockets_close(&http->sockets, fd);
	return 0;
}

static int note_socket(void *context, char *to, char *from, int to_port, int from_port)
{
	struct xc_attempt *attempt = context;

	(void)to;
	(void)from;
	(void)to_port;
	attempt->socket = xc_sockets_find(&attempt->http->sockets, (uint16_t)from_port);
	return CURL_PREREQFUNC_OK;
}

static void add_header(struct xc_attempt *attempt, const char *header)
{
	struct curl_slist *longer = curl_slist_append(attempt->headers, header);

	if (!longer)
		xc_out_of_memory();
	attempt->headers = longer;
}

static int set_headers(struct xc_attempt *attempt, struct xc_err *err)
{
	const struct xc_strlist *headers = &attempt->call->request->headers;

	for (size_t i = 0; i < headers->count; i++) {
		const char *header = headers->items[i], *value = strchr(header, ':');

		if (!value || strpbrk(header, "\r\n"))
			return xc_err_set(err, XC_ERR_USAGE,
					  "a header must be 'Name: value' on one line");
		if (value[1 + strspn(value + 1, " \t")] == '\0') {
			/*
			 * How curl is told to send a header without a
			 * value, not to leave it out.
			 */
			cleanup_free char *empty =
				xc_asprintf("%.*s;", (int)(value - header), header);

			add_header(attempt, empty);
		} else {
			add_header(attempt, header);
		}
	}
	/* curl asks for permission to send a larger body, which costs a round trip or a second. */
	add_header(attempt, "Expect:");
	return 0;
}

/* So that attempt after attempt `set` gathers whether all was taken. */
#define SET(option, value) (fine &= curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool set_method(CURL *easy, struct xc_attempt *attempt)
{
	const struct xc_http_request *request = attempt->call->request;
	bool sends = request->body || strcmp(request->method, "PUT") == 0 ||
		     strcmp(request->method, "POST") == 0;
	bool fine = true;

	if (strcmp(request->method, "HEAD") == 0)
		SET(CURLOPT_NOBODY, 1L);
	else if (sends)
		SET(CURLOPT_UPLOAD, 1L);
	SET(CURLOPT_CUSTOMREQUEST, request->method);
	if (!sends)
		return fine;
	SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)(request->body ? request->body_bytes : 0));
	SET(CURLOPT_READFUNCTION, give_body);
	SET(CURLOPT_READDATA, attempt);
	SET(CURLOPT_SEEKFUNCTION, rewind_body);
	SET(CURLOPT_SEEKDATA, attempt);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, SEND_BUFFER_BYTES);
	return fine;
}

static bool set_sockets(CURL *easy, struct xc_attempt *attempt)
{
	bool fine = true;

	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, attempt->http);
	SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	SET(CURLOPT_CLOSESOCKETDATA, attempt->http);
	SET(CURLOPT_PREREQFUNCTION, note_socket);
	SET(CURLOPT_PREREQDATA, attempt);
	return fine;
}

static bool set_transport(CURL *easy, const struct xc_attempt *attempt)
{
	const struct xc_http *http = attempt->http;
	bool fine = true;

	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)http->opts.connect_timeout_ms);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, 30L);
	SET(CURLOPT_TCP_KEEPINTVL, 10L);
	SET(CURLOPT_MAXAGE_CONN, IDLE_SECONDS_MAX);
	SET(CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_BYTES);
	/* curl itself repeats what failed on a used connection, also after bytes were sent. */
	SET(CURLOPT_FRESH_CONNECT,
	    attempt->fresh || attempt->call->request->once || attempt->call->request->fresh ? 1L
											    : 0L);
	SET(CURLOPT_PROXY, attempt->proxy ? attempt->proxy : "");
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	return fine;
}

static bool set_trust(CURL *easy, const struct xc_http *http)
{
	bool fine = true;

	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_CAINFO, http->trust.path);
	/* Only without a folder of certificates curl parses the bundle once for all connections. */
	SET(CURLOPT_CAPATH, NULL);
	/* Not in every build; what is missing then is TLS to the proxy itself. */
	curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, http->trust.path);
	curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	return fine;
}

static bool set_protocol(CURL *easy, struct xc_attempt *attempt)
{
	bool fine = true;

#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
	SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	SET(CURLOPT_URL, attempt->call->request->url);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_USERAGENT, "xcache/" XC_VERSION);
	SET(CURLOPT_HTTPHEADER, attempt->headers);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, attempt);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, attempt);
	SET(CURLOPT_ERRORBUFFER, attempt->curl_error);
	SET(CURLOPT_PRIVATE, attempt);
	return fine;
}

int xc_easy_prepare(struct xc_attempt *attempt, struct xc_err *err)
{
	CURL *easy = attempt->easy;
	bool fine;

	curl_easy_reset(easy);
	if (set_headers(attempt, err) < 0)
		return -1;
	fine = set_protocol(easy, attempt);
	fine &= set_sockets(easy, attempt);
	fine &= set_transport(easy, attempt);
	fine &= set_trust(easy, attempt->http);
	fine &= set_method(easy, attempt);
	return fine ? 0
		    : xc_err_set(err, XC_ERR_INTERNAL, "libcurl lacks features that xcache needs");
}

void xc_easy_release_lists(struct xc_attempt *attempt)
{
	/* Signatures and tokens are among them. */
	for (struct curl_slist *item = attempt->headers; item; item = item->next)
		explicit_bzero(item->data, strlen(item->data));
	curl_slist_free_all(attempt->headers);
	curl_slist_free_all(attempt->connect_to);
	attempt->headers = attempt->connect_to = NULL;
}
