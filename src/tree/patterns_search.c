/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk from the root down. A directory in which all that may match has
 * a known name is not read: those names are looked up, so that a path whose
 * upper directories may only be passed can be found. Elsewhere the entries
 * are listed and judged one by one. Directories that wait for their turn are
 * names on a stack, so that neither descriptors nor the C stack limit depth.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "tree/patterns_internal.h"

/* A directory on the way to the current one. */
struct level {
	size_t path_length;
	bool listed; /* then dev and ino are known, and no entry found below may lead back to it */
	dev_t dev;
	ino_t ino;
};

struct pending {
	char *name;
	size_t depth; /* how many levels are above it */
};

struct walk {
	const struct xc_patterns *patterns;
	const struct xc_cancel *cancel;
	struct xc_strlist *found;
	struct xc_buf path; /* "" is the root */
	struct level *levels;
	size_t level_count, level_capacity;
	struct pending *pending;
	size_t pending_count, pending_capacity;
	struct xc_strlist names; /* to look up in the current directory */
};

static void release_walk(struct walk *walk)
{
	for (size_t i = 0; i < walk->pending_count; i++)
		free(walk->pending[i].name);
	free(walk->pending);
	free(walk->levels);
	xc_buf_release(&walk->path);
	xc_strlist_release(&walk->names);
}
#define cleanup_walk __attribute__((cleanup(release_walk)))

static const char *walk_path(const struct walk *walk)
{
	return walk->path.len_bytes > 0 ? walk->path.data : "/";
}

static void push_pending(struct walk *walk, const char *name)
{
	if (walk->pending_count == walk->pending_capacity) {
		walk->pending_capacity = walk->pending_capacity ? 2 * walk->pending_capacity : 64;
		walk->pending =
			xc_realloc(walk->pending, walk->pending_capacity * sizeof(*walk->pending));
	}
	walk->pending[walk->pending_count++] =
		(struct pending){ .name = xc_strdup(name), .depth = walk->level_count };
}

static struct level *push_level(struct walk *walk)
{
	if (walk->level_count == walk->level_capacity) {
		walk->level_capacity = walk->level_capacity ? 2 * walk->level_capacity : 32;
		walk->levels =
			xc_realloc(walk->levels, walk->level_capacity * sizeof(*walk->levels));
	}
	walk->levels[walk->level_count] = (struct level){ .path_length = walk->path.len_bytes };
	return &walk->levels[walk->level_count++];
}

/* Step into the directory whose turn it is. */
static void enter(struct walk *walk, const struct pending *pending)
{
	walk->level_count = pending->depth;
	xc_buf_truncate(&walk->path, walk->levels[pending->depth - 1].path_length);
	xc_buf_add_char(&walk->path, '/');
	xc_buf_add_str(&walk->path, pending->name);
}

static bool leads_back(const struct walk *walk, const struct stat *st)
{
	for (size_t i = 0; i < walk->level_count; i++) {
		const struct level *level = &walk->levels[i];

		if (level->listed && level->dev == st->st_dev && level->ino == st->st_ino)
			return true;
	}
	return false;
}

/* Whether there is nothing, or nothing to be reached, behind a name. */
static bool is_missing(int errno_value)
{
	return errno_value == ENOENT || errno_value == ENOTDIR || errno_value == ELOOP ||
	       errno_value == ENAMETOOLONG;
}

/* fstatat; without a descriptor the name is looked up in the current directory. */
static int stat_entry(const struct walk *walk, int dir_fd, const char *name, int flags,
		      struct stat *ret_stat)
{
	cleanup_fd int own_fd = -1;
	cleanup_free char *path = NULL;

