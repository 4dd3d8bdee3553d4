/* Keys of accounts. Those that were revoked stay a while, so that the log can tell what somebody tried. */
#include "store_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "tgk_" /* people, and programs that look for leaks, know it for what it is */

enum {
	KEY_RANDOM_BYTES = 32,
	SWEEP_STEPS = 8,	      /* how many neighbours a new key looks at for old ones */
	DEAD_MAX = STORE_APIKEYS_MAX, /* of an account, beside those that are valid */
	TIMES = 4,
	LABEL_AT = TIMES * INT_BYTES + SECRET_HASH_BYTES,
	RECORD_MAX = LABEL_AT + STORE_APIKEY_LABEL_BYTES,
};

bool store_apikey_has_form(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t len = strnlen(text, STORE_APIKEY_FORM_MAX + 1);

	return len >= STORE_APIKEY_FORM_MIN && len <= STORE_APIKEY_FORM_MAX && strspn(text, allowed) == len;
}

static void place_key(struct store_key *key, const char *user, int64_t id)
{
	user_key(key, user);
	key_add_int64(key, id);
}

static void hash_key(struct store_key *key, const unsigned char hash[SECRET_HASH_BYTES])
{
	key_init(key);
	key_add_bytes(key, hash, SECRET_HASH_BYTES);
}

int apikey_decode(
    const struct store_key *key, const MDB_val *value, struct apikey_record *record, struct error *error)
{
	const unsigned char *bytes = value->mv_data, *nul = memchr(key->bytes, '\0', key->len);
	size_t user_bytes = nul != NULL ? (size_t)(nul - key->bytes) + 1 : 0;

	*record = (struct apikey_record){.key = {.id = 0}};
	if (user_bytes <= 1 || user_bytes > STORE_USER_BYTES || key->len != user_bytes + INT_BYTES ||
	    value->mv_size < LABEL_AT || value->mv_size - LABEL_AT >= sizeof record->key.label)
		return store_damaged(error, "key of an account");
	memcpy(record->user, key->bytes, user_bytes);
	record->key.id = int64_read(key->bytes + user_bytes);
	record->key.made_ms = int64_read(bytes);
	record->key.expires_ms = int64_read(bytes + INT_BYTES);
	record->key.last_used_ms = int64_read(bytes + 2 * INT_BYTES);
	record->key.revoked_ms = int64_read(bytes + 3 * INT_BYTES);
	memcpy(record->hash, bytes + TIMES * INT_BYTES, SECRET_HASH_BYTES);
	memcpy(record->key.label, bytes + LABEL_AT, value->mv_size - LABEL_AT);
	return 0;
}

static int put(struct store_txn *txn, const struct apikey_record *record, struct error *error)
{
	size_t label_len = strnlen(record->key.label, STORE_APIKEY_LABEL_BYTES - 1);
	unsigned char bytes[RECORD_MAX];
	struct store_key key;

	int64_write(bytes, record->key.made_ms);
	int64_write(bytes + INT_BYTES, record->key.expires_ms);
	int64_write(bytes + 2 * INT_BYTES, record->key.last_used_ms);
	int64_write(bytes + 3 * INT_BYTES, record->key.revoked_ms);
	memcpy(bytes + TIMES * INT_BYTES, record->hash, SECRET_HASH_BYTES);
	memcpy(bytes + LABEL_AT, record->key.label, label_len);
	place_key(&key, record->user, record->key.id);
	return table_put(txn, TABLE_APIKEYS, &key, bytes, LABEL_AT + label_len, error);
}

int apikey_place(const MDB_val *value, struct store_key *place, struct error *error)
{
	const unsigned char *bytes = value->mv_data;

	key_init(place);
	if (value->mv_size <= INT_BYTES + 1 || value->mv_size > INT_BYTES + STORE_USER_BYTES ||
	    bytes[value->mv_size - 1] != '\0')
		return store_damaged(error, "hash of a key of an account");
	key_add_bytes(place, bytes + INT_BYTES, value->mv_size - INT_BYTES);
	key_add_bytes(place, bytes, INT_BYTES);
	return 0;
}

static int put_hash(struct store_txn *txn, const struct apikey_record *record, struct error *error)
{
	unsigned char value[INT_BYTES + STORE_USER_BYTES];
	size_t user_bytes = strlen(record->user) + 1;
	struct store_key key;

	int64_write(value, record->key.id);
	memcpy(value + INT_BYTES, record->user, user_bytes);
	hash_key(&key, record->hash);
	return table_put(txn, TABLE_APIKEY_HASHES, &key, value, INT_BYTES + user_bytes, error);
}

