/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "action/internal.h"

/* A page of S3's: one request a scope, however many entries there are. */
#define NAMES_MAX 1000

struct search {
	const char *key;
	char version[XC_VERSION_HEX + 1];
	size_t common; /* how much of the key the best one shares */
	struct xc_action_closest best;
};

static int judge(const struct xc_entry *entry, void *context, struct xc_err *err)
{
	struct search *search = context;
	size_t common = 0;

	(void)err;
	if (!entry->key)
		return 0;
	while (entry->key[common] != '\0' && entry->key[common] == search->key[common])
		common++;
	/* The key itself, saved with other path lines, is nearer than what begins like it. */
	if (entry->key[common] == '\0' && search->key[common] == '\0')
		common++;
	/* Entries come newest first: of equal ones the first stays. */
	if (common <= search->common)
		return 0;
	search->common = common;
	xc_action_closest_release(&search->best);
	search->best = (struct xc_action_closest){
		.key = xc_strdup(entry->key),
		.scope = xc_strdup(entry->scope),
		.other_paths = strcmp(entry->version, search->version) != 0,
	};
	return 0;
}

void xc_action_closest_find(const struct xc_action_run *run, struct xc_action_closest *ret_nearest)
{
	struct search search = { .key = run->query.key };
	struct xc_list_opts opts = { .max_names = NAMES_MAX };
	struct xc_err err;

	xc_key_version(run->query.paths, search.version);
	/* Only to help people: what cannot be listed is not there. */
	if (xc_cache_list(&run->cache, &opts, judge, &search, &err) < 0)
		xc_action_closest_release(&search.best);
	*ret_nearest = search.best;
}

void xc_action_closest_release(struct xc_action_closest *closest)
{
	free(closest->key);
	free(closest->scope);
	*closest = (struct xc_action_closest){ 0 };
}
