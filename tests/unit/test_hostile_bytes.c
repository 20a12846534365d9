/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs and manifests of which bits have turned over, or the end is missing,
 * or that say what no writer of ours would: all of the tree comes back, or none.
 */
#include "craft.h"

#include <limits.h>
#include <sys/resource.h>

static int restore(struct scene *scene, struct xc_err *err)
{
	cleanup_restore_result struct xc_restore_result result = XC_RESTORE_RESULT_INIT;

	return xc_cache_restore(&scene->cache, &scene->query, &result, err);
}

static const char flip_lines[] = "a\n~/h";

static void make_flip_tree(const struct scene *scene)
{
	make_file(scene, "ws/a/one", "the first file, with some text in it");
	make_file(scene, "ws/a/b/two", "the second file");
	make_symlink(scene, "ws/a/b/link", "two");
	make_link(scene, "ws/a/b/hard", "ws/a/one");
	make_file(scene, "home/h", "at home");
}

struct flips {
	struct scene scene;
	char *tree;    /* as it was saved */
	char *nothing; /* without it */
	char *pack, *entry;
	struct xc_buf pack_data, entry_data;
};

static void find_pack(const struct xc_store_object *object, char **ret_name)
{
	if (strstr(object->name, "/packs/"))
		*ret_name = xc_strdup(object->name);
}

static int note_pack(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	(void)err;
	find_pack(object, context);
	return 0;
}

static void remove_flip_tree(const struct scene *scene)
{
	remove_path(scene, "ws/a");
	remove_path(scene, "home/h");
}

static void flips_open(struct flips *flips)
{
	struct scene *scene = &flips->scene;
	struct xc_err err;

	*flips = (struct flips){ 0 };
	scene_open(scene);
	scene->cache.threads = 1;
	scene_paths(scene, flip_lines);
	make_flip_tree(scene);
	flips->tree = picture(scene, ".", PICTURE_PLAIN);
	scene_save(scene, "key");
	remove_flip_tree(scene);
	flips->nothing = picture(scene, ".", PICTURE_PLAIN);
	flips->entry = entry_name(scene);
	must(xc_store_list(scene->store, "", note_pack, &flips->pack, &err), &err);
	must(xc_store_get(scene->store, flips->pack, 1 << 20, &flips->pack_data, &err), &err);
	must(xc_store_get(scene->store, flips->entry, 1 << 20, &flips->entry_data, &err), &err);
}

static void flips_close(struct flips *flips)
{
	free(flips->tree);
	free(flips->nothing);
	free(flips->pack);
	free(flips->entry);
	xc_buf_release(&flips->pack_data);
	xc_buf_release(&flips->entry_data);
	scene_close(&flips->scene);
}

/* Either the right tree, or an error that makes a miss or a warning of it, and nothing. */
static bool restores_all_or_nothing(struct flips *flips, const char *what, size_t at)
{
	struct xc_err err = { 0 };
	int result = restore(&flips->scene, &err);
	cleanup_free char *after = picture(&flips->scene, ".", PICTURE_PLAIN);

	if (strcmp(after, result == 0 ? flips->tree : flips->nothing) != 0)
		fail_msg("%s %zu: result %d, but there is\n%s", what, at, result, after);
	if (result < 0 && err.kind != XC_ERR_CORRUPT && err.kind != XC_ERR_NOT_FOUND)
		fail_msg("%s %zu: kind %d: %s", what, at, err.kind, err.msg);
	if (result < 0 && (err.msg[0] == '\0' || strchr(err.msg, '\n')))
		fail_msg("%s %zu: says '%s'", what, at, err.msg);
	if (result == 0)
		remove_flip_tree(&flips->scene);
	return result == 0;
}

