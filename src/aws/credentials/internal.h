/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of credentials share. A source fills a draft, the chain
 * (chain.c) asks the sources in turn, the provider (credentials.c) seals
 * the draft, keeps it and hands it out. Sources run on one thread at a time,
 * and make their own small engine for the requests of one go.
 */
#ifndef XC_AWS_CREDENTIALS_INTERNAL_H
#define XC_AWS_CREDENTIALS_INTERNAL_H

#include "aws/credentials/credentials.h"
#include "aws/credentials/profile_file.h"
#include "aws/credentials/secret.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "http/http.h"

/* AWS names no limits for most of these: what is longer is no key. */
#define XC_CRED_KEY_BYTES_MAX   ((size_t)1 << 10)
#define XC_CRED_TOKEN_BYTES_MAX ((size_t)20000) /* STS: WebIdentityToken */
#define XC_CRED_REPLY_BYTES_MAX ((size_t)64 << 10)

/* What a source says, beside -1 with an error, which ends the chain. */
enum { XC_CRED_NONE = 0, XC_CRED_FOUND = 1 };

struct xc_cred_draft {
	char *access_key_id, *secret_access_key, *session_token;
	time_t expires;   /* by our clock; 0: never */
	char source[200]; /* quoted */
};

struct xc_cred_context {
	const struct xc_credentials_opts *opts;
	struct xc_profiles *profiles; /* see xc_cred_profiles */
	bool again;                   /* not the first time: it worked before */
	unsigned process_timeout_ms;  /* for credential_process; 0: a minute */
	char looked[320];             /* "source: why nothing; ..." */
};

/* context.c */
/* The first call reads the files; NULL with `err` filled if they cannot be read. */
const struct xc_profiles *xc_cred_profiles(struct xc_cred_context *context, struct xc_err *err);
void xc_cred_context_release(struct xc_cred_context *context);

/* Note that a source has nothing to say, and why; returns XC_CRED_NONE. */
int xc_cred_nothing(struct xc_cred_context *context, const char *format, ...) XC_PRINTF(2, 3);

/* The profile that counts: the one given, AWS_PROFILE, AWS_DEFAULT_PROFILE, "default". */
const char *xc_cred_profile_name(const struct xc_credentials_opts *opts);

/* A secret is about to be used: who prints must know it first. */
void xc_cred_announce_secret(const struct xc_cred_context *context, const char *secret);

/*
 * USAGE or CORRUPT (`kind`), naming `what` but not quoting, for text that is
 * longer than `max_bytes` or has anything but visible ASCII: it goes into headers.
 */
int xc_cred_check_text(const char *text, size_t max_bytes, enum xc_err_kind kind, const char *what,
		       struct xc_err *err) XC_CHECK;

/* Fill in copies; the session token may be NULL. Checks them, and tells of the secrets. */
int xc_cred_draft_set(const struct xc_cred_context *context, struct xc_cred_draft *draft,
		      const struct xc_sigv4_keys *keys, enum xc_err_kind kind, const char *what,
		      struct xc_err *err) XC_CHECK;
void xc_cred_draft_source(struct xc_cred_draft *draft, const char *format, ...) XC_PRINTF(2, 3);
struct xc_sigv4_keys xc_cred_draft_keys(const struct xc_cred_draft *draft);
void xc_cred_draft_release(struct xc_cred_draft *draft);
#define cleanup_cred_draft __attribute__((cleanup(xc_cred_draft_release)))

/* The draft as what the provider hands out, with one reference; the draft is left empty. */
const struct xc_credentials *xc_cred_seal(struct xc_cred_draft *draft);

/* A small file that holds a token: its text without white space around it, else unchecked. */
int xc_cred_read_token(const char *path, const char *what, char **ret_token,
		       struct xc_err *err) XC_CHECK;

/* "2026-01-31T12:34:56[.5]Z" or with an offset; -1 if it is none. */
int xc_cred_parse_time(const char *text, time_t *ret_time) XC_CHECK;
/* The answer's Date header; 0 without one. */
time_t xc_cred_date_header(const struct xc_http_request *request);

/* Whose answer it is, for messages, and the names that its members have. */
struct xc_cred_names {
	const char *who;
	const char *access_key_id, *secret_access_key, *session_token, *expiration;
};
/* Parse an object; unlike xc_json_parse, messages quote nothing of it. */
json_t *xc_cred_json_parse(const char *data, size_t length, const char *what,
			   struct xc_err *err) XC_CHECK;
/* Wipes all strings in it before it is given back. */
void xc_cred_json_free(json_t **value);
#define cleanup_cred_json __attribute__((cleanup(xc_cred_json_free)))
/* Fill the draft from such an object. Numbers as expiration are milliseconds. */
int xc_cred_from_json(const struct xc_cred_context *context, const json_t *object,
		      const struct xc_cred_names *names, struct xc_cred_draft *draft,
		      struct xc_err *err) XC_CHECK;
