/* What requests only look at. */
#include <string.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "sendd.h"

enum { QUEUE_MAX = 1000, AWAY_MS = 300000 };

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

/* Answers with what view put into body, or with the store's trouble. */
static void answer_view(struct sendd *sendd, struct httpd_request *request,
    int (*view)(struct store_txn *txn, const char *user, struct json_object *body, struct error *error),
    const char *user)
{
	struct json_object *body = json_object_new_object();
	struct store_txn *txn;
	struct error error;
	int result = store_begin_read(sendd->store, &txn, &error);

	if (result == 0) {
		result = view(txn, user, body, &error);
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

/* ---- /queue ---- */

static bool add_message(void *context, enum store_state state, const struct store_message *message)
{
	static const char *const words[] = {[STORE_QUEUED] = "queued",
	    [STORE_STARTED] = "started",
	    [STORE_DEAD] = "dead",
	    [STORE_UNCERTAIN] = "uncertain"};
	struct json_object *row = json_object_new_object();

	json_put_int64(row, "id", message->id);
	json_put_text(row, "user", message->user);
	json_put_int64(row, "chat_id", message->chat);
	json_put_text(row, "state", words[state]);
	json_put_text(row, "method", message->method);
	json_put_text(row, "script", message->script);
	put_time(row, "accepted_at", message->accepted_ms);
	json_put_int64(row, "attempts", message->attempts);
	if (message->not_before_ms > 0)
		put_time(row, "next_attempt_at", message->not_before_ms);
	json_put_text(row, "error", message->last_error);
	json_object_array_add(context, row);
	return true;
}

static int queue(struct store_txn *txn, const char *user, struct json_object *body, struct error *error)
{
	struct json_object *rows = json_object_new_array();

	json_object_object_add(body, "messages", rows);
	return store_outbox_each(txn, user, QUEUE_MAX, add_message, rows, error);
}

void view_queue(struct sendd *sendd, struct httpd_request *request, const char *user)
{
	answer_view(sendd, request, queue, user);
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

static int links(struct store_txn *txn, const char *user, struct json_object *body, struct error *error)
{
	struct json_object *rows = json_object_new_array();

	json_object_object_add(body, "links", rows);
	return store_links_each(txn, user, add_link, rows, error);
}

void view_links(struct sendd *sendd, struct httpd_request *request)
{
	answer_view(sendd, request, links, NULL);
}

static int status(struct store_txn *txn, const char *user, struct json_object *body, struct error *error)
{
	struct json_object *rows = json_object_new_array();
	struct json_object *first;
	int result = store_links_each(txn, user, add_link, rows, error);
	size_t count = json_object_array_length(rows);

	json_put_bool(body, "linked", count > 0);
	json_put_text(body, "user", user);
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
	answer_view(sendd, request, status, user);
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

static int totals(struct store_txn *txn, const char *user, struct json_object *body, struct error *error)
{
	struct store_totals all;

	(void)user;
	if (store_totals(txn, &all, error) != 0)
		return -1;
	json_put_int64(body, "updates_waiting", all.inbox);
	json_put_int64(body, "queued", all.queued);
	json_put_int64(body, "dead", all.dead);
	json_put_int64(body, "links", all.links);
	return 0;
}

void view_health(struct sendd *sendd, struct httpd_request *request)
{
	struct json_object *body = json_object_new_object();
	const char *wrong = trouble(sendd);
	struct store_txn *txn;
	struct error error;

	if (store_begin_read(sendd->store, &txn, &error) == 0) {
		if (totals(txn, NULL, body, &error) != 0)
			wrong = "the store cannot be read";
		store_abort(txn);
	} else {
		wrong = "the store cannot be read";
	}
	json_put_text(body, "status", wrong ? wrong : "ok");
	json_put_text(body, "version", TGTOOLS_VERSION);
	json_put_int64(body, "delivered", sendd->delivered);
	json_put_int64(body, "in_flight", sched_in_flight(sendd->sched));
	json_put_int64(body, "store_used_percent", store_used_percent(sendd->store));
	answer_json(request, wrong ? 503 : 200, body);
	json_object_put(body);
}