static void survives_flipped_bits_of_a_pack(void **state)
{
	struct flips flips;
	size_t good = 0;

	(void)state;
	flips_open(&flips);
	for (size_t i = 0; i < flips.pack_data.len_bytes; i++) {
		flips.pack_data.data[i] ^= (char)(1 << i % 8);
		store_put(&flips.scene, flips.pack, flips.pack_data.data,
			  flips.pack_data.len_bytes);
		good += restores_all_or_nothing(&flips, "pack, byte", i);
		flips.pack_data.data[i] ^= (char)(1 << i % 8);
	}
	/* Only the end of the archive and the seek table are for other readers. */
	if (good > 150)
		fail_msg("%zu of %zu bytes do not matter", good, flips.pack_data.len_bytes);
	flips_close(&flips);
}

static void survives_flipped_bits_of_a_manifest(void **state)
{
	struct flips flips;

	(void)state;
	flips_open(&flips);
	for (size_t i = 0; i < flips.entry_data.len_bytes; i++) {
		flips.entry_data.data[i] ^= (char)(1 << i % 5);
		store_put(&flips.scene, flips.entry, flips.entry_data.data,
			  flips.entry_data.len_bytes);
		restores_all_or_nothing(&flips, "manifest, byte", i);
		flips.entry_data.data[i] ^= (char)(1 << i % 5);
	}
	flips_close(&flips);
}

static void survives_cut_packs(void **state)
{
	struct flips flips;

	(void)state;
	flips_open(&flips);
	for (size_t i = 0; i < flips.pack_data.len_bytes; i += 3) {
		store_put(&flips.scene, flips.pack, flips.pack_data.data, i);
		restores_all_or_nothing(&flips, "pack cut at", i);
	}
	/* Long enough for the index, but of nothing. */
	memset(flips.pack_data.data, 0, flips.pack_data.len_bytes);
	store_put(&flips.scene, flips.pack, flips.pack_data.data, flips.pack_data.len_bytes);
	assert_false(restores_all_or_nothing(&flips, "pack of zeros", 0));
	flips_close(&flips);
}

static void survives_cut_manifests(void **state)
{
	struct flips flips;

	(void)state;
	flips_open(&flips);
	for (size_t i = 0; i + 1 < flips.entry_data.len_bytes; i++) {
		store_put(&flips.scene, flips.entry, flips.entry_data.data, i);
		if (restores_all_or_nothing(&flips, "manifest cut at", i))
			fail_msg("a manifest cut at %zu was restored", i);
	}
	flips_close(&flips);
}

/* --- manifests --- */

static void replace_text(struct xc_buf *data, const char *from, const char *to)
{
	cleanup_buf struct xc_buf out = XC_BUF_INIT;
	char *at = strstr(data->data, from);

	assert_non_null(at);
	xc_buf_add(&out, data->data, (size_t)(at - data->data));
	xc_buf_add_str(&out, to);
	xc_buf_add_str(&out, at + strlen(from));
	xc_buf_clear(data);
	xc_buf_add(data, out.data, out.len_bytes);
}

