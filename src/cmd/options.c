/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/options.h"

#include <errno.h>
#include <string.h>

#include "base/suggest.h"
#include "cmd/cmd.h"

#define OPTIONS_MAX 40
#define HELP_COLUMN 28

static const struct xc_option common[] = {
	XC_OPTION("store", TEXT, store, "URL",
		  "Where entries are kept: file:///folder or\n"
		  "s3://bucket/prefix?region=NAME&endpoint=URL\n"
		  "(default: $XCACHE_STORE, else a folder in\n"
		  "$XDG_CACHE_HOME or ~/.cache)"),
	XC_OPTION("repository", TEXT, repository, "NAME",
		  "Repository that entries belong to (default:\n"
		  "$GITHUB_REPOSITORY, else \"local\")"),
	XC_OPTION("scope", LIST, scopes, "REF",
		  "Branch or tag that entries belong to; may be\n"
		  "repeated: the first is written to, all are read\n"
		  "(default: $GITHUB_REF, a pull request's base and\n"
		  "the default branch, else \"default\")"),
	XC_OPTION("workspace", TEXT, workspace, "DIR",
		  "Where relative paths start (default:\n"
		  "$GITHUB_WORKSPACE, else the current directory)"),
	{ .name = "jobs",
	  .letter = 'j',
	  .kind = XC_OPTION_NUMBER,
	  .offset = offsetof(struct xc_args, jobs),
	  .value = "N",
	  .help = "Threads, 1 to 256 (default: one per core)",
	  .min = 1,
	  .max = 256 },
	{ .name = "connections",
	  .kind = XC_OPTION_NUMBER,
	  .offset = offsetof(struct xc_args, connections),
	  .value = "N",
	  .help = "Connections to an S3 store, 1 to 128 (default:\n"
		  "$XCACHE_CONNECTIONS, else 8, and more while that\n"
		  "makes it faster)",
	  .min = 1,
	  .max = 128 },
	XC_OPTION("profile", TEXT, profile, "NAME",
		  "Profile of ~/.aws/config for an S3 store\n"
		  "(default: $AWS_PROFILE, else \"default\")"),
	XC_OPTION("role-arn", TEXT, role_arn, "ARN",
		  "Role to assume for an S3 store; in a GitHub job with\n"
		  "the job's own identity, so that no keys are needed"),
	XC_OPTION("no-sign-request", FLAG, no_sign_request, NULL,
		  "Read an S3 store without any credentials"),
	XC_OPTION("trace", FLAG, trace, NULL, "Print each request to an S3 store"),
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = XC_OPTION_FLAG,
	  .offset = offsetof(struct xc_args, quiet),
	  .help = "No progress and no summary: only errors, and the\n"
		  "output of list and inspect" },
	{ .name = "verbose",
	  .letter = 'v',
	  .kind = XC_OPTION_FLAG,
	  .offset = offsetof(struct xc_args, verbose),
	  .help = "Also print the settings and where the time went" },
};

static const struct xc_option always[] = {
	XC_OPTION("json", FLAG, json, NULL, "Print one JSON document to standard output"),
	{ .name = "help",
	  .letter = 'h',
	  .kind = XC_OPTION_FLAG,
	  .offset = offsetof(struct xc_args, help),
	  .help = "Print this help" },
};

void xc_args_release(struct xc_args *args)
{
	xc_strlist_release(&args->restore_keys);
	xc_strlist_release(&args->parent_keys);
	xc_strlist_release(&args->paths);
	xc_strlist_release(&args->scopes);
	xc_strlist_release(&args->operands);
	*args = (struct xc_args)XC_ARGS_INIT;
}

/* The options of a command, its own before the common ones; NULL past the last. */
static const struct xc_option *option_at(const struct xc_command *command, size_t position)
{
	size_t common_count = command->standalone ? 0 : ARRAY_LEN(common);

	if (position < command->option_count)
		return &command->options[position];
	position -= command->option_count;
	if (position < common_count)
		return &common[position];
	position -= common_count;
	return position < ARRAY_LEN(always) ? &always[position] : NULL;
}

static const struct xc_option *find_name(const struct xc_command *command, const char *name,
					 size_t length)
{
	const struct xc_option *option;

	for (size_t i = 0; (option = option_at(command, i)) != NULL; i++)
		if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
			return option;
	return NULL;
}

