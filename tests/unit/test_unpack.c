/* SPDX-License-Identifier: Apache-2.0 */
/* Members come into being as the table says, in any order and from any thread. */
#include "scene.h"

#include <pthread.h>
#include <sys/xattr.h>

#include "tree/unpack/unpack.h"

#define TIME_S  1234567890
#define TIME_NS 987654321

/* A place for a table whose only top is ws/t. */
struct fixture {
	struct scene scene;
	char *path;
	struct xc_stage_target target;
	struct xc_stage *stage;
	struct xc_members members;
	uint32_t stage_index;
	struct xc_unpack *place;
	struct xc_unpack_worker *worker;
	const struct xc_member_set *alive;
};

static void open_place(struct fixture *fixture, struct xc_member *items, uint32_t count)
{
	struct xc_err err;

	for (uint32_t i = 0; i < count; i++) {
		items[i].mtime_s = TIME_S + i;
		items[i].mtime_ns = TIME_NS;
	}
	fixture->members.items = items;
	fixture->members.count = count;
	fixture->path = xc_asprintf("%s/ws/t", fixture->scene.root);
	fixture->target = (struct xc_stage_target){
		.path = fixture->path,
		.literal_bytes = strlen(fixture->path),
		.is_directory = items[0].type == XC_MEMBER_DIR,
	};
	must(xc_stage_open(&fixture->target, 1, &fixture->stage, &err), &err);
	fixture->place = xc_unpack_new(&(struct xc_unpack_opts){
		.members = &fixture->members,
		.stage = fixture->stage,
		.targets = &fixture->stage_index,
		.target_count = 1,
		.alive = fixture->alive,
	});
	fixture->worker = xc_unpack_worker_new(fixture->place);
}

/* The end of a restore, after all members and pieces. */
static void finish(struct fixture *fixture)
{
	uint32_t count = fixture->members.count;
	uint64_t replaced;
	struct xc_err err;

	must(xc_unpack_links(fixture->worker, &err), &err);
	must(xc_unpack_directories(fixture->worker, count / 2, count, &err), &err);
	must(xc_unpack_directories(fixture->worker, 0, count / 2, &err), &err);
	must(xc_unpack_closed_directories(fixture->worker, &err), &err);
	must(xc_stage_commit(fixture->stage, NULL, &replaced, &err), &err);
}

static void close_place(struct fixture *fixture)
{
	xc_unpack_worker_free(fixture->worker);
	xc_unpack_free(fixture->place);
	xc_stage_free(fixture->stage);
	free(fixture->path);
	fixture->path = NULL;
}

static struct stat stat_of(const struct fixture *fixture, const char *path)
{
	struct stat status;

	must_sys(fstatat(fixture->scene.root_fd, path, &status, AT_SYMLINK_NOFOLLOW), path);
	return status;
}

static void place_all(struct fixture *fixture, const char *data)
{
	struct xc_err err;

	for (uint32_t i = 0; i < fixture->members.count; i++)
		must(xc_unpack_member(fixture->worker, i, data, &err), &err);
}

static struct xc_member member_of(uint8_t type, uint32_t parent, const char *name, uint16_t mode)
{
	return (struct xc_member){ .type = type,
				   .parent = parent,
				   .name = name,
				   .mode = mode,
				   .uid = geteuid(),
				   .gid = getegid() };
}

#define TOP(mode) member_of(XC_MEMBER_DIR, XC_MEMBER_NONE, "./t", mode)

/* --- modes, times, owners --- */

static const uint16_t modes[] = { 0644, 0000, 0444, 0755, 0777, 0600, 0111, 02755, 04755, 01777 };

