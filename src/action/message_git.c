/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "action/message.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/program.h"

#define GIT_MS 10000

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

static int run_git(char *const *argv, const char *path, const struct xc_cancel *cancel,
		   struct xc_buf *out, struct xc_err *err)
{
	cleanup_free char *path_line = xc_asprintf("PATH=%s", path);
	char *environment[ARRAY_LEN(quiet) + 2] = { path_line };
	const struct xc_program program = {
		.name = "git",
		.argv = argv,
		.environment = environment,
		.quiet = true,
		.timeout_ms = GIT_MS,
		.late_kind = XC_ERR_IO,
		.cancel = cancel,
	};
	int status;

	memcpy(environment + 1, quiet, sizeof(quiet));
	if (xc_program_run(&program, out, &status, err) < 0)
		return -1;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return xc_err_set(err, XC_ERR_NOT_FOUND,
				  "the commit was not fetched into the workspace");
	return 0;
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
		return xc_err_set(err, XC_ERR_NOT_FOUND, "git is not installed");
	if (run_git(argv, path.data, source->cancel, &text, err) < 0)
		return -1;
	/* Headers, an empty line, the message: gitformat-commit. */
	body = text.data ? strstr(text.data, "\n\n") : NULL;
	if (!body)
		return xc_err_set(err, XC_ERR_CORRUPT, "git printed no commit");
	*ret_message = xc_strdup(body + 2);
	return 0;
}
