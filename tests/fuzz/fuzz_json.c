/*
 * Why: JSON comes from Telegram, scripts, services and anybody at the socket. Whatever it is, it is refused
 * with words, or taken and written out as JSON that is taken again and means the same.
 */
#include "fuzz.h"

#include <string.h>

#include "json.h"
#include "utf8.h"

const char *const fuzz_words[] = {"{}", "[]", "null", "true", "1e999", "-0", "9223372036854775808", "\\u0000",
    "\\ud800", "\\udc00", "\"a\":", "NaN", "\xc0\x80", "\xed\xa0\x80", "\xf0\x9f\x98\x80", "[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":", "/*", "1.", "1e5", " \n", NULL};

static void try_getters(struct json_object *object)
{
	json_object_object_foreach(object, key, value)
	{
		struct error error = {0};
		struct json_object *part;
		const char *text = NULL;
		int64_t number;
		bool flag;

		(void)value;
		if (json_get_text(object, key, &text, &error) == 1)
			FUZZ_MUST(utf8_is_valid(text, strlen(text)));
		json_get_int64(object, key, &number, &error);
		json_get_bool(object, key, &flag, &error);
		json_get_object(object, key, &part, &error);
		json_get_array(object, key, &part, &error);
		json_text(object, key);
		json_int64(object, key);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *value = NULL, *again = NULL;
	struct error error = {0};
	const char *line;

	if (json_parse((const char *)data, size, "it", &value, &error) != 0) {
		FUZZ_MUST(error.kind == ERROR_INPUT && strncmp(error.text, "it ", 3) == 0);
		return 0;
	}
	line = json_line(value);
	FUZZ_MUST(strchr(line, '\n') == NULL);
	FUZZ_MUST(json_parse(line, strlen(line), "it", &again, &error) == 0);
	FUZZ_MUST(strcmp(json_line(again), line) == 0);
	if (json_object_is_type(value, json_type_object))
		try_getters(value);
	json_object_put(again);
	json_object_put(value);
	return 0;
}
