/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The side of a mounter that is root's: a loop that answers requests, and,
 * once something is attached, keeps it. What a request says is checked here:
 * this side may be asked by anybody who may run it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "mount/attach.h"
#include "mount/keeper.h"
#include "mount/mountinfo.h"

struct server {
	int socket_fd;                        /* -1 once the other side is gone */
	int parent_fd;                        /* while it is open somebody waits for this process */
	long asker;                           /* whose the targets must be; -1: anybody's */
	int fuse_mount_fd;                    /* for the attach that follows */
	int loop_fds[XC_MOUNTER_DEVICES_MAX]; /* to swap; -1 */
	uint32_t loop_count;
	struct xc_keeper keeper;
};

/* --- attach --- */

/* The descriptors of a request in their order. */
struct fd_cursor {
	struct xc_wire_fds *from;
	uint32_t next;
};

/* The next one, still the message's; -1 if there is none. */
static int peek_fd(struct fd_cursor *cursor)
{
	return cursor->next < cursor->from->count ? cursor->from->items[cursor->next++] : -1;
}

/* The next one, which is the caller's. */
static int take_fd(struct fd_cursor *cursor)
{
	uint32_t at = cursor->next;

	if (at >= cursor->from->count)
		return -1;
	cursor->next++;
	return STEAL_FD(cursor->from->items[at]);
}

static int refuse_request(struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_INTERNAL, "a request to mount makes no sense");
}

static bool is_component(const char *name, size_t size)
{
	size_t length = strnlen(name, size);

	return length > 0 && length < size && !memchr(name, '/', length) &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static uint32_t count_fds(const struct xc_wire_request *request)
{
	uint32_t count = 1 + (request->fuse ? 0 : request->device_count) +
			 2 * request->folder_count + (request->watched ? 1 : 0);

	for (uint32_t i = 0; i < request->top_count; i++)
		count += request->tops[i].writable ? 3 : 1;
	return count;
}

static bool makes_sense(const struct server *server, const struct xc_wire_request *request,
			const struct xc_wire_fds *fds)
{
	if (server->keeper.mount_count > 0 || request->way < XC_MOUNT_BY_FILE_512 ||
	    request->way > XC_MOUNT_BY_LOOP_4096 ||
	    request->device_count > XC_MOUNTER_DEVICES_MAX || request->top_count == 0 ||
	    request->top_count > XC_MOUNTER_TOPS_MAX ||
	    request->folder_count > XC_MOUNTER_FOLDERS_MAX ||
	    (request->fuse && server->fuse_mount_fd < 0) || count_fds(request) != fds->count)
		return false;
	for (uint32_t i = 0; i < request->top_count; i++)
		if (!is_component(request->tops[i].name, XC_WIRE_NAME_MAX))
			return false;
	for (uint32_t i = 0; i < request->folder_count; i++)
		if (!is_component(request->folders[i], XC_WIRE_FOLDER_MAX))
			return false;
	return true;
}

static bool is_askers(const struct server *server, int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) &&
	       (server->asker < 0 || status.st_uid == (uid_t)server->asker);
}

