#include "dispatch.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "reply.h"

enum { ATTEMPTS = 3, LINE_MAX_BYTES = 1 << 20 };

/* What the store knows about an update before it is handled. */
struct known {
	bool answered; /* it was handled before; the answer was appended */
	bool has_link;
	struct store_link link;
	char bot_name[STORE_USER_BYTES];
};

/* An update being handled. */
struct work {
	const struct dispatch *dispatch;
	struct update update;
	struct route route;
	struct caller caller;
	bool unsure; /* the system could not say whether the account exists */
	struct known known;
	int64_t now_ms;
	const struct awaited *awaited;
	struct wish *wish;
	struct buf line;
	const char *outcome;
};

static int look_in(struct store_txn *txn, struct work *work, struct error *error)
{
	const struct update *update = &work->update;
	int found = store_inbox_answer_get(txn, update->update_id, &work->line, error);

	if (found < 0)
		return -1;
	work->known.answered = found == 1;
	if (found == 1)
		return 0;
	if (store_bot_name_get(txn, work->known.bot_name, error) < 0)
		return -1;
	found = update->chat != 0 ? store_link_of_chat(txn, update->chat, &work->known.link, error) : 0;
	work->known.has_link = found == 1;
	return found < 0 ? -1 : 0;
}

static int look(struct work *work, struct error *error)
{
	struct store_txn *txn;
	int result;

	buf_clear(&work->line);
	work->known = (struct known){.answered = false};
	if (store_begin_read(work->dispatch->store, &txn, error) != 0)
		return -1;
	result = look_in(txn, work, error);
	store_abort(txn);
	return result;
}

/* Outside of any transaction, because a directory service may take its time. */
static void find_caller(struct work *work)
{
	const struct store_link *link = &work->known.link;
	struct error error;

	if (!work->known.has_link)
		return;
	work->caller.link = *link;
	if (account_by_name(link->user, &work->caller.account, &error) == 0) {
		work->caller.linked = true;
		return;
	}
	work->unsure = error.kind == ERROR_TEMPORARY;
	log_warning(work->unsure ? "account cannot be looked up" : "account of a link does not exist",
	    LOG_INT("chat", link->chat), LOG_STR("user", link->user), LOG_STR("error", error.text));
}

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

static int run_row(struct request *request, const struct command *row, struct error *error)
{
	enum access_verdict verdict = access_check(row->access, request->caller, request->config);

	if (verdict == ACCESS_ALLOWED)
		return row->run(request, error);
	request->outcome = verdict == ACCESS_DENIED ? "denied" : "not linked";
	return request_answer(
	    request, verdict == ACCESS_DENIED ? TEXT_ACCESS_DENIED : TEXT_NOT_LINKED, NULL, error);
}