static void check_modes(void)
{
	struct fixture fixture = { 0 };
	struct xc_member items[2 * ARRAY_LEN(modes) + 1];
	char names[2 * ARRAY_LEN(modes)][8];

	scene_open(&fixture.scene);
	items[0] = TOP(0755);
	for (uint32_t i = 0; i < 2 * ARRAY_LEN(modes); i++) {
		bool is_file = i < ARRAY_LEN(modes);

		snprintf(names[i], sizeof(names[i]), "%c%u", is_file ? 'f' : 'x', i);
		items[i + 1] = member_of(is_file ? XC_MEMBER_FILE : XC_MEMBER_DIR, 0, names[i],
					 modes[i % ARRAY_LEN(modes)]);
		items[i + 1].size_bytes = is_file ? 4 : 0;
	}
	open_place(&fixture, items, ARRAY_LEN(items));
	place_all(&fixture, "data");
	finish(&fixture);
	for (uint32_t i = 0; i < ARRAY_LEN(items); i++) {
		cleanup_free char *path =
			i == 0 ? xc_strdup("ws/t") : xc_asprintf("ws/t/%s", items[i].name);
		struct stat status = stat_of(&fixture, path);
		/* Only root has a right to pass on set-id bits. */
		mode_t mode = geteuid() == 0 ? items[i].mode : items[i].mode & ~06000u;

		if ((status.st_mode & 07777) != mode)
			fail_msg("%s: mode %o, not %o", path, status.st_mode, mode);
		assert_int_equal(status.st_mtim.tv_sec, TIME_S + i);
		assert_int_equal(status.st_mtim.tv_nsec, TIME_NS);
	}
	close_place(&fixture);
	scene_close(&fixture.scene);
}

static void sets_modes_and_times(void **state)
{
	static const mode_t masks[] = { 022, 0, 077, 027 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		mode_t before = umask(masks[i]);

		as_both(check_modes);
		umask(before);
	}
}

/* Group and modes must not come from a directory above that passes its own on. */
static void is_not_led_by_a_setgid_parent(void **state)
{
	struct fixture fixture = { 0 };
	struct xc_member items[4];

	(void)state;
	if (geteuid() != 0)
		skip();
	scene_open(&fixture.scene);
	must_sys(fchownat(fixture.scene.root_fd, "ws", 0, 4321, 0), "ws");
	must_sys(fchmodat(fixture.scene.root_fd, "ws", 02777, 0), "ws");
	items[0] = TOP(0755);
	items[1] = member_of(XC_MEMBER_FILE, 0, "f", 0644);
	items[2] = member_of(XC_MEMBER_SYMLINK, 0, "l", 0777);
	items[2].extra = &(struct xc_member_extra){ .target = "f" };
	items[3] = member_of(XC_MEMBER_DIR, 0, "x", 0750);
	open_place(&fixture, items, 4);
	place_all(&fixture, "");
	finish(&fixture);
	assert_int_equal(stat_of(&fixture, "ws/t").st_gid, 0);
	assert_int_equal(stat_of(&fixture, "ws/t").st_mode & 07777, 0755);
	assert_int_equal(stat_of(&fixture, "ws/t/f").st_gid, 0);
	assert_int_equal(stat_of(&fixture, "ws/t/l").st_gid, 0);
	assert_int_equal(stat_of(&fixture, "ws/t/x").st_gid, 0);
	assert_int_equal(stat_of(&fixture, "ws/t/x").st_mode & 07777, 0750);
	close_place(&fixture);
	scene_close(&fixture.scene);
}

/* Root gives files away, and their set-id bits outlive that; others are told that they cannot. */
static void check_owners(void)
{
	struct fixture fixture = { 0 };
	struct xc_member items[4];
	bool root = geteuid() == 0;

	scene_open(&fixture.scene);
	items[0] = TOP(02775);
	items[1] = member_of(XC_MEMBER_FILE, 0, "f", 06755);
	items[2] = member_of(XC_MEMBER_SYMLINK, 0, "l", 0777);
	items[2].extra = &(struct xc_member_extra){ .target = "f" };
	items[3] = member_of(XC_MEMBER_DIR, 0, "x", 0700);
	for (int i = 0; i < 4; i++) {
		items[i].uid = 12345 + (uint32_t)i;
		items[i].gid = 54321;
	}
	open_place(&fixture, items, 4);
	place_all(&fixture, "");
	finish(&fixture);
	assert_int_equal(xc_unpack_owner_dropped(fixture.place), !root);
	assert_int_equal(stat_of(&fixture, "ws/t").st_uid, root ? 12345 : geteuid());
	assert_int_equal(stat_of(&fixture, "ws/t/f").st_uid, root ? 12346 : geteuid());
	assert_int_equal(stat_of(&fixture, "ws/t/l").st_uid, root ? 12347 : geteuid());
	assert_int_equal(stat_of(&fixture, "ws/t/x").st_uid, root ? 12348 : geteuid());
	assert_int_equal(stat_of(&fixture, "ws/t/x").st_gid, root ? 54321 : getegid());
	if (root) {
		assert_int_equal(stat_of(&fixture, "ws/t").st_mode & 07777, 02775);
		assert_int_equal(stat_of(&fixture, "ws/t/f").st_mode & 07777, 06755);
	}
	close_place(&fixture);
	scene_close(&fixture.scene);
}

