/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/doctor.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"

#define TRIAL_BYTES  ((size_t)64 << 20)
#define BLOCK_BYTES  ((size_t)8 << 20)
#define TRIAL_BLOCKS (TRIAL_BYTES / BLOCK_BYTES)
#define ROUND_TRIPS  5

struct examination {
	const struct xc_cache *cache;
	struct xc_finder finder; /* notes, and passes on to: */
	xc_finding_fn *found;
	void *context;
	struct xc_diagnosis *diagnosis;
	char *small, *large; /* names of trial objects */
};

/* Between who finds and who asked: what is bad counts. */
static void note(const struct xc_finding *finding, void *context)
{
	struct examination *examination = context;

	if (finding->state == XC_FINDING_BAD)
		examination->diagnosis->works = false;
	examination->found(finding, examination->context);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int compare_times(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

/* Of what was just written, or of what is not there, which is an answer as well. */
static void check_get(struct examination *examination)
{
	uint64_t times[ROUND_TRIPS];
	struct xc_err err;

	for (int i = 0; i < ROUND_TRIPS; i++) {
		cleanup_buf struct xc_buf data = XC_BUF_INIT;
		uint64_t start_us = now_us();

		if (xc_store_get(examination->cache->store, examination->small, 4096, &data, &err) <
			    0 &&
		    err.kind != XC_ERR_NOT_FOUND) {
			xc_finder_report(&examination->finder, "get", XC_FINDING_BAD, "%s",
					 err.msg);
			return;
		}
		times[i] = now_us() - start_us;
	}
	qsort(times, ROUND_TRIPS, sizeof(times[0]), compare_times);
	examination->diagnosis->round_trip_us = times[ROUND_TRIPS / 2];
	xc_finder_report(&examination->finder, "get", XC_FINDING_GOOD,
			 "objects can be read; an answer takes %.1f ms (median of %d)",
			 (double)times[ROUND_TRIPS / 2] / 1000, ROUND_TRIPS);
}

/* Some permissions make a server answer "forbidden" where it should say "not found". */
static void check_miss(struct examination *examination)
{
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct xc_err err;

	if (xc_store_get(examination->cache->store, examination->large, 4096, &data, &err) < 0 &&
	    err.kind != XC_ERR_NOT_FOUND)
		xc_finder_report(&examination->finder, "miss", XC_FINDING_BAD, "%s", err.msg);
	else
		xc_finder_report(&examination->finder, "miss", XC_FINDING_GOOD,
				 "a missing entry is a miss");
}

static int count_object(const struct xc_store_object *object, void *context, struct xc_err *err)
{
	(void)object;
	(void)err;
	++*(unsigned *)context;
	return 0;
}

/* Of a trial object, so that a bucket with millions of others is not listed. */
static void check_list(struct examination *examination, bool was_written)
{
	unsigned count = 0;
	struct xc_err err;

	if (xc_store_list(examination->cache->store, examination->small, count_object, &count,
			  &err) < 0)
		xc_finder_report(&examination->finder, "list", XC_FINDING_BAD, "%s", err.msg);
	else if (count == 0 && was_written)
		xc_finder_report(
			&examination->finder, "list", XC_FINDING_WARNING,
			"an object that was just written is not listed yet: restore keys may "
			"miss the newest entries");
	else
		xc_finder_report(&examination->finder, "list", XC_FINDING_GOOD,
				 "objects can be listed");
}

static bool check_put(struct examination *examination)
{
	static const char text[] = "written by xcache doctor\n";
	struct xc_err err;

	if (xc_store_put(examination->cache->store, examination->small, text, strlen(text),
			 XC_PUT_IF_ABSENT, &err) < 0) {
		xc_finder_report(&examination->finder, "put", XC_FINDING_BAD, "%s", err.msg);
		return false;
	}
	xc_finder_report(&examination->finder, "put", XC_FINDING_GOOD, "objects can be written");
	return true;
}

static void check_condition(struct examination *examination)
{
	struct xc_err err;

	if (xc_store_put(examination->cache->store, examination->small, "other", 5,
			 XC_PUT_IF_ABSENT, &err) == 0)
		xc_finder_report(
			&examination->finder, "condition", XC_FINDING_WARNING,
			"the store ignores If-None-Match: if two jobs save one key at the same "
			"moment, the later save silently replaces the earlier one");
	else if (err.kind == XC_ERR_EXISTS)
		xc_finder_report(&examination->finder, "condition", XC_FINDING_GOOD,
				 "an existing entry is not overwritten");
	else
		xc_finder_report(&examination->finder, "condition", XC_FINDING_BAD, "%s", err.msg);
}

/* With what is told where the server lacks or ignores If-Match. */
#define MAY_LOSE                                                                                   \
	"two jobs that update one entry (save --update) at the same moment may lose one save"

/* With the right tag, and again with that one, which is then an old one. */
static void check_replace(struct examination *examination)
{
	struct xc_store *store = examination->cache->store;
	const struct xc_finder *finder = &examination->finder;
	cleanup_buf struct xc_buf data = XC_BUF_INIT;
	struct xc_store_tag tag;
	struct xc_err err;

	if (xc_store_get_tagged(store, examination->small, 4096, &data, &tag, &err) < 0 ||
	    xc_store_put(store, examination->small, "second", 6, XC_PUT_IF_TAG(&tag), &err) < 0)
		xc_finder_report(finder, "replace", XC_FINDING_WARNING,
				 "an entry cannot be replaced (save --update): %s", err.msg);
	else if (xc_store_put(store, examination->small, "third", 5, XC_PUT_IF_TAG(&tag), &err) ==
		 0)
		xc_finder_report(finder, "replace", XC_FINDING_WARNING,
				 "the store ignores If-Match: " MAY_LOSE);
	else if (err.kind != XC_ERR_EXISTS)
		xc_finder_report(finder, "replace", XC_FINDING_WARNING,
				 "the store does not report that an entry has changed: %s",
				 err.msg);
	else if (atomic_load(&store->checks_before_replace))
		xc_finder_report(finder, "replace", XC_FINDING_NOTE,
				 "the store has no If-Match, so xcache checks right before it "
				 "replaces an entry: " MAY_LOSE);
	else
		xc_finder_report(finder, "replace", XC_FINDING_GOOD,
				 "an entry is replaced only if nobody else has replaced it");
}

static int upload(struct examination *examination, const char *block, struct xc_err *err)
{
	struct xc_upload *trial = NULL;
	int result;

	if (xc_store_upload_begin(examination->cache->store, examination->large, &trial, err) < 0)
		return -1;
	for (size_t i = 0; i < TRIAL_BLOCKS; i++) {
		result = xc_store_upload_append(trial, block, BLOCK_BYTES, err);
		if (result == 0)
			result = xc_cancel_check(examination->cache->cancel, err);
		if (result < 0) {
			xc_store_upload_abort(trial);
			return -1;
		}
	}
	return xc_store_upload_commit(trial, err);
}

struct download {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned left;
};

static void note_block(struct xc_store_read *read, int result)
{
	struct download *download = read->owner;

	pthread_mutex_lock(&download->lock);
	if (result == 0)
		read->err.kind = XC_ERR_NONE;
	download->left--;
	pthread_cond_signal(&download->changed);
	pthread_mutex_unlock(&download->lock);
}

static int check_blocks(const struct xc_store_read *reads, const char *block, struct xc_err *err)
{
	for (size_t i = 0; i < TRIAL_BLOCKS; i++) {
		if (reads[i].err.kind != XC_ERR_NONE) {
			*err = reads[i].err;
			return -1;
		}
		if (memcmp(reads[i].buffer, block, BLOCK_BYTES) != 0)
			return xc_err_set(err, XC_ERR_CORRUPT,
					  "what was read differs from what was written");
	}
	return 0;
}

static int download(struct examination *examination, const char *block, struct xc_err *err)
{
	cleanup_free char *room = xc_malloc(TRIAL_BYTES);
	struct xc_store_read reads[TRIAL_BLOCKS];
	struct download state = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.left = TRIAL_BLOCKS,
	};

	for (size_t i = 0; i < TRIAL_BLOCKS; i++) {
		reads[i] = (struct xc_store_read){
			.name = examination->large,
			.offset = i * BLOCK_BYTES,
			.length = BLOCK_BYTES,
			.buffer = room + i * BLOCK_BYTES,
			.owner = &state,
			.done = note_block,
		};
		xc_store_read(examination->cache->store, &reads[i]);
	}
	pthread_mutex_lock(&state.lock);
	while (state.left > 0)
		pthread_cond_wait(&state.changed, &state.lock);
	pthread_mutex_unlock(&state.lock);
	pthread_cond_destroy(&state.changed);
	pthread_mutex_destroy(&state.lock);
	return check_blocks(reads, block, err);
}

static double rate(uint64_t bytes, uint64_t duration_ms)
{
	return (double)bytes / 1000 / (double)XC_MAX(duration_ms, (uint64_t)1);
}

static void check_rate(struct examination *examination)
{
	cleanup_free char *block = xc_malloc(BLOCK_BYTES);
	struct xc_diagnosis *diagnosis = examination->diagnosis;
	uint64_t start_ms = xc_clock_ms(), sent_ms;
	struct xc_err err;

	xc_random_bytes(block, BLOCK_BYTES);
	if (upload(examination, block, &err) < 0) {
		xc_finder_report(&examination->finder, "upload", XC_FINDING_BAD, "%s", err.msg);
		return;
	}
	sent_ms = xc_clock_ms();
	diagnosis->trial_bytes = TRIAL_BYTES;
	diagnosis->upload_ms = sent_ms - start_ms;
	xc_finder_report(&examination->finder, "upload", XC_FINDING_GOOD,
			 "%zu MB uploaded at %.0f MB/s", TRIAL_BYTES / 1000000,
			 rate(TRIAL_BYTES, diagnosis->upload_ms));
	if (download(examination, block, &err) < 0) {
		xc_finder_report(&examination->finder, "download", XC_FINDING_BAD, "%s", err.msg);
		return;
	}
	diagnosis->download_ms = xc_clock_ms() - sent_ms;
	xc_finder_report(&examination->finder, "download", XC_FINDING_GOOD,
			 "%zu MB downloaded and verified at %.0f MB/s", TRIAL_BYTES / 1000000,
			 rate(TRIAL_BYTES, diagnosis->download_ms));
}

/* Without it saves and restores work, but what a save gives up stays behind. */
static void check_remove(struct examination *examination, bool has_large)
{
	const char *names[] = { examination->small, has_large ? examination->large : NULL };
	struct xc_store *store = examination->cache->store;
	bool has_failed = false;
	struct xc_err err;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!names[i] || xc_store_remove(store, names[i], &err) == 0)
			continue;
		has_failed = true;
		xc_finder_report(&examination->finder, "delete", XC_FINDING_WARNING,
				 "%s; the trial object %s stays in the store", err.msg,
				 XC_QUOTE(names[i]));
	}
	if (!has_failed)
		xc_finder_report(&examination->finder, "delete", XC_FINDING_GOOD,
				 "objects can be removed");
}

