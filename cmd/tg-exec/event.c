#include "event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "buf.h"
#include "script.h"
#include "text.h"
#include "xalloc.h"

enum { TIME_MAX_BYTES = 40, SIGNAL_MAX = 64, STATUS_MAX = 255 };

static struct json_object *new_event(int64_t job, const char *event)
{
	struct json_object *object = json_object_new_object();

	json_put_int64(object, "job", job);
	json_put_text(object, "event", event);
	return object;
}

bool event_is_last(enum event_kind kind)
{
	return kind == EVENT_FINISHED || kind == EVENT_FAILED || kind == EVENT_LIST;
}

static void put_error(struct json_object *object, const char *text)
{
	struct buf line = BUF_INIT(EVENT_ERROR_MAX_BYTES + sizeof "...");

	text_add_line(&line, text, EVENT_ERROR_MAX_BYTES);
	json_put_text(object, "error", buf_text(&line));
	buf_free(&line);
}

struct json_object *event_failed(int64_t job, const char *text)
{
	struct json_object *object = new_event(job, "failed");

	put_error(object, text);
	return object;
}

/* The last line that is not blank, borrowed; *len is 0 where there is none. */
static const char *last_line(const char *text, size_t *len)
{
	size_t end = strlen(text), start;

	while (end > 0 && strchr(" \t\r\n", text[end - 1]) != NULL)
		end--;
	for (start = end; start > 0 && text[start - 1] != '\n' && text[start - 1] != '\r'; start--)
		;
	*len = end - start;
	return text + start;
}

char *event_last_words(const char *program, int wait_status, const char *errors)
{
	char how[32];
	size_t len;
	const char *line = last_line(errors, &len);

	/* What a person reads who may not do this. */
	if (wait_status == 1 << 8 && len > 6 && strncmp(line, "sudo: ", 6) == 0)
		return xasprintf("The server does not allow it (%.*s)", (int)len, line);
	if (WIFSIGNALED(wait_status))
		snprintf(how, sizeof how, "signal %d", WTERMSIG(wait_status));
	else
		snprintf(how, sizeof how, "exit status %d", WEXITSTATUS(wait_status));
	return xasprintf(
	    "%s ended without a word (%s)%s%.*s", program, how, len > 0 ? ": " : "", (int)len, line);
}

static int wrong(struct error *error, const char *what)
{
	return error_set(error, ERROR_INPUT, "%s is missing or wrong", what);
}

/* A number within [low, high]; null and absent are none. */
static int get_number(struct json_object *from, const char *key, int64_t low, int64_t high, int64_t *number,
    struct error *error)
{
	int found = json_get_int64(from, key, number, error);

	return found > 0 && (*number < low || *number > high) ? wrong(error, key) : found;
}

static int copy_bool(struct json_object *from, const char *key, struct json_object *to, struct error *error)
{
	bool value = false;

	if (json_get_bool(from, key, &value, error) < 0)
		return -1;
	json_put_bool(to, key, value);
	return 0;
}

static int copy_number(
    struct json_object *from, const char *key, int64_t high, struct json_object *to, struct error *error)
{
	int64_t number = 0;

	if (get_number(from, key, 0, high, &number, error) < 0)
		return -1;
	json_put_int64(to, key, number);
	return 0;
}

/* One of a NULL-terminated list of words; the first one where there is none. */
static int copy_word(struct json_object *from, const char *key, const char *const *words,
    struct json_object *to, struct error *error)
{
	const char *word = words[0];

	if (json_get_text(from, key, &word, error) < 0)
		return -1;
	while (*words != NULL && strcmp(*words, word) != 0)
		words++;
	if (*words == NULL)
		return wrong(error, key);
	json_put_text(to, key, *words);
	return 0;
}

/* What a script prints may have '\0' in it, which the text of an event may not. */
static char *without_nul(const char *text, size_t len)
{
	char *copy = xmalloc(len + 1);

	for (size_t i = 0; i < len; i++)
		copy[i] = text[i] != '\0' ? text[i] : ' ';
	copy[len] = '\0';
	return copy;
}

static int fill_output(struct json_object *from, struct json_object *to, struct error *error)
{
	static const char *const streams[] = {"stdout", "stderr", NULL};
	struct json_object *text;
	size_t len;
	char *copy;

	if (copy_word(from, "stream", streams, to, error) != 0)
		return -1;
	if (!json_object_object_get_ex(from, "text", &text) || !json_object_is_type(text, json_type_string))
		return wrong(error, "text");
	len = (size_t)json_object_get_string_len(text);
	if (len > EVENT_TEXT_MAX_BYTES)
		return error_set(error, ERROR_INPUT, "a piece of output is too long");
	copy = without_nul(json_object_get_string(text), len);
	json_put_text(to, "text", copy);
	free(copy);
	return 0;
}

static int fill_error(struct json_object *from, bool required, struct json_object *to, struct error *error)
{
	const char *text = NULL;

	if (json_get_text(from, "error", &text, error) < 0)
		return -1;
	if (text == NULL && required)
		return wrong(error, "error");
	if (text != NULL)
		put_error(to, text);
	return 0;
}

