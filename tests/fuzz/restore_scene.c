/* SPDX-License-Identifier: Apache-2.0 */
#include "restore_scene.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* As much of a file's content as is compared: sparse ones may be as long as numbers go. */
#define CONTENT_BYTES_MAX 8192

static char scene_folder[256];
static int scene_fd = -1;

static void scene_remove(void)
{
	(void)xc_fd_remove_tree(AT_FDCWD, scene_folder);
}

static void write_text(const char *path, const char *text)
{
	cleanup_fd int fd = openat(scene_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	MUST(fd >= 0 && xc_fd_write_all(fd, text, strlen(text)) == 0);
}

static void scene_make(void)
{
	const char *parent = getenv("TMPDIR");

	snprintf(scene_folder, sizeof(scene_folder), "%s/xcache-fuzz-XXXXXX",
		 parent && *parent ? parent : "/dev/shm");
	MUST(mkdtemp(scene_folder));
	atexit(scene_remove);
	umask(022);
	scene_fd = open(scene_folder, O_DIRECTORY | O_CLOEXEC);
	MUST(scene_fd >= 0);
	MUST(xc_fd_make_dirs(scene_fd, "outside/b", 0755) == 0);
	write_text("outside/keep", "kept");
	write_text("outside/b/c", "kept as well");
}

const char *scene_path(void)
{
	if (scene_fd < 0)
		scene_make();
	return scene_folder;
}

/* What may stand where a restore goes. Symlinks out of it have names that no path line spells. */
static const struct plant {
	const char *path;
	const char *target; /* a symlink's; NULL: a directory */
	mode_t mode;
} plants[] = {
	{ "ws/a", NULL, 0755 },
	{ "ws/a/b", NULL, 0555 },
	{ "ws/b", NULL, 0 },
	{ "ws/c", "../outside", 0 },
	{ "ws/lnk", "../outside", 0 },
	{ "ws/a/lnk", "../../outside", 0 },
	{ "ws/a/b/lnk", "../../../outside/keep", 0 },
	{ "ws/A", NULL, 0750 },
	{ "home/lnk", "../outside", 0 },
	{ "home/h", NULL, 0700 },
};

void scene_plant(struct feed *feed)
{
	unsigned choice = feed_byte(feed);

	(void)scene_path();
	choice |= (unsigned)feed_byte(feed) << 8;
	MUST(xc_fd_remove_tree(scene_fd, "ws") == 0 && xc_fd_remove_tree(scene_fd, "home") == 0);
	MUST(mkdirat(scene_fd, "ws", 0755) == 0 && mkdirat(scene_fd, "home", 0755) == 0);
	for (size_t i = 0; i < ARRAY_LEN(plants); i++) {
		if (!(choice >> i & 1))
			continue;
		/* Without the folder that it would lie in, it is left out. */
		if (plants[i].target)
			(void)!symlinkat(plants[i].target, scene_fd, plants[i].path);
		else if (mkdirat(scene_fd, plants[i].path, 0700) < 0)
			continue;
	}
	if (choice & 1 << ARRAY_LEN(plants))
		write_text("ws/d", "was here");
	if (choice & 1 << ARRAY_LEN(plants) && choice & 1)
		write_text("ws/a/a", "was here, too");
	for (size_t i = 0; i < ARRAY_LEN(plants); i++)
		if (!plants[i].target)
			(void)!fchmodat(scene_fd, plants[i].path, plants[i].mode, 0);
}

static void picture_content(struct xc_buf *out, int dir_fd, const char *name)
{
	char content[CONTENT_BYTES_MAX];
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : xc_fd_read_full(fd, content, sizeof(content));

	for (ssize_t i = 0; i < length; i++)
		xc_buf_add_char(out, content[i] ? content[i] : '0');
}

static void picture_one(struct xc_buf *out, int dir_fd, const char *name)
{
	char target[4096] = { 0 };
	struct stat st;

	MUST(fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	xc_buf_addf(out, "%o %u:%u", st.st_mode, st.st_uid, st.st_gid);
	if (S_ISDIR(st.st_mode))
		return;
	/* A file that is put back is the file that it was. */
	xc_buf_addf(out, " %llu %lld %lld.%09ld ", (unsigned long long)st.st_ino,
		    (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	if (S_ISLNK(st.st_mode) && readlinkat(dir_fd, name, target, sizeof(target) - 1) >= 0)
		xc_buf_add_str(out, target);
	else if (S_ISREG(st.st_mode))
		picture_content(out, dir_fd, name);
}

static void picture_below(struct xc_buf *out, int above_fd, const char *folder, const char *shown)
{
	cleanup_fd int fd = openat(above_fd, folder, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent **entries = NULL;
	int count = fd < 0 ? 0 : scandirat(fd, ".", &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		cleanup_free char *below = xc_asprintf("%s/%s", shown, name);
		bool own = strcmp(below, "/ws") == 0 || strcmp(below, "/home") == 0;

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !own) {
			xc_buf_addf(out, "%s ", below);
			picture_one(out, fd, name);
			xc_buf_add_char(out, '\n');
			if (entries[i]->d_type == DT_DIR)
				picture_below(out, fd, name, below);
		}
		free(entries[i]);
	}
	free(entries);
}

char *scene_picture(const char *folder)
{
	struct xc_buf out = XC_BUF_INIT;

	picture_below(&out, scene_fd, *folder ? folder : ".", folder);
	xc_buf_add_str(&out, ".\n");
	return xc_buf_steal(&out);
}
