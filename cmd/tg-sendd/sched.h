/*
 * Which chat may be written to next. A pure scheduler: it holds no message and makes no system call; the
 * time is handed in (monotonic milliseconds, never going back).
 *
 * It obeys the pace of all chats together (token bucket), of one chat (token bucket with a burst), of one
 * group (at most so many in any 60 s), the waits that Telegram asked for, and one message in flight per
 * chat. Among the chats that may be written to, those whose next message is of the lowest class go first,
 * and within a class they take turns. Memory grows with the chats that have mail, or had a minute ago.
 */
#ifndef TGTOOLS_SENDD_SCHED_H
#define TGTOOLS_SENDD_SCHED_H

#include <stdbool.h>
#include <stdint.h>

enum { SCHED_CLASSES = 3 };

struct sched_limits {
	double overall_per_second; /* 0: no limit, as for the others */
	double chat_per_second;
	int64_t chat_burst; /* at least 1 */
	int64_t group_per_minute;
	int64_t parallel; /* messages in flight, at least 1 */
};

struct sched;

struct sched *sched_new(const struct sched_limits *limits, int64_t now_ms);
void sched_free(struct sched *sched);

/* Takes effect from now on. */
void sched_set_limits(struct sched *sched, const struct sched_limits *limits);

/* count more messages of a class wait for a chat. Chat 0 stands for calls to no chat; it has no pace. */
void sched_add(struct sched *sched, int64_t chat, int class, int64_t count, int64_t now_ms);

/* Picks a chat and marks it in flight: true, or false where none may be written to now. */
bool sched_next(struct sched *sched, int64_t now_ms, int64_t *chat);

/*
 * The chat is no longer in flight. class is that of the message that left its queue, or -1 where it
 * stays there.
 */
void sched_done(struct sched *sched, int64_t chat, int class, int64_t now_ms);

/* Nothing waits for the chat after all; it is not in flight either. */
void sched_clear(struct sched *sched, int64_t chat, int64_t now_ms);

/* The chat, or every chat, is not written to before until_ms. */
void sched_hold_chat(struct sched *sched, int64_t chat, int64_t until_ms);
void sched_hold_all(struct sched *sched, int64_t until_ms);

/* How long until sched_next may find something: 0 now, -1 not before something is added or done. */
int64_t sched_wait_ms(const struct sched *sched, int64_t now_ms);

int64_t sched_in_flight(const struct sched *sched);

#endif
