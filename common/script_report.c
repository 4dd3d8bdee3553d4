#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "num.h"
#include "xalloc.h"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(const char **text, size_t *len)
{
	static const char mark[] = "\xef\xbb\xbf";

	while (*len > 0 && is_space((*text)[*len - 1]))
		--*len;
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

static void warn(struct script_report *report, const char *text, const char *value)
{
	size_t used = strlen(report->warning);

	snprintf(report->warning + used, sizeof report->warning - used, "%s%s%.24s", used > 0 ? "; " : "",
	    text, value);
}

/* Where the last line starts; 0 where there is but one, or another line looks like an object, too. */
static size_t last_line(const char *text, size_t len)
{
	size_t start = 0;

	for (size_t i = 0; i < len; i++) {
		const char *line = text + start;
		size_t line_len = i - start;

		if (text[i] != '\n')
			continue;
		trim(&line, &line_len);
		if (line_len > 0 && line[0] == '{')
			return 0;
		start = i + 1;
	}
	return start;
}

static int find_object(const char *text, size_t len, struct json_object **object,
    struct script_report *report, struct error *error)
{
	size_t start;

	trim(&text, &len);
	if (len == 0)
		return error_set(error, ERROR_INPUT,
		    "it printed nothing; a script prints one JSON object, see notify-script(7)");
	if (json_parse_object(text, len, "its output", object, error) == 0)
		return 0;
	start = last_line(text, len);
	if (start == 0)
		return -1;
	text += start;
	len -= start;
	trim(&text, &len);
	if (len == 0 || text[0] != '{' ||
	    json_parse_object(text, len, "the last line of its output", object, error) != 0)
		return -1;
	warn(report, "the lines before the last one are ignored", "");
	return 0;
}

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
static int read_text(struct json_object *object, const char *key, char **place, struct error *error)
{
	const char *text = NULL;

	if (json_get_text(object, key, &text, error) < 0)
		return -1;
	if (text != NULL && text[strspn(text, " \t\n\v\f\r")] != '\0')
		*place = xstrdup(text);
	return 0;
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

static int read_report(struct json_object *object, struct script_report *report, struct error *error)
{
	int found = json_get_bool(object, "notify", &report->notify, error);

	if (found < 0)
		return -1;
	if (found == 0)
		return error_set(error, ERROR_INPUT, "\"notify\" is missing; it must be true or false");
	if (read_text(object, "title", &report->title, error) != 0 ||
	    read_text(object, "message", &report->message, error) != 0 ||
	    read_text(object, "image_path", &report->image_path, error) != 0 ||
	    read_text(object, "document_path", &report->document_path, error) != 0 ||
	    read_text(object, "key", &report->key, error) != 0 ||
	    json_get_bool(object, "silent", &report->silent, error) < 0)
		return -1;
	if (check_key(report->key, error) != 0)
		return -1;
	report->cooldown_ms = read_cooldown(object, report);
	if (report->notify && report->message == NULL && report->image_path == NULL &&
	    report->document_path == NULL)
		return error_set(error, ERROR_INPUT,
		    "nothing to send: \"notify\" is true, but there is no \"message\", image or document");
	return 0;
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

int script_conclude(const struct child_result *result, const struct script_run *run,
    struct script_report *report, struct error *error)
{
	char text[32];

	if (result->timed_out)
		return error_set(error, ERROR_INPUT, "it did not end within %s and was ended",
		    num_format_duration(run->timeout_ms, text, sizeof text));
	if (result->signal != 0)
		return error_set(error, ERROR_INPUT, "it was ended by signal %d (%s)", result->signal,
		    strsignal(result->signal));
	if (result->exit_status != 0)
		return error_set(error, ERROR_INPUT, "it failed with exit code %d", result->exit_status);
	if (result->output_cut)
		return error_set(error, ERROR_INPUT, "it printed more than %zu bytes", run->output_max_bytes);
	return script_parse(buf_text(&result->output), result->output.len, report, error);
}
