/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an entry of less than a megabyte may take of memory, whatever it
 * holds: each is restored by a process of its own, whose peak is measured.
 */
#include "craft.h"

#include <sys/resource.h>

/* Memory that a sanitizer holds back says nothing about the program. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PEAK_MAX_KIB LONG_MAX
#else
#define PEAK_MAX_KIB (256L << 10)
#endif

static int restore(struct scene *scene, struct xc_err *err)
{
	cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;

	return xc_cache_restore(&scene->cache, &scene->query, &result, err);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_few_long_segments_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