static int run_command(struct request *request, const struct command *row, struct error *error)
{
	if ((row->where & request->update->chat_type) == 0)
		return refuse_in_group(request, row, error);
	return run_row(request, row, error);
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

/* A group has no account of its own to link, so nobody is sent there from a group. */
static int say_unknown(struct request *request, struct error *error)
{
	bool can_link = !request->caller->linked && request->update->chat_type == CHAT_PRIVATE;

	return request_say(request, can_link ? TEXT_NOT_LINKED : TEXT_UNKNOWN_COMMAND, NULL, error);
}

/* Telegram says that it takes messages to this chat no longer, or again. Nobody there waits for an answer. */
static int follow_member(struct request *request, struct error *error)
{
	bool is_shut_out = request->update->is_shut_out;
	struct store_link link;
	int found = store_link_of_chat(request->txn, request->update->chat, &link, error);

	request->outcome = "nothing";
	if (found != 1 || link.paused == is_shut_out)
		return found < 0 ? -1 : 0;
	link.paused = is_shut_out;
	request->changed = true;
	request->outcome = is_shut_out ? "paused" : "resumed";
	return store_link_put(request->txn, &link, error);
}

static int answer(struct request *request, const struct route *route, struct error *error)
{
	switch (route->kind) {
	case ROUTE_NOTHING:
		request->outcome = "nothing";
		return 0;
	case ROUTE_COMMAND:
		return run_command(request, route->command, error);
	case ROUTE_UNKNOWN:
	case ROUTE_TEXT:
		return say_unknown(request, error);
	case ROUTE_TAP:
		return run_tap(request, route->command, error);
	case ROUTE_MEMBER:
		return follow_member(request, error);
	}
	return error_set(error, ERROR_BUG, "route %d is unknown", (int)route->kind);
}

static struct request new_request(struct work *work, struct store_txn *txn)
{
	return (struct request){.config = work->dispatch->config,
	    .table = &work->dispatch->table,
	    .bot_name = work->known.bot_name,
	    .update = &work->update,
	    .caller = &work->caller,
	    .txn = txn,
	    .now_ms = work->now_ms,
	    .calls = json_object_new_array(),
	    .outcome = "answered",
	    .target = work->route.target,
	    .running = work->dispatch->running,
	    .awaited = work->awaited,
	    .wish = work->wish};
}

/* Answers into work->line; *changed says whether txn must be committed. */
static int make_line(struct work *work, struct store_txn *txn, bool *changed, struct error *error)
{
	struct request request = new_request(work, txn);
	int result;

	buf_clear(&work->line);
	wish_clear(work->wish);
	if (work->unsure && (work->route.kind != ROUTE_TAP || work->route.command != NULL)) {
		request.outcome = "try later";
		result = request_answer(&request, TEXT_TRY_LATER, NULL, error);
	} else {
		result = answer(&request, &work->route, error);
	}
	if (result == 0)
		result = reply_line(&work->line, work->update.update_id, request.calls, error);
	work->outcome = request.outcome;
	*changed = request.changed;
	json_object_put(request.calls);
	return result;
}

static bool same_link(const struct known *known, bool has_link, const struct store_link *link)
{
	if (has_link != known->has_link)
		return false;
	return !has_link ||
	       (strcmp(link->user, known->link.user) == 0 && link->paused == known->link.paused &&
		   link->linked_ms == known->link.linked_ms);
}

/* 1 done; 0 where the link is no longer what find_caller saw, so that all must be looked at again. */
static int answer_in(struct store_txn *txn, struct work *work, bool *changed, struct error *error)
{
	struct store_link link;
	int found = store_link_of_chat(txn, work->update.chat, &link, error);

	if (found < 0)
		return -1;
	if (!same_link(&work->known, found == 1, &link))
		return 0;
	if (make_line(work, txn, changed, error) != 0)
		return -1;
	if (*changed && store_inbox_answer_set(
			    txn, work->update.update_id, buf_text(&work->line), work->line.len, error) < 0)
		return -1;
	return 1;
}

static int answer_and_change(struct work *work, struct error *error)
{
	struct store_txn *txn;
	bool changed = false;
	int result;

	if (store_begin(work->dispatch->store, &txn, error) != 0)
		return -1;
	result = answer_in(txn, work, &changed, error);
	if (result == 1 && changed)
		return store_commit(txn, error) == 0 ? 1 : -1;
	store_abort(txn);
	return result;
}

/* Whether on whose behalf the chat speaks matters for the answer. */
static bool needs_caller(const struct route *route)
{
	return route->kind != ROUTE_NOTHING && route->kind != ROUTE_MEMBER;
}

static bool changes_store(const struct route *route)
{
	return route->kind == ROUTE_MEMBER || (route->command != NULL && route->command->changes_store);
}

/* 1 done, 0 to be done again, -1. */
static int attempt(struct work *work, struct error *error)
{
	bool changed;

	if (look(work, error) != 0)
		return -1;
	if (work->known.answered) {
		work->outcome = "answered before";
		return 1;
	}
	work->route = route_update(&work->dispatch->table, &work->update, work->known.bot_name);
	work->caller = (struct caller){.linked = false};
	work->unsure = false;
	if (needs_caller(&work->route))
		find_caller(work);
	if (changes_store(&work->route))
		return answer_and_change(work, error);
	return make_line(work, NULL, &changed, error) == 0 ? 1 : -1;
}

static int handle(struct work *work, struct error *error)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		int result = attempt(work, error);

		if (result != 0)
			return result < 0 ? -1 : 0;
	}
	return error_set(error, ERROR_TEMPORARY, "the link of a chat keeps changing");
}

