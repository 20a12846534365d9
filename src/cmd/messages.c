/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include <stdarg.h>

#include "report/document.h"

void xc_cmd_warn(const struct xc_command *command, const struct xc_args *args, const char *format,
		 ...)
{
	va_list list;

	if (args->quiet)
		return;
	fprintf(stderr, "xcache %s: warning: ", command->name);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	putc('\n', stderr);
}

void xc_cmd_warn_broken(const struct xc_command *command, const struct xc_args *args,
			const struct xc_session *session)
{
	for (size_t i = 0; i < session->broken.count; i++)
		xc_cmd_warn(command, args, "a broken entry in scope %s was skipped: %s",
			    XC_QUOTE(session->broken.items[i].scope),
			    session->broken.items[i].why.msg);
}

/* Objects of the legacy layout are none that remove takes away: they are never among these. */
static void hint_at_removal(const struct xc_session *session)
{
	for (size_t i = 0; session && i < session->broken.count; i++) {
		const struct xc_broken_entry *entry = &session->broken.items[i];

		if (entry->key)
			fprintf(stderr,
				"hint: \"xcache remove --key %s --scope %s\" removes it, so that a "
				"new one can be saved\n",
				XC_QUOTE(entry->key), XC_QUOTE(entry->scope));
	}
}

static void hint_at_lookup(const struct xc_session *session)
{
	cleanup_free char *scopes = xc_session_scopes(session);

	fprintf(stderr,
		"hint: a lookup finds only entries saved with the same --path lines, here in %s; "
		"\"xcache list\" shows all\n",
		scopes);
}

/* What someone can do about it, where that is not in the message. */
static void print_hint(const struct xc_command *command, const struct xc_session *session,
		       enum xc_err_kind kind)
{
	switch (kind) {
	case XC_ERR_USAGE:
		fprintf(stderr,
			"hint: xcache %s %s\n"
			"hint: \"xcache %s --help\" explains the options\n",
			command->name, command->usage, command->name);
		break;
	case XC_ERR_NOT_FOUND:
		if (session && (command->needs & XC_NEEDS_PATHS))
			hint_at_lookup(session);
		else
			fputs("hint: \"xcache list\" lists the entries\n", stderr);
		break;
	case XC_ERR_CORRUPT:
		hint_at_removal(session);
		break;
	case XC_ERR_NO_MATCH:
		if (session && session->roots.workspace)
			fprintf(stderr, "hint: relative paths start at %s; see --workspace\n",
				XC_QUOTE(session->roots.workspace));
		break;
	default:
		break;
	}
}

static int print_error(const struct xc_command *command, const struct xc_args *args,
		       const struct xc_session *session, const struct xc_err *err)
{
	int code = xc_cmd_exit_code(err->kind);

	if (args->json) {
		cleanup_json json_t *document = xc_document_error(err);

		xc_document_print(document, stdout);
	}
	/* A miss is an answer, no failure. */
	if (args->quiet && code == XC_EXIT_MISS)
		return code;
	fprintf(stderr, "xcache %s: %s\n", command->name, err->msg);
	if (!args->quiet)
		print_hint(command, session, err->kind);
	return code;
}

int xc_cmd_fail(const struct xc_command *command, const struct xc_args *args,
		struct xc_session *session, const struct xc_err *err)
{
	if (session)
		xc_session_finish(session);
	return print_error(command, args, session, err);
}
