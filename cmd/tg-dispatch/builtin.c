/* The built-in commands: rows of the table and their handlers. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "reply.h"

enum { NUMBER_BYTES = 24 };

static int give_code(struct request *request, struct error *error)
{
	const struct update *update = request->update;
	int64_t lifetime_ms = request->config->codes.lifetime_ms;
	char code[STORE_CODE_BYTES], lifetime[TEXT_DURATION_BYTES];
	struct text_value values[] = {
	    {"code", code}, {"lifetime", text_duration(lifetime_ms, lifetime)}, {NULL, NULL}};

	if (store_code_new(
		request->txn, update->chat, update->username, request->now_ms, lifetime_ms, code, error) != 0)
		return -1;
	request->changed = true;
	request->outcome = "code";
	return request_say(request, TEXT_START_CODE, values, error);
}

static int resume(struct request *request, struct error *error)
{
	struct store_link link = request->caller->link;

	link.paused = false;
	request->changed = true;
	return store_link_put(request->txn, &link, error);
}

static int run_start(struct request *request, struct error *error)
{
	const struct store_link *link = &request->caller->link;
	struct text_value values[] = {{"user", link->user}, {NULL, NULL}};
	int done = link_start(request, error);

	if (done != 0)
		return done < 0 ? -1 : 0;
	if (!request->caller->linked)
		return give_code(request, error);
	if (!link->paused) {
		request->outcome = "linked";
		return request_say(request, TEXT_START_LINKED, values, error);
	}
	request->outcome = "resumed";
	if (resume(request, error) != 0)
		return -1;
	return request_say(request, TEXT_START_RESUMED, values, error);
}

static int add_help_line(
    struct request *request, const struct command *row, struct buf *lines, struct error *error)
{
	char name[COMMAND_NAME_BYTES + sizeof "help_"];
	struct text_value values[] = {{"command", row->name}, {"description", NULL}, {NULL, NULL}};

	snprintf(name, sizeof name, "help_%s", row->name);
	values[1].value = config_text(request->config, name, row->description);
	if (lines->len > 0 && buf_add_text(lines, "\n") != 0)
		return error_set(error, ERROR_BUG, "the list of commands is too long");
	return text_format(text_get(request->config, TEXT_HELP_LINE), values, lines, NULL, error);
}

static int run_help(struct request *request, struct error *error)
{
	struct buf lines = BUF_INIT(TEXT_MAX_BYTES);
	struct text_value values[] = {{"commands", NULL}, {NULL, NULL}};
	int result = 0;

	for (size_t i = 0; result == 0 && i < request->table->count; i++) {
		const struct command *row = &request->table->rows[i];

		if (row->description != NULL && (row->where & request->update->chat_type) != 0 &&
		    access_check(row->access, request->caller, request->config) == ACCESS_ALLOWED)
			result = add_help_line(request, row, &lines, error);
	}
	values[0].value = buf_text(&lines);
	if (result == 0)
		result = request_say(request, TEXT_HELP, values, error);
	buf_free(&lines);
	return result;
}

static int run_whoami(struct request *request, struct error *error)
{
	const struct store_link *link = &request->caller->link;
	bool linked = request->caller->linked;
	char chat[NUMBER_BYTES], since[DATE_TEXT_BYTES];
	struct text_value values[] = {{"chat", chat}, {"user", link->user},
	    {"since", format_date(link->linked_ms, since)}, {NULL, NULL}};

	snprintf(chat, sizeof chat, "%lld", (long long)request->update->chat);
	/* Who somebody is on the server is nothing that a group must know. */
	if (request->update->chat_type == CHAT_GROUP)
		return request_say(request, TEXT_WHOAMI_GROUP, values, error);
	if (!linked)
		return request_say(request, TEXT_WHOAMI_UNLINKED, values, error);
	return request_say(request, link->paused ? TEXT_WHOAMI_PAUSED : TEXT_WHOAMI_LINKED, values, error);
}

static int run_unlink(struct request *request, struct error *error)
{
	struct text_value values[] = {{"user", request->caller->link.user}, {NULL, NULL}};

	if (store_link_remove(request->txn, request->update->chat, error) < 0)
		return -1;
	request->changed = true;
	request->outcome = "unlinked";
	return request_say(request, TEXT_UNLINKED, values, error);
}

