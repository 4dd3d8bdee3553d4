/* Why: everything from outside passes through these buffers; the cap is what keeps a flood out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"

static void test_empty(void **state)
{
	struct buf buf = BUF_INIT(10);

	(void)state;
	assert_string_equal(buf_text(&buf), "");
	buf_clear(&buf);
	buf_consume(&buf, 0);
	assert_int_equal(buf_add(&buf, NULL, 0), 0);
	assert_string_equal(buf_text(&buf), "");
	buf_free(&buf);
	buf_free(&buf);
	assert_int_equal(buf.max, 10);
}

/* Everything or nothing, and always a '\0' behind. */
static void test_cap(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 10);
	assert_int_equal(buf_add_text(&buf, "12345"), 0);
	assert_int_equal(buf_add_text(&buf, "678901"), -1);
	assert_string_equal(buf_text(&buf), "12345");
	assert_int_equal(buf_add_format(&buf, "%d", 678901), -1);
	assert_string_equal(buf_text(&buf), "12345");
	assert_int_equal(buf_add_format(&buf, "%s%d", "67", 890), 0);
	assert_string_equal(buf_text(&buf), "1234567890");
	assert_int_equal(buf.len, 10);
	assert_int_equal(buf_add(&buf, "x", 1), -1);
	assert_int_equal(buf_add(&buf, "", 0), 0);
	assert_int_equal(buf_add(&buf, "x", SIZE_MAX), -1);
	buf_free(&buf);
	buf_init(&buf, 0);
	assert_int_equal(buf_add(&buf, "x", 1), -1);
	assert_int_equal(buf_add_text(&buf, ""), 0);
	buf_free(&buf);
}

static void test_growth(void **state)
{
	struct buf buf = BUF_INIT(1 << 20);
	char expected[16];

	(void)state;
	for (int i = 0; i < 20000; i++)
		assert_int_equal(buf_add_format(&buf, "%05d\n", i), 0);
	assert_int_equal(buf.len, 120000);
	assert_int_equal(strlen(buf.data), buf.len);
	snprintf(expected, sizeof expected, "%05d\n", 19999);
	assert_string_equal(buf.data + buf.len - 6, expected);
	buf_free(&buf);
}

static void test_numbers(void **state)
{
	static const int64_t numbers[] = {0, 7, -7, 10, 1234567890, INT64_MAX, INT64_MIN};
	struct buf buf = BUF_INIT(64), tight = BUF_INIT(3);
	char expected[32];

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		buf_clear(&buf);
		assert_int_equal(buf_add_int64(&buf, numbers[i]), 0);
		snprintf(expected, sizeof expected, "%lld", (long long)numbers[i]);
		assert_string_equal(buf_text(&buf), expected);
	}
	assert_int_equal(buf_add_int64(&tight, -123), -1);
	assert_int_equal(buf_add_int64(&tight, -12), 0);
	assert_string_equal(buf_text(&tight), "-12");
	buf_free(&tight);
	buf_free(&buf);
}

static void test_bytes(void **state)
{
	struct buf buf = BUF_INIT(100);

	(void)state;
	assert_int_equal(buf_add(&buf, "a\0b", 3), 0);
	assert_memory_equal(buf.data, "a\0b", 4);
	buf_consume(&buf, 2);
	assert_string_equal(buf_text(&buf), "b");
	assert_int_equal(buf_add_text(&buf, "cd"), 0);
	buf_consume(&buf, 3);
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf_add_text(&buf, "again"), 0);
	buf_clear(&buf);
	assert_string_equal(buf_text(&buf), "");
	buf_free(&buf);
}

/* The last words of a program are worth more than its first. */
static void test_end(void **state)
{
	struct buf buf = BUF_INIT(5);

	(void)state;
	buf_add_end(&buf, "abc", 3);
	assert_string_equal(buf_text(&buf), "abc");
	buf_add_end(&buf, "def", 3);
	assert_string_equal(buf_text(&buf), "bcdef");
	buf_add_end(&buf, "0123456789", 10);
	assert_string_equal(buf_text(&buf), "56789");
	buf_add_end(&buf, "", 0);
	assert_string_equal(buf_text(&buf), "56789");
	buf_free(&buf);
	buf_init(&buf, 0);
	buf_add_end(&buf, "x", 1);
	assert_int_equal(buf.len, 0);
	buf_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_cap),
	    cmocka_unit_test(test_growth),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
