/* SPDX-License-Identifier: Apache-2.0 */
#include "state/state.h"

#include <string.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/varint.h"
#include "state/internal.h"

/*
 * The file, integers as varints and texts with their length before them:
 *
 *   magic, boot id, URL of the store, repository, workspace,
 *   scope, object, tag, manifest, time of the restore,
 *   for each layer of the manifest its index as stored,
 *   for each layer the stamps of its living files: the differences of device,
 *   inode and ctime from the file before, zigzag,
 *   SHA-256 over all of that
 */
#define MAGIC "xcstate\x01"

/* --- writing --- */

static void put_integer(struct xc_buf *out, uint64_t value)
{
	char bytes[XC_VARINT64_MAX_BYTES];

	xc_buf_add(out, bytes, xc_varint_put(bytes, value));
}

static void put_bytes(struct xc_buf *out, const void *data, size_t length)
{
	put_integer(out, length);
	xc_buf_add(out, data, length);
}

static void put_text(struct xc_buf *out, const char *text)
{
	put_bytes(out, text, strlen(text));
}

static void put_difference(struct xc_buf *out, uint64_t value, uint64_t before)
{
	put_integer(out, (uint64_t)xc_zigzag_encode((int64_t)(value - before)));
}

/*
 * Which members have a stamp. Writer and reader must agree on it, so what is alive is what the
 * manifest says: a restore takes those out of layer->alive that it need not write.
 */
static void find_stamped(const struct xc_entry_layer *layer, struct xc_member_set *ret_stamped)
{
	const struct xc_members *members = &layer->index.members;

	xc_layer_alive(layer->layer, ret_stamped);
	for (uint32_t i = 0; i < members->count; i++)
		if (members->items[i].type != XC_MEMBER_FILE)
			xc_member_set_remove(ret_stamped, i);
}

/* All zero where nothing is known. */
static void put_stamps(struct xc_buf *out, const struct xc_entry_layer *layer,
		       const struct xc_stamp *stamps)
{
	cleanup_member_set struct xc_member_set stamped = XC_MEMBER_SET_INIT;
	struct xc_stamp before = { 0 };

	find_stamped(layer, &stamped);
	for (uint32_t i = xc_member_set_next(&stamped, 0); i < stamped.size;
	     i = xc_member_set_next(&stamped, i + 1)) {
		struct xc_stamp stamp = stamps ? stamps[i] : (struct xc_stamp){ 0 };

		put_difference(out, stamp.device, before.device);
		put_difference(out, stamp.inode, before.inode);
		put_difference(out, (uint64_t)stamp.ctime_ns, (uint64_t)before.ctime_ns);
		before = stamp;
	}
}

static void encode(const struct xc_state_place *place, const struct xc_state_record *record,
		   int64_t now_ns, struct xc_buf *out)
{
	const struct xc_match *match = record->match;
	cleanup_buf struct xc_buf manifest = XC_BUF_INIT;
	uint8_t digest[XC_SHA256_BYTES];

	xc_buf_add(out, MAGIC, strlen(MAGIC));
	put_text(out, place->boot_id);
	put_text(out, place->store_url);
	put_text(out, place->repository);
	put_text(out, place->workspace);
	put_text(out, match->scope);
	put_text(out, match->object);
	put_text(out, match->tag.text);
	xc_manifest_encode(&match->manifest, &manifest);
	put_bytes(out, manifest.data, manifest.len_bytes);
	put_integer(out, (uint64_t)now_ns);
	for (uint32_t i = 0; i < record->layers->count; i++)
		put_bytes(out, record->layers->items[i].stored.data,
			  record->layers->items[i].stored.len_bytes);
	for (uint32_t i = 0; i < record->layers->count; i++)
		put_stamps(out, &record->layers->items[i],
			   record->stamps ? record->stamps[i] : NULL);
	xc_sha256(out->data, out->len_bytes, digest);
	xc_buf_add(out, digest, sizeof(digest));
}

bool xc_state_fits(const struct xc_manifest *manifest)
{
	uint64_t members = 0, index_bytes = 0;

	for (uint32_t i = 0; i < manifest->layer_count; i++) {
		members += manifest->layers[i].member_count;
		index_bytes += manifest->layers[i].index_bytes;
	}
	return members <= XC_STATE_MEMBERS_MAX && index_bytes <= XC_STATE_INDEX_BYTES_MAX;
}

