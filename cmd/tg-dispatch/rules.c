#include "rules.h"

#include <stdio.h>

enum { NUMBER_BYTES = 24 };

static int refuse_in_group(struct request *request, const struct command *row, struct error *error)
{
	char name[STORE_USER_BYTES + 1];
	struct text_value values[] = {{"command", row->name}, {"bot", name}, {NULL, NULL}};

	snprintf(name, sizeof name, "@%s", request->bot_name);
	if (request->bot_name[0] == '\0')
		values[1].value = text_get(request->config, TEXT_THE_BOT);
	request->outcome = "private only";
	return request_say(request, TEXT_PRIVATE_ONLY, values, error);
}

/* Whom nobody knows is told so, but not in a conversation. Where a button spins it must be answered. */
static int refuse_stranger(struct request *request, struct error *error)
{
	const struct update *update = request->update;
	char id[NUMBER_BYTES];
	const struct text_value values[] = {{"id", id}, {NULL, NULL}};

	request->outcome = "not linked";
	if (!request_has_open_tap(request) && request->limits != NULL &&
	    !limits_may_refuse_stranger(request->limits, update->chat, request->now_ms))
		return 0;
	snprintf(id, sizeof id, "%lld", (long long)update->user);
	return request_answer(request, TEXT_ACCESS_DENIED, values, error);
}

static int run_row(struct request *request, const struct command *row, struct error *error)
{
	enum access_verdict verdict = access_check(row->access, request->caller, request->config);

	if (verdict == ACCESS_NEEDS_LINK)
		return refuse_stranger(request, error);
	if (verdict == ACCESS_DENIED) {
		request->outcome = "denied";
		return request_answer(request, TEXT_NOT_PERMITTED, NULL, error);
	}
	if (verdict == ACCESS_UNSURE) {
		request->outcome = "try later";
		return request_answer(request, TEXT_TRY_LATER, NULL, error);
	}
	if (row->store == COMMAND_WRITES && row->route == NULL && request->txn == NULL) {
		request->outcome = "no store";
		return request_answer(request, TEXT_TRY_LATER, NULL, error);
	}
	return row->run(request, error);
}

static int run_command(struct request *request, const struct command *row, struct error *error)
{
	const struct text_value values[] = {{"command", row->name}, {NULL, NULL}};

	if ((row->where & request->update->chat_type) != 0)
		return run_row(request, row, error);
	if (request->update->chat_type == CHAT_GROUP)
		return refuse_in_group(request, row, error);
	request->outcome = "group only";
	return request_say(request, TEXT_GROUP_ONLY, values, error);
}

/* The message that the button is at may be older than the link, so who may tap is looked at as in a command.
 */
static int run_tap(struct request *request, const struct command *row, struct error *error)
{
	if (row != NULL && (row->where & request->update->chat_type) != 0)
		return run_row(request, row, error);
	request->outcome = "gone";
	return request_answer(request, TEXT_BUTTON_GONE, NULL, error);
}

static int say_unknown(struct request *request, struct error *error)
{
	if (!request->caller->linked)
		return refuse_stranger(request, error);
	return request_say(request, TEXT_UNKNOWN_COMMAND, NULL, error);
}

/* Telegram says that it takes messages to this chat no longer, or again. Nobody there waits for an answer. */
static int follow_member(struct request *request, struct error *error)
{
	bool is_shut_out = request->update->is_shut_out;
	struct store_link link;
	int found;

	request->outcome = "nothing";
	if (request->txn == NULL)
		return 0;
	found = store_link_of_chat(request->txn, request->update->chat, &link, error);
	if (found != 1 || link.paused == is_shut_out)
		return found < 0 ? -1 : 0;
	link.paused = is_shut_out;
	request->changed = true;
	request->outcome = is_shut_out ? "paused" : "resumed";
	return store_link_put(request->txn, &link, error);
}

int rules_answer(struct request *request, const struct route *route, struct error *error)
{
	switch (route->kind) {
	case ROUTE_NOTHING:
		request->outcome = "nothing";
		return 0;
	case ROUTE_COMMAND:
		return run_command(request, route->command, error);
	case ROUTE_UNKNOWN:
		return say_unknown(request, error);
	case ROUTE_TEXT:
		return route->command != NULL ? run_row(request, route->command, error)
					      : say_unknown(request, error);
	case ROUTE_TAP:
		return run_tap(request, route->command, error);
	case ROUTE_MEMBER:
		return follow_member(request, error);
	}
	return error_set(error, ERROR_BUG, "route %d is unknown", (int)route->kind);
}

int rules_refuse_flood(struct request *request, enum limits_verdict verdict, struct error *error)
{
	request->outcome = "too fast";
	return verdict == LIMITS_REFUSED_TELL ? request_answer(request, TEXT_SLOW_DOWN, NULL, error) : 0;
}