static int drop(struct store_txn *txn, const struct apikey_record *record, struct error *error)
{
	struct store_key key;

	hash_key(&key, record->hash);
	if (table_remove(txn, TABLE_APIKEY_HASHES, &key, error) < 0)
		return -1;
	place_key(&key, record->user, record->key.id);
	return table_remove(txn, TABLE_APIKEYS, &key, error) < 0 ? -1 : 0;
}

/* The time from which it is not valid any more. */
static int64_t dead_from(const struct store_apikey *key)
{
	int64_t expires_ms = key->expires_ms != 0 ? key->expires_ms : INT64_MAX;

	return key->revoked_ms != 0 && key->revoked_ms < expires_ms ? key->revoked_ms : expires_ms;
}

static bool is_forgotten(const struct store_apikey *key, int64_t now_ms)
{
	return dead_from(key) <= now_ms - STORE_APIKEY_KEEP_MS;
}

/* What a key of TABLE_APIKEY_HASHES stands for: 1, 0, -1. */
static int find(
    struct store_txn *txn, const struct store_key *hash, struct apikey_record *record, struct error *error)
{
	struct store_key place;
	MDB_val value;
	int found = table_get(txn, TABLE_APIKEY_HASHES, hash, &value, error);

	if (found != 1)
		return found;
	if (apikey_place(&value, &place, error) != 0)
		return -1;
	found = table_get(txn, TABLE_APIKEYS, &place, &value, error);
	if (found == 0)
		return store_damaged(error, "hash of a key of an account");
	return found == 1 && apikey_decode(&place, &value, record, error) == 0 ? 1 : -1;
}

/* Looks at a few keys of anybody, from a random place on, for those that are forgotten. */
static int sweep(struct store_txn *txn, int64_t now_ms, struct error *error)
{
	unsigned char start[SECRET_HASH_BYTES];
	struct apikey_record record;
	struct store_key key;
	MDB_val value;
	int found;

	randombytes_buf(start, sizeof start);
	hash_key(&key, start);
	for (int i = 0; i < SWEEP_STEPS; i++) {
		found = table_seek(txn, TABLE_APIKEY_HASHES, &key, &value, error);
		if (found == 0) { /* the end: on from the start */
			key_init(&key);
			continue;
		}
		if (found < 0 || find(txn, &key, &record, error) != 1)
			return -1;
		if (is_forgotten(&record.key, now_ms) && drop(txn, &record, error) != 0)
			return -1;
		key_increment(&key);
	}
	return 0;
}

/* The key of a user with the lowest id above after_id. 1, 0, -1. */
static int next_of(struct store_txn *txn, const char *user, int64_t after_id, struct apikey_record *record,
    struct error *error)
{
	struct store_key prefix, key;
	MDB_val value;
	int found;

	user_key(&prefix, user);
	place_key(&key, user, after_id + 1);
	found = table_seek(txn, TABLE_APIKEYS, &key, &value, error);
	if (found != 1 || !key_has_prefix(&key, &prefix))
		return found < 0 ? -1 : 0;
	return apikey_decode(&key, &value, record, error) == 0 ? 1 : -1;
}

/*
 * Clears away what is forgotten of a user, and beyond DEAD_MAX the one that died first; *valid is how many
 * there are that may be used.
 */
static int tidy(struct store_txn *txn, const char *user, int64_t now_ms, int64_t *valid, struct error *error)
{
	struct apikey_record record = {.key = {.id = 0}}, oldest = {.key = {.id = 0}};
	int64_t dead = 0;
	int found;

	*valid = 0;
	while ((found = next_of(txn, user, record.key.id, &record, error)) == 1) {
		if (is_forgotten(&record.key, now_ms)) {
			if (drop(txn, &record, error) != 0)
				return -1;
		} else if (dead_from(&record.key) > now_ms) {
			++*valid;
		} else if (dead++ == 0 || dead_from(&record.key) < dead_from(&oldest.key)) {
			oldest = record;
		}
	}
	if (found == 0 && dead >= DEAD_MAX)
		found = drop(txn, &oldest, error);
	return found;
}