int xc_state_write(const struct xc_cache *cache, const struct xc_state_record *record,
		   struct xc_err *err)
{
	cleanup_state_place struct xc_state_place place = { 0 };
	cleanup_buf struct xc_buf data = XC_BUF_INIT;

	xc_state_place_init(cache, record->paths, &place);
	encode(&place, record, xc_clock_now_ns(), &data);
	return xc_state_file_write(&place, &data, err);
}

void xc_state_forget(const struct xc_cache *cache, const struct xc_strlist *paths)
{
	cleanup_state_place struct xc_state_place place = { 0 };

	xc_state_place_init(cache, paths, &place);
	xc_state_file_remove(&place);
}

/* --- reading --- */

/* A state file that is being read; whatever does not fit makes it NOT_FOUND. */
struct reading {
	struct xc_cursor cursor;
	struct xc_state *state;
	bool same_boot;
	bool knows; /* of a file at least */
};

static int fail(const char *what, struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_NOT_FOUND, "the state of the last restore %s", what);
}

/* Indexes that nobody can use are no state, whatever is wrong with them. */
static int refuse(struct xc_err *err)
{
	if (err->kind == XC_ERR_CANCELED)
		return -1;
	err->kind = XC_ERR_NOT_FOUND;
	return xc_err_wrap(err, "the state of the last restore");
}

static const uint8_t *take_bytes(struct reading *reading, size_t *ret_length)
{
	uint64_t length;

	if (xc_cursor_varint(&reading->cursor, &length) < 0 ||
	    length > xc_cursor_left(&reading->cursor))
		return NULL;
	*ret_length = (size_t)length;
	return xc_cursor_bytes(&reading->cursor, (size_t)length);
}

/* On the heap; NULL if there is none, or if it is no string of C. */
static char *take_text(struct reading *reading)
{
	size_t length;
	const uint8_t *bytes = take_bytes(reading, &length);

	if (!bytes || memchr(bytes, 0, length))
		return NULL;
	return xc_strndup((const char *)bytes, length);
}

/* 0 if the next text is this one, 1 if it is another, -1 if there is none. */
static int compare_text(struct reading *reading, const char *expected)
{
	cleanup_free char *text = take_text(reading);

	return text ? strcmp(text, expected) != 0 : -1;
}

static int read_origin(struct reading *reading, const struct xc_state_place *place,
		       struct xc_err *err)
{
	const uint8_t *magic = xc_cursor_bytes(&reading->cursor, strlen(MAGIC));
	int boot;

	if (!magic || memcmp(magic, MAGIC, strlen(MAGIC)) != 0)
		return fail("is of another version", err);
	boot = compare_text(reading, place->boot_id);
	/* Without an id, no two boots are the same. */
	reading->same_boot = boot == 0 && place->boot_id[0] != '\0';
	if (boot < 0 || compare_text(reading, place->store_url) != 0 ||
	    compare_text(reading, place->repository) != 0 ||
	    compare_text(reading, place->workspace) != 0)
		return fail("is of another store, repository or workspace", err);
	return 0;
}

static int read_match(struct reading *reading, struct xc_err *err)
{
	struct xc_match *match = &reading->state->match;
	cleanup_free char *tag = NULL;
	const uint8_t *manifest;
	uint64_t restored_ns;
	size_t length;

	match->scope = take_text(reading);
	match->object = match->scope ? take_text(reading) : NULL;
	tag = match->object ? take_text(reading) : NULL;
	if (!tag || strlen(tag) >= sizeof(match->tag.text))
		return fail("is damaged", err);
	memcpy(match->tag.text, tag, strlen(tag) + 1);
	manifest = take_bytes(reading, &length);
	if (!manifest || xc_manifest_parse(manifest, length, &match->manifest, err) < 0 ||
	    xc_cursor_varint(&reading->cursor, &restored_ns) < 0)
		return fail("is damaged", err);
	reading->state->restored_ns = (int64_t)restored_ns;
	return 0;
}

static void release_stored(struct xc_buf *stored, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		xc_buf_release(&stored[i]);
	free(stored);
}

