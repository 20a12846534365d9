/* SPDX-License-Identifier: Apache-2.0 */
/* What a doctor is told about a store, one finding after the other. */
#ifndef XC_STORE_EXAMINE_H
#define XC_STORE_EXAMINE_H

#include "store/store.h"

enum xc_finding_state {
	XC_FINDING_GOOD,
	XC_FINDING_NOTE,    /* neither good nor bad */
	XC_FINDING_WARNING, /* works, but not as it should */
	XC_FINDING_BAD,     /* a save or a restore would fail of it */
};

/* One thing that an examination found out. Texts are valid during the callback. */
struct xc_finding {
	const char *check; /* a word: "reach", "credentials", "clock", ... */
	enum xc_finding_state state;
	const char *text; /* a sentence for people: no secrets, and quoted as messages are */
};
typedef void xc_finding_fn(const struct xc_finding *finding, void *context);

/* Who is told. */
struct xc_finder {
	xc_finding_fn *found;
	void *context;
};
void xc_finder_report(const struct xc_finder *finder, const char *check,
		      enum xc_finding_state state, const char *format, ...) XC_PRINTF(4, 5);

/* Calls the back end's examine, if it has one. */
void xc_store_examine(struct xc_store *store, const char *name, const struct xc_finder *finder);

#endif