static const struct xc_option *find_letter(const struct xc_command *command, char letter)
{
	const struct xc_option *option;

	for (size_t i = 0; (option = option_at(command, i)) != NULL; i++)
		if (option->letter == letter)
			return option;
	return NULL;
}

static int refuse_unknown(const struct xc_command *command, const char *word, const char *name,
			  struct xc_err *err)
{
	const char *names[OPTIONS_MAX], *nearest;
	const struct xc_option *option;
	size_t count = 0;

	while (count < OPTIONS_MAX && (option = option_at(command, count)) != NULL)
		names[count++] = option->name;
	nearest = xc_suggest(name, names, count);
	if (nearest)
		return xc_err_set(err, XC_ERR_USAGE, "unknown option %s; did you mean --%s?",
				  XC_QUOTE(word), nearest);
	return xc_err_set(err, XC_ERR_USAGE, "unknown option %s", XC_QUOTE(word));
}

static int parse_number(const struct xc_option *option, const char *text, long *ret_number,
			struct xc_err *err)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || number < option->min ||
	    number > option->max)
		return xc_err_set(err, XC_ERR_USAGE, "--%s takes a number from %ld to %ld, not %s",
				  option->name, option->min, option->max,
				  *text ? XC_QUOTE(text) : "nothing");
	*ret_number = number;
	return 0;
}

static int set_value(const struct xc_option *option, const char *text, struct xc_args *args,
		     struct xc_err *err)
{
	void *place = (char *)args + option->offset;

	if (*text == '\0' && (option->kind == XC_OPTION_TEXT || option->kind == XC_OPTION_LIST))
		return xc_err_set(err, XC_ERR_USAGE, "the value of --%s is empty", option->name);
	switch (option->kind) {
	case XC_OPTION_FLAG:
		*(bool *)place = true;
		return 0;
	case XC_OPTION_TEXT:
	case XC_OPTION_ANY_TEXT:
		*(const char **)place = text;
		return 0;
	case XC_OPTION_LIST:
		xc_strlist_add(place, text);
		return 0;
	case XC_OPTION_LINES:
		xc_strlist_add_lines(place, text);
		return 0;
	case XC_OPTION_NUMBER:
		return parse_number(option, text, place, err);
	}
	return xc_err_set(err, XC_ERR_INTERNAL, "option --%s has no kind", option->name);
}

struct cursor {
	const struct xc_command *command;
	char **next; /* ends with NULL */
};

/* Whether a word is an option of this command, and so hardly the value of another. */
static bool is_option(const struct xc_command *command, const char *word)
{
	if (strncmp(word, "--", 2) != 0)
		return false;
	return find_name(command, word + 2, strcspn(word + 2, "=")) != NULL;
}

/* The value is the next word. */
static int take_value(struct cursor *cursor, const struct xc_option *option, struct xc_args *args,
		      struct xc_err *err)
{
	const char *value = *cursor->next;

	if (!value)
		return xc_err_set(err, XC_ERR_USAGE, "--%s needs a value: --%s %s", option->name,
				  option->name, option->value);
	if (is_option(cursor->command, value))
		return xc_err_set(err, XC_ERR_USAGE,
				  "--%s needs a value, but the option %s follows; if that is "
				  "the value, write --%s=%s",
				  option->name, XC_QUOTE(value), option->name, XC_QUOTE(value));
	cursor->next++;
	return set_value(option, value, args, err);
}

static int parse_long(struct cursor *cursor, const char *word, struct xc_args *args,
		      struct xc_err *err)
{
	const char *name = word + 2, *equals = strchrnul(name, '=');
	const struct xc_option *option = find_name(cursor->command, name, (size_t)(equals - name));
	cleanup_free char *typed = xc_strndup(word, (size_t)(equals - word));

	if (!option)
		return refuse_unknown(cursor->command, typed, typed + 2, err);
	if (*equals == '\0' && option->kind != XC_OPTION_FLAG)
		return take_value(cursor, option, args, err);
	if (*equals == '=' && option->kind == XC_OPTION_FLAG)
		return xc_err_set(err, XC_ERR_USAGE, "--%s takes no value", option->name);
	return set_value(option, *equals == '=' ? equals + 1 : "", args, err);
}

