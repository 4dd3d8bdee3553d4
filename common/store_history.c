/* Looking at messages wherever they are, and forgetting those that ended long ago. */
#include "store_internal.h"

/* ---- one ---- */

static int get_from(struct store_txn *txn, enum store_table table, int64_t id, struct store_message *message,
    struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	id_key(&key, id);
	found = table_get(txn, table, &key, &value, error);
	if (found != 1)
		return found;
	return message_decode(id, &value, message, error) == 0 ? 1 : -1;
}

int store_message_get(struct store_txn *txn, int64_t id, enum store_state *state,
    struct store_message *message, struct error *error)
{
	int found = message_get_waiting(txn, id, message, error);

	if (found == 1)
		*state = message->due_ms != 0 ? STORE_SCHEDULED
			 : message->started   ? STORE_STARTED
					      : STORE_QUEUED;
	if (found == 0) {
		found = get_from(txn, TABLE_DEAD, id, message, error);
		if (found == 1)
			*state = message->uncertain ? STORE_UNCERTAIN : STORE_DEAD;
	}
	if (found == 0) {
		*state = STORE_DELIVERED;
		found = get_from(txn, TABLE_HISTORY, id, message, error);
	}
	if (found != 1 || store_message_parse(message, error) == 0)
		return found;
	store_message_free(message);
	return -1;
}

/* ---- several ---- */

/* 1 to go on, 0 where fn has enough. */
static int show(struct store_txn *txn, int64_t id, store_message_fn *fn, void *context, struct error *error)
{
	struct store_message message;
	enum store_state state;
	bool more;
	int found = store_message_get(txn, id, &state, &message, error);

	if (found != 1)
		return found < 0 ? -1 : store_damaged(error, "owner without its message");
	more = fn(context, state, &message);
	store_message_free(&message);
	return more ? 1 : 0;
}

/* Shows what table has under prefix, whose keys end in the id; limit is counted down. */
static int show_table(struct store_txn *txn, enum store_table table, const struct store_key *prefix,
    int64_t *limit, store_message_fn *fn, void *context, struct error *error)
{
	struct store_key key = *prefix;
	MDB_val value;

	for (; *limit > 0; --*limit) {
		int found = table_seek(txn, table, &key, &value, error);

		if (found != 1 || !key_has_prefix(&key, prefix))
			return found < 0 ? -1 : 0;
		if (key.len < INT_BYTES)
			return store_damaged(error, "owner");
		found = show(txn, int64_read(key.bytes + key.len - INT_BYTES), fn, context, error);
		if (found != 1)
			*limit = 1;
		if (found < 0)
			return -1;
		key_increment(&key);
	}
	return 0;
}

int store_outbox_each(struct store_txn *txn, const char *user, int64_t limit, store_message_fn *fn,
    void *context, struct error *error)
{
	struct store_key prefix;

	if (user != NULL) {
		user_key(&prefix, user);
		key_add_byte(&prefix, OWNER_OUTBOX);
		return show_table(txn, TABLE_OWNERS, &prefix, &limit, fn, context, error);
	}
	key_init(&prefix);
	if (show_table(txn, TABLE_OUTBOX, &prefix, &limit, fn, context, error) != 0)
		return -1;
	return show_table(txn, TABLE_DEAD, &prefix, &limit, fn, context, error);
}

int store_history_each(struct store_txn *txn, const char *user, int64_t before, int64_t limit,
    store_message_fn *fn, void *context, struct error *error)
{
	enum store_table table = user != NULL ? TABLE_OWNERS : TABLE_HISTORY;
	struct store_key key, prefix;
	MDB_val value;
	int found = 1;

	key_init(&prefix);
	if (user != NULL) {
		user_key(&prefix, user);
		key_add_byte(&prefix, OWNER_HISTORY);
	}
	key = prefix;
	key_add_int64(&key, before);
	for (; limit > 0 && found == 1; limit--) {
		found = table_before(txn, table, &key, &value, error);
		if (found != 1 || !key_has_prefix(&key, &prefix) || key.len < INT_BYTES)
			break;
		found = show(txn, int64_read(key.bytes + key.len - INT_BYTES), fn, context, error);
	}
	return found < 0 ? -1 : 0;
}

int store_history_since(
    struct store_txn *txn, int64_t since_ms, store_delivery_fn *fn, void *context, struct error *error)
{
	struct store_message message;
	struct store_key key;
	MDB_val value;
	int found;

