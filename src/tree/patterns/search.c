/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk from the root down. A directory in which all that may match has
 * a known name is not read: those names are looked up, so that a path whose
 * upper directories may only be passed can be found. Elsewhere the entries
 * are listed and judged one by one. Directories that wait for their turn are
 * names on a stack, so that neither descriptors nor the C stack limit depth.
 * Those behind symlinks wait until all others are done and then go by their
 * paths, so that what is found does not depend on the order of entries.
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
#include "base/grow.h"
#include "tree/beneath.h"
#include "tree/patterns/internal.h"
#include "tree/patterns/visited.h"

/* A directory on the way to the current one. */
struct level {
	size_t path_length;
	bool linked; /* a symlink beyond what a line spells out led here */
	bool listed; /* then dev and ino are known, and no entry found below may lead back to it */
	dev_t dev;
	ino_t ino;
};

struct pending {
	char *name;
	size_t depth; /* how many levels are above it */
};

/* A directory behind a symlink that waits, and the levels above it. */
struct deferred {
	char *path;
	struct level *levels;
	size_t level_count;
};

struct walk {
	const struct xc_patterns *patterns;
	const struct xc_cancel *cancel;
	struct xc_strlist *found;
	struct xc_notes *notes;
	bool linked; /* what is entered next lies behind a symlink */
	struct visited visited;
	struct deferred *deferred;
	size_t deferred_count, deferred_capacity;
	struct xc_buf path; /* "" is the root */
	struct level *levels;
	size_t level_count, level_capacity;
	struct pending *pending;
	size_t pending_count, pending_capacity;
	struct xc_strlist names; /* to look up in the current directory */
};

static void release_walk(struct walk *walk)
{
	for (size_t i = 0; i < walk->deferred_count; i++) {
		free(walk->deferred[i].path);
		free(walk->deferred[i].levels);
	}
	free(walk->deferred);
	free(walk->visited.slots);
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
	XC_GROW(walk->pending, walk->pending_count, walk->pending_capacity, 64);
	walk->pending[walk->pending_count++] =
		(struct pending){ .name = xc_strdup(name), .depth = walk->level_count };
}

/* The current path is a symlink to a directory. */
static void defer(struct walk *walk)
{
	struct deferred *deferred;

	XC_GROW(walk->deferred, walk->deferred_count, walk->deferred_capacity, 16);
	deferred = &walk->deferred[walk->deferred_count++];
	deferred->path = xc_strdup(xc_buf_str(&walk->path));
	deferred->level_count = walk->level_count;
	deferred->levels = xc_malloc(walk->level_count * sizeof(*deferred->levels));
	memcpy(deferred->levels, walk->levels, walk->level_count * sizeof(*deferred->levels));
}

static struct level *push_level(struct walk *walk)
{
	XC_GROW(walk->levels, walk->level_count, walk->level_capacity, 32);
	walk->levels[walk->level_count] =
		(struct level){ .path_length = walk->path.len_bytes, .linked = walk->linked };
	return &walk->levels[walk->level_count++];
}

/* Step into the directory whose turn it is. */
static void enter(struct walk *walk, const struct pending *pending)
{
	walk->level_count = pending->depth;
	walk->linked = walk->levels[pending->depth - 1].linked;
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
	ENTRY_LINKED_DIRECTORY,
	ENTRY_OTHER,
};

/* What a symlink leads to. */
static int look_through(const struct walk *walk, int dir_fd, const char *name,
			enum entry *ret_entry, struct xc_err *err)
{
	struct stat st;

	if (stat_entry(walk, dir_fd, name, 0, &st) == 0) {
		*ret_entry = S_ISDIR(st.st_mode) ? ENTRY_LINKED_DIRECTORY : ENTRY_OTHER;
		if (S_ISDIR(st.st_mode) && dir_fd >= 0 && leads_back(walk, &st))
			*ret_entry = ENTRY_GONE;
		return 0;
	}
	*ret_entry = ENTRY_GONE;
	if (is_missing(errno))
		return 0;
	*ret_entry = ENTRY_OTHER;
	/* A symlink whose target is out of sight is still something to save. */
	if (errno == EACCES)
		return 0;
	return xc_err_sys(err, errno, "cannot examine '%s' in '%s'", XC_QUOTE(name),
			  XC_QUOTE(walk_path(walk)));
}

/* What the name is. `type` is what readdir said. */
static int look(const struct walk *walk, int dir_fd, const char *name, unsigned char type,
		enum entry *ret_entry, struct xc_err *err)
{
	struct stat st;

