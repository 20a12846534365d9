/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, versions and scopes, and how they stand in the names of objects
 * (key/objects.h). Pure: no file system, no environment.
 */
#ifndef XC_KEY_KEY_H
#define XC_KEY_KEY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/strlist.h"

#define XC_KEY_MAX_UNITS 512 /* UTF-16 code units, as actions/cache counts them */
#define XC_KEYS_MAX      10
#define XC_VERSION_HEX   16 /* hexadecimal digits of a version */
#define XC_PACK_ID_LEN   32

/*
 * Check the key and its restore keys by the rules and with the messages of
 * actions/cache (toolkit, packages/cache/src/cache.ts): at most 10 together,
 * each at most 512 UTF-16 units, no commas; and none empty. USAGE.
 */
int xc_key_check(const char *key, const struct xc_strlist *restore_keys,
		 struct xc_err *err) XC_CHECK;

/* Check one key, as for xc_key_check. */
int xc_key_check_one(const char *key, struct xc_err *err) XC_CHECK;

/*
 * The version: the first 16 hexadecimal digits of SHA-256 over the path
 * lines joined with "|" and followed by "|xcache-1".
 */
void xc_key_version(const struct xc_strlist *path_lines, char ret_version[XC_VERSION_HEX + 1]);

/*
 * A name for a new pack or tombstone: milliseconds since 1970 and random
 * bits, in 32 hexadecimal digits, so that names sort by age and never meet.
 */
void xc_key_new_id(char ret_id[XC_PACK_ID_LEN + 1]);

/* Append "<repository>/<scope>", each percent-encoded into one path element. USAGE if empty. */
int xc_key_scope_prefix(const char *repository, const char *scope, struct xc_buf *out,
			struct xc_err *err) XC_CHECK;

/* Append "<repository>/", with which the names of all its objects start. USAGE if empty. */
int xc_key_repository_prefix(const char *repository, struct xc_buf *out,
			     struct xc_err *err) XC_CHECK;

/* Append the scope that the `length` bytes of a path element stand for; CORRUPT if none does. */
int xc_key_scope_decode(const char *element, size_t length, struct xc_buf *out,
			struct xc_err *err) XC_CHECK;

/*
 * Append the last element of an entry's name: the key, percent-encoded byte
 * by byte only where needed (control bytes, '%', '/', '\\', what is not
 * UTF-8, and a '.' in first place), so that a prefix of a key stays a prefix
 * of the name. A name that would be longer than XC_KEY_NAME_MAX bytes is cut
 * there, not within an encoded byte, and ends in "%-" and 32 hexadecimal
 * digits of SHA-256 over the key ("%-" never comes from encoding).
 */
#define XC_KEY_NAME_MAX 600
void xc_key_encode(const char *key, struct xc_buf *out);

/* Append the beginning that the names of all keys starting with `prefix` share, cut likewise. */
void xc_key_encode_prefix(const char *prefix, struct xc_buf *out);

/*
 * Append the key that an element stands for. Returns 0; 1 if the element was
 * cut, so that only the manifest knows the key (nothing appended); -1 if it
 * cannot come from xc_key_encode (CORRUPT).
 */
int xc_key_decode(const char *element, struct xc_buf *out, struct xc_err *err) XC_CHECK;

#endif
