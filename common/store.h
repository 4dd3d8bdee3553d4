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

enum { STORE_SCHEMA = 2, STORE_USER_BYTES = 64, STORE_CODE_BYTES = 7, STORE_FULL_PERCENT = 80 };

struct store;
struct store_txn;

/*
 * Opens the store in directory, creating it (mode 0700) where it is missing. ERROR_CONFIG for a directory
 * that others can enter, a network file system, a newer schema or a damaged file. A store of an older schema
 * is brought to this one (store_upgrade.c), in one transaction. Open after fork.
 */
int store_open(const char *directory, int64_t map_size_bytes, struct store **store, struct error *error);
void store_close(struct store *store);

/* Frees the readers of processes that were killed; at start and hourly. Returns how many. */
int store_reap_readers(struct store *store);

/*
 * Hands the pages of the map that were looked at back to the system where they have become many. They stay in
 * its cache; without this the process would seem to grow to the size of the store.
 */
void store_release_pages(struct store *store);

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
/*
 * Links a chat with an account, whatever it was linked with before: 1 and *old is that link (which may be one
 * with the same account: it goes on, not paused any more, with its time), or 0 where there was none.
 */
int store_link_move(struct store_txn *txn, int64_t chat, const char *chat_name, const char *user,
    int64_t now_ms, struct store_link *old, struct error *error);
/* Of all links in order of account and chat, skip left out, at most limit. */
int store_links_page(struct store_txn *txn, int64_t skip, int64_t limit, store_link_fn *fn, void *context,
    struct error *error);

/* Another number whenever a link was made, changed or removed. */
int store_links_version(struct store_txn *txn, int64_t *version, struct error *error);

/* ---- menus: the lists of commands that Telegram was told, each as a hash, by chat or by these ---- */

#define STORE_MENU_PRIVATE (INT64_C(1) << 62) /* of all private chats */
#define STORE_MENU_GROUPS (STORE_MENU_PRIVATE + 1)

int store_menu_put(struct store_txn *txn, int64_t chat, int64_t hash, struct error *error);
int store_menu_remove(struct store_txn *txn, int64_t chat, struct error *error);
typedef void store_menu_fn(void *context, int64_t chat, int64_t hash);
int store_menus_each(struct store_txn *txn, store_menu_fn *fn, void *context, struct error *error);

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
 * Tries a code for an account. After tries wrong ones the account waits 1 min, and for each further wrong
 * code twice as long, up to 1 day; a try during the wait is not looked at. Right ones change nothing about
 * that; after a day without a wrong one or a wait they are forgotten. A code that is taken is gone. The
 * caller commits in every case: wrong tries count.
 */
int store_code_take(struct store_txn *txn, const char *user, const char *code, int64_t now_ms, int64_t tries,
    struct store_code *taken, struct error *error);

/* ---- keys of accounts, for linking a chat by /link KEY ---- */

enum {
	STORE_APIKEY_BYTES = 48, /* "tgk_" and 43 characters, with the '\0' */
	STORE_APIKEY_LABEL_BYTES = 65,
	STORE_APIKEYS_MAX = 20, /* that an account may have at a time */
	STORE_APIKEY_FORM_MIN = 20,
	STORE_APIKEY_FORM_MAX = 100
};
#define STORE_APIKEY_KEEP_MS (30 * INT64_C(86400000))

struct store_apikey {
	int64_t id; /* ascending, never given again */
	char label[STORE_APIKEY_LABEL_BYTES];
	int64_t made_ms;
	int64_t expires_ms;   /* 0: never */
	int64_t last_used_ms; /* 0: never */
	int64_t revoked_ms;   /* 0: it is not */
};

/* Whether text has the form of a key, ours or another service's: 20 to 100 of A-Za-z0-9_-. */
bool store_apikey_has_form(const char *text);

/*
 * Makes a key of 256 random bits for an account. It is told here and never again: kept is only a keyed hash.
 * expires_ms is a time, 0 for never. Returns 1, or 0 where the account has STORE_APIKEYS_MAX that are neither
 * expired nor revoked. What was expired or revoked STORE_APIKEY_KEEP_MS ago is cleared away on the way.
 */