/* In a group only who asked would understand it. */
static void apologise(struct work *work, const struct error *reason)
{
	const struct update *update = &work->update;
	struct json_object *calls = json_object_new_array();
	const char *text = text_get(work->dispatch->config, TEXT_FAILED);
	struct error error = *reason;

	log_error("update failed", LOG_INT("update_id", update->update_id), LOG_INT("chat", update->chat),
	    LOG_STR("route", route_name(&work->route)), LOG_STR("error", reason->text));
	buf_clear(&work->line);
	work->outcome = "failed";
	wish_clear(work->wish);
	if (update->kind == UPDATE_TAP)
		(void)reply_tap(calls, update, text, NULL, &error);
	else if (update->kind == UPDATE_MESSAGE && update->chat_type == CHAT_PRIVATE && !update->from_bot)
		(void)reply_message(calls, update, text, NULL, &error);
	(void)reply_line(&work->line, update->update_id, calls, &error);
	json_object_put(calls);
}

static bool can_be_handled_again(const struct error *error)
{
	return error->kind == ERROR_TEMPORARY || error->kind == ERROR_CONFIG;
}

static void log_update(const struct work *work, int64_t received_ms)
{
	log_info("update", LOG_INT("update_id", work->update.update_id), LOG_INT("chat", work->update.chat),
	    LOG_INT("user", work->update.user), LOG_STR("route", route_name(&work->route)),
	    LOG_STR("outcome", work->outcome), LOG_INT("latency_ms", clock_monotonic_ms() - received_ms));
}

/* 1: the update waits; the button of a phone must not spin meanwhile. */
static int finish(struct work *work, int64_t received_ms, struct buf *out, struct error *error)
{
	if (work->wish->kind == WISH_LIST) {
		buf_clear(&work->line);
		if (work->update.kind == UPDATE_TAP && reply_tap_line(&work->line, &work->update, error) != 0)
			return -1;
	}
	if (buf_add(out, buf_text(&work->line), work->line.len) != 0)
		return error_set(error, ERROR_BUG, "no room for an answer");
	if (work->wish->kind == WISH_LIST)
		return 1;
	log_update(work, received_ms);
	return 0;
}

int dispatch_update(const struct dispatch *dispatch, const struct incoming *incoming, int64_t now_ms,
    struct wish *wish, struct buf *out, struct error *error)
{
	struct work work = {.dispatch = dispatch,
	    .now_ms = now_ms,
	    .awaited = incoming->awaited,
	    .wish = wish,
	    .line = BUF_INIT(LINE_MAX_BYTES)};
	struct json_object *object = incoming->object;
	struct error trouble;
	int result = update_read_id(object, &work.update.update_id, error);

	*wish = (struct wish){.kind = WISH_NOTHING};
	if (result != 0)
		return -1;
	if (update_read(object, &work.update, &trouble) != 0)
		log_warning("update is malformed", LOG_INT("update_id", work.update.update_id),
		    LOG_STR("error", trouble.text));
	if (handle(&work, &trouble) != 0) {
		if (can_be_handled_again(&trouble)) {
			*error = trouble;
			result = -1;
			goto out;
		}
		apologise(&work, &trouble);
	}
	result = finish(&work, incoming->received_ms, out, error);
out:
	if (result < 0)
		wish_clear(wish);
	buf_free(&work.line);
	return result;
}

int64_t dispatch_chat(struct json_object *object)
{
	struct update update;
	struct error error;

	(void)update_read(object, &update, &error);
	return update.chat;
}
