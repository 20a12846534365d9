/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/credentials/profile_file.h"

#include "aws/credentials/secret.h"
#include "base/grow.h"

struct property {
	char *name, *value;
};

struct section {
	enum xc_profile_kind kind;
	char *name;
	/* [profile default] beats [default] in config, whichever comes first. */
	bool by_prefix;
	struct property *properties;
	size_t count, capacity;
};

struct xc_profiles {
	struct section *sections;
	size_t count, capacity;
	size_t property_count;
};

struct parser {
	struct xc_profiles *profiles;
	enum xc_profile_file file;
	const char *name;
	unsigned line;
	size_t section;  /* index + 1; 0: none that counts */
	bool in_section; /* behind some header */
	size_t property; /* index + 1 of the one that a continuation belongs to */
	bool is_nested;  /* that one has no value of its own: indented lines are its members */
	char *parent;    /* its name then */
	struct xc_err *err;
};

/* A stretch of the file. */
struct span {
	const char *at;
	size_t length;
};

struct xc_profiles *xc_profiles_new(void)
{
	return xc_calloc(1, sizeof(struct xc_profiles));
}

static void clear_section(struct section *section)
{
	for (size_t i = 0; i < section->count; i++) {
		free(section->properties[i].name);
		xc_secret_free(&section->properties[i].value);
	}
	section->count = 0;
}

void xc_profiles_free(struct xc_profiles *profiles)
{
	if (!profiles)
		return;
	for (size_t i = 0; i < profiles->count; i++) {
		clear_section(&profiles->sections[i]);
		free(profiles->sections[i].properties);
		free(profiles->sections[i].name);
	}
	free(profiles->sections);
	free(profiles);
}

static struct section *find_section(const struct xc_profiles *profiles, enum xc_profile_kind kind,
				    const char *name)
{
	for (size_t i = 0; i < profiles->count; i++) {
		struct section *section = &profiles->sections[i];

		if (section->kind == kind && strcmp(section->name, name) == 0)
			return section;
	}
	return NULL;
}

bool xc_profiles_has(const struct xc_profiles *profiles, enum xc_profile_kind kind,
		     const char *section)
{
	return find_section(profiles, kind, section) != NULL;
}

static struct property *find_property(const struct section *section, const char *name)
{
	for (size_t i = 0; i < section->count; i++)
		if (strcmp(section->properties[i].name, name) == 0)
			return &section->properties[i];
	return NULL;
}

