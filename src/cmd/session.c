/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include "action/access.h"
#include "action/context.h"
#include "base/human.h"

static void trace_request(void *context, const char *line)
{
	(void)context;
	fprintf(stderr, "%s\n", line);
}

static int open_store(struct xc_session *session, const struct xc_args *args, struct xc_err *err)
{
	cleanup_free char *url = args->store ? xc_strdup(args->store) : xc_defaults_store(err);
	const bool is_private = !args->store && xc_defaults_store_is_private();
	const struct xc_store_setting settings[] = {
		{ "profile", args->profile },
		{ "role-arn", args->role_arn },
		{ "anonymous", args->no_sign_request ? "yes" : NULL },
		{ "private", is_private ? "yes" : NULL },
	};
	struct xc_store_opts opts = {
		.cancel = xc_signals_cancel(),
		.connections = (unsigned)args->connections,
		.settings = settings,
		.setting_count = ARRAY_LEN(settings),
		.trace = args->trace ? trace_request : NULL,
	};

	if (!url || (opts.connections == 0 && xc_defaults_connections(&opts.connections, err) < 0))
		return -1;
	return xc_store_open(url, &opts, &session->store, err);
}

/* What a workflow's run may read. An event that cannot be read names no default branch. */
static void add_workflow_scopes(struct xc_strlist *scopes, const struct xc_action_context *context)
{
	cleanup_action_event struct xc_action_event event = XC_ACTION_EVENT_INIT;
	struct xc_err ignored;

	if (context->ref && context->event_path)
		(void)!xc_action_event_read(context->event_name, context->event_path, &event,
					    &ignored);
	xc_action_access_scopes(context, &event, false, scopes);
}

static void fill_scopes(struct xc_session *session, const struct xc_args *args,
			const struct xc_action_context *context)
{
	for (size_t i = 0; i < args->scopes.count; i++)
		xc_strlist_add(&session->scopes, args->scopes.items[i]);
	if (session->scopes.count == 0)
		add_workflow_scopes(&session->scopes, context);
	if (session->scopes.count == 0)
		xc_strlist_add(&session->scopes, "default");
}

char *xc_session_scopes(const struct xc_session *session)
{
	struct xc_buf text = XC_BUF_INIT;

	xc_buf_add_str(&text, session->scopes.count > 1 ? "scopes " : "scope ");
	for (size_t i = 0; i < session->scopes.count; i++) {
		xc_buf_add_str(&text, i ? ", " : "");
		xc_human_quote(session->scopes.items[i], &text);
	}
	return xc_buf_steal(&text);
}

static void report_settings(const struct xc_session *session)
{
	cleanup_free char *scopes = xc_session_scopes(session);

	fprintf(stderr, "Store %s, repository %s, %s, workspace %s, %s\n",
		session->store->display_url, XC_QUOTE(session->repository), scopes,
		XC_QUOTE(session->roots.workspace),
		XC_COUNTED(session->cache.threads, "thread", "threads"));
}

int xc_session_open(struct xc_session *session, const struct xc_args *args, struct xc_err *err)
{
	cleanup_action_context struct xc_action_context context = XC_ACTION_CONTEXT_INIT;
	const char *repository = args->repository, *workspace = args->workspace;

	xc_action_context_read(&context);
	if (!repository)
		repository = context.repository ? context.repository : "local";
	if (!workspace)
		workspace = context.workspace;
	session->repository = xc_strdup(repository);
	fill_scopes(session, args, &context);
	if (xc_roots_init(&session->roots, workspace, getenv("HOME"), err) < 0 ||
	    open_store(session, args, err) < 0)
		return -1;
	session->state_folder = xc_defaults_state_folder();
	session->cache = (struct xc_cache){
		.store = session->store,
		.repository = session->repository,
		.scopes = &session->scopes,
		.roots = &session->roots,
		.threads = args->jobs ? (unsigned)args->jobs : xc_defaults_threads(),
		.progress = &session->progress,
		.cancel = xc_signals_cancel(),
		.broken = &session->broken,
		.state_folder = session->state_folder,
	};
	if (args->verbose && !args->quiet)
		report_settings(session);
	xc_signals_begin();
	if (!args->quiet)
		session->reporter = xc_reporter_start(&session->progress);
	return 0;
}

void xc_session_finish(struct xc_session *session)
{
	xc_reporter_stop(STEAL_PTR(session->reporter));
	xc_signals_end();
}

void xc_session_close(struct xc_session *session)
{
	xc_session_finish(session);
	xc_store_close(STEAL_PTR(session->store));
	xc_roots_release(&session->roots);
	xc_strlist_release(&session->scopes);
	xc_broken_release(&session->broken);
	free(STEAL_PTR(session->repository));
	free(STEAL_PTR(session->state_folder));
}
