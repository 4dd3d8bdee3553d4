/*
 * The loop of tg-poll: calls getUpdates, journals, prints, and ends at a signal or when its reader goes.
 */
#ifndef TG_POLL_POLLER_H
#define TG_POLL_POLLER_H

#include <stdbool.h>

#include "error.h"
#include "store.h"
#include "telegram.h"

struct poller_options {
	bool once;		  /* one getUpdates that does not wait */
	struct telegram telegram; /* borrowed */
	struct store *store;	  /* borrowed; NULL: plain lines, no journal */
	int output_fd;
	/* At SIGHUP; may change telegram. */
	void (*reload)(struct poller_options *options, void *context);
	void *context;
};

/*
 * Returns 0 at SIGTERM or SIGINT, when the reader is gone, or when `once` is done. -1: only what trying again
 * cannot mend, or any failure of `once`.
 */
int poller_run(struct poller_options *options, struct error *error);

#endif
