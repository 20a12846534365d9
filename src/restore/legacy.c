/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/legacy.h"

#include "archive/reader.h"
#include "entry/legacy.h"
#include "fetch/reads.h"
#include "tree/stage/stage.h"
#include "tree/unpack/fill.h"

/* A restore on its way. */
struct extraction {
	const struct xc_cache *cache;
	struct xc_archive *archive;
	struct xc_fill *fill;
	struct xc_restore_result *result;
};

/* An object from its beginning to its end. */
struct stream {
	struct xc_reads_item *items;
	size_t count, next;
	struct xc_reads *reads;
};

#define STREAM_READ_BYTES ((size_t)8 << 20)
#define STREAM_READS      3u

static int read_stream(void *context, const char **ret_data, size_t *ret_length, struct xc_err *err)
{
	struct stream *stream = context;

	if (stream->next == stream->count) {
		*ret_data = "";
		*ret_length = 0;
		return 0;
	}
	if (xc_reads_next(stream->reads, ret_data, err) < 0)
		return -1;
	*ret_length = stream->items[stream->next++].length;
	return 0;
}

static void stream_open(struct stream *stream, struct xc_store *store, const char *name,
			uint64_t size_bytes)
{
	*stream = (struct stream){
		.count = (size_t)((size_bytes + STREAM_READ_BYTES - 1) / STREAM_READ_BYTES),
	};
	stream->items = xc_calloc(stream->count, sizeof(*stream->items));
	for (size_t i = 0; i < stream->count; i++) {
		uint64_t offset = (uint64_t)i * STREAM_READ_BYTES;

		stream->items[i] = (struct xc_reads_item){
			.name = name,
			.offset = offset,
			.length = (size_t)XC_MIN(size_bytes - offset, (uint64_t)STREAM_READ_BYTES),
		};
	}
	stream->reads = xc_reads_new(
		&(struct xc_reads_opts){
			.store = store,
			.in_flight = XC_MAX(1u, XC_MIN(store->read_concurrency, STREAM_READS)),
			.bytes = STREAM_READS * STREAM_READ_BYTES,
		},
		stream->items, stream->count);
}

static void stream_close(struct stream *stream)
{
	xc_reads_free(stream->reads);
	free(stream->items);
}

static int extract_file(struct extraction *extraction, const struct xc_archive_member *member,
			const struct xc_fill_attributes *attributes, struct xc_err *err)
{
	struct xc_totals *totals = &extraction->result->match.manifest.totals;
	const char *data;
	uint64_t offset;
	size_t length;
	int more;

	if (xc_fill_begin_file(extraction->fill, member->path, err) < 0)
		return -1;
	while ((more = xc_archive_data(extraction->archive, &data, &length, &offset, err)) > 0) {
		if (xc_cancel_check(extraction->cache->cancel, err) < 0 ||
		    xc_fill_write(extraction->fill, data, length, offset, err) < 0)
			return -1;
		xc_progress_add(extraction->cache->progress, 0, length, 0);
	}
	if (more < 0)
		return -1;
	totals->files++;
	totals->content_bytes += member->size_bytes;
	return xc_fill_end_file(extraction->fill, member->size_bytes, attributes, err);
}

static int extract_member(struct extraction *extraction, const struct xc_archive_member *member,
			  struct xc_err *err)
{
	const struct xc_fill_attributes attributes = {
		.mtime_s = member->mtime_s,
		.mtime_ns = member->mtime_ns,
		.uid = member->uid,
		.gid = member->gid,
		.mode = member->mode,
	};
	struct xc_totals *totals = &extraction->result->match.manifest.totals;

