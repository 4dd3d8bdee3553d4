#include "table_print.h"

#include <stdio.h>
#include <stdlib.h>

#include "text.h"
#include "xalloc.h"

enum { COLUMNS = 5, CELL_MAX_BYTES = 2000, DURATION_BYTES = 32 };

static const char *where_of(const struct command *row)
{
	if ((row->where & CHAT_PRIVATE) == 0)
		return "group";
	return (row->where & CHAT_GROUP) != 0 ? "private,group" : "private";
}

/* 0: none, or one that is said elsewhere. */
static int64_t timeout_of(const struct config_route *route, const struct config *config)
{
	if (route == NULL || route->session != NULL)
		return 0;
	if (route->script == NULL && route->timeout_ms > 0)
		return route->timeout_ms;
	return route->http.url != NULL ? route->http.timeout_ms : config->scripts.timeout_ms;
}

/* As the configuration has it, in one word: "90s", "5m". */
static const char *in_one_word(int64_t duration_ms, char text[DURATION_BYTES])
{
	static const struct {
		int64_t seconds;
		char name;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	int64_t seconds = duration_ms / 1000;
	size_t i = 0;

	if (duration_ms == 0)
		return "";
	while (i < sizeof units / sizeof units[0] - 1 && seconds % units[i].seconds != 0)
		i++;
	snprintf(text, DURATION_BYTES, "%lld%c", (long long)(seconds / units[i].seconds), units[i].name);
	return text;
}

static void add_words(struct buf *cell, const struct config_list *words)
{
	for (size_t i = 0; i < words->count; i++)
		(void)buf_add_format(cell, " %s", words->items[i]);
}

/* What does not fit is cut. */
static void add_goal(struct text_table *out, const struct config_route *route)
{
	struct buf cell = BUF_INIT(CELL_MAX_BYTES);

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
	text_table_add(out, buf_text(&cell));
	buf_free(&cell);
}

static void add_row(
    struct text_table *out, const char *before, const struct command *row, const struct config *config)
{
	/* A button by how its data begins. */
	char *name = xasprintf("%s%s%s", before, row->name, before[0] == ':' ? ":" : "");
	char duration[DURATION_BYTES];

	text_table_add(out, before[0] == ':' ? name + 1 : name);
	text_table_add(out, where_of(row));
	text_table_add(out, row->access);
	text_table_add(out, in_one_word(timeout_of(row->route, config), duration));
	add_goal(out, row->route);
	free(name);
}

static void add_session(struct text_table *out, const struct config_session *session)
{
	struct buf cell = BUF_INIT(CELL_MAX_BYTES);
	char *name = xasprintf("session=%s", session->name);

	(void)buf_add_format(&cell, "exec as %s:", session->run_as);
	add_words(&cell, &session->command);
	text_table_add(out, name);
	text_table_add(out, "");
	text_table_add(out, session->access);
	text_table_add(out, "");
	text_table_add(out, buf_text(&cell));
	buf_free(&cell);
	free(name);
}

void table_print(const struct command_table *table, const struct config *config, struct buf *out)
{
	static const char *const heads[COLUMNS] = {"ROUTE", "WHERE", "ACCESS", "TIMEOUT", "GOES TO"};
	struct text_table rows = TEXT_TABLE_INIT(COLUMNS);

	for (size_t i = 0; i < COLUMNS; i++)
		text_table_add(&rows, heads[i]);
	for (size_t i = 0; i < table->count; i++)
		add_row(&rows, "/", &table->rows[i], config);
	if (table->text != NULL)
		add_row(&rows, "", table->text, config);
	if (table->files != NULL)
		add_row(&rows, "", table->files, config);
	for (size_t i = 0; i < table->taps_count; i++)
		add_row(&rows, ":", &table->taps[i], config);
	for (size_t i = 0; i < config->sessions_count; i++)
		add_session(&rows, &config->sessions[i]);
	text_table_print(&rows, out);
	text_table_free(&rows);
}
