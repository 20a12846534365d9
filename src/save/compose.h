/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest of a save: what stays of its parent's layers, and the new pack. */
#ifndef XC_SAVE_COMPOSE_H
#define XC_SAVE_COMPOSE_H

#include "save/delta.h"
#include "save/parent.h"
#include "save/save.h"

/* All borrowed. */
struct xc_compose {
	const struct xc_query *query;
	const char *scope; /* that the manifest lies in */
	uint64_t build_ms;
	const struct xc_parent *parent; /* NULL: none */
	const struct xc_delta *delta;
};

/*
 * All of the manifest but the new pack. Layers of which nothing stays are left
 * out, but for the last one where no new pack follows: its overrides count.
 */
void xc_compose_manifest(const struct xc_compose *compose, struct xc_manifest *ret_manifest);

/* Whether readers would take it with the new pack: by its length, and by the number of members. */
bool xc_compose_fits(const struct xc_manifest *manifest, const struct xc_delta *delta);

/* Add the new pack, whose members xc_save_pack has counted in the totals. */
void xc_compose_add_pack(const struct xc_layer *pack, struct xc_manifest *manifest);

/* What people are told of it. `parent` may be NULL. */
void xc_compose_report(const struct xc_parent *parent, const struct xc_delta *delta,
		       const struct xc_manifest *manifest, struct xc_save_delta *ret_report);

#endif
