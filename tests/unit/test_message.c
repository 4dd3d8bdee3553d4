/* What people submit is hostile or sloppy: which fields are taken, and what reaches Telegram of them. */
#include "message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

/* Reads, checks and composes; returns the parameters as a line, or the error. The caller frees it. */
static char *submit(enum message_kind kind, const char *body)
{
	struct json_object *object = NULL, *parameters = NULL;
	struct message_fields fields;
	struct error error;
	char *result;

	if (json_parse_object(body, strlen(body), "the body", &object, &error) != 0 ||
	    message_read_json(kind, object, &fields, &error) != 0 ||
	    message_check(kind, &fields, &error) != 0 ||
	    message_compose(kind, &fields, &parameters, &error) != 0) {
		assert_int_equal(error.kind, ERROR_INPUT);
		result = strdup(error.text);
	} else {
		result = strdup(json_line(parameters));
	}
	json_object_put(parameters);
	json_object_put(object);
	return result;
}

struct row {
	enum message_kind kind;
	const char *body;
	const char *expected; /* parameters, or a part of the error */
};

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *result = submit(rows[i].kind, rows[i].body);

		if (rows[i].expected[0] == '{')
			assert_string_equal(result, rows[i].expected);
		else if (strstr(result, rows[i].expected) == NULL)
			fail_msg("%s: %s is not in %s", rows[i].body, rows[i].expected, result);
		free(result);
	}
}

static void fields_become_parameters(void **state)
{
	static const struct row rows[] = {
	    {MESSAGE_TEXT, "{\"text\":\"hi\"}", "{\"text\":\"hi\"}"},
	    {MESSAGE_TEXT, "{\"text\":\"hi\",\"silent\":true}",
		"{\"text\":\"hi\",\"disable_notification\":true}"},
	    {MESSAGE_TEXT, "{\"text\":\"a\\u0007b\\tc\\nd\\u001b[0m\"}", "{\"text\":\"ab\\tc\\nd\"}"},
	    {MESSAGE_TEXT, "{\"text\":\"hi\",\"title\":\"T\\u00e4\\n\\ud83d\\ude00\"}",
		"{\"text\":\"T\xc3\xa4 \xf0\x9f\x98\x80\\nhi\",\"entities\":[{\"type\":\"bold\",\"offset\":0,"
		"\"length\":5}]}"},
	    {MESSAGE_TEXT, "{\"text\":\"hi\",\"title\":\"a<b\",\"parse_mode\":\"HTML\"}",
		"{\"text\":\"<b>a&lt;b</b>\\nhi\",\"parse_mode\":\"HTML\"}"},
	    {MESSAGE_TEXT, "{\"text\":\"hi\",\"title\":\"1.5\",\"parse_mode\":\"MarkdownV2\"}",
		"{\"text\":\"*1\\\\.5*\\nhi\",\"parse_mode\":\"MarkdownV2\"}"},
	    {MESSAGE_PHOTO, "{\"photo_path\":\"/x\"}", "{}"},
	    {MESSAGE_PHOTO, "{\"photo_path\":\"/x\",\"title\":\"T\"}",
		"{\"caption\":\"T\",\"caption_entities\":[{\"type\":\"bold\",\"offset\":0,\"length\":1}]}"},
	    {MESSAGE_DOCUMENT, "{\"document_path\":\"/x\",\"caption\":\"c\",\"file_name\":\"x.txt\"}",
		"{\"caption\":\"c\"}"},
	};

	(void)state;
	check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void what_is_wrong_is_named(void **state)
{
	static const struct row rows[] = {
	    {MESSAGE_TEXT, "{}", "\"text\" is missing"},
	    {MESSAGE_TEXT, "{\"text\":\" \\n\\t\"}", "\"text\" is empty"},
	    {MESSAGE_TEXT, "{\"text\":\"\\u0001\"}", "\"text\" is empty"},
	    {MESSAGE_TEXT, "{\"text\":5}", "\"text\" must be a string"},
	    {MESSAGE_TEXT, "{\"text\":\"a\\u0000b\"}", "NUL"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"chat_id\":7}", "unknown field \"chat_id\""},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"parse_mode\":\"html\"}", "parse_mode"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"silent\":1}", "\"silent\" must be true or false"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"cooldown\":\"1h\"}", "needs \"script\""},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"cooldown\":\"1 h\",\"script\":\"s\"}", "duration"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"cooldown\":\"1h\",\"script\":\"../s\"}", "\"script\""},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"user\":\"bob\",\"to\":\"@ops\"}", "exclude"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"photo_path\":\"/x\"}", "unknown field"},
	    {MESSAGE_PHOTO, "{\"photo_path\":\"/x\",\"text\":\"a\"}", "unknown field"},
	    {MESSAGE_PHOTO, "{\"photo_path\":\"/x\",\"file_name\":\"a/b\"}", "slash"},
	};

	(void)state;
	check_rows(rows, sizeof rows / sizeof rows[0]);
}