	if (dir_fd >= 0)
		return fstatat(dir_fd, name, ret_stat, flags);
	if (walk->path.len_bytes + 1 + strlen(name) < PATH_MAX) {
		path = xc_asprintf("%s/%s", xc_buf_str(&walk->path), name);
		return fstatat(AT_FDCWD, path, ret_stat, flags);
	}
	own_fd = xc_fd_open_dir(AT_FDCWD, walk_path(walk));
	return own_fd < 0 ? -1 : fstatat(own_fd, name, ret_stat, flags);
}

enum entry {
	ENTRY_GONE, /* or a broken symlink, or one that leads back up */
	ENTRY_DIRECTORY,
	ENTRY_OTHER,
};

/* What the name is, with symlinks followed. `type` is what readdir said. */
static int look(const struct walk *walk, int dir_fd, const char *name, unsigned char type,
		enum entry *ret_entry, struct xc_err *err)
{
	struct stat st;

	*ret_entry = type == DT_DIR ? ENTRY_DIRECTORY : ENTRY_OTHER;
	if (type != DT_UNKNOWN && type != DT_LNK)
		return 0;
	*ret_entry = ENTRY_GONE;
	if (stat_entry(walk, dir_fd, name, 0, &st) == 0) {
		*ret_entry = S_ISDIR(st.st_mode) ? ENTRY_DIRECTORY : ENTRY_OTHER;
		if (S_ISDIR(st.st_mode) && dir_fd >= 0 && leads_back(walk, &st))
			*ret_entry = ENTRY_GONE;
		return 0;
	}
	if (is_missing(errno))
		return 0;
	/* A symlink whose target is out of sight is still something to save. */
	if (errno == EACCES && stat_entry(walk, dir_fd, name, AT_SYMLINK_NOFOLLOW, &st) == 0 &&
	    S_ISLNK(st.st_mode)) {
		*ret_entry = ENTRY_OTHER;
		return 0;
	}
	return xc_err_sys(err, errno, "cannot look at '%s' in '%s'", XC_QUOTE(name),
			  XC_QUOTE(walk_path(walk)));
}

/* Judge an entry of the current directory: a match, a directory to walk, or neither. */
static int consider(struct walk *walk, int dir_fd, const char *name, unsigned char type,
		    struct xc_err *err)
{
	size_t directory_length = walk->path.len_bytes;
	enum xc_verdict verdict;
	enum entry entry;

	if (look(walk, dir_fd, name, type, &entry, err) < 0)
		return -1;
	if (entry == ENTRY_GONE)
		return 0;
	xc_buf_add_char(&walk->path, '/');
	xc_buf_add_str(&walk->path, name);
	verdict = xc_patterns_judge_path(walk->patterns, walk->path.data, walk->path.len_bytes,
					 entry == ENTRY_DIRECTORY);
	if (verdict == XC_VERDICT_INCLUDE)
		xc_strlist_add(walk->found, walk->path.data);
	xc_buf_truncate(&walk->path, directory_length);
	if (verdict == XC_VERDICT_DESCEND)
		push_pending(walk, name);
	return 0;
}

