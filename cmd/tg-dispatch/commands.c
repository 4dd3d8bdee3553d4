#include "commands.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "reply.h"

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t name_length(const char *text)
{
	size_t len = 0;

	while (is_name_character(text[len]))
		len++;
	return len;
}

static bool ends_word(char c)
{
	return c == '\0' || c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

bool command_parse(const char *text, struct command_line *line)
{
	size_t len;

	if (text[0] != '/')
		return false;
	len = name_length(++text);
	if (len == 0 || len >= sizeof line->name)
		return false;
	*line = (struct command_line){.bot = NULL};
	for (size_t i = 0; i < len; i++)
		line->name[i] = (char)tolower((unsigned char)text[i]);
	text += len;
	if (*text == '@') {
		line->bot = text + 1;
		line->bot_len = name_length(line->bot);
		if (line->bot_len == 0)
			return false;
		text = line->bot + line->bot_len;
	}
	line->args = text;
	return ends_word(*text);
}

static const struct command *find_row(const struct command_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->rows[i].name, name) == 0)
			return &table->rows[i];
	}
	return NULL;
}

static bool is_our_name(const struct command_line *line, const char *bot_name)
{
	if (bot_name[0] == '\0')
		return true;
	return strlen(bot_name) == line->bot_len && strncasecmp(bot_name, line->bot, line->bot_len) == 0;
}

static struct route to_row(const struct command *row)
{
	return (struct route){.kind = row != NULL ? ROUTE_COMMAND : ROUTE_UNKNOWN, .command = row};
}

/* "ACTION:TARGET". */
static struct route route_tap(const struct command_table *table, const char *data)
{
	const char *colon = data != NULL ? strchr(data, ':') : NULL;
	struct route route = {.kind = ROUTE_TAP};

	for (size_t i = 0; colon != NULL && i < table->taps_count; i++) {
		const char *name = table->taps[i].name;

		if (strlen(name) == (size_t)(colon - data) && memcmp(name, data, strlen(name)) == 0) {
			route.command = &table->taps[i];
			route.target = colon + 1;
		}
	}
	return route;
}

static struct route route_in_group(
    const struct command_table *table, const struct update *update, const char *bot_name)
{
	struct command_line line;
	struct route route;

	if (update->text == NULL || !command_parse(update->text, &line))
		return (struct route){.kind = ROUTE_NOTHING};
	route = to_row(find_row(table, line.name));
	if (line.bot != NULL ? is_our_name(&line, bot_name) : route.kind == ROUTE_COMMAND)
		return route;
	return (struct route){.kind = ROUTE_NOTHING};
}

struct route route_update(
    const struct command_table *table, const struct update *update, const char *bot_name)
{
	struct command_line line;

	if (update->kind == UPDATE_TAP)
		return route_tap(table, update->tap_data);
	if (update->kind == UPDATE_MEMBER)
		return (struct route){.kind = ROUTE_MEMBER};
	if (update->kind != UPDATE_MESSAGE || update->from_bot || !update->is_content)
		return (struct route){.kind = ROUTE_NOTHING};
	if (update->chat_type == CHAT_GROUP)
		return route_in_group(table, update, bot_name);
	if (update->chat_type != CHAT_PRIVATE)
		return (struct route){.kind = ROUTE_NOTHING};
	if (update->text != NULL && command_parse(update->text, &line))
		return to_row(find_row(table, line.name));
	return (struct route){.kind = ROUTE_TEXT};
}

const char *route_name(const struct route *route)
{
	static const char *const names[] = {[ROUTE_NOTHING] = "none",
	    [ROUTE_COMMAND] = "command",
	    [ROUTE_UNKNOWN] = "unknown",
	    [ROUTE_TEXT] = "text",
	    [ROUTE_TAP] = "tap",
	    [ROUTE_MEMBER] = "member"};

	return route->kind == ROUTE_COMMAND ? route->command->name : names[route->kind];
}

enum access_verdict access_check(const char *access, const struct caller *caller, const struct config *config)
{
	bool allowed = false;

	if (strcmp(access, "anyone") == 0)
		return ACCESS_ALLOWED;
	if (!caller->linked)
		return ACCESS_NEEDS_LINK;
	if (strcmp(access, "linked") == 0)
		allowed = true;
	else if (strcmp(access, "operator") == 0)
		allowed = account_in_list(
		    &caller->account, config->access.operators.items, config->access.operators.count);
	else if (access[0] == '%')
		allowed = account_in_group(&caller->account, access + 1);
	return allowed ? ACCESS_ALLOWED : ACCESS_DENIED;
}

int request_say(
    struct request *request, enum text_id text, const struct text_value *values, struct error *error)
{
	return reply_message(request->calls, request->update, text_get(request->config, text), values, error);
}

int request_answer(
    struct request *request, enum text_id text, const struct text_value *values, struct error *error)
{
	const char *source = text_get(request->config, text);

	if (request->update->kind != UPDATE_TAP || request->awaited != NULL)
		return reply_message(request->calls, request->update, source, values, error);
	return reply_tap(request->calls, request->update, source, values, error);
}

void wish_clear(struct wish *wish)
{
	json_object_put(wish->args);
	*wish = (struct wish){.kind = WISH_NOTHING};
}
