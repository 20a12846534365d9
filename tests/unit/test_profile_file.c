/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws/credentials/profile_file.h"
#include "base/buf.h"

struct row {
	const char *config, *credentials; /* NULL: no such file */
	const char *section, *property;
	const char *value; /* NULL: there is none */
	const char *bug;
};

static int parse(struct xc_profiles *profiles, const struct row *row, struct xc_err *err)
{
	if (row->config && xc_profiles_parse(profiles, XC_PROFILE_CONFIG, "config", row->config,
					     strlen(row->config), err) < 0)
		return -1;
	if (row->credentials)
		return xc_profiles_parse(profiles, XC_PROFILE_CREDENTIALS, "credentials",
					 row->credentials, strlen(row->credentials), err);
	return 0;
}

static void values_are_read(void **state)
{
	static const struct row rows[] = {
		{ "[profile ci]\nregion = eu-west-1\n", NULL, "ci", "region", "eu-west-1",
		  "a plain value is not read" },
		{ NULL, "[ci]\naws_access_key_id=AK\n", "ci", "aws_access_key_id", "AK",
		  "credentials want the word profile as well" },
		{ "[ci]\nregion = x\n", NULL, "ci", "region", NULL,
		  "config takes a section without the word profile" },
		{ NULL, "[profile ci]\nregion = x\n", "ci", "region", NULL,
		  "credentials take the word profile" },
		{ "[default]\nregion = a\n", NULL, "default", "region", "a",
		  "[default] needs the word profile in config" },
		{ "[default]\nregion = a\n[profile default]\nregion = b\n", NULL, "default",
		  "region", "b", "[default] beats [profile default]" },
		{ "[profile default]\nregion = b\n[default]\nregion = a\n", NULL, "default",
		  "region", "b", "the later of [default] and [profile default] counts" },
		{ "[profile default]\noutput = b\n[default]\nregion = a\n", NULL, "default",
		  "region", NULL, "[default] is mixed into [profile default]" },
		{ "[profile x]\nregion = a\n", "[x]\nregion = b\n", "x", "region", "b",
		  "config beats credentials" },
		{ "[profile x]\nregion = a\n", "[x]\noutput = b\n", "x", "region", "a",
		  "credentials replace the whole of config" },
		{ "[profile x]\na = 1\n[profile y]\na = 2\n[profile x]\nb = 3\n", NULL, "x", "b",
		  "3", "a section that comes twice is not one" },
		{ "[profile x]\na = 1\n[profile y]\na = 2\n[profile x]\nb = 3\n", NULL, "x", "a",
		  "1", "a section that comes again forgets what it had" },
		{ "[profile x]\na = 1\na = 2\n", NULL, "x", "a", "2", "the first of two counts" },
		{ "[profile x]\nREGION = Eu\n", NULL, "x", "region", "Eu",
		  "names are told apart by case, or values lose theirs" },
		{ "# c\n; c\n[profile x] # c\na = 1 # c\n", NULL, "x", "a", "1",
		  "comments are not left out" },
		{ "[profile x]\na = 1 ;c\n", NULL, "x", "a", "1", "';' begins no comment" },
		{ "[profile x]\na = b#c;d\n", NULL, "x", "a", "b#c;d",
		  "'#' within a word cuts a secret" },
		{ "[profile x]\na = a=b==\n", NULL, "x", "a",
		  "a=b==", "the last '=' divides, not the first" },
		{ "[profile x]\r\na = 1\r\n", NULL, "x", "a", "1", "Windows' line ends stay" },
		{ "\xef\xbb\xbf[profile x]\na = 1\n", NULL, "x", "a", "1",
		  "a byte order mark hides the first section" },
		{ "[profile x]\na = 1", NULL, "x", "a", "1", "the last line needs its end" },
		{ "[\tprofile   x ]\na=1\n", NULL, "x", "a", "1", "white space counts in names" },
		{ "[profile \"x y\"]\na=1\n", NULL, "x y", "a", "1", "quoted names keep quotes" },
		{ "[profile x]\ns3 =\n  max = 1\n  style = path\nregion = r\n", NULL, "x",
		  "s3.style", "path", "nested values are lost" },
		{ "[profile x]\ns3 =\n  region = 1\n", NULL, "x", "region", NULL,
		  "a nested value passes for one of the profile" },
		{ "[profile x]\ns3 =\n  a = 1\nregion = r\n", NULL, "x", "region", "r",
		  "nesting does not end" },
		{ "[profile x]\na = 1\n  2\n\t3\n", NULL, "x", "a", "1\n2\n3",
		  "continued lines are lost" },
		{ "[profile x]\na = 1\n  b = 2\n", NULL, "x", "b", NULL,
		  "a continued line passes for a value" },
		{ "[profile x]\na = 1\n[services s]\ns3 =\n  a = 2\na = 3\n", NULL, "x", "a", "1",
		  "a section of another kind goes on with the profile before" },
		{ "[profile x]\na =\n", NULL, "x", "a", NULL, "an empty value counts as one" },
		{ "[profile x]\n", NULL, "y", "a", NULL, "any section does" },
		{ "", "", "x", "a", NULL, "an empty file is refused" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_profiles *profiles = xc_profiles_new();
		struct xc_err err = { 0 };
		const char *value;

		print_message("%s\n", rows[i].bug);
		assert_int_equal(parse(profiles, &rows[i], &err), 0);
		value = xc_profiles_get(profiles, XC_PROFILE, rows[i].section, rows[i].property);
		if (rows[i].value)
			assert_string_equal(value ? value : "(none)", rows[i].value);
		else
			assert_null(value);
		xc_profiles_free(profiles);
	}
}

static void sso_sessions_are_apart(void **state)
{
	static const char text[] = "[sso-session s]\nsso_region = a\n[profile s]\nsso_region = b\n";
	struct xc_profiles *profiles = xc_profiles_new();
	struct xc_err err = { 0 };

	(void)state;
	assert_int_equal(
		xc_profiles_parse(profiles, XC_PROFILE_CONFIG, "config", text, strlen(text), &err),
		0);
	assert_string_equal(xc_profiles_get(profiles, XC_SSO_SESSION, "s", "sso_region"), "a");
	assert_string_equal(xc_profiles_get(profiles, XC_PROFILE, "s", "sso_region"), "b");
	assert_true(xc_profiles_has(profiles, XC_SSO_SESSION, "s"));
	assert_false(xc_profiles_has(profiles, XC_SSO_SESSION, "t"));
	xc_profiles_free(profiles);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *start, *unit;
		size_t count;
		const char *message;
		const char *bug;
	} rows[] = {
		{ "a = sEcReT\n", "", 0, "file, line 1", "a value before any section is taken" },
		{ "[profile x\n", "", 0, "file, line 1", "a name without its end is taken" },
		{ "[]\n", "", 0, "no name", "a section may have no name" },
		{ "[profile x]\n= 1\n", "", 0, "file, line 2", "a value may have no name" },
		{ "[profile x] y\n", "", 0, "follows", "text behind a section is swallowed" },
		{ "[profile x]\nsEcReT\n", "", 0, "file, line 2",
		  "a line that says nothing is swallowed" },
		{ "", "[profile p%zu]\n", XC_PROFILE_SECTIONS_MAX + 1, "too many sections",
		  "sections have no ceiling" },
		{ "[profile x]\n", "a%zu = 1\n", XC_PROFILE_PROPERTIES_MAX + 1, "too many values",
		  "values have no ceiling" },
		{ "[profile x]\na = 1\n", " aaaaaaaaaaaaaaaa\n", 4096, "too long",
		  "a continued value has no ceiling" },
		{ "[profile x]\n", "#aaaaaaaaaaaaaaaa\n", 65536, "larger than 1 MiB",
		  "the file has no ceiling" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct xc_profiles *profiles = xc_profiles_new();
		cleanup_buf struct xc_buf text = XC_BUF_INIT;
		struct xc_err err = { 0 };

		print_message("%s\n", rows[i].bug);
		xc_buf_add_str(&text, rows[i].start);
		for (size_t n = 0; n < rows[i].count; n++) {
			char *number = strstr(rows[i].unit, "%zu");

			if (number)
				xc_buf_addf(&text, "%.*s%zu%s", (int)(number - rows[i].unit),
					    rows[i].unit, n, number + 3);
			else
				xc_buf_add_str(&text, rows[i].unit);
		}
		assert_int_equal(xc_profiles_parse(profiles, XC_PROFILE_CONFIG, "file", text.data,
						   text.len_bytes, &err),
				 -1);
		assert_int_equal(err.kind, XC_ERR_USAGE);
		assert_non_null(strstr(err.msg, rows[i].message));
		assert_null(strstr(err.msg, "sEcReT"));
		xc_profiles_free(profiles);
	}
}

static void nul_bytes_are_refused(void **state)
{
	static const char text[] = "[profile x]\na = 1\0002\n";
	struct xc_profiles *profiles = xc_profiles_new();
	struct xc_err err = { 0 };

	(void)state;
	assert_int_equal(xc_profiles_parse(profiles, XC_PROFILE_CONFIG, "file", text,
					   sizeof(text) - 1, &err),
			 -1);
	assert_non_null(strstr(err.msg, "line 2"));
	xc_profiles_free(profiles);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(sso_sessions_are_apart),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(nul_bytes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
