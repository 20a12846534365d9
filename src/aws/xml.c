/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of a few elements, and errors. */
#include "aws/xml_internal.h"

#include <string.h>

/* Text that goes into a request again, or that is compared: nothing odd may stand in it. */
static bool is_plain(const char *text, const char *marks)
{
	for (; *text; text++) {
		char c = *text;

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr(marks, c)))
			return false;
	}
	return true;
}

static void take_plain(const char *text, const char *marks, char *out, size_t out_bytes)
{
	if (strlen(text) < out_bytes && is_plain(text, marks))
		snprintf(out, out_bytes, "%s", text);
}

static int error_begin(struct xc_xml_walk *walk)
{
	struct xc_s3_error *error = walk->owner;

	if (walk->depth > 1)
		return 0;
	if (strcmp(walk->names[0], "Error") != 0 && strcmp(walk->names[0], "ErrorResponse") != 0)
		return -1;
	snprintf(error->code, sizeof(error->code), "Unknown");
	return 0;
}

static int error_end(struct xc_xml_walk *walk, const char *text)
{
	struct xc_s3_error *error = walk->owner;

	if (xc_xml_is(walk, "Error", "Code") && *text)
		take_plain(text, ".", error->code, sizeof(error->code));
	else if (xc_xml_is(walk, "Error", "Message"))
		xc_err_quote(text, error->message, sizeof(error->message));
	else if (xc_xml_is(walk, "Error", "Region"))
		take_plain(text, "-_", error->region, sizeof(error->region));
	else if (xc_xml_is(walk, "Error", "Endpoint"))
		take_plain(text, "-._:[]", error->endpoint, sizeof(error->endpoint));
	else if (xc_xml_is(walk, "Error", "ServerTime"))
		take_plain(text, "-:.+", error->server_time, sizeof(error->server_time));
	return 0;
}

bool xc_s3_xml_error(const char *xml, size_t length, struct xc_s3_error *ret_error)
{
	struct xc_s3_error error = { 0 };
	struct xc_err err;
	struct xc_xml_walk walk = { .what = "the answer",
				    .begin = error_begin,
				    .end = error_end,
				    .owner = &error,
				    .err = &err };

	/* An error that is cut, or not well-formed behind its code, is still one. */
	if (xc_xml_walk(&walk, xml, length) < 0 && error.code[0] == '\0')
		return false;
	*ret_error = error;
	return true;
}

/* One element to be found. */
struct search {
	const char *root;   /* NULL: any */
	const char *parent; /* NULL: at any depth */
	const char *element;
	char *text;
};

static int search_begin(struct xc_xml_walk *walk)
{
	const struct search *search = walk->owner;

	return search->root ? xc_xml_check_root(walk, search->root) : 0;
}

static int search_end(struct xc_xml_walk *walk, const char *text)
{
	struct search *search = walk->owner;

	if (!search->text && strcmp(walk->names[walk->depth - 1], search->element) == 0 &&
	    (!search->parent || xc_xml_is(walk, search->parent, search->element)))
		search->text = xc_strdup(text);
	return 0;
}

/* Wiped: it may be a key. */
static void search_release(struct search *search)
{
	if (search->text)
		explicit_bzero(search->text, strlen(search->text));
	free(search->text);
}
#define cleanup_search __attribute__((cleanup(search_release)))

int xc_s3_xml_upload_id(const char *xml, size_t length, char **ret_upload_id, struct xc_err *err)
{
	static const char root[] = "InitiateMultipartUploadResult";
	cleanup_search struct search search = { root, root, "UploadId", NULL };
	struct xc_xml_walk walk = { .what = "the answer to a new upload",
				    .begin = search_begin,
				    .end = search_end,
				    .owner = &search,
				    .err = err };

	if (xc_xml_walk(&walk, xml, length) < 0)
		return -1;
	if (!search.text || search.text[0] == '\0')
		return xc_err_set(err, XC_ERR_CORRUPT, "%s has no UploadId", walk.what);
	*ret_upload_id = STEAL_PTR(search.text);
	return 0;
}

char *xc_s3_xml_text(const char *xml, size_t length, const char *element)
{
	cleanup_search struct search search = { .element = element };
	struct xc_err err;
	struct xc_xml_walk walk = {
		.what = "the answer", .end = search_end, .owner = &search, .err = &err
	};

	if (xc_xml_walk(&walk, xml, length) < 0)
		return NULL;
	return STEAL_PTR(search.text);
}

/* What one Error of a DeleteResult says, and the first one that counts. */
struct refusal {
	char key[200], code[64], message[200];
	bool is_found;
};

static int deleted_begin(struct xc_xml_walk *walk)
{
	struct refusal *refusal = walk->owner;

	if (walk->depth == 2 && !refusal->is_found)
		*refusal = (struct refusal){ .code = "Unknown" };
	return xc_xml_check_root(walk, "DeleteResult");
}

static int deleted_end(struct xc_xml_walk *walk, const char *text)
{
	struct refusal *refusal = walk->owner;

	if (refusal->is_found)
		return 0;
	if (xc_xml_is(walk, "Error", "Key"))
		xc_err_quote(text, refusal->key, sizeof(refusal->key));
	else if (xc_xml_is(walk, "Error", "Code"))
		xc_err_quote(text, refusal->code, sizeof(refusal->code));
	else if (xc_xml_is(walk, "Error", "Message"))
		xc_err_quote(text, refusal->message, sizeof(refusal->message));
	else if (xc_xml_is(walk, "DeleteResult", "Error"))
		/* That one is gone already. */
		refusal->is_found = strcmp(refusal->code, "NoSuchKey") != 0 &&
				    strcmp(refusal->code, "NoSuchVersion") != 0;
	return 0;
}

static enum xc_err_kind kind_of(const char *code)
{
	static const char *const transient[] = { "InternalError", "OperationAborted",
						 "RequestTimeout", "ServiceUnavailable",
						 "SlowDown" };

	if (strcmp(code, "AccessDenied") == 0)
		return XC_ERR_AUTH;
	for (size_t i = 0; i < ARRAY_LEN(transient); i++)
		if (strcmp(code, transient[i]) == 0)
			return XC_ERR_TRANSIENT;
	return XC_ERR_IO;
}

int xc_s3_xml_deleted(const char *xml, size_t length, struct xc_err *err)
{
	struct refusal refusal = { 0 };
	struct xc_xml_walk walk = { .what = "the answer to a deletion",
				    .begin = deleted_begin,
				    .end = deleted_end,
				    .owner = &refusal,
				    .err = err };

	if (xc_xml_walk(&walk, xml, length) < 0)
		return -1;
	if (!refusal.is_found)
		return 0;
	return xc_err_set(err, kind_of(refusal.code), "cannot delete %s: %s%s%s", refusal.key,
			  refusal.code, refusal.message[0] ? ": " : "", refusal.message);
}
