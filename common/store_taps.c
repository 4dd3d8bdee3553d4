#include "store_internal.h"

#include <sodium.h>
#include <string.h>

enum {
	HASH_BYTES = 16,
	SWEEP_STEPS = 8, /* how many others a new one looks at for old ones */
};

static void tap_key(const struct store *store, const char *tap, struct store_key *key)
{
	unsigned char hash[HASH_BYTES];

	crypto_generichash(
	    hash, sizeof hash, (const unsigned char *)tap, strlen(tap), store->secret, sizeof store->secret);
	key_init(key);
	key_add_bytes(key, hash, sizeof hash);
}

static int sweep(struct store_txn *txn, struct store_key key, int64_t now_ms, struct error *error)
{
	MDB_val value;
	int found = 1;

	for (int i = 0; i < SWEEP_STEPS && found == 1; i++) {
		key_increment(&key);
		found = table_seek(txn, TABLE_TAPS, &key, &value, error);
		if (found != 1)
			break;
		if (value.mv_size != INT_BYTES)
			return store_damaged(error, "tap");
		if (int64_read(value.mv_data) <= now_ms - STORE_TAP_KEEP_MS &&
		    table_remove(txn, TABLE_TAPS, &key, error) < 0)
			return -1;
	}
	return found < 0 ? -1 : 0;
}

int store_tap_claim(struct store_txn *txn, const char *tap, int64_t now_ms, struct error *error)
{
	unsigned char value[INT_BYTES];
	struct store_key key;

	tap_key(txn->store, tap, &key);
	int64_write(value, now_ms);
	if (table_put(txn, TABLE_TAPS, &key, value, sizeof value, error) != 0)
		return -1;
	return sweep(txn, key, now_ms, error);
}

int store_tap_is_claimed(struct store_txn *txn, const char *tap, struct error *error)
{
	struct store_key key;
	MDB_val value;

	tap_key(txn->store, tap, &key);
	return table_get(txn, TABLE_TAPS, &key, &value, error);
}
