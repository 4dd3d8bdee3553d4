#include "store_internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

/*
 * An update is kept sealed: a message may hold a key, and pages that LMDB has freed keep what they held. One
 * byte, the nonce, and what crypto_secretbox makes of the update. A record that starts with '{' is from
 * before that.
 */
enum {
	SEALED = 1,
	NONCE_AT = 1,
	BOX_AT = NONCE_AT + crypto_secretbox_NONCEBYTES,
	TEXT_AT = BOX_AT + crypto_secretbox_MACBYTES,
};

static void update_key(struct store_key *key, int64_t update_id)
{
	key_init(key);
	key_add_int64(key, update_id);
}

static void seal_key(const struct store *store, unsigned char key[crypto_secretbox_KEYBYTES])
{
	static const unsigned char name[] = "inbox";

	crypto_generichash(
	    key, crypto_secretbox_KEYBYTES, name, sizeof name - 1, store->secret, sizeof store->secret);
}

static int put_sealed(
    struct store_txn *txn, const struct store_key *place, const char *update, size_t len, struct error *error)
{
	unsigned char key[crypto_secretbox_KEYBYTES], *record = xmalloc(TEXT_AT + len);
	int result;

	seal_key(txn->store, key);
	record[0] = SEALED;
	randombytes_buf(record + NONCE_AT, crypto_secretbox_NONCEBYTES);
	crypto_secretbox_easy(record + BOX_AT, (const unsigned char *)update, len, record + NONCE_AT, key);
	result = table_put(txn, TABLE_INBOX, place, record, TEXT_AT + len, error);
	sodium_memzero(key, sizeof key);
	free(record);
	return result;
}

static int open_sealed(
    const struct store *store, const MDB_val *value, struct buf *update, struct error *error)
{
	const unsigned char *record = value->mv_data;
	unsigned char key[crypto_secretbox_KEYBYTES], *text;
	size_t len = value->mv_size - TEXT_AT;
	int result = -1;

	if (value->mv_size < TEXT_AT || record[0] != SEALED)
		return store_damaged(error, "inbox");
	text = xmalloc(len + 1);
	seal_key(store, key);
	if (crypto_secretbox_open_easy(
		text, record + BOX_AT, len + crypto_secretbox_MACBYTES, record + NONCE_AT, key) == 0)
		result = buf_add(update, text, len);
	sodium_memzero(key, sizeof key);
	sodium_memzero(text, len);
	free(text);
	return result == 0 ? 0 : store_damaged(error, "inbox");
}

static int read_update(
    const struct store *store, const MDB_val *value, struct buf *update, struct error *error)
{
	if (value->mv_size == 0 || *(const char *)value->mv_data != '{')
		return open_sealed(store, value, update, error);
	return buf_add(update, value->mv_data, value->mv_size) == 0 ? 0 : store_damaged(error, "inbox");
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
	if (put_sealed(txn, &key, update, len, error) != 0)
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
	if (key.len != INT_BYTES)
		return store_damaged(error, "inbox");
	if (read_update(txn->store, &value, update, error) != 0)
		return -1;
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
