/*
 * Stores of older schemas. Schema 1 (tgtools 0.1): messages are JSON objects with at most one file, a mark of
 * a begun attempt stands in the queue, and owners are keyed by user and id alone and leave out the history.
 */
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "xalloc.h"

static char *copy_text(struct json_object *record, const char *key)
{
	const char *text = json_text(record, key);

	return text == NULL ? NULL : xstrdup(text);
}

static void copy_file(struct json_object *record, struct store_message *message)
{
	const char *name = json_text(record, "file_name");

	if (json_text(record, "file_spool") == NULL || json_text(record, "file_parameter") == NULL)
		return;
	message->files_count = 1;
	message->files[0] = (struct store_file){.parameter = copy_text(record, "file_parameter"),
	    .spool = copy_text(record, "file_spool"),
	    .name = xstrdup(name != NULL ? name : "file")};
}

static int decode_1(int64_t id, const MDB_val *value, struct store_message *message, struct error *error)
{
	struct json_object *record, *parameters = NULL;
	int64_t delivered_ms, class;

	if (json_parse_object(value->mv_data, value->mv_size, "message", &record, error) != 0 ||
	    json_text(record, "method") == NULL)
		return store_damaged(error, "message");
	json_object_object_get_ex(record, "parameters", &parameters);
	delivered_ms = json_int64(record, "delivered_ms");
	class = json_int64(record, "class");
	*message = (struct store_message){.id = id,
	    .chat = json_int64(record, "chat"),
	    .class = class >= 0 && class < STORE_CLASSES ? (enum store_class) class : STORE_BULK,
	    .accepted_ms = json_int64(record, "accepted_ms"),
	    .attempts = json_int64(record, "attempts"),
	    .ended_ms = delivered_ms != 0 ? delivered_ms : json_int64(record, "died_ms"),
	    .message_id = json_int64(record, "message_id"),
	    .uncertain = json_int64(record, "uncertain") != 0,
	    .last_error = copy_text(record, "error"),
	    .user = xstrdup(json_text(record, "user") != NULL ? json_text(record, "user") : ""),
	    .script = copy_text(record, "script"),
	    .target = copy_text(record, "target"),
	    .method = copy_text(record, "method"),
	    .parameters = json_object_get(parameters)};
	copy_file(record, message);
	json_object_put(record);
	return 0;
}

static int put_owner(
    struct store_txn *txn, enum store_table table, const struct store_message *message, struct error *error)
{
	unsigned char state = STORE_QUEUED;
	struct store_key key;

	if (message->user[0] == '\0')
		return 0;
	if (table == TABLE_DEAD)
		state = message->uncertain ? STORE_UNCERTAIN : STORE_DEAD;
	else if (table == TABLE_HISTORY)
		state = STORE_DELIVERED;
	owner_key(&key, message->user, table == TABLE_HISTORY ? OWNER_HISTORY : OWNER_OUTBOX, message->id);
	return table_put(txn, TABLE_OWNERS, &key, &state, 1, error);
}

/* The mark of a begun attempt gets a table of its own; what is left of the byte says who asked to wait. */
static int move_mark(struct store_txn *txn, struct store_message *message, struct error *error)
{
	struct store_key key;
	bool started;
	MDB_val value;
	int found;

	queue_key(&key, message);
	found = table_get(txn, TABLE_QUEUE, &key, &value, error);
	if (found != 1 || value.mv_size < STATE_MIN)
		return found < 0 ? -1 : store_damaged(error, "message without its state");
	started = *(const unsigned char *)value.mv_data != 0;
	if (state_decode(&value, message, error) != 0)
		return -1;
	message->told_to_wait = message->not_before_ms > 0;
	if (store_outbox_update(txn, message, error) != 0)
		return -1;
	return started ? store_outbox_start(txn, message, error) : 0;
}

static int upgrade_message(
    struct store_txn *txn, enum store_table table, int64_t id, const MDB_val *value, struct error *error)
{
	struct store_message message;
	int result;

	if (decode_1(id, value, &message, error) != 0)
		return -1;
	result = put_owner(txn, table, &message, error);
	if (result == 0 && table == TABLE_OUTBOX)
		result = move_mark(txn, &message, error);
	if (result == 0)
		result = message_put(txn, table, &message, error);
	store_message_free(&message);
	return result;
}

static int clear(struct store_txn *txn, enum store_table table, struct error *error)
{
	int code = mdb_drop(txn->txn, txn->store->tables[table], 0);

	return code == 0 ? 0 : store_fail(error, code, "upgrade");
}

static int upgrade_1(struct store_txn *txn, struct error *error)
{
	static const enum store_table tables[] = {TABLE_OUTBOX, TABLE_DEAD, TABLE_HISTORY};
	struct store_key key;
	MDB_val value;
	int found = 0;

	if (clear(txn, TABLE_OWNERS, error) != 0)
		return -1;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0] && found == 0; i++) {
		for (key_init(&key); (found = table_seek(txn, tables[i], &key, &value, error)) == 1;
		     key_increment(&key)) {
			if (upgrade_message(txn, tables[i], int64_read(key.bytes), &value, error) != 0)
				return -1;
		}
	}
	user_key(&key, "");
	return found < 0 || table_remove(txn, TABLE_COUNTS, &key, error) < 0 ? -1 : 0;
}

/* upgrades[n] makes schema n + 1 of schema n. */
static int (*const upgrades[STORE_SCHEMA])(struct store_txn *txn, struct error *error) = {[1] = upgrade_1};

int store_upgrade(struct store_txn *txn, int64_t schema, struct error *error)
{
	if (schema < 1)
		return store_damaged(error, "schema");
	for (; schema < STORE_SCHEMA; schema++) {
		if (upgrades[schema](txn, error) != 0)
			return -1;
	}
	return meta_put_int64(txn, "schema", STORE_SCHEMA, error);
}
