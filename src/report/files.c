/* SPDX-License-Identifier: Apache-2.0 */
#include "report/files.h"

#include <inttypes.h>
#include <string.h>

#include "base/human.h"

const char *xc_files_mode(enum xc_member_type type, unsigned mode, char ret_text[XC_MODE_TEXT_MAX])
{
	static const char letters[] = "rwxrwxrwx";

	ret_text[0] = type == XC_MEMBER_DIR ? 'd' : type == XC_MEMBER_SYMLINK ? 'l' : '-';
	for (unsigned i = 0; i < 9; i++)
		ret_text[1 + i] = mode & (0400u >> i) ? letters[i] : '-';
	if (mode & 04000)
		ret_text[3] = mode & 0100 ? 's' : 'S';
	if (mode & 02000)
		ret_text[6] = mode & 0010 ? 's' : 'S';
	if (mode & 01000)
		ret_text[9] = mode & 0001 ? 't' : 'T';
	ret_text[10] = '\0';
	return ret_text;
}

/* The member whose mode, size and times hold: of a hard link what it is a name of. */
static const struct xc_member *described(const struct xc_members *members, uint32_t position)
{
	const struct xc_member *member = &members->items[position];

	return member->type == XC_MEMBER_HARDLINK ? &members->items[member->link] : member;
}

struct widths {
	int uid, gid, size;
};

static int digits(uint64_t number)
{
	int count = 1;

	while (number >= 10) {
		number /= 10;
		count++;
	}
	return count;
}

static struct widths measure(const struct xc_members *members)
{
	uint32_t uid = 0, gid = 0;
	uint64_t size_bytes = 0;

	for (uint32_t i = 0; i < members->count; i++) {
		uid = XC_MAX(uid, members->items[i].uid);
		gid = XC_MAX(gid, members->items[i].gid);
		size_bytes = XC_MAX(size_bytes, members->items[i].size_bytes);
	}
	return (struct widths){ digits(uid), digits(gid), digits(size_bytes) };
}

static void add_target(const struct xc_members *members, uint32_t position, struct xc_buf *line)
{
	const struct xc_member *member = &members->items[position];
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	if (member->type == XC_MEMBER_SYMLINK) {
		xc_buf_add_str(line, " -> ");
		xc_human_quote(member->extra->target, line);
	} else if (member->type == XC_MEMBER_HARDLINK) {
		xc_buf_add_str(line, " link to ");
		xc_members_path(members, member->link, &path);
		xc_human_quote(xc_buf_str(&path), line);
	}
}

static void print_member(const struct xc_members *members, uint32_t position,
			 const struct widths *widths, struct xc_buf *path, struct xc_buf *line,
			 FILE *out)
{
	const struct xc_member *member = described(members, position);
	char mode[XC_MODE_TEXT_MAX];

	xc_buf_clear(line);
	xc_buf_clear(path);
	xc_members_path(members, position, path);
	xc_buf_addf(line, "%s %*" PRIu32 " %*" PRIu32 " %*" PRIu64 " %s ",
		    xc_files_mode((enum xc_member_type)member->type, member->mode, mode),
		    widths->uid, member->uid, widths->gid, member->gid, widths->size,
		    member->size_bytes, XC_TIME(member->mtime_s));
	xc_human_quote(xc_buf_str(path), line);
	add_target(members, position, line);
	xc_buf_add_char(line, '\n');
	fwrite(line->data, 1, line->len_bytes, out);
}

void xc_files_print(const struct xc_members *members, const struct xc_member_set *alive, FILE *out)
{
	struct widths widths = measure(members);
	cleanup_buf struct xc_buf path = XC_BUF_INIT;
	cleanup_buf struct xc_buf line = XC_BUF_INIT;

	for (uint32_t i = 0; i < members->count; i++)
		if (xc_member_set_has(alive, i))
			print_member(members, i, &widths, &path, &line, out);
}

static const char *type_name(uint8_t type)
{
	switch (type) {
	case XC_MEMBER_DIR:
		return "directory";
	case XC_MEMBER_SYMLINK:
		return "symlink";
	case XC_MEMBER_HARDLINK:
		return "hardlink";
	default:
		return "file";
	}
}

static json_t *path_json(const struct xc_members *members, uint32_t position)
{
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	xc_members_path(members, position, &path);
	return xc_json_text(xc_buf_str(&path));
}

json_t *xc_files_json(const struct xc_members *members, uint32_t position)
{
	const struct xc_member *own = &members->items[position];
	const struct xc_member *member = described(members, position);
	json_t *object = json_object();
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", (unsigned)member->mode & 07777);
	json_object_set_new(object, "path", path_json(members, position));
	json_object_set_new(object, "type", json_string(type_name(own->type)));
	json_object_set_new(object, "mode", json_string(mode));
	json_object_set_new(object, "uid", json_integer(member->uid));
	json_object_set_new(object, "gid", json_integer(member->gid));
	json_object_set_new(object, "size", json_integer((json_int_t)member->size_bytes));
	json_object_set_new(object, "mtime", xc_json_time_at(member->mtime_s, member->mtime_ns));
	if (own->type == XC_MEMBER_SYMLINK)
		json_object_set_new(object, "target", xc_json_text(own->extra->target));
	else if (own->type == XC_MEMBER_HARDLINK)
		json_object_set_new(object, "target", path_json(members, own->link));
	return object;
}
