/*
 * Anything may be piped into tg-send, and Telegram's words land on a terminal: neither may break the JSON
 * of the socket nor the screen of the reader.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "text.h"

static void clean(void **state)
{
	static const char dirty[] = "a\0b\x1b[31m\tc\r\nd\x7f\xff\xc3\xa9\xc2\x9b";
	struct buf out = BUF_INIT(64), small = BUF_INIT(4);

	(void)state;
	assert_int_equal(text_add_clean(&out, dirty, sizeof dirty - 1), 0);
	assert_string_equal(buf_text(&out), "ab[31m\tc\nd\xef\xbf\xbd\xc3\xa9");
	assert_int_equal(text_add_clean(&small, "abcde", 5), -1);
	assert_string_equal(buf_text(&small), "abcd");
	buf_free(&out);
	buf_free(&small);
}

static void blank(void **state)
{
	(void)state;
	assert_true(text_is_blank("", 0));
	assert_true(text_is_blank(" \t\r\n", 4));
	assert_false(text_is_blank(" x", 2));
	assert_false(text_is_blank("\0", 1));
}

static void line(void **state)
{
	static const struct {
		const char *text, *line;
		size_t max;
	} cases[] = {
	    {NULL, "", 9},
	    {"", "", 9},
	    {"two\nlines\x1b[2J", "two?lines?[2J", 99},
	    {"caf\xc3\xa9", "caf\xc3\xa9", 5},
	    {"caf\xc3\xa9", "caf...", 4},
	    {"\xe2\x80\xae"
	     "abc\xc2\x85\xff",
		"?abc??", 99},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf out = BUF_INIT(64);

		text_add_line(&out, cases[i].text, cases[i].max);
		assert_string_equal(buf_text(&out), cases[i].line);
		buf_free(&out);
	}
}

static void table(void **state)
{
	static const char *const cells[] = {
	    "ID", "WHAT", "ERROR", "12", NULL, "chat not found", "3", "x\ty", ""};
	struct text_table table = TEXT_TABLE_INIT(3);
	struct buf out = BUF_INIT(4096);

	(void)state;
	text_table_print(&table, &out);
	assert_string_equal(buf_text(&out), "");
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
		text_table_add(&table, cells[i]);
	text_table_print(&table, &out);
	assert_string_equal(buf_text(&out), "ID  WHAT  ERROR\n"
					    "12  -     chat not found\n"
					    "3   x?y   -\n");
	text_table_free(&table);
	buf_free(&out);
}

/* Enough to grow; a cell is cut. */
static void large_table(void **state)
{
	struct text_table table = TEXT_TABLE_INIT(1);
	struct buf out = BUF_INIT(1 << 20);
	char cell[1000];

	(void)state;
	memset(cell, 'x', sizeof cell - 1);
	cell[sizeof cell - 1] = '\0';
	for (int64_t i = 0; i < 100; i++)
		text_table_add_number(&table, i);
	text_table_add(&table, cell);
	text_table_print(&table, &out);
	assert_int_equal(out.len, 10 * 2 + 90 * 3 + TEXT_CELL_MAX_BYTES + 4);
	text_table_free(&table);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(clean),
	    cmocka_unit_test(blank),
	    cmocka_unit_test(line),
	    cmocka_unit_test(table),
	    cmocka_unit_test(large_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
