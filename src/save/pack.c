/* SPDX-License-Identifier: Apache-2.0 */
#include "save/pack.h"

#include <string.h>

#include "key/objects.h"
#include "save/segments.h"

/* An xc_pack_write_fn. */
static int append(void *upload, const void *data, size_t length, struct xc_err *err)
{
	return xc_store_upload_append(upload, data, length, err);
}

static int pack_members(const struct xc_save_pack *pack, struct xc_pack_writer *writer,
			struct xc_err *err)
{
	const struct xc_cache *cache = pack->cache;
	const struct xc_segments_opts opts = {
		.level = pack->level,
		.threads = cache->threads,
		.upload_bytes = cache->store->upload_bytes,
		.progress = cache->progress,
		.notes = pack->notes,
	};
	struct xc_save_source source = {
		.tree = pack->tree,
		.set = pack->set,
		.cancel = cache->cancel,
	};
	cleanup_plan struct xc_plan plan = XC_PLAN_INIT;

	if (xc_plan_make(&pack->tree->members, pack->set, &plan, err) < 0)
		return -1;
	return xc_save_segments(&source, &plan, &opts, writer, err);
}

static int fail_link(const struct xc_tree *tree, uint32_t position, struct xc_err *err)
{
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	xc_tree_path(tree, position, &path);
	return xc_err_set(err, XC_ERR_CHANGED,
			  "another name of %s vanished while it was being saved: save after all "
			  "writers have finished",
			  XC_QUOTE(path.data));
}

static void note_vanished(const struct xc_save_pack *pack, uint32_t position)
{
	cleanup_buf struct xc_buf path = XC_BUF_INIT;

	xc_tree_path(pack->tree, position, &path);
	xc_notes_add(pack->notes, XC_NOTE_VANISHED, path.data);
}

static int drop_vanished(const struct xc_save_pack *pack, struct xc_err *err)
{
	const struct xc_members *members = &pack->tree->members;
	struct xc_member_set *set = pack->set;

	for (uint32_t i = xc_member_set_next(set, 0); i < set->size;
	     i = xc_member_set_next(set, i + 1)) {
		const struct xc_member *member = &members->items[i];

		if (member->header_bytes == 0) {
			note_vanished(pack, i);
			xc_member_set_remove(set, i);
		} else if (member->type == XC_MEMBER_HARDLINK &&
			   !xc_member_set_has(set, member->link)) {
			return fail_link(pack->tree, i, err);
		}
	}
	return 0;
}

/* What lies behind the segments, which is about the members that the pack has in the end. */
static int end_pack(const struct xc_save_pack *pack, struct xc_pack_writer *writer,
		    struct xc_layer *ret_layer, struct xc_totals *totals, struct xc_err *err)
{
	const struct xc_members *members = &pack->tree->members;
	cleanup_members struct xc_members subset = XC_MEMBERS_INIT;
	struct xc_pack_contents contents = { .overrides = pack->overrides, .spent = pack->spent };

	if (pack->set->count < members->count) {
		xc_members_subset(members, pack->set, &subset);
		members = &subset;
	}
	contents.members = members;
	if (xc_pack_writer_end(writer, &contents, ret_layer, err) < 0)
		return -1;
	/* Counted here: files that changed since the walk were taken as they were read. */
	xc_totals_add(totals, ret_layer, members);
	return 0;
}

static int write_pack(const struct xc_save_pack *pack, struct xc_upload *upload,
		      struct xc_layer *ret_layer, struct xc_totals *totals, struct xc_err *err)
{
	struct xc_pack_writer *writer = xc_pack_writer_new(pack->level, append, upload);
	int result = pack_members(pack, writer, err);

	xc_progress_phase(pack->cache->progress, XC_PHASE_FINISH);
	if (result == 0)
		result = drop_vanished(pack, err);
	if (result == 0)
		result = end_pack(pack, writer, ret_layer, totals, err);
	xc_pack_writer_free(writer);
	return result;
}

int xc_save_pack(const struct xc_save_pack *pack, struct xc_layer *ret_layer,
		 struct xc_totals *totals, struct xc_err *err)
{
	cleanup_buf struct xc_buf name = XC_BUF_INIT;
	char id[XC_PACK_ID_LEN + 1];
	struct xc_upload *upload;
	struct xc_layer layer;

	xc_key_new_id(id);
	if (xc_name_pack(pack->cache->repository, pack->scope, id, &name, err) < 0 ||
	    xc_store_upload_begin(pack->cache->store, name.data, &upload, err) < 0)
		return -1;
	if (write_pack(pack, upload, &layer, totals, err) < 0) {
		xc_store_upload_abort(upload);
		return -1;
	}
	memcpy(layer.pack, id, sizeof(layer.pack));
	if (xc_store_upload_commit(upload, err) < 0)
		return -1;
	*ret_layer = layer;
	return 0;
}

void xc_save_drop_pack(const struct xc_cache *cache, const char *scope,
		       const struct xc_layer *layer)
{
	cleanup_buf struct xc_buf name = XC_BUF_INIT;
	struct xc_err ignored;

	if (xc_name_pack(cache->repository, scope, layer->pack, &name, &ignored) == 0)
		(void)!xc_store_remove(cache->store, name.data, &ignored);
}
