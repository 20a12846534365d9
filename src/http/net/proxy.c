/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "http/net/proxy.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

static char *read_variable(const char *const *names)
{
	for (; *names; names++) {
		const char *value = xc_env(*names);

		if (value)
			return xc_strdup(value);
	}
	return NULL;
}

void xc_proxies_read(struct xc_proxies *ret_proxies)
{
	/* HTTP_PROXY is what a web server makes of a client's "Proxy:" header for CGI programs. */
	static const char *const http[] = { "http_proxy", "all_proxy", "ALL_PROXY", NULL };
	static const char *const https[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
					     NULL };
	static const char *const none[] = { "no_proxy", "NO_PROXY", NULL };

	ret_proxies->http = read_variable(http);
	ret_proxies->https = read_variable(https);
	ret_proxies->none = read_variable(none);
}

void xc_proxies_release(struct xc_proxies *proxies)
{
	free(proxies->http);
	free(proxies->https);
	free(proxies->none);
	*proxies = (struct xc_proxies){ 0 };
}

static void report_password(const char *proxy, unsigned flags,
			    void (*secret)(void *context, const char *value), void *context)
{
	CURLU *url = curl_url();
	char *password = NULL;

	if (!url)
		xc_out_of_memory();
	if (curl_url_set(url, CURLUPART_URL, proxy,
			 CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_PASSWORD, &password, flags) == CURLUE_OK && *password)
		secret(context, password);
	curl_free(password);
	curl_url_cleanup(url);
}

void xc_proxies_report(const struct xc_proxies *proxies,
		       void (*secret)(void *context, const char *value), void *context)
{
	const char *const urls[] = { proxies->http, proxies->https };

	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		if (!urls[i])
			continue;
		report_password(urls[i], 0, secret, context);
		report_password(urls[i], CURLU_URLDECODE, secret, context);
	}
}

static bool same_bits(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* `entry` is an address, with or without "/bits". */
static bool matches_block(const char *entry, const char *host)
{
	unsigned char block[16], address[16];
	char text[INET6_ADDRSTRLEN + 4];
	char *slash, *end;
	int family = strchr(host, ':') ? AF_INET6 : AF_INET;
	unsigned long most = family == AF_INET6 ? 128 : 32, bits = most;
	size_t length = strlen(entry);

	if (inet_pton(family, host, address) != 1)
		return false;
	if (entry[0] == '[' && entry[length - 1] == ']') {
		entry++;
		length -= 2;
	}
	if (length >= sizeof(text))
		return false;
	memcpy(text, entry, length);
	text[length] = '\0';
	slash = strchr(text, '/');
	if (slash) {
		*slash = '\0';
		bits = strtoul(slash + 1, &end, 10);
		if (end == slash + 1 || *end != '\0' || bits > most)
			return false;
	}
	return inet_pton(family, text, block) == 1 && same_bits(block, address, (unsigned)bits);
}

/* A trailing dot makes a name absolute and changes nothing else. */
static size_t name_length(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && name[length - 1] == '.' ? length - 1 : length;
}

static bool matches_name(const char *entry, const char *host)
{
	size_t entry_length, host_length = name_length(host);

	if (*entry == '.')
		entry++;
	entry_length = name_length(entry);
	if (entry_length == 0 || entry_length > host_length ||
	    strncasecmp(host + host_length - entry_length, entry, entry_length) != 0)
		return false;
	return entry_length == host_length || host[host_length - entry_length - 1] == '.';
}

static bool is_address(const char *host)
{
	unsigned char address[16];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

bool xc_proxy_excluded(const char *list, const char *host)
{
	bool literal = is_address(host);

	for (;;) {
		cleanup_free char *entry = NULL;
		size_t length;

		list += strspn(list, ", \t");
		if (*list == '\0')
			return false;
		length = strcspn(list, ", \t");
		entry = xc_strndup(list, length);
		list += length;
		if (strcmp(entry, "*") == 0 ||
		    (literal ? matches_block(entry, host) : matches_name(entry, host)))
			return true;
	}
}

const char *xc_proxies_choose(const struct xc_proxies *proxies, bool https, const char *host)
{
	const char *proxy = https ? proxies->https : proxies->http;

	if (!proxy || (proxies->none && xc_proxy_excluded(proxies->none, host)))
		return NULL;
	return proxy;
}

bool xc_proxy_is_known(const char *proxy)
{
	static const char *const schemes[] = { "http",    "https",  "socks",  "socks4",
					       "socks4a", "socks5", "socks5h" };
	const char *end = strstr(proxy, "://");

	for (size_t i = 0; end && i < ARRAY_LEN(schemes); i++) {
		if (strlen(schemes[i]) == (size_t)(end - proxy) &&
		    strncasecmp(proxy, schemes[i], strlen(schemes[i])) == 0)
			return true;
	}
	return !end;
}
