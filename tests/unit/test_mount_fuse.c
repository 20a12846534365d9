/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol of FUSE, with a socket in the place of /dev/fuse: what a kernel
 * asks, and what none would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "fuse_kernel.h"

static const uint64_t sizes[] = { 10000, (uint64_t)3 << 20 };

#define FILES    2
#define ROOT     FUSE_ROOT_ID
#define NODE(i)  ((uint64_t)(i) + 2)
#define BAD_BYTE 777 /* reads that begin here fail */

struct fixture {
	struct fuse_kernel kernel;
	struct xc_fuse fuse;
	struct xc_fuse_worker *worker;
	size_t asked_bytes; /* of the last read */
};

static char content(uint32_t file, uint64_t at)
{
	return (char)(file * 100 + at % 97);
}

static int read_content(void *context, uint32_t file, uint64_t offset, size_t length, char *out)
{
	struct fixture *fixture = context;

	assert_true(file < FILES && offset < sizes[file] && length <= sizes[file] - offset);
	fixture->asked_bytes = length;
	for (size_t i = 0; i < length; i++)
		out[i] = content(file, offset + i);
	return offset == BAD_BYTE ? EIO : 0;
}

static int open_fuse(void **state)
{
	struct fixture *fixture = xc_calloc(1, sizeof(*fixture));

	fuse_kernel_open(&fixture->kernel);
	fixture->fuse = (struct xc_fuse){
		.fd = fixture->kernel.server_fd,
		.sizes = sizes,
		.count = FILES,
		.read = read_content,
		.context = fixture,
	};
	fixture->worker = xc_fuse_worker_new(&fixture->fuse);
	*state = fixture;
	return 0;
}

static int close_fuse(void **state)
{
	struct fixture *fixture = *state;

	xc_fuse_worker_free(fixture->worker);
	fuse_kernel_close(&fixture->kernel);
	free(fixture);
	return 0;
}

/* Send a request and have it served; the error of the answer, whose data is in `kernel`. */
static int ask(struct fixture *fixture, uint32_t opcode, uint64_t node, const void *argument,
	       size_t length)
{
	uint64_t unique = fuse_kernel_send(&fixture->kernel, opcode, node, argument, length);

	assert_int_equal(xc_fuse_serve_one(fixture->worker), 0);
	assert_int_equal(fuse_kernel_receive(&fixture->kernel), unique);
	return fixture->kernel.error;
}

static void assert_silent(struct fixture *fixture)
{
	assert_false(fuse_kernel_is_answered(&fixture->kernel, 0));
}

/* --- INIT --- */

static void a_kernel_is_greeted_with_what_both_know(void **state)
{
	struct fixture *fixture = *state;
	struct fuse_init_in in = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_readahead = 65536,
		.flags = FUSE_ASYNC_READ | FUSE_MAX_PAGES | FUSE_WRITEBACK_CACHE,
	};
	struct fuse_init_out out;

	assert_int_equal(ask(fixture, FUSE_INIT, 0, &in, sizeof(in)), 0);
	assert_int_equal(fixture->kernel.data_bytes, sizeof(out));
	memcpy(&out, fixture->kernel.data, sizeof(out));
	assert_int_equal(out.major, FUSE_KERNEL_VERSION);
	assert_int_equal(out.minor, 31);
	assert_int_equal(out.max_readahead, 65536);
	assert_int_equal(out.flags, FUSE_ASYNC_READ | FUSE_MAX_PAGES);
	assert_int_equal(out.max_pages, 256);
	assert_int_equal(out.max_background, 64);
	assert_true(out.max_write >= 4096);
	/* What a kernel does not offer is not asked of it. */
	in.flags = 0;
	assert_int_equal(ask(fixture, FUSE_INIT, 0, &in, 16), 0);
	memcpy(&out, fixture->kernel.data, sizeof(out));
	assert_int_equal(out.flags, 0);
}

static void a_kernel_that_is_too_old_is_refused(void **state)
{
	struct fuse_init_in in = { .major = FUSE_KERNEL_VERSION, .minor = 27 };

	assert_int_equal(ask(*state, FUSE_INIT, 0, &in, sizeof(in)), EPROTO);
	in = (struct fuse_init_in){ .major = FUSE_KERNEL_VERSION - 1, .minor = 99 };
	assert_int_equal(ask(*state, FUSE_INIT, 0, &in, sizeof(in)), EPROTO);
	in = (struct fuse_init_in){ .major = FUSE_KERNEL_VERSION, .minor = 40 };
	assert_int_equal(ask(*state, FUSE_INIT, 0, &in, 15), EPROTO);
	assert_int_equal(ask(*state, FUSE_INIT, 0, NULL, 0), EPROTO);
}

/* --- names and attributes --- */

