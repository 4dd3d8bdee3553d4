/*
 * A report must not be shown as JSON on the phone, and nothing else may be kept back from somebody who
 * watches: each line says what is told at once, what is held at the end.
 */
#include "notify-scripts/withhold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void on_output(void *context, const char *data, size_t len)
{
	assert_true(len > 0);
	assert_int_equal(buf_add(context, data, len), 0);
}

static void check(const char *data, size_t cut, size_t max_bytes, const char *told, const char *held)
{
	struct buf got = BUF_INIT(1 << 20);
	struct withhold withhold;
	size_t len = strlen(data);

	withhold_init(&withhold, max_bytes);
	for (size_t i = 0; i < len; i += cut)
		withhold_feed(&withhold, data + i, len - i < cut ? len - i : cut, on_output, &got);
	if (strcmp(buf_text(&got), told) != 0 || strcmp(buf_text(&withhold.held), held) != 0)
		fail_msg(
		    "%s (by %zu): told %s, held %s", data, cut, buf_text(&got), buf_text(&withhold.held));
	withhold_release(&withhold, on_output, &got);
	assert_string_equal(buf_text(&got), data);
	withhold_free(&withhold);
	buf_free(&got);
}

#define REPORT "{\"notify\":true,\"message\":\"a } b\\\" { \\\\\"}"

static void only_what_may_be_a_report_is_held(void **state)
{
	static const struct {
		const char *data, *told, *held;
	} tests[] = {
	    {REPORT, "", REPORT},
	    {REPORT "\n", "", REPORT "\n"},
	    {"\xef\xbb\xbf" REPORT "\r\n \n", "", "\xef\xbb\xbf" REPORT "\r\n \n"},
	    {"log\n" REPORT "\n", "log\n", REPORT "\n"},
	    {"log " REPORT "\n", "log " REPORT "\n", ""},
	    {"\n\n  " REPORT, "\n\n", "  " REPORT},
	    {"{\n  \"notify\": false,\n  \"data\": [{}, []]\n}\n", "",
		"{\n  \"notify\": false,\n  \"data\": [{}, []]\n}\n"},
	    /* it can still become one */
	    {"{", "", "{"},
	    {"log\n{\"notify\":", "log\n", "{\"notify\":"},
	    {"  ", "", "  "},
	    /* it is none */
	    {"{ progress", "{ progress", ""},
	    {"{}", "{}", ""},
	    {"{\"a\":1}", "{\"a\":1}", ""},
	    {"{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}\n{\"b\":2}\n", ""},
	    {"{\"notify\":1,}", "{\"notify\":1,}", ""},
	    {"{\"a\nb", "{\"a\nb", ""},
	    {"[1]\n", "[1]\n", ""},
	    {"  a\n", "  a\n", ""},
	    {"{\n{", "{\n", "{"},
	    /* it was one until more came */
	    {REPORT " x", REPORT " x", ""},
	    {REPORT "\nx\n", REPORT "\nx\n", ""},
	    {REPORT "\n" REPORT "\n", REPORT "\n", REPORT "\n"},
	    {REPORT REPORT "\n", REPORT REPORT "\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
		for (size_t cut = 1; cut <= 40; cut += 3)
			check(tests[i].data, cut, 1000, tests[i].told, tests[i].held);
	}
}

static void no_more_is_held_than_may_be(void **state)
{
	(void)state;
	check("{\"notify\":\"0123456789", 5, 10, "{\"notify\":\"0123456789", "");
	check("              x", 5, 10, "              x", "");
	check("{\"notify\":\n{", 5, 10, "{\"notify\":\n", "{");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_what_may_be_a_report_is_held),
	    cmocka_unit_test(no_more_is_held_than_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
