/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tag in a commit message that asks to build from scratch:
 * "[ci-clear-cache]" for every key, "[ci-clear-cache:npm linux]" for keys
 * that contain both words. Pure.
 */
#ifndef XC_ACTION_CLEAR_TAG_H
#define XC_ACTION_CLEAR_TAG_H

#include <stdbool.h>

/*
 * Whether `message`, any text, holds the tag for `key`. `tag` may stand with
 * or without its brackets; an empty one is never found. A tag ends on the
 * line that it begins on; upper and lower case differ.
 */
bool xc_action_clear_tag_found(const char *message, const char *tag, const char *key);

#endif
