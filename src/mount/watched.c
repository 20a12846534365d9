/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/watched.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

#define WORKER        "Runner.Worker"
#define ANCESTORS_MAX 128

/* From /proc/<pid>/stat: "pid (name) state parent ...". The name may hold anything. */
static bool read_stat(pid_t pid, char name[32], pid_t *ret_parent)
{
	cleanup_buf struct xc_buf text = XC_BUF_INIT;
	char path[32];
	const char *open_mark, *close_mark;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (xc_fd_read_file(AT_FDCWD, path, 4096, &text) < 0)
		return false;
	xc_buf_add_char(&text, '\0');
	open_mark = strchr(text.data, '(');
	close_mark = strrchr(text.data, ')');
	if (!open_mark || !close_mark || sscanf(close_mark + 1, " %*c %d", &parent) != 1)
		return false;
	snprintf(name, 32, "%.*s", (int)(close_mark - open_mark - 1), open_mark + 1);
	*ret_parent = (pid_t)parent;
	return true;
}

int xc_watched_worker(pid_t *ret_pid)
{
	pid_t pid = getppid(), parent;
	char name[32];

	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++, pid = parent) {
		if (!read_stat(pid, name, &parent))
			return -1;
		if (strcmp(name, WORKER) == 0) {
			*ret_pid = pid;
			return 0;
		}
	}
	return -1;
}
