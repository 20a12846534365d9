/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold in an index beyond its names and their order. */
#include "archive/tar.h"
#include "pack/internal.h"

static const char *check_link(const struct xc_members *members, uint32_t position)
{
	const struct xc_member *member = &members->items[position];
	uint8_t type;

	if (member->link >= position)
		return "a hard link to no earlier member";
	type = members->items[member->link].type;
	if (type != XC_MEMBER_FILE && type != XC_MEMBER_SYMLINK)
		return "a hard link to something other than a file or symlink";
	return NULL;
}

static const char *check_symlink(const struct xc_member *member)
{
	size_t length = member->extra && member->extra->target ? strlen(member->extra->target) : 0;

	return length >= 1 && length <= XC_TARGET_MAX ? NULL
						      : "a symlink's target of a wrong length";
}

static const char *check_extents(const struct xc_member *member)
{
	const struct xc_member_extra *extra = member->extra;
	uint64_t end = 0;

	for (uint32_t i = 0; i < extra->extent_count; i++) {
		const struct xc_extent *extent = &extra->extents[i];

		if (extent->length == 0 || extent->offset < end || (i > 0 && extent->offset == end))
			return "data of a sparse file that is empty, overlaps or touches";
		if (extent->offset > member->size_bytes ||
		    extent->length > member->size_bytes - extent->offset)
			return "data of a sparse file beyond its size";
		end = extent->offset + extent->length;
		/* So each costs bytes of the tar stream, and their number is bounded with those. */
		if (extent->offset % XC_TAR_BLOCK_BYTES != 0 ||
		    (end % XC_TAR_BLOCK_BYTES != 0 && end != member->size_bytes))
			return "data of a sparse file that is not in whole blocks of 512";
	}
	return NULL;
}

static const char *check_file(const struct xc_member *member)
{
	if (member->size_bytes > INT64_MAX)
		return "an impossible size";
	return member->extra && member->extra->sparse ? check_extents(member) : NULL;
}

static const char *check_xattrs(const struct xc_member *member)
{
	const struct xc_member_extra *extra = member->extra;

	if (extra->xattr_count > XC_XATTRS_MAX)
		return "too many extended attributes";
	for (uint32_t i = 0; i < extra->xattr_count; i++) {
		const char *name = extra->xattrs[i].name;

		if (strncmp(name, "user.", 5) != 0 || name[5] == '\0' ||
		    strlen(name) > XC_XATTR_NAME_MAX)
			return "an extended attribute's name that does not begin with \"user.\"";
		if (i > 0 && strcmp(extra->xattrs[i - 1].name, name) >= 0)
			return "extended attributes out of order";
		if (extra->xattrs[i].length > XC_XATTR_VALUE_MAX)
			return "an extended attribute's value that is too long";
	}
	return NULL;
}

static const char *check_member(const struct xc_members *members, uint32_t position)
{
	const struct xc_member *member = &members->items[position];
	const char *wrong = NULL;

	if (member->mode > 07777)
		return "a mode beyond 07777";
	if (member->mtime_ns >= 1000000000)
		return "a time with more than a second of nanoseconds";
	if (member->header_bytes == 0 || member->header_bytes > XC_TAR_HEADER_MAX ||
	    member->header_bytes % XC_TAR_BLOCK_BYTES != 0)
		return "a header of a wrong length";
	switch (member->type) {
	case XC_MEMBER_FILE:
		wrong = check_file(member);
		break;
	case XC_MEMBER_DIR:
		break;
	case XC_MEMBER_SYMLINK:
		wrong = check_symlink(member);
		break;
	case XC_MEMBER_HARDLINK:
		wrong = check_link(members, position);
		break;
	default:
		wrong = "an unknown type";
		break;
	}
	if (!wrong && member->type <= XC_MEMBER_DIR && member->extra)
		wrong = check_xattrs(member);
	return wrong;
}

static int check_segments(const struct xc_index *index, enum xc_err_kind kind, struct xc_err *err)
{
	uint64_t raw_bytes = 0;

	for (uint32_t i = 0; i < index->segment_count; i++) {
		const struct xc_segment *segment = &index->segments[i];

		if (segment->raw_bytes == 0 || segment->raw_bytes > XC_SEGMENT_RAW_MAX ||
		    segment->stored_bytes == 0 || segment->stored_bytes > XC_SEGMENT_STORED_MAX)
			return xc_err_set(err, kind, "index: segment %u: a length out of bounds",
					  i);
		raw_bytes += segment->raw_bytes;
	}
	if (raw_bytes != index->tar_bytes)
		return xc_err_set(
			err, kind, "index: segments of %llu bytes for a tar stream of %llu",
			(unsigned long long)raw_bytes, (unsigned long long)index->tar_bytes);
	return 0;
}

int xc_index_check(const struct xc_index *index, enum xc_err_kind kind, struct xc_err *err)
{
	uint64_t tar_bytes = XC_TAR_END_BYTES;

	for (uint32_t i = 0; i < index->members.count; i++) {
		const char *wrong = check_member(&index->members, i);

		if (!wrong && __builtin_add_overflow(tar_bytes,
						     xc_member_span_bytes(&index->members.items[i]),
						     &tar_bytes))
			wrong = "more bytes than can be counted up to here";
		if (wrong)
			return xc_err_set(err, kind, "index: member %u: %s", i, wrong);
	}
	if (tar_bytes != index->tar_bytes)
		return xc_err_set(
			err, kind, "index: members of %llu bytes for a tar stream of %llu",
			(unsigned long long)tar_bytes, (unsigned long long)index->tar_bytes);
	if (xc_index_check_tree(&index->members, kind, err) < 0 ||
	    xc_index_check_overrides(&index->overrides, kind, err) < 0)
		return -1;
	return check_segments(index, kind, err);
}
