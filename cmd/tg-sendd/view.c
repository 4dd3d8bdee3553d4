/* What requests only look at. */
#include <string.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "sendd.h"

enum { METRICS_MAX_BYTES = 64 << 10, AWAY_MS = 300000 };

void answer_json(struct httpd_request *request, int status, struct json_object *body)
{
	const char *line = json_line(body);

	httpd_answer(request, status, "application/json", line, strlen(line));
}

void answer_error(struct httpd_request *request, int status, const char *text)
{
	struct json_object *body = json_object_new_object();

	json_put_text(body, "error", text);
	answer_json(request, status, body);
	json_object_put(body);
}

static void put_time(struct json_object *object, const char *key, int64_t wall_ms)
{
	char text[CLOCK_TEXT_BYTES];

	json_put_text(object, key, clock_format(wall_ms, text));
}

/* What a view is asked for. */
struct question {
	const char *user; /* NULL: everybody's */
	int64_t before, limit;
};
typedef int view_fn(
    struct store_txn *txn, const struct question *question, struct json_object *body, struct error *error);

/* Answers with what view put into body, or with the store's trouble. */
static void answer_view(
    struct sendd *sendd, struct httpd_request *request, view_fn *view, const struct question *question)
{
	struct json_object *body = json_object_new_object();
	struct store_txn *txn;
	struct error error;
	int result = store_begin_read(sendd->store, &txn, &error);

	if (result == 0) {
		result = view(txn, question, body, &error);
		store_abort(txn);
	}
	if (result == 0) {
		answer_json(request, 200, body);
	} else {
		log_error("request failed", LOG_STR("error", error.text));
		answer_error(request, error.kind == ERROR_BUG ? 500 : 503, error.text);
	}
	json_object_put(body);
}

/* ---- /queue, /history ---- */

static void put_files(struct json_object *row, const struct store_message *message)
{
	struct json_object *files;

	if (message->files_count == 0)
		return;
	files = json_object_new_array();
	for (size_t i = 0; i < message->files_count; i++)
		json_object_array_add(files, json_object_new_string(message->files[i].name));
	json_object_object_add(row, "files", files);
}

static void put_progress(struct json_object *row, enum store_state state, const struct store_message *message)
{
	json_put_int64(row, "attempts", message->attempts);
	if (state == STORE_SCHEDULED)
		put_time(row, "next_attempt_at", message->due_ms);
	else if (message->not_before_ms > 0 && state == STORE_QUEUED)
		put_time(row, "next_attempt_at", message->not_before_ms);
	json_put_text(row, "error", message->last_error);
	if (state != STORE_DELIVERED)
		return;
	put_time(row, "delivered_at", message->ended_ms);
	if (message->message_id != 0)
		json_put_int64(row, "message_id", message->message_id);
}

static struct json_object *message_row(enum store_state state, const struct store_message *message)
{
	struct json_object *row = json_object_new_object();

	json_put_int64(row, "id", message->id);
	json_put_text(row, "user", message->user);
	json_put_int64(row, "chat_id", sched_is_lane(message->chat) ? 0 : message->chat);
	json_put_text(row, "state", store_state_name(state));
	json_put_text(row, "to", message->target);
	json_put_text(row, "method", message->method);
	json_put_text(row, "script", message->script);
	json_put_text(row, "key", message->key);
	put_time(row, "accepted_at", message->accepted_ms);
	put_progress(row, state, message);
	put_files(row, message);
	return row;
}

static bool add_message(void *context, enum store_state state, const struct store_message *message)
{
	json_object_array_add(context, message_row(state, message));
	return true;
}

static void add_hold(void *context, const char *user)
{
	json_put_bool(context, user, true);
}

static void mark_if_held(struct json_object *row, struct json_object *holds)
{
	const char *state = json_text(row, "state"), *user = json_text(row, "user");

	if (state == NULL || strcmp(state, store_state_name(STORE_QUEUED)) != 0)
		return;
	if (json_object_object_get_ex(holds, "", NULL) || json_object_object_get_ex(holds, user, NULL))
		json_put_bool(row, "held", true);
}

/* Marks what waits because an operator holds it. */
static int mark_held(struct store_txn *txn, struct json_object *rows, struct error *error)
{
	struct json_object *holds = json_object_new_object();
	int result = store_holds_each(txn, add_hold, holds, error);

	for (size_t i = 0; i < json_object_array_length(rows) && json_object_object_length(holds) > 0; i++)
		mark_if_held(json_object_array_get_idx(rows, i), holds);
	json_object_put(holds);
	return result;
}

