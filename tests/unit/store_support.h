/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the store share: the table of back ends that the
 * contract is asserted of, and a fixture with an empty store.
 */
#ifndef XC_TEST_STORE_SUPPORT_H
#define XC_TEST_STORE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/strlist.h"
#include "base/utf8.h"
#include "store/file/internal.h"

#include "memory_store.h"

/* The ways in which a file store may give an object its name. */
enum mode { ANONYMOUS, NAMED, RENAMED, MODES };

struct fixture {
	char folder[200]; /* "" without one */
	char root[256];
	struct xc_store *store;
};

struct factory {
	const char *name;
	bool is_file;
	enum mode mode;
	const char *server; /* NULL, or whose variables name a bucket; see tests/servers */
	const char *url;    /* which of them */
};

/* A new back end is one more row, and where it needs it a line in setup. */
static const struct factory factories[] = {
	{ "memory", false, ANONYMOUS, NULL, NULL },
	{ "file", true, ANONYMOUS, NULL, NULL },
	{ "file with temporary names", true, NAMED, NULL, NULL },
	{ "file with renames", true, RENAMED, NULL, NULL },
	{ "S3 (radosgw)", false, ANONYMOUS, "RADOSGW", "URL" },
	{ "S3 (radosgw, https)", false, ANONYMOUS, "RADOSGW", "TLS_URL" },
	{ "S3 (Swift)", false, ANONYMOUS, "SWIFT", "URL" },
};

static const struct factory *factory = &factories[1];

static inline void must_open(const char *url, struct xc_store **ret_store)
{
	struct xc_err err;

	if (xc_store_open(url, NULL, ret_store, &err) < 0)
		fail_msg("%s", err.msg);
}

/* As if the file system of the root lacked O_TMPFILE, or hard links as well. */
static inline void open_root_as(const char *root, enum mode mode, struct xc_store **ret_store)
{
	cleanup_free char *url = xc_asprintf("file://%s", root);

	must_open(url, ret_store);
	if (mode >= NAMED)
		atomic_store(&xc_file_store(*ret_store)->lacks_anonymous, true);
	if (mode >= RENAMED)
		atomic_store(&xc_file_store(*ret_store)->lacks_links, true);
}

/* XC_TEST_<server>_<what>; NULL if that server does not run. */
static inline const char *server_variable(const char *server, const char *what)
{
	cleanup_free char *name = xc_asprintf("XC_TEST_%s_%s", server, what);

	return getenv(name);
}

static inline bool is_there(const struct factory *one)
{
	return !one->server || server_variable(one->server, one->url);
}

