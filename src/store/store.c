/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"
#include "base/waiter.h"
#include "store/store.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "store/back_end.h"
#include "store/url.h"

static const struct xc_store_back_end *const back_ends[] = {
	&xc_store_file_back_end,
	&xc_store_s3_back_end,
};

static int unknown_scheme(const char *scheme, struct xc_err *err)
{
	cleanup_buf struct xc_buf known = XC_BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(back_ends); i++)
		xc_buf_addf(&known, "%s%s", known.len_bytes > 0 ? ", " : "", back_ends[i]->example);
	return xc_err_set(err, XC_ERR_USAGE, "there is no store type '%s:'; use %s",
			  XC_QUOTE(scheme), xc_buf_str(&known));
}

static int no_scheme(const char *url, struct xc_err *err)
{
	cleanup_free char *encoded = xc_url_encode_path(url);

	if (url[0] == '/')
		return xc_err_set(err, XC_ERR_USAGE, "the store must be a URL: write file://%s",
				  XC_QUOTE(encoded));
	return xc_err_set(err, XC_ERR_USAGE, "'%s' is not a store URL; write file:///absolute/path",
			  XC_QUOTE(url));
}

/* Secrets and variables of workflows are pasted with line breaks, or are not there at all. */
static int check_ends(const char *url, struct xc_err *err)
{
	static const char white[] = " \t\r\n";
	size_t length = strlen(url);

	if (strspn(url, white) == length)
		return xc_err_set(err, XC_ERR_USAGE,
				  "the store URL is empty; write file:///absolute/path or "
				  "s3://bucket/prefix");
	if (strchr(white, url[0]) || strchr(white, url[length - 1]))
		return xc_err_set(err, XC_ERR_USAGE,
				  "the store URL begins or ends with white space; was a line break "
				  "pasted along with it?");
	return 0;
}

static const struct xc_store_option *find_option(const struct xc_store_back_end *back_end,
						 const char *name)
{
	for (size_t i = 0; i < back_end->option_count; i++)
		if (strcmp(back_end->options[i].name, name) == 0)
			return &back_end->options[i];
	return NULL;
}

/* Settings are our own words: one that nobody takes is a mistake of ours. */
static int check_setting(const struct xc_store_setting *setting, struct xc_err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(back_ends); i++)
		if (find_option(back_ends[i], setting->name))
			return 0;
	return xc_err_set(err, XC_ERR_INTERNAL, "no kind of store has the setting '%s'",
			  XC_QUOTE(setting->name));
}

static int fill_own(const struct xc_store_back_end *back_end, const struct xc_store_opts *opts,
		    char *own, struct xc_err *err)
{
	for (size_t i = 0; i < opts->setting_count; i++) {
		const struct xc_store_setting *setting = &opts->settings[i];
		const struct xc_store_option *option = find_option(back_end, setting->name);

		if (check_setting(setting, err) < 0)
			return -1;
		if (!option || !setting->text || setting->text[0] == '\0')
			continue;
		if (option->is_switch)
			*(bool *)(void *)(own + option->offset) = true;
		else
			*(const char **)(void *)(own + option->offset) = setting->text;
	}
	return 0;
}

static int open_back_end(const struct xc_store_back_end *back_end, const char *rest,
			 const struct xc_store_opts *opts, struct xc_store **ret_store,
			 struct xc_err *err)
{
	static const struct xc_store_opts no_opts;
	cleanup_free char *own = xc_calloc(1, back_end->own_bytes);

	if (opts && fill_own(back_end, opts, own, err) < 0)
		return -1;
	return back_end->open(rest, opts ? opts : &no_opts, own, ret_store, err);
}

int xc_store_open(const char *url, const struct xc_store_opts *opts, struct xc_store **ret_store,
		  struct xc_err *err)
{
	size_t length = xc_url_scheme_length(url);
	cleanup_free char *scheme = xc_strndup(url, length);

	if (check_ends(url, err) < 0)
		return -1;
	if (length == 0)
		return no_scheme(url, err);
	/* RFC 3986, 3.1: schemes are case-insensitive. */
	for (size_t i = 0; i < ARRAY_LEN(back_ends); i++)
		if (strcasecmp(scheme, back_ends[i]->scheme) == 0)
			return open_back_end(back_ends[i], url + length + 1, opts, ret_store, err);
	return unknown_scheme(scheme, err);
}

