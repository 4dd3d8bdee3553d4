/* A list that bots read: its form is what they rely on, and a tg-sendd that answers nonsense must not break
 * it. */
#include "notify-scripts/listing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

static int64_t last_run(void *context, const char *script)
{
	(void)context;
	return strcmp(script, "disk.sh") == 0 ? 1000000 : 0;
}

static void check(const char *name, const char *answer, const char *expected)
{
	struct script script = {.path = NULL};
	struct script_list list = {&script, 1};
	struct json_object *sent = NULL, *rows;
	struct error error;

	strcpy(script.name, name);
	if (answer != NULL)
		assert_int_equal(json_parse_object(answer, strlen(answer), "it", &sent, &error), 0);
	rows = listing_make(&list, last_run, NULL, sent, 1000000 + 5 * 60000);
	assert_string_equal(json_line(rows), expected);
	json_object_put(rows);
	json_object_put(sent);
}

#define UNKNOWN "\"last_sent\":null,\"cooldown_until\":null}]"

static void what_is_not_known_is_null(void **state)
{
	static const char *const nonsense[] = {"{}", "{\"scripts\":null}", "{\"scripts\":7}",
	    "{\"scripts\":[1,null,\"disk.sh\",[]]}", "{\"scripts\":[{\"script\":7}]}",
	    "{\"scripts\":[{\"script\":\"disk\",\"last_sent\":\"2026-01-31T08:00:00Z\"}]}",
	    "{\"scripts\":[{\"script\":\"disk.sh\",\"last_sent\":7,\"cooldown_until\":\"soon\"}]}"};

	(void)state;
	check("x", NULL, "[{\"name\":\"x\",\"stem\":\"x\",\"last_run\":null," UNKNOWN);
	for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++)
		check("disk.sh", nonsense[i],
		    "[{\"name\":\"disk.sh\",\"stem\":\"disk\",\"last_run\":\"5m ago\"," UNKNOWN);
	check("disk.sh",
	    "{\"scripts\":[{\"script\":\"a\"},{\"script\":\"disk.sh\",\"last_sent\":\"2026-01-31T08:00:00Z\","
	    "\"cooldown_until\":null}]}",
	    "[{\"name\":\"disk.sh\",\"stem\":\"disk\",\"last_run\":\"5m ago\","
	    "\"last_sent\":\"2026-01-31T08:00:00Z\",\"cooldown_until\":null}]");
}

static void the_stem_is_less_the_last_extension(void **state)
{
	(void)state;
	check("a.tar.gz", NULL, "[{\"name\":\"a.tar.gz\",\"stem\":\"a.tar\",\"last_run\":null," UNKNOWN);
	check("a.", NULL, "[{\"name\":\"a.\",\"stem\":\"a\",\"last_run\":null," UNKNOWN);
}

static void an_age_has_one_unit(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} tests[] = {{-5, "0s ago"}, {0, "0s ago"}, {59, "59s ago"}, {60, "1m ago"}, {3599, "59m ago"},
	    {3600, "1h ago"}, {86399, "23h ago"}, {86400, "1d ago"}, {86400 * 400, "400d ago"}};
	char text[LISTING_AGO_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
		assert_string_equal(listing_ago(tests[i].seconds * 1000, text), tests[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_not_known_is_null),
	    cmocka_unit_test(the_stem_is_less_the_last_extension),
	    cmocka_unit_test(an_age_has_one_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
