/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential_process: a program that prints keys as JSON (AWS SDKs and Tools
 * Reference Guide, "Process credential provider"). It is run without a shell;
 * its standard error is the job's, since what it says there is for people.
 */
#include "aws/credentials/internal.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/program.h"

#define WHO "credential_process"
/* Long enough for one that opens a browser, too short to hang a job. */
#define TIMEOUT_MS 60000

/* One word; returns what follows it, NULL for an open quote. */
static const char *split_word(const char *at, struct xc_buf *word)
{
	char quote = '\0';

	for (; *at != '\0'; at++) {
		bool escapes = quote == '\0' ||
			       (quote == '"' && at[1] != '\0' && strchr("\\\"$`", at[1]) != NULL);

		if (*at == '\\' && quote != '\'' && escapes) {
			if (*++at == '\0')
				return NULL;
			xc_buf_add_char(word, *at);
		} else if (quote != '\0' ? *at == quote : *at == '"' || *at == '\'') {
			quote = quote != '\0' ? '\0' : *at;
		} else if (quote == '\0' && strchr(" \t\n\r", *at)) {
			break;
		} else {
			xc_buf_add_char(word, *at);
		}
	}
	return quote == '\0' ? at : NULL;
}

int xc_cred_split_command(const char *command, struct xc_strlist *ret_words)
{
	cleanup_strlist struct xc_strlist words = XC_STRLIST_INIT;

	for (;;) {
		cleanup_buf struct xc_buf word = XC_BUF_INIT;

		command += strspn(command, " \t\n\r");
		if (*command == '\0')
			break;
		command = split_word(command, &word);
		if (!command)
			return -1;
		xc_strlist_take(&words, xc_buf_steal(&word));
	}
	*ret_words = words;
	words = (struct xc_strlist)XC_STRLIST_INIT;
	return 0;
}

static int run(const struct xc_cred_context *context, const struct xc_strlist *words,
	       struct xc_buf *out, struct xc_err *err)
{
	const struct xc_program program = {
		.name = WHO,
		.argv = words->items,
		.environment = environ,
		.timeout_ms =
			context->process_timeout_ms ? context->process_timeout_ms : TIMEOUT_MS,
		.late_kind = XC_ERR_AUTH,
		.cancel = context->opts->cancel,
	};
	int status;

	if (xc_program_run(&program, out, &status, err) < 0)
		return -1;
	if (WIFSIGNALED(status))
		return xc_err_set(err, XC_ERR_AUTH, WHO " was ended by signal %d",
				  WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return xc_err_set(err, XC_ERR_AUTH, WHO " failed with exit code %d",
				  WEXITSTATUS(status));
	return 0;
}

static int take_keys(const struct xc_cred_context *context, const struct xc_buf *out,
		     struct xc_cred_draft *draft, struct xc_err *err)
{
	static const struct xc_cred_names names = { WHO, "AccessKeyId", "SecretAccessKey",
						    "SessionToken", "Expiration" };
	cleanup_cred_json json_t *answer =
		xc_cred_json_parse(xc_buf_str(out), out->len_bytes, WHO, err);

	if (!answer)
		return -1;
	if (json_integer_value(json_object_get(answer, "Version")) != 1)
		return xc_err_set(err, XC_ERR_CORRUPT, WHO " printed no \"Version\": 1");
	return xc_cred_from_json(context, answer, &names, draft, err);
}

int xc_cred_process(struct xc_cred_context *context, const char *profile, const char *command,
		    struct xc_cred_draft *draft, struct xc_err *err)
{
	cleanup_strlist struct xc_strlist words = XC_STRLIST_INIT;
	cleanup_secret_buf struct xc_buf out = XC_BUF_INIT;

	if (xc_cred_split_command(command, &words) < 0 || words.count == 0)
		return xc_err_set(err, XC_ERR_USAGE,
				  "profile %s: " WHO " has a quote that is not closed, or no "
				  "command",
				  XC_QUOTE(profile));
	/* exec wants the end marked. */
	xc_strlist_take(&words, NULL);
	xc_secret_buf_init(&out, XC_CRED_REPLY_BYTES_MAX);
	if (run(context, &words, &out, err) < 0 || take_keys(context, &out, draft, err) < 0)
		return xc_err_wrap(err, "profile %s", XC_QUOTE(profile));
	xc_cred_draft_source(draft, "profile %s by credential_process", profile);
	return XC_CRED_FOUND;
}
