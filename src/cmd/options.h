/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines: each subcommand describes itself in one struct xc_command,
 * from which its arguments are parsed and its help is printed, so that the
 * two cannot differ.
 */
#ifndef XC_CMD_OPTIONS_H
#define XC_CMD_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "base/strlist.h"

/* What any subcommand may be given. Texts are borrowed from argv. */
struct xc_args {
	const char *key, *key_prefix;
	const char *store, *repository, *workspace;
	struct xc_strlist restore_keys, parent_keys, paths, scopes;
	const char *profile, *role_arn;
	long jobs, connections; /* 0: not given */
	long level, days;
	long expire_days;    /* -1: not given */
	long grace, max_age; /* hours; days, 0: not given */
	const char *max_size;
	const char *mount; /* off, auto, eager, lazy */
	long watch;        /* a process; 0: not given */
	bool lazy, read_only;
	struct xc_strlist operands; /* words that are no options, where a command takes them */
	bool dry_run, force, fast, all;
	bool update, full, lookup_only, legacy_layout, files, keys_only;
	bool no_sign_request, trace, xml;
	bool json, quiet, verbose, help;
};

#define XC_ARGS_INIT                                                                               \
	{                                                                                          \
		.expire_days = -1                                                                  \
	}
void xc_args_release(struct xc_args *args);
#define cleanup_args __attribute__((cleanup(xc_args_release)))

enum xc_option_kind {
	XC_OPTION_FLAG,     /* bool */
	XC_OPTION_TEXT,     /* const char *, not empty; the last one counts */
	XC_OPTION_ANY_TEXT, /* the same, perhaps empty */
	XC_OPTION_LIST,     /* struct xc_strlist, one item each time */
	XC_OPTION_LINES,    /* struct xc_strlist, each line an item */
	XC_OPTION_NUMBER,   /* long, from min to max */
};

struct xc_option {
	const char *name; /* without dashes */
	char letter;      /* 0 for none */
	enum xc_option_kind kind;
	size_t offset;     /* of its place in struct xc_args */
	const char *value; /* how the help calls its value */
	const char *help;  /* lines of at most 52 columns */
	long min, max;
};

#define XC_OPTION(long_name, of_kind, field, called, text)                                         \
	{                                                                                          \
		.name = (long_name), .kind = XC_OPTION_##of_kind,                                  \
		.offset = offsetof(struct xc_args, field), .value = (called), .help = (text)       \
	}

/* What lookup and restore have in common. */
#define XC_OPTION_RESTORE_KEY                                                                      \
	XC_OPTION("restore-key", LINES, restore_keys, "PREFIX",                                    \
		  "Otherwise the newest entry whose key starts with\n"                             \
		  "PREFIX; may be repeated (up to 9), tried in order")
#define XC_OPTION_SAVED_PATH                                                                       \
	XC_OPTION("path", LINES, paths, "PATH",                                                    \
		  "The lines that the entry was saved with, in the\n"                              \
		  "same order; without them it is not found. May be\n"                             \
		  "repeated")
#define XC_OPTION_LEGACY_LAYOUT                                                                    \
	XC_OPTION("legacy-layout", FLAG, legacy_layout, NULL,                                      \
		  "On a miss also look for KEY-base.tar.zst and the\n"                             \
		  "newest KEY-delta-*.tar.zst right below the store's\n"                           \
		  "URL, which hold the content of the one --path")

/* What restore and mount have in common. */
#define XC_OPTION_WATCH                                                                            \
	{                                                                                          \
		.name = "watch", .kind = XC_OPTION_NUMBER,                                         \
		.offset = offsetof(struct xc_args, watch), .value = "PID",                         \
		.help = "Unmount when this process ends (default: the\n"                           \
			"process of GitHub's runner that runs this job)",                          \
		.min = 1, .max = INT_MAX                                                           \
	}

enum xc_command_needs {
	XC_NEEDS_KEY = 1,
	XC_NEEDS_PATHS = 2,
	XC_NEEDS_OPERANDS = 4, /* words that are no options */
};

struct xc_command {
	const char *name;
	const char *usage; /* what follows "xcache <name>" */
	const char *about; /* what it does, in a few lines */
	const struct xc_option *options;
	size_t option_count;
	bool standalone; /* works without a store: of the common options only --json and --help */
	unsigned needs;  /* enum xc_command_needs */
	const char *examples; /* lines, indented by two; NULL for none */
	const char *exits;    /* likewise: what the exit codes mean here */
};

/*
 * Parse argv[1] and on. USAGE naming the word that is wrong, and the option
 * that may have been meant. Ends early, with `help` set, at --help. Even on
 * failure *ret_args says whether --json was given, and is to be released.
 */
int xc_options_parse(const struct xc_command *command, int argc, char **argv,
		     struct xc_args *ret_args, struct xc_err *err) XC_CHECK;

/* Print the help that --help asks for. */
void xc_options_help(const struct xc_command *command, FILE *out);

#endif
