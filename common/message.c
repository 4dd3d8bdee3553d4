#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "json.h"
#include "markup.h"
#include "num.h"
#include "text.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	TITLE_MAX = 256,
	NAME_MAX_BYTES = 64,
	FILE_NAME_MAX = 255,
	TEXT_MAX_BYTES = 1 << 20,
};
#define DELAY_MAX_MS (366 * INT64_C(86400000))

const char message_send_text[] = "sendMessage";
const char message_send_photo[] = "sendPhoto";
const char message_send_document[] = "sendDocument";
const char message_send_album[] = "sendMediaGroup";

/* The markup that Telegram parses itself, for programs that already write it. */
static const char markdown_v2[] = "MarkdownV2";
static const char markdown_v2_reserved[] = "_*[]()~`>#+-=|{}.!\\";

const char *message_file_parameter(bool is_photo)
{
	return is_photo ? "photo" : "document";
}

char *message_attach_name(size_t index, char name[MESSAGE_ATTACH_BYTES])
{
	snprintf(name, MESSAGE_ATTACH_BYTES, "file%zu", index);
	return name;
}

/* ---- reading ---- */

/* Every field of text, with the requests that know it. */
enum { IN_TEXT = 1, IN_FILE = 2, IN_ALL = 3 };

static const struct field {
	const char *name;
	unsigned requests;
	size_t offset;
} text_fields[] = {
    {"user", IN_ALL, offsetof(struct message_fields, user)},
    {"to", IN_ALL, offsetof(struct message_fields, to)},
    {"text", IN_TEXT, offsetof(struct message_fields, text)},
    {"caption", IN_FILE, offsetof(struct message_fields, text)},
    {"title", IN_ALL, offsetof(struct message_fields, title)},
    {"parse_mode", IN_ALL, offsetof(struct message_fields, parse_mode)},
    {"lang", IN_ALL, offsetof(struct message_fields, lang)},
    {"script", IN_ALL, offsetof(struct message_fields, script)},
    {"cooldown", IN_ALL, offsetof(struct message_fields, cooldown)},
    {"key", IN_ALL, offsetof(struct message_fields, key)},
    {"reply_to", IN_ALL, offsetof(struct message_fields, reply_to)},
    {"in", IN_ALL, offsetof(struct message_fields, in)},
    {"at", IN_ALL, offsetof(struct message_fields, at)},
    {"wait", IN_ALL, offsetof(struct message_fields, wait)},
    {"file_name", IN_FILE, offsetof(struct message_fields, file_name)},
};

static const struct field flag_fields[] = {
    {"silent", IN_ALL, offsetof(struct message_fields, silent)},
    {"no_preview", IN_ALL, offsetof(struct message_fields, no_preview)},
    {"bulk", IN_ALL, offsetof(struct message_fields, bulk)},
};

enum { TEXT_FIELDS = sizeof text_fields / sizeof text_fields[0] };
enum { FLAG_FIELDS = sizeof flag_fields / sizeof flag_fields[0] };

static const char *const path_fields[] = {NULL, "photo_path", "document_path"};

static unsigned requests_of(enum message_kind kind)
{
	return kind == MESSAGE_TEXT ? IN_TEXT : IN_FILE;
}

static const char *text_name(enum message_kind kind)
{
	return kind == MESSAGE_TEXT ? "text" : "caption";
}

static const char **text_place(struct message_fields *fields, const struct field *field)
{
	return (const char **)((char *)fields + field->offset);
}

static bool *flag_place(struct message_fields *fields, const struct field *field)
{
	return (bool *)((char *)fields + field->offset);
}

/* The file of /send_photo and /send_document. */
static void add_own_file(enum message_kind kind, struct message_fields *fields)
{
	if (kind == MESSAGE_TEXT)
		return;
	fields->files[0] = (struct message_file){.is_photo = kind == MESSAGE_PHOTO};
	fields->files_count = 1;
}

