#include "store_internal.h"

enum { SWEEP_STEPS = 16 /* how many neighbours a claim looks at for expired ones */ };

static int sweep_cooldowns(struct store_txn *txn, struct store_key key, int64_t now_ms, struct error *error)
{
	MDB_val value;
	int found = 1;

	for (int i = 0; i < SWEEP_STEPS && found == 1; i++) {
		key_increment(&key);
		found = table_seek(txn, TABLE_COOLDOWNS, &key, &value, error);
		if (found == 1 && value.mv_size == INT_BYTES && int64_read(value.mv_data) <= now_ms &&
		    table_remove(txn, TABLE_COOLDOWNS, &key, error) < 0)
			return -1;
	}
	return found < 0 ? -1 : 0;
}

int store_cooldown_claim(struct store_txn *txn, const char *user, const char *script, int64_t now_ms,
    int64_t cooldown_ms, int64_t *left_ms, struct error *error)
{
	unsigned char until[INT_BYTES];
	struct store_key key;
	MDB_val value;
	int found;

	user_key(&key, user);
	key_add_text(&key, script);
	found = table_get(txn, TABLE_COOLDOWNS, &key, &value, error);
	if (found < 0)
		return -1;
	if (found == 1 && value.mv_size != INT_BYTES)
		return store_damaged(error, "cooldown");
	if (found == 1 && int64_read(value.mv_data) > now_ms) {
		*left_ms = int64_read(value.mv_data) - now_ms;
		return 0;
	}
	int64_write(until, now_ms + cooldown_ms);
	if (table_put(txn, TABLE_COOLDOWNS, &key, until, sizeof until, error) != 0)
		return -1;
	return sweep_cooldowns(txn, key, now_ms, error) == 0 ? 1 : -1;
}

static int sweep_keys(struct store_txn *txn, int64_t now_ms, struct error *error)
{
	struct store_key age, key;
	MDB_val value;
	int found;

	for (int i = 0; i < 4; i++) {
		key_init(&age);
		found = table_seek(txn, TABLE_KEY_AGES, &age, &value, error);
		if (found != 1)
			return found;
		if (age.len <= INT_BYTES)
			return store_damaged(error, "key age");
		if (int64_read(age.bytes) + STORE_KEY_KEEP_MS > now_ms)
			return 0;
		key_init(&key);
		key_add_bytes(&key, age.bytes + INT_BYTES, age.len - INT_BYTES);
		if (table_remove(txn, TABLE_KEYS, &key, error) < 0 ||
		    table_remove(txn, TABLE_KEY_AGES, &age, error) < 0)
			return -1;
	}
	return 0;
}

int store_key_get(
    struct store_txn *txn, const char *user, const char *name, struct buf *answer, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	user_key(&key, user);
	key_add_text(&key, name);
	found = table_get(txn, TABLE_KEYS, &key, &value, error);
	if (found != 1)
		return found;
	return buf_add(answer, value.mv_data, value.mv_size) == 0 ? 1 : store_damaged(error, "key");
}

int store_key_put(struct store_txn *txn, const char *user, const char *name, const char *answer, size_t len,
    int64_t now_ms, struct error *error)
{
	struct store_key key, age;

	user_key(&key, user);
	key_add_text(&key, name);
	key_init(&age);
	key_add_int64(&age, now_ms);
	key_add_bytes(&age, key.bytes, key.len <= KEY_MAX_BYTES ? key.len : KEY_MAX_BYTES);
	if (table_put(txn, TABLE_KEYS, &key, answer, len, error) != 0 ||
	    table_put(txn, TABLE_KEY_AGES, &age, "", 0, error) != 0)
		return -1;
	return sweep_keys(txn, now_ms, error);
}
