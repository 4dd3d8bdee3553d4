/*
 * Stores of older schemas. Schema 1 (tgtools 0.1): a message has at most one file, in fields of its own, and
 * owners are keyed by user and id alone, with chat, class and state as their value; the history has none.
 */
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

static void move_text(struct json_object *from, const char *key, struct json_object *to, const char *name)
{
	json_put_text(to, name, json_text(from, key));
	json_object_object_del(from, key);
}

static int upgrade_message(
    struct store_txn *txn, enum store_table table, int64_t id, const MDB_val *value, struct error *error)
{
	struct json_object *record, *file, *files;
	int result;

	if (json_parse_object(value->mv_data, value->mv_size, "message", &record, error) != 0)
		return store_damaged(error, "message");
	if (json_text(record, "file_spool") == NULL) {
		json_object_put(record);
		return 0;
	}
	file = json_object_new_object();
	move_text(record, "file_parameter", file, "parameter");
	move_text(record, "file_spool", file, "spool");
	move_text(record, "file_name", file, "name");
	files = json_object_new_array();
	json_object_array_add(files, file);
	json_object_object_add(record, "files", files);
	result = record_put(txn, table, id, record, error);
	json_object_put(record);
	return result;
}

static int put_owner(
    struct store_txn *txn, const char *user, unsigned char group, int64_t id, int state, struct error *error)
{
	unsigned char byte = (unsigned char)state;
	struct store_key key;

	owner_key(&key, user, group, id);
	return table_put(txn, TABLE_OWNERS, &key, &byte, 1, error);
}

/* The owner of a message of the outbox (state STORE_QUEUED), the dead or the history. */
static int add_owner(
    struct store_txn *txn, enum store_table table, int64_t id, const MDB_val *value, struct error *error)
{
	struct json_object *record;
	const char *user;
	int state = STORE_QUEUED, result;

	if (json_parse_object(value->mv_data, value->mv_size, "message", &record, error) != 0)
		return store_damaged(error, "message");
	user = json_text(record, "user");
	if (table == TABLE_DEAD)
		state = json_int64(record, "uncertain") != 0 ? STORE_UNCERTAIN : STORE_DEAD;
	else if (table == TABLE_HISTORY)
		state = STORE_DELIVERED;
	result = put_owner(txn, user != NULL ? user : "",
	    table == TABLE_HISTORY ? OWNER_HISTORY : OWNER_OUTBOX, id, state, error);
	json_object_put(record);
	return result;
}

static int clear_owners(struct store_txn *txn, struct error *error)
{
	int code = mdb_drop(txn->txn, txn->store->tables[TABLE_OWNERS], 0);

	return code == 0 ? 0 : store_fail(error, code, "owners");
}

static int upgrade_1(struct store_txn *txn, struct error *error)
{
	static const enum store_table tables[] = {TABLE_OUTBOX, TABLE_DEAD, TABLE_HISTORY};

	if (clear_owners(txn, error) != 0)
		return -1;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		struct store_key key;
		MDB_val value;
		int found;

		for (key_init(&key); (found = table_seek(txn, tables[i], &key, &value, error)) == 1;
		     key_increment(&key)) {
			int64_t id = int64_read(key.bytes);

			if (add_owner(txn, tables[i], id, &value, error) != 0 ||
			    table_get(txn, tables[i], &key, &value, error) != 1 ||
			    upgrade_message(txn, tables[i], id, &value, error) != 0)
				return -1;
		}
		if (found < 0)
			return -1;
	}
	return 0;
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
