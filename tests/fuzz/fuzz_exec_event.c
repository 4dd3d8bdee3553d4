/*
 * Why: a user may make his notify-scripts say anything. What is passed on must be one line of JSON about that
 * job, of bounded length, that the bot can read; and a request, whoever wrote it, must give no word to a
 * command that could be taken for something else.
 */
#include "fuzz.h"

#include <string.h>

#include "json.h"
#include "script.h"
#include "tg-exec/event.h"
#include "tg-exec/request.h"
#include "utf8.h"

const char *const fuzz_words[] = {"\"event\":\"output\",\"stream\":\"stdout\",\"text\":\"",
    "\"event\":\"finished\",", "\"event\":\"failed\",\"error\":\"", "\"event\":\"started\"",
    "\"status\":", "\"signal\":", "\"duration_ms\":", "\"report\":\"sent\"", "\"name\":\"a.sh\"",
    "\"stem\":\"a\"", "\"last_run\":\"5m ago\"", "null", "true", "\\u0000", "\\ud83d\\ude00", "\\n",
    "\xc2\x85", "9223372036854775807", "\"op\":\"run\"", "\"op\":\"stop\"", "\"op\":\"list\"", "\"job\":17",
    "\"user\":\"alice\"", "\"script\":\"a.sh\"", "\"args\":[\"a\",\"", "\"server\":true", "\"op\":\"exec\"",
    "\"section\":\"commands\"", "\"name\":\"uptime\"", "\"request\":{", "-u", "../", NULL};

static void check_event(const char *line, size_t len, const char *script)
{
	const struct event_job job = {17, script};
	struct json_object *event, *again;
	enum event_kind kind;
	struct error error;
	const char *text;

	if (event_rebuild(line, len, &job, &kind, &event, &error) != 0) {
		FUZZ_MUST(error.kind == ERROR_INPUT);
		return;
	}
	text = json_line(event);
	FUZZ_MUST(strchr(text, '\n') == NULL && utf8_is_valid(text, strlen(text)));
	FUZZ_MUST(strlen(text) < EVENT_LINE_MAX_BYTES || len >= EVENT_LINE_MAX_BYTES);
	FUZZ_MUST(json_parse_object(text, strlen(text), "event", &again, &error) == 0);
	FUZZ_MUST(json_int64(again, "job") == 17 && json_text(again, "event") != NULL);
	FUZZ_MUST((kind == EVENT_LIST) <= (script == NULL));
	FUZZ_MUST(event_is_last(kind) == (kind != EVENT_STARTED && kind != EVENT_OUTPUT));
	json_object_put(again);
	json_object_put(event);
}

static void check_request(const char *line, size_t len)
{
	struct request request;
	struct error error;
	size_t count = 0, total = 0;

	if (request_read(line, len, &request, &error) != 0) {
		FUZZ_MUST(error.kind == ERROR_INPUT && request.job >= 0 && request.object == NULL);
		return;
	}
	FUZZ_MUST(request.job > 0);
	FUZZ_MUST(
	    request.op == REQUEST_STOP || request.op == REQUEST_EXEC || request_is_account(request.user));
	FUZZ_MUST((request.op == REQUEST_EXEC) == (request.input != NULL));
	FUZZ_MUST((request.op == REQUEST_EXEC) == (request.section != NULL && request.name != NULL));
	FUZZ_MUST(request.input == NULL || strchr(json_line(request.input), '\n') == NULL);
	FUZZ_MUST((request.op == REQUEST_RUN) == (request.script != NULL));
	FUZZ_MUST(request.script == NULL || script_name_is_valid(request.script));
	for (; request.args[count] != NULL; count++) {
		total += strlen(request.args[count]);
		for (const char *c = request.args[count]; *c != '\0'; c++)
			FUZZ_MUST((unsigned char)*c >= ' ' && *c != 0x7f);
	}
	FUZZ_MUST(count <= REQUEST_ARGS_MAX && total <= REQUEST_ARGS_MAX_BYTES);
	request_free(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_event((const char *)data, size, "a.sh");
	check_event((const char *)data, size, NULL);
	check_request((const char *)data, size);
	return 0;
}
