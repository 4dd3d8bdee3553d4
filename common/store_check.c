/* Whether the tables fit each other. Read-only, so it may run beside tg-sendd. */
#include "store_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path.h"

struct check {
	struct store *store;
	struct store_txn *txn;
	store_finding_fn *fn;
	void *context;
	int64_t findings;
	int64_t owned; /* messages that wait and have an owner */
};

static void find(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void find(struct check *check, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	check->findings++;
	check->fn(check->context, line);
}

/* Whether table has key; what is wrong with reading it is a finding. */
static bool has(struct check *check, enum store_table table, const struct store_key *key, MDB_val *value)
{
	struct error error;
	int found = table_get(check->txn, table, key, value, &error);

	if (found < 0)
		find(check, "%s", error.text);
	return found == 1;
}

static void check_owner(struct check *check, const struct store_message *message, unsigned char group,
    const char *state_names, const unsigned char *states)
{
	struct store_key key;
	MDB_val value;

	if (message->user[0] == '\0')
		return;
	owner_key(&key, message->user, group, message->id);
	if (!has(check, TABLE_OWNERS, &key, &value))
		find(check, "message %lld: nobody owns it", (long long)message->id);
	else if (value.mv_size != 1 || memchr(states, *(const unsigned char *)value.mv_data, 2) == NULL)
		find(check, "message %lld: its owner does not have it as %s", (long long)message->id,
		    state_names);
}

static void check_files(struct check *check, const struct store_message *message)
{
	for (size_t i = 0; i < message->files_count; i++) {
		char *path = path_join(check->store->spool, message->files[i].spool);
		struct store_key key;
		MDB_val value;

		user_key(&key, message->files[i].spool);
		if (!has(check, TABLE_SPOOL, &key, &value))
			find(check, "message %lld: its file is not known as its", (long long)message->id);
		if (access(path, R_OK) != 0)
			find(check, "message %lld: its file is not in the spool", (long long)message->id);
		free(path);
	}
}

static void check_waiting(struct check *check, const struct store_message *message)
{
	static const unsigned char states[2] = {STORE_QUEUED, STORE_SCHEDULED};
	struct store_key key;
	MDB_val value;

	check_owner(check, message, OWNER_OUTBOX, "waiting", states);
	check->owned += message->user[0] != '\0';
	check_files(check, message);
	queue_key(&key, message);
	if (message->due_ms != 0) {
		key_init(&key);
		key_add_int64(&key, message->due_ms);
		key_add_int64(&key, message->id);
	}
	if (!has(check, message->due_ms != 0 ? TABLE_SCHEDULED : TABLE_QUEUE, &key, &value))
		find(check, "message %lld: it is in no queue", (long long)message->id);
}

static void check_dead(struct check *check, const struct store_message *message)
{
	static const unsigned char states[2] = {STORE_DEAD, STORE_UNCERTAIN};

	check_owner(check, message, OWNER_OUTBOX, "dead", states);
	check_files(check, message);
}

static void check_delivered(struct check *check, const struct store_message *message)
{
	static const unsigned char states[2] = {STORE_DELIVERED, STORE_DELIVERED};

	check_owner(check, message, OWNER_HISTORY, "delivered", states);
}

static int check_messages(struct check *check, enum store_table table,
    void (*one)(struct check *check, const struct store_message *message), struct error *error)
{
	struct store_message message;
	struct store_key key;
	struct error damage;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, table, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (key.len != INT_BYTES) {
			find(check, "a message has a key of %zu bytes", key.len);
		} else if (message_decode(int64_read(key.bytes), &value, &message, &damage) != 0) {
			find(check, "message %lld: %s", (long long)int64_read(key.bytes), damage.text);
		} else {
			one(check, &message);
			store_message_free(&message);
		}
	}
	return found;
}

/* Each entry of table ends in the id of a message that must be in the outbox. */
static int check_pointers(struct check *check, enum store_table table, const char *name, struct error *error)
{
	struct store_key key, id;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, table, &key, &value, error)) == 1;
	     key_increment(&key)) {
		key_init(&id);
		if (key.len >= INT_BYTES)
			key_add_bytes(&id, key.bytes + key.len - INT_BYTES, INT_BYTES);
		if (id.len == 0 || !has(check, TABLE_OUTBOX, &id, &value))
			find(check, "%s: an entry without its message", name);
	}
	return found;
}

static int check_owners(struct check *check, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, TABLE_OWNERS, &key, &value, error)) == 1;
	     key_increment(&key)) {
		struct store_key id;

		key_init(&id);
		if (key.len > INT_BYTES)
			key_add_bytes(&id, key.bytes + key.len - INT_BYTES, INT_BYTES);
		if (id.len == 0 ||
		    (!has(check, TABLE_OUTBOX, &id, &value) && !has(check, TABLE_DEAD, &id, &value) &&
			!has(check, TABLE_HISTORY, &id, &value)))
			find(check, "owners: an entry without its message");
	}
	return found;
}