static int check_keys(enum message_kind kind, struct json_object *body, struct error *error)
{
	const char *known[TEXT_FIELDS + FLAG_FIELDS + 3];
	size_t count = 0;

	for (size_t i = 0; i < TEXT_FIELDS; i++) {
		if (text_fields[i].requests & requests_of(kind))
			known[count++] = text_fields[i].name;
	}
	for (size_t i = 0; i < FLAG_FIELDS; i++)
		known[count++] = flag_fields[i].name;
	known[count++] = "thread";
	known[count++] = kind == MESSAGE_TEXT ? "files" : path_fields[kind];
	known[count] = NULL;
	return json_only_keys(body, known, error);
}

static int read_file(struct json_object *object, struct message_file *file, struct error *error)
{
	static const char *const known[] = {"file", "name", "kind", NULL};
	const char *kind = "document";

	if (!json_object_is_type(object, json_type_object))
		return error_set(error, ERROR_INPUT, "\"files\" must be a list of objects");
	if (json_only_keys(object, known, error) != 0 ||
	    json_get_text(object, "file", &file->file, error) < 0 ||
	    json_get_text(object, "name", &file->name, error) < 0 ||
	    json_get_text(object, "kind", &kind, error) < 0)
		return -1;
	if (file->file == NULL)
		return error_set(error, ERROR_INPUT, "\"file\" is missing in \"files\"");
	if (strcmp(kind, "photo") != 0 && strcmp(kind, "document") != 0)
		return error_set(error, ERROR_INPUT, "\"kind\" must be photo or document");
	file->is_photo = kind[0] == 'p';
	return 0;
}

static int read_files(struct json_object *body, struct message_fields *fields, struct error *error)
{
	struct json_object *files = NULL;
	int found = json_get_array(body, "files", &files, error);

	if (found != 1)
		return found;
	if (json_object_array_length(files) > MESSAGE_FILES_MAX)
		return error_set(error, ERROR_INPUT, "\"files\" are more than %d", MESSAGE_FILES_MAX);
	for (size_t i = 0; i < json_object_array_length(files); i++) {
		if (read_file(json_object_array_get_idx(files, i), &fields->files[i], error) != 0)
			return -1;
		fields->files_count++;
	}
	return 0;
}

int message_read_json(
    enum message_kind kind, struct json_object *body, struct message_fields *fields, struct error *error)
{
	*fields = (struct message_fields){0};
	if (check_keys(kind, body, error) != 0)
		return -1;
	for (size_t i = 0; i < TEXT_FIELDS; i++) {
		if ((text_fields[i].requests & requests_of(kind)) &&
		    json_get_text(body, text_fields[i].name, text_place(fields, &text_fields[i]), error) < 0)
			return -1;
	}
	for (size_t i = 0; i < FLAG_FIELDS; i++) {
		if (json_get_bool(body, flag_fields[i].name, flag_place(fields, &flag_fields[i]), error) < 0)
			return -1;
	}
	if (json_get_int64(body, "thread", &fields->thread_id, error) < 0)
		return -1;
	add_own_file(kind, fields);
	if (kind == MESSAGE_TEXT)
		return read_files(body, fields, error);
	return json_get_text(body, path_fields[kind], &fields->path, error) < 0 ? -1 : 0;
}

