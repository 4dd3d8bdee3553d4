/* Updates that could not be handled, for operators to look at. */
#include "store_internal.h"

#include <string.h>

enum { HEAD_BYTES = 2 * INT_BYTES, RECORD_MAX = STORE_BROKEN_MAX_BYTES + 4096 };

static void add_text(struct buf *record, const char *text, size_t size)
{
	buf_add(record, text, strnlen(text, size - 1));
	buf_add(record, "", 1);
}

/* The time, the chat; route and reason, each with its '\0'; the update. */
static int encode(struct buf *record, const struct store_broken *broken, const char *update, size_t len)
{
	unsigned char head[HEAD_BYTES];

	int64_write(head, broken->broken_ms);
	int64_write(head + INT_BYTES, broken->chat);
	buf_add(record, head, sizeof head);
	add_text(record, broken->route, sizeof broken->route);
	add_text(record, broken->reason, sizeof broken->reason);
	/* One that is too long to be kept is told without its content. */
	return len <= STORE_BROKEN_MAX_BYTES ? buf_add(record, update, len) : 0;
}

/* Moves *at behind a text and its '\0'; false where there is none or it does not fit. */
static bool take_text(const unsigned char **at, const unsigned char *end, char *text, size_t size)
{
	const unsigned char *nul = memchr(*at, '\0', (size_t)(end - *at));

	if (nul == NULL || (size_t)(nul - *at) >= size)
		return false;
	memcpy(text, *at, (size_t)(nul - *at) + 1);
	*at = nul + 1;
	return true;
}

int broken_decode(const struct store_key *key, const MDB_val *value, struct store_broken *broken,
    struct buf *update, struct error *error)
{
	const unsigned char *at = value->mv_data, *end = at + value->mv_size;

	if (key->len != INT_BYTES || value->mv_size < HEAD_BYTES)
		return store_damaged(error, "broken update");
	broken->update_id = int64_read(key->bytes);
	broken->broken_ms = int64_read(at);
	broken->chat = int64_read(at + INT_BYTES);
	at += HEAD_BYTES;
	if (!take_text(&at, end, broken->route, sizeof broken->route) ||
	    !take_text(&at, end, broken->reason, sizeof broken->reason) ||
	    (update != NULL && buf_add(update, at, (size_t)(end - at)) != 0))
		return store_damaged(error, "broken update");
	return 0;
}

static int remove_at(struct store_txn *txn, const struct store_key *key, struct error *error)
{
	return table_remove(txn, TABLE_BROKEN, key, error) < 0 ? -1 : 0;
}

/* Takes away what is too old and, where there are too many, the oldest. */
int store_broken_trim(struct store_txn *txn, int64_t now_ms, struct error *error)
{
	struct store_key key, oldest = {.len = 0};
	int64_t entries, oldest_ms = INT64_MAX;
	struct store_broken broken;
	MDB_val value;
	int found;

	if (table_entries(txn, TABLE_BROKEN, &entries, error) != 0)
		return -1;
	if (entries == 0)
		return 0;
	for (key_init(&key); (found = table_seek(txn, TABLE_BROKEN, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (broken_decode(&key, &value, &broken, NULL, error) != 0)
			return -1;
		if (broken.broken_ms <= now_ms - STORE_BROKEN_KEEP_MS) {
			if (remove_at(txn, &key, error) != 0)
				return -1;
			entries--;
		} else if (broken.broken_ms < oldest_ms) {
			oldest = key;
			oldest_ms = broken.broken_ms;
		}
	}
	if (found < 0)
		return -1;
	return entries > STORE_BROKEN_MAX ? remove_at(txn, &oldest, error) : 0;
}

int store_broken_put(struct store_txn *txn, const struct store_broken *broken, const char *update, size_t len,
    struct error *error)
{
	struct buf record = BUF_INIT(RECORD_MAX);
	struct store_key key;
	int result = encode(&record, broken, update, len);

	if (result != 0)
		error_set(error, ERROR_BUG, "a broken update is too long to be kept");
	id_key(&key, broken->update_id);
	if (result == 0)
		result = table_put(txn, TABLE_BROKEN, &key, record.data, record.len, error);
	buf_free(&record);
	return result == 0 ? store_broken_trim(txn, broken->broken_ms, error) : -1;
}

int store_broken_next(
    struct store_txn *txn, int64_t after_id, struct store_broken *broken, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	if (after_id == INT64_MAX)
		return 0;
	id_key(&key, after_id + 1);
	found = table_seek(txn, TABLE_BROKEN, &key, &value, error);
	if (found != 1)
		return found;
	return broken_decode(&key, &value, broken, NULL, error) == 0 ? 1 : -1;
}

int store_broken_get(struct store_txn *txn, int64_t update_id, struct store_broken *broken,
    struct buf *update, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	id_key(&key, update_id);
	found = table_get(txn, TABLE_BROKEN, &key, &value, error);
	if (found != 1)
		return found;
	return broken_decode(&key, &value, broken, update, error) == 0 ? 1 : -1;
}

int store_broken_remove(struct store_txn *txn, int64_t update_id, struct error *error)
{
	struct store_key key;

	id_key(&key, update_id);
	return table_remove(txn, TABLE_BROKEN, &key, error);
}

int store_broken_count(struct store_txn *txn, int64_t *count, struct error *error)
{
	return table_entries(txn, TABLE_BROKEN, count, error);
}
