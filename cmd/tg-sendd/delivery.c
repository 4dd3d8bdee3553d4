#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "path.h"
#include "sendd.h"
#include "xalloc.h"

enum { UPLOAD_TIMEOUTS = 10 };

/* ---- picking: M1 to M2 ---- */

static void push(struct delivery **list, struct delivery *delivery)
{
	delivery->next = *list;
	*list = delivery;
}

static void delivery_free(struct delivery *delivery)
{
	store_message_free(&delivery->message);
	telegram_reply_free(&delivery->reply);
	json_object_put(delivery->attempt.parameters);
	free(delivery);
}

static void append_ended(struct delivery *delivery)
{
	*delivery->sendd->ended_tail = delivery;
	delivery->sendd->ended_tail = &delivery->next;
}

static struct delivery *delivery_new(struct sendd *sendd, const struct store_message *message)
{
	struct delivery *delivery = xcalloc(1, sizeof *delivery);

	delivery->sendd = sendd;
	delivery->message = *message;
	return delivery;
}

/* Ends a message without an attempt; recorded with the commit that is being prepared. */
static void end_without_attempt(
    struct sendd *sendd, const struct store_message *message, enum outcome_action action, const char *why)
{
	struct delivery *delivery = delivery_new(sendd, message);

	delivery->reply.verdict = TELEGRAM_REFUSED;
	snprintf(delivery->reply.description, sizeof delivery->reply.description, "%s", why);
	delivery->outcome.action = action;
	append_ended(delivery);
}

/* Whether a message is for a linked chat alone. 1, 0, -1. */
static int needs_link(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	struct store_broadcast broadcast;

	if (message->user[0] != '\0')
		return message->target == NULL;
	return message->class == STORE_BULK ? store_broadcast_of(txn, message->id, &broadcast, error) : 0;
}

/*
 * 1 where a person's message would go to a chat that is no longer that person's, or a broadcast to one that
 * is nobody's.
 */
static int is_misdirected(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	struct store_link link;
	int found = needs_link(txn, message, error);

	if (found != 1)
		return found;
	found = store_link_of_chat(txn, message->chat, &link, error);
	if (found < 0)
		return -1;
	return found == 0 || (message->user[0] != '\0' && strcmp(link.user, message->user) != 0);
}

/* A lane is none. */
static int64_t chat_shown(int64_t chat)
{
	return sched_is_lane(chat) ? 0 : chat;
}

static int mark_started(struct sendd *sendd, struct store_txn *txn, struct store_message *message,
    const struct attempt *attempt, struct error *error)
{
	struct delivery *delivery;

	/* A crash in state M2: Telegram may have it already, and gets it again. */
	if (message->started)
		log_warning("attempt repeated", LOG_INT("id", message->id),
		    LOG_INT("chat", chat_shown(message->chat)));
	message->started = true;
	message->attempts++;
	if (store_outbox_start(txn, message, error) != 0)
		return -1;
	delivery = delivery_new(sendd, message);
	delivery->attempt = *attempt;
	push(&sendd->starting, delivery);
	return 0;
}

static int begin_attempt(
    struct sendd *sendd, struct store_txn *txn, struct store_message *message, struct error *error)
{
	struct attempt attempt;
	int result = 0;

	if (keyed_prepare(txn, message, &attempt, error) != 0) {
		json_object_put(attempt.parameters);
		return -1;
	}
	if (!attempt.is_needless)
		result = mark_started(sendd, txn, message, &attempt, error);
	else
		end_without_attempt(sendd, message, OUTCOME_DELIVERED, "there was nothing to take back");
	if (attempt.is_needless || result != 0)
		json_object_put(attempt.parameters);
	return result;
}

static int attempt(
    struct sendd *sendd, struct store_txn *txn, struct store_message *message, struct error *error)
{
	int misdirected = is_misdirected(txn, message, error);

	if (misdirected < 0)
		return -1;
	/* Its outcome was never recorded: a crash in state M2. */
	if (message->started && sendd->config->delivery.policy == POLICY_AT_MOST_ONCE &&
	    !outcome_may_repeat(message))
		end_without_attempt(sendd, message, OUTCOME_UNCERTAIN,
		    "an attempt was interrupted; it may have been delivered");
	else if (misdirected)
		end_without_attempt(
		    sendd, message, OUTCOME_DEAD, "the chat is no longer linked to this account");
	else
		return begin_attempt(sendd, txn, message, error);
	return 0;
}