/* {"text": unit repeated} with so many repetitions. */
static char *submit_repeated(enum message_kind kind, const char *unit, size_t times)
{
	char *body = malloc(strlen(unit) * times + 64), *end = body, *result;

	end = stpcpy(end, kind == MESSAGE_TEXT ? "{\"text\":\"" : "{\"photo_path\":\"/x\",\"caption\":\"");
	for (size_t i = 0; i < times; i++)
		end = stpcpy(end, unit);
	stpcpy(end, "\"}");
	result = submit(kind, body);
	free(body);
	return result;
}

static void length_counts_code_points(void **state)
{
	static const struct {
		enum message_kind kind;
		const char *unit;
		size_t times;
		bool taken;
	} rows[] = {
	    {MESSAGE_TEXT, "\xf0\x9f\x98\x80", 4096, true},
	    {MESSAGE_TEXT, "\xf0\x9f\x98\x80", 4097, false},
	    {MESSAGE_PHOTO, "x", 1024, true},
	    {MESSAGE_PHOTO, "x", 1025, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *result = submit_repeated(rows[i].kind, rows[i].unit, rows[i].times);

		assert_int_equal(result[0] == '{', rows[i].taken);
		assert_int_equal(strstr(result, "too long") == NULL, rows[i].taken);
		free(result);
	}
}

static const char *from_table(void *context, const char *name)
{
	const char *const *pairs = context;

	for (; *pairs != NULL; pairs += 2) {
		if (strcmp(pairs[0], name) == 0)
			return pairs[1];
	}
	return NULL;
}

static void a_query_is_checked_like_a_body(void **state)
{
	const char *good[] = {"caption", "c", "silent", "true", "script", "s", "cooldown", "5m", NULL};
	const char *bad_silent[] = {"silent", "yes", NULL};
	const char *bad_utf8[] = {"caption", "a\xff", NULL};
	const char *surrogate[] = {"caption", "\xed\xa0\x80", NULL};
	struct message_fields fields;
	struct error error;

	(void)state;
	assert_int_equal(message_read_query(from_table, good, &fields, &error), 0);
	assert_int_equal(message_check(MESSAGE_PHOTO, &fields, &error), 0);
	assert_int_equal(fields.cooldown_ms, 300000);
	assert_true(fields.silent);
	assert_int_equal(message_read_query(from_table, bad_silent, &fields, &error), -1);
	assert_int_equal(message_read_query(from_table, bad_utf8, &fields, &error), 0);
	assert_int_equal(message_check(MESSAGE_PHOTO, &fields, &error), -1);
	assert_int_equal(message_read_query(from_table, surrogate, &fields, &error), 0);
	assert_int_equal(message_check(MESSAGE_PHOTO, &fields, &error), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_become_parameters),
	    cmocka_unit_test(what_is_wrong_is_named),
	    cmocka_unit_test(length_counts_code_points),
	    cmocka_unit_test(a_query_is_checked_like_a_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
