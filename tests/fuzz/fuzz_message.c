/*
 * Why: anybody on the server may post any JSON to the socket. What is taken must be parameters that
 * Telegram can take: valid UTF-8, within its limits. The first byte is the kind of message.
 */
#include "fuzz.h"

#include <string.h>

#include "json.h"
#include "message.h"
#include "utf8.h"

const char *const fuzz_words[] = {"{\"text\":\"", "\"title\":\"", "\"caption\":\"", "\"photo_path\":\"/",
    "\"document_path\":\"", "\"parse_mode\":\"HTML\"", "\"parse_mode\":\"Markdown\"", "\"cooldown\":\"1h\"",
    "\"silent\":true", "\"script\":\"a.py\"", "\"user\":\"alice\"", "\"to\":\"@ops\"", "\"file_name\":\"",
    "\\u0000", "\\u0001", "\\ud83d\\ude00", "<b>", "&amp;", "../", "null", NULL};

static void check_parameters(enum message_kind kind, struct json_object *parameters)
{
	const char *text = json_text(parameters, kind == MESSAGE_TEXT ? "text" : "caption");
	const char *line = json_line(parameters);

	FUZZ_MUST(utf8_is_valid(line, strlen(line)));
	FUZZ_MUST(kind != MESSAGE_TEXT || (text != NULL && text[0] != '\0'));
	if (text == NULL)
		return;
	FUZZ_MUST(utf8_utf16_units(text, strlen(text)) >= utf8_count(text, strlen(text)));
	for (; *text != '\0'; text++)
		FUZZ_MUST((unsigned char)*text >= 0x20 || strchr("\n\t", *text) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *body = NULL, *parameters = NULL;
	struct message_fields fields = {0};
	struct error error = {0};
	enum message_kind kind;

	if (size < 1)
		return 0;
	kind = (enum message_kind)(data[0] % 3);
	if (json_parse_object((const char *)data + 1, size - 1, "it", &body, &error) != 0)
		return 0;
	if (message_read_json(kind, body, &fields, &error) == 0 &&
	    message_check(kind, &fields, &error) == 0 &&
	    message_compose(kind, &fields, &parameters, &error) == 0) {
		check_parameters(kind, parameters);
		json_object_put(parameters);
	} else {
		FUZZ_MUST(error.kind == ERROR_INPUT && error.text[0] != '\0');
	}
	json_object_put(body);
	return 0;
}
