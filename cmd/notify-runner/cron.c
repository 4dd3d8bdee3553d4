#include "cron.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "fd.h"
#include "path.h"
#include "text.h"
#include "xalloc.h"

enum {
	CRONTAB_MAX_BYTES = 1 << 20,
	TIMEOUT_MS = 20000,
	FIELDS = 5,
	SCHEDULE_MAX_BYTES = 200,
	ERRORS_MAX_BYTES = 2000,
};

static const char program[] = "notify-runner";

/* ---- lines ---- */

int cron_check_schedule(const char *schedule, struct error *error)
{
	static const char in_fields[] = "0123456789*,-/~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *rest = schedule;
	int fields = 0;

	if (strlen(schedule) > SCHEDULE_MAX_BYTES)
		return error_set(error, ERROR_USAGE, "the schedule is too long");
	if (schedule[0] == '@' && schedule[1] != '\0' &&
	    strspn(schedule + 1, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(schedule + 1))
		return 0;
	while (*(rest += strspn(rest, " ")) != '\0' && fields <= FIELDS) {
		size_t len = strspn(rest, in_fields);

		fields = len > 0 && (rest[len] == '\0' || rest[len] == ' ') ? fields + 1 : FIELDS + 1;
		rest += len;
	}
	return fields == FIELDS ? 0
				: error_set(error, ERROR_USAGE,
				      "a schedule has five fields, such as '" CRON_EVERY_FIVE_MINUTES
				      "', or is @hourly, @daily and the like");
}

/* What is plain to sh goes as it is; cron itself makes a newline of a percent sign, also within quotes. */
void cron_add_command(struct buf *line, char *const *words)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./=:,+@";

	for (size_t i = 0; words[i] != NULL; i++) {
		bool quoted = words[i][strspn(words[i], plain)] != '\0';

		(void)buf_add_text(line, i > 0 ? " " : "");
		(void)buf_add_text(line, quoted ? "'" : "");
		for (const char *c = words[i]; *c != '\0'; c++) {
			if (*c == '\'')
				(void)buf_add_text(line, "'\\''");
			else if (*c == '%')
				(void)buf_add_text(line, "\\%");
			else
				(void)buf_add(line, c, 1);
		}
		(void)buf_add_text(line, quoted ? "'" : "");
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *rest, const char *end)
{
	while (rest < end && is_blank(*rest))
		rest++;
	return rest;
}

/* The end of the word of a shell that begins here. */
static const char *word_end(const char *rest, const char *end)
{
	char quote = '\0';

	for (; rest < end; rest++) {
		if (quote == '\0' && *rest == '\\' && rest + 1 < end)
			rest++;
		else if (quote != '\0' ? *rest == quote : *rest == '\'' || *rest == '"')
			quote = quote != '\0' ? '\0' : *rest;
		else if (quote == '\0' &&
			 (is_blank(*rest) || (*rest != '\0' && strchr(";&|<>)", *rest) != NULL)))
			break;
	}
	return rest;
}

/* Whether a word is a path of notify-runner, in quotes or not. */
static bool names_it(const char *word, const char *end)
{
	size_t len = sizeof program - 1;

	if (end > word && (end[-1] == '\'' || end[-1] == '"'))
		end--;
	if ((size_t)(end - word) < len || memcmp(end - len, program, len) != 0)
		return false;
	end -= len;
	return end == word || end[-1] == '/' || end[-1] == '\'' || end[-1] == '"';
}

/* Whether the command of a line is notify-runner; comments and settings have none. */
static bool runs_it(const char *line, size_t len)
{
	const char *end = line + len, *rest = skip_blanks(line, end), *field;

	if (rest == end || *rest == '#')
		return false;
	for (int fields = *rest == '@' ? 1 : FIELDS; fields > 0; fields--) {
		field = rest;
		while (rest < end && !is_blank(*rest))
			rest++;
		if (memchr(field, '=', (size_t)(rest - field)) != NULL)
			return false;
		rest = skip_blanks(rest, end);
	}
	return names_it(rest, word_end(rest, end));
}

/* The next line with its newline, if it has one. */
static bool next_line(const struct buf *crontab, size_t *position, const char **line, size_t *len)
{
	const char *end;

	if (*position >= crontab->len)
		return false;
	*line = crontab->data + *position;
	end = memchr(*line, '\n', crontab->len - *position);
	*len = end != NULL ? (size_t)(end - *line) + 1 : crontab->len - *position;
	*position += *len;
	return true;
}

static size_t without_newline(const char *line, size_t len)
{
	return len > 0 && line[len - 1] == '\n' ? len - 1 : len;
}

static void add_line(struct buf *out, const char *schedule, const char *command)
{
	(void)buf_add_format(out, "%s %s\n", schedule, command);
}

bool cron_install(
    const struct buf *crontab, const char *schedule, const char *command, bool replace, struct buf *out)
{
	size_t position = 0, len;
	bool found = false;
	const char *line;

	while (next_line(crontab, &position, &line, &len)) {
		bool is_ours = runs_it(line, without_newline(line, len));

		if (is_ours && !found && replace)
			add_line(out, schedule, command);
		else if (!is_ours || !found)
			(void)buf_add(out, line, len);
		found = found || is_ours;
	}
	if (!found) {
		(void)buf_add_text(out, out->len > 0 && out->data[out->len - 1] != '\n' ? "\n" : "");
		add_line(out, schedule, command);
	}
	return out->len != crontab->len || memcmp(out->data, crontab->data, out->len) != 0;
}

bool cron_remove(const struct buf *crontab, struct buf *out)
{
	size_t position = 0, len;
	const char *line;

	while (next_line(crontab, &position, &line, &len)) {
		if (!runs_it(line, without_newline(line, len)))
			(void)buf_add(out, line, len);
	}
	return out->len != crontab->len;
}

/* ---- crontab(1) ---- */

/* The first one in $PATH, which is the caller's own. */
static char *find_crontab(struct error *error)
{
	const char *places = getenv("PATH");
	char *copy = xstrdup(places != NULL && places[0] != '\0' ? places : "/usr/bin:/bin"), *state = NULL;
	char *found = NULL;

	for (char *place = strtok_r(copy, ":", &state); place != NULL && found == NULL;
	     place = strtok_r(NULL, ":", &state)) {
		char *path = path_join(place, "crontab");

		if (place[0] == '/' && access(path, X_OK) == 0)
			found = path;
		else
			free(path);
	}
	free(copy);
	if (found == NULL)
		error_set(error, ERROR_CONFIG,
		    "there is no crontab(1) here; install cron, or use a systemd timer, see "
		    "notify-runner(1)");
	return found;
}

/* Runs crontab with one argument; the result is the caller's to free. */
static int run_crontab(char *argument, struct child_result *result, struct error *error)
{
	static char *const environment[] = {
	    (char *)"PATH=/usr/bin:/bin:/usr/sbin:/sbin", (char *)"LC_ALL=C", NULL};
	char *path = find_crontab(error), *argv[] = {path, argument, NULL};
	const struct child_options options = {.argv = argv,
	    .environment = environment,
	    .timeout_ms = TIMEOUT_MS,
	    .output_max_bytes = CRONTAB_MAX_BYTES,
	    .errors_max_bytes = ERRORS_MAX_BYTES};
	struct children *children;
	struct child *child = NULL;
	int code = -1;

	if (path == NULL)
		return -1;
	children = children_new();
	if (child_start(children, &options, &child, error) == 0) {
		(void)child_wait_any(&child, 1, -1, -1);
		child_result(child, result);
		child_free(child);
		code = 0;
	}
	children_free(children);
	free(path);
	return code;
}

static int explain(const struct child_result *result, const char *what, struct error *error)
{
	struct buf words = BUF_INIT(ERRORS_MAX_BYTES);

	char *first = xstrndup(buf_text(&result->errors), strcspn(buf_text(&result->errors), "\n"));

	text_add_line(&words, first, 150);
	free(first);
	error_set(error, ERROR_CONFIG, "cannot %s the crontab: %s", what,
	    result->timed_out ? "crontab(1) does not end"
	    : words.len > 0   ? buf_text(&words)
			      : "crontab(1) failed");
	buf_free(&words);
	return -1;
}

static bool ended_well(const struct child_result *result)
{
	return result->exit_status == 0 && !result->timed_out && !result->output_cut;
}

int cron_read(struct buf *crontab, struct error *error)
{
	struct child_result result;
	int code = 0;

	if (run_crontab((char *)"-l", &result, error) != 0)
		return -1;
	if (ended_well(&result))
		(void)buf_add(crontab, buf_text(&result.output), result.output.len);
	else if (result.exit_status != 1 || strstr(buf_text(&result.errors), "no crontab for") == NULL)
		code = explain(&result, "read", error);
	buf_free(&result.output);
	buf_free(&result.errors);
	return code;
}

static int write_temporary(char *path, const struct buf *crontab, struct error *error)
{
	int fd = mkostemp(path, O_CLOEXEC), result = 0;

	if (fd < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot create %s", path);
	if (fd_write_all(fd, buf_text(crontab), crontab->len) != 0)
		result = error_errno(error, ERROR_TEMPORARY, "cannot write %s", path);
	fd_close(&fd);
	return result;
}

int cron_write(const struct buf *crontab, const char *directory, struct error *error)
{
	char *path = path_join(directory, ".crontab.XXXXXX");
	struct child_result result;
	int code = write_temporary(path, crontab, error);

	if (code == 0)
		code = run_crontab(path, &result, error);
	if (code == 0) {
		if (!ended_well(&result))
			code = explain(&result, "change", error);
		buf_free(&result.output);
		buf_free(&result.errors);
	}
	(void)unlink(path);
	free(path);
	return code;
}
