/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of objects and of pending uploads: two shapes of one thing. */
#include "aws/xml_internal.h"

#include "base/json.h"
#include "base/uri.h"

/* Servers are asked for 1000, and AWS never sends more. */
#define ITEMS_MAX 10000

enum kind { KIND_KEY, KIND_TEXT, KIND_SIZE, KIND_TIME };

/* All fields of an item are required. */
struct field {
	const char *element;
	enum kind kind;
	size_t offset; /* within the item */
};

struct shape {
	const char *what, *root, *item;
	size_t item_bytes;
	struct field fields[3];
	const char *markers[2]; /* where the next page begins; NULL for none */
	unsigned key_marker;    /* which of them is a key; past the end for none */
};

struct page {
	const struct shape *shape;
	char *items;
	size_t count, capacity;
	bool is_open;  /* within items[count] */
	unsigned seen; /* bits of its fields */
	bool is_encoded, is_truncated;
	char *markers[2];
};

static const struct shape objects = {
	.what = "the list of objects",
	.root = "ListBucketResult",
	.item = "Contents",
	.item_bytes = sizeof(struct xc_s3_listed),
	.fields = { { "Key", KIND_KEY, offsetof(struct xc_s3_listed, key) },
		    { "Size", KIND_SIZE, offsetof(struct xc_s3_listed, size_bytes) },
		    { "LastModified", KIND_TIME, offsetof(struct xc_s3_listed, modified_ns) } },
	.markers = { "NextContinuationToken" },
	.key_marker = 2,
};

static const struct shape uploads = {
	.what = "the list of uploads",
	.root = "ListMultipartUploadsResult",
	.item = "Upload",
	.item_bytes = sizeof(struct xc_s3_pending),
	.fields = { { "Key", KIND_KEY, offsetof(struct xc_s3_pending, key) },
		    { "UploadId", KIND_TEXT, offsetof(struct xc_s3_pending, upload_id) },
		    { "Initiated", KIND_TIME, offsetof(struct xc_s3_pending, initiated_ns) } },
	.markers = { "NextKeyMarker", "NextUploadIdMarker" },
	.key_marker = 0,
};

static void *value_at(const struct page *page, size_t item, const struct field *field)
{
	return page->items + item * page->shape->item_bytes + field->offset;
}

static void page_release(struct page *page)
{
	for (size_t i = 0; i < page->count + page->is_open; i++)
		for (size_t j = 0; j < ARRAY_LEN(page->shape->fields); j++) {
			const struct field *field = &page->shape->fields[j];

			if (field->kind == KIND_KEY || field->kind == KIND_TEXT)
				free(*(char **)value_at(page, i, field));
		}
	free(page->items);
	free(page->markers[0]);
	free(page->markers[1]);
}
#define cleanup_page __attribute__((cleanup(page_release)))

static int refuse(const struct xc_xml_walk *walk, const char *why)
{
	return xc_err_set(walk->err, XC_ERR_CORRUPT, "%s: %s %s", walk->what,
			  walk->names[walk->depth - 1], why);
}

static int take_size(const struct xc_xml_walk *walk, const char *text, uint64_t *ret_size)
{
	uint64_t size = 0;

	if (*text == '\0')
		return refuse(walk, "is empty");
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return refuse(walk, "is not a size");
		if (size > (INT64_MAX - 9) / 10)
			return refuse(walk, "is too large");
		size = 10 * size + (uint64_t)(*text - '0');
	}
	*ret_size = size;
	return 0;
}

static int take_time(const struct xc_xml_walk *walk, const char *text, int64_t *ret_time_ns)
{
	cleanup_json json_t *value = json_string(text);

	return xc_json_time_value(value, ret_time_ns) == 0 ? 0 : refuse(walk, "is not a time");
}

static int take_value(const struct xc_xml_walk *walk, enum kind kind, const char *text,
		      void *ret_value)
{
	switch (kind) {
	case KIND_SIZE:
		return take_size(walk, text, ret_value);
	case KIND_TIME:
		return take_time(walk, text, ret_value);
	case KIND_KEY:
	case KIND_TEXT:
		break;
	}
	if (*text == '\0')
		return refuse(walk, "is empty");
	*(char **)ret_value = xc_strdup(text);
	return 0;
}

static int take_field(const struct xc_xml_walk *walk, struct page *page, const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(page->shape->fields); i++) {
		const struct field *field = &page->shape->fields[i];

		if (!xc_xml_is(walk, page->shape->item, field->element))
			continue;
		if (page->seen & 1u << i)
			return refuse(walk, "occurs twice");
		page->seen |= 1u << i;
		return take_value(walk, field->kind, text, value_at(page, page->count, field));
	}
	return 0;
}

/* What stands beside the items. */
static int take_top(const struct xc_xml_walk *walk, struct page *page, const char *text)
{
	const char *name = walk->names[1];

	if (strcmp(name, "IsTruncated") == 0)
		page->is_truncated = strcmp(text, "true") == 0;
	else if (strcmp(name, "EncodingType") == 0)
		page->is_encoded = strcmp(text, "url") == 0;
	for (size_t i = 0; i < ARRAY_LEN(page->markers); i++) {
		if (!page->shape->markers[i] || strcmp(name, page->shape->markers[i]) != 0)
			continue;
		free(page->markers[i]);
		page->markers[i] = xc_strdup(text);
	}
	return 0;
}

