/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/foreign.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <archive.h>
#include <archive_entry.h>

#include "archive/foreign_stream.h"
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
const struct xc_foreign_limits xc_foreign_limits = {
	.members = 4000000,
	.bytes = (uint64_t)1 << 40,
	.ratio_from_bytes = (uint64_t)1 << 30,
	.ratio = 1000,
};

struct xc_foreign {
	struct xc_foreign_opts opts;
	const struct xc_foreign_limits *limits;
	struct xc_foreign_stream *stream;
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

static int fail_callback(struct xc_foreign *foreign, struct archive *archive)
{
	foreign->failed = true;
	archive_set_error(archive, EIO, "stopped");
	return ARCHIVE_FATAL;
}

static la_ssize_t give_bytes(struct archive *archive, void *data, const void **ret_bytes)
{
	struct xc_foreign *foreign = data;
	const char *bytes;
	size_t length;

	if (foreign->within_header &&
	    xc_foreign_stream_bytes(foreign->stream) > foreign->header_end) {
		xc_err_set(&foreign->err, XC_ERR_CORRUPT, "a header in it is too long");
		return fail_callback(foreign, archive);
	}
	if (xc_foreign_stream_read(foreign->stream, &bytes, &length, &foreign->err) < 0)
		return fail_callback(foreign, archive);
	*ret_bytes = bytes;
	return (la_ssize_t)length;
}

struct xc_foreign *xc_foreign_new(const struct xc_foreign_opts *opts)
{
	struct xc_foreign *foreign = xc_calloc(1, sizeof(*foreign));