/* Directories that shut out their owner, who yet has to fill them. */
static void check_closed(void)
{
	struct fixture fixture = { 0 };
	struct xc_member items[7];

	scene_open(&fixture.scene);
	items[0] = TOP(0555);
	items[1] = member_of(XC_MEMBER_DIR, 0, "a", 0000);
	items[2] = member_of(XC_MEMBER_FILE, 1, "f", 0400);
	items[3] = member_of(XC_MEMBER_DIR, 1, "b", 0500);
	items[4] = member_of(XC_MEMBER_DIR, 3, "c", 0300);
	items[5] = member_of(XC_MEMBER_FILE, 4, "g", 0000);
	items[6] = member_of(XC_MEMBER_DIR, 0, "open", 0755);
	open_place(&fixture, items, 7);
	place_all(&fixture, "");
	finish(&fixture);
	close_place(&fixture);
	assert_int_equal(stat_of(&fixture, "ws/t").st_mode & 07777, 0555);
	assert_int_equal(stat_of(&fixture, "ws/t/a").st_mode & 07777, 0000);
	assert_int_equal(stat_of(&fixture, "ws/t").st_mtim.tv_sec, TIME_S);
	assert_int_equal(stat_of(&fixture, "ws/t/a").st_mtim.tv_sec, TIME_S + 1);
	must_sys(fchmodat(fixture.scene.root_fd, "ws/t/a", 0700, 0), "a");
	assert_int_equal(stat_of(&fixture, "ws/t/a/b").st_mode & 07777, 0500);
	assert_int_equal(stat_of(&fixture, "ws/t/a/b").st_mtim.tv_sec, TIME_S + 3);
	assert_int_equal(stat_of(&fixture, "ws/t/a/b/c").st_mode & 07777, 0300);
	assert_int_equal(stat_of(&fixture, "ws/t/a/b/c").st_mtim.tv_sec, TIME_S + 4);
	assert_int_equal(stat_of(&fixture, "ws/t/a/b/c/g").st_mode & 07777, 0000);
	scene_close(&fixture.scene);
}

static void sets_owners(void **state)
{
	(void)state;
	as_both(check_owners);
}

static void closes_directories_last(void **state)
{
	(void)state;
	as_both(check_closed);
}

/* --- pieces --- */

#define PIECE_BYTES 4099
#define PIECES      64

struct piece_thread {
	struct fixture *fixture;
	const char *data;
	uint64_t length;
	uint32_t first, step;
	pthread_t thread;
	int result;
	struct xc_err err;
};

static void *place_pieces(void *context)
{
	struct piece_thread *self = context;
	struct xc_unpack_worker *worker = xc_unpack_worker_new(self->fixture->place);

	/* From the end to the start, and each thread only some. */
	for (uint32_t i = PIECES; i-- > 0 && self->result == 0;) {
		uint64_t at = (uint64_t)(i * 37 % PIECES) * PIECE_BYTES;

		if (i % self->step != self->first || at >= self->length)
			continue;
		self->result = xc_unpack_piece(
			worker, 1, at, self->data + at,
			(size_t)XC_MIN(self->length - at, (uint64_t)PIECE_BYTES), &self->err);
	}
	xc_unpack_worker_free(worker);
	return NULL;
}