/* "-q", "-qv", "-j4", "-j 4". */
static int parse_letters(struct cursor *cursor, const char *word, struct xc_args *args,
			 struct xc_err *err)
{
	for (const char *at = word + 1; *at != '\0'; at++) {
		const struct xc_option *option = find_letter(cursor->command, *at);

		if (!option && at == word + 1)
			return refuse_unknown(cursor->command, word, word + 1, err);
		if (!option)
			return xc_err_set(err, XC_ERR_USAGE, "unknown option -%c in %s",
					  *at > 0x20 && *at < 0x7f ? *at : '?', XC_QUOTE(word));
		if (option->kind != XC_OPTION_FLAG)
			return at[1] ? set_value(option, at + 1, args, err)
				     : take_value(cursor, option, args, err);
		if (set_value(option, "", args, err) < 0)
			return -1;
	}
	return 0;
}

/* A word that is no option. */
static int take_word(const struct xc_command *command, const char *word, struct xc_args *args,
		     struct xc_err *err)
{
	if (command->needs & XC_NEEDS_OPERANDS) {
		xc_strlist_add(&args->operands, word);
		return 0;
	}
	if (command->needs & XC_NEEDS_PATHS)
		return xc_err_set(err, XC_ERR_USAGE,
				  "unexpected argument %s; give each path with --path %s",
				  XC_QUOTE(word), XC_QUOTE(word));
	return xc_err_set(err, XC_ERR_USAGE, "unexpected argument %s", XC_QUOTE(word));
}

/* An error that comes before --json must be reported in JSON too. */
static bool asks_for_json(char **argv)
{
	for (; *argv && strcmp(*argv, "--") != 0; argv++)
		if (strcmp(*argv, "--json") == 0)
			return true;
	return false;
}

int xc_options_parse(const struct xc_command *command, int argc, char **argv,
		     struct xc_args *ret_args, struct xc_err *err)
{
	struct cursor cursor = { .command = command, .next = argv + (argc > 0) };

	ret_args->json = asks_for_json(cursor.next);
	while (*cursor.next && !ret_args->help) {
		const char *word = *cursor.next++;
		int result;

		if (strcmp(word, "--") == 0)
			break;
		if (word[0] != '-' || word[1] == '\0')
			result = take_word(command, word, ret_args, err);
		else
			result = word[1] == '-' ? parse_long(&cursor, word, ret_args, err)
						: parse_letters(&cursor, word, ret_args, err);
		if (result < 0)
			return -1;
	}
	while (*cursor.next && !ret_args->help)
		if (take_word(command, *cursor.next++, ret_args, err) < 0)
			return -1;
	return 0;
}

static void print_option(const struct xc_option *option, FILE *out)
{
	const char *line = option->help;
	int width;

	if (option->letter)
		width = fprintf(out, "  -%c, --%s", option->letter, option->name);
	else
		width = fprintf(out, "      --%s", option->name);
	if (option->value)
		width += fprintf(out, " %s", option->value);
	/* Two blanks at least, or else a line of its own. */
	if (width + 2 > HELP_COLUMN) {
		putc('\n', out);
		width = 0;
	}
	for (;;) {
		size_t length = strcspn(line, "\n");

		fprintf(out, "%*s%.*s\n", HELP_COLUMN - width, "", (int)length, line);
		if (line[length] == '\0')
			return;
		line += length + 1;
		width = 0;
	}
}

void xc_options_help(const struct xc_command *command, FILE *out)
{
	const struct xc_option *option;

	fprintf(out, "Usage: xcache %s %s\n\n%s\n", command->name, command->usage, command->about);
	if (command->option_count > 0)
		fputs("\nOptions:\n", out);
	for (size_t i = 0; (option = option_at(command, i)) != NULL; i++) {
		if (i == command->option_count)
			fputs(i ? "\nCommon options:\n" : "\nOptions:\n", out);
		print_option(option, out);
	}
	if (command->examples)
		fprintf(out, "\nExamples:\n%s\n", command->examples);
	fprintf(out, "\nExit status:\n%s\n", command->exits);
}
