#include "commands.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "accounts.h"
#include "link.h"
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

bool command_is_for(const struct command_line *line, const char *bot_name)
{
	if (bot_name[0] == '\0')
		return true;
	return strlen(bot_name) == line->bot_len && strncasecmp(bot_name, line->bot, line->bot_len) == 0;
}

static struct route to_row(const struct command *row)
{
	return (struct route){.kind = row != NULL ? ROUTE_COMMAND : ROUTE_UNKNOWN, .command = row};
}

const char *route_button_id(const struct update *update)
{
	if (update->kind != UPDATE_TAP || update->tap_data == NULL || update->tap_data[0] != ':')
		return NULL;
	return update->tap_data + 1;
}

/* "ACTION:TARGET". */
static struct route route_tap(const struct command_table *table, const char *data)
{
	const char *colon = data != NULL ? strchr(data, ':') : NULL;

	if (colon == NULL)
		return (struct route){.kind = ROUTE_TAP};
	return (struct route){.kind = ROUTE_TAP,
	    .command = table_tap(table, data, (size_t)(colon - data)),
	    .target = colon + 1};
}

struct route route_button(const struct command_table *table, const struct store_button *button)
{
	return (struct route){.kind = ROUTE_TAP,
	    .command = table_tap(table, button->action, strlen(button->action)),
	    .target = button->target};
}

/* The row of what is no command. */
static const struct command *row_of_content(const struct command_table *table, const struct update *update)
{
	if (update->text != NULL)
		return table->text;
	return update->file.kind != NULL ? table->files : NULL;
}

/* A command that stands in a caption, where its row wants to know of it; NULL: it is just a caption. */
static const struct command *row_of_caption(const struct command_table *table, const struct update *update)
{
	const struct command *row = NULL;
	struct command_line line;

	if (update->text == NULL && update->caption != NULL && command_parse(update->caption, &line))
		row = table_command(table, line.name);
	return row != NULL && row->takes_captions ? row : NULL;
}

static struct route only_in_group(struct route route)
{
	if (route.command == NULL || (route.command->where & CHAT_GROUP) == 0)
		return (struct route){.kind = ROUTE_NOTHING};
	return route;
}

static struct route route_in_group(
    const struct command_table *table, const struct update *update, const char *bot_name)
{
	struct command_line line;
	struct route route;

	if (update->text == NULL || !command_parse(update->text, &line))
		return only_in_group(
		    (struct route){.kind = ROUTE_TEXT, .command = row_of_content(table, update)});
	route = to_row(table_command(table, line.name));
	if (line.bot == NULL)
		return only_in_group(route);
	return command_is_for(&line, bot_name) ? route : (struct route){.kind = ROUTE_NOTHING};
}

struct route route_update(
    const struct command_table *table, const struct update *update, const char *bot_name)
{
	struct command_line line;

	if (link_carries_key(update, bot_name))
		return to_row(&link_key_row);
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
		return to_row(table_command(table, line.name));
	if (row_of_caption(table, update) != NULL)
		return to_row(row_of_caption(table, update));
	return (struct route){.kind = ROUTE_TEXT, .command = row_of_content(table, update)};
}

const char *route_name(const struct route *route)
{
	static const char *const names[] = {[ROUTE_NOTHING] = "none",
	    [ROUTE_COMMAND] = "command",
	    [ROUTE_UNKNOWN] = "unknown",
	    [ROUTE_TEXT] = "text",
	    [ROUTE_TAP] = "tap",
	    [ROUTE_MEMBER] = "member"};

	return route->command != NULL ? route->command->name : names[route->kind];
}

enum access_verdict access_check(const char *access, const struct caller *caller, const struct config *config)
{
	int found = 0;

	if (strcmp(access, "anyone") == 0)
		return ACCESS_ALLOWED;
	if (!caller->linked)
		return ACCESS_NEEDS_LINK;
	if (strcmp(access, "linked") == 0)
		found = 1;
	else if (strcmp(access, "operator") == 0)
		found = accounts_in_list(caller->accounts, caller->account.name,
		    config->access.operators.items, config->access.operators.count, caller->at_ms);
	else if (access[0] == '%')
		found = accounts_in_group(caller->accounts, caller->account.name, access + 1, caller->at_ms);
	if (found < 0)
		return ACCESS_UNSURE;
	return found == 1 ? ACCESS_ALLOWED : ACCESS_DENIED;
}

const char *format_date(int64_t wall_ms, char text[DATE_TEXT_BYTES])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts;

	if (gmtime_r(&seconds, &parts) == NULL ||
	    strftime(text, DATE_TEXT_BYTES, "%Y-%m-%d %H:%M UTC", &parts) == 0)
		text[0] = '\0';
	return text;
}

const char *request_user(const struct request *request)
{
	return request->caller->linked ? request->caller->link.user : "";
}

int request_say(
    struct request *request, enum text_id text, const struct text_value *values, struct error *error)
{
	return reply_message(request->calls, request->update, text_get(request->config, text), values, error);
}

bool request_has_open_tap(const struct request *request)
{
	return request->update->kind == UPDATE_TAP &&
	       (request->awaited == NULL || !request->awaited->tap_answered);
}

int request_answer(
    struct request *request, enum text_id text, const struct text_value *values, struct error *error)
{
	const char *source = text_get(request->config, text);

	if (!request_has_open_tap(request))
		return reply_message(request->calls, request->update, source, values, error);
	return reply_tap(request->calls, request->update, source, values, error);
}

void wish_clear(struct wish *wish)
{
	json_object_put(wish->args);
	ask_clear(&wish->ask);
	*wish = (struct wish){.kind = WISH_NOTHING};
}
