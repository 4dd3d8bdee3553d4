/*
 * Why: what tg-exec says comes in part from people's scripts. Whatever line it is, it is an event whose
 * fields can be used as they are, or refused.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "tg-dispatch/executor.h"

const char *const fuzz_words[] = {"{\"job\":1,", "\"event\":\"output\"", "\"event\":\"finished\"",
    "\"event\":\"failed\"", "\"event\":\"list\"", "\"event\":\"started\"", "\"event\":\"died\"",
    "\"event\":\"up\"", "\"text\":\"\\u0000\"", "\"text\":null", "\"status\":null", "\"status\":-1",
    "\"signal\":9", "\"timed_out\":true", "\"stopped\":1", "\"cut\":\"x\"", "\"duration_ms\":1e9",
    "\"report\":\"sent\"", "\"report\":null", "\"scripts\":[{}]", "\"scripts\":{}", "\"error\":\"e\"",
    "\"error\":\"\\u0000\"", "9223372036854775807", ",", "}", NULL};

static bool is_within(const struct executor_event *event)
{
	return event->kind >= EXECUTOR_STARTED && event->kind <= EXECUTOR_UP &&
	       event->report >= REPORT_NONE && event->report <= REPORT_FAILED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *object = NULL;
	struct executor_event event;
	struct error error = {.text = ""};

	if (executor_parse((const char *)data, size, &event, &object, &error) != 0) {
		FUZZ_MUST(object == NULL && error.kind == ERROR_INPUT && error.text[0] != '\0');
		return 0;
	}
	FUZZ_MUST(object != NULL && is_within(&event));
	FUZZ_MUST(event.kind != EXECUTOR_OUTPUT || event.text[event.len] == '\0');
	FUZZ_MUST(event.error == NULL || strlen(event.error) <= size);
	FUZZ_MUST(event.kind != EXECUTOR_LIST || json_object_is_type(event.scripts, json_type_array));
	json_object_put(object);
	return 0;
}
