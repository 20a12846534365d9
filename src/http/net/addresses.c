/* SPDX-License-Identifier: Apache-2.0 */
#include "http/net/addresses.h"

#include <ares.h>
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

/*
 * Whether the machine has a route to it at all: connecting a datagram socket
 * sends nothing. Without this a machine that has no IPv6 would lose an attempt
 * to each such address of an answer.
 */
static bool has_route(const struct sockaddr *address)
{
	struct sockaddr_storage target = { 0 };
	socklen_t length;
	cleanup_fd int fd = -1;

	if (address->sa_family == AF_INET) {
		length = sizeof(struct sockaddr_in);
		memcpy(&target, address, length);
		((struct sockaddr_in *)&target)->sin_port = htons(443);
	} else {
		length = sizeof(struct sockaddr_in6);
		memcpy(&target, address, length);
		((struct sockaddr_in6 *)&target)->sin6_port = htons(443);
	}
	fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && connect(fd, (struct sockaddr *)&target, length) == 0;
}

static bool write_address(const struct sockaddr *address, char text[XC_ADDRESS_TEXT_MAX])
{
	char plain[INET6_ADDRSTRLEN];
	const void *bytes;

	if (address->sa_family == AF_INET)
		bytes = &((const struct sockaddr_in *)address)->sin_addr;
	else if (address->sa_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)address)->sin6_addr;
	else
		return false;
	if (!inet_ntop(address->sa_family, bytes, plain, sizeof(plain)))
		return false;
	snprintf(text, XC_ADDRESS_TEXT_MAX, address->sa_family == AF_INET6 ? "[%s]" : "%s", plain);
	return true;
}

static struct xc_address *find(struct xc_addresses *addresses, const char *text)
{
	for (unsigned i = 0; i < addresses->count; i++) {
		if (strcmp(addresses->all[i].text, text) == 0)
			return &addresses->all[i];
	}
	return NULL;
}

static void list(struct xc_addresses *out, struct xc_addresses *known,
		 const struct ares_addrinfo *answer, bool with_route)
{
	for (const struct ares_addrinfo_node *node = answer->nodes;
	     node && out->count < XC_RESOLVE_ADDRESSES_MAX; node = node->ai_next) {
		struct xc_address address = { 0 };
		const struct xc_address *before;

		if (!node->ai_addr || !write_address(node->ai_addr, address.text) ||
		    find(out, address.text) || (with_route && !has_route(node->ai_addr)))
			continue;
		before = find(known, address.text);
		if (before)
			address.aside_until_ms = before->aside_until_ms;
		out->all[out->count++] = address;
	}
}

bool xc_addresses_replace(struct xc_addresses *addresses, const struct ares_addrinfo *answer)
{
	struct xc_addresses fresh = { 0 };

	list(&fresh, addresses, answer, true);
	/* With none that can be reached the connection will say what is wrong. */
	if (fresh.count == 0)
		list(&fresh, addresses, answer, false);
	if (fresh.count == 0)
		return false;
	*addresses = fresh;
	return true;
}

void xc_addresses_next(struct xc_addresses *addresses, uint64_t now_ms,
		       char ret_address[XC_ADDRESS_TEXT_MAX])
{
	const struct xc_address *best = NULL;

	for (unsigned i = 0; i < addresses->count; i++) {
		unsigned index = (addresses->turn + i) % addresses->count;
		const struct xc_address *address = &addresses->all[index];

		if (address->aside_until_ms <= now_ms) {
			addresses->turn = index + 1;
			best = address;
			break;
		}
		if (!best || address->aside_until_ms < best->aside_until_ms)
			best = address;
	}
	snprintf(ret_address, XC_ADDRESS_TEXT_MAX, "%s", best ? best->text : "");
}

bool xc_addresses_set_aside(struct xc_addresses *addresses, const char *text, uint64_t until_ms)
{
	struct xc_address *address = find(addresses, text);

	if (address && addresses->count > 1)
		address->aside_until_ms = until_ms;
	return address != NULL;
}

bool xc_addresses_literal(const char *host, char ret_address[XC_ADDRESS_TEXT_MAX])
{
	char plain[INET6_ADDRSTRLEN];
	unsigned char bytes[sizeof(struct in6_addr)];
	size_t length = strcspn(host, "%");

	if (length >= sizeof(plain) || strlen(host) + 3 > XC_ADDRESS_TEXT_MAX)
		return false;
	memcpy(plain, host, length);
	plain[length] = '\0';
	if (inet_pton(AF_INET6, plain, bytes) == 1)
		snprintf(ret_address, XC_ADDRESS_TEXT_MAX, "[%s]", host);
	else if (inet_pton(AF_INET, host, bytes) == 1)
		snprintf(ret_address, XC_ADDRESS_TEXT_MAX, "%s", host);
	else
		return false;
	return true;
}
