/* The arithmetic of the limits: what is off by one here is a 429 there, or a rate that nobody asked for. */
#include "tg-sendd/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void an_interval_is_never_too_short(void **state)
{
	(void)state;
	assert_int_equal(pace_interval_ns(1), 1000000000);
	assert_int_equal(pace_interval_ns(30), 33333334);
	assert_int_equal(pace_interval_ns(1000000), 1000);
	assert_int_equal(pace_interval_ns(1e-300), 1000000000000);
}

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
	int64_t full = PACE_FULL;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(pace_due_ms(full, 1000000000, 3, 1) <= 500);
		pace_take(&full, 1000000000, 500);
	}
	assert_int_equal(pace_due_ms(full, 1000000000, 3, 1), 1500);
	assert_int_equal(pace_due_ms(full, 1000000000, 3, 3), 3500);
}

/* A millisecond too early would be too early. */
static void a_part_of_a_millisecond_is_waited_for(void **state)
{
	int64_t full = PACE_FULL;

	(void)state;
	pace_take(&full, 33333334, 0);
	assert_int_equal(pace_due_ms(full, 33333334, 1, 1), 34);
	full = PACE_FULL;
	pace_take(&full, 33333334, -100);
	assert_int_equal(pace_due_ms(full, 33333334, 1, 1), -66);
}

static void a_window_counts_the_last_minute(void **state)
{
	struct pace_window *window = pace_window_new();

	(void)state;
	assert_true(pace_window_due_ms(window, 20) < 0);
	for (int i = 0; i < 20; i++)
		pace_window_note(window, 1000 + i);
	assert_int_equal(pace_window_due_ms(window, 20), 61000);
	pace_window_note(window, 61000);
	assert_int_equal(pace_window_due_ms(window, 20), 61001);
	/* Fewer: the last 3 of them. More: 20 in a part of the minute. */
	assert_int_equal(pace_window_due_ms(window, 3), 61018);
	assert_int_equal(pace_window_due_ms(window, 2000), 1601);
	assert_int_equal(pace_window_due_ms(window, 7000), 1001 + 172);
	free(window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_interval_is_never_too_short),
	    cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
	    cmocka_unit_test(a_part_of_a_millisecond_is_waited_for),
	    cmocka_unit_test(a_window_counts_the_last_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
