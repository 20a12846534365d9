/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/program.h"

#define OUTPUT_BYTES 4000

/* Runs a line of shell; its output is in `out`, which a row may ask to be full. */
static int run_line(const char *line, unsigned timeout_ms, const struct xc_cancel *cancel,
		    struct xc_buf *out, struct xc_err *err)
{
	char shell[] = "sh", option[] = "-c", place[] = "PATH=/usr/bin:/bin",
	     *text = xc_strdup(line);
	char *argv[] = { shell, option, text, NULL }, *environment[] = { place, NULL };
	const struct xc_program program = {
		.name = "the shell",
		.argv = argv,
		.environment = environment,
		.quiet = true,
		.timeout_ms = timeout_ms,
		.late_kind = XC_ERR_AUTH,
		.cancel = cancel,
	};
	int status = -1, result;

	xc_buf_init(out, OUTPUT_BYTES);
	result = xc_program_run(&program, out, &status, err);
	free(text);
	return result < 0 ? -1 : status;
}

static void output_and_status_come_back(void **state)
{
	cleanup_buf struct xc_buf out = XC_BUF_INIT;
	struct xc_err err;
	int status = run_line("cat; echo out; echo err >&2; exit 7", 20000, NULL, &out, &err);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_string_equal(out.data, "out\n");
}

static void environment_and_signals_are_its_own(void **state)
{
	cleanup_buf struct xc_buf out = XC_BUF_INIT;
	struct xc_err err;
	int status;

	(void)state;
	setenv("XC_SECRET", "1", 1);
	signal(SIGTERM, SIG_IGN);
	status = run_line("echo \"<$XC_SECRET>\"; kill -TERM $$", 20000, NULL, &out, &err);
	signal(SIGTERM, SIG_DFL);
	assert_string_equal(out.data, "<>\n");
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

/* The process that a line has told of by its number is gone. */
static void assert_gone(const struct xc_buf *out)
{
	pid_t pid = (pid_t)strtol(xc_buf_str(out), NULL, 10);

	assert_true(pid > 1);
	/* Its new parent may take a moment to reap it. */
	for (int i = 0; i < 200 && kill(pid, 0) == 0; i++)
		usleep(10000);
	assert_int_equal(kill(pid, 0), -1);
}

static void what_takes_too_long_ends_with_all_that_it_started(void **state)
{
	static const char *const lines[] = {
		"sleep 300 & echo $!; wait",
		/* Its output has ended: it must not be waited for without end. */
		"sleep 300 >/dev/null & echo $!; exec >/dev/null; wait",
	};
	struct xc_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		cleanup_buf struct xc_buf out = XC_BUF_INIT;
		uint64_t since_ms = xc_clock_ms();

		assert_int_equal(run_line(lines[i], 1000, NULL, &out, &err), -1);
		assert_int_equal(err.kind, XC_ERR_AUTH);
		assert_string_equal(err.msg, "the shell did not end within 1 s");
		assert_true(xc_clock_ms() - since_ms < 20000);
		assert_gone(&out);
	}
}

static void a_cancel_ends_it(void **state)
{
	cleanup_buf struct xc_buf out = XC_BUF_INIT;
	struct xc_cancel cancel = { 0 };
	struct xc_err err;

	(void)state;
	xc_cancel_request(&cancel, SIGINT);
	assert_int_equal(run_line("sleep 300", 60000, &cancel, &out, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CANCELED);
}

static void output_has_a_ceiling(void **state)
{
	cleanup_buf struct xc_buf out = XC_BUF_INIT;
	struct xc_err err;

	(void)state;
	assert_int_equal(run_line("head -c 4000 /dev/zero", 60000, NULL, &out, &err), 0);
	assert_int_equal(out.len_bytes, OUTPUT_BYTES);
	xc_buf_release(&out);
	assert_int_equal(run_line("yes", 60000, NULL, &out, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
	assert_string_equal(err.msg, "the shell printed more than 4000 bytes");
	assert_true(out.len_bytes <= OUTPUT_BYTES);
}

static void what_cannot_be_run_is_named(void **state)
{
	char name[] = "/no/such/program", *argv[] = { name, NULL }, *environment[] = { NULL };
	const struct xc_program program = {
		.name = "helper", .argv = argv, .environment = environment, .timeout_ms = 1000
	};
	cleanup_buf struct xc_buf out = { .max_bytes = OUTPUT_BYTES };
	struct xc_err err;
	int status;

	(void)state;
	assert_int_equal(xc_program_run(&program, &out, &status, &err), -1);
	assert_non_null(strstr(err.msg, "cannot run helper (/no/such/program): "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_status_come_back),
		cmocka_unit_test(environment_and_signals_are_its_own),
		cmocka_unit_test(what_takes_too_long_ends_with_all_that_it_started),
		cmocka_unit_test(a_cancel_ends_it),
		cmocka_unit_test(output_has_a_ceiling),
		cmocka_unit_test(what_cannot_be_run_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
