/* A reminder an hour or a day off is worse than an error: what people write for a time, and what it means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "tg-send/when.h"

/* As POSIX writes them, so that no files of zones are needed. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"
#define AUCKLAND "NZST-12NZDT,M9.5.0,M4.1.0/3"
#define TOKYO "JST-9"

static int64_t ms(const char *utc)
{
	struct tm tm = {0};

	assert_non_null(strptime(utc, "%Y-%m-%dT%H:%M:%SZ", &tm));
	return (int64_t)timegm(&tm) * 1000;
}

static void check(const char *zone, const char *now, const char *text, const char *expected)
{
	char shown[CLOCK_TEXT_BYTES];
	struct error error = {0};
	int64_t at_ms = 0;

	setenv("TZ", zone, 1);
	if (when_parse(text, ms(now), &at_ms, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	assert_string_equal(clock_format(at_ms, shown), expected);
	assert_int_equal(at_ms % 1000, 0);
}

static void a_bare_time_is_the_next_one(void **state)
{
	static const char now[] = "2026-01-31T16:59:59Z"; /* 17:59:59 in Berlin */

	(void)state;
	check("UTC", now, "17:00", "2026-01-31T17:00:00Z");
	check("UTC", now, "16:59:59", "2026-02-01T16:59:59Z");
	check("UTC", now, "00:00", "2026-02-01T00:00:00Z");
	check("UTC", now, "23:59", "2026-01-31T23:59:00Z");
	check(BERLIN, now, "18:00", "2026-01-31T17:00:00Z");
	check(BERLIN, now, "17:59", "2026-02-01T16:59:00Z");
	check(BERLIN, now, "8:05", "2026-02-01T07:05:00Z");
	check(NEW_YORK, now, "18:00", "2026-01-31T23:00:00Z");
	check(AUCKLAND, now, "05:00", "2026-02-01T16:00:00Z");
}

static void days(void **state)
{
	static const char now[] = "2026-12-31T22:30:00Z";

	(void)state;
	check("UTC", now, "tomorrow 08:00", "2027-01-01T08:00:00Z");
	check("UTC", now, "Tomorrow 22:00", "2027-01-01T22:00:00Z");
	check("UTC", now, "today 23:00", "2026-12-31T23:00:00Z");
	/* There it is the next year already. */
	check(TOKYO, now, "tomorrow 08:00", "2027-01-01T23:00:00Z");
	check("UTC", now, "2027-01-31 18:00", "2027-01-31T18:00:00Z");
	check("UTC", now, "2027-01-31T18:00:30", "2027-01-31T18:00:30Z");
	check(BERLIN, now, "2027-07-31 18:00", "2027-07-31T16:00:00Z");
	check("UTC", now, "2028-02-29 00:00", "2028-02-29T00:00:00Z");
}

static void zones(void **state)
{
	static const char now[] = "2026-01-01T00:00:00Z";

	(void)state;
	check(BERLIN, now, "2026-01-31T18:00:00Z", "2026-01-31T18:00:00Z");
	check(BERLIN, now, "2026-01-31 18:00z", "2026-01-31T18:00:00Z");
	check("UTC", now, "2026-01-31T18:00:00+01:00", "2026-01-31T17:00:00Z");
	check("UTC", now, "2026-01-31T18:00-0530", "2026-01-31T23:30:00Z");
	check(TOKYO, now, "2026-01-01T00:30+00:00", "2026-01-01T00:30:00Z");
}

/* At 02:00 of 2026-03-29 the clocks of Berlin go to 03:00, at 03:00 of 2026-10-25 back to 02:00. */
static void when_the_clocks_change(void **state)
{
	int64_t at_ms = 0;
	struct error error;

	(void)state;
	check(BERLIN, "2026-03-28T12:00:00Z", "08:00", "2026-03-29T06:00:00Z");
	check(BERLIN, "2026-03-28T20:00:00Z", "tomorrow 21:00", "2026-03-29T19:00:00Z");
	check(BERLIN, "2026-10-24T12:00:00Z", "tomorrow 12:00", "2026-10-25T11:00:00Z");
	assert_int_equal(when_parse("2026-03-29 02:30", ms("2026-03-28T12:00:00Z"), &at_ms, &error), 0);
	assert_in_range(at_ms, ms("2026-03-29T00:30:00Z"), ms("2026-03-29T01:30:00Z"));
	assert_int_equal(when_parse("2026-10-25 02:30", ms("2026-10-24T12:00:00Z"), &at_ms, &error), 0);
	assert_in_range(at_ms, ms("2026-10-25T00:30:00Z"), ms("2026-10-25T01:30:00Z"));
}

static void what_is_no_time(void **state)
{
	static const struct {
		const char *text, *words;
	} table[] = {
	    {"", "is no time"},
	    {"18", "is no time"},
	    {"18:0", "is no time"},
	    {"118:00", "is no time"},
	    {"18:00 ", "is no time"},
	    {" 18:00", "is no time"},
	    {"18:00:", "is no time"},
	    {"18:00:00:00", "is no time"},
	    {"18:00Z", "is no time"},
	    {"6pm", "is no time"},
	    {"tomorrow", "is no time"},
	    {"tomorrow08:00", "is no time"},
	    {"tomorrow 08:00Z", "is no time"},
	    {"2027-01-31", "is no time"},
	    {"2027-1-31 18:00", "is no time"},
	    {"31.01.2027 18:00", "is no time"},
	    {"2027-01-31T18:00+1", "is no time"},
	    {"2027-01-31T18:00 CET", "is no time"},
	    {"-001-01-01 18:00", "is no time"},
	    {"24:00", "no such time"},
	    {"18:60", "no such time"},
	    {"18:00:60", "no such time"},
	    {"2027-02-29 18:00", "no such time"},
	    {"2027-00-10 18:00", "no such time"},
	    {"2027-13-10 18:00", "no such time"},
	    {"2027-12-00 18:00", "no such time"},
	    {"2027-01-31T18:00+24:00", "no such time"},
	    {"2026-01-31 11:59", "has passed"},
	    {"2026-01-31T13:00+01:00", "has passed"},
	    {"today 12:00", "has passed"},
	    {"1999-12-31 18:00", "has passed"},
	    {"0000-01-01 00:00", "has passed"},
	};

	(void)state;
	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct error error = {0};
		int64_t at_ms = 7;

		if (when_parse(table[i].text, ms("2026-01-31T12:00:00Z"), &at_ms, &error) != -1)
			fail_msg("'%s' was taken", table[i].text);
		assert_int_equal(error.kind, ERROR_USAGE);
		if (strstr(error.text, table[i].words) == NULL)
			fail_msg("'%s': %s", table[i].text, error.text);
		assert_int_equal(at_ms, 7);
	}
}

static void shown(void **state)
{
	char text[WHEN_TEXT_BYTES];

	(void)state;
	setenv("TZ", BERLIN, 1);
	tzset();
	assert_string_equal(when_format(ms("2026-07-31T22:30:59Z"), text), "2026-08-01 00:30");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bare_time_is_the_next_one),
	    cmocka_unit_test(days),
	    cmocka_unit_test(zones),
	    cmocka_unit_test(when_the_clocks_change),
	    cmocka_unit_test(what_is_no_time),
	    cmocka_unit_test(shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
