/* SPDX-License-Identifier: Apache-2.0 */
/* What a restore leaves for the next save of the same paths. */
#include "fake_store.h"
#include "scene.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "save/scan.h"
#include "state/internal.h"

struct state_scene {
	struct scene scene;
	char folder[300];
};

static void open_scene(struct state_scene *self)
{
	scene_open(&self->scene);
	scene_paths(&self->scene, "d");
	snprintf(self->folder, sizeof(self->folder), "%s/state", self->scene.root);
	self->scene.cache.state_folder = self->folder;
	make_file(&self->scene, "ws/d/a", "first");
	make_file(&self->scene, "ws/d/b", "second");
	make_link(&self->scene, "ws/d/b2", "ws/d/b");
	make_file(&self->scene, "ws/d/e/c", "third");
	make_file(&self->scene, "ws/d/e/empty", "");
	make_symlink(&self->scene, "ws/d/l", "a");
	scene_save(&self->scene, "k");
}

static bool is_in_memory(const char *path)
{
	struct statfs status;

	return statfs(path, &status) == 0 && status.f_type == TMPFS_MAGIC;
}

/* For what only a file system whose times tell of every change can show. */
static void open_scene_on_disk(struct state_scene *self)
{
	if (is_in_memory(temp_base())) {
		print_message("no disk for temporary files: skipped\n");
		skip();
	}
	open_scene(self);
}

static void restore(struct scene *scene)
{
	struct xc_restore_result result = XC_RESTORE_RESULT_INIT;
	struct xc_err err;

	scene->query.key = "k";
	must(xc_cache_restore(&scene->cache, &scene->query, &result, &err), &err);
	assert_int_equal(result.unrecorded.kind, XC_ERR_NONE);
	xc_restore_result_release(&result);
}

static void restore_afresh(struct scene *scene)
{
	remove_path(scene, "ws/d");
	restore(scene);
}

static const struct xc_member *find(const struct xc_members *members, const char *stored,
				    uint32_t *ret_position)
{
	for (uint32_t i = 0; i < members->count; i++) {
		cleanup_buf struct xc_buf path = XC_BUF_INIT;

		xc_members_path(members, i, &path);
		if (strcmp(path.data, stored) == 0) {
			*ret_position = i;
			return &members->items[i];
		}
	}
	return NULL;
}

/* Whether the file is known to be as the restore left it. */
static bool is_untouched(struct scene *scene, const char *stored)
{
	cleanup_state struct xc_state state = XC_STATE_INIT;
	cleanup_tree struct xc_tree tree = XC_TREE_INIT;
	cleanup_notes struct xc_notes notes = XC_NOTES_INIT;
	uint32_t old, now;
	struct xc_err err;

	must(xc_state_read(&scene->cache, &scene->paths, &state, &err), &err);
	must(xc_save_scan(&scene->cache, &scene->query, true, &notes, &tree, &err), &err);
	assert_non_null(find(&state.layers.items[0].index.members, stored, &old));
	if (!find(&tree.members, stored, &now))
		return false;
	return state.stamps && xc_stamp_equal(&state.stamps[0][old], &tree.stamps[now]);
}

static void close_scene(struct state_scene *self)
{
	scene_close(&self->scene);
}

static void a_restore_tells_what_it_wrote(void **state)
{
	cleanup_state struct xc_state read = XC_STATE_INIT;
	struct state_scene self;
	struct xc_err err;

	(void)state;
	open_scene_on_disk(&self);
	assert_int_equal(xc_state_read(&self.scene.cache, &self.scene.paths, &read, &err), -1);
	assert_int_equal(err.kind, XC_ERR_NOT_FOUND);
	restore_afresh(&self.scene);
	must(xc_state_read(&self.scene.cache, &self.scene.paths, &read, &err), &err);
	assert_string_equal(read.match.manifest.key, "k");
	assert_string_equal(read.match.scope, "main");
	assert_true(read.restored_ns > 0);
	assert_int_equal(read.layers.count, 1);
	assert_true(is_untouched(&self.scene, "./d/a"));
	assert_true(is_untouched(&self.scene, "./d/b"));
	assert_true(is_untouched(&self.scene, "./d/e/c"));
	assert_true(is_untouched(&self.scene, "./d/e/empty"));
	close_scene(&self);
}

