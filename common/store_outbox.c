#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

enum { QUEUE_KEY_BYTES = 2 * INT_BYTES + 1, RELEASE_STEPS = 200 };

static int put_owner(struct store_txn *txn, const struct store_message *message, unsigned char group,
    enum store_state state, struct error *error)
{
	unsigned char value = (unsigned char)state;
	struct store_key key;

	/* Nobody looks for what the bot answers by its owner. */
	if (message->user[0] == '\0')
		return 0;
	owner_key(&key, message->user, group, message->id);
	return table_put(txn, TABLE_OWNERS, &key, &value, sizeof value, error);
}

static int remove_owner(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	struct store_key key;

	if (message->user[0] == '\0')
		return 0;
	owner_key(&key, message->user, OWNER_OUTBOX, message->id);
	return table_remove(txn, TABLE_OWNERS, &key, error) < 0 ? -1 : 0;
}

/* ---- counters ---- */

static int next_id(struct store_txn *txn, int64_t *id, struct error *error)
{
	*id = 1;
	if (meta_get_int64(txn, "next_id", id, error) < 0)
		return -1;
	return meta_put_int64(txn, "next_id", *id + 1, error);
}

int store_outbox_count(struct store_txn *txn, const char *user, int64_t *count, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	user_key(&key, user);
	found = table_get(txn, TABLE_COUNTS, &key, &value, error);
	if (found < 0)
		return -1;
	if (found == 1 && value.mv_size != INT_BYTES)
		return store_damaged(error, "count");
	*count = found == 1 ? int64_read(value.mv_data) : 0;
	return 0;
}

static int add_count(struct store_txn *txn, const char *user, int64_t change, struct error *error)
{
	unsigned char bytes[INT_BYTES];
	struct store_key key;
	int64_t count;

	if (user[0] == '\0')
		return 0;
	if (store_outbox_count(txn, user, &count, error) != 0)
		return -1;
	user_key(&key, user);
	if (count + change <= 0)
		return table_remove(txn, TABLE_COUNTS, &key, error) < 0 ? -1 : 0;
	int64_write(bytes, count + change);
	return table_put(txn, TABLE_COUNTS, &key, bytes, sizeof bytes, error);
}

/* ---- into the outbox ---- */

static int put_files(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	unsigned char id[INT_BYTES];
	struct store_key key;

	int64_write(id, message->id);
	for (size_t i = 0; i < message->files_count; i++) {
		user_key(&key, message->files[i].spool);
		if (table_put(txn, TABLE_SPOOL, &key, id, sizeof id, error) != 0)
			return -1;
	}
	return 0;
}

static int remove_files(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	struct store_key key;

	for (size_t i = 0; i < message->files_count; i++) {
		user_key(&key, message->files[i].spool);
		if (table_remove(txn, TABLE_SPOOL, &key, error) < 0)
			return -1;
	}
	return 0;
}

static void due_key(struct store_key *key, const struct store_message *message)
{
	key_init(key);
	key_add_int64(key, message->due_ms);
	key_add_int64(key, message->id);
}

static int put_content(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	return message_put(txn, TABLE_OUTBOX, message, error);
}

static int remove_started(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	struct store_key key;

	id_key(&key, message->id);
	return table_remove(txn, TABLE_STARTED, &key, error) < 0 ? -1 : 0;
}

int store_outbox_start(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	unsigned char attempts[INT_BYTES];
	struct store_key key;

	int64_write(attempts, message->attempts);
	id_key(&key, message->id);
	return table_put(txn, TABLE_STARTED, &key, attempts, sizeof attempts, error);
}

int store_outbox_update(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	unsigned char state[STATE_MAX];
	size_t len = state_encode(message, state);
	struct store_key key;

	if (remove_started(txn, message, error) != 0)
		return -1;
	queue_key(&key, message);
	return table_put(txn, TABLE_QUEUE, &key, state, len, error);
}

/* The id is there. */
static int put_waiting(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	bool scheduled = message->due_ms != 0;
	struct store_key key;

	if (put_content(txn, message, error) != 0 ||
	    put_owner(txn, message, OWNER_OUTBOX, scheduled ? STORE_SCHEDULED : STORE_QUEUED, error) != 0 ||
	    add_count(txn, message->user, 1, error) != 0)
		return -1;
	if (!scheduled)
		return store_outbox_update(txn, message, error);
	due_key(&key, message);
	return table_put(txn, TABLE_SCHEDULED, &key, "", 0, error);
}

