/*
 * Why: numbers come from the configuration, from scripts and from people; "12abc" read as 12 once turned a
 * typing error into a limit. What is taken, what is refused and what a refusal leaves alone stands here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "num.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void test_int64(void **state)
{
	static const struct {
		const char *text;
		int64_t low, high;
		int result;
		int64_t value;
	} cases[] = {
	    {"0", 0, 10, 0, 0},
	    {"10", 0, 10, 0, 10},
	    {"11", 0, 10, -1, 0},
	    {"-1", 0, 10, -1, 0},
	    {"-1", -1, 10, 0, -1},
	    {"007", 0, 10, 0, 7},
	    {"9223372036854775807", INT64_MIN, INT64_MAX, 0, INT64_MAX},
	    {"-9223372036854775808", INT64_MIN, INT64_MAX, 0, INT64_MIN},
	    {"9223372036854775808", INT64_MIN, INT64_MAX, -1, 0},
	    {"-9223372036854775809", INT64_MIN, INT64_MAX, -1, 0},
	    {"", 0, 10, -1, 0},
	    {"-", -10, 10, -1, 0},
	    {"--1", -10, 10, -1, 0},
	    {"+1", 0, 10, -1, 0},
	    {" 1", 0, 10, -1, 0},
	    {"1 ", 0, 10, -1, 0},
	    {"1\n", 0, 10, -1, 0},
	    {"1a", 0, 10, -1, 0},
	    {"0x1", 0, 10, -1, 0},
	    {"1.0", 0, 10, -1, 0},
	    {"1e1", 0, 100, -1, 0},
	    {"- 1", -10, 10, -1, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t value = 77;

		if (num_int64(cases[i].text, cases[i].low, cases[i].high, &value) != cases[i].result ||
		    value != (cases[i].result == 0 ? cases[i].value : 77))
			fail_msg("\"%s\" gave %lld", cases[i].text, (long long)value);
	}
}

static void test_decimal(void **state)
{
	static const struct {
		const char *text;
		int result;
		double value;
	} cases[] = {
	    {"0", 0, 0},
	    {"30", 0, 30},
	    {"0.5", 0, 0.5},
	    {"00.25", 0, 0.25},
	    {"", -1, 0},
	    {".5", -1, 0},
	    {"1.", -1, 0},
	    {"1..2", -1, 0},
	    {"1.2.3", -1, 0},
	    {"-1", -1, 0},
	    {"+1", -1, 0},
	    {"1e3", -1, 0},
	    {"0x10", -1, 0},
	    {"nan", -1, 0},
	    {"inf", -1, 0},
	    {" 1", -1, 0},
	    {"1 ", -1, 0},
	    {"1,5", -1, 0},
	};
	char long_number[400];
	double value = 77;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		value = 77;
		if (num_decimal(cases[i].text, &value) != cases[i].result ||
		    value != (cases[i].result == 0 ? cases[i].value : 77))
			fail_msg("\"%s\" gave %f", cases[i].text, value);
	}
	memset(long_number, '9', sizeof long_number - 1);
	long_number[sizeof long_number - 1] = '\0';
	value = 77;
	assert_int_equal(num_decimal(long_number, &value), -1);
	assert_true(value == 77);
}

struct unit_case {
	const char *text;
	int result;
	int64_t value;
};

static void check_units(int (*parse)(const char *, int64_t *), const struct unit_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t value = 77;

		if (parse(cases[i].text, &value) != cases[i].result ||
		    value != (cases[i].result == 0 ? cases[i].value : 77))
			fail_msg("\"%s\" gave %lld", cases[i].text, (long long)value);
	}
}

static void test_duration(void **state)
{
	static const struct unit_case cases[] = {
	    {"0s", 0, 0},
	    {"30s", 0, 30000},
	    {"10m", 0, 600000},
	    {"6h", 0, 21600000},
	    {"1d", 0, 86400000},
	    {"106751991167d", 0, INT64_C(9223372036828800000)},
	    {"106751991168d", -1, 0},
	    {"9223372036854775807s", -1, 0},
	    {"99999999999999999999s", -1, 0},
	    {"30", -1, 0},
	    {"s", -1, 0},
	    {"", -1, 0},
	    {"-1s", -1, 0},
	    {"1.5h", -1, 0},
	    {"1 s", -1, 0},
	    {"1S", -1, 0},
	    {"1ms", -1, 0},
	    {"1h30m", -1, 0},
	    {"1w", -1, 0},
	    {"1e", -1, 0},
	    {"1\xff", -1, 0},
	    {"1s ", -1, 0},
	};

	(void)state;
	check_units(num_duration_ms, cases, COUNT(cases));
}

static void test_size(void **state)
{
	static const struct unit_case cases[] = {
	    {"0", 0, 0},
	    {"1", 0, 1},
	    {"512k", 0, 524288},
	    {"1M", 0, 1 << 20},
	    {"4G", 0, INT64_C(4) << 30},
	    {"2T", 0, INT64_C(2) << 40},
	    {"8388607T", 0, INT64_C(8388607) << 40},
	    {"8388608T", -1, 0},
	    {"9223372036854775807", 0, INT64_MAX},
	    {"9223372036854775808", -1, 0},
	    {"1K", -1, 0},
	    {"1m", -1, 0},
	    {"1kB", -1, 0},
	    {"k", -1, 0},
	    {"", -1, 0},
	    {"-1", -1, 0},
	    {"1.5G", -1, 0},
	};

	(void)state;
	check_units(num_size_bytes, cases, COUNT(cases));
}

static void test_format_duration(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
	    {-5, "0s"},
	    {0, "0s"},
	    {999, "0s"},
	    {45000, "45s"},
	    {59999, "59s"},
	    {60000, "1m 0s"},
	    {125000, "2m 5s"},
	    {3599999, "59m 59s"},
	    {12000000, "3h 20m"},
	    {86400000, "1d 0h"},
	    {352800000, "4d 2h"},
	    {INT64_MAX, "106751991167d 7h"},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(num_format_duration(cases[i].ms, text, sizeof text), cases[i].text);
	assert_string_equal(num_format_duration(12000000, text, 4), "3h ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_int64),
	    cmocka_unit_test(test_decimal),
	    cmocka_unit_test(test_duration),
	    cmocka_unit_test(test_size),
	    cmocka_unit_test(test_format_duration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
