/* What --dry-run shows must be what would be sent, or nobody needs it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "tg-send/compose.h"
#include "tg-send/preview.h"
#include "xalloc.h"

enum { PARTS_MAX = 3 };

static const struct compose_uploaded files[] = {{"", "a.png", true}, {"", "b.png", true}, {"", "log", false}};

static void preview(const struct compose *message, const char *text, size_t files_count, struct buf *out)
{
	struct json_object *request = compose_request(message, text, files, files_count);
	struct error error;

	if (preview_add(request, PARTS_MAX, out, &error) != 0)
		fail_msg("%s", error.text);
	json_object_put(request);
}

static void check(const struct compose *message, const char *text, size_t files_count, const char *expected)
{
	struct buf out = BUF_INIT(1 << 20);

	preview(message, text, files_count, &out);
	assert_string_equal(buf_text(&out), expected);
	buf_free(&out);
}

static void formats(void **state)
{
	(void)state;
	check(&(struct compose){0}, "*a*", 0, "3 characters\n| *a*\n");
	check(&(struct compose){.format = "Markdown"}, "\xf0\x9f\x98\x80 *a* [b](http://c.de)", 0,
	    "5 characters\n| \xf0\x9f\x98\x80 a b\n  3-4 italic: a\n  5-6 text_link http://c.de: b\n");
	check(&(struct compose){.format = "pre", .lang = "c"}, "int a;\nint b;", 0,
	    "13 characters\n| int a;\n| int b;\n  0-13 pre c: int a;?int b;\n");
	check(&(struct compose){.title = "T"}, "x\n", 0, "3 characters\n| T\n| x\n  0-1 bold: T\n");
	check(&(struct compose){0}, "x", 0, "1 character\n| x\n");
}

static void captions(void **state)
{
	(void)state;
	check(&(struct compose){.title = "T"}, NULL, 1,
	    "picture a.png, caption of 1 character\n| T\n  0-1 bold: T\n");
	check(&(struct compose){0}, NULL, 2, "album of a.png, b.png, caption of 0 characters\n");
	check(&(struct compose){0}, "x", 3,
	    "message 1 of 2, album of a.png, b.png, caption of 1 character\n| x\n"
	    "message 2 of 2, file log, caption of 0 characters\n");
}

static void parts(void **state)
{
	enum { LONG = 9000 };
	char *text = xcalloc(1, 2 * LONG + 1);
	struct buf out = BUF_INIT(1 << 20);

	(void)state;
	memset(text, 'x', LONG);
	preview(&(struct compose){0}, text, 0, &out);
	assert_ptr_equal(strstr(out.data, "message 1 of 3, 4096 characters\n| xxx"), out.data);
	assert_non_null(strstr(out.data, "\n| (1/3)\nmessage 2 of 3, 4096 characters\n| xxx"));
	assert_non_null(strstr(out.data, "\n| (3/3)\n"));
	buf_clear(&out);
	memset(text, 'x', 2 * LONG);
	preview(&(struct compose){0}, text, 0, &out);
	assert_ptr_equal(
	    strstr(out.data, "the whole text as a file, caption of 1024 characters\n| xxx"), out.data);
	buf_free(&out);
	free(text);
}

static void what_tg_sendd_would_refuse(void **state)
{
	struct json_object *request = compose_request(
	    &(struct compose){.key = "\xff..............................................................."},
	    "x", NULL, 0);
	struct buf out = BUF_INIT(1 << 20);
	struct error error = {0};

	(void)state;
	assert_int_equal(preview_add(request, PARTS_MAX, &out, &error), -1);
	assert_int_equal(error.kind, ERROR_INPUT);
	assert_non_null(strstr(error.text, "key"));
	assert_int_equal(out.len, 0);
	json_object_put(request);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(formats),
	    cmocka_unit_test(captions),
	    cmocka_unit_test(parts),
	    cmocka_unit_test(what_tg_sendd_would_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
