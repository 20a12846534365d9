/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an entry of less than a megabyte may take of memory, whatever it
 * holds: each is restored by a process of its own, whose peak is measured.
 */
#include "craft.h"

#include <limits.h>
#include <sys/resource.h>

/* Memory that a sanitizer holds back says nothing about the program. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#define PEAK_MAX_KIB LONG_MAX
#else
#define PEAK_MAX_KIB (256L << 10)
#endif

static int restore(struct scene *scene, struct xc_err *err)
{
	cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;

	return xc_cache_restore(&scene->cache, &scene->query, &result, err);
}

/* How much more address space than now a restore may take; 0: as much as it likes. */
static rlim_t spare_bytes;

static void limit_memory(void)
{
	cleanup_fd int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	struct rlimit limit = { 0, 0 };
	char text[64] = "";

	must_sys((int)read(fd, text, sizeof(text) - 1), "statm");
	limit.rlim_cur = strtoull(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) + spare_bytes;
	limit.rlim_max = limit.rlim_cur;
	must_sys(setrlimit(RLIMIT_AS, &limit), "setrlimit");
}

/* Restores in a process of its own: the kind of the error, and the peak of memory. */
static enum xc_err_kind restore_apart(struct scene *scene, const char *says)
{
	struct xc_err err = { 0 };
	struct rusage usage;
	int status;
	pid_t child = fork();

	must_sys(child, "fork");
	if (child == 0) {
		alarm(120);
		if (spare_bytes > 0)
			limit_memory();
		if (restore(scene, &err) < 0 && says && !strstr(err.msg, says)) {
			fprintf(stderr, "says %s\n", err.msg);
			_exit(99);
		}
		_exit((int)err.kind);
	}
	must_sys(wait4(child, &status, 0, &usage), "wait4");
	assert_true(WIFEXITED(status));
	if (usage.ru_maxrss > PEAK_MAX_KIB)
		fail_msg("%ld MiB at its peak", usage.ru_maxrss >> 10);
	return (enum xc_err_kind)WEXITSTATUS(status);
}

/* --- segments --- */

/* Files of zeros that a segment of the longest kind each holds, all in one pack. */
static void long_segments(struct scene *scene, uint32_t count)
{
	const size_t raw_bytes = XC_SEGMENT_RAW_MAX;
	struct xc_segment_encoder *encoder = xc_segment_encoder_new(1);
	struct craft_member member = { .type = XC_MEMBER_FILE, .name = "./a", .text = "" };
	struct craft craft = { .members = &member, .count = 1 };
	cleanup_buf struct xc_buf stored = XC_BUF_INIT;
	cleanup_free char *zeros = xc_calloc(raw_bytes, 1);
	struct xc_segment segment;
	struct xc_err err;

	must(xc_segment_encode(encoder, zeros, raw_bytes, &stored, &segment, &err), &err);
	xc_segment_encoder_free(encoder);
	for (uint32_t i = 0; i < count; i++) {
		craft.segments[i] = segment;
		xc_buf_add(&craft.pack, stored.data, stored.len_bytes);
	}
	craft.segment_count = count;
	craft.tar_bytes = (uint64_t)count * raw_bytes;
	member.claimed_size = craft.tar_bytes - XC_TAR_BLOCK_BYTES - XC_TAR_END_BYTES;
	craft_finish(&craft);
	put_pack(scene, &craft);
	put_manifest(scene, &craft.layer, 1);
	craft_release(&craft);
}

static void holds_few_long_segments_at_once(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene.cache.threads = 14;
	scene_paths(&scene, "a");
	long_segments(&scene, 6);
	assert_int_equal(restore_apart(&scene, NULL), XC_ERR_NONE);
	assert_true(path_exists(&scene, "ws/a"));
	scene_close(&scene);
}

/* --- indexes --- */

static uint32_t run_count;

/* One sparse file of many runs: each takes 16 bytes of memory, of 2 that compress to nothing. */
static void many_runs(enum xc_section_id id, struct xc_buf *raw)
{
	if (id == XC_SECTION_ATTRS) {
		xc_buf_clear(raw);
		xc_buf_add(raw, "\1\0\1\0\0\0", 6);
	} else if (id == XC_SECTION_SPARSE) {
		char *at;

		raw->max_bytes = (size_t)1 << 30;
		craft_varint(raw, run_count);
		at = xc_buf_reserve(raw, 2 * (size_t)run_count);
		assert_non_null(at);
		memset(at, 1, 2 * (size_t)run_count);
		xc_buf_grow_by(raw, 2 * (size_t)run_count);
	}
}

static void put_runs(struct scene *scene, uint32_t runs)
{
	const struct craft_member member = {
		.type = XC_MEMBER_FILE, .name = "./a", .text = "", .claimed_size = 2 * runs
	};
	struct craft craft = { .members = &member, .count = 1, .twist_section = many_runs };

	run_count = runs;
	craft_pack(&craft);
	assert_true(craft.pack.len_bytes < 100000);
	put_pack(scene, &craft);
	put_manifest(scene, &craft.layer, 1);
	craft_release(&craft);
}

static void refuses_tables_that_take_much(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	put_runs(&scene, 20000000);
	assert_int_equal(restore_apart(&scene, "may take"), XC_ERR_CORRUPT);
	scene_close(&scene);
}

#ifndef SANITIZED
/* It is the machine that lacks something: the entry is not taken for a broken one. */
static void no_memory_for_the_tables_is_an_error(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene_paths(&scene, "a");
	put_runs(&scene, 4000000);
	spare_bytes = (rlim_t)40 << 20;
	assert_int_equal(restore_apart(&scene, "Cannot allocate memory"), XC_ERR_IO);
	spare_bytes = 0;
	scene_close(&scene);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_few_long_segments_at_once),
		cmocka_unit_test(refuses_tables_that_take_much),
#ifndef SANITIZED
		cmocka_unit_test(no_memory_for_the_tables_is_an_error),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