static int fill_finished(struct json_object *from, struct json_object *to, struct error *error)
{
	static const char *const reports[] = {"none", "nothing", "sent", "failed", NULL};
	int64_t status = 0;
	int found = get_number(from, "status", 0, STATUS_MAX, &status, error);

	if (found < 0)
		return -1;
	json_object_object_add(to, "status", found > 0 ? json_object_new_int64(status) : NULL);
	return copy_number(from, "signal", SIGNAL_MAX, to, error) != 0 ||
		       copy_bool(from, "timed_out", to, error) != 0 ||
		       copy_bool(from, "stopped", to, error) != 0 || copy_bool(from, "cut", to, error) != 0 ||
		       copy_number(from, "duration_ms", INT64_MAX, to, error) != 0 ||
		       copy_word(from, "report", reports, to, error) != 0 ||
		       fill_error(from, false, to, error) != 0
		   ? -1
		   : 0;
}

/* When something was: null where it is not known, a number, or a short text for people, such as "5m ago". */
static int copy_time(struct json_object *from, const char *key, struct json_object *to, struct error *error)
{
	struct json_object *value = NULL;
	const char *text = NULL;
	struct buf line = BUF_INIT(TIME_MAX_BYTES + sizeof "...");

	(void)json_object_object_get_ex(from, key, &value);
	if (json_object_is_type(value, json_type_int)) {
		json_object_object_add(to, key, json_object_get(value));
		return 0;
	}
	if (json_get_text(from, key, &text, error) < 0)
		return -1;
	text_add_line(&line, text, TIME_MAX_BYTES);
	json_object_object_add(to, key, text != NULL ? json_object_new_string(buf_text(&line)) : NULL);
	buf_free(&line);
	return 0;
}

static int copy_script(struct json_object *from, struct json_object *scripts, struct error *error)
{
	struct json_object *to = json_object_new_object();
	const char *name = NULL, *stem = NULL;

	json_object_array_add(scripts, to);
	if (!json_object_is_type(from, json_type_object) || json_get_text(from, "name", &name, error) < 0 ||
	    name == NULL || !script_name_is_valid(name))
		return wrong(error, "the name of a script");
	if (json_get_text(from, "stem", &stem, error) < 0 ||
	    (stem != NULL && strncmp(stem, name, strlen(stem)) != 0))
		return wrong(error, "stem");
	json_put_text(to, "name", name);
	json_put_text(to, "stem", stem != NULL ? stem : name);
	return copy_time(from, "last_run", to, error) != 0 || copy_time(from, "last_sent", to, error) != 0 ||
		       copy_time(from, "cooldown_until", to, error) != 0
		   ? -1
		   : 0;
}

static int fill_list(struct json_object *from, struct json_object *to, struct error *error)
{
	struct json_object *scripts = json_object_new_array();
	size_t count = json_object_array_length(from);
	int result = 0;

	json_object_object_add(to, "scripts", scripts);
	for (size_t i = 0; i < count && result == 0; i++)
		result = copy_script(json_object_array_get_idx(from, i), scripts, error);
	/* What was left out is written out here. */
	if (result == 0 && strlen(json_line(to)) >= EVENT_LINE_MAX_BYTES)
		result = error_set(error, ERROR_INPUT, "the list is too long");
	return result;
}

/* The kind of event that an object is for that job, or -1. {"error":"..."} alone is a failure. */
static int kind_of(struct json_object *object, const struct event_job *job)
{
	static const char *const names[] = {"started", "output", "finished", "failed"};
	const char *name = json_text(object, "event");

	if (name == NULL)
		return json_text(object, "error") != NULL ? EVENT_FAILED : -1;
	for (int i = EVENT_STARTED; i <= EVENT_FAILED; i++) {
		if (strcmp(names[i], name) == 0)
			return job->script != NULL || i == EVENT_FAILED ? i : -1;
	}
	return -1;
}

static int build(struct json_object *said, const struct event_job *job, enum event_kind *kind,
    struct json_object **event, struct error *error)
{
	static const char *const names[] = {"started", "output", "finished", "failed", "list"};
	int found = -1, result = 0;

	if (json_object_is_type(said, json_type_array) && job->script == NULL)
		found = EVENT_LIST;
	else if (json_object_is_type(said, json_type_object))
		found = kind_of(said, job);
	if (found < 0)
		return error_set(error, ERROR_INPUT, "it is no event of this job");
	*event = new_event(job->number, names[found]);
	*kind = (enum event_kind)found;
	if (found == EVENT_STARTED)
		json_put_text(*event, "script", job->script);
	else if (found == EVENT_OUTPUT)
		result = fill_output(said, *event, error);
	else if (found == EVENT_FINISHED)
		result = fill_finished(said, *event, error);
	else if (found == EVENT_FAILED)
		result = fill_error(said, true, *event, error);
	else
		result = fill_list(said, *event, error);
	return result;
}

int event_rebuild(const char *line, size_t len, const struct event_job *job, enum event_kind *kind,
    struct json_object **event, struct error *error)
{
	struct json_object *said = NULL, *built = NULL;
	int result;

	if (json_parse(line, len, "event", &said, error) != 0)
		return -1;
	result = build(said, job, kind, &built, error);
	json_object_put(said);
	if (result == 0)
		*event = built;
	else
		json_object_put(built);
	return result;
}
