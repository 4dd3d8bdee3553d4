/*
 * What is done with a message after an attempt: a pure function of Telegram's answer, the message and the
 * time. One row for each verdict; what Telegram's words mean is decided in telegram_read.
 */
#ifndef TGTOOLS_SENDD_OUTCOME_H
#define TGTOOLS_SENDD_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "store.h"
#include "telegram.h"

enum outcome_action {
	OUTCOME_DELIVERED,
	OUTCOME_AGAIN,	     /* stays queued until not_before_ms */
	OUTCOME_PLAIN_TEXT,  /* again at once, without markup */
	OUTCOME_AS_DOCUMENT, /* again at once, the picture as a file */
	OUTCOME_MOVE,	     /* again at once, to the chat that took this one's place */
	OUTCOME_DEAD,
	OUTCOME_UNCERTAIN, /* kept; it may have been delivered */
};

struct outcome {
	enum outcome_action action;
	int64_t not_before_ms; /* OUTCOME_AGAIN, wall time */
	int64_t hold_all_ms;   /* > 0: nothing at all is sent for so long */
	bool pause_link;       /* this chat cannot be written to any more */
	bool bad_token;
};

struct outcome_rules {
	enum config_policy policy;
	int64_t keep_ms; /* how long a message is tried */
	double jitter;	 /* in [0, 1) */
};

enum { OUTCOME_BAD_TOKEN_HOLD_MS = 60000 };

/* message->attempts counts the one that was just made. */
struct outcome outcome_decide(const struct telegram_reply *reply, const struct store_message *message,
    const struct outcome_rules *rules, int64_t now_ms);

#endif
