/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"

/* Sizes around a block's, odd ones between: no two pieces may share a byte. */
static const size_t sizes[] = {
	1, 3, 0, 17, 1000, 256 << 10, 5, (256 << 10) - 1, (1 << 20) + 1, 7
};

static void pieces_are_aligned_and_do_not_overlap(void **state)
{
	struct xc_arena arena = XC_ARENA_INIT;
	unsigned char *pieces[10 * ARRAY_LEN(sizes)];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		pieces[i] = xc_arena_alloc(&arena, sizes[i % ARRAY_LEN(sizes)]);
		assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		memset(pieces[i], (int)i, sizes[i % ARRAY_LEN(sizes)]);
		/* Texts between leave the next place unaligned. */
		assert_string_equal(xc_arena_text(&arena, "textual", 4), "text");
	}
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		for (size_t j = 0; j < sizes[i % ARRAY_LEN(sizes)]; j++)
			if (pieces[i][j] != i)
				fail_msg("piece %zu was overwritten at %zu", i, j);
	xc_arena_release(&arena);
	assert_null(arena.blocks);
	assert_int_equal(arena.total_bytes, 0);
}

static void a_text_may_hold_any_bytes(void **state)
{
	struct xc_arena arena = XC_ARENA_INIT;
	const char *text = xc_arena_text(&arena, "a\0b", 3);

	(void)state;
	assert_memory_equal(text, "a\0b", 4);
	assert_string_equal(xc_arena_text(&arena, "", 0), "");
	xc_arena_release(&arena);
}

/* What was handed out before a merge must stay, and both arenas must go on working. */
static void merged_arenas_keep_what_they_handed_out(void **state)
{
	for (int into_filled = 0; into_filled < 2; into_filled++) {
		for (int from_filled = 0; from_filled < 2; from_filled++) {
			struct xc_arena into = XC_ARENA_INIT, from = XC_ARENA_INIT;
			const char *a = "", *b = "";
			size_t total;

			(void)state;
			if (into_filled)
				a = xc_arena_text(&into, "kept", 4);
			if (from_filled) {
				memset(xc_arena_alloc(&from, 300 << 10), 'x', 300 << 10);
				b = xc_arena_text(&from, "moved", 5);
			}
			total = into.total_bytes + from.total_bytes;
			xc_arena_merge(&into, &from);
			assert_int_equal(into.total_bytes, total);
			assert_null(from.blocks);
			assert_string_equal(xc_arena_text(&into, "more", 4), "more");
			assert_string_equal(xc_arena_text(&from, "again", 5), "again");
			assert_string_equal(a, into_filled ? "kept" : "");
			assert_string_equal(b, from_filled ? "moved" : "");
			xc_arena_release(&from);
			xc_arena_release(&into);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
		cmocka_unit_test(a_text_may_hold_any_bytes),
		cmocka_unit_test(merged_arenas_keep_what_they_handed_out),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
