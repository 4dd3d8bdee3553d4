#include "store_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum {
	HASH_BYTES = 16,
	SWEEP_STEPS = 16,    /* how many neighbours an insertion looks at for expired ones */
	CODES = 1000000,     /* of six digits */
	CODE_ATTEMPTS = 100, /* draws before giving up */
};

static void code_key(const struct store *store, const char *code, struct store_key *key)
{
	unsigned char hash[HASH_BYTES];

	crypto_generichash(hash, sizeof hash, (const unsigned char *)code, strlen(code), store->secret,
	    sizeof store->secret);
	key_init(key);
	key_add_bytes(key, hash, sizeof hash);
}

struct code_record {
	int64_t chat;
	int64_t expires_ms;
	char chat_name[STORE_USER_BYTES];
};

static int decode_code(const MDB_val *value, struct code_record *record, struct error *error)
{
	const unsigned char *bytes = value->mv_data;
	size_t name_len = value->mv_size - 2 * INT_BYTES;

	if (value->mv_size < 2 * INT_BYTES || name_len >= sizeof record->chat_name)
		return store_damaged(error, "code");
	record->chat = int64_read(bytes);
	record->expires_ms = int64_read(bytes + INT_BYTES);
	memcpy(record->chat_name, bytes + 2 * INT_BYTES, name_len);
	record->chat_name[name_len] = '\0';
	return 0;
}

static int code_remove(struct store_txn *txn, const struct store_key *code, int64_t chat, struct error *error)
{
	struct store_key key;

	chat_key(&key, chat);
	if (table_remove(txn, TABLE_CHAT_CODES, &key, error) < 0)
		return -1;
	return table_remove(txn, TABLE_CODES, code, error);
}

static int chat_code_remove(struct store_txn *txn, int64_t chat, struct error *error)
{
	struct store_key key, code;
	MDB_val value;
	int found;

	chat_key(&key, chat);
	found = table_get(txn, TABLE_CHAT_CODES, &key, &value, error);
	if (found != 1)
		return found;
	key_init(&code);
	key_add_bytes(&code, value.mv_data, value.mv_size);
	return code_remove(txn, &code, chat, error);
}

/* Looks at a few codes from a random place on: what is inserted pays for what has expired. */
static int sweep_codes(struct store_txn *txn, int64_t now_ms, struct error *error)
{
	unsigned char start[HASH_BYTES];
	struct store_key key;
	struct code_record record;
	MDB_val value;
	int found = 1;

	randombytes_buf(start, sizeof start);
	key_init(&key);
	key_add_bytes(&key, start, sizeof start);
	for (int i = 0; i < SWEEP_STEPS && found == 1; i++) {
		found = table_seek(txn, TABLE_CODES, &key, &value, error);
		if (found != 1)
			break;
		if (decode_code(&value, &record, error) != 0)
			return -1;
		if (record.expires_ms <= now_ms && code_remove(txn, &key, record.chat, error) < 0)
			return -1;
		key_increment(&key);
	}
	return found < 0 ? -1 : 0;
}

/* Draws a code that no other chat has pending. */
static int draw_code(struct store_txn *txn, int64_t now_ms, char code[STORE_CODE_BYTES],
    struct store_key *key, struct error *error)
{
	struct code_record record;
	MDB_val value;

	for (int i = 0; i < CODE_ATTEMPTS; i++) {
		int found;

		/* The remainder changes nothing; it tells the compiler that six digits are enough. */
		snprintf(code, STORE_CODE_BYTES, "%06u", (unsigned)(randombytes_uniform(CODES) % CODES));
		code_key(txn->store, code, key);
		found = table_get(txn, TABLE_CODES, key, &value, error);
		if (found <= 0)
			return found;
		if (decode_code(&value, &record, error) != 0)
			return -1;
		if (record.expires_ms <= now_ms)
			return code_remove(txn, key, record.chat, error) < 0 ? -1 : 0;
	}
	return error_set(error, ERROR_TEMPORARY, "too many codes are pending; try again later");
}

int store_code_new(struct store_txn *txn, int64_t chat, const char *chat_name, int64_t now_ms,
    int64_t lifetime_ms, char code[STORE_CODE_BYTES], struct error *error)
{
	unsigned char record[2 * INT_BYTES + STORE_USER_BYTES];
	size_t name_len = strnlen(chat_name, STORE_USER_BYTES - 1);
	struct store_key key, by_chat;

	if (chat_code_remove(txn, chat, error) < 0 || sweep_codes(txn, now_ms, error) != 0 ||
	    draw_code(txn, now_ms, code, &key, error) != 0)
		return -1;
	int64_write(record, chat);
	int64_write(record + INT_BYTES, now_ms + lifetime_ms);
	memcpy(record + 2 * INT_BYTES, chat_name, name_len);
	if (table_put(txn, TABLE_CODES, &key, record, 2 * INT_BYTES + name_len, error) != 0)
		return -1;
	chat_key(&by_chat, chat);
	return table_put(txn, TABLE_CHAT_CODES, &by_chat, key.bytes, key.len, error);
}

int store_code_take(struct store_txn *txn, const char *user, const char *code, int64_t now_ms,
    int64_t allowed, struct store_code *taken, struct error *error)
{
	struct code_record record = {.expires_ms = 0};
	struct store_key key, account;
	MDB_val value;
	int found;

	*taken = (struct store_code){.result = STORE_CODE_WAIT};
	user_key(&account, user);
	if (tries_wait(txn, TABLE_TRIES, &account, now_ms, &taken->wait_ms, error) != 0)
		return -1;
	if (taken->wait_ms > 0)
		return 0;
	code_key(txn->store, code, &key);
	found = table_get(txn, TABLE_CODES, &key, &value, error);
	if (found < 0 || (found == 1 && decode_code(&value, &record, error) != 0))
		return -1;
	taken->result = STORE_CODE_WRONG;
	if (found == 0 || record.expires_ms <= now_ms)
		return tries_wrong(txn, TABLE_TRIES, &account, now_ms, allowed, &taken->wait_ms, error);
	taken->result = STORE_CODE_TAKEN;
	taken->chat = record.chat;
	memcpy(taken->chat_name, record.chat_name, sizeof taken->chat_name);
	return code_remove(txn, &key, record.chat, error) < 0 ? -1 : 0;
}
