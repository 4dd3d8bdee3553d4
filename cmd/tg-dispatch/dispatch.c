#include "dispatch.h"

#include <stdio.h>
#include <string.h>

#include "accounts.h"
#include "clock.h"
#include "guard.h"
#include "json.h"
#include "limits.h"
#include "link.h"
#include "log.h"
#include "reply.h"
#include "rules.h"
#include "table.h"

enum { ATTEMPTS = 3, LINE_MAX_BYTES = 1 << 20 };

/* What the store knows about an update before it is handled. */
struct known {
	bool answered; /* it was handled before; the answer was appended */
	bool has_link;
	struct store_link link;
	char bot_name[STORE_USER_BYTES];
	bool tapped;	 /* the same tap was handled as another update */
	bool has_button; /* the button that was tapped is one of the store */
	struct store_button button;
};

/* An update being handled. */
struct work {
	const struct dispatch *dispatch;
	struct incoming *incoming;
	const struct command_table *table;
	struct update update;
	char request_id[REQUEST_ID_BYTES];
	struct route route;
	struct caller caller;
	char named[STORE_USER_BYTES]; /* the account of a key; "": none */
	bool unsure;		      /* the system could not say whether the account exists */
	enum limits_verdict verdict;
	struct known known;
	int64_t now_ms;
	const struct awaited *awaited; /* NULL also where the row or the account is another one since */
	struct wish *wish;
	struct buf line;
	const char *outcome;
};

/*
 * The chat whose link says on whose behalf something is said: in a group that of the person alone, which has
 * the same number as the person (core.telegram.org/bots/api#chat: a private chat is that of a user).
 */
static int64_t speaker(const struct update *update)
{
	return update->chat_type == CHAT_GROUP ? update->user : update->chat;
}

static int look_at_tap(struct store_txn *txn, struct work *work, struct error *error)
{
	const char *id = route_button_id(&work->update);
	int found = store_tap_is_claimed(txn, work->update.tap_id, error);

	if (found < 0)
		return -1;
	work->known.tapped = found == 1;
	if (id == NULL)
		return 0;
	found = store_button_get(txn, id, &work->known.button, error);
	work->known.has_button = found == 1;
	return found < 0 ? -1 : 0;
}

static int look_in(struct store_txn *txn, struct work *work, struct error *error)
{
	const struct update *update = &work->update;
	int found = store_inbox_answer_get(txn, update->update_id, &work->line, error);
	int64_t chat = speaker(update);

	if (found < 0)
		return -1;
	work->known.answered = found == 1;
	if (found == 1)
		return 0;
	if (store_bot_name_get(txn, work->known.bot_name, error) < 0 ||
	    (update->kind == UPDATE_TAP && look_at_tap(txn, work, error) != 0))
		return -1;
	found = chat != 0 ? store_link_of_chat(txn, chat, &work->known.link, error) : 0;
	work->known.has_link = found == 1;
	if (found < 0)
		return -1;
	found = link_named(txn, work->dispatch->config, update, work->incoming->awaited, work->named, error);
	return found < 0 ? -1 : 0;
}

/* As if all chats were linked to one account. */
static void look_without_store(struct work *work)
{
	const char *user = work->dispatch->user;

	work->known.has_link = user != NULL;
	if (user == NULL)
		return;
	work->known.link = (struct store_link){.chat = speaker(&work->update)};
	snprintf(work->known.link.user, sizeof work->known.link.user, "%s", user);
}

static int look(struct work *work, struct error *error)
{
	struct store_txn *txn;
	int result;

	buf_clear(&work->line);
	work->known.answered = work->known.has_link = work->known.tapped = work->known.has_button = false;
	work->known.bot_name[0] = '\0';
	work->named[0] = '\0';
	if (work->dispatch->store == NULL) {
		look_without_store(work);
		return 0;
	}
	if (store_begin_read(work->dispatch->store, &txn, error) != 0)
		return -1;
	result = look_in(txn, work, error);
	store_abort(txn);
	return result;
}

/* And the account that is named. Outside of any transaction, because a directory service may take its time.
 */
static void find_caller(struct work *work)
{
	const struct store_link *link = &work->known.link;
	struct caller *caller = &work->caller;
	struct error error;

	caller->accounts = work->dispatch->accounts;
	caller->at_ms = work->now_ms;
	if (work->named[0] != '\0') /* so that it is remembered */
		(void)link_may(caller, work->dispatch->config, work->named);
	if (!work->known.has_link)
		return;
	caller->link = *link;
	if (accounts_find(caller->accounts, link->user, caller->at_ms, &caller->account, &error) == 0) {
		caller->linked = true;
		return;
	}
	work->unsure = error.kind == ERROR_TEMPORARY;
	log_warning(work->unsure ? "account cannot be looked up" : "account of a link cannot be used",
	    LOG_INT("chat", link->chat), LOG_STR("user", link->user), LOG_STR("error", error.text));
}

