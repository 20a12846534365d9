/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: its thread, its loop, and the ways in from other threads. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>

#include "http/internal.h"

/* A cancel is seen within this time, and a stall. */
#define TICK_MS 40
/* While nothing is under way only a wakeup can bring news. */
#define IDLE_MS 60000

static bool read_messages(struct xc_http *http)
{
	CURLMsg *message;
	bool any = false;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
		/* `message` goes with its handle. */
		CURLcode code = message->data.result;
		struct xc_attempt *attempt = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &attempt);
		xc_attempt_ended(attempt, code);
		any = true;
	}
	return any;
}

static int timeout_ms(const struct xc_http *http, uint64_t now_ms)
{
	const struct xc_call *call;
	uint64_t timeout = TICK_MS;

	if (http->calls == 0)
		return IDLE_MS;
	for (call = TAILQ_FIRST(&http->delayed); call; call = TAILQ_NEXT(call, link))
		timeout = XC_MIN(timeout, call->ready_ms > now_ms ? call->ready_ms - now_ms : 0);
	return (int)timeout;
}

static void sleep_for_news(struct xc_http *http)
{
	struct pollfd fds[XC_RESOLVE_POLL_MAX];
	struct curl_waitfd waits[XC_RESOLVE_POLL_MAX];
	int timeout = timeout_ms(http, xc_clock_ms());
	unsigned count = http->resolver ? xc_resolver_poll(http->resolver, fds, &timeout) : 0;

	for (unsigned i = 0; i < count; i++)
		waits[i] = (struct curl_waitfd){ .fd = fds[i].fd, .events = fds[i].events };
	curl_multi_poll(http->multi, waits, count, timeout, NULL);
	if (!http->resolver)
		return;
	/* curl passes on only some of what poll says: ask again for all of it. */
	if (count > 0)
		poll(fds, count, 0);
	if (xc_resolver_process(http->resolver, fds, count))
		xc_calls_resolve(http);
}

static bool is_over(struct xc_http *http)
{
	bool over;

	pthread_mutex_lock(&http->mutex);
	over = http->ending && http->calls == 0 && TAILQ_EMPTY(&http->incoming);
	pthread_mutex_unlock(&http->mutex);
	return over;
}

static void *run(void *context)
{
	struct xc_http *http = context;
	int running;

	while (!is_over(http)) {
		uint64_t now_ms = xc_clock_ms();

		xc_calls_accept(http);
		xc_calls_cancel(http, now_ms);
		xc_calls_wake(http, now_ms);
		xc_calls_start(http);
		curl_multi_perform(http->multi, &running);
		/* What ended makes room for what waits: no sleep before that has started. */
		if (read_messages(http))
			continue;
		/* Attempts have begun since the loop did: none may be younger than "now". */
		now_ms = xc_clock_ms();
		if (now_ms - http->ticked_ms >= TICK_MS / 2) {
			http->ticked_ms = now_ms;
			xc_watch(http, now_ms);
		}
		sleep_for_news(http);
	}
	return NULL;
}