/* A chat whose queue cannot be read is left alone, so that the others go on. */
static void skip_chat(struct sendd *sendd, int64_t chat, const char *why)
{
	log_error("cannot take the next message of a chat", LOG_INT("chat", chat), LOG_STR("error", why));
	sched_clear(sendd->sched, chat, clock_monotonic_ms());
}

/* Behind the messages of others there may be one of a user whose messages are held. */
static bool may_go(struct sendd *sendd, const struct store_message *message)
{
	return sched_flow(sendd->sched, message->chat, (int)message->class,
	    sched_flow_of(message->user, message->chat), clock_monotonic_ms());
}

static int pick_one(struct sendd *sendd, struct store_txn *txn, int64_t chat, struct error *error)
{
	struct sched_memo *memo = sched_memo(sendd->sched, chat);
	struct store_cursor cursor = {{0}};
	struct store_message message;
	int found, result = -1;

	if (memo != NULL) {
		memcpy(cursor.after, memo->after, sizeof cursor.after);
		memo->lowest = INT64_MAX;
	}
	found = store_outbox_head_after(txn, chat, &cursor, &message, error);
	if (found == 0 || (found < 0 && error->kind == ERROR_BUG)) {
		skip_chat(sendd, chat, found == 0 ? "there is none" : error->text);
		return 0;
	}
	if (found == 1 && !may_go(sendd, &message))
		result = 0;
	else if (found == 1 && attempt(sendd, txn, &message, error) == 0)
		return 0;
	if (found == 1)
		store_message_free(&message);
	sched_done(sendd->sched, chat, -1, clock_monotonic_ms());
	return result;
}

int delivery_pick(struct sendd *sendd, struct store_txn *txn, struct error *error)
{
	int64_t chat;

	while (!sendd->stopping && sched_next(sendd->sched, clock_monotonic_ms(), &chat)) {
		if (pick_one(sendd, txn, chat, error) != 0)
			return -1;
	}
	return 0;
}

void delivery_put_back(struct sendd *sendd)
{
	while (sendd->starting != NULL) {
		struct delivery *delivery = sendd->starting;

		sendd->starting = delivery->next;
		sched_done(sendd->sched, delivery->message.chat, -1, clock_monotonic_ms());
		delivery_free(delivery);
	}
}

/* ---- sending ---- */

static void unlink_flying(struct delivery *delivery)
{
	struct delivery **place = &delivery->sendd->flying;

	while (*place != delivery)
		place = &(*place)->next;
	*place = delivery->next;
	delivery->next = NULL;
}

static void end(struct delivery *delivery)
{
	struct sendd *sendd = delivery->sendd;
	struct outcome_rules rules = {
	    .policy = sendd->config->delivery.policy, .keep_ms = sendd->config->delivery.keep_ms};
	struct error error;

	sched_answered(sendd->sched, delivery->message.chat, clock_monotonic_ms());
	unlink_flying(delivery);
	/* What is not simply delivered is looked at. */
	if (delivery->reply.verdict != TELEGRAM_OK) {
		rules.jitter = (double)randombytes_uniform(1 << 20) / (1 << 20);
		if (store_message_parse(&delivery->message, &error) != 0)
			delivery->reply.verdict = TELEGRAM_REFUSED;
	}
	if (delivery->reply.verdict == TELEGRAM_WAIT)
		delivery->reply.whole_bot =
		    flood_is_of_all(&sendd->flood, delivery->message.chat, clock_monotonic_ms());
	delivery->outcome = outcome_decide(&delivery->reply, &delivery->message, &rules, clock_wall_ms());
	record_prepare(sendd, delivery);
	append_ended(delivery);
}

static void on_answer(void *context, const struct http_answer *answer)
{
	struct delivery *delivery = context;

	delivery->transfer = NULL;
	telegram_read(answer, &delivery->reply);
	end(delivery);
}

static struct json_object *parameters_with_chat(const struct delivery *delivery)
{
	struct json_object *from = delivery->attempt.parameters != NULL ? delivery->attempt.parameters
									: delivery->message.parameters;
	struct json_object *parameters = json_object_new_object();

	if (!sched_is_lane(delivery->message.chat))
		json_put_int64(parameters, "chat_id", delivery->message.chat);
	json_object_object_foreach(from, key, value)
	{
		json_object_object_add(parameters, key, json_object_get(value));
	}
	return parameters;
}

