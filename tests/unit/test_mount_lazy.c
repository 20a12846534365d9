/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server of a lazy mount, over a store that a test holds back, spoils and
 * breaks. A socket is the kernel; at the end the kernel is, where it may be.
 */
#include "scratch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "fuse_kernel.h"
#include "held_store.h"
#include "mount/attach.h"
#include "mount/lazy.h"
#include "mount_scene.h"

#define SEGMENT_BYTES 3000
#define LAYER         1 /* layer 0 has no contents, and so no device */
#define FILE_NODE     (FUSE_ROOT_ID + 1u)
#define SOON_MS       2000
#define LONG_MS       20000

struct scene {
	struct mount_scene layers;
	struct held_store store;
	struct xc_cache cache;
	struct fuse_kernel kernel;
	int fds[2];
	char *wanted; /* the raw file */
	size_t wanted_bytes;
	uint32_t needed; /* segments */
	struct xc_lazy *lazy;
	pthread_t serving;
	bool is_serving;
	atomic_uint completed;
};

/* --- an entry --- */

static void put_members(struct mount_scene *layers)
{
	char name[16];

	mount_scene_init(layers, 2);
	mount_put(layers, 0, 0, XC_MEMBER_DIR, "./d");
	mount_put(layers, 0, 1, XC_MEMBER_DIR, "empty");
	mount_put(layers, LAYER, 0, XC_MEMBER_DIR, "./d");
	mount_file(layers, LAYER, 1, "large", 20000);
	mount_file(layers, LAYER, 1, "other", 9000);
	for (unsigned i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "small-%02u", i);
		mount_file(layers, LAYER, 1, name, i * 37);
	}
	mount_cut(layers, 0, SEGMENT_BYTES);
	mount_cut(layers, LAYER, SEGMENT_BYTES);
	mount_kill(layers, LAYER, 2);
}

static void store_segments(struct scene *scene)
{
	struct xc_segment_encoder *encoder = xc_segment_encoder_new(1);
	struct xc_index *index = &scene->layers.layers.items[LAYER].index;
	cleanup_buf struct xc_buf stored = XC_BUF_INIT;
	struct xc_err err;

	for (uint32_t i = 0; i < index->segment_count; i++) {
		struct xc_segment *segment = &index->segments[i];
		cleanup_free char *raw = mount_decode(&scene->layers, LAYER, i);
		struct xc_segment encoded;

		assert_int_equal(xc_segment_encode(encoder, raw, segment->raw_bytes, &stored,
						   &encoded, &err),
				 0);
		encoded.offset = scene->store.pack.len_bytes;
		encoded.tar_offset = segment->tar_offset;
		*segment = encoded;
		xc_buf_add(&scene->store.pack, stored.data, stored.len_bytes);
	}
	xc_segment_encoder_free(encoder);
}

static bool needs(const struct scene *scene, uint32_t segment)
{
	return xc_layer_needs_segment(&scene->layers.layers.items[LAYER], segment);
}

static const uint64_t *segment_raw(const struct scene *scene)
{
	return scene->layers.layout.layers[LAYER].segment_raw;
}

/* What nobody can read is not fetched: it is zero. */
static void want_raw_file(struct scene *scene)
{
	const uint64_t *raw = segment_raw(scene);
	uint32_t count = scene->layers.layers.items[LAYER].index.segment_count;

	scene->wanted = mount_raw(&scene->layers, LAYER, &scene->wanted_bytes);
	for (uint32_t i = 0; i < count; i++)
		if (needs(scene, i))
			scene->needed++;
		else
			memset(scene->wanted + raw[i], 0, raw[i + 1] - raw[i]);
	assert_in_range(scene->needed, 8, count - 1);
}

