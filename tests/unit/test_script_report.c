/*
 * A script is anybody's program and prints anything. What comes of each kind of output is promised in
 * notify-script(7): nothing that can be understood is lost, and nothing is sent that was not clearly meant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"
#include "utf8.h"
#include "xalloc.h"

#define HOUR_MS INT64_C(3600000)

static const struct parse_case {
	const char *output;
	const char *error;   /* a part of it; NULL: it is taken */
	const char *warning; /* a part of it; NULL: none */
	bool notify;
	const char *message;
	int64_t cooldown_ms;
} parse_cases[] = {
    {"{\"notify\":false}", NULL, NULL, false, NULL, HOUR_MS},
    {"\n\r\n\t {\"notify\":true,\"message\":\"x\"} \n\n", NULL, NULL, true, "x", HOUR_MS},
    {"\xef\xbb\xbf{\"notify\":true,\"message\":\"x\"}", NULL, NULL, true, "x", HOUR_MS},
    {" \xef\xbb\xbf\n{\"notify\":true,\"message\":\"x\"}\r\n", NULL, NULL, true, "x", HOUR_MS},
    {"{\n \"notify\": true,\n \"message\": \"a\\nb\"\n}\n", NULL, NULL, true, "a\nb", HOUR_MS},
    {"{\"notify\":true,\"message\":\"\xc3\xa4 \\u00e4 \\ud83d\\ude00\"}", NULL, NULL, true,
	"\xc3\xa4 \xc3\xa4 \xf0\x9f\x98\x80", HOUR_MS},
    /* what it may not be */
    {"", "printed nothing", NULL, false, NULL, 0},
    {" \n\t\n", "printed nothing", NULL, false, NULL, 0},
    {"\xef\xbb\xbf", "printed nothing", NULL, false, NULL, 0},
    {"[]", "not a JSON object", NULL, false, NULL, 0},
    {"[{\"notify\":true,\"message\":\"x\"}]", "not a JSON object", NULL, false, NULL, 0},
    {"null", "not a JSON object", NULL, false, NULL, 0},
    {"true", "not a JSON object", NULL, false, NULL, 0},
    {"7", "not a JSON object", NULL, false, NULL, 0},
    {"\"notify\"", "not a JSON object", NULL, false, NULL, 0},
    {"hello", "not JSON", NULL, false, NULL, 0},
    {"{\"notify\":true,\"message\":\"x\"", "not JSON", NULL, false, NULL, 0},
    {"{\"notify\":true,\"message\":\"x\"}}", "not JSON", NULL, false, NULL, 0},
    {"{'notify': True, 'message': 'x'}", "in Python, print json.dumps", NULL, false, NULL, 0},
    {"log\n{'notify': True}", "from line 2 on is not JSON: unexpected character", NULL, false, NULL, 0},
    {"{\"notify\":true,\"message\":\"\xff\"}", "not JSON", NULL, false, NULL, 0},
    {"{\"notify\":true,\"message\":\"\xed\xa0\x80\"}", "not JSON", NULL, false, NULL, 0},
    {"{\"notify\":true,\"message\":\"a\\u0000b\"}", "NUL", NULL, false, NULL, 0},
    /* more than one object */
    {"{\"notify\":true,\"message\":\"x\"}{\"notify\":true,\"message\":\"y\"}", "not JSON", NULL, false, NULL,
	0},
    {"{\"notify\":true,\"message\":\"x\"} {\"notify\":true,\"message\":\"y\"}", "something follows", NULL,
	false, NULL, 0},
    {"log\n{\"notify\":true,\"message\":\"x\"}{\"notify\":true,\"message\":\"y\"}",
	"from line 2 on is not JSON: something follows", NULL, false, NULL, 0},
    {"{\"notify\":true,\"message\":\"x\"}\n{\"notify\":true,\"message\":\"y\"}", "printed 2 reports", NULL,
	false, NULL, 0},
    {"log\n{\"notify\":false}\n{\"notify\":true,\"message\":\"y\"}", "printed 2 reports", NULL, false, NULL,
	0},
    {"{\n\"notify\":true,\n\"message\":\"x\"\n}\n{\n\"notify\":true,\n\"message\":\"y\"\n}",
	"printed 2 reports", NULL, false, NULL, 0},
    {"{\"notify\":true,\"message\":\"x\"}\n{\"level\":\"info\"}\n", "another object follows", NULL, false,
	NULL, 0},
    /* lines before it */
    {"loading\nmore\n{\"notify\":true,\"message\":\"x\"}\n", NULL, "ignored", true, "x", HOUR_MS},
    {"[INFO] loading\r\n{\"notify\":true,\"message\":\"x\"}\r\n", NULL, "ignored", true, "x", HOUR_MS},
    {"\xff\xfe\n{\"notify\":true,\"message\":\"x\"}\n", NULL, "ignored", true, "x", HOUR_MS},
    {"loading\n{\"notify\":true,\n\"message\":\"x\"}", NULL, "ignored", true, "x", HOUR_MS},
    {"a\r\nb\r\n {\r\n  \"notify\": true,\r\n  \"data\": [\r\n    {\"notify\": 1}\r\n  ],\r\n  \"message\": "
     "\"x\"\r\n}\r\n",
	NULL, "ignored", true, "x", HOUR_MS},
    {"log\n\xef\xbb\xbf{\"notify\":true,\"message\":\"x\"}", NULL, "ignored", true, "x", HOUR_MS},
    {"{\"level\":\"info\"}\n{\"level\":\"info\"}\ntext\n{\"notify\":true,\"message\":\"x\"}\n", NULL,
	"ignored", true, "x", HOUR_MS},
    {"loading\n{}", "\"notify\" is missing", NULL, false, NULL, 0},
    {"loading\n{\"notify\":true,}", "from line 2 on is not JSON", NULL, false, NULL, 0},
    {"{worker} started\n{\"notify\":true,\"message\":\"x\"}", "its output is not JSON", NULL, false, NULL, 0},
    {"Result: {\"notify\":true,\"message\":\"x\"}", "not JSON", NULL, false, NULL, 0},
    /* what stands inside is never taken for the report */
    {"{\"data\":\n{\"notify\":true,\"message\":\"x\"}", "its output is not JSON: it ends too early", NULL,
	false, NULL, 0},
    {"log\n{\"a\":1\n{\"notify\":true,\"message\":\"x\"}", "from line 2 on is not JSON", NULL, false, NULL,
	0},
    /* lines behind it */
    {"{\"notify\":true,\"message\":\"x\"}\ndone\n", "text follows", NULL, false, NULL, 0},
    {"log\n{\"notify\":true,\"message\":\"x\"}\ndone\n", "text follows", NULL, false, NULL, 0},
    {"{\"notify\":true,\"message\":\"x\"} done", "something follows", NULL, false, NULL, 0},
    {"loading\n[1]", "not JSON", NULL, false, NULL, 0},
    {"loading\n\xef\xbb\xbf", "not JSON", NULL, false, NULL, 0},
    /* notify */
    {"{}", "\"notify\" is missing", NULL, false, NULL, 0},
    {"{\"message\":\"x\"}", "\"notify\" is missing", NULL, false, NULL, 0},
    {"{\"notify\":null,\"message\":\"x\"}", "\"notify\" is missing", NULL, false, NULL, 0},
    {"{\"notify\":\"true\",\"message\":\"x\"}", "true or false", NULL, false, NULL, 0},
    {"{\"notify\":1,\"message\":\"x\"}", "true or false", NULL, false, NULL, 0},
    {"{\"notify\":[true],\"message\":\"x\"}", "true or false", NULL, false, NULL, 0},
    /* nothing to send */
    {"{\"notify\":true}", NULL, "nothing to send", false, NULL, HOUR_MS},
    {"{\"notify\":true,\"title\":\"x\"}", NULL, "nothing to send", false, NULL, HOUR_MS},
    {"{\"notify\":true,\"message\":\"\"}", NULL, "nothing to send", false, NULL, HOUR_MS},
    {"{\"notify\":true,\"message\":\" \\n\",\"image_path\":\"\"}", NULL, "nothing to send", false, NULL,
	HOUR_MS},
    {"{\"notify\":true,\"message\":null}", NULL, "nothing to send", false, NULL, HOUR_MS},
    {"{\"notify\":true,\"image_path\":[1]}", NULL, "left out; nothing to send", false, NULL, HOUR_MS},
    {"{\"notify\":false,\"message\":\"x\"}", NULL, NULL, false, "x", HOUR_MS},
    {"{\"notify\":true,\"image_path\":\"/x\"}", NULL, NULL, true, NULL, HOUR_MS},
    {"{\"notify\":true,\"document_path\":\"x\"}", NULL, NULL, true, NULL, HOUR_MS},
    /* twice: the last one counts */
    {"{\"notify\":true,\"message\":\"x\",\"notify\":false,\"message\":\"y\"}", NULL, NULL, false, "y",
	HOUR_MS},
    /* numbers */
    {"{\"notify\":true,\"message\":5}", NULL, "is a number", true, "5", HOUR_MS},
    {"{\"notify\":true,\"message\":-1.50}", NULL, "is a number", true, "-1.50", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"data\":1e999}", NULL, NULL, true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"data\":9223372036854775807}", NULL, NULL, true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"data\":9223372036854775808}", "number is too large", NULL, false,
	NULL, 0},
    /* other types: what is not required is left out */
    {"{\"notify\":true,\"message\":[\"x\"]}", "\"message\" must be a string", NULL, false, NULL, 0},
    {"{\"notify\":true,\"message\":false,\"image_path\":\"x\"}", "\"message\" must be", NULL, false, NULL, 0},
    {"{\"notify\":true,\"message\":\"x\",\"title\":[]}", NULL, "\"title\" must be a string, so it is left",
	true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"title\":\"\\u0000\"}", NULL,
	"\"title\" contains a NUL character, so", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"image_path\":{}}", NULL, "\"image_path\" must", true, "x",
	HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"document_path\":7}", NULL, "\"document_path\" must", true, "x",
	HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"silent\":\"no\"}", NULL, "\"silent\" must be true or false, so",
	true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"key\":\"a\\n\"}", NULL, "control characters", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"key\":"
     "\"0123456789012345678901234567890123456789012345678901234567890123x\"}",
	NULL, "longer than 64 bytes", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"key\":7}", NULL, "\"key\" must be", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"title\":1,\"image_path\":2,\"document_path\":3,\"key\":4,"
     "\"silent\":5,\"cooldown\":6}",
	NULL, "\"silent\" must be", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"title\":null,\"key\":null}", NULL, NULL, true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"data\":{\"v\":1},\"more\":[1]}", NULL, NULL, true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"data\":{\"v\":NaN}}", "not JSON", NULL, false, NULL, 0},
    {"{\"notify\":true,\"message\":\"x\",\"data\":-Infinity}", "NaN or Infinity, which JSON does not have",
	NULL, false, NULL, 0},
    /* cooldown */
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"30m\"}", NULL, NULL, true, "x", HOUR_MS / 2},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"90s\"}", NULL, NULL, true, "x", 90000},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\" 6H\\n\"}", NULL, NULL, true, "x", 6 * HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"1D\"}", NULL, NULL, true, "x", 24 * HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"0s\"}", NULL, NULL, true, "x", 0},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"9999999d\"}", NULL, NULL, true, "x",
	SCRIPT_COOLDOWN_MAX_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":null}", NULL, NULL, true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"key\":\"k\"}", NULL, NULL, true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"key\":\"k\",\"cooldown\":\"2h\"}", NULL, NULL, true, "x",
	2 * HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"\"}", NULL, "1h is taken", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"2\"}", NULL, "instead of 2", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"2w\"}", NULL, "instead of 2w", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"1h30m\"}", NULL, "1h is taken", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"-1h\"}", NULL, "1h is taken", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"1.5h\"}", NULL, "1h is taken", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":3600}", NULL, "instead of 3600", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":NaN}", "not JSON", NULL, false, NULL, 0},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"\\u001b\\ncolour\"}", NULL, "instead of ??colour",
	true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"1 h\"}", NULL, "instead of 1 h", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":{\"h\":1}}", NULL, "1h is taken", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":false}", NULL, "1h is taken", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":[\"1h\"]}", NULL, "1h is taken", true, "x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"99999999999999999999d\"}", NULL, "1h is taken", true,
	"x", HOUR_MS},
    {"{\"notify\":true,\"message\":\"x\",\"cooldown\":\"000000000000000000000000000001h\"}", NULL,
	"1h is taken", true, "x", HOUR_MS},
};

