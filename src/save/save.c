/* SPDX-License-Identifier: Apache-2.0 */
#include "save/save.h"

#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "entry/broken.h"
#include "entry/commit.h"
#include "entry/lookup.h"
#include "entry/objects.h"
#include "pack/writer.h"
#include "save/segment.h"

/*
 * Memory is bounded by threads and slots: a thread has the raw segment and
 * zstd's tables, a slot one compressed segment, which of content that does
 * not compress is as long. What is left of 256 MiB is for the members.
 */
#define SAVE_BYTES_MAX   ((size_t)200 << 20)
#define SAVE_THREADS_MAX 10
#define UPLOAD_BYTES_MAX ((size_t)96 << 20) /* what the store may hold */
#define SLOTS_AHEAD      2

#define NAMED_LINES_BYTES 150 /* of lines that match nothing, in a message */

void xc_save_result_release(struct xc_save_result *result)
{
	xc_manifest_release(&result->manifest);
	xc_notes_release(&result->notes);
}

/* A save on its way. */
struct save {
	const struct xc_cache *cache;
	const struct xc_query *query;
	const struct xc_save_opts *opts;
	const char *scope;
	struct xc_tree tree;
	struct xc_plan plan;
	char pack[XC_PACK_ID_LEN + 1];
	struct xc_buf pack_name;
	struct xc_upload *upload;
	struct xc_pack_writer *writer;
	struct xc_hasher *hasher;            /* of the large file whose pieces come by */
	const struct xc_member_extra *extra; /* of the same file */
	atomic_bool failed;
	struct xc_layer layer;
	struct xc_store_tag broken; /* of the manifest that is to be replaced */
};

/* An xc_pack_write_fn. */
static int append(void *context, const void *data, size_t length, struct xc_err *err)
{
	return xc_store_upload_append(context, data, length, err);
}

/* The digests of a large file's pieces come in order; the last one completes its hash. */
static void note_piece(struct save *save, const struct xc_save_slot *slot)
{
	const struct xc_plan_item *item = &slot->item;
	struct xc_member *member = &save->tree.members.items[item->first];
	uint8_t digest[XC_SHA256_BYTES];

	if (item->offset == 0) {
		xc_hasher_begin(save->hasher);
		save->extra = slot->extra;
	}
	xc_hasher_update(save->hasher, slot->piece_digest, sizeof(slot->piece_digest));
	if (item->offset + item->length == xc_member_content_bytes(member)) {
		xc_hasher_finish(save->hasher, digest);
		memcpy(member->content_hash, digest, sizeof(member->content_hash));
		/* Not before: until here threads were reading the member. */
		member->extra = save->extra;
	}
}

static int store_slot(struct save *save, const struct xc_save_slot *slot, struct xc_err *err)
{
	if (slot->result < 0) {
		*err = slot->err;
		return -1;
	}
	/* Empty if all of its files vanished. */
	if (slot->stored.len_bytes > 0 &&
	    xc_pack_writer_add(save->writer, &slot->segment, slot->stored.data, err) < 0)
		return -1;
	if (slot->item.piece)
		note_piece(save, slot);
	xc_progress_add(save->cache->progress,
			slot->item.piece && slot->item.offset > 0 ? 0 : slot->packed,
			slot->content_bytes, slot->stored.len_bytes);
	return xc_cancel_check(save->cache->cancel, err);
}

/* The slot's segment, and those of what did not fit into it. */
static int finish_slot(struct save *save, struct xc_pool *pool, struct xc_save_slot *slot,
		       struct xc_err *err)
{
	for (;;) {
		xc_pool_wait(pool, &slot->job);
		if (store_slot(save, slot, err) < 0)
			return -1;
		if (slot->packed == slot->item.count)
			return 0;
		slot->item.first += slot->packed;
		slot->item.count -= slot->packed;
		xc_pool_submit(pool, &slot->job);
	}
}