static int open_scene(void **state)
{
	struct scene *scene = xc_calloc(1, sizeof(*scene));
	struct xc_err err;

	put_members(&scene->layers);
	held_open(&scene->store);
	store_segments(scene);
	assert_int_equal(xc_layout_make(&scene->layers.layers, XC_BLOCK_BITS_512,
					&scene->layers.layout, &err),
			 0);
	for (uint32_t i = 0; i < 2; i++)
		scene->layers.layers.items[i].pack_name = xc_strdup("pack");
	want_raw_file(scene);
	scene->fds[0] = -1;
	scene->fds[LAYER] = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_true(scene->fds[LAYER] >= 0);
	scene->cache = (struct xc_cache){ .store = &scene->store.base, .threads = 2 };
	fuse_kernel_open(&scene->kernel);
	*state = scene;
	return 0;
}

static int close_scene(void **state)
{
	struct scene *scene = *state;

	fuse_kernel_hang_up(&scene->kernel);
	if (scene->is_serving)
		pthread_join(scene->serving, NULL);
	xc_lazy_free(scene->lazy);
	fuse_kernel_close(&scene->kernel);
	xc_fd_close(&scene->fds[LAYER]);
	free(scene->wanted);
	held_close(&scene->store);
	mount_scene_release(&scene->layers);
	free(scene);
	return 0;
}

static void complete(void *context)
{
	struct scene *scene = context;

	atomic_fetch_add(&scene->completed, 1);
}

static void start(struct scene *scene, int fuse_fd, unsigned deadline_ms)
{
	struct xc_err err;

	if (xc_lazy_start(
		    &(struct xc_lazy_opts){
			    .cache = &scene->cache,
			    .layers = &scene->layers.layers,
			    .layout = &scene->layers.layout,
			    .fds = scene->fds,
			    .fuse_fd = fuse_fd,
			    .deadline_ms = deadline_ms,
			    .complete = complete,
			    .context = scene,
		    },
		    &scene->lazy, &err) < 0)
		fail_msg("%s", err.msg);
}

static void *serve(void *context)
{
	struct scene *scene = context;

	xc_lazy_serve(scene->lazy);
	return NULL;
}

static void start_serving(struct scene *scene)
{
	assert_int_equal(pthread_create(&scene->serving, NULL, serve, scene), 0);
	scene->is_serving = true;
}

static void set_broken(struct scene *scene, bool broken)
{
	pthread_mutex_lock(&scene->store.lock);
	scene->store.broken = broken;
	pthread_mutex_unlock(&scene->store.lock);
}

static void set_hold(struct scene *scene)
{
	pthread_mutex_lock(&scene->store.lock);
	scene->store.hold = true;
	pthread_mutex_unlock(&scene->store.lock);
}

static unsigned started(struct scene *scene)
{
	unsigned count;

	pthread_mutex_lock(&scene->store.lock);
	count = scene->store.started;
	pthread_mutex_unlock(&scene->store.lock);
	return count;
}

/* --- reads --- */

static uint64_t send_read(struct scene *scene, uint64_t offset, uint32_t size)
{
	const struct fuse_read_in in = { .offset = offset, .size = size };

	return fuse_kernel_send(&scene->kernel, FUSE_READ, FILE_NODE, &in, sizeof(in));
}

/* The error of the answer that came last; if there is none its bytes are those of the raw file. */
static int check_answer(const struct scene *scene, uint64_t offset, uint32_t size)
{
	const struct fuse_kernel *kernel = &scene->kernel;

	if (kernel->error) {
		assert_int_equal(kernel->data_bytes, 0);
		return kernel->error;
	}
	assert_int_equal(kernel->data_bytes, XC_MIN((size_t)size, scene->wanted_bytes - offset));
	assert_memory_equal(kernel->data, scene->wanted + offset, kernel->data_bytes);
	return 0;
}

static int read_at(struct scene *scene, uint64_t offset, uint32_t size)
{
	uint64_t unique = send_read(scene, offset, size);

	assert_int_equal(fuse_kernel_receive(&scene->kernel), unique);
	return check_answer(scene, offset, size);
}