	/* All of it: what was accepted first may have been delivered last. */
	id_key(&key, 0);
	while ((found = table_seek(txn, TABLE_HISTORY, &key, &value, error)) == 1) {
		if (message_decode(int64_read(key.bytes), &value, &message, error) != 0)
			return -1;
		if (message.ended_ms >= since_ms)
			fn(context, message.chat, message.ended_ms);
		store_message_free(&message);
		key_increment(&key);
	}
	return found;
}

int store_totals(struct store_txn *txn, struct store_totals *totals, struct error *error)
{
	struct store_message message;
	struct store_key key;
	MDB_val value;
	int64_t waiting;
	int found;

	if (table_entries(txn, TABLE_INBOX, &totals->inbox, error) != 0 ||
	    table_entries(txn, TABLE_OUTBOX, &waiting, error) != 0 ||
	    table_entries(txn, TABLE_SCHEDULED, &totals->scheduled, error) != 0 ||
	    table_entries(txn, TABLE_DEAD, &totals->dead, error) != 0 ||
	    table_entries(txn, TABLE_LINKS, &totals->links, error) != 0 ||
	    table_entries(txn, TABLE_HISTORY, &totals->history, error) != 0)
		return -1;
	totals->queued = waiting - totals->scheduled;
	totals->oldest_ms = 0;
	key_init(&key);
	found = table_seek(txn, TABLE_OUTBOX, &key, &value, error);
	if (found != 1)
		return found;
	if (message_decode(int64_read(key.bytes), &value, &message, error) != 0)
		return -1;
	totals->oldest_ms = message.accepted_ms;
	store_message_free(&message);
	return 0;
}

int store_dead_uncertain(struct store_txn *txn, int64_t *count, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found, uncertain;

	*count = 0;
	for (key_init(&key); (found = table_seek(txn, TABLE_DEAD, &key, &value, error)) == 1;
	     key_increment(&key)) {
		uncertain = message_is_uncertain(&value, error);
		if (uncertain < 0)
			return -1;
		*count += uncertain;
	}
	return found;
}

/* ---- forgetting ---- */

static int forget(struct store_txn *txn, enum store_table table, const struct store_key *key,
    const struct store_message *message, store_spool_fn *fn, void *context, struct error *error)
{
	struct store_key owner;

	if (table == TABLE_DEAD) {
		for (size_t i = 0; i < message->files_count; i++)
			fn(context, message->files[i].spool);
		return store_outbox_cancel(txn, STORE_DEAD, message, error);
	}
	owner_key(&owner, message->user, OWNER_HISTORY, message->id);
	if (table_remove(txn, TABLE_OWNERS, &owner, error) < 0)
		return -1;
	return table_remove(txn, table, key, error) < 0 ? -1 : 0;
}

/* Looks at the entry with the lowest id: 1 it is gone, 0 it stays, and so do those after it. */
static int trim_one(struct store_txn *txn, enum store_table table, bool too_many, int64_t before_ms,
    store_spool_fn *fn, void *context, struct error *error)
{
	struct store_message message;
	struct store_key key;
	MDB_val value;
	int found, result = 0;

	key_init(&key);
	found = table_seek(txn, table, &key, &value, error);
	if (found != 1)
		return found;
	if (message_decode(int64_read(key.bytes), &value, &message, error) != 0)
		return -1;
	if (too_many || message.ended_ms < before_ms)
		result = forget(txn, table, &key, &message, fn, context, error) == 0 ? 1 : -1;
	store_message_free(&message);
	return result;
}

static int trim_table(struct store_txn *txn, enum store_table table, int64_t max, int64_t before_ms,
    int64_t steps, store_spool_fn *fn, void *context, struct error *error)
{
	int64_t entries;
	int gone = 1;

	if (table_entries(txn, table, &entries, error) != 0)
		return -1;
	for (; steps > 0 && gone == 1; steps--, entries--)
		gone = trim_one(txn, table, entries > max, before_ms, fn, context, error);
	return gone;
}

int store_trim(struct store_txn *txn, int64_t history_before_ms, int64_t dead_before_ms, int64_t steps,
    store_spool_fn *fn, void *context, struct error *error)
{
	int history =
	    trim_table(txn, TABLE_HISTORY, STORE_HISTORY_MAX, history_before_ms, steps, fn, context, error);
	int dead = history < 0 ? -1
			       : trim_table(txn, TABLE_DEAD, STORE_DEAD_MAX, dead_before_ms, steps, fn,
				     context, error);

	return dead < 0 ? -1 : history + dead > 0;
}
