/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives of somebody else's. The first byte says how the rest is taken: as
 * a delta or a base, in what pieces it comes, and whether it is a tar archive
 * that is yet to be compressed, since mutations hardly get past zstd.
 *
 * Demands: no path or target of a hard link leads out, attributes are within
 * their bounds, content comes in order and within its size.
 */
#include "fuzz.h"

#include <zstd.h>

#include "archive/reader.h"
#include "base/buf.h"

#define AS_DELTA  1
#define AS_STREAM 2
#define IN_PIECES 4

struct source {
	const char *data;
	size_t left, piece;
};

static int read_source(void *context, const char **ret_data, size_t *ret_length, struct xc_err *err)
{
	struct source *source = context;

	(void)err;
	*ret_data = source->data;
	*ret_length = XC_MIN(source->piece, source->left);
	source->data += *ret_length;
	source->left -= *ret_length;
	return 0;
}

/* What the contract says of every path: nothing that leads out. */
static void check_path(const char *path)
{
	MUST(*path != '/');
	for (const char *at = path; *at != '\0';) {
		size_t length = strcspn(at, "/");

		MUST(length > 0 && length <= 255 && (length != 1 || *at != '.') &&
		     (length != 2 || memcmp(at, "..", 2) != 0));
		at += length;
		MUST(*at != '/' || *++at != '\0');
	}
}

static void check_member(const struct xc_archive_member *member)
{
	check_path(member->path);
	MUST(*member->path != '\0' || (member->type == XC_ARCHIVE_DIR && !member->opaque));
	if (member->type == XC_ARCHIVE_HARDLINK)
		check_path(member->target);
	if (member->type == XC_ARCHIVE_HARDLINK || member->type == XC_ARCHIVE_SYMLINK)
		MUST(*member->target != '\0');
	MUST(member->mode <= 07777 && member->mtime_ns < 1000000000);
	MUST(member->uid != UINT32_MAX && member->gid != UINT32_MAX);
}

/* Reads a file's content, of some all, of others nothing. */
static int read_content(struct xc_archive *foreign, const struct xc_archive_member *member,
			struct xc_err *err)
{
	uint64_t offset, at = 0;
	const char *bytes;
	size_t length;
	int more = 0;

	while (member->mode % 3 != 0 &&
	       (more = xc_archive_data(foreign, &bytes, &length, &offset, err)) > 0) {
		MUST(length > 0 && offset >= at && offset + length <= member->size_bytes);
		at = offset + length;
		/* For the sanitizer: all of it can be read. */
		MUST(memchr(bytes, 0, length) != bytes + length);
	}
	return more;
}

static void read_archive(const char *data, size_t size, unsigned how)
{
	static const struct xc_archive_limits limits = {
		.members = 1000,
		.bytes = 16 << 20,
		.ratio_from_bytes = 1 << 20,
		.ratio = 1000,
	};
	struct source source = { data, size, how & IN_PIECES ? 1 + how / 8 : SIZE_MAX };
	struct xc_archive *foreign = xc_archive_new(&(struct xc_archive_opts){
		.decoder = &xc_decoder_zstd,
		.format = &xc_archive_tar,
		.read = read_source,
		.context = &source,
		.delta = how & AS_DELTA,
		.limits = &limits,
	});
	struct xc_archive_member member;
	struct xc_err err = { 0 };
	int more;

	while ((more = xc_archive_next(foreign, &member, &err)) > 0) {
		check_member(&member);
		if (member.type == XC_ARCHIVE_FILE && read_content(foreign, &member, &err) < 0) {
			more = -1;
			break;
		}
	}
	MUST(more >= 0 || err.kind == XC_ERR_CORRUPT);
	xc_archive_free(foreign);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char stored[1 << 20];
	size_t length;

	if (size < 1 || size > sizeof(stored) / 2)
		return 0;
	if (*data & AS_STREAM) {
		length = ZSTD_compress(stored, sizeof(stored), data + 1, size - 1, 1);
		MUST(!ZSTD_isError(length));
		read_archive(stored, length, *data);
	} else {
		read_archive((const char *)data + 1, size - 1, *data);
	}
	return 0;
}
