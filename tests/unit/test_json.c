/* Why: nearly everything from outside is JSON; what json-c is too kind to must be refused here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "json.h"

#define LITERAL(text) text, sizeof(text) - 1

static void test_accepts(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {LITERAL("{}")},
	    {LITERAL(" {\"a\":1} \n\t\r")},
	    {LITERAL("[]")},
	    {LITERAL("1")},
	    {LITERAL("-0.5e3\n")},
	    {LITERAL("\"x\"")},
	    {LITERAL("true")},
	    {LITERAL("null")},
	    {LITERAL("{\"a\":\"\\u0000\\ud83d\\ude00\"}")},
	    {LITERAL("\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"")},
	    {LITERAL("9223372036854775807")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct json_object *value = NULL;
		struct error error = {0};

		if (json_parse(cases[i].text, cases[i].len, "it", &value, &error) != 0)
			fail_msg("%s: %s", cases[i].text, error.text);
		json_object_put(value);
	}
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {LITERAL("")},
	    {LITERAL(" ")},
	    {LITERAL("{")},
	    {LITERAL("{\"a\":1")},
	    {LITERAL("{\"a\"}")},
	    {LITERAL("{a:1}")},
	    {LITERAL("{'a':1}")},
	    {LITERAL("{\"a\":1,}")},
	    {LITERAL("[1,]")},
	    {LITERAL("{} {}")},
	    {LITERAL("{}x")},
	    {LITERAL("1 2")},
	    {LITERAL("{}\0x")},
	    {LITERAL("{}\0")},
	    {LITERAL("{\0}")},
	    {LITERAL("\"a\0b\"")},
	    {LITERAL("/* c */ {}")},
	    {LITERAL("NaN")},
	    {LITERAL("Infinity")},
	    {LITERAL("-Infinity")},
	    {LITERAL("nul")},
	    {LITERAL("True")},
	    {LITERAL("NULL")},
	    {LITERAL("01")},
	    {LITERAL("+1")},
	    {LITERAL("1.")},
	    {LITERAL(".5")},
	    {LITERAL("1e")},
	    {LITERAL("-")},
	    {LITERAL("0x10")},
	    {LITERAL("\"a\nb\"")},
	    {LITERAL("\"\\x\"")},
	    {LITERAL("\"\xff\"")},
	    {LITERAL("\"\xc0\x80\"")},
	    {LITERAL("\"\xed\xa0\x80\"")},
	    {LITERAL("\"\xf4\x90\x80\x80\"")},
	    {LITERAL("\"\xc3\"")},
	    {LITERAL("\xef\xbb\xbf{}")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct json_object *value = NULL;
		struct error error = {0};

		if (json_parse(cases[i].text, cases[i].len, "it", &value, &error) == 0)
			fail_msg("taken: %s as %s", cases[i].text, json_object_to_json_string(value));
		assert_null(value);
		assert_int_equal(error.kind, ERROR_INPUT);
		assert_int_equal(strncmp(error.text, "it ", 3), 0);
	}
}

static void test_depth(void **state)
{
	char text[200];
	struct json_object *value = NULL;
	struct error error = {0};

	(void)state;
	memset(text, '[', JSON_MAX_DEPTH);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	assert_int_equal(json_parse(text, (size_t)2 * JSON_MAX_DEPTH, "it", &value, &error), 0);
	json_object_put(value);
	memset(text, '[', sizeof text);
	assert_int_equal(json_parse(text, sizeof text, "it", &value, &error), -1);
	assert_string_equal(error.text, "it is not JSON: nested too deeply at byte 33");
}

/* Used again after whatever came before, and as deep as it was made for. */
static void test_parser(void **state)
{
	struct json_parser *parser = json_parser_new(100);
	struct json_object *value = NULL;
	struct error error = {0};
	char text[210];

	(void)state;
	memset(text, '[', 101);
	memset(text + 101, ']', 101);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(json_parser_parse(parser, text, 202, "it", &value, &error), -1);
		assert_string_equal(error.text, "it is not JSON: nested too deeply at byte 101");
		assert_int_equal(json_parser_parse(parser, text + 1, 200, "it", &value, &error), 0);
		json_object_put(value);
		value = NULL;
		assert_int_equal(json_parser_parse(parser, LITERAL("12"), "it", &value, &error), 0);
		assert_int_equal(json_object_get_int64(value), 12);
		json_object_put(value);
		value = NULL;
		assert_int_equal(json_parser_object(parser, LITERAL("{\"a\":"), "it", &value, &error), -1);
		assert_int_equal(json_parser_object(parser, LITERAL("[1]"), "it", &value, &error), -1);
		assert_null(value);
		assert_int_equal(json_parser_object(parser, LITERAL("{\"a\":[1]}"), "it", &value, &error), 0);
		assert_string_equal(json_line(value), "{\"a\":[1]}");
		json_object_put(value);
		value = NULL;
	}
	json_parser_free(parser);
	json_parser_free(NULL);
}

static void test_errors_say_where(void **state)
{
	struct json_object *value = NULL;
	struct error error = {0};

	(void)state;
	assert_int_equal(json_parse(LITERAL("{\"a\":1"), "the request", &value, &error), -1);
	assert_string_equal(error.text, "the request is not JSON: it ends too early at byte 6");
	assert_int_equal(json_parse(LITERAL("{\"a\":x}"), "the request", &value, &error), -1);
	assert_string_equal(error.text, "the request is not JSON: unexpected character at byte 5");
	assert_int_equal(json_parse_object(LITERAL("[]"), "the request", &value, &error), -1);
	assert_string_equal(error.text, "the request is not a JSON object");
	assert_int_equal(json_parse_object(LITERAL("null"), "the request", &value, &error), -1);
	assert_null(value);
}

