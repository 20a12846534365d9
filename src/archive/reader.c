/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/reader.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <archive.h>
#include <archive_entry.h>

#include "archive/stream.h"
#include "base/buf.h"
#include "base/member.h"

/*
 * What may be read of the stream for one header: pax records, long names and
 * the map of a sparse file, which libarchive all keeps in memory.
 */
#define HEADER_BYTES_MAX ((uint64_t)4 << 20)

/* Names that layered file systems give to what a layer takes away (aufs, and images of OCI). */
#define WHITEOUT        ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define WHITEOUT_META   ".wh..wh."

/* A cache of more than a terabyte or four million files is none that a job could use. */
const struct xc_archive_limits xc_archive_limits = {
	.members = 4000000,
	.bytes = (uint64_t)1 << 40,
	.ratio_from_bytes = (uint64_t)1 << 30,
	.ratio = 1000,
};

struct xc_archive {
	struct xc_archive_opts opts;
	const struct xc_archive_limits *limits;
	struct xc_archive_stream *stream;
	struct archive *archive;
	struct archive_entry *entry; /* the archive's */
	struct xc_buf path, target;
	uint64_t members, left_out;
	uint64_t header_end;  /* how far the stream may be read for a header */
	uint64_t size_bytes;  /* of the file whose content is being read */
	uint64_t data_offset; /* where the next of it may begin */
	bool within_header, at_file;
	bool failed; /* in the callback, with err set */
	struct xc_err err;
};

static int fail_callback(struct xc_archive *reader, struct archive *archive)
{
	reader->failed = true;
	archive_set_error(archive, EIO, "stopped");
	return ARCHIVE_FATAL;
}

static la_ssize_t read_bytes(struct archive *archive, void *data, const void **ret_bytes)
{
	struct xc_archive *reader = data;
	const char *bytes;
	size_t length;

	if (reader->within_header && xc_archive_stream_bytes(reader->stream) > reader->header_end) {
		xc_err_set(&reader->err, XC_ERR_CORRUPT, "a header in it is too long");
		return fail_callback(reader, archive);
	}
	if (xc_archive_stream_read(reader->stream, &bytes, &length, &reader->err) < 0)
		return fail_callback(reader, archive);
	*ret_bytes = bytes;
	return (la_ssize_t)length;
}

struct xc_archive *xc_archive_new(const struct xc_archive_opts *opts)
{
	struct xc_archive *reader = xc_calloc(1, sizeof(*reader));

	reader->opts = *opts;
	reader->limits = opts->limits ? opts->limits : &xc_archive_limits;
	reader->stream = xc_archive_stream_new(opts, reader->limits);
	return reader;
}

void xc_archive_free(struct xc_archive *reader)
{
	if (!reader)
		return;
	archive_read_free(reader->archive);
	xc_archive_stream_free(reader->stream);
	xc_buf_release(&reader->path);
	xc_buf_release(&reader->target);
	free(reader);
}

uint64_t xc_archive_left_out(const struct xc_archive *reader)
{
	return reader->left_out;
}

/* What the callback found wrong, else what libarchive did. */
static int refuse(struct xc_archive *reader, struct xc_err *err)
{
	const char *reason = archive_error_string(reader->archive);

	if (reader->failed) {
		*err = reader->err;
		return -1;
	}
	return xc_err_set(err, XC_ERR_CORRUPT, "it is not a readable %s archive: %s",
			  reader->opts.format->name, XC_QUOTE(reason ? reason : "no reason given"));
}

/* Opening reads the first header's bytes already. */
static int open_archive(struct xc_archive *reader, struct xc_err *err)
{
	struct archive *archive = archive_read_new();

	if (!archive)
		xc_out_of_memory();
	reader->archive = archive;
	if (reader->opts.format->support(archive) != ARCHIVE_OK ||
	    archive_read_open(archive, reader, NULL, read_bytes, NULL) != ARCHIVE_OK)
		return refuse(reader, err);
	return 0;
}

/* The compression's checksum is at the very end, behind what the format needs. */
static int drain(struct xc_archive *reader, struct xc_err *err)
{
	const char *data;
	size_t length;

	do {
		if (xc_archive_stream_read(reader->stream, &data, &length, err) < 0)
			return -1;
	} while (length > 0);
	return 0;
}

static const char *component_fault(const char *component, size_t length)
{
	if (length == 2 && memcmp(component, "..", 2) == 0)
		return "climbs with '..'";
	if (length > XC_MEMBER_NAME_MAX)
		return "has a name of more than 255 bytes";
	return NULL;
}

