/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/notes.h"

#include <string.h>

#include "base/err.h"

static void add(struct xc_notes *notes, enum xc_note_kind kind, uint64_t count, const char *path)
{
	char **first = &notes->kinds[kind].path;

	notes->kinds[kind].count += count;
	if (*first && strcmp(*first, path) <= 0)
		return;
	free(*first);
	*first = xc_strdup(path);
}

void xc_notes_add(struct xc_notes *notes, enum xc_note_kind kind, const char *path)
{
	add(notes, kind, 1, path);
}

void xc_notes_merge(struct xc_notes *notes, const struct xc_notes *from)
{
	for (size_t i = 0; i < XC_NOTE_KINDS; i++)
		if (from->kinds[i].count > 0)
			add(notes, (enum xc_note_kind)i, from->kinds[i].count, from->kinds[i].path);
}

void xc_notes_release(struct xc_notes *notes)
{
	xc_strlist_release(&notes->unmatched);
	for (size_t i = 0; i < XC_NOTE_KINDS; i++)
		free(notes->kinds[i].path);
	*notes = (struct xc_notes)XC_NOTES_INIT;
}
