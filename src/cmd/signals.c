/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/internal.h"

#include <signal.h>

static const int handled[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ };

/* Better an error from write(2), which knows the file: EPIPE, EFBIG. */
static bool is_ignored(int signal_number)
{
	return signal_number == SIGPIPE || signal_number == SIGXFSZ;
}

static struct xc_cancel cancel;
static struct sigaction before[ARRAY_LEN(handled)];
static bool active;

static void request(int signal_number)
{
	/* Someone is in a hurry: the signal waits until this handler is left, and then ends all. */
	if (signal_number == SIGINT && xc_cancel_requested(&cancel)) {
		signal(SIGINT, SIG_DFL);
		raise(SIGINT);
		return;
	}
	xc_cancel_request(&cancel, signal_number);
}

void xc_signals_begin(void)
{
	/* Calls of libraries that do not expect to be interrupted go on. */
	struct sigaction action = { .sa_flags = SA_RESTART };

	if (active)
		return;
	active = true;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(handled); i++) {
		sigaction(handled[i], NULL, &before[i]);
		/* nohup and the like ignore signals on purpose. */
		if (before[i].sa_handler == SIG_IGN)
			continue;
		action.sa_handler = is_ignored(handled[i]) ? SIG_IGN : request;
		sigaction(handled[i], &action, NULL);
	}
}

void xc_signals_end(void)
{
	if (!active)
		return;
	active = false;
	for (size_t i = 0; i < ARRAY_LEN(handled); i++)
		sigaction(handled[i], &before[i], NULL);
}

const struct xc_cancel *xc_signals_cancel(void)
{
	return &cancel;
}
