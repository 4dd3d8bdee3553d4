#include "broadcast.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "num.h"
#include "reply.h"
#include "utf8.h"

enum { ENTITIES_MAX = 100, NUMBER_BYTES = 24, DATA_BYTES = 48 };

static const char white_space[] = " \t\r\n";

/* ---- the text ---- */

/* The entity with its place changed, or NULL where nothing of it is left. */
static struct json_object *move_entity(struct json_object *entity, int64_t units_before, int64_t units)
{
	int64_t offset = -1, length = 0, end;
	struct json_object *moved;
	struct error error;

	if (!json_object_is_type(entity, json_type_object) ||
	    json_get_int64(entity, "offset", &offset, &error) != 1 ||
	    json_get_int64(entity, "length", &length, &error) != 1)
		return NULL;
	if (offset < 0 || length <= 0 || offset > units_before + units || length > units_before + units)
		return NULL;
	end = offset + length - units_before;
	offset = offset > units_before ? offset - units_before : 0;
	if (end > units)
		end = units;
	if (end <= offset)
		return NULL;
	moved = json_object_new_object();
	json_object_object_foreach(entity, key, value)
	{
		if (strcmp(key, "offset") != 0 && strcmp(key, "length") != 0)
			json_object_object_add(moved, key, json_object_get(value));
	}
	json_put_int64(moved, "offset", offset);
	json_put_int64(moved, "length", end - offset);
	return moved;
}

const char *broadcast_text(const char *text, struct json_object *of_message, struct json_object **entities)
{
	const char *rest = text + strcspn(text, white_space);
	size_t count = of_message != NULL ? json_object_array_length(of_message) : 0;
	int64_t before, units;

	rest += strspn(rest, white_space);
	before = (int64_t)utf8_utf16_units(text, (size_t)(rest - text));
	units = (int64_t)utf8_utf16_units(rest, strlen(rest));
	*entities = json_object_new_array();
	for (size_t i = 0; i < count && i < ENTITIES_MAX; i++) {
		struct json_object *entity =
		    move_entity(json_object_array_get_idx(of_message, i), before, units);

		if (entity != NULL)
			json_object_array_add(*entities, entity);
	}
	return rest;
}

/* ---- the handlers ---- */

static bool count_chat(void *context, const struct store_link *link)
{
	int64_t *count = context;

	*count += !link->paused;
	return true;
}

/* Says a text with how many chats there are. */
static int say_count(struct request *request, enum text_id text, int64_t count, struct error *error)
{
	char number[NUMBER_BYTES];
	const struct text_value values[] = {{"count", number}, {NULL, NULL}};

	snprintf(number, sizeof number, "%lld", (long long)count);
	return request_answer(request, text, values, error);
}

static void add_buttons(struct request *request, const char *draft)
{
	struct json_object *keyboard = keyboard_new(), *row = keyboard_add_row(keyboard);
	char data[DATA_BYTES];

	snprintf(data, sizeof data, "broadcast:%s", draft);
	keyboard_add_button(row, text_get(request->config, TEXT_BUTTON_SEND), data);
	snprintf(data, sizeof data, "broadcast_cancel:%s", draft);
	keyboard_add_button(row, text_get(request->config, TEXT_BUTTON_CANCEL), data);
	reply_keyboard(request->calls, keyboard);
}

/* The message as it will be sent; its content alone is the draft. */
static struct json_object *new_message(const char *text, struct json_object *entities)
{
	struct json_object *message = json_object_new_object();

	json_put_text(message, "method", "sendMessage");
	json_put_text(message, "text", text);
	if (json_object_array_length(entities) > 0)
		json_object_object_add(message, "entities", json_object_get(entities));
	return message;
}

