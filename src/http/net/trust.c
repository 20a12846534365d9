/* SPDX-License-Identifier: Apache-2.0 */
#include "http/net/trust_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

static const char *const variables[] = { "XCACHE_CA_BUNDLE", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE",
					 "SSL_CERT_FILE" };

static const char *const system_places[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Arch, Alpine */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, Red Hat, Amazon Linux */
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/ca-bundle.pem", /* SUSE */
	"/etc/ssl/cert.pem",      /* Alpine without its package of certificates */
	NULL,
};

/* 0, or -1 with errno. A directory would be taken for no certificates at all much later. */
static int try_read(const char *path)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return -1;
	}
	return 0;
}

void xc_trust_release(struct xc_trust *trust)
{
	free(trust->path);
	free(trust->note);
	*trust = (struct xc_trust){ 0 };
}

static int take_named(const char *named_by, const char *path, struct xc_trust *trust,
		      struct xc_err *err)
{
	if (try_read(path) < 0)
		return xc_err_sys(err, errno,
				  "cannot read the certificates to trust, '%s', named by %s",
				  XC_QUOTE(path), named_by);
	trust->path = xc_strdup(path);
	return 0;
}

/* The first variable that names a file which exists. 0 also if none does. */
static int take_from_variables(struct xc_trust *trust, struct xc_err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(variables) && !trust->path; i++) {
		const char *path = getenv(variables[i]);

		/* An empty variable is how a workflow unsets one. */
		if (!path || *path == '\0')
			continue;
		if (try_read(path) == 0 || (errno != ENOENT && errno != ENOTDIR)) {
			if (take_named(variables[i], path, trust, err) < 0)
				return -1;
		} else if (!trust->note) {
			trust->note = xc_asprintf("%s names '%s', which does not exist",
						  variables[i], XC_QUOTE(path));
		}
	}
	return 0;
}

/* On the heap. */
static char *beside(const char *program)
{
	struct xc_buf path = XC_BUF_INIT;

	xc_buf_add(&path, program, (size_t)(strrchr(program, '/') + 1 - program));
	xc_buf_add_str(&path, "ca-certificates.crt");
	return xc_buf_steal(&path);
}

int xc_trust_find_among(const char *const places[], const char *program, const char *given,
			struct xc_trust *ret_trust, struct xc_err *err)
{
	cleanup_trust struct xc_trust trust = { 0 };
	cleanup_free char *last = program ? beside(program) : NULL;

	if ((given ? take_named("the options", given, &trust, err)
		   : take_from_variables(&trust, err)) < 0)
		return -1;
	for (; *places && !trust.path; places++)
		if (try_read(*places) == 0)
			trust.path = xc_strdup(*places);
	if (!trust.path && last && try_read(last) == 0)
		trust.path = STEAL_PTR(last);
	*ret_trust = trust;
	trust = (struct xc_trust){ 0 };
	return 0;
}

int xc_trust_find(const char *given, struct xc_trust *ret_trust, struct xc_err *err)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	/* Without /proc, or with a path cut short, the folder is not known. */
	if (length < 0 || (size_t)length == sizeof(program) - 1)
		length = 0;
	program[length] = '\0';
	return xc_trust_find_among(system_places, *program == '/' ? program : NULL, given,
				   ret_trust, err);
}