/* The n-th of the segments that are needed. */
static uint32_t needed_segment(const struct scene *scene, uint32_t n)
{
	uint32_t i = 0;

	while (!needs(scene, i) || n-- > 0)
		i++;
	return i;
}

static int read_segment(struct scene *scene, uint32_t n)
{
	uint32_t segment = needed_segment(scene, n);
	const uint64_t *raw = segment_raw(scene);

	return read_at(scene, raw[segment], (uint32_t)(raw[segment + 1] - raw[segment]));
}

static void reads_give_what_was_saved(void **state)
{
	struct scene *scene = *state;

	start(scene, scene->kernel.server_fd, LONG_MS);
	for (uint64_t at = scene->wanted_bytes; at > 0; at -= XC_MIN(at, UINT64_C(1777)))
		assert_int_equal(read_at(scene, at - 1, 4096), 0);
	assert_int_equal(read_at(scene, 0, (uint32_t)scene->wanted_bytes + 4096), 0);
	/* Each has come once, and what nobody needs never. */
	assert_int_equal(started(scene), scene->needed);
	assert_int_equal(atomic_load(&scene->completed), 0);
}

static void a_read_fetches_what_it_covers_and_no_more(void **state)
{
	struct scene *scene = *state;
	const uint64_t *raw = segment_raw(scene);
	uint32_t segment = needed_segment(scene, 2);

	start(scene, scene->kernel.server_fd, LONG_MS);
	assert_int_equal(read_segment(scene, 2), 0);
	assert_int_equal(started(scene), 1);
	assert_int_equal(read_at(scene, raw[segment + 1] - 1, 2), 0);
	assert_int_equal(started(scene), 2);
}

/* --- the rest --- */

static void wait_until_complete(struct scene *scene)
{
	for (int i = 0; atomic_load(&scene->completed) == 0 && i < LONG_MS; i++)
		usleep(1000);
	assert_int_equal(atomic_load(&scene->completed), 1);
}

static void what_nobody_reads_comes_meanwhile(void **state)
{
	struct scene *scene = *state;
	cleanup_free char *raw = xc_malloc(scene->wanted_bytes + 1);

	start(scene, scene->kernel.server_fd, LONG_MS);
	start_serving(scene);
	wait_until_complete(scene);
	assert_int_equal(started(scene), scene->needed);
	assert_int_equal(pread(scene->fds[LAYER], raw, scene->wanted_bytes + 1, 0),
			 scene->wanted_bytes);
	assert_memory_equal(raw, scene->wanted, scene->wanted_bytes);
	assert_true(xc_lazy_fetched_bytes(scene->lazy) > 0);
	/* From here on no store is needed. */
	set_broken(scene, true);
	assert_int_equal(read_at(scene, 0, (uint32_t)scene->wanted_bytes), 0);
}

static void the_rest_comes_once_the_store_is_well_again(void **state)
{
	struct scene *scene = *state;

	set_broken(scene, true);
	start(scene, scene->kernel.server_fd, LONG_MS);
	start_serving(scene);
	assert_int_equal(read_segment(scene, 1), EIO);
	set_broken(scene, false);
	wait_until_complete(scene);
	assert_int_equal(read_at(scene, 0, (uint32_t)scene->wanted_bytes), 0);
}

/* Of the raw file all segments have come but the n-th one that is needed. */
static bool all_but_one_came(const struct scene *scene, uint32_t n)
{
	cleanup_free char *raw = xc_malloc(scene->wanted_bytes);
	uint32_t bad = needed_segment(scene, n);
	uint64_t start = segment_raw(scene)[bad], end = segment_raw(scene)[bad + 1];

	assert_int_equal(pread(scene->fds[LAYER], raw, scene->wanted_bytes, 0),
			 scene->wanted_bytes);
	return memcmp(raw, scene->wanted, start) == 0 &&
	       memcmp(raw + end, scene->wanted + end, scene->wanted_bytes - end) == 0;
}

