/*
 * What tg-poll decides, as pure functions: where to poll from, what is new, how long to wait after what
 * happened, and what is worth a line in the log.
 */
#ifndef TG_POLL_PLAN_H
#define TG_POLL_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "store.h"
#include "telegram.h"

enum {
	POLL_POSITION_LIFE_MS = 2 * 86400000,
	POLL_BAD_TOKEN_WAIT_MS = 60000,
	POLL_BACKOFF_MAX_MS = 60000, /* people wait for answers: sooner than deliveries are tried again */
	POLL_REMIND_MS = 600000,
	POLL_HASTY_MS = 1000,
};

/*
 * The offset of getUpdates; 0: none. Ids go on from the last one, but after a week without updates they
 * start anywhere, maybe lower: a position that is old must not hide them. Since Telegram keeps unconfirmed
 * updates for a day, after two days nothing that was taken can come again.
 */
int64_t poll_offset(const struct store_position *position, int64_t now_ms);

/* Whether an update of the answer to a poll with offset was not taken before. */
bool poll_is_new(int64_t offset, int64_t update_id);

/* The wait before the next poll after one that went well: none, unless the server does not hold the poll. */
int64_t poll_pause_ms(int64_t new_updates, int64_t took_ms);

/* The wait after the attempts-th failure in a row; jitter in [0, 1). */
int64_t poll_failure_wait_ms(const struct telegram_reply *reply, int64_t attempts, double jitter);

/* What a person can do about it; "" where it passes by itself. */
const char *poll_remedy(const struct telegram_reply *reply);

/* Failures in a row; all zero: none. */
struct poll_trouble {
	int64_t count;
	int64_t cause; /* any number that tells one kind of failure from another */
	int64_t logged_ms;
};

/* Counts a failure. True if it is to be logged: the first, one of another cause, or a reminder. */
bool poll_trouble_add(struct poll_trouble *trouble, int64_t cause, int64_t now_ms);

/* Ends the failures. Returns how many there were. */
int64_t poll_trouble_end(struct poll_trouble *trouble);

#endif
