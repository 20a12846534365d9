/* SPDX-License-Identifier: Apache-2.0 */
/* Names to addresses, against a name server of our own and with a clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ares.h>

#include "dns_server.h"
#include "base/clock.h"
#include "http/net/addresses.h"
#include "http/net/resolve.h"

static const struct dns_name names[] = {
	{ .name = "three.test", .addresses = "127.0.0.1 127.0.0.2 127.0.0.3" },
	{ .name = "twice.test", .addresses = "127.0.0.1 127.0.0.1 127.0.0.2" },
	{ .name = "one.test", .addresses = "127.0.0.9" },
	{ .name = "six.test", .addresses = "::1" },
	{ .name = "both.test", .addresses = "127.0.0.1 ::1" },
	{ .name = "far.test", .addresses = "127.0.0.1 255.255.255.255" },
	{ .name = "huge.test", .many = 200 },
	{ .name = "bare.test" },
	{ .name = "broken.test", .broken = true },
	{ .name = "silent.test", .silent = true },
	{ .name = NULL },
};

/* The same names at another time. */
static const struct dns_name moved[] = {
	{ .name = "three.test", .addresses = "127.0.0.2 127.0.0.4" },
	{ .name = "one.test", .addresses = "127.0.0.8" },
	{ .name = "late.test", .addresses = "127.0.0.7" },
	{ .name = NULL },
};

static struct dns_server server;
static struct xc_resolver *resolver;
static uint64_t clock_ms;

static const char *name_servers;

/* The linker sends the resolver's calls here (test_resolve.wrap). */
uint64_t __wrap_xc_clock_ms(void);
uint64_t __wrap_xc_clock_ms(void)
{
	return clock_ms;
}

int __real_ares_init_options(ares_channel *channel, struct ares_options *options, int mask);
int __wrap_ares_init_options(ares_channel *channel, struct ares_options *options, int mask);
int __wrap_ares_init_options(ares_channel *channel, struct ares_options *options, int mask)
{
	int status = __real_ares_init_options(channel, options, mask);

	return status == ARES_SUCCESS ? ares_set_servers_ports_csv(*channel, name_servers) : status;
}

static int setup(void **state)
{
	struct xc_err err;

	(void)state;
	clock_ms = 5000000;
	if (dns_start(&server, names) < 0)
		return -1;
	name_servers = server.servers;
	return xc_resolver_new(&resolver, &err);
}

static int teardown(void **state)
{
	(void)state;
	xc_resolver_free(resolver);
	dns_stop(&server);
	return 0;
}

/* Polls until an answer came; false if none did within 20 s. */
static bool wait_for_answer(void)
{
	time_t end = time(NULL) + 20;

	while (time(NULL) <= end) {
		struct pollfd fds[XC_RESOLVE_POLL_MAX];
		int timeout_ms = 10;
		unsigned count = xc_resolver_poll(resolver, fds, &timeout_ms);

		assert_true(count <= XC_RESOLVE_POLL_MAX && timeout_ms >= 0 && timeout_ms <= 10);
		poll(fds, count, timeout_ms);
		if (xc_resolver_process(resolver, fds, count))
			return true;
	}
	return false;
}

static enum xc_resolve_state next(const char *host, char address[XC_ADDRESS_TEXT_MAX],
				  struct xc_err *err)
{
	enum xc_resolve_state result = xc_resolver_next(resolver, host, address, err);

	while (result == XC_RESOLVE_PENDING) {
		assert_true(wait_for_answer());
		result = xc_resolver_next(resolver, host, address, err);
	}
	return result;
}

/* The next addresses of a host are those of `expected`, with spaces between. */
static void gives(const char *host, const char *expected)
{
	char words[512], *rest = words, *word;

	snprintf(words, sizeof(words), "%s", expected);
	while ((word = strtok_r(rest, " ", &rest))) {
		char address[XC_ADDRESS_TEXT_MAX] = "";
		struct xc_err err = { 0 };

		if (next(host, address, &err) != XC_RESOLVE_READY)
			fail_msg("%s: %s", host, err.msg);
		assert_string_equal(address, word);
	}
}