static void place_in_pieces(struct fixture *fixture, const char *data, uint64_t length)
{
	struct piece_thread threads[4] = { 0 };

	for (uint32_t i = 0; i < 4; i++) {
		threads[i] = (struct piece_thread){
			.fixture = fixture, .data = data, .length = length, .first = i, .step = 4
		};
		assert_int_equal(
			pthread_create(&threads[i].thread, NULL, place_pieces, &threads[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i].thread, NULL);
	for (int i = 0; i < 4; i++)
		must(threads[i].result, &threads[i].err);
}

static char *make_content(size_t length)
{
	char *data = xc_malloc(length);

	for (size_t i = 0; i < length; i++)
		data[i] = (char)(1 + i * 7 % 251);
	return data;
}

static void expect_content(struct fixture *fixture, const char *path, const char *data,
			   size_t length)
{
	cleanup_buf struct xc_buf got = XC_BUF_INIT;

	must_sys(xc_fd_read_file(fixture->scene.root_fd, path, 64 << 20, &got), path);
	assert_int_equal(got.len_bytes, length);
	assert_memory_equal(got.data, data, length);
}

static void takes_pieces_in_any_order(void **state)
{
	const size_t length = (size_t)PIECES * PIECE_BYTES - 5;
	cleanup_free char *data = make_content(length);

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct fixture fixture = { 0 };
		struct xc_member items[2];

		scene_open(&fixture.scene);
		items[0] = TOP(0755);
		items[1] = member_of(XC_MEMBER_FILE, 0, "f", 0440);
		items[1].size_bytes = length;
		open_place(&fixture, items, 2);
		place_in_pieces(&fixture, data, length);
		finish(&fixture);
		expect_content(&fixture, "ws/t/f", data, length);
		assert_int_equal(stat_of(&fixture, "ws/t/f").st_mode & 07777, 0440);
		assert_int_equal(stat_of(&fixture, "ws/t/f").st_mtim.tv_sec, TIME_S + 1);
		close_place(&fixture);
		scene_close(&fixture.scene);
	}
}

static const struct xc_extent runs[] = {
	{ 10, 1, 0 },
	{ 4096, 100000, 1 },
	{ 300000, 3, 100001 },
	{ 400000, 90000, 100004 },
	{ 600000, 4099, 190004 },
};
#define SPARSE_BYTES 700000

/* What the runs are with their holes, from the stored bytes. */
static char *spread(const char *data)
{
	char *whole = xc_calloc(1, SPARSE_BYTES);

	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		memcpy(whole + runs[i].offset, data, runs[i].length);
		data += runs[i].length;
	}
	return whole;
}

/* Pieces of what is stored begin and end anywhere in the runs. */
static void spreads_pieces_of_sparse_files(void **state)
{
	const struct xc_member_extra extra = { .sparse = true,
					       .extents = runs,
					       .extent_count = ARRAY_LEN(runs) };

	(void)state;
	for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
		struct fixture fixture = { 0 };
		struct xc_member items[2];
		cleanup_free char *data = NULL, *whole = NULL;
		struct xc_err err;
		uint64_t length;

		scene_open(&fixture.scene);
		items[0] = TOP(0755);
		items[1] = member_of(XC_MEMBER_FILE, 0, "f", 0644);
		items[1].size_bytes = SPARSE_BYTES;
		items[1].extra = &extra;
		length = xc_member_content_bytes(&items[1]);
		data = make_content(length);
		whole = spread(data);
		open_place(&fixture, items, 2);
		if (in_pieces)
			place_in_pieces(&fixture, data, length);
		else
			must(xc_unpack_member(fixture.worker, 1, data, &err), &err);
		finish(&fixture);
		expect_content(&fixture, "ws/t/f", whole, SPARSE_BYTES);
		assert_int_equal(stat_of(&fixture, "ws/t/f").st_mtim.tv_sec, TIME_S + 1);
		close_place(&fixture);
		scene_close(&fixture.scene);
	}
}

/* --- directories on demand --- */

#define DIRECTORIES 100

struct member_thread {
	struct fixture *fixture;
	uint32_t first;
	pthread_t thread;
	int result;
	struct xc_err err;
};

static void *place_files(void *context)
{
	struct member_thread *self = context;
	struct xc_unpack_worker *worker = xc_unpack_worker_new(self->fixture->place);
	const struct xc_members *members = &self->fixture->members;

	/* Only files: their directories must come by themselves, all threads wanting the same. */
	for (uint32_t i = self->first; i < members->count && self->result == 0; i += 4)
		if (members->items[i].type == XC_MEMBER_FILE)
			self->result = xc_unpack_member(worker, i, "data", &self->err);
	xc_unpack_worker_free(worker);
	return NULL;
}

