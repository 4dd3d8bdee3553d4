#include "store_internal.h"

#include <string.h>

enum {
	SWEEP_STEPS = 16, /* how many neighbours a claim looks at for those that are over */
	CLAIM_BYTES = 2 * INT_BYTES,
	OLD_CLAIM_BYTES = INT_BYTES, /* of a version that did not know sent_ms */
};

/* What is known of a script, or of a key or text with a cooldown. */
struct claim {
	int64_t until_ms, sent_ms; /* 0: none */
};

static int claim_decode(const MDB_val *value, struct claim *claim, struct error *error)
{
	const unsigned char *bytes = value->mv_data;

	if (value->mv_size != CLAIM_BYTES && value->mv_size != OLD_CLAIM_BYTES)
		return store_damaged(error, "cooldown");
	claim->until_ms = int64_read(bytes);
	claim->sent_ms = value->mv_size == CLAIM_BYTES ? int64_read(bytes + INT_BYTES) : 0;
	return 0;
}

static bool claim_is_over(const struct claim *claim, int64_t now_ms)
{
	return claim->until_ms <= now_ms &&
	       (claim->sent_ms == 0 || claim->sent_ms + STORE_SCRIPT_KEEP_MS <= now_ms);
}

static int sweep_claims(struct store_txn *txn, struct store_key key, int64_t now_ms, struct error *error)
{
	struct error damage;
	struct claim claim;
	MDB_val value;
	int found = 1;

	for (int i = 0; i < SWEEP_STEPS && found == 1; i++) {
		key_increment(&key);
		found = table_seek(txn, TABLE_COOLDOWNS, &key, &value, error);
		/* One that is damaged is left to store_check. */
		if (found == 1 && claim_decode(&value, &claim, &damage) == 0 &&
		    claim_is_over(&claim, now_ms) && table_remove(txn, TABLE_COOLDOWNS, &key, error) < 0)
			return -1;
	}
	return found < 0 ? -1 : 0;
}

/* Where nothing is known of it, all is 0. 1, 0, -1. */
static int claim_get(
    struct store_txn *txn, const struct store_key *key, struct claim *claim, struct error *error)
{
	MDB_val value;
	int found = table_get(txn, TABLE_COOLDOWNS, key, &value, error);

	*claim = (struct claim){0};
	if (found == 1 && claim_decode(&value, claim, error) != 0)
		return -1;
	return found;
}

static int claim_put(
    struct store_txn *txn, const struct store_key *key, const struct claim *claim, struct error *error)
{
	unsigned char bytes[CLAIM_BYTES];

	int64_write(bytes, claim->until_ms);
	int64_write(bytes + INT_BYTES, claim->sent_ms);
	return table_put(txn, TABLE_COOLDOWNS, key, bytes, sizeof bytes, error);
}

static void claim_key(struct store_key *key, const char *user, const char *name)
{
	user_key(key, user);
	key_add_text(key, name);
}

int store_cooldown_claim(struct store_txn *txn, const char *user, const char *script, int64_t now_ms,
    int64_t cooldown_ms, int64_t *left_ms, struct error *error)
{
	struct store_key key;
	struct claim claim;

	claim_key(&key, user, script);
	if (claim_get(txn, &key, &claim, error) < 0)
		return -1;
	if (claim.until_ms > now_ms) {
		*left_ms = claim.until_ms - now_ms;
		return 0;
	}
	claim.until_ms = now_ms + cooldown_ms;
	if (claim_put(txn, &key, &claim, error) != 0)
		return -1;
	return sweep_claims(txn, key, now_ms, error) == 0 ? 1 : -1;
}

/* ---- when each script has sent something ---- */

static int script_decode(const struct store_key *key, size_t prefix_len, const MDB_val *value,
    struct store_script *script, struct error *error)
{
	const char *name = (const char *)key->bytes + prefix_len;
	size_t len = key->len - prefix_len;
	struct claim claim;

	if (len < 2 || len > sizeof script->name || name[len - 1] != '\0')
		return store_damaged(error, "cooldown");
	if (claim_decode(value, &claim, error) != 0)
		return -1;
	memcpy(script->name, name, len);
	script->last_sent_ms = claim.sent_ms;
	script->cooldown_until_ms = claim.until_ms;
	return 0;
}

int store_scripts_each(
    struct store_txn *txn, const char *user, store_script_fn *fn, void *context, struct error *error)
{
	struct store_key prefix, key;
	struct store_script script;
	MDB_val value;
	int found;

	user_key(&prefix, user);
	for (key = prefix; (found = table_seek(txn, TABLE_COOLDOWNS, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (!key_has_prefix(&key, &prefix))
			return 0;
		/* What is no script begins with a colon: all of it stands together and is passed at once. */
		if (key.len > prefix.len && key.bytes[prefix.len] == ':') {
			key = prefix;
			key_add_byte(&key, ':');
			key_add_byte(&key, 0xff);
			continue;
		}
		if (script_decode(&key, prefix.len, &value, &script, error) != 0)
			return -1;
		fn(context, &script);
	}
	return found;
}

struct oldest {
	int64_t count;
	struct store_script script;
};

static void find_oldest(void *context, const struct store_script *script)
{
	struct oldest *oldest = context;

	if (script->last_sent_ms == 0)
		return;
	if (oldest->count++ == 0 || script->last_sent_ms < oldest->script.last_sent_ms)
		oldest->script = *script;
}

/* Room for one more: the script that sent longest ago is forgotten, but for a cooldown that still runs. */
static int make_room(struct store_txn *txn, const char *user, int64_t now_ms, struct error *error)
{
	struct oldest oldest = {.count = 0};
	struct store_key key;
	struct claim claim;

	if (store_scripts_each(txn, user, find_oldest, &oldest, error) != 0)
		return -1;
	if (oldest.count < STORE_SCRIPTS_MAX)
		return 0;
	claim_key(&key, user, oldest.script.name);
	if (oldest.script.cooldown_until_ms <= now_ms)
		return table_remove(txn, TABLE_COOLDOWNS, &key, error) < 0 ? -1 : 0;
	claim = (struct claim){.until_ms = oldest.script.cooldown_until_ms};
	return claim_put(txn, &key, &claim, error);
}

int store_script_sent(
    struct store_txn *txn, const char *user, const char *script, int64_t now_ms, struct error *error)
{
	struct store_key key;
	struct claim claim;

	claim_key(&key, user, script);
	if (claim_get(txn, &key, &claim, error) < 0)
		return -1;
	if (claim.sent_ms == 0 && make_room(txn, user, now_ms, error) != 0)
		return -1;
	claim.sent_ms = now_ms;
	if (claim_put(txn, &key, &claim, error) != 0)
		return -1;
	return sweep_claims(txn, key, now_ms, error);
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