int store_outbox_add(struct store_txn *txn, struct store_message *message, struct error *error)
{
	if (next_id(txn, &message->id, error) != 0 || put_files(txn, message, error) != 0)
		return -1;
	return put_waiting(txn, message, error);
}

int store_outbox_rewrite(struct store_txn *txn, const struct store_message *old,
    const struct store_message *message, struct error *error)
{
	if (remove_files(txn, old, error) != 0 || put_files(txn, message, error) != 0 ||
	    put_content(txn, message, error) != 0)
		return -1;
	return message->due_ms == 0 ? store_outbox_update(txn, message, error) : 0;
}

static void place_key(struct store_key *key, int64_t chat, unsigned char class, int64_t id)
{
	key_init(key);
	key_add_int64(key, chat);
	key_add_byte(key, class);
	key_add_int64(key, id);
}

static int64_t place_id(const struct store_key *key)
{
	return int64_read(key->bytes + INT_BYTES + 1);
}

/* The message that an entry of the queue stands for: 1, 0 where it was left behind, -1. */
static int read_entry(struct store_txn *txn, const struct store_key *key, const MDB_val *state,
    struct store_message *message, struct error *error)
{
	struct store_key id;
	MDB_val content;
	int found;

	id_key(&id, place_id(key));
	found = table_get(txn, TABLE_OUTBOX, &id, &content, error);
	if (found != 1)
		return found;
	if (message_decode(place_id(key), &content, message, error) != 0)
		return -1;
	if (message_take_state(txn, state, message, error) == 0)
		return 1;
	store_message_free(message);
	return -1;
}

/* The entry at or after key that the cursor does not know to be left behind. 1, 0, -1. */
static int seek_entry(struct store_txn *txn, int64_t chat, const struct store_cursor *cursor,
    struct store_key *key, MDB_val *state, struct error *error)
{
	struct store_key prefix;
	int found;

	chat_key(&prefix, chat);
	while ((found = table_seek(txn, TABLE_QUEUE, key, state, error)) == 1) {
		unsigned class = key->len == QUEUE_KEY_BYTES ? key->bytes[INT_BYTES] : STORE_CLASSES;

		if (!key_has_prefix(key, &prefix))
			return 0;
		if (class >= STORE_CLASSES)
			return store_damaged(error, "queue");
		if (cursor == NULL || place_id(key) > cursor->after[class])
			return 1;
		place_key(key, chat, (unsigned char)class, cursor->after[class] + 1);
	}
	return found;
}

int store_outbox_head_after(struct store_txn *txn, int64_t chat, const struct store_cursor *cursor,
    struct store_message *message, struct error *error)
{
	struct store_key key;
	MDB_val state;
	int found;

	place_key(&key, chat, 0, cursor != NULL ? cursor->after[0] + 1 : INT64_MIN);
	while ((found = seek_entry(txn, chat, cursor, &key, &state, error)) == 1) {
		found = read_entry(txn, &key, &state, message, error);
		if (found != 0)
			return found;
		if (table_remove(txn, TABLE_QUEUE, &key, error) < 0)
			return -1;
	}
	return found;
}

int store_outbox_head(struct store_txn *txn, int64_t chat, struct store_message *message, struct error *error)
{
	return store_outbox_head_after(txn, chat, NULL, message, error);
}

int store_outbox_sweep(
    struct store_txn *txn, int64_t chat, enum store_class class, int64_t up_to_id, struct error *error)
{
	struct store_key key, prefix, id;
	MDB_val value;
	int found;

	chat_key(&prefix, chat);
	key_add_byte(&prefix, (unsigned char)class);
	key = prefix;
	while ((found = table_seek(txn, TABLE_QUEUE, &key, &value, error)) == 1) {
		if (!key_has_prefix(&key, &prefix) || key.len != QUEUE_KEY_BYTES || place_id(&key) > up_to_id)
			return 0;
		id_key(&id, place_id(&key));
		found = table_get(txn, TABLE_OUTBOX, &id, &value, error);
		if (found < 0 || (found == 0 && table_remove(txn, TABLE_QUEUE, &key, error) < 0))
			return -1;
		key_increment(&key);
	}
	return found;
}