static void one_segment_that_cannot_come_keeps_no_other_away(void **state)
{
	struct scene *scene = *state;
	struct xc_index *index = &scene->layers.layers.items[LAYER].index;

	scene->store.fail_at = index->segments[needed_segment(scene, 0)].offset;
	start(scene, scene->kernel.server_fd, LONG_MS);
	start_serving(scene);
	for (int i = 0; !all_but_one_came(scene, 0); i++) {
		if (i * 10 > LONG_MS / 2)
			fail_msg("others do not come");
		usleep(10000);
	}
	assert_int_equal(atomic_load(&scene->completed), 0);
	assert_int_equal(read_segment(scene, 0), EIO);
	assert_int_equal(read_segment(scene, 1), 0);
}

/* --- trouble --- */

static void a_read_that_fails_is_an_error_and_the_next_one_tries_anew(void **state)
{
	struct scene *scene = *state;

	set_broken(scene, true);
	start(scene, scene->kernel.server_fd, LONG_MS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(read_segment(scene, 1), EIO);
	set_broken(scene, false);
	assert_int_equal(read_segment(scene, 1), 0);
	/* One that ends in a segment that fails gives nothing of those before it either. */
	set_broken(scene, true);
	assert_int_equal(read_at(scene, 0, (uint32_t)scene->wanted_bytes), EIO);
	assert_int_equal(read_segment(scene, 1), 0);
}

static void a_wrong_byte_is_never_given(void **state)
{
	struct scene *scene = *state;

	/* Once: it is read again. Twice: it is an error. */
	scene->store.spoil = 1;
	start(scene, scene->kernel.server_fd, LONG_MS);
	assert_int_equal(read_segment(scene, 1), 0);
	pthread_mutex_lock(&scene->store.lock);
	scene->store.spoil = 2;
	pthread_mutex_unlock(&scene->store.lock);
	assert_int_equal(read_segment(scene, 3), EIO);
	assert_int_equal(read_segment(scene, 3), 0);
}

static void a_full_disk_is_an_error(void **state)
{
	struct scene *scene = *state;
	cleanup_fd int full_fd = open("/dev/full", O_RDWR | O_CLOEXEC), raw_fd = -1;

	start(scene, scene->kernel.server_fd, LONG_MS);
	raw_fd = fcntl(scene->fds[LAYER], F_DUPFD_CLOEXEC, 0);
	assert_true(full_fd >= 0 && dup2(full_fd, scene->fds[LAYER]) >= 0);
	assert_int_equal(read_segment(scene, 1), EIO);
	assert_true(dup2(raw_fd, scene->fds[LAYER]) >= 0);
	assert_int_equal(read_segment(scene, 1), 0);
}

static void a_store_that_hangs_is_an_error_in_time(void **state)
{
	struct scene *scene = *state;
	int64_t from = xc_clock_now_ns();

	set_hold(scene);
	start(scene, scene->kernel.server_fd, 100);
	assert_int_equal(read_segment(scene, 1), EIO);
	assert_true(xc_clock_now_ns() - from < SOON_MS * INT64_C(1000000));
	let_all_go(&scene->store);
	assert_int_equal(read_segment(scene, 1), 0);
}

static void what_is_here_is_given_while_others_wait(void **state)
{
	struct scene *scene = *state;
	uint64_t local;
	bool answered = false;
	uint32_t segment = needed_segment(scene, 0);
	const uint64_t *raw = segment_raw(scene);

	start(scene, scene->kernel.server_fd, LONG_MS);
	assert_int_equal(read_segment(scene, 0), 0);
	set_hold(scene);
	for (uint32_t i = 1; i < 6; i++)
		send_read(scene, raw[needed_segment(scene, i)], 100);
	wait_for_started(&scene->store, 2);
	local = send_read(scene, raw[segment], 100);
	if (fuse_kernel_is_answered(&scene->kernel, SOON_MS))
		answered = fuse_kernel_receive(&scene->kernel) == local;
	let_all_go(&scene->store);
	assert_true(answered);
}

static void an_end_waits_for_no_store(void **state)
{
	struct scene *scene = *state;
	int64_t from;

	set_hold(scene);
	start(scene, scene->kernel.server_fd, LONG_MS);
	send_read(scene, segment_raw(scene)[needed_segment(scene, 0)], 100);
	wait_for_started(&scene->store, 1);
	from = xc_clock_now_ns();
	xc_lazy_free(STEAL_PTR(scene->lazy));
	assert_true(xc_clock_now_ns() - from < SOON_MS * INT64_C(1000000));
	fuse_kernel_receive(&scene->kernel);
	assert_int_equal(scene->kernel.error, EIO);
}

static void an_unmount_waits_for_no_store(void **state)
{
	struct scene *scene = *state;
	int64_t from;

	set_hold(scene);
	start(scene, scene->kernel.server_fd, LONG_MS);
	start_serving(scene);
	send_read(scene, segment_raw(scene)[needed_segment(scene, 0)], 100);
	wait_for_started(&scene->store, 1);
	from = xc_clock_now_ns();
	fuse_kernel_hang_up(&scene->kernel);
	pthread_join(scene->serving, NULL);
	scene->is_serving = false;
	assert_true(xc_clock_now_ns() - from < SOON_MS * INT64_C(1000000));
}

/* --- the kernel --- */

#define READERS 4

struct reader {
	const struct scene *scene;
	int mount_fd;
	unsigned seed;
	const char *wrong; /* NULL: nothing */
	pthread_t thread;
};

/* Pieces of a file, cached or not, in an order of its own. */
static void *read_pieces(void *context)
{
	struct reader *reader = context;
	const struct scene *scene = reader->scene;
	cleanup_fd int fd = openat(reader->mount_fd, "0", O_RDONLY | O_CLOEXEC);
	char piece[3000];

	if (fd < 0)
		reader->wrong = "it cannot be opened";
	for (int i = 0; i < 300 && !reader->wrong; i++) {
		uint64_t at = (uint64_t)rand_r(&reader->seed) % scene->wanted_bytes;
		size_t length = XC_MIN(sizeof(piece), scene->wanted_bytes - at);

		if (i % 50 == 0)
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		if (pread(fd, piece, sizeof(piece), (off_t)at) != (ssize_t)length)
			reader->wrong = "a read fails";
		else if (memcmp(piece, scene->wanted + at, length) != 0)
			reader->wrong = "a byte is wrong";
	}
	return NULL;
}

static void attach(int *ret_fuse_fd, int *ret_mount_fd)
{
	struct xc_err err;

	if (xc_attach_fuse(ret_fuse_fd, ret_mount_fd, &err) == 0)
		return;
	if (err.kind != XC_ERR_UNSUPPORTED)
		fail_msg("%s", err.msg);
	print_message("skipped: %s\n", err.msg);
	skip();
}

static void several_read_at_once(void **state)
{
	struct reader readers[READERS];
	cleanup_fd int fuse_fd = -1, mount_fd = -1;
	struct scene *scene;
	struct stat status;
	void *opened;

	(void)state;
	attach(&fuse_fd, &mount_fd);
	assert_int_equal(open_scene(&opened), 0);
	scene = opened;
	start(scene, fuse_fd, LONG_MS);
	start_serving(scene);
	for (unsigned i = 0; i < READERS; i++) {
		readers[i] = (struct reader){ scene, mount_fd, i, NULL, 0 };
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_pieces, &readers[i]),
				 0);
	}
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		if (readers[i].wrong)
			fail_msg("%s", readers[i].wrong);
	}
	wait_until_complete(scene);
	assert_int_equal(fstatat(mount_fd, "0", &status, 0), 0);
	assert_int_equal(status.st_size, scene->wanted_bytes);
	assert_int_equal(faccessat(mount_fd, "1", F_OK, 0), -1);
	/* The last one who has it is gone: the server ends. */
	xc_fd_close(&mount_fd);
	assert_int_equal(close_scene(&opened), 0);
}

