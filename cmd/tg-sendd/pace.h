/*
 * The two forms of Telegram's limits, as pure values. Times are monotonic milliseconds.
 *
 * A bucket holds tokens, gets one each interval_ns and is kept as the time at which it will be full again
 * (the generic cell rate algorithm). A window knows when the last messages of a group left.
 *
 * A message reaches Telegram at some time between its start and its answer. A limit that counts it at its
 * answer, and what has no answer yet as well, holds whenever that was: of the messages that can have arrived
 * between any two times, it has counted each that was answered after the first, and all others were under way
 * when the last of them started.
 */
#ifndef TGTOOLS_SENDD_PACE_H
#define TGTOOLS_SENDD_PACE_H

#include <stdint.h>

enum { PACE_WINDOW = 20 };

/* How often a token comes, rounded up, at most 1000 s; per_second > 0. */
int64_t pace_interval_ns(double per_second);

/* A bucket that is full. */
#define PACE_FULL (INT64_MIN / 4)

/* Takes a token at a time that may be in the past, whether or not there is one. */
void pace_take(int64_t *full_ns, int64_t interval_ns, int64_t at_ms);

/* When there will be so many tokens in a bucket of a size, tokens <= size. */
int64_t pace_due_ms(int64_t full_ns, int64_t interval_ns, int64_t size, int64_t tokens);

struct pace_window {
	int64_t at_ms[PACE_WINDOW]; /* a ring */
	int next;
};

/* Owned by the caller, for free(). */
struct pace_window *pace_window_new(void);
void pace_window_note(struct pace_window *window, int64_t at_ms);

/*
 * When the next message may leave, so that there are at most so many in any minute. What is more than
 * PACE_WINDOW is spread: at most PACE_WINDOW in the part of the minute that is theirs.
 */
int64_t pace_window_due_ms(const struct pace_window *window, int64_t per_minute);

#endif
