/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: tag, key and message, each ended by a NUL; what is missing is empty.
 *
 * Demands: a message clears only by a tag in brackets, one that says more
 * clears no less, and the tag alone in brackets always clears.
 */
#include "fuzz.h"

#include "action/clear_tag.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xc_calloc(size + 3, 1), *plain = NULL, *longer = NULL;
	const char *tag = text, *key, *message;
	bool found;

	if (size > 0)
		memcpy(text, data, size);
	key = tag + strlen(tag) + (strlen(tag) < size);
	message = key + strlen(key) + (key + strlen(key) < text + size);
	found = xc_action_clear_tag_found(message, tag, key);
	MUST(!found || (*tag && strchr(message, '[') && strchr(message, ']')));
	/* A message that says more clears no less. */
	longer = xc_asprintf("[%s%s", message, message);
	MUST(!found || xc_action_clear_tag_found(longer, tag, key));
	plain = xc_asprintf("x [%s] y", tag);
	MUST(*tag == '\0' || tag[0] == '[' || xc_action_clear_tag_found(plain, tag, key));
	return 0;
}
