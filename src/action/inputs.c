/* SPDX-License-Identifier: Apache-2.0 */
#include "action/inputs.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "key/key.h"
#include "pack/segment.h"

enum kind {
	TEXT,
	LINES,
	FLAG,
};

#define INPUT(input_name, of_kind, field)                                                          \
	{                                                                                          \
		.name = (input_name), .kind = (of_kind),                                           \
		.offset = offsetof(struct xc_action_inputs, field)                                 \
	}

static const struct {
	const char *name;
	enum kind kind;
	size_t offset;
} table[] = {
	INPUT("key", TEXT, key),
	INPUT("restore-keys", LINES, restore_keys),
	INPUT("parent-key", LINES, parent_keys),
	INPUT("path", LINES, paths),
	INPUT("fail-on-cache-miss", FLAG, fail_on_cache_miss),
	INPUT("lookup-only", FLAG, lookup_only),
	INPUT("legacy-layout", FLAG, legacy_layout),
	INPUT("read-only", FLAG, read_only),
	INPUT("update", FLAG, update),
	INPUT("store", TEXT, store),
	INPUT("s3-bucket", TEXT, s3_bucket),
	INPUT("s3-region", TEXT, s3_region),
	INPUT("s3-endpoint", TEXT, s3_endpoint),
	INPUT("s3-prefix", TEXT, s3_prefix),
	INPUT("aws-access-key-id", TEXT, access_key_id),
	INPUT("aws-secret-access-key", TEXT, secret_access_key),
	INPUT("aws-session-token", TEXT, session_token),
	INPUT("role-to-assume", TEXT, role_arn),
	INPUT("scope", TEXT, scope),
	INPUT("compression-level", TEXT, compression_level),
	INPUT("mount", TEXT, mount),
	INPUT("github-token", TEXT, github_token),
};

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

char *xc_action_trimmed(const char *text)
{
	size_t length;

	while (is_space(*text))
		text++;
	length = strlen(text);
	while (length > 0 && is_space(text[length - 1]))
		length--;
	return xc_strndup(text, length);
}

char *xc_action_input(const char *name)
{
	cleanup_buf struct xc_buf variable = XC_BUF_INIT;
	const char *given, *mapped;

	xc_buf_add_str(&variable, "INPUT_");
	for (; *name != '\0'; name++) {
		bool small = *name >= 'a' && *name <= 'z';

		xc_buf_add_char(&variable, *name == ' ' ? '_' : small ? (char)(*name - 32) : *name);
	}
	given = getenv(variable.data);
	for (char *at = variable.data; *at != '\0'; at++)
		if (*at == '-')
			*at = '_';
	mapped = getenv(variable.data);
	if (!given || (*given == '\0' && mapped))
		given = mapped;
	return given ? xc_action_trimmed(given) : NULL;
}

void xc_action_inputs_read(struct xc_action_inputs *ret_inputs)
{
	char *tag = xc_action_input("clear-tag");

	*ret_inputs = (struct xc_action_inputs)XC_ACTION_INPUTS_INIT;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		void *place = (char *)ret_inputs + table[i].offset;
		cleanup_free char *given = xc_action_input(table[i].name);
		const char *text = given ? given : "";

		if (table[i].kind == TEXT)
			*(char **)place = xc_strdup(text);
		else if (table[i].kind == LINES)
			xc_strlist_add_lines(place, text);
		else
			*(bool *)place = strcasecmp(text, "true") == 0;
	}
	ret_inputs->clear_tag = tag ? tag : xc_strdup(XC_ACTION_CLEAR_TAG);
}

void xc_action_inputs_release(struct xc_action_inputs *inputs)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		void *place = (char *)inputs + table[i].offset;

		if (table[i].kind == TEXT)
			free(*(char **)place);
		else if (table[i].kind == LINES)
			xc_strlist_release(place);
	}
	free(inputs->clear_tag);
	*inputs = (struct xc_action_inputs)XC_ACTION_INPUTS_INIT;
}

static char *one_key_fault(const char *key)
{
	if (xc_utf8_utf16_units(key) > XC_KEY_MAX_UNITS)
		return xc_asprintf("Key Validation Error: %s cannot be larger than %d characters.",
				   key, XC_KEY_MAX_UNITS);
	if (strchr(key, ','))
		return xc_asprintf("Key Validation Error: %s cannot contain commas.", key);
	return NULL;
}

char *xc_action_key_fault(const char *key, const struct xc_strlist *restore_keys)
{
	char *fault;

	if (restore_keys->count + 1 > XC_KEYS_MAX)
		return xc_asprintf("Key Validation Error: Keys are limited to a maximum of %d.",
				   XC_KEYS_MAX);
	fault = one_key_fault(key);
	for (size_t i = 0; !fault && i < restore_keys->count; i++)
		fault = one_key_fault(restore_keys->items[i]);
	return fault;
}

bool xc_action_same_key(const char *one, const char *other)
{
	/* Bytes past ASCII are compared as they are: strcasecmp goes by the C locale here. */
	return strcasecmp(one, other) == 0;
}

int xc_action_level(const struct xc_action_inputs *inputs, int *ret_level, struct xc_err *err)
{
	const char *text = inputs->compression_level;
	char *end;
	long level;

	if (*text == '\0') {
		*ret_level = XC_LEVEL_DEFAULT;
		return 0;
	}
	level = strtol(text, &end, 10);
	if (*end != '\0' || level < XC_LEVEL_MIN || level > XC_LEVEL_MAX)
		return xc_err_set(err, XC_ERR_USAGE,
				  "compression-level is %s; write a number from %d to %d",
				  XC_QUOTE(text), XC_LEVEL_MIN, XC_LEVEL_MAX);
	*ret_level = (int)level;
	return 0;
}
