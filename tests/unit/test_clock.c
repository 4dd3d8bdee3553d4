/* Why: times are printed for people and read back by programs; a wrong one is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

static void test_format(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
	    {0, "1970-01-01T00:00:00Z"},
	    {INT64_C(1769846400123), "2026-01-31T08:00:00Z"},
	    {INT64_C(1709164799999), "2024-02-28T23:59:59Z"},
	    {INT64_C(1709164800000), "2024-02-29T00:00:00Z"},
	    {INT64_C(4102444800007), "2100-01-01T00:00:00Z"},
	    {-1, "1969-12-31T23:59:59Z"},
	    {-1000, "1969-12-31T23:59:59Z"},
	    {INT64_MAX, "292278994-08-17T07:12:55Z"},
	    {INT64_MIN, "-292275055-05-16T16:47:04Z"},
	};
	char text[CLOCK_TEXT_BYTES];

	(void)state;
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(clock_format(cases[i].ms, text), cases[i].text);
}

static void test_clocks(void **state)
{
	int64_t before = (int64_t)time(NULL) * 1000, earlier = clock_monotonic_ms(), now;

	(void)state;
	assert_in_range(clock_wall_ms(), before - 1000, before + 10000);
	for (int i = 0; i < 1000; i++) {
		now = clock_monotonic_ms();
		assert_true(now >= earlier);
		earlier = now;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_format),
	    cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
