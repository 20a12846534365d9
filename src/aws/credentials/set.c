/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of keys: checked as drafts, sealed, counted and wiped. */
#include "aws/credentials/internal.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

/* A sealed set: pages of its own, so that they can be kept out of core files. */
struct sealed {
	struct xc_credentials credentials; /* first: they are one address */
	atomic_uint references;
	size_t mapped_bytes;
	char text[];
};

void xc_cred_announce_secret(const struct xc_cred_context *context, const char *secret)
{
	if (context->opts->secret && secret && secret[0] != '\0')
		context->opts->secret(context->opts->secret_context, secret);
}

int xc_cred_check_text(const char *text, size_t max_bytes, enum xc_err_kind kind, const char *what,
		       struct xc_err *err)
{
	size_t length = strlen(text);

	if (length == 0)
		return xc_err_set(err, kind, "%s is empty", what);
	if (length > max_bytes)
		return xc_err_set(err, kind, "%s has %zu bytes, more than the %zu allowed", what,
				  length, max_bytes);
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return xc_err_set(err, kind,
					  "%s contains white space or a control character at "
					  "position %zu: was a line break pasted along with it?",
					  what, i + 1);
	return 0;
}

static int check_keys(const struct xc_sigv4_keys *keys, enum xc_err_kind kind, const char *what,
		      struct xc_err *err)
{
	const struct {
		const char *text, *name;
		size_t max_bytes;
	} rows[] = {
		{ keys->access_key_id, "access key id", XC_CRED_KEY_BYTES_MAX },
		{ keys->secret_access_key, "secret access key", XC_CRED_KEY_BYTES_MAX },
		{ keys->session_token, "session token", XC_CRED_TOKEN_BYTES_MAX },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!rows[i].text && i == 2)
			continue;
		if (!rows[i].text)
			return xc_err_set(err, kind, "%s: no %s", what, rows[i].name);
		if (xc_cred_check_text(rows[i].text, rows[i].max_bytes, kind, rows[i].name, err) <
		    0)
			return xc_err_wrap(err, "%s", what);
	}
	return 0;
}

int xc_cred_draft_set(const struct xc_cred_context *context, struct xc_cred_draft *draft,
		      const struct xc_sigv4_keys *keys, enum xc_err_kind kind, const char *what,
		      struct xc_err *err)
{
	struct xc_sigv4_keys given = *keys;

	if (given.session_token && given.session_token[0] == '\0')
		given.session_token = NULL;
	if (check_keys(&given, kind, what, err) < 0)
		return -1;
	xc_cred_announce_secret(context, given.secret_access_key);
	xc_cred_announce_secret(context, given.session_token);
	xc_cred_draft_release(draft);
	draft->access_key_id = xc_strdup(given.access_key_id);
	draft->secret_access_key = xc_strdup(given.secret_access_key);
	draft->session_token = given.session_token ? xc_strdup(given.session_token) : NULL;
	return 0;
}

void xc_cred_draft_source(struct xc_cred_draft *draft, const char *format, ...)
{
	char text[sizeof(draft->source)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	xc_err_quote(text, draft->source, sizeof(draft->source));
}

struct xc_sigv4_keys xc_cred_draft_keys(const struct xc_cred_draft *draft)
{
	return (struct xc_sigv4_keys){ .access_key_id = draft->access_key_id,
				       .secret_access_key = draft->secret_access_key,
				       .session_token = draft->session_token };
}

void xc_cred_draft_release(struct xc_cred_draft *draft)
{
	xc_secret_free(&draft->access_key_id);
	xc_secret_free(&draft->secret_access_key);
	xc_secret_free(&draft->session_token);
	*draft = (struct xc_cred_draft){ 0 };
}

static struct sealed *map(size_t size_bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct sealed *sealed;

	size_bytes = (size_bytes + page - 1) / page * page;
	sealed = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sealed == MAP_FAILED)
		xc_out_of_memory();
	/* Refused by old kernels; then a core file would hold them. */
	(void)madvise(sealed, size_bytes, MADV_DONTDUMP);
	sealed->mapped_bytes = size_bytes;
	return sealed;
}

static const char *place(char **io_at, const char *text)
{
	size_t bytes = text ? strlen(text) + 1 : 0;
	char *at = *io_at;

	if (!text)
		return NULL;
	memcpy(at, text, bytes);
	*io_at += bytes;
	return at;
}

const struct xc_credentials *xc_cred_seal(struct xc_cred_draft *draft)
{
	const char *parts[] = { draft->access_key_id, draft->secret_access_key,
				draft->session_token, draft->source };
	size_t bytes = sizeof(struct sealed);
	struct sealed *sealed;
	char *at;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		bytes += parts[i] ? strlen(parts[i]) + 1 : 0;
	sealed = map(bytes);
	at = sealed->text;
	atomic_init(&sealed->references, 1);
	sealed->credentials.keys.access_key_id = place(&at, parts[0]);
	sealed->credentials.keys.secret_access_key = place(&at, parts[1]);
	sealed->credentials.keys.session_token = place(&at, parts[2]);
	sealed->credentials.source = place(&at, parts[3]);
	sealed->credentials.expires = draft->expires;
	xc_cred_draft_release(draft);
	return &sealed->credentials;
}

const struct xc_credentials *xc_credentials_ref(const struct xc_credentials *credentials)
{
	struct sealed *sealed = (struct sealed *)credentials;

	atomic_fetch_add_explicit(&sealed->references, 1, memory_order_relaxed);
	return credentials;
}

void xc_credentials_release(const struct xc_credentials *credentials)
{
	struct sealed *sealed = (struct sealed *)credentials;
	size_t bytes;

	if (!sealed || atomic_fetch_sub_explicit(&sealed->references, 1, memory_order_acq_rel) != 1)
		return;
	bytes = sealed->mapped_bytes;
	explicit_bzero(sealed, bytes);
	munmap(sealed, bytes);
}
