/*
 * The store: what tg-poll, tg-dispatch and tg-sendd share, in LMDB, in a directory of the service account.
 * Operations are those of the domain; LMDB itself stays in store*.c.
 *
 * Everything happens inside a transaction. A write transaction holds the only write lock among all
 * processes: begin it late, commit it in the same turn of the loop. A commit is on disk when it returns.
 * Any operation may fail with ERROR_TEMPORARY (store or disk full) or ERROR_BUG (damaged record); then the
 * transaction must be aborted. Lookups return 1 for found, 0 for not there, -1 for an error. Times are wall
 * milliseconds and are handed in, so that every rule is testable.
 */
#ifndef TGTOOLS_STORE_H
#define TGTOOLS_STORE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

enum { STORE_SCHEMA = 1, STORE_USER_BYTES = 64, STORE_CODE_BYTES = 7, STORE_FULL_PERCENT = 80 };

struct store;
struct store_txn;

/*
 * Opens the store in directory, creating it (mode 0700) where it is missing. ERROR_CONFIG for a directory
 * that others can enter, a network file system, a newer schema or a damaged file. Open after fork.
 */
int store_open(const char *directory, int64_t map_size_bytes, struct store **store, struct error *error);
void store_close(struct store *store);

/* Frees the readers of processes that were killed; at start and hourly. Returns how many. */
int store_reap_readers(struct store *store);

/* How full the map is, in percent of its size, pages that are free for reuse not counted. */
int store_used_percent(struct store *store);

int store_begin(struct store *store, struct store_txn **txn, struct error *error);
int store_begin_read(struct store *store, struct store_txn **txn, struct error *error);
/* Both end the transaction, whatever happens. Copy what was read before. */
int store_commit(struct store_txn *txn, struct error *error);
void store_abort(struct store_txn *txn);

/* ---- updates: U1 to U3 ---- */

/* What the source of updates has taken: the next offset and whether it can still be relied on. */
struct store_position {
	int64_t update_id;    /* the last one journaled; 0: none */
	int64_t journaled_ms; /* when */
};
int store_position_get(struct store_txn *txn, struct store_position *position, struct error *error);

/* Journals an update and moves the position. Returns 1, or 0 where the inbox has it already. */
int store_inbox_add(struct store_txn *txn, int64_t update_id, const char *update, size_t len, int64_t now_ms,
    struct error *error);

/* The update with the lowest id above after_id, appended to update (cleared first). */
int store_inbox_next(
    struct store_txn *txn, int64_t after_id, int64_t *update_id, struct buf *update, struct error *error);

/*
 * What an update caused is kept with it when causing it changed the store (a code made, a link removed),
 * in the same commit: when the update comes again after a crash, the change is not made twice and the
 * answer is the same. Setting it for an update that is not in the inbox keeps nothing. Appended to answer.
 */
int store_inbox_answer_set(
    struct store_txn *txn, int64_t update_id, const char *answer, size_t len, struct error *error);
int store_inbox_answer_get(struct store_txn *txn, int64_t update_id, struct buf *answer, struct error *error);

/* Takes an update out of the inbox: 1, or 0 where it was taken before. */
int store_inbox_remove(struct store_txn *txn, int64_t update_id, struct error *error);

/* The bot's own username, as getMe gave it last; it decides what /start@name means. 0 where unknown. */
int store_bot_name_set(struct store_txn *txn, const char *name, struct error *error);
int store_bot_name_get(struct store_txn *txn, char name[STORE_USER_BYTES], struct error *error);

/* ---- links: which chat belongs to which account ---- */

struct store_link {
	int64_t chat;
	char user[STORE_USER_BYTES];
	char chat_name[STORE_USER_BYTES]; /* Telegram's username, without @; may be "" */
	int64_t linked_ms;
	bool paused; /* Telegram refuses messages to this chat */
};

/* Return false to end an iteration early. */
typedef bool store_link_fn(void *context, const struct store_link *link);

/* One chat has one account: putting a link for a chat that has one replaces it. */
int store_link_put(struct store_txn *txn, const struct store_link *link, struct error *error);
int store_link_of_chat(struct store_txn *txn, int64_t chat, struct store_link *link, struct error *error);
/* In order of chat; user NULL: all links. */
int store_links_each(
    struct store_txn *txn, const char *user, store_link_fn *fn, void *context, struct error *error);
int store_link_remove(struct store_txn *txn, int64_t chat, struct error *error);

/* ---- codes ---- */

/*
 * Makes a 6-digit code for a chat; older ones of that chat are invalid from now on. Kept only as a keyed
 * hash. Expired codes of other chats are cleared away on the way.
 */
int store_code_new(struct store_txn *txn, int64_t chat, const char *chat_name, int64_t now_ms,
    int64_t lifetime_ms, char code[STORE_CODE_BYTES], struct error *error);

enum store_code_result { STORE_CODE_WRONG, STORE_CODE_TAKEN, STORE_CODE_WAIT };

struct store_code {
	enum store_code_result result;
	int64_t chat; /* STORE_CODE_TAKEN: whose it was */
	char chat_name[STORE_USER_BYTES];
	int64_t wait_ms; /* STORE_CODE_WAIT, and after the last free try: how long the account must wait */
};

/*
 * Tries a code for an account. After tries wrong ones in a row the account waits 1 min, and for each
 * further wrong code twice as long, up to 1 day; a try during the wait is not looked at. A code that is
 * taken is gone. The caller commits in every case: wrong tries count.
 */
