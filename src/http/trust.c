/* SPDX-License-Identifier: Apache-2.0 */
#include "http/trust_internal.h"

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

static int take_named(const char *named_by, const char *path, char **ret_path, struct xc_err *err)
{
	if (try_read(path) < 0)
		return xc_err_sys(err, errno,
				  "cannot read the certificates to trust, '%s', named by %s",
				  XC_QUOTE(path), named_by);
	*ret_path = xc_strdup(path);
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
			char **ret_path, struct xc_err *err)
{
	cleanup_free char *last = NULL;

	if (given)
		return take_named("the options", given, ret_path, err);
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		const char *path = getenv(variables[i]);

		/* An empty variable is how a workflow unsets one. */
		if (path && *path)
			return take_named(variables[i], path, ret_path, err);
	}
	for (; *places; places++) {
		if (try_read(*places) == 0) {
			*ret_path = xc_strdup(*places);
			return 0;
		}
	}
	if (program)
		last = beside(program);
	*ret_path = last && try_read(last) == 0 ? STEAL_PTR(last) : NULL;
	return 0;
}

int xc_trust_find(const char *given, char **ret_path, struct xc_err *err)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	/* Without /proc, or with a path cut short, the folder is not known. */
	if (length < 0 || (size_t)length == sizeof(program) - 1)
		length = 0;
	program[length] = '\0';
	return xc_trust_find_among(system_places, *program == '/' ? program : NULL, given, ret_path,
				   err);
}
