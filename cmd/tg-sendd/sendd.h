/*
 * tg-sendd's own parts, and what they share. One turn of the loop (main.c):
 *
 *	api.c       reads requests; what only looks is answered at once, what changes becomes an op
 *	batch.c     one write transaction for all ops and all attempts that ended, and for the marks of
 *	            those that begin; then its effects, then answers, then lets the attempts begin
 *	ops*.c      what an op does inside that transaction
 *	delivery.c  attempts: picked by sched.c, carried out over HTTP, judged by outcome.c, recorded by
 *	            record.c
 *	keyed.c     what a message does to the one before it under the same key
 *	passing.c   what a chat is shown for a moment, beside its messages
 *	effects.c   what a transaction does outside of the store, once it is committed
 *	wait.c      requests that wait for what becomes of a message
 *	view.c      the GET requests, with metrics.c
 */
#ifndef TGTOOLS_SENDD_SENDD_H
#define TGTOOLS_SENDD_SENDD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config.h"
#include "http.h"
#include "httpd.h"
#include "loop.h"
#include "message.h"
#include "metrics.h"
#include "outcome.h"
#include "peer.h"
#include "sched.h"
#include "store.h"
#include "telegram.h"

struct sendd;
struct op;
struct delivery;

/* ---- effects: kept until the transaction that causes them is committed ---- */

struct effects {
	struct effect *items;
	size_t count, size;
};
/* The message waits for its chat now, or does not any more. */
void effect_queued(struct sendd *sendd, const struct store_message *message);
void effect_unqueued(struct sendd *sendd, const struct store_message *message);
/* It is taken back, whatever it was. */
void effect_ended(struct sendd *sendd, int64_t id);
void effect_moved(struct sendd *sendd, int64_t from, int64_t to);
/* A chat's wait, or an operator's hold of a user's messages ("": of everything), begins or ends. */
void effect_retried(struct sendd *sendd, int64_t chat);
void effect_hold(struct sendd *sendd, const char *user, bool held);
/* A call of passing.c; parameters is borrowed. */
void effect_pass(struct sendd *sendd, int64_t chat, struct json_object *parameters);
/* A file of the spool that no message names any more. */
void effect_drop(struct sendd *sendd, const char *spool);
void effect_drop_spool(void *sendd, const char *spool); /* the same, a store_spool_fn */
void effect_drop_files(struct sendd *sendd, const struct store_message *message);
void effects_forget(struct sendd *sendd);
void effects_apply(struct sendd *sendd);
void effects_free(struct sendd *sendd);

/* ---- ops: requests that change the store ---- */

typedef int op_apply_fn(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error);

/* One line of POST /calls, checked. */
struct call {
	struct json_object *line;
	bool is_update;
	int64_t update_id;
	struct error error; /* of the line as a whole; text "" is none */
};

/* The file of one of the calls, in the spool before the transaction; or what is wrong with it. */
struct call_file {
	struct call_file *next;
	struct json_object *call;
	const char *parameter;
	char spool[STORE_USER_BYTES];
	const char *name;   /* of call */
	struct error error; /* text "" is none */
	bool is_used;
};

/* A file of the spool that an op brings. */
struct op_file {
	char spool[STORE_USER_BYTES];
	char name[256];
	bool is_staged; /* it came before, in a request of its own */
	bool is_used;	/* by a message that was queued */
};

enum { OP_FILES_MAX = MESSAGE_FILES_MAX + 1, OP_DOCUMENT = MESSAGE_FILES_MAX };

