/*
 * What one chat may send to the bot, and who is told that it was too much. Pure: times are handed in, wall
 * milliseconds, best of the message itself (so that what waited for the bot while it was away is not refused)
 * but never later than the clock. For each chat by itself time does not go back: what is less than a minute
 * earlier than the last of its chat counts as then; where it is more, the clock was set, and what the chat
 * has used so far moves with it.
 *
 * Memory is bounded: LIMITS_CHATS chats are known, and the one that was quiet for longest makes room for a
 * new one, but never one that would be refused now. Where that leaves no room, since all of them would be,
 * the chats without room share what one chat may send, and are refused without a word. A check is O(1).
 */
#ifndef TG_DISPATCH_LIMITS_H
#define TG_DISPATCH_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	LIMITS_CHATS = 10000,
	LIMITS_WINDOW = 200, /* more a minute than that are counted in a part of it: 1000 as 200 in 12 s */
};

/* As the configuration has it (limits:). It may be another one at each call: what was used stays used. */
struct limits_rate {
	int64_t per_minute; /* in any 60 s; 0: no limit */
	double per_second;  /* a bucket gets so many tokens; 0: no limit */
	int64_t burst;	    /* and holds that many, at least 1 */
};

enum limits_verdict {
	LIMITS_ALLOWED,
	LIMITS_REFUSED_TELL, /* the first for at least a minute: the chat is to be told to slow down */
	LIMITS_REFUSED,
};

struct limits;

struct limits *limits_new(void);
void limits_free(struct limits *limits);

/* One update of a chat. What is refused is not counted, so a chat that pauses may send again. */
enum limits_verdict limits_check(
    struct limits *limits, const struct limits_rate *rate, int64_t chat, int64_t now_ms);

/*
 * Whether a chat that nobody knows is told so, true at most once an hour. At most LIMITS_CHATS chats are told
 * within an hour; further ones are not.
 */
bool limits_may_refuse_stranger(struct limits *limits, int64_t chat, int64_t now_ms);

#endif
