/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of credentials share: an environment and a home of their own, a
 * server, and a row that says what comes of them. Every secret in these tests
 * has "sEcReT" in it, and no message, trace line or source may.
 */
#ifndef XC_TESTS_CRED_SCENE_H
#define XC_TESTS_CRED_SCENE_H

#include "scratch.h"

#include "cred_server.h"
#include "aws/credentials/credentials.h"

struct cred_scene {
	struct cred_server server;
	struct xc_buf told; /* secrets, a line each */
	struct xc_buf traced;
};

static struct cred_scene cred_scene;

static inline void cred_told(void *context, const char *value)
{
	struct cred_scene *scene = context;

	xc_buf_addf(&scene->told, "%s\n", value);
}

static inline void cred_traced(void *context, const char *line)
{
	struct cred_scene *scene = context;

	assert_null(strstr(line, "sEcReT"));
	xc_buf_addf(&scene->traced, "%s\n", line);
}

static inline int cred_setup(void **state)
{
	cred_server_start(&cred_scene.server);
	return scratch_setup(state);
}

static inline int cred_teardown(void **state)
{
	cred_server_stop(&cred_scene.server);
	xc_buf_release(&cred_scene.told);
	xc_buf_release(&cred_scene.traced);
	return scratch_teardown(state);
}

/* `text` with %S as the server's address, %H as the home. On the heap. */
static inline char *cred_expand(const char *text)
{
	struct xc_buf out = XC_BUF_INIT;

	for (; *text != '\0'; text++) {
		if (text[0] == '%' && text[1] == 'S')
			xc_buf_addf(&out, "http://127.0.0.1:%u", cred_scene.server.port);
		else if (text[0] == '%' && text[1] == 'P')
			xc_buf_addf(&out, "%u", cred_scene.server.port);
		else if (text[0] == '%' && text[1] == 'H')
			xc_buf_add_str(&out, scratch_path);
		else {
			xc_buf_add_char(&out, *text);
			continue;
		}
		text++;
	}
	return xc_buf_steal(&out);
}

static inline void cred_clear_environment(void)
{
	/* Requests to loopback must not meet a proxy of the machine. */
	static const char *const starts[] = { "AWS_",        "ACTIONS_",   "GITHUB_",
					      "http_proxy=", "all_proxy=", "ALL_PROXY=" };

	for (size_t i = 0; environ[i];) {
		bool ours = false;

		for (size_t k = 0; k < ARRAY_LEN(starts); k++)
			ours = ours || strncmp(environ[i], starts[k], strlen(starts[k])) == 0;
		if (ours) {
			char *name = xc_strndup(environ[i], strcspn(environ[i], "="));

			unsetenv(name);
			free(name);
			i = 0;
		} else {
			i++;
		}
	}
}

/* "NAME=value" lines; nothing else of ours stays. Metadata is only asked where a line names it. */
static inline void cred_environment(const char *lines)
{
	cleanup_free char *text = cred_expand(lines ? lines : "");
	char *rest = text, *line;

	cred_clear_environment();
	setenv("HOME", scratch_path, 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	while ((line = strsep(&rest, "\n"))) {
		char *equals = strchr(line, '=');

		if (!equals)
			continue;
		*equals = '\0';
		setenv(line, equals + 1, 1);
		if (strcmp(line, "AWS_EC2_METADATA_SERVICE_ENDPOINT") == 0)
			unsetenv("AWS_EC2_METADATA_DISABLED");
	}
}

static inline void cred_write(const char *path, const char *text)
{
	cleanup_free char *expanded = text ? cred_expand(text) : NULL;
	cleanup_fd int fd = -1;

	assert_int_equal(xc_fd_make_dirs(AT_FDCWD, ".aws/sso/cache", 0700), 0);
	unlink(path);
	if (!text)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(xc_fd_write_all(fd, expanded, strlen(expanded)), 0);
}

/* The time `offset_s` from now as credentials have it. */
static inline const char *cred_time(char out[32], long offset_s)
{
	time_t at = time(NULL) + offset_s;
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

struct cred_row {
	const char *bug;
	struct xc_credentials_opts opts;
	const char *environment;
	const char *config, *credentials; /* files in ~/.aws */
	const char *file;                 /* "token" in the home */
	struct cred_answer answers[6];
	/* What comes of it. */
	const char *id; /* the access key id; NULL: an error */
	const char *token;
	const char *source;
	enum xc_err_kind kind;
	const char *message;
	const char *sent;     /* some request holds this */
	const char *not_sent; /* and none this */
	const char *told;     /* this secret was told of */
};

static inline void cred_check_failure(const struct cred_row *row, const struct xc_err *err)
{
	if (row->id || err->kind != row->kind || !strstr(err->msg, row->message))
		print_message("   %d: %s\n", err->kind, err->msg);
	assert_null(row->id);
	assert_int_equal(err->kind, row->kind);
	assert_non_null(strstr(err->msg, row->message));
	assert_null(strstr(err->msg, "sEcReT"));
}

static inline void cred_check_success(const struct cred_row *row, const struct xc_credentials *got)
{
	const char *token = got->keys.session_token;

	assert_non_null(row->id);
	assert_string_equal(got->keys.access_key_id ? got->keys.access_key_id : "(none)", row->id);
	assert_string_equal(token ? token : "(none)", row->token ? row->token : "(none)");
	if (row->source && !strstr(got->source, row->source))
		print_message("   %s\n", got->source);
	if (row->source)
		assert_non_null(strstr(got->source, row->source));
	assert_null(strstr(got->source, "sEcReT"));
	if (got->keys.secret_access_key)
		assert_non_null(strstr(got->keys.secret_access_key, "sEcReT"));
}

static inline int cred_get(const struct xc_credentials_opts *opts,
			   const struct xc_credentials **ret_got, struct xc_err *err)
{
	struct xc_credentials_provider *provider;
	int result;

	if (xc_credentials_provider_new(opts, &provider, err) < 0)
		return -1;
	result = xc_credentials_get(provider, ret_got, err);
	/* What was handed out outlives its provider. */
	xc_credentials_provider_free(provider);
	return result;
}

static inline void cred_check_row(const struct cred_row *row)
{
	const struct xc_credentials *got = NULL;
	struct xc_credentials_opts opts = row->opts;
	struct xc_err err = { 0 };

	print_message("%s\n", row->bug);
	cred_environment(row->environment);
	cred_write(".aws/config", row->config);
	cred_write(".aws/credentials", row->credentials);
	cred_write("token", row->file);
	cred_server_script(&cred_scene.server, row->answers, ARRAY_LEN(row->answers));
	xc_buf_clear(&cred_scene.told);
	opts.secret = cred_told;
	opts.trace = cred_traced;
	opts.secret_context = opts.trace_context = &cred_scene;
	if (cred_get(&opts, &got, &err) < 0)
		cred_check_failure(row, &err);
	else
		cred_check_success(row, got);
	xc_credentials_release(got);
	if (row->sent && !cred_server_saw(&cred_scene.server, row->sent))
		print_message("   received: %s\n", xc_buf_str(&cred_scene.server.received));
	assert_true(!row->sent || cred_server_saw(&cred_scene.server, row->sent));
	assert_false(row->not_sent && cred_server_saw(&cred_scene.server, row->not_sent));
	if (row->told)
		assert_non_null(strstr(xc_buf_str(&cred_scene.told), row->told));
}

#endif
