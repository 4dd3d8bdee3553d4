/* What deep links carry: tokens that link a chat with an account, once. */
#include "store_internal.h"

#include <sodium.h>
#include <string.h>

enum {
	TOKEN_RANDOM_BYTES = 24,
	SWEEP_STEPS = 8, /* how many neighbours a new token looks at for expired ones */
};

int start_decode(const MDB_val *value, int64_t *expires_ms, char user[STORE_USER_BYTES], struct error *error)
{
	const unsigned char *bytes = value->mv_data;
	size_t user_bytes = value->mv_size - INT_BYTES;

	if (value->mv_size <= INT_BYTES + 1 || user_bytes > STORE_USER_BYTES ||
	    bytes[value->mv_size - 1] != '\0')
		return store_damaged(error, "token of a deep link");
	*expires_ms = int64_read(bytes);
	memcpy(user, bytes + INT_BYTES, user_bytes);
	return 0;
}

static void token_key(const struct store *store, const char *token, struct store_key *key)
{
	unsigned char hash[SECRET_HASH_BYTES];

	secret_hash(store, "start", token, hash);
	key_init(key);
	key_add_bytes(key, hash, sizeof hash);
}

static int drop(struct store_txn *txn, const struct store_key *token, const char *user, struct error *error)
{
	struct store_key key;

	user_key(&key, user);
	if (table_remove(txn, TABLE_USER_STARTS, &key, error) < 0)
		return -1;
	return table_remove(txn, TABLE_STARTS, token, error) < 0 ? -1 : 0;
}

static int drop_of_user(struct store_txn *txn, const char *user, struct error *error)
{
	struct store_key key, token;
	MDB_val value;
	int found;

	user_key(&key, user);
	found = table_get(txn, TABLE_USER_STARTS, &key, &value, error);
	if (found != 1)
		return found;
	key_init(&token);
	key_add_bytes(&token, value.mv_data, value.mv_size);
	return drop(txn, &token, user, error);
}

/* Looks at a few tokens from a random place on: what is inserted pays for what has expired. */
static int sweep(struct store_txn *txn, int64_t now_ms, struct error *error)
{
	unsigned char start[SECRET_HASH_BYTES];
	char user[STORE_USER_BYTES];
	struct store_key key;
	int64_t expires_ms;
	MDB_val value;
	int found;

	randombytes_buf(start, sizeof start);
	key_init(&key);
	key_add_bytes(&key, start, sizeof start);
	for (int i = 0; i < SWEEP_STEPS; i++) {
		found = table_seek(txn, TABLE_STARTS, &key, &value, error);
		if (found == 0) { /* the end: on from the start */
			key_init(&key);
			continue;
		}
		if (found < 0 || start_decode(&value, &expires_ms, user, error) != 0 ||
		    (expires_ms <= now_ms && drop(txn, &key, user, error) != 0))
			return -1;
		key_increment(&key);
	}
	return 0;
}

static void draw(char token[STORE_START_BYTES])
{
	unsigned char random[TOKEN_RANDOM_BYTES];

	randombytes_buf(random, sizeof random);
	sodium_bin2base64(
	    token, STORE_START_BYTES, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(random, sizeof random);
}

int store_start_new(struct store_txn *txn, const char *user, int64_t now_ms, int64_t lifetime_ms,
    char token[STORE_START_BYTES], struct error *error)
{
	unsigned char record[INT_BYTES + STORE_USER_BYTES];
	size_t user_bytes = strlen(user) + 1;
	struct store_key key, by_user;

	if (user_bytes > STORE_USER_BYTES)
		return error_set(error, ERROR_BUG, "the name of an account is too long");
	if (drop_of_user(txn, user, error) != 0 || sweep(txn, now_ms, error) != 0)
		return -1;
	draw(token);
	token_key(txn->store, token, &key);
	int64_write(record, now_ms + lifetime_ms);
	memcpy(record + INT_BYTES, user, user_bytes);
	if (table_put(txn, TABLE_STARTS, &key, record, INT_BYTES + user_bytes, error) != 0)
		return -1;
	user_key(&by_user, user);
	return table_put(txn, TABLE_USER_STARTS, &by_user, key.bytes, key.len, error);
}

int store_start_take(struct store_txn *txn, const char *token, int64_t now_ms, char user[STORE_USER_BYTES],
    struct error *error)
{
	char owner[STORE_USER_BYTES] = "";
	struct store_key key;
	int64_t expires_ms;
	MDB_val value;
	int found;

	token_key(txn->store, token, &key);
	found = table_get(txn, TABLE_STARTS, &key, &value, error);
	if (found != 1)
		return found;
	if (start_decode(&value, &expires_ms, owner, error) != 0 || drop(txn, &key, owner, error) != 0)
		return -1;
	if (expires_ms <= now_ms)
		return 0;
	memcpy(user, owner, sizeof owner);
	return 1;
}

int store_start_owner(
    struct store_txn *txn, const char *token, char user[STORE_USER_BYTES], struct error *error)
{
	struct store_key key;
	int64_t expires_ms;
	MDB_val value;
	int found;

	token_key(txn->store, token, &key);
	found = table_get(txn, TABLE_STARTS, &key, &value, error);
	if (found == 1 && start_decode(&value, &expires_ms, user, error) != 0)
		return -1;
	return found;
}
