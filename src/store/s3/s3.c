/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The S3 store: objects are objects of a bucket, their keys <prefix>/<name>.
 * So names are UTF-8 and as long as S3's keys allow, less the prefix; others
 * are refused with USAGE. S3 itself makes objects appear whole, and has no
 * folders: nothing is to be done for that.
 */
#include "store/s3/internal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define READ_CONCURRENCY 16
#define READ_BYTES       ((size_t)8 << 20)
/* Pages may be short, or empty, but they must come to an end. */
#define PAGES_MAX 20000

int xc_s3_store_key(const struct xc_s3_store *store, const char *name, char **ret_key,
		    struct xc_err *err)
{
	size_t length = strlen(store->prefix) + strlen(name);

	/* Servers answer 400 to others, each in its words. */
	if (!xc_utf8_valid(name))
		return xc_err_set(err, XC_ERR_USAGE,
				  "the object name '%s' is not UTF-8, which S3 requires",
				  XC_QUOTE(name));
	if (length > XC_S3_KEY_MAX)
		return xc_err_set(err, XC_ERR_USAGE,
				  "the object name '%s' is %zu bytes too long for %.150s",
				  XC_QUOTE(name), length - XC_S3_KEY_MAX, store->base.display_url);
	*ret_key = xc_asprintf("%s%s", store->prefix, name);
	return 0;
}

static void s3_close(struct xc_store *base)
{
	struct xc_s3_store *store = xc_s3_store(base);

	xc_s3_free(store->s3);
	free(store->prefix);
	free(store->base.display_url);
	free(store);
}

static int s3_get(struct xc_store *base, const char *name, size_t max_bytes,
		  struct xc_buf *ret_data, struct xc_store_tag *ret_tag, struct xc_err *err)
{
	struct xc_s3_store *store = xc_s3_store(base);
	cleanup_free char *key = NULL;
	struct xc_store_tag unused, *tag = ret_tag ? ret_tag : &unused;
	size_t before = ret_data->len_bytes;
	int result;

	if (xc_s3_store_key(store, name, &key, err) < 0)
		return -1;
	result = xc_s3_get_tagged(store->s3, key, max_bytes, ret_data, tag->text, err);
	/* A server without ETags. */
	if (result == 0 && tag->text[0] == '\0')
		xc_store_tag_of(ret_data->data + before, ret_data->len_bytes - before, tag);
	return result;
}

/* Of objects whose server told no ETag. */
static bool has_digest_tag(const struct xc_store_tag *tag)
{
	return strncmp(tag->text, XC_STORE_DIGEST_TAG, strlen(XC_STORE_DIGEST_TAG)) == 0;
}

static int is_another(const char *key, struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_EXISTS, "the object '%s' has changed", XC_QUOTE(key));
}

static int check_digest(struct xc_s3_store *store, const char *key, const struct xc_store_tag *tag,
			struct xc_err *err)
{
	cleanup_buf struct xc_buf found = XC_BUF_INIT;
	struct xc_store_tag now;

	if (xc_s3_get(store->s3, key, XC_BUF_MAX_DEFAULT, &found, err) < 0)
		return -1;
	xc_store_tag_of(found.data, found.len_bytes, &now);
	return strcmp(now.text, tag->text) == 0 ? 0 : is_another(key, err);
}

static int replace(struct xc_s3_store *store, const char *key, const struct xc_store_tag *tag,
		   const void *data, size_t length, struct xc_err *err)
{
	if (has_digest_tag(tag)) {
		atomic_store(&store->base.checks_before_replace, true);
		return check_digest(store, key, tag, err) < 0
			       ? -1
			       : xc_s3_put(store->s3, key, data, length, false, err);
	}
	if (xc_s3_replace(store->s3, key, tag->text, data, length, err) < 0)
		return -1;
	atomic_store(&store->base.checks_before_replace, xc_s3_lacks_match(store->s3));
	return 0;
}

static int s3_put(struct xc_store *base, const char *name, const void *data, size_t length,
		  struct xc_put_condition condition, struct xc_err *err)
{
	struct xc_s3_store *store = xc_s3_store(base);
	cleanup_free char *key = NULL;

	if (xc_s3_store_key(store, name, &key, err) < 0)
		return -1;
	if (condition.when == XC_PUT_WHEN_TAG)
		return replace(store, key, condition.tag, data, length, err);
	return xc_s3_put(store->s3, key, data, length, condition.when == XC_PUT_WHEN_ABSENT, err);
}