static struct json_object *object_of(const char *text)
{
	struct json_object *object = NULL;
	struct error error = {0};

	if (json_parse_object(text, strlen(text), "it", &object, &error) != 0)
		fail_msg("%s", error.text);
	return object;
}

static void test_getters(void **state)
{
	struct json_object *object = object_of("{\"s\":\"x\",\"n\":7,\"b\":true,\"o\":{},\"a\":[],\"z\":null,"
					       "\"f\":1.5,\"nul\":\"a\\u0000b\"}");
	struct json_object *part = NULL;
	struct error error = {0};
	const char *text = "before";
	int64_t number = 77;
	bool flag = false;

	(void)state;
	assert_int_equal(json_get_text(object, "s", &text, &error), 1);
	assert_string_equal(text, "x");
	assert_int_equal(json_get_int64(object, "n", &number, &error), 1);
	assert_int_equal(number, 7);
	assert_int_equal(json_get_bool(object, "b", &flag, &error), 1);
	assert_true(flag);
	assert_int_equal(json_get_object(object, "o", &part, &error), 1);
	assert_int_equal(json_get_array(object, "a", &part, &error), 1);
	assert_true(json_object_is_type(part, json_type_array));

	text = "before";
	number = 77;
	assert_int_equal(json_get_text(object, "z", &text, &error), 0);
	assert_int_equal(json_get_text(object, "absent", &text, &error), 0);
	assert_int_equal(json_get_int64(object, "z", &number, &error), 0);
	assert_string_equal(text, "before");
	assert_int_equal(number, 77);

	assert_int_equal(json_get_text(object, "n", &text, &error), -1);
	assert_string_equal(error.text, "\"n\" must be a string");
	assert_int_equal(error.kind, ERROR_INPUT);
	assert_int_equal(json_get_int64(object, "f", &number, &error), -1);
	assert_string_equal(error.text, "\"f\" must be a whole number");
	assert_int_equal(json_get_int64(object, "s", &number, &error), -1);
	assert_int_equal(json_get_bool(object, "n", &flag, &error), -1);
	assert_int_equal(json_get_object(object, "a", &part, &error), -1);
	assert_int_equal(json_get_array(object, "o", &part, &error), -1);
	assert_int_equal(json_get_text(object, "nul", &text, &error), -1);
	assert_string_equal(text, "before");
	assert_int_equal(number, 77);

	assert_string_equal(json_text(object, "s"), "x");
	assert_null(json_text(object, "n"));
	assert_null(json_text(object, "z"));
	assert_null(json_text(object, "absent"));
	assert_int_equal(json_int64(object, "n"), 7);
	assert_int_equal(json_int64(object, "absent"), 0);
	assert_int_equal(json_int64(object, "z"), 0);
	json_object_put(object);
}

/* A chat id that does not fit must not become another chat's. */
static void test_big_numbers(void **state)
{
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} cases[] = {
	    {"{\"n\":9223372036854775807}", 1, INT64_MAX},
	    {"{\"n\":-9223372036854775808}", 1, INT64_MIN},
	    {"{\"n\":9223372036854775808}", -1, 77},
	    {"{\"n\":18446744073709551615}", -1, 77},
	    {"{\"n\":18446744073709551616}", -1, 77},
	    {"{\"n\":-9223372036854775809}", -1, 77},
	    {"{\"n\":99999999999999999999999999}", -1, 77},
	    {"{\"n\":-99999999999999999999999999}", -1, 77},
	    {"{\"n\":1e3}", -1, 77},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct json_object *object = NULL;
		struct error error = {0};
		int64_t number = 77;
		int result = json_parse_object(cases[i].text, strlen(cases[i].text), "it", &object, &error);

		if (result == 0)
			result = json_get_int64(object, "n", &number, &error);
		json_object_put(object);
		if (result != cases[i].result || number != cases[i].value)
			fail_msg("%s gave %d, %lld", cases[i].text, result, (long long)number);
	}
}

static void test_only_keys(void **state)
{
	static const char *const keys[] = {"a", "b", NULL};
	struct json_object *object = object_of("{\"a\":1}");
	struct error error = {0};

	(void)state;
	assert_int_equal(json_only_keys(object, keys, &error), 0);
	json_put_int64(object, "evil\n", 1);
	assert_int_equal(json_only_keys(object, keys, &error), -1);
	assert_string_equal(error.text, "unknown field \"evil?\"");
	json_object_put(object);
}

static void test_line(void **state)
{
	struct json_object *object = json_object_new_object();

	(void)state;
	json_put_text(object, "t", "a/b\n\"\xc3\xbc");
	json_put_text(object, "none", NULL);
	json_put_int64(object, "n", -5);
	json_put_bool(object, "b", true);
	assert_string_equal(json_line(object), "{\"t\":\"a/b\\n\\\"\xc3\xbc\",\"n\":-5,\"b\":true}");
	json_object_put(object);
}

/* Scripts print a log around their report: where it ends is found without what follows. */
static void spans(void **state)
{
	static const struct {
		const char *text;
		size_t bytes;
	} cases[] = {{"{}", 2}, {" {\"a\":[1]} x", 10}, {"{}{}", 2}, {"{\n}\n{", 3}, {"[", 0}, {"{", 0},
	    {"", 0}, {"x", 0}, {"{}\xff", 2}, {"{'a':1}", 0}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(json_span(cases[i].text, strlen(cases[i].text)), cases[i].bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(spans),
	    cmocka_unit_test(test_accepts),
	    cmocka_unit_test(test_refuses),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_parser),
	    cmocka_unit_test(test_errors_say_where),
	    cmocka_unit_test(test_getters),
	    cmocka_unit_test(test_big_numbers),
	    cmocka_unit_test(test_only_keys),
	    cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