int message_read_query(enum message_kind kind, message_get_fn *get, void *context,
    struct message_fields *fields, struct error *error)
{
	*fields = (struct message_fields){0};
	for (size_t i = 0; i < TEXT_FIELDS; i++) {
		if (text_fields[i].requests & IN_FILE)
			*text_place(fields, &text_fields[i]) = get(context, text_fields[i].name);
	}
	for (size_t i = 0; i < FLAG_FIELDS; i++) {
		const char *value = get(context, flag_fields[i].name);

		if (value != NULL && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return error_set(
			    error, ERROR_INPUT, "\"%s\" must be true or false", flag_fields[i].name);
		*flag_place(fields, &flag_fields[i]) = value != NULL && value[0] == 't';
	}
	fields->thread = get(context, "thread");
	add_own_file(kind, fields);
	return 0;
}

/* ---- checking ---- */

static int check_text(const char *name, const char *text, size_t max_bytes, struct error *error)
{
	if (text == NULL)
		return 0;
	if (strlen(text) > max_bytes)
		return error_set(error, ERROR_INPUT, "\"%s\" is longer than %zu bytes", name, max_bytes);
	if (!utf8_is_valid(text, strlen(text)))
		return error_set(error, ERROR_INPUT, "\"%s\" is not valid UTF-8", name);
	return 0;
}

static int check_texts(enum message_kind kind, const struct message_fields *fields, struct error *error)
{
	if (check_text("user", fields->user, NAME_MAX_BYTES - 1, error) != 0 ||
	    check_text("to", fields->to, NAME_MAX_BYTES, error) != 0 ||
	    check_text(text_name(kind), fields->text, TEXT_MAX_BYTES, error) != 0 ||
	    check_text("title", fields->title, TITLE_MAX * 4, error) != 0 ||
	    check_text("lang", fields->lang, NAME_MAX_BYTES, error) != 0 ||
	    check_text("file_name", fields->file_name, FILE_NAME_MAX, error) != 0)
		return -1;
	if (kind == MESSAGE_TEXT && fields->text == NULL && fields->files_count == 0)
		return error_set(error, ERROR_INPUT, "\"text\" is missing");
	if (fields->title != NULL && utf8_count(fields->title, strlen(fields->title)) > TITLE_MAX)
		return error_set(error, ERROR_INPUT, "\"title\" is longer than %d characters", TITLE_MAX);
	return 0;
}

static int check_file_name(const char *field, const char *name, struct error *error)
{
	if (check_text(field, name, FILE_NAME_MAX, error) != 0)
		return -1;
	if (name != NULL && (strchr(name, '/') != NULL || name[0] == '\0'))
		return error_set(error, ERROR_INPUT, "\"%s\" must be a name without a slash", field);
	return 0;
}

static int check_files(struct message_fields *fields, struct error *error)
{
	if (check_file_name("file_name", fields->file_name, error) != 0)
		return -1;
	for (size_t i = 0; i < fields->files_count; i++) {
		if (check_file_name("name", fields->files[i].name, error) != 0)
			return -1;
	}
	if (fields->files_count == 1 && fields->files[0].name == NULL)
		fields->files[0].name = fields->file_name;
	return 0;
}

static bool is_script_name(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	return text[0] != '\0' && text[0] != '.' && strspn(text, allowed) == strlen(text) &&
	       strlen(text) <= NAME_MAX_BYTES;
}

static int check_key(const char *field, const char *key, struct error *error)
{
	if (key == NULL)
		return 0;
	if (key[0] == '\0' || strlen(key) > MESSAGE_KEY_MAX_BYTES || !utf8_is_valid(key, strlen(key)))
		return error_set(
		    error, ERROR_INPUT, "\"%s\" must have 1 to %d bytes", field, MESSAGE_KEY_MAX_BYTES);
	for (const char *byte = key; *byte != '\0'; byte++) {
		if ((unsigned char)*byte < ' ' || *byte == 0x7f)
			return error_set(
			    error, ERROR_INPUT, "\"%s\" must not contain control characters", field);
	}
	return 0;
}

static int check_duration(
    const char *field, const char *text, int64_t max_ms, int64_t *duration_ms, struct error *error)
{
	if (text == NULL)
		return 0;
	if (num_duration_ms(text, duration_ms) != 0)
		return error_set(
		    error, ERROR_INPUT, "\"%s\" must be a duration such as 30m, 6h or 1d", field);
	if (*duration_ms > max_ms)
		return error_set(error, ERROR_INPUT, "\"%s\" is too long", field);
	return 0;
}

static int check_times(struct message_fields *fields, struct error *error)
{
	fields->has_cooldown = fields->cooldown != NULL;
	if (check_duration("cooldown", fields->cooldown, INT64_MAX, &fields->cooldown_ms, error) != 0 ||
	    check_duration("in", fields->in, DELAY_MAX_MS, &fields->in_ms, error) != 0 ||
	    check_duration("wait", fields->wait, MESSAGE_WAIT_MAX_MS, &fields->wait_ms, error) != 0)
		return -1;
	if (fields->in != NULL && fields->at != NULL)
		return error_set(error, ERROR_INPUT, "\"in\" and \"at\" exclude each other");
	if (fields->at != NULL && (clock_parse(fields->at, &fields->at_ms) != 0 || fields->at_ms <= 0))
		return error_set(
		    error, ERROR_INPUT, "\"at\" must be a time in UTC such as 2026-01-31T18:00:00Z");
	return 0;
}

static int check_format(const struct message_fields *fields, struct error *error)
{
	enum markup_format format;

	if (fields->parse_mode == NULL || strcmp(fields->parse_mode, markdown_v2) == 0 ||
	    markup_format_parse(fields->parse_mode, &format) == 0)
		return 0;
	return error_set(
	    error, ERROR_INPUT, "\"parse_mode\" must be text, markdown, html, pre or MarkdownV2");
}

/* The files from first on that can go in one message: one, or an album of one kind. */
static size_t count_alike(const struct message_fields *fields, size_t first)
{
	size_t end = first;

	while (end < fields->files_count && fields->files[end].is_photo == fields->files[first].is_photo)
		end++;
	return end - first;
}

/* What was sent as one cannot be edited. */
static bool has_album(const struct message_fields *fields)
{
	for (size_t i = 0; i < fields->files_count; i++) {
		if (count_alike(fields, i) > 1)
			return true;
	}
	return false;
}

int message_check(enum message_kind kind, struct message_fields *fields, struct error *error)
{
	if (check_texts(kind, fields, error) != 0 || check_files(fields, error) != 0 ||
	    check_key("key", fields->key, error) != 0 ||
	    check_key("reply_to", fields->reply_to, error) != 0 || check_times(fields, error) != 0 ||
	    check_format(fields, error) != 0)
		return -1;
	if (fields->script != NULL && !is_script_name(fields->script))
		return error_set(error, ERROR_INPUT, "\"script\" is not the name of a script");
	if (fields->user != NULL && fields->to != NULL)
		return error_set(error, ERROR_INPUT, "\"user\" and \"to\" exclude each other");
	if (fields->key != NULL && has_album(fields))
		return error_set(error, ERROR_INPUT, "\"key\" does not go with several files of one kind");
	if (fields->thread != NULL && num_int64(fields->thread, 1, INT64_MAX, &fields->thread_id) != 0)
		return error_set(error, ERROR_INPUT, "\"thread\" must be a number");
	if (fields->thread_id < 0)
		return error_set(error, ERROR_INPUT, "\"thread\" must not be negative");
	return 0;
}

/* ---- composing ---- */

static struct message_part *add_part(struct message_parts *parts, const char *method)
{
	struct message_part *part;