/* DELETE says nothing of what was there. */
static int s3_remove(struct xc_store *base, const char *name, const struct xc_store_tag *tag,
		     struct xc_err *err)
{
	struct xc_s3_store *store = xc_s3_store(base);
	cleanup_free char *key = NULL;
	struct xc_s3_head head;

	if (xc_s3_store_key(store, name, &key, err) < 0 ||
	    xc_s3_head(store->s3, key, &head, err) < 0)
		return -1;
	if (tag && has_digest_tag(tag) && check_digest(store, key, tag, err) < 0)
		return -1;
	if (tag && !has_digest_tag(tag) && strcmp(head.etag, tag->text) != 0)
		return is_another(key, err);
	return xc_s3_delete(store->s3, key, err);
}

/* Their keys; the end of those that go in one request is *io_next. */
static int next_keys(const struct xc_s3_store *store, const struct xc_strlist *names,
		     size_t *io_next, struct xc_strlist *ret_keys, struct xc_err *err)
{
	for (; *io_next < names->count && ret_keys->count < XC_S3_DELETE_MAX; ++*io_next) {
		char *key;

		if (xc_s3_store_key(store, names->items[*io_next], &key, err) < 0)
			return -1;
		xc_strlist_take(ret_keys, key);
	}
	return 0;
}

static int s3_remove_many(struct xc_store *base, const struct xc_strlist *names, struct xc_err *err)
{
	struct xc_s3_store *store = xc_s3_store(base);
	struct xc_err one;
	int result = 0;

	for (size_t next = 0; next < names->count;) {
		cleanup_strlist struct xc_strlist keys = XC_STRLIST_INIT;

		/* A name that no key can be is the caller's mistake: nothing more is removed. */
		if (next_keys(store, names, &next, &keys, err) < 0)
			return -1;
		if (xc_s3_delete_many(store->s3, &keys, &one) == 0)
			continue;
		if (result == 0)
			*err = one;
		result = -1;
	}
	return result;
}

static int found_page(const struct xc_s3_store *store, const char *prefix,
		      const struct xc_s3_page *page, xc_store_list_fn *found, void *context,
		      struct xc_err *err)
{
	size_t skip = strlen(store->prefix);

	for (size_t i = 0; i < page->count; i++) {
		const struct xc_s3_listed *item = &page->items[i];
		struct xc_store_object object = {
			.size_bytes = item->size_bytes,
			.modified_ns = item->modified_ns,
		};
		struct xc_err ignored;

		/* A bucket may hold what others put there, and a server may send anything. */
		if (strncmp(item->key, prefix, strlen(prefix)) != 0 ||
		    strncmp(item->key, store->prefix, skip) != 0 ||
		    xc_store_check_name(item->key + skip, &ignored) < 0)
			continue;
		object.name = item->key + skip;
		if (found(&object, context, err) < 0)
			return -1;
	}
	return 0;
}

/* The part of `text` that can be sent: a name may be cut anywhere to make a prefix. */
static char *valid_start(const char *text)
{
	size_t length = 0, step;

	while ((step = xc_utf8_sequence(text + length)) > 0)
		length += step;
	return xc_strndup(text, length);
}

static int s3_list(struct xc_store *base, const char *prefix, xc_store_list_fn *found,
		   void *context, struct xc_err *err)
{
	struct xc_s3_store *store = xc_s3_store(base);
	cleanup_free char *full = xc_asprintf("%s%s", store->prefix, prefix);
	cleanup_free char *sent = valid_start(full);
	cleanup_free char *token = NULL;

	if (strlen(full) > XC_S3_KEY_MAX)
		return 0;
	for (unsigned pages = 0; pages < PAGES_MAX; pages++) {
		cleanup_s3_page struct xc_s3_page page = XC_S3_PAGE_INIT;

		if (xc_s3_list(store->s3, sent, token, &page, err) < 0 ||
		    found_page(store, full, &page, found, context, err) < 0)
			return -1;
		if (!page.next_token)
			return 0;
		if (token && strcmp(token, page.next_token) == 0)
			break;
		free(token);
		token = STEAL_PTR(page.next_token);
	}
	return xc_err_set(err, XC_ERR_CORRUPT, "the list of the objects in %.200s has no end",
			  base->display_url);
}

static int s3_now(struct xc_store *base, const char *prefix, int64_t *ret_now_ns,
		  struct xc_err *err)
{
	struct xc_s3_store *store = xc_s3_store(base);
	cleanup_free char *full = xc_asprintf("%s%s", store->prefix, prefix);
	cleanup_free char *sent = valid_start(full);
	int64_t now_s;