/*
 * Fill the draft from the answer of a metadata service, as EC2, ECS and EKS send
 * it. AUTH if it says that there are no keys.
 */
int xc_cred_take_keys(const struct xc_cred_context *context, const struct xc_http_request *request,
		      struct xc_cred_draft *draft, struct xc_err *err) XC_CHECK;

/* An engine for a few small requests. Zeros are for the engine's defaults. */
struct xc_cred_engine {
	bool direct;
	unsigned connect_timeout_ms, stall_ms, attempts;
};
int xc_cred_engine_new(const struct xc_cred_context *context, const struct xc_cred_engine *how,
		       struct xc_http **ret_http, struct xc_err *err) XC_CHECK;
static inline void xc_cred_cleanup_http(struct xc_http **http)
{
	xc_http_free(*http);
}
#define cleanup_cred_http __attribute__((cleanup(xc_cred_cleanup_http)))

/*
 * Perform a request whose owner is a text that names who is asked, for
 * messages, unless it has a judge. Never NOT_FOUND: that would be a miss.
 */
int xc_cred_perform(struct xc_http *http, struct xc_http_request *request,
		    struct xc_err *err) XC_CHECK;

/* Who is asked for a role, and which. */
struct xc_cred_role {
	const char *arn;
	const char *external_id;  /* may be NULL */
	const char *session_name; /* NULL: AWS_ROLE_SESSION_NAME, else of the run */
	const char *duration;     /* seconds; NULL: an hour */
};
/* sts.c. `how` goes into the draft's source: "role ARN by <how>". */
int xc_sts_assume_web(const struct xc_cred_context *context, const struct xc_cred_role *role,
		      const char *token, const char *how, struct xc_cred_draft *draft,
		      struct xc_err *err) XC_CHECK;
int xc_sts_assume(const struct xc_cred_context *context, const struct xc_cred_role *role,
		  const struct xc_cred_draft *base, struct xc_cred_draft *draft,
		  struct xc_err *err) XC_CHECK;

/* Sources: XC_CRED_FOUND with the draft filled, XC_CRED_NONE, or -1. */
int xc_cred_explicit(struct xc_cred_context *context, struct xc_cred_draft *draft,
		     struct xc_err *err) XC_CHECK;
int xc_cred_env(struct xc_cred_context *context, struct xc_cred_draft *draft,
		struct xc_err *err) XC_CHECK;
int xc_cred_web_identity(struct xc_cred_context *context, struct xc_cred_draft *draft,
			 struct xc_err *err) XC_CHECK;
int xc_cred_profile(struct xc_cred_context *context, struct xc_cred_draft *draft,
		    struct xc_err *err) XC_CHECK;
int xc_cred_github(struct xc_cred_context *context, struct xc_cred_draft *draft,
		   struct xc_err *err) XC_CHECK;
int xc_cred_container(struct xc_cred_context *context, struct xc_cred_draft *draft,
		      struct xc_err *err) XC_CHECK;
int xc_cred_imds(struct xc_cred_context *context, struct xc_cred_draft *draft,
		 struct xc_err *err) XC_CHECK;

/* The same, for a given role and token file. */
int xc_cred_web_identity_file(const struct xc_cred_context *context,
			      const struct xc_cred_role *role, const char *path,
			      struct xc_cred_draft *draft, struct xc_err *err) XC_CHECK;
/* Whether this job may ask GitHub for a token. */
bool xc_cred_github_available(void);
int xc_cred_github_role(const struct xc_cred_context *context, const struct xc_cred_role *role,
			struct xc_cred_draft *draft, struct xc_err *err) XC_CHECK;
/* What to say to a job that has no token and might: "" or "; the job needs ...". */
const char *xc_cred_github_hint(void);

/* What a profile may name beside keys. */
int xc_cred_process(struct xc_cred_context *context, const char *profile, const char *command,
		    struct xc_cred_draft *draft, struct xc_err *err) XC_CHECK;
/* Words as a POSIX shell would split them, without expanding anything; -1 for an open quote. */
int xc_cred_split_command(const char *command, struct xc_strlist *ret_words) XC_CHECK;
int xc_cred_sso(struct xc_cred_context *context, const char *profile, struct xc_cred_draft *draft,
		struct xc_err *err) XC_CHECK;

/*
 * All of the chain, see chain.c. *io_chosen is where it stays: 0 at
 * first. AUTH if nothing has anything.
 */
int xc_cred_obtain(struct xc_cred_context *context, size_t *io_chosen, struct xc_cred_draft *draft,
		   struct xc_err *err) XC_CHECK;

#endif
