/*
 * Why: what a service answers may come from whoever broke into it. Whatever it is, either it is refused with
 * a reason and nothing is said, or Telegram can take each call that it became; and a template that is filled
 * in with it stays within its bounds.
 */
#include "fuzz.h"

#include <string.h>
#include <strings.h>

#include "json.h"
#include "log.h"
#include "markup.h"
#include "tg-dispatch/answer.h"
#include "tg-dispatch/template.h"
#include "utf8.h"

const char *const fuzz_words[] = {"{\"type\":\"text\",\"content\":\"",
    "\"type\":\"list\",\"items\":[{\"title\":\"", "\"type\":\"confirmation\"", "\"type\":\"match_list\"",
    "\"type\":\"photo\",\"url\":\"https://example.org/\"", "\"type\":\"toast\"",
    "\"parse_mode\":\"Markdown\"", "\"parse_mode\":\"HTML\"", "\"edit\":false",
    "\"buttons\":[[{\"text\":\"b\",\"action\":\"GO\",\"target\":\"1\"}]]", "\"url\":\"tg://x\"",
    "\"silent\":true", "\"base64\":\"/9j/\"", "<b>", "**", "\\u0000", "\\ud83d\\ude00", "\xe2\x80\xae",
    "{{a}}", "{{#items}}", "{{/items}}", "{{^.}}", "{{.}}", "\n", "[", "]", "null", NULL};

static struct config config;

static void check_entities(struct json_object *call, const char *text_name, const char *name)
{
	const char *text = json_text(call, text_name);
	struct json_object *entities;
	struct error error;
	int64_t units;

	if (json_get_array(call, name, &entities, &error) != 1)
		return;
	FUZZ_MUST(text != NULL);
	units = (int64_t)utf8_utf16_units(text, strlen(text));
	FUZZ_MUST(json_object_array_length(entities) <= RICH_ENTITIES_MAX);
	for (size_t i = 0; i < json_object_array_length(entities); i++) {
		struct json_object *entity = json_object_array_get_idx(entities, i);

		FUZZ_MUST(json_int64(entity, "offset") >= 0 && json_int64(entity, "length") > 0);
		FUZZ_MUST(json_int64(entity, "offset") + json_int64(entity, "length") <= units);
	}
}

static void check_button(struct json_object *button)
{
	const char *text = json_text(button, "text"), *data = json_text(button, "callback_data"),
		   *url = json_text(button, "url");

	FUZZ_MUST(text != NULL && text[0] != '\0' && strpbrk(text, "\n\t") == NULL);
	FUZZ_MUST((data == NULL) != (url == NULL));
	if (data != NULL)
		FUZZ_MUST(strlen(data) <= 64 && strchr(data, ':') != NULL && data[0] != ':');
	else
		FUZZ_MUST(strlen(url) <= ANSWER_URL_MAX_BYTES && strpbrk(url, " \n\t") == NULL);
}

static void check_keyboard(struct json_object *call)
{
	struct json_object *markup, *rows;
	struct error error;
	size_t count = 0;

	if (json_get_object(call, "reply_markup", &markup, &error) != 1)
		return;
	FUZZ_MUST(json_get_array(markup, "inline_keyboard", &rows, &error) == 1);
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		FUZZ_MUST(json_object_array_length(row) <= ANSWER_ROW_BUTTONS_MAX);
		count += json_object_array_length(row);
		for (size_t j = 0; j < json_object_array_length(row); j++)
			check_button(json_object_array_get_idx(row, j));
	}
	FUZZ_MUST(count <= ANSWER_BUTTONS_MAX + 3);
}

static void check_call(struct json_object *call, bool is_tap)
{
	const char *method = json_text(call, "method"), *text = json_text(call, "text");
	bool is_answer = strcmp(method, "answerCallbackQuery") == 0;

	FUZZ_MUST(is_tap || (!is_answer && strcmp(method, "editMessageText") != 0));
	FUZZ_MUST(is_answer || json_int64(call, "chat_id") == 5);
	FUZZ_MUST(text == NULL || utf8_count(text, strlen(text)) <= (is_answer ? 200 : RICH_TEXT_MAX));
	FUZZ_MUST(!json_object_object_get_ex(call, "parse_mode", NULL));
	FUZZ_MUST(strcmp(method, "sendPhoto") != 0 || strncasecmp(json_text(call, "photo"), "http", 4) == 0);
	check_entities(call, "text", "entities");
	check_entities(call, "caption", "caption_entities");
	check_keyboard(call);
}

static void check_answer(struct json_object *body, bool is_tap)
{
	static struct command_table table;
	const struct update update = {.update_id = 7,
	    .kind = is_tap ? UPDATE_TAP : UPDATE_MESSAGE,
	    .chat_type = CHAT_PRIVATE,
	    .chat = 5,
	    .message_id = 9,
	    .tap_id = "1"};
	const struct caller caller = {.linked = false};
	struct wish wish = {.kind = WISH_NOTHING};
	struct request request = {.config = &config,
	    .table = &table,
	    .bot_name = "",
	    .update = &update,
	    .caller = &caller,
	    .calls = json_object_new_array(),
	    .wish = &wish};
	struct error error = {.text = ""};

	if (answer_add_calls(&request, body, &error) != 0)
		FUZZ_MUST(error.kind == ERROR_INPUT && error.text[0] != '\0' &&
			  json_object_array_length(request.calls) == 0);
	for (size_t i = 0; i < json_object_array_length(request.calls); i++)
		check_call(json_object_array_get_idx(request.calls, i), is_tap);
	FUZZ_MUST(!request.changed);
	json_object_put(request.calls);
}

static void check_template(const char *source, struct json_object *value)
{
	struct buf out = BUF_INIT(TEMPLATE_RESULT_MAX_BYTES);
	struct error error = {.text = ""};
	int checked = template_check(source, &error);

	FUZZ_MUST(checked == 0 || error.kind == ERROR_CONFIG);
	if (template_render(source, value, "... and {count} more", &out, &error) != 0)
		FUZZ_MUST(checked != 0 || error.kind == ERROR_INPUT);
	else
		FUZZ_MUST(checked == 0);
	buf_free(&out);
}

/* The answer, and where a newline follows it, a template. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *body = NULL;
	const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t len = newline != NULL ? (size_t)(newline - data) : size;
	struct buf source = BUF_INIT(1 << 20);
	struct error error;

	if (config.delivery.text_parts == 0) {
		log_open("fuzz", false, LOG_ERROR);
		config.delivery.text_parts = 4;
		config.delivery.picture_max_bytes = 1000;
	}
	if (json_parse((const char *)data, len, "it", &body, &error) != 0)
		return 0;
	check_answer(body, false);
	check_answer(body, true);
	if (newline != NULL)
		(void)buf_add(&source, newline + 1, size - len - 1);
	check_template(buf_text(&source), body);
	buf_free(&source);
	json_object_put(body);
	return 0;
}
