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
    "\"key\":\"", "\"files\":[{\"file\":\"", "\"kind\":\"photo\"}", "\"in\":\"1h\"", "\"parse_mode\":\"pre\"",
    "\\u0000", "\\u0001", "\\ud83d\\ude00", "<b>", "&amp;", "../", "null", NULL};

static void check_part(const struct message_part *part)
{
	bool is_text = part->method == message_send_text;
	const char *text = json_text(part->parameters, is_text ? "text" : "caption");
	const char *line = json_line(part->parameters);

	FUZZ_MUST(utf8_is_valid(line, strlen(line)));
	FUZZ_MUST(!is_text || (text != NULL && text[0] != '\0'));
	if (text == NULL)
		return;
	FUZZ_MUST(utf8_utf16_units(text, strlen(text)) >= utf8_count(text, strlen(text)));
	for (; *text != '\0'; text++)
		FUZZ_MUST((unsigned char)*text >= 0x20 || strchr("\n\t", *text) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *body = NULL;
	struct message_parts parts;
	struct message_fields fields = {0};
	struct error error = {0};
	enum message_kind kind;

	if (size < 1)
		return 0;
	kind = (enum message_kind)(data[0] % 3);
	if (json_parse_object((const char *)data + 1, size - 1, "it", &body, &error) != 0)
		return 0;
	if (message_read_json(kind, body, &fields, &error) == 0 &&
	    message_check(kind, &fields, &error) == 0 && message_compose(&fields, 5, &parts, &error) == 0) {
		FUZZ_MUST(parts.count > 0);
		for (size_t i = 0; i < parts.count; i++)
			check_part(&parts.items[i]);
		message_parts_free(&parts);
	} else {
		FUZZ_MUST(error.kind == ERROR_INPUT && error.text[0] != '\0');
	}
	json_object_put(body);
	return 0;
}
