/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources of credentials, from their first request to the keys. The first
 * byte chooses one by its letter (see `sources`). Answers follow, each up to a
 * form feed: a status, perhaps a blank and a Date, a line's end, the body. An
 * answer stands for a file's text or a program's output where those are read.
 *
 * Demands: what an answer holds puts nothing odd into another request; keys
 * that are found fit into headers, and those of STS have an end; errors are of
 * the kinds that headers promise, in one plain line; no secret is in any error, trace,
 * source or URL.
 */
#include "fuzz.h"

#include <errno.h>
#include <sys/wait.h>

#include "aws/credentials/internal.h"
#include "aws/credentials/sts.h"
#include "base/program.h"

#define NOW      1800000000
#define ATTEMPTS 3
#define SECRETS  20
#define ROLE_ARN "arn:aws:iam::123456789012:role/ci"
/* Texts that begin so are secrets: nothing that is meant to be shown holds it by chance. */
#define MARK "S3cr3t"

static struct scene {
	const char *input;
	char *rest;         /* the answers that are left */
	const char *origin; /* how the URLs of requests begin */
	bool by_sts;        /* it was asked, whose keys always have an end */
	char *secrets[SECRETS];
	size_t secret_count;
} scene;

/* What ld puts in the place of the functions that fuzz_cred_answer.wrap lists. */
time_t __wrap_time(time_t *ret_now);
int __wrap_xc_http_new(const struct xc_http_opts *opts, struct xc_http **ret_http,
		       struct xc_err *err);
void __wrap_xc_http_free(struct xc_http *http);
int __wrap_xc_http_perform(struct xc_http *http, struct xc_http_request *request,
			   struct xc_err *err);
int __wrap_xc_fd_read_file(int dir_fd, const char *path, size_t max_bytes, struct xc_buf *out);
int __wrap_xc_program_run(const struct xc_program *program, struct xc_buf *out, int *ret_status,
			  struct xc_err *err);
int LLVMFuzzerInitialize(int *argc, char ***argv);

struct answer {
	int status;
	const char *date;
	char *body;
};

static bool next_answer(struct answer *ret_answer)
{
	char *line = scene.rest, *end, *date, *body;

	if (*line == '\0')
		return false;
	end = line + strcspn(line, "\f");
	scene.rest = *end ? end + 1 : end;
	*end = '\0';
	body = strchrnul(line, '\n');
	if (*body)
		*body++ = '\0';
	date = strchrnul(line, ' ');
	*ret_answer = (struct answer){ (int)(strtoul(line, NULL, 10) % 1000), *date ? date + 1 : "",
				       body };
	return true;
}

static bool is_plain(const char *text, unsigned char from)
{
	for (; *text; text++)
		if ((unsigned char)*text < from || *text == 0x7f)
			return false;
	return true;
}

static size_t count_in_input(const char *secret)
{
	size_t count = 0;

	for (const char *at = scene.input; (at = strstr(at, secret)); at++)
		count++;
	return count;
}

/* What an answer says twice, it may have said in what is shown. */
static void check_shown(const char *text)
{
	MUST(is_plain(text, ' '));
	for (size_t i = 0; i < scene.secret_count; i++)
		MUST(strncmp(scene.secrets[i], MARK, strlen(MARK)) != 0 ||
		     count_in_input(scene.secrets[i]) > 1 || !strstr(text, scene.secrets[i]));
}

static void report_secret(void *context, const char *value)
{
	(void)context;
	MUST(scene.secret_count < SECRETS);
	scene.secrets[scene.secret_count++] = xc_strdup(value);
}

static void trace(void *context, const char *line)
{
	(void)context;
	check_shown(line);
}

time_t __wrap_time(time_t *ret_now)
{
	if (ret_now)
		*ret_now = NOW;
	return NOW;
}

int __wrap_xc_http_new(const struct xc_http_opts *opts, struct xc_http **ret_http,
		       struct xc_err *err)
{
	(void)opts;
	(void)err;
	*ret_http = (struct xc_http *)&scene;
	return 0;
}

void __wrap_xc_http_free(struct xc_http *http)
{
	(void)http;
}

static void check_request(const struct xc_http_request *request)
{
	const char *path = strchr(request->url + strlen("https://"), '/');

	scene.by_sts = strcmp(request->url, "https://sts.example/") == 0;
	MUST(scene.by_sts || strncmp(request->url, scene.origin, strlen(scene.origin)) == 0);
	MUST(is_plain(request->url, '!') && path && !strstr(path, "/../") && !strstr(path, "//"));
	check_shown(request->url);
	for (size_t i = 0; i < request->headers.count; i++)
		MUST(is_plain(request->headers.items[i], ' '));
	if (request->body)
		MUST(is_plain(request->body, '!') && strlen(request->body) == request->body_bytes);
}