/* The parameters are text, and stay it: the chat goes in front of them. */
static int start_text(struct sendd *sendd, struct delivery *delivery, struct error *error)
{
	const struct store_message *message = &delivery->message;
	const char *text = message->parameters_text;
	struct buf body = BUF_INIT(SIZE_MAX / 4);
	int result;

	if (sched_is_lane(message->chat))
		buf_add_text(&body, text);
	else
		buf_add_format(&body, "{\"chat_id\":%lld%s%s", (long long)message->chat,
		    text[1] == '}' ? "" : ",", text + 1);
	result = telegram_start_text(sendd->client, &sendd->telegram, message->method, body.data, body.len,
	    sendd->config->telegram.timeout_ms, on_answer, delivery, &delivery->transfer, error);
	buf_free(&body);
	return result;
}

/* Files as the attempt has them: an edit names its only one. A deletion has none. */
static size_t attempt_files(
    const struct delivery *delivery, struct telegram_file files[STORE_FILES_MAX], char *paths[])
{
	const struct store_message *message = &delivery->message;

	for (size_t i = 0; i < message->files_count; i++) {
		paths[i] = path_join(store_spool_directory(delivery->sendd->store), message->files[i].spool);
		files[i] = (struct telegram_file){
		    delivery->attempt.edited_id != 0 ? KEYED_FILE : message->files[i].parameter, paths[i],
		    message->files[i].name};
	}
	return message->files_count;
}

static int start_object(struct sendd *sendd, struct delivery *delivery, struct error *error)
{
	struct telegram_file files[STORE_FILES_MAX];
	char *paths[STORE_FILES_MAX];
	struct json_object *parameters;
	int64_t timeout_ms = sendd->config->telegram.timeout_ms;
	size_t count;
	int result;

	if (store_message_parse(&delivery->message, error) != 0)
		return -1;
	count = attempt_files(delivery, files, paths);
	parameters = parameters_with_chat(delivery);
	result = telegram_start(sendd->client, &sendd->telegram, delivery->attempt.method, parameters, files,
	    count, timeout_ms * (count > 0 ? UPLOAD_TIMEOUTS : 1), on_answer, delivery, &delivery->transfer,
	    error);
	json_object_put(parameters);
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	return result;
}

static void start(struct sendd *sendd, struct delivery *delivery)
{
	const struct store_message *message = &delivery->message;
	bool is_text = message->parameters == NULL && message->parameters_text != NULL &&
		       message->parameters_text[0] == '{' && message->files_count == 0;
	struct error error;
	int result;

	push(&sendd->flying, delivery);
	result = is_text ? start_text(sendd, delivery, &error) : start_object(sendd, delivery, &error);
	if (result == 0)
		return;
	delivery->reply.verdict = error_is_temporary(error.kind) ? TELEGRAM_RETRY : TELEGRAM_REFUSED;
	snprintf(delivery->reply.description, sizeof delivery->reply.description, "%s", error.text);
	end(delivery);
}

void delivery_start_all(struct sendd *sendd)
{
	while (sendd->starting != NULL) {
		struct delivery *delivery = sendd->starting;

		sendd->starting = delivery->next;
		start(sendd, delivery);
	}
}

void delivery_cancel_all(struct sendd *sendd)
{
	while (sendd->flying != NULL) {
		struct delivery *delivery = sendd->flying;

		sendd->flying = delivery->next;
		http_cancel(delivery->transfer);
		delivery_free(delivery);
	}
}

/* ---- recording ---- */

int delivery_record_all(struct sendd *sendd, struct store_txn *txn, struct error *error)
{
	for (struct delivery *delivery = sendd->ended; delivery != NULL; delivery = delivery->next) {
		if (record_attempt(sendd, delivery, txn, error) != 0)
			return -1;
	}
	return 0;
}

/* ---- after the commit ---- */