static int pack_segments(struct save *save, struct xc_pool *pool, struct xc_save_slot *slots,
			 uint32_t slot_count, struct xc_err *err)
{
	uint32_t submitted = 0;
	int result = 0;

	for (uint32_t taken = 0; result == 0 && taken < save->plan.count; taken++) {
		for (; submitted < save->plan.count && submitted - taken < slot_count;
		     submitted++) {
			struct xc_save_slot *slot = &slots[submitted % slot_count];

			slot->item = save->plan.items[submitted];
			xc_pool_submit(pool, &slot->job);
		}
		result = finish_slot(save, pool, &slots[taken % slot_count], err);
	}
	if (result < 0)
		atomic_store(&save->failed, true);
	xc_pool_drain(pool);
	/* A slot that gave up because another failed says "interrupted": tell the cause. */
	for (uint32_t i = 0; result < 0 && err->kind == XC_ERR_CANCELED && i < slot_count; i++)
		if (slots[i].result < 0 && slots[i].err.kind != XC_ERR_CANCELED)
			*err = slots[i].err;
	return result;
}

/* The strong levels have tables of up to 82 MiB: fewer threads then. */
static unsigned save_threads(const struct save *save)
{
	size_t thread_bytes =
		2 * XC_SEGMENT_TARGET_BYTES + xc_segment_encoder_bytes(save->opts->level);
	size_t left_bytes = SAVE_BYTES_MAX - SLOTS_AHEAD * XC_SEGMENT_TARGET_BYTES -
			    XC_MIN(save->cache->store->upload_bytes, UPLOAD_BYTES_MAX);
	unsigned most = (unsigned)XC_MIN(left_bytes / thread_bytes, (size_t)SAVE_THREADS_MAX);

	return XC_MIN(save->cache->threads, XC_MAX(most, 1u));
}

static int pack_members(struct save *save, struct xc_notes *notes, struct xc_err *err)
{
	unsigned threads = save_threads(save);
	uint32_t slot_count = threads + SLOTS_AHEAD;
	cleanup_free struct xc_save_slot *slots = xc_calloc(slot_count, sizeof(*slots));
	cleanup_free void **workers = xc_calloc(threads, sizeof(*workers));
	struct xc_pool *pool;
	int result;

	for (unsigned i = 0; i < threads; i++)
		workers[i] = xc_save_worker_new(&save->tree, save->opts->level);
	for (uint32_t i = 0; i < slot_count; i++) {
		slots[i].job.run = xc_save_segment_run;
		slots[i].tree = &save->tree;
		slots[i].cancel = save->cache->cancel;
		slots[i].failed = &save->failed;
		xc_buf_init(&slots[i].stored, XC_SEGMENT_STORED_MAX);
	}
	pool = xc_pool_new(threads, XC_POOL_FIFO, workers);
	result = pack_segments(save, pool, slots, slot_count, err);
	xc_pool_free(pool);
	for (uint32_t i = 0; i < slot_count; i++)
		xc_buf_release(&slots[i].stored);
	for (unsigned i = 0; i < threads; i++)
		xc_save_worker_free(workers[i], notes);
	return result;
}

/*
 * Where each member goes when those that vanished are taken out: they have no
 * header. Returns how many are left in *ret_kept.
 */
static int map_members(const struct save *save, uint32_t *moved, uint32_t *ret_kept,
		       struct xc_notes *notes, struct xc_err *err)
{
	const struct xc_members *members = &save->tree.members;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < members->count; i++) {
		const struct xc_member *member = &members->items[i];
		cleanup_buf struct xc_buf path = XC_BUF_INIT;

		if (member->header_bytes == 0) {
			xc_tree_path(&save->tree, i, &path);
			xc_notes_add(notes, XC_NOTE_VANISHED, path.data);
			moved[i] = XC_MEMBER_NONE;
			continue;
		}
		moved[i] = kept++;
		if (member->type != XC_MEMBER_HARDLINK || moved[member->link] != XC_MEMBER_NONE)
			continue;
		xc_tree_path(&save->tree, i, &path);
		return xc_err_set(err, XC_ERR_CHANGED,
				  "another name of %s vanished while it was being saved: save "
				  "when nothing writes there any more",
				  XC_QUOTE(path.data));
	}
	*ret_kept = kept;
	return 0;
}

