/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define READ_BYTES ((size_t)65536)
/* How long a cancel may go unseen. */
#define SLICE_MS 100
/* Between the end of the output and that of the program there is hardly ever anything. */
#define END_SLICE_MS 5

struct child {
	const struct xc_program *program;
	pid_t pid;
	uint64_t deadline_ms;
};

static int spawn(const struct xc_program *program, int out_fd, pid_t *ret_pid)
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
	if (program->quiet)
		posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	result = posix_spawnp(ret_pid, program->argv[0], &actions, &attributes, program->argv,
			      program->environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

static int check_time(const struct child *child, struct xc_err *err)
{
	const struct xc_program *program = child->program;

	if (xc_cancel_check(program->cancel, err) < 0)
		return -1;
	if (xc_clock_ms() >= child->deadline_ms)
		return xc_err_set(err, program->late_kind, "%s did not end within %u s",
				  program->name, program->timeout_ms / 1000);
	return 0;
}

static int read_output(const struct child *child, int fd, struct xc_buf *out, struct xc_err *err)
{
	for (;;) {
		struct pollfd input = { .fd = fd, .events = POLLIN };
		size_t room_bytes = XC_MIN(READ_BYTES, out->max_bytes - out->len_bytes);
		char *room = xc_buf_reserve(out, room_bytes), spill;
		ssize_t got;

		if (!room)
			xc_out_of_memory();
		if (check_time(child, err) < 0)
			return -1;
		if (poll(&input, 1, SLICE_MS) <= 0)
			continue;
		/* Without room, only the end may come. */
		got = room_bytes > 0 ? read(fd, room, room_bytes) : read(fd, &spill, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return xc_err_sys(err, errno, "cannot read from %s", child->program->name);
		if (got == 0)
			return 0;
		if (room_bytes == 0)
			return xc_err_set(err, XC_ERR_CORRUPT, "%s printed more than %zu bytes",
					  child->program->name, out->max_bytes);
		xc_buf_grow_by(out, (size_t)got);
	}
}

/* A program may close its output and go on. */
static int await_end(const struct child *child, int *ret_status, struct xc_err *err)
{
	pid_t ended;

	while ((ended = waitpid(child->pid, ret_status, WNOHANG)) != child->pid) {
		if (ended < 0 && errno != EINTR)
			return xc_err_sys(err, errno, "cannot wait for %s", child->program->name);
		if (check_time(child, err) < 0)
			return -1;
		poll(NULL, 0, END_SLICE_MS);
	}
	return 0;
}

int xc_program_run(const struct xc_program *program, struct xc_buf *out, int *ret_status,
		   struct xc_err *err)
{
	struct child child = { .program = program,
			       .deadline_ms = xc_clock_ms() + program->timeout_ms };
	cleanup_fd int read_fd = -1, write_fd = -1;
	int fds[2], status, reason;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return xc_err_sys(err, errno, "cannot make a pipe for %s", program->name);
	read_fd = fds[0];
	write_fd = fds[1];
	reason = spawn(program, write_fd, &child.pid);
	if (reason != 0)
		return xc_err_sys(err, reason, "cannot run %s (%s)", program->name,
				  XC_QUOTE(program->argv[0]));
	xc_fd_close(&write_fd);
	if (read_output(&child, read_fd, out, err) < 0 || await_end(&child, &status, err) < 0) {
		kill(-child.pid, SIGKILL);
		while (waitpid(child.pid, NULL, 0) < 0 && errno == EINTR)
			continue;
		return -1;
	}
	*ret_status = status;
	return 0;
}
