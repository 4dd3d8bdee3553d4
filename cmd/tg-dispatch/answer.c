#include "answer_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "button.h"
#include "document.h"
#include "json.h"
#include "log.h"
#include "num.h"
#include "reply.h"
#include "text.h"
#include "utf8.h"
#include "xalloc.h"

enum { LABEL_MAX_BYTES = 4096, NUMBER_BYTES = 24, PARTS_MAX = 100 };

const char answer_cancel_action[] = "cancel", answer_page_action[] = "page";

/* What a text may be called: that of an answer without a type has to be found. */
static const char *const content_keys[] = {"content", "text", "message", "response", "result", NULL};

/* ---- fields ---- */

int payload_text(struct json_object *object, const char *const *keys, const char **text, struct error *error)
{
	*text = NULL;
	for (; *keys != NULL && *text == NULL; keys++) {
		const char *found = NULL;

		if (json_get_text(object, *keys, &found, error) < 0)
			return -1;
		if (found != NULL && !text_is_blank(found, strlen(found)))
			*text = found;
	}
	return 0;
}

static int need_content(struct json_object *object, const char **text, struct error *error)
{
	if (payload_text(object, content_keys, text, error) != 0)
		return -1;
	return *text != NULL ? 0 : error_set(error, ERROR_INPUT, "\"content\" is missing or empty");
}

static int read_format(struct json_object *object, enum markup_format *format, struct error *error)
{
	const char *name = NULL;
	int found = json_get_text(object, "parse_mode", &name, error);

	*format = MARKUP_TEXT;
	if (found < 0)
		return -1;
	if (found == 1 && name[0] != '\0' && markup_format_parse(name, format) != 0)
		return error_set(error, ERROR_INPUT, "\"parse_mode\" is Markdown, HTML, pre or text");
	return 0;
}

int payload_read(
    struct answer *answer, struct json_object *object, struct payload *payload, struct error *error)
{
	struct payload read = {.is_edit = true};

	if (read_format(object, &read.format, error) != 0 ||
	    json_get_bool(object, "edit", &read.is_edit, error) < 0 ||
	    json_get_bool(object, "silent", &read.is_silent, error) < 0)
		return -1;
	read.keyboard = keyboard_new();
	if (payload_add_buttons(answer, object, "", &read, error) != 0) {
		payload_free(&read);
		return -1;
	}
	*payload = read;
	return 0;
}

void payload_free(struct payload *payload)
{
	json_object_put(payload->keyboard);
	*payload = (struct payload){.keyboard = NULL};
}

/* ---- buttons ---- */

/* One line; Telegram says nothing of how long it may be. */
static void make_label(const char *prefix, const char *text, struct buf *label)
{
	size_t len = 0;

	(void)buf_add_text(label, prefix);
	(void)text_add_clean(label, text, strnlen(text, LABEL_MAX_BYTES / 4));
	for (size_t i = 0; i < label->len; i++) {
		if (label->data[i] == '\n' || label->data[i] == '\t')
			label->data[i] = ' ';
	}
	for (size_t count = 0; len < label->len && count < ANSWER_LABEL_CHARACTERS; count++)
		len += utf8_decode(label->data + len, label->len - len, NULL);
	if (len < label->len)
		label->data[label->len = len] = '\0';
}

/* Telegram refuses the whole message for an address that it does not take. */
bool answer_is_url(const char *url, const char *const *schemes)
{
	for (const unsigned char *c = (const unsigned char *)url; *c != '\0'; c++) {
		if (*c <= ' ' || *c == 0x7f)
			return false;
	}
	while (*schemes != NULL && strncasecmp(url, *schemes, strlen(*schemes)) != 0)
		schemes++;
	return *schemes != NULL && strlen(url) <= ANSWER_URL_MAX_BYTES && markup_is_url(url);
}

static int count_button(struct payload *payload, struct json_object *row, struct error *error)
{
	if (json_object_array_length(row) >= ANSWER_ROW_BUTTONS_MAX)
		return error_set(
		    error, ERROR_INPUT, "a row has more than %d buttons", (int)ANSWER_ROW_BUTTONS_MAX);
	if (payload->buttons >= ANSWER_BUTTONS_MAX)
		return error_set(
		    error, ERROR_INPUT, "there are more than %d buttons", (int)ANSWER_BUTTONS_MAX);
	payload->buttons++;
	return 0;
}

static int add_url_button(
    struct payload *payload, struct json_object *row, const char *label, const char *url, struct error *error)
{
	static const char *const schemes[] = {"https://", "http://", "tg://", NULL};
	struct json_object *button;

