/* SPDX-License-Identifier: Apache-2.0 */
#include "save/notes.h"

#include "base/human.h"
#include "tree/patterns/patterns.h"

static void add_unmatched(const struct xc_notes *notes, struct xc_strlist *sentences)
{
	for (size_t i = 0; i < notes->unmatched.count; i++) {
		const char *line = notes->unmatched.items[i], *pitfall = xc_patterns_pitfall(line);

		xc_strlist_take(sentences,
				xc_asprintf("the path line %s matches nothing%s%s", XC_QUOTE(line),
					    pitfall ? ": " : "", pitfall ? pitfall : ""));
	}
}

void xc_save_notes(const struct xc_save_result *result, struct xc_strlist *sentences)
{
	static const char *const texts[XC_NOTE_KINDS][2] = {
		[XC_NOTE_LINKS_OUT] = { "was not followed: it is a symlink that leads out of the "
					"literal part of the path line",
					"were not followed: they are symlinks that lead out of the "
					"literal part of the path line" },
		[XC_NOTE_UNREADABLE] = { "was left out: the directory is not readable",
					 "were left out: the directories are not readable" },
		[XC_NOTE_LINKED_PATH] = { "is a symlink: only the link is saved, not the files in "
					  "the directory that it points to; end the path in /* to "
					  "save those",
					  "are symlinks: only the links are saved, not the files "
					  "in the directories that they point to; end the paths in "
					  "/* to save those" },
		[XC_NOTE_VANISHED] = { "was left out: it vanished while it was being saved",
				       "were left out: they vanished while they were being saved" },
		[XC_NOTE_CAPABILITIES] = { "is saved without its capabilities "
					   "(security.capability): a restore cannot set them",
					   "are saved without their capabilities "
					   "(security.capability): a restore cannot set them" },
		[XC_NOTE_ACLS] = { "is saved without its ACL: only the mode is kept",
				   "are saved without their ACLs: only the modes are kept" },
		[XC_NOTE_STORE] = { "was left out: it is the store itself",
				    "were left out: they are the store itself" },
	};

	add_unmatched(&result->notes, sentences);
	for (size_t i = 0; i < XC_NOTE_KINDS; i++) {
		uint64_t count = result->notes.kinds[i].count;
		const char *path = result->notes.kinds[i].path;

		if (count == 1)
			xc_strlist_take(sentences,
					xc_asprintf("%s %s", XC_QUOTE(path), texts[i][0]));
		else if (count > 1)
			xc_strlist_take(sentences,
					xc_asprintf("%s and %s %s", XC_QUOTE(path),
						    XC_COUNTED(count - 1, "other", "others"),
						    texts[i][1]));
	}
	if (!result->exists && result->manifest.totals.files == 0)
		xc_strlist_add(sentences, "the entry has no files, only directories or symlinks");
}
