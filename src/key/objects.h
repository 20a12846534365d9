/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of an entry's objects. Pure, as all of key/.
 *
 *   <repository>/<scope>/entries/<version>/<key>      a manifest
 *   <repository>/<scope>/packs/<id>.tar.zst           a pack
 *   <repository>/<scope>/removed/<id>                 a tombstone
 *
 * A store's own prefix (s3://bucket/prefix) belongs to the store. Those that make
 * a name append it to `out`; USAGE, with nothing appended, if repository or scope is empty.
 */
#ifndef XC_KEY_OBJECTS_H
#define XC_KEY_OBJECTS_H

#include "key/key.h"

/* What makes an entry's name. All borrowed. */
struct xc_entry_name {
	const char *repository, *scope, *version, *key;
};

/* The name of an entry's manifest. */
int xc_name_entry(const struct xc_entry_name *entry, struct xc_buf *out,
		  struct xc_err *err) XC_CHECK;

/* What the manifests of a scope start with: all of them, or those of `version` unless NULL. */
int xc_name_entries(const char *repository, const char *scope, const char *version,
		    struct xc_buf *out, struct xc_err *err) XC_CHECK;

/* The name of a pack; `id` is from xc_key_new_id. */
int xc_name_pack(const char *repository, const char *scope, const char *id, struct xc_buf *out,
		 struct xc_err *err) XC_CHECK;

/* A name for a new tombstone. */
int xc_name_tombstone(const char *repository, const char *scope, struct xc_buf *out,
		      struct xc_err *err) XC_CHECK;

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

/* Whether the object `name` lies where those of entries do, whatever else its name looks like. */
bool xc_name_is_of_entry(const char *name);

#endif
