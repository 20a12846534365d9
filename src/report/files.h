/* SPDX-License-Identifier: Apache-2.0 */
/* The members of an entry, one a line as `ls -l` shows them, or as JSON. */
#ifndef XC_REPORT_FILES_H
#define XC_REPORT_FILES_H

#include <stdio.h>

#include "base/json.h"
#include "base/member.h"
#include "base/member_set.h"

#define XC_MODE_TEXT_MAX 11

/* "-rwxr-xr-x", "drwxrwxrwt": as ls writes it; a hard link shows as the file it is. */
const char *xc_files_mode(enum xc_member_type type, unsigned mode, char ret_text[XC_MODE_TEXT_MAX]);

/* The members of a layer that are alive, one line each. */
void xc_files_print(const struct xc_members *members, const struct xc_member_set *alive, FILE *out);

/*
 * One member as a JSON object: "path", "type" ("file", "directory",
 * "symlink", "hardlink"), "mode" (octal text), "uid", "gid", "size", "mtime",
 * and "target" for links. New reference.
 */
json_t *xc_files_json(const struct xc_members *members, uint32_t position);

#endif
