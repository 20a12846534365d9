/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/tar.h"

#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

/*
 * libarchive fills a member up with zeros when the next one comes, through
 * the callback and 1 KiB at a time. Past this size a new writer is cheaper.
 */
#define FILL_BYTES_MAX ((uint64_t)256 << 10)

/*
 * By default libarchive translates the names of a pax header from the locale
 * to UTF-8. hdrcharset=BINARY has it keep bytes and say so in the header,
 * which GNU tar warns of. So that is used only for names beyond ASCII.
 */
enum kind {
	KIND_USTAR,
	KIND_PAX,
	KIND_PAX_BINARY,
	KIND_COUNT,
};

static const char *const options[KIND_COUNT] = {
	[KIND_PAX] = "pax:xattrheader=SCHILY",
	[KIND_PAX_BINARY] = "pax:xattrheader=SCHILY,pax:hdrcharset=BINARY",
};

struct xc_tar_writer {
	struct archive *archives[KIND_COUNT];
	struct archive_entry *entry;
	struct xc_buf *out; /* NULL while what comes is not part of a header */
	struct xc_buf path; /* of a directory, with its slash */
	bool overflow;
	char reason[200]; /* why libarchive refused */
};

static la_ssize_t take_bytes(struct archive *archive, void *data, const void *bytes, size_t length)
{
	struct xc_tar_writer *writer = data;

	(void)archive;
	if (writer->out && xc_buf_try_add(writer->out, bytes, length) < 0)
		writer->overflow = true;
	return (la_ssize_t)length;
}

static void open_archive(struct xc_tar_writer *writer, enum kind kind)
{
	struct archive *archive = archive_write_new();
	int result;

	if (!archive)
		xc_out_of_memory();
	result = kind == KIND_USTAR ? archive_write_set_format_ustar(archive)
				    : archive_write_set_format_pax(archive);
	if (result == ARCHIVE_OK && options[kind])
		result = archive_write_set_options(archive, options[kind]);
	if (result == ARCHIVE_OK)
		result = archive_write_set_bytes_per_block(archive, 0);
	if (result == ARCHIVE_OK)
		result = archive_write_open(archive, writer, NULL, take_bytes, NULL);
	/* Nothing of this depends on anything but memory. */
	if (result != ARCHIVE_OK)
		xc_out_of_memory();
	writer->archives[kind] = archive;
}

static void close_archive(struct archive *archive)
{
	/* Failed, it does not fill up its last member; closed, it frees its buffers. */
	archive_write_fail(archive);
	archive_write_close(archive);
	archive_write_free(archive);
}

struct xc_tar_writer *xc_tar_writer_new(void)
{
	struct xc_tar_writer *writer = xc_calloc(1, sizeof(*writer));

	for (enum kind kind = 0; kind < KIND_COUNT; kind++)
		open_archive(writer, kind);
	writer->entry = archive_entry_new();
	if (!writer->entry)
		xc_out_of_memory();
	return writer;
}

void xc_tar_writer_free(struct xc_tar_writer *writer)
{
	if (!writer)
		return;
	for (enum kind kind = 0; kind < KIND_COUNT; kind++)
		close_archive(writer->archives[kind]);
	archive_entry_free(writer->entry);
	xc_buf_release(&writer->path);
	free(writer);
}

static void set_type(struct archive_entry *entry, const struct xc_member *member,
		     const char *link_path)
{
	switch (member->type) {
	case XC_MEMBER_DIR:
		archive_entry_set_filetype(entry, S_IFDIR);
		break;
	case XC_MEMBER_SYMLINK:
		archive_entry_set_filetype(entry, S_IFLNK);
		archive_entry_set_symlink(entry, member->extra->target);
		break;
	case XC_MEMBER_HARDLINK:
		archive_entry_set_filetype(entry, S_IFREG);
		archive_entry_set_hardlink(entry, link_path);
		break;
	default:
		archive_entry_set_filetype(entry, S_IFREG);
		archive_entry_set_size(entry, (la_int64_t)member->size_bytes);
		break;
	}
}

static void set_sparse(struct archive_entry *entry, const struct xc_member *member)
{
	const struct xc_member_extra *extra = member->extra;

	for (uint32_t i = 0; i < extra->extent_count; i++)
		archive_entry_sparse_add_entry(entry, (la_int64_t)extra->extents[i].offset,
					       (la_int64_t)extra->extents[i].length);
	/* Without a run libarchive takes the file for a dense one. */
	if (extra->extent_count == 0 && member->size_bytes > 0)
		archive_entry_sparse_add_entry(entry, (la_int64_t)member->size_bytes, 0);
}

