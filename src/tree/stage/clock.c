/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the ctimes of the file systems that targets are in tell of every change. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tree/stage/internal.h"
#include "tree/stamp.h"

#define CLOCK_WAIT_MS 50
#define CLOCK_STEP_US 1000
#define CLOCK_PAGES   (CLOCK_WAIT_MS + 1)

/* linux/magic.h has most of them, and the file systems' own sources the others. */
static const uint32_t untold[] = {
	/* The times are another machine's. */
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
	/* They do not see what is written by way of a mapping: see watch_mapping. */
	0x01021994, /* tmpfs */
	0x858458f6, /* ramfs */
};

static bool may_tell(int fd)
{
	struct statfs status;

	if (fstatfs(fd, &status) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(untold); i++)
		if ((uint32_t)status.f_type == untold[i])
			return false;
	return true;
}

/* INT64_MIN if it cannot be had. */
static int64_t ctime_of(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return INT64_MIN;
	return xc_stamp_of(&status).ctime_ns;
}

/*
 * A page that was only read may stay writable where the file system does not ask to be told
 * (mm/vma.c, vma_wants_writenotify), so that a write leaves mtime and ctime as they are. tmpfs is
 * one of those; an overlay shows nothing of being on top of one, so it is tried out. Each page
 * counts once: when it is dirty, nobody is told any more. The kernel writes for us: where that
 * fails, for want of room, it is EFAULT, and no SIGBUS.
 */
static bool watch_mapping(int fd, char *pages, size_t page_bytes, int64_t after_ns)
{
	uint64_t start_ms = xc_clock_ms();
	int64_t first_ns = ctime_of(fd);

	for (size_t i = 0; i < CLOCK_PAGES && xc_clock_ms() - start_ms <= CLOCK_WAIT_MS; i++) {
		int64_t now_ns;

		if (syscall(SYS_getrandom, pages + i * page_bytes, 1, 0) != 1)
			return false;
		now_ns = ctime_of(fd);
		if (now_ns > after_ns && now_ns != first_ns)
			return true;
		usleep(CLOCK_STEP_US);
	}
	return false;
}

bool xc_stage_clock_may_tell(const struct xc_stage *stage, uint32_t folder)
{
	return may_tell(stage->folders[folder].fd);
}

bool xc_stage_clock_passes(const struct xc_stage *stage, uint32_t folder, int64_t after_ns)
{
	int folder_fd = stage->folders[folder].fd;
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE), length = CLOCK_PAGES * page_bytes;
	cleanup_fd int fd = -1;
	bool passes;
	char *pages;

	if (!may_tell(folder_fd))
		return false;
	fd = openat(folder_fd, XC_STAGE_CLOCK, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0 || ftruncate(fd, (off_t)length) < 0)
		return false;
	/* Shared pages are only read beforehand. */
	pages = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (pages == MAP_FAILED)
		return false;
	passes = watch_mapping(fd, pages, page_bytes, after_ns);
	munmap(pages, length);
	return passes;
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
