#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "xalloc.h"

enum {
	HISTORY_MAX = 100000, /* deliveries remembered; the oldest go first */
	STATE_MIN = 1 + 2 * INT_BYTES,
	OWNER_BYTES = INT_BYTES + 2,
	ERROR_MAX = 255,
};

/* ---- keys ---- */

static void id_key(struct store_key *key, int64_t id)
{
	key_init(key);
	key_add_int64(key, id);
}

static void queue_key(struct store_key *key, const struct store_message *message)
{
	key_init(key);
	key_add_int64(key, message->chat);
	key_add_byte(key, (unsigned char)message->class);
	key_add_int64(key, message->id);
}

static void owner_key(struct store_key *key, const struct store_message *message)
{
	user_key(key, message->user);
	key_add_int64(key, message->id);
}

/* ---- records ---- */

void store_message_free(struct store_message *message)
{
	free(message->last_error);
	free(message->user);
	free(message->script);
	free(message->target);
	free(message->method);
	json_object_put(message->parameters);
	free(message->file_parameter);
	free(message->file_spool);
	free(message->file_name);
	*message = (struct store_message){0};
}

static struct json_object *encode_message(const struct store_message *message)
{
	struct json_object *record = json_object_new_object();

	json_put_int64(record, "chat", message->chat);
	json_put_int64(record, "class", message->class);
	json_put_int64(record, "accepted_ms", message->accepted_ms);
	json_put_text(record, "user", message->user);
	json_put_text(record, "script", message->script);
	json_put_text(record, "target", message->target);
	json_put_text(record, "method", message->method);
	json_object_object_add(record, "parameters", json_object_get(message->parameters));
	json_put_text(record, "file_parameter", message->file_parameter);
	json_put_text(record, "file_spool", message->file_spool);
	json_put_text(record, "file_name", message->file_name);
	return record;
}

static char *copy_text(struct json_object *record, const char *key)
{
	const char *text = json_text(record, key);

	return text == NULL ? NULL : xstrdup(text);
}

static int decode_message(
    int64_t id, const MDB_val *value, struct store_message *message, struct error *error)
{
	struct json_object *record, *parameters = NULL;
	int64_t class;

	if (json_parse_object(value->mv_data, value->mv_size, "message", &record, error) != 0)
		return store_damaged(error, "message");
	class = json_int64(record, "class");
	json_object_object_get_ex(record, "parameters", &parameters);
	*message = (struct store_message){
	    .id = id,
	    .chat = json_int64(record, "chat"),
	    .class = class >= 0 && class < STORE_CLASSES ? (enum store_class) class : STORE_BULK,
	    .accepted_ms = json_int64(record, "accepted_ms"),
	    .attempts = json_int64(record, "attempts"),
	    .last_error = copy_text(record, "error"),
	    .user = copy_text(record, "user"),
	    .script = copy_text(record, "script"),
	    .target = copy_text(record, "target"),
	    .method = copy_text(record, "method"),
	    .parameters = json_object_get(parameters),
	    .file_parameter = copy_text(record, "file_parameter"),
	    .file_spool = copy_text(record, "file_spool"),
	    .file_name = copy_text(record, "file_name"),
	};
	json_object_put(record);
	if (message->user != NULL && message->method != NULL)
		return 0;
	store_message_free(message);
	return store_damaged(error, "message");
}

static int put_record(struct store_txn *txn, enum store_table table, int64_t id, struct json_object *record,
    struct error *error)
{
	const char *line = json_line(record);
	struct store_key key;

	id_key(&key, id);
	return table_put(txn, table, &key, line, strlen(line), error);
}

/* What changes on the way, packed, so that an attempt does not rewrite the message. */
static size_t encode_state(const struct store_message *message, unsigned char state[STATE_MIN + ERROR_MAX])
{
	size_t len = message->last_error ? strnlen(message->last_error, ERROR_MAX) : 0;

	state[0] = message->started;
	int64_write(state + 1, message->attempts);
	int64_write(state + 1 + INT_BYTES, message->not_before_ms);
	if (len > 0)
		memcpy(state + STATE_MIN, message->last_error, len);
	return STATE_MIN + len;
}

