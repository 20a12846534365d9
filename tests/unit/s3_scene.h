/* SPDX-License-Identifier: Apache-2.0 */
/* A server with a script and an S3 client that talks to it. */
#ifndef TESTS_UNIT_S3_SCENE_H
#define TESTS_UNIT_S3_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "aws/s3/s3.h"

#include "http_server.h"

#define ALWAYS UINT32_MAX
#define KEY_ID "AKIAEXAMPLE"
#define SECRET "hunter2hunter2"
#define TOKEN  "session-token-that-nobody-may-read"

/* An error as S3 answers it. */
#define ERROR_XML(code, more)                                                                      \
	"<?xml version=\"1.0\"?><Error><Code>" code "</Code><Message>the words of the server"      \
	"</Message>" more "</Error>"

struct s3_scene {
	struct server *server;
	struct xc_s3 *s3;
};

static inline struct s3_scene s3_open_with(const struct server_step *steps, size_t count,
					   struct xc_s3_opts opts)
{
	struct s3_scene scene = { .server = server_start(steps, count) };
	cleanup_free char *endpoint = xc_asprintf("http://127.0.0.1:%u", scene.server->port);
	struct xc_err err;

	opts.bucket = "bucket";
	opts.endpoint = endpoint;
	opts.region = opts.region ? opts.region : "us-east-1";
	opts.http.backoff_ms = 2;
	opts.http.attempts = 4;
	if (!opts.credentials.profile && !opts.credentials.anonymous) {
		opts.credentials.access_key_id = KEY_ID;
		opts.credentials.secret_access_key = SECRET;
	}
	if (xc_s3_new(&opts, &scene.s3, &err) < 0)
		fail_msg("%s", err.msg);
	return scene;
}

static inline struct s3_scene s3_open(const struct server_step *steps, size_t count)
{
	return s3_open_with(steps, count, (struct xc_s3_opts){ .checksums = -1 });
}

/* No requests any more; how many came. What came can be looked at until s3_close. */
static inline unsigned s3_stop(struct s3_scene *scene)
{
	xc_s3_free(STEAL_PTR(scene->s3));
	server_stop(scene->server);
	return scene->server->seen_count;
}

static inline void s3_close(struct s3_scene *scene)
{
	if (scene->s3)
		s3_stop(scene);
	server_free(scene->server);
}

static inline void expect(int result, const struct xc_err *err, enum xc_err_kind kind,
			  const char *part)
{
	if (result != 0 && kind == XC_ERR_NONE)
		fail_msg("%s", err->msg);
	if (result == 0 && kind != XC_ERR_NONE)
		fail_msg("succeeded, '%s' expected", part);
	if (kind == XC_ERR_NONE)
		return;
	if (err->kind != kind)
		fail_msg("kind %d instead of %d: %s", err->kind, kind, err->msg);
	if (!strstr(err->msg, part))
		fail_msg("'%s' is not in: %s", part, err->msg);
	assert_null(strstr(err->msg, SECRET));
	assert_null(strstr(err->msg, TOKEN));
}

static inline void expect_head(const struct s3_scene *scene, unsigned number, const char *part)
{
	assert_true(number < scene->server->seen_count);
	if (!strstr(scene->server->seen[number].head, part))
		fail_msg("'%s' is not in: %s", part, scene->server->seen[number].head);
}

static inline void expect_no_head(const struct s3_scene *scene, unsigned number, const char *part)
{
	assert_true(number < scene->server->seen_count);
	if (strcasestr(scene->server->seen[number].head, part))
		fail_msg("'%s' is in: %s", part, scene->server->seen[number].head);
}

struct s3_wait {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned left;
	int result;
};

static inline void s3_wake(struct s3_wait *wait, int result)
{
	pthread_mutex_lock(&wait->lock);
	if (result < 0)
		wait->result = -1;
	wait->left--;
	pthread_cond_signal(&wait->changed);
	pthread_mutex_unlock(&wait->lock);
}

static inline int s3_wait(struct s3_wait *wait)
{
	pthread_mutex_lock(&wait->lock);
	while (wait->left > 0)
		pthread_cond_wait(&wait->changed, &wait->lock);
	pthread_mutex_unlock(&wait->lock);
	return wait->result;
}

#define S3_WAIT_FOR(count)                                                                         \
	{                                                                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER,            \
		.left = (count),                                                                   \
	}

static inline void s3_read_done(struct xc_s3_read *read, int result)
{
	s3_wake(read->owner, result);
}

static inline int s3_read(struct xc_s3 *s3, const char *key, uint64_t offset, char *buffer,
			  size_t length, struct xc_err *err)
{
	struct s3_wait wait = S3_WAIT_FOR(1);
	struct xc_s3_read read = {
		.key = key,
		.offset = offset,
		.length = length,
		.buffer = buffer,
		.owner = &wait,
		.done = s3_read_done,
	};

	xc_s3_read(s3, &read);
	if (s3_wait(&wait) == 0)
		return 0;
	*err = read.err;
	return -1;
}

static inline int s3_get(struct xc_s3 *s3, const char *key, struct xc_err *err)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;

	return xc_s3_get(s3, key, 1 << 20, &data, err);
}

#endif