static bool is_empty(int dir_fd)
{
	int own_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own_fd < 0 ? NULL : fdopendir(own_fd);
	const struct dirent *entry;
	bool empty = true;

	if (!dir) {
		xc_fd_close(&own_fd);
		return false;
	}
	while (empty && (entry = readdir(dir)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(dir);
	return empty;
}

static int open_target(const struct server *server, int above_fd, const char *name,
		       struct xc_err *err)
{
	cleanup_fd int fd = openat(above_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return xc_err_sys(err, errno, "cannot open %s", XC_QUOTE(name));
	if (!is_askers(server, fd))
		return xc_err_set(err, XC_ERR_UNSUPPORTED, "%s is another user's", XC_QUOTE(name));
	if (!is_empty(fd))
		return xc_err_set(err, XC_ERR_UNSUPPORTED, "%s is not empty", XC_QUOTE(name));
	return STEAL_FD(fd);
}

/* A mount that is ready to be shown. */
struct pending {
	int mount_fd, target_fd;
};

/* An attach on its way. */
struct attaching {
	const struct server *server;
	const struct xc_wire_request *request;
	struct fd_cursor fds;
	int erofs_fd;
	struct pending pending[XC_MOUNTER_TOPS_MAX];
};

static int make_top(struct attaching *attaching, uint32_t number, struct xc_kept_mount *kept,
		    struct xc_err *err)
{
	const struct xc_wire_top *top = &attaching->request->tops[number];
	struct xc_attach_overlay overlay = { .erofs_mount_fd = attaching->erofs_fd };
	struct pending *pending = &attaching->pending[number];
	char name[16], source[32];

	snprintf(name, sizeof(name), "%u", number);
	kept->above_fd = take_fd(&attaching->fds);
	kept->made = top->made;
	memcpy(kept->name, top->name, sizeof(kept->name));
	pending->target_fd = open_target(attaching->server, kept->above_fd, kept->name, err);
	if (pending->target_fd < 0)
		return -1;
	if (!top->writable)
		return xc_attach_read_only(attaching->erofs_fd, name, &pending->mount_fd, err);
	snprintf(source, sizeof(source), XC_MOUNTINFO_OVERLAY "%d", (int)getpid());
	overlay.top = name;
	overlay.source = source;
	overlay.upper_fd = peek_fd(&attaching->fds);
	overlay.work_fd = peek_fd(&attaching->fds);
	return xc_attach_overlay(&overlay, &pending->mount_fd, err);
}

static int take_folders(struct attaching *attaching, struct xc_keeper *keeper, struct xc_err *err)
{
	const struct xc_wire_request *request = attaching->request;

	for (uint32_t i = 0; i < request->folder_count; i++) {
		struct xc_kept_folder *folder = &keeper->folders[i];

		folder->base_fd = take_fd(&attaching->fds);
		folder->fd = take_fd(&attaching->fds);
		memcpy(folder->name, request->folders[i], sizeof(folder->name));
		keeper->folder_count = i + 1;
		if (!is_askers(attaching->server, folder->fd))
			return refuse_request(err);
	}
	return 0;
}

/* All that can fail before the first of them is shown. */
static int make_tops(struct attaching *attaching, struct xc_keeper *keeper, struct xc_err *err)
{
	const struct xc_wire_request *request = attaching->request;

	for (uint32_t i = 0; i < request->top_count; i++) {
		keeper->mount_count = i + 1;
		if (make_top(attaching, i, &keeper->mounts[i], err) < 0)
			return -1;
	}
	if (take_folders(attaching, keeper, err) < 0)
		return -1;
	keeper->watch_fd = request->watched ? take_fd(&attaching->fds) : -1;
	return 0;
}

static int show(const struct attaching *attaching, struct xc_keeper *keeper, struct xc_err *err)
{
	for (uint32_t i = 0; i < keeper->mount_count; i++) {
		const struct pending *pending = &attaching->pending[i];

		keeper->mounts[i].id = xc_attach_mount_id(pending->mount_fd);
		if (xc_attach_move(pending->mount_fd, pending->target_fd, err) < 0) {
			xc_keeper_unmount(keeper);
			return -1;
		}
	}
	return 0;
}

static int attach_tops(struct attaching *attaching, struct xc_keeper *keeper, struct xc_err *err)
{
	int result;

	for (uint32_t i = 0; i < XC_MOUNTER_TOPS_MAX; i++)
		attaching->pending[i] = (struct pending){ .mount_fd = -1, .target_fd = -1 };
	result = make_tops(attaching, keeper, err);
	if (result == 0)
		result = show(attaching, keeper, err);
	for (uint32_t i = 0; i < XC_MOUNTER_TOPS_MAX; i++) {
		xc_fd_close(&attaching->pending[i].mount_fd);
		xc_fd_close(&attaching->pending[i].target_fd);
	}
	return result;
}

static void close_loops(struct server *server)
{
	for (uint32_t i = 0; i < server->loop_count; i++)
		xc_fd_close(&server->loop_fds[i]);
	server->loop_count = 0;
}

static int attach(struct server *server, const struct xc_wire_request *request,
		  struct xc_wire_fds *fds, struct xc_err *err)
{
	struct attaching attaching = {
		.server = server,
		.request = request,
		.fds = { .from = fds },
		.erofs_fd = -1,
	};
	struct xc_attach_sources sources = {
		.way = request->way,
		.device_count = request->device_count,
		.fuse_mount_fd = request->fuse ? server->fuse_mount_fd : -1,
	};
	int result;

	if (!makes_sense(server, request, fds))
		return refuse_request(err);
	sources.image_fd = peek_fd(&attaching.fds);
	sources.raw_fds = &fds->items[attaching.fds.next];
	attaching.fds.next += request->fuse ? 0 : request->device_count;
	if (xc_attach_erofs(&sources, server->loop_fds, &attaching.erofs_fd, err) < 0)
		return -1;
	server->loop_count = request->device_count;
	if (!request->fuse)
		close_loops(server);
	result = attach_tops(&attaching, &server->keeper, err);
	xc_fd_close(&attaching.erofs_fd);
	if (result < 0) {
		close_loops(server);
		xc_keeper_forget(&server->keeper);
		return -1;
	}
	xc_fd_close(&server->fuse_mount_fd);
	return 0;
}

/* --- the other requests --- */

static int detach(const struct xc_wire_request *request, const struct xc_wire_fds *fds,
		  struct xc_err *err)
{
	const char *name = request->tops[0].name;
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	cleanup_fd int fd = -1;
	struct xc_mountinfo info;
	uint64_t id;
	char *rest;

	if (fds->count != 1 || !is_component(name, XC_WIRE_NAME_MAX))
		return refuse_request(err);
	fd = openat(fds->items[0], name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || xc_mountinfo_read(&text) < 0)
		return xc_err_sys(err, errno, "cannot open %s", XC_QUOTE(name));
	id = xc_attach_mount_id(fd);
	rest = text.data;
	while (xc_mountinfo_next(&rest, &info))
		if (info.id == id && xc_mountinfo_keeper(&info) != 0)
			return xc_detach(fds->items[0], name, id, err);
	return xc_err_set(err, XC_ERR_USAGE, "%s is not mounted by xcache", XC_QUOTE(name));
}

static int swap(struct server *server, const struct xc_wire_fds *fds, struct xc_err *err)
{
	int result;

	if (fds->count != server->loop_count)
		return refuse_request(err);
	result = xc_attach_swap(server->loop_fds, fds->items, fds->count, err);
	if (result == 0)
		close_loops(server);
	return result;
}

static int answer(struct server *server, const struct xc_wire_request *request,
		  struct xc_wire_fds *fds, struct xc_wire_reply *reply, int *ret_fd)
{
	struct xc_err *err = &reply->err;
	enum xc_mount_way way;

	switch (request->kind) {
	case XC_WIRE_PROBE:
		if (fds->count != 1)
			return refuse_request(err);
		if (xc_mount_probe(fds->items[0], &way, err) < 0)
			return -1;
		reply->number = way;
		return 0;
	case XC_WIRE_FUSE:
		xc_fd_close(&server->fuse_mount_fd);
		return xc_attach_fuse(ret_fd, &server->fuse_mount_fd, err);
	case XC_WIRE_ATTACH:
		return attach(server, request, fds, err);
	case XC_WIRE_DETACH:
		return detach(request, fds, err);
	case XC_WIRE_SWAP:
		return swap(server, fds, err);
	default:
		return refuse_request(err);
	}
}

/* One request. False if there is nobody any more who asks. */
static bool serve_one(struct server *server)
{
	cleanup_wire_fds struct xc_wire_fds fds = { .count = 0 };
	struct xc_wire_request request;
	struct xc_wire_reply reply = { 0 };
	cleanup_fd int fd = -1;
	bool had_mounts = server->keeper.mount_count > 0;

	if (xc_wire_receive(server->socket_fd, &request, sizeof(request), &fds, 0) < 0)
		return false;
	reply.result = answer(server, &request, &fds, &reply, &fd);
	if (xc_wire_send(server->socket_fd, &reply, sizeof(reply), &fd, fd >= 0) == 0) {
		/* From here on nobody has to wait for this process. */
		if (server->keeper.mount_count > 0)
			xc_fd_close(&server->parent_fd);
		return true;
	}
	/* Who asked does not know of the mount, and so nobody does. */
	if (!had_mounts && server->keeper.mount_count > 0) {
		xc_keeper_unmount(&server->keeper);
		xc_keeper_clean(&server->keeper);
	}
	return false;
}

/* --- the loop --- */

enum { SOCKET, MOUNTS, WATCHED, SIGNALS, EVENTS };

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int serve(struct server *server)
{
	cleanup_fd int mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	cleanup_fd int signals_fd = open_signals();
	struct xc_keeper *keeper = &server->keeper;

	while (server->socket_fd >= 0 || keeper->mount_count > 0) {
		struct pollfd events[EVENTS] = {
			[SOCKET] = { .fd = server->socket_fd, .events = POLLIN },
			[MOUNTS] = { .fd = keeper->mount_count ? mounts_fd : -1,
				     .events = POLLPRI },
			[WATCHED] = { .fd = keeper->watch_fd, .events = POLLIN },
			[SIGNALS] = { .fd = signals_fd, .events = POLLIN },
		};

		if (poll(events, EVENTS, -1) < 0 && errno != EINTR)
			return 1;
		if (events[WATCHED].revents || events[SIGNALS].revents) {
			xc_keeper_unmount(keeper);
			xc_fd_close(&keeper->watch_fd);
			if (keeper->mount_count == 0)
				return 0;
		}
		if (events[SOCKET].revents && !serve_one(server))
			xc_fd_close(&server->socket_fd);
		if (keeper->mount_count > 0 && !xc_keeper_has_mounts(keeper)) {
			xc_keeper_clean(keeper);
			return 0;
		}
	}
	return 0;
}

/* Who stays must not hold anything of who started it. */
static void leave_all(void)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	for (int fd = STDIN_FILENO; null_fd >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null_fd, fd);
	xc_fd_close(&null_fd);
	if (chdir("/") < 0)
		_exit(1);
}

static bool is_seqpacket(int fd)
{
	int type;
	socklen_t length = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_SEQPACKET;
}

int xc_mounter_main(void)
{
	const char *asker = getenv("SUDO_UID");
	struct server server = {
		.asker = asker ? strtol(asker, NULL, 10) : -1,
		.fuse_mount_fd = -1,
		.keeper = { .watch_fd = -1 },
	};
	int ends[2], code;
	pid_t pid;
	char byte;

	if (!is_seqpacket(STDIN_FILENO)) {
		fputs("xcache mounter: other commands run this one\n", stderr);
		return 2;
	}
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0);
	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		return 1;
	if (pid > 0) {
		/* sudo, or who waits for us, waits until nobody has to. */
		close(ends[1]);
		dup2(ends[0], STDIN_FILENO);
		return xc_fd_read_full(STDIN_FILENO, &byte, 1) < 0;
	}
	close(ends[0]);
	server.parent_fd = ends[1];
	server.socket_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	leave_all();
	code = serve(&server);
	xc_keeper_forget(&server.keeper);
	_exit(code);
}