	if (!answer_is_url(url, schemes))
		return error_set(error, ERROR_INPUT,
		    "the \"url\" of a button is not one of http, https or tg that Telegram takes");
	if (count_button(payload, row, error) != 0)
		return -1;
	button = json_object_new_object();
	json_put_text(button, "text", label);
	json_put_text(button, "url", url);
	json_object_array_add(row, button);
	return 0;
}

static int add_tap_button(struct answer *answer, struct payload *payload, struct json_object *row,
    const char *label, const char *action, const char *target, struct error *error)
{
	char data[BUTTON_DATA_BYTES];
	int written;

	data[0] = '\0';
	if (answer->is_trial)
		written = button_check(action, target, error) == 0 ? 1 : -1;
	else
		written = button_data(answer->request, action, target, data, error);
	if (written < 0)
		return -1;
	if (written == 0) {
		log_warning(
		    "a long button is left out, since the store has no room", LOG_STR("action", action));
		return 0;
	}
	if (count_button(payload, row, error) != 0)
		return -1;
	keyboard_add_button(row, label, data);
	return 0;
}

int payload_add_tap(struct answer *answer, struct payload *payload, struct json_object *row, const char *text,
    const char *action, const char *target, struct error *error)
{
	struct buf label = BUF_INIT(LABEL_MAX_BYTES);
	int result;

	make_label("", text, &label);
	result = add_tap_button(answer, payload, row, buf_text(&label), action, target, error);
	buf_free(&label);
	return result;
}

/* A target is a text, or a number, as the ids of most services are. */
static int read_target(
    struct json_object *button, char number[NUMBER_BYTES], const char **target, struct error *error)
{
	struct json_object *value;

	*target = "";
	if (!json_object_object_get_ex(button, "target", &value) ||
	    !json_object_is_type(value, json_type_int))
		return json_get_text(button, "target", target, error) < 0 ? -1 : 0;
	snprintf(number, NUMBER_BYTES, "%lld", (long long)json_object_get_int64(value));
	*target = number;
	return 0;
}

/* What is built in is not for services: whoever taps would do there what nobody has asked for. */
static int check_action(const struct request *request, const char *action, struct error *error)
{
	const struct command *row = table_tap(request->table, action, strlen(action));

	if (row != NULL && row->route == NULL)
		return error_set(error, ERROR_INPUT, "the action \"%s\" is built in", row->name);
	return 0;
}

static int add_button(struct answer *answer, struct payload *payload, struct json_object *row,
    struct json_object *button, const char *label, struct error *error)
{
	const char *action = NULL, *target, *url = NULL;
	char number[NUMBER_BYTES];

	if (json_get_text(button, "action", &action, error) < 0 ||
	    json_get_text(button, "url", &url, error) < 0 || read_target(button, number, &target, error) != 0)
		return -1;
	if ((action == NULL) == (url == NULL))
		return error_set(error, ERROR_INPUT, "a button has either an \"action\" or a \"url\"");
	if (url != NULL)
		return add_url_button(payload, row, label, url, error);
	if (check_action(answer->request, action, error) != 0)
		return -1;
	return add_tap_button(answer, payload, row, label, action, target, error);
}

static int read_button(struct answer *answer, struct payload *payload, struct json_object *row,
    struct json_object *button, const char *prefix, struct error *error)
{
	struct buf label = BUF_INIT(LABEL_MAX_BYTES);
	const char *text = NULL;
	int result;

	if (!json_object_is_type(button, json_type_object))
		return error_set(error, ERROR_INPUT, "a button is not an object");
	if (json_get_text(button, "text", &text, error) < 0)
		return -1;
	make_label(prefix, text != NULL ? text : "", &label);
	if (label.len == strlen(prefix) ||
	    text_is_blank(buf_text(&label) + strlen(prefix), label.len - strlen(prefix)))
		result = error_set(error, ERROR_INPUT, "a button has no \"text\"");
	else
		result = add_button(answer, payload, row, button, buf_text(&label), error);
	buf_free(&label);
	return result;
}

static int read_row(struct answer *answer, struct payload *payload, struct json_object *buttons,
    const char *prefix, struct error *error)
{
	struct json_object *row = json_object_new_array();
	int result = 0;

	for (size_t i = 0; result == 0 && i < json_object_array_length(buttons); i++)
		result =
		    read_button(answer, payload, row, json_object_array_get_idx(buttons, i), prefix, error);
	if (result == 0 && json_object_array_length(row) > 0)
		json_object_array_add(payload->keyboard, row);
	else
		json_object_put(row);
	return result;
}

