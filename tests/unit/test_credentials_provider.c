/* SPDX-License-Identifier: Apache-2.0 */
/* The provider: when it asks again, who waits, what is wiped. A program counts its runs. */
#include <sys/prctl.h>

#include "cred_scene.h"

#include <pthread.h>

#include "aws/credentials/internal.h"

#define THREADS 8

/*
 * Keys from a program that adds a line to "runs" each time; `lifetime_s` 0
 * stands for ever. With "broken" there it fails. `before` is run first.
 */
static void write_program(const char *before, long lifetime_s)
{
	char until[32], text[1000];

	snprintf(text, sizeof(text),
		 "#!/bin/sh\n%s\necho x >> %s/runs\n[ -e %s/broken ] && exit 3\n"
		 "echo "
		 "'{\"Version\":1,\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"sEcReT\"%s%s%s}'\n",
		 before, scratch_path, scratch_path, lifetime_s ? ",\"Expiration\":\"" : "",
		 lifetime_s ? cred_time(until, lifetime_s) : "", lifetime_s ? "\"" : "");
	cred_write("program", text);
	assert_int_equal(chmod("program", 0700), 0);
	cred_environment("");
	cred_write(".aws/config", "[default]\ncredential_process = %H/program\n");
	cred_write(".aws/credentials", NULL);
	unlink("runs");
	unlink("broken");
}

static unsigned runs(void)
{
	struct stat stat_buf;

	return stat("runs", &stat_buf) < 0 ? 0 : (unsigned)stat_buf.st_size / 2;
}

static struct xc_credentials_provider *new_provider(void)
{
	static const struct xc_credentials_opts opts = { 0 };
	struct xc_credentials_provider *provider;
	struct xc_err err = { 0 };

	assert_int_equal(xc_credentials_provider_new(&opts, &provider, &err), 0);
	return provider;
}

static const struct xc_credentials *must_get(struct xc_credentials_provider *provider)
{
	const struct xc_credentials *got;
	struct xc_err err = { 0 };

	if (xc_credentials_get(provider, &got, &err) < 0)
		fail_msg("%s", err.msg);
	return got;
}

static void asked_again_by_lifetime(void **state)
{
	static const struct {
		long lifetime_s;
		unsigned runs;
		const char *bug;
	} rows[] = {
		{ 0, 1, "keys that never end are asked for again" },
		{ 3600, 1, "keys are asked for with each use" },
		{ 400, 1,
		  "keys that live shorter than 5 minutes twice over are asked for each time" },
		{ 60, 1, "keys that live for a minute are asked for each time" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_credentials_provider *provider;

		print_message("%s\n", rows[i].bug);
		write_program("", rows[i].lifetime_s);
		provider = new_provider();
		for (int k = 0; k < 3; k++)
			xc_credentials_release(must_get(provider));
		assert_int_equal(runs(), rows[i].runs);
		xc_credentials_provider_free(provider);
	}
}

static void asked_again_before_the_end(void **state)
{
	struct xc_credentials_provider *provider;
	const struct xc_credentials *first, *second;

	(void)state;
	/* 4 s: due again from 2 s on. */
	write_program("", 4);
	provider = new_provider();
	first = must_get(provider);
	write_program("", 3600);
	poll(NULL, 0, 2500);
	second = must_get(provider);
	assert_ptr_not_equal(first, second);
	assert_int_equal(runs(), 1);
	/* What is still held is not wiped under its user. */
	assert_string_equal(first->keys.secret_access_key, "sEcReT");
	xc_credentials_release(first);
	xc_credentials_release(second);
	xc_credentials_provider_free(provider);
}

static void a_failed_refresh_keeps_what_is_valid(void **state)
{
	struct xc_credentials_provider *provider;
	const struct xc_credentials *got;
	struct xc_err err = { 0 };

	(void)state;
	write_program("", 6);
	provider = new_provider();
	xc_credentials_release(must_get(provider));
	cred_write("broken", "");
	poll(NULL, 0, 3200);
	/* The second goes by without another try, so that a failing source is not hammered. */
	xc_credentials_release(must_get(provider));
	xc_credentials_release(must_get(provider));
	assert_int_equal(runs(), 2);
	poll(NULL, 0, 3200);
	assert_int_equal(xc_credentials_get(provider, &got, &err), -1);
	assert_int_equal(err.kind, XC_ERR_AUTH);
	assert_non_null(strstr(err.msg, "exit code 3"));
	unlink("broken");
	write_program("", 3600);
	xc_credentials_release(must_get(provider));
	xc_credentials_provider_free(provider);
}

static void rejected_keys_are_replaced_once(void **state)
{
	struct xc_credentials_provider *provider;
	const struct xc_credentials *first, *second;
	struct xc_err err = { 0 };

	(void)state;
	write_program("", 3600);
	provider = new_provider();
	assert_null(xc_credentials_peek(provider));
	first = must_get(provider);
	xc_credentials_reject(provider, first);
	second = must_get(provider);
	assert_ptr_not_equal(first, second);
	assert_int_equal(runs(), 2);
	/* A request that was in flight with the old ones comes back late. */
	xc_credentials_reject(provider, first);
	xc_credentials_release(first);
	first = must_get(provider);
	assert_ptr_equal(first, second);
	xc_credentials_release(first);
	first = xc_credentials_peek(provider);
	assert_ptr_equal(first, second);
	/* Rejected, and no others to be had: not the rejected ones. */
	cred_write("broken", "");
	xc_credentials_reject(provider, second);
	xc_credentials_release(first);
	assert_int_equal(xc_credentials_get(provider, &first, &err), -1);
	xc_credentials_release(second);
	xc_credentials_provider_free(provider);
}

static void the_chain_stays_with_its_source(void **state)
{
	struct xc_credentials_provider *provider;
	const struct xc_credentials *got;
	struct xc_err err = { 0 };

	(void)state;
	write_program("", 3600);
	provider = new_provider();
	got = must_get(provider);
	/* The profile vanishes; these would be another identity. */
	cred_write(".aws/config", NULL);
	setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "sEcReT", 1);
	xc_credentials_reject(provider, got);
	xc_credentials_release(got);
	assert_int_equal(xc_credentials_get(provider, &got, &err), -1);
	assert_int_equal(err.kind, XC_ERR_AUTH);
	xc_credentials_provider_free(provider);
}

