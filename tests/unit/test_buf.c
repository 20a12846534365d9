/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void text_ends_where_the_bytes_end_though_old_ones_follow(void **state)
{
	cleanup_buf struct xc_buf buf = XC_BUF_INIT;
	char *at = xc_buf_reserve(&buf, 300);

	(void)state;
	memset(at, 'x', 300);
	xc_buf_grow_by(&buf, 300);
	xc_buf_clear(&buf);
	/* What an earlier owner of the memory wrote is still in it. */
	memset(buf.data, 'y', buf.cap_bytes);
	for (size_t length = 1; length < 100; length++) {
		at = xc_buf_reserve(&buf, 200 - length);
		memset(at, 'z', length);
		xc_buf_grow_by(&buf, length);
		assert_int_equal(buf.len_bytes, length);
		assert_int_equal(strlen(buf.data), length);
		memset(buf.data, 'y', buf.cap_bytes);
		buf.len_bytes = 0;
	}
}

static void what_was_reserved_may_be_filled_to_its_end(void **state)
{
	cleanup_buf struct xc_buf buf = XC_BUF_INIT;

	(void)state;
	for (size_t length = 0; length < 200; length += 7) {
		memset(xc_buf_reserve(&buf, length), 'x', length);
		xc_buf_grow_by(&buf, length);
		assert_true(buf.len_bytes < buf.cap_bytes);
		assert_int_equal(strlen(buf.data), buf.len_bytes);
	}
}

static void growing_ends_at_the_ceiling_and_keeps_what_is_there(void **state)
{
	cleanup_buf struct xc_buf buf = XC_BUF_INIT;

	(void)state;
	xc_buf_init(&buf, 10);
	xc_buf_add_str(&buf, "12345");
	assert_int_equal(xc_buf_try_add(&buf, "678901", 6), -1);
	assert_null(xc_buf_reserve(&buf, 6));
	assert_string_equal(buf.data, "12345");
	assert_int_equal(xc_buf_try_add(&buf, "67890", 5), 0);
	assert_string_equal(buf.data, "1234567890");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_ends_where_the_bytes_end_though_old_ones_follow),
		cmocka_unit_test(what_was_reserved_may_be_filled_to_its_end),
		cmocka_unit_test(growing_ends_at_the_ceiling_and_keeps_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
