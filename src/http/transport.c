/* SPDX-License-Identifier: Apache-2.0 */
/* What it means when no whole answer came: no name, no connection, no trust, an early end. */
#include <string.h>

#include "http/internal.h"

/* DNS: more than a few tries ask the same servers the same. */
#define RESOLVE_ATTEMPTS_MOST 4
/* The resolver keeps a failure for so long. */
#define RESOLVE_WAIT_MS 1000

#define NAME_MISMATCH 62

/*
 * The numbers are those of X509_V_ERR_* (OpenSSL, x509_vfy.h),
 * which are the same in all versions.
 */
static const char *trust_reason(long verify_result)
{
	switch (verify_result) {
	case NAME_MISMATCH:
	case 64:
		return "its certificate is for another name";
	case 9:
		return "its certificate is not valid yet; is the clock of this machine right?";
	case 10:
		return "its certificate has expired; is the clock of this machine right?";
	case 18:
	case 19:
	case 20:
	case 21:
		return "its certificate is signed by an unknown authority; set XCACHE_CA_BUNDLE to "
		       "a file with that authority's certificate";
	default:
		return NULL;
	}
}

static void describe_trust(const struct xc_attempt *attempt, struct xc_err *err)
{
	const struct xc_target *target = &attempt->target;
	long verify_result = 0;
	const char *reason, *note;

	curl_easy_getinfo(attempt->easy, CURLINFO_SSL_VERIFYRESULT, &verify_result);
	/* curl compares the names itself, where the chain is fine. */
	if (strstr(attempt->curl_error, "subject name"))
		verify_result = NAME_MISMATCH;
	reason = trust_reason(verify_result);
	note = attempt->http->trust.note;
	xc_err_set(err, XC_ERR_IO, "%s:%s: certificate verification failed: %s%s%.200s",
		   target->host, target->port, reason ? reason : XC_QUOTE(attempt->curl_error),
		   note ? "; " : "", note ? note : "");
}

/* curl's own words, but for those that repeat the proxy with its password. */
static const char *reason_of(const struct xc_attempt *attempt, CURLcode code)
{
	if (attempt->curl_error[0] == '\0' ||
	    (attempt->proxy && strstr(attempt->curl_error, attempt->proxy)))
		return curl_easy_strerror(code);
	return attempt->curl_error;
}

static void describe_connect(const struct xc_attempt *attempt, CURLcode code, struct xc_err *err)
{
	const struct xc_target *target = &attempt->target;
	char reason[128], proxy[200];
	long errno_value = 0;

	/* After a timeout it still says that the connection is under way. */
	if (code == CURLE_COULDNT_CONNECT)
		curl_easy_getinfo(attempt->easy, CURLINFO_OS_ERRNO, &errno_value);
	if (attempt->proxy)
		xc_err_set(err, XC_ERR_TRANSIENT, "cannot connect to the proxy %s: %s",
			   xc_url_public(attempt->proxy, proxy, sizeof(proxy)),
			   XC_QUOTE(reason_of(attempt, code)));
	else
		xc_err_set(err, XC_ERR_TRANSIENT, "cannot connect to %s:%s: %s", target->host,
			   target->port,
			   errno_value ? strerror_r((int)errno_value, reason, sizeof(reason))
				       : XC_QUOTE(reason_of(attempt, code)));
	err->sys = (int)errno_value;
}

/* OpenSSL's words for an answer that does not begin as one of TLS must. */
static bool speaks_no_tls(const struct xc_attempt *attempt, CURLcode code)
{
	static const char *const words[] = { "wrong version number", "packet length too long",
					     "http request" };

	/* It may as well have been the proxy's own TLS. */
	if (code != CURLE_SSL_CONNECT_ERROR || !attempt->target.https || attempt->proxy)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strstr(attempt->curl_error, words[i]))
			return true;
	}
	return false;
}