/* ---- out of the outbox ---- */

static int remove_entry(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	struct store_key key;

	queue_key(&key, message);
	return table_remove(txn, TABLE_QUEUE, &key, error) < 0 ? -1 : 0;
}

/* All but its entry in the queue. */
static int remove_content(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	struct store_key key;

	id_key(&key, message->id);
	if (table_remove(txn, TABLE_OUTBOX, &key, error) < 0)
		return -1;
	if (remove_started(txn, message, error) != 0)
		return -1;
	due_key(&key, message);
	if (message->due_ms != 0 && table_remove(txn, TABLE_SCHEDULED, &key, error) < 0)
		return -1;
	return add_count(txn, message->user, -1, error);
}

static int remove_waiting(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	return remove_entry(txn, message, error) == 0 ? remove_content(txn, message, error) : -1;
}

/* Its content is not kept. */
static int put_history(struct store_txn *txn, const struct store_message *message, int64_t message_id,
    int64_t now_ms, struct error *error)
{
	const struct store_message record = {.id = message->id,
	    .chat = message->chat,
	    .class = message->class,
	    .accepted_ms = message->accepted_ms,
	    .attempts = message->attempts,
	    .user = message->user,
	    .script = message->script,
	    .key = message->key,
	    .method = message->method,
	    .ended_ms = now_ms,
	    .message_id = message_id};

	if (message_put(txn, TABLE_HISTORY, &record, error) != 0)
		return -1;
	return put_owner(txn, message, OWNER_HISTORY, STORE_DELIVERED, error);
}

int store_outbox_delivered(struct store_txn *txn, const struct store_message *message, int64_t message_id,
    int64_t now_ms, struct error *error)
{
	if (remove_entry(txn, message, error) != 0)
		return -1;
	return store_outbox_leave(txn, message, message_id, now_ms, error);
}

int store_outbox_leave(struct store_txn *txn, const struct store_message *message, int64_t message_id,
    int64_t now_ms, struct error *error)
{
	if (remove_content(txn, message, error) != 0 || remove_owner(txn, message, error) != 0 ||
	    remove_files(txn, message, error) != 0 ||
	    broadcast_note(txn, message, BROADCAST_DELIVERED, 1, error) != 0)
		return -1;
	return put_history(txn, message, message_id, now_ms, error);
}

int store_outbox_bury(struct store_txn *txn, const struct store_message *message, bool uncertain,
    int64_t now_ms, struct error *error)
{
	struct store_message record = *message;

	record.ended_ms = now_ms;
	record.uncertain = uncertain;
	if (remove_waiting(txn, message, error) != 0 || message_put(txn, TABLE_DEAD, &record, error) != 0 ||
	    broadcast_note(txn, message, BROADCAST_FAILED, 1, error) != 0)
		return -1;
	return put_owner(txn, message, OWNER_OUTBOX, uncertain ? STORE_UNCERTAIN : STORE_DEAD, error);
}

static bool is_dead(enum store_state state)
{
	return state == STORE_DEAD || state == STORE_UNCERTAIN;
}

/* From the dead, or from those that wait; its owner stays. */
static int take_out(
    struct store_txn *txn, enum store_state state, const struct store_message *message, struct error *error)
{
	struct store_key key;

	if (!is_dead(state))
		return remove_waiting(txn, message, error);
	id_key(&key, message->id);
	return table_remove(txn, TABLE_DEAD, &key, error) < 0 ? -1 : 0;
}

int store_outbox_cancel(
    struct store_txn *txn, enum store_state state, const struct store_message *message, struct error *error)
{
	if (take_out(txn, state, message, error) != 0 || remove_owner(txn, message, error) != 0)
		return -1;
	/* A dead one was counted when it died. */
	if (!is_dead(state) && broadcast_note(txn, message, BROADCAST_CANCELLED, 1, error) != 0)
		return -1;
	return remove_files(txn, message, error);
}