	parts->items = xreallocarray(parts->items, parts->count + 1, sizeof *parts->items);
	part = &parts->items[parts->count++];
	*part = (struct message_part){.method = method};
	part->text = RICH_INIT(SIZE_MAX / 4);
	part->parameters = json_object_new_object();
	return part;
}

void message_parts_free(struct message_parts *parts)
{
	for (size_t i = 0; i < parts->count; i++) {
		json_object_put(parts->items[i].parameters);
		free(parts->items[i].document);
		rich_free(&parts->items[i].text);
	}
	free(parts->items);
	*parts = (struct message_parts){0};
}

/* Gives the part its text, which is emptied; a caption where there is a file. */
static void put_text(struct message_part *part, struct json_object *parameters, struct rich *text)
{
	bool is_caption = part->method != message_send_text;
	struct json_object *entities = rich_entities(text);

	if (text->text.len > 0)
		json_put_text(parameters, is_caption ? "caption" : "text", buf_text(&text->text));
	if (entities != NULL)
		json_object_object_add(parameters, is_caption ? "caption_entities" : "entities", entities);
	rich_free(&part->text);
	part->text = *text;
	*text = RICH_INIT(0);
}

static void put_common(const struct message_fields *fields, struct message_part *part)
{
	struct json_object *options;

	if (fields->silent)
		json_put_bool(part->parameters, "disable_notification", true);
	if (fields->thread_id != 0)
		json_put_int64(part->parameters, "message_thread_id", fields->thread_id);
	if (!fields->no_preview || part->method != message_send_text)
		return;
	options = json_object_new_object();
	json_put_bool(options, "is_disabled", true);
	json_object_object_add(part->parameters, "link_preview_options", options);
}

static void add_album(struct message_part *part, const struct message_fields *fields, struct rich *caption)
{
	struct json_object *media = json_object_new_array();

	for (size_t i = 0; i < part->files_count; i++) {
		struct json_object *item = json_object_new_object();
		char reference[MESSAGE_ATTACH_BYTES + 16], name[MESSAGE_ATTACH_BYTES];

		snprintf(reference, sizeof reference, "attach://%s", message_attach_name(i, name));
		json_put_text(item, "type", message_file_parameter(fields->files[part->first_file].is_photo));
		json_put_text(item, "media", reference);
		/* An album is shown under the caption of its first picture, or of its last document. */
		if (i == (fields->files[part->first_file].is_photo ? 0 : part->files_count - 1))
			put_text(part, item, caption);
		json_object_array_add(media, item);
	}
	json_object_object_add(part->parameters, "media", media);
}

/* Messages for all files; the first has the caption, which is emptied. */
static void add_files(const struct message_fields *fields, struct rich *caption, struct message_parts *parts)
{
	struct message_part *part;

	for (size_t first = 0; first < fields->files_count; first += part->files_count) {
		size_t count = count_alike(fields, first);

		part = add_part(parts, count > 1		       ? message_send_album
				       : fields->files[first].is_photo ? message_send_photo
								       : message_send_document);
		part->first_file = first;
		part->files_count = count;
		if (count > 1)
			add_album(part, fields, caption);
		else
			put_text(part, part->parameters, caption);
	}
}

/* The text as a document, for what would be too many messages. */
static void add_document(const struct rich *text, struct message_parts *parts)
{
	struct message_part *part = add_part(parts, message_send_document);
	struct buf plain = BUF_INIT(SIZE_MAX / 4);
	struct rich head = RICH_INIT(SIZE_MAX / 4);

	rich_plain(text, &plain);
	buf_add_text(&plain, "\n");
	part->document = plain.data;
	rich_head(text, RICH_CAPTION_MAX, &head);
	put_text(part, part->parameters, &head);
}

static void compose_rich(const struct rich *text, size_t text_parts_max, struct message_parts *parts)
{
	struct rich *texts = NULL;
	size_t count = rich_split(text, RICH_TEXT_MAX, RICH_TEXT_MAX, text_parts_max, &texts);

	if (texts == NULL) {
		add_document(text, parts);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct message_part *part = add_part(parts, message_send_text);

		put_text(part, part->parameters, &texts[i]);
	}
	rich_parts_free(texts, count);
}

static void parse_text(const struct message_fields *fields, bool with_title, struct rich *text)
{
	const char *source = fields->text != NULL ? fields->text : "";
	enum markup_format format = MARKUP_TEXT;

	if (fields->parse_mode != NULL)
		(void)markup_format_parse(fields->parse_mode, &format);
	markup_parse(format, source, strlen(source), fields->lang, text);
	if (with_title && fields->title != NULL)
		rich_add_title(text, fields->title);
}

/* A text that is too long for a caption comes whole below the files, which have the title. */
static void compose_files(
    const struct message_fields *fields, size_t text_parts_max, struct message_parts *parts)
{
	struct rich text, title = RICH_INIT(SIZE_MAX / 4), *caption = NULL;

	parse_text(fields, true, &text);
	if (rich_split(&text, RICH_CAPTION_MAX, RICH_CAPTION_MAX, 1, &caption) == 1) {
		add_files(fields, &caption[0], parts);
		rich_parts_free(caption, 1);
		rich_free(&text);
		return;
	}
	rich_free(&text);
	if (fields->title != NULL)
		rich_add_title(&title, fields->title);
	add_files(fields, &title, parts);
	rich_free(&title);
	parse_text(fields, false, &text);
	compose_rich(&text, text_parts_max, parts);
	rich_free(&text);
}

static int add_escaped(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		bool reserved = strchr(markdown_v2_reserved, *text) != NULL;

		if ((reserved && buf_add_text(out, "\\") != 0) || buf_add(out, text, 1) != 0)
			return -1;
	}
	return 0;
}