static void literals_are_their_own_answer(void **state)
{
	static const struct {
		const char *bug, *host, *address;
	} rows[] = {
		{ "an IPv4 address is looked up", "192.0.2.7", "192.0.2.7" },
		{ "an IPv6 address gets no brackets", "2001:db8::7", "[2001:db8::7]" },
		{ "an IPv6 address that ends as IPv4 is not known", "::ffff:192.0.2.7",
		  "[::ffff:192.0.2.7]" },
		{ "the zone of an address is lost", "fe80::1%eth0", "[fe80::1%eth0]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char address[XC_ADDRESS_TEXT_MAX] = "";
		struct xc_err err;

		print_message("%s?\n", rows[i].bug);
		assert_int_equal(xc_resolver_next(resolver, rows[i].host, address, &err),
				 XC_RESOLVE_READY);
		assert_string_equal(address, rows[i].address);
	}
	assert_int_equal(server.queries, 0);
}

/* Without /etc/hosts a store on this machine could not be reached by its name. */
static void localhost_needs_no_server(void **state)
{
	char address[XC_ADDRESS_TEXT_MAX] = "";
	struct xc_err err;

	(void)state;
	assert_int_equal(next("localhost", address, &err), XC_RESOLVE_READY);
	assert_true(strncmp(address, "127.", 4) == 0 || strcmp(address, "[::1]") == 0);
	assert_int_equal(server.queries, 0);
}

/* The first call must not wait for the network, or all transfers would stand still. */
static void a_lookup_does_not_block(void **state)
{
	char address[XC_ADDRESS_TEXT_MAX];
	struct pollfd fds[XC_RESOLVE_POLL_MAX];
	struct xc_err err;
	int timeout_ms = -1;

	(void)state;
	assert_int_equal(xc_resolver_poll(resolver, fds, &timeout_ms), 0);
	assert_int_equal(timeout_ms, -1);
	assert_int_equal(xc_resolver_next(resolver, "silent.test", address, &err),
			 XC_RESOLVE_PENDING);
	assert_true(xc_resolver_poll(resolver, fds, &timeout_ms) > 0);
	assert_in_range(timeout_ms, 0, 5000);
	timeout_ms = 0;
	xc_resolver_poll(resolver, fds, &timeout_ms);
	assert_int_equal(timeout_ms, 0);
	/* Another name is answered meanwhile. */
	assert_int_equal(xc_resolver_next(resolver, "one.test", address, &err), XC_RESOLVE_PENDING);
	assert_true(wait_for_answer());
	assert_int_equal(xc_resolver_next(resolver, "one.test", address, &err), XC_RESOLVE_READY);
	assert_int_equal(xc_resolver_next(resolver, "silent.test", address, &err),
			 XC_RESOLVE_PENDING);
}

static void spreads_in_turn(void **state)
{
	static const struct {
		const char *bug, *host, *addresses;
	} rows[] = {
		{ "all connections go to one address", "three.test",
		  "127.0.0.1 127.0.0.2 127.0.0.3 127.0.0.1 127.0.0.2" },
		{ "an address that is named twice gets twice as much", "twice.test",
		  "127.0.0.1 127.0.0.2 127.0.0.1 127.0.0.2" },
		{ "a host is another one in capitals", "THREE.test", "127.0.0.3" },
		{ "a host with one address has none the second time", "one.test",
		  "127.0.0.9 127.0.0.9" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("%s?\n", rows[i].bug);
		gives(rows[i].host, rows[i].addresses);
	}
	assert_int_equal(server.queries, 3);
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 target = { .sin6_family = AF_INET6, .sin6_port = htons(443) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool there = false;

	target.sin6_addr = in6addr_loopback;
	if (fd >= 0) {
		there = connect(fd, (struct sockaddr *)&target, sizeof(target)) == 0;
		close(fd);
	}
	return there;
}

/* Each address of both kinds gets its turn, those of IPv6 in brackets. */
static void uses_both_families(void **state)
{
	char first[XC_ADDRESS_TEXT_MAX], second[XC_ADDRESS_TEXT_MAX];
	struct xc_err err;

	(void)state;
	/* The only one is given even where it cannot be reached: connecting says why. */
	gives("six.test", "[::1] [::1]");
	if (!has_ipv6())
		skip();
	assert_int_equal(next("both.test", first, &err), XC_RESOLVE_READY);
	assert_int_equal(next("both.test", second, &err), XC_RESOLVE_READY);
	if (strcmp(first, "[::1]") == 0)
		assert_string_equal(second, "127.0.0.1");
	else
		assert_string_equal(second, "[::1]");
}

/*
 * A machine without IPv6 would lose every other attempt. The broadcast address
 * stands for it: no socket connects to that one anywhere.
 */
static void leaves_out_what_has_no_route(void **state)
{
	(void)state;
	gives("far.test", "127.0.0.1 127.0.0.1 127.0.0.1");
}

static void failures_name_the_host(void **state)
{
	static const char long_label[] =
		"0123456789012345678901234567890123456789012345678901234567890123456789.test";
	char long_name[400];
	const struct {
		const char *bug, *host, *named;
	} rows[] = {
		{ "a name that does not exist waits for ever", "none.test", "'none.test'" },
		{ "a name without addresses is ready", "bare.test", "'bare.test'" },
		{ "a server's failure waits for ever", "broken.test", "'broken.test'" },
		{ "no name is asked for", "", "''" },
		{ "a label that is too long ends the program", long_label, "'0123456789" },
		{ "a name that is too long ends the program", long_name, "'aaaaaaaa" },
		{ "a terminal's codes in a name reach the log", "no\033ne.test", "\\x1b" },
		{ "an address in brackets is taken for a name", "[::1]", "'[::1]'" },
	};

	(void)state;
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char address[XC_ADDRESS_TEXT_MAX] = "untouched";
		struct xc_err err = { 0 };

		print_message("%s?\n", rows[i].bug);
		assert_int_equal(next(rows[i].host, address, &err), XC_RESOLVE_FAILED);
		assert_int_equal(err.kind, XC_ERR_TRANSIENT);
		if (!strstr(err.msg, rows[i].named))
			fail_msg("'%s' does not name the host", err.msg);
		assert_string_equal(address, "untouched");
	}
}

/* A failure that is not kept is a storm of questions; one that is kept for long never heals. */
static void a_failure_is_kept_for_a_second(void **state)
{
	char address[XC_ADDRESS_TEXT_MAX];
	struct xc_err err;
	unsigned queries;

	(void)state;
	assert_int_equal(next("late.test", address, &err), XC_RESOLVE_FAILED);
	server.table = moved;
	queries = server.queries;
	clock_ms += 999;
	assert_int_equal(xc_resolver_next(resolver, "late.test", address, &err), XC_RESOLVE_FAILED);
	assert_int_equal(server.queries, queries);
	clock_ms += 1;
	gives("late.test", "127.0.0.7");
}

static void an_answer_is_kept_for_30_seconds(void **state)
{
	(void)state;
	gives("one.test", "127.0.0.9");
	server.table = moved;
	clock_ms += 29999;
	gives("one.test", "127.0.0.9");
	assert_int_equal(server.queries, 1);
	clock_ms += 1;
	/* The old one serves until the new one is there: nothing waits. */
	gives("one.test", "127.0.0.9");
	assert_true(wait_for_answer());
	gives("one.test", "127.0.0.8");
	assert_int_equal(server.queries, 2);
}

/* DNS that fails in the middle of a restore must not end it. */
static void an_old_answer_outlives_a_failure(void **state)
{
	static const struct dns_name nothing[] = { { .name = NULL } };

	(void)state;
	gives("three.test", "127.0.0.1");
	server.table = nothing;
	clock_ms += 30000;
	gives("three.test", "127.0.0.2");
	assert_true(wait_for_answer());
	gives("three.test", "127.0.0.3 127.0.0.1");
	/* And it heals. */
	server.table = moved;
	clock_ms += 1000;
	gives("three.test", "127.0.0.2");
	assert_true(wait_for_answer());
	gives("three.test", "127.0.0.2 127.0.0.4 127.0.0.2");
}

static void sets_aside_what_failed(void **state)
{
	(void)state;
	gives("three.test", "127.0.0.1 127.0.0.2");
	xc_resolver_failed(resolver, "three.test", "127.0.0.2");
	gives("three.test", "127.0.0.3 127.0.0.1 127.0.0.3 127.0.0.1");
	/* An answer that still holds the bad one must not bring it back before its time. */
	clock_ms += 15000;
	gives("three.test", "127.0.0.3");
	assert_true(wait_for_answer());
	gives("three.test", "127.0.0.1 127.0.0.3 127.0.0.1");
	clock_ms += 14999;
	gives("three.test", "127.0.0.3 127.0.0.1");
	clock_ms += 1;
	gives("three.test", "127.0.0.2 127.0.0.3 127.0.0.1 127.0.0.2");
}

/* With all of them set aside there is still a next one: the one that had the longest rest. */
static void never_runs_out_of_addresses(void **state)
{
	(void)state;
	gives("three.test", "127.0.0.1");
	xc_resolver_failed(resolver, "three.test", "127.0.0.3");
	clock_ms += 10;
	xc_resolver_failed(resolver, "three.test", "127.0.0.1");
	clock_ms += 10;
	xc_resolver_failed(resolver, "three.test", "127.0.0.2");
	gives("three.test", "127.0.0.3");
	clock_ms += 10;
	xc_resolver_failed(resolver, "three.test", "127.0.0.3");
	gives("three.test", "127.0.0.1");
	gives("one.test", "127.0.0.9");
	xc_resolver_failed(resolver, "one.test", "127.0.0.9");
	gives("one.test", "127.0.0.9");
}

/* A host that moved is found soon after its old address fails, not half a minute later. */
static void a_failure_asks_anew(void **state)
{
	(void)state;
	gives("one.test", "127.0.0.9");
	server.table = moved;
	xc_resolver_failed(resolver, "one.test", "127.0.0.9");
	gives("one.test", "127.0.0.9");
	assert_int_equal(server.queries, 1);
	clock_ms += 1000;
	gives("one.test", "127.0.0.9");
	assert_true(wait_for_answer());
	gives("one.test", "127.0.0.8");
}

static void failures_of_strangers_do_nothing(void **state)
{
	(void)state;
	xc_resolver_failed(resolver, "three.test", "127.0.0.1");
	gives("three.test", "127.0.0.1");
	xc_resolver_failed(resolver, "three.test", "192.0.2.1");
	xc_resolver_failed(resolver, "192.0.2.1", "192.0.2.1");
	gives("three.test", "127.0.0.2 127.0.0.3 127.0.0.1");
}

/* What a hostile name server sends must not grow memory. */
static void a_long_answer_is_cut(void **state)
{
	char first[XC_ADDRESS_TEXT_MAX], address[XC_ADDRESS_TEXT_MAX];
	unsigned distinct = 1;
	struct xc_err err;

	(void)state;
	assert_int_equal(next("huge.test", first, &err), XC_RESOLVE_READY);
	for (;; distinct++) {
		assert_int_equal(next("huge.test", address, &err), XC_RESOLVE_READY);
		if (strcmp(address, first) == 0)
			break;
		assert_true(distinct < 1000);
	}
	assert_int_equal(distinct, XC_RESOLVE_ADDRESSES_MAX);
}

/* More names than there is room for: those asked for last stay, and none that is pending goes. */
static void many_hosts_take_turns(void **state)
{
	char address[XC_ADDRESS_TEXT_MAX];
	unsigned queries;
	struct xc_err err;

	(void)state;
	gives("one.test", "127.0.0.9");
	for (unsigned i = 0; i < 3 * XC_RESOLVE_HOSTS_MAX; i++) {
		char name[32];

		clock_ms++;
		snprintf(name, sizeof(name), "none%u.test", i);
		assert_int_equal(next(name, address, &err), XC_RESOLVE_FAILED);
		clock_ms++;
		gives("one.test", "127.0.0.9");
	}
	queries = server.queries;
	gives("one.test", "127.0.0.9");
	assert_int_equal(server.queries, queries);
}

static void too_many_pending_hosts_fail(void **state)
{
	static struct dns_name silent[XC_RESOLVE_HOSTS_MAX + 1];
	static char texts[XC_RESOLVE_HOSTS_MAX][32];
	char address[XC_ADDRESS_TEXT_MAX];
	struct xc_err err = { 0 };

	(void)state;
	for (unsigned i = 0; i < XC_RESOLVE_HOSTS_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "silent%u.test", i);
		silent[i] = (struct dns_name){ .name = texts[i], .silent = true };
	}
	server.table = silent;
	for (unsigned i = 0; i < XC_RESOLVE_HOSTS_MAX; i++)
		assert_int_equal(xc_resolver_next(resolver, texts[i], address, &err),
				 XC_RESOLVE_PENDING);
	assert_int_equal(xc_resolver_next(resolver, "one.test", address, &err), XC_RESOLVE_FAILED);
	assert_int_equal(err.kind, XC_ERR_TRANSIENT);
	assert_non_null(strstr(err.msg, "'one.test'"));
	/* Freed by teardown with all of them pending. */
}

/* A machine whose name server is down must say so, and not wait for ever. */
static void a_server_that_is_gone_is_a_failure(void **state)
{
	char address[XC_ADDRESS_TEXT_MAX];
	struct xc_err err = { 0 };

	(void)state;
	xc_resolver_free(resolver);
	name_servers = "127.0.0.1:1";
	assert_int_equal(xc_resolver_new(&resolver, &err), 0);
	assert_int_equal(next("one.test", address, &err), XC_RESOLVE_FAILED);
	assert_int_equal(err.kind, XC_ERR_TRANSIENT);
	assert_non_null(strstr(err.msg, "'one.test'"));
}

/* A question that got lost is asked again, and that does not take long: 2 s. */
static void a_lost_packet_is_sent_again(void **state)
{
	time_t start = time(NULL);

	(void)state;
	server.lose = 2;
	gives("one.test", "127.0.0.9");
	assert_int_equal(server.lose, 0);
	assert_true(time(NULL) - start < 10);
}

int main(void)
{
#define RESOLVE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		RESOLVE_TEST(literals_are_their_own_answer),
		RESOLVE_TEST(localhost_needs_no_server),
		RESOLVE_TEST(a_lookup_does_not_block),
		RESOLVE_TEST(spreads_in_turn),
		RESOLVE_TEST(uses_both_families),
		RESOLVE_TEST(leaves_out_what_has_no_route),
		RESOLVE_TEST(failures_name_the_host),
		RESOLVE_TEST(a_failure_is_kept_for_a_second),
		RESOLVE_TEST(an_answer_is_kept_for_30_seconds),
		RESOLVE_TEST(an_old_answer_outlives_a_failure),
		RESOLVE_TEST(sets_aside_what_failed),
		RESOLVE_TEST(never_runs_out_of_addresses),
		RESOLVE_TEST(a_failure_asks_anew),
		RESOLVE_TEST(failures_of_strangers_do_nothing),
		RESOLVE_TEST(a_long_answer_is_cut),
		RESOLVE_TEST(many_hosts_take_turns),
		RESOLVE_TEST(too_many_pending_hosts_fail),
		RESOLVE_TEST(a_server_that_is_gone_is_a_failure),
		RESOLVE_TEST(a_lost_packet_is_sent_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