/* No position is final before this. */
static int drop_vanished(struct save *save, struct xc_notes *notes, struct xc_err *err)
{
	struct xc_members *members = &save->tree.members;
	cleanup_free uint32_t *moved = xc_malloc(members->count * sizeof(*moved));
	uint32_t kept = 0;

	if (map_members(save, moved, &kept, notes, err) < 0)
		return -1;
	save->tree.files -= members->count - kept;
	for (uint32_t i = 0; i < members->count; i++) {
		struct xc_member *member = &members->items[i];

		if (moved[i] == XC_MEMBER_NONE)
			continue;
		if (member->parent != XC_MEMBER_NONE)
			member->parent = moved[member->parent];
		if (member->type == XC_MEMBER_HARDLINK)
			member->link = moved[member->link];
		members->items[moved[i]] = *member;
	}
	for (size_t i = 0; i < save->tree.top_paths.count; i++)
		save->tree.top_positions[i] = moved[save->tree.top_positions[i]];
	members->count = kept;
	return 0;
}

static void fill_manifest(struct save *save, struct xc_manifest *manifest)
{
	const struct xc_tree *tree = &save->tree;

	*manifest = (struct xc_manifest){
		.key = xc_strdup(save->query->key),
		.created_ns = xc_clock_now_ns(),
		.tool = xc_strdup("xcache " XC_VERSION),
		.build_ms = save->opts->build_ms,
		.totals.stored_bytes = save->layer.pack_bytes,
		.layers = xc_calloc(1, sizeof(*manifest->layers)),
		.layer_count = 1,
	};
	/* Counted again: files that changed since the walk were taken as they were read. */
	xc_totals_add(&manifest->totals, &save->layer, &tree->members);
	xc_key_version(save->query->paths, manifest->version);
	for (size_t i = 0; i < save->query->paths->count; i++)
		xc_strlist_add(&manifest->paths, save->query->paths->items[i]);
	memcpy(save->layer.pack, save->pack, sizeof(save->pack));
	manifest->layers[0] = save->layer;
}

static void drop_pack(struct save *save)
{
	struct xc_err ignored;

	/* Nothing names it; a later clean-up would find it just the same. */
	(void)!xc_store_remove(save->cache->store, save->pack_name.data, &ignored);
}

/*
 * What a reader would refuse must not become an entry: it would keep its key
 * and never be restored.
 */
static int encode_manifest(const struct xc_manifest *manifest, struct xc_buf *data,
			   struct xc_err *err)
{
	cleanup_manifest struct xc_manifest read = XC_MANIFEST_INIT;

	xc_manifest_encode(manifest, data);
	if (xc_manifest_parse(data->data, data->len_bytes, &read, err) == 0)
		return 0;
	err->kind = XC_ERR_USAGE;
	return xc_err_wrap(err, "no reader would take the entry");
}

/* The pack, and for the commit its manifest. */
static int write_pack(struct save *save, struct xc_save_result *saved, struct xc_buf *data,
		      struct xc_err *err)
{
	int result;

	xc_key_new_id(save->pack);
	if (xc_name_pack(save->cache, save->scope, save->pack, &save->pack_name, err) < 0 ||
	    xc_store_upload_begin(save->cache->store, save->pack_name.data, &save->upload, err) < 0)
		return -1;
	save->writer = xc_pack_writer_new(save->opts->level, append, save->upload);
	result = pack_members(save, &saved->notes, err);
	xc_progress_phase(save->cache->progress, XC_PHASE_FINISH);
	if (result == 0)
		result = drop_vanished(save, &saved->notes, err);
	if (result == 0)
		result = xc_pack_writer_end(save->writer, &save->tree.members, &save->layer, err);
	xc_pack_writer_free(save->writer);
	if (result == 0) {
		fill_manifest(save, &saved->manifest);
		result = encode_manifest(&saved->manifest, data, err);
	}
	if (result < 0) {
		xc_store_upload_abort(STEAL_PTR(save->upload));
		return -1;
	}
	return xc_store_upload_commit(STEAL_PTR(save->upload), err);
}

