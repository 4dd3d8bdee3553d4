#include "store_internal.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

static void user_chat_key(struct store_key *key, const char *user, int64_t chat)
{
	user_key(key, user);
	key_add_int64(key, chat);
}

static void copy_text(char *target, size_t size, const char *source)
{
	snprintf(target, size, "%s", source ? source : "");
}

static int decode_link(int64_t chat, const MDB_val *value, struct store_link *link, struct error *error)
{
	struct json_object *record;

	if (json_parse_object(value->mv_data, value->mv_size, "link", &record, error) != 0)
		return store_damaged(error, "link");
	link->chat = chat;
	copy_text(link->user, sizeof link->user, json_text(record, "user"));
	copy_text(link->chat_name, sizeof link->chat_name, json_text(record, "chat_name"));
	link->linked_ms = json_int64(record, "linked_ms");
	link->paused = json_int64(record, "paused") != 0;
	json_object_put(record);
	return 1;
}

int store_link_of_chat(struct store_txn *txn, int64_t chat, struct store_link *link, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	chat_key(&key, chat);
	found = table_get(txn, TABLE_LINKS, &key, &value, error);
	return found == 1 ? decode_link(chat, &value, link, error) : found;
}

static const char version_name[] = "links_version";

int store_links_version(struct store_txn *txn, int64_t *version, struct error *error)
{
	*version = 0;
	return meta_get_int64(txn, version_name, version, error) < 0 ? -1 : 0;
}

static int note_change(struct store_txn *txn, struct error *error)
{
	int64_t version;

	if (store_links_version(txn, &version, error) != 0)
		return -1;
	return meta_put_int64(txn, version_name, version + 1, error);
}

int store_link_put(struct store_txn *txn, const struct store_link *link, struct error *error)
{
	struct json_object *record;
	struct store_key key;
	const char *line;
	int result;

	if (store_link_remove(txn, link->chat, error) < 0)
		return -1;
	record = json_object_new_object();
	json_put_text(record, "user", link->user);
	json_put_text(record, "chat_name", link->chat_name);
	json_put_int64(record, "linked_ms", link->linked_ms);
	json_put_int64(record, "paused", link->paused);
	line = json_line(record);
	chat_key(&key, link->chat);
	result = table_put(txn, TABLE_LINKS, &key, line, strlen(line), error);
	json_object_put(record);
	if (result != 0)
		return -1;
	user_chat_key(&key, link->user, link->chat);
	if (table_put(txn, TABLE_USER_LINKS, &key, "", 0, error) != 0)
		return -1;
	return note_change(txn, error);
}

int store_link_remove(struct store_txn *txn, int64_t chat, struct error *error)
{
	struct store_link link;
	struct store_key key;
	int found = store_link_of_chat(txn, chat, &link, error);

	if (found != 1)
		return found;
	user_chat_key(&key, link.user, chat);
	if (table_remove(txn, TABLE_USER_LINKS, &key, error) < 0 || note_change(txn, error) != 0)
		return -1;
	chat_key(&key, chat);
	return table_remove(txn, TABLE_LINKS, &key, error);
}

int store_link_move(struct store_txn *txn, int64_t chat, const char *chat_name, const char *user,
    int64_t now_ms, struct store_link *old, struct error *error)
{
	struct store_link link = {.chat = chat, .linked_ms = now_ms};
	int found = store_link_of_chat(txn, chat, old, error);

	if (found < 0)
		return -1;
	copy_text(link.user, sizeof link.user, user);
	copy_text(link.chat_name, sizeof link.chat_name, chat_name);
	if (found == 1 && strcmp(old->user, link.user) == 0)
		link.linked_ms = old->linked_ms;
	return store_link_put(txn, &link, error) == 0 ? found : -1;
}

static int all_links_each(struct store_txn *txn, store_link_fn *fn, void *context, struct error *error)
{
	struct store_link link;
	struct store_key key;
	MDB_val value;
	int found;

	key_init(&key);
	while ((found = table_seek(txn, TABLE_LINKS, &key, &value, error)) == 1) {
		if (key.len != INT_BYTES || decode_link(int64_read(key.bytes), &value, &link, error) < 0)
			return store_damaged(error, "link");
		if (!fn(context, &link))
			return 0;
		key_increment(&key);
	}
	return found;
}

int store_links_each(
    struct store_txn *txn, const char *user, store_link_fn *fn, void *context, struct error *error)
{
	struct store_link link;
	struct store_key prefix, key;
	MDB_val value;
	int found;

	if (user == NULL)
		return all_links_each(txn, fn, context, error);
	user_key(&prefix, user);
	key = prefix;
	while ((found = table_seek(txn, TABLE_USER_LINKS, &key, &value, error)) == 1 &&
	       key_has_prefix(&key, &prefix)) {
		if (key.len != prefix.len + INT_BYTES)
			return store_damaged(error, "links of a user");
		found = store_link_of_chat(txn, int64_read(key.bytes + prefix.len), &link, error);
		if (found < 0)
			return -1;
		if (found == 1 && !fn(context, &link))
			return 0;
		key_increment(&key);
	}
	return found < 0 ? -1 : 0;
}

int store_links_page(
    struct store_txn *txn, int64_t skip, int64_t limit, store_link_fn *fn, void *context, struct error *error)
{
	struct store_link link;
	struct store_key key;
	MDB_val value;
	int found = 1;

	for (key_init(&key); limit > 0; key_increment(&key)) {
		found = table_seek(txn, TABLE_USER_LINKS, &key, &value, error);
		if (found != 1)
			return found;
		if (skip-- > 0)
			continue;
		if (key.len <= INT_BYTES)
			return store_damaged(error, "links of a user");
		limit--;
		found = store_link_of_chat(txn, int64_read(key.bytes + key.len - INT_BYTES), &link, error);
		if (found < 0)
			return -1;
		if (found == 1 && !fn(context, &link))
			return 0;
	}
	return 0;
}