	if (xc_s3_now(store->s3, sent, &now_s, err) < 0)
		return -1;
	*ret_now_ns = now_s * 1000000000;
	return 0;
}

const struct xc_store_ops xc_s3_ops = {
	.close = s3_close,
	.get = s3_get,
	.read = xc_s3_store_read,
	.read_cancel = xc_s3_store_read_cancel,
	.put = s3_put,
	.upload_begin = xc_s3_store_upload_begin,
	.upload_append = xc_s3_store_upload_append,
	.upload_commit = xc_s3_store_upload_commit,
	.upload_abort = xc_s3_store_upload_abort,
	.list = s3_list,
	.remove = s3_remove,
	.remove_many = s3_remove_many,
	.now = s3_now,
	.examine = xc_s3_store_examine,
};

/* What is said beside the URL; see struct xc_credentials_opts. */
struct s3_opts {
	const char *access_key_id, *secret_access_key, *session_token;
	const char *profile, *role_arn;
	bool anonymous;
};

static const struct xc_store_option s3_options[] = {
	{ "access-key-id", false, offsetof(struct s3_opts, access_key_id) },
	{ "secret-access-key", false, offsetof(struct s3_opts, secret_access_key) },
	{ "session-token", false, offsetof(struct s3_opts, session_token) },
	{ "profile", false, offsetof(struct s3_opts, profile) },
	{ "role-arn", false, offsetof(struct s3_opts, role_arn) },
	{ "anonymous", true, offsetof(struct s3_opts, anonymous) },
};

static void add_opts(struct xc_s3_opts *s3, const struct xc_store_opts *opts,
		     const struct s3_opts *own)
{
	s3->http.connections = opts->connections;
	s3->http.cancel = opts->cancel;
	s3->http.trace = opts->trace;
	s3->http.trace_context = opts->context;
	s3->http.secret = opts->secret;
	s3->http.secret_context = opts->context;
	s3->credentials.access_key_id = own->access_key_id;
	s3->credentials.secret_access_key = own->secret_access_key;
	s3->credentials.session_token = own->session_token;
	s3->credentials.profile = own->profile;
	s3->credentials.role_arn = own->role_arn;
	s3->credentials.anonymous = own->anonymous;
	s3->credentials.secret = opts->secret;
	s3->credentials.secret_context = opts->context;
}

static int open_s3(const char *rest, const struct xc_store_opts *opts, const void *own,
		   struct xc_store **ret_store, struct xc_err *err)
{
	const struct s3_opts *s3_opts = own;
	cleanup_s3_url struct xc_s3_url url = { 0 };
	struct xc_s3_store *store;
	struct xc_s3 *s3;

	if (xc_s3_url_parse(rest, s3_opts->profile, &url, err) < 0)
		return -1;
	add_opts(&url.opts, opts, s3_opts);
	if (xc_s3_new(&url.opts, &s3, err) < 0)
		return -1;
	store = xc_calloc(1, sizeof(*store));
	store->base = (struct xc_store){
		.ops = &xc_s3_ops,
		.can = XC_STORE_CAN_LIST | XC_STORE_CAN_REMOVE | XC_STORE_CAN_REPLACE |
		       XC_STORE_CAN_PUT_IF_ABSENT | XC_STORE_CAN_PUT_IF_TAG |
		       XC_STORE_CAN_TELL_TIME,
		.display_url = STEAL_PTR(url.display_url),
		.read_concurrency = READ_CONCURRENCY,
		.read_bytes = READ_BYTES,
	};
	store->s3 = s3;
	store->prefix = STEAL_PTR(url.prefix);
	store->part_bytes = url.part_bytes;
	/* Cloudflare, "Multipart upload": all parts but the last have the same size. */
	store->equal_parts = strstr(xc_s3_base(s3)->host, "r2.cloudflarestorage.com") != NULL;
	store->parts_in_flight = opts->connections > 0 && opts->connections < XC_S3_PARTS_IN_FLIGHT
					 ? opts->connections
					 : XC_S3_PARTS_IN_FLIGHT;
	store->base.upload_bytes = (store->parts_in_flight + 1) * store->part_bytes;
	*ret_store = &store->base;
	return 0;
}

const struct xc_store_back_end xc_store_s3_back_end = {
	.scheme = "s3",
	.example = "s3://bucket/prefix",
	.open = open_s3,
	.options = s3_options,
	.option_count = ARRAY_LEN(s3_options),
	.own_bytes = sizeof(struct s3_opts),
};