/* Writing the manifest is the commit. */
static int commit(struct save *save, const char *entry_name, const struct xc_buf *data,
		  struct xc_save_result *result, struct xc_err *err)
{
	const struct xc_commit commit = {
		.cache = save->cache,
		.scope = save->scope,
		.entry_name = entry_name,
		.manifest = &result->manifest,
		.data = data,
		.update = save->opts->update,
		.broken = result->healed.kind != XC_ERR_NONE ? &save->broken : NULL,
	};
	struct xc_committed committed;
	int committing;

	if (xc_cancel_check(save->cache->cancel, err) < 0) {
		drop_pack(save);
		return -1;
	}
	committing = xc_commit(&commit, &committed, err);
	if (committed.may_drop_pack)
		drop_pack(save);
	result->exists = committed.exists;
	result->doubt = committed.doubt;
	if (committed.exists)
		xc_manifest_release(&result->manifest);
	return committing;
}

static int fail_no_match(const struct xc_query *query, struct xc_err *err)
{
	cleanup_buf struct xc_buf lines = XC_BUF_INIT;
	const char *pitfall = NULL;

	for (size_t i = 0; i < query->paths->count; i++) {
		const char *line = query->paths->items[i];

		if (lines.len_bytes < NAMED_LINES_BYTES)
			xc_buf_addf(&lines, "%s%s", i > 0 ? ", " : "", XC_QUOTE(line));
		if (!pitfall && line[0] != '#')
			pitfall = xc_patterns_pitfall(line);
	}
	return xc_err_set(err, XC_ERR_NO_MATCH,
			  "Path Validation Error: Path(s) specified in the action for caching "
			  "do(es) not exist, hence no cache is being saved. Paths: %s%s%s. Key: %s",
			  xc_buf_str(&lines), pitfall ? "; " : "", pitfall ? pitfall : "",
			  XC_QUOTE(query->key));
}

static bool find_store_folder(const struct xc_store *store, struct xc_tree_container *ret_folder)
{
	struct stat status;

	if (!store->folder || stat(store->folder, &status) < 0)
		return false;
	*ret_folder = (struct xc_tree_container){ status.st_dev, status.st_ino };
	return true;
}

static int scan_tree(struct save *save, struct xc_notes *notes, struct xc_err *err)
{
	const struct xc_cache *cache = save->cache;
	struct xc_patterns *patterns = NULL;
	cleanup_strlist struct xc_strlist paths = XC_STRLIST_INIT;
	struct xc_walk_opts opts = {
		.roots = cache->roots,
		.threads = XC_MIN(cache->threads, (unsigned)XC_POOL_THREADS_MAX),
		.cancel = cache->cancel,
		.progress = cache->progress,
		.notes = notes,
	};
	struct xc_tree_container folder;
	int result;

	/* A store in a folder does not go into itself. */
	if (find_store_folder(cache->store, &folder))
		opts.left_out = &folder;
	xc_progress_phase(cache->progress, XC_PHASE_SCAN);
	if (xc_patterns_parse(save->query->paths, cache->roots, &patterns, err) < 0)
		return -1;
	opts.patterns = patterns;
	result = xc_patterns_search(patterns, cache->cancel, &paths, notes, err);
	if (result == 0)
		result = xc_tree_walk(&paths, &opts, &save->tree, err);
	xc_patterns_free(patterns);
	if (result == 0 && save->tree.members.count == 0)
		result = notes->kinds[XC_NOTE_STORE].count > 0
				 ? xc_err_set(err, XC_ERR_NO_MATCH,
					      "%s is the folder of the store itself, and nothing "
					      "else matches: choose another folder for the store",
					      XC_QUOTE(notes->kinds[XC_NOTE_STORE].path))
				 : fail_no_match(save->query, err);
	return result;
}