static const struct command builtin[] = {
    {.name = "start",
	.description = "Link this chat with your account",
	.access = "anyone",
	.where = CHAT_PRIVATE,
	.store = COMMAND_WRITES,
	.run = run_start},
    {.name = "help",
	.description = "What you can use here",
	.access = "anyone",
	.where = CHAT_PRIVATE | CHAT_GROUP,
	.run = run_help},
    {.name = "whoami",
	.description = "Which account this chat is linked to",
	.access = "anyone",
	.where = CHAT_PRIVATE | CHAT_GROUP,
	.run = run_whoami},
    {.name = "link",
	.description = "Link this chat by a key of your account",
	.access = "anyone",
	.where = CHAT_PRIVATE,
	.run = link_explain},
    {.name = "status",
	.description = "What your account is, and what it has here",
	.access = "linked",
	.where = CHAT_PRIVATE,
	.run = link_status},
    {.name = "unlink",
	.description = "End the link with your account",
	.access = "linked",
	.where = CHAT_PRIVATE,
	.store = COMMAND_WRITES,
	.run = run_unlink},
    {.name = "scripts",
	.description = "Your scripts, each with a button to run it",
	.access = "linked",
	.where = CHAT_PRIVATE,
	.store = COMMAND_WRITES,
	.run = scripts_list},
    {.name = "run",
	.description = "Run a script",
	.access = "linked",
	.where = CHAT_PRIVATE,
	.store = COMMAND_WRITES,
	.run = scripts_run},
    {.name = "jobs",
	.description = "What is running",
	.access = "linked",
	.where = CHAT_PRIVATE,
	.run = scripts_jobs},
    {.name = "stop",
	.description = "Stop a script",
	.access = "linked",
	.where = CHAT_PRIVATE,
	.run = scripts_stop},
    {.name = "users",
	.description = "Who is linked",
	.access = "operator",
	.where = CHAT_PRIVATE,
	.store = COMMAND_WRITES,
	.run = operators_users},
    {.name = "queue",
	.description = "What waits for delivery",
	.access = "operator",
	.where = CHAT_PRIVATE,
	.store = COMMAND_WRITES,
	.run = operators_queue},
    {.name = "broadcast",
	.description = "Write to everybody who is linked",
	.access = "operator",
	.where = CHAT_PRIVATE,
	.store = COMMAND_WRITES,
	.takes_captions = true,
	.run = broadcast_preview},
};

static const struct command builtin_taps[] = {
    {.name = "scripts",
	.access = "linked",
	.where = CHAT_PRIVATE,
	.store = COMMAND_WRITES,
	.run = scripts_list_page},
    {.name = "run",
	.access = "linked",
	.where = CHAT_PRIVATE,
	.store = COMMAND_WRITES,
	.run = scripts_run_button},
    /* Whose job it is the handler knows: a program may be that of a chat without a link. */
    {.name = "stop", .access = "anyone", .where = CHAT_PRIVATE | CHAT_GROUP, .run = scripts_stop_button},
    {.name = "page",
	.access = "anyone",
	.where = CHAT_PRIVATE | CHAT_GROUP,
	.store = COMMAND_WRITES,
	.run = answer_page},
    {.name = "users",
	.access = "operator",
	.where = CHAT_PRIVATE,
	.store = COMMAND_WRITES,
	.run = operators_users_page},
    {.name = "broadcast",
	.access = "operator",
	.where = CHAT_PRIVATE,
	.store = COMMAND_WRITES,
	.run = broadcast_send},
    {.name = "broadcast_cancel",
	.access = "operator",
	.where = CHAT_PRIVATE,
	.store = COMMAND_WRITES,
	.run = broadcast_cancel},
    {.name = "cancel", .access = "anyone", .where = CHAT_PRIVATE | CHAT_GROUP, .run = answer_cancel},
};

struct command_table commands_builtin(void)
{
	return (struct command_table){.rows = builtin,
	    .count = sizeof builtin / sizeof builtin[0],
	    .taps = builtin_taps,
	    .taps_count = sizeof builtin_taps / sizeof builtin_taps[0]};
}
