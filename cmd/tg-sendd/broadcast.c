/* One call that becomes a message for each linked chat, and the report to the operator who sent it. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "sendd.h"
#include "texts.h"

enum {
	/* What a message takes in the store beside its parameters, and what an overflow page holds. */
	RECORD_BYTES = 300,
	PAGE_BYTES = 4096,
	NUMBER_BYTES = 24,
};

/* ---- expanding ---- */

struct expansion {
	struct sendd *sendd;
	struct store_txn *txn;
	struct store_message *message;
	struct store_broadcast record;
	int64_t count;
	bool failed;
	struct error *error;
};

static bool queue_for(void *context, const struct store_link *link)
{
	struct expansion *expansion = context;
	struct store_message *message = expansion->message;

	if (link->paused)
		return true;
	message->chat = link->chat;
	if (store_chat_resolve(expansion->txn, &message->chat, expansion->error) != 0 ||
	    store_outbox_add(expansion->txn, message, expansion->error) != 0) {
		expansion->failed = true;
		return false;
	}
	effect_queued(expansion->sendd, message);
	if (expansion->count++ == 0)
		expansion->record.first_id = message->id;
	expansion->record.last_id = message->id;
	return true;
}

/* Who sends it, and where that one is told what became of it. */
static int read_sender(struct json_object *own, struct store_broadcast *record, struct error *error)
{
	const char *user = NULL;

	if (json_get_text(own, "user", &user, error) < 0 ||
	    json_get_int64(own, "chat_id", &record->chat, error) < 0 ||
	    json_get_int64(own, "message_thread_id", &record->thread, error) < 0)
		return -1;
	if (user == NULL || user[0] == '\0' || strlen(user) >= sizeof record->user || record->chat == 0)
		return error_set(
		    error, ERROR_INPUT, "\"broadcast\" needs a \"user\" and the \"chat_id\" of the report");
	memcpy(record->user, user, strlen(user) + 1);
	return 0;
}

/* Where it would fill the store, nothing else could be taken, not even what the bot answers. */
static int has_room(struct sendd *sendd, struct store_txn *txn, const char *parameters, struct error *error)
{
	struct store_totals totals;
	int64_t bytes = (int64_t)strlen(parameters) + RECORD_BYTES;

	if (store_totals(txn, &totals, error) != 0)
		return -1;
	if (bytes > PAGE_BYTES / 2)
		bytes = (bytes + PAGE_BYTES) / PAGE_BYTES * PAGE_BYTES;
	/* A page that is filled in order is full, but its messages have entries in other tables, too. */
	bytes = bytes * totals.links * 5 / 4;
	return store_used_percent(sendd->store) + bytes * 100 / sendd->config->store.map_size_bytes <
	       STORE_FULL_PERCENT;
}

static int tell(struct sendd *sendd, struct store_txn *txn, const struct store_broadcast *record,
    enum text_id text, struct error *error)
{
	char delivered[NUMBER_BYTES], failed[NUMBER_BYTES], cancelled[NUMBER_BYTES];
	const struct text_value values[] = {
	    {"delivered", delivered}, {"failed", failed}, {"cancelled", cancelled}, {NULL, NULL}};
	struct store_message message = {.chat = record->chat,
	    .class = STORE_REPLY,
	    .accepted_ms = clock_wall_ms(),
	    .user = (char *)"",
	    .method = (char *)message_send_text,
	    .parameters = json_object_new_object()};
	struct json_object *entities = json_object_new_array();
	struct buf line = BUF_INIT(TEXT_MAX_BYTES);
	int result;

	snprintf(delivered, sizeof delivered, "%lld", (long long)record->delivered);
	snprintf(failed, sizeof failed, "%lld", (long long)record->failed);
	snprintf(cancelled, sizeof cancelled, "%lld", (long long)record->cancelled);
	result = text_format(text_get(sendd->config, text), values, &line, entities, error);
	json_put_text(message.parameters, "text", buf_text(&line));
	json_object_object_add(message.parameters, "entities", entities);
	if (record->thread != 0)
		json_put_int64(message.parameters, "message_thread_id", record->thread);
	/* A text that the configuration has made empty is not sent. */
	if (result == 0 && line.len > 0) {
		result = store_chat_resolve(txn, &message.chat, error);
		if (result == 0)
			result = store_outbox_add(txn, &message, error);
		if (result == 0)
			effect_queued(sendd, &message);
	}
	json_object_put(message.parameters);
	buf_free(&line);
	return result;
}

static int expand(struct expansion *expansion)
{
	struct store_broadcast *record = &expansion->record;

	record->begun_ms = clock_wall_ms();
	if (store_links_each(expansion->txn, NULL, queue_for, expansion, expansion->error) != 0 ||
	    expansion->failed)
		return -1;
	/* All chats are gone, or paused, since it was said how many there are. */
	if (expansion->count == 0)
		return tell(
		    expansion->sendd, expansion->txn, record, TEXT_BROADCAST_REPORT, expansion->error);
	log_info("broadcast", LOG_STR("by", record->user), LOG_INT("chats", expansion->count),
	    LOG_INT("id", record->last_id));
	return store_broadcast_add(expansion->txn, record, expansion->error);
}

int broadcast_queue(struct sendd *sendd, struct store_txn *txn, struct op *op, struct json_object *own,
    const struct store_message *message, struct error *error)
{
	/* The parameters as text, which is made once and not for each chat. */
	struct store_message each = {.class = STORE_BULK,
	    .accepted_ms = message->accepted_ms,
	    .user = (char *)"",
	    .method = message->method,
	    .parameters_text = (char *)json_line(message->parameters)};
	struct expansion expansion = {.sendd = sendd, .txn = txn, .message = &each, .error = error};
	int room;

	if (read_sender(own, &expansion.record, error) != 0)
		return -1;
	if (strcmp(message->method, message_send_text) != 0 || message->key != NULL ||
	    message->files_count > 0)
		return error_set(error, ERROR_INPUT, "a \"broadcast\" is a sendMessage without \"key\"");
	room = has_room(sendd, txn, each.parameters_text, error);
	if (room <= 0)
		return room < 0 ? -1 : tell(sendd, txn, &expansion.record, TEXT_BROADCAST_FULL, error);
	if (expand(&expansion) != 0)
		return -1;
	op->broadcast_count += expansion.count;
	return 0;
}

/* ---- the end ---- */

static int report(
    struct sendd *sendd, struct store_txn *txn, const struct store_broadcast *record, struct error *error)
{
	enum text_id text = record->cancelled > 0 ? TEXT_BROADCAST_REPORT_CANCELLED : TEXT_BROADCAST_REPORT;

	log_info("broadcast ended", LOG_INT("id", record->last_id), LOG_STR("by", record->user),
	    LOG_INT("delivered", record->delivered), LOG_INT("failed", record->failed),
	    LOG_INT("cancelled", record->cancelled),
	    LOG_INT("duration_ms", clock_wall_ms() - record->begun_ms));
	if (tell(sendd, txn, record, text, error) != 0)
		return -1;
	return store_broadcast_remove(txn, record->last_id, error) < 0 ? -1 : 0;
}

int broadcast_report_ended(struct sendd *sendd, struct store_txn *txn, struct error *error)
{
	struct store_broadcast record = {.last_id = 0};
	int found;

	while ((found = store_broadcast_next(txn, record.last_id, &record, error)) == 1) {
		if (store_broadcast_left(&record) <= 0 && report(sendd, txn, &record, error) != 0)
			return -1;
	}
	return found;
}
