/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over a document's elements, shared by the readers of S3's answers. */
#ifndef XC_AWS_XML_INTERNAL_H
#define XC_AWS_XML_INTERNAL_H

#include "aws/xml.h"

/* S3's own documents are 6 deep; the longest text is a session token. */
#define XC_XML_DEPTH_MAX  16
#define XC_XML_NAME_BYTES 64
#define XC_XML_TEXT_BYTES ((size_t)64 << 10)
/* 1000 keys of 1024 bytes, each of them encoded, are 3 MiB. */
#define XC_XML_BYTES_MAX ((size_t)64 << 20)

struct xc_xml_walk {
	const char *what; /* for messages: "the list of objects" */
	/*
	 * Called where an element begins and where it ends; it is names[depth -
	 * 1] then, without its prefix. `text` is all that stood in it since its
	 * last child. -1 ends the walk, with err filled. May be NULL.
	 */
	int (*begin)(struct xc_xml_walk *walk);
	int (*end)(struct xc_xml_walk *walk, const char *text);
	void *owner;
	struct xc_err *err;

	unsigned depth; /* 1 within the root */
	char names[XC_XML_DEPTH_MAX][XC_XML_NAME_BYTES];
};

/* 0 if all of a well-formed document was walked, else -1 and CORRUPT, or what a callback said. */
int xc_xml_walk(struct xc_xml_walk *walk, const char *xml, size_t length) XC_CHECK;

/* Whether the walk is at depth 2 or more and the element around is `parent`, itself `name`. */
bool xc_xml_is(const struct xc_xml_walk *walk, const char *parent, const char *name);

/* For begin: -1 unless the document's root is `root`. */
int xc_xml_check_root(struct xc_xml_walk *walk, const char *root);

#endif
