/*
 * Broadcasts. The messages of one are neighbours by their ids, so that one record says of each of them whose
 * it is, and none has to say so itself.
 */
#include "store_internal.h"

#include <string.h>

enum { NUMBERS = 7, HEAD_BYTES = NUMBERS * INT_BYTES };

static int put(struct store_txn *txn, const struct store_broadcast *broadcast, struct error *error)
{
	const int64_t numbers[NUMBERS] = {broadcast->first_id, broadcast->chat, broadcast->thread,
	    broadcast->begun_ms, broadcast->delivered, broadcast->failed, broadcast->cancelled};
	size_t user_len = strnlen(broadcast->user, sizeof broadcast->user - 1) + 1;
	unsigned char record[HEAD_BYTES + STORE_USER_BYTES];
	struct store_key key;

	for (size_t i = 0; i < NUMBERS; i++)
		int64_write(record + i * INT_BYTES, numbers[i]);
	memcpy(record + HEAD_BYTES, broadcast->user, user_len);
	id_key(&key, broadcast->last_id);
	return table_put(txn, TABLE_BROADCASTS, &key, record, HEAD_BYTES + user_len, error);
}

/* So small that no sum overflows. */
static bool is_count(int64_t number)
{
	return number >= -INT32_MAX && number <= INT32_MAX;
}

int broadcast_decode(
    const struct store_key *key, const MDB_val *value, struct store_broadcast *broadcast, struct error *error)
{
	const unsigned char *record = value->mv_data;
	size_t user_len = value->mv_size - HEAD_BYTES;

	if (key->len != INT_BYTES || value->mv_size <= HEAD_BYTES || user_len > STORE_USER_BYTES ||
	    record[value->mv_size - 1] != '\0')
		return store_damaged(error, "broadcast");
	*broadcast = (struct store_broadcast){.last_id = int64_read(key->bytes),
	    .first_id = int64_read(record),
	    .chat = int64_read(record + INT_BYTES),
	    .thread = int64_read(record + 2 * (size_t)INT_BYTES),
	    .begun_ms = int64_read(record + 3 * (size_t)INT_BYTES),
	    .delivered = int64_read(record + 4 * (size_t)INT_BYTES),
	    .failed = int64_read(record + 5 * (size_t)INT_BYTES),
	    .cancelled = int64_read(record + 6 * (size_t)INT_BYTES)};
	memcpy(broadcast->user, record + HEAD_BYTES, user_len);
	if (broadcast->first_id <= 0 || broadcast->first_id > broadcast->last_id ||
	    !is_count(broadcast->delivered) || !is_count(broadcast->failed) ||
	    !is_count(broadcast->cancelled))
		return store_damaged(error, "broadcast");
	return 0;
}

int64_t store_broadcast_left(const struct store_broadcast *broadcast)
{
	return broadcast->last_id - broadcast->first_id + 1 - broadcast->delivered - broadcast->failed -
	       broadcast->cancelled;
}

int store_broadcast_add(struct store_txn *txn, const struct store_broadcast *broadcast, struct error *error)
{
	return put(txn, broadcast, error);
}

int store_broadcast_next(
    struct store_txn *txn, int64_t after_id, struct store_broadcast *broadcast, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	if (after_id == INT64_MAX)
		return 0;
	id_key(&key, after_id + 1);
	found = table_seek(txn, TABLE_BROADCASTS, &key, &value, error);
	if (found != 1)
		return found;
	return broadcast_decode(&key, &value, broadcast, error) == 0 ? 1 : -1;
}

int store_broadcast_of(
    struct store_txn *txn, int64_t id, struct store_broadcast *broadcast, struct error *error)
{
	int found = store_broadcast_next(txn, id - 1, broadcast, error);

	return found == 1 ? broadcast->first_id <= id : found;
}

int store_broadcast_remove(struct store_txn *txn, int64_t last_id, struct error *error)
{
	struct store_key key;

	id_key(&key, last_id);
	return table_remove(txn, TABLE_BROADCASTS, &key, error);
}

int broadcast_note(struct store_txn *txn, const struct store_message *message, enum broadcast_end end,
    int64_t change, struct error *error)
{
	struct store_broadcast broadcast;
	int found;

	/* Most messages need not be looked for. */
	if (message->class != STORE_BULK || message->user[0] != '\0')
		return 0;
	found = store_broadcast_of(txn, message->id, &broadcast, error);
	if (found != 1)
		return found;
	if (end == BROADCAST_DELIVERED)
		broadcast.delivered += change;
	else if (end == BROADCAST_FAILED)
		broadcast.failed += change;
	else
		broadcast.cancelled += change;
	return put(txn, &broadcast, error);
}