static int queue(
    struct store_txn *txn, const struct question *question, struct json_object *body, struct error *error)
{
	struct json_object *rows = json_object_new_array();

	json_object_object_add(body, "messages", rows);
	if (store_outbox_each(txn, question->user, question->limit, add_message, rows, error) != 0)
		return -1;
	return mark_held(txn, rows, error);
}

void view_queue(struct sendd *sendd, struct httpd_request *request, const char *user, int64_t limit)
{
	answer_view(sendd, request, queue, &(struct question){user, 0, limit});
}

static int history(
    struct store_txn *txn, const struct question *question, struct json_object *body, struct error *error)
{
	struct json_object *rows = json_object_new_array();

	json_object_object_add(body, "messages", rows);
	return store_history_each(
	    txn, question->user, question->before, question->limit, add_message, rows, error);
}

void view_history(
    struct sendd *sendd, struct httpd_request *request, const char *user, int64_t before, int64_t limit)
{
	answer_view(sendd, request, history, &(struct question){user, before, limit});
}

/* What it says, for its owner to recognise it. */
static const char *text_of(const struct store_message *message)
{
	static const char *const names[] = {"text", "caption", NULL};
	const char *text = NULL;

	for (const char *const *name = names; message->parameters != NULL && *name != NULL; name++) {
		if (text == NULL)
			text = json_text(message->parameters, *name);
	}
	return text;
}

/* A row with everything. */
static int full_row(struct store_txn *txn, enum store_state state, const struct store_message *message,
    struct json_object **row, struct error *error)
{
	struct json_object *rows = json_object_new_array();
	int result;

	*row = message_row(state, message);
	json_put_text(*row, "text", text_of(message));
	json_object_array_add(rows, json_object_get(*row));
	result = mark_held(txn, rows, error);
	json_object_put(rows);
	if (result != 0) {
		json_object_put(*row);
		*row = NULL;
	}
	return result;
}

int view_message(struct sendd *sendd, int64_t id, struct json_object **row, struct error *error)
{
	struct store_message message;
	enum store_state state;
	struct store_txn *txn;
	int found;

	if (store_begin_read(sendd->store, &txn, error) != 0)
		return -1;
	found = store_message_get(txn, id, &state, &message, error);
	if (found == 1) {
		found = full_row(txn, state, &message, row, error) == 0 ? 1 : -1;
		store_message_free(&message);
	}
	store_abort(txn);
	return found;
}

/* ---- /api/telegram/status, /api/telegram/links ---- */

static bool add_link(void *context, const struct store_link *link)
{
	struct json_object *row = json_object_new_object();

	json_put_text(row, "user", link->user);
	json_put_int64(row, "chat_id", link->chat);
	if (link->chat_name[0] != '\0')
		json_put_text(row, "username", link->chat_name);
	put_time(row, "linked_at", link->linked_ms);
	json_put_bool(row, "paused", link->paused);
	json_object_array_add(context, row);
	return true;
}

static int links(
    struct store_txn *txn, const struct question *question, struct json_object *body, struct error *error)
{
	struct json_object *rows = json_object_new_array();

	json_object_object_add(body, "links", rows);
	return store_links_each(txn, question->user, add_link, rows, error);
}

void view_links(struct sendd *sendd, struct httpd_request *request)
{
	answer_view(sendd, request, links, &(struct question){.user = NULL});
}

static int status(
    struct store_txn *txn, const struct question *question, struct json_object *body, struct error *error)
{
	struct json_object *rows = json_object_new_array();
	struct json_object *first;
	int result = store_links_each(txn, question->user, add_link, rows, error);
	size_t count = json_object_array_length(rows);

	json_put_bool(body, "linked", count > 0);
	json_put_text(body, "user", question->user);
	if (count == 0) {
		json_object_put(rows);
		return result;
	}
	first = json_object_array_get_idx(rows, 0);
	json_put_text(body, "linked_at", json_text(first, "linked_at"));
	for (size_t i = 0; i < count; i++)
		json_object_object_del(json_object_array_get_idx(rows, i), "user");
	json_object_object_add(body, "chats", rows);
	return result;
}

