/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "action/message.h"
#include "base/buf.h"
#include "base/fd.h"

extern char **environ;

/* In a partial clone git would go and fetch what is not there. */
static char **quiet_environment(void)
{
	static char no_fetch[] = "GIT_NO_LAZY_FETCH=1", no_prompt[] = "GIT_TERMINAL_PROMPT=0";
	size_t count = 0;
	char **copy;

	while (environ[count])
		count++;
	copy = xc_calloc(count + 3, sizeof(*copy));
	memcpy(copy, environ, count * sizeof(*copy));
	copy[count] = no_fetch;
	copy[count + 1] = no_prompt;
	return copy;
}

static int spawn_git(char *const *argv, int out, pid_t *ret_pid)
{
	cleanup_free char **environment = quiet_environment();
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int failed;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	/* Signals that this program ignores would stay ignored there. */
	posix_spawnattr_init(&attributes);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	failed = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

static int read_all(int fd, struct xc_buf *out, struct xc_err *err)
{
	for (;;) {
		char *room = xc_buf_reserve(out, 65536);
		ssize_t got = room ? read(fd, room, 65536) : -1;

		if (!room)
			return xc_err_set(err, XC_ERR_CORRUPT,
					  "the commit is larger than %zu bytes", out->max_bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return xc_err_sys(err, errno, "cannot read what git says");
		if (got == 0)
			return 0;
		out->len_bytes += (size_t)got;
	}
}

static int run_git(char *const *argv, struct xc_buf *out, struct xc_err *err)
{
	int ends[2], status = -1, failed, result;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return xc_err_sys(err, errno, "cannot make a pipe");
	failed = spawn_git(argv, ends[1], &pid);
	close(ends[1]);
	if (failed) {
		close(ends[0]);
		return xc_err_set(err, XC_ERR_NOT_FOUND, "there is no git to read it with");
	}
	result = read_all(ends[0], out, err);
	/* If it was too much, git ends by SIGPIPE. */
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (result == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		return xc_err_set(err, XC_ERR_NOT_FOUND,
				  "the commit was not fetched into the workspace");
	return result;
}

int xc_action_message_from_git(const struct xc_action_message_source *source, char **ret_message,
			       struct xc_err *err)
{
	const char *workspace = source->context->workspace ? source->context->workspace : ".";
	cleanup_free char *place = xc_asprintf("%s/.git", workspace);
	cleanup_free char *commit = xc_strdup(source->sha ? source->sha : "HEAD^2");
	cleanup_free char *folder = xc_strdup(workspace);
	char git[] = "git", option[] = "-c", in[] = "-C", cat[] = "cat-file", type[] = "commit";
	/* In job containers the workspace often belongs to another user. */
	char any_owner[] = "safe.directory=*";
	char *argv[] = { git, option, any_owner, in, folder, cat, type, commit, NULL };
	cleanup_buf struct xc_buf text = { .max_bytes = XC_ACTION_MESSAGE_BYTES_MAX };
	const char *body;

	if (access(place, F_OK) < 0)
		return xc_err_set(err, XC_ERR_NOT_FOUND, "no repository is checked out");
	if (run_git(argv, &text, err) < 0)
		return -1;
	/* Headers, an empty line, the message: gitformat-commit. */
	body = text.data ? strstr(text.data, "\n\n") : NULL;
	if (!body)
		return xc_err_set(err, XC_ERR_CORRUPT, "git shows no commit");
	*ret_message = xc_strdup(body + 2);
	return 0;
}
