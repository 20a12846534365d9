/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential_process: a program that prints keys as JSON (AWS SDKs and Tools
 * Reference Guide, "Process credential provider"). It is run without a shell;
 * its standard error is the job's, since what it says there is for people.
 */
#include "s3/credentials_internal.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#define WHO "credential_process"
/* Long enough for one that opens a browser, too short to hang a job. */
#define TIMEOUT_MS 60000
/* How long a cancel may go unseen. */
#define SLICE_MS 100

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

/* In a group of its own, so that what it starts can be ended with it, and with no signal blocked.
 */
static int start(char *const *words, int out_fd, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int result;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	result = posix_spawnp(ret_pid, words[0], &actions, &attributes, words, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

static unsigned timeout_ms(const struct xc_cred_context *context)
{
	return context->process_timeout_ms ? context->process_timeout_ms : TIMEOUT_MS;
}

static int check_time(const struct xc_cred_context *context, int64_t deadline_ms,
		      struct xc_err *err)
{
	if (xc_cancel_check(context->opts->cancel, err) < 0)
		return -1;
	if ((int64_t)xc_clock_ms() >= deadline_ms)
		return xc_err_set(err, XC_ERR_AUTH, WHO " did not end within %u s",
				  timeout_ms(context) / 1000);
	return 0;
}

static int read_output(const struct xc_cred_context *context, int fd, int64_t deadline_ms,
		       struct xc_buf *out, struct xc_err *err)
{
	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		size_t room = XC_CRED_REPLY_BYTES_MAX - out->len_bytes;
		ssize_t count;

		if (check_time(context, deadline_ms, err) < 0)
			return -1;
		if (poll(&poll_fd, 1, SLICE_MS) <= 0)
			continue;
		if (room == 0)
			return xc_err_set(err, XC_ERR_CORRUPT, WHO " printed more than 64 KiB");
		count = read(fd, out->data + out->len_bytes, room);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return xc_err_sys(err, errno, "cannot read from " WHO);
		if (count == 0)
			return 0;
		xc_buf_grow_by(out, (size_t)count);
	}
}

static int await_end(const struct xc_cred_context *context, pid_t pid, int64_t deadline_ms,
		     bool *ret_ended, struct xc_err *err)
{
	int status;

	for (;;) {
		pid_t ended = waitpid(pid, &status, WNOHANG);

		if (ended == pid)
			break;
		if (ended < 0 && errno != EINTR)
			return xc_err_sys(err, errno, "cannot wait for " WHO);
		if (check_time(context, deadline_ms, err) < 0)
			return -1;
		poll(NULL, 0, 5);
	}
	*ret_ended = true;
	if (WIFSIGNALED(status))
		return xc_err_set(err, XC_ERR_AUTH, WHO " was ended by signal %d",
				  WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return xc_err_set(err, XC_ERR_AUTH, WHO " failed with exit code %d",
				  WEXITSTATUS(status));
	return 0;
}

static int run(const struct xc_cred_context *context, const struct xc_strlist *words,
	       struct xc_buf *out, struct xc_err *err)
{
	int64_t deadline_ms = (int64_t)xc_clock_ms() + timeout_ms(context);
	cleanup_fd int read_fd = -1, write_fd = -1;
	bool has_ended = false;
	int fds[2], reason, result;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return xc_err_sys(err, errno, "cannot make a pipe for " WHO);
	read_fd = fds[0];
	write_fd = fds[1];
	reason = start(words->items, write_fd, &pid);
	if (reason != 0)
		return xc_err_sys(err, reason, "cannot run the " WHO " %s",
				  XC_QUOTE(words->items[0]));
	xc_fd_close(&write_fd);
	result = read_output(context, read_fd, deadline_ms, out, err);
	if (result == 0)
		result = await_end(context, pid, deadline_ms, &has_ended, err);
	if (!has_ended) {
		kill(-pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	return result;
}

static int take_keys(const struct xc_cred_context *context, const struct xc_buf *out,
		     struct xc_cred_draft *draft, struct xc_err *err)
{
	static const struct xc_cred_names names = { "AccessKeyId", "SecretAccessKey",
						    "SessionToken", "Expiration" };
	cleanup_cred_json json_t *answer =
		xc_cred_json_parse(xc_buf_str(out), out->len_bytes, WHO, err);

	if (!answer)
		return -1;
	if (json_integer_value(json_object_get(answer, "Version")) != 1)
		return xc_err_set(err, XC_ERR_CORRUPT, WHO " printed no \"Version\": 1");
	return xc_cred_from_json(context, answer, &names, WHO, draft, err);
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
