/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/mounter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "mount/wire.h"

struct xc_mounter {
	int socket_fd;
	pid_t pid; /* the process itself, or sudo's */
	bool by_sudo;
	bool answered; /* it did once */
};

/* --- starting --- */

/* Where sudo(8) is: a PATH of the job's is not asked for what runs as root. */
static const char *const sudo_paths[] = { "/usr/bin/sudo", "/bin/sudo", "/usr/local/bin/sudo",
					  "/run/wrappers/bin/sudo" };

static const char *find_sudo(void)
{
	for (size_t i = 0; i < ARRAY_LEN(sudo_paths); i++)
		if (access(sudo_paths[i], X_OK) == 0)
			return sudo_paths[i];
	return NULL;
}

/* The child gets its end as standard input: sudo hands on the first three descriptors alone. */
static int spawn(const char *const *argv, int socket_fd, pid_t *ret_pid)
{
	char *const environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, pipe_signal;
	int error;

	sigemptyset(&none);
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, socket_fd, STDIN_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	error = posix_spawn(ret_pid, argv[0], &actions, &attributes, (char *const *)argv,
			    environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	errno = error;
	return error ? -1 : 0;
}

static int spawn_self(struct xc_mounter *mounter, int socket_fd, struct xc_err *err)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *sudo = find_sudo();
	const char *const direct[] = { self, "mounter", NULL };
	const char *const by_sudo[] = { sudo, "-n", "--", self, "mounter", NULL };

	if (length < 0)
		return xc_err_sys(err, errno, "cannot find this program's file");
	self[length] = '\0';
	mounter->by_sudo = geteuid() != 0;
	if (mounter->by_sudo && !sudo)
		return xc_err_set(err, XC_ERR_UNSUPPORTED,
				  "only root can mount, and there is no sudo here");
	if (spawn(mounter->by_sudo ? by_sudo : direct, socket_fd, &mounter->pid) < 0)
		return xc_err_sys(err, errno, "cannot start %s", XC_QUOTE(self));
	return 0;
}

int xc_mounter_start(struct xc_mounter **ret_mounter, struct xc_err *err)
{
	struct xc_mounter *mounter = xc_calloc(1, sizeof(*mounter));
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		free(mounter);
		return xc_err_sys(err, errno, "cannot make a socket");
	}
	mounter->socket_fd = ends[0];
	if (spawn_self(mounter, ends[1], err) < 0) {
		close(ends[1]);
		xc_mounter_leave(mounter);
		return -1;
	}
	close(ends[1]);
	*ret_mounter = mounter;
	return 0;
}

