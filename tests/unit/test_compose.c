/*
 * What the command line says must arrive as that and nothing else: a value that is lost on the way, or a
 * contradiction that is taken, is noticed by nobody but the one who waits for the message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "json.h"
#include "tg-send/compose.h"

static char *const dash[] = {"-", NULL};
static char *const two_words[] = {"one", "two", NULL};

static void check_request(const struct compose *message, const char *text,
    const struct compose_uploaded *files, size_t count, const char *expected)
{
	struct json_object *body = compose_request(message, text, files, count);

	assert_string_equal(json_line(body), expected);
	json_object_put(body);
}

static void only_what_was_given_is_asked_for(void **state)
{
	struct compose message = {0};

	(void)state;
	check_request(&message, "hi", NULL, 0, "{\"text\":\"hi\"}");
	check_request(&message, NULL, NULL, 0, "{}");
}

static void everything_that_was_given_is_asked_for(void **state)
{
	struct compose message = {.user = "alice",
	    .to = "@ops",
	    .title = "T",
	    .format = "pre",
	    .lang = "c",
	    .key = "k",
	    .reply_to = "r",
	    .cooldown = "1h",
	    .at_ms = 1769882400000,
	    .thread = 5,
	    .silent = true,
	    .no_preview = true};
	struct compose later = {.in = "10m"};
	const struct compose_uploaded files[] = {{"ab", "chart.png", true}, {"cd", "log\xff", false}};

	(void)state;
	check_request(&message, "x", NULL, 0,
	    "{\"user\":\"alice\",\"to\":\"@ops\",\"title\":\"T\",\"text\":\"x\",\"parse_mode\":\"pre\","
	    "\"lang\":\"c\",\"key\":\"k\",\"reply_to\":\"r\",\"cooldown\":\"1h\","
	    "\"at\":\"2026-01-31T18:00:00Z\",\"thread\":5,\"silent\":true,\"no_preview\":true}");
	check_request(&later, "x", NULL, 0, "{\"text\":\"x\",\"in\":\"10m\"}");
	check_request(&(struct compose){0}, NULL, files, 2,
	    "{\"files\":[{\"file\":\"ab\",\"name\":\"chart.png\",\"kind\":\"photo\"},"
	    "{\"file\":\"cd\",\"name\":\"log\xef\xbf\xbd\",\"kind\":\"document\"}]}");
}

static void a_request_is_json_whatever_was_typed(void **state)
{
	struct compose message = {.title = "a\xff\x01\"b", .key = "k\xc3"};

	(void)state;
	check_request(&message, "x", NULL, 0,
	    "{\"title\":\"a\xef\xbf\xbd\\\"b\",\"text\":\"x\",\"key\":\"k\xef\xbf\xbd\"}");
}

static void taking_back(void **state)
{
	struct compose message = {.user = "alice", .to = "@ops"};
	struct json_object *body = compose_delete(&message, "k");

	(void)state;
	assert_string_equal(json_line(body), "{\"user\":\"alice\",\"to\":\"@ops\",\"key\":\"k\"}");
	json_object_put(body);
}

static void what_goes_together(void **state)
{
	static const struct compose table[] = {
	    {0},
	    {.format = "HTML"},
	    {.format = "Markdown"},
	    {.format = "text"},
	    {.format = "pre", .lang = "c"},
	    {.cooldown = "1h", .in = "30s"},
	    {.cooldown = "1d", .at_ms = 1},
	    {.words = dash, .words_count = 1},
	    {.words = dash, .words_count = 1, .files = {{"a", true}}, .files_count = 1, .name = "n"},
	    {.words = two_words, .words_count = 2, .files = {{"-", true}}, .files_count = 1},
	    {.files = {{"a", true}, {"-", false}}, .files_count = 2, .name = "n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct error error;

		if (compose_check(&table[i], &error) != 0)
			fail_msg("%zu: %s", i, error.text);
	}
}

static void what_does_not_go_together(void **state)
{
	static const struct {
		struct compose message;
		const char *words;
	} table[] = {
	    {{.format = "report.pdf"}, "a file is sent with -a"},
	    {{.format = ""}, "-f takes"},
	    {{.lang = "c"}, "--pre"},
	    {{.format = "html", .lang = "c"}, "--pre"},
	    {{.cooldown = "1"}, "--cooldown"},
	    {{.cooldown = "0s"}, "--cooldown"},
	    {{.in = "soon"}, "--in"},
	    {{.in = "-5m"}, "--in"},
	    {{.in = "5m", .at_ms = 1}, "--at"},
	    {{.files = {{"-", true}, {"-", false}}, .files_count = 2}, "only one"},
	    {{.files = {{"-", true}}, .files_count = 1, .words = dash, .words_count = 1}, "only one"},
	    {{.user = "u", .to = "@ops"}, "--to"},
	    {{.key = "k", .files = {{"a", true}, {"b", true}}, .files_count = 2}, "--key"},
	    {{.name = "n"}, "--name"},
	    {{.name = "n", .files = {{"a", true}, {"b", true}}, .files_count = 2}, "--name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct error error = {0};

		assert_int_equal(compose_check(&table[i].message, &error), -1);
		assert_int_equal(error.kind, ERROR_USAGE);
		if (strstr(error.text, table[i].words) == NULL)
			fail_msg("%zu: %s", i, error.text);
	}
}

static void names_of_files(void **state)
{
	struct compose one = {.files = {{"/tmp/x", false}}, .files_count = 1, .name = "report.pdf"};
	struct compose two = {.files = {{"/tmp/x", false}, {"-", false}}, .files_count = 2, .name = "log"};
	struct compose unnamed = {.files = {{"-", false}}, .files_count = 1};

	(void)state;
	assert_string_equal(compose_file_name(&one, 0), "report.pdf");
	assert_null(compose_file_name(&two, 0));
	assert_string_equal(compose_file_name(&two, 1), "log");
	assert_string_equal(compose_file_name(&unnamed, 0), "stdin");
	assert_true(compose_file_is_stdin(&two));
	assert_false(compose_file_is_stdin(&one));
}

static void words(void **state)
{
	struct compose message = {.words = two_words, .words_count = 2};
	struct compose lone_dash = {.words = dash, .words_count = 1};
	struct buf text = BUF_INIT(100), small = BUF_INIT(5);
	struct error error;

	(void)state;
	assert_false(compose_is_dash(&message));
	assert_true(compose_is_dash(&lone_dash));
	assert_int_equal(compose_words(&message, &text, &error), 0);
	assert_string_equal(buf_text(&text), "one two");
	assert_int_equal(compose_words(&message, &small, &error), -1);
	assert_int_equal(error.kind, ERROR_INPUT);
	buf_free(&text);
	buf_free(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_what_was_given_is_asked_for),
	    cmocka_unit_test(everything_that_was_given_is_asked_for),
	    cmocka_unit_test(a_request_is_json_whatever_was_typed),
	    cmocka_unit_test(taking_back),
	    cmocka_unit_test(what_goes_together),
	    cmocka_unit_test(what_does_not_go_together),
	    cmocka_unit_test(names_of_files),
	    cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