/* As the engine: -1 for a reply that is too long. */
static int take_answer(const struct answer *answer, struct xc_http_request *request,
		       struct xc_err *err)
{
	size_t length = strlen(answer->body);

	request->status = answer->status;
	xc_buf_clear(&request->reply);
	xc_buf_clear(&request->header);
	xc_buf_addf(&request->header, "HTTP/1.1 %d X\r\nDate: %s\r\n\r\n", answer->status,
		    answer->date);
	if (length > request->max_reply_bytes && answer->status / 100 == 2)
		return xc_err_set(err, XC_ERR_CORRUPT, "the answer is too long");
	xc_buf_add(&request->reply, answer->body, XC_MIN(length, request->max_reply_bytes));
	return 0;
}

int __wrap_xc_http_perform(struct xc_http *http, struct xc_http_request *request,
			   struct xc_err *err)
{
	enum xc_http_verdict verdict = XC_HTTP_RETRY;
	struct answer answer;

	MUST(http == (struct xc_http *)&scene);
	for (unsigned i = 0; i < ATTEMPTS && verdict == XC_HTTP_RETRY; i++) {
		if (request->prepare && request->prepare(request, err) < 0)
			return -1;
		check_request(request);
		if (!next_answer(&answer))
			return xc_err_set(err, XC_ERR_TRANSIENT, "no answer");
		if (take_answer(&answer, request, err) < 0)
			return -1;
		verdict = request->judge(request, err);
	}
	return verdict == XC_HTTP_OK ? 0 : -1;
}

int __wrap_xc_fd_read_file(int dir_fd, const char *path, size_t max_bytes, struct xc_buf *out)
{
	struct answer answer;

	(void)dir_fd;
	(void)path;
	errno = ENOENT;
	if (!next_answer(&answer) || answer.status != 200)
		return -1;
	errno = EFBIG;
	return strlen(answer.body) > max_bytes ||
			       xc_buf_try_add(out, answer.body, strlen(answer.body)) < 0
		       ? -1
		       : 0;
}

int __wrap_xc_program_run(const struct xc_program *program, struct xc_buf *out, int *ret_status,
			  struct xc_err *err)
{
	struct answer answer;

	MUST(strcmp(program->argv[0], "tool") == 0 && strcmp(program->argv[1], "a b") == 0 &&
	     !program->argv[2]);
	if (!next_answer(&answer))
		return xc_err_set(err, XC_ERR_AUTH, "%s took too long", program->name);
	if (xc_buf_try_add(out, answer.body, strlen(answer.body)) < 0)
		return xc_err_set(err, XC_ERR_CORRUPT, "%s printed too much", program->name);
	*ret_status = answer.status == 200 ? 0 : W_EXITCODE(answer.status % 256, 0);
	return 0;
}

static const struct xc_cred_role role = { .arn = ROLE_ARN };

static int ask_sso(struct xc_cred_context *context, struct xc_cred_draft *draft, struct xc_err *err)
{
	static const char config[] = "[profile p]\n"
				     "sso_session = s\n"
				     "sso_account_id = 123456789012\n"
				     "sso_role_name = ci\n"
				     "[sso-session s]\n"
				     "sso_region = eu-central-1\n"
				     "sso_start_url = https://x.example\n";
	int found;

	context->profiles = xc_profiles_new();
	MUST(xc_profiles_parse(context->profiles, XC_PROFILE_CONFIG, "config", config,
			       strlen(config), err) == 0);
	found = xc_cred_sso(context, "p", draft, err);
	xc_cred_context_release(context);
	return found;
}

static int ask_process(struct xc_cred_context *context, struct xc_cred_draft *draft,
		       struct xc_err *err)
{
	return xc_cred_process(context, "p", "tool 'a b'", draft, err);
}

static int ask_github(struct xc_cred_context *context, struct xc_cred_draft *draft,
		      struct xc_err *err)
{
	return xc_cred_github_role(context, &role, draft, err) < 0 ? -1 : XC_CRED_FOUND;
}

static int ask_web_identity(struct xc_cred_context *context, struct xc_cred_draft *draft,
			    struct xc_err *err)
{
	return xc_cred_web_identity_file(context, &role, "/token", draft, err) < 0 ? -1
										   : XC_CRED_FOUND;
}