const char *xc_profiles_get(const struct xc_profiles *profiles, enum xc_profile_kind kind,
			    const char *section, const char *property)
{
	const struct section *in = find_section(profiles, kind, section);
	const struct property *found = in ? find_property(in, property) : NULL;

	return found && found->value[0] != '\0' ? found->value : NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static struct span trim(struct span text)
{
	while (text.length > 0 && is_blank(text.at[0])) {
		text.at++;
		text.length--;
	}
	while (text.length > 0 && is_blank(text.at[text.length - 1]))
		text.length--;
	return text;
}

/* '#' and ';' behind white space begin a comment; within a word they belong to it. */
static struct span without_comment(struct span text)
{
	for (size_t i = 0; i < text.length; i++)
		if ((text.at[i] == '#' || text.at[i] == ';') &&
		    (i == 0 || is_blank(text.at[i - 1])))
			text.length = i;
	return trim(text);
}

static int refuse(const struct parser *parser, const char *why)
{
	/* Never the line itself: it may hold a secret. */
	return xc_err_set(parser->err, XC_ERR_USAGE, "%s, line %u: %s", XC_QUOTE(parser->name),
			  parser->line, why);
}

/* Whether `text` begins with that word and white space; *io_text is then what follows. */
static bool skip_word(struct span *io_text, const char *word)
{
	size_t length = strlen(word);

	if (io_text->length <= length || memcmp(io_text->at, word, length) != 0 ||
	    !is_blank(io_text->at[length]))
		return false;
	*io_text = trim((struct span){ io_text->at + length, io_text->length - length });
	return true;
}

static struct span unquote(struct span text)
{
	if (text.length >= 2 && (text.at[0] == '"' || text.at[0] == '\'') &&
	    text.at[text.length - 1] == text.at[0])
		return (struct span){ text.at + 1, text.length - 2 };
	return text;
}

static struct section *add_section(struct xc_profiles *profiles, enum xc_profile_kind kind,
				   char *name)
{
	struct section *section;

	XC_GROW(profiles->sections, profiles->count, profiles->capacity, 8);
	section = &profiles->sections[profiles->count++];
	*section = (struct section){ .kind = kind, .name = name };
	return section;
}

static int enter_section(struct parser *parser, enum xc_profile_kind kind, struct span name,
			 bool by_prefix)
{
	struct xc_profiles *profiles = parser->profiles;
	cleanup_free char *text = xc_strndup(name.at, name.length);
	struct section *section = find_section(profiles, kind, text);

	if (!section) {
		if (profiles->count == XC_PROFILE_SECTIONS_MAX)
			return refuse(parser, "too many sections");
		section = add_section(profiles, kind, STEAL_PTR(text));
	} else if (parser->file == XC_PROFILE_CONFIG && section->by_prefix != by_prefix) {
		if (section->by_prefix)
			return 0;
		clear_section(section);
	}
	section->by_prefix = by_prefix;
	parser->section = (size_t)(section - profiles->sections) + 1;
	return 0;
}

static int header(struct parser *parser, struct span line)
{
	const char *end = memchr(line.at, ']', line.length);
	struct span name, behind;
	bool by_prefix;

	parser->in_section = true;
	parser->section = parser->property = 0;
	if (!end)
		return refuse(parser, "a section's name has no ']'");
	behind = trim((struct span){ end + 1, line.length - (size_t)(end + 1 - line.at) });
	if (behind.length > 0 && behind.at[0] != '#' && behind.at[0] != ';')
		return refuse(parser, "something follows a section's ']'");
	name = trim((struct span){ line.at + 1, (size_t)(end - line.at) - 1 });
	if (name.length == 0)
		return refuse(parser, "a section has no name");
	if (parser->file == XC_PROFILE_CREDENTIALS)
		return enter_section(parser, XC_PROFILE, unquote(name), true);
	if (skip_word(&name, "sso-session"))
		return enter_section(parser, XC_SSO_SESSION, unquote(name), true);
	if (skip_word(&name, "services"))
		return enter_section(parser, XC_SERVICES, unquote(name), true);
	by_prefix = skip_word(&name, "profile");
	if (by_prefix || (name.length == 7 && memcmp(name.at, "default", 7) == 0))
		return enter_section(parser, XC_PROFILE, unquote(name), by_prefix);
	return 0; /* [x] only counts in credentials */
}

static int set_property(struct parser *parser, char *name, struct span value)
{
	struct section *section = &parser->profiles->sections[parser->section - 1];
	cleanup_free char *owned = name;
	struct property *property = find_property(section, name);

	if (!property) {
		if (parser->profiles->property_count == XC_PROFILE_PROPERTIES_MAX)
			return refuse(parser, "too many values");
		parser->profiles->property_count++;
		XC_GROW(section->properties, section->count, section->capacity, 8);
		property = &section->properties[section->count++];
		*property = (struct property){ .name = STEAL_PTR(owned) };
	}
	xc_secret_free(&property->value);
	property->value = xc_strndup(value.at, value.length);
	parser->property = (size_t)(property - section->properties) + 1;
	return 0;
}

/* "name = value", below `parent` if that is not NULL. */
static int property_line(struct parser *parser, struct span line, const char *parent)
{
	const char *equals = memchr(line.at, '=', line.length);
	struct span name, value;
	char *lower;

	if (!equals)
		return refuse(parser, "neither `name = value` nor `[section]`");
	name = trim((struct span){ line.at, (size_t)(equals - line.at) });
	value = without_comment(
		(struct span){ equals + 1, line.length - (size_t)(equals + 1 - line.at) });
	if (name.length == 0)
		return refuse(parser, "a value has no name");
	if (name.length + value.length > XC_PROFILE_VALUE_BYTES_MAX)
		return refuse(parser, "too long a value");
	if (parser->section == 0)
		return 0;
	lower = xc_asprintf("%s%s%.*s", parent ? parent : "", parent ? "." : "", (int)name.length,
			    name.at);
	for (char *c = lower; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + ('a' - 'A'));
	if (!parent) {
		free(parser->parent);
		parser->parent = xc_strdup(lower);
		parser->is_nested = value.length == 0;
	}
	return set_property(parser, lower, value);
}

/* Lines that are indented belong to the value before them. */
static int indented_line(struct parser *parser, struct span line)
{
	struct property *property;
	char *joined;

	if (parser->section == 0)
		return 0;
	if (parser->property == 0)
		return property_line(parser, line, NULL);
	if (parser->is_nested)
		return property_line(parser, line, parser->parent);
	property =
		&parser->profiles->sections[parser->section - 1].properties[parser->property - 1];
	line = without_comment(line);
	if (strlen(property->value) + line.length + 1 > XC_PROFILE_VALUE_BYTES_MAX)
		return refuse(parser, "too long a value");
	joined = xc_asprintf("%s\n%.*s", property->value, (int)line.length, line.at);
	xc_secret_free(&property->value);
	property->value = joined;
	return 0;
}

static int parse_line(struct parser *parser, struct span raw)
{
	struct span line = trim(raw);

	if (memchr(raw.at, '\0', raw.length))
		return refuse(parser, "a NUL byte");
	if (line.length == 0 || line.at[0] == '#' || line.at[0] == ';')
		return 0;
	if (is_blank(raw.at[0]) && parser->in_section)
		return indented_line(parser, line);
	if (line.at[0] == '[')
		return header(parser, line);
	if (!parser->in_section)
		return refuse(parser, "a value comes before the first [section]");
	parser->property = 0;
	return property_line(parser, line, NULL);
}

int xc_profiles_parse(struct xc_profiles *profiles, enum xc_profile_file file, const char *name,
		      const char *bytes, size_t length, struct xc_err *err)
{
	struct parser parser = { .profiles = profiles, .file = file, .name = name, .err = err };
	const char *end = bytes + length;
	int result = 0;

	if (length > XC_PROFILE_FILE_BYTES_MAX)
		return xc_err_set(err, XC_ERR_USAGE, "%s is larger than 1 MiB", XC_QUOTE(name));
	/* Editors on Windows put a byte order mark in front. */
	if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
		bytes += 3;
	while (bytes < end && result == 0) {
		const char *stop = memchr(bytes, '\n', (size_t)(end - bytes));
		struct span line = { bytes, (size_t)((stop ? stop : end) - bytes) };

		parser.line++;
		if (line.length > 0)
			result = parse_line(&parser, line);
		bytes += line.length + 1;
	}
	free(parser.parent);
	return result;
}