static void check_case(const struct parse_case *test, const char *output, size_t len)
{
	struct script_report report = {.cooldown_ms = -7}, before = report;
	struct error error = {.text = ""};
	int result = script_parse(output, len, &report, &error);

	if (test->error != NULL) {
		if (result != -1 || strstr(error.text, test->error) == NULL)
			fail_msg("%s: %d '%s'", test->output, result, error.text);
		assert_int_equal(error.kind, ERROR_INPUT);
		assert_memory_equal(&report, &before, sizeof report);
		return;
	}
	if (result != 0)
		fail_msg("%s: %s", test->output, error.text);
	assert_true(utf8_is_valid(report.warning, strlen(report.warning)));
	if (test->warning == NULL ? report.warning[0] != '\0' : strstr(report.warning, test->warning) == NULL)
		fail_msg("%s: warning '%s'", test->output, report.warning);
	if (report.cooldown_ms != test->cooldown_ms)
		fail_msg("%s: %lld ms", test->output, (long long)report.cooldown_ms);
	assert_int_equal(report.notify, test->notify);
	if (test->message == NULL)
		assert_null(report.message);
	else
		assert_string_equal(report.message, test->message);
	script_report_free(&report);
}

/* Each is handed over without a '\0' behind it, so that a sanitizer sees a read too far. */
static void outputs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof parse_cases / sizeof parse_cases[0]; i++) {
		size_t len = strlen(parse_cases[i].output);
		char *exact = xmalloc(len);

		memcpy(exact, parse_cases[i].output, len);
		check_case(&parse_cases[i], exact, len);
		free(exact);
	}
}

