/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what stands is what a member says. */
#include "base/hash.h"
#include "restore/existing.h"
#include "scratch.h"

/* As base/member.h says, with all of the content in memory. */
static void hash_of(const char *data, size_t length, uint8_t ret_hash[XC_CONTENT_HASH_BYTES])
{
	uint8_t digests[4 * XC_SHA256_BYTES], digest[XC_SHA256_BYTES];
	size_t count = 0;

	for (size_t at = 0; at < length; at += XC_CONTENT_PIECE_BYTES)
		xc_sha256(data + at, XC_MIN(length - at, (size_t)XC_CONTENT_PIECE_BYTES),
			  digests + XC_SHA256_BYTES * count++);
	if (count == 1)
		memcpy(digest, digests, sizeof(digest));
	else
		xc_sha256(digests, XC_SHA256_BYTES * count, digest);
	memcpy(ret_hash, digest, XC_CONTENT_HASH_BYTES);
}

static const size_t lengths[] = { 1, 4096, XC_CONTENT_PIECE_BYTES, XC_CONTENT_PIECE_BYTES + 1,
				  2 * XC_CONTENT_PIECE_BYTES + 77 };

static void content_is_compared_to_its_last_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		size_t length = lengths[i];
		cleanup_free char *data = xc_malloc(length);
		struct xc_member member = { .type = XC_MEMBER_FILE, .size_bytes = length };
		cleanup_fd int fd = open("f", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		xc_random_bytes(data, length);
		hash_of(data, length, member.content_hash);
		assert_int_equal(xc_fd_write_all(fd, data, length), 0);
		assert_true(xc_existing_has_content(fd, &member, NULL));
		data[length - 1] ^= 1;
		assert_int_equal(pwrite(fd, data + length - 1, 1, (off_t)length - 1), 1);
		assert_false(xc_existing_has_content(fd, &member, NULL));
		assert_int_equal(ftruncate(fd, (off_t)length - 1), 0);
		assert_false(xc_existing_has_content(fd, &member, NULL));
	}
}

static void a_file_without_content_is_equal(void **state)
{
	struct xc_member member = { .type = XC_MEMBER_FILE };
	cleanup_fd int fd = open("empty", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_true(xc_existing_has_content(fd, &member, NULL));
}

static void a_cancellation_ends_the_comparison(void **state)
{
	struct xc_member member = { .type = XC_MEMBER_FILE, .size_bytes = 1 };
	cleanup_fd int fd = open("one", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct xc_cancel cancel = { 0 };

	(void)state;
	hash_of("x", 1, member.content_hash);
	assert_int_equal(xc_fd_write_all(fd, "x", 1), 0);
	assert_true(xc_existing_has_content(fd, &member, &cancel));
	xc_cancel_request(&cancel, -1);
	assert_false(xc_existing_has_content(fd, &member, &cancel));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_is_compared_to_its_last_byte),
		cmocka_unit_test(a_file_without_content_is_equal),
		cmocka_unit_test(a_cancellation_ends_the_comparison),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
