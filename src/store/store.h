/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where objects live: a flat space of immutable, named byte strings.
 *
 * A back end is a folder below this one that embeds struct xc_store as its
 * first member and fills a struct xc_store_ops, and one row in the table of
 * store.c. The contract below is what tests/unit/test_store_contract*.c assert
 * of each. Not every store can do everything: see enum xc_store_can.
 *
 * Names are 1 to XC_STORE_NAME_MAX bytes: elements separated by single '/',
 * none of them empty, "." or "..", no byte below 0x20 and no 0x7f. They say
 * nothing about how a back end keeps them. An object's name is never a folder
 * of another's: beside "a" there is no "a/b". Back ends that could not keep
 * both refuse the second with IO. Some reserve a few names and refuse those
 * with USAGE, see file/file.c. Sizes and offsets are in bytes.
 *
 * Objects appear whole or not at all, under their final name only, and are
 * seen by every later call of any process that uses the same store.
 *
 * All calls may come from several threads at once; one upload belongs to one
 * thread at a time. Errors use the kinds of base/err.h: NOT_FOUND and EXISTS
 * only for the object that was named, AUTH where permission is lacking.
 */
#ifndef XC_STORE_STORE_H
#define XC_STORE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/cancel.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/priority.h"
#include "base/strlist.h"

#define XC_STORE_NAME_MAX 1024 /* AWS's limit for an object key (Creating object key names) */

struct xc_store;
struct xc_upload;
struct xc_finder;

/*
 * What not every back end can do. Without it the calls that need it end with
 * USAGE, naming the store and what it cannot do, and the operation is not
 * called: it may be NULL. Where there is another way, ask for the flag first.
 * That a store can write under a condition means that it takes one; a server
 * that ignores it is found out by trying only (see `put`).
 */
enum xc_store_can {
	XC_STORE_CAN_LIST = 1 << 0,
	XC_STORE_CAN_REMOVE = 1 << 1,
	XC_STORE_CAN_REPLACE = 1 << 2,       /* XC_PUT_ALWAYS */
	XC_STORE_CAN_PUT_IF_ABSENT = 1 << 3, /* XC_PUT_IF_ABSENT */
	XC_STORE_CAN_PUT_IF_TAG = 1 << 4,    /* XC_PUT_IF_TAG */
	XC_STORE_CAN_FIND = 1 << 5,          /* it matches keys by itself */
	XC_STORE_CAN_TELL_TIME = 1 << 6,
};

/*
 * Which writing of an object it is: S3's ETag, else a digest of the bytes. Two
 * writings of the same bytes may have the same one.
 */
#define XC_STORE_TAG_MAX 100
struct xc_store_tag {
	char text[XC_STORE_TAG_MAX];
};

struct xc_store_object {
	const char *name; /* valid during the callback */
	uint64_t size_bytes;
	int64_t modified_ns; /* since 1970; as fine as the store knows it */
};

/* Returns 0 to go on; -1 with `err` filled ends the listing with that error. */
typedef int xc_store_list_fn(const struct xc_store_object *object, void *context,
			     struct xc_err *err);

/* One ranged read. The caller owns it and the buffer until `done` was called. */
struct xc_store_read {
	const char *name;
	uint64_t offset;
	size_t length; /* more than 0; exactly so many bytes or an error */
	char *buffer;  /* room for `length` */
	/* Which of the reads that wait goes first; a store that answers at once pays no heed. */
	enum xc_priority priority;
	void *owner; /* the caller's */
	/*
	 * Called once for every read that was started, on any thread, perhaps
	 * before read() returns. result is 0, or -1 with `err` filled.
	 */
	void (*done)(struct xc_store_read *read, int result);
	struct xc_err err;
	atomic_bool canceled; /* the store's; false when it is started */
};

enum xc_put_when {
	XC_PUT_WHEN_ANY,    /* replaces an object of that name, atomically */
	XC_PUT_WHEN_ABSENT, /* EXISTS if there is one: If-None-Match: * (RFC 9110, 13.1.2) */
	/*
	 * Replaces the object that is still the one of the tag: If-Match (RFC 9110, 13.1.1).
	 * EXISTS if it is another by now, NOT_FOUND if it is gone. Of several at once with the
	 * same tag one succeeds.
	 */
	XC_PUT_WHEN_TAG,
};

struct xc_put_condition {
	enum xc_put_when when;
	const struct xc_store_tag *tag; /* of XC_PUT_WHEN_TAG */
};
#define XC_PUT_ALWAYS      ((struct xc_put_condition){ .when = XC_PUT_WHEN_ANY })
#define XC_PUT_IF_ABSENT   ((struct xc_put_condition){ .when = XC_PUT_WHEN_ABSENT })
#define XC_PUT_IF_TAG(tag) ((struct xc_put_condition){ XC_PUT_WHEN_TAG, (tag) })

