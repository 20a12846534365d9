/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/utf8.h"
#include "tree/patterns/internal.h"

#define OUTSIDE_UTF8 0x110000u

/* The character at `text`, which a NUL or a slash follows at the latest; returns its length. */
static size_t decode(const char *text, uint32_t *ret_char)
{
	size_t length = xc_utf8_sequence(text);
	uint32_t value;

	if (length <= 1) {
		*ret_char = (unsigned char)*text + (length == 0 ? OUTSIDE_UTF8 : 0);
		return 1;
	}
	value = (unsigned char)*text & (0x7fu >> length);
	for (size_t i = 1; i < length; i++)
		value = value << 6 | ((unsigned char)text[i] & 0x3f);
	*ret_char = value;
	return length;
}

/* The component under construction; its arrays are as long as they can get. */
struct compiler {
	const char *glob;
	size_t length;
	size_t at;
	size_t literal_until; /* "[" before this place is literal */
	size_t range_count;
	struct component *component;
};

/* -1 before the first one. */
static int last_token_kind(const struct component *component)
{
	return component->token_count > 0 ? component->tokens[component->token_count - 1].kind : -1;
}

static struct token *add_token(struct component *component, enum token_kind kind, size_t start,
			       size_t count)
{
	struct token *token = &component->tokens[component->token_count++];

	*token = (struct token){ (uint8_t)kind, false, (uint32_t)start, (uint32_t)count };
	return token;
}

static void add_text(struct compiler *compiler, const char *bytes, size_t length)
{
	struct component *component = compiler->component;

	if (last_token_kind(component) != TOKEN_TEXT)
		add_token(component, TOKEN_TEXT, component->text_length, 0);
	memcpy(component->text + component->text_length, bytes, length);
	component->text_length += length;
	component->tokens[component->token_count - 1].count += (uint32_t)length;
}

static void add_wild(struct compiler *compiler, enum token_kind kind)
{
	struct component *component = compiler->component;

	if (kind == TOKEN_STAR && last_token_kind(component) == TOKEN_STAR)
		return;
	add_token(component, kind, 0, 0);
}

/* The character of a class at *at, escaped or not. */
static uint32_t class_char(const struct compiler *compiler, size_t *at)
{
	uint32_t value;

	*at += compiler->glob[*at] == '\\';
	*at += decode(compiler->glob + *at, &value);
	return value;
}

/* Where the "]" is that closes the class opened at `open`; `length` if there is none. */
static size_t find_class_end(const struct compiler *compiler, size_t open)
{
	/* In first place it stands for itself. */
	size_t at = open + 1 + (open + 1 < compiler->length && compiler->glob[open + 1] == ']');

	while (at < compiler->length && compiler->glob[at] != ']')
		at += compiler->glob[at] == '\\' ? 2 : 1;
	return XC_MIN(at, compiler->length);
}

/* Read the ranges of glob[at, end) into `ranges`; returns how many, or -1 if one runs backwards. */
static int read_ranges(const struct compiler *compiler, size_t at, size_t end, struct range *ranges)
{
	int count = 0;

	while (at < end) {
		uint32_t low = class_char(compiler, &at), high = low;
		size_t dash = at;

		if (at < end && class_char(compiler, &dash) == '-' && dash < end) {
			at = dash;
			high = class_char(compiler, &at);
		}
		if (high < low)
			return -1;
		ranges[count++] = (struct range){ low, high };
	}
	return count;
}

/* Add the class that opens here and return true; false if this "[" is literal. */
static bool add_class(struct compiler *compiler)
{
	struct component *component = compiler->component;
	struct range *ranges = component->ranges + compiler->range_count;
	const char *glob = compiler->glob;
	size_t end, at = compiler->at + 1;
	bool negated;
	int count;

	if (compiler->at < compiler->literal_until)
		return false;
	end = find_class_end(compiler, compiler->at);
	if (end == compiler->length) {
		/* Neither will any "[" behind it find one. */
		compiler->literal_until = end;
		return false;
	}
	negated = glob[at] == '!' || glob[at] == '^';
	at += negated;
	count = read_ranges(compiler, at, end, ranges);
	if (count < 0) {
		compiler->literal_until = end;
		return false;
	}
	compiler->at = end + 1;
	if (!negated && count == 1 && ranges->low == ranges->high && ranges->low < 0x80) {
		add_text(compiler, &(char){ (char)ranges->low }, 1);
		return true;
	}
	add_token(component, TOKEN_CLASS, compiler->range_count, (size_t)count)->negated = negated;
	compiler->range_count += (size_t)count;
	return true;
}