int store_code_take(struct store_txn *txn, const char *user, const char *code, int64_t now_ms, int64_t tries,
    struct store_code *taken, struct error *error);

/* ---- cooldowns ---- */

/*
 * Claims the cooldown of a user's script: 1 and it runs from now for cooldown_ms, or 0 and *left_ms says how
 * long the one before still runs.
 */
int store_cooldown_claim(struct store_txn *txn, const char *user, const char *script, int64_t now_ms,
    int64_t cooldown_ms, int64_t *left_ms, struct error *error);

/* ---- what was submitted under an idempotency key ---- */

enum { STORE_KEY_MAX = 64, STORE_KEY_KEEP_MS = 8 * 86400000 };

/* The answer that was given to (user, key), appended to answer: 1; 0 where the key is new. */
int store_key_get(
    struct store_txn *txn, const char *user, const char *key, struct buf *answer, struct error *error);
/* Keeps it for STORE_KEY_KEEP_MS and clears a few expired ones away. */
int store_key_put(struct store_txn *txn, const char *user, const char *key, const char *answer, size_t len,
    int64_t now_ms, struct error *error);

/* ---- the outbox: M1 to M4 ---- */

enum store_class { STORE_REPLY, STORE_NOTIFICATION, STORE_BULK, STORE_CLASSES };

struct store_message {
	int64_t id; /* given by store_outbox_add, ascending */
	int64_t chat;
	enum store_class class;
	int64_t accepted_ms;
	/* The two parts below change on the way, the rest never does. */
	int64_t attempts;
	bool started; /* M2: an attempt began and its outcome is not known */
	int64_t not_before_ms;
	char *last_error; /* NULL: none */
	/* Owned. */
	char *user;			/* "" for answers of the bot */
	char *script;			/* NULL: none */
	char *target;			/* the configured target it goes to; NULL: to the user's own chat */
	char *method;			/* sendMessage, ... */
	struct json_object *parameters; /* without chat_id */
	char *file_parameter;		/* NULL: no file; else "photo", "document" */
	char *file_spool;		/* its name in the spool directory */
	char *file_name;		/* its name for Telegram */
};

void store_message_free(struct store_message *message); /* what it owns, not itself */

int store_outbox_add(struct store_txn *txn, struct store_message *message, struct error *error);

/* The next message for a chat: the lowest class, the lowest id. */
int store_outbox_head(
    struct store_txn *txn, int64_t chat, struct store_message *message, struct error *error);

/* Writes attempts, started, not_before_ms and last_error. */
int store_outbox_update(struct store_txn *txn, const struct store_message *message, struct error *error);

/* Writes what never changes but for Telegram's sake: method, parameters, file_parameter. */
int store_outbox_rewrite(struct store_txn *txn, const struct store_message *message, struct error *error);

/* Puts it at the end of another chat's queue, under a new id, with its attempts. */
int store_outbox_move(
    struct store_txn *txn, struct store_message *message, int64_t chat, struct error *error);

/* M3: out of the outbox and into the history with Telegram's message_id (0: it made none). */
int store_outbox_delivered(struct store_txn *txn, const struct store_message *message, int64_t message_id,
    int64_t now_ms, struct error *error);

/* M4: out of the way of its chat, kept with last_error. uncertain: it may have been delivered. */
int store_outbox_bury(struct store_txn *txn, const struct store_message *message, bool uncertain,
    int64_t now_ms, struct error *error);

/* What a chat has waiting, for a start. */
struct store_chat {
	int64_t chat;
	int64_t count[STORE_CLASSES];
	int64_t not_before_ms; /* of its head */
};
typedef bool store_chat_fn(void *context, const struct store_chat *chat);
int store_outbox_chats(struct store_txn *txn, store_chat_fn *fn, void *context, struct error *error);

enum store_state { STORE_QUEUED, STORE_STARTED, STORE_DEAD, STORE_UNCERTAIN };
typedef bool store_message_fn(void *context, enum store_state state, const struct store_message *message);

/* What a user has in the outbox, dead letters included, by id; user NULL: everybody, by user. Ends after
 * limit. */
int store_outbox_each(struct store_txn *txn, const char *user, int64_t limit, store_message_fn *fn,
    void *context, struct error *error);

/* How many messages of a user are queued; for the quota. */
int store_outbox_count(struct store_txn *txn, const char *user, int64_t *count, struct error *error);

struct store_totals {
	int64_t inbox, queued, dead, links, history;
};
int store_totals(struct store_txn *txn, struct store_totals *totals, struct error *error);

/* ---- the spool: files that go with messages ---- */

/* The directory, for opening a file that a message names; borrowed from store. */
const char *store_spool_directory(const struct store *store);

/*
 * Creates a file of a new name in the spool, open for writing. It stays only if store_spool_keep makes it
 * durable and a message that names it is committed; the rest is removed by store_spool_sweep at the start
 * of tg-sendd.
 */
int store_spool_create(struct store *store, char name[STORE_USER_BYTES], struct error *error);
int store_spool_keep(struct store *store, int fd, struct error *error);
/* A second name for a durable file, for a second message; as durable. */
int store_spool_link(struct store *store, const char *name, char link[STORE_USER_BYTES], struct error *error);
void store_spool_remove(struct store *store, const char *name);
int store_spool_sweep(struct store *store, struct error *error);

#endif
