/*
 * Why: an answer may carry what a stranger wrote, and words that an administrator wrote. Whatever they are,
 * it must be one line of JSON whose entities lie within the text; Telegram refuses anything else, for ever.
 */
#include "fuzz.h"

#include <string.h>

#include "json.h"
#include "tg-dispatch/reply.h"
#include "utf8.h"

const char *const fuzz_words[] = {"{code}", "{user}", "{", "}", "`", "`{code}`", "\xc3\xa4", "\xe2\x82\xac",
    "\xf0\x9f\x98\x80", "\\ud83d\\ude00", "\\u0000", "\\n", "\"text\":\"", "\"username\":\"bob\"",
    "\"is_topic_message\":true", "\"message_thread_id\":3", NULL};

/* UTF-16 units of a text that is valid UTF-8. */
static int64_t count_units(const char *text)
{
	int64_t units = 0;

	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
		units += *c < 0x80 || (*c >= 0xc0 && *c < 0xf0) ? 1 : *c >= 0xf0 ? 2 : 0;
	return units;
}

static void check_call(struct json_object *call)
{
	struct json_object *entities;
	struct error error;
	int64_t end = 0;

	if (json_get_array(call, "entities", &entities, &error) != 1)
		return;
	for (size_t i = 0; i < json_object_array_length(entities); i++) {
		struct json_object *entity = json_object_array_get_idx(entities, i);

		FUZZ_MUST(json_int64(entity, "offset") >= end && json_int64(entity, "length") > 0);
		end = json_int64(entity, "offset") + json_int64(entity, "length");
	}
	FUZZ_MUST(end <= count_units(json_text(call, "text")));
}

/* The text of the update as a template and as a value of it: worse than any configuration. */
static void check_reply(const struct update *update)
{
	struct text_value values[] = {{"code", update->text}, {"user", update->username}, {NULL, NULL}};
	struct json_object *calls = json_object_new_array(), *line = NULL;
	struct buf buf = BUF_INIT(1 << 20);
	struct error error;

	if (update->text != NULL && reply_message(calls, update, update->text, values, &error) == 0) {
		FUZZ_MUST(reply_line(&buf, update->update_id, calls, &error) == 0);
		FUZZ_MUST(memchr(buf.data, '\n', buf.len) == buf.data + buf.len - 1);
		FUZZ_MUST(utf8_is_valid(buf.data, buf.len));
		FUZZ_MUST(json_parse_object(buf.data, buf.len, "line", &line, &error) == 0);
		if (json_object_array_length(calls) > 0)
			check_call(json_object_array_get_idx(calls, 0));
	}
	json_object_put(line);
	json_object_put(calls);
	buf_free(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *object;
	struct update update;
	struct error error;

	if (json_parse_object((const char *)data, size, "update", &object, &error) != 0)
		return 0;
	if (update_read(object, &update, &error) == 0)
		check_reply(&update);
	json_object_put(object);
	return 0;
}
