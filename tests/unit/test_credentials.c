/* SPDX-License-Identifier: Apache-2.0 */
/* The chain without a network: what is given, the environment, profiles, programs. */
#include "cred_scene.h"
#include "aws/credentials/internal.h"

#define ENV_KEYS "AWS_ACCESS_KEY_ID=ENV\nAWS_SECRET_ACCESS_KEY=sEcReTenv\n"
#define KEYS(id) "aws_access_key_id = " id "\naws_secret_access_key = sEcReT" id "\n"

static void credentials_are_found_in_their_order(void **state)
{
	static const struct cred_row rows[] = {
		{ .bug = "keys given do not count before the environment",
		  .opts = { .access_key_id = "GIVEN", .secret_access_key = "sEcReT1" },
		  .environment = ENV_KEYS,
		  .id = "GIVEN",
		  .source = "given",
		  .told = "sEcReT1\n" },
		{ .bug = "a session token given is lost, or not told of",
		  .opts = { .access_key_id = "GIVEN",
			    .secret_access_key = "sEcReT1",
			    .session_token = "sEcReT2" },
		  .id = "GIVEN",
		  .token = "sEcReT2",
		  .told = "sEcReT2\n" },
		{ .bug = "a key without its secret is taken",
		  .opts = { .access_key_id = "GIVEN" },
		  .kind = XC_ERR_USAGE,
		  .message = "together" },
		{ .bug = "inputs that were left empty count as given",
		  .opts = { .access_key_id = "",
			    .secret_access_key = "",
			    .profile = "",
			    .role_arn = "" },
		  .environment = ENV_KEYS,
		  .id = "ENV" },
		{ .bug = "a secret without its key is taken",
		  .opts = { .secret_access_key = "sEcReT" },
		  .kind = XC_ERR_USAGE,
		  .message = "together" },
		{ .bug = "anonymous requests are signed with keys that lie about",
		  .opts = { .anonymous = true },
		  .environment = ENV_KEYS,
		  .id = "(none)",
		  .source = "anonymous" },
		{ .bug = "anonymous and keys is no contradiction",
		  .opts = { .anonymous = true,
			    .access_key_id = "A",
			    .secret_access_key = "sEcReT" },
		  .kind = XC_ERR_USAGE,
		  .message = "anonymous" },
		{ .bug = "keys and a profile together are no contradiction",
		  .opts = { .profile = "p", .access_key_id = "A", .secret_access_key = "sEcReT" },
		  .kind = XC_ERR_USAGE,
		  .message = "give only one" },
		{ .bug = "keys of the environment are not found",
		  .environment = ENV_KEYS,
		  .id = "ENV",
		  .source = "environment",
		  .told = "sEcReTenv\n" },
		{ .bug = "the environment's session token is lost",
		  .environment = ENV_KEYS "AWS_SESSION_TOKEN=sEcReTtok\n",
		  .id = "ENV",
		  .token = "sEcReTtok",
		  .told = "sEcReTtok\n" },
		{ .bug = "a session token that is empty is sent",
		  .environment = ENV_KEYS "AWS_SESSION_TOKEN=\n",
		  .id = "ENV" },
		{ .bug = "a key without its secret falls through to the profile",
		  .environment = "AWS_ACCESS_KEY_ID=ENV\n",
		  .credentials = "[default]\n" KEYS("FILE"),
		  .kind = XC_ERR_USAGE,
		  .message = "AWS_SECRET_ACCESS_KEY is not" },
		{ .bug = "a secret that is empty counts as one",
		  .environment = "AWS_ACCESS_KEY_ID=ENV\nAWS_SECRET_ACCESS_KEY=\n",
		  .kind = XC_ERR_USAGE,
		  .message = "is empty" },
		{ .bug = "a secret without its key falls through",
		  .environment = "AWS_SECRET_ACCESS_KEY=sEcReT\n",
		  .credentials = "[default]\n" KEYS("FILE"),
		  .kind = XC_ERR_USAGE,
		  .message = "AWS_ACCESS_KEY_ID is not" },
		{ .bug = "a session token alone is ignored",
		  .environment = "AWS_SESSION_TOKEN=sEcReT\n",
		  .kind = XC_ERR_USAGE,
		  .message = "AWS_SESSION_TOKEN is set" },
		{ .bug = "undefined secrets of a workflow, which are empty, count as set",
		  .environment = "AWS_ACCESS_KEY_ID=\nAWS_SECRET_ACCESS_KEY=\nAWS_PROFILE=\n",
		  .credentials = "[default]\n" KEYS("FILE"),
		  .id = "FILE" },
		{ .bug = "a key with a space goes into a header",
		  .environment = "AWS_ACCESS_KEY_ID=E V\nAWS_SECRET_ACCESS_KEY=sEcReT\n",
		  .kind = XC_ERR_USAGE,
		  .message = "access key id contains white space" },
		{ .bug = "a carriage return goes into a header",
		  .environment = ENV_KEYS "AWS_SESSION_TOKEN=sEcReT\rx\n",
		  .kind = XC_ERR_USAGE,
		  .message = "session token contains white space" },
		{ .bug = "a token file without a role is ignored",
		  .environment = "AWS_WEB_IDENTITY_TOKEN_FILE=/x\n",
		  .kind = XC_ERR_USAGE,
		  .message = "AWS_ROLE_ARN" },
		{ .bug = "keys of the environment do not count before the profile",
		  .environment = ENV_KEYS "AWS_PROFILE=p\n",
		  .credentials = "[p]\n" KEYS("FILE"),
		  .id = "ENV" },
		{ .bug = "a profile given does not leave out the environment",
		  .opts = { .profile = "p" },
		  .environment = ENV_KEYS,
		  .credentials = "[p]\n" KEYS("FILE"),
		  .id = "FILE",
		  .source = "profile p" },
		{ .bug = "half a set in the environment is looked at though a profile is given",
		  .opts = { .profile = "p" },
		  .environment = "AWS_ACCESS_KEY_ID=ENV\n",
		  .credentials = "[p]\n" KEYS("FILE"),
		  .id = "FILE" },
		{ .bug = "a profile that is not there falls through",
		  .opts = { .profile = "p" },
		  .environment = ENV_KEYS,
		  .kind = XC_ERR_AUTH,
		  .message = "there is no profile p" },
		{ .bug = "AWS_PROFILE that is not there falls through",
		  .environment = "AWS_PROFILE=p\n",
		  .credentials = "[default]\n" KEYS("FILE"),
		  .kind = XC_ERR_AUTH,
		  .message = "there is no profile p" },
		{ .bug = "the old AWS_DEFAULT_PROFILE is not known",
		  .environment = "AWS_DEFAULT_PROFILE=p\n",
		  .credentials = "[p]\n" KEYS("FILE"),
		  .id = "FILE" },
		{ .bug = "keys in config are not found",
		  .config = "[default]\n" KEYS("FILE") "aws_session_token = sEcReTt\n",
		  .id = "FILE",
		  .token = "sEcReTt",
		  .told = "sEcReTt\n" },
		{ .bug = "AWS_SHARED_CREDENTIALS_FILE is not followed, or its '~'",
		  .environment = "AWS_SHARED_CREDENTIALS_FILE=~/.aws/config\n",
		  .config = "[default]\n" KEYS("FILE"),
		  .id = "FILE" },
		{ .bug = "a key of a profile without its secret falls through",
		  .credentials = "[default]\naws_access_key_id = A\n",
		  .kind = XC_ERR_USAGE,
		  .message = "not aws_secret_access_key" },
		{ .bug = "a broken file falls through, or its line is quoted",
		  .credentials = "[default]\nsEcReT\n",
		  .kind = XC_ERR_USAGE,
		  .message = "line 2" },
		{ .bug = "the error does not say what was looked at and what to give",
		  .kind = XC_ERR_AUTH,
		  .message = "no profile in ~/.aws, instance metadata is disabled; give a role" },
		{ .bug = "a job on GitHub without a token is not told of the permission",
		  .opts = { .role_arn = "arn:aws:iam::1:role/r" },
		  .environment = "GITHUB_ACTIONS=true\n",
		  .kind = XC_ERR_AUTH,
		  .message = "permissions: id-token: write" },
		{ .bug = "AWS_ROLE_ARN without a token falls through to the instance's keys",
		  .environment = "GITHUB_ACTIONS=true\nAWS_ROLE_ARN=arn:aws:iam::1:role/r\n"
				 "AWS_EC2_METADATA_SERVICE_ENDPOINT=%S\n",
		  .kind = XC_ERR_AUTH,
		  .message = "permissions: id-token: write",
		  .not_sent = "PUT" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cred_check_row(&rows[i]);
}

static void profiles_that_lead_to_others(void **state)
{
	static const struct cred_row rows[] = {
		{ .bug = "profiles in a circle are followed for ever",
		  .config = "[default]\nrole_arn = arn:a\nsource_profile = b\n"
			    "[profile b]\nrole_arn = arn:b\nsource_profile = default\n",
		  .kind = XC_ERR_USAGE,
		  .message = "circle" },
		{ .bug = "a long row of profiles has no end",
		  .config = "[default]\nrole_arn=arn:a\nsource_profile=p1\n"
			    "[profile p1]\nrole_arn=arn:a\nsource_profile=p2\n"
			    "[profile p2]\nrole_arn=arn:a\nsource_profile=p3\n"
			    "[profile p3]\nrole_arn=arn:a\nsource_profile=p4\n"
			    "[profile p4]\nrole_arn=arn:a\nsource_profile=p5\n"
			    "[profile p5]\nrole_arn=arn:a\nsource_profile=p6\n"
			    "[profile p6]\nrole_arn=arn:a\nsource_profile=p7\n"
			    "[profile p7]\nrole_arn=arn:a\nsource_profile=p8\n"
			    "[profile p8]\n" KEYS("FILE"),
		  .kind = XC_ERR_USAGE,
		  .message = "more than 8 profiles" },
		{ .bug = "a role over its own profile without keys is a circle",
		  .config = "[default]\nrole_arn = arn:a\nsource_profile = default\n",
		  .kind = XC_ERR_USAGE,
		  .message = "has no credentials" },
		{ .bug = "a source that is not there falls through",
		  .config = "[default]\nrole_arn = arn:a\nsource_profile = b\n",
		  .kind = XC_ERR_USAGE,
		  .message = "profile b, which is the source_profile of default" },
		{ .bug = "two sources are no contradiction",
		  .config = "[default]\nrole_arn = arn:a\nsource_profile = b\n"
			    "credential_source = Environment\n",
		  .kind = XC_ERR_USAGE,
		  .message = "keep one" },
		{ .bug = "an unknown credential_source is swallowed",
		  .config = "[default]\nrole_arn = arn:a\ncredential_source = Moon\n",
		  .kind = XC_ERR_USAGE,
		  .message = "not Moon" },
		{ .bug = "a credential_source without keys falls through",
		  .config = "[default]\nrole_arn = arn:a\ncredential_source = Environment\n",
		  .kind = XC_ERR_AUTH,
		  .message = "has no credentials here" },
		{ .bug = "a role without a source uses the profile's keys",
		  .config = "[default]\nrole_arn = arn:a\n" KEYS("FILE"),
		  .kind = XC_ERR_USAGE,
		  .message = "nothing to assume it with" },
		{ .bug = "an MFA code is waited for",
		  .config = "[default]\nrole_arn = arn:a\nmfa_serial = m\nsource_profile = b\n",
		  .kind = XC_ERR_USAGE,
		  .message = "MFA" },
		{ .bug = "a token file that is not there falls through",
		  .config = "[default]\nrole_arn = arn:a\nweb_identity_token_file = %H/none\n",
		  .kind = XC_ERR_IO,
		  .message = "cannot read the web identity token" },
		{ .bug = "SSO without a session in the cache falls through",
		  .config = "[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
			    "[sso-session s]\nsso_region = x\nsso_start_url = https://s\n",
		  .kind = XC_ERR_AUTH,
		  .message = "aws sso login" },
		{ .bug = "SSO that is incomplete falls through",
		  .config = "[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n",
		  .kind = XC_ERR_USAGE,
		  .message = "has no sso_region" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cred_check_row(&rows[i]);
}

#define JSON_KEYS  "\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"sEcReTp\""
#define SAYS(text) "[default]\ncredential_process = printf '%s' '" text "'\n"

static void the_keys_of_a_program_are_taken_or_refused(void **state)
{
	static const struct cred_row rows[] = {
		{ .bug = "a program's keys are not taken, or a quoted argument is split",
		  .config = SAYS("{\"Version\":1," JSON_KEYS ",\"SessionToken\":\"sEcReTs\", "
				 "\"Expiration\":\"2999-01-01T00:00:00+00:00\"}"),
		  .id = "PROC",
		  .token = "sEcReTs",
		  .source = "credential_process",
		  .told = "sEcReTs\n" },
		{ .bug = "keys of a program without an end are no keys",
		  .config = SAYS("{\"Version\":1," JSON_KEYS "}"),
		  .id = "PROC" },
		{ .bug = "another version is taken",
		  .config = SAYS("{\"Version\":2," JSON_KEYS "}"),
		  .kind = XC_ERR_CORRUPT,
		  .message = "Version" },
		{ .bug = "keys that have ended are handed out",
		  .config = SAYS("{\"Version\":1," JSON_KEYS
				 ",\"Expiration\":\"2001-01-01T00:00:00Z\"}"),
		  .kind = XC_ERR_AUTH,
		  .message = "expired already" },
		{ .bug = "an end that is no time counts as none",
		  .config = SAYS("{\"Version\":1," JSON_KEYS ",\"Expiration\":\"soon\"}"),
		  .kind = XC_ERR_CORRUPT,
		  .message = "expiration" },
		{ .bug = "a secret that is not there is an empty one",
		  .config = SAYS("{\"Version\":1,\"AccessKeyId\":\"A\"}"),
		  .kind = XC_ERR_CORRUPT,
		  .message = "no secret access key" },
		{ .bug = "a token with a line break goes into a header",
		  .config = SAYS("{\"Version\":1," JSON_KEYS ",\"SessionToken\":\"sEcReT\\n\"}"),
		  .kind = XC_ERR_CORRUPT,
		  .message = "session token" },
		{ .bug = "what is no JSON is quoted in the message",
		  .config = SAYS("{\"Version\":1, sEcReT"),
		  .kind = XC_ERR_CORRUPT,
		  .message = "not the JSON" },
		{ .bug = "a list is taken for an object",
		  .config = SAYS("[\"sEcReT\"]"),
		  .kind = XC_ERR_CORRUPT,
		  .message = "not the JSON" },
		{ .bug = "endless output is read to its end",
		  .config = "[default]\ncredential_process = yes sEcReT\n",
		  .kind = XC_ERR_CORRUPT,
		  .message = "more than 65536 bytes" },
		{ .bug = "a failure counts as an answer",
		  .config = "[default]\ncredential_process = false\n",
		  .kind = XC_ERR_AUTH,
		  .message = "exit code 1" },
		{ .bug = "a program's end by a signal counts as an answer",
		  .config = "[default]\ncredential_process = sh -c 'kill -9 $$'\n",
		  .kind = XC_ERR_AUTH,
		  .message = "signal 9" },
		{ .bug = "a program that is not there falls through",
		  .config = "[default]\ncredential_process = /none/such sEcReT\n",
		  .kind = XC_ERR_IO,
		  .message = "/none/such" },
		{ .bug = "a quote that is open is closed at the end",
		  .config = "[default]\ncredential_process = echo 'a\n",
		  .kind = XC_ERR_USAGE,
		  .message = "quote" },
		{ .bug = "a shell runs the command",
		  .config = "[default]\ncredential_process = echo x; touch %H/touched\n",
		  .kind = XC_ERR_CORRUPT,
		  .message = "not the JSON" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cred_check_row(&rows[i]);
	assert_int_equal(access("touched", F_OK), -1);
}

static void commands_are_split_as_a_shell_would(void **state)
{
	static const struct {
		const char *command, *words; /* with '|' between; NULL: refused */
		const char *bug;
	} rows[] = {
		{ "a b  c", "a|b|c", "spaces do not divide" },
		{ " a\tb\n", "a|b", "white space at the ends makes words" },
		{ "a 'b c'", "a|b c", "single quotes do not hold together" },
		{ "a \"b c\"", "a|b c", "double quotes do not hold together" },
		{ "a b\\ c", "a|b c", "a backslash does not keep a space" },
		{ "a 'b\\c'", "a|b\\c", "a backslash counts in single quotes" },
		{ "a \"b\\\"c\"", "a|b\"c", "a quote cannot stand in double quotes" },
		{ "a \"b\\c\"", "a|b\\c", "a backslash before a letter is lost" },
		{ "a ''", "a|", "an empty word is lost" },
		{ "a b'c'\"d\"e", "a|bcde", "quotes divide words" },
		{ "a $HOME `b` *", "a|$HOME|`b`|*", "something is expanded" },
		{ "a 'b", NULL, "an open single quote passes" },
		{ "a \"b", NULL, "an open double quote passes" },
		{ "a \\", NULL, "a backslash at the end passes" },
		{ "", "", "nothing is something" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_strlist struct xc_strlist words = XC_STRLIST_INIT;
		cleanup_buf struct xc_buf joined = XC_BUF_INIT;

		print_message("%s\n", rows[i].bug);
		assert_int_equal(xc_cred_split_command(rows[i].command, &words),
				 rows[i].words ? 0 : -1);
		for (size_t k = 0; k < words.count; k++)
			xc_buf_addf(&joined, "%s%s", k > 0 ? "|" : "", words.items[k]);
		assert_string_equal(xc_buf_str(&joined), rows[i].words ? rows[i].words : "");
	}
}

static void times_are_read(void **state)
{
	static const struct {
		const char *text;
		time_t time; /* 0: refused */
		const char *bug;
	} rows[] = {
		{ "2026-01-31T12:34:56Z", 1769862896, "a plain time is refused" },
		{ "2026-01-31T12:34:56.789Z", 1769862896, "a fraction is refused" },
		{ "2026-01-31T12:34:56+00:00", 1769862896, "Python's form is refused" },
		{ "2026-01-31T14:34:56+02:00", 1769862896, "an offset is added" },
		{ "2026-01-31T10:04:56-02:30", 1769862896, "an offset is taken off" },
		{ "2026-01-31T12:34:56UTC", 1769862896, "old SSO caches are refused" },
		{ "2026-01-31T12:34:56", 0, "a time of no zone is taken" },
		{ "2026-01-31T12:34:56Zx", 0, "text behind is swallowed" },
		{ "2026-01-31", 0, "a date is taken" },
		{ "026-01-31T12:34:56Z", 0, "a year of three digits is taken" },
		{ "2026-01-31T12:34:56+ 1:00", 0, "white space is taken for a digit" },
		{ "", 0, "nothing is a time" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		time_t got = 0;

		print_message("%s\n", rows[i].bug);
		assert_int_equal(xc_cred_parse_time(rows[i].text, &got), rows[i].time ? 0 : -1);
		assert_int_equal(got, rows[i].time);
	}
}

static void a_cancel_ends_a_program(void **state)
{
	struct xc_cancel cancel = { 0 };
	const struct xc_credentials_opts opts = { .cancel = &cancel };
	const struct xc_credentials *got;
	struct xc_err err = { 0 };
	time_t start = time(NULL);

	(void)state;
	cred_environment("");
	cred_write(".aws/config", "[default]\ncredential_process = sh -c 'sleep 50; echo'\n");
	cred_write(".aws/credentials", NULL);
	xc_cancel_request(&cancel, 15);
	assert_int_equal(cred_get(&opts, &got, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CANCELED);
	assert_true(time(NULL) - start < 20);
}

/* Whether a process is there and not merely waiting to be collected. */
static bool is_alive(const char *pid)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	return xc_fd_read_file(AT_FDCWD, path, 4096, &text) == 0 && !strstr(text.data, ") Z ");
}

static void a_program_that_hangs_is_ended_with_all_it_started(void **state)
{
	const struct xc_credentials_opts opts = { 0 };
	struct xc_cred_context context = { .opts = &opts, .process_timeout_ms = 1500 };
	cleanup_cred_draft struct xc_cred_draft draft = { 0 };
	cleanup_buf struct xc_buf pid = XC_BUF_INIT;
	struct xc_err err = { 0 };

	(void)state;
	assert_int_equal(xc_cred_process(&context, "p",
					 "sh -c 'sleep 50 & echo $! > started; wait'", &draft,
					 &err),
			 -1);
	assert_int_equal(err.kind, XC_ERR_AUTH);
	assert_non_null(strstr(err.msg, "did not end within"));
	assert_int_equal(xc_fd_read_file(AT_FDCWD, "started", 100, &pid), 0);
	pid.data[strcspn(pid.data, "\n")] = '\0';
	for (int i = 0; i < 100 && is_alive(pid.data); i++)
		poll(NULL, 0, 20);
	assert_false(is_alive(pid.data));
}

static void regions_are_found_in_their_order(void **state)
{
	static const struct {
		const char *environment, *region, *bug;
	} rows[] = {
		{ "AWS_REGION=a\nAWS_DEFAULT_REGION=b\n", "a", "AWS_REGION does not count first" },
		{ "AWS_DEFAULT_REGION=b\n", "b", "AWS_DEFAULT_REGION is not known" },
		{ "AWS_REGION=\n", "c", "a variable that is empty counts" },
		{ "AWS_PROFILE=p\n", "d", "the profile's region is not known" },
		{ "AWS_PROFILE=q\n", NULL, "a region comes from nowhere" },
	};

	(void)state;
	cred_write(".aws/config", "[default]\nregion = c\n[profile p]\nregion = d\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct xc_credentials_opts opts = { 0 };
		cleanup_free char *region = NULL;

		print_message("%s\n", rows[i].bug);
		cred_environment(rows[i].environment);
		region = xc_credentials_region(&opts);
		if (rows[i].region)
			assert_string_equal(region ? region : "(none)", rows[i].region);
		else
			assert_null(region);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credentials_are_found_in_their_order),
		cmocka_unit_test(profiles_that_lead_to_others),
		cmocka_unit_test(the_keys_of_a_program_are_taken_or_refused),
		cmocka_unit_test(commands_are_split_as_a_shell_would),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(a_cancel_ends_a_program),
		cmocka_unit_test(a_program_that_hangs_is_ended_with_all_it_started),
		cmocka_unit_test(regions_are_found_in_their_order),
	};

	return cmocka_run_group_tests(tests, cred_setup, cred_teardown);
}