static void tell(const struct delivery *delivery)
{
	const struct store_message *message = &delivery->message;
	static const struct {
		enum log_level level;
		const char *event;
	} events[] = {
	    [OUTCOME_DELIVERED] = {LOG_INFO, "message delivered"},
	    [OUTCOME_AGAIN] = {LOG_INFO, "message waits"},
	    [OUTCOME_PLAIN_TEXT] = {LOG_INFO, "message goes without markup"},
	    [OUTCOME_AS_DOCUMENT] = {LOG_INFO, "picture goes as a document"},
	    [OUTCOME_AS_TEXT_FILE] = {LOG_INFO, "text goes as a file"},
	    [OUTCOME_NO_THREAD] = {LOG_INFO, "message goes without its thread"},
	    [OUTCOME_NO_REPLY] = {LOG_INFO, "message goes as no reply"},
	    [OUTCOME_SEND_ANEW] = {LOG_INFO, "edit goes as a new message"},
	    [OUTCOME_MOVE] = {LOG_INFO, "chat has moved"},
	    [OUTCOME_OTHERWISE] = {LOG_WARNING, "message dead, another takes its place"},
	    [OUTCOME_DEAD] = {LOG_WARNING, "message dead"},
	    [OUTCOME_UNCERTAIN] = {LOG_WARNING, "message uncertain"},
	};

	LOG_AT(events[delivery->outcome.action].level, events[delivery->outcome.action].event,
	    LOG_INT("id", message->id), LOG_INT("chat", chat_shown(message->chat)),
	    LOG_STR("user", message->user), LOG_STR("method", message->method),
	    LOG_INT("attempts", message->attempts), LOG_INT("age_ms", clock_wall_ms() - message->accepted_ms),
	    LOG_INT("code", delivery->reply.error_code), LOG_STR("telegram", delivery->reply.description));
}

/* Telegram's health, as /health tells it. */
static void note_health(struct sendd *sendd, const struct delivery *delivery)
{
	bool trouble =
	    delivery->reply.verdict == TELEGRAM_RETRY || delivery->reply.verdict == TELEGRAM_UNCERTAIN;

	if (delivery->outcome.bad_token && !sendd->bad_token)
		log_error("Telegram refuses the token; everything waits, next try in 60 s");
	if (!delivery->outcome.bad_token && !trouble) {
		if (sendd->bad_token)
			log_info("Telegram takes the token again");
		if (sendd->trouble_since_ms != 0)
			sched_wake(sendd->sched, clock_monotonic_ms());
		sendd->bad_token = false;
		sendd->trouble_since_ms = 0;
	}
	sendd->bad_token |= delivery->outcome.bad_token;
	if (trouble && sendd->trouble_since_ms == 0)
		sendd->trouble_since_ms = clock_monotonic_ms();
}

/* What it left behind in the queue need not be passed again. */
static void note_left(struct sendd *sendd, const struct delivery *delivery)
{
	struct sched_memo *memo = sched_memo(sendd->sched, delivery->message.chat);
	int class = (int)delivery->message.class;

	if (delivery->outcome.action != OUTCOME_DELIVERED || memo == NULL)
		return;
	/* Where something was queued meanwhile it may stand before this one. */
	if (memo->after[class] < delivery->message.id && memo->lowest > delivery->message.id)
		memo->after[class] = delivery->message.id;
	memo->left = delivery->swept ? 0 : memo->left + 1;
}

static bool leaves_queue(enum outcome_action action)
{
	return action == OUTCOME_DELIVERED || action == OUTCOME_OTHERWISE || action == OUTCOME_DEAD ||
	       action == OUTCOME_UNCERTAIN;
}

static void reschedule(struct sendd *sendd, const struct delivery *delivery)
{
	const struct store_message *message = &delivery->message;
	bool stays = !leaves_queue(delivery->outcome.action);
	int64_t now = clock_monotonic_ms(), until = now + delivery->outcome.not_before_ms - clock_wall_ms();

	if (delivery->outcome.action == OUTCOME_AGAIN && delivery->outcome.back_off)
		sched_back_off(sendd->sched, message->chat, until);
	else if (delivery->reply.verdict == TELEGRAM_WAIT) /* also where the message itself is given up */
		sched_hold_chat(sendd->sched, message->chat, until);
	if (delivery->outcome.hold_all_ms > 0)
		sched_hold_all(sendd->sched, now + delivery->outcome.hold_all_ms);
	sched_done(sendd->sched, message->chat, stays ? -1 : (int)message->class, now);
}