static void files_are_found_by_their_numbers_alone(void **state)
{
	static const struct {
		uint64_t node;
		const char *name;
		size_t length;
		int error;
	} rows[] = {
		{ ROOT, "0", 2, 0 },
		{ ROOT, "1", 2, 0 },
		{ ROOT, "2", 2, ENOENT },
		{ ROOT, "00", 3, ENOENT },
		{ ROOT, "+1", 3, ENOENT },
		{ ROOT, "", 1, ENOENT },
		{ ROOT, "0", 1, ENOENT },
		{ ROOT, "", 0, ENOENT },
		{ ROOT, "0\0x", 4, ENOENT },
		{ ROOT, "..", 3, ENOENT },
		{ NODE(0), "0", 2, ENOENT },
		{ 0, "0", 2, ENOENT },
		{ UINT64_MAX, "0", 2, ENOENT },
		{ ROOT, "4294967296", 11, ENOENT },
	};
	struct fixture *fixture = *state;
	struct fuse_entry_out out;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (ask(fixture, FUSE_LOOKUP, rows[i].node, rows[i].name, rows[i].length) !=
		    rows[i].error)
			fail_msg("row %zu: error %d", i, fixture->kernel.error);
	assert_int_equal(ask(fixture, FUSE_LOOKUP, ROOT, "1", 2), 0);
	assert_int_equal(fixture->kernel.data_bytes, sizeof(out));
	memcpy(&out, fixture->kernel.data, sizeof(out));
	assert_int_equal(out.nodeid, NODE(1));
	assert_int_equal(out.attr.size, sizes[1]);
	assert_int_equal(out.attr.mode, S_IFREG | 0400);
}

static void attributes_are_those_of_the_node(void **state)
{
	static const uint64_t none[] = { 0, NODE(FILES), UINT64_MAX, (uint64_t)1 << 32 };
	const struct fuse_getattr_in in = { 0 };
	struct fixture *fixture = *state;
	struct fuse_attr_out out;

	assert_int_equal(ask(fixture, FUSE_GETATTR, ROOT, &in, sizeof(in)), 0);
	memcpy(&out, fixture->kernel.data, sizeof(out));
	assert_int_equal(out.attr.mode, S_IFDIR | 0500);
	assert_int_equal(ask(fixture, FUSE_GETATTR, NODE(0), &in, sizeof(in)), 0);
	memcpy(&out, fixture->kernel.data, sizeof(out));
	assert_int_equal(out.attr.size, sizes[0]);
	assert_int_equal(out.attr.ino, NODE(0));
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		assert_int_equal(ask(fixture, FUSE_GETATTR, none[i], &in, sizeof(in)), ENOENT);
		assert_int_equal(ask(fixture, FUSE_OPEN, none[i], &in, sizeof(in)), ENOENT);
	}
}

/* An image cannot be mounted over direct I/O, and its pages may stay. */
static void files_are_opened_for_the_page_cache(void **state)
{
	const struct fuse_open_in in = { .flags = 0 };
	struct fixture *fixture = *state;
	struct fuse_open_out out;

	assert_int_equal(ask(fixture, FUSE_OPEN, NODE(1), &in, sizeof(in)), 0);
	assert_int_equal(fixture->kernel.data_bytes, sizeof(out));
	memcpy(&out, fixture->kernel.data, sizeof(out));
	assert_int_equal(out.open_flags, FOPEN_KEEP_CACHE);
}

/* --- READ --- */

static void reads_give_what_lies_in_the_file(void **state)
{
	static const struct {
		uint32_t file;
		uint64_t offset;
		uint32_t size;
		size_t length;
	} rows[] = {
		{ 0, 0, 4096, 4096 },          { 1, 12345, 1, 1 },
		{ 0, 9999, 4096, 1 },          { 0, 10000, 4096, 0 },
		{ 0, UINT64_MAX, 4096, 0 },    { 0, UINT64_MAX - 4095, 4096, 0 },
		{ 0, 8192, UINT32_MAX, 1808 }, { 0, 0, 0, 0 },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct fuse_read_in in = { .offset = rows[i].offset, .size = rows[i].size };

		assert_int_equal(ask(fixture, FUSE_READ, NODE(rows[i].file), &in, sizeof(in)), 0);
		if (fixture->kernel.data_bytes != rows[i].length)
			fail_msg("row %zu: %zu bytes", i, fixture->kernel.data_bytes);
		for (size_t k = 0; k < rows[i].length; k++)
			assert_int_equal(fixture->kernel.data[k],
					 content(rows[i].file, rows[i].offset + k));
	}
}

