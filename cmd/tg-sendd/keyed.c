/*
 * Messages under a key. What was sent under it before is edited, replied to or deleted; which message of
 * Telegram that is, is looked up when an attempt begins, since the one before may still have been waiting
 * when this one was accepted. Messages of a chat are sent one at a time, so it is settled by then.
 */
#include <string.h>

#include "clock.h"
#include "json.h"
#include "sendd.h"

static const char edit_text[] = "editMessageText";
static const char edit_media[] = "editMessageMedia";
static const char delete_message[] = "deleteMessage";

/* ---- when an attempt begins ---- */

static bool is_deletion(const struct store_message *message)
{
	return strcmp(message->method, delete_message) == 0;
}

static void copy(struct json_object *from, const char *key, struct json_object *to)
{
	struct json_object *value;

	if (json_object_object_get_ex(from, key, &value))
		json_object_object_add(to, key, json_object_get(value));
}

/* The content of a message as the method that edits takes it: what belongs to sending alone is left out. */
static struct json_object *edit_parameters(const struct store_message *message, int64_t message_id)
{
	static const char *const of_text[] = {
	    "text", "entities", "parse_mode", "link_preview_options", "reply_markup", NULL};
	static const char *const of_media[] = {"caption", "caption_entities", "parse_mode", NULL};
	struct json_object *parameters = json_object_new_object(), *media;
	bool is_media = message->files_count > 0;

	json_put_int64(parameters, "message_id", message_id);
	for (const char *const *name = of_text; !is_media && *name != NULL; name++)
		copy(message->parameters, *name, parameters);
	if (!is_media)
		return parameters;
	media = json_object_new_object();
	json_put_text(media, "type", message->files[0].parameter);
	json_put_text(media, "media", "attach://" KEYED_FILE);
	for (const char *const *name = of_media; *name != NULL; name++)
		copy(message->parameters, *name, media);
	json_object_object_add(parameters, "media", media);
	copy(message->parameters, "reply_markup", parameters);
	return parameters;
}

static void prepare_replacement(
    const struct store_message *message, const struct store_sent *sent, struct attempt *attempt)
{
	bool is_media = message->files_count > 0;

	/* A text cannot take the place of a picture. */
	if (sent->is_media && !is_media) {
		attempt->replaced_id = sent->message_id;
		return;
	}
	attempt->method = is_media ? edit_media : edit_text;
	attempt->edited_id = sent->message_id;
	json_object_put(attempt->parameters);
	attempt->parameters = edit_parameters(message, sent->message_id);
}

static int prepare_deletion(
    struct store_txn *txn, const struct store_message *message, struct attempt *attempt, struct error *error)
{
	struct store_sent sent = {0};
	int found =
	    store_sent_get(txn, message->user, message->key, message->chat, message->part, &sent, error);

	if (found < 0)
		return -1;
	attempt->is_needless = sent.message_id == 0;
	json_put_int64(attempt->parameters, "message_id", sent.message_id);
	return 0;
}

static int prepare_reply(
    struct store_txn *txn, const struct store_message *message, struct attempt *attempt, struct error *error)
{
	struct json_object *reply;
	struct store_sent sent = {0};

	if (store_sent_get(txn, message->user, message->reply_key, message->chat, 0, &sent, error) < 0)
		return -1;
	if (sent.message_id == 0 || attempt->edited_id != 0)
		return 0;
	reply = json_object_new_object();
	json_put_int64(reply, "message_id", sent.message_id);
	json_put_bool(reply, "allow_sending_without_reply", true);
	json_object_object_add(attempt->parameters, "reply_parameters", reply);
	return 0;
}

static struct json_object *copy_parameters(const struct store_message *message)
{
	struct json_object *parameters = json_object_new_object();

	json_object_object_foreach(message->parameters, key, value)
	{
		json_object_object_add(parameters, key, json_object_get(value));
	}
	return parameters;
}

int keyed_prepare(
    struct store_txn *txn, struct store_message *message, struct attempt *attempt, struct error *error)
{
	struct store_sent sent = {0};

	*attempt = (struct attempt){.method = message->method};
	if (message->key == NULL && message->reply_key == NULL)
		return 0;
	if (store_message_parse(message, error) != 0)
		return -1;
	attempt->parameters = copy_parameters(message);
	if (message->key != NULL && is_deletion(message))
		return prepare_deletion(txn, message, attempt, error);
	if (message->key != NULL) {
		if (store_sent_get(
			txn, message->user, message->key, message->chat, message->part, &sent, error) < 0)
			return -1;
		if (sent.message_id != 0)
			prepare_replacement(message, &sent, attempt);
	}
	return message->reply_key != NULL ? prepare_reply(txn, message, attempt, error) : 0;
}

/* ---- when one is accepted ---- */