/* Its files are moved one by one then, which gives them another ctime. */
static void a_restore_over_files_tells_it_too(void **state)
{
	struct state_scene self;

	(void)state;
	open_scene_on_disk(&self);
	make_file(&self.scene, "ws/d/other", "stays");
	restore(&self.scene);
	assert_true(is_untouched(&self.scene, "./d/a"));
	assert_true(is_untouched(&self.scene, "./d/b"));
	assert_true(is_untouched(&self.scene, "./d/e/c"));
	close_scene(&self);
}

static void put_back_mtime(const struct scene *scene, const char *path)
{
	must_sys(utimensat(scene->root_fd, path, scene_times, 0), path);
}

static void overwrite(const struct scene *scene, const char *path, const char *text)
{
	cleanup_fd int fd = openat(scene->root_fd, path, O_WRONLY | O_CLOEXEC);

	must_sys(fd, path);
	must_sys(xc_fd_write_all(fd, text, strlen(text)), path);
}

static void whatever_is_done_to_a_file_shows(void **state)
{
	struct state_scene self;
	struct scene *scene = &self.scene;

	(void)state;
	open_scene_on_disk(&self);
	for (int step = 0; step < 8; step++) {
		restore_afresh(scene);
		switch (step) {
		case 0:
			overwrite(scene, "ws/d/a", "FIRST");
			put_back_mtime(scene, "ws/d/a");
			break;
		case 1:
			put_back_mtime(scene, "ws/d/a");
			break;
		case 2:
			must_sys(fchmodat(scene->root_fd, "ws/d/a", 0600, 0), "chmod");
			break;
		case 3:
			remove_path(scene, "ws/d/a");
			make_file(scene, "ws/d/a", "first");
			break;
		case 4:
			make_file(scene, "ws/d/new", "first");
			must_sys(renameat(scene->root_fd, "ws/d/new", scene->root_fd, "ws/d/a"),
				 "rename");
			break;
		case 5:
			remove_path(scene, "ws/d/a");
			make_dirs(scene, "ws/d/a");
			break;
		case 6:
			make_link(scene, "ws/d/third", "ws/d/a");
			break;
		default:
			remove_path(scene, "ws/d/a");
		}
		if (is_untouched(scene, "./d/a"))
			fail_msg("step %d does not show", step);
		assert_true(is_untouched(scene, "./d/e/c"));
	}
	close_scene(&self);
}

/* Size and mtime are as they were; only the ctime can tell. */
static void a_change_right_after_the_restore_shows(void **state)
{
	struct state_scene self;

	(void)state;
	open_scene_on_disk(&self);
	for (int round = 0; round < 60; round++) {
		restore_afresh(&self.scene);
		overwrite(&self.scene, "ws/d/e/c", "THIRD");
		put_back_mtime(&self.scene, "ws/d/e/c");
		assert_false(is_untouched(&self.scene, "./d/e/c"));
	}
	close_scene(&self);
}

/* On a disk that gives the file another ctime, in memory it may leave it. */
static void a_write_by_way_of_a_mapping_shows(void **state)
{
	const char *const bases[] = { "/var/tmp", "/dev/shm" };
	const char *before = getenv("TMPDIR");
	cleanup_free char *kept = before ? xc_strdup(before) : NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		struct state_scene self;
		cleanup_fd int fd = -1;
		volatile char *page;

		if (access(bases[i], W_OK | X_OK) < 0)
			continue;
		setenv("TMPDIR", bases[i], 1);
		open_scene(&self);
		restore_afresh(&self.scene);
		fd = openat(self.scene.root_fd, "ws/d/a", O_RDWR | O_CLOEXEC);
		must_sys(fd, "a");
		page = mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		assert_true(page != MAP_FAILED);
		assert_int_equal(page[0], 'f');
		page[0] = 'F';
		assert_false(is_untouched(&self.scene, "./d/a"));
		munmap((void *)(uintptr_t)page, 5);
		close_scene(&self);
	}
	if (kept)
		setenv("TMPDIR", kept, 1);
	else
		unsetenv("TMPDIR");
}

static char *state_path(const struct state_scene *self)
{
	cleanup_state_place struct xc_state_place place = { 0 };

	xc_state_place_init(&self->scene.cache, &self->scene.paths, &place);
	return xc_asprintf("state/%s", place.name);
}

