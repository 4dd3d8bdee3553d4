#include "reply.h"

#include <stdio.h>

#include "json.h"
#include "utf8.h"

/* Of an answerCallbackQuery. */
enum { TAP_TEXT_CHARACTERS = 200 };

/* What a button hands back, with its '\0'. */
enum { DATA_BYTES = 65 };

static struct json_object *new_call(struct json_object *calls, const char *method)
{
	struct json_object *call = json_object_new_object();

	json_put_text(call, "method", method);
	json_object_array_add(calls, call);
	return call;
}

static void put_text(struct json_object *call, const char *text, struct json_object *entities)
{
	json_put_text(call, "text", text);
	if (json_object_array_length(entities) > 0)
		json_object_object_add(call, "entities", json_object_get(entities));
}

/* Where a message goes: a new one into its topic, else message_id is edited. */
static void put_place(struct json_object *call, const struct update *update, int64_t message_id)
{
	json_put_int64(call, "chat_id", update->chat);
	if (message_id != 0)
		json_put_int64(call, "message_id", message_id);
	else if (update->thread != 0)
		json_put_int64(call, "message_thread_id", update->thread);
}

static int add_message(struct json_object *calls, const struct update *update, int64_t message_id,
    const char *source, const struct text_value *values, struct error *error)
{
	struct json_object *entities = json_object_new_array(), *call;
	struct buf text = BUF_INIT(TEXT_MAX_BYTES);
	int result = text_format(source, values, &text, entities, error);

	if (result == 0 && text.len > 0) {
		call = new_call(calls, message_id != 0 ? "editMessageText" : "sendMessage");
		put_place(call, update, message_id);
		put_text(call, buf_text(&text), entities);
	}
	json_object_put(entities);
	buf_free(&text);
	return result;
}

int reply_message(struct json_object *calls, const struct update *update, const char *source,
    const struct text_value *values, struct error *error)
{
	return add_message(calls, update, 0, source, values, error);
}

int reply_edit(struct json_object *calls, const struct update *update, const char *source,
    const struct text_value *values, struct error *error)
{
	return add_message(calls, update, update->message_id, source, values, error);
}

/* The first so many characters. */
static void cut(struct buf *text, size_t characters)
{
	size_t len = 0;

	while (len < text->len && characters-- > 0) {
		size_t bytes = utf8_decode(text->data + len, text->len - len, NULL);

		len += bytes > 0 ? bytes : 1;
	}
	if (len < text->len)
		text->data[text->len = len] = '\0';
}

int reply_tap(struct json_object *calls, const struct update *update, const char *source,
    const struct text_value *values, struct error *error)
{
	struct buf text = BUF_INIT(TEXT_MAX_BYTES);
	struct json_object *call;

	if (text_format(source, values, &text, NULL, error) != 0) {
		buf_free(&text);
		return -1;
	}
	cut(&text, TAP_TEXT_CHARACTERS);
	call = new_call(calls, "answerCallbackQuery");
	json_put_text(call, "callback_query_id", update->tap_id);
	json_put_text(call, "text", text.len > 0 ? buf_text(&text) : NULL);
	buf_free(&text);
	return 0;
}

struct json_object *keyboard_new(void)
{
	return json_object_new_array();
}

struct json_object *keyboard_add_row(struct json_object *keyboard)
{
	struct json_object *row = json_object_new_array();

	json_object_array_add(keyboard, row);
	return row;
}

void keyboard_add_button(struct json_object *row, const char *text, const char *data)
{
	struct json_object *button = json_object_new_object();

	json_put_text(button, "text", text);
	json_put_text(button, "callback_data", data);
	json_object_array_add(row, button);
}

void keyboard_add_pages(struct json_object *keyboard, const char *action, size_t page, size_t pages)
{
	struct json_object *row;
	char text[DATA_BYTES], data[DATA_BYTES];

	if (pages < 2)
		return;
	row = keyboard_add_row(keyboard);
	snprintf(data, sizeof data, "%s:%zu", action, page);
	if (page > 0)
		keyboard_add_button(row, "«", data);
	snprintf(text, sizeof text, "%zu/%zu", page + 1, pages);
	snprintf(data, sizeof data, "%s:%zu", action, page + 1);
	keyboard_add_button(row, text, data);
	snprintf(data, sizeof data, "%s:%zu", action, page + 2);
	if (page + 1 < pages)
		keyboard_add_button(row, "»", data);
}

void reply_keyboard(struct json_object *calls, struct json_object *keyboard)
{
	size_t count = json_object_array_length(calls);
	struct json_object *markup;

	if (count == 0 || json_object_array_length(keyboard) == 0) {
		json_object_put(keyboard);
		return;
	}
	markup = json_object_new_object();
	json_object_object_add(markup, "inline_keyboard", keyboard);
	json_object_object_add(json_object_array_get_idx(calls, count - 1), "reply_markup", markup);
}

/* The braces are put around the calls here, which spares them a way through another object. */
int reply_line(struct buf *line, int64_t update_id, struct json_object *calls, struct error *error)
{
	size_t before = line->len;

	if (buf_add_text(line, "{\"update_id\":") == 0 && buf_add_int64(line, update_id) == 0 &&
	    buf_add_text(line, ",\"calls\":") == 0 && buf_add_text(line, json_line(calls)) == 0 &&
	    buf_add_text(line, "}\n") == 0)
		return 0;
	if (line->len > before)
		line->data[line->len = before] = '\0';
	return error_set(error, ERROR_BUG, "an answer is too long");
}

int reply_lines(struct buf *lines, struct json_object *calls, struct error *error)
{
	for (size_t i = 0; i < json_object_array_length(calls); i++) {
		if (buf_add_format(lines, "%s\n", json_line(json_object_array_get_idx(calls, i))) != 0)
			return error_set(error, ERROR_BUG, "an answer is too long");
	}
	return 0;
}
