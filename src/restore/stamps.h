/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stamps of the files that a restore wrote, as they are when it ends, for
 * the state that a later save reads (state/state.h).
 */
#ifndef XC_RESTORE_STAMPS_H
#define XC_RESTORE_STAMPS_H

#include "restore/targets.h"
#include "tree/stamp.h"

struct xc_stamps {
	struct xc_stamp **of_layers; /* by position in each layer's table */
	uint32_t layer_count;
};

#define XC_STAMPS_INIT                                                                             \
	{                                                                                          \
		0                                                                                  \
	}

/* Whether there is a target of whose files stamps can tell anything. */
bool xc_stamps_are_worth_it(const struct xc_targets *targets);

/* Room for the stamps of all members of the layers, none of which is known yet. */
void xc_stamps_init(const struct xc_entry_layers *layers, struct xc_stamps *ret_stamps);
void xc_stamps_release(struct xc_stamps *stamps);

/*
 * After the commit: look again at what it moved one by one, forget the stamps
 * on file systems that are not to be trusted, and wait until the clock has
 * moved past the newest stamp, so that no later change can have one of them.
 * The last act of a restore: some milliseconds.
 */
void xc_stamps_settle(struct xc_stamps *stamps, const struct xc_targets *targets,
		      const struct xc_entry_layers *layers);

#endif
