/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the S3 store share; s3.c says how objects lie in a bucket. */
#ifndef XC_STORE_S3_INTERNAL_H
#define XC_STORE_S3_INTERNAL_H

#include <stdatomic.h>

#include "aws/s3/s3.h"
#include "store/back_end.h"

/* AWS, "Creating object key names" */
#define XC_S3_KEY_MAX 1024
/* Four parts on their way and one being filled take 80 MiB. */
#define XC_S3_PARTS_IN_FLIGHT 4

struct xc_s3_store {
	struct xc_store base;
	struct xc_s3 *s3;
	char *prefix;      /* before each name: "" or "a/b/" */
	size_t part_bytes; /* of the first parts */
	bool equal_parts;  /* parts of an upload must be of one size */
	unsigned parts_in_flight;
	_Atomic uint64_t reading_bytes; /* asked for and not there yet */
};

extern const struct xc_store_ops xc_s3_ops;

static inline struct xc_s3_store *xc_s3_store(struct xc_store *store)
{
	xc_store_check_type(store, &xc_s3_ops);
	return (struct xc_s3_store *)store;
}

/* url.c */
struct xc_s3_url {
	struct xc_s3_opts opts; /* texts are in `texts` */
	char *prefix;
	char *display_url;
	size_t part_bytes;
	struct xc_strlist texts;
};

/*
 * Take apart what follows "s3:", with what the environment and a profile add.
 * `profile` is borrowed; NULL: the environment's. USAGE without any secret.
 */
int xc_s3_url_parse(const char *rest, const char *profile, struct xc_s3_url *ret_url,
		    struct xc_err *err) XC_CHECK;
void xc_s3_url_release(struct xc_s3_url *url);
#define cleanup_s3_url __attribute__((cleanup(xc_s3_url_release)))

/* The object's key, on the heap; USAGE if it is longer than S3 allows. */
int xc_s3_store_key(const struct xc_s3_store *store, const char *name, char **ret_key,
		    struct xc_err *err) XC_CHECK;

/* read.c */
void xc_s3_store_read(struct xc_store *store, struct xc_store_read *read);
void xc_s3_store_read_cancel(struct xc_store *store, struct xc_store_read *read);

/* upload.c */
int xc_s3_store_upload_begin(struct xc_store *store, const char *name,
			     struct xc_upload **ret_upload, struct xc_err *err);
int xc_s3_store_upload_append(struct xc_upload *upload, const void *data, size_t length,
			      struct xc_err *err);
int xc_s3_store_upload_commit(struct xc_upload *upload, struct xc_err *err);
void xc_s3_store_upload_abort(struct xc_upload *upload);

/* examine.c */
void xc_s3_store_examine(struct xc_store *store, const char *name, const struct xc_finder *finder);

#endif