static int ask_role(struct xc_cred_context *context, struct xc_cred_draft *draft,
		    struct xc_err *err)
{
	static char id[] = "AKIA1", secret[] = MARK "-of-the-base";
	const struct xc_cred_draft base = { id, secret, NULL, 0, "the keys given" };

	xc_cred_announce_secret(context, secret);
	return xc_sts_assume(context, &role, &base, draft, err) < 0 ? -1 : XC_CRED_FOUND;
}

/* Not a source, but another reader of what STS says. */
static int ask_identity(struct xc_cred_context *context, struct xc_cred_draft *draft,
			struct xc_err *err)
{
	static const struct xc_credentials own = { .keys = { .access_key_id = "AKIA1",
							     .secret_access_key = MARK "-own" } };
	cleanup_free char *arn = NULL;

	(void)draft;
	if (xc_sts_caller_identity(context->opts, &own, &arn, err) < 0)
		return -1;
	MUST(is_plain(arn, '!'));
	return XC_CRED_NONE;
}

static const struct source {
	char letter;
	const char *origin;
	int (*ask)(struct xc_cred_context *context, struct xc_cred_draft *draft,
		   struct xc_err *err);
} sources[] = {
	{ 'i', "http://169.254.169.254/latest/", xc_cred_imds },
	{ 's', "https://portal.sso.eu-central-1.amazonaws.com/federation/credentials?role_name=ci&",
	  ask_sso },
	{ 'c', "http://127.0.0.1/keys", xc_cred_container },
	{ 'g', "https://token.example/x?y=z&audience=sts.amazonaws.com", ask_github },
	{ 'p', "https://sts.example/", ask_process },
	{ 'w', "https://sts.example/", ask_web_identity },
	{ 'r', "https://sts.example/", ask_role },
	{ 'n', "https://sts.example/", ask_identity },
};

static const struct source *find_source(uint8_t letter)
{
	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		if (sources[i].letter == letter)
			return &sources[i];
	return &sources[letter % ARRAY_LEN(sources)];
}

static void check_found(const struct xc_cred_draft *draft)
{
	struct xc_err err;

	MUST(draft->expires > 0 || (draft->expires == 0 && !scene.by_sts));
	MUST(draft->source[0] != '\0');
	check_shown(draft->source);
	MUST(xc_cred_check_text(draft->access_key_id, XC_CRED_KEY_BYTES_MAX, XC_ERR_CORRUPT, "id",
				&err) == 0);
	MUST(xc_cred_check_text(draft->secret_access_key, XC_CRED_KEY_BYTES_MAX, XC_ERR_CORRUPT,
				"secret", &err) == 0);
	if (draft->session_token)
		MUST(xc_cred_check_text(draft->session_token, XC_CRED_TOKEN_BYTES_MAX,
					XC_ERR_CORRUPT, "token", &err) == 0);
}

static void check_error(const struct xc_err *err)
{
	MUST(err->kind == XC_ERR_CORRUPT || err->kind == XC_ERR_AUTH ||
	     err->kind == XC_ERR_TRANSIENT || err->kind == XC_ERR_IO);
	MUST(err->msg[0] != '\0');
	check_shown(err->msg);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	clearenv();
	setenv("HOME", "/home/u", 1);
	setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "https://token.example/x?y=z", 1);
	setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", MARK "-of-the-run", 1);
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/keys", 1);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", MARK "-of-the-container", 1);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct xc_credentials_opts opts = { .region = "eu-central-1",
						  .sts_endpoint = "https://sts.example",
						  .trace = trace,
						  .secret = report_secret };
	struct xc_cred_context context = { .opts = &opts, .again = size % 2 };
	cleanup_cred_draft struct xc_cred_draft draft = { 0 };
	cleanup_free char *input = NULL, *rest = NULL;
	const struct source *source;
	struct xc_err err = { 0 };
	int found;

	if (size == 0)
		return 0;
	source = find_source(data[0]);
	input = xc_strndup((const char *)data + 1, size - 1);
	rest = xc_strdup(input);
	scene = (struct scene){ .input = input, .rest = rest, .origin = source->origin };
	found = source->ask(&context, &draft, &err);
	if (found == XC_CRED_FOUND)
		check_found(&draft);
	else if (found < 0)
		check_error(&err);
	for (size_t i = 0; i < scene.secret_count; i++)
		free(scene.secrets[i]);
	return 0;
}
