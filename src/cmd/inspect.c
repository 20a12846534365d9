/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include "entry/layer.h"
#include "report/document.h"
#include "report/files.h"
#include "report/manifest.h"

static const struct xc_option options[] = {
	XC_OPTION("key", TEXT, key, "KEY", "Entry to show: exactly this key"),
	XC_OPTION("path", LINES, paths, "PATH",
		  "If several entries have the key: the one saved with\n"
		  "these --path lines (default: the newest)"),
	XC_OPTION("files", FLAG, files, NULL, "List its files as ls -l would"),
};

static const struct xc_command command = {
	.name = "inspect",
	.usage = "--key KEY [--path PATH]... [--files]",
	.about = "Show what an entry consists of. Paths below the workspace start with \".\",\n"
		 "those in the home directory with \"~\".",
	.options = options,
	.option_count = ARRAY_LEN(options),
	.needs = XC_NEEDS_KEY,
	.examples = "  xcache inspect --key npm-1f2e3d\n"
		    "  xcache inspect --key npm-1f2e3d --files | grep '\\.node$'",
	.exits = "  0  shown\n"
		 "  1  failed\n"
		 "  2  wrong usage\n"
		 "  3  no entry has this key",
};

static void print_files(const struct xc_entry_layers *layers)
{
	for (uint32_t i = 0; i < layers->count; i++)
		xc_files_print(&layers->items[i].index.members, &layers->items[i].alive, stdout);
}

static void print_files_json(const struct xc_entry_layers *layers, const struct xc_match *match)
{
	cleanup_json json_t *document = xc_document_inspect(match);
	bool first = true;

	xc_document_begin_array(document, "members", stdout);
	for (uint32_t i = 0; i < layers->count; i++) {
		const struct xc_members *members = &layers->items[i].index.members;

		for (uint32_t j = 0; j < members->count; j++) {
			if (!xc_member_set_has(&layers->items[i].alive, j))
				continue;
			xc_document_add_element(xc_files_json(members, j), first, stdout);
			first = false;
		}
	}
	xc_document_end_array(stdout);
}

static void report(const struct xc_args *args, const struct xc_match *match,
		   const struct xc_entry_layers *layers)
{
	if (args->files && args->json) {
		print_files_json(layers, match);
	} else if (args->files) {
		print_files(layers);
	} else if (args->json) {
		cleanup_json json_t *document = xc_document_inspect(match);

		xc_document_print(document, stdout);
	} else {
		xc_manifest_print(match->scope, &match->manifest, xc_cmd_now_s(), stdout);
	}
}

int xc_cmd_inspect(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	cleanup_session struct xc_session session = XC_SESSION_INIT;
	cleanup_match struct xc_match match = XC_MATCH_INIT;
	cleanup_layers struct xc_entry_layers layers = XC_ENTRY_LAYERS_INIT;
	char version[XC_VERSION_HEX + 1];
	struct xc_err err;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	if (xc_session_open(&session, &args, &err) < 0 ||
	    xc_cache_find_key(&session.cache, args.key, xc_cmd_version_of(&args, version), &match,
			      &err) < 0)
		return xc_cmd_fail(&command, &args, &session, &err);
	if (args.files && xc_layers_load(&session.cache,
					 &(struct xc_layers_source){ .scope = match.scope,
								     .manifest = &match.manifest },
					 &layers, &err) < 0)
		return xc_cmd_fail(&command, &args, &session, &err);
	xc_session_finish(&session);
	report(&args, &match, &layers);
	return XC_EXIT_DONE;
}
