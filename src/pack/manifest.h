/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests: the small JSON object that says what an entry consists of.
 * Writing it is the commit. docs/FORMAT.md specifies the members.
 *
 *   {"xcache": 1, "key": …, "version": …, "paths": […], "created": RFC 3339 with ns, "tool": …,
 *    "build_ms": …,
 *    "totals": {"files":…, "directories":…, "symlinks":…, "hardlinks":…, "bytes":…, "stored":…},
 *    "layers": [{"pack": id, "size":…, "members":…,
 *                "index": {"offset":…, "size":…, "sha256": hex}, "dead": "…", "scope": …}]}
 *
 * "xcache" is 2 if a layer has a scope. A key, a path or a scope that is not UTF-8 stands as an
 * object {"base64": "…"}.
 */
#ifndef XC_PACK_MANIFEST_H
#define XC_PACK_MANIFEST_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/member.h"
#include "base/member_set.h"
#include "base/strlist.h"

#define XC_FORMAT_VERSION     1
#define XC_FORMAT_VERSION_MAX 2 /* with layers of other scopes */
/* Ceilings for what comes from a store. */
#define XC_MANIFEST_BYTES_MAX ((size_t)4 << 20)
#define XC_LAYERS_MAX         1000
#define XC_PACK_ID_BYTES      32

/* A run of members that no longer count: [first, first + count). */
struct xc_dead_run {
	uint32_t first;
	uint32_t count;
};

struct xc_layer {
	char pack[XC_PACK_ID_BYTES + 1]; /* hexadecimal digits: see key/key.h */
	char *scope; /* where the pack lies; NULL: in the scope of the manifest. Owned by the
			manifest */
	uint64_t pack_bytes;
	uint32_t member_count;
	uint64_t index_offset;
	uint64_t index_bytes;
	uint8_t index_sha256[XC_SHA256_BYTES];
	struct xc_dead_run *dead; /* ascending, not touching */
	uint32_t dead_count;
};

struct xc_totals {
	uint64_t files, directories, symlinks, hardlinks;
	uint64_t content_bytes; /* of the files, holes included */
	uint64_t stored_bytes;  /* of the packs */
};

struct xc_manifest {
	char *key;
	char version[17];
	struct xc_strlist paths;
	int64_t created_ns; /* since 1970 */
	uint64_t build_ms;  /* how long the job worked for the contents; 0: nobody knows */
	char *tool;
	struct xc_totals totals;
	struct xc_layer *layers; /* oldest first */
	uint32_t layer_count;
};

#define XC_MANIFEST_INIT                                                                           \
	{                                                                                          \
		0                                                                                  \
	}

void xc_manifest_release(struct xc_manifest *manifest);
#define cleanup_manifest __attribute__((cleanup(xc_manifest_release)))

/* Append the JSON of a manifest, with a newline at its end. */
void xc_manifest_encode(const struct xc_manifest *manifest, struct xc_buf *out);

/*
 * Parse what a store gave. CORRUPT naming the member that is missing or
 * wrong; FORMAT for another format version; unknown members are skipped.
 */
int xc_manifest_parse(const void *data, size_t length, struct xc_manifest *ret_manifest,
		      struct xc_err *err) XC_CHECK;

/* Whether one of the layers is in the pack of this id. */
bool xc_manifest_names(const struct xc_manifest *manifest, const char *pack);

/* The members of a layer that are not dead. To be released. */
void xc_layer_alive(const struct xc_layer *layer, struct xc_member_set *ret_alive);

/*
 * Make all members of a layer dead but those of `alive`, a set over its table.
 * What `dead` held is not freed: it may be another layer's.
 */
void xc_layer_set_dead(struct xc_layer *layer, const struct xc_member_set *alive);

/* Add the members of a layer that are not dead to all of the totals but stored_bytes. */
void xc_totals_add(struct xc_totals *totals, const struct xc_layer *layer,
		   const struct xc_members *members);

/* As they are in a manifest, a layer without its dead members. New references, never NULL. */
json_t *xc_totals_json(const struct xc_totals *totals);
json_t *xc_layer_json(const struct xc_layer *layer);

#endif