static bool waits(enum store_state state)
{
	return state == STORE_QUEUED || state == STORE_SCHEDULED;
}

/*
 * Takes the place of the message that waits under its key: 1; 0 where that one is gone or under way. Its
 * class becomes that one's in any case: in another class it could be sent first, and be overwritten by the
 * older one.
 */
static int take_place(struct sendd *sendd, struct store_txn *txn, int64_t id, struct store_message *message,
    bool *under_way, struct error *error)
{
	struct store_message old;
	enum store_state state;
	int found = store_message_get(txn, id, &state, &old, error), result = 0;

	if (found != 1)
		return found;
	*under_way = state == STORE_STARTED;
	if ((waits(state) || state == STORE_STARTED) && old.chat == message->chat)
		message->class = old.class;
	if (waits(state) && old.chat == message->chat) {
		message->id = id;
		message->due_ms = old.due_ms;
		message->told_to_wait = old.told_to_wait;
		message->not_before_ms = old.not_before_ms;
		effect_drop_files(sendd, &old);
		result = store_outbox_rewrite(txn, &old, message, error) == 0 ? 1 : -1;
	}
	store_message_free(&old);
	return result;
}

/* An edit waits until interval_ms have passed since the chat was changed; one is made of all that come
 * meanwhile. */
static void space_out(
    struct store_message *message, const struct store_sent *sent, int64_t interval_ms, bool under_way)
{
	int64_t changed_ms = under_way ? message->accepted_ms : sent->updated_ms;

	if ((sent->message_id != 0 || under_way) && changed_ms + interval_ms > message->accepted_ms)
		message->due_ms = changed_ms + interval_ms;
}

int keyed_queue(struct sendd *sendd, struct store_txn *txn, struct op *op, struct store_message *message,
    int64_t interval_ms, struct error *error)
{
	struct store_sent sent = {0};
	bool under_way = false;
	int taken = 0;

	if (message->key == NULL || message->due_ms != 0)
		return op_queue(sendd, txn, op, message, error);
	if (store_chat_resolve(txn, &message->chat, error) != 0 ||
	    store_sent_get(txn, message->user, message->key, message->chat, message->part, &sent, error) < 0)
		return -1;
	if (sent.queued_id != 0)
		taken = take_place(sendd, txn, sent.queued_id, message, &under_way, error);
	if (taken == 1)
		op_note_id(op, message->id);
	else if (interval_ms > 0)
		space_out(message, &sent, interval_ms, under_way);
	if (taken < 0 || (taken == 0 && op_queue(sendd, txn, op, message, error) != 0))
		return -1;
	sent.queued_id = message->id;
	sent.updated_ms = message->accepted_ms;
	return store_sent_put(txn, message->user, message->key, message->chat, message->part, &sent, error);
}

/* ---- when one is taken back ---- */

struct take_back {
	struct sendd *sendd;
	struct store_txn *txn;
	struct op *op;
	const char *key;
	const int64_t *chat; /* NULL: all that are the user's own */
	int64_t from_part;
	int64_t *count;
	bool failed;
	struct error *error;
};

static int cancel(struct take_back *back, enum store_state state, const struct store_message *message)
{
	effect_drop_files(back->sendd, message);
	effect_ended(back->sendd, message->id);
	if (state == STORE_QUEUED)
		effect_unqueued(back->sendd, message);
	++*back->count;
	return store_outbox_cancel(back->txn, state, message, back->error);
}

static bool is_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool cancel_scheduled(void *context, enum store_state state, const struct store_message *message)
{
	struct take_back *back = context;
	const struct config_target *target = back->op->target;

	if (state == STORE_SCHEDULED && is_text(message->key, back->key) &&
	    is_text(message->target, target != NULL ? target->name : NULL))
		back->failed = cancel(back, state, message) != 0;
	return !back->failed;
}

/* Whether what was sent to a chat under the key is meant: to the target, or to the user's own chats. */
static int is_meant(struct take_back *back, int64_t chat, struct error *error)
{
	struct store_link link;
	int found;

	if (back->chat != NULL)
		return *back->chat == chat;
	found = store_link_of_chat(back->txn, chat, &link, error);
	return found == 1 ? strcmp(link.user, back->op->user) == 0 : found;
}

/* 1 where the message of that id waited and is gone, 0 where it is under way or ended, -1. */
static int cancel_queued(struct take_back *back, int64_t id)
{
	struct store_message message;
	enum store_state state;
	int found = id == 0 ? 0 : store_message_get(back->txn, id, &state, &message, back->error);

	if (found != 1)
		return found;
	found = 0;
	if (state == STORE_QUEUED)
		found = cancel(back, state, &message) == 0 ? 1 : -1;
	store_message_free(&message);
	return found;
}