static void draw(char key[STORE_APIKEY_BYTES])
{
	unsigned char random[KEY_RANDOM_BYTES];

	memcpy(key, PREFIX, sizeof PREFIX);
	randombytes_buf(random, sizeof random);
	sodium_bin2base64(key + sizeof PREFIX - 1, STORE_APIKEY_BYTES - (sizeof PREFIX - 1), random,
	    sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(random, sizeof random);
}

int store_apikey_new(struct store_txn *txn, const char *user, const char *label, int64_t now_ms,
    int64_t expires_ms, char key[STORE_APIKEY_BYTES], int64_t *id, struct error *error)
{
	struct apikey_record record = {.key = {.made_ms = now_ms, .expires_ms = expires_ms}};
	int64_t valid, next = 1;

	if (sweep(txn, now_ms, error) != 0 || tidy(txn, user, now_ms, &valid, error) != 0 ||
	    meta_get_int64(txn, "next_apikey", &next, error) < 0)
		return -1;
	if (valid >= STORE_APIKEYS_MAX)
		return 0;
	if (snprintf(record.user, sizeof record.user, "%s", user) >= (int)sizeof record.user)
		return error_set(error, ERROR_BUG, "the name of an account is too long");
	snprintf(record.key.label, sizeof record.key.label, "%s", label);
	draw(key);
	secret_hash(txn->store, "apikey", key, record.hash);
	*id = record.key.id = next;
	if (meta_put_int64(txn, "next_apikey", next + 1, error) != 0 || put(txn, &record, error) != 0 ||
	    put_hash(txn, &record, error) != 0)
		return -1;
	return 1;
}

int store_apikeys_each(struct store_txn *txn, const char *user, int64_t now_ms, store_apikey_fn *fn,
    void *context, struct error *error)
{
	struct apikey_record record = {.key = {.id = 0}};
	int found;

	while ((found = next_of(txn, user, record.key.id, &record, error)) == 1) {
		if (record.key.revoked_ms == 0 && !is_forgotten(&record.key, now_ms))
			fn(context, &record.key);
	}
	return found;
}

int store_apikey_revoke(
    struct store_txn *txn, const char *user, int64_t id, int64_t now_ms, struct error *error)
{
	struct apikey_record record;
	int64_t valid;
	int found;

	if (id <= 0 || tidy(txn, user, now_ms, &valid, error) != 0)
		return id <= 0 ? 0 : -1;
	found = next_of(txn, user, id - 1, &record, error);
	if (found != 1 || record.key.id != id || record.key.revoked_ms != 0)
		return found < 0 ? -1 : 0;
	record.key.revoked_ms = now_ms;
	return put(txn, &record, error) == 0 ? 1 : -1;
}

int store_apikey_owner(
    struct store_txn *txn, const char *key, char user[STORE_USER_BYTES], struct error *error)
{
	unsigned char hash[SECRET_HASH_BYTES];
	struct apikey_record record;
	struct store_key place;
	int found;

	secret_hash(txn->store, "apikey", key, hash);
	hash_key(&place, hash);
	found = find(txn, &place, &record, error);
	if (found == 1)
		memcpy(user, record.user, sizeof record.user);
	return found;
}

static enum store_apikey_result judge(int found, const struct store_apikey *key, int64_t now_ms)
{
	if (found == 0)
		return STORE_APIKEY_UNKNOWN;
	if (key->revoked_ms != 0)
		return STORE_APIKEY_REVOKED;
	return dead_from(key) <= now_ms ? STORE_APIKEY_EXPIRED : STORE_APIKEY_TAKEN;
}

int store_apikey_use(struct store_txn *txn, int64_t chat, const char *key, int64_t now_ms, int64_t tries,
    struct store_apikey_use *used, struct error *error)
{
	struct apikey_record record = {.key = {.id = 0}};
	unsigned char hash[SECRET_HASH_BYTES];
	struct store_key place;
	int found;

	*used = (struct store_apikey_use){.result = STORE_APIKEY_WAIT};
	if (store_chat_wait(txn, chat, now_ms, &used->wait_ms, error) != 0)
		return -1;
	if (used->wait_ms > 0)
		return 0;
	secret_hash(txn->store, "apikey", key, hash);
	hash_key(&place, hash);
	found = find(txn, &place, &record, error);
	if (found < 0)
		return -1;
	used->result = judge(found, &record.key, now_ms);
	used->id = record.key.id;
	memcpy(used->user, record.user, sizeof used->user);
	record.key.last_used_ms = now_ms;
	if (used->result == STORE_APIKEY_TAKEN)
		return put(txn, &record, error);
	return store_chat_wrong(txn, chat, now_ms, tries, &used->wait_ms, error);
}
