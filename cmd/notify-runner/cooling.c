#include "cooling.h"

#include <string.h>

#include "clock.h"
#include "json.h"

bool cooling_until(struct json_object *answer, const char *script, int64_t now_ms, int64_t *until_ms)
{
	struct json_object *rows = NULL;
	struct error ignored;

	if (answer == NULL || json_get_array(answer, "scripts", &rows, &ignored) != 1)
		return false;
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		const char *name = json_text(row, "script"), *until = json_text(row, "cooldown_until");

		if (name != NULL && until != NULL && strcmp(name, script) == 0 &&
		    clock_parse(until, until_ms) == 0)
			return *until_ms > now_ms;
	}
	return false;
}