int store_outbox_revive(struct store_txn *txn, enum store_state state, struct store_message *message,
    int64_t now_ms, struct error *error)
{
	if (take_out(txn, state, message, error) != 0 || store_chat_resolve(txn, &message->chat, error) != 0)
		return -1;
	if (is_dead(state) && broadcast_note(txn, message, BROADCAST_FAILED, -1, error) != 0)
		return -1;
	message->due_ms = 0;
	message->ended_ms = 0;
	message->uncertain = false;
	message->attempts = 0;
	message->started = false;
	message->told_to_wait = false;
	message->not_before_ms = 0;
	message->accepted_ms = now_ms;
	return put_waiting(txn, message, error);
}

/* ---- what is scheduled ---- */

int store_outbox_next_due(struct store_txn *txn, int64_t *due_ms, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	key_init(&key);
	found = table_seek(txn, TABLE_SCHEDULED, &key, &value, error);
	if (found != 1)
		return found;
	if (key.len != 2 * INT_BYTES)
		return store_damaged(error, "schedule");
	*due_ms = int64_read(key.bytes);
	return 1;
}

static int make_due(
    struct store_txn *txn, int64_t id, store_due_fn *fn, void *context, int64_t now_ms, struct error *error)
{
	struct store_message message;
	int found = message_get_waiting(txn, id, &message, error), result;

	if (found != 1)
		return found < 0 ? -1 : store_damaged(error, "schedule without its message");
	result = store_outbox_revive(txn, STORE_SCHEDULED, &message, now_ms, error);
	if (result == 0)
		fn(context, &message);
	store_message_free(&message);
	return result;
}

int store_outbox_due(
    struct store_txn *txn, int64_t now_ms, int64_t max, store_due_fn *fn, void *context, struct error *error)
{
	struct store_key key;
	MDB_val value;

	for (; max > 0; max--) {
		int found;

		key_init(&key);
		found = table_seek(txn, TABLE_SCHEDULED, &key, &value, error);
		if (found != 1)
			return found;
		if (key.len != 2 * INT_BYTES)
			return store_damaged(error, "schedule");
		if (int64_read(key.bytes) > now_ms)
			return 0;
		if (make_due(txn, int64_read(key.bytes + INT_BYTES), fn, context, now_ms, error) != 0)
			return -1;
	}
	return 0;
}

/* ---- chats ---- */

/* Adds the queue entry under key to its chat; entries of one chat are neighbours. */
static int count_entry(
    const struct store_key *key, const MDB_val *value, struct store_chat *chat, struct error *error)
{
	struct store_message state = {0};
	unsigned class = key->len == QUEUE_KEY_BYTES ? key->bytes[INT_BYTES] : STORE_CLASSES;
	bool is_head =
	    chat->count[STORE_REPLY] + chat->count[STORE_NOTIFICATION] + chat->count[STORE_BULK] == 0;

	if (class >= STORE_CLASSES)
		return store_damaged(error, "queue");
	if (is_head) {
		if (state_decode(value, &state, error) != 0)
			return -1;
		chat->not_before_ms = state.not_before_ms;
		chat->told_to_wait = state.told_to_wait;
		free(state.last_error);
	}
	if (chat->count[class]++ == 0)
		chat->first_id[class] = int64_read(key->bytes + INT_BYTES + 1);
	return 0;
}

/* Whether an entry was left behind. 1, 0, -1. */
static int is_left(struct store_txn *txn, const struct store_key *key, struct error *error)
{
	struct store_key id;
	MDB_val value;
	int found;

	if (key->len != QUEUE_KEY_BYTES)
		return store_damaged(error, "queue");
	id_key(&id, place_id(key));
	found = table_get(txn, TABLE_OUTBOX, &id, &value, error);
	return found < 0 ? -1 : found == 0;
}

static int walk_queue(
    struct store_txn *txn, MDB_cursor *cursor, store_chat_fn *fn, void *context, struct error *error)
{
	struct store_chat chat = {0};
	struct store_key key;
	MDB_val name, value;
	int64_t walked = 0;
	bool any = false;
	int code, left;

