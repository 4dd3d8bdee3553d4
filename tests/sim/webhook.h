/*
 * Pushing updates to the URL of setWebhook: one at a time in their order, or max_connections at once if that
 * was asked for; what is not answered 2xx within 60 s is repeated, after 1, 2, 4 ... 60 s on the clock of the
 * limits. Only http to the loopback is really pushed to; for any other URL getWebhookInfo shows an error.
 */
#ifndef SIM_WEBHOOK_H
#define SIM_WEBHOOK_H

#include "buf.h"
#include "loop.h"

#include <netinet/in.h>
#include <stdbool.h>

struct push;
struct sim;

struct webhook {
	char *url, *secret, *host, *path; /* url NULL: none is set */
	struct sockaddr_in address;
	bool reachable; /* the URL is one that we push to */
	bool custom_certificate;
	int64_t max_connections; /* 0: as by default */
	int64_t last_error_date;
	char *last_error;
	struct push *pushes;
	size_t push_count;
	struct timer retry;
	unsigned failures; /* in a row */
	struct sim *sim;
};

void webhook_init(struct webhook *w, struct sim *sim);
void webhook_clear(struct webhook *w);
/* NULL, or what is wrong with the URL. */
const char *webhook_set(struct webhook *w, const char *url, const char *secret, int64_t max_connections);
void webhook_run(struct webhook *w); /* pushes what there is to push */

#endif
