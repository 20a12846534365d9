/* SPDX-License-Identifier: Apache-2.0 */
#include "entry/commit.h"

#include <string.h>

#include "entry/objects.h"
#include "entry/tombstone.h"
#include "key/objects.h"

/* One of several updates at once comes through each time. */
#define TRIES_MAX 64

/* A commit on its way. */
struct attempt {
	const struct xc_commit *commit;
	struct xc_buf name, data; /* of the manifest */
	struct xc_manifest old;  /* what ours replaces; empty if nothing, or if it cannot be read */
	struct xc_buf tombstone; /* the name of the one that was written for it */
	bool over_unreadable;
	bool sent; /* the store was asked to write */
};

/* What stands in the store under the entry's name. */
enum stored { STORED_OURS, STORED_OTHER, STORED_NONE, STORED_UNKNOWN };

static struct xc_entry_ref ref_of(const struct attempt *attempt)
{
	const struct xc_manifest *own = attempt->commit->manifest;

	return (struct xc_entry_ref){ attempt->name.data, own->version, own->key };
}

/* An id is never given twice, and a pack may come to stand in several manifests of a key. */
static bool is_ours(const struct xc_manifest *own, const struct xc_manifest *manifest)
{
	return manifest->created_ns == own->created_ns &&
	       manifest->layer_count == own->layer_count &&
	       strcmp(manifest->layers[manifest->layer_count - 1].pack,
		      own->layers[own->layer_count - 1].pack) == 0;
}

static enum stored reread(const struct attempt *attempt, struct xc_err *err)
{
	const struct xc_commit *commit = attempt->commit;
	const struct xc_entry_ref ref = ref_of(attempt);
	cleanup_manifest struct xc_manifest manifest = XC_MANIFEST_INIT;
	struct xc_store_tag tag;

	if (xc_load_manifest(commit->cache, &ref, &tag, &manifest, err) < 0)
		return err->kind == XC_ERR_NOT_FOUND ? STORED_NONE : STORED_UNKNOWN;
	return is_ours(commit->manifest, &manifest) ? STORED_OURS : STORED_OTHER;
}

/*
 * Before the manifest goes: if this ends in between, a clean-up finds both,
 * and the manifest counts. Without it the clean-up writes one of its own.
 */
static void leave_tombstone(struct attempt *attempt)
{
	const struct xc_commit *commit = attempt->commit;
	const struct xc_tombstone tombstone = {
		.scope = commit->scope,
		.manifest = &attempt->old,
		.kept = commit->manifest,
	};
	struct xc_err ignored;

	if (attempt->old.key)
		(void)!xc_write_tombstone(commit->cache, &tombstone, &attempt->tombstone, &ignored);
}

/* What it says did not come to be. */
static void take_tombstone_back(struct attempt *attempt)
{
	struct xc_err ignored;

	if (attempt->tombstone.len_bytes > 0)
		(void)!xc_store_remove(attempt->commit->cache->store, attempt->tombstone.data,
				       &ignored);
	xc_buf_clear(&attempt->tombstone);
}

static int put_new(struct attempt *attempt, struct xc_err *err)
{
	const struct xc_commit *commit = attempt->commit;

	attempt->sent = true;
	return xc_store_put(commit->cache->store, attempt->name.data, attempt->data.data,
			    attempt->data.len_bytes, XC_PUT_IF_ABSENT, err);
}

static int replace(struct attempt *attempt, const struct xc_store_tag *tag, struct xc_err *err)
{
	const struct xc_commit *commit = attempt->commit;

	leave_tombstone(attempt);
	attempt->sent = true;
	return xc_store_put(commit->cache->store, attempt->name.data, attempt->data.data,
			    attempt->data.len_bytes,
			    tag->text[0] == '\0' ? XC_PUT_ALWAYS : XC_PUT_IF_TAG(tag), err);
}