static void a_read_that_is_too_long_is_cut(void **state)
{
	const struct fuse_read_in in = { .offset = 1, .size = UINT32_MAX };
	struct fixture *fixture = *state;

	fuse_kernel_send(&fixture->kernel, FUSE_READ, NODE(1), &in, sizeof(in));
	/* A socket may not take such an answer; what is asked for is what counts. */
	(void)!xc_fuse_serve_one(fixture->worker);
	assert_int_equal(fixture->asked_bytes, XC_FUSE_READ_MAX);
}

static void a_read_that_fails_gives_no_bytes(void **state)
{
	const struct fuse_read_in in = { .offset = BAD_BYTE, .size = 4096 };
	struct fixture *fixture = *state;
	static const uint64_t nodes[] = { 0, ROOT, NODE(FILES), UINT64_MAX };

	assert_int_equal(ask(fixture, FUSE_READ, NODE(0), &in, sizeof(in)), EIO);
	assert_int_equal(fixture->kernel.data_bytes, 0);
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		assert_int_equal(ask(fixture, FUSE_READ, nodes[i], &in, sizeof(in)), EIO);
	for (size_t length = 0; length < sizeof(in); length++)
		assert_int_equal(ask(fixture, FUSE_READ, NODE(0), &in, length), EIO);
}

/* --- all else --- */

static void what_needs_no_answer_gets_none(void **state)
{
	static const uint32_t opcodes[] = { FUSE_FORGET, FUSE_BATCH_FORGET, FUSE_INTERRUPT };
	struct fixture *fixture = *state;
	char argument[64] = "";

	for (size_t i = 0; i < ARRAY_LEN(opcodes); i++)
		for (size_t length = 0; length <= sizeof(argument); length += 8) {
			fuse_kernel_send(&fixture->kernel, opcodes[i], NODE(0), argument, length);
			assert_int_equal(xc_fuse_serve_one(fixture->worker), 0);
			assert_silent(fixture);
		}
}

static void what_is_not_offered_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char argument[64] = "";

	for (uint32_t opcode = 0; opcode < 60; opcode++) {
		switch (opcode) {
		case FUSE_INIT:
		case FUSE_LOOKUP:
		case FUSE_GETATTR:
		case FUSE_OPEN:
		case FUSE_READ:
		case FUSE_STATFS:
		case FUSE_RELEASE:
		case FUSE_DESTROY:
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
		case FUSE_INTERRUPT:
			continue;
		default:
			assert_int_equal(ask(fixture, opcode, ROOT, argument, 64), ENOSYS);
		}
	}
	assert_int_equal(ask(fixture, UINT32_MAX, ROOT, NULL, 0), ENOSYS);
	assert_int_equal(ask(fixture, FUSE_RELEASE, NODE(0), argument, 64), 0);
	assert_int_equal(ask(fixture, FUSE_STATFS, ROOT, NULL, 0), 0);
	assert_int_equal(fixture->kernel.data_bytes, sizeof(struct fuse_statfs_out));
}

static void a_request_that_lies_of_its_length_ends_the_service(void **state)
{
	struct fixture *fixture = *state;
	struct fuse_in_header header = { .opcode = FUSE_STATFS, .nodeid = ROOT, .unique = 4 };
	static const uint32_t lengths[] = { 0, 1, sizeof(header) - 1, sizeof(header) + 1,
					    UINT32_MAX };

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		header.len = lengths[i];
		fuse_kernel_send_raw(&fixture->kernel, &header, sizeof(header));
		assert_int_equal(xc_fuse_serve_one(fixture->worker), -1);
		assert_silent(fixture);
	}
	for (size_t length = 1; length < sizeof(header); length++) {
		header.len = (uint32_t)length;
		fuse_kernel_send_raw(&fixture->kernel, &header, length);
		assert_int_equal(xc_fuse_serve_one(fixture->worker), -1);
		assert_silent(fixture);
	}
}

static void without_a_request_nothing_is_done(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(xc_fuse_serve_one(fixture->worker), 0);
	assert_silent(fixture);
	fuse_kernel_hang_up(&fixture->kernel);
	assert_int_equal(xc_fuse_serve_one(fixture->worker), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fuse, close_fuse)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_kernel_is_greeted_with_what_both_know),
		TEST(a_kernel_that_is_too_old_is_refused),
		TEST(files_are_found_by_their_numbers_alone),
		TEST(attributes_are_those_of_the_node),
		TEST(files_are_opened_for_the_page_cache),
		TEST(reads_give_what_lies_in_the_file),
		TEST(a_read_that_is_too_long_is_cut),
		TEST(a_read_that_fails_gives_no_bytes),
		TEST(what_needs_no_answer_gets_none),
		TEST(what_is_not_offered_is_refused),
		TEST(a_request_that_lies_of_its_length_ends_the_service),
		TEST(without_a_request_nothing_is_done),
	};

	return cmocka_run_group_tests_name("mount fuse", tests, NULL, NULL);
}