int payload_add_buttons(struct answer *answer, struct json_object *object, const char *prefix,
    struct payload *payload, struct error *error)
{
	struct json_object *rows = NULL;
	int found = json_get_array(object, "buttons", &rows, error);
	size_t count = found == 1 ? json_object_array_length(rows) : 0;
	int result = 0;

	if (found < 0)
		return -1;
	/* Who writes one row may leave out the outer brackets. */
	if (count > 0 && json_object_is_type(json_object_array_get_idx(rows, 0), json_type_object))
		return read_row(answer, payload, rows, prefix, error);
	for (size_t i = 0; result == 0 && i < count; i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		if (json_object_is_type(row, json_type_array))
			result = read_row(answer, payload, row, prefix, error);
		else
			result = error_set(error, ERROR_INPUT, "\"buttons\" is not an array of rows");
	}
	return result;
}

/* ---- calls ---- */

struct json_object *answer_make_call(
    const struct answer *answer, const char *method, const struct payload *payload)
{
	const struct update *update = answer->request->update;
	struct json_object *call = json_object_new_object();

	json_put_text(call, "method", method);
	json_put_int64(call, "chat_id", update->chat);
	if (update->thread != 0)
		json_put_int64(call, "message_thread_id", update->thread);
	if (payload->is_silent)
		json_put_bool(call, "disable_notification", true);
	return call;
}

struct json_object *answer_new_call(struct answer *answer, const char *method, const struct payload *payload)
{
	struct json_object *call = answer_make_call(answer, method, payload);

	json_object_array_add(answer->calls, call);
	return call;
}

static struct json_object *new_edit(struct answer *answer)
{
	const struct update *update = answer->request->update;
	struct json_object *call = json_object_new_object();

	json_put_text(call, "method", "editMessageText");
	json_put_int64(call, "chat_id", update->chat);
	json_put_int64(call, "message_id", update->message_id);
	json_object_array_add(answer->calls, call);
	answer->may_edit = false;
	return call;
}

void answer_put_text(
    struct json_object *call, const char *name, const char *entities_name, const struct rich *text)
{
	struct json_object *entities = rich_entities(text);

	json_put_text(call, name, buf_text(&text->text));
	if (entities != NULL)
		json_object_object_add(call, entities_name, entities);
}

void answer_put_keyboard(struct json_object *call, struct payload *payload)
{
	struct json_object *markup;

	if (json_object_array_length(payload->keyboard) == 0)
		return;
	markup = json_object_new_object();
	json_object_object_add(markup, "inline_keyboard", json_object_get(payload->keyboard));
	json_object_object_add(call, "reply_markup", markup);
}

/* What would be too many messages; its first lines are the caption. */
static int send_document(
    struct answer *answer, struct payload *payload, const struct rich *text, struct error *error)
{
	const struct request *request = answer->request;
	struct rich head = RICH_INIT(SIZE_MAX / 4);
	struct buf plain = BUF_INIT(SIZE_MAX / 4);
	char *name = xasprintf("answer-%lld-%zu.txt", (long long)request->update->update_id, ++answer->files);
	char *path = NULL, *url;
	struct json_object *call;
	int result;

	rich_plain(text, &plain);
	buf_add_text(&plain, "\n");
	result = document_write(request->config->store.path, name, plain.data, plain.len, &path, error);
	if (result == 0) {
		call = answer_new_call(answer, "sendDocument", payload);
		rich_head(text, RICH_CAPTION_MAX, &head);
		answer_put_text(call, "caption", "caption_entities", &head);
		url = xasprintf("file://%s", path);
		json_put_text(call, "document", url);
		free(url);
		answer_put_keyboard(call, payload);
	}
	rich_free(&head);
	buf_free(&plain);
	free(path);
	free(name);
	return result;
}

int answer_send(struct answer *answer, struct payload *payload, const struct rich *text, struct error *error)
{
	const struct request *request = answer->request;
	size_t parts_max = request->txn != NULL ? (size_t)request->config->delivery.text_parts : PARTS_MAX;
	struct json_object *call = NULL;
	struct rich *parts = NULL;
	size_t count;

	if (rich_is_blank(text))
		return error_set(error, ERROR_INPUT, "nothing is left of the content");
	count = rich_split(text, RICH_TEXT_MAX, RICH_TEXT_MAX, parts_max, &parts);
	if (parts == NULL && request->txn == NULL)
		return error_set(error, ERROR_INPUT, "a text that long needs the store");
	if (parts == NULL)
		return send_document(answer, payload, text, error);
	for (size_t i = 0; i < count; i++) {
		call = answer->may_edit && payload->is_edit ? new_edit(answer)
							    : answer_new_call(answer, "sendMessage", payload);
		answer_put_text(call, "text", "entities", &parts[i]);
	}
	answer_put_keyboard(call, payload);
	rich_parts_free(parts, count);
	return 0;
}

