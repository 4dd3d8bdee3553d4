#include "show.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "num.h"
#include "text.h"

enum { CELL_MAX_BYTES = 16384, TERMINAL_CELL_BYTES = 32, FIELD_MAX_BYTES = 65536, LABEL_WIDTH = 14 };

/* ---- values ---- */

/* Two units without a blank: "2m5s". */
static void add_duration(struct buf *cell, int64_t duration_ms)
{
	char text[64];

	num_format_duration(duration_ms > 0 ? duration_ms : 0, text, sizeof text);
	for (const char *from = text; *from != '\0'; from++) {
		if (*from != ' ')
			buf_add(cell, from, 1);
	}
}

/* Between two times; a row that lacks one adds nothing. */
static void add_between(struct buf *cell, const char *from, const char *to)
{
	int64_t from_ms, to_ms;

	if (from != NULL && to != NULL && clock_parse(from, &from_ms) == 0 && clock_parse(to, &to_ms) == 0)
		add_duration(cell, to_ms - from_ms);
}

static void add_age(struct buf *cell, const char *time, int64_t now_ms)
{
	int64_t wall_ms;

	if (time != NULL && clock_parse(time, &wall_ms) == 0)
		add_duration(cell, now_ms - wall_ms);
}

static void add_number(struct buf *cell, struct json_object *message, const char *name)
{
	buf_add_format(cell, "%lld", (long long)json_int64(message, name));
}

/* As one word, since columns are told apart by blanks. */
static void add_word(struct buf *cell, const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		buf_add(cell, *text == ' ' ? "_" : text, 1);
}

static bool is_true(struct json_object *message, const char *name)
{
	struct error unused;
	bool value = false;

	return json_get_bool(message, name, &value, &unused) == 1 && value;
}

static const char *state_of(struct json_object *message)
{
	const char *state = json_text(message, "state");

	return is_true(message, "held") && state != NULL && strcmp(state, "queued") == 0 ? "held" : state;
}

static struct json_object *files_of(struct json_object *message)
{
	struct json_object *files = NULL;
	struct error unused;

	return json_get_array(message, "files", &files, &unused) == 1 ? files : NULL;
}

static size_t files_count(struct json_object *message)
{
	struct json_object *files = files_of(message);

	return files != NULL ? json_object_array_length(files) : 0;
}

static const char *file_name(struct json_object *message, size_t index)
{
	return json_object_get_string(json_object_array_get_idx(files_of(message), index));
}

/* ---- columns ---- */

typedef void add_cell_fn(struct buf *cell, struct json_object *message, int64_t now_ms);

static void add_id(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	(void)now_ms;
	add_number(cell, message, "id");
}

static void add_state(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	(void)now_ms;
	add_word(cell, state_of(message));
}

static void add_user(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	(void)now_ms;
	add_word(cell, json_text(message, "user"));
}

static void add_accepted(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	add_age(cell, json_text(message, "accepted_at"), now_ms);
}

static void add_delivered(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	add_age(cell, json_text(message, "delivered_at"), now_ms);
}

static void add_took(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	(void)now_ms;
	add_between(cell, json_text(message, "accepted_at"), json_text(message, "delivered_at"));
}

static void add_tries(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	(void)now_ms;
	add_number(cell, message, "attempts");
}

static void add_next(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	int64_t wall_ms;
	const char *time = json_text(message, "next_attempt_at");

	if (time != NULL && clock_parse(time, &wall_ms) == 0)
		add_duration(cell, wall_ms - now_ms);
}

static void add_chat(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	(void)now_ms;
	add_number(cell, message, "chat_id");
}

static void add_sent(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	(void)now_ms;
	if (json_int64(message, "message_id") != 0)
		add_number(cell, message, "message_id");
}

/* A script's message is known by the script, any other by its method. */
static void add_what(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	const char *script = json_text(message, "script");

	(void)now_ms;
	add_word(cell, script != NULL && script[0] != '\0' ? script : json_text(message, "method"));
}

static void add_key(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	(void)now_ms;
	add_word(cell, json_text(message, "key"));
}

static void add_files(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	(void)now_ms;
	for (size_t i = 0; i < files_count(message); i++) {
		if (i > 0)
			buf_add_text(cell, ",");
		add_word(cell, file_name(message, i));
	}
}

