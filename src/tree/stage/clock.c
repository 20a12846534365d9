/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of the file systems that targets are in. */
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tree/stage/internal.h"

#define CLOCK_WAIT_MS 50
#define CLOCK_STEP_US 500

/* linux/magic.h has most of them, and the file systems' own sources the others. */
static const uint32_t foreign_clocks[] = {
	0x00006969, /* NFS */
	0xff534d42, /* CIFS */
	0xfe534d42, /* SMB2 */
	0x0000517b, /* SMB */
	0x65735546, /* FUSE and virtiofs */
	0x01021997, /* 9p */
	0x5346414f, /* OpenAFS */
	0x6b414653, /* kAFS */
	0x00c36400, /* Ceph */
	0x73757245, /* Coda */
	0x0bd00bd0, /* Lustre */
	0x47504653, /* GPFS */
	0x786f4256, /* VirtualBox's shared folders */
};

static bool has_own_clock(int fd)
{
	struct statfs status;

	if (fstatfs(fd, &status) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(foreign_clocks); i++)
		if ((uint32_t)status.f_type == foreign_clocks[i])
			return false;
	return true;
}

/* The ctime of a change that is made now; INT64_MIN if there is none. */
static int64_t touch(int fd)
{
	struct stat status;

	if (futimens(fd, NULL) < 0 || fstat(fd, &status) < 0)
		return INT64_MIN;
	return (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec;
}

int64_t xc_stage_clock(const struct xc_stage *stage, uint32_t folder, int64_t after_ns)
{
	int folder_fd = stage->folders[folder].fd;
	uint64_t start_ms = xc_clock_ms();
	cleanup_fd int fd = -1;
	int64_t now_ns;

	if (!has_own_clock(folder_fd))
		return INT64_MIN;
	fd = openat(folder_fd, XC_STAGE_CLOCK, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return INT64_MIN;
	for (;;) {
		now_ns = touch(fd);
		if (now_ns == INT64_MIN || now_ns > after_ns ||
		    xc_clock_ms() - start_ms >= CLOCK_WAIT_MS)
			return now_ns;
		usleep(CLOCK_STEP_US);
	}
}

uint32_t xc_stage_folders(const struct xc_stage *stage)
{
	return stage->folder_count;
}

uint32_t xc_stage_folder_of(const struct xc_stage *stage, uint32_t i)
{
	return stage->destinations[i].folder;
}

bool xc_stage_moved_singly(const struct xc_stage *stage, uint32_t i)
{
	return stage->destinations[i].merged;
}
