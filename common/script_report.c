#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "num.h"
#include "utf8.h"
#include "xalloc.h"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* White space and byte order marks. */
static void skip_blanks(const char **text, size_t *len)
{
	static const char mark[] = "\xef\xbb\xbf";

	for (;;) {
		size_t skip = *len > 0 && is_space(**text)			       ? 1
			      : *len >= 3 && memcmp(*text, mark, sizeof mark - 1) == 0 ? 3
										       : 0;

		if (skip == 0)
			return;
		*text += skip;
		*len -= skip;
	}
}

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && is_space((*text)[*len - 1]))
		--*len;
	skip_blanks(text, len);
}

static void warn(struct script_report *report, const char *text, const char *value)
{
	size_t used = strlen(report->warning);

	snprintf(report->warning + used, sizeof report->warning - used, "%s%s%.*s", used > 0 ? "; " : "",
	    text, (int)utf8_cut(value, strlen(value), 24), value);
}

/* ---- where the report is ---- */

/* How many bytes the object has that begins here and ends with its line; 0: there is none. */
static size_t object_span(const char *text, size_t len)
{
	size_t span = json_span(text, len), end = span;

	while (end < len && text[end] != '\n' && is_space(text[end]))
		end++;
	return end == len || text[end] == '\n' ? span : 0;
}

static bool has_notify(const char *text, size_t len)
{
	struct json_object *object = NULL;
	struct error ignored;
	bool result = json_parse_object(text, len, "", &object, &ignored) == 0 &&
		      json_object_object_get_ex(object, "notify", NULL);

	json_object_put(object);
	return result;
}

struct walk {
	const char *object; /* the last one */
	size_t object_len;
	size_t reports; /* objects with "notify" */
};

/* Says what is wrong with the object that should begin here. */
static int fail_at(const char *text, const char *at, size_t len, struct error *error)
{
	struct json_object *ignored = NULL;
	size_t line = 1;
	char what[64] = "its output";

	for (const char *c = text; c < at; c++)
		line += *c == '\n';
	if (line > 1)
		snprintf(what, sizeof what, "its output from line %zu on", line);
	if (json_parse_object(at, len, what, &ignored, error) == 0)
		error_set(error, ERROR_INPUT, "%s is not JSON", what);
	json_object_put(ignored);
	return -1;
}

/* Goes through the objects of a log and the report behind it. A line with "{" in front has to be one. */
static int walk_lines(const char *text, size_t len, struct walk *walk, struct error *error)
{
	const char *at = text, *end = text + len;

	while (at < end) {
		size_t left = (size_t)(end - at);

		skip_blanks(&at, &left);
		if (left > 0 && *at == '{') {
			size_t span = object_span(at, left);

			if (span == 0)
				return fail_at(text, at, left, error);
			walk->object = at;
			walk->object_len = span;
			walk->reports += has_notify(at, span);
			at += span;
			left -= span;
		}
		at = left > 0 ? memchr(at, '\n', left) : NULL;
		at = at != NULL ? at + 1 : end;
	}
	return 0;
}

/* What begins like Python's own notation was printed without json.dumps. */
static void add_hint(const char *text, size_t len, struct error *error)
{
	size_t used = strlen(error->text);

	if (len > 1 && memcmp(text, "{'", 2) == 0)
		snprintf(error->text + used, sizeof error->text - used,
		    "; in Python, print json.dumps(...) of it");
}

/* The output as a whole is no object; why stands in the error. */
static int find_behind_log(const char *text, size_t len, struct json_object **object,
    struct script_report *report, struct error *error)
{
	struct walk walk = {.object = NULL};

	if (walk_lines(text, len, &walk, error) != 0 || walk.object == NULL) {
		add_hint(text, len, error);
		return -1;
	}
	if (walk.reports > 1)
		return error_set(
		    error, ERROR_INPUT, "it printed %zu reports; a script prints one", walk.reports);
	if (walk.object + walk.object_len != text + len)
		return error_set(error, ERROR_INPUT,
		    "text follows the JSON object; it has to be the last that is printed, and what is only "
		    "for the log belongs on standard error");
	if (walk.reports == 1 && !has_notify(walk.object, walk.object_len))
		return error_set(error, ERROR_INPUT,
		    "another object follows the one with \"notify\"; it has to be the last");
	if (json_parse_object(walk.object, walk.object_len, "the end of its output", object, error) != 0)
		return -1;
	warn(report, "the lines before the report are ignored; they belong on standard error", "");
	return 0;
}

static int find_object(const char *text, size_t len, struct json_object **object,
    struct script_report *report, struct error *error)
{
	trim(&text, &len);
	if (len == 0)
		return error_set(error, ERROR_INPUT,
		    "it printed nothing; a script prints one JSON object, see notify-script(7)");
	if (json_parse_object(text, len, "its output", object, error) == 0)
		return 0;
	return find_behind_log(text, len, object, report, error);
}

/* ---- what it says ---- */

static int64_t read_cooldown(struct json_object *object, struct script_report *report)
{
	struct json_object *value = NULL;
	int64_t cooldown_ms;
	char text[24] = "";
	const char *given;
	size_t len;

	if (!json_object_object_get_ex(object, "cooldown", &value) || value == NULL)
		return SCRIPT_COOLDOWN_DEFAULT_MS;
	given = json_object_get_string(value);
	len = strlen(given);
	trim(&given, &len);
	for (size_t i = 0; i < len && i < sizeof text - 1; i++)
		text[i] = given[i] >= 'A' && given[i] <= 'Z' ? (char)(given[i] - 'A' + 'a') : given[i];
	if (!json_object_is_type(value, json_type_string) || len >= sizeof text ||
	    num_duration_ms(text, &cooldown_ms) != 0) {
		warn(report, "a cooldown is a number and s, m, h or d; 1h is taken instead of ", given);
		return SCRIPT_COOLDOWN_DEFAULT_MS;
	}
	return cooldown_ms > SCRIPT_COOLDOWN_MAX_MS ? SCRIPT_COOLDOWN_MAX_MS : cooldown_ms;
}

