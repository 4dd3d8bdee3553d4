#include "table_check.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "log.h"
#include "texts.h"
#include "utf8.h"
#include "commands.h"
#include "template.h"

/* A row being checked. */
struct check {
	const struct config *config;
	const struct table_world *world;
	table_mistake_fn *fn;
	void *context;
	const char *section;
	const struct config_route *route;
};

static void tell_at(const struct check *check, size_t line, bool is_fatal, const char *format, va_list args)
{
	char text[512], what[400];

	vsnprintf(what, sizeof what, format, args);
	if (check->route->name == check->section || strcmp(check->route->name, check->section) == 0)
		snprintf(
		    text, sizeof text, "%s:%zu: %s: %s", check->config->file, line, check->section, what);
	else
		snprintf(text, sizeof text, "%s:%zu: %s: %s: %s", check->config->file, line, check->section,
		    check->route->name, what);
	/* What was cut may end within a character. */
	utf8_make_line(text);
	check->fn(check->context, text, is_fatal);
}

static void tell(const struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(const struct check *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell_at(check, check->route->line, false, format, args);
	va_end(args);
}

static void tell_fatal(const struct check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell_fatal(const struct check *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell_at(check, check->route->line, true, format, args);
	va_end(args);
}

static void tell_in_line(const struct check *check, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell_in_line(const struct check *check, size_t line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell_at(check, line, false, format, args);
	va_end(args);
}

/* ---- who can reach it ---- */

static void check_access(const struct check *check)
{
	const char *access = check->route->access;

	if (strcmp(access, "operator") == 0 && check->config->access.operators.count == 0)
		tell(check, "nobody can use it: access.operators is empty");
	else if (access[0] == '%' && !check->world->has_group(access + 1))
		tell(check, "nobody can use it: there is no group %s", access + 1);
	else if (check->route->script != NULL && strcmp(access, "anyone") == 0)
		tell(check, "only linked people have scripts; make its access linked");
}

static bool is_in(const char *name, const struct command *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return true;
	}
	return false;
}

/* What is built in comes first, so the row would never be reached. */
static void check_name(const struct check *check)
{
	const struct command_table builtin = commands_builtin();
	bool is_taken = false;

	if (strcmp(check->section, "commands") == 0)
		is_taken = is_in(check->route->name, builtin.rows, builtin.count);
	else if (strcmp(check->section, "callbacks") == 0)
		is_taken = is_in(check->route->name, builtin.taps, builtin.taps_count);
	if (is_taken)
		tell_fatal(check, "it is built in; give the row another name");
}

/* ---- what it leads to ---- */

static void check_http(const struct check *check)
{
	const struct config_http *http = &check->route->http;
	struct error error;

	if (http->template_text != NULL && template_check(http->template_text, &error) != 0)
		tell_fatal(check, "%s", error.text);
	for (size_t i = 0; i < http->headers_count; i++) {
		const struct config_header *header = &http->headers[i];
		const char *why =
		    header->value_file != NULL ? check->world->why_no_secret(header->value_file) : NULL;

		if (why != NULL)
			tell_in_line(
			    check, header->line, "header %s: %s: %s", header->name, header->value_file, why);
	}
}

static void check_exec(const struct check *check)
{
	const char *program = check->route->exec.items[0];
	const char *why = check->world->why_no_program(program);

	if (why != NULL)
		tell(check, "%s cannot be run: %s", program, why);
}

static void check_row(struct check *check, const char *section, const struct config_route *route)
{
	check->section = section;
	check->route = route;
	if (route->name == NULL || route->access == NULL)
		return;
	check_name(check);
	check_access(check);
	if (route->http.url != NULL)
		check_http(check);
	if (route->exec.count > 0)
		check_exec(check);
	if (route->session != NULL)
		tell(check, "nothing answers it: this version of tg-dispatch runs no sessions");
}

static bool is_text(const char *name)
{
	for (int id = 0; id < TEXT_COUNT; id++) {
		if (strcmp(text_name((enum text_id)id), name) == 0)
			return true;
	}
	return false;
}

/* Names alone: what they are replaced by is the operator's. */
static void check_texts(struct check *check)
{
	const struct config *config = check->config;

	for (size_t i = 0; i < config->texts_count; i++) {
		const struct config_route named = {
		    .name = config->texts[i].name, .line = config->texts[i].line};

		check->section = "texts";
		check->route = &named;
		if (!is_text(named.name))
			tell(check, "there is no text of this name; see tg-dispatch(8)");
	}
	check->route = NULL;
}

void table_check(
    const struct config *config, const struct table_world *world, table_mistake_fn *fn, void *context)
{
	struct check check = {.config = config, .world = world, .fn = fn, .context = context};

	for (size_t i = 0; i < config->commands_count; i++)
		check_row(&check, "commands", &config->commands[i]);
	for (size_t i = 0; i < config->callbacks_count; i++)
		check_row(&check, "callbacks", &config->callbacks[i]);
	check_row(&check, "text", &config->text);
	check_row(&check, "files", &config->files);
	check_texts(&check);
}

/* ---- this system ---- */

/* Where the directory of groups cannot be reached, errno says so. */
static bool has_group(const char *name)
{
	errno = 0;
	return getgrnam(name) != NULL || (errno != 0 && errno != ENOENT);
}

static const char *why_no_program(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return errno == EACCES ? NULL : strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "it is no file";
	/* Who checks may be another account than the one that runs it. */
	return (status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0 ? NULL : "it is not executable";
}

static const char *why_no_secret(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return errno == EACCES ? NULL : strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "it is no file";
	return (status.st_mode & (S_IRWXG | S_IRWXO)) == 0
		   ? NULL
		   : "others can read or write it; run chmod 600 on it";
}

const struct table_world table_this_world = {has_group, why_no_program, why_no_secret};

static void log_mistake(void *context, const char *text, bool is_fatal)
{
	(void)context;
	(void)is_fatal;
	log_warning("a mistake in the configuration", LOG_STR("error", text));
}

void table_log_mistakes(const struct config *config)
{
	table_check(config, &table_this_world, log_mistake, NULL);
}
