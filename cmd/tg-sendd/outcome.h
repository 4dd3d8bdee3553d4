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
	OUTCOME_AGAIN,	      /* stays queued until not_before_ms */
	OUTCOME_PLAIN_TEXT,   /* again at once, without markup */
	OUTCOME_AS_DOCUMENT,  /* again at once, the picture, or all of the album, as files */
	OUTCOME_AS_TEXT_FILE, /* again at once, the text or the caption as a file */
	OUTCOME_NO_THREAD,    /* again at once, without message_thread_id */
	OUTCOME_NO_REPLY,     /* again at once, without reply_parameters */
	OUTCOME_SEND_ANEW,    /* again at once: what was an edit, as a new message */
	OUTCOME_MOVE,	      /* again at once, to the chat that took this one's place */
	OUTCOME_OTHERWISE,    /* dead, but what was to be done then takes its place */
	OUTCOME_DEAD,
	OUTCOME_UNCERTAIN, /* kept; it may have been delivered */
};

struct outcome {
	enum outcome_action action;
	int64_t not_before_ms; /* OUTCOME_AGAIN, wall time */
	bool back_off;	       /* OUTCOME_AGAIN: trouble with Telegram; not_before_ms ends when it answers */
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

/* Whether a second time changes nothing, so that what may have been delivered can be sent again. */
bool outcome_may_repeat(const struct store_message *message);

/* Why it was not simply delivered, in one word for a metric, such as "429", "5xx" or "dns"; "" where it was.
 */
const char *outcome_cause(const struct telegram_reply *reply);

/*
 * Whether the whole bot must wait, which no 429 says: so it is where a third chat is told to wait within
 * FLOOD_WINDOW_MS, or where the call was to no chat. Zero-initialised; now_ms is monotonic.
 */
enum { FLOOD_CHATS = 3, FLOOD_WINDOW_MS = 10000 };

struct flood {
	struct flood_wait {
		int64_t chat, at_ms; /* chat 0: none */
	} last[FLOOD_CHATS - 1];
};

/* To be asked once for each TELEGRAM_WAIT, before outcome_decide, as whole_bot. */
bool flood_is_of_all(struct flood *flood, int64_t chat, int64_t now_ms);

#endif
