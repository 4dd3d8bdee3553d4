#include "store_internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

enum {
	RANDOM_BYTES = 12, /* 16 characters */
	SWEEP_STEPS = 4,   /* how many old ones a new one takes away at most */
};

void draft_key(struct store_key *key, const char *user, const char *id)
{
	user_key(key, user);
	key_add_text(key, id);
}

void draft_age_key(struct store_key *age, int64_t time_ms, const struct store_key *key)
{
	key_init(age);
	key_add_int64(age, time_ms);
	key_add_bytes(age, key->bytes, key->len <= KEY_MAX_BYTES ? key->len : KEY_MAX_BYTES);
}

static int remove_draft(
    struct store_txn *txn, const struct store_key *key, int64_t time_ms, struct error *error)
{
	struct store_key age;

	draft_age_key(&age, time_ms, key);
	if (table_remove(txn, TABLE_DRAFTS, key, error) < 0)
		return -1;
	return table_remove(txn, TABLE_DRAFT_AGES, &age, error) < 0 ? -1 : 0;
}

/* The oldest go: those that are too old, and one where there are too many. */
static int sweep(struct store_txn *txn, int64_t now_ms, struct error *error)
{
	struct store_key age, key;
	int64_t entries, time_ms;
	MDB_val value;
	int found;

	if (table_entries(txn, TABLE_DRAFT_AGES, &entries, error) != 0)
		return -1;
	for (int i = 0; i < SWEEP_STEPS; i++) {
		key_init(&age);
		found = table_seek(txn, TABLE_DRAFT_AGES, &age, &value, error);
		if (found != 1)
			return found;
		if (age.len <= INT_BYTES)
			return store_damaged(error, "draft age");
		time_ms = int64_read(age.bytes);
		if (time_ms > now_ms - STORE_DRAFT_KEEP_MS && entries < STORE_DRAFTS_MAX)
			return 0;
		key_init(&key);
		key_add_bytes(&key, age.bytes + INT_BYTES, age.len - INT_BYTES);
		if (remove_draft(txn, &key, time_ms, error) != 0)
			return -1;
		entries--;
	}
	return 0;
}

/* Room for one more of this user. */
static int make_room(struct store_txn *txn, const char *user, struct error *error)
{
	struct store_key prefix, key, oldest = {.len = 0};
	int64_t count = 0, oldest_ms = INT64_MAX;
	MDB_val value;
	int found;

	user_key(&prefix, user);
	for (key = prefix; (found = table_seek(txn, TABLE_DRAFTS, &key, &value, error)) == 1 &&
			   key_has_prefix(&key, &prefix);
	     key_increment(&key)) {
		if (value.mv_size < INT_BYTES)
			return store_damaged(error, "draft");
		count++;
		if (int64_read(value.mv_data) < oldest_ms) {
			oldest = key;
			oldest_ms = int64_read(value.mv_data);
		}
	}
	if (found < 0 || count < STORE_DRAFTS_PER_USER)
		return found < 0 ? -1 : 0;
	return remove_draft(txn, &oldest, oldest_ms, error);
}

static int put(struct store_txn *txn, const struct store_key *key, const char *text, size_t len,
    int64_t now_ms, struct error *error)
{
	unsigned char *record = xmalloc(INT_BYTES + len);
	struct store_key age;
	int result;

	int64_write(record, now_ms);
	if (len > 0)
		memcpy(record + INT_BYTES, text, len);
	draft_age_key(&age, now_ms, key);
	result = table_put(txn, TABLE_DRAFTS, key, record, INT_BYTES + len, error);
	if (result == 0)
		result = table_put(txn, TABLE_DRAFT_AGES, &age, "", 0, error);
	free(record);
	return result;
}

int store_draft_put(struct store_txn *txn, const char *user, const char *text, size_t len, int64_t now_ms,
    char id[STORE_BUTTON_BYTES], struct error *error)
{
	unsigned char random[RANDOM_BYTES];
	struct store_key key;

	if (len > STORE_DRAFT_MAX_BYTES)
		return error_set(
		    error, ERROR_INPUT, "a draft has at most %d bytes", (int)STORE_DRAFT_MAX_BYTES);
	if (sweep(txn, now_ms, error) != 0 || make_room(txn, user, error) != 0)
		return -1;
	randombytes_buf(random, sizeof random);
	sodium_bin2base64(
	    id, STORE_BUTTON_BYTES, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	draft_key(&key, user, id);
	return put(txn, &key, text, len, now_ms, error);
}

/* Finds it, with its time; 1, 0, -1. */
static int get(struct store_txn *txn, const struct store_key *key, int64_t now_ms, struct buf *text,
    int64_t *time_ms, struct error *error)
{
	MDB_val value;
	int found = table_get(txn, TABLE_DRAFTS, key, &value, error);

	if (found != 1)
		return found;
	if (value.mv_size < INT_BYTES)
		return store_damaged(error, "draft");
	*time_ms = int64_read(value.mv_data);
	if (*time_ms <= now_ms - STORE_DRAFT_KEEP_MS)
		return 0;
	if (buf_add(text, (const char *)value.mv_data + INT_BYTES, value.mv_size - INT_BYTES) != 0)
		return error_set(error, ERROR_BUG, "no room for a draft");
	return 1;
}

/* Not every id that a tap brings fits a key. */
static bool is_id(const char *id)
{
	return strlen(id) == STORE_BUTTON_BYTES - 1;
}

int store_draft_get(struct store_txn *txn, const char *user, const char *id, int64_t now_ms, struct buf *text,
    struct error *error)
{
	struct store_key key;
	int64_t time_ms;

	if (!is_id(id))
		return 0;
	draft_key(&key, user, id);
	return get(txn, &key, now_ms, text, &time_ms, error);
}

int store_draft_take(struct store_txn *txn, const char *user, const char *id, int64_t now_ms,
    struct buf *text, struct error *error)
{
	struct store_key key;
	int64_t time_ms;
	int found;

	if (!is_id(id))
		return 0;
	draft_key(&key, user, id);
	found = get(txn, &key, now_ms, text, &time_ms, error);
	if (found != 1)
		return found;
	return remove_draft(txn, &key, time_ms, error) == 0 ? 1 : -1;
}