void xc_mounter_leave(struct xc_mounter *mounter)
{
	if (!mounter)
		return;
	xc_fd_close(&mounter->socket_fd);
	while (mounter->pid > 0 && waitpid(mounter->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(mounter);
}

/* --- asking --- */

/* Descriptors on their way. */
struct fd_list {
	int items[XC_WIRE_FDS_MAX];
	uint32_t count;
};

static void add_fd(struct fd_list *list, int fd)
{
	list->items[list->count++] = fd;
}

static int explain_silence(const struct xc_mounter *mounter, struct xc_err *err)
{
	if (errno == ETIMEDOUT)
		return xc_err_set(err, XC_ERR_IO, "the process that mounts does not answer");
	if (mounter->by_sudo && !mounter->answered)
		return xc_err_set(err, XC_ERR_UNSUPPORTED,
				  "only root can mount, and sudo asks this user for a password");
	return xc_err_sys(err, errno, "the process that mounts has ended");
}

/* What came back; to be released with its descriptors. */
struct answer {
	struct xc_wire_reply reply;
	struct xc_wire_fds fds;
};

static void release_answer(struct answer *answer)
{
	xc_wire_fds_close(&answer->fds);
}

#define cleanup_answer __attribute__((cleanup(release_answer)))
#define ANSWER_INIT                                                                                \
	{                                                                                          \
		.fds = {.count = 0 }                                                               \
	}

static int ask(struct xc_mounter *mounter, const struct xc_wire_request *request,
	       const struct fd_list *fds, struct answer *ret_answer, struct xc_err *err)
{
	if (xc_wire_send(mounter->socket_fd, request, sizeof(*request), fds->items, fds->count) <
		    0 ||
	    xc_wire_receive(mounter->socket_fd, &ret_answer->reply, sizeof(ret_answer->reply),
			    &ret_answer->fds, XC_MOUNTER_MS) < 0)
		return explain_silence(mounter, err);
	mounter->answered = true;
	if (ret_answer->reply.result == 0)
		return 0;
	*err = ret_answer->reply.err;
	return -1;
}

int xc_mounter_probe(struct xc_mounter *mounter, int dir_fd, enum xc_mount_way *ret_way,
		     struct xc_err *err)
{
	const struct xc_wire_request request = { .kind = XC_WIRE_PROBE };
	const struct fd_list fds = { .items = { dir_fd }, .count = 1 };
	cleanup_answer struct answer answer = ANSWER_INIT;

	if (ask(mounter, &request, &fds, &answer, err) < 0)
		return -1;
	*ret_way = answer.reply.number;
	return 0;
}

int xc_mounter_fuse(struct xc_mounter *mounter, int *ret_fuse_fd, struct xc_err *err)
{
	const struct xc_wire_request request = { .kind = XC_WIRE_FUSE };
	const struct fd_list none = { .count = 0 };
	cleanup_answer struct answer answer = ANSWER_INIT;

	if (ask(mounter, &request, &none, &answer, err) < 0)
		return -1;
	if (answer.fds.count != 1)
		return xc_err_set(err, XC_ERR_INTERNAL, "the process that mounts sent no file");
	*ret_fuse_fd = STEAL_FD(answer.fds.items[0]);
	return 0;
}

/* --- attaching --- */

static void describe_top(const struct xc_mounter_top *top, struct xc_wire_top *wire,
			 struct fd_list *fds)
{
	wire->made = top->point.made;
	wire->writable = top->upper_fd >= 0;
	snprintf(wire->name, sizeof(wire->name), "%s", top->point.name);
	add_fd(fds, top->point.above_fd);
	if (wire->writable) {
		add_fd(fds, top->upper_fd);
		add_fd(fds, top->work_fd);
	}
}

static void describe(const struct xc_mounter_attach *attach, struct xc_wire_request *request,
		     struct fd_list *fds)
{
	add_fd(fds, attach->image_fd);
	for (uint32_t i = 0; !attach->fuse && i < attach->device_count; i++)
		add_fd(fds, attach->raw_fds[i]);
	for (uint32_t i = 0; i < attach->top_count; i++)
		describe_top(&attach->tops[i], &request->tops[i], fds);
	for (uint32_t i = 0; i < attach->folder_count; i++) {
		snprintf(request->folders[i], XC_WIRE_FOLDER_MAX, "%s", attach->folders[i].name);
		add_fd(fds, attach->folders[i].base_fd);
		add_fd(fds, attach->folders[i].fd);
	}
	if (attach->watch_fd >= 0)
		add_fd(fds, attach->watch_fd);
}

int xc_mounter_attach(struct xc_mounter *mounter, const struct xc_mounter_attach *attach,
		      struct xc_err *err)
{
	struct xc_wire_request request = {
		.kind = XC_WIRE_ATTACH,
		.way = attach->way,
		.device_count = attach->device_count,
		.top_count = attach->top_count,
		.folder_count = attach->folder_count,
		.fuse = attach->fuse,
		.watched = attach->watch_fd >= 0,
	};
	cleanup_answer struct answer answer = ANSWER_INIT;
	struct fd_list fds = { .count = 0 };

	if (attach->device_count > XC_MOUNTER_DEVICES_MAX ||
	    attach->top_count > XC_MOUNTER_TOPS_MAX ||
	    attach->folder_count > XC_MOUNTER_FOLDERS_MAX)
		return xc_err_set(err, XC_ERR_UNSUPPORTED,
				  "%u paths are more than one mount can have", attach->top_count);
	describe(attach, &request, &fds);
	return ask(mounter, &request, &fds, &answer, err);
}

int xc_mounter_detach(struct xc_mounter *mounter, int above_fd, const char *name,
		      struct xc_err *err)
{
	struct xc_wire_request request = { .kind = XC_WIRE_DETACH, .top_count = 1 };
	const struct fd_list fds = { .items = { above_fd }, .count = 1 };
	cleanup_answer struct answer answer = ANSWER_INIT;

	snprintf(request.tops[0].name, sizeof(request.tops[0].name), "%s", name);
	return ask(mounter, &request, &fds, &answer, err);
}

int xc_mounter_swap(struct xc_mounter *mounter, const int *raw_fds, uint32_t count,
		    struct xc_err *err)
{
	const struct xc_wire_request request = { .kind = XC_WIRE_SWAP, .device_count = count };
	struct fd_list fds = { .count = 0 };
	cleanup_answer struct answer answer = ANSWER_INIT;

	if (count > XC_MOUNTER_DEVICES_MAX)
		return xc_err_set(err, XC_ERR_INTERNAL, "too many devices to swap");
	for (uint32_t i = 0; i < count; i++)
		add_fd(&fds, raw_fds[i]);
	return ask(mounter, &request, &fds, &answer, err);
}
