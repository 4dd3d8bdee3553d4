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
	delivery->old_id = message->id;
	delivery->old_chat = message->chat;
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

/* 1 where a person's message would go to a chat that is no longer that person's. */
static int is_misdirected(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	struct store_link link;
	int found;

	if (message->user[0] == '\0' || message->target != NULL)
		return 0;
	found = store_link_of_chat(txn, message->chat, &link, error);
	if (found < 0)
		return -1;
	return found == 0 || strcmp(link.user, message->user) != 0;
}

static int mark_started(
    struct sendd *sendd, struct store_txn *txn, struct store_message *message, struct error *error)
{
	/* A crash in state M2: Telegram may have it already, and gets it again. */
	if (message->started)
		log_warning("attempt repeated", LOG_INT("id", message->id), LOG_INT("chat", message->chat));
	message->started = true;
	message->attempts++;
	if (store_outbox_update(txn, message, error) != 0)
		return -1;
	push(&sendd->starting, delivery_new(sendd, message));
	return 0;
}

static int attempt(
    struct sendd *sendd, struct store_txn *txn, struct store_message *message, struct error *error)
{
	int misdirected = is_misdirected(txn, message, error);

	if (misdirected < 0)
		return -1;
	/* Its outcome was never recorded: a crash in state M2. */
	if (message->started && sendd->config->delivery.policy == POLICY_AT_MOST_ONCE)
		end_without_attempt(sendd, message, OUTCOME_UNCERTAIN,
		    "an attempt was interrupted; it may have been delivered");
	else if (misdirected)
		end_without_attempt(
		    sendd, message, OUTCOME_DEAD, "the chat is no longer linked to this account");
	else
		return mark_started(sendd, txn, message, error);
	return 0;
}

/* A chat whose queue cannot be read is left alone, so that the others go on. */
static void skip_chat(struct sendd *sendd, int64_t chat, const char *why)
{
	log_error("cannot take the next message of a chat", LOG_INT("chat", chat), LOG_STR("error", why));
	sched_clear(sendd->sched, chat, clock_monotonic_ms());
}

static int pick_one(struct sendd *sendd, struct store_txn *txn, int64_t chat, struct error *error)
{
	struct store_message message;
	int found = store_outbox_head(txn, chat, &message, error);

	if (found == 0 || (found < 0 && error->kind == ERROR_BUG)) {
		skip_chat(sendd, chat, found == 0 ? "there is none" : error->text);
		return 0;
	}
	if (found == 1)
		sched_flow(sendd->sched, chat, (int)message.class, sched_flow_of(message.user, chat),
		    clock_monotonic_ms());
	if (found == 1 && attempt(sendd, txn, &message, error) == 0)
		return 0;
	if (found == 1)
		store_message_free(&message);
	sched_done(sendd->sched, chat, -1, clock_monotonic_ms());
	return -1;
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
	struct outcome_rules rules = {.policy = sendd->config->delivery.policy,
	    .keep_ms = sendd->config->delivery.keep_ms,
	    .jitter = (double)randombytes_uniform(1 << 20) / (1 << 20)};

	sched_answered(sendd->sched, delivery->message.chat, clock_monotonic_ms());
	unlink_flying(delivery);
	if (delivery->reply.verdict == TELEGRAM_WAIT)
		delivery->reply.whole_bot =
		    flood_is_of_all(&sendd->flood, delivery->message.chat, clock_monotonic_ms());
	delivery->outcome = outcome_decide(&delivery->reply, &delivery->message, &rules, clock_wall_ms());
	append_ended(delivery);
}

static void on_answer(void *context, const struct http_answer *answer)
{
	struct delivery *delivery = context;

	delivery->transfer = NULL;
	telegram_read(answer, &delivery->reply);
	end(delivery);
}

static struct json_object *parameters_with_chat(const struct store_message *message)
{
	struct json_object *parameters = json_object_new_object();

	if (message->chat != 0)
		json_put_int64(parameters, "chat_id", message->chat);
	json_object_object_foreach(message->parameters, key, value)
	{
		json_object_object_add(parameters, key, json_object_get(value));
	}
	return parameters;
}

