/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/isolate.h"
#include "base/suggest.h"
#include "cmd/cmd.h"

static const struct command {
	const char *name;
	const char *summary; /* NULL: not for people */
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "restore", "Restore the files of an entry", xc_cmd_restore },
	{ "save", "Save files and directories as an entry", xc_cmd_save },
	{ "mount", "Mount an entry instead of extracting it", xc_cmd_mount },
	{ "unmount", "Unmount an entry", xc_cmd_unmount },
	{ "lookup", "Show which entry a restore would use", xc_cmd_lookup },
	{ "list", "List entries", xc_cmd_list },
	{ "inspect", "Show what an entry consists of", xc_cmd_inspect },
	{ "remove", "Remove entries", xc_cmd_remove },
	{ "verify", "Check that entries can be restored", xc_cmd_verify },
	{ "stats", "Show what the entries of a repository take", xc_cmd_stats },
	{ "gc", "Free what no entry needs any more", xc_cmd_gc },
	{ "doctor", "Check a store, and explain what does not work", xc_cmd_doctor },
	{ "lifecycle", "Print lifecycle rules for a bucket", xc_cmd_lifecycle },
	{ "action", "What the GitHub actions run", xc_cmd_action },
	{ "version", "Print the version", xc_cmd_version },
	{ "mounter", NULL, xc_cmd_mounter },
};

static void print_help(FILE *out)
{
	fputs("Usage: xcache COMMAND [options]\n\n"
	      "Saves directories of a CI job to a store and restores them in a later job.\n\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (commands[i].summary)
			fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
	fputs("\nExample:\n"
	      "  xcache restore --key npm-1f2e3d --restore-key npm- --path node_modules\n"
	      "  npm ci\n"
	      "  xcache save --key npm-1f2e3d --path node_modules\n\n"
	      "\"xcache help COMMAND\" explains a command and its options.\n",
	      out);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int refuse_command(const char *name)
{
	const char *names[ARRAY_LEN(commands)], *nearest;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		names[i] = commands[i].name;
	nearest = xc_suggest(name, names, ARRAY_LEN(commands));
	if (name[0] == '-')
		fprintf(stderr, "xcache: the command comes first, but %s is an option\n",
			XC_QUOTE(name));
	else if (nearest)
		fprintf(stderr, "xcache: there is no command %s; did you mean %s?\n",
			XC_QUOTE(name), nearest);
	else
		fprintf(stderr, "xcache: there is no command %s\n", XC_QUOTE(name));
	fputs("hint: \"xcache --help\" lists the commands\n", stderr);
	return XC_EXIT_USAGE;
}

static int help_for(char *name)
{
	const struct command *command = find_command(name);
	char option[] = "--help";
	char *argv[] = { name, option, NULL };

	return command ? command->run(2, argv) : refuse_command(name);
}

static int dispatch(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	const struct command *command;

	if (!name) {
		print_help(stderr);
		return XC_EXIT_USAGE;
	}
	command = find_command(name);
	if (command)
		return command->run(argc - 1, argv + 1);
	if (strcmp(name, "--version") == 0)
		return xc_cmd_version(argc - 1, argv + 1);
	if (strcmp(name, "help") == 0 && argc > 2)
		return help_for(argv[2]);
	if (strcmp(name, "help") != 0 && strcmp(name, "--help") != 0 && strcmp(name, "-h") != 0)
		return refuse_command(name);
	print_help(stdout);
	return XC_EXIT_DONE;
}

int main(int argc, char **argv)
{
	xc_isolate_process();
	return xc_cmd_finish(dispatch(argc, argv));
}
