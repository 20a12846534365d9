/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a save did not take, or not as its user may expect: told by the log,
 * by --json and by the warnings alike.
 */
#ifndef XC_TREE_NOTES_H
#define XC_TREE_NOTES_H

#include <stdint.h>

#include "base/strlist.h"

enum xc_note_kind {
	XC_NOTE_LINKS_OUT,    /* symlinks behind a wildcard that a restore would not go through */
	XC_NOTE_UNREADABLE,   /* directories met by "**" alone that may not be read */
	XC_NOTE_LINKED_PATH,  /* paths that a line spells out, and that are links to directories */
	XC_NOTE_VANISHED,     /* files and directories that were gone when they were to be read */
	XC_NOTE_CAPABILITIES, /* files whose capabilities an entry does not keep */
	XC_NOTE_ACLS,         /* files and directories whose ACLs an entry does not keep */
	XC_NOTE_STORE,        /* the folder of the store that is saved to */
	XC_NOTE_KINDS,
};

struct xc_notes {
	struct xc_strlist unmatched; /* the texts of lines that match nothing */
	struct {
		uint64_t count;
		char *path; /* the first one bytewise; NULL without any */
	} kinds[XC_NOTE_KINDS];
};

#define XC_NOTES_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}

void xc_notes_add(struct xc_notes *notes, enum xc_note_kind kind, const char *path);

/* Add what `from` counted, which the lines of `unmatched` are not. */
void xc_notes_merge(struct xc_notes *notes, const struct xc_notes *from);

void xc_notes_release(struct xc_notes *notes);
#define cleanup_notes __attribute__((cleanup(xc_notes_release)))

#endif
