/* SPDX-License-Identifier: Apache-2.0 */
/* What a manifest says, for people and as JSON. */
#ifndef XC_REPORT_MANIFEST_H
#define XC_REPORT_MANIFEST_H

#include <stdbool.h>
#include <stdio.h>

#include "base/json.h"
#include "pack/manifest.h"

/* Some lines with everything that a manifest says; `now_s` is the time since 1970. */
void xc_manifest_print(const char *scope, const struct xc_manifest *manifest, int64_t now_s,
		       FILE *out);

/*
 * "key", "scope" (unless NULL), "version", "paths", "created", "tool",
 * "build_ms" (if known), "totals" and, if asked for, "layers", set in `object`.
 */
void xc_manifest_set_json(json_t *object, const char *scope, const struct xc_manifest *manifest,
			  bool layers);

/* Seconds since 1970 of a time in nanoseconds, rounded down. */
int64_t xc_manifest_created_s(const struct xc_manifest *manifest);

#endif
