/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A static program can load code at run time all the same, and then it is
 * another userland's: built for another libc, or put there by someone else.
 */
#include "base/isolate.h"

#include <errno.h>
#include <iconv.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/compiler.h"

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

/*
 * libarchive would have names translated, by modules of the machine's libc or
 * of GCONV_PATH. Nobody here wants that: where it cannot be done, it keeps the
 * bytes. (-u iconv_open in the Makefile links these.)
 */
iconv_t iconv_open(const char *to, const char *from)
{
	(void)to;
	(void)from;
	errno = EINVAL;
	return (iconv_t)-1; /* NOLINT(performance-no-int-to-ptr): as iconv_open(3) says */
}

size_t iconv(iconv_t cd, char **in, size_t *in_left, char **out, size_t *out_left)
{
	(void)cd;
	(void)in;
	(void)in_left;
	(void)out;
	(void)out_left;
	errno = EBADF;
	return (size_t)-1;
}

int iconv_close(iconv_t cd)
{
	(void)cd;
	errno = EBADF;
	return -1;
}

#if defined(__x86_64__) || defined(__aarch64__)
#ifdef __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/*
 * Container engines of before 2021 answer calls that they do not know with
 * EPERM, which glibc takes for a thread that cannot be started; at ENOSYS it
 * would use clone(2). Of two filters that deny, the later one's errno counts
 * (seccomp(2)). Where that is denied too, the error of the thread is told.
 */
static void make_clone3_missing(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_LEN(filter), .filter = filter };

	/* Without arguments the call itself fails with EINVAL. */
	if (syscall(SYS_clone3, NULL, 0) == 0 || errno != EPERM)
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		(void)!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
#else
static void make_clone3_missing(void)
{
}
#endif

void xc_isolate_process(void)
{
	make_clone3_missing();
	/* Whoever asks first decides, so libcurl cannot load it later (OPENSSL_init_crypto(3)). */
	(void)!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}