static void compile_next(struct compiler *compiler)
{
	const char *next = compiler->glob + compiler->at;

	if (*next == '[' && add_class(compiler))
		return;
	compiler->at++;
	if (*next == '*') {
		add_wild(compiler, TOKEN_STAR);
	} else if (*next == '?') {
		add_wild(compiler, TOKEN_ONE);
	} else if (*next == '\\' && compiler->at < compiler->length) {
		compiler->at++;
		add_text(compiler, next + 1, 1);
	} else {
		add_text(compiler, next, 1);
	}
}

void xc_patterns_compile(const char *glob, size_t length, struct component *ret_component)
{
	cleanup_free char *copy = xc_strndup(glob, length);
	struct component component = { .kind = COMPONENT_GLOBSTAR };
	struct compiler compiler = { .glob = copy, .length = length, .component = &component };

	if (strcmp(copy, "**") == 0) {
		*ret_component = component;
		return;
	}
	component.text = xc_calloc(length + 1, 1);
	component.tokens = xc_calloc(length, sizeof(*component.tokens));
	component.ranges = xc_calloc(length, sizeof(*component.ranges));
	while (compiler.at < length)
		compile_next(&compiler);

	component.kind = COMPONENT_GLOB;
	if (component.token_count == 1 && component.tokens[0].kind == TOKEN_TEXT)
		component.kind = COMPONENT_LITERAL;
	else if (component.token_count == 1 && component.tokens[0].kind == TOKEN_STAR)
		component.kind = COMPONENT_ANY;
	component.tokens =
		xc_realloc(component.tokens, component.token_count * sizeof(*component.tokens));
	component.ranges =
		xc_realloc(component.ranges, compiler.range_count * sizeof(*component.ranges));
	*ret_component = component;
}

void xc_patterns_release_component(struct component *component)
{
	free(component->text);
	free(component->tokens);
	free(component->ranges);
}

static bool in_class(const struct component *component, const struct token *token, uint32_t value)
{
	const struct range *range = component->ranges + token->start;

	for (uint32_t i = 0; i < token->count; i++)
		if (value >= range[i].low && value <= range[i].high)
			return !token->negated;
	return token->negated;
}

/* How many bytes at `name` the token takes; 0 if it does not match there. Not for a star. */
static size_t take(const struct component *component, const struct token *token, const char *name,
		   size_t left)
{
	uint32_t value;
	size_t length;

	if (left == 0)
		return 0;
	if (token->kind == TOKEN_TEXT) {
		if (token->count > left ||
		    memcmp(name, component->text + token->start, token->count) != 0)
			return 0;
		return token->count;
	}
	length = decode(name, &value);
	return token->kind == TOKEN_ONE || in_class(component, token, value) ? length : 0;
}

/* "*.txt" and its like are what most globs are, so the text behind a last star has a short cut. */
static bool ends_with(const struct component *component, const struct token *token,
		      const char *name, size_t length)
{
	return length >= token->count && memcmp(name + length - token->count,
						component->text + token->start, token->count) == 0;
}

/*
 * Only the last star passed ever needs to take more: whatever an earlier one
 * could do, the later one can do from where it is.
 */
static bool match_tokens(const struct component *component, const char *name, size_t length)
{
	const struct token *token = component->tokens, *end = token + component->token_count;
	const struct token *after_star = NULL;
	const char *star_name = NULL, *name_end = name + length;
	uint32_t ignored;

	for (;;) {
		size_t taken = 0;

		if (token < end && token->kind == TOKEN_STAR) {
			after_star = ++token;
			star_name = name;
			if (token == end)
				return true;
			if (token + 1 == end && token->kind == TOKEN_TEXT)
				return ends_with(component, token, name, (size_t)(name_end - name));
			continue;
		}
		if (token == end && name == name_end)
			return true;
		if (token < end)
			taken = take(component, token, name, (size_t)(name_end - name));
		if (taken > 0) {
			name += taken;
			token++;
			continue;
		}
		if (!after_star || star_name == name_end)
			return false;
		star_name += decode(star_name, &ignored);
		name = star_name;
		token = after_star;
	}
}

bool xc_patterns_match_name(const struct component *component, const char *name, size_t length)
{
	if (component->kind == COMPONENT_LITERAL)
		return length == component->text_length &&
		       memcmp(name, component->text, length) == 0;
	return component->kind == COMPONENT_ANY || match_tokens(component, name, length);
}