static void add_error(struct buf *cell, struct json_object *message, int64_t now_ms)
{
	const char *words = json_text(message, "error");

	(void)now_ms;
	buf_add_text(cell, words != NULL ? words : "");
}

static void add_update_id(struct buf *cell, struct json_object *update, int64_t now_ms)
{
	(void)now_ms;
	add_number(cell, update, "update_id");
}

static void add_broken(struct buf *cell, struct json_object *update, int64_t now_ms)
{
	add_age(cell, json_text(update, "at"), now_ms);
}

static void add_update_chat(struct buf *cell, struct json_object *update, int64_t now_ms)
{
	(void)now_ms;
	if (json_int64(update, "chat_id") != 0)
		add_number(cell, update, "chat_id");
}

static void add_route(struct buf *cell, struct json_object *update, int64_t now_ms)
{
	(void)now_ms;
	add_word(cell, json_text(update, "route"));
}

static void add_reason(struct buf *cell, struct json_object *update, int64_t now_ms)
{
	const char *words = json_text(update, "reason");

	(void)now_ms;
	buf_add_text(cell, words != NULL ? words : "");
}

struct column {
	const char *header;
	add_cell_fn *add;
	bool is_optional; /* left out on a terminal where no message has it */
};

static const struct column queue_columns[] = {
    {"ID", add_id, false},
    {"STATE", add_state, false},
    {"USER", add_user, false},
    {"AGE", add_accepted, false},
    {"TRIES", add_tries, false},
    {"NEXT", add_next, false},
    {"CHAT", add_chat, false},
    {"WHAT", add_what, false},
    {"KEY", add_key, true},
    {"FILES", add_files, true},
    {"ERROR", add_error, false},
};

static const struct column history_columns[] = {
    {"ID", add_id, false},
    {"USER", add_user, false},
    {"AGO", add_delivered, false},
    {"TOOK", add_took, false},
    {"TRIES", add_tries, false},
    {"CHAT", add_chat, false},
    {"MESSAGE", add_sent, false},
    {"WHAT", add_what, false},
    {"KEY", add_key, true},
    {"FILES", add_files, true},
};

static const struct column update_columns[] = {
    {"ID", add_update_id, false},
    {"AGO", add_broken, false},
    {"CHAT", add_update_chat, false},
    {"ROUTE", add_route, false},
    {"REASON", add_reason, false},
};

enum { COLUMNS_MAX = sizeof queue_columns / sizeof queue_columns[0] };

/* ---- tables ---- */

static bool has_value(const struct column *column, struct json_object *messages, int64_t now_ms)
{
	struct buf cell = BUF_INIT(CELL_MAX_BYTES);
	bool has = false;

	for (size_t i = 0; i < json_object_array_length(messages) && !has; i++) {
		column->add(&cell, json_object_array_get_idx(messages, i), now_ms);
		has = cell.len > 0;
	}
	buf_free(&cell);
	return has;
}

static void add_row(struct text_table *table, const struct column *const *columns,
    struct json_object *message, const struct show_view *view)
{
	struct buf cell = BUF_INIT(CELL_MAX_BYTES);

	for (size_t i = 0; i < table->columns; i++) {
		buf_clear(&cell);
		columns[i]->add(&cell, message, view->now_ms);
		table->cell_max_bytes =
		    view->is_terminal && i + 1 < table->columns ? TERMINAL_CELL_BYTES : CELL_MAX_BYTES;
		text_table_add(table, buf_text(&cell));
	}
	buf_free(&cell);
}

static void show(const struct column *all, size_t count, struct json_object *messages,
    const struct show_view *view, struct buf *out)
{
	const struct column *columns[COLUMNS_MAX];
	struct text_table table = TEXT_TABLE_INIT(0);

	table.width = view->is_terminal ? view->width : 0;
	for (size_t i = 0; i < count; i++) {
		if (!view->is_terminal || !all[i].is_optional || has_value(&all[i], messages, view->now_ms))
			columns[table.columns++] = &all[i];
	}
	for (size_t i = 0; i < table.columns && view->is_terminal; i++)
		text_table_add(&table, columns[i]->header);
	for (size_t i = 0; i < json_object_array_length(messages); i++)
		add_row(&table, columns, json_object_array_get_idx(messages, i), view);
	text_table_print(&table, out);
	text_table_free(&table);
}