	*ret_entry = type == DT_DIR ? ENTRY_DIRECTORY : ENTRY_OTHER;
	if (type == DT_LNK)
		return look_through(walk, dir_fd, name, ret_entry, err);
	if (type != DT_UNKNOWN)
		return 0;
	if (stat_entry(walk, dir_fd, name, AT_SYMLINK_NOFOLLOW, &st) < 0) {
		*ret_entry = ENTRY_GONE;
		if (is_missing(errno))
			return 0;
		return xc_err_sys(err, errno, "cannot examine '%s' in '%s'", XC_QUOTE(name),
				  XC_QUOTE(walk_path(walk)));
	}
	if (S_ISLNK(st.st_mode))
		return look_through(walk, dir_fd, name, ret_entry, err);
	*ret_entry = S_ISDIR(st.st_mode) ? ENTRY_DIRECTORY : ENTRY_OTHER;
	return 0;
}

/*
 * Whether a restore would come to the directory of `length` bytes of the
 * current path: symlinks behind the first `literal` bytes, which a line
 * spells out, may not lead out of those.
 */
static bool stays_beneath(const struct walk *walk, size_t literal, size_t length)
{
	cleanup_free char *base = xc_strndup(xc_buf_str(&walk->path), literal);
	cleanup_free char *rest = NULL;
	cleanup_fd int base_fd = -1, fd = -1;

	if (length <= literal)
		return true;
	rest = xc_strndup(walk->path.data + literal + 1, length - literal - 1);
	base_fd = xc_fd_open_dir_path(AT_FDCWD, literal > 0 ? base : "/");
	if (base_fd >= 0)
		fd = xc_beneath_open_dir(base_fd, rest, XC_BENEATH_LINKS_INSIDE, O_PATH);
	return fd >= 0 || (errno != EXDEV && errno != ELOOP);
}

enum passage {
	PASSAGE_SPELLED, /* a line spells the link out: it is a directory like others */
	PASSAGE_OPEN,
	PASSAGE_CLOSED, /* it leads out of what each line spells out */
};

/* Whether to go through the symlink that is the current path. */
static enum passage passage_of(const struct walk *walk)
{
	enum passage passage = PASSAGE_CLOSED;

	for (size_t i = 0; i < walk->patterns->count; i++) {
		const struct line *line = &walk->patterns->lines[i];

		if (line->exclude ||
		    xc_patterns_reach(line, walk->path.data, walk->path.len_bytes) != REACH_BELOW)
			continue;
		if (walk->path.len_bytes <= line->prefix_length)
			return PASSAGE_SPELLED;
		if (passage == PASSAGE_CLOSED &&
		    stays_beneath(walk, line->prefix_length, walk->path.len_bytes))
			passage = PASSAGE_OPEN;
	}
	return passage;
}

/* The current path, in a directory of `directory_length` bytes, is a match. */
static void add_match(struct walk *walk, size_t directory_length)
{
	size_t literal;

	/* It may not be the line that led here that matches. */
	if (walk->levels[walk->level_count - 1].linked &&
	    (!xc_patterns_declares(walk->patterns, walk->path.data, &literal) ||
	     !stays_beneath(walk, literal, directory_length)))
		xc_notes_add(walk->notes, XC_NOTE_LINKS_OUT, walk->path.data);
	else
		xc_strlist_add(walk->found, walk->path.data);
}

/* The current path is a symlink to a directory with something that may match. */
static void pass_link(struct walk *walk, const char *name)
{
	switch (passage_of(walk)) {
	case PASSAGE_SPELLED:
		push_pending(walk, name);
		break;
	case PASSAGE_OPEN:
		defer(walk);
		break;
	case PASSAGE_CLOSED:
		xc_notes_add(walk->notes, XC_NOTE_LINKS_OUT, walk->path.data);
	}
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
					 entry != ENTRY_OTHER);
	if (verdict == XC_VERDICT_INCLUDE)
		add_match(walk, directory_length);
	else if (verdict == XC_VERDICT_DESCEND && entry == ENTRY_LINKED_DIRECTORY)
		pass_link(walk, name);
	else if (verdict == XC_VERDICT_DESCEND)
		push_pending(walk, name);
	xc_buf_truncate(&walk->path, directory_length);
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