static void makes_directories_on_demand(void **state)
{
	static struct xc_member items[1 + 5 * DIRECTORIES];
	static char names[DIRECTORIES][8];
	struct member_thread threads[4];
	struct fixture fixture = { 0 };
	uint32_t count = 1;

	(void)state;
	scene_open(&fixture.scene);
	items[0] = TOP(0755);
	/* Each below the one before, every tenth starts anew. */
	for (uint32_t i = 0; i < DIRECTORIES; i++) {
		static const char *const files[] = { "a", "b", "c", "d" };
		uint32_t parent = i % 10 == 0 ? 0 : count - 5, dir = count;

		snprintf(names[i], sizeof(names[i]), "d%02u", i);
		items[count++] = member_of(XC_MEMBER_DIR, parent, names[i], 0755);
		for (int k = 0; k < 4; k++) {
			items[count] = member_of(XC_MEMBER_FILE, dir, files[k], 0644);
			items[count++].size_bytes = 4;
		}
	}
	open_place(&fixture, items, count);
	for (uint32_t i = 0; i < 4; i++) {
		threads[i] = (struct member_thread){ .fixture = &fixture, .first = i };
		assert_int_equal(pthread_create(&threads[i].thread, NULL, place_files, &threads[i]),
				 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i].thread, NULL);
		must(threads[i].result, &threads[i].err);
	}
	finish(&fixture);
	for (uint32_t i = 0; i < count; i++) {
		cleanup_buf struct xc_buf path = XC_BUF_INIT;

		xc_buf_add_str(&path, "ws");
		xc_members_path(&fixture.members, i, &path);
		memmove(path.data + 2, path.data + 3, path.len_bytes - 2);
		assert_int_equal(stat_of(&fixture, path.data).st_mtim.tv_sec, TIME_S + i);
	}
	close_place(&fixture);
	scene_close(&fixture.scene);
}

/* --- links, duplicates, attributes --- */

static void links_to_what_is_there(void **state)
{
	struct xc_err err;

	(void)state;
	for (int dead = 0; dead < 2; dead++) {
		cleanup_member_set struct xc_member_set alive = XC_MEMBER_SET_INIT;
		struct fixture fixture = { .alive = dead ? &alive : NULL };
		struct xc_member items[4];

		xc_member_set_init(&alive, 4, true);
		xc_member_set_remove(&alive, 1);
		scene_open(&fixture.scene);
		items[0] = TOP(0755);
		items[1] = member_of(XC_MEMBER_FILE, 0, "f", 0644);
		items[2] = member_of(XC_MEMBER_DIR, 0, "x", 0755);
		items[3] = member_of(XC_MEMBER_HARDLINK, 2, "h", 0644);
		items[3].link = 1;
		open_place(&fixture, items, 4);
		if (dead) {
			must(xc_unpack_member(fixture.worker, 2, "", &err), &err);
			assert_int_equal(xc_unpack_links(fixture.worker, &err), -1);
			assert_int_equal(err.kind, XC_ERR_CORRUPT);
		} else {
			place_all(&fixture, "");
			finish(&fixture);
			assert_int_equal(stat_of(&fixture, "ws/t/x/h").st_ino,
					 stat_of(&fixture, "ws/t/f").st_ino);
			/* The link changed the directory: its time was set after that. */
			assert_int_equal(stat_of(&fixture, "ws/t/x").st_mtim.tv_sec, TIME_S + 2);
		}
		close_place(&fixture);
		scene_close(&fixture.scene);
	}
}

/* The index forbids names that come twice; here they would go through each other. */
static void refuses_duplicates(void **state)
{
	static const uint8_t types[] = { XC_MEMBER_FILE, XC_MEMBER_DIR, XC_MEMBER_SYMLINK };

	(void)state;
	for (size_t first = 0; first < ARRAY_LEN(types); first++) {
		for (size_t second = 0; second < ARRAY_LEN(types); second++) {
			const struct xc_member_extra extra = { .target = "../../outside" };
			struct fixture fixture = { 0 };
			struct xc_member items[4];
			struct xc_err err = { 0 };
			bool both_directories =
				types[first] == XC_MEMBER_DIR && types[second] == XC_MEMBER_DIR;
			int result;

			scene_open(&fixture.scene);
			items[0] = TOP(0755);
			items[1] = member_of(types[first], 0, "same", 0755);
			items[2] = member_of(types[second], 0, "same", 0755);
			items[3] = member_of(XC_MEMBER_FILE, 2, "keep", 0644);
			for (int i = 1; i < 3; i++)
				if (items[i].type == XC_MEMBER_SYMLINK)
					items[i].extra = &extra;
			open_place(&fixture, items, 4);
			must(xc_unpack_member(fixture.worker, 1, "", &err), &err);
			result = xc_unpack_member(fixture.worker, 2, "", &err);
			assert_int_equal(result, both_directories ? 0 : -1);
			if (!both_directories)
				assert_int_equal(err.kind, XC_ERR_CORRUPT);
			/* What lies below goes nowhere, either. */
			if (!both_directories && types[second] == XC_MEMBER_DIR)
				assert_int_equal(xc_unpack_member(fixture.worker, 3, "", &err), -1);
			close_place(&fixture);
			assert_false(path_exists(&fixture.scene, "ws/t"));
			scene_close(&fixture.scene);
		}
	}
}

