/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/hex.h"
#include "key/objects.h"

/* `unit`, `count` times. */
static char *repeat(const char *unit, size_t count)
{
	struct xc_buf text = XC_BUF_INIT;

	for (size_t i = 0; i < count; i++)
		xc_buf_add_str(&text, unit);
	return xc_buf_steal(&text);
}

static void keys_that_are_accepted_or_refused(void **state)
{
	static const struct {
		const char *unit; /* the key is this, `count` times */
		size_t count;
		const char *message; /* NULL: accepted */
		const char *bug;
	} rows[] = {
		{ "Linux-node-abc123", 1, NULL, "a plain key is refused" },
		{ "a", 512, NULL, "the limit is one too low" },
		{ "\xc3\xa9", 512, NULL, "bytes are counted instead of characters" },
		{ "\xf0\x9f\x98\x80", 256, NULL, "a pair of surrogates counts as three" },
		{ "\xf0\x9f\x98\x80", 257, "cannot be larger than 512 characters.",
		  "code points are counted instead of UTF-16 units" },
		{ "a", 513, "cannot be larger than 512 characters.", "the limit is one too high" },
		{ "../x/./~ %\\*?", 1, NULL, "odd characters are refused" },
		{ "a,b", 1, "Key Validation Error: a,b cannot contain commas.",
		  "a comma passes, or the message differs from that of actions/cache" },
		{ "x\n::error::\x1b,", 1,
		  "Key Validation Error: x\\x0a::error::\\x1b, cannot contain commas.",
		  "a key gets control characters into the log" },
		{ "", 1, "Input required and not supplied: key", "an empty key passes" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_free char *key = repeat(rows[i].unit, rows[i].count);
		struct xc_strlist none = XC_STRLIST_INIT;
		struct xc_err err = { 0 };
		int expected = rows[i].message ? -1 : 0;

		print_message("%s\n", rows[i].bug);
		assert_int_equal(xc_key_check_one(key, &err), expected);
		assert_int_equal(xc_key_check(key, &none, &err), expected);
		if (rows[i].message) {
			assert_int_equal(err.kind, XC_ERR_USAGE);
			assert_non_null(strstr(err.msg, rows[i].message));
		}
	}
}

static void restore_keys_are_checked_with_the_key(void **state)
{
	static const struct {
		const char *key;
		size_t count;
		const char *restore_key, *last;
		const char *message; /* NULL: accepted */
		const char *bug;
	} rows[] = {
		{ "k", 0, "", "r", NULL, "one restore key is refused" },
		{ "k", 8, "r", "r", NULL, "the key itself does not count, or counts twice" },
		{ "k", 9, "r", "r", "Key Validation Error: Keys are limited to a maximum of 10.",
		  "eleven keys pass" },
		{ "", 9, "r", "r", "Input required and not supplied: key",
		  "a missing key is not the first thing to complain about" },
		{ "k", 1, "r", "a,b", "Key Validation Error: a,b cannot contain commas.",
		  "only the first restore key is checked" },
		{ "k", 1, "r", "", "Key Validation Error: A restore key cannot be empty.",
		  "an empty restore key matches every entry" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_strlist struct xc_strlist keys = XC_STRLIST_INIT;
		struct xc_err err = { 0 };

		print_message("%s\n", rows[i].bug);
		for (size_t j = 0; j < rows[i].count; j++)
			xc_strlist_add(&keys, rows[i].restore_key);
		xc_strlist_add(&keys, rows[i].last);
		if (!rows[i].message) {
			assert_int_equal(xc_key_check(rows[i].key, &keys, &err), 0);
			continue;
		}
		assert_int_equal(xc_key_check(rows[i].key, &keys, &err), -1);
		assert_string_equal(err.msg, rows[i].message);
		assert_int_equal(err.kind, XC_ERR_USAGE);
	}
}

/* Expected values: printf '%s' '<lines with |>|xcache-1' | sha256sum | cut -c1-16 */
static void version_of_path_lines(void **state)
{
	static const struct {
		const char *lines, *version;
	} rows[] = {
		{ "", "272dbca67cb48697" },
		{ "node_modules", "0bf26f1a6949895c" },
		{ "node_modules\ndist", "122f83cf52a7fcd0" },
		{ "~/.npm\n!~/.npm/_logs", "8c04733daaad66c4" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_strlist struct xc_strlist lines = XC_STRLIST_INIT;
		char version[XC_VERSION_HEX + 1];

		xc_strlist_add_lines(&lines, rows[i].lines);
		xc_key_version(&lines, version);
		assert_string_equal(version, rows[i].version);
	}
}

static void ids_sort_by_age_and_differ(void **state)
{
	char previous[XC_PACK_ID_LEN + 1], id[XC_PACK_ID_LEN + 1];

	(void)state;
	xc_key_new_id(previous);
	for (int i = 0; i < 1000; i++) {
		xc_key_new_id(id);
		assert_int_equal(strlen(id), XC_PACK_ID_LEN);
		assert_int_equal(strspn(id, "0123456789abcdef"), XC_PACK_ID_LEN);
		assert_string_not_equal(id, previous);
		/* The first 12 digits are the time; within a millisecond the order is open. */
		assert_true(memcmp(id, previous, 12) >= 0);
		memcpy(previous, id, sizeof(id));
	}
	/* Between 2020 and 2100, or the time is not in milliseconds. */
	assert_true(strncmp(id, "016f5e66e800", 12) > 0 && strncmp(id, "03bb2cc3d800", 12) < 0);
}

static void scopes_are_single_elements(void **state)
{
	static const struct {
		const char *repository, *scope, *expected;
	} rows[] = {
		{ "octo/repo", "refs/heads/main", "octo%2Frepo/refs%2Fheads%2Fmain" },
		{ "local", "default", "local/default" },
		{ "..", ".", "%2E./%2E" },
		{ "a%2Fb", "a\\b\x7f\xff", "a%252Fb/a%5Cb%7F%FF" },
		{ "o/r", "refs/heads/b\xc3\xa4r *", "o%2Fr/refs%2Fheads%2Fb\xc3\xa4r *" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf out = XC_BUF_INIT;
		struct xc_err err;

		assert_int_equal(xc_key_scope_prefix(rows[i].repository, rows[i].scope, &out, &err),
				 0);
		assert_string_equal(out.data, rows[i].expected);
	}
}

static void empty_scopes_are_refused(void **state)
{
	cleanup_buf struct xc_buf out = XC_BUF_INIT;
	struct xc_err err;

	(void)state;
	assert_int_equal(xc_key_scope_prefix("", "s", &out, &err), -1);
	assert_int_equal(err.kind, XC_ERR_USAGE);
	assert_int_equal(xc_key_scope_prefix("r", "", &out, &err), -1);
	assert_int_equal(err.kind, XC_ERR_USAGE);
	assert_int_equal(out.len_bytes, 0);
}

static void objects_of_an_entry_are_told_by_their_names(void **state)
{
	static const struct {
		const char *name;
		bool expected;
	} rows[] = {
		{ "o%2Fr/main/entries/0123456789abcdef/key-base.tar.zst", true },
		{ "o%2Fr/main/packs/0123.tar.zst", true },
		{ "o%2Fr/main/removed/0123", true },
		{ "key-base.tar.zst", false },
		{ "packs/key-base.tar.zst", false },
		{ "a/packs/key-base.tar.zst", false },
		{ "a/b/c/packs/key-base.tar.zst", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (xc_name_is_of_entry(rows[i].name) != rows[i].expected)
			fail_msg("%s", rows[i].name);
}

static void names_of_objects(void **state)
{
	static const struct xc_entry_name entry = {
		.repository = "o/r", .scope = "refs/heads/main", .version = "v", .key = "a/b"
	};
	cleanup_buf struct xc_buf manifest = XC_BUF_INIT, entries = XC_BUF_INIT, pack = XC_BUF_INIT,
				  tombstone = XC_BUF_INIT;
	struct xc_err err;

	(void)state;
	assert_int_equal(xc_name_entry(&entry, &manifest, &err), 0);
	assert_string_equal(manifest.data, "o%2Fr/refs%2Fheads%2Fmain/entries/v/a%2Fb");
	assert_int_equal(xc_name_entries("o/r", "s", NULL, &entries, &err), 0);
	assert_string_equal(entries.data, "o%2Fr/s/entries/");
	assert_int_equal(xc_name_pack("o/r", "s", "0123", &pack, &err), 0);
	assert_string_equal(pack.data, "o%2Fr/s/packs/0123.tar.zst");
	assert_int_equal(xc_name_tombstone("o/r", "s", &tombstone, &err), 0);
	assert_int_equal(strncmp(tombstone.data, "o%2Fr/s/removed/", 16), 0);
	assert_int_equal(tombstone.len_bytes, 16 + XC_PACK_ID_LEN);
	assert_int_equal(xc_name_pack("o/r", "", "0123", &pack, &err), -1);
	assert_int_equal(err.kind, XC_ERR_USAGE);
}

static void names_of_keys(void **state)
{
	static const struct {
		const char *key, *name;
	} rows[] = {
		{ "Linux-npm-0123abcd", "Linux-npm-0123abcd" },
		{ "a b+c=d&e?f#g*h:i", "a b+c=d&e?f#g*h:i" },
		{ "a/b", "a%2Fb" },
		{ "100%", "100%25" },
		{ "..", "%2E." },
		{ "a.b.", "a.b." },
		{ "\xc3\xa9\xf0\x9f\x98\x80", "\xc3\xa9\xf0\x9f\x98\x80" },
		{ "\xc3/\xed\xa0\x80", "%C3%2F%ED%A0%80" },
		{ "\t\n\x1f\x7f\\", "%09%0A%1F%7F%5C" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf name = XC_BUF_INIT, key = XC_BUF_INIT;
		struct xc_err err;

		xc_key_encode(rows[i].key, &name);
		assert_string_equal(name.data, rows[i].name);
		assert_int_equal(xc_key_decode(name.data, &key, &err), 0);
		assert_string_equal(key.data, rows[i].key);
	}
}

static void elements_that_no_key_has(void **state)
{
	static const struct {
		const char *element, *bug;
	} rows[] = {
		{ "", "no key is empty" },
		{ ".a", "a hidden file of a file store is taken for an entry" },
		{ "%", "a digit is missing" },
		{ "a%2", "a digit is missing" },
		{ "a%2f", "a second spelling of a name" },
		{ "a%zz", "no digits" },
		{ "%41", "a byte that needs no encoding" },
		{ "a%2E", "a dot that is not in first place" },
		{ "a%00", "a NUL cuts the key" },
		{ "%C3%A9", "valid UTF-8 needs no encoding" },
		{ "a/b", "a slash within an element" },
		{ "a\xff", "a raw byte that is not UTF-8" },
		{ "a\n", "a raw control byte" },
		{ "abc%-0123456789abcdef0123456789abcdef", "cut, though it would not have been" },
		{ "%-0123456789abcdef0123456789abcdef", "cut to nothing" },
		{ "abc%-", "a cut without its digest" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf key = XC_BUF_INIT;
		struct xc_err err;

		print_message("%s\n", rows[i].bug);
		assert_int_equal(xc_key_decode(rows[i].element, &key, &err), -1);
		assert_int_equal(err.kind, XC_ERR_CORRUPT);
		assert_int_equal(key.len_bytes, 0);
	}
}

static void long_names_are_cut(void **state)
{
	static const struct {
		const char *unit;
		size_t count;
		size_t kept_bytes; /* 0: not cut */
		const char *bug;
	} rows[] = {
		{ "a", 600, 0, "the longest name is cut" },
		{ "a", 601, 566, "too long a name is not cut" },
		{ "/", 201, 564, "the cut goes through an encoded byte" },
		{ "\xf0\x9f\x98\x80", 151, 564, "the cut goes through a character" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_free char *key = repeat(rows[i].unit, rows[i].count);
		cleanup_buf struct xc_buf name = XC_BUF_INIT, decoded = XC_BUF_INIT;
		uint8_t digest[XC_SHA256_BYTES];
		char hex[XC_SHA256_HEX + 1];
		struct xc_err err;

		print_message("%s\n", rows[i].bug);
		xc_key_encode(key, &name);
		assert_int_equal(xc_key_decode(name.data, &decoded, &err), rows[i].kept_bytes > 0);
		if (rows[i].kept_bytes == 0) {
			assert_string_equal(name.data, key);
			continue;
		}
		assert_int_equal(decoded.len_bytes, 0);
		assert_int_equal(name.len_bytes, rows[i].kept_bytes + 34);
		assert_memory_equal(name.data + rows[i].kept_bytes, "%-", 2);
		xc_sha256(key, strlen(key), digest);
		xc_hex_encode(digest, sizeof(digest), hex);
		assert_memory_equal(name.data + rows[i].kept_bytes + 2, hex, 32);
	}
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 16;
}

/* Mostly what needs care: pieces of UTF-8, bytes to encode, dots; sometimes any byte but NUL. */
static void random_key(uint32_t *seed, struct xc_buf *key)
{
	static const char *const pieces[] = { "a",    ".",    "/",    "%",        "-",    "\xc3",
					      "\xa9", "\x80", "\xe0", "\xa0",     "\xf0", "\x9f",
					      "\xf4", "\x8f", "\xed", "\xc3\xa9", "\\",   "\n" };
	size_t count = next_random(seed) % (next_random(seed) % 8 == 0 ? 500 : 12) + 1;

	xc_buf_clear(key);
	for (size_t i = 0; i < count; i++) {
		if (next_random(seed) % 4 == 0)
			xc_buf_add_char(key, (char)(next_random(seed) % 255 + 1));
		else
			xc_buf_add_str(key, pieces[next_random(seed) % ARRAY_LEN(pieces)]);
	}
}

static void assert_prefixes(const char *key, const char *name)
{
	cleanup_buf struct xc_buf start = XC_BUF_INIT;

	for (size_t length = 0; length <= strlen(key); length++) {
		cleanup_free char *prefix = xc_strndup(key, length);

		xc_buf_clear(&start);
		xc_key_encode_prefix(prefix, &start);
		assert_memory_equal(name, xc_buf_str(&start), start.len_bytes);
		/* So short it is not cut: at most an open sequence of 3 bytes is left out. */
		if (length <= 180)
			assert_true(start.len_bytes + 3 >= length);
	}
}

static void random_keys_round_trip_and_keep_prefixes(void **state)
{
	cleanup_buf struct xc_buf key = XC_BUF_INIT, name = XC_BUF_INIT, decoded = XC_BUF_INIT;
	uint32_t seed = 1;
	int cut = 0;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct xc_err err;
		int result;

		random_key(&seed, &key);
		xc_buf_clear(&name);
		xc_buf_clear(&decoded);
		xc_key_encode(key.data, &name);
		assert_true(name.len_bytes <= XC_KEY_NAME_MAX);
		assert_null(strchr(name.data, '/'));
		assert_true(name.data[0] != '.');
		result = xc_key_decode(name.data, &decoded, &err);
		assert_true(result >= 0);
		cut += result;
		if (result == 0)
			assert_string_equal(decoded.data, key.data);
		assert_prefixes(key.data, name.data);
	}
	assert_true(cut > 10);
}

static void prefixes_that_end_within_something(void **state)
{
	static const struct {
		const char *prefix, *start, *bug;
	} rows[] = {
		{ "", "", "everything starts with nothing" },
		{ "a/b", "a%2Fb", "encoded differently from a name" },
		{ "a\xc3", "a", "an open sequence is encoded, so that nothing is found" },
		{ "a\xf0\x9f\x98", "a", "an open sequence of three bytes" },
		{ "a\xe0\x80", "a%E0%80", "what cannot become a sequence is dropped" },
		{ "a\xff", "a%FF", "a byte that never starts a sequence is dropped" },
		{ "\xc3\xc3", "%C3", "only the last byte is open" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf start = XC_BUF_INIT;

		print_message("%s\n", rows[i].bug);
		xc_key_encode_prefix(rows[i].prefix, &start);
		assert_string_equal(xc_buf_str(&start), rows[i].start);
	}
}

static void names_are_taken_apart(void **state)
{
#define ID "0123456789abcdef0123456789abcdef"
	static const struct {
		const char *name; /* behind the repository */
		enum xc_object_kind kind;
		const char *scope;
	} rows[] = {
		{ "main/packs/" ID ".tar.zst", XC_OBJECT_PACK, "main" },
		{ "refs%2Fpull%2F7%2Fmerge/packs/" ID ".tar.zst", XC_OBJECT_PACK,
		  "refs/pull/7/merge" },
		{ "main/removed/" ID, XC_OBJECT_TOMBSTONE, "main" },
		{ "main/entries/0123456789abcdef/key", XC_OBJECT_ENTRY, "main" },
		/* Whatever lies there is an entry's, perhaps of a later version. */
		{ "main/entries/x", XC_OBJECT_ENTRY, "main" },
		{ "main/packs/" ID ".tar.zst.part", XC_OBJECT_OTHER, NULL },
		{ "main/packs/" ID, XC_OBJECT_OTHER, NULL },
		{ "main/packs/0123456789ABCDEF0123456789ABCDEF.tar.zst", XC_OBJECT_OTHER, NULL },
		{ "main/removed/" ID "0", XC_OBJECT_OTHER, NULL },
		{ "main/others/" ID, XC_OBJECT_OTHER, NULL },
		{ "key-base.tar.zst", XC_OBJECT_OTHER, NULL },
		{ "100%/removed/" ID, XC_OBJECT_TOMBSTONE, NULL },
		{ "a%2fb/removed/" ID, XC_OBJECT_TOMBSTONE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf name = XC_BUF_INIT, scope = XC_BUF_INIT;
		struct xc_object_name parts;
		struct xc_err err;
		size_t repository_bytes;

		assert_int_equal(xc_key_repository_prefix("a/b", &name, &err), 0);
		repository_bytes = name.len_bytes;
		xc_buf_add_str(&name, rows[i].name);
		parts = xc_name_take_apart(name.data, repository_bytes);
		assert_int_equal(parts.kind, rows[i].kind);
		if (parts.kind == XC_OBJECT_OTHER)
			continue;
		assert_int_equal(
			xc_key_scope_decode(parts.scope, parts.scope_bytes, &scope, &err) == 0,
			rows[i].scope != NULL);
		if (rows[i].scope)
			assert_string_equal(scope.data, rows[i].scope);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_that_are_accepted_or_refused),
		cmocka_unit_test(restore_keys_are_checked_with_the_key),
		cmocka_unit_test(version_of_path_lines),
		cmocka_unit_test(ids_sort_by_age_and_differ),
		cmocka_unit_test(scopes_are_single_elements),
		cmocka_unit_test(empty_scopes_are_refused),
		cmocka_unit_test(objects_of_an_entry_are_told_by_their_names),
		cmocka_unit_test(names_of_objects),
		cmocka_unit_test(names_of_keys),
		cmocka_unit_test(elements_that_no_key_has),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(random_keys_round_trip_and_keep_prefixes),
		cmocka_unit_test(prefixes_that_end_within_something),
		cmocka_unit_test(names_are_taken_apart),
	};

	return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