static int read_layers(const struct xc_cache *cache, struct reading *reading, struct xc_err *err)
{
	const struct xc_match *match = &reading->state->match;
	uint32_t count = match->manifest.layer_count;
	struct xc_buf *stored = xc_calloc(count, sizeof(*stored));
	const struct xc_layers_source source = {
		.scope = match->scope,
		.manifest = &match->manifest,
		.stored = stored,
	};
	int result = 0;

	for (uint32_t i = 0; result == 0 && i < count; i++) {
		size_t length;
		const uint8_t *bytes = take_bytes(reading, &length);

		if (bytes)
			xc_buf_add(&stored[i], bytes, length);
		else
			result = fail("is damaged", err);
	}
	if (result == 0 && xc_layers_load(cache, &source, &reading->state->layers, err) < 0)
		result = refuse(err);
	release_stored(stored, count);
	return result;
}

static int take_difference(struct reading *reading, uint64_t *value)
{
	uint64_t difference;

	if (xc_cursor_varint(&reading->cursor, &difference) < 0)
		return -1;
	*value += (uint64_t)(int64_t)xc_zigzag_decode(difference);
	return 0;
}

static int read_stamps(struct reading *reading, const struct xc_entry_layer *layer,
		       struct xc_stamp *stamps)
{
	struct xc_stamp stamp = { 0 };
	struct xc_member_set stamped;
	int result = 0;

	find_stamped(layer, &stamped);
	for (uint32_t i = 0; result == 0 && i < layer->index.members.count; i++) {
		uint64_t ctime_ns = (uint64_t)stamp.ctime_ns;

		if (!xc_member_set_has(&stamped, i))
			continue;
		if (take_difference(reading, &stamp.device) < 0 ||
		    take_difference(reading, &stamp.inode) < 0 ||
		    take_difference(reading, &ctime_ns) < 0)
			result = -1;
		stamp.ctime_ns = (int64_t)ctime_ns;
		stamps[i] = stamp;
		reading->knows |= stamp.inode != 0;
	}
	xc_member_set_release(&stamped);
	return result;
}

static void release_stamps(struct xc_state *state)
{
	for (uint32_t i = 0; state->stamps && i < state->layers.count; i++)
		free(state->stamps[i]);
	free(state->stamps);
	state->stamps = NULL;
}

static int read_all_stamps(struct reading *reading, struct xc_err *err)
{
	struct xc_state *state = reading->state;

	if (!reading->same_boot)
		return 0;
	state->stamps = xc_calloc(state->layers.count, sizeof(*state->stamps));
	for (uint32_t i = 0; i < state->layers.count; i++) {
		const struct xc_entry_layer *layer = &state->layers.items[i];

		state->stamps[i] = xc_calloc(layer->index.members.count, sizeof(**state->stamps));
		if (read_stamps(reading, layer, state->stamps[i]) < 0)
			return fail("is damaged", err);
	}
	if (!reading->knows)
		release_stamps(state);
	return xc_cursor_left(&reading->cursor) == 0 ? 0 : fail("is damaged", err);
}

static bool is_whole(const struct xc_buf *data)
{
	size_t length = data->len_bytes - XC_MIN(data->len_bytes, (size_t)XC_SHA256_BYTES);
	uint8_t digest[XC_SHA256_BYTES];

	if (length == 0)
		return false;
	xc_sha256(data->data, length, digest);
	return memcmp(digest, data->data + length, sizeof(digest)) == 0;
}

int xc_state_read(const struct xc_cache *cache, const struct xc_strlist *paths,
		  struct xc_state *ret_state, struct xc_err *err)
{
	cleanup_state_place struct xc_state_place place = { 0 };
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct reading reading = { .state = ret_state };

	*ret_state = (struct xc_state)XC_STATE_INIT;
	xc_state_place_init(cache, paths, &place);
	if (xc_state_file_read(&place, &data, err) < 0)
		return -1;
	if (!is_whole(&data))
		return fail("is damaged", err);
	reading.cursor = xc_cursor_over(data.data, data.len_bytes - XC_SHA256_BYTES);
	if (read_origin(&reading, &place, err) < 0 || read_match(&reading, err) < 0 ||
	    read_layers(cache, &reading, err) < 0)
		return -1;
	return read_all_stamps(&reading, err);
}

void xc_state_release(struct xc_state *state)
{
	release_stamps(state);
	xc_layers_release(&state->layers);
	xc_match_release(&state->match);
	*state = (struct xc_state)XC_STATE_INIT;
}
