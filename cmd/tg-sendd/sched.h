/*
 * Which chat may be written to next. A pure scheduler: it holds no message and makes no system call; the
 * time is handed in (monotonic milliseconds, never going back).
 *
 * Order. Messages of a lower class go before those of a higher one, strictly. Within a class the chats that
 * may be written to are grouped into flows, one for each user; flows take turns, and within a flow its
 * chats, so that nobody waits for all that another one has sent. One message per chat is in flight.
 *
 * Pace. All chats together, and each chat, have a token bucket; a group gets at most so many messages in any
 * 60 s. A message may reach Telegram at any time from sched_next to sched_answered, and whenever that is, the
 * limits hold: what is under way counts in full, and the pace of a chat runs from the answer.
 *
 * Memory grows with the chats that have mail, or had a minute ago, not with the messages.
 */
#ifndef TGTOOLS_SENDD_SCHED_H
#define TGTOOLS_SENDD_SCHED_H

#include <stdbool.h>
#include <stdint.h>

enum { SCHED_CLASSES = 3 };

/*
 * Calls to no chat wait for each other where they have the same lane: a chat that is none, beyond all numbers
 * that Telegram gives (52 bits; core.telegram.org/bots/api#chat). It has no pace of its own.
 */
int64_t sched_lane(uint32_t number);
/* Also 0, which was the only one once. */
bool sched_is_lane(int64_t chat);

struct sched_limits {
	double overall_per_second; /* 0: no limit, as for the others */
	double chat_per_second;
	int64_t chat_burst; /* at least 1 */
	int64_t group_per_minute;
	int64_t parallel; /* messages without an answer, at least 1 */
};

struct sched;

struct sched *sched_new(const struct sched_limits *limits, int64_t now_ms);
void sched_free(struct sched *sched);

/* Takes effect from now on. */
void sched_set_limits(struct sched *sched, const struct sched_limits *limits);

/* ---- what waits ---- */

/* The flow of an account's messages; of a chat's, where account is "". */
int64_t sched_flow_of(const char *account, int64_t chat);

/*
 * count more messages of a class wait for a chat, or a lane. flow
 * says whose they are. It counts where nothing of the class waited for the chat; of those behind others,
 * sched_flow tells when their turn has come.
 */
void sched_add(struct sched *sched, int64_t chat, int class, int64_t flow, int64_t count, int64_t now_ms);

/*
 * Whose the next message of that class for the chat is; after sched_next, say, where it was not known. false:
 * that flow is paused, so a chat that was picked is to be given back (sched_done with -1).
 */
bool sched_flow(struct sched *sched, int64_t chat, int class, int64_t flow, int64_t now_ms);

/* count messages of a class that waited for a chat are gone: cancelled, or expired. */
void sched_remove(struct sched *sched, int64_t chat, int class, int64_t count, int64_t now_ms);

/* All that waits for one chat waits for another one now. from may be in flight; it ends with class -1. */
void sched_move(struct sched *sched, int64_t from, int64_t to, int64_t now_ms);

/* Nothing waits for the chat after all; it is not in flight either. */
void sched_clear(struct sched *sched, int64_t chat, int64_t now_ms);

/* ---- what leaves ---- */

/* Picks a chat and marks it in flight: true, or false where none may be written to now. */
bool sched_next(struct sched *sched, int64_t now_ms, int64_t *chat);

/* What was sent to the chat has arrived, or never will: the answer is there, or the connection is gone. */
void sched_answered(struct sched *sched, int64_t chat, int64_t now_ms);

/*
 * The chat is no longer in flight. class is that of the message that left its queue, or -1 where it
 * stays there. Without sched_answered before it nothing was sent, and nothing counts for the pace.
 */
void sched_done(struct sched *sched, int64_t chat, int class, int64_t now_ms);

/*
 * Whether something that is worth nothing later may go to a chat now, beside its messages: none of
 * them waits, Telegram has not asked for a wait, and half of what all chats may get at once is left for
 * messages. True: it counts for all chats together until sched_passed and a while after it, and not for the
 * pace of the chat.
 */
bool sched_pass(struct sched *sched, int64_t chat, int64_t now_ms);
void sched_passed(struct sched *sched, int64_t now_ms);

/*
 * A message reached the chat at at_ms, before this scheduler was made: a restart does not lift the limits.
 * In any order, all of them before anything is added.
 */
void sched_sent(struct sched *sched, int64_t chat, int64_t at_ms, int64_t now_ms);

/* ---- what must wait. A chat without mail that had none lately is not known and not held. ---- */

/* Telegram asked for it: the chat, or every chat, is not written to before until_ms. */
void sched_hold_chat(struct sched *sched, int64_t chat, int64_t until_ms);
void sched_hold_all(struct sched *sched, int64_t until_ms);

/*
 * Trouble with Telegram: the chat is not written to before until_ms, or before sched_wake, which says that
 * Telegram answers again. What fails again after it was woken waits its whole time, so that one message
 * that always fails is not tried whenever another succeeds.
 */
void sched_back_off(struct sched *sched, int64_t chat, int64_t until_ms);
void sched_wake(struct sched *sched, int64_t now_ms);
/* Somebody asks for another try: the wait of sched_back_off is over for this chat. */
void sched_retry(struct sched *sched, int64_t chat, int64_t now_ms);

/* An operator's hold: of everything, or of the chats whose next message is of that flow. Kept until it ends.
 */
void sched_pause(struct sched *sched, bool paused);
void sched_pause_flow(struct sched *sched, int64_t flow, bool paused);

/* ---- looking ---- */

/* What the caller keeps with a chat while it is known here, zero at first; NULL where the chat is not known.
 */
struct sched_memo {
	int64_t after[SCHED_CLASSES];
	int64_t left;
	int64_t lowest;
};
struct sched_memo *sched_memo(struct sched *sched, int64_t chat);

/* How many messages wait for a chat, the one in flight included. */
int64_t sched_waiting(const struct sched *sched, int64_t chat);

/* How long until sched_next may find something: 0 now, -1 not before another call changes something. */
int64_t sched_wait_ms(const struct sched *sched, int64_t now_ms);

int64_t sched_in_flight(const struct sched *sched);

#endif