/* Which entry is wanted, for stores that match keys by themselves. All borrowed. */
struct xc_store_query {
	const char *key; /* the entry of this key, or the newest that begins so */
	const struct xc_strlist *restore_keys; /* then of these in turn; may be empty */
	const char *version;
	const struct xc_strlist *scopes; /* searched in this order, as far as the store has them */
};

struct xc_store_found {
	char *name; /* of the entry's manifest, for get */
	char *key, *scope;
};
void xc_store_found_release(struct xc_store_found *found);
#define cleanup_store_found __attribute__((cleanup(xc_store_found_release)))

/*
 * What a back end does. Required of each: close, get, read, the upload; the others may be NULL
 * where their comment says so.
 */
struct xc_store_ops {
	/* Frees the store. No read or upload may be open. */
	void (*close)(struct xc_store *store);

	/*
	 * The whole of a small object, appended to `ret_data`, and its tag unless
	 * `ret_tag` is NULL. CORRUPT if it is larger than `max_bytes`; the tag is
	 * then filled all the same, with "" if the store cannot tell it.
	 */
	int (*get)(struct xc_store *store, const char *name, size_t max_bytes,
		   struct xc_buf *ret_data, struct xc_store_tag *ret_tag, struct xc_err *err);

	/* Start one ranged read; see struct xc_store_read. A range past the end is CORRUPT. */
	void (*read)(struct xc_store *store, struct xc_store_read *read);

	/*
	 * End a read before its time: CANCELED unless it has ended by then. Only
	 * asks: `done` is called once all the same, by another thread, or was
	 * called. The read must live until this returns. NULL where a read ends
	 * before read() returns.
	 */
	void (*read_cancel)(struct xc_store *store, struct xc_store_read *read);

	/*
	 * Write a small object as a whole, durably once 0 is returned. Where a
	 * server does not know a condition, the object is looked at right before
	 * the put: whoever writes in between is replaced unseen. After errors
	 * other than those of the condition the object is the old or the new one.
	 * NULL without any of XC_STORE_CAN_REPLACE, _PUT_IF_ABSENT, _PUT_IF_TAG.
	 */
	int (*put)(struct xc_store *store, const char *name, const void *data, size_t length,
		   struct xc_put_condition condition, struct xc_err *err);

	/*
	 * Write a large object piece by piece. Nothing is visible before commit
	 * has returned 0. commit and abort both end the upload and free it,
	 * whatever they return; a failed append is followed by abort. append
	 * copies or writes the bytes before it returns, and may block to keep
	 * memory bounded.
	 */
	int (*upload_begin)(struct xc_store *store, const char *name, struct xc_upload **ret_upload,
			    struct xc_err *err);
	int (*upload_append)(struct xc_upload *upload, const void *data, size_t length,
			     struct xc_err *err);
	int (*upload_commit)(struct xc_upload *upload, struct xc_err *err);
	void (*upload_abort)(struct xc_upload *upload);

	/*
	 * Every object whose name starts with `prefix` (any bytes, perhaps none,
	 * perhaps ending within an element), to the last page, in no order that
	 * callers may rely on. Nothing found is success. There may be any number:
	 * whoever keeps them has to have a limit. NULL without XC_STORE_CAN_LIST.
	 */
	int (*list)(struct xc_store *store, const char *prefix, xc_store_list_fn *found,
		    void *context, struct xc_err *err);

	/*
	 * Remove one object; NOT_FOUND if there is none. Unless `tag` is NULL only
	 * the one of that tag: EXISTS if it is another by now. In S3 it is looked
	 * at right before, so that whoever writes in between is removed unseen.
	 * NULL without XC_STORE_CAN_REMOVE.
	 */
	int (*remove)(struct xc_store *store, const char *name, const struct xc_store_tag *tag,
		      struct xc_err *err);

	/*
	 * Remove several objects, in fewer requests than one by one. Those that
	 * are not there count as removed. All are tried; after an error, the first
	 * one met, any of them may be left. NULL: they are removed one by one.
	 */
	int (*remove_many)(struct xc_store *store, const struct xc_strlist *names,
			   struct xc_err *err);

	/*
	 * The time by the clock that modified_ns of its objects comes from: a
	 * server's, or a file system's. What is written after this call is listed
	 * as no older, but for the grain of such clocks, up to a second, and what
	 * the clocks of several servers differ. `prefix` is one that the caller
	 * lists: a server is asked with it, as permissions may go no further. NULL
	 * without XC_STORE_CAN_TELL_TIME.
	 */
	int (*now)(struct xc_store *store, const char *prefix, int64_t *ret_now_ns,
		   struct xc_err *err);

	/*
	 * The entry that a query matches, by the store's own rules; NOT_FOUND if
	 * none does. NULL without XC_STORE_CAN_FIND: then entry/lookup.c matches
	 * the names that list and get give.
	 */
	int (*find)(struct xc_store *store, const struct xc_store_query *query,
		    struct xc_store_found *ret_found, struct xc_err *err);