int store_apikey_new(struct store_txn *txn, const char *user, const char *label, int64_t now_ms,
    int64_t expires_ms, char key[STORE_APIKEY_BYTES], int64_t *id, struct error *error);

/* The keys of an account by id; not those that were revoked, or expired STORE_APIKEY_KEEP_MS ago. */
typedef void store_apikey_fn(void *context, const struct store_apikey *key);
int store_apikeys_each(struct store_txn *txn, const char *user, int64_t now_ms, store_apikey_fn *fn,
    void *context, struct error *error);

/* 1; 0 where the account has no such key (any more). */
int store_apikey_revoke(
    struct store_txn *txn, const char *user, int64_t id, int64_t now_ms, struct error *error);

/* To the person who tries it, the three in the middle are one: the key is not valid. */
enum store_apikey_result {
	STORE_APIKEY_TAKEN,
	STORE_APIKEY_UNKNOWN,
	STORE_APIKEY_EXPIRED,
	STORE_APIKEY_REVOKED,
	STORE_APIKEY_WAIT
};

struct store_apikey_use {
	enum store_apikey_result result;
	char user[STORE_USER_BYTES]; /* whose it is; "" where it is unknown or was not looked at */
	int64_t id;		     /* of the key; 0 likewise */
	int64_t wait_ms; /* STORE_APIKEY_WAIT, and after the last free try: how long the chat must wait */
};

/*
 * Tries a key that a chat sent; any text may be handed in. A key may be used again and again. After tries
 * that were not valid the chat waits as the account of store_code_take does; a try during the wait is not
 * looked at. The caller commits in every case: wrong tries count.
 */
int store_apikey_use(struct store_txn *txn, int64_t chat, const char *key, int64_t now_ms, int64_t tries,
    struct store_apikey_use *used, struct error *error);

/* Whose key it is, valid or not, without trying it: 1, 0, -1. For a look before the transaction that tries
 * it. */
int store_apikey_owner(
    struct store_txn *txn, const char *key, char user[STORE_USER_BYTES], struct error *error);

/* The same rule where somebody else knows whether the key is valid: how long the chat must wait still (0: it
 * may try), and that its try was not valid; *wait_ms is then how long it must wait now. */
int store_chat_wait(
    struct store_txn *txn, int64_t chat, int64_t now_ms, int64_t *wait_ms, struct error *error);
int store_chat_wrong(struct store_txn *txn, int64_t chat, int64_t now_ms, int64_t tries, int64_t *wait_ms,
    struct error *error);

/* ---- what a deep link (https://t.me/BOT?start=TOKEN) carries ---- */

enum { STORE_START_BYTES = 33 }; /* 32 characters of A-Za-z0-9_-, with the '\0' */

/* Makes a token of 192 random bits for an account; the one before it is invalid from now on. */
int store_start_new(struct store_txn *txn, const char *user, int64_t now_ms, int64_t lifetime_ms,
    char token[STORE_START_BYTES], struct error *error);
/* Takes it: 1 with whose it was, and it is gone; 0 where it is none (any more). Any text may be handed in. */
int store_start_take(struct store_txn *txn, const char *token, int64_t now_ms, char user[STORE_USER_BYTES],
    struct error *error);
/* Whose it is, expired or not, without taking it: 1, 0, -1. */
int store_start_owner(
    struct store_txn *txn, const char *token, char user[STORE_USER_BYTES], struct error *error);

/* ---- cooldowns ---- */

/*
 * Claims the cooldown of a user's script: 1 and it runs from now for cooldown_ms, or 0 and *left_ms says how
 * long the one before still runs.
 */
int store_cooldown_claim(struct store_txn *txn, const char *user, const char *script, int64_t now_ms,
    int64_t cooldown_ms, int64_t *left_ms, struct error *error);

/*
 * When a user's script has sent something, with or without a cooldown. Kept for STORE_SCRIPT_KEEP_MS, and of
 * the STORE_SCRIPTS_MAX scripts of a user that sent something last.
 */