static int decode_state(const MDB_val *value, struct store_message *message, struct error *error)
{
	const unsigned char *state = value->mv_data;

	if (value->mv_size < STATE_MIN)
		return store_damaged(error, "message state");
	message->started = state[0] != 0;
	message->attempts = int64_read(state + 1);
	message->not_before_ms = int64_read(state + 1 + INT_BYTES);
	free(message->last_error);
	message->last_error = value->mv_size == STATE_MIN
				  ? NULL
				  : xstrndup((const char *)state + STATE_MIN, value->mv_size - STATE_MIN);
	return 0;
}

static int put_owner(
    struct store_txn *txn, const struct store_message *message, enum store_state state, struct error *error)
{
	unsigned char value[OWNER_BYTES];
	struct store_key key;

	int64_write(value, message->chat);
	value[INT_BYTES] = (unsigned char)message->class;
	value[INT_BYTES + 1] = (unsigned char)state;
	owner_key(&key, message);
	return table_put(txn, TABLE_OWNERS, &key, value, sizeof value, error);
}

/* ---- counters ---- */

static int next_id(struct store_txn *txn, int64_t *id, struct error *error)
{
	unsigned char bytes[INT_BYTES];
	struct store_key key;
	MDB_val value;
	int found;

	user_key(&key, "next_id");
	found = table_get(txn, TABLE_META, &key, &value, error);
	if (found < 0)
		return -1;
	if (found == 1 && value.mv_size != INT_BYTES)
		return store_damaged(error, "next id");
	*id = found == 1 ? int64_read(value.mv_data) : 1;
	int64_write(bytes, *id + 1);
	return table_put(txn, TABLE_META, &key, bytes, sizeof bytes, error);
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

	if (store_outbox_count(txn, user, &count, error) != 0)
		return -1;
	user_key(&key, user);
	if (count + change <= 0)
		return table_remove(txn, TABLE_COUNTS, &key, error) < 0 ? -1 : 0;
	int64_write(bytes, count + change);
	return table_put(txn, TABLE_COUNTS, &key, bytes, sizeof bytes, error);
}

/* ---- into the outbox ---- */

static int put_spool(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	unsigned char id[INT_BYTES];
	struct store_key key;

	if (message->file_spool == NULL)
		return 0;
	int64_write(id, message->id);
	user_key(&key, message->file_spool);
	return table_put(txn, TABLE_SPOOL, &key, id, sizeof id, error);
}

int store_outbox_add(struct store_txn *txn, struct store_message *message, struct error *error)
{
	struct json_object *record;
	int result;

	if (next_id(txn, &message->id, error) != 0)
		return -1;
	record = encode_message(message);
	result = put_record(txn, TABLE_OUTBOX, message->id, record, error);
	json_object_put(record);
	if (result != 0 || store_outbox_update(txn, message, error) != 0 ||
	    put_owner(txn, message, STORE_QUEUED, error) != 0 || put_spool(txn, message, error) != 0)
		return -1;
	return add_count(txn, message->user, 1, error);
}

int store_outbox_rewrite(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	struct json_object *record = encode_message(message);
	int result = put_record(txn, TABLE_OUTBOX, message->id, record, error);

	json_object_put(record);
	return result;
}

int store_outbox_update(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	unsigned char state[STATE_MIN + ERROR_MAX];
	size_t len = encode_state(message, state);
	struct store_key key;

	queue_key(&key, message);
	return table_put(txn, TABLE_QUEUE, &key, state, len, error);
}

static int get_queued(struct store_txn *txn, int64_t id, struct store_message *message, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	id_key(&key, id);
	found = table_get(txn, TABLE_OUTBOX, &key, &value, error);
	if (found != 1)
		return found;
	return decode_message(id, &value, message, error) == 0 ? 1 : -1;
}

