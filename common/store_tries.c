/* Wrong codes and keys in a row: whoever guesses waits, longer each time. */
#include "store_internal.h"

#include <stdlib.h>

enum {
	WAIT_FIRST_MS = 60000,
	WAIT_MAX_MS = 86400000,
	SWEEP_STEPS = 8, /* how many neighbours a wrong try looks at for those that are forgotten */
};

/* Wrong tries of those who have not tried again for so long after their wait are forgotten. */
#define FORGET_MS (7 * INT64_C(86400000))

struct tries {
	int64_t wrong;	       /* in a row */
	int64_t wait_until_ms; /* or, where the last one was free, minus the time of it */
};

static int decode(const MDB_val *value, struct tries *tries, struct error *error)
{
	if (value->mv_size != 2 * INT_BYTES)
		return store_damaged(error, "tries");
	tries->wrong = int64_read(value->mv_data);
	tries->wait_until_ms = int64_read((unsigned char *)value->mv_data + INT_BYTES);
	return 0;
}

static int get(struct store_txn *txn, enum store_table table, const struct store_key *key,
    struct tries *tries, struct error *error)
{
	MDB_val value;
	int found = table_get(txn, table, key, &value, error);

	*tries = (struct tries){0};
	return found == 1 ? decode(&value, tries, error) : found;
}

static int64_t wait_after(int64_t wrong, int64_t allowed)
{
	int64_t doublings = wrong - allowed;

	if (doublings < 0)
		return 0;
	if (doublings > 10)
		return WAIT_MAX_MS;
	return WAIT_FIRST_MS * (INT64_C(1) << doublings);
}

/* Strangers are without number: one that is added pays for those behind it that are forgotten. */
static int sweep(struct store_txn *txn, enum store_table table, const struct store_key *from, int64_t now_ms,
    struct error *error)
{
	struct store_key key = *from;
	struct tries tries = {0};
	MDB_val value;
	int found = 1;

	for (int i = 0; i < SWEEP_STEPS; i++) {
		if (found == 0) /* the end: on from the start */
			key_init(&key);
		else
			key_increment(&key);
		found = table_seek(txn, table, &key, &value, error);
		if (found < 0 || (found == 1 && decode(&value, &tries, error) != 0))
			return -1;
		if (found == 1 && llabs(tries.wait_until_ms) <= now_ms - FORGET_MS &&
		    table_remove(txn, table, &key, error) < 0)
			return -1;
	}
	return 0;
}

int tries_wait(struct store_txn *txn, enum store_table table, const struct store_key *key, int64_t now_ms,
    int64_t *wait_ms, struct error *error)
{
	struct tries tries;

	if (get(txn, table, key, &tries, error) != 0)
		return -1;
	*wait_ms = tries.wait_until_ms > now_ms ? tries.wait_until_ms - now_ms : 0;
	return 0;
}

int tries_wrong(struct store_txn *txn, enum store_table table, const struct store_key *key, int64_t now_ms,
    int64_t allowed, int64_t *wait_ms, struct error *error)
{
	unsigned char value[2 * INT_BYTES];
	struct tries tries;

	if (get(txn, table, key, &tries, error) != 0)
		return -1;
	*wait_ms = wait_after(tries.wrong + 1, allowed);
	int64_write(value, tries.wrong + 1);
	int64_write(value + INT_BYTES, *wait_ms > 0 ? now_ms + *wait_ms : -now_ms);
	if (table_put(txn, table, key, value, sizeof value, error) != 0)
		return -1;
	return sweep(txn, table, key, now_ms, error);
}

int tries_right(
    struct store_txn *txn, enum store_table table, const struct store_key *key, struct error *error)
{
	return table_remove(txn, table, key, error) < 0 ? -1 : 0;
}

int store_chat_wait(
    struct store_txn *txn, int64_t chat, int64_t now_ms, int64_t *wait_ms, struct error *error)
{
	struct store_key key;

	chat_key(&key, chat);
	return tries_wait(txn, TABLE_CHAT_TRIES, &key, now_ms, wait_ms, error);
}

int store_chat_tried(struct store_txn *txn, int64_t chat, bool valid, int64_t now_ms, int64_t tries,
    int64_t *wait_ms, struct error *error)
{
	struct store_key key;

	chat_key(&key, chat);
	*wait_ms = 0;
	if (valid)
		return tries_right(txn, TABLE_CHAT_TRIES, &key, error);
	return tries_wrong(txn, TABLE_CHAT_TRIES, &key, now_ms, tries, wait_ms, error);
}