static int name_trials(struct examination *examination, struct xc_err *err)
{
	const struct xc_cache *cache = examination->cache;
	cleanup_buf struct xc_buf folder = XC_BUF_INIT;
	char id[XC_PACK_ID_LEN + 1];

	if (xc_key_scope_prefix(cache->repository, cache->scopes->items[0], &folder, err) < 0)
		return -1;
	xc_key_new_id(id);
	examination->small = xc_asprintf("%s/doctor/%s", folder.data, id);
	examination->large = xc_asprintf("%s/doctor/%s.large", folder.data, id);
	return 0;
}

static void try_all(struct examination *examination)
{
	bool was_written = check_put(examination);

	check_get(examination);
	check_miss(examination);
	check_list(examination, was_written);
	if (!was_written)
		return;
	check_condition(examination);
	check_replace(examination);
	check_rate(examination);
	check_remove(examination, examination->diagnosis->trial_bytes > 0);
}

void xc_cache_diagnose(const struct xc_cache *cache, xc_finding_fn *found, void *context,
		       struct xc_diagnosis *ret_diagnosis)
{
	struct examination examination = {
		.cache = cache,
		.found = found,
		.context = context,
		.diagnosis = ret_diagnosis,
	};
	struct xc_err err;

	examination.finder = (struct xc_finder){ .found = note, .context = &examination };
	*ret_diagnosis = (struct xc_diagnosis){ .works = true };
	if (name_trials(&examination, &err) < 0) {
		xc_finder_report(&examination.finder, "scope", XC_FINDING_BAD, "%s", err.msg);
		return;
	}
	xc_store_examine(cache->store, examination.small, &examination.finder);
	/* Where nobody answers, the rest would only say the same again. */
	if (ret_diagnosis->works)
		try_all(&examination);
	free(examination.small);
	free(examination.large);
}
