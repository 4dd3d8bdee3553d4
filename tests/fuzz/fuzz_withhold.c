/*
 * Why: what a script prints is told apart while it comes, in pieces of any size, and again as a whole when it
 * has ended. Both must find the same report: else it would be shown as JSON, or text would be lost.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "json.h"
#include "pieces.h"
#include "notify-scripts/withhold.h"
#include "script.h"
#include "utf8.h"

const char *const fuzz_words[] = {"{\"notify\":true,", "\"notify\":false", "\"message\":\"m\"}",
    "\xef\xbb\xbf", "\nlog line\n", "\n{", "}\n", "}", "{", "[", "\"", "\\\"", "\\", "\r\n", " ",
    "{\"level\":\"info\"}\n", "\xf0\x9f\x98\x80", "\xe2\x82", "\xed\xa0\x80", NULL};

enum { HELD_MAX_BYTES = 1 << 20 };

struct told {
	struct buf bytes;
	struct pieces pieces;
	size_t text_bytes;
};

static void on_text(void *context, const char *text, size_t len)
{
	struct told *told = context;

	FUZZ_MUST(len > 0 && len <= PIECE_MAX_BYTES && utf8_is_valid(text, len));
	FUZZ_MUST(memchr(text, '\0', len) == NULL);
	told->text_bytes += len;
}

static void on_output(void *context, const char *data, size_t len)
{
	struct told *told = context;

	FUZZ_MUST(len > 0 && buf_add(&told->bytes, data, len) == 0);
	pieces_feed(&told->pieces, data, len, on_text, told);
}

/* What is held is the report that the whole is taken for. */
static void check_report(const uint8_t *data, size_t size, const struct buf *held)
{
	struct json_object *whole = NULL, *part = NULL;
	struct script_report report;
	struct error error;

	if (script_parse((const char *)data, size, &report, &error) != 0)
		return;
	script_report_free(&report);
	FUZZ_MUST(script_parse_object((const char *)data, size, &whole, &error) == 0);
	FUZZ_MUST(script_parse_object(buf_text(held), held->len, &part, &error) == 0);
	FUZZ_MUST(json_object_equal(whole, part) == 1);
	json_object_put(whole);
	json_object_put(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told told = {.bytes = BUF_INIT(SIZE_MAX)};
	struct withhold withhold;
	size_t step = size > 0 ? 1 + data[size - 1] % 61 : 1;

	withhold_init(&withhold, HELD_MAX_BYTES);
	for (size_t i = 0; i < size; i += step)
		withhold_feed(
		    &withhold, (const char *)data + i, size - i < step ? size - i : step, on_output, &told);
	FUZZ_MUST(told.bytes.len + withhold.held.len == size);
	check_report(data, size, &withhold.held);
	withhold_release(&withhold, on_output, &told);
	pieces_end(&told.pieces, on_text, &told);
	FUZZ_MUST(told.bytes.len == size && (size == 0 || memcmp(told.bytes.data, data, size) == 0));
	FUZZ_MUST(told.text_bytes >= size && told.text_bytes <= 3 * size);
	withhold_free(&withhold);
	buf_free(&told.bytes);
	return 0;
}
