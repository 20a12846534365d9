/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of staging share: trees from words, and a target from open to commit. */
#ifndef XC_TESTS_STAGING_H
#define XC_TESTS_STAGING_H

#include "scratch.h"
#include "tree/stage/internal.h"

/*
 * Which look for a cancellation, counted from cancel_at_look, finds one; 0: none.
 * Holds until the next stage is opened. The linker sends the calls here (*.wrap).
 */
static uint64_t looks, canceled_look;

static inline void cancel_at_look(uint64_t look)
{
	looks = 0;
	canceled_look = look;
}

int __real_xc_stage_open(const struct xc_stage_target *targets, uint32_t count,
			 struct xc_stage **ret_stage, struct xc_err *err);
int __wrap_xc_stage_open(const struct xc_stage_target *targets, uint32_t count,
			 struct xc_stage **ret_stage, struct xc_err *err);
int __wrap_xc_stage_open(const struct xc_stage_target *targets, uint32_t count,
			 struct xc_stage **ret_stage, struct xc_err *err)
{
	cancel_at_look(0);
	return __real_xc_stage_open(targets, count, ret_stage, err);
}

int __wrap_xc_cancel_check(const struct xc_cancel *cancel, struct xc_err *err);
int __wrap_xc_cancel_check(const struct xc_cancel *cancel, struct xc_err *err)
{
	if (++looks == canceled_look || xc_cancel_requested(cancel))
		return xc_err_set(err, XC_ERR_CANCELED, "interrupted");
	return 0;
}

/* `words` with each "@" as `at`, and directories that only stand in paths named first. */
static inline char *fill_in(const char *words, const char *at)
{
	struct xc_buf out = XC_BUF_INIT;

	for (const char *word = words; *word;
	     word += strcspn(word, " ") + !!word[strcspn(word, " ")])
		for (size_t i = 2; i < strcspn(word, " :=>+"); i++) {
			if (word[i] == '/')
				xc_buf_addf(&out, "%s%.*s: ", at, (int)i - 1, word + 1);
		}
	for (; *words; words++) {
		if (*words == '@')
			xc_buf_add_str(&out, at);
		else
			xc_buf_add_char(&out, *words);
	}
	xc_buf_add_char(&out, ' ');
	return xc_buf_steal(&out);
}

static inline void make_filled(int dir_fd, const char *words, const char *at, int64_t time)
{
	cleanup_free char *filled = fill_in(words, at);

	make_tree(dir_fd, filled, time);
}

static inline struct xc_stage *open_one(const char *path, size_t literal_bytes, bool keep)
{
	static struct xc_stage_target target;
	struct xc_stage *stage = NULL;
	struct xc_err err = { 0 };

	target = (struct xc_stage_target){ path, literal_bytes, keep, true };
	if (xc_stage_open(&target, 1, &stage, &err) < 0)
		fail_msg("%s: %s", path, err.msg);
	return stage;
}

static inline void stage_words(struct xc_stage *stage, uint32_t i, const char *words)
{
	char name[XC_STAGE_NAME_MAX];
	int dir_fd;

	xc_stage_staged_at(stage, i, &dir_fd, name);
	make_filled(dir_fd, words, name, 5000);
}

static inline void commit(struct xc_stage *stage)
{
	struct xc_err err = { 0 };
	uint64_t replaced;

	if (xc_stage_commit(stage, NULL, &replaced, &err) < 0)
		fail_msg("%s", err.msg);
	xc_stage_free(stage);
}

#endif