/* Telegram's own markup goes as it is, in one message: what it means only Telegram knows. */
static int compose_unparsed(
    const struct message_fields *fields, struct message_parts *parts, struct error *error)
{
	const char *title = fields->title != NULL ? fields->title : "";
	const char *source = fields->text != NULL ? fields->text : "";
	struct buf text = BUF_INIT(TEXT_MAX_BYTES);
	struct rich none = RICH_INIT(0);
	struct message_part *part;
	int result = 0;

	if (fields->files_count > 1)
		return error_set(error, ERROR_INPUT, "MarkdownV2 does not go with several files");
	if (title[0] != '\0')
		result = buf_add_text(&text, "*") | add_escaped(&text, title) | buf_add_text(&text, "*\n");
	if (result != 0 || text_add_clean(&text, source, strlen(source)) != 0) {
		buf_free(&text);
		return error_set(error, ERROR_INPUT, "the text is too long");
	}
	if (fields->files_count > 0)
		add_files(fields, &none, parts);
	part = fields->files_count > 0 ? &parts->items[0] : add_part(parts, message_send_text);
	if (text.len > 0) {
		json_put_text(part->parameters, part->method == message_send_text ? "text" : "caption",
		    buf_text(&text));
		json_put_text(part->parameters, "parse_mode", markdown_v2);
	}
	buf_free(&text);
	return 0;
}