static pid_t fork_server(struct scene *scene, int fuse_fd)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	start(scene, fuse_fd, LONG_MS);
	xc_lazy_serve(scene->lazy);
	_exit(0);
}

/* The number of reads that fail; those that do not are right. */
static unsigned read_pages(const struct scene *scene, int fd, size_t first)
{
	char page[4096];
	unsigned failed = 0;

	for (size_t at = first; at < scene->wanted_bytes; at += sizeof(page)) {
		ssize_t length = pread(fd, page, sizeof(page), (off_t)at);

		if (length < 0)
			failed++;
		else
			assert_memory_equal(page, scene->wanted + at, (size_t)length);
	}
	return failed;
}

static void a_killed_server_gives_no_wrong_byte(void **state)
{
	cleanup_fd int fuse_fd = -1, mount_fd = -1, fd = -1, target_fd = -1;
	struct scene *scene;
	struct xc_err err;
	char page[4096];
	void *opened;
	pid_t server;

	(void)state;
	attach(&fuse_fd, &mount_fd);
	assert_int_equal(open_scene(&opened), 0);
	scene = opened;
	server = fork_server(scene, fuse_fd);
	xc_fd_close(&fuse_fd);
	fd = openat(mount_fd, "0", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
	assert_int_equal(pread(fd, page, sizeof(page), 0), sizeof(page));
	assert_memory_equal(page, scene->wanted, sizeof(page));
	assert_int_equal(kill(server, SIGKILL), 0);
	assert_int_equal(waitpid(server, NULL, 0), server);
	assert_int_equal(pread(fd, page, sizeof(page), 0), sizeof(page));
	assert_memory_equal(page, scene->wanted, sizeof(page));
	assert_true(read_pages(scene, fd, 4096) > 0);
	/* And it can be unmounted. */
	assert_int_equal(mkdir("target", 0700), 0);
	target_fd = open("target", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(xc_attach_move(mount_fd, target_fd, &err), 0);
	xc_fd_close(&fd);
	xc_fd_close(&mount_fd);
	xc_fd_close(&target_fd);
	assert_int_equal(umount2("target", 0), 0);
	assert_int_equal(rmdir("target"), 0);
	assert_int_equal(close_scene(&opened), 0);
}

static void the_kernel_reads_what_was_saved(void **state)
{
	(void)state;
	in_child(CHILD_MOUNTS, "readers", several_read_at_once, NULL);
}

static void without_a_server_reads_are_right_or_fail(void **state)
{
	(void)state;
	in_child(CHILD_MOUNTS, "a killed server", a_killed_server_gives_no_wrong_byte, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_give_what_was_saved),
		TEST(a_read_fetches_what_it_covers_and_no_more),
		TEST(what_nobody_reads_comes_meanwhile),
		TEST(the_rest_comes_once_the_store_is_well_again),
		TEST(one_segment_that_cannot_come_keeps_no_other_away),
		TEST(a_read_that_fails_is_an_error_and_the_next_one_tries_anew),
		TEST(a_wrong_byte_is_never_given),
		TEST(a_full_disk_is_an_error),
		TEST(a_store_that_hangs_is_an_error_in_time),
		TEST(what_is_here_is_given_while_others_wait),
		TEST(an_end_waits_for_no_store),
		TEST(an_unmount_waits_for_no_store),
		cmocka_unit_test(the_kernel_reads_what_was_saved),
		cmocka_unit_test(without_a_server_reads_are_right_or_fail),
	};

	return cmocka_run_group_tests_name("mount lazy", tests, scratch_setup, scratch_teardown);
}
