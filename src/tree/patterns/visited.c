/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/patterns/visited.h"

#include <string.h>

#define HASH_START UINT64_C(0xcbf29ce484222325)

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/*
 * The places in the line that the path reaches, from the component `fixed`
 * on, where the first "**" is: may[i] says whether the components from
 * `fixed` + i on are still to come.
 */
static void step(const struct line *line, const char *name, size_t length, bool *may)
{
	size_t count = line->count - line->fixed;
	bool arrived = false; /* at i, from the component before */

	for (size_t i = 0; i <= count; i++) {
		const struct component *component = &line->components[line->fixed + i];
		bool globstar = i < count && component->kind == COMPONENT_GLOBSTAR;
		bool next = i < count && may[i] && !globstar &&
			    xc_patterns_match_name(component, name, length);

		may[i] = arrived || (may[i] && globstar);
		arrived = next;
	}
}

/* "**" may stand for nothing. */
static void skip_globstars(const struct line *line, bool *may)
{
	for (size_t i = 0; i < line->count - line->fixed; i++)
		if (may[i] && line->components[line->fixed + i].kind == COMPONENT_GLOBSTAR)
			may[i + 1] = true;
}

bool xc_patterns_places(const struct line *line, const char *path, size_t length,
			uint64_t *ret_hash)
{
	cleanup_free bool *may = NULL;
	const char *end = path + length, *at = path + line->prefix_length;
	uint64_t hash = HASH_START;

	if (length < line->prefix_length || line->fixed == line->count)
		return false;
	for (size_t i = 0; i < line->fixed; i++) {
		if (at == end)
			return false;
		at = memchr(at + 1, '/', (size_t)(end - at - 1));
		at = at ? at : end;
	}
	may = xc_calloc(line->count - line->fixed + 1, sizeof(*may));
	may[0] = true;
	skip_globstars(line, may);
	while (at < end) {
		size_t name_length = strcspn(at + 1, "/");

		step(line, at + 1, name_length, may);
		skip_globstars(line, may);
		at += 1 + name_length;
	}
	for (size_t i = 0; i <= line->count - line->fixed; i++)
		if (may[i])
			hash = mix(hash, i + 1);
	*ret_hash = hash;
	return true;
}

static struct visit *slot_of(const struct visited *visited, const struct visit *visit)
{
	size_t mask = visited->capacity - 1;
	size_t i = mix(mix(mix(visit->places, visit->line), visit->ino), visit->dev) & mask;

	while (visited->slots[i].used &&
	       (visited->slots[i].ino != visit->ino || visited->slots[i].dev != visit->dev ||
		visited->slots[i].line != visit->line || visited->slots[i].places != visit->places))
		i = (i + 1) & mask;
	return &visited->slots[i];
}

static void grow(struct visited *visited)
{
	struct visited old = *visited;

	visited->capacity = old.capacity ? 2 * old.capacity : 256;
	visited->slots = xc_calloc(visited->capacity, sizeof(*visited->slots));
	for (size_t i = 0; i < old.capacity; i++)
		if (old.slots[i].used)
			*slot_of(visited, &old.slots[i]) = old.slots[i];
	free(old.slots);
}

bool xc_patterns_visit(struct visited *visited, struct visit visit)
{
	struct visit *slot;

	if (2 * (visited->count + 1) > visited->capacity)
		grow(visited);
	slot = slot_of(visited, &visit);
	if (slot->used)
		return false;
	*slot = visit;
	slot->used = true;
	visited->count++;
	return true;
}