void view_status(struct sendd *sendd, struct httpd_request *request, const char *user)
{
	answer_view(sendd, request, status, &(struct question){.user = user});
}

/* ---- /updates ---- */

static struct json_object *broken_row(const struct store_broken *broken)
{
	struct json_object *row = json_object_new_object();

	json_put_int64(row, "update_id", broken->update_id);
	put_time(row, "at", broken->broken_ms);
	if (broken->chat != 0)
		json_put_int64(row, "chat_id", broken->chat);
	json_put_text(row, "route", broken->route);
	json_put_text(row, "reason", broken->reason);
	return row;
}

static int updates(
    struct store_txn *txn, const struct question *question, struct json_object *body, struct error *error)
{
	struct json_object *rows = json_object_new_array();
	struct store_broken broken = {.update_id = -1};
	int found;

	(void)question;
	json_object_object_add(body, "updates", rows);
	while ((found = store_broken_next(txn, broken.update_id, &broken, error)) == 1)
		json_object_array_add(rows, broken_row(&broken));
	return found;
}

void view_updates(struct sendd *sendd, struct httpd_request *request)
{
	answer_view(sendd, request, updates, &(struct question){.user = NULL});
}

/* The row of one with its content, null where that is not there. 1, 0, -1. */
static int full_update(
    struct store_txn *txn, int64_t update_id, struct json_object **row, struct error *error)
{
	struct buf text = BUF_INIT(STORE_BROKEN_MAX_BYTES);
	struct json_object *update = NULL;
	struct store_broken broken;
	struct error damage;
	int found = store_broken_get(txn, update_id, &broken, &text, error);

	if (found == 1) {
		if (text.len > 0 && json_parse(text.data, text.len, "the update", &update, &damage) != 0)
			update = NULL;
		*row = broken_row(&broken);
		json_object_object_add(*row, "update", update);
	}
	buf_free(&text);
	return found;
}

void view_update(struct sendd *sendd, struct httpd_request *request, int64_t update_id)
{
	struct json_object *row = NULL;
	struct store_txn *txn;
	struct error error;
	int found = store_begin_read(sendd->store, &txn, &error);

	if (found == 0) {
		found = full_update(txn, update_id, &row, &error);
		store_abort(txn);
	}
	if (found == 1)
		answer_json(request, 200, row);
	else
		answer_error(
		    request, found == 0 ? 404 : 503, found == 0 ? "there is no such update" : error.text);
	json_object_put(row);
}

/* ---- /api/telegram/keys, /api/telegram/status/CHAT ---- */

struct rows {
	int64_t now_ms;
	struct json_object *rows;
};

static void put_time_or_null(struct json_object *object, const char *key, int64_t wall_ms)
{
	if (wall_ms != 0)
		put_time(object, key, wall_ms);
	else
		json_object_object_add(object, key, NULL);
}

static void add_key(void *context, const struct store_apikey *key)
{
	const struct rows *into = context;
	struct json_object *row = json_object_new_object();

	json_put_int64(row, "id", key->id);
	json_put_text(row, "label", key->label);
	put_time(row, "made_at", key->made_ms);
	put_time_or_null(row, "expires_at", key->expires_ms);
	put_time_or_null(row, "last_used_at", key->last_used_ms);
	json_put_bool(row, "expired", key->expires_ms != 0 && key->expires_ms <= into->now_ms);
	json_object_array_add(into->rows, row);
}

static int keys(
    struct store_txn *txn, const struct question *question, struct json_object *body, struct error *error)
{
	struct rows into = {clock_wall_ms(), json_object_new_array()};

	json_object_object_add(body, "keys", into.rows);
	return store_apikeys_each(txn, question->user, into.now_ms, add_key, &into, error);
}

void view_keys(struct sendd *sendd, struct httpd_request *request, const char *user)
{
	answer_view(sendd, request, keys, &(struct question){.user = user});
}

/* 1, 0 where the chat has no link, -1. */
static int find_link(struct sendd *sendd, int64_t chat, struct store_link *link, struct error *error)
{
	struct store_txn *txn;
	int found;

	if (store_begin_read(sendd->store, &txn, error) != 0)
		return -1;
	found = store_link_of_chat(txn, chat, link, error);
	store_abort(txn);
	return found;
}

