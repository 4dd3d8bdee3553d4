/* Whose cooldown runs, as tg-sendd answers GET /scripts (tgtools-socket(7)). Pure. */
#ifndef TGTOOLS_NOTIFY_RUNNER_COOLING_H
#define TGTOOLS_NOTIFY_RUNNER_COOLING_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether the cooldown of a script runs, and until when. answer NULL: nothing is known. */
bool cooling_until(struct json_object *answer, const char *script, int64_t now_ms, int64_t *until_ms);

#endif
