/* What was sent under a key, what is held, and files that wait for their message. */
#include "store_internal.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

enum { SENT_BYTES = 3 * INT_BYTES + 1, SWEEP_STEPS = 16 };

/* ---- keys ---- */

static void sent_key(struct store_key *key, const char *user, const char *name, int64_t chat, int64_t part)
{
	user_key(key, user);
	key_add_text(key, name);
	key_add_int64(key, chat);
	key_add_int64(key, part);
}

static int decode_sent(const MDB_val *value, struct store_sent *sent, struct error *error)
{
	const unsigned char *bytes = value->mv_data;

	if (value->mv_size != SENT_BYTES)
		return store_damaged(error, "sent key");
	*sent = (struct store_sent){int64_read(bytes), int64_read(bytes + INT_BYTES),
	    int64_read(bytes + 2 * (size_t)INT_BYTES), bytes[3 * INT_BYTES] != 0};
	return 1;
}

int store_sent_get(struct store_txn *txn, const char *user, const char *name, int64_t chat, int64_t part,
    struct store_sent *sent, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	sent_key(&key, user, name, chat, part);
	found = table_get(txn, TABLE_SENT, &key, &value, error);
	return found == 1 ? decode_sent(&value, sent, error) : found;
}

/* Looks at neighbours for what nobody has touched for long: each record is met in time, by chance. */
static int sweep_sent(struct store_txn *txn, struct store_key key, int64_t before_ms, struct error *error)
{
	struct store_sent sent;
	MDB_val value;
	int found = 1;

	for (int i = 0; i < SWEEP_STEPS && found == 1; i++) {
		key_increment(&key);
		found = table_seek(txn, TABLE_SENT, &key, &value, error);
		if (found == 1 && decode_sent(&value, &sent, error) == 1 && sent.queued_id == 0 &&
		    sent.updated_ms < before_ms && table_remove(txn, TABLE_SENT, &key, error) < 0)
			return -1;
	}
	return found < 0 ? -1 : 0;
}

int store_sent_put(struct store_txn *txn, const char *user, const char *name, int64_t chat, int64_t part,
    const struct store_sent *sent, struct error *error)
{
	unsigned char bytes[SENT_BYTES];
	struct store_key key;

	sent_key(&key, user, name, chat, part);
	int64_write(bytes, sent->queued_id);
	int64_write(bytes + INT_BYTES, sent->message_id);
	int64_write(bytes + 2 * (size_t)INT_BYTES, sent->updated_ms);
	bytes[3 * INT_BYTES] = sent->is_media;
	if (table_put(txn, TABLE_SENT, &key, bytes, sizeof bytes, error) != 0)
		return -1;
	return sweep_sent(txn, key, sent->updated_ms - STORE_SENT_KEEP_MS, error);
}

int store_sent_remove(struct store_txn *txn, const char *user, const char *name, int64_t chat, int64_t part,
    struct error *error)
{
	struct store_key key;

	sent_key(&key, user, name, chat, part);
	return table_remove(txn, TABLE_SENT, &key, error);
}

int store_sent_each(struct store_txn *txn, const char *user, const char *name, store_sent_fn *fn,
    void *context, struct error *error)
{
	struct store_key key, prefix;
	struct store_sent sent;
	MDB_val value;

	user_key(&prefix, user);
	key_add_text(&prefix, name);
	key = prefix;
	for (;;) {
		int found = table_seek(txn, TABLE_SENT, &key, &value, error);

		if (found != 1 || !key_has_prefix(&key, &prefix))
			return found < 0 ? -1 : 0;
		if (key.len != prefix.len + 2 * INT_BYTES)
			return store_damaged(error, "sent key");
		if (decode_sent(&value, &sent, error) < 0 ||
		    fn(context, int64_read(key.bytes + prefix.len),
			int64_read(key.bytes + prefix.len + INT_BYTES), &sent, error) != 0)
			return -1;
		key_increment(&key);
	}
}

/* ---- holds ---- */

int store_hold_set(struct store_txn *txn, const char *user, bool held, struct error *error)
{
	struct store_key key;

	user_key(&key, user);
	if (held)
		return table_put(txn, TABLE_HOLDS, &key, "", 0, error);
	return table_remove(txn, TABLE_HOLDS, &key, error) < 0 ? -1 : 0;
}

int store_holds_each(struct store_txn *txn, store_hold_fn *fn, void *context, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	key_init(&key);
	while ((found = table_seek(txn, TABLE_HOLDS, &key, &value, error)) == 1) {
		fn(context, (const char *)key.bytes);
		key_increment(&key);
	}
	return found;
}

int store_quiet_set(struct store_txn *txn, int64_t until_ms, struct error *error)
{
	return meta_put_int64(txn, "quiet_until", until_ms, error);
}

int store_quiet_get(struct store_txn *txn, int64_t *until_ms, struct error *error)
{
	*until_ms = 0;
	return meta_get_int64(txn, "quiet_until", until_ms, error) < 0 ? -1 : 0;
}

/* ---- staged files ---- */

static void staged_key(struct store_key *key, const char *user, const char *spool)
{
	user_key(key, user);
	key_add_text(key, spool);
}