static void refuses_wrong_manifests(void **state)
{
	static const struct {
		const char *name, *from, *to;
		enum xc_err_kind kind;
	} rows[] = {
		{ "a later format", "\"xcache\":1", "\"xcache\":3", XC_ERR_NOT_FOUND },
		{ "a far later format", "\"xcache\":1", "\"xcache\":9223372036854775807",
		  XC_ERR_NOT_FOUND },
		{ "no format", "\"xcache\":1", "\"xcachf\":1", XC_ERR_CORRUPT },
		{ "a negative format", "\"xcache\":1", "\"xcache\":-1", XC_ERR_CORRUPT },
		{ "another key", "\"key\":\"key\"", "\"key\":\"kex\"", XC_ERR_CORRUPT },
		{ "another version", "\"version\":\"", "\"version\":\"0123456789abcdef\",\"x\":\"",
		  XC_ERR_CORRUPT },
		{ "a key twice", "\"key\":\"key\"", "\"key\":\"key\",\"key\":\"key\"",
		  XC_ERR_CORRUPT },
		{ "a NUL in the key", "\"key\":\"key\"", "\"key\":\"key\\u0000\"", XC_ERR_CORRUPT },
		{ "no layers", "\"layers\":[", "\"layers\":[],\"x\":[", XC_ERR_CORRUPT },
		{ "negative members", "\"members\":", "\"members\":-", XC_ERR_CORRUPT },
		{ "members without end", "\"members\":", "\"members\":99999999999999",
		  XC_ERR_CORRUPT },
		{ "members in parts", "\"members\":", "\"members\":0.", XC_ERR_CORRUPT },
		{ "a pack named by a path", "\"pack\":\"",
		  "\"pack\":\"../../../../../../../outside/ke\",\"x\":\"", XC_ERR_CORRUPT },
		{ "a digest in capitals", "\"sha256\":\"", "\"sha256\":\"ABCDEF", XC_ERR_CORRUPT },
		{ "dead of no numbers",
		  "\"pack\":", "\"dead\":\"////\",\"pack\":", XC_ERR_CORRUPT },
		{ "dead of no base64", "\"pack\":", "\"dead\":\"a*==\",\"pack\":", XC_ERR_CORRUPT },
		{ "text behind it", "}\n", "}{}\n", XC_ERR_CORRUPT },
	};
	struct flips flips;

	(void)state;
	flips_open(&flips);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct xc_buf data = XC_BUF_INIT;
		cleanup_free char *after = NULL;
		struct xc_err err = { 0 };

		xc_buf_add(&data, flips.entry_data.data, flips.entry_data.len_bytes);
		replace_text(&data, rows[i].from, rows[i].to);
		store_put(&flips.scene, flips.entry, data.data, data.len_bytes);
		if (restore(&flips.scene, &err) == 0)
			fail_msg("%s: restored", rows[i].name);
		if (err.kind != rows[i].kind)
			fail_msg("%s: kind %d: %s", rows[i].name, err.kind, err.msg);
		after = picture(&flips.scene, ".", PICTURE_PLAIN);
		assert_string_equal(after, flips.nothing);
	}
	flips_close(&flips);
}

/* Memory that a sanitizer holds back says nothing about the program. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PEAK_MAX_KIB LONG_MAX
#else
#define PEAK_MAX_KIB (64L << 10)
#endif

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* `count` layers of `text` each, as large as that makes it. */
static void put_layers(struct flips *flips, size_t count, const char *text)
{
	cleanup_buf struct xc_buf layers = XC_BUF_INIT, data = XC_BUF_INIT;

	xc_buf_add_str(&layers, "\"layers\":[");
	for (size_t i = 0; i < count; i++)
		xc_buf_addf(&layers, "%s,", text);
	xc_buf_add(&data, flips->entry_data.data, flips->entry_data.len_bytes);
	replace_text(&data, "\"layers\":[", layers.data);
	store_put(&flips->scene, flips->entry, data.data, data.len_bytes);
}

static void refuses_masses_of_layers(void **state)
{
	struct flips flips;
	long before_kib;

	(void)state;
	flips_open(&flips);
	before_kib = peak_kib();
	/* Beyond the ceiling of bytes, of layers within it, and one too many. */
	put_layers(&flips, 2000000, "{}");
	assert_false(restores_all_or_nothing(&flips, "layers", 2000000));
	put_layers(&flips, 1000001, "{}");
	assert_false(restores_all_or_nothing(&flips, "layers", 1000001));
	put_layers(&flips, XC_LAYERS_MAX, "{}");
	assert_false(restores_all_or_nothing(&flips, "layers", XC_LAYERS_MAX));
	/* Nested arrays, for a parser that recurses. */
	put_layers(&flips, 1, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]");
	assert_false(restores_all_or_nothing(&flips, "layers", 1));
	if (peak_kib() - before_kib > PEAK_MAX_KIB)
		fail_msg("%ld KiB more", peak_kib() - before_kib);
	flips_close(&flips);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_flipped_bits_of_a_pack),
		cmocka_unit_test(survives_flipped_bits_of_a_manifest),
		cmocka_unit_test(survives_cut_packs),
		cmocka_unit_test(survives_cut_manifests),
		cmocka_unit_test(refuses_wrong_manifests),
		cmocka_unit_test(refuses_masses_of_layers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
