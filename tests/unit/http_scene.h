/* SPDX-License-Identifier: Apache-2.0 */
/* A server with a script and an engine that talks to it. */
#ifndef TESTS_UNIT_HTTP_SCENE_H
#define TESTS_UNIT_HTTP_SCENE_H

#include "http/http.h"

#include "http_server.h"

struct scene {
	struct server *server;
	struct xc_http *http;
};

/* Waits are short: opts may override what is 0. */
static inline struct scene scene_open(const struct server_step *steps, size_t count,
				      struct xc_http_opts opts)
{
	struct scene scene = { .server = server_start(steps, count) };
	struct xc_err err;

	opts.backoff_ms = opts.backoff_ms ? opts.backoff_ms : 5;
	opts.attempts = opts.attempts ? opts.attempts : 4;
	if (xc_http_new(&opts, &scene.http, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	return scene;
}

/* No requests any more; scene.server->seen may then be read. */
static inline void scene_stop(struct scene *scene)
{
	xc_http_free(scene->http);
	server_stop(scene->server);
}

static inline void scene_close(struct scene *scene)
{
	scene_stop(scene);
	server_free(scene->server);
}

static inline char *scene_url(const struct scene *scene, const char *path)
{
	return xc_asprintf("http://127.0.0.1:%u%s", scene->server->port, path);
}

static inline struct xc_http_request scene_request(const struct scene *scene, const char *method,
						   const char *path)
{
	return (struct xc_http_request){ .method = method, .url = scene_url(scene, path) };
}

static inline bool is_pattern(const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (data[i] != server_byte(i))
			return false;
	}
	return true;
}

static inline char *make_pattern(size_t length)
{
	char *data = xc_malloc(length);

	for (size_t i = 0; i < length; i++)
		data[i] = server_byte(i);
	return data;
}

static inline uint64_t scene_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