static void start(struct sendd *sendd, struct delivery *delivery)
{
	const struct store_message *message = &delivery->message;
	char *path =
	    message->file_spool ? path_join(store_spool_directory(sendd->store), message->file_spool) : NULL;
	struct telegram_file file = {message->file_parameter, path, message->file_name};
	struct json_object *parameters = parameters_with_chat(message);
	int64_t timeout_ms = sendd->config->telegram.timeout_ms * (path != NULL ? UPLOAD_TIMEOUTS : 1);
	struct error error;

	push(&sendd->flying, delivery);
	if (telegram_start(sendd->client, &sendd->telegram, message->method, parameters, path ? &file : NULL,
		timeout_ms, on_answer, delivery, &delivery->transfer, &error) != 0) {
		delivery->reply.verdict = error_is_temporary(error.kind) ? TELEGRAM_RETRY : TELEGRAM_REFUSED;
		snprintf(delivery->reply.description, sizeof delivery->reply.description, "%s", error.text);
		end(delivery);
	}
	json_object_put(parameters);
	free(path);
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

/* ---- recording: M2 to M1, M3, M4 ---- */

static void set_last_error(struct delivery *delivery)
{
	free(delivery->message.last_error);
	delivery->message.last_error = xstrdup(delivery->reply.description);
}

static int record_again(struct delivery *delivery, struct store_txn *txn, struct error *error)
{
	set_last_error(delivery);
	delivery->message.started = false;
	delivery->message.not_before_ms = delivery->outcome.not_before_ms;
	return store_outbox_update(txn, &delivery->message, error);
}

static int record_rewritten(struct delivery *delivery, struct store_txn *txn, struct error *error)
{
	struct store_message *message = &delivery->message;

	if (delivery->outcome.action == OUTCOME_PLAIN_TEXT) {
		json_object_object_del(message->parameters, "parse_mode");
		json_object_object_del(message->parameters, "entities");
		json_object_object_del(message->parameters, "caption_entities");
	} else {
		free(message->method);
		free(message->file_parameter);
		message->method = xstrdup(message_method(MESSAGE_DOCUMENT));
		message->file_parameter = xstrdup(message_file_parameter(MESSAGE_DOCUMENT));
	}
	delivery->outcome.not_before_ms = 0;
	if (store_outbox_rewrite(txn, message, error) != 0)
		return -1;
	return record_again(delivery, txn, error);
}

static int record_moved(struct delivery *delivery, struct store_txn *txn, struct error *error)
{
	struct store_message *message = &delivery->message;
	struct store_link link;
	int found = store_link_of_chat(txn, message->chat, &link, error);

	if (found == 1) {
		if (store_link_remove(txn, message->chat, error) < 0)
			return -1;
		link.chat = delivery->reply.migrate_to;
		found = store_link_put(txn, &link, error);
	}
	if (found < 0)
		return -1;
	set_last_error(delivery);
	message->started = false;
	message->not_before_ms = 0;
	return store_outbox_move(txn, message, delivery->reply.migrate_to, error);
}

static int record_buried(struct delivery *delivery, struct store_txn *txn, struct error *error)
{
	struct store_link link;
	int found = 0;

	set_last_error(delivery);
	if (delivery->outcome.pause_link)
		found = store_link_of_chat(txn, delivery->message.chat, &link, error);
	if (found == 1 && !link.paused) {
		link.paused = true;
		found = store_link_put(txn, &link, error);
	}
	if (found < 0)
		return -1;
	return store_outbox_bury(
	    txn, &delivery->message, delivery->outcome.action == OUTCOME_UNCERTAIN, clock_wall_ms(), error);
}

static int record(struct delivery *delivery, struct store_txn *txn, struct error *error)
{
	/* An earlier transaction that moved it may have been aborted. */
	delivery->message.id = delivery->old_id;
	delivery->message.chat = delivery->old_chat;
	switch (delivery->outcome.action) {
	case OUTCOME_DELIVERED:
		return store_outbox_delivered(txn, &delivery->message,
		    delivery->reply.result ? json_int64(delivery->reply.result, "message_id") : 0,
		    clock_wall_ms(), error);
	case OUTCOME_AGAIN:
		return record_again(delivery, txn, error);
	case OUTCOME_PLAIN_TEXT:
	case OUTCOME_AS_DOCUMENT:
		return record_rewritten(delivery, txn, error);
	case OUTCOME_MOVE:
		return record_moved(delivery, txn, error);
	case OUTCOME_AS_TEXT_FILE:
	case OUTCOME_NO_THREAD:
	case OUTCOME_NO_REPLY:
	case OUTCOME_SEND_ANEW:
	case OUTCOME_DEAD:
	case OUTCOME_UNCERTAIN:
		break;
	}
	return record_buried(delivery, txn, error);
}

int delivery_record_all(struct sendd *sendd, struct store_txn *txn, struct error *error)
{
	for (struct delivery *delivery = sendd->ended; delivery != NULL; delivery = delivery->next) {
		if (record(delivery, txn, error) != 0)
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
	    [OUTCOME_DEAD] = {LOG_WARNING, "message dead"},
	    [OUTCOME_UNCERTAIN] = {LOG_WARNING, "message uncertain"},
	};

	LOG_AT(events[delivery->outcome.action].level, events[delivery->outcome.action].event,
	    LOG_INT("id", message->id), LOG_INT("chat", message->chat), LOG_STR("user", message->user),
	    LOG_STR("method", message->method), LOG_INT("attempts", message->attempts),
	    LOG_INT("age_ms", clock_wall_ms() - message->accepted_ms),
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

static void reschedule(struct sendd *sendd, const struct delivery *delivery)
{
	const struct store_message *message = &delivery->message;
	enum outcome_action action = delivery->outcome.action;
	bool stays = action == OUTCOME_AGAIN || action == OUTCOME_PLAIN_TEXT || action == OUTCOME_AS_DOCUMENT;
	int64_t now = clock_monotonic_ms();

	if (stays && delivery->outcome.back_off)
		sched_back_off(sendd->sched, message->chat, now + message->not_before_ms - clock_wall_ms());
	else if (stays && message->not_before_ms > 0)
		sched_hold_chat(sendd->sched, message->chat, now + message->not_before_ms - clock_wall_ms());
	if (delivery->outcome.hold_all_ms > 0)
		sched_hold_all(sendd->sched, now + delivery->outcome.hold_all_ms);
	sched_done(sendd->sched, delivery->old_chat, stays ? -1 : (int)message->class, now);
	if (action == OUTCOME_MOVE)
		sched_add(sendd->sched, message->chat, (int)message->class,
		    sched_flow_of(message->user, message->chat), 1, now);
}

void delivery_settle_all(struct sendd *sendd)
{
	while (sendd->ended != NULL) {
		struct delivery *delivery = sendd->ended;

		sendd->ended = delivery->next;
		tell(delivery);
		note_health(sendd, delivery);
		reschedule(sendd, delivery);
		sendd->delivered += delivery->outcome.action == OUTCOME_DELIVERED;
		if (delivery->outcome.action == OUTCOME_DELIVERED && delivery->message.file_spool != NULL)
			store_spool_remove(sendd->store, delivery->message.file_spool);
		delivery_free(delivery);
	}
	sendd->ended_tail = &sendd->ended;
}

/* ---- at start ---- */

static bool load_chat(void *context, const struct store_chat *chat)
{
	struct sendd *sendd = context;
	int64_t now = clock_monotonic_ms(), wait_ms = chat->not_before_ms - clock_wall_ms();

	for (int class = 0; class < STORE_CLASSES; class ++) {
		if (chat->count[class] > 0)
			sched_add(sendd->sched, chat->chat, class, chat->chat, chat->count[class], now);
	}
	if (wait_ms > 0)
		sched_hold_chat(sendd->sched, chat->chat, now + wait_ms);
	return true;
}

int delivery_load(struct sendd *sendd, struct error *error)
{
	struct store_txn *txn;
	int result;

	if (store_begin_read(sendd->store, &txn, error) != 0)
		return -1;
	result = store_outbox_chats(txn, load_chat, sendd, error);
	store_abort(txn);
	return result;
}