static bool has_name(const struct xc_strlist *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

/* How many components `text`, "" or "/...", has. */
static size_t count_components(const char *text)
{
	size_t count = 0;

	while ((text = strchr(text, '/')) != NULL) {
		text++;
		count++;
	}
	return count;
}

/*
 * The name that the line needs in the current directory, which it reaches
 * below; false if it takes a listing to tell.
 */
static bool needed_name(const struct line *line, const struct xc_buf *path, const char **ret_name,
			size_t *ret_length)
{
	const struct component *component;
	size_t at;

	if (path->len_bytes < line->prefix_length) {
		*ret_name = line->prefix + path->len_bytes + 1;
		*ret_length = strcspn(*ret_name, "/");
		return true;
	}
	at = count_components(xc_buf_str(path) + line->prefix_length);
	if (at >= line->fixed)
		return false;
	component = &line->components[at];
	*ret_name = component->text;
	*ret_length = component->text_length;
	return component->kind == COMPONENT_LITERAL;
}

/* Fill walk->names for the current directory; returns whether it must be listed, too. */
static bool collect_names(struct walk *walk)
{
	bool must_list = false;

	xc_strlist_release(&walk->names);
	for (size_t i = 0; i < walk->patterns->count; i++) {
		const struct line *line = &walk->patterns->lines[i];
		cleanup_free char *copy = NULL;
		const char *name;
		size_t length;

		if (line->exclude || xc_patterns_reach(line, xc_buf_str(&walk->path),
						       walk->path.len_bytes) != REACH_BELOW)
			continue;
		if (!needed_name(line, &walk->path, &name, &length)) {
			must_list = true;
			continue;
		}
		copy = xc_strndup(name, length);
		if (!has_name(&walk->names, copy))
			xc_strlist_take(&walk->names, STEAL_PTR(copy));
	}
	return must_list;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int list_entries(struct walk *walk, DIR *dir, struct xc_err *err)
{
	struct dirent *entry;

	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			break;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    has_name(&walk->names, entry->d_name))
			continue;
		if (consider(walk, dirfd(dir), entry->d_name, entry->d_type, err) < 0)
			return -1;
	}
	return errno == 0 ? 0
			  : xc_err_sys(err, errno, "cannot read the directory '%s'",
				       XC_QUOTE(walk_path(walk)));
}

/* List the current directory, which is the last level. */
static int list_directory(struct walk *walk, struct xc_err *err)
{
	struct level *level = &walk->levels[walk->level_count - 1];
	cleanup_fd int fd = xc_fd_open_dir(AT_FDCWD, walk_path(walk));
	__attribute__((cleanup(close_dir))) DIR *dir = NULL;
	struct stat st;

	if (fd < 0 && is_missing(errno))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0 || (dir = fdopendir(fd)) == NULL)
		return xc_err_sys(err, errno, "cannot read the directory '%s'",
				  XC_QUOTE(walk_path(walk)));
	(void)STEAL_FD(fd);
	level->listed = true;
	level->dev = st.st_dev;
	level->ino = st.st_ino;
	return list_entries(walk, dir, err);
}

static int visit(struct walk *walk, struct xc_err *err)
{
	bool must_list;

	if (xc_cancel_check(walk->cancel, err) < 0)
		return -1;
	push_level(walk);
	must_list = collect_names(walk);
	for (size_t i = 0; i < walk->names.count; i++)
		if (consider(walk, -1, walk->names.items[i], DT_UNKNOWN, err) < 0)
			return -1;
	return must_list ? list_directory(walk, err) : 0;
}

static int walk_all(struct walk *walk, struct xc_err *err)
{
	enum xc_verdict verdict = xc_patterns_judge_path(walk->patterns, "", 0, true);

	if (verdict == XC_VERDICT_INCLUDE)
		xc_strlist_add(walk->found, "/");
	if (verdict != XC_VERDICT_DESCEND)
		return 0;
	if (visit(walk, err) < 0)
		return -1;
	while (walk->pending_count > 0) {
		struct pending pending = walk->pending[--walk->pending_count];

		enter(walk, &pending);
		free(pending.name);
		if (visit(walk, err) < 0)
			return -1;
	}
	return 0;
}

static int compare_paths(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

int xc_patterns_search(const struct xc_patterns *patterns, const struct xc_cancel *cancel,
		       struct xc_strlist *ret_paths, struct xc_err *err)
{
	cleanup_strlist struct xc_strlist found = XC_STRLIST_INIT;
	cleanup_walk struct walk walk = { .patterns = patterns, .cancel = cancel, .found = &found };

	if (walk_all(&walk, err) < 0)
		return -1;
	if (found.count > 1)
		qsort(found.items, found.count, sizeof(*found.items), compare_paths);
	for (size_t i = 0; i < found.count; i++)
		xc_strlist_take(ret_paths, STEAL_PTR(found.items[i]));
	return 0;
}