/* It is deleted whoever sent it, however fast, and whatever is known of them. */
static int answer_key(const struct work *work, struct request *request, struct error *error)
{
	if (work->verdict == LIMITS_ALLOWED)
		return link_key(request, error);
	if (link_delete(request->calls, request->update, request->config, error) != 0)
		return -1;
	return rules_refuse_flood(request, work->verdict, error);
}

static int answer_or_refuse(struct work *work, struct request *request, struct error *error)
{
	const struct route *route = &work->route;

	if (route->command == &link_key_row)
		return answer_key(work, request, error);
	if (work->known.tapped) {
		request->outcome = "duplicate";
		return 0;
	}
	if (work->verdict != LIMITS_ALLOWED)
		return rules_refuse_flood(request, work->verdict, error);
	if (work->unsure && (route->kind != ROUTE_TAP || route->command != NULL)) {
		request->outcome = "try later";
		return request_answer(request, TEXT_TRY_LATER, NULL, error);
	}
	return rules_answer(request, route, error);
}

static struct request new_request(struct work *work, struct store_txn *txn)
{
	return (struct request){.config = work->dispatch->config,
	    .table = work->table,
	    .command = work->route.command,
	    .request_id = work->request_id,
	    .bot_name = work->known.bot_name,
	    .update = &work->update,
	    .caller = &work->caller,
	    .store = work->dispatch->store,
	    .txn = txn,
	    .now_ms = work->now_ms,
	    .calls = json_object_new_array(),
	    .outcome = "answered",
	    .target = work->route.target,
	    .running = work->dispatch->running,
	    .limits = work->dispatch->limits,
	    .awaited = work->awaited,
	    .wish = work->wish};
}

static bool must_wait(const struct wish *wish)
{
	return wish->kind == WISH_LIST || wish->kind == WISH_ASK;
}

static bool is_answered(struct json_object *calls)
{
	for (size_t i = 0; i < json_object_array_length(calls); i++) {
		const char *method = json_text(json_object_array_get_idx(calls, i), "method");

		if (method != NULL && strcmp(method, "answerCallbackQuery") == 0)
			return true;
	}
	return false;
}

/* The button of a phone spins until it is answered. A service may still have something to say there. */
static int close_tap(const struct work *work, const struct request *request, struct error *error)
{
	if (!request_has_open_tap(request) || work->known.tapped || work->wish->kind == WISH_ASK ||
	    is_answered(request->calls))
		return 0;
	return reply_tap(request->calls, request->update, "", NULL, error);
}

/* What an update that waits says before leaves by itself. */
static int add_line(struct work *work, const struct request *request, struct error *error)
{
	if (close_tap(work, request, error) != 0)
		return -1;
	if (!must_wait(work->wish))
		return reply_line(&work->line, work->update.update_id, request->calls, error);
	if (request->changed)
		return error_set(error, ERROR_BUG, "what waits must not change the store");
	return reply_lines(&work->line, request->calls, error);
}

