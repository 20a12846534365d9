/* SPDX-License-Identifier: Apache-2.0 */
/* Tar archives for tests, written field by field so that every field can lie. */
#ifndef XC_TESTS_FOREIGN_TAR_H
#define XC_TESTS_FOREIGN_TAR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <zstd.h>

#include "base/buf.h"

/* POSIX.1-1988 typeflags, and GNU's and pax's. */
#define TAR_FILE     '0'
#define TAR_HARDLINK '1'
#define TAR_SYMLINK  '2'
#define TAR_CHAR     '3'
#define TAR_BLOCK    '4'
#define TAR_DIR      '5'
#define TAR_FIFO     '6'
#define TAR_PAX      'x'
#define TAR_LONGNAME 'L'

/* One member. What is not given is 0, and the mode then 0644, or 0755 of a directory. */
struct tar_member {
	char type;
	const char *name;
	const char *link;    /* target */
	const char *content; /* of a file, or of a header that is a member of its own */
	uint64_t size;       /* what the header claims if not the content's length */
	unsigned mode, uid, gid, major, minor;
	int64_t mtime;
};

/* Octal, or past its width GNU's base-256. */
static inline void tar_number(char *field, size_t width, uint64_t value)
{
	if (width < 12 || value < (uint64_t)1 << 33) {
		char text[32];

		snprintf(text, sizeof(text), "%0*llo", (int)width - 1, (unsigned long long)value);
		memcpy(field, text, width);
		return;
	}
	for (size_t i = width; i-- > 0; value >>= 8)
		field[i] = (char)(value & 0xff);
	field[0] = (char)0x80;
}

static inline void tar_add(struct xc_buf *tar, const struct tar_member *member)
{
	static const char zeros[512];
	char header[512] = { 0 };
	size_t length = member->content ? strlen(member->content) : 0;
	unsigned sum = 8 * ' ';

	memcpy(header, member->name, strnlen(member->name, 100));
	tar_number(header + 100, 8,
		   member->mode          ? member->mode
		   : member->type == '5' ? 0755
					 : 0644);
	tar_number(header + 108, 8, member->uid);
	tar_number(header + 116, 8, member->gid);
	tar_number(header + 124, 12, member->size ? member->size : length);
	tar_number(header + 136, 12, (uint64_t)member->mtime);
	header[156] = member->type;
	if (member->link)
		memcpy(header + 157, member->link, strnlen(member->link, 100));
	memcpy(header + 257, "ustar\00000", 8);
	tar_number(header + 329, 8, member->major);
	tar_number(header + 337, 8, member->minor);
	for (size_t i = 0; i < sizeof(header); i++)
		sum += i >= 148 && i < 156 ? 0 : (unsigned char)header[i];
	snprintf(header + 148, 8, "%06o", sum);
	header[155] = ' ';
	xc_buf_add(tar, header, sizeof(header));
	xc_buf_add(tar, member->content, length);
	xc_buf_add(tar, zeros, (512 - length % 512) % 512);
}

static inline void tar_end(struct xc_buf *tar)
{
	static const char zeros[1024];

	xc_buf_add(tar, zeros, sizeof(zeros));
}

/* One frame with a checksum, as the program zstd writes. Appends. */
static inline void tar_compress(const struct xc_buf *tar, struct xc_buf *out)
{
	ZSTD_CCtx *context = ZSTD_createCCtx();
	size_t bound = ZSTD_compressBound(tar->len_bytes), length;
	char *at = xc_buf_reserve(out, bound);

	assert_non_null(context);
	assert_non_null(at);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	length = ZSTD_compress2(context, at, bound, xc_buf_str(tar), tar->len_bytes);
	assert_false(ZSTD_isError(length));
	ZSTD_freeCCtx(context);
	out->len_bytes += length;
}

/* A whole archive. Ends at the member without a name. */
static inline void tar_archive(const struct tar_member *members, struct xc_buf *out)
{
	cleanup_buf struct xc_buf tar = XC_BUF_INIT;

	for (; members->name; members++)
		tar_add(&tar, members);
	tar_end(&tar);
	tar_compress(&tar, out);
}

#endif
