/*
 * tg-sendd's own parts, and what they share. One turn of the loop (main.c):
 *
 *	api.c       reads requests; what only looks is answered at once, what changes becomes an op
 *	batch.c     one write transaction for all ops and all attempts that ended, and for the marks of
 *	            those that begin; then answers, then lets the attempts begin
 *	ops.c       what an op does inside that transaction
 *	delivery.c  attempts: picked by sched.c, carried out over HTTP, judged by outcome.c
 *	view.c      the GET requests
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
#include "outcome.h"
#include "peer.h"
#include "sched.h"
#include "store.h"
#include "telegram.h"

struct sendd;
struct op;
struct delivery;

/* ---- ops: requests that change the store ---- */

typedef int op_apply_fn(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error);

/* One line of POST /calls, checked. */
struct call {
	struct json_object *line;
	bool is_update;
	int64_t update_id;
	struct error error; /* of the line as a whole; text "" is none */
};

struct op {
	struct op *next;
	struct httpd_request *request; /* NULL once it has ended */
	op_apply_fn *apply;
	struct account caller;
	char user[STORE_USER_BYTES]; /* on whose behalf */
	char key[STORE_KEY_MAX + 1]; /* idempotency key, or "" */
	struct json_object *body;
	enum message_kind kind;
	struct message_fields fields;
	struct json_object *parameters;
	const struct config_target *target;
	char spool[STORE_USER_BYTES]; /* the file that came with it, or "" */
	int spool_fd;
	char code[STORE_CODE_BYTES];
	struct call *calls;
	size_t calls_count;
	/* What apply leaves: the answer, and what it queued. */
	int status;
	struct json_object *answer;
	struct queued {
		int64_t chat;
		enum store_class class;
	} * queued;
	size_t queued_count, queued_size;
	bool spool_used;
	bool staged; /* the batch frees it */
};

struct op *op_new(struct httpd_request *request);
void op_free(struct sendd *sendd, struct op *op);
/* Sets the answer to {"error": text}, replacing what was there; returns 0. */
int op_fail(struct op *op, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Forgets what apply left, before it is tried again. */
void op_reset(struct op *op);

op_apply_fn op_send, op_calls, op_verify, op_unlink;

/* ---- deliveries ---- */

struct delivery {
	struct delivery *next;
	struct sendd *sendd;
	struct store_message message;
	struct http_transfer *transfer;
	struct telegram_reply reply;
	struct outcome outcome;
	int64_t old_id, old_chat; /* before OUTCOME_MOVE */
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
/* Fills the scheduler from the store. */
int delivery_load(struct sendd *sendd, struct error *error);

/* ---- the service ---- */

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
	bool stopping;
	bool reload;
	bool broken; /* the store cannot be used any more; error says why */
	struct error error;
	/* For /health. */
	bool bad_token;
	bool commit_failed;
	int64_t commit_not_before_ms; /* monotonic; after a failure */
	int64_t trouble_since_ms;     /* monotonic; 0: Telegram answers */
	int64_t delivered;
};

/* api.c */
void api_handler(struct sendd *sendd, struct httpd_handler *handler);

/* view.c: they answer the request. */
void view_health(struct sendd *sendd, struct httpd_request *request);
void view_queue(struct sendd *sendd, struct httpd_request *request, const char *user);
void view_status(struct sendd *sendd, struct httpd_request *request, const char *user);
void view_links(struct sendd *sendd, struct httpd_request *request);
void answer_json(struct httpd_request *request, int status, struct json_object *body);
void answer_error(struct httpd_request *request, int status, const char *text);

/* batch.c */
void batch_stage(struct sendd *sendd, struct op *op);
/* Commits what is there to commit; returns false where there was nothing. */
bool batch_commit(struct sendd *sendd);
/* How long until there is something to commit: 0 now, -1 not before something comes. */
int64_t batch_wait_ms(const struct sendd *sendd);

/* spool.c */
enum { PHOTO_MAX_BYTES = 10 << 20, FILE_MAX_BYTES = 50 << 20 };
/*
 * Copies a file named by a path into the spool, durably. It is opened without following any symbolic link
 * and taken only if it is a regular file of owner; anything else is ERROR_INPUT. what names it in the error,
 * such as "Photo file".
 */
int spool_copy(struct sendd *sendd, const char *what, const char *path, uid_t owner, int64_t max_bytes,
    char name[STORE_USER_BYTES], struct error *error);

/* socket.c: the listening socket. Returns it, or -1. */
int socket_listen(const char *path, const char *group, int mode, struct error *error);

#endif