void view_chat(struct sendd *sendd, struct httpd_request *request, int64_t chat, const char *user)
{
	struct account account;
	struct store_link link;
	struct json_object *body;
	struct error error;
	int found = find_link(sendd, chat, &link, &error);

	if (found >= 0 && user != NULL && (found == 0 || strcmp(link.user, user) != 0)) {
		answer_error(request, 403, "this chat is not linked to your account");
		return;
	}
	/* An account that is gone has no chat any more, as far as others are concerned. */
	if (found == 1 && account_by_name(link.user, &account, &error) != 0)
		found = error_is_temporary(error.kind) ? -1 : 0;
	if (found < 0) {
		answer_error(request, 503, error.text);
		return;
	}
	body = json_object_new_object();
	json_put_bool(body, "linked", found == 1);
	if (found == 1)
		link_details(body, &link, account.uid);
	answer_json(request, 200, body);
	json_object_put(body);
}

/* ---- /scripts ---- */

static void add_script(void *context, const struct store_script *script)
{
	const struct rows *into = context;
	int64_t until_ms = script->cooldown_until_ms > into->now_ms ? script->cooldown_until_ms : 0;
	struct json_object *row;

	if (until_ms == 0 && script->last_sent_ms == 0)
		return;
	row = json_object_new_object();
	json_put_text(row, "script", script->name);
	put_time_or_null(row, "last_sent", script->last_sent_ms);
	put_time_or_null(row, "cooldown_until", until_ms);
	json_object_array_add(into->rows, row);
}

static int scripts(
    struct store_txn *txn, const struct question *question, struct json_object *body, struct error *error)
{
	struct rows into = {clock_wall_ms(), json_object_new_array()};

	json_object_object_add(body, "scripts", into.rows);
	return store_scripts_each(txn, question->user, add_script, &into, error);
}

void view_scripts(struct sendd *sendd, struct httpd_request *request, const char *user)
{
	answer_view(sendd, request, scripts, &(struct question){.user = user});
}

/* ---- /health ---- */

static const char *trouble(struct sendd *sendd)
{
	if (sendd->bad_token)
		return "Telegram refuses the token";
	if (sendd->commit_failed)
		return "the store cannot be written";
	if (store_used_percent(sendd->store) >= STORE_FULL_PERCENT)
		return "the store is full";
	if (sendd->trouble_since_ms != 0 && clock_monotonic_ms() - sendd->trouble_since_ms > AWAY_MS)
		return "Telegram cannot be reached";
	return NULL;
}

static int totals(struct sendd *sendd, struct store_totals *all, struct error *error)
{
	struct store_txn *txn;
	int result;

	if (store_begin_read(sendd->store, &txn, error) != 0)
		return -1;
	result = store_totals(txn, all, error);
	store_abort(txn);
	return result;
}

void view_health(struct sendd *sendd, struct httpd_request *request)
{
	struct json_object *body = json_object_new_object();
	const char *wrong = trouble(sendd);
	struct store_totals all;
	struct error error;

	if (totals(sendd, &all, &error) == 0) {
		json_put_int64(body, "updates_waiting", all.inbox);
		json_put_int64(body, "queued", all.queued);
		json_put_int64(body, "scheduled", all.scheduled);
		json_put_int64(body, "dead", all.dead);
		json_put_int64(body, "links", all.links);
	} else {
		wrong = "the store cannot be read";
	}
	json_put_text(body, "status", wrong ? wrong : "ok");
	json_put_text(body, "version", TGTOOLS_VERSION);
	json_put_int64(body, "delivered", sendd->metrics.delivered);
	json_put_int64(body, "in_flight", sched_in_flight(sendd->sched));
	json_put_int64(body, "store_used_percent", store_used_percent(sendd->store));
	answer_json(request, wrong ? 503 : 200, body);
	json_object_put(body);
}

void view_metrics(struct sendd *sendd, struct httpd_request *request)
{
	struct metrics_state state = {.now_ms = clock_wall_ms(),
	    .in_flight = sched_in_flight(sendd->sched),
	    .store_used_percent = store_used_percent(sendd->store),
	    .healthy = trouble(sendd) == NULL};
	struct buf text = BUF_INIT(METRICS_MAX_BYTES);
	struct error error;

	if (totals(sendd, &state.totals, &error) != 0) {
		answer_error(request, 503, error.text);
		return;
	}
	metrics_print(&sendd->metrics, &state, &text);
	httpd_answer(request, 200, "text/plain; version=0.0.4", text.data, text.len);
	buf_free(&text);
}
