/* A script that is left out by mistake says nothing, and nobody notices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "json.h"
#include "notify-runner/cooling.h"

static void only_who_surely_cools_is_left_out(void **state)
{
	static const char answer[] =
	    "{\"scripts\":[7,null,{\"script\":\"a\"},{\"script\":\"b\",\"cooldown_until\":null},"
	    "{\"script\":\"c\",\"last_sent\":\"2026-01-31T07:00:00Z\",\"cooldown_until\":\"2026-01-31T08:00:"
	    "00Z\"},"
	    "{\"script\":\"d\",\"cooldown_until\":\"tomorrow\"}]}";
	static const int64_t until = 1769846400000;
	static const struct {
		const char *script;
		int64_t now_ms;
		bool expected;
	} cases[] = {
	    {"c", 1769846399999, true},
	    {"c", 1769846400000, false},
	    {"a", 0, false},
	    {"b", 0, false},
	    {"d", 0, false},
	    {"cc", 0, false},
	};
	struct json_object *object;
	struct error error;
	int64_t got = 0;

	(void)state;
	assert_int_equal(json_parse_object(answer, strlen(answer), "x", &object, &error), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(
		    cooling_until(object, cases[i].script, cases[i].now_ms, &got), cases[i].expected);
		if (cases[i].expected)
			assert_int_equal(got, until);
	}
	json_object_put(object);
	assert_false(cooling_until(NULL, "c", 0, &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(only_who_surely_cools_is_left_out)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
