/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deny ERRNO CALLS COMMAND...: run a command for which these system calls, with
 * commas between, fail as where a kernel lacks them or a container's seccomp
 * profile denies them. "deny" lists what it knows.
 *
 * Exit code: the command's; 77 if this processor or kernel has no such filter.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

#define SKIPPED   77
#define CALLS_MAX 64

/* All of seccomp's programs have the numbers of one processor. */
#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* O_TMPFILE has the bits of O_DIRECTORY as well. */
#define TMPFILE_BIT ((uint32_t)(O_TMPFILE & ~O_DIRECTORY))

/* A call, or with `bits` only that with one of them in the argument `at`. */
static const struct call {
	const char *name;
	int number;
	unsigned at;
	uint32_t bits;
} calls[] = {
	{ "O_TMPFILE", SYS_openat, 2, TMPFILE_BIT },
	{ "AT_EMPTY_PATH", SYS_linkat, 4, AT_EMPTY_PATH },
	/* Numbers since clone3 are the same for all processors, and headers may be older. */
	{ "clone3", 435, 0, 0 },
	{ "close_range", 436, 0, 0 },
	{ "openat2", 437, 0, 0 },
	{ "faccessat2", 439, 0, 0 },
	{ "fchmodat2", 452, 0, 0 },
	{ "rseq", SYS_rseq, 0, 0 },
	{ "statx", SYS_statx, 0, 0 },
	{ "copy_file_range", SYS_copy_file_range, 0, 0 },
	{ "getrandom", SYS_getrandom, 0, 0 },
	{ "renameat2", SYS_renameat2, 0, 0 },
#define CALL(name)                                                                                 \
	{                                                                                          \
#name, SYS_##name, 0, 0,                                                           \
	}
	CALL(eventfd2),
	CALL(fadvise64),
	CALL(fallocate),
	CALL(fchown),
	CALL(fchownat),
	CALL(fdatasync),
	CALL(fgetxattr),
	CALL(flistxattr),
	CALL(flock),
	CALL(fsetxattr),
	CALL(fsync),
	CALL(ftruncate),
	CALL(getcwd),
	CALL(ioctl),
	CALL(linkat),
	CALL(lseek),
	CALL(madvise),
	CALL(membarrier),
	CALL(mkdirat),
	CALL(mknodat),
	CALL(mlock),
	CALL(prctl),
	CALL(prlimit64),
	CALL(readlinkat),
	CALL(sched_getaffinity),
	CALL(sched_setaffinity),
	CALL(sched_yield),
	CALL(set_robust_list),
	CALL(socketpair),
	CALL(symlinkat),
	CALL(sync_file_range),
	CALL(sysinfo),
	CALL(umask),
	CALL(utimensat),
};

static const struct {
	const char *name;
	int value;
} errors[] = {
	{ "EACCES", EACCES }, { "EINVAL", EINVAL }, { "EISDIR", EISDIR },
	{ "EMLINK", EMLINK }, { "ENOSYS", ENOSYS }, { "EOPNOTSUPP", EOPNOTSUPP },
	{ "EPERM", EPERM },   { "EXDEV", EXDEV },
};

static int usage(void)
{
	fputs("usage: deny ERRNO CALL[,CALL]... COMMAND [ARGUMENT]...\nERRNO is one of", stderr);
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		fprintf(stderr, " %s", errors[i].name);
	fputs("\nCALL is one of", stderr);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		fprintf(stderr, " %s", calls[i].name);
	fputs("\n", stderr);
	return 2;
}

static uint32_t field(size_t offset)
{
	return (uint32_t)offset;
}

/* The flags of an argument are in its lower half: first on these processors. */
static struct sock_filter *add(struct sock_filter *at, const struct call *call, uint32_t answer)
{
	uint32_t argument = field(offsetof(struct seccomp_data, args)) + 8 * call->at;

	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     field(offsetof(struct seccomp_data, nr)));
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call->number, 0,
					     call->bits ? 3 : 1);
	if (call->bits) {
		*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument);
		*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, call->bits, 0, 1);
	}
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
	return at;
}

static const struct call *find_call(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		if (strcmp(calls[i].name, name) == 0)
			return &calls[i];
	return NULL;
}

static int find_errno(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].value;
	return 0;
}

#ifdef ARCHITECTURE
static int install(struct sock_filter *filter, size_t length)
{
	struct sock_fprog program = { .len = (unsigned short)length, .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
	struct sock_filter filter[5 * CALLS_MAX + 4], *at = filter;
	int error = argc < 4 ? 0 : find_errno(argv[1]);
	char *names = argc < 4 ? NULL : argv[2];
	const char *name;
	unsigned count = 0;

	if (error == 0)
		return usage();
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     field(offsetof(struct seccomp_data, arch)));
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	while ((name = strsep(&names, ",")) != NULL) {
		const struct call *call = find_call(name);

		if (!call || ++count > CALLS_MAX)
			return usage();
		at = add(at, call, SECCOMP_RET_ERRNO | (uint32_t)error);
	}
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (install(filter, (size_t)(at - filter)) < 0) {
		perror("deny: no filter");
		return SKIPPED;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 1;
}
#else
int main(void)
{
	fputs("deny: not for this processor\n", stderr);
	return SKIPPED;
}
#endif
