#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "markup.h"
#include "sendd.h"
#include "xalloc.h"

static void set_last_error(struct delivery *delivery)
{
	free(delivery->message.last_error);
	delivery->message.last_error = xstrdup(delivery->reply.description);
}

static int record_again(struct delivery *delivery, struct store_txn *txn, struct error *error)
{
	set_last_error(delivery);
	delivery->message.started = false;
	delivery->message.told_to_wait = delivery->reply.verdict == TELEGRAM_WAIT;
	delivery->message.not_before_ms = delivery->outcome.not_before_ms;
	return store_outbox_update(txn, &delivery->message, error);
}

/* ---- in another form ---- */

static void remove_names(struct json_object *object, const char *const *names)
{
	for (; *names != NULL; names++)
		json_object_object_del(object, *names);
}

/* From the parameters, and from each file of an album. */
static void remove_everywhere(struct store_message *message, const char *const *names)
{
	struct json_object *media = NULL;

	remove_names(message->parameters, names);
	json_object_object_get_ex(message->parameters, "media", &media);
	if (!json_object_is_type(media, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(media); i++)
		remove_names(json_object_array_get_idx(media, i), names);
}

static void remove_markup(struct store_message *message)
{
	static const char *const names[] = {"parse_mode", "entities", "caption_entities", NULL};

	remove_everywhere(message, names);
}

static void remove_thread(struct store_message *message)
{
	static const char *const names[] = {"message_thread_id", NULL};

	remove_everywhere(message, names);
}

static void remove_reply(struct store_message *message)
{
	static const char *const names[] = {"reply_parameters", "reply_to_message_id", NULL};

	remove_everywhere(message, names);
	free(message->reply_key);
	message->reply_key = NULL;
}

static void replace_text(char **text, const char *with)
{
	free(*text);
	*text = xstrdup(with);
}

/* The picture, or every one of an album, as a file. */
static void make_documents(struct store_message *message)
{
	struct json_object *media = NULL;

	if (message->files_count == 1 && strcmp(message->method, message_send_photo) == 0) {
		replace_text(&message->method, message_send_document);
		replace_text(&message->files[0].parameter, message_file_parameter(false));
	}
	json_object_object_get_ex(message->parameters, "media", &media);
	if (!json_object_is_type(media, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(media); i++)
		json_put_text(json_object_array_get_idx(media, i), "type", message_file_parameter(false));
}

/* An edit that a caller asked for, as a message of its own. */
static void make_new(struct store_message *message)
{
	static const char *const names[] = {"message_id", NULL};

	remove_names(message->parameters, names);
	if (strcmp(message->method, "editMessageText") == 0)
		replace_text(&message->method, message_send_text);
}

/* ---- as a text file ---- */

/* Shortens the text under name to a caption. */
static void shorten(struct json_object *object, const char *name)
{
	const char *text = json_text(object, name);
	struct rich rich, head = RICH_INIT(SIZE_MAX / 4);

	if (text == NULL)
		return;
	markup_parse(MARKUP_TEXT, text, strlen(text), NULL, &rich);
	rich_head(&rich, RICH_CAPTION_MAX, &head);
	json_put_text(object, "caption", buf_text(&head.text));
	rich_free(&head);
	rich_free(&rich);
}

static void shorten_captions(struct store_message *message)
{
	struct json_object *media = NULL;

	shorten(message->parameters, "caption");
	json_object_object_get_ex(message->parameters, "media", &media);
	if (!json_object_is_type(media, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(media); i++)
		shorten(json_object_array_get_idx(media, i), "caption");
}

static bool is_text(const struct store_message *message)
{
	return json_object_object_get_ex(message->parameters, "text", NULL);
}

/* The long text of a message: its own, or the first caption that it has. */
static const char *long_text(const struct store_message *message)
{
	struct json_object *media = NULL;
	const char *text = json_text(message->parameters, is_text(message) ? "text" : "caption");

	json_object_object_get_ex(message->parameters, "media", &media);
	if (!json_object_is_type(media, json_type_array))
		return text;
	for (size_t i = 0; i < json_object_array_length(media) && text == NULL; i++)
		text = json_text(json_object_array_get_idx(media, i), "caption");
	return text;
}

static void take_file(struct store_message *message, const char *spool)
{
	static const char *const names[] = {"text", "link_preview_options", NULL};

	shorten(message->parameters, "text");
	remove_names(message->parameters, names);
	replace_text(&message->method, message_send_document);
	message->files_count = 1;
	message->files[0] = (struct store_file){
	    xstrdup(message_file_parameter(false)), xstrdup(spool), xstrdup("message.txt")};
}

/* The whole of a caption that was shortened follows as a file. */
static int queue_file(struct sendd *sendd, const struct store_message *message, const char *spool,
    struct store_txn *txn, struct error *error)
{
	struct store_message file = *message;
	int result;

	file.key = NULL;
	file.reply_key = NULL;
	file.otherwise = NULL;
	file.started = false;
	file.attempts = 0;
	file.method = (char *)message_send_document;
	file.parameters = json_object_new_object();
	file.files_count = 1;
	file.files[0] =
	    (struct store_file){(char *)message_file_parameter(false), (char *)spool, (char *)"message.txt"};
	result = store_outbox_add(txn, &file, error);
	json_object_put(file.parameters);
	if (result == 0)
		effect_queued(sendd, &file);
	return result;
}

void record_prepare(struct sendd *sendd, struct delivery *delivery)
{
	struct error error;
	const char *text;

	if (delivery->outcome.action != OUTCOME_AS_TEXT_FILE)
		return;
	text = long_text(&delivery->message);
	if (spool_write(sendd, text != NULL ? text : "", delivery->spool, &error) == 0)
		return;
	log_warning("cannot write a text file", LOG_STR("error", error.text));
	delivery->outcome.action = OUTCOME_AGAIN;
	delivery->outcome.back_off = true;
	delivery->outcome.not_before_ms = clock_wall_ms() + 1000;
}

static int make_text_file(struct sendd *sendd, struct delivery *delivery, struct store_message *message,
    struct store_txn *txn, struct error *error)
{
	remove_markup(message);
	if (is_text(message)) {
		take_file(message, delivery->spool);
		return 0;
	}
	shorten_captions(message);
	return queue_file(sendd, message, delivery->spool, txn, error);
}

/* Changes a copy, since the transaction may be tried again. */
static int record_rewritten(
    struct sendd *sendd, struct delivery *delivery, struct store_txn *txn, struct error *error)
{
	struct store_message copy, *old = &delivery->message;
	enum store_state state;
	int result = store_message_get(txn, old->id, &state, &copy, error);

	if (result != 1)
		return result < 0 ? -1 : error_set(error, ERROR_BUG, "a message under way is gone");
	result = 0;
	if (delivery->outcome.action == OUTCOME_PLAIN_TEXT)
		remove_markup(&copy);
	else if (delivery->outcome.action == OUTCOME_AS_DOCUMENT)
		make_documents(&copy);
	else if (delivery->outcome.action == OUTCOME_NO_THREAD)
		remove_thread(&copy);
	else if (delivery->outcome.action == OUTCOME_NO_REPLY)
		remove_reply(&copy);
	else if (delivery->outcome.action == OUTCOME_AS_TEXT_FILE)
		result = make_text_file(sendd, delivery, &copy, txn, error);
	else if (copy.key != NULL)
		result = keyed_forget(txn, &copy, error);
	else
		make_new(&copy);
	copy.started = false;
	copy.told_to_wait = false;
	copy.not_before_ms = 0;
	replace_text(&copy.last_error, delivery->reply.description);
	if (result == 0)
		result = store_outbox_rewrite(txn, old, &copy, error);
	store_message_free(&copy);
	return result;
}

/* ---- elsewhere ---- */

static int move_link(struct store_txn *txn, int64_t from, int64_t to, struct error *error)
{
	struct store_link link;
	int found = store_link_of_chat(txn, from, &link, error);

	if (found != 1)
		return found;
	if (store_link_remove(txn, from, error) < 0)
		return -1;
	link.chat = to;
	return store_link_put(txn, &link, error);
}

static int record_moved(
    struct sendd *sendd, struct delivery *delivery, struct store_txn *txn, struct error *error)
{
	int64_t from = delivery->message.chat, to = delivery->reply.migrate_to;
	bool any;

	delivery->outcome.not_before_ms = 0;
	if (move_link(txn, from, to, error) != 0 || record_again(delivery, txn, error) != 0 ||
	    store_chat_move(txn, from, to, &any, error) != 0)
		return -1;
	effect_moved(sendd, from, to);
	return 0;
}

/* ---- the end ---- */

enum { LEFT_MAX = 32 };

/* Entries of the queue are taken away by the dozen: the disk page is written once for all of them. */
static int leave_queue(struct sendd *sendd, struct delivery *delivery, struct store_txn *txn,
    int64_t message_id, struct error *error)
{
	const struct store_message *message = &delivery->message;
	const struct sched_memo *memo = sched_memo(sendd->sched, message->chat);

	delivery->swept =
	    memo == NULL || memo->left >= LEFT_MAX || sched_waiting(sendd->sched, message->chat) <= 1;
	if (store_outbox_leave(txn, message, message_id, clock_wall_ms(), error) != 0)
		return -1;
	if (!delivery->swept)
		return 0;
	return store_outbox_sweep(txn, message->chat, message->class, message->id, error);
}

static int record_delivered(
    struct sendd *sendd, struct delivery *delivery, struct store_txn *txn, struct error *error)
{
	struct json_object *result = delivery->reply.result;
	int64_t message_id = 0;

	/* An album is answered with a list. */
	if (json_object_is_type(result, json_type_array))
		result = json_object_array_get_idx(result, 0);
	if (json_object_is_type(result, json_type_object))
		message_id = json_int64(result, "message_id");
	if (message_id == 0)
		message_id = delivery->attempt.edited_id;
	effect_drop_files(sendd, &delivery->message);
	if (keyed_delivered(sendd, txn, &delivery->message, &delivery->attempt, message_id, error) != 0)
		return -1;
	return leave_queue(sendd, delivery, txn, message_id, error);
}

/* The message that takes the place of a dead one; false: there is none. Its method and parameters are owned.
 */
static bool make_next(const struct store_message *dead, struct store_message *next)
{
	const char *method;
	struct error error;

	*next = (struct store_message){
	    .chat = dead->chat, .class = dead->class, .accepted_ms = clock_wall_ms(), .user = dead->user};
	if (json_parse_object(
		dead->otherwise, strlen(dead->otherwise), "otherwise", &next->parameters, &error) != 0)
		return false;
	method = json_text(next->parameters, "method");
	next->method = xstrdup(method != NULL ? method : "");
	json_object_object_del(next->parameters, "method");
	return true;
}

/* Its failure is provided for, so it is not kept. */
static int replace(
    struct sendd *sendd, const struct store_message *dead, struct store_txn *txn, struct error *error)
{
	struct store_message next;
	int result = 0;

	if (!make_next(dead, &next))
		return store_outbox_bury(txn, dead, false, clock_wall_ms(), error);
	if (store_chat_resolve(txn, &next.chat, error) != 0 || store_outbox_add(txn, &next, error) != 0 ||
	    store_outbox_cancel(txn, STORE_QUEUED, dead, error) != 0)
		result = -1;
	if (result == 0) {
		effect_queued(sendd, &next);
		effect_drop_files(sendd, dead);
	}
	free(next.method);
	json_object_put(next.parameters);
	return result;
}

static int record_buried(
    struct sendd *sendd, struct delivery *delivery, struct store_txn *txn, struct error *error)
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
	if (found < 0 || keyed_ended(txn, &delivery->message, error) != 0)
		return -1;
	if (delivery->outcome.action == OUTCOME_OTHERWISE)
		return replace(sendd, &delivery->message, txn, error);
	return store_outbox_bury(
	    txn, &delivery->message, delivery->outcome.action == OUTCOME_UNCERTAIN, clock_wall_ms(), error);
}

/* Telegram's hold of everything outlives this process. */
static int keep_quiet(const struct delivery *delivery, struct store_txn *txn, struct error *error)
{
	if (delivery->outcome.hold_all_ms == 0 || delivery->outcome.bad_token)
		return 0;
	return store_quiet_set(txn, clock_wall_ms() + delivery->outcome.hold_all_ms, error);
}

int record_attempt(struct sendd *sendd, struct delivery *delivery, struct store_txn *txn, struct error *error)
{
	if (keep_quiet(delivery, txn, error) != 0)
		return -1;
	switch (delivery->outcome.action) {
	case OUTCOME_DELIVERED:
		return record_delivered(sendd, delivery, txn, error);
	case OUTCOME_AGAIN:
		return record_again(delivery, txn, error);
	case OUTCOME_PLAIN_TEXT:
	case OUTCOME_AS_DOCUMENT:
	case OUTCOME_AS_TEXT_FILE:
	case OUTCOME_NO_THREAD:
	case OUTCOME_NO_REPLY:
	case OUTCOME_SEND_ANEW:
		return record_rewritten(sendd, delivery, txn, error);
	case OUTCOME_MOVE:
		return record_moved(sendd, delivery, txn, error);
	case OUTCOME_OTHERWISE:
	case OUTCOME_DEAD:
	case OUTCOME_UNCERTAIN:
		break;
	}
	return record_buried(sendd, delivery, txn, error);
}
