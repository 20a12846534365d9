/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for names and order, as base/member.h states them. All in time
 * linear in the names' length, whatever the order is.
 */
#include "pack/internal.h"

/* A directory whose members are being read. */
struct open_dir {
	uint32_t position;
	uint32_t last;  /* of its members so far, or XC_MEMBER_NONE */
	uint32_t merge; /* its first member that a directory's name was not yet compared with */
};

struct tree_check {
	const struct xc_member *items;
	struct open_dir *open;
	uint32_t open_count, open_capacity;
	uint32_t *prefixes; /* root paths whose names begin the last one's, each the next one's */
	uint32_t prefix_count, prefix_capacity;
	uint32_t last_root;
};

static bool is_dir(const struct xc_member *member)
{
	return member->type == XC_MEMBER_DIR;
}

static bool is_component(const char *name, size_t length)
{
	if (length == 0 || length > XC_MEMBER_NAME_MAX || memchr(name, '/', length))
		return false;
	return !(name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')));
}

/* Whether it is a stored path as tree/roots.h describes it. */
static bool is_stored_path(const char *path)
{
	size_t length = strlen(path);

	if (length == 0 || length > XC_TOP_NAME_MAX)
		return false;
	if (path[0] == '.' || path[0] == '~') {
		if (length == 1)
			return true;
		path++;
	}
	if (*path != '/')
		return false;
	if (length == 1)
		return true;
	while (*path == '/') {
		size_t component = strcspn(++path, "/");

		if (!is_component(path, component))
			return false;
		path += component;
	}
	return true;
}

/* Room for one more element behind `count`. */
static void *grow(void *items, uint32_t count, uint32_t *capacity, size_t item_bytes)
{
	if (count < *capacity)
		return items;
	*capacity = *capacity ? *capacity * 2 : 64;
	return xc_realloc(items, *capacity * item_bytes);
}

/*
 * In bytewise order all names that begin with a root path's name follow it, but
 * "./a.b" stands between "./a" and "./a/b". So all root paths that are the
 * beginning of the current one are kept, longest last. Looking at that one
 * is enough: it has the byte behind each shorter one in common with the name.
 */
static const char *check_root(struct tree_check *check, uint32_t position)
{
	const char *name = check->items[position].name;

	if (!is_stored_path(name))
		return "a root path whose name is not a stored path";
	if (check->last_root != XC_MEMBER_NONE &&
	    strcmp(check->items[check->last_root].name, name) >= 0)
		return "a top out of order";
	check->last_root = position;
	for (; check->prefix_count > 0; check->prefix_count--) {
		const char *before = check->items[check->prefixes[check->prefix_count - 1]].name;
		size_t length = strlen(before);

		if (strncmp(name, before, length) != 0)
			continue;
		if (name[length] == '/' || (length == 1 && before[0] == '/'))
			return "a root path below another";
		break;
	}
	check->prefixes = grow(check->prefixes, check->prefix_count, &check->prefix_capacity,
			       sizeof(*check->prefixes));
	check->prefixes[check->prefix_count++] = position;
	return NULL;
}

/* The files of a directory follow it at once, so they can be merged with its directories. */
static bool is_also_file(struct tree_check *check, struct open_dir *dir, uint32_t position)
{
	const struct xc_member *items = check->items;
	int order = -1;

	while (dir->merge < position && items[dir->merge].parent == dir->position &&
	       !is_dir(&items[dir->merge])) {
		order = strcmp(items[dir->merge].name, items[position].name);
		if (order >= 0)
			break;
		dir->merge++;
	}
	return order == 0;
}

static const char *check_child(struct tree_check *check, uint32_t position)
{
	const struct xc_member *member = &check->items[position];
	struct open_dir *dir;

	while (check->open_count > 0 &&
	       check->open[check->open_count - 1].position != member->parent)
		check->open_count--;
	if (check->open_count == 0)
		return "not below a directory that it follows";
	if (!is_component(member->name, strlen(member->name)))
		return "a name that is not a file name";
	dir = &check->open[check->open_count - 1];
	if (dir->last != XC_MEMBER_NONE) {
		const struct xc_member *last = &check->items[dir->last];

		if (is_dir(last) && !is_dir(member))
			return "a file after a directory";
		if (is_dir(last) == is_dir(member) && strcmp(last->name, member->name) >= 0)
			return "a name out of order";
	}
	if (is_dir(member) && is_also_file(check, dir, position))
		return "a directory with the name of a file";
	dir->last = position;
	return NULL;
}

static const char *check_one(struct tree_check *check, uint32_t position)
{
	const struct xc_member *member = &check->items[position];
	const char *wrong;

	if (member->parent == XC_MEMBER_NONE) {
		check->open_count = 0;
		wrong = check_root(check, position);
	} else {
		wrong = check_child(check, position);
	}
	if (wrong || !is_dir(member))
		return wrong;
	check->open =
		grow(check->open, check->open_count, &check->open_capacity, sizeof(*check->open));
	check->open[check->open_count++] =
		(struct open_dir){ position, XC_MEMBER_NONE, position + 1 };
	return NULL;
}

static int check_levels(const struct xc_members *members, enum xc_err_kind kind, struct xc_err *err)
{
	uint32_t position;

	switch (xc_members_levels(members, &position)) {
	case XC_LEVELS_TOO_DEEP:
		return xc_err_set(err, kind, "index: member %u: deeper than %u levels: %s",
				  position, XC_MEMBER_LEVEL_MAX,
				  XC_QUOTE(members->items[position].name));
	case XC_LEVELS_TOO_MANY:
		return xc_err_set(err, kind, "index: %u members are too deep on average",
				  members->count);
	default:
		return 0;
	}
}

int xc_index_check_tree(const struct xc_members *members, enum xc_err_kind kind, struct xc_err *err)
{
	struct tree_check check = { .items = members->items, .last_root = XC_MEMBER_NONE };
	const char *wrong = NULL;
	uint32_t i;

	for (i = 0; i < members->count && !wrong; i++)
		wrong = check_one(&check, i);
	free(check.open);
	free(check.prefixes);
	if (wrong)
		return xc_err_set(err, kind, "index: member %u: %s: %s", i - 1, wrong,
				  XC_QUOTE(members->items[i - 1].name));
	return check_levels(members, kind, err);
}