static void all_fields(void **state)
{
	static const char output[] = "{\"notify\":true,\"title\":\"t\",\"message\":\"m\",\"image_path\":\"/"
				     "i\",\"document_path\":\"/d\","
				     "\"key\":\"k\",\"silent\":true,\"cooldown\":\"5m\",\"data\":{\"x\":1}}";
	struct script_report report;
	struct error error;

	(void)state;
	assert_int_equal(script_parse(output, sizeof output - 1, &report, &error), 0);
	assert_true(report.notify);
	assert_true(report.silent);
	assert_string_equal(report.title, "t");
	assert_string_equal(report.message, "m");
	assert_string_equal(report.image_path, "/i");
	assert_string_equal(report.document_path, "/d");
	assert_string_equal(report.key, "k");
	assert_int_equal(report.cooldown_ms, 300000);
	assert_string_equal(report.warning, "");
	script_report_free(&report);
}

/* A value that is cut in the warning is not cut within a character. */
static void warning_of_letters(void **state)
{
	static const char output[] = "{\"notify\":true,\"message\":\"x\",\"cooldown\":\"x"
				     "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3"
				     "\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"}";
	struct script_report report;
	struct error error;

	(void)state;
	assert_int_equal(script_parse(output, sizeof output - 1, &report, &error), 0);
	assert_non_null(strstr(report.warning, "instead of x\xc3\xa4"));
	assert_null(strchr(report.warning, '?'));
	assert_true(utf8_is_valid(report.warning, strlen(report.warning)));
	script_report_free(&report);
}