	while ((code = mdb_cursor_get(cursor, &name, &value, MDB_NEXT)) == 0) {
		key_init(&key);
		key_add_bytes(&key, name.mv_data, name.mv_size);
		left = is_left(txn, &key, error);
		if (left < 0)
			return -1;
		if (left == 1)
			continue;
		if (any && chat.chat != int64_read(key.bytes)) {
			if (!fn(context, &chat))
				return 0;
			any = false;
		}
		if (!any)
			chat = (struct store_chat){.chat = int64_read(key.bytes)};
		any = true;
		if (count_entry(&key, &value, &chat, error) != 0)
			return -1;
		if (++walked % RELEASE_STEPS == 0)
			store_release_pages(txn->store);
	}
	if (code != MDB_NOTFOUND)
		return store_fail(error, code, "queue");
	if (any)
		fn(context, &chat);
	return 0;
}

int store_outbox_chats(struct store_txn *txn, store_chat_fn *fn, void *context, struct error *error)
{
	MDB_cursor *cursor;
	int result, code = mdb_cursor_open(txn->txn, txn->store->tables[TABLE_QUEUE], &cursor);

	if (code != 0)
		return store_fail(error, code, "queue");
	result = walk_queue(txn, cursor, fn, context, error);
	mdb_cursor_close(cursor);
	return result;
}

int store_outbox_started(struct store_txn *txn, store_started_fn *fn, void *context, struct error *error)
{
	struct store_message message;
	struct store_key key;
	MDB_val value;
	int found, waits;

	for (key_init(&key); (found = table_seek(txn, TABLE_STARTED, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (key.len != INT_BYTES)
			return store_damaged(error, "attempt");
		waits = message_get_waiting(txn, int64_read(key.bytes), &message, error);
		if (waits < 0)
			return -1;
		if (waits == 0)
			continue;
		fn(context, message.chat);
		store_message_free(&message);
	}
	return found;
}

int store_outbox_user(struct store_txn *txn, int64_t id, char user[STORE_USER_BYTES], struct error *error)
{
	struct store_message message;
	int found = message_get_waiting(txn, id, &message, error);

	if (found != 1)
		return found;
	if (strlen(message.user) >= STORE_USER_BYTES)
		found = store_damaged(error, "user");
	else
		memcpy(user, message.user, strlen(message.user) + 1);
	store_message_free(&message);
	return found;
}

int store_chat_resolve(struct store_txn *txn, int64_t *chat, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	chat_key(&key, *chat);
	found = table_get(txn, TABLE_MOVED, &key, &value, error);
	if (found < 0)
		return -1;
	if (found == 1 && value.mv_size != INT_BYTES)
		return store_damaged(error, "moved chat");
	if (found == 1)
		*chat = int64_read(value.mv_data);
	return 0;
}

/* Moves the message of an entry; an entry that was left behind goes. 1 where a message moved. */
static int move_message(struct store_txn *txn, const struct store_key *place, int64_t to, struct error *error)
{
	struct store_message message;
	int found = message_get_waiting(txn, place_id(place), &message, error), result;

	if (found < 0)
		return -1;
	result = table_remove(txn, TABLE_QUEUE, place, error) < 0 ? -1 : 0;
	if (found == 0)
		return result;
	message.chat = to;
	if (result == 0)
		result = put_content(txn, &message, error);
	if (result == 0)
		result = store_outbox_update(txn, &message, error);
	store_message_free(&message);
	return result == 0 ? 1 : -1;
}

int store_chat_move(struct store_txn *txn, int64_t from, int64_t to, bool *any, struct error *error)
{
	unsigned char bytes[INT_BYTES];
	struct store_key key, prefix;
	MDB_val value;

	chat_key(&prefix, from);
	int64_write(bytes, to);
	*any = false;
	if (table_put(txn, TABLE_MOVED, &prefix, bytes, sizeof bytes, error) != 0)
		return -1;
	/* Where it was moved back, the two must not lead to each other. */
	chat_key(&key, to);
	if (table_remove(txn, TABLE_MOVED, &key, error) < 0)
		return -1;
	for (;;) {
		int found;

		key = prefix;
		found = table_seek(txn, TABLE_QUEUE, &key, &value, error);
		if (found < 0)
			return -1;
		if (found == 0 || !key_has_prefix(&key, &prefix) || key.len != QUEUE_KEY_BYTES)
			return 0;
		found = move_message(txn, &key, to, error);
		if (found < 0)
			return -1;
		*any |= found == 1;
	}
}