void delivery_settle_all(struct sendd *sendd)
{
	while (sendd->ended != NULL) {
		struct delivery *delivery = sendd->ended;

		sendd->ended = delivery->next;
		tell(delivery);
		note_health(sendd, delivery);
		metrics_attempt(&sendd->metrics, delivery->outcome.action, outcome_cause(&delivery->reply),
		    clock_wall_ms() - delivery->message.accepted_ms);
		note_left(sendd, delivery);
		reschedule(sendd, delivery);
		if (leaves_queue(delivery->outcome.action))
			wait_ended(sendd, delivery->message.id);
		delivery_free(delivery);
	}
	sendd->ended_tail = &sendd->ended;
}

/* ---- scheduled messages ---- */

enum { DUE_MAX = 500 };

static void on_due(void *context, const struct store_message *message)
{
	effect_queued(context, message);
}

int delivery_make_due(struct sendd *sendd, struct store_txn *txn, struct error *error)
{
	int found;

	if (clock_wall_ms() < sendd->next_due_ms)
		return 0;
	if (store_outbox_due(txn, clock_wall_ms(), DUE_MAX, on_due, sendd, error) != 0)
		return -1;
	found = store_outbox_next_due(txn, &sendd->next_due_ms, error);
	if (found == 0)
		sendd->next_due_ms = INT64_MAX;
	return found < 0 ? -1 : 0;
}

/* ---- at start ---- */

struct loading {
	struct sendd *sendd;
	struct store_txn *txn;
	struct error *error;
	bool failed;
};

static bool load_chat(void *context, const struct store_chat *chat)
{
	struct loading *loading = context;
	struct sched *sched = loading->sendd->sched;
	int64_t now = clock_monotonic_ms(), wait_ms = chat->not_before_ms - clock_wall_ms();
	char user[STORE_USER_BYTES] = "";

	for (int class = 0; class < STORE_CLASSES; class ++) {
		if (chat->count[class] == 0)
			continue;
		if (store_outbox_user(loading->txn, chat->first_id[class], user, loading->error) < 0) {
			loading->failed = true;
			return false;
		}
		sched_add(sched, chat->chat, class, sched_flow_of(user, chat->chat), chat->count[class], now);
	}
	if (wait_ms > 0 && chat->told_to_wait)
		sched_hold_chat(sched, chat->chat, now + wait_ms);
	else if (wait_ms > 0)
		sched_back_off(sched, chat->chat, now + wait_ms);
	return true;
}

static void load_hold(void *context, const char *user)
{
	struct sendd *sendd = context;

	if (user[0] == '\0')
		sched_pause(sendd->sched, true);
	else
		sched_pause_flow(sendd->sched, sched_flow_of(user, 0), true);
}

/* A restart must not exceed what Telegram allows in a minute. */
static void load_delivery(void *context, int64_t chat, int64_t delivered_ms)
{
	struct sendd *sendd = context;
	int64_t now = clock_monotonic_ms(), age_ms = clock_wall_ms() - delivered_ms;

	sched_sent(sendd->sched, chat, now - (age_ms > 0 ? age_ms : 0), now);
}

/* It may have reached Telegram just before the end. */
static void load_started(void *context, int64_t chat)
{
	struct sendd *sendd = context;
	int64_t now = clock_monotonic_ms();

	sched_sent(sendd->sched, chat, now, now);
}

enum { PACE_WINDOW_MS = 60000 };

static int load_waits(struct sendd *sendd, struct store_txn *txn, struct error *error)
{
	int64_t now = clock_monotonic_ms(), wall = clock_wall_ms(), quiet_until_ms;

	if (store_history_since(txn, wall - PACE_WINDOW_MS, load_delivery, sendd, error) != 0 ||
	    store_outbox_started(txn, load_started, sendd, error) != 0 ||
	    store_holds_each(txn, load_hold, sendd, error) != 0 ||
	    store_quiet_get(txn, &quiet_until_ms, error) != 0)
		return -1;
	if (quiet_until_ms > wall)
		sched_hold_all(sendd->sched, now + quiet_until_ms - wall);
	return 0;
}

int delivery_load(struct sendd *sendd, struct error *error)
{
	struct loading loading = {.sendd = sendd, .error = error};
	int result;

	if (store_begin_read(sendd->store, &loading.txn, error) != 0)
		return -1;
	result = load_waits(sendd, loading.txn, error);
	if (result == 0)
		result = store_outbox_chats(loading.txn, load_chat, &loading, error);
	store_abort(loading.txn);
	return loading.failed ? -1 : result;
}
