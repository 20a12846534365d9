/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for many small things that live and die together. Nothing is freed
 * singly; releasing the arena frees all. Used by one thread at a time.
 */
#ifndef XC_BASE_ARENA_H
#define XC_BASE_ARENA_H

#include "base/compiler.h"

struct xc_arena_block;

struct xc_arena {
	struct xc_arena_block *blocks;
	char *next;
	size_t left_bytes;
	size_t total_bytes; /* handed out so far */
};

#define XC_ARENA_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}

/* `size` bytes, aligned for any object, not cleared. */
void *xc_arena_alloc(struct xc_arena *arena, size_t size);
/* The same for sizes that come from outside: NULL if there is no memory. */
void *xc_arena_try_alloc(struct xc_arena *arena, size_t size);
/* A terminated copy of `length` bytes, without alignment. */
char *xc_arena_text(struct xc_arena *arena, const char *text, size_t length);
char *xc_arena_try_text(struct xc_arena *arena, const char *text, size_t length);
/* Move all of `from` into `into`; `from` is left empty. */
void xc_arena_merge(struct xc_arena *into, struct xc_arena *from);
void xc_arena_release(struct xc_arena *arena);

#endif