static void write_state(const struct state_scene *self, const char *path, const struct xc_buf *data)
{
	remove_path(&self->scene, path);
	make_file_of(&self->scene, path, data->data, data->len_bytes);
	must_sys(fchmodat(self->scene.root_fd, path, 0600, 0), path);
}

static int try_read(const struct state_scene *self)
{
	cleanup_state struct xc_state state = XC_STATE_INIT;
	struct xc_err err;
	int result = xc_state_read(&self->scene.cache, &self->scene.paths, &state, &err);

	if (result < 0)
		assert_int_equal(err.kind, XC_ERR_NOT_FOUND);
	return result;
}

static void a_state_that_was_tampered_with_is_none(void **state)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT, bad = XC_BUF_INIT;
	cleanup_free char *path = NULL;
	struct state_scene self;

	(void)state;
	open_scene(&self);
	restore_afresh(&self.scene);
	path = state_path(&self);
	must_sys(xc_fd_read_file(self.scene.root_fd, path, (size_t)1 << 20, &data), path);
	for (size_t i = 0; i < data.len_bytes; i += 7) {
		xc_buf_clear(&bad);
		xc_buf_add(&bad, data.data, data.len_bytes);
		bad.data[i] ^= 0x10;
		write_state(&self, path, &bad);
		assert_int_equal(try_read(&self), -1);
	}
	for (size_t length = 1; length < data.len_bytes; length += 13) {
		xc_buf_clear(&bad);
		xc_buf_add(&bad, data.data, length);
		write_state(&self, path, &bad);
		assert_int_equal(try_read(&self), -1);
	}
	write_state(&self, path, &data);
	assert_int_equal(try_read(&self), 0);
	/* Others could have written it. */
	must_sys(fchmodat(self.scene.root_fd, path, 0620, 0), path);
	assert_int_equal(try_read(&self), -1);
	close_scene(&self);
}

/* With a digest that fits: only the parser can refuse them. */
static void a_forged_state_is_none(void **state)
{
	static const char masks[] = { 1, 2, (char)0xff };
	cleanup_buf struct xc_buf data = XC_BUF_INIT, bad = XC_BUF_INIT;
	cleanup_free char *path = NULL;
	struct state_scene self;
	size_t length;

	(void)state;
	open_scene(&self);
	restore_afresh(&self.scene);
	path = state_path(&self);
	must_sys(xc_fd_read_file(self.scene.root_fd, path, (size_t)1 << 20, &data), path);
	length = data.len_bytes - XC_SHA256_BYTES;
	for (size_t i = 0; i < ARRAY_LEN(masks) * length; i++) {
		uint8_t digest[XC_SHA256_BYTES];

		xc_buf_clear(&bad);
		xc_buf_add(&bad, data.data, length);
		bad.data[i / ARRAY_LEN(masks)] ^= masks[i % ARRAY_LEN(masks)];
		xc_sha256(bad.data, length, digest);
		xc_buf_add(&bad, digest, sizeof(digest));
		write_state(&self, path, &bad);
		(void)try_read(&self);
	}
	close_scene(&self);
}

/* What came whole the second time only is what the state has. */
static void an_index_that_came_spoilt_is_kept_whole(void **state)
{
	struct state_scene self;
	struct fake *fake;
	int again = 0;

	(void)state;
	open_scene(&self);
	fake = wrap_store(&self.scene);
	fake->spoil_first = fake->spoil_last = 1;
	for (fake->spoil_at = 0; fake->spoil_at < 1; fake->spoil_at += 0.05) {
		atomic_store(&fake->reads, 0);
		restore_afresh(&self.scene);
		again += atomic_load(&fake->reads) == 2;
		atomic_store(&fake->reads, 0);
		assert_int_equal(try_read(&self), 0);
		assert_int_equal(atomic_load(&fake->reads), 0);
	}
	assert_in_range(again, 5, 20);
	close_scene(&self);
}

