/*
 * The way of messages to tg-sendd: each is submitted, or kept for the next run where it cannot be taken now,
 * or given up; what was kept goes out first. Nobody is asked again in a run once it is known that nothing is
 * taken.
 */
#ifndef TGTOOLS_NOTIFY_RUNNER_OUTGOING_H
#define TGTOOLS_NOTIFY_RUNNER_OUTGOING_H

#include <stdbool.h>
#include <stddef.h>

#include "courier.h"
#include "error.h"
#include "notice.h"
#include "pending.h"
#include "runlog.h"

/* What is borrowed, and then what became of the messages. */
struct outgoing {
	struct courier *courier;
	struct pending *pending;
	struct runlog *log;

	bool away;	  /* tg-sendd takes nothing now */
	bool denied;	  /* it takes nothing of this person */
	struct error why; /* of either, or of the last message that was kept */
	size_t sent;
	size_t lost; /* messages that could neither be submitted nor kept; lost_why says more */
	struct error lost_why;
};

/*
 * Submits or keeps a message, with a line in the log. Returns what came of it; with NOTICE_REFUSED nothing is
 * logged, and error says what is wrong with the message.
 */
enum notice_outcome outgoing_deliver(
    struct outgoing *outgoing, const struct notice *notice, struct error *error);

/* Submits what is kept, oldest first. */
void outgoing_replay(struct outgoing *outgoing);

#endif
