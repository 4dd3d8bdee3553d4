/*
 * Why: what notify-runner keeps for its next run is read from a file that its owner may have edited, or a
 * full disk cut. Whatever it is, it is a message that can be handed over and kept again, or is refused.
 */
#include "fuzz.h"

#include <string.h>

#include "json.h"
#include "notice.h"

const char *const fuzz_words[] = {"\"version\":2", "\"script\":\"a.sh\"", "\"made_ms\":1",
    "\"idempotency_key\":\"k\"", "\"fields\":{}", "\"files\":[]", "\"path\":\"/a\"", "\"name\":\"b\"",
    "\"kind\":\"photo\"", "\"kind\":\"document\"", "null", "-1", "9223372036854775807", "\\u0000", "..", "/",
    "[", "]", "{", "}", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *object, *kept, *request;
	struct notice notice, again;
	struct error error;
	struct buf first = BUF_INIT(1 << 24);

	if (json_parse_object((const char *)data, size, "it", &object, &error) != 0)
		return 0;
	if (notice_from_json(object, &notice, &error) == 0) {
		FUZZ_MUST(script_name_is_valid(notice.script) && notice.key[0] != '\0');
		FUZZ_MUST(notice.files_count <= NOTICE_FILES_MAX);
		kept = notice_to_json(&notice);
		request = notice_request(&notice);
		FUZZ_MUST(strchr(json_line(request), '\n') == NULL);
		buf_add_text(&first, json_line(kept));
		FUZZ_MUST(notice_from_json(kept, &again, &error) == 0);
		json_object_put(kept);
		kept = notice_to_json(&again);
		FUZZ_MUST(strcmp(buf_text(&first), json_line(kept)) == 0);
		json_object_put(kept);
		json_object_put(request);
		notice_free(&again);
		notice_free(&notice);
	}
	buf_free(&first);
	json_object_put(object);
	return 0;
}