/* Returns whether the member has what only pax can say. */
static bool set_extra(struct archive_entry *entry, const struct xc_member *member)
{
	const struct xc_member_extra *extra = member->extra;
	bool file = member->type == XC_MEMBER_FILE;

	if (!extra || !(file || member->type == XC_MEMBER_DIR))
		return false;
	if (file && extra->sparse)
		set_sparse(entry, member);
	for (uint32_t i = 0; i < extra->xattr_count; i++)
		archive_entry_xattr_add_entry(entry, extra->xattrs[i].name, extra->xattrs[i].value,
					      extra->xattrs[i].length);
	return (file && extra->sparse) || extra->xattr_count > 0;
}

/* A directory's path ends in a slash, as in what tar writes. */
static const char *entry_path(struct xc_tar_writer *writer, const struct xc_member *member,
			      const char *path)
{
	size_t length = strlen(path);

	if (member->type != XC_MEMBER_DIR || (length > 0 && path[length - 1] == '/'))
		return path;
	xc_buf_clear(&writer->path);
	xc_buf_add(&writer->path, path, length);
	xc_buf_add_char(&writer->path, '/');
	return xc_buf_str(&writer->path);
}

/* One header. Afterwards the archive is ready for the next. */
static int write_with(struct xc_tar_writer *writer, enum kind kind, const struct xc_member *member,
		      struct xc_buf *out)
{
	struct archive *archive = writer->archives[kind];
	int result;

	writer->out = out;
	result = archive_write_header(archive, writer->entry);
	/* The map of a sparse file comes with the first of its data, even if that is nothing. */
	if (result == ARCHIVE_OK && archive_write_data(archive, "", 0) < 0)
		result = ARCHIVE_FATAL;
	writer->out = NULL;
	if (result != ARCHIVE_OK) {
		const char *reason = archive_error_string(archive);

		snprintf(writer->reason, sizeof(writer->reason), "%s", reason ? reason : "refused");
	}
	if (result == ARCHIVE_OK && xc_member_content_bytes(member) <= FILL_BYTES_MAX)
		return archive_write_finish_entry(archive);
	/* FAILED means that nothing was begun. */
	if (result != ARCHIVE_FAILED) {
		close_archive(archive);
		open_archive(writer, kind);
	}
	return result;
}

static bool is_ascii(const char *text)
{
	for (; text && *text != '\0'; text++)
		if (*text & 0x80)
			return false;
	return true;
}

static void describe(struct xc_tar_writer *writer, const struct xc_tar_entry *from)
{
	struct archive_entry *entry = archive_entry_clear(writer->entry);
	const struct xc_member *member = from->member;

	archive_entry_set_pathname(entry, entry_path(writer, member, from->path));
	archive_entry_set_perm(entry, member->mode);
	archive_entry_set_uid(entry, member->uid);
	archive_entry_set_gid(entry, member->gid);
	archive_entry_set_mtime(entry, (time_t)member->mtime_s, 0);
	set_type(entry, member, from->link_path);
}

int xc_tar_write_header(struct xc_tar_writer *writer, const struct xc_tar_entry *from,
			struct xc_buf *out, struct xc_err *err)
{
	const struct xc_member *member = from->member;
	struct archive_entry *entry = writer->entry;
	size_t start = out->len_bytes;
	int result = ARCHIVE_FAILED;
	bool plain;

	writer->overflow = false;
	describe(writer, from);
	plain = !set_extra(entry, member) && member->mtime_s >= 0;
	if (plain)
		result = write_with(writer, KIND_USTAR, member, out);
	if (result != ARCHIVE_OK) {
		bool ascii = is_ascii(from->path) && is_ascii(archive_entry_hardlink(entry)) &&
			     is_ascii(archive_entry_symlink(entry));

		xc_buf_truncate(out, start);
		/* libarchive writes -1.75 s, which is second -2 and a quarter, as "-2.25". */
		if (member->mtime_s >= 0)
			archive_entry_set_mtime(entry, (time_t)member->mtime_s, member->mtime_ns);
		result = write_with(writer, ascii ? KIND_PAX : KIND_PAX_BINARY, member, out);
	}
	if (result == ARCHIVE_OK && !writer->overflow &&
	    out->len_bytes - start <= XC_TAR_HEADER_MAX)
		return 0;
	xc_buf_truncate(out, start);
	return xc_err_set(err, XC_ERR_INTERNAL, "cannot write a tar header for %s: %s",
			  XC_QUOTE(from->path),
			  result == ARCHIVE_OK ? "it is too long" : writer->reason);
}