/* A place of its own in the server's bucket. */
static inline void open_bucket(const char *server, const char *which, struct xc_store **ret_store)
{
	const char *url = server_variable(server, which), *query = strchrnul(url, '?');
	const struct xc_store_setting settings[] = {
		{ "access-key-id", server_variable(server, "KEY") },
		{ "secret-access-key", server_variable(server, "SECRET") },
	};
	const struct xc_store_opts opts = {
		.settings = settings,
		.setting_count = ARRAY_LEN(settings),
	};
	cleanup_free char *full = NULL;
	char id[17];
	uint64_t number;
	struct xc_err err;

	if (getenv("XC_TEST_CA"))
		setenv("XCACHE_CA_BUNDLE", getenv("XC_TEST_CA"), 1);
	xc_random_bytes(&number, sizeof(number));
	xc_hex_encode(&number, sizeof(number), id);
	full = xc_asprintf("%.*st/%s%s", (int)(query - url), url, id, query);
	if (xc_store_open(full, &opts, ret_store, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Buckets have UTF-8 only, and a place in one takes a part of the length. */
static inline bool can_name(const char *name)
{
	return !factory->server ||
	       (xc_utf8_valid(name) && strlen(name) + strlen("t/0123456789abcdef/") <= 1024);
}

static inline int setup(void **state)
{
	struct fixture *fixture = xc_calloc(1, sizeof(*fixture));
	const char *base = getenv("TMPDIR");

	*state = fixture;
	if (factory->server) {
		open_bucket(factory->server, factory->url, &fixture->store);
		return 0;
	}
	if (!factory->is_file) {
		fixture->store = memory_store_new();
		return 0;
	}
	snprintf(fixture->folder, sizeof(fixture->folder), "%s/xc-store-XXXXXX",
		 base ? base : "/tmp");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->root, sizeof(fixture->root), "%s/root", fixture->folder);
	open_root_as(fixture->root, factory->mode, &fixture->store);
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *fixture = *state;

	xc_store_close(fixture->store);
	if (fixture->folder[0] != '\0')
		assert_int_equal(xc_fd_remove_tree(AT_FDCWD, fixture->folder), 0);
	free(fixture);
	return 0;
}

/* Run a table of tests once for each row; the value is how many failed. */
#define RUN_FOR_EVERY_FACTORY(tests)                                                               \
	({                                                                                         \
		int failed_ = 0;                                                                   \
                                                                                                   \
		for (factory = factories; factory < factories + ARRAY_LEN(factories); factory++) { \
			if (is_there(factory))                                                     \
				failed_ += cmocka_run_group_tests_name(factory->name, tests, NULL, \
								       NULL);                      \
			else                                                                       \
				print_message("no server: %s\n", factory->name);                   \
		}                                                                                  \
		failed_;                                                                           \
	})

#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static inline struct xc_store *store_of(void **state)
{
	return ((struct fixture *)*state)->store;
}

static inline void expect_ok(int result, const struct xc_err *err, const char *what)
{
	if (result != 0)
		fail_msg("%.80s: %s", what, err->msg);
}

static inline void expect_error(int result, const struct xc_err *err, enum xc_err_kind kind,
				const char *what)
{
	if (result == 0)
		fail_msg("%.80s: succeeded, kind %d expected", what, kind);
	if (err->kind != kind)
		fail_msg("%.80s: kind %d instead of %d: %s", what, err->kind, kind, err->msg);
	assert_true(err->msg[0] != '\0');
}

/* The same, and the message holds `part`. */
static inline void expect_message(int result, const struct xc_err *err, enum xc_err_kind kind,
				  const char *part)
{
	expect_error(result, err, kind, part);
	if (!strstr(err->msg, part))
		fail_msg("'%s' is not in: %s", part, err->msg);
}

static inline void must_put(struct xc_store *store, const char *name, const char *text)
{
	struct xc_err err;

	expect_ok(xc_store_put(store, name, text, strlen(text), XC_PUT_ALWAYS, &err), &err, name);
}

static inline void must_hold(struct xc_store *store, const char *name, const char *text)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct xc_err err;

	expect_ok(xc_store_get(store, name, 1 << 20, &data, &err), &err, name);
	assert_string_equal(xc_buf_str(&data), text);
}

static inline struct xc_upload *must_begin(struct xc_store *store, const char *name)
{
	struct xc_upload *upload;
	struct xc_err err;

	expect_ok(xc_store_upload_begin(store, name, &upload, &err), &err, name);
	return upload;
}

static inline void must_append(struct xc_upload *upload, const void *data, size_t length)
{
	struct xc_err err;

	expect_ok(xc_store_upload_append(upload, data, length, &err), &err, "append");
}

static inline void must_commit(struct xc_upload *upload)
{
	struct xc_err err;

	expect_ok(xc_store_upload_commit(upload, &err), &err, "commit");
}

static inline void must_lack(struct xc_store *store, const char *name)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct xc_err err;
	char byte;

	expect_error(xc_store_get(store, name, 1 << 20, &data, &err), &err, XC_ERR_NOT_FOUND, name);
	expect_error(xc_store_read_wait(store, name, 0, &byte, 1, &err), &err, XC_ERR_NOT_FOUND,
		     name);
	expect_error(xc_store_remove(store, name, &err), &err, XC_ERR_NOT_FOUND, name);
}

static inline int add_name(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	(void)err;
	xc_strlist_add(context, object->name);
	return 0;
}

static inline int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names with `prefix`, sorted. */
static inline void list_names(struct xc_store *store, const char *prefix,
			      struct xc_strlist *ret_names)
{
	struct xc_err err;

	expect_ok(xc_store_list(store, prefix, add_name, ret_names, &err), &err, prefix);
	if (ret_names->count > 0)
		qsort(ret_names->items, ret_names->count, sizeof(char *), compare_text);
}

static inline void must_list_only(struct xc_store *store, const char *name)
{
	cleanup_strlist struct xc_strlist names = XC_STRLIST_INIT;

	list_names(store, "", &names);
	assert_int_equal(names.count, name ? 1 : 0);
	if (name)
		assert_string_equal(names.items[0], name);
}

/* `count` times `text`, with `end` behind; lives until the program ends. */
static inline char *repeat(const char *text, size_t count, const char *end)
{
	static struct xc_strlist kept;
	struct xc_buf buf = XC_BUF_INIT;

	while (count-- > 0)
		xc_buf_add_str(&buf, text);
	xc_buf_add_str(&buf, end);
	xc_strlist_take(&kept, xc_buf_steal(&buf));
	return kept.items[kept.count - 1];
}

/* Open a file store anew. */
static inline void set_mode(struct fixture *fixture, enum mode mode)
{
	xc_store_close(fixture->store);
	open_root_as(fixture->root, mode, &fixture->store);
}

static inline int put(struct xc_store *store, const char *name, const char *text,
		      struct xc_put_condition condition, struct xc_err *err)
{
	return xc_store_put(store, name, text, strlen(text), condition, err);
}

static inline int count_object(const struct xc_store_object *object, void *context,
			       struct xc_err *err)
{
	(void)object;
	(void)err;
	++*(int *)context;
	return 0;
}

static inline int count_listed(struct xc_store *store, const char *prefix)
{
	struct xc_err err;
	int count = 0;

	expect_ok(xc_store_list(store, prefix, count_object, &count, &err), &err, prefix);
	return count;
}

#endif