static int check_counts(struct check *check, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int64_t counted = 0;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, TABLE_COUNTS, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (value.mv_size == INT_BYTES)
			counted += int64_read(value.mv_data);
	}
	if (found < 0)
		return -1;
	if (counted != check->owned)
		find(check, "counts: %lld messages are counted, %lld are there", (long long)counted,
		    (long long)check->owned);
	return 0;
}

/* That of a version which did not know when a script sent something last is one number short. */
static int check_cooldowns(struct check *check, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, TABLE_COOLDOWNS, &key, &value, error)) == 1;
	     key_increment(&key)) {
		const unsigned char *nul = memchr(key.bytes, '\0', key.len);

		if (nul == NULL || nul + 1 == key.bytes + key.len || key.bytes[key.len - 1] != '\0')
			find(check, "cooldowns: an entry without a name");
		else if (value.mv_size != INT_BYTES && value.mv_size != 2 * (size_t)INT_BYTES)
			find(check, "cooldown of %.64s: it has %zu bytes", (const char *)nul + 1,
			    value.mv_size);
	}
	return found;
}

/* A number that was given must never be given again. */
static int check_jobs(struct check *check, struct error *error)
{
	struct store_job job = {.id = 0};
	struct store_key key;
	struct error damage;
	MDB_val value;
	int64_t next = 1;
	int found;

	if (meta_get_int64(check->txn, "next_job", &next, error) < 0)
		return -1;
	for (key_init(&key); (found = table_seek(check->txn, TABLE_JOBS, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (job_decode(&key, &value, &job, &damage) != 0)
			find(check, "jobs: %s", damage.text);
		else if (job.id >= next)
			find(check, "job %lld: its number will be given again", (long long)job.id);
	}
	return found;
}

static int check_buttons(struct check *check, struct error *error)
{
	char id[STORE_BUTTON_BYTES];
	struct store_button button;
	struct store_key key;
	struct error damage;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, TABLE_BUTTONS, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (button_decode(&value, &button, &damage) != 0) {
			find(check, "buttons: %s", damage.text);
			continue;
		}
		button_id(check->store, &button, id);
		if (key.len != sizeof id || memcmp(key.bytes, id, sizeof id) != 0)
			find(check, "button of %s: its id stands for another one", button.user);
	}
	return found;
}

/* Both tables of the drafts say the same. */
static int check_drafts(struct check *check, struct error *error)
{
	struct store_key key, other;
	MDB_val value, none;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, TABLE_DRAFTS, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (value.mv_size < INT_BYTES) {
			find(check, "a draft has %zu bytes", value.mv_size);
			continue;
		}
		draft_age_key(&other, int64_read(value.mv_data), &key);
		if (!has(check, TABLE_DRAFT_AGES, &other, &none))
			find(check, "draft of %.64s: it will never be forgotten", (const char *)key.bytes);
	}
	if (found < 0)
		return -1;
	for (key_init(&key); (found = table_seek(check->txn, TABLE_DRAFT_AGES, &key, &value, error)) == 1;
	     key_increment(&key)) {
		key_init(&other);
		if (key.len > INT_BYTES)
			key_add_bytes(&other, key.bytes + INT_BYTES, key.len - INT_BYTES);
		if (other.len == 0 || !has(check, TABLE_DRAFTS, &other, &none))
			find(check, "draft ages: an entry without its draft");
	}
	return found;
}

static int check_tries(struct check *check, enum store_table table, struct error *error)
{
	struct store_key key;
	struct error damage;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, table, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (tries_check(&value, &damage) != 0)
			find(check, "tries: %s", damage.text);
	}
	return found;
}

