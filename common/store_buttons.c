#include "store_internal.h"

#include <sodium.h>
#include <string.h>

enum {
	HASH_BYTES = 12, /* 16 characters */
	SWEEP_STEPS = 8, /* how many neighbours a new button looks at for old ones */
	RECORD_MAX = INT_BYTES + STORE_USER_BYTES + STORE_ACTION_BYTES + STORE_TARGET_BYTES,
};

/* Of those shown again and again only one a day is written. */
#define REFRESH_MS INT64_C(86400000)

static size_t add_text(unsigned char *record, size_t at, const char *text, size_t size)
{
	size_t len = strnlen(text, size - 1);

	memcpy(record + at, text, len);
	record[at + len] = '\0';
	return at + len + 1;
}

/* The time; user, action and target, each with its '\0'. */
static size_t encode(const struct store_button *button, unsigned char record[RECORD_MAX])
{
	size_t len = INT_BYTES;

	int64_write(record, button->used_ms);
	len = add_text(record, len, button->user, sizeof button->user);
	len = add_text(record, len, button->action, sizeof button->action);
	return add_text(record, len, button->target, sizeof button->target);
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

int button_decode(const MDB_val *value, struct store_button *button, struct error *error)
{
	const unsigned char *record = value->mv_data, *at = record + INT_BYTES,
			    *end = record + value->mv_size;

	if (value->mv_size <= INT_BYTES || !take_text(&at, end, button->user, sizeof button->user) ||
	    !take_text(&at, end, button->action, sizeof button->action) ||
	    !take_text(&at, end, button->target, sizeof button->target) || at != end)
		return store_damaged(error, "button");
	button->used_ms = int64_read(record);
	return 0;
}

void button_id(const struct store *store, const struct store_button *button, char id[STORE_BUTTON_BYTES])
{
	unsigned char record[RECORD_MAX], hash[crypto_generichash_BYTES];
	size_t len = encode(button, record);

	crypto_generichash(
	    hash, sizeof hash, record + INT_BYTES, len - INT_BYTES, store->secret, sizeof store->secret);
	sodium_bin2base64(id, STORE_BUTTON_BYTES, hash, HASH_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static int remove_button(struct store_txn *txn, const struct store_key *key, struct error *error)
{
	return table_remove(txn, TABLE_BUTTONS, key, error) < 0 ? -1 : 0;
}

/*
 * Looks at a few buttons from a random place on, and takes away those that are too old, or, where there are
 * too many, the oldest of them.
 */
static int sweep(struct store_txn *txn, int64_t now_ms, struct error *error)
{
	unsigned char start[HASH_BYTES];
	char place[STORE_BUTTON_BYTES];
	struct store_key key, oldest = {.len = 0};
	struct store_button button;
	int64_t entries, oldest_ms = INT64_MAX;
	MDB_val value;
	int found = 1;

	randombytes_buf(start, sizeof start);
	sodium_bin2base64(place, sizeof place, start, sizeof start, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	user_key(&key, place);
	if (table_entries(txn, TABLE_BUTTONS, &entries, error) != 0)
		return -1;
	for (int i = 0; i < SWEEP_STEPS && entries > 0; i++) {
		found = table_seek(txn, TABLE_BUTTONS, &key, &value, error);
		if (found < 0 || (found == 1 && button_decode(&value, &button, error) != 0))
			return -1;
		if (found == 0) { /* the end: on from the start */
			key_init(&key);
			continue;
		}
		if (button.used_ms < oldest_ms) {
			oldest = key;
			oldest_ms = button.used_ms;
		}
		if (button.used_ms <= now_ms - STORE_BUTTON_KEEP_MS && remove_button(txn, &key, error) != 0)
			return -1;
		key_increment(&key);
	}
	return entries >= STORE_BUTTONS_MAX && oldest.len > 0 ? remove_button(txn, &oldest, error) : 0;
}

int store_button_put(struct store_txn *txn, const struct store_button *button, char id[STORE_BUTTON_BYTES],
    struct error *error)
{
	unsigned char record[RECORD_MAX];
	size_t len = encode(button, record);
	struct store_button known;
	struct store_key key;
	MDB_val value;
	int found;

	button_id(txn->store, button, id);
	user_key(&key, id);
	found = table_get(txn, TABLE_BUTTONS, &key, &value, error);
	if (found < 0 || (found == 1 && button_decode(&value, &known, error) != 0))
		return -1;
	if (found == 1 && button->used_ms >= known.used_ms && button->used_ms - known.used_ms < REFRESH_MS)
		return 0;
	if (found == 0 && sweep(txn, button->used_ms, error) != 0)
		return -1;
	return table_put(txn, TABLE_BUTTONS, &key, record, len, error) == 0 ? 1 : -1;
}

int store_button_get(struct store_txn *txn, const char *id, struct store_button *button, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	if (strlen(id) != STORE_BUTTON_BYTES - 1)
		return 0;
	user_key(&key, id);
	found = table_get(txn, TABLE_BUTTONS, &key, &value, error);
	if (found != 1)
		return found;
	return button_decode(&value, button, error) == 0 ? 1 : -1;
}