static void describe_no_tls(const struct xc_attempt *attempt, struct xc_err *err)
{
	xc_err_set(err, XC_ERR_IO,
		   "%s:%s does not speak https; if plain http is meant, write http:// in the "
		   "endpoint",
		   attempt->target.host, attempt->target.port);
}

static void describe_other(const struct xc_attempt *attempt, CURLcode code, struct xc_err *err)
{
	const struct xc_http_request *request = attempt->call->request;
	char url[300], proxy[200];

	xc_err_set(err, XC_ERR_TRANSIENT, "%s %s: %s%s%s", request->method,
		   xc_url_public(request->url, url, sizeof(url)),
		   XC_QUOTE(reason_of(attempt, code)), attempt->proxy ? ", through the proxy " : "",
		   attempt->proxy ? xc_url_public(attempt->proxy, proxy, sizeof(proxy)) : "");
}

/* What a proxy said to CONNECT; 0: it was not asked, or agreed. */
static long proxy_refusal(const struct xc_attempt *attempt)
{
	long status = 0;

	curl_easy_getinfo(attempt->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	return status >= 200 && status < 300 ? 0 : status;
}

static bool is_connected(const struct xc_attempt *attempt)
{
	curl_off_t pretransfer_us = 0;

	curl_easy_getinfo(attempt->easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us);
	return pretransfer_us > 0;
}

static void judge_connect(struct xc_attempt *attempt, CURLcode code, struct xc_outcome *outcome)
{
	describe_connect(attempt, code, &outcome->err);
	if (attempt->address[0] != '\0')
		xc_resolver_failed(attempt->http->resolver, attempt->target.host, attempt->address);
	attempt->address[0] = '\0';
}

static void fail(struct xc_outcome *outcome)
{
	outcome->verdict = XC_HTTP_FAIL;
}

static void judge_resolve(const struct xc_attempt *attempt, struct xc_outcome *outcome)
{
	if (attempt->fault == XC_FAULT_RESOLVER)
		outcome->err = attempt->resolver_err;
	else
		xc_err_set(&outcome->err, XC_ERR_TRANSIENT, "the name %s cannot be resolved",
			   attempt->target.host);
	outcome->attempts_most = RESOLVE_ATTEMPTS_MOST;
	outcome->wait_least_ms =
		XC_MIN((uint64_t)RESOLVE_WAIT_MS, (uint64_t)attempt->http->opts.backoff_ms * 10);
}

void xc_judge_transport(struct xc_attempt *attempt, CURLcode code, struct xc_outcome *outcome)
{
	char proxy[200];
	long refusal;

	if (speaks_no_tls(attempt, code)) {
		describe_no_tls(attempt, &outcome->err);
		fail(outcome);
		return;
	}
	switch (code) {
	case CURLE_URL_MALFORMAT:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
		describe_other(attempt, code, &outcome->err);
		outcome->err.kind = XC_ERR_IO;
		fail(outcome);
		return;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		describe_trust(attempt, &outcome->err);
		fail(outcome);
		return;
	case CURLE_COULDNT_RESOLVE_HOST:
		judge_resolve(attempt, outcome);
		return;
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SSL_CONNECT_ERROR:
		if (!is_connected(attempt)) {
			judge_connect(attempt, code, outcome);
			break;
		}
		/* fall through */
	default:
		describe_other(attempt, code, &outcome->err);
	}
	refusal = proxy_refusal(attempt);
	if (refusal == 0 || !attempt->proxy)
		return;
	xc_err_set(&outcome->err, refusal >= 500 ? XC_ERR_TRANSIENT : XC_ERR_IO,
		   "the proxy %s refuses a connection to %s:%s: it answered %ld %s%s",
		   xc_url_public(attempt->proxy, proxy, sizeof(proxy)), attempt->target.host,
		   attempt->target.port, refusal, xc_http_status_text((int)refusal),
		   refusal == 407 ? "; write it as http://USER:PASSWORD@HOST:PORT" : "");
	outcome->err.http = (int)refusal;
	if (refusal < 500)
		fail(outcome);
}