/* The inode numbers of another boot may be another file's. */
static void after_another_boot_nothing_is_known_of_the_files(void **state)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	cleanup_state struct xc_state read = XC_STATE_INIT;
	cleanup_state_place struct xc_state_place place = { 0 };
	cleanup_free char *path = NULL;
	uint8_t digest[XC_SHA256_BYTES];
	struct state_scene self;
	struct xc_err err;
	char *id;

	(void)state;
	open_scene(&self);
	restore_afresh(&self.scene);
	path = state_path(&self);
	must_sys(xc_fd_read_file(self.scene.root_fd, path, (size_t)1 << 20, &data), path);
	xc_state_place_init(&self.scene.cache, &self.scene.paths, &place);
	id = memmem(data.data, data.len_bytes, place.boot_id, strlen(place.boot_id));
	assert_non_null(id);
	id[0] = id[0] == '0' ? '1' : '0';
	xc_sha256(data.data, data.len_bytes - XC_SHA256_BYTES, digest);
	memcpy(data.data + data.len_bytes - XC_SHA256_BYTES, digest, sizeof(digest));
	write_state(&self, path, &data);
	must(xc_state_read(&self.scene.cache, &self.scene.paths, &read, &err), &err);
	assert_null(read.stamps);
	assert_int_equal(read.layers.count, 1);
	close_scene(&self);
}

/* A restore that has no room for a second copy leaves files alone that are equal already. */
static void a_state_is_good_where_files_were_kept(void **state)
{
	cleanup_layers struct xc_entry_layers layers = XC_ENTRY_LAYERS_INIT;
	cleanup_state struct xc_state before = XC_STATE_INIT, after = XC_STATE_INIT;
	struct state_scene self;
	struct xc_err err;
	uint32_t kept, written;

	(void)state;
	open_scene_on_disk(&self);
	restore_afresh(&self.scene);
	must(xc_state_read(&self.scene.cache, &self.scene.paths, &before, &err), &err);
	must(xc_layers_load(&self.scene.cache,
			    &(struct xc_layers_source){
				    .scope = before.match.scope,
				    .manifest = &before.match.manifest,
				    .keep_stored = true,
			    },
			    &layers, &err),
	     &err);
	assert_non_null(find(&layers.items[0].index.members, "./d/a", &kept));
	assert_non_null(find(&layers.items[0].index.members, "./d/e/c", &written));
	xc_member_set_remove(&layers.items[0].alive, kept);
	before.stamps[0][kept] = (struct xc_stamp){ 0 };
	must(xc_state_write(&self.scene.cache,
			    &(struct xc_state_record){
				    .paths = &self.scene.paths,
				    .match = &before.match,
				    .layers = &layers,
				    .stamps = before.stamps,
			    },
			    &err),
	     &err);
	must(xc_state_read(&self.scene.cache, &self.scene.paths, &after, &err), &err);
	assert_int_equal(after.stamps[0][kept].inode, 0);
	assert_true(xc_stamp_equal(&after.stamps[0][written], &before.stamps[0][written]));
	close_scene(&self);
}

static void another_store_or_workspace_has_a_state_of_its_own(void **state)
{
	struct state_scene self;

	(void)state;
	open_scene(&self);
	restore_afresh(&self.scene);
	self.scene.cache.repository = "a/other";
	assert_int_equal(try_read(&self), -1);
	self.scene.cache.repository = "a/b";
	assert_int_equal(try_read(&self), 0);
	xc_state_forget(&self.scene.cache, &self.scene.paths);
	assert_int_equal(try_read(&self), -1);
	close_scene(&self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restore_tells_what_it_wrote),
		cmocka_unit_test(a_restore_over_files_tells_it_too),
		cmocka_unit_test(whatever_is_done_to_a_file_shows),
		cmocka_unit_test(a_change_right_after_the_restore_shows),
		cmocka_unit_test(a_write_by_way_of_a_mapping_shows),
		cmocka_unit_test(a_state_that_was_tampered_with_is_none),
		cmocka_unit_test(a_forged_state_is_none),
		cmocka_unit_test(an_index_that_came_spoilt_is_kept_whole),
		cmocka_unit_test(after_another_boot_nothing_is_known_of_the_files),
		cmocka_unit_test(a_state_is_good_where_files_were_kept),
		cmocka_unit_test(another_store_or_workspace_has_a_state_of_its_own),
	};

	if (is_in_memory(temp_base()) && access("/var/tmp", W_OK | X_OK) == 0)
		setenv("TMPDIR", "/var/tmp", 1);
	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
