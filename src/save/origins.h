/* SPDX-License-Identifier: Apache-2.0 */
/* Where the members of a tree are stored already: the same paths in the layers of an entry. */
#ifndef XC_SAVE_ORIGINS_H
#define XC_SAVE_ORIGINS_H

#include "entry/layer.h"

/* A member of a layer. */
struct xc_origin {
	uint32_t layer; /* XC_ORIGIN_NONE: the path is in none */
	uint32_t position;
};
#define XC_ORIGIN_NONE UINT32_MAX

/*
 * For each member of the table the member of that path that is alive in one of
 * the layers; of several the newest layer's. Whether it is the same kind of
 * thing is not asked, but for directories, which only directories match. Takes
 * time linear in the tables' lengths. The caller frees.
 */
struct xc_origin *xc_origins_find(const struct xc_members *members,
				  const struct xc_entry_layers *layers);

#endif
