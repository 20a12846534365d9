/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "pack/index.h"
#include "pack/manifest.h"

#define ID     "0123456789abcdef0123456789abcdef"
#define ID2    "fedcba9876543210fedcba9876543210"
#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* One of everything, in the order and form that is written. */
static const char whole[] =
	"{\"xcache\":1,\"key\":\"npm-linux\",\"version\":\"0123456789abcdef\","
	"\"paths\":[\"node_modules\",{\"base64\":\"/w==\"}],"
	"\"created\":\"2026-01-31T12:34:56.123456789Z\",\"tool\":\"xcache 0.1.0\","
	"\"build_ms\":128000,"
	"\"totals\":{\"files\":3,\"directories\":2,\"symlinks\":1,\"hardlinks\":4,\"bytes\":500,"
	"\"stored\":1300},"
	"\"layers\":[{\"pack\":\"" ID "\",\"size\":1000,\"members\":100,"
	"\"index\":{\"offset\":800,\"size\":150,\"sha256\":\"" DIGEST "\"},\"dead\":\"AAICAVwB\"},"
	"{\"pack\":\"" ID2 "\",\"size\":300,\"members\":0,"
	"\"index\":{\"offset\":0,\"size\":299,\"sha256\":\"" DIGEST "\"}}]}\n";

static void parse(const char *text, struct xc_manifest *ret_manifest)
{
	struct xc_err err = { 0 };

	if (xc_manifest_parse(text, strlen(text), ret_manifest, &err) < 0)
		fail_msg("%s", err.msg);
}

static void every_member_is_read_and_written_again(void **state)
{
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
	cleanup_buf struct xc_buf again = XC_BUF_INIT;
	const struct xc_layer *layer;

	(void)state;
	parse(whole, &manifest);
	assert_string_equal(manifest.key, "npm-linux");
	assert_string_equal(manifest.version, "0123456789abcdef");
	assert_int_equal(manifest.paths.count, 2);
	assert_string_equal(manifest.paths.items[0], "node_modules");
	assert_string_equal(manifest.paths.items[1], "\xff");
	assert_true(manifest.created_ns == 1769862896123456789);
	assert_string_equal(manifest.tool, "xcache 0.1.0");
	assert_int_equal(manifest.build_ms, 128000);
	assert_int_equal(manifest.totals.files, 3);
	assert_int_equal(manifest.totals.directories, 2);
	assert_int_equal(manifest.totals.symlinks, 1);
	assert_int_equal(manifest.totals.hardlinks, 4);
	assert_int_equal(manifest.totals.content_bytes, 500);
	assert_int_equal(manifest.totals.stored_bytes, 1300);
	assert_int_equal(manifest.layer_count, 2);
	layer = &manifest.layers[0];
	assert_string_equal(layer->pack, ID);
	assert_int_equal(layer->pack_bytes, 1000);
	assert_int_equal(layer->member_count, 100);
	assert_int_equal(layer->index_offset, 800);
	assert_int_equal(layer->index_bytes, 150);
	assert_int_equal(layer->index_sha256[1], 0x11);
	assert_int_equal(layer->dead_count, 3);
	assert_int_equal(layer->dead[1].first, 4);
	assert_int_equal(layer->dead[1].count, 1);
	assert_int_equal(layer->dead[2].first, 97);
	assert_int_equal(manifest.layers[1].dead_count, 0);
	xc_manifest_encode(&manifest, &again);
	assert_string_equal(again.data, whole);
}

static void a_key_of_any_bytes_survives(void **state)
{
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT, again = XC_MANIFEST_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;

	(void)state;
	parse(whole, &manifest);
	free(manifest.key);
	manifest.key = xc_strdup("k\xff\"\n\xc3\xbc");
	manifest.totals.content_bytes = INT64_MAX;
	xc_manifest_encode(&manifest, &bytes);
	parse(bytes.data, &again);
	assert_string_equal(again.key, manifest.key);
	assert_true(again.totals.content_bytes == INT64_MAX);
}