struct op {
	struct op *next;
	struct httpd_request *request; /* NULL once it has ended */
	op_apply_fn *apply;
	struct account caller;
	char user[STORE_USER_BYTES]; /* on whose behalf; "" in a queue request: everybody */
	char key[STORE_KEY_MAX + 1]; /* idempotency key, or "" */
	struct json_object *body;
	enum message_kind kind;
	struct message_fields fields;
	struct message_parts parts;
	const struct config_target *target;
	struct op_file files[OP_FILES_MAX]; /* in the order of fields; the last is a text as a document */
	int sink_fd;			    /* of files[0], while the body comes */
	char code[STORE_CODE_BYTES];
	struct call *calls;
	size_t calls_count;
	struct call_file *call_files;
	int64_t number; /* of the message, the chat or the key that a request is about; the part of a file */
	uid_t key_uid;	/* of its account */
	int key_status; /* the answer where that account may not be linked */
	const char *key_trouble; /* its words; NULL: it may */
	bool may_manage_all;
	bool on; /* hold, not resume */
	/* What apply leaves. */
	int status;
	struct json_object *answer;
	int64_t *ids; /* of the messages that it queued */
	size_t ids_count, ids_size;
	int64_t broadcast_count; /* of the messages of its broadcasts, which are not among them */
	bool is_repeated;	 /* ids were queued by an earlier request under the same idempotency key */
	bool staged;		 /* the batch frees it */
	/* While it waits for what becomes of ids. */
	bool is_waiting;
	bool shows_message; /* the answer is the one message */
	int64_t wait_ms;
	int64_t wait_until_ms; /* monotonic */
};

