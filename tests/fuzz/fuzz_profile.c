/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profile files. The first byte chooses: 0 config, 1 credentials, 2 a command
 * line to split, 3 a time.
 *
 * Demands: what is found stands in the file and in its section; words that are
 * quoted are split into the same words; a time that is written out is read as
 * the same time.
 */
#include "fuzz.h"

#include "aws/credentials/internal.h"

static void look(const struct xc_profiles *profiles, const char *text)
{
	static const char *const names[] = { "default", "x", "a b" };
	static const char *const properties[] = { "region", "role_arn", "s3.a", "" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		for (size_t k = 0; k < ARRAY_LEN(properties); k++) {
			const char *value =
				xc_profiles_get(profiles, XC_PROFILE, names[i], properties[k]);

			if (!value)
				continue;
			/* Only what is there can be found, and only where its section is. */
			MUST(xc_profiles_has(profiles, XC_PROFILE, names[i]));
			MUST(value[0] != '\0' && strlen(value) <= XC_PROFILE_VALUE_BYTES_MAX);
			MUST(strchr(value, '\n') || strstr(text, value));
		}
	}
}

static void read_file(enum xc_profile_file file, const char *text, size_t length)
{
	struct xc_profiles *profiles = xc_profiles_new();
	struct xc_err err = { 0 };

	if (xc_profiles_parse(profiles, file, "file", text, length, &err) == 0)
		look(profiles, text);
	else
		MUST(err.kind == XC_ERR_USAGE && err.msg[0] != '\0');
	xc_profiles_free(profiles);
}

/* As for a shell. */
static void quote(const char *word, struct xc_buf *out)
{
	xc_buf_add_str(out, " '");
	for (; *word; word++) {
		if (*word == '\'')
			xc_buf_add_str(out, "'\\'");
		xc_buf_add_char(out, *word);
	}
	xc_buf_add_char(out, '\'');
}

static void split(const char *text)
{
	cleanup_strlist struct xc_strlist words = XC_STRLIST_INIT, again = XC_STRLIST_INIT;
	cleanup_buf struct xc_buf quoted = XC_BUF_INIT;
	size_t bytes = 0;

	if (xc_cred_split_command(text, &words) < 0)
		return;
	for (size_t i = 0; i < words.count; i++) {
		bytes += strlen(words.items[i]);
		quote(words.items[i], &quoted);
	}
	MUST(bytes <= strlen(text));
	MUST(xc_cred_split_command(xc_buf_str(&quoted), &again) == 0);
	MUST(again.count == words.count);
	for (size_t i = 0; i < words.count; i++)
		MUST(strcmp(again.items[i], words.items[i]) == 0);
}

static void read_time(const char *text)
{
	char written[64];
	struct tm tm;
	time_t time, again;

	if (xc_cred_parse_time(text, &time) < 0)
		return;
	MUST(strlen(text) >= 20);
	/* An offset may lead out of the years of four digits. */
	if (!gmtime_r(&time, &tm) || tm.tm_year < -900 || tm.tm_year > 8099)
		return;
	MUST(strftime(written, sizeof(written), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
	MUST(xc_cred_parse_time(written, &again) == 0 && again == time);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	text = xc_strndup((const char *)data + 1, size - 1);
	if (data[0] <= 1)
		read_file(data[0] == 0 ? XC_PROFILE_CONFIG : XC_PROFILE_CREDENTIALS, text,
			  size - 1);
	else if (data[0] == 2)
		split(text);
	else
		read_time(text);
	free(text);
	return 0;
}