static int begin(struct xc_xml_walk *walk)
{
	struct page *page = walk->owner;

	if (walk->depth == 1)
		return xc_xml_check_root(walk, page->shape->root);
	if (walk->depth != 2 || strcmp(walk->names[1], page->shape->item) != 0)
		return 0;
	if (page->count == ITEMS_MAX)
		return refuse(walk, "occurs more than 10000 times");
	if (page->count == page->capacity) {
		page->capacity = page->capacity ? 2 * page->capacity : 64;
		page->items = xc_realloc(page->items, page->capacity * page->shape->item_bytes);
	}
	memset(page->items + page->count * page->shape->item_bytes, 0, page->shape->item_bytes);
	page->is_open = true;
	page->seen = 0;
	return 0;
}

static int end(struct xc_xml_walk *walk, const char *text)
{
	struct page *page = walk->owner;

	if (walk->depth == 3 && page->is_open)
		return take_field(walk, page, text);
	if (walk->depth != 2)
		return 0;
	if (!page->is_open)
		return take_top(walk, page, text);
	if (page->seen != (1u << ARRAY_LEN(page->shape->fields)) - 1)
		return refuse(walk, "lacks a key, a size, an id or a time");
	page->is_open = false;
	page->count++;
	return 0;
}

/* encoding-type=url is form encoding: '+' is a blank. */
static int decode(const struct shape *shape, char **io_key, struct xc_err *err)
{
	struct xc_buf bytes = XC_BUF_INIT;
	bool is_whole;

	for (char *c = *io_key; *c; c++)
		if (*c == '+')
			*c = ' ';
	xc_buf_add_str(&bytes, "");
	is_whole = xc_uri_decode(*io_key, strlen(*io_key), &bytes);
	if (!is_whole || strlen(bytes.data) != bytes.len_bytes) {
		xc_buf_release(&bytes);
		return xc_err_set(err, XC_ERR_CORRUPT, "%s: the key %s is badly encoded",
				  shape->what, XC_QUOTE(*io_key));
	}
	free(*io_key);
	*io_key = xc_buf_steal(&bytes);
	return 0;
}

static int decode_all(struct page *page, struct xc_err *err)
{
	const struct shape *shape = page->shape;
	int result = 0;

	for (size_t i = 0; result == 0 && i < page->count; i++)
		for (size_t j = 0; result == 0 && j < ARRAY_LEN(shape->fields); j++)
			if (shape->fields[j].kind == KIND_KEY)
				result = decode(shape, value_at(page, i, &shape->fields[j]), err);
	if (result == 0 && shape->key_marker < ARRAY_LEN(page->markers) &&
	    page->markers[shape->key_marker])
		result = decode(shape, &page->markers[shape->key_marker], err);
	return result;
}

static bool has_marker(const struct page *page)
{
	return page->markers[0] && page->markers[0][0] != '\0';
}

static int page_parse(struct page *page, const char *xml, size_t length, struct xc_err *err)
{
	struct xc_xml_walk walk = {
		.what = page->shape->what, .begin = begin, .end = end, .owner = page, .err = err
	};

	if (xc_xml_walk(&walk, xml, length) < 0)
		return -1;
	return page->is_encoded ? decode_all(page, err) : 0;
}

/* Without it the rest would be missing, and nobody would know. */
static int refuse_cut(const struct page *page, struct xc_err *err)
{
	return xc_err_set(err, XC_ERR_CORRUPT, "%s is cut off and has no %s", page->shape->what,
			  page->shape->markers[0]);
}

int xc_s3_xml_list(const char *xml, size_t length, struct xc_s3_page *ret_page, struct xc_err *err)
{
	cleanup_page struct page page = { .shape = &objects };

	if (page_parse(&page, xml, length, err) < 0)
		return -1;
	if (page.is_truncated && !has_marker(&page))
		return refuse_cut(&page, err);
	*ret_page = (struct xc_s3_page){
		.count = page.count,
		.next_token = page.is_truncated ? STEAL_PTR(page.markers[0]) : NULL,
	};
	page.count = 0;
	ret_page->items = (struct xc_s3_listed *)STEAL_PTR(page.items);
	return 0;
}

/* The next page begins behind the last item: so Swift 2.30 means it, with empty markers. */
static void set_next_upload(struct page *page, struct xc_s3_pending_page *ret_page)
{
	if (has_marker(page)) {
		ret_page->next_key = STEAL_PTR(page->markers[0]);
		ret_page->next_upload_id =
			page->markers[1] ? STEAL_PTR(page->markers[1]) : xc_strdup("");
	} else {
		ret_page->next_key = xc_strdup(ret_page->items[ret_page->count - 1].key);
		ret_page->next_upload_id =
			xc_strdup(ret_page->items[ret_page->count - 1].upload_id);
	}
}

int xc_s3_xml_uploads(const char *xml, size_t length, struct xc_s3_pending_page *ret_page,
		      struct xc_err *err)
{
	cleanup_page struct page page = { .shape = &uploads };

	if (page_parse(&page, xml, length, err) < 0)
		return -1;
	if (page.is_truncated && !has_marker(&page) && page.count == 0)
		return refuse_cut(&page, err);
	*ret_page = (struct xc_s3_pending_page){ .count = page.count };
	page.count = 0;
	ret_page->items = (struct xc_s3_pending *)STEAL_PTR(page.items);
	if (page.is_truncated)
		set_next_upload(&page, ret_page);
	return 0;
}

void xc_s3_page_release(struct xc_s3_page *page)
{
	for (size_t i = 0; i < page->count; i++)
		free(page->items[i].key);
	free(page->items);
	free(page->next_token);
	*page = (struct xc_s3_page)XC_S3_PAGE_INIT;
}

void xc_s3_pending_page_release(struct xc_s3_pending_page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		free(page->items[i].key);
		free(page->items[i].upload_id);
	}
	free(page->items);
	free(page->next_key);
	free(page->next_upload_id);
	*page = (struct xc_s3_pending_page){ 0 };
}
