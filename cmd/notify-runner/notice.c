#include "notice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fd.h"
#include "json.h"
#include "path.h"
#include "submit.h"
#include "utf8.h"
#include "xalloc.h"

enum { VERSION = 1 };

static const struct {
	const char *name, *target, *text_field;
	size_t file_max_bytes;
} kinds[] = {
    [NOTICE_TEXT] = {"text", "/send", "text", 0},
    [NOTICE_PHOTO] = {"photo", "/send_photo", "caption", NOTICE_PHOTO_MAX},
    [NOTICE_DOCUMENT] = {"document", "/send_document", "caption", NOTICE_DOCUMENT_MAX},
};

/* Title, text and path are NULL where the step has none. */
static void add_step(struct notice *notice, enum notice_kind kind, const char *id, const char *title,
    const char *text, char *path)
{
	struct notice_step *step = &notice->steps[notice->count];

	*step = (struct notice_step){.kind = kind, .path = path, .fields = json_object_new_object()};
	buf_init(&step->file, kinds[kind].file_max_bytes);
	snprintf(step->key, sizeof step->key, "%.*s-%zu", NOTICE_ID_BYTES - 1, id, notice->count + 1);
	json_put_text(step->fields, kinds[kind].text_field, text);
	json_put_text(step->fields, "parse_mode", text != NULL ? "markdown" : NULL);
	json_put_text(step->fields, "title", title);
	json_put_text(step->fields, "script", notice->script);
	if (path != NULL)
		json_put_text(step->fields, "file_name", strrchr(path, '/') + 1);
	notice->count++;
}

static bool fits_caption(const struct script_report *report)
{
	size_t title = report->title != NULL ? utf8_count(report->title, strlen(report->title)) + 1 : 0;

	return title + utf8_count(report->message, strlen(report->message)) <= NOTICE_CAPTION_MAX;
}

static char *below(const char *home, const char *path)
{
	return path[0] == '/' ? xstrdup(path) : path_join(home, path);
}

void notice_make(struct notice *notice, const struct script_report *report, const char *script,
    const char *home, const char *id, int64_t now_ms)
{
	const char *title = report->title, *text = report->message;
	bool apart = text != NULL && !fits_caption(report);

	*notice = (struct notice){.made_ms = now_ms};
	snprintf(notice->script, sizeof notice->script, "%s", script);
	if (report->image_path != NULL) {
		add_step(
		    notice, NOTICE_PHOTO, id, title, apart ? NULL : text, below(home, report->image_path));
		title = NULL;
		text = apart ? text : NULL;
	}
	if (text != NULL && (apart || report->document_path == NULL)) {
		add_step(notice, NOTICE_TEXT, id, title, text, NULL);
		title = text = NULL;
	}
	if (report->document_path != NULL)
		add_step(notice, NOTICE_DOCUMENT, id, title, text, below(home, report->document_path));
	/* The newest report under a key takes the place of the one before. */
	json_put_text(notice->steps[0].fields, "key", report->key);
	for (size_t i = 0; report->silent && i < notice->count; i++)
		json_put_bool(notice->steps[i].fields, "silent", true);
	if (report->cooldown_ms > 0) {
		char cooldown[32];

		snprintf(cooldown, sizeof cooldown, "%llds", (long long)(report->cooldown_ms + 999) / 1000);
		json_put_text(notice->steps[0].fields, "cooldown", cooldown);
	}
}

static void step_free(struct notice_step *step)
{
	json_object_put(step->fields);
	free(step->path);
	buf_free(&step->file);
}

void notice_free(struct notice *notice)
{
	for (size_t i = 0; i < notice->count; i++)
		step_free(&notice->steps[i]);
	notice->count = 0;
}

int notice_read_files(struct notice *notice, struct error *error)
{
	for (size_t i = 0; i < notice->count; i++) {
		struct notice_step *step = &notice->steps[i];

		if (step->path == NULL || step->file.len > 0)
			continue;
		if (fd_read_file(step->path, &step->file, error) != 0)
			return -1;
		if (step->file.len == 0)
			return error_set(error, ERROR_INPUT, "%s is empty", step->path);
	}
	return 0;
}

void notice_advance(struct notice *notice)
{
	step_free(&notice->steps[0]);
	notice->count--;
	memmove(&notice->steps[0], &notice->steps[1], notice->count * sizeof notice->steps[0]);
}