#define STORE_SCRIPT_KEEP_MS (30 * INT64_C(86400000))
enum { STORE_SCRIPTS_MAX = 1000, STORE_SCRIPT_BYTES = 65 };
int store_script_sent(
    struct store_txn *txn, const char *user, const char *script, int64_t now_ms, struct error *error);

struct store_script {
	char name[STORE_SCRIPT_BYTES];
	int64_t last_sent_ms;	   /* 0: not known */
	int64_t cooldown_until_ms; /* may be over; 0: there was none */
};
typedef void store_script_fn(void *context, const struct store_script *script);
/* What is known of a user's scripts, by name. */
int store_scripts_each(
    struct store_txn *txn, const char *user, store_script_fn *fn, void *context, struct error *error);

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

enum store_state {
	STORE_QUEUED,
	STORE_STARTED, /* M2: an attempt began and its outcome is not known */
	STORE_DEAD,
	STORE_UNCERTAIN, /* as dead, but it may have been delivered */
	STORE_SCHEDULED, /* waits for its due_ms */
	STORE_DELIVERED, /* in the history; its content is gone */
	STORE_STATES
};
/* "queued", "started", ... */
const char *store_state_name(enum store_state state);

enum { STORE_FILES_MAX = 10 };

struct store_file {
	char *parameter; /* "photo", "document", or the name that "attach://" refers to */
	char *spool;	 /* its name in the spool directory */
	char *name;	 /* its name for Telegram */
};

struct store_message {
	int64_t id; /* given by store_outbox_add, ascending */
	int64_t chat;
	enum store_class class;
	int64_t accepted_ms;
	int64_t due_ms; /* 0: at once; else it is scheduled */
	/* The three parts below change on the way. */
	int64_t attempts;
	bool started;
	bool told_to_wait; /* not_before_ms is Telegram's */
	int64_t not_before_ms;
	char *last_error; /* NULL: none */
	/* Owned. */
	char *user;   /* "" for answers of the bot */
	char *script; /* NULL: none */
	char *target; /* the configured target it goes to; NULL: to the user's own chat */
	/* What was sent under the same key and part is replaced; NULL: nothing is. */
	char *key;
	int64_t part;
	char *reply_key; /* it replies to what was sent under this key; NULL: to nothing */
	char *method;	 /* sendMessage, ... */
	/*
	 * Without chat_id. What is read has its parameters as JSON text first, since most need not be looked
	 * at: store_message_parse makes the object of it, which counts from then on.
	 */
	char *parameters_text;
	struct json_object *parameters;
	struct store_file files[STORE_FILES_MAX];
	size_t files_count;
	/* A call as JSON: whoever buries the message queues it for the same chat. NULL: none. */
	char *otherwise;
	int64_t ended_ms;   /* when it was delivered, or died; 0 before */
	int64_t message_id; /* only of STORE_DELIVERED */
	bool uncertain;	    /* it died, but may have been delivered */
};

void store_message_free(struct store_message *message); /* what it owns, not itself */

/* -1 with ERROR_BUG where the text is no object. */
int store_message_parse(struct store_message *message, struct error *error);

/* Frees and forgets its files, say before others take their place. */
void store_message_drop_files(struct store_message *message);

/* Queues it, or schedules it where due_ms is not 0. */
int store_outbox_add(struct store_txn *txn, struct store_message *message, struct error *error);

/*
 * The next message for a chat: the lowest class, the lowest id. The transaction is one that writes.
 *
 * What was delivered may leave its entry in the queue behind, since taking each away by itself costs a page
 * of the disk for each message. Whoever keeps a cursor for a chat finds its head without passing those
 * entries: no message waits in a class up to the id in after. NULL: nothing is known.
 */
struct store_cursor {
	int64_t after[STORE_CLASSES];
};
int store_outbox_head_after(struct store_txn *txn, int64_t chat, const struct store_cursor *cursor,
    struct store_message *message, struct error *error);
int store_outbox_head(
    struct store_txn *txn, int64_t chat, struct store_message *message, struct error *error);

/* As store_outbox_delivered, but its entry in the queue stays; store_outbox_sweep takes it away. */
int store_outbox_leave(struct store_txn *txn, const struct store_message *message, int64_t message_id,
    int64_t now_ms, struct error *error);