	switch (member->type) {
	case XC_ARCHIVE_FILE:
		return extract_file(extraction, member, &attributes, err);
	case XC_ARCHIVE_DIR:
		if (member->opaque && xc_fill_remove(extraction->fill, member->path, err) < 0)
			return -1;
		totals->directories++;
		return xc_fill_directory(extraction->fill, member->path, &attributes, err);
	case XC_ARCHIVE_SYMLINK:
		totals->symlinks++;
		return xc_fill_symlink(extraction->fill, member->path, member->target, &attributes,
				       err);
	case XC_ARCHIVE_HARDLINK:
		totals->hardlinks++;
		return xc_fill_hardlink(extraction->fill, member->path, member->target, err);
	case XC_ARCHIVE_REMOVED:
		return xc_fill_remove(extraction->fill, member->path, err);
	}
	return xc_err_set(err, XC_ERR_INTERNAL, "a member has no type");
}

static int extract_members(struct extraction *extraction, struct xc_err *err)
{
	struct xc_archive_member member;
	int more;

	while ((more = xc_archive_next(extraction->archive, &member, err)) > 0) {
		if (xc_cancel_check(extraction->cache->cancel, err) < 0 ||
		    extract_member(extraction, &member, err) < 0)
			return -1;
		xc_progress_add(extraction->cache->progress, 1, 0, 0);
	}
	return more;
}

static int extract_object(struct extraction *extraction, const char *name, uint64_t size_bytes,
			  bool delta, struct xc_err *err)
{
	struct stream stream;
	int extracted;

	stream_open(&stream, extraction->cache->store, name, size_bytes);
	extraction->archive = xc_archive_new(&(struct xc_archive_opts){
		.decoder = &xc_decoder_zstd,
		.format = &xc_archive_tar,
		.read = read_stream,
		.context = &stream,
		.delta = delta,
	});
	extracted = extract_members(extraction, err);
	extraction->result->left_out += xc_archive_left_out(extraction->archive);
	extraction->result->fetched_bytes += size_bytes;
	xc_archive_free(extraction->archive);
	stream_close(&stream);
	xc_progress_add(extraction->cache->progress, 0, 0, size_bytes);
	return extracted < 0 ? xc_err_wrap(err, "%s", XC_QUOTE(name)) : 0;
}

static int extract_all(struct extraction *extraction, struct xc_err *err)
{
	struct xc_restore_result *result = extraction->result;
	const struct xc_legacy_objects *objects = &result->match.legacy;

	if (extract_object(extraction, objects->base, objects->base_bytes, false, err) < 0)
		return -1;
	if (objects->delta &&
	    extract_object(extraction, objects->delta, objects->delta_bytes, true, err) < 0)
		return -1;
	xc_progress_phase(extraction->cache->progress, XC_PHASE_FINISH);
	if (xc_fill_finish(extraction->fill, err) < 0)
		return -1;
	result->owner_dropped = xc_fill_owner_dropped(extraction->fill);
	return 0;
}

static int restore_into(const struct xc_cache *cache, const struct xc_stage *stage,
			struct xc_restore_result *result, struct xc_err *err)
{
	struct extraction extraction = { .cache = cache, .result = result };
	char name[XC_STAGE_NAME_MAX];
	int dir_fd, extracted;

	xc_stage_staged_at(stage, 0, &dir_fd, name);
	if (xc_fill_new(dir_fd, name, cache->owner, &extraction.fill, err) < 0)
		return -1;
	extracted = extract_all(&extraction, err);
	xc_fill_free(extraction.fill);
	return extracted;
}

int xc_legacy_restore(const struct xc_cache *cache, const struct xc_query *query,
		      struct xc_restore_result *result, struct xc_err *err)
{
	struct xc_stage_target target = { .is_directory = true };
	cleanup_free char *path = NULL;
	struct xc_stage *stage;
	int restored;

	if (xc_legacy_target(cache, query, &path, &target.literal_bytes, err) < 0)
		return -1;
	target.path = path;
	/* A shell may be standing in these: they keep their inode. */
	target.keep_directory = xc_roots_is_root(cache->roots, path);
	xc_progress_phase(cache->progress, XC_PHASE_EXTRACT);
	if (xc_stage_open(&target, 1, &stage, err) < 0)
		return -1;
	restored = restore_into(cache, stage, result, err);
	if (restored == 0)
		restored = xc_stage_commit(stage, cache->cancel, &result->replaced, err);
	xc_stage_free(stage);
	return restored;
}