/* Whether a line needs the current directory's listing in a way that it had not before. */
static bool is_news(struct walk *walk, const struct stat *st)
{
	bool news = false;

	for (size_t i = 0; i < walk->patterns->count; i++) {
		const struct line *line = &walk->patterns->lines[i];
		struct visit visit = { .dev = st->st_dev, .ino = st->st_ino, .line = (uint32_t)i };

		if (line->exclude || xc_patterns_reach(line, xc_buf_str(&walk->path),
						       walk->path.len_bytes) != REACH_BELOW)
			continue;
		if (!xc_patterns_places(line, xc_buf_str(&walk->path), walk->path.len_bytes,
					&visit.places))
			news = true;
		else
			news |= xc_patterns_visit(&walk->visited, visit);
	}
	return news;
}

/* Whether nothing but "**" leads into the current directory. */
static bool is_met_by_chance(const struct walk *walk)
{
	for (size_t i = 0; i < walk->patterns->count; i++) {
		const struct line *line = &walk->patterns->lines[i];
		size_t below;

		if (line->exclude || xc_patterns_reach(line, xc_buf_str(&walk->path),
						       walk->path.len_bytes) != REACH_BELOW)
			continue;
		if (walk->path.len_bytes <= line->prefix_length)
			return false;
		below = count_components(xc_buf_str(&walk->path) + line->prefix_length);
		if (below <= line->fixed)
			return false;
	}
	return true;
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
	if (fd < 0 && errno == EACCES && is_met_by_chance(walk)) {
		xc_notes_add(walk->notes, XC_NOTE_UNREADABLE, walk_path(walk));
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0 || (dir = fdopendir(fd)) == NULL)
		return xc_err_sys(err, errno, "cannot read the directory '%s'",
				  XC_QUOTE(walk_path(walk)));
	(void)STEAL_FD(fd);
	if (!is_news(walk, &st))
		return 0;
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

/* The current directory and all below it but what lies behind symlinks. */
static int visit_below(struct walk *walk, struct xc_err *err)
{
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

static int compare_deferred(const void *left, const void *right)
{
	return strcmp(((const struct deferred *)left)->path,
		      ((const struct deferred *)right)->path);
}

/* Takes over what `deferred` holds. */
static int visit_deferred(struct walk *walk, struct deferred *deferred, struct xc_err *err)
{
	free(walk->levels);
	walk->levels = STEAL_PTR(deferred->levels);
	walk->level_count = walk->level_capacity = deferred->level_count;
	xc_buf_clear(&walk->path);
	xc_buf_add_str(&walk->path, deferred->path);
	walk->linked = true;
	return visit_below(walk, err);
}

/* Go through the symlinks that were put off; what they put off again is the next round. */
static int visit_links(struct walk *walk, struct xc_err *err)
{
	int result = 0;

	while (result == 0 && walk->deferred_count > 0) {
		struct deferred *round = STEAL_PTR(walk->deferred);
		size_t count = walk->deferred_count;

		walk->deferred_count = walk->deferred_capacity = 0;
		qsort(round, count, sizeof(*round), compare_deferred);
		for (size_t i = 0; i < count; i++) {
			if (result == 0)
				result = visit_deferred(walk, &round[i], err);
			free(round[i].path);
			free(round[i].levels);
		}
		free(round);
	}
	return result;
}

static int walk_all(struct walk *walk, struct xc_err *err)
{
	enum xc_verdict verdict = xc_patterns_judge_path(walk->patterns, "", 0, true);

	if (verdict == XC_VERDICT_INCLUDE)
		xc_strlist_add(walk->found, "/");
	if (verdict != XC_VERDICT_DESCEND)
		return 0;
	if (visit_below(walk, err) < 0)
		return -1;
	return visit_links(walk, err);
}

int xc_patterns_search(const struct xc_patterns *patterns, const struct xc_cancel *cancel,
		       struct xc_strlist *ret_paths, struct xc_notes *notes, struct xc_err *err)
{
	cleanup_strlist struct xc_strlist found = XC_STRLIST_INIT;
	cleanup_walk struct walk walk = {
		.patterns = patterns,
		.cancel = cancel,
		.found = &found,
		.notes = notes,
	};

	if (walk_all(&walk, err) < 0)
		return -1;
	if (found.count > 1)
		qsort(found.items, found.count, sizeof(*found.items), compare_paths);
	xc_patterns_note_lines(patterns, &found, notes);
	for (size_t i = 0; i < found.count; i++)
		xc_strlist_take(ret_paths, STEAL_PTR(found.items[i]));
	return 0;
}
