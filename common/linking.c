#include "linking.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "texts.h"

enum { CHAT_TEXT_BYTES = STORE_USER_BYTES + 8 };

static int add_message(struct json_object *calls, const struct config *config, int64_t chat, enum text_id id,
    const struct text_value *values, struct error *error)
{
	struct json_object *call = json_object_new_object(), *entities = json_object_new_array();
	struct buf text = BUF_INIT(TEXT_MAX_BYTES);
	int result = text_format(text_get(config, id), values, &text, entities, error);

	json_put_text(call, "method", "sendMessage");
	json_put_int64(call, "chat_id", chat);
	json_put_text(call, "text", buf_text(&text));
	if (json_object_array_length(entities) > 0)
		json_object_object_add(call, "entities", json_object_get(entities));
	/* Telegram takes no empty message. */
	if (result == 0 && text.len > 0)
		json_object_array_add(calls, json_object_get(call));
	json_object_put(call);
	json_object_put(entities);
	buf_free(&text);
	return result;
}

struct chats {
	int64_t except;
	int64_t items[LINKING_TOLD_MAX];
	size_t count;
};

static bool collect(void *context, const struct store_link *link)
{
	struct chats *chats = context;

	if (link->chat != chats->except && !link->paused)
		chats->items[chats->count++] = link->chat;
	return chats->count < LINKING_TOLD_MAX;
}

/* Tells the chats of an account, but for the one that this is about. */
static int tell_others(struct store_txn *txn, const struct config *config, const struct store_link *link,
    enum text_id id, struct json_object *calls, struct error *error)
{
	char name[CHAT_TEXT_BYTES];
	const struct text_value values[] = {{"user", link->user}, {"chat", name}, {NULL, NULL}};
	struct chats chats = {.except = link->chat};

	if (link->chat_name[0] != '\0')
		snprintf(name, sizeof name, "@%s", link->chat_name);
	else
		snprintf(name, sizeof name, "%lld", (long long)link->chat);
	if (store_links_each(txn, link->user, collect, &chats, error) != 0)
		return -1;
	for (size_t i = 0; i < chats.count; i++) {
		if (add_message(calls, config, chats.items[i], id, values, error) != 0)
			return -1;
	}
	return 0;
}

int linking_move(struct store_txn *txn, const struct config *config, int64_t chat, const char *chat_name,
    const char *user, int64_t now_ms, struct json_object *calls, struct error *error)
{
	const struct text_value values[] = {{"user", user}, {NULL, NULL}};
	struct store_link link = {.chat = chat}, old;
	int had_one = store_link_move(txn, chat, chat_name, user, now_ms, &old, error);
	bool is_same = had_one == 1 && strcmp(old.user, user) == 0;

	if (had_one < 0 || add_message(calls, config, chat, TEXT_LINKED, values, error) != 0)
		return -1;
	if (is_same)
		return 0;
	snprintf(link.user, sizeof link.user, "%s", user);
	snprintf(link.chat_name, sizeof link.chat_name, "%s", chat_name);
	if ((had_one == 1 && tell_others(txn, config, &old, TEXT_LINK_LEFT, calls, error) != 0) ||
	    tell_others(txn, config, &link, TEXT_LINK_ADDED, calls, error) != 0)
		return -1;
	return had_one;
}