/* Brings a path into the form that struct xc_archive_member has. */
static int normalise(const char *path, struct xc_buf *out, struct xc_err *err)
{
	const char *fault = NULL;

	xc_buf_clear(out);
	xc_buf_add(out, "", 0);
	if (!path || *path == '\0')
		return xc_err_set(err, XC_ERR_CORRUPT, "a member in it has no name");
	if (*path == '/')
		fault = "is absolute";
	else if (strnlen(path, PATH_MAX) >= PATH_MAX)
		fault = "is too long";
	for (const char *at = path; !fault && *at != '\0'; at += strspn(at, "/")) {
		size_t length = strcspn(at, "/");

		fault = component_fault(at, length);
		if (!fault && !(length == 1 && *at == '.')) {
			if (out->len_bytes > 0)
				xc_buf_add_char(out, '/');
			xc_buf_add(out, at, length);
		}
		at += length;
	}
	if (fault)
		return xc_err_set(err, XC_ERR_CORRUPT, "the name %s in it %s", XC_QUOTE(path),
				  fault);
	return 0;
}

/* Turns the path of a whiteout into the one that it takes away. 1 if it stands for nothing. */
static int strip_whiteout(struct xc_archive *reader, struct xc_err *err)
{
	struct xc_buf *path = &reader->path;
	char *slash = strrchr(path->data, '/');
	char *name = slash ? slash + 1 : path->data;
	const char *gone = name + strlen(WHITEOUT);

	if (strcmp(name, WHITEOUT_OPAQUE) == 0)
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "%s hides a directory's content in a way that depends on the "
				  "order of its members",
				  XC_QUOTE(path->data));
	if (strncmp(name, WHITEOUT_META, strlen(WHITEOUT_META)) == 0)
		return 1;
	if (*gone == '\0' || strcmp(gone, ".") == 0 || strcmp(gone, "..") == 0)
		return xc_err_set(err, XC_ERR_CORRUPT, "%s removes a member without a name",
				  XC_QUOTE(path->data));
	memmove(name, gone, strlen(gone) + 1);
	xc_buf_truncate(path, path->len_bytes - strlen(WHITEOUT));
	return 0;
}

static bool is_whiteout_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strncmp(slash ? slash + 1 : path, WHITEOUT, strlen(WHITEOUT)) == 0;
}

/* How OverlayFS marks a directory that hides the one below it. */
static bool is_opaque(struct archive_entry *entry)
{
	const char *name;
	const void *value;
	size_t length;

	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &length) == ARCHIVE_OK)
		if (strcmp(name, "trusted.overlay.opaque") == 0 && length == 1 &&
		    *(const char *)value == 'y')
			return true;
	return false;
}

static int fill_link(struct xc_archive *reader, struct xc_archive_member *member,
		     struct xc_err *err)
{
	const char *target = archive_entry_symlink(reader->entry);

	if (member->type == XC_ARCHIVE_HARDLINK) {
		if (normalise(archive_entry_hardlink(reader->entry), &reader->target, err) < 0)
			return -1;
		if (reader->target.len_bytes == 0)
			return xc_err_set(err, XC_ERR_CORRUPT,
					  "the hard link %s in it points to the root directory",
					  XC_QUOTE(member->path));
		member->target = reader->target.data;
		return 0;
	}
	if (!target || *target == '\0' || strnlen(target, PATH_MAX) >= PATH_MAX)
		return xc_err_set(err, XC_ERR_CORRUPT, "the symlink %s in it has an invalid target",
				  XC_QUOTE(member->path));
	member->target = target;
	return 0;
}

static int fill_file(struct xc_archive *reader, struct xc_archive_member *member,
		     struct xc_err *err)
{
	la_int64_t size = archive_entry_size(reader->entry);

	if (size < 0 || (uint64_t)size > reader->limits->bytes)
		return xc_err_set(err, XC_ERR_CORRUPT, "the file %s in it claims %lld bytes",
				  XC_QUOTE(member->path), (long long)size);
	member->size_bytes = (uint64_t)size;
	reader->size_bytes = (uint64_t)size;
	reader->data_offset = 0;
	reader->at_file = true;
	return 0;
}

static int fill_attributes(const struct xc_archive *reader, struct xc_archive_member *member,
			   struct xc_err *err)
{
	struct archive_entry *entry = reader->entry;
	la_int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
	long nanoseconds = archive_entry_mtime_nsec(entry);

	/* (uid_t)-1 tells chown(2) to leave the owner alone. */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return xc_err_set(err, XC_ERR_CORRUPT, "%s in it has an impossible owner",
				  XC_QUOTE(member->path));
	member->uid = (uint32_t)uid;
	member->gid = (uint32_t)gid;
	member->mode = archive_entry_perm(entry) & 07777;
	member->mtime_s = archive_entry_mtime(entry);
	member->mtime_ns = nanoseconds >= 0 && nanoseconds < 1000000000 ? (uint32_t)nanoseconds : 0;
	return 0;
}