static int queue_deletion(struct take_back *back, int64_t chat, int64_t part)
{
	struct store_message message = {.chat = chat,
	    .class = STORE_NOTIFICATION,
	    .accepted_ms = clock_wall_ms(),
	    .user = back->op->user,
	    .target = back->op->target != NULL ? back->op->target->name : NULL,
	    .key = (char *)back->key,
	    .part = part,
	    .method = (char *)delete_message,
	    .parameters = json_object_new_object()};
	int result = op_queue(back->sendd, back->txn, back->op, &message, back->error);

	json_object_put(message.parameters);
	return result;
}

static int take_back_one(
    void *context, int64_t chat, int64_t part, const struct store_sent *sent, struct error *error)
{
	struct take_back *back = context;
	struct store_sent left = *sent;
	int cancelled, meant = part < back->from_part ? 0 : is_meant(back, chat, error);

	if (meant != 1)
		return meant;
	cancelled = cancel_queued(back, sent->queued_id);
	if (cancelled < 0)
		return -1;
	if (cancelled == 1 && sent->message_id == 0)
		return store_sent_remove(back->txn, back->op->user, back->key, chat, part, error) < 0 ? -1
												      : 0;
	*back->count += cancelled == 0;
	left.queued_id = 0;
	if (store_sent_put(back->txn, back->op->user, back->key, chat, part, &left, error) != 0)
		return -1;
	return queue_deletion(back, chat, part);
}

int keyed_take_back(struct sendd *sendd, struct store_txn *txn, struct op *op, const char *key,
    const int64_t *chat, int64_t from_part, int64_t *count, struct error *error)
{
	struct take_back back = {sendd, txn, op, key, chat, from_part, count, false, error};

	/* Those that are scheduled are known by nothing but their content. */
	if (from_part == 0 &&
	    (store_outbox_each(txn, op->user, INT64_MAX, cancel_scheduled, &back, error) != 0 || back.failed))
		return -1;
	return store_sent_each(txn, op->user, key, take_back_one, &back, error);
}

/* ---- when one has ended ---- */

/* What the chat showed under the key until now, and could not be edited. */
static int delete_replaced(struct sendd *sendd, struct store_txn *txn, const struct store_message *message,
    int64_t message_id, struct error *error)
{
	struct store_message deletion = {.chat = message->chat,
	    .class = message->class,
	    .accepted_ms = clock_wall_ms(),
	    .user = message->user,
	    .target = message->target,
	    .method = (char *)delete_message,
	    .parameters = json_object_new_object()};
	int result;

	json_put_int64(deletion.parameters, "message_id", message_id);
	result = store_outbox_add(txn, &deletion, error);
	json_object_put(deletion.parameters);
	if (result == 0)
		effect_queued(sendd, &deletion);
	return result;
}

int keyed_delivered(struct sendd *sendd, struct store_txn *txn, const struct store_message *message,
    const struct attempt *attempt, int64_t message_id, struct error *error)
{
	struct store_sent sent = {0};

	if (message->key == NULL)
		return 0;
	if (is_deletion(message))
		return store_sent_remove(
			   txn, message->user, message->key, message->chat, message->part, error) < 0
			   ? -1
			   : 0;
	if (store_sent_get(txn, message->user, message->key, message->chat, message->part, &sent, error) < 0)
		return -1;
	sent.message_id = message_id;
	sent.is_media = message->files_count > 0;
	sent.updated_ms = clock_wall_ms();
	if (sent.queued_id == message->id)
		sent.queued_id = 0;
	if (store_sent_put(txn, message->user, message->key, message->chat, message->part, &sent, error) != 0)
		return -1;
	if (attempt->replaced_id == 0)
		return 0;
	return delete_replaced(sendd, txn, message, attempt->replaced_id, error);
}

/* Lets change look at what is known under the message's key, where anything is. */
static int change_sent(struct store_txn *txn, const struct store_message *message,
    bool (*change)(struct store_sent *sent, const struct store_message *message), struct error *error)
{
	struct store_sent sent;
	int found;

	if (message->key == NULL)
		return 0;
	found = store_sent_get(txn, message->user, message->key, message->chat, message->part, &sent, error);
	if (found != 1 || !change(&sent, message))
		return found < 0 ? -1 : 0;
	return store_sent_put(txn, message->user, message->key, message->chat, message->part, &sent, error);
}

static bool unqueue(struct store_sent *sent, const struct store_message *message)
{
	bool was_this = sent->queued_id == message->id;

	if (was_this)
		sent->queued_id = 0;
	return was_this;
}

static bool unsend(struct store_sent *sent, const struct store_message *message)
{
	(void)message;
	sent->message_id = 0;
	return true;
}

int keyed_ended(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	return change_sent(txn, message, unqueue, error);
}

int keyed_forget(struct store_txn *txn, const struct store_message *message, struct error *error)
{
	return change_sent(txn, message, unsend, error);
}
