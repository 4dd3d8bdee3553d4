#include "table_print.h"

#include <stdio.h>
#include <string.h>

#include "num.h"
#include "text.h"
#include "utf8.h"

enum { COLUMNS = 5, CELL_MAX_BYTES = 4096, DURATION_BYTES = 32 };

/* Lines of cells, all of them in one buffer: each cell ends with '\0', each line has COLUMNS of them. */
struct cells {
	struct buf text;
	size_t widths[COLUMNS];
	size_t count;
};

static void add_cell(struct cells *cells, const char *text)
{
	size_t column = cells->count++ % COLUMNS, width = utf8_count(text, strlen(text));

	if (width > cells->widths[column])
		cells->widths[column] = width;
	(void)buf_add(&cells->text, text, strlen(text) + 1);
}

static const char *where_of(const struct command *row)
{
	if ((row->where & CHAT_PRIVATE) == 0)
		return "group";
	return (row->where & CHAT_GROUP) != 0 ? "private, group" : "private";
}

static void add_words(struct buf *cell, const struct config_list *words)
{
	for (size_t i = 0; i < words->count; i++)
		(void)buf_add_format(cell, " %s", words->items[i]);
}

static void add_goal(struct cells *cells, const struct config_route *route)
{
	struct buf cell = BUF_INIT(CELL_MAX_BYTES), line = BUF_INIT(CELL_MAX_BYTES);

	if (route == NULL) {
		(void)buf_add_text(&cell, "built in");
	} else if (route->http.url != NULL) {
		(void)buf_add_format(&cell, "%s %s", route->http.method, route->http.url);
		if (route->http.socket != NULL)
			(void)buf_add_format(&cell, " at %s", route->http.socket);
		if (route->http.template_text != NULL)
			(void)buf_add_text(&cell, " by a template");
	} else if (route->exec.count > 0) {
		(void)buf_add_text(&cell, "exec");
		add_words(&cell, &route->exec);
	} else if (route->script != NULL) {
		(void)buf_add_format(&cell, "script %s", route->script);
	} else {
		(void)buf_add_format(&cell, "session %s", route->session);
	}
	text_add_line(&line, buf_text(&cell), CELL_MAX_BYTES / 2);
	add_cell(cells, buf_text(&line));
	buf_free(&cell);
	buf_free(&line);
}

/* 0: none. */
static int64_t timeout_of(const struct config_route *route, const struct config *config)
{
	if (route == NULL || route->session != NULL)
		return 0;
	if (route->http.url != NULL)
		return route->http.timeout_ms;
	/* Whether a script of the server has a timeout, its entry says. */
	return route->exec.count > 0 && route->timeout_ms > 0 ? route->timeout_ms
							      : config->scripts.timeout_ms;
}

static void add_row(
    struct cells *cells, const char *prefix, const struct command *row, const struct config *config)
{
	char name[128], duration[DURATION_BYTES] = "-";
	int64_t timeout_ms = timeout_of(row->route, config);

	snprintf(name, sizeof name, "%s%s", prefix, row->name);
	if (timeout_ms > 0)
		num_format_duration(timeout_ms, duration, sizeof duration);
	add_cell(cells, name);
	add_cell(cells, where_of(row));
	add_cell(cells, row->access);
	add_goal(cells, row->route);
	add_cell(cells, duration);
}

static void add_session(struct cells *cells, const struct config_session *session)
{
	char name[128];
	struct buf cell = BUF_INIT(CELL_MAX_BYTES), line = BUF_INIT(CELL_MAX_BYTES);

	snprintf(name, sizeof name, "session %s", session->name);
	(void)buf_add_format(&cell, "as %s:", session->run_as);
	add_words(&cell, &session->command);
	text_add_line(&line, buf_text(&cell), CELL_MAX_BYTES / 2);
	add_cell(cells, name);
	add_cell(cells, "-");
	add_cell(cells, session->access);
	add_cell(cells, buf_text(&line));
	add_cell(cells, "-");
	buf_free(&cell);
	buf_free(&line);
}

static void print(const struct cells *cells, struct buf *out)
{
	const char *cell = buf_text(&cells->text);

	for (size_t i = 0; i < cells->count; i++, cell += strlen(cell) + 1) {
		size_t column = i % COLUMNS, width = utf8_count(cell, strlen(cell));

		(void)buf_add_text(out, cell);
		if (column == COLUMNS - 1)
			(void)buf_add_text(out, "\n");
		else
			(void)buf_add_format(out, "%*s", (int)(cells->widths[column] - width + 2), "");
	}
}

void table_print(const struct command_table *table, const struct config *config, struct buf *out)
{
	static const char *const heads[COLUMNS] = {"ROUTE", "WHERE", "ACCESS", "GOES TO", "TIMEOUT"};
	struct cells cells = {.text = BUF_INIT(4 << 20)};

	for (size_t i = 0; i < COLUMNS; i++)
		add_cell(&cells, heads[i]);
	for (size_t i = 0; i < table->count; i++)
		add_row(&cells, "/", &table->rows[i], config);
	if (table->text != NULL)
		add_row(&cells, "", table->text, config);
	if (table->files != NULL)
		add_row(&cells, "", table->files, config);
	for (size_t i = 0; i < table->taps_count; i++)
		add_row(&cells, "button ", &table->taps[i], config);
	for (size_t i = 0; i < config->sessions_count; i++)
		add_session(&cells, &config->sessions[i]);
	print(&cells, out);
	buf_free(&cells.text);
}
