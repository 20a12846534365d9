/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a repository holds in a store: the packs, tombstones and entries of all
 * its scopes, and which of them name which.
 *
 *   xc_stock_list  ->  xc_stock_read  [->  xc_stock_look_again]  ->  xc_stock_release
 *
 * A pack is known by its id alone, which is random: whatever names the id in
 * any scope counts. Memory: some 50 bytes for a pack, 100 and its name for an
 * entry or a tombstone; what they are read into is bounded by their number at once.
 */
#ifndef XC_UPKEEP_STOCK_H
#define XC_UPKEEP_STOCK_H

#include "base/arena.h"
#include "entry/entry.h"

#define XC_STOCK_NEVER    INT64_MIN
#define XC_STOCK_ID_BYTES 16

struct xc_stock_pack {
	uint8_t id[XC_STOCK_ID_BYTES];
	uint32_t scope; /* position in the stock's scopes */
	uint32_t names; /* how many entries name it */
	uint64_t size_bytes;
	/*
	 * When it was written: the later of what the store says and what the id
	 * says, as the time of an upload in parts may be that of its beginning.
	 */
	int64_t written_ns;
	int64_t tombstone_ns; /* of the newest that names it, or XC_STOCK_NEVER */
};

/* The packs that something names: `count` of the stock's references from `first` on. */
struct xc_stock_names {
	size_t first;
	uint32_t count;
	uint32_t missing; /* names of packs that are not there, and so not among the references */
};

enum xc_stock_state {
	XC_STOCK_UNREAD, /* not yet, or it cannot be */
	XC_STOCK_READ,
	XC_STOCK_GONE, /* since it was listed */
};

struct xc_stock_tombstone {
	const char *object;
	int64_t written_ns;
	struct xc_stock_names packs;
	enum xc_stock_state state;
};

struct xc_stock_entry {
	const char *object, *key; /* the key is NULL until it is known */
	char version[17];
	uint32_t scope;
	uint64_t manifest_bytes;
	int64_t written_ns;  /* the manifest, by the store's clock */
	int64_t created_ns;  /* as the manifest says: tells one writing from the next */
	uint64_t pack_bytes; /* of the packs that it names, as it says */
	struct xc_stock_names packs;
	enum xc_stock_state state;
};

struct xc_stock {
	struct xc_strlist scopes;
	struct xc_stock_pack *packs; /* sorted by id */
	size_t pack_count, pack_capacity;
	struct xc_stock_tombstone *tombstones; /* those of one listing sorted by name */
	size_t tombstone_count, tombstone_capacity;
	struct xc_stock_entry *entries; /* likewise */
	size_t entry_count, entry_capacity;
	uint32_t *references; /* positions of packs */
	size_t reference_count, reference_capacity;
	struct xc_arena texts;
	/* Manifests and tombstones that are there and cannot be read. */
	size_t unreadable;
	struct xc_err reason;    /* of the first: CORRUPT, or FORMAT of a future one */
	size_t unreadable_entry; /* the first manifest that is CORRUPT; SIZE_MAX: none */
};

#define XC_STOCK_INIT                                                                              \
	{                                                                                          \
		.unreadable_entry = SIZE_MAX                                                       \
	}
void xc_stock_release(struct xc_stock *stock);
#define cleanup_stock __attribute__((cleanup(xc_stock_release)))

/* Told of each manifest as it was read, in the order of the entries; `manifest` is borrowed. */
typedef void xc_stock_manifest_fn(const struct xc_stock_entry *entry,
				  const struct xc_manifest *manifest, void *context);

/* List all objects of the repository once. Only cache->store, repository and cancel count. */
int xc_stock_list(const struct xc_cache *cache, struct xc_stock *stock,
		  struct xc_err *err) XC_CHECK;

/*
 * Read the tombstones, then the manifests: several at a time. What was removed
 * since is marked as gone. What cannot be read for what it is, is counted; any
 * other error ends it. `told` may be NULL.
 */
int xc_stock_read(const struct xc_cache *cache, struct xc_stock *stock, xc_stock_manifest_fn *told,
		  void *context, struct xc_err *err) XC_CHECK;

/*
 * List once more, and read the entries and tombstones that have come since.
 * Packs that have come are left out. After it, every pack that lost its last
 * entry before its manifest was read here has a tombstone here that is newer
 * than that: tombstones are written first.
 */
int xc_stock_look_again(const struct xc_cache *cache, struct xc_stock *stock,
			struct xc_err *err) XC_CHECK;

/*
 * The position of the first pack of this id; SIZE_MAX if there is none. Others
 * may follow it: whoever may write to one scope may copy an id of another there.
 */
size_t xc_stock_find_pack(const struct xc_stock *stock, const uint8_t id[XC_STOCK_ID_BYTES]);
bool xc_stock_has_id(const struct xc_stock *stock, size_t pack,
		     const uint8_t id[XC_STOCK_ID_BYTES]);

#endif