void xc_store_close(struct xc_store *store)
{
	if (store)
		store->ops->close(store);
}

static const char *element_fault(const char *element, size_t length)
{
	if (length == 0)
		return "an empty element";
	if (length == 1 && element[0] == '.')
		return "the element '.'";
	if (length == 2 && element[0] == '.' && element[1] == '.')
		return "the element '..'";
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)element[i] < 0x20 || element[i] == 0x7f)
			return "a control character";
	return NULL;
}

int xc_store_check_name(const char *name, struct xc_err *err)
{
	if (name[0] == '\0')
		return xc_err_set(err, XC_ERR_USAGE, "an object's name cannot be empty");
	if (strnlen(name, XC_STORE_NAME_MAX + 1) > XC_STORE_NAME_MAX)
		return xc_err_set(err, XC_ERR_USAGE, "the object name '%s' is longer than %d bytes",
				  XC_QUOTE(name), XC_STORE_NAME_MAX);
	for (const char *element = name;;) {
		const char *end = strchrnul(element, '/');
		const char *fault = element_fault(element, (size_t)(end - element));

		if (fault)
			return xc_err_set(err, XC_ERR_USAGE, "the object name '%s' holds %s",
					  XC_QUOTE(name), fault);
		if (*end == '\0')
			return 0;
		element = end + 1;
	}
}

static void wake_waiter(struct xc_store_read *read, int result)
{
	xc_waiter_end(read->owner, result);
}

int xc_store_read_wait(struct xc_store *store, const char *name, uint64_t offset, char *buffer,
		       size_t length, struct xc_err *err)
{
	struct xc_waiter waiter;
	struct xc_store_read read = {
		.name = name,
		.offset = offset,
		.length = length,
		.buffer = buffer,
		.owner = &waiter,
		.done = wake_waiter,
	};
	int result;

	xc_waiter_init(&waiter);
	xc_store_read(store, &read);
	result = xc_waiter_wait(&waiter);
	xc_waiter_release(&waiter);
	if (result < 0)
		*err = read.err;
	return result;
}

int xc_store_get(struct xc_store *store, const char *name, size_t max_bytes,
		 struct xc_buf *ret_data, struct xc_err *err)
{
	if (xc_store_check_name(name, err) < 0)
		return -1;
	return store->ops->get(store, name, max_bytes, ret_data, NULL, err);
}

int xc_store_get_tagged(struct xc_store *store, const char *name, size_t max_bytes,
			struct xc_buf *ret_data, struct xc_store_tag *ret_tag, struct xc_err *err)
{
	if (xc_store_check_name(name, err) < 0)
		return -1;
	return store->ops->get(store, name, max_bytes, ret_data, ret_tag, err);
}

void xc_store_tag_of(const void *data, size_t length, struct xc_store_tag *ret_tag)
{
	uint8_t digest[XC_SHA256_BYTES];
	char hex[XC_SHA256_HEX + 1];

	xc_sha256(data, length, digest);
	xc_hex_encode(digest, sizeof(digest), hex);
	snprintf(ret_tag->text, sizeof(ret_tag->text), "%s%s", XC_STORE_DIGEST_TAG, hex);
}

void xc_store_read(struct xc_store *store, struct xc_store_read *read)
{
	if (xc_store_check_name(read->name, &read->err) < 0)
		read->done(read, -1);
	else
		store->ops->read(store, read);
}

void xc_store_read_cancel(struct xc_store *store, struct xc_store_read *read)
{
	if (store->ops->read_cancel)
		store->ops->read_cancel(store, read);
}

/* USAGE unless the store has one of `abilities`; `what` they are, for people. */
static int check_can(const struct xc_store *store, unsigned abilities, const char *what,
		     struct xc_err *err)
{
	if (store->can & abilities)
		return 0;
	return xc_err_set(err, XC_ERR_USAGE, "the store %s cannot %s; use another store for that",
			  XC_QUOTE(store->display_url), what);
}