/* A program that knows version 1 alone must not look for such a pack in the manifest's scope. */
static void a_layer_of_another_scope_makes_it_version_2(void **state)
{
	static const char *const scopes[] = { "base/br", "\xff\xfe" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
		cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
		cleanup_manifest struct xc_manifest again = XC_MANIFEST_INIT,
						    old = XC_MANIFEST_INIT;
		cleanup_buf struct xc_buf bytes = XC_BUF_INIT;

		parse(whole, &manifest);
		manifest.layers[1].scope = xc_strdup(scopes[i]);
		xc_manifest_encode(&manifest, &bytes);
		assert_memory_equal(bytes.data, "{\"xcache\":2,", 12);
		parse(bytes.data, &again);
		assert_null(again.layers[0].scope);
		assert_string_equal(again.layers[1].scope, scopes[i]);
		/* In version 1 it is a member like others that are unknown. */
		bytes.data[strlen("{\"xcache\":")] = '1';
		parse(bytes.data, &old);
		assert_null(old.layers[1].scope);
	}
}

static void scopes_are_checked(void **state)
{
	static const char *const scopes[] = { "\"\"", "7", "null", "{\"base64\":\"AA==\"}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
		cleanup_free char *text =
			xc_asprintf("{\"xcache\":2,%.*s,\"scope\":%s}]}", (int)strlen(whole) - 16,
				    whole + strlen("{\"xcache\":1,"), scopes[i]);
		cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
		struct xc_err err = { 0 };

		assert_int_equal(xc_manifest_parse(text, strlen(text), &manifest, &err), -1);
		assert_string_equal(err.msg, "manifest: layer 1: \"scope\" is missing or wrong");
	}
}

static void members_that_are_unknown_are_skipped(void **state)
{
	cleanup_free char *more = xc_asprintf("{\"later\": [1.5, {}], %s", whole + 1);
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;

	(void)state;
	parse(more, &manifest);
	assert_string_equal(manifest.key, "npm-linux");
}

struct edit_row {
	const char *from, *to; /* what is replaced in the good text, and by what */
	const char *wrong;     /* in the message; NULL if it is still good */
};

