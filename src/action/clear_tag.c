/* SPDX-License-Identifier: Apache-2.0 */
#include "action/clear_tag.h"

#include <string.h>

/* More words than any key holds: a message of nothing but tags must not cost its square. */
#define WORDS_BYTES_MAX 1024

/* Whether `key` contains each of the words between `at` and `end`. */
static bool key_has_words(const char *key, const char *at, const char *end)
{
	while (at < end) {
		const char *word = at;

		while (at < end && *at != ' ' && *at != '\t')
			at++;
		if (at > word && !memmem(key, strlen(key), word, (size_t)(at - word)))
			return false;
		at++;
	}
	return true;
}

/* What follows "[tag": "]", or ":" and words and "]". */
static bool tag_means(const char *rest, const char *key)
{
	size_t length = 0;

	if (*rest == ']')
		return true;
	if (*rest != ':')
		return false;
	while (length < WORDS_BYTES_MAX && !strchr("]\r\n", rest[length]))
		length++;
	return rest[length] == ']' && key_has_words(key, rest + 1, rest + length);
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