/* Takes the entries away that were left behind in a class of a chat, up to an id. */
int store_outbox_sweep(
    struct store_txn *txn, int64_t chat, enum store_class class, int64_t up_to_id, struct error *error);

/* A message wherever it is, parsed: 1 with its state, 0 where there is none of that id (any more). */
int store_message_get(struct store_txn *txn, int64_t id, enum store_state *state,
    struct store_message *message, struct error *error);

/* M2: writes that an attempt has begun, and attempts; store_outbox_head tells it. */
int store_outbox_start(struct store_txn *txn, const struct store_message *message, struct error *error);

/* Writes attempts, not_before_ms, told_to_wait and last_error: no attempt is under way. */
int store_outbox_update(struct store_txn *txn, const struct store_message *message, struct error *error);

/* Writes everything but id, chat, class, user and due_ms. old is what was there: files are told apart. */
int store_outbox_rewrite(struct store_txn *txn, const struct store_message *old,
    const struct store_message *message, struct error *error);

/* M3: out of the outbox and into the history with Telegram's message_id (0: it made none). */
int store_outbox_delivered(struct store_txn *txn, const struct store_message *message, int64_t message_id,
    int64_t now_ms, struct error *error);

/* M4: out of the way of its chat, kept with last_error. uncertain: it may have been delivered. */
int store_outbox_bury(struct store_txn *txn, const struct store_message *message, bool uncertain,
    int64_t now_ms, struct error *error);

/* Forgets a message that waits or is dead; the caller removes its files after the commit. */
int store_outbox_cancel(
    struct store_txn *txn, enum store_state state, const struct store_message *message, struct error *error);

/* From the dead, or from the scheduled, to the end of its chat's queue, as if accepted at now_ms. */
int store_outbox_revive(struct store_txn *txn, enum store_state state, struct store_message *message,
    int64_t now_ms, struct error *error);

/* Queues what was scheduled and is due, the first max of them; each is told with its files unset. */
typedef void store_due_fn(void *context, const struct store_message *message);
int store_outbox_due(
    struct store_txn *txn, int64_t now_ms, int64_t max, store_due_fn *fn, void *context, struct error *error);
/* When the next one is due: 1, or 0 where nothing is scheduled. */
int store_outbox_next_due(struct store_txn *txn, int64_t *due_ms, struct error *error);

/* What a chat has waiting, for a start. */
struct store_chat {
	int64_t chat;
	int64_t count[STORE_CLASSES];
	int64_t first_id[STORE_CLASSES];
	int64_t not_before_ms; /* of its head, as told_to_wait */
	bool told_to_wait;
};
typedef bool store_chat_fn(void *context, const struct store_chat *chat);
int store_outbox_chats(struct store_txn *txn, store_chat_fn *fn, void *context, struct error *error);

/* The chats of the messages that are started: an attempt was under way when the process ended. */
typedef void store_started_fn(void *context, int64_t chat);
int store_outbox_started(struct store_txn *txn, store_started_fn *fn, void *context, struct error *error);

/* The user of a message in the outbox. 1, 0, -1. */
int store_outbox_user(struct store_txn *txn, int64_t id, char user[STORE_USER_BYTES], struct error *error);

/* Return false to end an iteration early. */
typedef bool store_message_fn(void *context, enum store_state state, const struct store_message *message);

/* What a user has in the outbox, dead letters included, by id; user NULL: everybody, first what waits, then
 * the dead. Ends after limit. */
int store_outbox_each(struct store_txn *txn, const char *user, int64_t limit, store_message_fn *fn,
    void *context, struct error *error);

/* What was delivered for a user (NULL: everybody), the latest first, with ids below before. */
int store_history_each(struct store_txn *txn, const char *user, int64_t before, int64_t limit,
    store_message_fn *fn, void *context, struct error *error);

/* What was delivered since, in no order: for the pace after a restart. */
typedef void store_delivery_fn(void *context, int64_t chat, int64_t delivered_ms);
int store_history_since(
    struct store_txn *txn, int64_t since_ms, store_delivery_fn *fn, void *context, struct error *error);

