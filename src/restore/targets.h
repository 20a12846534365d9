/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places in the file system that a restore fills: one for each top of the
 * layers of which something is alive, whichever layers have it. Each is
 * checked against the paths that were asked for before anything is made.
 */
#ifndef XC_RESTORE_TARGETS_H
#define XC_RESTORE_TARGETS_H

#include "entry/layer.h"
#include "tree/patterns/patterns.h"
#include "tree/stage/stage.h"

struct xc_target {
	const char *stored; /* the root path's name, in a layer's index */
	char *absolute;
	size_t literal_bytes;
	bool keep_directory;
	bool is_directory;
};

/* Where the root paths of a layer go, in its table's order; XC_UNPACK_NO_TARGET for nowhere. */
struct xc_layer_targets {
	uint32_t *items;
	uint32_t count;
};

struct xc_targets {
	struct xc_target *items; /* sorted by stored path */
	uint32_t count;
	struct xc_layer_targets *of_layers;
	uint32_t layer_count;
	struct xc_stage *stage; /* its targets are in the order of `items` */
	struct xc_stage_target *staged;
};

#define XC_TARGETS_INIT                                                                            \
	{                                                                                          \
		0                                                                                  \
	}

/*
 * Collect the targets of all layers, and open a stage for them. CORRUPT if one
 * is not declared by the patterns, lies in another, is the same place as one
 * that differs, or would replace the workspace or the home by something else than a directory.
 * `ret_targets` is to be released in any case, before `layers`.
 */
int xc_targets_open(const struct xc_cache *cache, const struct xc_patterns *patterns,
		    const struct xc_entry_layers *layers, struct xc_targets *ret_targets,
		    struct xc_err *err) XC_CHECK;
void xc_targets_release(struct xc_targets *targets);

#endif
