/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/buf.h"
#include "tree/patterns/internal.h"

static void release_line(struct line *line)
{
	for (size_t i = 0; i < line->count; i++)
		xc_patterns_release_component(&line->components[i]);
	free(line->components);
	free(line->prefix);
	free(line->text);
}

void xc_patterns_free(struct xc_patterns *patterns)
{
	if (!patterns)
		return;
	for (size_t i = 0; i < patterns->count; i++)
		release_line(&patterns->lines[i]);
	free(patterns->lines);
	free(patterns);
}

static void free_patterns(struct xc_patterns **patterns)
{
	xc_patterns_free(*patterns);
}
#define cleanup_patterns __attribute__((cleanup(free_patterns)))

static const char *skip_space(const char *text)
{
	return text + strspn(text, " \t\n\v\f\r");
}

/* Whether `text` is `token`, alone or with a slash behind it. */
static bool starts_at(const char *text, char token)
{
	return text[0] == token && (text[1] == '\0' || text[1] == '/');
}

/* The prefix that `glob` starts from; moves *glob to what lies below it. */
static int add_root(struct line *line, const struct xc_roots *roots, const char **glob,
		    struct xc_err *err)
{
	const char *root = roots->workspace;

	if (starts_at(*glob, '~')) {
		if (!roots->home)
			return xc_err_set(err, XC_ERR_USAGE,
					  "Invalid pattern '%s'. There is no home directory: "
					  "set HOME, or use a path without '~'.",
					  XC_QUOTE(*glob));
		root = roots->home;
		line->root = XC_ROOT_HOME;
		(*glob)++;
	} else if (starts_at(*glob, '.')) {
		(*glob)++;
	} else if (**glob == '/') {
		root = "";
		line->root = XC_ROOT_SLASH;
	}
	line->prefix = xc_strdup(strcmp(root, "/") == 0 ? "" : root);
	return 0;
}

/* A literal "." or "..", even if it is written as "[.]" or "\.". */
static bool is_relative(const struct component *component)
{
	return component->kind == COMPONENT_LITERAL &&
	       (strcmp(component->text, ".") == 0 || strcmp(component->text, "..") == 0);
}

/* Append to the line's prefix as long as all is literal, else to its components. */
static void add_component(struct line *line, struct xc_buf *prefix, struct component component)
{
	if (line->count == 0 && component.kind == COMPONENT_LITERAL) {
		xc_buf_add_char(prefix, '/');
		xc_buf_add(prefix, component.text, component.text_length);
		xc_patterns_release_component(&component);
		return;
	}
	if (component.kind == COMPONENT_GLOBSTAR && line->count > 0 &&
	    line->components[line->count - 1].kind == COMPONENT_GLOBSTAR)
		return;
	line->components[line->count++] = component;
}

static int add_components(struct line *line, const char *below, const char *glob,
			  struct xc_err *err)
{
	cleanup_buf struct xc_buf prefix = XC_BUF_INIT;

	xc_buf_add_str(&prefix, line->prefix);
	line->components = xc_calloc(strlen(below) / 2 + 1, sizeof(*line->components));
	for (below += strspn(below, "/"); *below != '\0'; below += strspn(below, "/")) {
		size_t length = strcspn(below, "/");
		struct component component;

		xc_patterns_compile(below, length, &component);
		if (is_relative(&component)) {
			xc_patterns_release_component(&component);
			return xc_err_set(err, XC_ERR_USAGE,
					  "Invalid pattern '%s'. Relative pathing '.' and '..' is "
					  "not allowed.",
					  XC_QUOTE(glob));
		}
		add_component(line, &prefix, component);
		below += length;
	}
	free(line->prefix);
	line->prefix_length = prefix.len_bytes;
	line->prefix = xc_buf_steal(&prefix);
	return 0;
}

static int parse_line(struct line *line, const char *text, const struct xc_roots *roots,
		      struct xc_err *err)
{
	const char *glob = text, *below;
	size_t length = strlen(text);

	if (length > XC_PATTERNS_MAX_LINE_BYTES)
		return xc_err_set(err, XC_ERR_USAGE,
				  "Invalid pattern '%s'. It is longer than %d bytes.",
				  XC_QUOTE(text), XC_PATTERNS_MAX_LINE_BYTES);
	line->text = xc_strdup(text);
	while (*glob == '!') {
		line->exclude = !line->exclude;
		glob = skip_space(glob + 1);
	}
	if (*glob == '\0')
		return xc_err_set(err, XC_ERR_USAGE,
				  "Invalid pattern '%s'. There is no path after the '!'.",
				  XC_QUOTE(text));
	below = glob;
	if (add_root(line, roots, &below, err) < 0 || add_components(line, below, glob, err) < 0)
		return -1;
	line->directory_only = text[length - 1] == '/';
	while (line->fixed < line->count &&
	       line->components[line->fixed].kind != COMPONENT_GLOBSTAR)
		line->fixed++;
	return 0;
}

int xc_patterns_parse(const struct xc_strlist *lines, const struct xc_roots *roots,
		      struct xc_patterns **ret_patterns, struct xc_err *err)
{
	cleanup_patterns struct xc_patterns *patterns = NULL;

	if (lines->count > XC_PATTERNS_MAX_LINES)
		return xc_err_set(err, XC_ERR_USAGE, "%zu path lines are more than the %d allowed",
				  lines->count, XC_PATTERNS_MAX_LINES);
	patterns = xc_calloc(1, sizeof(*patterns));
	patterns->lines = xc_calloc(lines->count, sizeof(*patterns->lines));
	for (size_t i = 0; i < lines->count; i++) {
		const char *text = lines->items[i];
		struct line *line = patterns->lines + patterns->count;

		if (*text == '\0' || *text == '#')
			continue;
		patterns->count++;
		if (parse_line(line, text, roots, err) < 0)
			return -1;
		patterns->has_exclusions |= line->exclude;
	}
	*ret_patterns = STEAL_PTR(patterns);
	return 0;
}

bool xc_patterns_has_exclusions(const struct xc_patterns *patterns)
{
	return patterns->has_exclusions;
}