/* 0, or 1 if the member is of no use here. */
static int set_type(struct xc_archive *reader, struct xc_archive_member *member, struct xc_err *err)
{
	struct archive_entry *entry = reader->entry;
	bool delta = reader->opts.delta;

	if (delta && is_whiteout_name(reader->path.data)) {
		member->type = XC_ARCHIVE_REMOVED;
		return strip_whiteout(reader, err);
	}
	if (archive_entry_hardlink(entry)) {
		member->type = XC_ARCHIVE_HARDLINK;
		return 0;
	}
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		member->type = XC_ARCHIVE_FILE;
		return 0;
	case AE_IFDIR:
		member->type = XC_ARCHIVE_DIR;
		member->opaque = delta && is_opaque(entry);
		return 0;
	case AE_IFLNK:
		member->type = XC_ARCHIVE_SYMLINK;
		return 0;
	case AE_IFCHR:
		member->type = XC_ARCHIVE_REMOVED;
		return delta && archive_entry_rdev(entry) == makedev(0, 0) ? 0 : 1;
	default:
		return 1;
	}
}

static int describe(struct xc_archive *reader, struct xc_archive_member *member, struct xc_err *err)
{
	int useless;

	*member = (struct xc_archive_member){ 0 };
	if (normalise(archive_entry_pathname(reader->entry), &reader->path, err) < 0)
		return -1;
	useless = set_type(reader, member, err);
	if (useless != 0)
		return useless;
	member->path = reader->path.data;
	if (member->type != XC_ARCHIVE_DIR && reader->path.len_bytes == 0)
		return xc_err_set(err, XC_ERR_CORRUPT, "its root is not a directory");
	if (member->type == XC_ARCHIVE_REMOVED)
		return 0;
	if (fill_attributes(reader, member, err) < 0)
		return -1;
	if (member->type == XC_ARCHIVE_FILE)
		return fill_file(reader, member, err);
	return member->type == XC_ARCHIVE_DIR ? 0 : fill_link(reader, member, err);
}

/* 1 and the next header in reader->entry, 0 at the end. */
static int read_header(struct xc_archive *reader, struct xc_err *err)
{
	int result;

	/* Content that nobody wanted does not count towards the next header. */
	reader->within_header = false;
	if (reader->entry && archive_read_data_skip(reader->archive) < ARCHIVE_WARN)
		return refuse(reader, err);
	reader->within_header = true;
	reader->header_end = xc_archive_stream_bytes(reader->stream) + HEADER_BYTES_MAX;
	if (!reader->archive && open_archive(reader, err) < 0)
		return -1;
	result = archive_read_next_header(reader->archive, &reader->entry);
	reader->within_header = false;
	if (result == ARCHIVE_EOF)
		return 0;
	/* A name that the locale cannot say is a warning; it stays as it is. */
	return result < ARCHIVE_WARN ? refuse(reader, err) : 1;
}

int xc_archive_next(struct xc_archive *reader, struct xc_archive_member *ret_member,
		    struct xc_err *err)
{
	struct xc_archive_member member;
	int useless;

	do {
		int more = read_header(reader, err);

		reader->at_file = false;
		if (more < 0)
			return -1;
		if (more == 0)
			return drain(reader, err);
		if (++reader->members > reader->limits->members)
			return xc_err_set(err, XC_ERR_CORRUPT, "it has more than %llu members",
					  (unsigned long long)reader->limits->members);
		useless = describe(reader, &member, err);
		if (useless < 0)
			return -1;
		reader->left_out += (uint64_t)useless;
	} while (useless);
	*ret_member = member;
	return 1;
}

int xc_archive_data(struct xc_archive *reader, const char **ret_data, size_t *ret_length,
		    uint64_t *ret_offset, struct xc_err *err)
{
	const void *data;
	size_t length;
	la_int64_t offset;
	int result;

	if (!reader->at_file)
		return 0;
	do {
		result = archive_read_data_block(reader->archive, &data, &length, &offset);
	} while (result == ARCHIVE_OK && length == 0);
	if (result == ARCHIVE_EOF) {
		reader->at_file = false;
		return 0;
	}
	if (result < ARCHIVE_WARN)
		return refuse(reader, err);
	if (offset < 0 || (uint64_t)offset < reader->data_offset ||
	    (uint64_t)offset > reader->size_bytes || length > reader->size_bytes - (uint64_t)offset)
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "the map of the sparse file %s in it does not fit its size",
				  XC_QUOTE(reader->path.data));
	reader->data_offset = (uint64_t)offset + length;
	*ret_data = data;
	*ret_length = length;
	*ret_offset = (uint64_t)offset;
	return 1;
}
