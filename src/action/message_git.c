/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "action/message.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"

#define GIT_MS     10000
#define LOOK_MS    100
#define READ_BYTES 65536

static bool is_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/*
 * Whether a folder is the workspace or below it, by whatever name; also if
 * that cannot be told. Goes up from it until ".." leads nowhere.
 */
static bool is_in_workspace(const char *folder, const struct stat *workspace)
{
	cleanup_fd int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat here, above;

	if (fd < 0 || fstat(fd, &here) < 0)
		return true;
	while (!is_same(&here, workspace)) {
		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (up < 0)
			return true;
		close(fd);
		fd = up;
		if (fstat(fd, &above) < 0)
			return true;
		if (is_same(&above, &here))
			return false;
		here = above;
	}
	return true;
}

/*
 * The folders of PATH that are the machine's, joined: what lies in the
 * workspace, the commit's author may have written.
 */
static void trusted_folders(const char *workspace, struct xc_buf *ret_path)
{
	const char *path = getenv("PATH");
	struct stat status;

	if (stat(workspace, &status) < 0)
		return;
	while (path && *path != '\0') {
		size_t length = strcspn(path, ":");
		cleanup_free char *folder = xc_strndup(path, length);

		if (*folder == '/' && !is_in_workspace(folder, &status))
			xc_buf_addf(ret_path, "%s%s", ret_path->len_bytes ? ":" : "", folder);
		path += length + (path[length] == ':');
	}
}

static char *find_git(const char *path)
{
	while (*path != '\0') {
		size_t length = strcspn(path, ":");
		cleanup_free char *git = xc_asprintf("%.*s/git", (int)length, path);

		if (access(git, X_OK) == 0)
			return STEAL_PTR(git);
		path += length + (path[length] == ':');
	}
	return NULL;
}

/*
 * A repository is other people's text. Nothing of it may make git fetch what
 * is missing (not all versions know GIT_NO_LAZY_FETCH), or put another object
 * in a commit's place. And git needs none of the secrets of this step.
 *
 * A protocol may be called anything, even nothing, and git runs git-remote-NAME
 * for it. Of "/" it cannot: no program's name ends so.
 */
static const char *const quiet[] = {
	"GIT_NO_LAZY_FETCH=1",   "GIT_ALLOW_PROTOCOL=/",  "GIT_NO_REPLACE_OBJECTS=1",
	"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
};

static int spawn_git(char *const *argv, const char *path, int out, pid_t *ret_pid)
{
	cleanup_free char *path_line = xc_asprintf("PATH=%s", path);
	char *environment[ARRAY_LEN(quiet) + 2] = { path_line };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int failed;

	memcpy(environment + 1, quiet, sizeof(quiet));
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
	failed = posix_spawn(ret_pid, argv[0], &actions, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

/* Until there is something to read. */
static int wait_for(int fd, uint64_t end_ms, const struct xc_cancel *cancel, struct xc_err *err)
{
	struct pollfd input = { .fd = fd, .events = POLLIN };

	while (poll(&input, 1, LOOK_MS) <= 0) {
		if (xc_cancel_check(cancel, err) < 0)
			return -1;
		if (xc_clock_ms() >= end_ms)
			return xc_err_set(err, XC_ERR_IO, "git did not answer within %d s",
					  GIT_MS / 1000);
	}
	return 0;
}

static int read_all(int fd, const struct xc_cancel *cancel, struct xc_buf *out, struct xc_err *err)
{
	uint64_t end_ms = xc_clock_ms() + GIT_MS;

	for (;;) {
		char *room = xc_buf_reserve(out, READ_BYTES);
		ssize_t got;

		if (!room)
			return xc_err_set(err, XC_ERR_CORRUPT,
					  "the commit is larger than %zu bytes", out->max_bytes);
		if (wait_for(fd, end_ms, cancel, err) < 0)
			return -1;
		got = read(fd, room, READ_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return xc_err_sys(err, errno, "cannot read what git says");
		if (got == 0)
			return 0;
		xc_buf_grow_by(out, (size_t)got);
	}
}

static int run_git(char *const *argv, const char *path, const struct xc_cancel *cancel,
		   struct xc_buf *out, struct xc_err *err)
{
	int ends[2], status = -1, failed, result;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return xc_err_sys(err, errno, "cannot make a pipe");
	failed = spawn_git(argv, path, ends[1], &pid);
	close(ends[1]);
	if (failed) {
		close(ends[0]);
		return xc_err_set(err, XC_ERR_NOT_FOUND, "there is no git to read it with");
	}
	result = read_all(ends[0], cancel, out, err);
	close(ends[0]);
	if (result < 0)
		kill(pid, SIGKILL);
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
	cleanup_buf struct xc_buf path = XC_BUF_INIT;
	cleanup_free char *git = NULL;
	char option[] = "-c", in[] = "-C", cat[] = "cat-file", type[] = "commit";
	/* In job containers the workspace often belongs to another user. */
	char any_owner[] = "safe.directory=*";
	char *argv[] = { NULL, option, any_owner, in, folder, cat, type, commit, NULL };
	cleanup_buf struct xc_buf text = { .max_bytes = XC_ACTION_MESSAGE_BYTES_MAX };
	const char *body;

	if (access(place, F_OK) < 0)
		return xc_err_set(err, XC_ERR_NOT_FOUND, "no repository is checked out");
	trusted_folders(workspace, &path);
	argv[0] = git = find_git(xc_buf_str(&path));
	if (!git)
		return xc_err_set(err, XC_ERR_NOT_FOUND, "there is no git to read it with");
	if (run_git(argv, path.data, source->cancel, &text, err) < 0)
		return -1;
	/* Headers, an empty line, the message: gitformat-commit. */
	body = text.data ? strstr(text.data, "\n\n") : NULL;
	if (!body)
		return xc_err_set(err, XC_ERR_CORRUPT, "git shows no commit");
	*ret_message = xc_strdup(body + 2);
	return 0;
}