static int check_apikeys(struct check *check, struct error *error)
{
	struct apikey_record record;
	struct store_key key, hash, place;
	struct error damage;
	MDB_val value;
	int64_t next = 1;
	int found;

	if (meta_get_int64(check->txn, "next_apikey", &next, error) < 0)
		return -1;
	for (key_init(&key); (found = table_seek(check->txn, TABLE_APIKEYS, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (apikey_decode(&key, &value, &record, &damage) != 0) {
			find(check, "keys: %s", damage.text);
			continue;
		}
		key_init(&hash);
		key_add_bytes(&hash, record.hash, sizeof record.hash);
		if (record.key.id >= next)
			find(check, "key %lld: its number will be given again", (long long)record.key.id);
		if (!has(check, TABLE_APIKEY_HASHES, &hash, &value) ||
		    apikey_place(&value, &place, &damage) != 0 || place.len != key.len ||
		    memcmp(place.bytes, key.bytes, key.len) != 0)
			find(
			    check, "key %lld of %s: it opens nothing", (long long)record.key.id, record.user);
	}
	return found;
}

static int check_apikey_hashes(struct check *check, struct error *error)
{
	struct store_key key, place;
	struct error damage;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, TABLE_APIKEY_HASHES, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (apikey_place(&value, &place, &damage) != 0 || !has(check, TABLE_APIKEYS, &place, &value))
			find(check, "keys: a hash without its key");
	}
	return found;
}

static int check_starts(struct check *check, struct error *error)
{
	char user[STORE_USER_BYTES];
	struct store_key key, by_user;
	struct error damage;
	int64_t expires_ms;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, TABLE_STARTS, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (start_decode(&value, &expires_ms, user, &damage) != 0) {
			find(check, "deep links: %s", damage.text);
			continue;
		}
		user_key(&by_user, user);
		if (!has(check, TABLE_USER_STARTS, &by_user, &value) || value.mv_size != key.len ||
		    memcmp(value.mv_data, key.bytes, key.len) != 0)
			find(check, "deep link of %s: its account does not know it", user);
	}
	return found;
}

/* How many messages with the ids from first on to last are in the outbox; -1. */
static int64_t count_waiting(struct check *check, int64_t first, int64_t last, struct error *error)
{
	struct store_key key;
	int64_t count = 0;
	MDB_val value;
	int found;

	for (id_key(&key, first); (found = table_seek(check->txn, TABLE_OUTBOX, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (key.len != INT_BYTES || int64_read(key.bytes) > last)
			break;
		count++;
	}
	return found < 0 ? -1 : count;
}

static int check_broadcasts(struct check *check, struct error *error)
{
	struct store_broadcast broadcast;
	struct store_key key;
	struct error damage;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, TABLE_BROADCASTS, &key, &value, error)) == 1;
	     key_increment(&key)) {
		int64_t waiting;

		if (broadcast_decode(&key, &value, &broadcast, &damage) != 0) {
			find(check, "broadcasts: %s", damage.text);
			continue;
		}
		waiting = count_waiting(check, broadcast.first_id, broadcast.last_id, error);
		if (waiting < 0)
			return -1;
		if (waiting != store_broadcast_left(&broadcast))
			find(check, "broadcast %lld: %lld of its messages are left, %lld are there",
			    (long long)broadcast.last_id, (long long)store_broadcast_left(&broadcast),
			    (long long)waiting);
	}
	return found;
}

static int check_broken(struct check *check, struct error *error)
{
	struct store_broken broken;
	struct store_key key;
	struct error damage;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, TABLE_BROKEN, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (broken_decode(&key, &value, &broken, NULL, &damage) != 0)
			find(check, "broken updates: %s", damage.text);
	}
	return found;
}

static int check_menus(struct check *check, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(check->txn, TABLE_MENUS, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (key.len != INT_BYTES || value.mv_size != INT_BYTES)
			find(check, "menus: an entry of %zu bytes", value.mv_size);
	}
	return found;
}

static bool check_link(void *context, const struct store_link *link)
{
	struct check *check = context;
	struct store_key key;
	MDB_val value;

	user_key(&key, link->user);
	key_add_int64(&key, link->chat);
	if (!has(check, TABLE_USER_LINKS, &key, &value))
		find(check, "link of chat %lld: its account does not know it", (long long)link->chat);
	return true;
}

static int check_all(struct check *check, struct error *error)
{
	if (check_messages(check, TABLE_OUTBOX, check_waiting, error) != 0 ||
	    check_messages(check, TABLE_DEAD, check_dead, error) != 0 ||
	    check_messages(check, TABLE_HISTORY, check_delivered, error) != 0 ||
	    check_pointers(check, TABLE_SCHEDULED, "schedule", error) != 0 ||
	    check_owners(check, error) != 0 || check_counts(check, error) != 0 ||
	    check_cooldowns(check, error) != 0 || check_jobs(check, error) != 0 ||
	    check_menus(check, error) != 0 || check_buttons(check, error) != 0 ||
	    check_drafts(check, error) != 0 || check_tries(check, TABLE_TRIES, error) != 0 ||
	    check_tries(check, TABLE_CHAT_TRIES, error) != 0 || check_apikeys(check, error) != 0 ||
	    check_apikey_hashes(check, error) != 0 || check_starts(check, error) != 0 ||
	    check_broadcasts(check, error) != 0 || check_broken(check, error) != 0)
		return -1;
	return store_links_each(check->txn, NULL, check_link, check, error);
}

int64_t store_check(struct store *store, store_finding_fn *fn, void *context, struct error *error)
{
	struct check check = {.store = store, .fn = fn, .context = context};
	int result;

	if (store_begin_read(store, &check.txn, error) != 0)
		return -1;
	result = check_all(&check, error);
	store_abort(check.txn);
	return result == 0 ? check.findings : -1;
}
