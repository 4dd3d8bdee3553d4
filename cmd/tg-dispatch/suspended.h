/*
 * Updates that wait for an answer of another process, and those of the same chats that came after them: the
 * order within a chat holds, other chats go on. Pure.
 */
#ifndef TG_DISPATCH_SUSPENDED_H
#define TG_DISPATCH_SUSPENDED_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

enum {
	SUSPENDED_MAX = 1000,	 /* whoever has so many takes no further updates */
	SUSPENDED_CHAT_MAX = 30, /* of one chat, so that no chat fills the room of the others */
};

struct suspended_update {
	struct json_object *object; /* owned */
	int64_t received_ms;
	int64_t chat;
	char user[STORE_USER_BYTES]; /* whose scripts it waits or has waited for */
	int kind;		     /* what it waits or has waited for, as its owner has it */
	char row[STORE_USER_BYTES];  /* on behalf of which row */
	bool counted;		     /* the limits have let it pass */
	bool is_refused;	     /* it came when too many of its chat waited */
	bool is_told;		     /* and is the first such */
	bool tap_answered;
	bool has_waited;
	struct json_object *answer; /* owned; what came, where it has waited; NULL: nothing did */
};

void suspended_update_free(struct suspended_update *update); /* what it owns, not itself */

struct suspended;

struct suspended *suspended_new(void);
void suspended_free(struct suspended *suspended);

size_t suspended_count(const struct suspended *suspended);
/* Whether an update of the chat must wait behind others. */
bool suspended_has(const struct suspended *suspended, int64_t chat);

/*
 * Whether SUSPENDED_CHAT_MAX updates of the chat wait, so that one more is to be refused; is_first: none was
 * refused since they do.
 */
bool suspended_is_full(struct suspended *suspended, int64_t chat, bool *is_first);

/* Takes the update over: it waits for the answer with that token, at most until deadline_ms. */
void suspended_wait(
    struct suspended *suspended, const struct suspended_update *update, int64_t token, int64_t deadline_ms);
/* The same behind the others of its chat. */
void suspended_queue(struct suspended *suspended, const struct suspended_update *update);

/*
 * The answer came (answer is taken over; NULL: there is none), its tap was answered meanwhile or not. A token
 * that nobody waits for is ignored.
 */
void suspended_answer(
    struct suspended *suspended, int64_t token, struct json_object *answer, bool tap_answered);
/* No answer will come to those that waited until now. */
void suspended_expire(struct suspended *suspended, int64_t now_ms);
/* No answer will come to those that wait for that kind. */
void suspended_give_up(struct suspended *suspended, int kind);
/* When suspended_expire is due; INT64_MAX: never. */
int64_t suspended_due_ms(const struct suspended *suspended);

/* Whether suspended_take has one. */
bool suspended_is_ready(const struct suspended *suspended);
/* Hands out the next update that can be handled, to be freed by the caller. False: there is none now. */
bool suspended_take(struct suspended *suspended, struct suspended_update *update);

#endif