int store_outbox_head(struct store_txn *txn, int64_t chat, struct store_message *message, struct error *error)
{
	struct store_key key, prefix;
	MDB_val value;
	int found;

	chat_key(&prefix, chat);
	key = prefix;
	found = table_seek(txn, TABLE_QUEUE, &key, &value, error);
	if (found != 1 || !key_has_prefix(&key, &prefix))
		return found < 0 ? -1 : 0;
	found = get_queued(txn, int64_read(key.bytes + INT_BYTES + 1), message, error);
	if (found != 1)
		return found < 0 ? -1 : store_damaged(error, "queue without its message");
	if (decode_state(&value, message, error) == 0)
		return 1;
	store_message_free(message);
	return -1;
}

/* ---- out of the outbox ---- */

static int remove_queued(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	struct store_key key;

	id_key(&key, message->id);
	if (table_remove(txn, TABLE_OUTBOX, &key, error) < 0)
		return -1;
	queue_key(&key, message);
	if (table_remove(txn, TABLE_QUEUE, &key, error) < 0)
		return -1;
	return add_count(txn, message->user, -1, error);
}

static int remove_owner(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	struct store_key key;

	owner_key(&key, message);
	return table_remove(txn, TABLE_OWNERS, &key, error) < 0 ? -1 : 0;
}

int store_outbox_move(struct store_txn *txn, struct store_message *message, int64_t chat, struct error *error)
{
	if (remove_queued(txn, message, error) != 0 || remove_owner(txn, message, error) != 0)
		return -1;
	message->chat = chat;
	return store_outbox_add(txn, message, error);
}

static int trim_history(struct store_txn *txn, struct error *error)
{
	struct store_key key;
	int64_t entries;
	MDB_val value;

	if (table_entries(txn, TABLE_HISTORY, &entries, error) != 0)
		return -1;
	for (int i = 0; i < 2 && entries > HISTORY_MAX; i++, entries--) {
		key_init(&key);
		if (table_seek(txn, TABLE_HISTORY, &key, &value, error) < 0 ||
		    table_remove(txn, TABLE_HISTORY, &key, error) < 0)
			return -1;
	}
	return 0;
}

static int put_history(struct store_txn *txn, const struct store_message *message, int64_t message_id,
    int64_t now_ms, struct error *error)
{
	struct json_object *record = json_object_new_object();
	int result;

	json_put_text(record, "user", message->user);
	json_put_text(record, "script", message->script);
	json_put_text(record, "method", message->method);
	json_put_int64(record, "chat", message->chat);
	json_put_int64(record, "message_id", message_id);
	json_put_int64(record, "attempts", message->attempts);
	json_put_int64(record, "accepted_ms", message->accepted_ms);
	json_put_int64(record, "delivered_ms", now_ms);
	result = put_record(txn, TABLE_HISTORY, message->id, record, error);
	json_object_put(record);
	return result == 0 ? trim_history(txn, error) : -1;
}

int store_outbox_delivered(struct store_txn *txn, const struct store_message *message, int64_t message_id,
    int64_t now_ms, struct error *error)
{
	struct store_key key;

	if (remove_queued(txn, message, error) != 0 || remove_owner(txn, message, error) != 0)
		return -1;
	if (message->file_spool != NULL) {
		user_key(&key, message->file_spool);
		if (table_remove(txn, TABLE_SPOOL, &key, error) < 0)
			return -1;
	}
	return put_history(txn, message, message_id, now_ms, error);
}

int store_outbox_bury(struct store_txn *txn, const struct store_message *message, bool uncertain,
    int64_t now_ms, struct error *error)
{
	struct json_object *record;
	int result;

	if (remove_queued(txn, message, error) != 0)
		return -1;
	record = encode_message(message);
	json_put_int64(record, "attempts", message->attempts);
	json_put_int64(record, "died_ms", now_ms);
	json_put_int64(record, "uncertain", uncertain);
	json_put_text(record, "error", message->last_error);
	result = put_record(txn, TABLE_DEAD, message->id, record, error);
	json_object_put(record);
	if (result != 0)
		return -1;
	return put_owner(txn, message, uncertain ? STORE_UNCERTAIN : STORE_DEAD, error);
}

/* ---- views ---- */

