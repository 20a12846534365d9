/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documents of --json. Each is one object whose "ok" says whether the
 * command did what it was asked to. All return new references.
 */
#ifndef XC_REPORT_DOCUMENT_H
#define XC_REPORT_DOCUMENT_H

#include <stdio.h>

#include "base/json.h"
#include "entry/entry.h"
#include "restore/restore.h"
#include "save/save.h"

/* {"ok": true}: what the other documents begin with. */
json_t *xc_document_new(void);

/* {"ok": false, "error": {"kind": …, "message": …}} */
json_t *xc_document_error(const struct xc_err *err);
/* The name of a kind in documents: "not-found", "usage", … */
const char *xc_document_kind(enum xc_err_kind kind);

json_t *xc_document_save(const struct xc_query *query, const struct xc_save_result *result);
json_t *xc_document_restore(const struct xc_query *query, const struct xc_restore_result *result);
/*
 * Adds how it was done. `way` is NULL for extraction; `obstacle` says why there
 * is no mount if one was asked for, else NULL.
 */
void xc_document_set_mount(json_t *document, const char *way, const char *obstacle);
json_t *xc_document_lookup(const struct xc_query *query, const struct xc_match *match);
json_t *xc_document_inspect(const struct xc_match *match);

/* Print a document: compact, or indented if `out` is a terminal. */
void xc_document_print(const json_t *document, FILE *out);

/*
 * Print an array that is too long to be built: `document` with one more
 * member `name`, whose elements follow one by one.
 */
void xc_document_begin_array(const json_t *document, const char *name, FILE *out);
/* Print one element and drop the reference to it. */
void xc_document_add_element(json_t *element, bool first, FILE *out);
void xc_document_end_array(FILE *out);

#endif