static int start_thread(struct xc_http *http, struct xc_err *err)
{
	sigset_t all, before;
	int result;

	/* Signals go to the thread that can answer them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(&http->thread, NULL, run, http);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result == 0 ? 0 : xc_err_sys(err, result, "cannot start a thread");
}

static unsigned or_default(unsigned value, unsigned preset)
{
	return value ? value : preset;
}

static struct xc_http *make(const struct xc_http_opts *opts)
{
	struct xc_http *http = xc_calloc(1, sizeof(*http));
	uint64_t seed = 0;

	http->opts = *opts;
	http->opts.connect_timeout_ms = or_default(opts->connect_timeout_ms, 5000);
	http->opts.stall_ms = or_default(opts->stall_ms, 10000);
	http->opts.backoff_ms = or_default(opts->backoff_ms, 100);
	http->opts.attempts = or_default(opts->attempts, 8);
	http->opts.total_ms = or_default(opts->total_ms, 300000);
	pthread_mutex_init(&http->mutex, NULL);
	TAILQ_INIT(&http->incoming);
	for (size_t i = 0; i < XC_PRIORITIES; i++) {
		TAILQ_INIT(&http->waiting[i][false]);
		TAILQ_INIT(&http->waiting[i][true]);
	}
	TAILQ_INIT(&http->delayed);
	TAILQ_INIT(&http->active);
	TAILQ_INIT(&http->running);
	TAILQ_INIT(&http->idle);
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = xc_clock_ms();
	xc_retry_init(&http->retry, http->opts.backoff_ms, seed);
	xc_connections_init(&http->connections, opts->connections);
	http->count_connections = http->connections.limit;
	return http;
}

static void release(struct xc_http *http)
{
	struct xc_attempt *attempt;

	while ((attempt = TAILQ_FIRST(&http->idle)) != NULL) {
		TAILQ_REMOVE(&http->idle, attempt, link);
		xc_attempt_free(attempt);
	}
	curl_multi_cleanup(http->multi);
	xc_sockets_release(&http->sockets);
	xc_resolver_free(http->resolver);
	xc_proxies_release(&http->proxies);
	pthread_mutex_destroy(&http->mutex);
	xc_trust_release(&http->trust);
	free(http);
}

static void start_curl(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		xc_out_of_memory();
}

int xc_http_new(const struct xc_http_opts *opts, struct xc_http **ret_http, struct xc_err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct xc_http *http;
	long most;

	pthread_once(&once, start_curl);
	http = make(opts);
	http->multi = curl_multi_init();
	if (!http->multi)
		xc_out_of_memory();
	most = http->connections.fixed ? http->connections.limit : XC_HTTP_CONNECTIONS_MAX;
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, most);
	if (!opts->direct)
		xc_proxies_read(&http->proxies);
	if (opts->secret)
		xc_proxies_report(&http->proxies, opts->secret, opts->secret_context);
	/* Only https needs certificates: whoever asks for it is told then. */
	(void)!xc_trust_find(opts->ca_bundle, &http->trust, &http->trust_err);
	if ((!opts->direct && xc_resolver_new(&http->resolver, err) < 0) ||
	    start_thread(http, err) < 0) {
		release(http);
		return -1;
	}
	*ret_http = http;
	return 0;
}

void xc_http_free(struct xc_http *http)
{
	if (!http)
		return;
	pthread_mutex_lock(&http->mutex);
	http->ending = true;
	pthread_mutex_unlock(&http->mutex);
	curl_multi_wakeup(http->multi);
	pthread_join(http->thread, NULL);
	release(http);
}

static void submit(struct xc_http *http, struct xc_http_request *request, struct xc_waiter *waiter)
{
	struct xc_call *call = xc_calloc(1, sizeof(*call));

	*call = (struct xc_call){ .http = http, .request = request, .waiter = waiter };
	request->engine = call;
	request->status = 0;
	request->attempts = 0;
	request->stalled = false;
	http->count_requests++;
	pthread_mutex_lock(&http->mutex);
	TAILQ_INSERT_TAIL(&http->incoming, call, link);
	pthread_mutex_unlock(&http->mutex);
	/* From a hook as well: the loop may be about to sleep. */
	curl_multi_wakeup(http->multi);
}

void xc_http_submit(struct xc_http *http, struct xc_http_request *request)
{
	submit(http, request, NULL);
}

int xc_http_perform(struct xc_http *http, struct xc_http_request *request, struct xc_err *err)
{
	struct xc_waiter waiter;
	int result;

	xc_waiter_init(&waiter);
	request->done = NULL;
	submit(http, request, &waiter);
	result = xc_waiter_wait(&waiter);
	xc_waiter_release(&waiter);
	if (result < 0)
		*err = request->err;
	return result;
}

void xc_http_cancel(struct xc_http *http, atomic_bool *canceled)
{
	atomic_store(canceled, true);
	atomic_store(&http->has_canceled, true);
	curl_multi_wakeup(http->multi);
}
