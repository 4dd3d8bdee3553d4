/* What the store's own files share; nobody else includes it. */
#ifndef TGTOOLS_STORE_INTERNAL_H
#define TGTOOLS_STORE_INTERNAL_H

#include "store.h"

#include <lmdb.h>

/*
 * The tables. Keys are composite and big-endian, so that a cursor walks in the order that is wanted:
 * integers take 8 bytes with the sign bit flipped, a user name is followed by '\0'.
 */
enum store_table {
	TABLE_META,	  /* name -> value: schema, secret, position, next id, bot name */
	TABLE_INBOX,	  /* update id -> Update object */
	TABLE_ANSWERS,	  /* update id -> the calls it caused, see store_inbox_answer_set */
	TABLE_LINKS,	  /* chat -> link */
	TABLE_USER_LINKS, /* user, chat -> nothing */
	TABLE_CODES,	  /* keyed hash -> chat, name, expiry */
	TABLE_CHAT_CODES, /* chat -> keyed hash */
	TABLE_TRIES,	  /* user -> wrong codes, wait until */
	TABLE_COOLDOWNS,  /* user, script (or what begins with a colon) -> until, last sent */
	TABLE_KEYS,	  /* user, idempotency key -> time, answer */
	TABLE_KEY_AGES,	  /* time, user, idempotency key -> nothing */
	TABLE_OUTBOX,	  /* id -> message, queued ones; never changes */
	TABLE_QUEUE,	  /* chat, class, id -> attempts, not before, last error */
	TABLE_STARTED,	  /* id -> attempts, of those that are under way; small, so an attempt costs little */
	TABLE_SCHEDULED,  /* due, id -> nothing */
	TABLE_OWNERS,	  /* user, OWNER_OUTBOX or OWNER_HISTORY, id -> state */
	TABLE_COUNTS,	  /* user -> how many are queued or scheduled */
	TABLE_DEAD,	  /* id -> message */
	TABLE_HISTORY,	  /* id -> what was delivered */
	TABLE_SPOOL,	  /* file name -> id of its message */
	TABLE_STAGED,	  /* user, file name -> name, size, time */
	TABLE_SENT,	  /* user, key, chat, part -> queued id, message id, time, kind */
	TABLE_MOVED,	  /* chat -> the chat that took its place */
	TABLE_HOLDS,	  /* user, "" for everything -> nothing */
	TABLE_JOBS,	  /* id -> state, whose script, chat, time */
	TABLE_BUTTONS, /* keyed hash of what it holds, see store_button_put -> time, user, action, target */
	TABLE_DRAFTS,  /* user, random id -> time, text */
	TABLE_DRAFT_AGES,    /* time, user, random id -> nothing */
	TABLE_APIKEYS,	     /* user, id -> times, keyed hash, label */
	TABLE_APIKEY_HASHES, /* keyed hash -> id, user */
	TABLE_CHAT_TRIES,    /* chat -> wrong keys, wait until */
	TABLE_STARTS,	     /* keyed hash -> expiry, user */
	TABLE_USER_STARTS,   /* user -> keyed hash */
	TABLE_TAPS,	     /* keyed hash of a tap's id -> time */
	TABLE_BROADCASTS,    /* id of its last message -> first one, whose, counts */
	TABLE_BROKEN,	     /* update id -> time, chat, route, reason, Update object */
	TABLE_MENUS,	     /* chat, or scope -> hash of its menu of commands */
	TABLE_COUNT
};

enum { SECRET_BYTES = 32, INT_BYTES = 8, KEY_MAX_BYTES = 256 };

enum { OWNER_OUTBOX, OWNER_HISTORY };

struct store {
	MDB_env *env;
	char *directory;
	char *spool;
	MDB_dbi tables[TABLE_COUNT];
	unsigned char secret[SECRET_BYTES]; /* hashes codes */
	int64_t map_size_bytes;
	void *map;	     /* where LMDB has it, NULL: not known */
	int64_t measured_ms; /* when free_pages were counted, monotonic */
	int64_t free_pages;
};

struct store_txn {
	struct store *store;
	MDB_txn *txn;
	bool writes;
};

/* A key under construction; what does not fit makes it invalid, and every operation refuses it. */
struct store_key {
	unsigned char bytes[KEY_MAX_BYTES];
	size_t len;
};

/* Turns an LMDB or errno code into an error; returns -1. */
int store_fail(struct error *error, int code, const char *doing);
/* A record that we cannot have written; returns -1. */
int store_damaged(struct error *error, const char *what);

void key_init(struct store_key *key);
void key_add_int64(struct store_key *key, int64_t number);
void key_add_byte(struct store_key *key, unsigned char byte);
void key_add_text(struct store_key *key, const char *text); /* with its '\0' */
void key_add_bytes(struct store_key *key, const void *bytes, size_t len);

/* The two keys that most tables start with. */
void chat_key(struct store_key *key, int64_t chat);
void user_key(struct store_key *key, const char *user);

void int64_write(unsigned char bytes[INT_BYTES], int64_t number);
int64_t int64_read(const unsigned char bytes[INT_BYTES]);

/* Borrowed until the next write or the end of the transaction. 1, 0, -1. */
int table_get(struct store_txn *txn, enum store_table table, const struct store_key *key, MDB_val *value,
    struct error *error);
int table_put(struct store_txn *txn, enum store_table table, const struct store_key *key, const void *data,
    size_t len, struct error *error);
/* 1 removed, 0 was not there, -1. */
int table_remove(
    struct store_txn *txn, enum store_table table, const struct store_key *key, struct error *error);

