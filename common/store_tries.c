/*
 * Wrong codes and keys: whoever guesses waits, longer each time. A right one forgives nothing, since whoever
 * guesses has a right one whenever they want it.
 */
#include "store_internal.h"

#include <stdlib.h>

enum {
	WAIT_FIRST_MS = 60000,
	WAIT_MAX_MS = 86400000,
	SWEEP_STEPS = 8, /* how many neighbours a wrong try looks at for those that are forgotten */
};

/* After so long without a wrong one, or a wait, all are forgotten. */
#define FORGET_MS INT64_C(86400000)
#define TIME_MAX_MS (INT64_C(1) << 60)

struct tries {
	int64_t wrong;
	int64_t wait_until_ms; /* or, where the last one was free, minus the time of it */
};

static int decode(const MDB_val *value, struct tries *tries, struct error *error)
{
	if (value->mv_size != 2 * INT_BYTES)
		return store_damaged(error, "tries");
	tries->wrong = int64_read(value->mv_data);
	tries->wait_until_ms = int64_read((unsigned char *)value->mv_data + INT_BYTES);
	/* No sum of these overflows. */
	if (tries->wrong < 0 || tries->wrong > INT32_MAX || tries->wait_until_ms < -TIME_MAX_MS ||
	    tries->wait_until_ms > TIME_MAX_MS)
		return store_damaged(error, "tries");
	return 0;
}

int tries_check(const MDB_val *value, struct error *error)
{
	struct tries tries;

	return decode(value, &tries, error);
}

static bool is_forgotten(const struct tries *tries, int64_t now_ms)
{
	return llabs(tries->wait_until_ms) <= now_ms - FORGET_MS;
}

static int get(struct store_txn *txn, enum store_table table, const struct store_key *key, int64_t now_ms,
    struct tries *tries, struct error *error)
{
	MDB_val value;
	int found = table_get(txn, table, key, &value, error);

	*tries = (struct tries){0};
	if (found != 1)
		return found;
	if (decode(&value, tries, error) != 0)
		return -1;
	if (is_forgotten(tries, now_ms))
		*tries = (struct tries){0};
	return 0;
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
		if (found == 1 && is_forgotten(&tries, now_ms) && table_remove(txn, table, &key, error) < 0)
			return -1;
	}
	return 0;
}

int tries_wait(struct store_txn *txn, enum store_table table, const struct store_key *key, int64_t now_ms,
    int64_t *wait_ms, struct error *error)
{
	struct tries tries;

	if (get(txn, table, key, now_ms, &tries, error) != 0)
		return -1;
	*wait_ms = tries.wait_until_ms > now_ms ? tries.wait_until_ms - now_ms : 0;
	return 0;
}

int tries_wrong(struct store_txn *txn, enum store_table table, const struct store_key *key, int64_t now_ms,
    int64_t allowed, int64_t *wait_ms, struct error *error)
{
	unsigned char value[2 * INT_BYTES];
	struct tries tries;

	if (get(txn, table, key, now_ms, &tries, error) != 0)
		return -1;
	*wait_ms = wait_after(tries.wrong + 1, allowed);
	int64_write(value, tries.wrong + 1);
	int64_write(value + INT_BYTES, *wait_ms > 0 ? now_ms + *wait_ms : -now_ms);
	if (table_put(txn, table, key, value, sizeof value, error) != 0)
		return -1;
	return sweep(txn, table, key, now_ms, error);
}

int store_chat_wait(
    struct store_txn *txn, int64_t chat, int64_t now_ms, int64_t *wait_ms, struct error *error)
{
	struct store_key key;

	chat_key(&key, chat);
	return tries_wait(txn, TABLE_CHAT_TRIES, &key, now_ms, wait_ms, error);
}

int store_chat_wrong(
    struct store_txn *txn, int64_t chat, int64_t now_ms, int64_t tries, int64_t *wait_ms, struct error *error)
{
	struct store_key key;

	chat_key(&key, chat);
	return tries_wrong(txn, TABLE_CHAT_TRIES, &key, now_ms, tries, wait_ms, error);
}