struct op *op_new(struct httpd_request *request);
void op_free(struct sendd *sendd, struct op *op);
/* Sets the answer to {"error": text}, replacing what was there; returns 0. */
int op_fail(struct op *op, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
int op_fail_unlinked(struct op *op);
/* Sets the answer to {"ok":true}. */
void op_ok(struct op *op);
/* Forgets what apply left, before it is tried again. */
void op_reset(struct op *op);
/* Puts a message into the outbox, for the chat that its chat has become. */
int op_queue(struct sendd *sendd, struct store_txn *txn, struct op *op, struct store_message *message,
    struct error *error);
void op_note_id(struct op *op, int64_t id);

/* Brings the files of all calls into the spool. -1 where the system fails. */
int op_take_call_files(struct sendd *sendd, struct op *op, struct error *error);

/* The idempotency key. 1 where it was used before: its first answer is given again. */
int op_answer_again(struct store_txn *txn, struct op *op, struct error *error);
int op_keep_answer(struct store_txn *txn, struct op *op, const char *line, struct error *error);

/* ops_send.c, ops_calls.c, ops_link.c, ops_keys.c, ops_queue.c */
op_apply_fn op_send, op_stage, op_delete, op_calls, op_verify, op_unlink;
op_apply_fn op_key_new, op_key_revoke, op_start, op_link, op_link_remove;
op_apply_fn op_cancel, op_cancel_all, op_retry, op_hold, op_forget_update;

/* Links a chat with op->user, and tells everybody who has to know. */
int op_move_link(struct sendd *sendd, struct store_txn *txn, struct op *op, int64_t chat,
    const char *chat_name, struct error *error);
/* Removes a link and tells the chat. */
int op_remove_link(struct sendd *sendd, struct store_txn *txn, struct op *op, const struct store_link *link,
    struct error *error);
int op_say_unlinked(struct op *op);

#define KEY_EXPIRES_MAX_MS (3660 * INT64_C(86400000))
extern const char invalid_key[]; /* the same words, whatever is wrong with it */
/* What is told of the link of a chat. */
void link_details(struct json_object *body, const struct store_link *link, uid_t uid);

enum { RECIPIENTS_MAX = 64 };
struct recipients {
	int64_t chats[RECIPIENTS_MAX];
	size_t count, paused;
};
/* The chats that a message of op goes to. */
int op_recipients(struct store_txn *txn, const struct op *op, struct recipients *to, struct error *error);

/* ---- keyed.c ---- */

/* How a message is sent this time: as it is, as an edit of the one before it, as an answer to another. */
struct attempt {
	const char *method;
	struct json_object *parameters; /* owned; NULL: the message's own */
	bool is_needless;		/* there is nothing to take back */
	int64_t edited_id;		/* Telegram's id of the message that is edited; 0: none */
	int64_t replaced_id;		/* of the one to be deleted when this one is delivered; 0: none */
};
/* How the file of an edit is called; no parameter of the method is called so. */
#define KEYED_FILE "file"
int keyed_prepare(
    struct store_txn *txn, struct store_message *message, struct attempt *attempt, struct error *error);

/*
 * Queues a message, in the place of one under the same key that still waits where there is one. What the
 * chat shows is not edited before interval_ms have passed since it was changed last; 0: at once.
 */
int keyed_queue(struct sendd *sendd, struct store_txn *txn, struct op *op, struct store_message *message,
    int64_t interval_ms, struct error *error);
/* Takes back what was sent to a chat under the key of op, from a part on. Counts what goes. */
int keyed_take_back(struct sendd *sendd, struct store_txn *txn, struct op *op, const char *key,
    const int64_t *chat, int64_t from_part, int64_t *count, struct error *error);
/* It is delivered as message_id. */
int keyed_delivered(struct sendd *sendd, struct store_txn *txn, const struct store_message *message,
    const struct attempt *attempt, int64_t message_id, struct error *error);
/* It will not be delivered: dead, or cancelled. */
int keyed_ended(struct store_txn *txn, const struct store_message *message, struct error *error);
/* What it was to edit is not there any more. */
int keyed_forget(struct store_txn *txn, const struct store_message *message, struct error *error);

/* ---- broadcast.c ---- */

/*
 * Queues a copy of message, a sendMessage, for each linked chat that is not paused; own says who sends it.
 * What is wrong with it is ERROR_INPUT, and nothing is written.
 */
int broadcast_queue(struct sendd *sendd, struct store_txn *txn, struct op *op, struct json_object *own,
    const struct store_message *message, struct error *error);
/* Tells the operators of those that have ended what became of them. */
int broadcast_report_ended(struct sendd *sendd, struct store_txn *txn, struct error *error);

/* ---- deliveries ---- */

struct delivery {
	struct delivery *next;
	struct sendd *sendd;
	struct store_message message;
	struct attempt attempt;
	struct http_transfer *transfer;
	struct telegram_reply reply;
	struct outcome outcome;
	char spool[STORE_USER_BYTES]; /* OUTCOME_AS_TEXT_FILE: the file */
	bool swept;		      /* what it and those before it left in the queue is gone */
};

/* Marks as many messages as may leave now as started (M2) and adds them to sendd->starting. */
int delivery_pick(struct sendd *sendd, struct store_txn *txn, struct error *error);
/* After the commit: sends those; or, where it failed, lets them wait. */
void delivery_start_all(struct sendd *sendd);
void delivery_put_back(struct sendd *sendd);
/* Writes what became of the attempts that ended; afterwards tells the scheduler and frees them. */
int delivery_record_all(struct sendd *sendd, struct store_txn *txn, struct error *error);
void delivery_settle_all(struct sendd *sendd);
/* Cancels what is on its way; their messages stay marked as started. */
void delivery_cancel_all(struct sendd *sendd);
/* Queues what was scheduled and is due. */
int delivery_make_due(struct sendd *sendd, struct store_txn *txn, struct error *error);
/* Fills the scheduler from the store. */
int delivery_load(struct sendd *sendd, struct error *error);

/* ---- passing.c: what a chat is shown for a moment, beside its messages ---- */

/* Whether a call of that method is not queued: it is sent at once and once, or not at all. */
bool passing_is(const char *method);
/* parameters: without the chat; borrowed. */
void passing_send(struct sendd *sendd, int64_t chat, struct json_object *parameters, int64_t now_ms);
void passing_cancel_all(struct sendd *sendd);

/* record.c: writes what became of one attempt: M2 to M1, M3, M4. */
int record_attempt(
    struct sendd *sendd, struct delivery *delivery, struct store_txn *txn, struct error *error);
/* What has to be there before that, outside of a transaction. */
void record_prepare(struct sendd *sendd, struct delivery *delivery);

/* ---- wait.c ---- */

/* Answers op's request when its messages have ended, or its time is over; frees op then. */
void wait_begin(struct sendd *sendd, struct op *op);
/* A message has ended. */
void wait_ended(struct sendd *sendd, int64_t id);
/* Answers those whose time is over, or (all) every one. */
void wait_check(struct sendd *sendd, bool all);
int64_t wait_timeout_ms(const struct sendd *sendd);
void wait_leave(struct sendd *sendd, struct op *op);

/* ---- the service ---- */

enum { ACCOUNTS_KNOWN = 64 };

struct sendd {
	struct config *config;
	const char *config_path;
	struct loop *loop;
	struct http_client *client;
	struct store *store;
	struct httpd *httpd;
	struct sched *sched;
	struct flood flood;
	struct telegram telegram;
	char *token;
	uid_t service_uid;
	struct op *ops, **ops_tail;	      /* staged for the next commit */
	struct delivery *starting;	      /* marked, to be sent after the commit */
	struct delivery *flying;	      /* on their way */
	struct delivery *ended, **ended_tail; /* to be recorded in the next commit */
	struct passing *passing;	      /* on their way */
	size_t passing_count;
	int64_t passing_not_before_ms; /* monotonic */
	struct effects effects;
	struct op *waiting;	    /* requests that wait for messages */
	int64_t next_due_ms;	    /* wall time of the next scheduled message; INT64_MAX: none */
	int64_t trim_not_before_ms; /* monotonic */
	bool stopping;
	bool reload;
	bool broken; /* the store cannot be used any more; error says why */
	struct error error;
	/* For /health. */
	bool bad_token;
	bool commit_failed;
	int64_t commit_not_before_ms; /* monotonic; after a failure */
	int64_t trouble_since_ms;     /* monotonic; 0: Telegram answers */
	struct metrics metrics;
	struct known_account {
		struct account account;
		int64_t until_ms; /* monotonic */
	} accounts[ACCOUNTS_KNOWN];
};

/* api.c */
void api_handler(struct sendd *sendd, struct httpd_handler *handler);

/* view.c: they answer the request. */
void view_health(struct sendd *sendd, struct httpd_request *request);
void view_metrics(struct sendd *sendd, struct httpd_request *request);
void view_queue(struct sendd *sendd, struct httpd_request *request, const char *user, int64_t limit);
void view_history(
    struct sendd *sendd, struct httpd_request *request, const char *user, int64_t before, int64_t limit);
/* The row of one message. 1, 0 where there is none, -1. */
int view_message(struct sendd *sendd, int64_t id, struct json_object **row, struct error *error);
void view_status(struct sendd *sendd, struct httpd_request *request, const char *user);
void view_scripts(struct sendd *sendd, struct httpd_request *request, const char *user);
void view_updates(struct sendd *sendd, struct httpd_request *request);
void view_update(struct sendd *sendd, struct httpd_request *request, int64_t update_id);
void view_links(struct sendd *sendd, struct httpd_request *request);
void view_keys(struct sendd *sendd, struct httpd_request *request, const char *user);
/* The link of a chat; user NULL: whoever it belongs to, else 403 where it is not that account's. */
void view_chat(struct sendd *sendd, struct httpd_request *request, int64_t chat, const char *user);
void answer_json(struct httpd_request *request, int status, struct json_object *body);
void answer_error(struct httpd_request *request, int status, const char *text);

/* batch.c */
void batch_stage(struct sendd *sendd, struct op *op);
/* Commits what is there to commit; returns false where there was nothing. */
bool batch_commit(struct sendd *sendd);
/* How long until there is something to commit: 0 now. */
int64_t batch_wait_ms(const struct sendd *sendd);

/* spool.c */
/* A new durable file with a text. */
int spool_write(struct sendd *sendd, const char *text, char name[STORE_USER_BYTES], struct error *error);
/*
 * Copies a file named by a path into the spool, durably. It is opened without following any symbolic link
 * and taken only if it is a regular file of owner; anything else is ERROR_INPUT. what names it in the error,
 * such as "Photo file".
 */
int spool_copy(struct sendd *sendd, const char *what, const char *path, uid_t owner, int64_t max_bytes,
    char name[STORE_USER_BYTES], struct error *error);

/* inspect.c: --check-store; prints what is wrong with the store and returns the exit code. */
int inspect_store(const char *program, const char *config_path);

/* socket.c: the listening socket. Returns it, or -1. */
int socket_listen(const char *path, const char *group, int mode, struct error *error);

#endif
