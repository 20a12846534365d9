/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#include "base/err.h"

#define BLOCK_BYTES ((size_t)256 << 10)

struct xc_arena_block {
	struct xc_arena_block *next;
	alignas(max_align_t) char data[];
};

static void *take(struct xc_arena *arena, size_t size)
{
	char *at = arena->next;

	arena->next += size;
	arena->left_bytes -= size;
	arena->total_bytes += size;
	return at;
}

static int add_block(struct xc_arena *arena, size_t size)
{
	struct xc_arena_block *block = malloc(sizeof(*block) + size);

	if (!block)
		return -1;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->next = block->data;
	arena->left_bytes = size;
	return 0;
}

void *xc_arena_try_alloc(struct xc_arena *arena, size_t size)
{
	size_t padding = -(uintptr_t)arena->next % alignof(max_align_t);

	if (size + padding > arena->left_bytes) {
		if (add_block(arena, XC_MAX(size, BLOCK_BYTES)) < 0)
			return NULL;
		padding = 0;
	}
	take(arena, padding);
	return take(arena, size);
}

void *xc_arena_alloc(struct xc_arena *arena, size_t size)
{
	void *at = xc_arena_try_alloc(arena, size);

	if (!at)
		xc_out_of_memory();
	return at;
}

char *xc_arena_try_text(struct xc_arena *arena, const char *text, size_t length)
{
	char *copy;

	if (length + 1 > arena->left_bytes && add_block(arena, XC_MAX(length + 1, BLOCK_BYTES)) < 0)
		return NULL;
	copy = take(arena, length + 1);
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *xc_arena_text(struct xc_arena *arena, const char *text, size_t length)
{
	char *copy = xc_arena_try_text(arena, text, length);

	if (!copy)
		xc_out_of_memory();
	return copy;
}

void xc_arena_merge(struct xc_arena *into, struct xc_arena *from)
{
	struct xc_arena_block *last = from->blocks;

	if (!last)
		return;
	while (last->next)
		last = last->next;
	/* Behind the block that `into` is filling, which stays the first. */
	if (into->blocks) {
		last->next = into->blocks->next;
		into->blocks->next = from->blocks;
	} else {
		into->blocks = from->blocks;
		into->next = from->next;
		into->left_bytes = from->left_bytes;
	}
	into->total_bytes += from->total_bytes;
	*from = (struct xc_arena)XC_ARENA_INIT;
}

void xc_arena_release(struct xc_arena *arena)
{
	while (arena->blocks) {
		struct xc_arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
	*arena = (struct xc_arena)XC_ARENA_INIT;
}
