/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include "report/document.h"

static const struct xc_command command = {
	.name = "version",
	.usage = "[--json]",
	.about = "Print the version of this program, and in JSON also that of the format.",
	.standalone = true,
	.exits = "  0  always, except for wrong usage: 2",
};

int xc_cmd_version(int argc, char **argv)
{
	cleanup_args struct xc_args args = XC_ARGS_INIT;
	cleanup_json json_t *document = NULL;
	int code;

	if (xc_cmd_begin(&command, argc, argv, &args, &code))
		return code;
	if (!args.json) {
		puts("xcache " XC_VERSION);
		return XC_EXIT_DONE;
	}
	document = xc_document_new();
	json_object_set_new(document, "name", json_string("xcache"));
	json_object_set_new(document, "version", json_string(XC_VERSION));
	json_object_set_new(document, "format", json_integer(XC_FORMAT_VERSION_MAX));
	xc_document_print(document, stdout);
	return XC_EXIT_DONE;
}
