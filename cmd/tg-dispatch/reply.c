#include "reply.h"

#include "json.h"

static struct json_object *new_call(struct json_object *calls, const char *method)
{
	struct json_object *call = json_object_new_object();

	json_put_text(call, "method", method);
	json_object_array_add(calls, call);
	return call;
}

static void add_message(
    struct json_object *calls, const struct update *update, const char *text, struct json_object *entities)
{
	struct json_object *call = new_call(calls, "sendMessage");

	json_put_int64(call, "chat_id", update->chat);
	if (update->thread != 0)
		json_put_int64(call, "message_thread_id", update->thread);
	json_put_text(call, "text", text);
	if (json_object_array_length(entities) > 0)
		json_object_object_add(call, "entities", json_object_get(entities));
}

int reply_message(struct json_object *calls, const struct update *update, const char *source,
    const struct text_value *values, struct error *error)
{
	struct json_object *entities = json_object_new_array();
	struct buf text = BUF_INIT(TEXT_MAX_BYTES);
	int result = text_format(source, values, &text, entities, error);

	if (result == 0 && text.len > 0)
		add_message(calls, update, buf_text(&text), entities);
	json_object_put(entities);
	buf_free(&text);
	return result;
}

int reply_tap(struct json_object *calls, const struct update *update, const char *source, struct error *error)
{
	struct buf text = BUF_INIT(TEXT_MAX_BYTES);
	struct json_object *call;

	if (text_format(source, NULL, &text, NULL, error) != 0) {
		buf_free(&text);
		return -1;
	}
	call = new_call(calls, "answerCallbackQuery");
	json_put_text(call, "callback_query_id", update->tap_id);
	json_put_text(call, "text", text.len > 0 ? buf_text(&text) : NULL);
	buf_free(&text);
	return 0;
}

int reply_line(struct buf *line, int64_t update_id, struct json_object *calls, struct error *error)
{
	struct json_object *object = json_object_new_object();
	int result;

	json_put_int64(object, "update_id", update_id);
	json_object_object_add(object, "calls", json_object_get(calls));
	result = buf_add_format(line, "%s\n", json_line(object));
	json_object_put(object);
	return result == 0 ? 0 : error_set(error, ERROR_BUG, "an answer is too long");
}
