/* getMe, getChat, setMyCommands, getMyCommands, deleteMyCommands */
#include "api.h"
#include "methods.h"
#include "utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMANDS_MAX 100

int method_get_me(struct call *c)
{
	write_bot(c->out);
	c->out->len--; /* opened again: getMe tells more than a message does */
	buf_str(c->out, ",\"can_join_groups\":true,\"can_read_all_group_messages\":false,"
			"\"supports_inline_queries\":false,\"can_connect_to_business\":false,\"has_main_web_"
			"app\":false}");
	return 0;
}

int method_get_chat(struct call *c)
{
	struct chat *chat = call_chat(c);

	if (!chat)
		return -1;
	write_chat(c->out, chat);
	c->out->len--;
	buf_str(c->out, ",\"accent_color_id\":0,\"max_reaction_count\":11,\"accepted_gift_types\":{"
			"\"unlimited_gifts\":true,"
			"\"limited_gifts\":true,\"unique_gifts\":true,\"premium_subscription\":true,"
			"\"gifts_from_channels\":true}}");
	return 0;
}

static const char *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return object && json_object_object_get_ex(object, key, &value) ? json_object_get_string(value)
									: NULL;
}

/* The scope as one word: "default", "chat:7", "chat_member:7:42". */
static int read_scope(struct call *c, char *scope, size_t size)
{
	static const struct {
		const char *type;
		bool chat, user;
	} known[] = {{"default", false, false}, {"all_private_chats", false, false},
	    {"all_group_chats", false, false}, {"all_chat_administrators", false, false},
	    {"chat", true, false}, {"chat_administrators", true, false}, {"chat_member", true, true}};
	struct json_object *object = args_json(&c->args, "scope");
	const char *type = object ? member(object, "type") : "default", *chat = member(object, "chat_id"),
		   *user = member(object, "user_id");

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(known[i].type, type) != 0)
			continue;
		if ((known[i].chat && !chat) || (known[i].user && !user))
			return call_fail(c, 400,
			    "Bad Request: can't parse BotCommandScope: %s is not specified",
			    known[i].chat && !chat ? "chat_id" : "user_id");
		(void)snprintf(scope, size, "%s%s%s%s%s", type, known[i].chat ? ":" : "",
		    known[i].chat ? chat : "", known[i].user ? ":" : "", known[i].user ? user : "");
		return 0;
	}
	return call_bad(c, "can't parse BotCommandScope: Unsupported type specified");
}

static int read_language(struct call *c, char language[3])
{
	struct slice s = args_text(&c->args, "language_code");

	language[0] = '\0';
	if (s.len == 0)
		return 0;
	if (s.len != 2 || !islower((unsigned char)s.at[0]) || !islower((unsigned char)s.at[1]))
		return call_bad(c, "invalid language code specified");
	memcpy(language, s.at, 2);
	language[2] = '\0';
	return 0;
}

static struct commands *find_commands(struct store *s, const char *scope, const char *language)
{
	for (size_t i = 0; i < s->command_count; i++)
		if (strcmp(s->commands[i].scope, scope) == 0 &&
		    strcmp(s->commands[i].language, language) == 0)
			return &s->commands[i];
	return NULL;
}

static int check_commands(struct call *c, struct json_object *list)
{
	size_t count = json_object_array_length(list);

	if (count > COMMANDS_MAX)
		return call_bad(c, "BOT_COMMANDS_TOO_MUCH");
	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		const char *name = member(item, "command"), *text = member(item, "description");
		size_t len;

		name += *name == '/'; /* a slash is taken off */
		len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
		if (len == 0 || len > 32 || name[len] != '\0')
			return call_bad(c, "BOT_COMMAND_INVALID");
		len = utf8_length(text, strlen(text));
		if (len == 0 || len > 256)
			return call_bad(c, "BOT_COMMAND_DESCRIPTION_INVALID");
	}
	return 0;
}

static char *commands_text(struct json_object *list)
{
	struct buf b = {0};
	char *text;

	buf_char(&b, '[');
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		const char *name = member(item, "command"), *description = member(item, "description");

		name += *name == '/';
		buf_str(&b, i ? ",{\"command\":" : "{\"command\":");
		buf_json(&b, name, strlen(name), JSON_ASCII);
		buf_json_field(&b, "description", description, JSON_ASCII);
		buf_char(&b, '}');
	}
	buf_char(&b, ']');
	text = xstrndup(b.data, b.len);
	buf_free(&b);
	return text;
}

int method_set_my_commands(struct call *c)
{
	struct json_object *list = args_json(&c->args, "commands");
	struct store *s = &c->sim->store;
	char scope[96], language[3];
	struct commands *found;

	if (!list)
		return call_bad(c, "can't parse commands JSON object");
	if (read_scope(c, scope, sizeof(scope)) < 0 || read_language(c, language) < 0 ||
	    check_commands(c, list) < 0)
		return -1;
	found = find_commands(s, scope, language);
	if (!found) {
		s->commands = grow(s->commands, &s->command_cap, s->command_count + 1, sizeof(*s->commands));
		found = &s->commands[s->command_count++];
		*found = (struct commands){xstrdup(scope), xstrdup(language), NULL};
	}
	free(found->list);
	found->list = commands_text(list);
	sim_changed(c->sim);
	return call_true(c);
}

int method_delete_my_commands(struct call *c)
{
	struct store *s = &c->sim->store;
	char scope[96], language[3];
	struct commands *found;

	if (read_scope(c, scope, sizeof(scope)) < 0 || read_language(c, language) < 0)
		return -1;
	found = find_commands(s, scope, language);
	if (found) {
		free(found->scope);
		free(found->language);
		free(found->list);
		*found = s->commands[--s->command_count];
		sim_changed(c->sim);
	}
	return call_true(c);
}

int method_get_my_commands(struct call *c)
{
	char scope[96], language[3];
	struct commands *found;

	if (read_scope(c, scope, sizeof(scope)) < 0 || read_language(c, language) < 0)
		return -1;
	found = find_commands(&c->sim->store, scope, language);
	buf_str(c->out, found ? found->list : "[]");
	return 0;
}
