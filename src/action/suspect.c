/* SPDX-License-Identifier: Apache-2.0 */
#include "action/suspect.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/hex.h"

#define NAME_BYTES 16

/* One file for each store, scope, key and set of paths, on the heap. */
static char *note_path(const struct xc_action_run *run)
{
	const char *folder = run->context.temp ? run->context.temp : getenv("TMPDIR");
	char version[XC_VERSION_HEX + 1], name[2 * NAME_BYTES + 1];
	cleanup_free char *text = NULL;
	uint8_t digest[XC_SHA256_BYTES];

	xc_key_version(run->query.paths, version);
	text = xc_asprintf("%s|%s|%s|%s|%s", run->store->display_url, run->cache.repository,
			   run->scopes.items[0], version, run->query.key);
	xc_sha256(text, strlen(text), digest);
	xc_hex_encode(digest, NAME_BYTES, name);
	return xc_asprintf("%s/xcache-broken-%s", folder && *folder ? folder : "/tmp", name);
}

void xc_action_suspect_note(const struct xc_action_run *run)
{
	for (size_t i = 0; i < run->broken.count; i++) {
		const struct xc_broken_entry *entry = &run->broken.items[i];
		cleanup_free char *path = NULL;
		cleanup_fd int fd = -1;

		if (!entry->key || strcmp(entry->key, run->query.key) != 0 ||
		    strcmp(entry->scope, run->scopes.items[0]) != 0)
			continue;
		path = note_path(run);
		(void)!unlink(path);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		/* Without it the entry stays until it is updated or removed, as the page says. */
		if (fd >= 0)
			(void)!xc_fd_write_all(fd, entry->tag.text, strlen(entry->tag.text));
	}
}

char *xc_action_suspect_take(const struct xc_action_run *run)
{
	cleanup_free char *path = note_path(run);
	cleanup_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char tag[XC_STORE_TAG_MAX];
	struct stat status;
	ssize_t got;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_uid != geteuid())
		return NULL;
	got = xc_fd_read_full(fd, tag, sizeof(tag));
	(void)!unlink(path);
	return got > 0 && got < (ssize_t)sizeof(tag) ? xc_strndup(tag, (size_t)got) : NULL;
}