/* The same for a key that is greater than all that are there: pages are filled, and not split in half. */
int table_append(struct store_txn *txn, enum store_table table, const struct store_key *key, const void *data,
    size_t len, struct error *error);

/* The entry at or after key; key is overwritten with its key. 1, 0, -1. */
int table_seek(struct store_txn *txn, enum store_table table, struct store_key *key, MDB_val *value,
    struct error *error);
/* Makes key the smallest one that is greater than it. */
void key_increment(struct store_key *key);
bool key_has_prefix(const struct store_key *key, const struct store_key *prefix);

/* The last entry before key. 1, 0, -1. */
int table_before(struct store_txn *txn, enum store_table table, struct store_key *key, MDB_val *value,
    struct error *error);

int table_entries(struct store_txn *txn, enum store_table table, int64_t *entries, struct error *error);

/* A number in the table of single facts. get: 1, 0, -1. */
int meta_get_int64(struct store_txn *txn, const char *name, int64_t *number, struct error *error);
int meta_put_int64(struct store_txn *txn, const char *name, int64_t number, struct error *error);

/*
 * What is kept of a secret that somebody holds: its hash under the key of the store. What the two of
 * different kinds have in common is nothing.
 */
enum { SECRET_HASH_BYTES = 32 };
void secret_hash(
    const struct store *store, const char *kind, const char *secret, unsigned char hash[SECRET_HASH_BYTES]);

/* ---- wrong tries: store_tries.c ---- */

/* In TABLE_TRIES or TABLE_CHAT_TRIES. How long whoever key names must wait; 0: they may try. */
int tries_wait(struct store_txn *txn, enum store_table table, const struct store_key *key, int64_t now_ms,
    int64_t *wait_ms, struct error *error);
/*
 * One more: after so many of allowed it is 1 min, and for each further one twice as long, up to 1 day.
 * *wait_ms is how long they must wait now. All are forgotten after a day without one, or a wait.
 */
int tries_wrong(struct store_txn *txn, enum store_table table, const struct store_key *key, int64_t now_ms,
    int64_t allowed, int64_t *wait_ms, struct error *error);

/* -1 where a record is damaged. */
int tries_check(const MDB_val *value, struct error *error);

/* ---- keys of accounts: store_apikeys.c ---- */

/* The record of a key; -1 where it is damaged. */
struct apikey_record {
	struct store_apikey key;
	char user[STORE_USER_BYTES];
	unsigned char hash[SECRET_HASH_BYTES];
};
int apikey_decode(
    const struct store_key *key, const MDB_val *value, struct apikey_record *record, struct error *error);
/* What a hash stands for: the key of TABLE_APIKEYS. */
int apikey_place(const MDB_val *value, struct store_key *place, struct error *error);
/* A token of a deep link. */
int start_decode(const MDB_val *value, int64_t *expires_ms, char user[STORE_USER_BYTES], struct error *error);

/* What the record of a job or of a button holds; -1 where it is damaged. */
int job_decode(const struct store_key *key, const MDB_val *value, struct store_job *job, struct error *error);
int button_decode(const MDB_val *value, struct store_button *button, struct error *error);
int broadcast_decode(const struct store_key *key, const MDB_val *value, struct store_broadcast *broadcast,
    struct error *error);
/* The update is appended, where update is not NULL. */
int broken_decode(const struct store_key *key, const MDB_val *value, struct store_broken *broken,
    struct buf *update, struct error *error);

/* What has become of a message, where it is one of a broadcast's; change -1 takes that back. */
enum broadcast_end { BROADCAST_DELIVERED, BROADCAST_FAILED, BROADCAST_CANCELLED };
int broadcast_note(struct store_txn *txn, const struct store_message *message, enum broadcast_end end,
    int64_t change, struct error *error);
/* The key of a button, which depends on what it holds. */
void button_id(const struct store *store, const struct store_button *button, char id[STORE_BUTTON_BYTES]);

/* The two keys of a draft. */
void draft_key(struct store_key *key, const char *user, const char *id);
void draft_age_key(struct store_key *age, int64_t time_ms, const struct store_key *key);

/* ---- messages: store_record.c ---- */

void id_key(struct store_key *key, int64_t id);
void queue_key(struct store_key *key, const struct store_message *message);
void owner_key(struct store_key *key, const char *user, unsigned char group, int64_t id);

/* Writes all of a message but what store_outbox_update writes, which a message that waits has elsewhere. */
int message_put(
    struct store_txn *txn, enum store_table table, const struct store_message *message, struct error *error);
int message_decode(int64_t id, const MDB_val *value, struct store_message *message, struct error *error);
/* Whether a dead one may have been delivered, without reading all of it. 1, 0, -1. */
int message_is_uncertain(const MDB_val *value, struct error *error);

enum { STATE_MIN = 1 + 2 * INT_BYTES, STATE_ERROR_MAX = 255, STATE_MAX = STATE_MIN + STATE_ERROR_MAX };
/* What changes on the way, packed, so that an attempt does not rewrite the message. Returns the length. */
size_t state_encode(const struct store_message *message, unsigned char state[STATE_MAX]);
int state_decode(const MDB_val *value, struct store_message *message, struct error *error);

/* The state of a message that waits, as state_decode reads it, and whether an attempt is under way. */
int message_take_state(
    struct store_txn *txn, const MDB_val *state, struct store_message *message, struct error *error);

/* A message that waits, with its state. 1, 0, -1. */
int message_get_waiting(
    struct store_txn *txn, int64_t id, struct store_message *message, struct error *error);

/* Brings the tables from the schema they have to STORE_SCHEMA. */
int store_upgrade(struct store_txn *txn, int64_t schema, struct error *error);

#endif