void show_queue(struct json_object *messages, const struct show_view *view, struct buf *out)
{
	if (json_object_array_length(messages) > 0)
		show(queue_columns, sizeof queue_columns / sizeof queue_columns[0], messages, view, out);
	else if (view->is_terminal)
		buf_add_text(out, "queue is empty\n");
}

void show_history(struct json_object *messages, const struct show_view *view, struct buf *out)
{
	if (json_object_array_length(messages) > 0)
		show(
		    history_columns, sizeof history_columns / sizeof history_columns[0], messages, view, out);
	else if (view->is_terminal)
		buf_add_text(out, "nothing was delivered\n");
}

void show_updates(struct json_object *updates, const struct show_view *view, struct buf *out)
{
	if (json_object_array_length(updates) > 0)
		show(update_columns, sizeof update_columns / sizeof update_columns[0], updates, view, out);
	else if (view->is_terminal)
		buf_add_text(out, "every update could be handled\n");
}

/* ---- one message ---- */

static void add_label(struct buf *out, const char *label)
{
	int len = (int)strlen(label);

	buf_add_format(out, "%s:%*s", label, LABEL_WIDTH > len ? LABEL_WIDTH - len : 1, "");
}

static void add_field(struct buf *out, const char *label, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	add_label(out, label);
	text_add_line(out, value, FIELD_MAX_BYTES);
	buf_add_text(out, "\n");
}

static void add_number_field(
    struct buf *out, const char *label, struct json_object *message, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(message, name, &value))
		return;
	add_label(out, label);
	add_number(out, message, name);
	buf_add_text(out, "\n");
}

/* "2026-01-31T08:00:00Z (2m5s ago)", or "(in 2m5s)". */
static void add_time_field(struct buf *out, const char *label, const char *time, int64_t now_ms)
{
	int64_t wall_ms;

	if (time == NULL || clock_parse(time, &wall_ms) != 0)
		return;
	add_label(out, label);
	buf_add_format(out, "%s (%s", time, wall_ms > now_ms ? "in " : "");
	add_duration(out, wall_ms > now_ms ? wall_ms - now_ms : now_ms - wall_ms);
	buf_add_text(out, wall_ms > now_ms ? ")\n" : " ago)\n");
}

/* Each of its lines behind two blanks, so that none can pass for a field. */
static void add_text(struct buf *out, const char *text)
{
	struct buf line = BUF_INIT(FIELD_MAX_BYTES);

	if (text == NULL || text[0] == '\0')
		return;
	buf_add_text(out, "text:\n");
	while (*text != '\0') {
		const char *end = strchrnul(text, '\n');

		buf_clear(&line);
		for (; text < end; text++)
			buf_add(&line, *text == '\t' ? " " : text, 1);
		buf_add_text(out, line.len > 0 ? "  " : "");
		text_add_line(out, buf_text(&line), FIELD_MAX_BYTES);
		buf_add_text(out, "\n");
		text = *end == '\n' ? end + 1 : end;
	}
	buf_free(&line);
}

void show_message(struct json_object *message, const struct show_view *view, struct buf *out)
{
	add_number_field(out, "id", message, "id");
	add_field(out, "state", state_of(message));
	add_field(out, "user", json_text(message, "user"));
	add_field(out, "to", json_text(message, "to"));
	add_number_field(out, "chat", message, "chat_id");
	add_field(out, "method", json_text(message, "method"));
	add_field(out, "script", json_text(message, "script"));
	add_field(out, "key", json_text(message, "key"));
	add_time_field(out, "accepted", json_text(message, "accepted_at"), view->now_ms);
	add_number_field(out, "attempts", message, "attempts");
	add_time_field(out, "next attempt", json_text(message, "next_attempt_at"), view->now_ms);
	add_time_field(out, "delivered", json_text(message, "delivered_at"), view->now_ms);
	add_number_field(out, "message", message, "message_id");
	add_field(out, "last error", json_text(message, "error"));
	for (size_t i = 0; i < files_count(message); i++)
		add_field(out, "file", file_name(message, i));
	add_text(out, json_text(message, "text"));
}

void show_update(struct json_object *update, const struct show_view *view, struct buf *out)
{
	add_number_field(out, "id", update, "update_id");
	add_time_field(out, "broken", json_text(update, "at"), view->now_ms);
	add_number_field(out, "chat", update, "chat_id");
	add_field(out, "route", json_text(update, "route"));
	add_field(out, "reason", json_text(update, "reason"));
}
