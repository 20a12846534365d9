/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The section OVERRIDES of an index: what members of earlier layers became
 * without a change of their content. A build touches most of a compiler
 * cache and changes little of it; times alone must not move a member into
 * another pack.
 *
 * Only the newest layer's section counts, and it is complete: whoever writes
 * one puts into it what still holds of the one before. It names each layer by
 * its pack. Packs that the entry does not have, and members that are dead,
 * are passed over.
 */
#ifndef XC_PACK_OVERRIDES_H
#define XC_PACK_OVERRIDES_H

#include "base/member.h"

/* What takes the place of a member's own: of files, directories and symlinks, not hard links. */
struct xc_override {
	uint32_t position; /* of the member in its layer's table */
	uint32_t mtime_ns; /* 0 to 999999999 */
	int64_t mtime_s;   /* since 1970 */
	uint32_t uid, gid;
	uint16_t mode; /* permission bits, 07777 */
};

/* What a member has of its own that an override may take the place of. */
static inline struct xc_override xc_override_of(const struct xc_member *member, uint32_t position)
{
	return (struct xc_override){
		.position = position,
		.mtime_ns = member->mtime_ns,
		.mtime_s = member->mtime_s,
		.uid = member->uid,
		.gid = member->gid,
		.mode = member->mode,
	};
}

/* Whether they say the same; of which member is not compared. */
static inline bool xc_override_equal(const struct xc_override *a, const struct xc_override *b)
{
	return a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns && a->mode == b->mode &&
	       a->uid == b->uid && a->gid == b->gid;
}

struct xc_layer_overrides {
	char pack[33];             /* the id of the layer's pack: 32 hexadecimal digits */
	struct xc_override *items; /* ascending by position, each once */
	uint32_t count;            /* at least 1 */
};

struct xc_overrides {
	struct xc_layer_overrides *layers;
	uint32_t count;
};

#define XC_OVERRIDES_INIT                                                                          \
	{                                                                                          \
		0                                                                                  \
	}

void xc_overrides_release(struct xc_overrides *overrides);
#define cleanup_overrides __attribute__((cleanup(xc_overrides_release)))

#endif
