/*
 * Why: everything that anybody sends goes through here, and nothing may be refused. The first byte is the
 * format, the second how long parts may be; what comes out must be parts that Telegram takes as they are.
 */
#include "fuzz.h"

#include <string.h>

#include "markup.h"
#include "utf8.h"

enum { PARTS_MAX = 1000 };

const char *const fuzz_words[] = {"**", "*", "_", "~~", "`", "```c\n", "\n```\n", "[", "](http://a.b)", "](",
    "![", "> ", "- ", "1. ", "- [x] ", "# ", "\n\n", "\n", "|a|b|\n|-|-|\n", "---", "    ", "\t", "&amp;",
    "&#65;", "&copy;", "<b>", "</b>", "<i>", "</i>", "<code>", "</code>", "<pre>", "</pre>",
    "<pre><code class=\"language-c\">", "</code></pre>", "<a href='http://a.b'>", "</a>", "<blockquote>",
    "</blockquote>", "<br>", "<tg-emoji emoji-id=\"1\">", "</tg-emoji>", "\x1b[1m", "\x1b]0;", "\x07", "\r",
    "\xcc\x8a", "\xe2\x80\x8e", "\xe2\x80\xa8", "\xf0\x9f\x98\x80", "\xe2\x80\x8d", "\xcc\x81",
    "\xf0\x9f\x87\xa9", "\xff", "http://a.b/_c_", "www.", "a@b.cd", "word word word ", "<", "\\", NULL};

/* In order, not empty, at borders of characters, one within the other or beside it. */
static void check_entities(const struct rich *rich)
{
	size_t ends[RICH_ENTITIES_MAX + 1], depth = 0;

	FUZZ_MUST(rich->count <= RICH_ENTITIES_MAX);
	for (size_t i = 0; i < rich->count; i++) {
		const struct rich_entity *entity = &rich->entities[i];

		FUZZ_MUST(entity->start < entity->end && entity->end <= rich->text.len);
		FUZZ_MUST(i == 0 || rich->entities[i - 1].start <= entity->start);
		FUZZ_MUST(utf8_is_valid(rich->text.data + entity->start, entity->end - entity->start));
		FUZZ_MUST(
		    entity->argument == NULL || utf8_is_valid(entity->argument, strlen(entity->argument)));
		FUZZ_MUST(entity->type != RICH_LINK || markup_is_url(entity->argument));
		while (depth > 0 && ends[depth - 1] <= entity->start)
			depth--;
		FUZZ_MUST(depth == 0 || entity->end <= ends[depth - 1]);
		ends[depth++] = entity->end;
	}
}

static void check_part(const struct rich *part, size_t max)
{
	const char *text = buf_text(&part->text);
	struct json_object *entities = rich_entities(part);

	FUZZ_MUST(utf8_is_valid(text, part->text.len) && strlen(text) == part->text.len);
	FUZZ_MUST(rich_length(part) <= max);
	for (; *text != '\0'; text++)
		FUZZ_MUST((unsigned char)*text >= 0x20 || *text == '\n');
	check_entities(part);
	json_object_put(entities);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rich rich, head, *parts;
	size_t max, count;

	if (size < 2)
		return 0;
	max = data[1] % 8 == 0 ? RICH_TEXT_MAX : 32u + data[1];
	markup_parse((enum markup_format)(data[0] % 4), (const char *)data + 2, size - 2, "c", &rich);
	if (data[0] & 0x80)
		rich_add_title(&rich, "A title");
	count = rich_split(&rich, 40, max, PARTS_MAX, &parts);
	FUZZ_MUST(count > 0);
	for (size_t i = 0; parts != NULL && i < count; i++)
		check_part(&parts[i], i == 0 ? 40 : max);
	rich_parts_free(parts, count);
	rich_head(&rich, max, &head);
	check_part(&head, max);
	rich_free(&head);
	rich_free(&rich);
	return 0;
}
