/*
 * What tg-sendd would make of texts: one JSON array of parts, {"text","entities"}, for each line of stdin:
 *
 *	FORMAT FIRST_MAX REST_MAX LANGUAGE HEX
 *
 * FORMAT as in parse_mode, LANGUAGE "-" for none, the text in hexadecimal digits. The judge (judge.py) reads
 *it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "markup.h"

enum { PARTS_MAX = 10000 };

static unsigned digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* Decodes in place; returns the length. */
static size_t decode_hex(char *text)
{
	size_t len = strspn(text, "0123456789abcdef") / 2;

	for (size_t i = 0; i < len; i++)
		text[i] = (char)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
	return len;
}

static void print_parts(const struct rich *rich, size_t first_max, size_t rest_max)
{
	struct json_object *array = json_object_new_array();
	struct rich *parts;
	size_t count = rich_split(rich, first_max, rest_max, PARTS_MAX, &parts);

	for (size_t i = 0; parts != NULL && i < count; i++) {
		struct json_object *part = json_object_new_object(), *entities = rich_entities(&parts[i]);

		json_put_text(part, "text", buf_text(&parts[i].text));
		json_object_object_add(
		    part, "entities", entities != NULL ? entities : json_object_new_array());
		json_object_array_add(array, part);
	}
	puts(json_line(array));
	json_object_put(array);
	rich_parts_free(parts, count);
}

int main(void)
{
	char *line = NULL, name[16], language[32];
	size_t capacity = 0, first_max, rest_max;
	enum markup_format format;
	struct rich rich;
	int start = 0;

	while (getline(&line, &capacity, stdin) > 0) {
		if (sscanf(line, "%15s %zu %zu %31s %n", name, &first_max, &rest_max, language, &start) !=
			4 ||
		    markup_format_parse(name, &format) != 0)
			return 64;
		markup_parse(format, line + start, decode_hex(line + start),
		    strcmp(language, "-") == 0 ? NULL : language, &rich);
		print_parts(&rich, first_max, rest_max);
		rich_free(&rich);
		if (fflush(stdout) != 0)
			return 74;
	}
	free(line);
	return 0;
}
