/*
 * One update: read, routed, handled against the store, answered. What the answer changed and the answer
 * itself are committed together, so an update that comes again after a crash is answered the same.
 */
#ifndef TG_DISPATCH_DISPATCH_H
#define TG_DISPATCH_DISPATCH_H

#include <json-c/json.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"
#include "error.h"
#include "store.h"
#include "commands.h"

struct accounts;
struct limits;

/* All is borrowed, but for the configuration and its table: whoever reloads them replaces them here. */
struct dispatch {
	struct config *config;
	struct command_table *table;
	struct store *store;   /* NULL: without a store, nothing is kept and nobody is linked */
	const char *user;      /* without a store: the account that each chat is linked to; NULL: none */
	struct limits *limits; /* NULL: none are kept */
	struct accounts *accounts;
	const struct running *running; /* see struct request */
};

/* Borrowed. */
struct incoming {
	struct json_object *object;
	int64_t received_ms;	       /* monotonic */
	const struct awaited *awaited; /* NULL the first time */
	bool counted;		       /* the limits have let it pass; set by dispatch_update */
	bool is_refused;	       /* too many of its chat wait for it to wait, too */
	bool is_told;		       /* and its chat is to hear that */
};

/*
 * Handles an update, appends its line to out, logs one line about it and says in wish what is to be done now
 * that the answer is kept; the caller clears wish, which borrows from object. now_ms is wall time. Returns 0,
 * or 1 where the update waits for what wish says: then its line is still to come, and it is to be handled
 * again with what it awaited.
 *
 * -1 leaves out alone: ERROR_INPUT, it is no update; ERROR_TEMPORARY, nothing happened and it can be handled
 * again; ERROR_CONFIG, the store is damaged. Any other trouble is logged and answered with an apology, and
 * the update is kept (store_broken_put), so that none stands in the way of the next.
 */
int dispatch_update(const struct dispatch *dispatch, struct incoming *incoming, int64_t now_ms,
    struct wish *wish, struct buf *out, struct error *error);

/*
 * Answers an update with an apology without handling it, because the process has ended so many times while it
 * did (guard.h), and keeps it. More than GUARD_DEATHS: also while it apologised, so that it is not even read;
 * then nothing is said. The rest is as in dispatch_update.
 */
int dispatch_give_up(const struct dispatch *dispatch, struct incoming *incoming, int64_t deaths,
    int64_t now_ms, struct wish *wish, struct buf *out, struct error *error);

/* What becomes of them at SIGHUP; config_path NULL: the default. */
void dispatch_reload(struct dispatch *dispatch, const char *config_path);

/*
 * Appends to out what must not wait with an update for those before it in its chat: the deletion of a message
 * with a key. It is made again when its turn comes, and finds nothing to delete then.
 */
void dispatch_hasten(const struct dispatch *dispatch, struct json_object *object, struct buf *out);

/* The chat that an update comes from, within which the order holds; 0: none. */
int64_t dispatch_chat(struct json_object *object);

#endif
