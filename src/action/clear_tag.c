/* SPDX-License-Identifier: Apache-2.0 */
#include "action/clear_tag.h"

#include <string.h>

/* A word longer than any key is in none of them. */
#define WORD_MAX 4096

static bool key_contains(const char *key, const char *word, size_t length)
{
	return length <= WORD_MAX && memmem(key, strlen(key), word, length) != NULL;
}

/* Whether `key` contains each of the words between `at` and `end`. */
static bool key_has_words(const char *key, const char *at, const char *end)
{
	while (at < end) {
		const char *word = at;

		while (at < end && *at != ' ' && *at != '\t')
			at++;
		if (at > word && !key_contains(key, word, (size_t)(at - word)))
			return false;
		at++;
	}
	return true;
}

/* What follows "[tag": "]", or ":" and words and "]". */
static bool tag_means(const char *rest, const char *key)
{
	const char *end;

	if (*rest == ']')
		return true;
	if (*rest != ':')
		return false;
	end = rest + strcspn(rest, "]\r\n");
	return *end == ']' && key_has_words(key, rest + 1, end);
}

bool xc_action_clear_tag_found(const char *message, const char *tag, const char *key)
{
	size_t length = strlen(tag);

	if (length >= 2 && tag[0] == '[' && tag[length - 1] == ']') {
		tag++;
		length -= 2;
	}
	if (length == 0)
		return false;
	for (const char *at = message; (at = strchr(at, '[')) != NULL; at++)
		if (strncmp(at + 1, tag, length) == 0 && tag_means(at + 1 + length, key))
			return true;
	return false;
}