static int decode_staged(const MDB_val *value, struct store_staged *staged, struct error *error)
{
	struct json_object *record;
	const char *name, *key;

	if (json_parse_object(value->mv_data, value->mv_size, "staged file", &record, error) != 0)
		return store_damaged(error, "staged file");
	name = json_text(record, "name");
	key = json_text(record, "key");
	snprintf(staged->name, sizeof staged->name, "%s", name != NULL ? name : "file");
	snprintf(staged->key, sizeof staged->key, "%s", key != NULL ? key : "");
	staged->size_bytes = json_int64(record, "size_bytes");
	staged->staged_ms = json_int64(record, "staged_ms");
	staged->part = json_int64(record, "part");
	json_object_put(record);
	return 1;
}

/* Where that of a key of the table of staged files lies in the spool. */
static const char *staged_spool(const struct store_key *key)
{
	return (const char *)key->bytes + strlen((const char *)key->bytes) + 1;
}

static bool is_same_file(const struct store_staged *a, const struct store_staged *b)
{
	return a->key[0] != '\0' && strcmp(a->key, b->key) == 0 && a->part == b->part;
}

static int drop_staged(struct store_txn *txn, const struct store_key *key, store_spool_fn *fn, void *context,
    struct error *error)
{
	if (table_remove(txn, TABLE_STAGED, key, error) < 0)
		return -1;
	fn(context, staged_spool(key));
	return 0;
}

/* What an account has beside the file that is to come. */
struct staged_others {
	int64_t count;
	struct store_key oldest; /* of those with another key */
	int64_t oldest_ms;	 /* INT64_MAX: there is none */
};

static void note_other(struct staged_others *others, const struct store_key *key,
    const struct store_staged *other, const struct store_staged *staged)
{
	others->count++;
	if (other->key[0] == '\0' || strcmp(other->key, staged->key) == 0 ||
	    other->staged_ms >= others->oldest_ms)
		return;
	others->oldest = *key;
	others->oldest_ms = other->staged_ms;
}

/* Removes the one that staged takes the place of, and notes the others. */
static int replace_staged(struct store_txn *txn, const char *user, const struct store_staged *staged,
    store_spool_fn *fn, void *context, struct staged_others *others, struct error *error)
{
	struct store_staged old;
	struct store_key key, prefix;
	MDB_val value;
	int found;

	user_key(&prefix, user);
	key = prefix;
	*others = (struct staged_others){.oldest_ms = INT64_MAX};
	while ((found = table_seek(txn, TABLE_STAGED, &key, &value, error)) == 1 &&
	       key_has_prefix(&key, &prefix)) {
		if (decode_staged(&value, &old, error) < 0)
			return -1;
		if (!is_same_file(staged, &old))
			note_other(others, &key, &old, staged);
		else if (drop_staged(txn, &key, fn, context, error) != 0)
			return -1;
		key_increment(&key);
	}
	return found < 0 ? -1 : 0;
}

int store_staged_put(struct store_txn *txn, const char *user, const char *spool,
    const struct store_staged *staged, store_spool_fn *fn, void *context, struct error *error)
{
	struct json_object *record;
	struct staged_others others;
	struct store_key key;
	const char *line;
	int result;

	if (replace_staged(txn, user, staged, fn, context, &others, error) != 0)
		return -1;
	if (others.count >= STORE_STAGED_MAX && others.oldest_ms == INT64_MAX)
		return 0;
	if (others.count >= STORE_STAGED_MAX && drop_staged(txn, &others.oldest, fn, context, error) != 0)
		return -1;
	record = json_object_new_object();
	json_put_text(record, "name", staged->name);
	json_put_int64(record, "size_bytes", staged->size_bytes);
	json_put_int64(record, "staged_ms", staged->staged_ms);
	if (staged->key[0] != '\0') {
		json_put_text(record, "key", staged->key);
		json_put_int64(record, "part", staged->part);
	}
	line = json_line(record);
	staged_key(&key, user, spool);
	result = table_put(txn, TABLE_STAGED, &key, line, strlen(line), error);
	json_object_put(record);
	return result == 0 ? 1 : -1;
}

int store_staged_get(struct store_txn *txn, const char *user, const char *spool, struct store_staged *staged,
    struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	staged_key(&key, user, spool);
	found = table_get(txn, TABLE_STAGED, &key, &value, error);
	return found == 1 ? decode_staged(&value, staged, error) : found;
}

int store_staged_remove(struct store_txn *txn, const char *user, const char *spool, struct error *error)
{
	struct store_key key;

	staged_key(&key, user, spool);
	return table_remove(txn, TABLE_STAGED, &key, error);
}

int store_staged_trim(struct store_txn *txn, int64_t now_ms, int64_t steps, store_spool_fn *fn, void *context,
    struct error *error)
{
	struct store_staged staged;
	struct store_key key;
	MDB_val value;
	int found = 1;

	for (key_init(&key); steps > 0 && found == 1; steps--) {
		found = table_seek(txn, TABLE_STAGED, &key, &value, error);
		if (found != 1)
			break;
		if (decode_staged(&value, &staged, error) < 0)
			return -1;
		if (staged.staged_ms + STORE_STAGED_KEEP_MS < now_ms &&
		    drop_staged(txn, &key, fn, context, error) != 0)
			return -1;
		key_increment(&key);
	}
	return found < 0 ? -1 : 0;
}
