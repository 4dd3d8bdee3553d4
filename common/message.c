#include "message.h"

#include <string.h>

#include "buf.h"
#include "json.h"
#include "num.h"
#include "text.h"
#include "utf8.h"

enum { TITLE_MAX = 256, NAME_MAX_BYTES = 64, FILE_NAME_MAX = 255, TEXT_MAX_BYTES = 1 << 20 };

static const struct {
	const char *method;
	const char *file_parameter;
	const char *path_field;
	const char *text_field;
	const char *text_parameter;
	const char *entities_parameter;
	size_t max_code_points;
} kinds[] = {
    [MESSAGE_TEXT] = {"sendMessage", NULL, NULL, "text", "text", "entities", MESSAGE_TEXT_MAX},
    [MESSAGE_PHOTO] = {"sendPhoto", "photo", "photo_path", "caption", "caption", "caption_entities",
	MESSAGE_CAPTION_MAX},
    [MESSAGE_DOCUMENT] = {"sendDocument", "document", "document_path", "caption", "caption",
	"caption_entities", MESSAGE_CAPTION_MAX},
};

/* Telegram's three markup languages: how a title becomes bold in them. */
static const struct {
	const char *name;
	const char *open, *close;
	const char *reserved; /* escaped with a backslash */
} modes[] = {
    {"HTML", "<b>", "</b>", ""},
    {"MarkdownV2", "*", "*", "_*[]()~`>#+-=|{}.!\\"},
    {"Markdown", "*", "*", "_*`["},
};

const char *message_method(enum message_kind kind)
{
	return kinds[kind].method;
}

const char *message_file_parameter(enum message_kind kind)
{
	return kinds[kind].file_parameter;
}

int message_read_json(
    enum message_kind kind, struct json_object *body, struct message_fields *fields, struct error *error)
{
	const char *const known[] = {"user", "to", kinds[kind].text_field, "title", "parse_mode", "script",
	    "cooldown", "silent", kinds[kind].path_field ? kinds[kind].path_field : "text",
	    kind == MESSAGE_TEXT ? "text" : "file_name", NULL};
	const struct {
		const char *name;
		const char **place;
	} texts[] = {{"user", &fields->user}, {"to", &fields->to}, {kinds[kind].text_field, &fields->text},
	    {"title", &fields->title}, {"parse_mode", &fields->parse_mode}, {"script", &fields->script},
	    {"cooldown", &fields->cooldown}, {"file_name", &fields->file_name},
	    {kinds[kind].path_field, &fields->path}};

	*fields = (struct message_fields){0};
	if (json_only_keys(body, known, error) != 0)
		return -1;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (texts[i].name != NULL && json_get_text(body, texts[i].name, texts[i].place, error) < 0)
			return -1;
	}
	return json_get_bool(body, "silent", &fields->silent, error) < 0 ? -1 : 0;
}

int message_read_query(message_get_fn *get, void *context, struct message_fields *fields, struct error *error)
{
	const char *silent = get(context, "silent");

	*fields = (struct message_fields){
	    .user = get(context, "user"),
	    .to = get(context, "to"),
	    .text = get(context, "caption"),
	    .title = get(context, "title"),
	    .parse_mode = get(context, "parse_mode"),
	    .script = get(context, "script"),
	    .cooldown = get(context, "cooldown"),
	    .file_name = get(context, "file_name"),
	};
	if (silent != NULL && strcmp(silent, "true") != 0 && strcmp(silent, "false") != 0)
		return error_set(error, ERROR_INPUT, "\"silent\" must be true or false");
	fields->silent = silent != NULL && silent[0] == 't';
	return 0;
}

static int find_mode(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof modes / sizeof modes[0]; i++) {
		if (strcmp(name, modes[i].name) == 0)
			return (int)i;
	}
	return -1;
}

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

static bool is_name(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	return text[0] != '\0' && text[0] != '.' && strspn(text, allowed) == strlen(text) &&
	       strlen(text) <= NAME_MAX_BYTES;
}

static int check_cooldown(struct message_fields *fields, struct error *error)
{
	if (fields->script != NULL && !is_name(fields->script))
		return error_set(error, ERROR_INPUT, "\"script\" is not the name of a script");
	if (fields->cooldown == NULL)
		return 0;
	if (fields->script == NULL)
		return error_set(error, ERROR_INPUT, "\"cooldown\" needs \"script\"");
	if (num_duration_ms(fields->cooldown, &fields->cooldown_ms) != 0)
		return error_set(error, ERROR_INPUT, "\"cooldown\" must be a duration such as 30m, 6h or 1d");
	fields->has_cooldown = true;
	return 0;
}