/* ---- types ---- */

static int send_source(
    struct answer *answer, struct payload *payload, const char *source, struct error *error)
{
	struct rich text;
	int result;

	markup_parse(payload->format, source, strlen(source), NULL, &text);
	result = answer_send(answer, payload, &text, error);
	rich_free(&text);
	return result;
}

static int add_plain(struct answer *answer, const char *source, bool is_edit, struct error *error)
{
	struct payload payload = {.is_edit = is_edit, .keyboard = keyboard_new()};
	int result = send_source(answer, &payload, source, error);

	payload_free(&payload);
	return result;
}

static int add_text(struct answer *answer, struct json_object *object, struct error *error)
{
	struct payload payload;
	const char *content;
	int result;

	if (need_content(object, &content, error) != 0 || payload_read(answer, object, &payload, error) != 0)
		return -1;
	result = send_source(answer, &payload, content, error);
	payload_free(&payload);
	return result;
}

struct confirmation {
	const char *content, *action, *cancel, *target;
	const char *confirm_text, *cancel_text;
	char number[NUMBER_BYTES];
};

static int read_confirmation(
    const struct request *request, struct json_object *object, struct confirmation *read, struct error *error)
{
	read->action = "CONFIRM";
	read->cancel = "CANCEL";
	read->confirm_text = text_get(request->config, TEXT_BUTTON_CONFIRM);
	read->cancel_text = text_get(request->config, TEXT_BUTTON_CANCEL);
	if (need_content(object, &read->content, error) != 0 ||
	    json_get_text(object, "action", &read->action, error) < 0 ||
	    json_get_text(object, "cancel_action", &read->cancel, error) < 0 ||
	    json_get_text(object, "confirm_text", &read->confirm_text, error) < 0 ||
	    json_get_text(object, "cancel_text", &read->cancel_text, error) < 0 ||
	    read_target(object, read->number, &read->target, error) != 0)
		return -1;
	if (!button_is_action(read->cancel))
		return error_set(error, ERROR_INPUT, "\"cancel_action\" is no action");
	if (check_action(request, read->action, error) != 0 ||
	    check_action(request, read->cancel, error) != 0)
		return -1;
	if (text_is_blank(read->confirm_text, strlen(read->confirm_text)) ||
	    text_is_blank(read->cancel_text, strlen(read->cancel_text)))
		return error_set(error, ERROR_INPUT, "a button has no text");
	return 0;
}

static int add_confirmation(struct answer *answer, struct json_object *object, struct error *error)
{
	struct confirmation read;
	struct payload payload;
	struct json_object *row;
	char asker[NUMBER_BYTES];
	bool has_cancel;
	int result;

	if (read_confirmation(answer->request, object, &read, error) != 0 ||
	    payload_read(answer, object, &payload, error) != 0)
		return -1;
	snprintf(asker, sizeof asker, "%lld", (long long)answer->request->update->user);
	row = keyboard_add_row(payload.keyboard);
	has_cancel = table_tap(answer->request->table, read.cancel, strlen(read.cancel)) != NULL;
	result = payload_add_tap(answer, &payload, row, read.confirm_text, read.action, read.target, error);
	if (result == 0)
		result = payload_add_tap(answer, &payload, row, read.cancel_text,
		    has_cancel ? read.cancel : answer_cancel_action, has_cancel ? read.target : asker, error);
	if (result == 0)
		result = send_source(answer, &payload, read.content, error);
	payload_free(&payload);
	return result;
}

/* The small word at the top of a phone's screen, or a box; a message where nothing was tapped. */
static int add_toast(struct answer *answer, struct json_object *object, struct error *error)
{
	const struct request *request = answer->request;
	const struct text_value values[] = {{"content", NULL}, {NULL, NULL}};
	struct text_value filled[sizeof values / sizeof values[0]];
	struct buf text = BUF_INIT(SIZE_MAX / 4);
	struct json_object *call;
	const char *content;
	bool is_alert = false;
	int result;

	if (need_content(object, &content, error) != 0 ||
	    json_get_bool(object, "alert", &is_alert, error) < 0)
		return -1;
	if (!answer->may_toast)
		return add_plain(answer, content, false, error);
	memcpy(filled, values, sizeof values);
	(void)text_add_clean(&text, content, strlen(content));
	filled[0].value = buf_text(&text);
	result = reply_tap(answer->calls, request->update, "{content}", filled, error);
	buf_free(&text);
	if (result != 0)
		return -1;
	answer->may_toast = false;
	call = json_object_array_get_idx(answer->calls, json_object_array_length(answer->calls) - 1);
	if (is_alert)
		json_put_bool(call, "show_alert", true);
	return 0;
}

