/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action/internal.h"
#include "action/store_url.h"

/* Where the runner mounts the workspace in the containers of Docker actions. */
#define DOCKER_WORKSPACE "/github/workspace"
#define OTHER_ACTIONS    XC_REPOSITORY "/restore and " XC_REPOSITORY "/save instead"

static void hide_secret(void *context, const char *value)
{
	(void)context;
	xc_action_mask(value);
}

/*
 * The IDs that AWS gives out. Those of other servers may be words such as "test": the runner would
 * hide them in the whole log, and drop all job outputs that contain them.
 */
static void hide_key_id(const char *id)
{
	if (strncmp(id, "AKIA", 4) == 0 || strncmp(id, "ASIA", 4) == 0)
		xc_action_mask(id);
}

static void read_event(struct xc_action_run *run)
{
	const struct xc_action_context *context = &run->context;
	struct xc_err err;

	if (context->event_path &&
	    xc_action_event_read(context->event_name, context->event_path, &run->event, &err) < 0)
		xc_action_command("notice",
				  "%s; so the default branch and the commit message are unknown",
				  err.msg);
}

void xc_action_run_begin(struct xc_action_run *run, const struct xc_action_host *host)
{
	run->host = host;
	xc_action_context_read(&run->context);
	xc_action_inputs_read(&run->inputs);
	xc_action_mask(run->inputs.secret_access_key);
	xc_action_mask(run->inputs.session_token);
	hide_key_id(run->inputs.access_key_id);
	xc_action_mask(run->inputs.github_token);
	read_event(run);
	run->shared = strcmp(run->inputs.scope, "repository") == 0;
	xc_action_access_scopes(&run->context, &run->event, run->shared, &run->scopes);
}

int xc_action_run_check(struct xc_action_run *run, struct xc_err *err)
{
	const char *scope = run->inputs.scope;
	cleanup_free char *url = xc_action_store_url(&run->inputs, err);

	if (*scope && strcmp(scope, "ref") != 0 && !run->shared)
		return xc_err_set(err, XC_ERR_USAGE, "scope is %s; write ref or repository",
				  XC_QUOTE(scope));
	return url ? 0 : -1;
}

static int open_store(struct xc_action_run *run, struct xc_err *err)
{
	const struct xc_action_inputs *inputs = &run->inputs;
	cleanup_free char *url = xc_action_store_url(inputs, err);
	const struct xc_store_setting settings[] = {
		{ "access-key-id", inputs->access_key_id },
		{ "secret-access-key", inputs->secret_access_key },
		{ "session-token", inputs->session_token },
		{ "role-arn", inputs->role_arn },
	};
	struct xc_store_opts opts = {
		.cancel = run->host->cancel,
		.connections = run->host->connections,
		.settings = settings,
		.setting_count = ARRAY_LEN(settings),
		.trace = run->context.debug ? xc_action_trace : NULL,
		.secret = hide_secret,
	};

	return url ? xc_store_open(url, &opts, &run->store, err) : -1;
}

/*
 * The root action's container runs as root, in a workspace that mostly is
 * somebody else's: what stayed root's there the steps that follow could
 * neither change nor remove.
 */
static const struct xc_owner *workspace_owner(struct xc_action_run *run)
{
	const char *workspace = run->context.workspace;
	struct stat st;

	if (!run->root || geteuid() != 0 || !workspace ||
	    strcmp(workspace, DOCKER_WORKSPACE) != 0 || stat(workspace, &st) < 0 || st.st_uid == 0)
		return NULL;
	run->owner = (struct xc_owner){ .uid = st.st_uid, .gid = st.st_gid };
	return &run->owner;
}

/* The runner's folder for the job; in a container it may be a name that only the host has. */
static const char *state_folder(const struct xc_action_run *run)
{
	const char *temp = run->context.temp;

	return temp && access(temp, W_OK | X_OK) == 0 ? temp : NULL;
}

int xc_action_run_open(struct xc_action_run *run, const char *key, struct xc_err *err)
{
	run->query = (struct xc_query){
		.key = key,
		.restore_keys = &run->inputs.restore_keys,
		.paths = &run->inputs.paths,
		.legacy_layout = run->inputs.legacy_layout,
	};
	if (xc_roots_init(&run->roots, run->context.workspace, getenv("HOME"), err) < 0 ||
	    open_store(run, err) < 0)
		return -1;
	run->cache = (struct xc_cache){
		.store = run->store,
		.repository = run->context.repository ? run->context.repository : "local",
		.scopes = &run->scopes,
		.roots = &run->roots,
		.threads = run->host->threads,
		.owner = workspace_owner(run),
		.progress = run->host->progress,
		.cancel = run->host->cancel,
		.broken = &run->broken,
		.state_folder = state_folder(run),
	};
	if (run->host->begin)
		run->host->begin(run->host->context);
	return 0;
}

void xc_action_run_finish(struct xc_action_run *run)
{
	if (run->host->end)
		run->host->end(run->host->context);
}

void xc_action_run_end(struct xc_action_run *run)
{
	xc_action_run_finish(run);
	xc_mount_free(STEAL_PTR(run->mount));
	xc_restore_result_release(&run->restored);
	xc_store_close(STEAL_PTR(run->store));
	xc_roots_release(&run->roots);
	xc_strlist_release(&run->scopes);
	xc_broken_release(&run->broken);
	xc_action_event_release(&run->event);
	xc_action_inputs_release(&run->inputs);
	xc_action_context_release(&run->context);
}

bool xc_action_run_has_ref(const struct xc_action_run *run)
{
	const char *name = run->context.event_name;

	if (run->context.ref)
		return true;
	xc_action_info("[warning]Event Validation Error: The event type %s is not supported "
		       "because it's not tied to a branch or tag ref.",
		       name ? name : "undefined");
	return false;
}

bool xc_action_run_lacks_store(const struct xc_action_run *run)
{
	return run->event.fork && !xc_action_store_named(&run->inputs);
}

const char *xc_action_run_ban(const struct xc_action_run *run)
{
	if (run->inputs.read_only)
		return "read-only is set";
	return xc_action_access_ban(&run->context, &run->event, run->shared);
}

static bool is_outside(const char *line, const char *workspace)
{
	line += *line == '!';
	return *line == '~' ||
	       (*line == '/' && !xc_action_is_within(line, strlen(line), workspace));
}

/* A folder of the container, which is gone with it. */
static void warn_outside_store(const struct xc_action_run *run)
{
	static const char scheme[] = "file://";
	struct xc_err err;
	cleanup_free char *url = xc_action_store_url(&run->inputs, &err);
	const char *folder = url ? url + strlen(scheme) : NULL;

	if (url && strncmp(url, scheme, strlen(scheme)) == 0 &&
	    is_outside(folder, run->context.workspace))
		xc_action_command("warning",
				  "This action runs in a container that has only the workspace, so "
				  "the store %s would vanish with it; use %s, "
				  "or a store in S3.",
				  url, OTHER_ACTIONS);
}

void xc_action_warn_outside(const struct xc_action_run *run)
{
	const struct xc_strlist *paths = &run->inputs.paths;
	const char *workspace = run->context.workspace;

	if (!workspace || strcmp(workspace, DOCKER_WORKSPACE) != 0)
		return;
	warn_outside_store(run);
	for (size_t i = 0; i < paths->count; i++)
		if (is_outside(paths->items[i], workspace))
			xc_action_command(
				"warning",
				"This action runs in a container that has only the workspace, so "
				"the path %s refers to the container, not to the job; "
				"use %s.",
				paths->items[i], OTHER_ACTIONS);
}