static int save_entry(struct save *save, const char *entry_name, struct xc_save_result *result,
		      struct xc_err *err)
{
	uint64_t start_ms = xc_clock_ms(), scanned_ms;
	cleanup_buf struct xc_buf data = XC_BUF_INIT;

	if (scan_tree(save, &result->notes, err) < 0)
		return -1;
	scanned_ms = xc_clock_ms();
	result->scan_ms = scanned_ms - start_ms;
	result->skipped = (struct xc_skipped){ .sockets = save->tree.sockets,
					       .fifos = save->tree.fifos,
					       .devices = save->tree.devices };
	xc_plan_make(&save->tree.members, &save->plan);
	xc_progress_phase(save->cache->progress, XC_PHASE_PACK);
	xc_progress_totals(save->cache->progress, save->tree.members.count,
			   save->tree.content_bytes);
	if (write_pack(save, result, &data, err) < 0)
		return -1;
	result->pack_ms = xc_clock_ms() - scanned_ms;
	return commit(save, entry_name, &data, result, err);
}

/* Whether the entry of a manifest can be restored, as far as a save looks; CORRUPT if not. */
static int check_entry(const struct save *save, const struct xc_manifest *manifest,
		       struct xc_err *err)
{
	const char *suspect = save->opts->suspect;

	if (xc_packs_look(save->cache, save->scope, manifest, err) < 0)
		return -1;
	/* Whoever says so may be wrong, or lie: only what is seen here counts. */
	return suspect && strcmp(suspect, save->broken.text) == 0
		       ? xc_packs_verify(save->cache, save->scope, manifest, err)
		       : 0;
}

/*
 * Whether the key is taken, asked before any work. 1 if so; 0 if not, or if
 * its entry is broken, as result->healed then says; -1 on error.
 */
static int is_taken(struct save *save, const char *entry_name, const char *version,
		    struct xc_save_result *result, struct xc_err *err)
{
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
	bool has_manifest = xc_load_tagged(save->cache, entry_name, version, save->query->key,
					   &save->broken, &manifest, err) == 0;

	if (has_manifest && check_entry(save, &manifest, err) == 0)
		return 1;
	if (!has_manifest && err->kind == XC_ERR_NOT_FOUND)
		return 0;
	/* Entries of another format are for other programs. */
	if (err->kind == XC_ERR_FORMAT)
		return 1;
	if (!xc_is_broken(err) || save->broken.text[0] == '\0')
		return -1;
	result->healed = *err;
	return 0;
}

int xc_cache_save(const struct xc_cache *cache, const struct xc_query *query,
		  const struct xc_save_opts *opts, struct xc_save_result *ret_result,
		  struct xc_err *err)
{
	struct save save = {
		.cache = cache,
		.query = query,
		.opts = opts,
		.scope = cache->scopes->items[0],
	};
	struct xc_save_result saved = XC_SAVE_RESULT_INIT;
	cleanup_buf struct xc_buf entry_name = XC_BUF_INIT;
	char version[XC_VERSION_HEX + 1];
	uint64_t start_ms = xc_clock_ms();
	int result;

	if (xc_check_query(query, err) < 0)
		return -1;
	xc_key_version(query->paths, version);
	if (xc_name_entry(cache, save.scope, version, query->key, &entry_name, err) < 0)
		return -1;
	result = opts->update ? 0 : is_taken(&save, entry_name.data, version, &saved, err);
	if (result == 1) {
		saved.exists = true;
		result = 0;
	} else if (result == 0) {
		save.hasher = xc_hasher_new();
		result = save_entry(&save, entry_name.data, &saved, err);
		xc_hasher_free(save.hasher);
	}
	xc_tree_release(&save.tree);
	xc_plan_release(&save.plan);
	xc_buf_release(&save.pack_name);
	saved.total_ms = xc_clock_ms() - start_ms;
	if (result < 0)
		xc_save_result_release(&saved);
	else
		*ret_result = saved;
	return result;
}