int message_check(enum message_kind kind, struct message_fields *fields, struct error *error)
{
	if (check_text("user", fields->user, NAME_MAX_BYTES - 1, error) != 0 ||
	    check_text("to", fields->to, NAME_MAX_BYTES, error) != 0 ||
	    check_text(kinds[kind].text_field, fields->text, TEXT_MAX_BYTES, error) != 0 ||
	    check_text("title", fields->title, TITLE_MAX * 4, error) != 0 ||
	    check_text("file_name", fields->file_name, FILE_NAME_MAX, error) != 0)
		return -1;
	if (kind == MESSAGE_TEXT && fields->text == NULL)
		return error_set(error, ERROR_INPUT, "\"text\" is missing");
	if (fields->title != NULL && utf8_count(fields->title, strlen(fields->title)) > TITLE_MAX)
		return error_set(error, ERROR_INPUT, "\"title\" is longer than %d characters", TITLE_MAX);
	if (fields->parse_mode != NULL && find_mode(fields->parse_mode) < 0)
		return error_set(error, ERROR_INPUT, "\"parse_mode\" must be HTML, Markdown or MarkdownV2");
	if (fields->file_name != NULL && strchr(fields->file_name, '/') != NULL)
		return error_set(error, ERROR_INPUT, "\"file_name\" must not contain a slash");
	if (fields->user != NULL && fields->to != NULL)
		return error_set(error, ERROR_INPUT, "\"user\" and \"to\" exclude each other");
	return check_cooldown(fields, error);
}

/* A title is one line: what would break it becomes a blank. */
static int add_title_text(struct buf *out, const char *title)
{
	size_t start = out->len;

	if (text_add_clean(out, title, strlen(title)) != 0)
		return -1;
	for (size_t i = start; i < out->len; i++) {
		if (out->data[i] == '\n' || out->data[i] == '\t')
			out->data[i] = ' ';
	}
	return 0;
}

static int add_escaped(struct buf *out, const char *text, int mode)
{
	for (; *text != '\0'; text++) {
		const char *entity = *text == '<'   ? "&lt;"
				     : *text == '>' ? "&gt;"
				     : *text == '&' ? "&amp;"
						    : NULL;
		bool reserved = strchr(modes[mode].reserved, *text) != NULL;

		if (mode == 0 && entity != NULL
			? buf_add_text(out, entity) != 0
			: (reserved && buf_add_text(out, "\\") != 0) || buf_add(out, text, 1) != 0)
			return -1;
	}
	return 0;
}

static int add_title(struct buf *out, const char *title, int mode)
{
	struct buf clean = BUF_INIT(TITLE_MAX * 4);
	int result = add_title_text(&clean, title);

	if (mode < 0 && result == 0)
		result = buf_add_text(out, buf_text(&clean));
	else if (result == 0)
		result = buf_add_text(out, modes[mode].open) || add_escaped(out, buf_text(&clean), mode) ||
				 buf_add_text(out, modes[mode].close)
			     ? -1
			     : 0;
	buf_free(&clean);
	return result;
}

static void put_bold(struct json_object *parameters, const char *name, size_t units)
{
	struct json_object *entities = json_object_new_array();
	struct json_object *bold = json_object_new_object();

	json_put_text(bold, "type", "bold");
	json_put_int64(bold, "offset", 0);
	json_put_int64(bold, "length", (int64_t)units);
	json_object_array_add(entities, bold);
	json_object_object_add(parameters, name, entities);
}

static int check_length(
    enum message_kind kind, const struct message_fields *fields, const char *text, struct error *error)
{
	size_t points = utf8_count(text, strlen(text));

	if (kind == MESSAGE_TEXT && text[strspn(text, " \n\t")] == '\0')
		return error_set(error, ERROR_INPUT, "\"text\" is empty");
	/* With markup the length is known only to Telegram. */
	if (fields->parse_mode == NULL && points > kinds[kind].max_code_points)
		return error_set(error, ERROR_INPUT,
		    "\"%s\" is too long: %zu characters, at most %zu are possible", kinds[kind].text_field,
		    points, kinds[kind].max_code_points);
	return 0;
}

int message_compose(enum message_kind kind, const struct message_fields *fields,
    struct json_object **parameters, struct error *error)
{
	struct buf text = BUF_INIT(TEXT_MAX_BYTES + 8 * TITLE_MAX);
	bool has_title = fields->title != NULL && fields->title[0] != '\0';
	bool has_text = fields->text != NULL && fields->text[0] != '\0';
	int mode = find_mode(fields->parse_mode);
	size_t title_units;
	int result = 0;

	if (has_title)
		result = add_title(&text, fields->title, mode);
	title_units = utf8_utf16_units(buf_text(&text), text.len);
	if (result == 0 && has_title && has_text)
		result = buf_add_text(&text, "\n");
	if (result == 0 && has_text)
		result = text_add_clean(&text, fields->text, strlen(fields->text));
	if (result != 0)
		error_set(error, ERROR_INPUT, "\"%s\" is too long", kinds[kind].text_field);
	else
		result = check_length(kind, fields, buf_text(&text), error);
	if (result == 0) {
		*parameters = json_object_new_object();
		if (text.len > 0)
			json_put_text(*parameters, kinds[kind].text_parameter, buf_text(&text));
		if (mode >= 0)
			json_put_text(*parameters, "parse_mode", modes[mode].name);
		else if (has_title)
			put_bold(*parameters, kinds[kind].entities_parameter, title_units);
		if (fields->silent)
			json_put_bool(*parameters, "disable_notification", true);
	}
	buf_free(&text);
	return result;
}