/* In the place of what stands there now, if it may be replaced. */
static int put_over(struct attempt *attempt, struct xc_err *err)
{
	const struct xc_commit *commit = attempt->commit;
	const struct xc_entry_ref ref = ref_of(attempt);
	struct xc_store_tag tag = { "" };

	xc_manifest_release(&attempt->old);
	attempt->over_unreadable = false;
	if (xc_load_manifest(commit->cache, &ref, &tag, &attempt->old, err) < 0) {
		if (err->kind == XC_ERR_NOT_FOUND)
			return put_new(attempt, err);
		if (err->kind != XC_ERR_CORRUPT && err->kind != XC_ERR_FORMAT)
			return -1;
		/* Too large to be read, from a server that does not tell versions apart. */
		if (tag.text[0] == '\0')
			return -1;
		attempt->over_unreadable = true;
	}
	if (commit->over.when == XC_PUT_WHEN_TAG && strcmp(tag.text, commit->over.tag->text) != 0)
		return xc_err_set(err, XC_ERR_EXISTS, "another entry has taken the key");
	return replace(attempt, &tag, err);
}

/*
 * A server that says yes to everything, such as a login page, also said that
 * there was an entry.
 */
static int check_written(const struct attempt *attempt, struct xc_err *err)
{
	if (!attempt->over_unreadable || reread(attempt, err) == STORED_OURS ||
	    (err->kind != XC_ERR_CORRUPT && err->kind != XC_ERR_NOT_FOUND))
		return 0;
	return xc_err_wrap(err, "the store does not return what was written to it");
}

/* Whether a put that failed so can no longer be done after all. */
static bool is_refused(const struct xc_err *err)
{
	return err->kind != XC_ERR_TRANSIENT && err->kind != XC_ERR_CANCELED &&
	       err->kind != XC_ERR_INTERNAL;
}

/* Another came in between; what is to be replaced is another one now, or gone. */
static bool may_try_again(const struct xc_commit *commit, const struct xc_err *err)
{
	if (err->kind == XC_ERR_NOT_FOUND)
		return commit->over.when != XC_PUT_WHEN_ABSENT;
	return err->kind == XC_ERR_EXISTS && commit->over.when == XC_PUT_WHEN_ANY;
}

static int try_all(struct attempt *attempt, struct xc_committed *committed, struct xc_err *err)
{
	const struct xc_commit *commit = attempt->commit;
	bool over = commit->over.when != XC_PUT_WHEN_ABSENT;
	enum stored stored;
	struct xc_err ignored = { 0 };

	for (int tries = 0;; tries++) {
		if ((over ? put_over(attempt, err) : put_new(attempt, err)) == 0)
			return check_written(attempt, err);
		/* It may be done although its answer was lost. */
		stored = attempt->sent ? reread(attempt, &ignored) : STORED_NONE;
		if (stored == STORED_OURS) {
			if (err->kind == XC_ERR_IO)
				committed->doubt = *err;
			return check_written(attempt, err);
		}
		if (stored != STORED_UNKNOWN)
			take_tombstone_back(attempt);
		if (tries == TRIES_MAX || !may_try_again(commit, err))
			break;
	}
	committed->may_drop_pack = !attempt->sent || (is_refused(err) && stored != STORED_UNKNOWN);
	if (err->kind != XC_ERR_EXISTS || commit->over.when == XC_PUT_WHEN_ANY)
		return -1;
	committed->exists = true;
	return 0;
}

/* The object's name and bytes; what a reader would refuse must not become an entry. */
static int encode(struct attempt *attempt, struct xc_err *err)
{
	const struct xc_commit *commit = attempt->commit;
	const struct xc_manifest *own = commit->manifest;
	const struct xc_entry_name named = {
		.repository = commit->cache->repository,
		.scope = commit->scope,
		.version = own->version,
		.key = own->key,
	};
	cleanup_manifest struct xc_manifest read = XC_MANIFEST_INIT;

	if (xc_name_entry(&named, &attempt->name, err) < 0)
		return -1;
	xc_manifest_encode(own, &attempt->data);
	if (xc_manifest_parse(attempt->data.data, attempt->data.len_bytes, &read, err) == 0)
		return 0;
	err->kind = XC_ERR_USAGE;
	return xc_err_wrap(err, "no reader would accept the entry");
}

int xc_commit(const struct xc_commit *commit, struct xc_committed *ret_committed,
	      struct xc_err *err)
{
	struct attempt attempt = { .commit = commit };
	int result;

	*ret_committed = (struct xc_committed){ 0 };
	result = encode(&attempt, err);
	if (result == 0)
		result = try_all(&attempt, ret_committed, err);
	else
		ret_committed->may_drop_pack = true;
	xc_manifest_release(&attempt.old);
	xc_buf_release(&attempt.name);
	xc_buf_release(&attempt.data);
	xc_buf_release(&attempt.tombstone);
	return result;
}
