#include "preview.h"

#include <string.h>

#include "json.h"
#include "message.h"
#include "rich.h"
#include "text.h"

enum { WORDS_MAX_BYTES = 60 };

/* Each line behind a bar, so that it is told apart from what is said about it. */
static void add_quoted(struct buf *out, const struct buf *text)
{
	const char *line = buf_text(text), *end = line + text->len;

	for (;;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));

		(void)buf_add_text(out, "| ");
		(void)buf_add(out, line, (size_t)((newline != NULL ? newline : end) - line));
		(void)buf_add_text(out, "\n");
		if (newline == NULL)
			break;
		line = newline + 1;
	}
}

/* entity is the MessageEntity that stands for the range. */
static void add_entity(
    struct buf *out, const struct rich *part, const struct rich_entity *range, struct json_object *entity)
{
	int64_t offset = json_int64(entity, "offset"), length = json_int64(entity, "length");
	struct buf words = BUF_INIT(SIZE_MAX / 4);

	(void)buf_add(&words, part->text.data + range->start, range->end - range->start);
	(void)buf_add_format(out, "  %lld-%lld %s", (long long)offset, (long long)(offset + length),
	    json_text(entity, "type"));
	if (range->argument != NULL)
		(void)buf_add_text(out, " ");
	text_add_line(out, range->argument, WORDS_MAX_BYTES);
	(void)buf_add_text(out, ": ");
	text_add_line(out, buf_text(&words), WORDS_MAX_BYTES);
	(void)buf_add_text(out, "\n");
	buf_free(&words);
}

static void add_text(struct buf *out, const struct rich *text)
{
	struct json_object *entities = rich_entities(text);

	add_quoted(out, &text->text);
	for (size_t i = 0; i < text->count; i++)
		add_entity(out, text, &text->entities[i], json_object_array_get_idx(entities, i));
	json_object_put(entities);
}

static void add_files(struct buf *out, const struct message_fields *fields, const struct message_part *part)
{
	const struct message_file *files = fields->files + part->first_file;

	if (part->document != NULL)
		(void)buf_add_text(out, "the whole text as a file, ");
	else if (part->files_count == 1)
		(void)buf_add_text(out, files[0].is_photo ? "picture " : "file ");
	else if (part->files_count > 1)
		(void)buf_add_text(out, "album of ");
	for (size_t i = 0; i < part->files_count; i++)
		(void)buf_add_format(out, "%s, ", files[i].name);
}

static void add_message(struct buf *out, const struct message_fields *fields, const struct message_part *part)
{
	bool is_caption = part->files_count > 0 || part->document != NULL;
	size_t length = rich_length(&part->text);

	add_files(out, fields, part);
	(void)buf_add_format(
	    out, "%s%zu character%s\n", is_caption ? "caption of " : "", length, length == 1 ? "" : "s");
	if (length > 0)
		add_text(out, &part->text);
}

int preview_add(struct json_object *request, size_t text_parts_max, struct buf *out, struct error *error)
{
	struct message_fields fields;
	struct message_parts parts = {0};

	if (message_read_json(MESSAGE_TEXT, request, &fields, error) != 0 ||
	    message_check(MESSAGE_TEXT, &fields, error) != 0 ||
	    message_compose(&fields, text_parts_max, &parts, error) != 0)
		return -1;
	for (size_t i = 0; i < parts.count; i++) {
		if (parts.count > 1)
			(void)buf_add_format(out, "message %zu of %zu, ", i + 1, parts.count);
		add_message(out, &fields, &parts.items[i]);
	}
	message_parts_free(&parts);
	return 0;
}