static int add_object(struct answer *answer, struct json_object *object, struct error *error)
{
	static const struct {
		const char *name;
		int (*add)(struct answer *answer, struct json_object *object, struct error *error);
	} types[] = {{"text", add_text}, {"list", answer_add_list}, {"match_list", answer_add_list},
	    {"confirmation", add_confirmation}, {"photo", answer_add_photo}, {"toast", add_toast}};
	const char *type = "text";

	if (json_get_text(object, "type", &type, error) < 0)
		return -1;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (strcmp(types[i].name, type) == 0)
			return types[i].add(answer, object, error);
	}
	return error_set(error, ERROR_INPUT, "\"type\" is not known: \"%.32s\"", type);
}

static int add_value(struct answer *answer, struct json_object *value, struct error *error)
{
	const char *text;

	if (json_object_is_type(value, json_type_object))
		return add_object(answer, value, error);
	if (!json_object_is_type(value, json_type_string))
		return error_set(error, ERROR_INPUT, "it is no object, array or text");
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return error_set(error, ERROR_INPUT, "its text contains U+0000");
	return add_plain(answer, text, true, error);
}

static int add_array(struct answer *answer, struct json_object *array, struct error *error)
{
	size_t count = json_object_array_length(array);
	struct error reason;

	if (count > ANSWER_PAYLOADS_MAX)
		return error_set(
		    error, ERROR_INPUT, "there are more than %d parts", (int)ANSWER_PAYLOADS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (add_value(answer, json_object_array_get_idx(array, i), &reason) == 0)
			continue;
		return error_set(error, reason.kind, "part %zu: %s", i + 1, reason.text);
	}
	return 0;
}

struct answer answer_begin(struct request *request)
{
	bool is_tap = request->update->kind == UPDATE_TAP;

	return (struct answer){.request = request,
	    .calls = json_object_new_array(),
	    .may_edit = is_tap && request->update->message_id != 0,
	    .may_toast = request_has_open_tap(request)};
}

/* What is far more than anybody reads would not fit into the line of an update. */
static int check_size(const struct answer *answer, struct error *error)
{
	if (strlen(json_line(answer->calls)) > ANSWER_CALLS_MAX_BYTES)
		return error_set(error, ERROR_INPUT, "it comes to messages of more than %d KB",
		    ANSWER_CALLS_MAX_BYTES >> 10);
	return 0;
}

int answer_end(struct answer *answer, int result, struct error *error)
{
	if (result == 0)
		result = check_size(answer, error);
	for (size_t i = 0; result == 0 && i < json_object_array_length(answer->calls); i++)
		json_object_array_add(
		    answer->request->calls, json_object_get(json_object_array_get_idx(answer->calls, i)));
	json_object_put(answer->calls);
	return result;
}

int answer_add_calls(struct request *request, struct json_object *body, struct error *error)
{
	struct answer answer = answer_begin(request);
	int result = 0;

	if (json_object_is_type(body, json_type_array))
		result = add_array(&answer, body, error);
	else if (body != NULL)
		result = add_value(&answer, body, error);
	return answer_end(&answer, result, error);
}

int answer_add_text(struct request *request, const char *text, struct error *error)
{
	struct answer answer = answer_begin(request);

	return answer_end(&answer, add_plain(&answer, text, true, error), error);
}

int answer_cancel(struct request *request, struct error *error)
{
	const struct update *update = request->update;
	int64_t asker = 0;

	/* In a group others see the button as well. */
	if (num_int64(request->target, INT64_MIN, INT64_MAX, &asker) != 0 || asker != update->user) {
		request->outcome = "denied";
		return request_answer(request, TEXT_NOT_PERMITTED, NULL, error);
	}
	request->outcome = "cancelled";
	if (update->message_id == 0)
		return request_say(request, TEXT_CANCELLED, NULL, error);
	return reply_edit(request->calls, update, text_get(request->config, TEXT_CANCELLED), NULL, error);
}