	foreign->opts = *opts;
	foreign->limits = opts->limits ? opts->limits : &xc_foreign_limits;
	foreign->stream = xc_foreign_stream_new(opts, foreign->limits);
	return foreign;
}

void xc_foreign_free(struct xc_foreign *foreign)
{
	if (!foreign)
		return;
	archive_read_free(foreign->archive);
	xc_foreign_stream_free(foreign->stream);
	xc_buf_release(&foreign->path);
	xc_buf_release(&foreign->target);
	free(foreign);
}

uint64_t xc_foreign_left_out(const struct xc_foreign *foreign)
{
	return foreign->left_out;
}

/* What the callback found wrong, else what libarchive did. */
static int refuse(struct xc_foreign *foreign, struct xc_err *err)
{
	const char *reason = archive_error_string(foreign->archive);

	if (foreign->failed) {
		*err = foreign->err;
		return -1;
	}
	return xc_err_set(err, XC_ERR_CORRUPT, "it is no tar archive that can be read: %s",
			  XC_QUOTE(reason ? reason : "no reason given"));
}

/* Opening reads the first header's bytes already. */
static int open_archive(struct xc_foreign *foreign, struct xc_err *err)
{
	struct archive *archive = archive_read_new();

	if (!archive)
		xc_out_of_memory();
	foreign->archive = archive;
	if (archive_read_support_format_tar(archive) != ARCHIVE_OK ||
	    archive_read_open(archive, foreign, NULL, give_bytes, NULL) != ARCHIVE_OK)
		return refuse(foreign, err);
	return 0;
}

/* zstd's checksum stands at the very end, behind what tar needs. */
static int drain(struct xc_foreign *foreign, struct xc_err *err)
{
	const char *data;
	size_t length;

	do {
		if (xc_foreign_stream_read(foreign->stream, &data, &length, err) < 0)
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

/* Brings a path into the form that struct xc_foreign_member has. */
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
static int strip_whiteout(struct xc_foreign *foreign, struct xc_err *err)
{
	struct xc_buf *path = &foreign->path;
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
		return xc_err_set(err, XC_ERR_CORRUPT, "%s takes away what has no name",
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

static int fill_link(struct xc_foreign *foreign, struct xc_foreign_member *member,
		     struct xc_err *err)
{
	const char *target = archive_entry_symlink(foreign->entry);

	if (member->type == XC_FOREIGN_HARDLINK) {
		if (normalise(archive_entry_hardlink(foreign->entry), &foreign->target, err) < 0)
			return -1;
		if (foreign->target.len_bytes == 0)
			return xc_err_set(err, XC_ERR_CORRUPT,
					  "the hard link %s in it leads to the whole directory",
					  XC_QUOTE(member->path));
		member->target = foreign->target.data;
		return 0;
	}
	if (!target || *target == '\0' || strnlen(target, PATH_MAX) >= PATH_MAX)
		return xc_err_set(err, XC_ERR_CORRUPT, "the symlink %s in it leads nowhere",
				  XC_QUOTE(member->path));
	member->target = target;
	return 0;
}

static int fill_file(struct xc_foreign *foreign, struct xc_foreign_member *member,
		     struct xc_err *err)
{
	la_int64_t size = archive_entry_size(foreign->entry);

	if (size < 0 || (uint64_t)size > foreign->limits->bytes)
		return xc_err_set(err, XC_ERR_CORRUPT, "the file %s in it claims %lld bytes",
				  XC_QUOTE(member->path), (long long)size);
	member->size_bytes = (uint64_t)size;
	foreign->size_bytes = (uint64_t)size;
	foreign->data_offset = 0;
	foreign->at_file = true;
	return 0;
}

static int fill_attributes(const struct xc_foreign *foreign, struct xc_foreign_member *member,
			   struct xc_err *err)
{
	struct archive_entry *entry = foreign->entry;
	la_int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
	long nanoseconds = archive_entry_mtime_nsec(entry);

	/* (uid_t)-1 tells chown(2) to leave the owner alone. */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return xc_err_set(err, XC_ERR_CORRUPT, "%s in it has no possible owner",
				  XC_QUOTE(member->path));
	member->uid = (uint32_t)uid;
	member->gid = (uint32_t)gid;
	member->mode = archive_entry_perm(entry) & 07777;
	member->mtime_s = archive_entry_mtime(entry);
	member->mtime_ns = nanoseconds >= 0 && nanoseconds < 1000000000 ? (uint32_t)nanoseconds : 0;
	return 0;
}

/* 0, or 1 if the member is of no use here. */
static int tell_type(struct xc_foreign *foreign, struct xc_foreign_member *member,
		     struct xc_err *err)
{
	struct archive_entry *entry = foreign->entry;
	bool delta = foreign->opts.delta;

	if (delta && is_whiteout_name(foreign->path.data)) {
		member->type = XC_FOREIGN_REMOVED;
		return strip_whiteout(foreign, err);
	}
	if (archive_entry_hardlink(entry)) {
		member->type = XC_FOREIGN_HARDLINK;
		return 0;
	}
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		member->type = XC_FOREIGN_FILE;
		return 0;
	case AE_IFDIR:
		member->type = XC_FOREIGN_DIR;
		member->opaque = delta && is_opaque(entry);
		return 0;
	case AE_IFLNK:
		member->type = XC_FOREIGN_SYMLINK;
		return 0;
	case AE_IFCHR:
		member->type = XC_FOREIGN_REMOVED;
		return delta && archive_entry_rdev(entry) == makedev(0, 0) ? 0 : 1;
	default:
		return 1;
	}
}

static int describe(struct xc_foreign *foreign, struct xc_foreign_member *member,
		    struct xc_err *err)
{
	int useless;

	*member = (struct xc_foreign_member){ 0 };
	if (normalise(archive_entry_pathname(foreign->entry), &foreign->path, err) < 0)
		return -1;
	useless = tell_type(foreign, member, err);
	if (useless != 0)
		return useless;
	member->path = foreign->path.data;
	if (member->type != XC_FOREIGN_DIR && foreign->path.len_bytes == 0)
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "what should be the whole directory is something else in it");
	if (member->type == XC_FOREIGN_REMOVED)
		return 0;
	if (fill_attributes(foreign, member, err) < 0)
		return -1;
	if (member->type == XC_FOREIGN_FILE)
		return fill_file(foreign, member, err);
	return member->type == XC_FOREIGN_DIR ? 0 : fill_link(foreign, member, err);
}

/* 1 and the next header in foreign->entry, 0 at the end. */
static int read_header(struct xc_foreign *foreign, struct xc_err *err)
{
	int result;

	/* Content that nobody wanted does not count towards the next header. */
	foreign->within_header = false;
	if (foreign->entry && archive_read_data_skip(foreign->archive) < ARCHIVE_WARN)
		return refuse(foreign, err);
	foreign->within_header = true;
	foreign->header_end = xc_foreign_stream_bytes(foreign->stream) + HEADER_BYTES_MAX;
	if (!foreign->archive && open_archive(foreign, err) < 0)
		return -1;
	result = archive_read_next_header(foreign->archive, &foreign->entry);
	foreign->within_header = false;
	if (result == ARCHIVE_EOF)
		return 0;
	/* A name that the locale cannot say is a warning; it stays as it is. */
	return result < ARCHIVE_WARN ? refuse(foreign, err) : 1;
}

int xc_foreign_next(struct xc_foreign *foreign, struct xc_foreign_member *ret_member,
		    struct xc_err *err)
{
	struct xc_foreign_member member;
	int useless;

	do {
		int more = read_header(foreign, err);

		foreign->at_file = false;
		if (more < 0)
			return -1;
		if (more == 0)
			return drain(foreign, err);
		if (++foreign->members > foreign->limits->members)
			return xc_err_set(err, XC_ERR_CORRUPT, "it has more than %llu members",
					  (unsigned long long)foreign->limits->members);
		useless = describe(foreign, &member, err);
		if (useless < 0)
			return -1;
		foreign->left_out += (uint64_t)useless;
	} while (useless);
	*ret_member = member;
	return 1;
}

int xc_foreign_data(struct xc_foreign *foreign, const char **ret_data, size_t *ret_length,
		    uint64_t *ret_offset, struct xc_err *err)
{
	const void *data;
	size_t length;
	la_int64_t offset;
	int result;

	if (!foreign->at_file)
		return 0;
	do {
		result = archive_read_data_block(foreign->archive, &data, &length, &offset);
	} while (result == ARCHIVE_OK && length == 0);
	if (result == ARCHIVE_EOF) {
		foreign->at_file = false;
		return 0;
	}
	if (result < ARCHIVE_WARN)
		return refuse(foreign, err);
	if (offset < 0 || (uint64_t)offset < foreign->data_offset ||
	    (uint64_t)offset > foreign->size_bytes ||
	    length > foreign->size_bytes - (uint64_t)offset)
		return xc_err_set(err, XC_ERR_CORRUPT,
				  "the map of the sparse file %s in it does not fit its size",
				  XC_QUOTE(foreign->path.data));
	foreign->data_offset = (uint64_t)offset + length;
	*ret_data = data;
	*ret_length = length;
	*ret_offset = (uint64_t)offset;
	return 1;
}