/* How many messages of a user are queued or scheduled; for the quota. */
int store_outbox_count(struct store_txn *txn, const char *user, int64_t *count, struct error *error);

struct store_totals {
	int64_t inbox, queued, scheduled, dead, links, history;
	int64_t oldest_ms; /* when the oldest that waits was accepted; 0: none */
};
int store_totals(struct store_txn *txn, struct store_totals *totals, struct error *error);
/* How many of the dead may have been delivered. */
int store_dead_uncertain(struct store_txn *txn, int64_t *count, struct error *error);

/*
 * Forgets the oldest deliveries and dead letters beyond their bounds, at most steps of each; returns whether
 * there may be more to do, or -1. The files of dead letters that go are told to fn.
 */
enum { STORE_HISTORY_MAX = 100000, STORE_DEAD_MAX = 10000 };
typedef void store_spool_fn(void *context, const char *spool);
int store_trim(struct store_txn *txn, int64_t history_before_ms, int64_t dead_before_ms, int64_t steps,
    store_spool_fn *fn, void *context, struct error *error);

/* ---- what was sent under a key, so that it can be edited, answered or taken back ---- */

struct store_sent {
	int64_t queued_id;  /* the newest message under it that waits; 0: none */
	int64_t message_id; /* Telegram's, of what the chat shows; 0: nothing */
	int64_t updated_ms;
	bool is_media;
};

/* 1, 0, -1. Forgotten when it was not touched for STORE_SENT_KEEP_MS. */
#define STORE_SENT_KEEP_MS (30 * INT64_C(86400000))
int store_sent_get(struct store_txn *txn, const char *user, const char *key, int64_t chat, int64_t part,
    struct store_sent *sent, struct error *error);
int store_sent_put(struct store_txn *txn, const char *user, const char *key, int64_t chat, int64_t part,
    const struct store_sent *sent, struct error *error);
int store_sent_remove(struct store_txn *txn, const char *user, const char *key, int64_t chat, int64_t part,
    struct error *error);
typedef int store_sent_fn(
    void *context, int64_t chat, int64_t part, const struct store_sent *sent, struct error *error);
/* By chat and part; fn may change what it is told of. It returns 0, or -1, which ends it. */
int store_sent_each(struct store_txn *txn, const char *user, const char *key, store_sent_fn *fn,
    void *context, struct error *error);

/* ---- chats that became others ---- */

/* From now on from is to: its queue is to's. *any says whether something waited. */
int store_chat_move(struct store_txn *txn, int64_t from, int64_t to, bool *any, struct error *error);
/* Makes *chat the one that it has become, where it has. */
int store_chat_resolve(struct store_txn *txn, int64_t *chat, struct error *error);

/* ---- jobs: scripts and programs that were started from a chat ---- */

/* Interrupted: the program that ran it ended before it did. */
enum store_job_state { STORE_JOB_RUNNING, STORE_JOB_INTERRUPTED, STORE_JOB_STATES };

struct store_job {
	int64_t id; /* given by store_job_add, ascending, never given again */
	int64_t chat;
	int64_t thread;			 /* 0: none */
	char user[STORE_USER_BYTES];	 /* who started it; "", of a program alone: somebody without a link */
	int64_t link_chat;		 /* whose link says that it is still that user; 0: chat */
	char script[STORE_SCRIPT_BYTES]; /* its name, or that of the row of a program */
	bool is_server;			 /* a script of the server, not of the user */
	bool is_program;		 /* of the configuration, no script */
	int64_t started_ms;
	enum store_job_state state;
};

/* Keeps a job that is about to start. */
int store_job_add(struct store_txn *txn, struct store_job *job, struct error *error);
/* Writes the state. 1; 0 where there is no such job. */
int store_job_set(struct store_txn *txn, int64_t id, enum store_job_state state, struct error *error);
int store_job_remove(struct store_txn *txn, int64_t id, struct error *error);
/* The job with the lowest id above after_id. 1, 0, -1. */
int store_job_next(struct store_txn *txn, int64_t after_id, struct store_job *job, struct error *error);

/* ---- buttons: what does not fit into 64 bytes, or must not be seen, or must not be made up ---- */

