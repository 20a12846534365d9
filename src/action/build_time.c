/* SPDX-License-Identifier: Apache-2.0 */
#include "action/build_time.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/hex.h"
#include "key/key.h"

#define NAME_BYTES 16

/* One file for each key and set of paths, on the heap; NULL without a folder for it. */
static char *note_path(const struct xc_action_context *context, const char *key,
		       const struct xc_strlist *paths)
{
	char version[XC_VERSION_HEX + 1], name[2 * NAME_BYTES + 1];
	cleanup_free char *text = NULL;
	uint8_t digest[XC_SHA256_BYTES];

	if (!context->temp)
		return NULL;
	xc_key_version(paths, version);
	text = xc_asprintf("%s|%s", version, key);
	xc_sha256(text, strlen(text), digest);
	xc_hex_encode(digest, NAME_BYTES, name);
	return xc_asprintf("%s/xcache-build-%s", context->temp, name);
}

void xc_action_build_begin(const struct xc_action_context *context, const char *key,
			   const struct xc_strlist *paths)
{
	cleanup_free char *path = note_path(context, key, paths);
	struct stat status;
	cleanup_fd int fd = -1;

	if (!path)
		return;
	/* O_NONBLOCK: whoever puts a FIFO there shall not have the step wait. */
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		(void)futimens(fd, NULL);
}

uint64_t xc_action_build_ms(const struct xc_action_context *context, const char *key,
			    const struct xc_strlist *paths)
{
	cleanup_free char *path = note_path(context, key, paths);
	struct stat status;
	int64_t begun_ns, now_ns = xc_clock_now_ns();

	if (!path || lstat(path, &status) < 0 || !S_ISREG(status.st_mode))
		return 0;
	begun_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
	return now_ns > begun_ns ? (uint64_t)(now_ns - begun_ns) / 1000000 : 0;
}
