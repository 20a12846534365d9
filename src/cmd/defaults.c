/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "cmd/internal.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/uri.h"

#define THREADS_MAX     256u
#define CONNECTIONS_MAX 128u

bool xc_defaults_store_is_private(void)
{
	return !xc_env("XCACHE_STORE");
}

char *xc_defaults_store(struct xc_err *err)
{
	const char *store = getenv("XCACHE_STORE"), *cache = xc_env("XDG_CACHE_HOME");
	const char *home = xc_env("HOME");
	struct xc_buf url = XC_BUF_INIT;

	/* Empty where a secret is missing: not to be taken for a wish to save below the home. */
	if (store && store[strspn(store, " \t\r\n")] == '\0') {
		xc_err_set(err, XC_ERR_USAGE,
			   "XCACHE_STORE is set but empty: is a secret or variable missing? Set it "
			   "to a store's URL, or unset it to use a folder in ~/.cache");
		return NULL;
	}
	if (store)
		return xc_strdup(store);
	xc_buf_add_str(&url, "file://");
	/* XDG Base Directory Specification: a relative path is to be ignored. */
	if (cache && cache[0] == '/') {
		xc_uri_encode(cache, strlen(cache), true, &url);
		xc_buf_add_str(&url, "/xcache");
	} else if (home && home[0] == '/') {
		xc_uri_encode(home, strlen(home), true, &url);
		xc_buf_add_str(&url, "/.cache/xcache");
	} else {
		xc_buf_release(&url);
		xc_err_set(err, XC_ERR_USAGE,
			   "no store is configured: give --store, or set XCACHE_STORE or HOME");
		return NULL;
	}
	return xc_buf_steal(&url);
}

char *xc_defaults_state_folder(void)
{
	const char *own = getenv("XCACHE_STATE_DIR"), *temp = xc_env("RUNNER_TEMP");
	const char *state = xc_env("XDG_STATE_HOME"), *home = xc_env("HOME");

	/* Empty: somebody wants none. */
	if (own)
		return own[0] == '/' ? xc_strdup(own) : NULL;
	/* Of a container it may be the host's. */
	if (temp && temp[0] == '/' && access(temp, W_OK | X_OK) == 0)
		return xc_strdup(temp);
	if (state && state[0] == '/')
		return xc_asprintf("%s/xcache", state);
	return home && home[0] == '/' ? xc_asprintf("%s/.local/state/xcache", home) : NULL;
}

unsigned xc_defaults_limit(const char *cpu_max, unsigned cores)
{
	char *end;
	unsigned long long quota = strtoull(cpu_max, &end, 10), period, limit;

	if (end == cpu_max)
		return cores;
	period = strtoull(end, NULL, 10);
	if (quota == 0 || period == 0)
		return cores;
	limit = quota / period + (quota % period != 0);
	return limit < cores ? (unsigned)limit : cores;
}

/* The number that a variable holds, within bounds; `unset` if it is not set. */
static int read_number(const char *variable, unsigned long min, unsigned long max, long unset,
		       long *ret_number, struct xc_err *err)
{
	const char *text = xc_env(variable);
	char *end;
	unsigned long number;

	*ret_number = unset;
	if (!text)
		return 0;
	number = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || number < min || number > max)
		return xc_err_set(err, XC_ERR_USAGE, "%s is '%s'; write a number from %lu to %lu",
				  variable, XC_QUOTE(text), min, max);
	*ret_number = (long)number;
	return 0;
}

int xc_defaults_connections(unsigned *ret_connections, struct xc_err *err)
{
	long number;
	int result = read_number("XCACHE_CONNECTIONS", 1, CONNECTIONS_MAX, 0, &number, err);

	*ret_connections = (unsigned)number;
	return result;
}

int xc_defaults_expire_days(long *ret_days, struct xc_err *err)
{
	return read_number("XCACHE_EXPIRE_DAYS", 0, XC_EXPIRE_DAYS_MAX, -1, ret_days, err);
}

/* The limits of a cgroup and of all above it hold together: kernel, cgroup-v2.rst, "CPU". */
static unsigned limit_by_cgroups(unsigned cores)
{
	cleanup_buf struct xc_buf groups = XC_BUF_INIT;
	char *group, *slash;

	if (xc_fd_read_file(AT_FDCWD, "/proc/self/cgroup", 65536, &groups) < 0)
		return cores;
	group = groups.data ? strstr(groups.data, "0::/") : NULL;
	if (!group)
		return cores;
	group += strlen("0::");
	group[strcspn(group, "\n")] = '\0';
	for (;;) {
		cleanup_free char *path = xc_asprintf("/sys/fs/cgroup%s/cpu.max", group);
		cleanup_buf struct xc_buf text = XC_BUF_INIT;

		if (xc_fd_read_file(AT_FDCWD, path, 4096, &text) == 0)
			cores = xc_defaults_limit(xc_buf_str(&text), cores);
		slash = strrchr(group, '/');
		if (!slash)
			return cores;
		*slash = '\0';
	}
}

unsigned xc_defaults_threads(void)
{
	cpu_set_t set;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	/* Fails on machines with more cores than the set holds. */
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		cores = CPU_COUNT(&set);
	return XC_MIN(limit_by_cgroups((unsigned)XC_MAX(cores, 1L)), THREADS_MAX);
}