int notice_target(const struct notice_step *step, struct buf *target, struct error *error)
{
	int result = buf_add_text(target, kinds[step->kind].target);

	if (step->kind == NOTICE_TEXT)
		return result;
	json_object_object_foreach(step->fields, name, value)
	{
		if (result == 0)
			result = submit_add_query(target, name, json_object_get_string(value));
	}
	return result == 0 ? 0 : error_set(error, ERROR_INPUT, "its title or its message is too long");
}

struct json_object *notice_to_json(const struct notice *notice)
{
	struct json_object *object = json_object_new_object(), *steps = json_object_new_array();

	json_put_int64(object, "version", VERSION);
	json_put_text(object, "script", notice->script);
	json_put_int64(object, "made_ms", notice->made_ms);
	json_object_object_add(object, "steps", steps);
	for (size_t i = 0; i < notice->count; i++) {
		const struct notice_step *step = &notice->steps[i];
		struct json_object *row = json_object_new_object();

		json_put_text(row, "kind", kinds[step->kind].name);
		json_put_text(row, "key", step->key);
		json_object_object_add(row, "fields", json_object_get(step->fields));
		json_put_text(row, "file", step->path);
		json_object_array_add(steps, row);
	}
	return object;
}

static int find_kind(const char *name, enum notice_kind *kind)
{
	for (size_t i = 0; name != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
		if (strcmp(name, kinds[i].name) == 0) {
			*kind = (enum notice_kind)i;
			return 0;
		}
	}
	return -1;
}

static bool only_texts(struct json_object *fields)
{
	json_object_object_foreach(fields, name, value)
	{
		if (!json_object_is_type(value, json_type_string) && strcmp(name, "silent") != 0)
			return false;
	}
	return true;
}

static int read_step(struct json_object *row, struct notice *notice, struct error *error)
{
	struct notice_step *step = &notice->steps[notice->count];
	struct json_object *fields = NULL;
	const char *key = json_text(row, "key"), *file = json_text(row, "file");
	enum notice_kind kind;

	if (find_kind(json_text(row, "kind"), &kind) != 0 || key == NULL || strlen(key) >= sizeof step->key ||
	    json_get_object(row, "fields", &fields, error) != 1 || !only_texts(fields) ||
	    (kind == NOTICE_TEXT) != (file == NULL))
		return error_set(error, ERROR_INPUT, "a step is damaged");
	*step = (struct notice_step){
	    .kind = kind, .fields = json_object_get(fields), .path = file != NULL ? xstrdup(file) : NULL};
	buf_init(&step->file, kinds[kind].file_max_bytes);
	snprintf(step->key, sizeof step->key, "%s", key);
	notice->count++;
	return 0;
}

int notice_from_json(struct json_object *object, struct notice *notice, struct error *error)
{
	const char *script = json_text(object, "script");
	struct json_object *steps = NULL;
	struct notice made = {.made_ms = json_int64(object, "made_ms")};
	int result = 0;

	if (json_int64(object, "version") != VERSION || script == NULL || !script_name_is_valid(script) ||
	    json_get_array(object, "steps", &steps, error) != 1 || json_object_array_length(steps) == 0 ||
	    json_object_array_length(steps) > NOTICE_STEPS_MAX)
		return error_set(error, ERROR_INPUT, "it is no kept message of this version");
	snprintf(made.script, sizeof made.script, "%s", script);
	for (size_t i = 0; result == 0 && i < json_object_array_length(steps); i++)
		result = read_step(json_object_array_get_idx(steps, i), &made, error);
	if (result == 0)
		*notice = made;
	else
		notice_free(&made);
	return result;
}

enum notice_outcome notice_judge(int status, struct json_object *body, enum error_kind kind)
{
	struct json_object *suppressed = NULL;

	if (status >= 200 && status <= 299) {
		if (body != NULL && json_object_object_get_ex(body, "suppressed", &suppressed) &&
		    json_object_get_boolean(suppressed))
			return NOTICE_SUPPRESSED;
		return NOTICE_SENT;
	}
	if (status == 429 || status == 503)
		return NOTICE_AWAY;
	/* Nobody was asked, and what is wrong with the socket can be mended. */
	if (status == 0)
		return kind == ERROR_BUG || kind == ERROR_PERMANENT ? NOTICE_REFUSED : NOTICE_AWAY;
	if (kind == ERROR_DENIED)
		return NOTICE_DENIED;
	return error_is_temporary(kind) ? NOTICE_LATER : NOTICE_REFUSED;
}
