/* Why: Telegram refuses a whole message for one bad byte, and counts characters where we count bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "utf8.h"

static void test_decode(void **state)
{
	static const struct {
		const char *text;
		size_t bytes;
		uint32_t code;
	} cases[] = {
	    {"a", 1, 'a'},
	    {"\xc2\x80", 2, 0x80},
	    {"\xc3\xbc!", 2, 0xfc},
	    {"\xdf\xbf", 2, 0x7ff},
	    {"\xe0\xa0\x80", 3, 0x800},
	    {"\xed\x9f\xbf", 3, 0xd7ff},
	    {"\xee\x80\x80", 3, 0xe000},
	    {"\xef\xbf\xbf", 3, 0xffff},
	    {"\xf0\x90\x80\x80", 4, 0x10000},
	    {"\xf0\x9f\x98\x80", 4, 0x1f600},
	    {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
	    {"\x80", 0, 0},
	    {"\xbf", 0, 0},
	    {"\xc0\x80", 0, 0},
	    {"\xc1\xbf", 0, 0},
	    {"\xe0\x9f\xbf", 0, 0},
	    {"\xf0\x8f\xbf\xbf", 0, 0},
	    {"\xed\xa0\x80", 0, 0},
	    {"\xed\xbf\xbf", 0, 0},
	    {"\xf4\x90\x80\x80", 0, 0},
	    {"\xf8\x88\x80\x80\x80", 0, 0},
	    {"\xff", 0, 0},
	    {"\xc3", 0, 0},
	    {"\xe2\x82", 0, 0},
	    {"\xf0\x9f\x98", 0, 0},
	    {"\xc3(", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint32_t code = 0;

		assert_int_equal(utf8_decode(cases[i].text, strlen(cases[i].text), &code), cases[i].bytes);
		assert_int_equal(code, cases[i].code);
	}
	assert_int_equal(utf8_decode("", 0, NULL), 0);
	assert_int_equal(utf8_decode("\0", 1, NULL), 1);
}

static void test_valid(void **state)
{
	(void)state;
	assert_true(utf8_is_valid("", 0));
	assert_true(utf8_is_valid("gr\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80\0x", 12));
	assert_false(utf8_is_valid("abc\xc3", 4));
	assert_int_equal(utf8_count("gr\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80", 10), 5);
}

static void test_cut(void **state)
{
	static const char text[] = "a\xc3\xbc\xf0\x9f\x98\x80z";
	static const size_t expected[] = {0, 1, 1, 3, 3, 3, 3, 7, 8, 8};

	(void)state;
	for (size_t max = 0; max < sizeof expected / sizeof expected[0]; max++)
		assert_int_equal(utf8_cut(text, strlen(text), max), expected[max]);
	assert_int_equal(utf8_cut("\x80\x80\x80", 3, 2), 0);
}

static void test_line(void **state)
{
	char text[] = "a\nb\x1b[1m\x7f \xc3\xbc \xff\xc3 \xc2\x9bK \xe2\x82";

	(void)state;
	utf8_make_line(text);
	assert_string_equal(text, "a?b?[1m? \xc3\xbc ?? ??K ??");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_decode),
	    cmocka_unit_test(test_valid),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
