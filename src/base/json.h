/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON by jansson: the one place that includes it for everyone below. Adds
 * what jansson leaves open: bytes that are not UTF-8, ceilings, and messages
 * that name the member.
 */
#ifndef XC_BASE_JSON_H
#define XC_BASE_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

static inline void xc_cleanup_json(json_t **value)
{
	json_decref(*value);
}
#define cleanup_json __attribute__((cleanup(xc_cleanup_json)))

/*
 * Parse one document of at most `max_bytes`; duplicate members and text
 * behind it are CORRUPT, with jansson's line and column. Returns a new
 * reference or NULL with `err` filled. `what` names it in messages.
 */
json_t *xc_json_parse(const void *data, size_t length, size_t max_bytes, const char *what,
		      struct xc_err *err) XC_CHECK;

/* Text as a JSON string, or {"base64": …} where it is not UTF-8. New reference, never NULL. */
json_t *xc_json_text(const char *text);
/* The reverse; NULL if `value` is neither. The caller frees. A NUL inside counts as neither. */
char *xc_json_text_value(const json_t *value) XC_CHECK;

/* Bytes as a JSON string of base64 (RFC 4648, padded). New reference, never NULL. */
json_t *xc_json_base64(const void *data, size_t length);
/* Append what such a string stands for; -1, nothing appended, if `value` is none. */
int xc_json_base64_value(const json_t *value, struct xc_buf *out) XC_CHECK;

/* Nanoseconds since 1970 as "2026-01-31T12:34:56.123456789Z" (RFC 3339), and back: 0 or -1. */
json_t *xc_json_time(int64_t time_ns);
/* The same of any second; "@<seconds>.<nanoseconds>" where no calendar has it. */
json_t *xc_json_time_at(int64_t seconds, uint32_t ns);
int xc_json_time_value(const json_t *value, int64_t *ret_time_ns) XC_CHECK;

/* Append the document, compact or indented by 2, with a newline. */
void xc_json_write(const json_t *value, int pretty, struct xc_buf *out);

#endif
