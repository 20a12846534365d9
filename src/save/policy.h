/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which layers of an entry a save writes anew, so that entries stay short to
 * fetch and stores small. docs/ARCHITECTURE.md has the reasons; the numbers are
 * the best of those that were tried over fifty saves of real trees.
 */
#ifndef XC_SAVE_POLICY_H
#define XC_SAVE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#define XC_ENTRY_LAYERS 8 /* a save leaves no more, its own pack included */

struct xc_layer_weight {
	uint64_t all_bytes;  /* of its members, with what each costs by itself */
	uint64_t kept_bytes; /* of those that stay alive; 0: none does */
	bool expires;        /* the store may expire its pack before long */
};

/*
 * Fill `ret_rewrite` (of `count`) with which layers' remaining members are to go
 * into the new pack: those that expire; those less than 70 % alive, unless
 * what is dead in them is next to nothing of the entry; while all together have
 * more that is dead than a ninth of what is alive, the deadest; and where there
 * would be more than XC_ENTRY_LAYERS, the smaller half. From half as many on, small ones go
 * along with a new pack beside which they are next to nothing. `fresh_bytes` are to be
 * written in any case, in the unit of the weights; 0: there will be no new pack for them. Returns
 * whether there is any.
 */
bool xc_policy_rewrite(const struct xc_layer_weight *weights, uint32_t count, uint64_t fresh_bytes,
		       bool *ret_rewrite);

/*
 * Whether a pack of this id expires before long, of a store that expires what
 * is `expire_days` old: it has had a third of that, by this machine's clock
 * (`now_ns` since 1970). Never with 0 days.
 */
bool xc_policy_expires(const char *pack, unsigned expire_days, int64_t now_ns);

#endif
