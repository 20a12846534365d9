/* SPDX-License-Identifier: Apache-2.0 */
/* Which file of certificates is taken, and what is said of one that cannot be. */
#include "scratch.h"

#include "http/net/trust_internal.h"

static const char *const variables[] = { "XCACHE_CA_BUNDLE", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE",
					 "SSL_CERT_FILE" };

struct find_row {
	const char *bug;
	const char *given;
	const char *set[4]; /* the variables, in their order */
	const char *found;  /* NULL: none at all */
	const char *message;
	const char *note; /* of a variable that was passed over; NULL: none */
};

/* "a" to "e" are files, "dir" is a directory, "none" is not there. */
static const struct find_row rows[] = {
	{ "the option is not heard", "a", { "b", "c", "d", "e" }, "a", NULL, NULL },
	{ "the own variable is not first", NULL, { "b", "c", "d", "e" }, "b", NULL, NULL },
	{ "AWS's variable is not second", NULL, { NULL, "c", "d", "e" }, "c", NULL, NULL },
	{ "curl's variable is not third", NULL, { NULL, NULL, "d", "e" }, "d", NULL, NULL },
	{ "OpenSSL's variable is not heard", NULL, { NULL, NULL, NULL, "e" }, "e", NULL, NULL },
	{ "an empty variable counts as set", NULL, { "", "", "d", "" }, "d", NULL, NULL },
	{ "the places of the system are not searched", NULL, { NULL }, "place", NULL, NULL },
	{ "a wrong option falls back in silence",
	  "none",
	  { "b" },
	  NULL,
	  "cannot read the certificates to trust, 'none', named by the options: "
	  "No such file or directory",
	  NULL },
	{ "a variable's file that is not there hides the next variable's",
	  NULL,
	  { NULL, "none", "d" },
	  "d",
	  NULL,
	  "AWS_CA_BUNDLE names 'none', which does not exist" },
	{ "a variable's file that is not there hides the system's",
	  NULL,
	  { NULL, NULL, NULL, "a/none" },
	  "place",
	  NULL,
	  "SSL_CERT_FILE names 'a/none', which does not exist" },
	{ "a directory counts as a file",
	  NULL,
	  { NULL, NULL, NULL, "dir" },
	  NULL,
	  "cannot read the certificates to trust, 'dir', named by SSL_CERT_FILE: "
	  "Is a directory",
	  NULL },
	{ "a terminal's codes in a name reach the log",
	  "no\033ne",
	  { NULL },
	  NULL,
	  "cannot read the certificates to trust, 'no\\x1bne', named by the options: "
	  "No such file or directory",
	  NULL },
};

static void set_variables(const char *const values[ARRAY_LEN(variables)])
{
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		if (values[i])
			setenv(variables[i], values[i], 1);
		else
			unsetenv(variables[i]);
	}
}

static void finds_the_first_that_is_named(void **state)
{
	static const char *const places[] = { "none", "dir", "place", "a", NULL };

	(void)state;
	make_tree(AT_FDCWD, "a=1 b=1 c=1 d=1 e=1 place=1 dir: app: app/ca-certificates.crt=1", 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct find_row *row = &rows[i];
		cleanup_trust struct xc_trust trust = { 0 };
		struct xc_err err = { 0 };
		int result;

		print_message("%s?\n", row->bug);
		set_variables(row->set);
		result = xc_trust_find_among(places, "app/xcache", row->given, &trust, &err);
		if (row->message) {
			assert_int_equal(result, -1);
			assert_null(trust.path);
			assert_int_equal(err.kind, XC_ERR_IO);
			assert_string_equal(err.msg, row->message);
		} else {
			assert_int_equal(result, 0);
			assert_string_equal(trust.path, row->found);
			assert_string_equal(trust.note ? trust.note : "",
					    row->note ? row->note : "");
		}
	}
}

/* A machine without certificates can still speak http. */
static void finds_none(void **state)
{
	static const char *const places[] = { "none", "dir", NULL };
	static const char *const unset[ARRAY_LEN(variables)] = { NULL };
	struct xc_trust trust = { .path = (char *)"untouched" };
	struct xc_err err;

	(void)state;
	set_variables(unset);
	make_tree(AT_FDCWD, "dir: app: app/ca-certificates.crt:", 0);
	assert_int_equal(xc_trust_find_among(places, "app/xcache", NULL, &trust, &err), 0);
	assert_null(trust.path);
	trust.path = (char *)"untouched";
	assert_int_equal(xc_trust_find_among(places, NULL, NULL, &trust, &err), 0);
	assert_null(trust.path);
}

/* An image without certificates would not reach a store by https, or a machine's own not count. */
static void finds_those_beside_the_program(void **state)
{
	static const char *const places[] = { "none", "dir", NULL };
	static const char *const unset[ARRAY_LEN(variables)] = { NULL };
	cleanup_trust struct xc_trust trust = { 0 };
	struct xc_err err;

	(void)state;
	make_tree(AT_FDCWD, "dir: app: app/ca-certificates.crt=1", 0);
	set_variables(unset);
	assert_int_equal(xc_trust_find_among(places, "app/xcache (deleted)", NULL, &trust, &err),
			 0);
	assert_string_equal(trust.path, "app/ca-certificates.crt");
}

/* A folder in place of the file, or a name of no file, would end every https request. */
static void finds_what_the_system_has(void **state)
{
	static const char *const unset[ARRAY_LEN(variables)] = { NULL };
	cleanup_trust struct xc_trust trust = { 0 };
	struct xc_err err;
	struct stat st;

	(void)state;
	set_variables(unset);
	assert_int_equal(xc_trust_find(NULL, &trust, &err), 0);
	if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0)
		assert_string_equal(trust.path, "/etc/ssl/certs/ca-certificates.crt");
	if (trust.path)
		assert_true(stat(trust.path, &st) == 0 && S_ISREG(st.st_mode));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_the_first_that_is_named, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(finds_none, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(finds_those_beside_the_program, scratch_setup,
						scratch_teardown),
		cmocka_unit_test(finds_what_the_system_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
