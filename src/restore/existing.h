/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that stand where a restore would write their like. Each becomes
 * another name in the staging folder, which takes no room, instead of a copy.
 */
#ifndef XC_RESTORE_EXISTING_H
#define XC_RESTORE_EXISTING_H

#include "restore/extract.h"
#include "tree/stage/stage.h"

/*
 * Whether a file with this content is what `fd` reads, from its start: as the
 * member's size and content hash say. Not for sparse files. False at an error
 * and when `cancel` is set.
 */
bool xc_existing_has_content(int fd, const struct xc_member *member,
			     const struct xc_cancel *cancel);

/*
 * Stage the members of a layer that stand in their targets, equal in all that
 * a restore gives a file; they are not alive for xc_extract any more. Those of
 * which that is not sure, or that cannot be linked, go on counting: files with
 * several names, holes or xattrs, and all that is no file. `targets` is as for
 * struct xc_unpack_opts. CANCELED, and no other error.
 */
int xc_existing_keep(const struct xc_cache *cache, struct xc_stage *stage,
		     struct xc_extract_layer *layer, const uint32_t *targets,
		     struct xc_err *err) XC_CHECK;

#endif