	/*
	 * Find out what only the back end can tell: who the credentials belong
	 * to, how the server's clock goes. `name` may be used for trials, which
	 * leave nothing behind. See examine.h. NULL if there is nothing of the kind.
	 */
	void (*examine)(struct xc_store *store, const char *name, const struct xc_finder *finder);
};

struct xc_store {
	const struct xc_store_ops *ops;
	unsigned can; /* of enum xc_store_can */
	/* The URL for people, without secrets; owned by the store. */
	char *display_url;
	const char *folder; /* where it lies in the file system; NULL elsewhere */
	/* How many reads are worth having in flight, and how long each should be. */
	unsigned read_concurrency;
	size_t read_bytes;
	size_t upload_bytes; /* how much memory an upload may hold */
	/* Found out by a put under XC_PUT_WHEN_TAG: the server does not know the condition. */
	atomic_bool checks_before_replace;
};

/*
 * What is said beside a URL, by the names that the back ends give their options; see the table in
 * each one's main file. A back end takes those that it knows.
 */
struct xc_store_setting {
	const char *name;
	const char *text; /* NULL or "": not given; anything else turns a switch on */
};

/* How to reach a store. All borrowed while it is open, but for the settings; NULL allowed. */
struct xc_store_opts {
	/* Calls end with CANCELED when it is set; abort and remove still run, for a few seconds. */
	const struct xc_cancel *cancel;
	unsigned connections; /* at once; 0: as many as are worth having */
	/* Told of each request, without secrets, on any thread. */
	void (*trace)(void *context, const char *line);
	/* Told of secrets as they are obtained, so that they can be masked in a log. */
	void (*secret)(void *context, const char *value);
	void *context; /* of both */
	const struct xc_store_setting *settings;
	size_t setting_count;
};

/*
 * Open the store that a URL names: file:///absolute/path or s3://bucket/prefix.
 * `opts` may be NULL. USAGE for a URL that cannot be read, naming what is wrong; INTERNAL for a
 * setting that no back end knows. The folder of a
 * file store is made when something is first written to it; a folder that is not there yet is an
 * empty store.
 */
int xc_store_open(const char *url, const struct xc_store_opts *opts, struct xc_store **ret_store,
		  struct xc_err *err) XC_CHECK;

/* Whether `name` may name an object; USAGE with the reason if not. */
int xc_store_check_name(const char *name, struct xc_err *err) XC_CHECK;

/* Closes a store; NULL is allowed. */
void xc_store_close(struct xc_store *store);

/* One ranged read that waits for its end. */
int xc_store_read_wait(struct xc_store *store, const char *name, uint64_t offset, char *buffer,
		       size_t length, struct xc_err *err) XC_CHECK;

/*
 * The wrappers below check the names and what the store can do, and call the back end; see
 * struct xc_store_ops.
 */
int xc_store_get(struct xc_store *store, const char *name, size_t max_bytes,
		 struct xc_buf *ret_data, struct xc_err *err) XC_CHECK;
int xc_store_get_tagged(struct xc_store *store, const char *name, size_t max_bytes,
			struct xc_buf *ret_data, struct xc_store_tag *ret_tag,
			struct xc_err *err) XC_CHECK;
void xc_store_read(struct xc_store *store, struct xc_store_read *read);
void xc_store_read_cancel(struct xc_store *store, struct xc_store_read *read);
int xc_store_put(struct xc_store *store, const char *name, const void *data, size_t length,
		 struct xc_put_condition condition, struct xc_err *err) XC_CHECK;
int xc_store_upload_begin(struct xc_store *store, const char *name, struct xc_upload **ret_upload,
			  struct xc_err *err) XC_CHECK;
int xc_store_upload_append(struct xc_upload *upload, const void *data, size_t length,
			   struct xc_err *err) XC_CHECK;
int xc_store_upload_commit(struct xc_upload *upload, struct xc_err *err) XC_CHECK;
void xc_store_upload_abort(struct xc_upload *upload); /* NULL is allowed */
int xc_store_list(struct xc_store *store, const char *prefix, xc_store_list_fn *found,
		  void *context, struct xc_err *err) XC_CHECK;
int xc_store_remove(struct xc_store *store, const char *name, struct xc_err *err) XC_CHECK;
int xc_store_remove_tagged(struct xc_store *store, const char *name, const struct xc_store_tag *tag,
			   struct xc_err *err) XC_CHECK;
int xc_store_remove_many(struct xc_store *store, const struct xc_strlist *names,
			 struct xc_err *err) XC_CHECK;
int xc_store_now(struct xc_store *store, const char *prefix, int64_t *ret_now_ns,
		 struct xc_err *err) XC_CHECK;
int xc_store_find(struct xc_store *store, const struct xc_store_query *query,
		  struct xc_store_found *ret_found, struct xc_err *err) XC_CHECK;

static inline void xc_cleanup_store(struct xc_store **store)
{
	xc_store_close(*store);
}
#define cleanup_store __attribute__((cleanup(xc_cleanup_store)))

#endif
