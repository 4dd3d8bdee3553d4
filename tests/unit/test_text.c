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

static void check_clean(const char *dirty, size_t len, const char *expected)
{
	struct buf out = BUF_INIT(1024);

	assert_int_equal(text_add_clean(&out, dirty, len), 0);
	assert_string_equal(buf_text(&out), expected);
	buf_free(&out);
}

static void clean(void **state)
{
	static const char dirty[] = "a\0b\x1b[31m\tc\r\nd\x7f\xff\xc3\xa9\xc2\x9b"
				    "1m";
	struct buf small = BUF_INIT(4);

	(void)state;
	check_clean(dirty, sizeof dirty - 1, "ab\tc\nd\xef\xbf\xbd\xc3\xa9");
	assert_int_equal(text_add_clean(&small, "abcde", 5), -1);
	assert_string_equal(buf_text(&small), "abcd");
	buf_free(&small);
}

/* Scripts print what they print to terminals: colours, titles, progress bars. */
static void terminal(void **state)
{
	static const struct {
		const char *dirty, *clean;
	} cases[] = {
	    {"\x1b[1;31mred\x1b[0m \x1b[38:2::1:2:3mx\x1b[m", "red x"},
	    {"\x1b[?25l\x1b[2Jx\x1b[ q\x1b[>c", "x"},
	    {"\x1b]0;title\x07text\x1b]8;;http://a.b\x1b\\link\x1b]8;;\x1b\\", "textlink"},
	    {"\xc2\x9d"
	     "0;title\xc2\x9ctext\xc2\x9b"
	     "31mx",
		"textx"},
	    {"\x1bP1$rq\x1b\\a\x1b_x\x1b\\b\x1b^x\x1b\\c\x1bXx\x1b\\d", "abcd"},
	    {"\x1b(Ba\x1b)0b\x1b#8c\x1b%Gd\x1b"
	     "7e\x1b=f\x1b"
	     "cg\x1bMh",
		"abcdefgh"},
	    {"a\x1b", "a"},
	    {"a\x1b[", "a"},
	    {"a\x1b[12;", "a"},
	    {"a\x1b[\nb", "a\nb"},
	    {"\x1b[3\x1b[31mx", "x"},
	    {"\x1b]0;no end\nb", "0;no end\nb"},
	    {"\x1b]0;\x1b]1;x\x07z", "0;z"},
	    {"\x1b[31\xc3\xa9", "\xc3\xa9"},
	    {"a\rb\r\nc\r", "b\nc"},
	    {"one\n10%\r20%\r100%\r\r\ntwo", "one\n100%\ntwo"},
	    {"\rx\r\n\r\ny", "x\n\ny"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check_clean(cases[i].dirty, strlen(cases[i].dirty), cases[i].clean);
}

/* What Telegram removes must not be counted by us; what is appended to stays as it is. */
static void telegram(void **state)
{
	struct buf out = BUF_INIT(64);

	(void)state;
	check_clean("a\xe2\x80\xa8"
		    "b\xe2\x80\xa9"
		    "c\xe2\x80\xae"
		    "d\xe2\x80\xaa"
		    "e",
	    17, "a\nb\ncde");
	check_clean("x\xcc\xb3y\xcc\xbfz\xcc\x8a"
		    "A\xcc\x8au\xcc\x8a\xcc\x8a",
	    15, "xyz\xc3\x85\xc5\xaf");
	check_clean("\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\x8e"
		    "a\xe2\x80\x8f",
	    13,
	    "\xe2\x80\x8c\xe2\x80\x8c\xe2\x80\x8e"
	    "a\xe2\x80\x8f");
	buf_add_text(&out, "kept");
	assert_int_equal(text_add_clean(&out, "x\ry", 3), 0);
	assert_string_equal(buf_text(&out), "kepty");
	buf_free(&out);
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

/* Columns are as wide as they look, and the last one is cut at the edge of the terminal. */
static void narrow_table(void **state)
{
	static const char *const cells[] = {
	    "äö", "chat not found", "abc", "fits in", "x", "\xe2\x82\xac\xe2\x82\xac 345678901"};
	struct text_table table = TEXT_TABLE_INIT(2);
	struct buf out = BUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
		text_table_add(&table, cells[i]);
	table.width = 15;
	text_table_print(&table, &out);
	assert_string_equal(buf_text(&out), "äö   chat no...\n"
					    "abc  fits in\n"
					    "x    \xe2\x82\xac\xe2\x82\xac 3456...\n");
	buf_clear(&out);
	table.width = 1;
	text_table_print(&table, &out);
	assert_string_equal(buf_text(&out), "äö   chat ...\n"
					    "abc  fits in\n"
					    "x    \xe2\x82\xac\xe2\x82\xac 34...\n");
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
	    cmocka_unit_test(terminal),
	    cmocka_unit_test(telegram),
	    cmocka_unit_test(blank),
	    cmocka_unit_test(line),
	    cmocka_unit_test(table),
	    cmocka_unit_test(narrow_table),
	    cmocka_unit_test(large_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
