/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "report/document.h"

int xc_cmd_exit_code(enum xc_err_kind kind)
{
	switch (kind) {
	case XC_ERR_NONE:
		return XC_EXIT_DONE;
	case XC_ERR_USAGE:
		return XC_EXIT_USAGE;
	case XC_ERR_NOT_FOUND:
		return XC_EXIT_MISS;
	default:
		return XC_EXIT_FAILED;
	}
}

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

static void print_scopes(const struct xc_session *session)
{
	fprintf(stderr, "hint: searched were the entries saved with the same --path lines in ");
	for (size_t i = 0; i < session->scopes.count; i++)
		fprintf(stderr, "%s%s", i ? ", " : "scope ", XC_QUOTE(session->scopes.items[i]));
	fputs("; \"xcache list\" shows what there is\n", stderr);
}

/* What someone can do about it, where that is not in the message. */
static void print_hint(const struct xc_command *command, const struct xc_args *args,
		       const struct xc_session *session, enum xc_err_kind kind)
{
	switch (kind) {
	case XC_ERR_USAGE:
		if (args->store && strstr(args->store, "://") == NULL && args->store[0] == '/')
			fprintf(stderr, "hint: a folder is given as --store file://%s\n",
				XC_QUOTE(args->store));
		else
			fprintf(stderr, "hint: \"xcache %s --help\" explains the options\n",
				command->name);
		break;
	case XC_ERR_NOT_FOUND:
		if (session && (command->needs & XC_NEEDS_PATHS))
			print_scopes(session);
		else
			fputs("hint: \"xcache list\" shows what there is\n", stderr);
		break;
	case XC_ERR_CORRUPT:
		if (args->key)
			fprintf(stderr,
				"hint: \"xcache remove --key %s\" makes way for a new entry\n",
				XC_QUOTE(args->key));
		break;
	case XC_ERR_CHANGED:
		fputs("hint: save when nothing writes to these files any more\n", stderr);
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
		print_hint(command, args, session, err->kind);
	return code;
}

int xc_cmd_fail(const struct xc_command *command, const struct xc_args *args,
		struct xc_session *session, const struct xc_err *err)
{
	int code;

	if (session)
		xc_session_rest(session);
	code = print_error(command, args, session, err);
	if (err->kind == XC_ERR_CANCELED && xc_signals_received())
		return XC_EXIT_SIGNAL + xc_signals_received();
	return code;
}

int xc_cmd_finish(int code)
{
	bool failed = ferror(stdout) != 0;
	struct xc_err err;

	errno = 0;
	failed |= fflush(stdout) != 0;
	xc_err_sys(&err, errno, "cannot write to standard output");
	if (code > XC_EXIT_SIGNAL) {
		signal(code - XC_EXIT_SIGNAL, SIG_DFL);
		raise(code - XC_EXIT_SIGNAL);
	}
	if (!failed)
		return code;
	/* A reader that has seen enough, such as head, is no one to complain to. */
	if (err.sys != EPIPE)
		fprintf(stderr, "xcache: %s\n", err.msg);
	return code ? code : XC_EXIT_FAILED;
}
