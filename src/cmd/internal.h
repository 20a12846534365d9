/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the subcommands share. The course of each:
 *
 *   if (xc_cmd_begin(...)) return ...      arguments; help and usage errors end here
 *   xc_session_open(...)                   store, scopes, roots, signals, progress
 *   one operation of entry/, save/, restore/ or upkeep/
 *   xc_session_finish(...)                   before anything is printed
 */
#ifndef XC_CMD_INTERNAL_H
#define XC_CMD_INTERNAL_H

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "entry/entry.h"
#include "mount/mount.h"
#include "report/progress.h"

struct xc_session {
	struct xc_cache cache; /* filled from what follows */
	struct xc_store *store;
	char *repository;
	struct xc_strlist scopes;
	struct xc_roots roots;
	struct xc_progress progress;
	struct xc_reporter *reporter;
	struct xc_broken broken; /* entries that were passed over */
	char *state_folder;
};

#define XC_SESSION_INIT                                                                            \
	{                                                                                          \
		0                                                                                  \
	}

/*
 * Open what the arguments name and begin to report and to listen to signals.
 * The session must stay where it is until it is closed.
 */
int xc_session_open(struct xc_session *session, const struct xc_args *args,
		    struct xc_err *err) XC_CHECK;
/* The operation is over: no more progress, and signals do what they did. May be repeated. */
void xc_session_finish(struct xc_session *session);
void xc_session_close(struct xc_session *session);
#define cleanup_session __attribute__((cleanup(xc_session_close)))

/* "scope a" or "scopes a, b", for messages. The caller frees. */
char *xc_session_scopes(const struct xc_session *session);

/* arguments.c */

/*
 * Parse and check the arguments. Returns true if the command ends here, with
 * *ret_code: help was printed, or a usage error.
 */
bool xc_cmd_begin(const struct xc_command *command, int argc, char **argv, struct xc_args *ret_args,
		  int *ret_code) XC_CHECK;

/* What the lookup of these arguments asks for. */
struct xc_query xc_cmd_query(const struct xc_args *args);

/* The version that --path selects, in `room`; NULL without any --path. */
const char *xc_cmd_version_of(const struct xc_args *args, char room[XC_VERSION_HEX + 1]);

/* messages.c */

/* Report an error and return the exit code for it. The session may be NULL. */
int xc_cmd_fail(const struct xc_command *command, const struct xc_args *args,
		struct xc_session *session, const struct xc_err *err) XC_CHECK;

/* One line of warning on standard error, unless --quiet. */
void xc_cmd_warn(const struct xc_command *command, const struct xc_args *args, const char *format,
		 ...) XC_PRINTF(3, 4);

/* A warning for each entry that had to give way to the one that was found. */
void xc_cmd_warn_broken(const struct xc_command *command, const struct xc_args *args,
			const struct xc_session *session);

/* What lookup does, and restore --lookup-only: `asked` names itself in messages. */
int xc_cmd_run_lookup(const struct xc_command *asked, const struct xc_args *args);

/* What restore and mount do: `asked` names itself in messages. */
int xc_cmd_run_restore(const struct xc_command *asked, const struct xc_args *args,
		       const struct xc_mount_opts *opts);

/* Where text for people goes: standard output, with --json standard error; NULL with --quiet. */
FILE *xc_cmd_people(const struct xc_args *args);

int64_t xc_cmd_now_s(void);

/* Signals: between the two, INT, TERM and HUP only set the flag; a second INT ends the program. */
void xc_signals_begin(void);
void xc_signals_end(void);
const struct xc_cancel *xc_signals_cancel(void);

/* The URL of the store if none is given: see docs/xcache.1. The caller frees. USAGE. */
char *xc_defaults_store(struct xc_err *err) XC_CHECK;
/* Whether that is the user's own folder for caches, and not one that somebody named. */
bool xc_defaults_store_is_private(void);

/* What XCACHE_CONNECTIONS says; 0 if it is not set. USAGE if it is no number from 1 to 128. */
int xc_defaults_connections(unsigned *ret_connections, struct xc_err *err) XC_CHECK;

/*
 * Where a restore leaves word for a save: XCACHE_STATE_DIR, else RUNNER_TEMP,
 * else a folder in XDG_STATE_HOME or the home. On the heap; NULL: nowhere.
 */
char *xc_defaults_state_folder(void);

/* XCACHE_EXPIRE_DAYS, 0 to XC_EXPIRE_DAYS_MAX; -1 if it is not set. USAGE for anything else. */
#define XC_EXPIRE_DAYS_MAX 3650
int xc_defaults_expire_days(long *ret_days, struct xc_err *err) XC_CHECK;

/* How many threads to use: the cores that this process may use, at most 256. */
unsigned xc_defaults_threads(void);

/* `cores`, or fewer if the text of a cgroup's cpu.max ("150000 100000", "max 100000") says so. */
unsigned xc_defaults_limit(const char *cpu_max, unsigned cores);

#endif
