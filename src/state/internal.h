/* SPDX-License-Identifier: Apache-2.0 */
/* Where a state is kept: its file, and what it must be of. */
#ifndef XC_STATE_INTERNAL_H
#define XC_STATE_INTERNAL_H

#include "base/clock.h"
#include "state/state.h"

#define XC_BOOT_ID_MAX 64

struct xc_state_place {
	const char *folder;                             /* borrowed */
	char *name;                                     /* of the file in it */
	const char *store_url, *repository, *workspace; /* borrowed */
	char boot_id[XC_BOOT_ID_MAX];                   /* "" if the kernel does not tell it */
};

void xc_state_place_init(const struct xc_cache *cache, const struct xc_strlist *paths,
			 struct xc_state_place *ret_place);
void xc_state_place_release(struct xc_state_place *place);
#define cleanup_state_place __attribute__((cleanup(xc_state_place_release)))

/* Replace the file, whose folder is made if there is none. IO. */
int xc_state_file_write(const struct xc_state_place *place, const struct xc_buf *data,
			struct xc_err *err) XC_CHECK;

/* The whole file, if it is this user's and nobody else may write it. NOT_FOUND. */
int xc_state_file_read(const struct xc_state_place *place, struct xc_buf *ret_data,
		       struct xc_err *err) XC_CHECK;

void xc_state_file_remove(const struct xc_state_place *place);

#endif