/* A text that is empty or only white space is none. */
static void keep_text(char **place, const char *text)
{
	if (text[strspn(text, " \t\n\v\f\r")] != '\0')
		*place = xstrdup(text);
}

/* What is not required, and wrong, is left out, so that the message arrives all the same. */
static void leave_out(struct script_report *report, const struct error *why)
{
	warn(report, why->text, ", so it is left out");
}

static void read_text(struct json_object *object, const char *key, char **place, struct script_report *report)
{
	const char *text = NULL;
	struct error error;
	int found = json_get_text(object, key, &text, &error);

	if (found < 0)
		leave_out(report, &error);
	else if (found == 1)
		keep_text(place, text);
}

static int check_key(const char *key, struct error *error)
{
	if (key == NULL)
		return 0;
	if (strlen(key) > SCRIPT_KEY_MAX_BYTES)
		return error_set(error, ERROR_INPUT, "\"key\" is longer than %d bytes", SCRIPT_KEY_MAX_BYTES);
	for (const unsigned char *byte = (const unsigned char *)key; *byte != '\0'; byte++) {
		if (*byte < ' ' || *byte == 0x7f)
			return error_set(error, ERROR_INPUT, "\"key\" contains control characters");
	}
	return 0;
}

static void read_key(struct json_object *object, struct script_report *report)
{
	struct error error;

	read_text(object, "key", &report->key, report);
	if (check_key(report->key, &error) == 0)
		return;
	leave_out(report, &error);
	free(report->key);
	report->key = NULL;
}

static void read_silent(struct json_object *object, struct script_report *report)
{
	struct error error;

	if (json_get_bool(object, "silent", &report->silent, &error) < 0)
		leave_out(report, &error);
}

static bool is_number(struct json_object *value)
{
	return json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double);
}

/* Shells print a number without quotes; anything else that is no text cannot be what was meant. */
static int read_message(struct json_object *object, struct script_report *report, struct error *error)
{
	struct json_object *value = NULL;
	const char *text = NULL;

	if (json_object_object_get_ex(object, "message", &value) && is_number(value)) {
		keep_text(&report->message, json_object_get_string(value));
		warn(report, "\"message\" is a number, which is taken as text", "");
		return 0;
	}
	if (json_get_text(object, "message", &text, error) < 0)
		return -1;
	if (text != NULL)
		keep_text(&report->message, text);
	return 0;
}

static int read_report(struct json_object *object, struct script_report *report, struct error *error)
{
	int found = json_get_bool(object, "notify", &report->notify, error);

	if (found < 0)
		return -1;
	if (found == 0)
		return error_set(error, ERROR_INPUT, "\"notify\" is missing; it must be true or false");
	if (read_message(object, report, error) != 0)
		return -1;
	read_text(object, "title", &report->title, report);
	read_text(object, "image_path", &report->image_path, report);
	read_text(object, "document_path", &report->document_path, report);
	read_key(object, report);
	read_silent(object, report);
	report->cooldown_ms = read_cooldown(object, report);
	if (report->notify && report->message == NULL && report->image_path == NULL &&
	    report->document_path == NULL) {
		report->notify = false;
		warn(report,
		    "nothing to send: \"notify\" is true, but there is no \"message\", image or document",
		    "");
	}
	utf8_make_line(report->warning);
	return 0;
}

int script_parse_object(const char *output, size_t len, struct json_object **object, struct error *error)
{
	struct script_report ignored = {.notify = false};

	return find_object(output, len, object, &ignored, error);
}

int script_parse(const char *output, size_t len, struct script_report *report, struct error *error)
{
	struct json_object *object = NULL;
	struct script_report made = {.notify = false};
	int result = find_object(output, len, &object, &made, error);

	if (result == 0)
		result = read_report(object, &made, error);
	json_object_put(object);
	if (result == 0)
		*report = made;
	else
		script_report_free(&made);
	return result;
}

void script_report_free(struct script_report *report)
{
	free(report->title);
	free(report->message);
	free(report->image_path);
	free(report->document_path);
	free(report->key);
	*report = (struct script_report){.notify = false};
}

int script_check_result(const struct child_result *result, const struct script_run *run, struct error *error)
{
	char text[32];

	if (result->stopped)
		return error_set(error, ERROR_INPUT, "it was stopped");
	if (result->timed_out)
		return error_set(error, ERROR_INPUT, "it did not end within %s and was ended",
		    num_format_duration(run->timeout_ms, text, sizeof text));
	if (result->signal != 0)
		return error_set(error, ERROR_INPUT, "it was ended by signal %d (%s)", result->signal,
		    strsignal(result->signal));
	if (result->exit_status != 0)
		return error_set(error, ERROR_INPUT, "exit code %d", result->exit_status);
	if (result->output_cut)
		return error_set(error, ERROR_INPUT, "it printed more than %zu bytes", run->output_max_bytes);
	return 0;
}

int script_conclude(const struct child_result *result, const struct script_run *run,
    struct script_report *report, struct error *error)
{
	if (script_check_result(result, run, error) != 0)
		return -1;
	return script_parse(buf_text(&result->output), result->output.len, report, error);
}