static int preview(struct request *request, struct json_object *message, int64_t count, struct error *error)
{
	const char *line = json_line(message);
	char draft[STORE_BUTTON_BYTES];

	if (store_draft_put(request->txn, request->caller->link.user, line, strlen(line), request->now_ms,
		draft, error) != 0)
		return -1;
	request->changed = true;
	request->outcome = "preview";
	if (say_count(request, TEXT_BROADCAST_PREVIEW, count, error) != 0)
		return -1;
	json_put_int64(message, "chat_id", request->update->chat);
	if (request->update->thread != 0)
		json_put_int64(message, "message_thread_id", request->update->thread);
	json_object_array_add(request->calls, json_object_get(message));
	add_buttons(request, draft);
	return 0;
}

int broadcast_preview(struct request *request, struct error *error)
{
	const char *source = request->update->text != NULL ? request->update->text : "";
	struct json_object *entities, *message;
	const char *text = broadcast_text(source, request->update->entities, &entities);
	int64_t count = 0;
	int result = -1;

	message = new_message(text, entities);
	json_object_put(entities);
	if (text[0] == '\0') {
		request->outcome = "usage";
		result = request_say(request, TEXT_BROADCAST_USAGE, NULL, error);
		goto out;
	}
	if (store_links_each(request->txn, NULL, count_chat, &count, error) != 0)
		goto out;
	if (count > 0) {
		result = preview(request, message, count, error);
	} else {
		request->outcome = "nobody";
		result = request_say(request, TEXT_BROADCAST_NOBODY, NULL, error);
	}
out:
	json_object_put(message);
	return result;
}

/* The buttons have done what they were for. */
static void remove_buttons(struct request *request)
{
	struct json_object *call;

	if (request->update->message_id == 0)
		return;
	call = json_object_new_object();
	json_put_text(call, "method", "editMessageReplyMarkup");
	json_put_int64(call, "chat_id", request->update->chat);
	json_put_int64(call, "message_id", request->update->message_id);
	json_object_array_add(request->calls, call);
}

/* Takes the draft of the button that was tapped: 1; 0 where it is gone, and the tap is answered; -1. */
static int take_draft(struct request *request, struct buf *draft, struct error *error)
{
	int found = store_draft_take(
	    request->txn, request->caller->link.user, request->target, request->now_ms, draft, error);

	if (found < 0)
		return -1;
	if (found == 1) {
		request->changed = true;
		remove_buttons(request);
		return 1;
	}
	request->outcome = "over";
	return request_answer(request, TEXT_BROADCAST_OVER, NULL, error) == 0 ? 0 : -1;
}

/* What tg-sendd makes a message for each chat of; takes message over. */
static void add_call(struct request *request, struct json_object *message)
{
	struct json_object *own = json_object_new_object(), *broadcast = json_object_new_object();

	json_put_text(broadcast, "user", request->caller->link.user);
	json_put_int64(broadcast, "chat_id", request->update->chat);
	if (request->update->thread != 0)
		json_put_int64(broadcast, "message_thread_id", request->update->thread);
	json_object_object_add(own, "broadcast", broadcast);
	json_object_object_add(message, "tgtools", own);
	json_object_array_add(request->calls, message);
}

static int send_draft(struct request *request, const struct buf *draft, struct error *error)
{
	struct json_object *message;
	int64_t count = 0;

	if (store_links_each(request->txn, NULL, count_chat, &count, error) != 0 ||
	    json_parse_object(buf_text(draft), draft->len, "the draft", &message, error) != 0)
		return -1;
	add_call(request, message);
	request->outcome = "sent";
	return say_count(request, TEXT_BROADCAST_SENDING, count, error);
}

int broadcast_send(struct request *request, struct error *error)
{
	struct buf draft = BUF_INIT(STORE_DRAFT_MAX_BYTES);
	int result = take_draft(request, &draft, error);

	if (result == 1)
		result = send_draft(request, &draft, error);
	buf_free(&draft);
	return result;
}

int broadcast_cancel(struct request *request, struct error *error)
{
	struct buf draft = BUF_INIT(STORE_DRAFT_MAX_BYTES);
	int result = take_draft(request, &draft, error);

	buf_free(&draft);
	if (result != 1)
		return result;
	request->outcome = "cancelled";
	return request_answer(request, TEXT_CANCELLED, NULL, error);
}