/* Adds the queue entry under key to its chat; entries of one chat are neighbours. */
static int count_entry(
    const struct store_key *key, const MDB_val *value, struct store_chat *chat, struct error *error)
{
	struct store_message state = {0};
	unsigned class = key->len == 2 * INT_BYTES + 1 ? key->bytes[INT_BYTES] : STORE_CLASSES;
	bool is_head =
	    chat->count[STORE_REPLY] + chat->count[STORE_NOTIFICATION] + chat->count[STORE_BULK] == 0;

	if (class >= STORE_CLASSES)
		return store_damaged(error, "queue");
	if (is_head) {
		if (decode_state(value, &state, error) != 0)
			return -1;
		chat->not_before_ms = state.not_before_ms;
		free(state.last_error);
	}
	chat->count[class]++;
	return 0;
}

static int walk_queue(MDB_cursor *cursor, store_chat_fn *fn, void *context, struct error *error)
{
	struct store_chat chat = {0};
	struct store_key key;
	MDB_val name, value;
	bool any = false;
	int code;

	while ((code = mdb_cursor_get(cursor, &name, &value, MDB_NEXT)) == 0) {
		key_init(&key);
		key_add_bytes(&key, name.mv_data, name.mv_size);
		if (key.len < INT_BYTES)
			return store_damaged(error, "queue");
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
	result = walk_queue(cursor, fn, context, error);
	mdb_cursor_close(cursor);
	return result;
}

static int get_dead(struct store_txn *txn, int64_t id, struct store_message *message, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	id_key(&key, id);
	found = table_get(txn, TABLE_DEAD, &key, &value, error);
	if (found != 1)
		return found < 0 ? -1 : store_damaged(error, "owner without its message");
	return decode_message(id, &value, message, error);
}

static int get_waiting(struct store_txn *txn, int64_t id, struct store_message *message, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found = get_queued(txn, id, message, error);

	if (found != 1)
		return found < 0 ? -1 : store_damaged(error, "owner without its message");
	queue_key(&key, message);
	found = table_get(txn, TABLE_QUEUE, &key, &value, error);
	if (found == 1 && decode_state(&value, message, error) == 0)
		return 0;
	store_message_free(message);
	return found == 0 ? store_damaged(error, "message without its state") : -1;
}

/* Shows one message: 1 to go on, 0 where fn has enough. */
static int show(struct store_txn *txn, int64_t id, enum store_state state, store_message_fn *fn,
    void *context, struct error *error)
{
	struct store_message message;
	bool more;
	int result = state == STORE_QUEUED ? get_waiting(txn, id, &message, error)
					   : get_dead(txn, id, &message, error);

	if (result != 0)
		return -1;
	if (state == STORE_QUEUED && message.started)
		state = STORE_STARTED;
	more = fn(context, state, &message);
	store_message_free(&message);
	return more ? 1 : 0;
}

int store_outbox_each(struct store_txn *txn, const char *user, int64_t limit, store_message_fn *fn,
    void *context, struct error *error)
{
	struct store_key key, prefix;
	MDB_val value;
	int found = 1;

	key_init(&prefix);
	if (user != NULL)
		user_key(&prefix, user);
	key = prefix;
	for (; limit > 0; limit--) {
		found = table_seek(txn, TABLE_OWNERS, &key, &value, error);
		if (found != 1 || !key_has_prefix(&key, &prefix))
			break;
		if (value.mv_size != OWNER_BYTES || key.len < INT_BYTES)
			return store_damaged(error, "owner");
		found = show(txn, int64_read(key.bytes + key.len - INT_BYTES),
		    (enum store_state)((unsigned char *)value.mv_data)[INT_BYTES + 1], fn, context, error);
		if (found != 1)
			break;
		key_increment(&key);
	}
	return found < 0 ? -1 : 0;
}

int store_totals(struct store_txn *txn, struct store_totals *totals, struct error *error)
{
	if (table_entries(txn, TABLE_INBOX, &totals->inbox, error) != 0 ||
	    table_entries(txn, TABLE_OUTBOX, &totals->queued, error) != 0 ||
	    table_entries(txn, TABLE_DEAD, &totals->dead, error) != 0 ||
	    table_entries(txn, TABLE_LINKS, &totals->links, error) != 0)
		return -1;
	return table_entries(txn, TABLE_HISTORY, &totals->history, error);
}