enum { STORE_BUTTON_BYTES = 17, STORE_ACTION_BYTES = 33, STORE_TARGET_BYTES = 1025 };
enum { STORE_BUTTONS_MAX = 100000 };
#define STORE_BUTTON_KEEP_MS (90 * INT64_C(86400000))

struct store_button {
	char user[STORE_USER_BYTES]; /* who may tap it */
	char action[STORE_ACTION_BYTES];
	char target[STORE_TARGET_BYTES];
	int64_t used_ms; /* when it was shown or tapped last, to the day */
};

/*
 * Keeps a button and writes its id: 16 characters of A-Za-z0-9_-, a keyed hash of user, action and target, so
 * that the same button has the same id for ever. Forgotten STORE_BUTTON_KEEP_MS after its last use, and
 * before that where there are more than STORE_BUTTONS_MAX. Returns 1, or 0 where it was there already and
 * nothing was written. used_ms is now.
 */
int store_button_put(struct store_txn *txn, const struct store_button *button, char id[STORE_BUTTON_BYTES],
    struct error *error);
/* What an id stands for; anything may be handed in as an id. 1, 0, -1. */
int store_button_get(struct store_txn *txn, const char *id, struct store_button *button, struct error *error);

/* ---- drafts: what a button stands for that is too large for one ---- */

enum { STORE_DRAFT_MAX_BYTES = 65536, STORE_DRAFTS_PER_USER = 50, STORE_DRAFTS_MAX = 5000 };
#define STORE_DRAFT_KEEP_MS (7 * INT64_C(86400000))

/*
 * Keeps a text for user (an account, or whoever else it is for, under a name that no account has) and writes
 * its id: 16 random characters of A-Za-z0-9_-. It lasts STORE_DRAFT_KEEP_MS, and less where the user comes to
 * more than STORE_DRAFTS_PER_USER, or all come to more than STORE_DRAFTS_MAX: then the oldest goes.
 * ERROR_INPUT where it is longer than STORE_DRAFT_MAX_BYTES.
 */
int store_draft_put(struct store_txn *txn, const char *user, const char *text, size_t len, int64_t now_ms,
    char id[STORE_BUTTON_BYTES], struct error *error);
/* Appends the text; anything may be handed in as an id. 1; 0 where this user has none of that id (any more).
 */
int store_draft_get(struct store_txn *txn, const char *user, const char *id, int64_t now_ms, struct buf *text,
    struct error *error);
/* The same, and it is gone: what may happen once. */
int store_draft_take(struct store_txn *txn, const char *user, const char *id, int64_t now_ms,
    struct buf *text, struct error *error);

/*
 * Taps that were handled: Telegram may deliver one again, even after its update has left the inbox. Kept for
 * STORE_TAP_KEEP_MS, longer than Telegram keeps an update.
 */
#define STORE_TAP_KEEP_MS (2 * INT64_C(86400000))
int store_tap_claim(struct store_txn *txn, const char *tap, int64_t now_ms, struct error *error);
int store_tap_is_claimed(struct store_txn *txn, const char *tap, struct error *error);

/* ---- broadcasts: one text for all linked chats ---- */

struct store_broadcast {
	/* The ids of its messages, all that are between them; the last one names it. */
	int64_t first_id, last_id;
	char user[STORE_USER_BYTES]; /* who sent it */
	int64_t chat, thread;	     /* where that is to be told what became of it */
	int64_t begun_ms;
	int64_t delivered, failed, cancelled; /* dead and uncertain ones have failed */
};

/* How many of its messages wait. */
int64_t store_broadcast_left(const struct store_broadcast *broadcast);

/*
 * Keeps one whose messages were queued, in the same transaction, one after the other, of class STORE_BULK and
 * without a user. From then on what becomes of them is counted wherever it is written.
 */
int store_broadcast_add(struct store_txn *txn, const struct store_broadcast *broadcast, struct error *error);
/* The one with the lowest last_id above after_id. 1, 0, -1. */
int store_broadcast_next(
    struct store_txn *txn, int64_t after_id, struct store_broadcast *broadcast, struct error *error);
