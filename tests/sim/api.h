/* Calls of the Bot API: who is asked, what became of it, and the JSON of what Telegram shows a bot. */
#ifndef SIM_API_H
#define SIM_API_H

#include "sim.h"

struct method;

struct call {
	struct sim *sim;
	struct conn *conn; /* NULL: a webhook's answer carried the call */
	const struct method *method;
	struct args args;
	struct buf *out; /* the result goes here */
	int status;
	int64_t retry_after;
	bool parked; /* the answer comes later */
};

/* The path is what stands behind /bot. */
void api_request(struct sim *sim, struct conn *conn, struct http_request *request);
/* False: this call is cut off before its body is read. */
bool api_head(struct sim *sim, const struct http_request *request);
/* A call from a webhook's answer: {"method":...}. Takes the reference. */
void api_call_object(struct sim *sim, struct json_object *object);
/* Ends a long poll. */
void api_end_poll(struct sim *sim, int status, const char *description);
void api_answer_poll(struct sim *sim);

/* All return -1, so that a method can `return call_fail(...)`. */
int call_fail(struct call *c, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
int call_bad(
    struct call *c, const char *text); /* 400, with Bad Request: before it, its first letter made small */
int call_true(struct call *c);	       /* 0: the result is true */

/* The chat that chat_id names, able to take a message; NULL: the call has failed. */
struct chat *call_chat(struct call *c);

void write_bot(struct buf *out);
void write_user(struct buf *out, const struct user *u);
void write_chat(struct buf *out, const struct chat *c);
void write_message(struct buf *out, const struct chat *c, const struct message *m);

/* reply_markup, checked: true, and *json the text of it (NULL: none; the caller frees it). */
bool call_markup(struct call *c, char **json);

#endif