static int compose_text(const struct message_fields *fields, size_t text_parts_max,
    struct message_parts *parts, struct error *error)
{
	struct rich text;
	int result = 0;

	parse_text(fields, true, &text);
	if (rich_is_blank(&text))
		result = error_set(error, ERROR_INPUT, "\"text\" is empty");
	else
		compose_rich(&text, text_parts_max, parts);
	rich_free(&text);
	return result;
}

static int compose_parsed(const struct message_fields *fields, size_t text_parts_max,
    struct message_parts *parts, struct error *error)
{
	if (fields->files_count == 0)
		return compose_text(fields, text_parts_max, parts, error);
	compose_files(fields, text_parts_max, parts);
	return 0;
}

int message_compose(const struct message_fields *fields, size_t text_parts_max, struct message_parts *parts,
    struct error *error)
{
	bool unparsed = fields->parse_mode != NULL && strcmp(fields->parse_mode, markdown_v2) == 0;
	int result;

	*parts = (struct message_parts){0};
	result = unparsed ? compose_unparsed(fields, parts, error)
			  : compose_parsed(fields, text_parts_max, parts, error);
	if (result != 0) {
		message_parts_free(parts);
		return -1;
	}
	for (size_t i = 0; i < parts->count; i++)
		put_common(fields, &parts->items[i]);
	return 0;
}