/* That of a message. 1, 0, -1. */
int store_broadcast_of(
    struct store_txn *txn, int64_t id, struct store_broadcast *broadcast, struct error *error);
int store_broadcast_remove(struct store_txn *txn, int64_t last_id, struct error *error);

/* ---- updates that could not be handled ---- */

enum { STORE_BROKEN_MAX = 1000, STORE_BROKEN_MAX_BYTES = 65536, STORE_REASON_BYTES = 256 };
#define STORE_BROKEN_KEEP_MS (30 * INT64_C(86400000))

struct store_broken {
	int64_t update_id;
	int64_t broken_ms;
	int64_t chat; /* 0: none */
	char route[STORE_ACTION_BYTES];
	char reason[STORE_REASON_BYTES];
};

/*
 * Keeps an update, in place of what was kept of it before. Of one that is longer than STORE_BROKEN_MAX_BYTES
 * only that it was there. The oldest go beyond STORE_BROKEN_MAX, and all after STORE_BROKEN_KEEP_MS.
 */
int store_broken_put(struct store_txn *txn, const struct store_broken *broken, const char *update, size_t len,
    struct error *error);
/* The one with the lowest id above after_id. 1, 0, -1. */
int store_broken_next(
    struct store_txn *txn, int64_t after_id, struct store_broken *broken, struct error *error);
/* With the update, appended ("" where it was too long, or is not to be read). 1, 0, -1. */
int store_broken_get(struct store_txn *txn, int64_t update_id, struct store_broken *broken,
    struct buf *update, struct error *error);
int store_broken_remove(struct store_txn *txn, int64_t update_id, struct error *error);
int store_broken_count(struct store_txn *txn, int64_t *count, struct error *error);
/* Takes away what is too old. */
int store_broken_trim(struct store_txn *txn, int64_t now_ms, struct error *error);

/* ---- what is held ---- */

/* Operators' holds: of a user's messages, or ("") of everything. */
int store_hold_set(struct store_txn *txn, const char *user, bool held, struct error *error);
typedef void store_hold_fn(void *context, const char *user);
int store_holds_each(struct store_txn *txn, store_hold_fn *fn, void *context, struct error *error);

/* Telegram's: nothing is sent before. 0: none. */
int store_quiet_set(struct store_txn *txn, int64_t until_ms, struct error *error);
int store_quiet_get(struct store_txn *txn, int64_t *until_ms, struct error *error);

/* ---- checking ---- */

/* What store_check found; each finding is one line. */
typedef void store_finding_fn(void *context, const char *line);
/* Reads every record and compares the tables with each other. Returns how many findings, or -1. */
int64_t store_check(struct store *store, store_finding_fn *fn, void *context, struct error *error);

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

/*
 * A file that came before the message which will name it. It is its account's alone and lasts
 * STORE_STAGED_KEEP_MS.
 */
enum { STORE_STAGED_MAX = 20, STORE_STAGED_KEEP_MS = 3600000, STORE_STAGED_PART_MAX = 99 };
struct store_staged {
	char name[256];
	int64_t size_bytes, staged_ms;
	char key[STORE_KEY_MAX + 1]; /* idempotency key of that message, or "" */
	int64_t part;		     /* which of its files, where it has a key */
};
/*
 * Replaces the account's file of the same key and part; where there are STORE_STAGED_MAX others, the oldest
 * with another key, since who has a key can begin again. What goes is told to fn, to be removed after the
 * commit. 1; 0 where none of that many has another key.
 */
int store_staged_put(struct store_txn *txn, const char *user, const char *spool,
    const struct store_staged *staged, store_spool_fn *fn, void *context, struct error *error);
int store_staged_get(struct store_txn *txn, const char *user, const char *spool, struct store_staged *staged,
    struct error *error);
int store_staged_remove(struct store_txn *txn, const char *user, const char *spool, struct error *error);
/* Forgets those that are too old, at most steps; they are told to fn, to be removed after the commit. */
int store_staged_trim(struct store_txn *txn, int64_t now_ms, int64_t steps, store_spool_fn *fn, void *context,
    struct error *error);

#endif