static void every_member_is_checked(void **state)
{
	static const struct edit_row rows[] = {
		{ "\"xcache\":1,", "", "\"xcache\"" },
		{ "\"xcache\":1,", "\"xcache\":\"1\",", "\"xcache\"" },
		{ "\"xcache\":1,", "\"xcache\":1.0,", "\"xcache\"" },
		{ "\"npm-linux\"", "\"\"", "\"key\"" },
		{ "\"npm-linux\"", "7", "\"key\"" },
		{ "\"npm-linux\"", "{\"base64\":\"AA==\"}", "\"key\"" },
		{ "\"0123456789abcdef\"", "\"0123456789abcde\"", "\"version\"" },
		{ "\"0123456789abcdef\"", "\"0123456789abcdeF\"", "\"version\"" },
		{ "\"0123456789abcdef\"", "\"../../../../../a\"", "\"version\"" },
		{ "[\"node_modules\",", "[\"\",", "\"paths\"" },
		{ "[\"node_modules\",", "[null,", "\"paths\"" },
		{ "[\"node_modules\",{\"base64\":\"/w==\"}]", "{}", "\"paths\"" },
		{ "2026-01-31", "2026-02-31", "\"created\"" },
		{ "\"xcache 0.1.0\"", "[]", "\"tool\"" },
		{ "\"build_ms\":128000,", "", NULL },
		{ "\"build_ms\":128000", "\"build_ms\":-1", "\"build_ms\"" },
		{ "\"build_ms\":128000", "\"build_ms\":\"long\"", "\"build_ms\"" },
		{ "\"files\":3", "\"files\":-3", "totals: \"files\"" },
		{ "\"files\":3", "\"files\":3.5", "totals: \"files\"" },
		{ "\"stored\":1300", "\"other\":1300", "totals: \"stored\"" },
		{ "\"totals\":{", "\"totals\":7,\"was\":{", "totals: \"files\"" },
		{ "\"" ID "\"", "\"0123456789ABCDEF0123456789abcdef\"", "layer 0: \"pack\"" },
		{ "\"" ID "\"", "\"../../../../../../../../../../ab\"", "layer 0: \"pack\"" },
		{ "\"" ID "\"", "\"" ID "0\"", "layer 0: \"pack\"" },
		{ "\"size\":1000", "\"size\":950", "layer 0: index: \"size\"" },
		{ "\"size\":1000", "\"size\":951", NULL },
		{ "\"size\":300", "\"size\":0", "layer 1: index: \"size\"" },
		{ "\"members\":100", "\"members\":98", NULL },
		{ "\"members\":100", "\"members\":97", "layer 0: \"dead\"" },
		{ "\"members\":100", "\"members\":16000001", "layer 0: \"members\"" },
		{ "\"offset\":800", "\"offset\":9223372036854775807", "layer 0: index: \"size\"" },
		{ "\"offset\":800", "\"offset\":-1", "layer 0: index: \"offset\"" },
		{ "\"size\":150", "\"size\":0", "layer 0: index: \"size\"" },
		{ "\"size\":150", "\"size\":536870913", "layer 0: index: \"size\"" },
		{ "\"sha256\":\"0011", "\"sha256\":\"001", "layer 0: index: \"sha256\"" },
		{ "\"sha256\":\"0011", "\"sha256\":\"00x1", "layer 0: index: \"sha256\"" },
		{ "\"dead\":\"AAICAVwB\"", "\"dead\":null", "layer 0: \"dead\"" },
		{ "AAICAVwB", "AAICAVw", "layer 0: \"dead\"" },
		{ "AAICAVwB", "AAICAVw=", "layer 0: \"dead\"" }, /* a gap without its count */
		{ "AAICAVwB", "AAICAA==", "layer 0: \"dead\"" }, /* a run of nothing */
		{ "AAICAVwB", "AAIAAQ==", "layer 0: \"dead\"" }, /* runs that touch */
		{ "AAICAVwB", "/////w//////Dw==", "layer 0: \"dead\"" }, /* runs past 2^32 */
		{ "AAICAVwB", "AGQ=", NULL },                            /* all of them */
		{ "AAICAVwB", "AGU=", "layer 0: \"dead\"" },             /* one more */
		{ "\"layers\":[", "\"layers\":[],\"was\":[", "\"layers\"" },
		{ "\"layers\":[", "\"layers\":[7,", "layer 0: \"pack\"" },
		{ "\"layers\":", "\"was\":", "\"layers\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
		cleanup_free char *edited = NULL;
		const char *at = strstr(whole, rows[i].from);
		struct xc_err err = { 0 };
		int result;

		assert_non_null(at);
		edited = xc_asprintf("%.*s%s%s", (int)(at - whole), whole, rows[i].to,
				     at + strlen(rows[i].from));
		result = xc_manifest_parse(edited, strlen(edited), &manifest, &err);
		if ((result < 0) != (rows[i].wrong != NULL) ||
		    (result < 0 && (err.kind != XC_ERR_CORRUPT || !strstr(err.msg, rows[i].wrong))))
			fail_msg("%s as %s: %d, %s", rows[i].from, rows[i].to, result, err.msg);
	}
}

static void masses_of_values_are_refused_unparsed(void **state)
{
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT, text = XC_BUF_INIT;
	struct xc_err err = { 0 };

	(void)state;
	xc_buf_add_str(&bytes, "{\"x\":[");
	for (size_t i = 0; i < 40000; i++)
		xc_buf_add_str(&bytes, "0,");
	xc_buf_add_str(&bytes, "0]}");
	assert_int_equal(xc_manifest_parse(bytes.data, bytes.len_bytes, &manifest, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "too many values"));
	/* Separators within a text are none. */
	xc_buf_add_str(&text, "{\"later\":\"\\\"");
	for (size_t i = 0; i < 40000; i++)
		xc_buf_add_str(&text, ",");
	xc_buf_addf(&text, "\",%s", whole + 1);
	parse(text.data, &manifest);
}

static void no_two_layers_are_one_pack(void **state)
{
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
	cleanup_manifest struct xc_manifest again = XC_MANIFEST_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	struct xc_err err = { 0 };

	(void)state;
	parse(whole, &manifest);
	memcpy(manifest.layers[1].pack, manifest.layers[0].pack, sizeof(manifest.layers[0].pack));
	xc_manifest_encode(&manifest, &bytes);
	assert_int_equal(xc_manifest_parse(bytes.data, bytes.len_bytes, &again, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
}

static void another_version_is_told_apart_from_damage(void **state)
{
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
	struct xc_err err = { 0 };

	(void)state;
	assert_int_equal(xc_manifest_parse("{\"xcache\": 3}", 13, &manifest, &err), -1);
	assert_int_equal(err.kind, XC_ERR_FORMAT);
	assert_int_equal(xc_manifest_parse("[]", 2, &manifest, &err), -1);
	assert_int_equal(err.kind, XC_ERR_CORRUPT);
}

/* "####" in the text becomes the number, as no pack may stand twice. */
static void add_numbered(struct xc_buf *out, const char *text, size_t number)
{
	const char *mark = strstr(text, "####");

	if (mark)
		xc_buf_addf(out, "%.*s%04zx%s", (int)(mark - text), text, number, mark + 4);
	else
		xc_buf_add_str(out, text);
}

static void counts_have_ceilings(void **state)
{
	static const struct {
		const char *name, *item;
		size_t most;
	} rows[] = {
		{ "\"paths\":[", "\"p\",", 1000 - 2 },
		{ "\"layers\":[",
		  "{\"pack\":\"####56789abcdef0123456789abcdef0\",\"size\":9,\"members\":1,"
		  "\"index\":{\"offset\":0,\"size\":1,"
		  "\"sha256\":\"" DIGEST "\"}},",
		  XC_LAYERS_MAX - 2 },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
		cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
		const char *at = strstr(whole, rows[i / 2].name) + strlen(rows[i / 2].name);
		struct xc_err err = { 0 };

		xc_buf_add(&bytes, whole, (size_t)(at - whole));
		for (size_t n = 0; n < rows[i / 2].most + i % 2; n++)
			add_numbered(&bytes, rows[i / 2].item, n);
		xc_buf_add_str(&bytes, at);
		assert_int_equal(xc_manifest_parse(bytes.data, bytes.len_bytes, &manifest, &err),
				 i % 2 ? -1 : 0);
	}
}

static void positions_are_found_in_the_dead_runs(void **state)
{
	struct xc_dead_run runs[] = { { 0, 2 }, { 4, 1 }, { 97, 3 } };
	const struct xc_layer layer = { .member_count = 100, .dead = runs, .dead_count = 3 };
	const struct xc_layer alive = { .member_count = 100 };
	cleanup_member_set struct xc_member_set some = XC_MEMBER_SET_INIT;
	cleanup_member_set struct xc_member_set all = XC_MEMBER_SET_INIT;

	(void)state;
	xc_layer_alive(&layer, &some);
	xc_layer_alive(&alive, &all);
	for (uint32_t i = 0; i < 100; i++) {
		bool dead = i < 2 || i == 4 || i >= 97;

		if (xc_member_set_has(&some, i) == dead)
			fail_msg("position %u", i);
		assert_true(xc_member_set_has(&all, i));
	}
}

/* One in a hundred of 120,000 members is to cost a few kB. */
static void scattered_dead_members_stay_small(void **state)
{
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT, again = XC_MANIFEST_INIT;
	cleanup_buf struct xc_buf bytes = XC_BUF_INIT;
	struct xc_layer *layer;
	uint32_t seed = 7;

	(void)state;
	parse(whole, &manifest);
	layer = &manifest.layers[0];
	layer->member_count = 120000;
	layer->dead = xc_realloc(layer->dead, 1200 * sizeof(*layer->dead));
	layer->dead_count = 1200;
	for (uint32_t i = 0; i < 1200; i++) {
		seed = seed * 1664525 + 1013904223;
		layer->dead[i] = (struct xc_dead_run){ i * 100 + (seed >> 16) % 98, 1 };
	}
	xc_manifest_encode(&manifest, &bytes);
	assert_true(bytes.len_bytes < 5000);
	parse(bytes.data, &again);
	assert_int_equal(again.layers[0].dead_count, 1200);
	assert_memory_equal(again.layers[0].dead, layer->dead, 1200 * sizeof(*layer->dead));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_is_read_and_written_again),
		cmocka_unit_test(a_key_of_any_bytes_survives),
		cmocka_unit_test(a_layer_of_another_scope_makes_it_version_2),
		cmocka_unit_test(scopes_are_checked),
		cmocka_unit_test(members_that_are_unknown_are_skipped),
		cmocka_unit_test(every_member_is_checked),
		cmocka_unit_test(masses_of_values_are_refused_unparsed),
		cmocka_unit_test(no_two_layers_are_one_pack),
		cmocka_unit_test(another_version_is_told_apart_from_damage),
		cmocka_unit_test(counts_have_ceilings),
		cmocka_unit_test(positions_are_found_in_the_dead_runs),
		cmocka_unit_test(scattered_dead_members_stay_small),
	};

	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
