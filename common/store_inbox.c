#include "store_internal.h"

#include <string.h>

static void update_key(struct store_key *key, int64_t update_id)
{
	key_init(key);
	key_add_int64(key, update_id);
}

static void position_key(struct store_key *key)
{
	key_init(key);
	key_add_text(key, "position");
}

int store_position_get(struct store_txn *txn, struct store_position *position, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	position_key(&key);
	found = table_get(txn, TABLE_META, &key, &value, error);
	if (found < 0)
		return -1;
	*position = (struct store_position){0};
	if (found == 0)
		return 0;
	if (value.mv_size != 2 * INT_BYTES)
		return store_damaged(error, "position");
	position->update_id = int64_read(value.mv_data);
	position->journaled_ms = int64_read((unsigned char *)value.mv_data + INT_BYTES);
	return 1;
}

static int position_set(struct store_txn *txn, int64_t update_id, int64_t now_ms, struct error *error)
{
	unsigned char value[2 * INT_BYTES];
	struct store_key key;

	position_key(&key);
	int64_write(value, update_id);
	int64_write(value + INT_BYTES, now_ms);
	return table_put(txn, TABLE_META, &key, value, sizeof value, error);
}

int store_inbox_add(struct store_txn *txn, int64_t update_id, const char *update, size_t len, int64_t now_ms,
    struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	update_key(&key, update_id);
	found = table_get(txn, TABLE_INBOX, &key, &value, error);
	if (found != 0)
		return found < 0 ? -1 : 0;
	if (table_put(txn, TABLE_INBOX, &key, update, len, error) != 0)
		return -1;
	return position_set(txn, update_id, now_ms, error) == 0 ? 1 : -1;
}

int store_inbox_next(
    struct store_txn *txn, int64_t after_id, int64_t *update_id, struct buf *update, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	if (after_id == INT64_MAX)
		return 0;
	update_key(&key, after_id + 1);
	found = table_seek(txn, TABLE_INBOX, &key, &value, error);
	if (found != 1)
		return found;
	buf_clear(update);
	if (key.len != INT_BYTES || buf_add(update, value.mv_data, value.mv_size) != 0)
		return store_damaged(error, "inbox");
	*update_id = int64_read(key.bytes);
	return 1;
}

int store_inbox_answer_set(
    struct store_txn *txn, int64_t update_id, const char *answer, size_t len, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	update_key(&key, update_id);
	found = table_get(txn, TABLE_INBOX, &key, &value, error);
	if (found != 1)
		return found;
	return table_put(txn, TABLE_ANSWERS, &key, answer, len, error);
}

int store_inbox_answer_get(struct store_txn *txn, int64_t update_id, struct buf *answer, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	update_key(&key, update_id);
	found = table_get(txn, TABLE_ANSWERS, &key, &value, error);
	if (found != 1)
		return found;
	return buf_add(answer, value.mv_data, value.mv_size) == 0 ? 1 : store_damaged(error, "answer");
}

int store_inbox_remove(struct store_txn *txn, int64_t update_id, struct error *error)
{
	struct store_key key;

	update_key(&key, update_id);
	if (table_remove(txn, TABLE_ANSWERS, &key, error) < 0)
		return -1;
	return table_remove(txn, TABLE_INBOX, &key, error);
}
