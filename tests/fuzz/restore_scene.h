/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fuzz_restore.c works with: bytes that decide, an entry made of them,
 * and a private folder with a workspace, a home and something outside both.
 */
#ifndef XC_TESTS_RESTORE_SCENE_H
#define XC_TESTS_RESTORE_SCENE_H

#include "fuzz.h"

#include "base/strlist.h"
#include "pack/index.h"
#include "pack/manifest.h"

/* The input, byte by byte; zeros behind its end. */
struct feed {
	const uint8_t *at, *end;
};

static inline uint8_t feed_byte(struct feed *feed)
{
	return feed->at < feed->end ? *feed->at++ : 0;
}

static inline uint32_t feed_below(struct feed *feed, size_t count)
{
	return feed_byte(feed) % (uint32_t)count;
}

#define ENTRY_LAYERS_MAX 3

/* A layer, and the tar stream that its pack holds. */
struct entry_layer {
	struct xc_layer layer;
	struct xc_buf tar, pack;
	bool patched; /* the index is not the one of the tar stream */
};

struct entry {
	const char *const *lines; /* path lines, up to NULL */
	struct entry_layer layers[ENTRY_LAYERS_MAX];
	uint32_t count;
	bool honest; /* a save could have written it for these lines */
};

/* Make an entry. -1 if the input does not come to one that a writer could write. */
int entry_make(struct feed *feed, struct entry *entry);
void entry_release(struct entry *entry);
#define cleanup_entry __attribute__((cleanup(entry_release)))

/* The folder's path: ws, home and outside lie in it. It is removed when the process ends. */
const char *scene_path(void);

/* Empty workspace and home, and plant in them what the input says. */
void scene_plant(struct feed *feed);

/*
 * A line for all that lies below a folder of the scene; "" is the scene
 * itself, of which "ws" and "home" are left out. Free it.
 */
char *scene_picture(const char *folder);

#endif