/* Each line begins what could be an object: the work stays in proportion to the length. */
static void many_lines(void **state)
{
	static const char line[] = "{\"a\":[1,2,3,4,5,6,7,8]}\n";
	size_t count = 40000, len = count * (sizeof line - 1);
	char *output = xmalloc(len);
	struct script_report report;
	struct error error;

	(void)state;
	for (size_t i = 0; i < count; i++)
		memcpy(output + i * (sizeof line - 1), line, sizeof line - 1);
	assert_int_equal(script_parse(output, len, &report, &error), -1);
	assert_string_equal(error.text, "\"notify\" is missing; it must be true or false");
	free(output);
}

/* How a script ended counts before what it printed. */
static void conclusions(void **state)
{
	static const struct conclusion {
		struct child_result result;
		const char *output, *error;
	} cases[] = {
	    {{.exit_status = 0}, "{\"notify\":false}", NULL},
	    {{.exit_status = 3}, "{\"notify\":true,\"message\":\"x\"}", "exit code 3"},
	    {{.exit_status = -1, .signal = SIGKILL}, "{\"notify\":false}",
		"it was ended by signal 9 (Killed)"},
	    {{.exit_status = 0, .timed_out = true}, "{\"notify\":false}",
		"it did not end within 1m 30s and was ended"},
	    {{.exit_status = 0, .stopped = true}, "{\"notify\":false}", "it was stopped"},
	    {{.exit_status = 0, .output_cut = true}, "{\"notify\":false}", "it printed more than 1000 bytes"},
	    {{.exit_status = 0}, "", "it printed nothing"},
	    {{.exit_status = 1, .output_cut = true}, "x", "exit code 1"},
	};
	struct script_run run = {.timeout_ms = 90000, .output_max_bytes = 1000};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct child_result result = cases[i].result;
		struct script_report report;
		struct error error;

		buf_init(&result.output, 1000);
		assert_int_equal(buf_add_text(&result.output, cases[i].output), 0);
		assert_int_equal(script_conclude(&result, &run, &report, &error), cases[i].error ? -1 : 0);
		if (cases[i].error != NULL)
			assert_int_equal(strncmp(error.text, cases[i].error, strlen(cases[i].error)), 0);
		else
			script_report_free(&report);
		buf_free(&result.output);
	}
}

static void nul_bytes_and_depth(void **state)
{
	static const char zeros[16], tail[] = "{\"notify\":false}\0";
	struct script_report report;
	struct error error;
	char deep[20000];

	(void)state;
	memset(deep, '[', sizeof deep);
	memcpy(deep, "{\"a\":", 5);
	assert_int_equal(script_parse(zeros, sizeof zeros, &report, &error), -1);
	assert_int_equal(script_parse(tail, sizeof tail - 1, &report, &error), -1);
	assert_int_equal(script_parse(deep, sizeof deep, &report, &error), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(outputs),
	    cmocka_unit_test(all_fields),
	    cmocka_unit_test(warning_of_letters),
	    cmocka_unit_test(many_lines),
	    cmocka_unit_test(conclusions),
	    cmocka_unit_test(nul_bytes_and_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
