#include "menu.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "store.h"
#include "utf8.h"

/* As Telegram takes it: text of 1 to so many characters. */
static struct json_object *new_description(const struct config *config, const struct command *row)
{
	char name[COMMAND_NAME_BYTES + sizeof "help_"];
	const char *text;
	size_t len = 0;

	snprintf(name, sizeof name, "help_%s", row->name);
	text = config_text(config, name, row->description);
	for (int i = 0; i < MENU_DESCRIPTION_CHARACTERS && text[len] != '\0'; i++) {
		size_t length = utf8_decode(text + len, strlen(text + len), NULL);

		len += length > 0 ? length : 1;
	}
	return json_object_new_string_len(text, (int)len);
}

static void add_row(struct json_object *commands, const struct config *config, const struct command *row)
{
	struct json_object *command = json_object_new_object();

	json_put_text(command, "command", row->name);
	json_object_object_add(command, "description", new_description(config, row));
	json_object_array_add(commands, command);
}

static enum access_verdict may_use(
    const struct command *row, const struct config *config, const struct caller *caller)
{
	if (caller != NULL)
		return access_check(row->access, caller, config);
	return strcmp(row->access, "anyone") == 0 || strcmp(row->access, "linked") == 0 ? ACCESS_ALLOWED
											: ACCESS_DENIED;
}

struct json_object *menu_commands(const struct command_table *table, const struct config *config,
    unsigned where, const struct caller *caller)
{
	struct json_object *commands = json_object_new_array();

	for (size_t i = 0; i < table->count && json_object_array_length(commands) < MENU_COMMANDS_MAX; i++) {
		const struct command *row = &table->rows[i];
		enum access_verdict verdict;

		if (row->description == NULL || row->description[0] == '\0' || (row->where & where) == 0)
			continue;
		verdict = may_use(row, config, caller);
		if (verdict == ACCESS_UNSURE) {
			json_object_put(commands);
			return NULL;
		}
		if (verdict == ACCESS_ALLOWED)
			add_row(commands, config, row);
	}
	return commands;
}

/* FNV-1a. */
static uint64_t add_text(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 1099511628211U;
	return hash;
}

int64_t menu_hash(struct json_object *commands, const char *bot_name)
{
	uint64_t hash = add_text(add_text(14695981039346656037U, bot_name), json_line(commands));

	return hash != 0 ? (int64_t)hash : 1;
}

static struct json_object *new_scope(int64_t chat)
{
	struct json_object *scope = json_object_new_object();

	if (chat == STORE_MENU_PRIVATE || chat == STORE_MENU_GROUPS) {
		json_put_text(
		    scope, "type", chat == STORE_MENU_PRIVATE ? "all_private_chats" : "all_group_chats");
	} else {
		json_put_text(scope, "type", "chat");
		json_put_int64(scope, "chat_id", chat);
	}
	return scope;
}

struct json_object *menu_call(int64_t chat, struct json_object *commands)
{
	struct json_object *call = json_object_new_object(), *own = json_object_new_object();

	json_put_text(call, "method", commands != NULL ? "setMyCommands" : "deleteMyCommands");
	if (commands != NULL)
		json_object_object_add(call, "commands", json_object_get(commands));
	json_object_object_add(call, "scope", new_scope(chat));
	json_put_text(own, "class", "bulk");
	json_object_object_add(call, "tgtools", own);
	return call;
}
