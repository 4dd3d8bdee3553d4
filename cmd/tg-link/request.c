#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "num.h"

/* How long tg-sendd makes the caller wait goes behind its words. */
static void add_wait(const struct submit_answer *answer, struct error *error)
{
	int64_t seconds = answer->body != NULL ? json_int64(answer->body, "retry_after") : 0;
	struct error words = *error;
	char wait[32];

	if (answer->status != 429 || seconds <= 0 || seconds > INT32_MAX)
		return;
	error_set(error, words.kind, "%.200s; try again in %s", words.text,
	    num_format_duration(seconds * 1000, wait, sizeof wait));
}

int ask(const char *socket_path, const char *method, const char *target, struct json_object *body,
    struct submit_answer *answer, struct error *error)
{
	const char *line = body != NULL ? json_line(body) : NULL;
	int result = submit_request(
	    socket_path, method, target, NULL, line, line != NULL ? strlen(line) : 0, NULL, answer, error);

	if (result != 0)
		add_wait(answer, error);
	/* Too many keys, or none that are made here: time alone changes neither. */
	if (result != 0 && answer->status == 409)
		error->kind = ERROR_PERMANENT;
	return result;
}

int ask_for_user(const char *socket_path, const char *method, const char *path, const struct options *options,
    struct submit_answer *answer, struct error *error)
{
	struct buf target = BUF_INIT(TARGET_MAX_BYTES);
	int result = -1;

	*answer = (struct submit_answer){0};
	buf_add_text(&target, path);
	if (submit_add_query(&target, "user", options->user) != 0)
		error_set(error, ERROR_USAGE, "the name of the account is too long");
	else
		result = ask(socket_path, method, buf_text(&target), NULL, answer, error);
	buf_free(&target);
	return result;
}

int ask_post(const char *socket_path, const char *path, struct json_object *body,
    const struct options *options, struct submit_answer *answer, struct error *error)
{
	int result;

	json_put_text(body, "user", options->user);
	result = ask(socket_path, "POST", path, body, answer, error);
	json_object_put(body);
	return result;
}

void print_answer(const struct submit_answer *answer, const struct options *options, struct buf *out)
{
	const char *message = json_text(answer->body, "message");

	if (options->json)
		buf_add_format(out, "%s\n", json_line(answer->body));
	else {
		text_add_line(out, message != NULL ? message : "Done.", WORDS_MAX_BYTES);
		buf_add_text(out, "\n");
	}
}

struct json_object *rows_of(const struct submit_answer *answer, const char *name, struct error *error)
{
	struct json_object *rows = NULL;

	if (json_get_array(answer->body, name, &rows, error) == 1)
		return rows;
	error_set(
	    error, ERROR_PERMANENT, "the answer of tg-sendd cannot be read; is it of the same version?");
	return NULL;
}

void format_time(const char *time, char text[CELL_BYTES])
{
	if (time != NULL && strlen(time) == 20 && time[10] == 'T' && time[19] == 'Z')
		snprintf(text, CELL_BYTES, "%.10s %.5s UTC", time, time + 11);
	else
		snprintf(text, CELL_BYTES, "%.20s", time != NULL ? time : "");
}

bool is_true(struct json_object *object, const char *key)
{
	struct error unused;
	bool value = false;

	return json_get_bool(object, key, &value, &unused) == 1 && value;
}

void add_header(struct text_table *table, const char *const *names)
{
	for (; isatty(STDOUT_FILENO) && *names != NULL; names++)
		text_table_add(table, *names);
}