/* Answers into work->line; *changed says whether txn must be committed. */
static int make_line(struct work *work, struct store_txn *txn, bool *changed, struct error *error)
{
	struct request request = new_request(work, txn);
	int result;

	buf_clear(&work->line);
	wish_clear(work->wish);
	result = answer_or_refuse(work, &request, error);
	if (result == 0)
		result = add_line(work, &request, error);
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

/* However often Telegram delivers a tap, it does what it does once. */
static int claim_tap(struct work *work, struct store_txn *txn, bool *changed, struct error *error)
{
	if (work->update.kind != UPDATE_TAP || must_wait(work->wish) || work->known.tapped)
		return 0;
	*changed = true;
	return store_tap_claim(txn, work->update.tap_id, work->now_ms, error);
}

/* 1 done; 0 where the link is no longer what find_caller saw, so that all must be looked at again. */
static int answer_in(struct store_txn *txn, struct work *work, bool *changed, struct error *error)
{
	struct store_link link;
	int found = store_link_of_chat(txn, speaker(&work->update), &link, error);

	if (found < 0)
		return -1;
	if (!same_link(&work->known, found == 1, &link))
		return 0;
	if (make_line(work, txn, changed, error) != 0 || claim_tap(work, txn, changed, error) != 0)
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

static bool changes_store(const struct work *work)
{
	const struct command *row = work->route.command;

	if (work->dispatch->store == NULL || work->verdict != LIMITS_ALLOWED)
		return false;
	if (work->route.kind == ROUTE_MEMBER)
		return true;
	if (row == NULL || row->store == COMMAND_READS)
		return false;
	return row->store == COMMAND_WRITES || work->awaited != NULL;
}

static struct route find_route(const struct work *work)
{
	if (route_button_id(&work->update) == NULL)
		return route_update(work->table, &work->update, work->known.bot_name);
	if (!work->known.has_button)
		return (struct route){.kind = ROUTE_TAP};
	return route_button(work->table, &work->known.button);
}

/* A button of the store may be for one account. */
static void check_button(struct work *work)
{
	const char *user = work->known.button.user;

	if (work->known.has_button && user[0] != '\0' &&
	    (!work->caller.linked || strcmp(user, work->caller.account.name) != 0))
		work->route = (struct route){.kind = ROUTE_TAP};
}

/*
 * What was waited for is of no use to another row, which may be there since the configuration was read again,
 * and not for another account, if the chat was linked to one meanwhile.
 */
static const struct awaited *find_awaited(const struct work *work)
{
	const struct awaited *awaited = work->incoming->awaited;
	const struct caller *caller = &work->caller;

	if (awaited == NULL || awaited->kind != WISH_ASK)
		return awaited;
	if (strcmp(awaited->row, route_name(&work->route)) != 0 ||
	    strcmp(awaited->user, caller->linked ? caller->account.name : "") != 0)
		return NULL;
	return awaited;
}

/* An update counts once, however often it is looked at; by its own time, since it may have waited long. */
static void check_limits(struct work *work)
{
	const struct config *config = work->dispatch->config;
	const struct limits_rate rate = {
	    config->limits.chat_per_minute, config->limits.chat_per_second, config->limits.chat_burst};
	int64_t sent_ms = work->update.date_ms;

	work->verdict = LIMITS_ALLOWED;
	if (!needs_caller(&work->route))
		return;
	if (work->incoming->is_refused)
		work->verdict = work->incoming->is_told ? LIMITS_REFUSED_TELL : LIMITS_REFUSED;
	if (work->incoming->is_refused || work->incoming->counted || work->dispatch->limits == NULL)
		return;
	if (sent_ms == 0 || sent_ms > work->now_ms)
		sent_ms = work->now_ms;
	work->verdict = limits_check(work->dispatch->limits, &rate, work->update.chat, sent_ms);
	work->incoming->counted = work->verdict == LIMITS_ALLOWED;
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
	work->route = find_route(work);
	work->caller = (struct caller){.linked = false};
	work->unsure = false;
	check_limits(work);
	if (needs_caller(&work->route) && work->verdict == LIMITS_ALLOWED)
		find_caller(work);
	check_button(work);
	work->awaited = find_awaited(work);
	if (changes_store(work))
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

static int put_broken(const struct work *work, const struct error *reason, struct error *error)
{
	struct store_broken broken = {
	    .update_id = work->update.update_id, .broken_ms = work->now_ms, .chat = work->update.chat};
	const char *line = link_holds_secret(work->incoming->object) ? "" : json_line(work->incoming->object);
	struct store_txn *txn;

	snprintf(broken.route, sizeof broken.route, "%s", route_name(&work->route));
	snprintf(broken.reason, sizeof broken.reason, "%s", reason->text);
	if (store_begin(work->dispatch->store, &txn, error) != 0)
		return -1;
	if (store_broken_put(txn, &broken, line, strlen(line), error) == 0)
		return store_commit(txn, error);
	store_abort(txn);
	return -1;
}

/* For operators to look at. Where that fails, the log alone knows of it. */
static void keep_broken(const struct work *work, const struct error *reason)
{
	struct error error;

	if (work->dispatch->store != NULL && put_broken(work, reason, &error) != 0)
		log_error("a broken update cannot be kept", LOG_INT("update_id", work->update.update_id),
		    LOG_STR("error", error.text));
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
	keep_broken(work, reason);
	buf_clear(&work->line);
	work->outcome = "failed";
	wish_clear(work->wish);
	if (work->route.command == &link_key_row)
		(void)link_delete(calls, update, work->dispatch->config, &error);
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

static void log_update(const struct work *work)
{
	log_info("update", LOG_STR("request_id", work->request_id), LOG_INT("chat", work->update.chat),
	    LOG_INT("user", work->update.user), LOG_STR("route", route_name(&work->route)),
	    LOG_STR("outcome", work->outcome),
	    LOG_INT("latency_ms", clock_monotonic_ms() - work->incoming->received_ms));
}

/* For whom a service is asked. */
static void fill_context(const struct work *work, struct wish *wish)
{
	const struct update *update = &work->update;
	bool has_open_tap =
	    update->kind == UPDATE_TAP && (work->awaited == NULL || !work->awaited->tap_answered);

	snprintf(wish->request_id, sizeof wish->request_id, "%s", work->request_id);
	snprintf(wish->user, sizeof wish->user, "%s", work->caller.linked ? work->caller.account.name : "");
	wish->context = (struct ask_context){.request_id = wish->request_id,
	    .route = route_name(&work->route),
	    .chat = update->chat,
	    .thread = update->thread,
	    .user = update->user,
	    .account = wish->user,
	    .tap_id = has_open_tap ? update->tap_id : NULL};
}

/* 1: the update waits. */
static int finish(struct work *work, struct buf *out, struct error *error)
{
	if (buf_add(out, buf_text(&work->line), work->line.len) != 0)
		return error_set(error, ERROR_BUG, "no room for an answer");
	if (work->wish->kind == WISH_ASK)
		fill_context(work, work->wish);
	if (must_wait(work->wish))
		return 1;
	log_update(work);
	return 0;
}

int dispatch_update(const struct dispatch *dispatch, struct incoming *incoming, int64_t now_ms,
    struct wish *wish, struct buf *out, struct error *error)
{
	struct work work = {.dispatch = dispatch,
	    .incoming = incoming,
	    .table = dispatch->table,
	    .now_ms = now_ms,
	    .wish = wish,
	    .line = BUF_INIT(LINE_MAX_BYTES)};
	struct json_object *object = incoming->object;
	struct error trouble;
	int result = update_read_id(object, &work.update.update_id, error);

	*wish = (struct wish){.kind = WISH_NOTHING};
	if (result != 0)
		return -1;
	snprintf(work.request_id, sizeof work.request_id, "u%lld", (long long)work.update.update_id);
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
	result = finish(&work, out, error);
out:
	if (result < 0)
		wish_clear(wish);
	buf_free(&work.line);
	return result;
}

/* Reads no more of it than an apology needs, once; then not even that. */
static int give_up(struct work *work, int64_t deaths, struct error *error)
{
	struct json_object *calls;
	struct error trouble;
	int result;

	if (deaths == GUARD_DEATHS) {
		(void)update_read(work->incoming->object, &work->update, &trouble);
		if (look(work, error) != 0)
			return -1;
		/* The process ended after the answer was kept. */
		if (work->known.answered) {
			work->outcome = "answered before";
			return 0;
		}
		work->route = find_route(work);
		error_set(&trouble, ERROR_BUG, "tg-dispatch ended while it was handled, %lld times",
		    (long long)deaths);
		apologise(work, &trouble);
		return 0;
	}
	calls = json_object_new_array();
	result = reply_line(&work->line, work->update.update_id, calls, error);
	json_object_put(calls);
	work->outcome = "failed";
	return result;
}

int dispatch_give_up(const struct dispatch *dispatch, struct incoming *incoming, int64_t deaths,
    int64_t now_ms, struct wish *wish, struct buf *out, struct error *error)
{
	struct work work = {.dispatch = dispatch,
	    .incoming = incoming,
	    .table = dispatch->table,
	    .now_ms = now_ms,
	    .wish = wish,
	    .line = BUF_INIT(LINE_MAX_BYTES)};
	int result = update_read_id(incoming->object, &work.update.update_id, error);

	*wish = (struct wish){.kind = WISH_NOTHING};
	if (result != 0)
		return -1;
	snprintf(work.request_id, sizeof work.request_id, "u%lld", (long long)work.update.update_id);
	result = give_up(&work, deaths, error);
	if (result == 0)
		result = finish(&work, out, error);
	buf_free(&work.line);
	return result;
}

static int accept_config(void *context, const struct config *loaded, struct error *error)
{
	struct dispatch *dispatch = context;
	struct command_table *table;

	if (table_new(loaded, &table, error) != 0)
		return -1;
	table_free(dispatch->table);
	dispatch->table = table;
	return 0;
}

void dispatch_reload(struct dispatch *dispatch, const char *config_path)
{
	(void)config_reload(config_path, &dispatch->config, accept_config, dispatch);
}

int64_t dispatch_chat(struct json_object *object)
{
	struct update update;
	struct error error;

	(void)update_read(object, &update, &error);
	return update.chat;
}

/* In a group what is addressed to a bot waits, since that may be another one, which only the store knows. */
void dispatch_hasten(const struct dispatch *dispatch, struct json_object *object, struct buf *out)
{
	struct json_object *calls;
	struct update update;
	struct error error;

	if (update_read(object, &update, &error) != 0 || !link_carries_key(&update, "?"))
		return;
	calls = json_object_new_array();
	if (link_delete(calls, &update, dispatch->config, &error) == 0)
		(void)reply_lines(out, calls, &error);
	json_object_put(calls);
}
