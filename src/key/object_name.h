/* SPDX-License-Identifier: Apache-2.0 */
/* Names of objects taken apart: what key/objects.h puts together. Pure, as all of key/. */
#ifndef XC_KEY_OBJECT_NAME_H
#define XC_KEY_OBJECT_NAME_H

#include "key/key.h"

enum xc_object_kind {
	XC_OBJECT_OTHER, /* nothing that this program writes */
	XC_OBJECT_ENTRY, /* in the place of a manifest, whatever else its name looks like */
	XC_OBJECT_PACK,
	XC_OBJECT_TOMBSTONE,
};

/* The parts of a name, pointing into it. */
struct xc_object_name {
	enum xc_object_kind kind;
	const char *scope; /* as it stands there: see xc_key_scope_decode */
	size_t scope_bytes;
	const char *rest; /* behind the folder: "<version>/<key>", or what begins with the id */
};

/* `name` starts with `repository_bytes` that came from xc_key_repository_prefix. */
struct xc_object_name xc_name_take_apart(const char *name, size_t repository_bytes);

#endif