static void *get_one(void *argument)
{
	const struct xc_credentials *got = NULL;
	struct xc_err err = { 0 };

	if (xc_credentials_get(argument, &got, &err) < 0)
		return NULL;
	/* As a value of the thread: the test releases it. */
	return (void *)got;
}

static unsigned get_by_threads(struct xc_credentials_provider *provider)
{
	pthread_t threads[THREADS];
	unsigned good = 0;

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, get_one, provider), 0);
	for (size_t i = 0; i < THREADS; i++) {
		void *got;

		pthread_join(threads[i], &got);
		good += got != NULL;
		xc_credentials_release(got);
	}
	return good;
}

static void one_thread_asks_for_all(void **state)
{
	struct xc_credentials_provider *provider;

	(void)state;
	write_program("sleep 0.3", 3600);
	provider = new_provider();
	assert_int_equal(get_by_threads(provider), THREADS);
	assert_int_equal(runs(), 1);
	xc_credentials_provider_free(provider);
}

static void a_failure_is_shared_too(void **state)
{
	struct xc_credentials_provider *provider;

	(void)state;
	write_program("sleep 0.5", 3600);
	cred_write("broken", "");
	provider = new_provider();
	assert_int_equal(get_by_threads(provider), 0);
	/* Each on its own would be 8 times the wait. A thread may start late. */
	assert_true(runs() <= 2);
	xc_credentials_provider_free(provider);
}

static void others_go_on_with_what_is_valid(void **state)
{
	struct xc_credentials_provider *provider;
	const struct xc_credentials *old;
	pthread_t thread;
	void *fresh;

	(void)state;
	write_program("", 8);
	provider = new_provider();
	old = must_get(provider);
	write_program("sleep 2", 3600);
	poll(NULL, 0, 4500);
	assert_int_equal(pthread_create(&thread, NULL, get_one, provider), 0);
	poll(NULL, 0, 500);
	assert_ptr_equal(must_get(provider), old);
	assert_int_equal(runs(), 0);
	pthread_join(thread, &fresh);
	assert_ptr_not_equal(fresh, old);
	xc_credentials_release(fresh);
	xc_credentials_release(old);
	xc_credentials_release(old);
	xc_credentials_provider_free(provider);
}

static void secrets_stay_out_of_core_files(void **state)
{
	struct xc_credentials_provider *provider;
	const struct xc_credentials *got;
	cleanup_buf struct xc_buf maps = XC_BUF_INIT;
	char start[32];
	const char *at, *flags;

	(void)state;
	prctl(PR_SET_DUMPABLE, 1);
	write_program("", 0);
	provider = new_provider();
	got = must_get(provider);
	assert_int_equal(xc_fd_read_file(AT_FDCWD, "/proc/self/smaps", 16 << 20, &maps), 0);
	snprintf(start, sizeof(start), "%lx-", (unsigned long)got);
	at = strstr(maps.data, start);
	assert_non_null(at);
	flags = strstr(at, "VmFlags:");
	assert_non_null(flags);
	flags = xc_strndup(flags, strcspn(flags, "\n"));
	assert_non_null(strstr(flags, " dd"));
	free((char *)flags);
	xc_credentials_release(got);
	xc_credentials_provider_free(provider);
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked_again_by_lifetime),
		cmocka_unit_test(asked_again_before_the_end),
		cmocka_unit_test(a_failed_refresh_keeps_what_is_valid),
		cmocka_unit_test(rejected_keys_are_replaced_once),
		cmocka_unit_test(the_chain_stays_with_its_source),
		cmocka_unit_test(one_thread_asks_for_all),
		cmocka_unit_test(a_failure_is_shared_too),
		cmocka_unit_test(others_go_on_with_what_is_valid),
		cmocka_unit_test(secrets_stay_out_of_core_files),
	};

	return cmocka_run_group_tests(tests, cred_setup, cred_teardown);
}