static int check_condition(const struct xc_store *store, enum xc_put_when when, struct xc_err *err)
{
	switch (when) {
	case XC_PUT_WHEN_ABSENT:
		return check_can(store, XC_STORE_CAN_PUT_IF_ABSENT, "write only new objects", err);
	case XC_PUT_WHEN_TAG:
		return check_can(store, XC_STORE_CAN_PUT_IF_TAG, "replace just what was read", err);
	default:
		return check_can(store, XC_STORE_CAN_REPLACE, "replace objects", err);
	}
}

int xc_store_put(struct xc_store *store, const char *name, const void *data, size_t length,
		 struct xc_put_condition condition, struct xc_err *err)
{
	if (xc_store_check_name(name, err) < 0 || check_condition(store, condition.when, err) < 0)
		return -1;
	return store->ops->put(store, name, data, length, condition, err);
}

int xc_store_upload_begin(struct xc_store *store, const char *name, struct xc_upload **ret_upload,
			  struct xc_err *err)
{
	if (xc_store_check_name(name, err) < 0)
		return -1;
	return store->ops->upload_begin(store, name, ret_upload, err);
}

int xc_store_upload_append(struct xc_upload *upload, const void *data, size_t length,
			   struct xc_err *err)
{
	return upload->store->ops->upload_append(upload, data, length, err);
}

int xc_store_upload_commit(struct xc_upload *upload, struct xc_err *err)
{
	return upload->store->ops->upload_commit(upload, err);
}

void xc_store_upload_abort(struct xc_upload *upload)
{
	if (upload)
		upload->store->ops->upload_abort(upload);
}

int xc_store_list(struct xc_store *store, const char *prefix, xc_store_list_fn *found,
		  void *context, struct xc_err *err)
{
	if (check_can(store, XC_STORE_CAN_LIST, "list its objects", err) < 0)
		return -1;
	return store->ops->list(store, prefix, found, context, err);
}

static int check_remove(const struct xc_store *store, const char *name, struct xc_err *err)
{
	if (xc_store_check_name(name, err) < 0)
		return -1;
	return check_can(store, XC_STORE_CAN_REMOVE, "remove objects", err);
}

int xc_store_remove(struct xc_store *store, const char *name, struct xc_err *err)
{
	return xc_store_remove_tagged(store, name, NULL, err);
}

int xc_store_remove_tagged(struct xc_store *store, const char *name, const struct xc_store_tag *tag,
			   struct xc_err *err)
{
	if (check_remove(store, name, err) < 0)
		return -1;
	return store->ops->remove(store, name, tag, err);
}

static int remove_in_turn(struct xc_store *store, const struct xc_strlist *names,
			  struct xc_err *err)
{
	struct xc_err one;
	int result = 0;

	for (size_t i = 0; i < names->count; i++) {
		if (store->ops->remove(store, names->items[i], NULL, &one) == 0 ||
		    one.kind == XC_ERR_NOT_FOUND)
			continue;
		if (result == 0)
			*err = one;
		result = -1;
	}
	return result;
}

int xc_store_remove_many(struct xc_store *store, const struct xc_strlist *names, struct xc_err *err)
{
	for (size_t i = 0; i < names->count; i++)
		if (check_remove(store, names->items[i], err) < 0)
			return -1;
	return store->ops->remove_many ? store->ops->remove_many(store, names, err)
				       : remove_in_turn(store, names, err);
}

int xc_store_now(struct xc_store *store, const char *prefix, int64_t *ret_now_ns,
		 struct xc_err *err)
{
	if (check_can(store, XC_STORE_CAN_TELL_TIME, "tell its time", err) < 0)
		return -1;
	return store->ops->now(store, prefix, ret_now_ns, err);
}

void xc_store_found_release(struct xc_store_found *found)
{
	free(found->name);
	free(found->key);
	free(found->scope);
	*found = (struct xc_store_found){ 0 };
}

int xc_store_find(struct xc_store *store, const struct xc_store_query *query,
		  struct xc_store_found *ret_found, struct xc_err *err)
{
	if (check_can(store, XC_STORE_CAN_FIND, "match keys by itself", err) < 0)
		return -1;
	return store->ops->find(store, query, ret_found, err);
}
