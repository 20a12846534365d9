/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/background.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/fd.h"

/* A runner ends all processes at the end of a job that have it as the job has it. */
#define TRACKING_VARIABLE "RUNNER_TRACKING_ID="

extern char **environ;

static const int handed_on[] = { SIGINT, SIGTERM, SIGHUP };

static volatile sig_atomic_t child_pid;
static int ready_fd = -1;

/* A terminal sends SIGINT to both: the child gets it twice then, and is in a hurry. */
static void hand_on(int signal_number)
{
	if (signal_number != SIGINT || !isatty(STDIN_FILENO))
		kill((pid_t)child_pid, signal_number);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = hand_on, .sa_flags = SA_RESTART }, before;

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(handed_on); i++) {
		sigaction(handed_on[i], &action, &before);
		if (before.sa_handler == SIG_IGN)
			sigaction(handed_on[i], &before, NULL);
	}
}

/* As the child says, or else as it ends. */
static int wait_for_code(pid_t child, int fd)
{
	unsigned char code;
	int status;

	if (xc_fd_read_full(fd, &code, 1) == 1)
		return code;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void xc_background_begin(void)
{
	int ends[2];
	pid_t child, parent = getpid();

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	child = fork();
	if (child > 0) {
		child_pid = child;
		catch_signals();
		close(ends[1]);
		_exit(wait_for_code(child, ends[0]));
	}
	close(ends[0]);
	if (child < 0) {
		close(ends[1]);
		return;
	}
	/* One who kills the command means its work. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		raise(SIGTERM);
	if (ends[1] > STDERR_FILENO + 1) {
		ready_fd = fcntl(ends[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		close(ends[1]);
	} else {
		ready_fd = ends[1];
	}
	syscall(SYS_close_range, (unsigned)ready_fd + 1, ~0u, 0);
}

/* In the memory that /proc/<pid>/environ shows. */
static void leave_job(void)
{
	for (char **variable = environ; *variable; variable++)
		if (strncmp(*variable, TRACKING_VARIABLE, strlen(TRACKING_VARIABLE)) == 0)
			memset(*variable, ' ', strlen(*variable));
}

void xc_background_ready(int code)
{
	const unsigned char byte = (unsigned char)code;
	cleanup_fd int null_fd = -1;

	if (ready_fd < 0)
		return;
	prctl(PR_SET_PDEATHSIG, 0);
	fflush(NULL);
	setsid();
	leave_job();
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null_fd >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null_fd, fd);
	if (chdir("/") < 0 || xc_fd_write_all(ready_fd, &byte, 1) < 0)
		_exit(1);
	xc_fd_close(&ready_fd);
}