static void check_xattrs(void)
{
	const struct xc_xattr xattr = { .name = "user.x", .value = "value", .length = 5 };
	const struct xc_member_extra extra = { .xattrs = &xattr, .xattr_count = 1 };
	struct fixture fixture = { 0 };
	struct xc_member items[3];
	char path[300], value[8];

	scene_open(&fixture.scene);
	if (fsetxattr(fixture.scene.root_fd, "user.try", "", 0, 0) < 0) {
		scene_close(&fixture.scene);
		return; /* a file system without them */
	}
	items[0] = TOP(0755);
	items[1] = member_of(XC_MEMBER_FILE, 0, "f", 0444);
	items[2] = member_of(XC_MEMBER_DIR, 0, "x", 0755);
	items[1].extra = items[2].extra = &extra;
	open_place(&fixture, items, 3);
	place_all(&fixture, "");
	finish(&fixture);
	snprintf(path, sizeof(path), "%s/f", fixture.path);
	assert_int_equal(getxattr(path, "user.x", value, sizeof(value)), 5);
	snprintf(path, sizeof(path), "%s/x", fixture.path);
	assert_int_equal(getxattr(path, "user.x", value, sizeof(value)), 5);
	assert_int_equal(stat_of(&fixture, "ws/t/x").st_mtim.tv_sec, TIME_S + 2);
	close_place(&fixture);
	scene_close(&fixture.scene);
}

static void sets_xattrs(void **state)
{
	(void)state;
	as_both(check_xattrs);
}

/* --- time --- */

static uint64_t cpu_us(void)
{
	struct timespec now;

	must_sys(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), "the clock");
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* What setting the modes and times of a chain of directories takes. */
static uint64_t finish_chain_us(uint32_t depth, uint16_t mode)
{
	cleanup_free struct xc_member *items = xc_calloc(depth, sizeof(*items));
	struct fixture fixture = { 0 };
	uint64_t start_us, took_us;

	scene_open(&fixture.scene);
	items[0] = TOP(0755);
	for (uint32_t i = 1; i < depth; i++)
		items[i] = member_of(XC_MEMBER_DIR, i - 1, "d", mode);
	open_place(&fixture, items, depth);
	place_all(&fixture, NULL);
	start_us = cpu_us();
	finish(&fixture);
	took_us = cpu_us() - start_us;
	close_place(&fixture);
	scene_close(&fixture.scene);
	return took_us;
}

/*
 * Time grows with the depth, not with its square: 8 times as deep may take 20
 * times as long, where each way from the top made it 40 and more.
 */
static void deep_chains_take_time_by_their_depth(void **state)
{
	static const uint16_t chain_modes[] = { 0755, 0555 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chain_modes); i++) {
		uint64_t least_us = UINT64_MAX, most_us = UINT64_MAX;

		/* Whatever else the machine does only adds. */
		for (int try = 0; try < 3; try++) {
			least_us = XC_MIN(least_us, finish_chain_us(250, chain_modes[i]));
			most_us = XC_MIN(most_us, finish_chain_us(2000, chain_modes[i]));
		}
		if (most_us > 20 * least_us)
			fail_msg("mode %o: %llu us and %llu us", (unsigned)chain_modes[i],
				 (unsigned long long)least_us, (unsigned long long)most_us);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_modes_and_times),
		cmocka_unit_test(is_not_led_by_a_setgid_parent),
		cmocka_unit_test(sets_owners),
		cmocka_unit_test(closes_directories_last),
		cmocka_unit_test(takes_pieces_in_any_order),
		cmocka_unit_test(spreads_pieces_of_sparse_files),
		cmocka_unit_test(makes_directories_on_demand),
		cmocka_unit_test(links_to_what_is_there),
		cmocka_unit_test(refuses_duplicates),
		cmocka_unit_test(sets_xattrs),
		cmocka_unit_test(deep_chains_take_time_by_their_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
