#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"
#include "template.h"

struct table {
	struct command_table rows; /* first: it is what the caller holds */
	struct command *commands, *taps;
	struct command text, files;
};

static unsigned where_of(const struct config_route *route)
{
	unsigned where = 0;

	for (size_t i = 0; i < route->where.count; i++)
		where |= strcmp(route->where.items[i], "group") == 0 ? CHAT_GROUP : CHAT_PRIVATE;
	return where;
}

static command_fn *handler_of(const struct config_route *route)
{
	if (route->http.url != NULL)
		return commands_http;
	if (route->exec.count > 0)
		return commands_exec;
	return route->script != NULL ? commands_script : commands_session;
}

/* What a service has said may bring buttons, which are kept; a job is kept before it starts. */
static enum command_store store_of(const struct config_route *route)
{
	if (route->http.url != NULL)
		return COMMAND_WRITES_ANSWER;
	return route->session != NULL ? COMMAND_READS : COMMAND_WRITES;
}

static struct command row_of(const struct config_route *route)
{
	return (struct command){.name = route->name,
	    .description = route->description,
	    .access = route->access,
	    .where = where_of(route),
	    .store = store_of(route),
	    .run = handler_of(route),
	    .route = route};
}

/* Those that are built in, and behind them those of the configuration. */
static struct command *join(const struct command *builtin, size_t builtin_count,
    const struct config_route *routes, size_t routes_count)
{
	struct command *rows = xcalloc(builtin_count + routes_count + 1, sizeof *rows);

	for (size_t i = 0; i < builtin_count; i++)
		rows[i] = builtin[i];
	for (size_t i = 0; i < routes_count; i++)
		rows[builtin_count + i] = row_of(&routes[i]);
	return rows;
}

static int refuse_builtin(const struct config *config, const char *section, const struct command *builtin,
    size_t builtin_count, const struct config_route *routes, size_t routes_count, struct error *error)
{
	for (size_t i = 0; i < routes_count; i++) {
		for (size_t k = 0; k < builtin_count; k++) {
			if (strcmp(routes[i].name, builtin[k].name) == 0)
				return error_set(error, ERROR_CONFIG,
				    "%s:%zu: %s: \"%s\" is built in; give it another name", config->file,
				    routes[i].line, section, routes[i].name);
		}
	}
	return 0;
}

static int check_template(
    const struct config *config, const char *section, const struct config_route *route, struct error *error)
{
	struct error reason;

	if (route->http.template_text == NULL || template_check(route->http.template_text, &reason) == 0)
		return 0;
	return error_set(error, ERROR_CONFIG, "%s:%zu: %s: the template of %s: %s", config->file, route->line,
	    section, route->name, reason.text);
}

static int check_templates(const struct config *config, struct error *error)
{
	for (size_t i = 0; i < config->commands_count; i++) {
		if (check_template(config, "commands", &config->commands[i], error) != 0)
			return -1;
	}
	for (size_t i = 0; i < config->callbacks_count; i++) {
		if (check_template(config, "callbacks", &config->callbacks[i], error) != 0)
			return -1;
	}
	if (check_template(config, "text", &config->text, error) != 0)
		return -1;
	return check_template(config, "files", &config->files, error);
}

int table_new(const struct config *config, struct command_table **result, struct error *error)
{
	const struct command_table builtin = commands_builtin();
	struct table *table;

	if (refuse_builtin(config, "commands", builtin.rows, builtin.count, config->commands,
		config->commands_count, error) != 0 ||
	    refuse_builtin(config, "callbacks", builtin.taps, builtin.taps_count, config->callbacks,
		config->callbacks_count, error) != 0 ||
	    check_templates(config, error) != 0)
		return -1;
	table = xcalloc(1, sizeof *table);
	table->commands = join(builtin.rows, builtin.count, config->commands, config->commands_count);
	table->taps = join(builtin.taps, builtin.taps_count, config->callbacks, config->callbacks_count);
	table->rows = (struct command_table){.rows = table->commands,
	    .count = builtin.count + config->commands_count,
	    .taps = table->taps,
	    .taps_count = builtin.taps_count + config->callbacks_count};
	if (config->text.name != NULL) {
		table->text = row_of(&config->text);
		table->rows.text = &table->text;
	}
	if (config->files.name != NULL) {
		table->files = row_of(&config->files);
		table->rows.files = &table->files;
	}
	*result = &table->rows;
	return 0;
}

void table_free(struct command_table *rows)
{
	struct table *table = (struct table *)(void *)rows;

	if (table == NULL)
		return;
	free(table->commands);
	free(table->taps);
	free(table);
}

/* A hundred rows at most, and a first byte that tells most of them apart: nothing that is worth an index. */
const struct command *table_command(const struct command_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->rows[i].name[0] == name[0] && strcmp(table->rows[i].name, name) == 0)
			return &table->rows[i];
	}
	return NULL;
}

const struct command *table_tap(const struct command_table *table, const char *action, size_t len)
{
	for (size_t i = 0; i < table->taps_count; i++) {
		const char *name = table->taps[i].name;

		if (strncmp(name, action, len) == 0 && name[len] == '\0')
			return &table->taps[i];
	}
	return NULL;
}
