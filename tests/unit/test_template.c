/*
 * Templates over the answers of services: that what an administrator wrote is filled in as it reads, that a
 * value is never a part of the template, that mistakes are told with their line, and that nothing a service
 * answers makes it large or slow.
 */
#include "tg-dispatch/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MORE "... and {count} more"

static struct json_object *parse(const char *text)
{
	struct json_object *value = NULL;
	struct error error;

	if (json_parse(text, strlen(text), "test", &value, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return value;
}

static void assert_renders(const char *source, const char *answer, const char *result)
{
	struct json_object *value = parse(answer);
	struct buf out = BUF_INIT(1 << 20);
	struct error error;

	if (template_render(source, value, MORE, &out, &error) != 0)
		fail_msg("%s: %s", source, error.text);
	assert_string_equal(buf_text(&out), result);
	assert_int_equal(template_check(source, &error), 0);
	buf_free(&out);
	json_object_put(value);
}

static void values_are_filled_in(void **state)
{
	static const struct {
		const char *source, *answer, *result;
	} cases[] = {
	    {"", "{}", ""},
	    {"Projects: {{count}}", "{\"count\":3}", "Projects: 3"},
	    {"{{ a.b.c }}|{{a.x}}|{{x.y}}", "{\"a\":{\"b\":{\"c\":\"d\"}}}", "d||"},
	    {"{{a.0}} {{a.1.n}} {{a.2}} {{a.length}} {{a.-1}}", "{\"a\":[\"x\",{\"n\":1}]}", "x 1  2 "},
	    {"{{.}}", "\"text\"", "text"},
	    {"{{.}}", "null", ""},
	    {"{{length}}", "[1,2,3]", "3"},
	    {"{{a}} {{b}} {{c}} {{d}} {{e}}",
		"{\"a\":true,\"b\":1.50,\"c\":null,\"d\":[1],\"e\":{\"x\":\"/\"}}",
		"true 1.50  [1] {\"x\":\"/\"}"},
	    {"{{big}}", "{\"big\":9007199254740993}", "9007199254740993"},
	    {"{{{a}}} {{&a}} {{! {{ no }} a", "{\"a\":\"<&>\"}", "<&> <&>  a"},
	    {"} {a} }} { {", "{}", "} {a} }} { {"},
	    {"{{a-b_c}} {{\xc3\xa4}}", "{\"a-b_c\":1,\"\xc3\xa4\":2}", "1 2"},
	    /* what a person is called changes nothing */
	    {"{{a}}", "{\"a\":\"{{b}} `x` *y* <b>\\n{count}\",\"b\":\"no\"}", "{{b}} `x` *y* <b>\n{count}"},
	    {"a{{a}}b", "{\"a\":\"x\\u0000y\"}", "axb"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_renders(cases[i].source, cases[i].answer, cases[i].result);
}

static void sections_are_shown_repeated_or_left_out(void **state)
{
	static const struct {
		const char *source, *answer, *result;
	} cases[] = {
	    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":true}", "yes"},
	    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":false}", "no"},
	    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":0}", "no"},
	    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":\"\"}", "no"},
	    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":null}", "no"},
	    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":[]}", "no"},
	    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{}", "no"},
	    {"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":{}}", "yes"},
	    {"{{#a.length}}yes{{/a.length}}", "{\"a\":[0]}", "yes"},
	    {"{{#a}}{{b}}{{c}}{{/a}}", "{\"a\":{\"b\":1},\"c\":2}", "12"},
	    {"{{#a}}{{@number}}. {{n}}{{of}}\n{{/a}}", "{\"a\":[{\"n\":\"x\"},{\"n\":\"y\"}],\"of\":\"!\"}",
		"1. x!\n2. y!\n"},
	    {"{{#.}}<{{.}}>{{/.}}", "[1,\"b\",null,[2]]", "<1><b><><[2]>"},
	    {"{{#a}}{{#b}}{{@number}}{{.}}{{/b}};{{/a}}", "{\"a\":[{\"b\":[1,2]},{\"b\":[]},{\"b\":3}]}",
		"1122;;33;"},
	    {"Running:\n{{#a}}\n  - {{.}}\n{{/a}}\n{{^a}}\nnone\n{{/a}}\nend", "{\"a\":[1,2]}",
		"Running:\n  - 1\n  - 2\nend"},
	    {"Running:\r\n  {{^a}}\r\nnone\r\n\t{{/a}}  \r\nend", "{}", "Running:\r\nnone\r\nend"},
	    {"a {{#a}}\nb\n{{/a}} c", "{\"a\":1}", "a \nb\n c"},
	    {"{{! first }}\na\n{{!last}}", "{}", "a\n"},
	    {"{{#a}}{{/a}}", "{\"a\":[1,2]}", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_renders(cases[i].source, cases[i].answer, cases[i].result);
}

static void ten_of_many_are_shown(void **state)
{
	static const char many[] = "{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13]}";

	(void)state;
	assert_renders(
	    "{{#a}}\n{{.}}\n{{/a}}\nend", many, "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n... and 3 more\nend");
	assert_renders("{{#a}}{{.}}, {{/a}}", many, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ... and 3 more");
	assert_renders("{{#a}}{{.}};{{/a}}", many, "1;2;3;4;5;6;7;8;9;10; ... and 3 more");
}

static void mistakes_are_told_with_their_line(void **state)
{
	static const struct {
		const char *source, *reason;
	} cases[] = {
	    {"a\n{{b", "template, line 2: a tag is not closed"},
	    {"{{{b}}", "template, line 1: a tag is not closed"},
	    {"{{}}", "template, line 1: not a name: {{}}"},
	    {"\n\n{{a b}}", "template, line 3: not a name: {{a b}}"},
	    {"{{>part}}", "template, line 1: not a name: {{>part}}"},
	    {"{{=<% %>=}}", "template, line 1: not a name: {{=<% %>=}}"},
	    {"{{a..b}}", "template, line 1: not a name: {{a..b}}"},
	    {"{{#}}", "template, line 1: not a name: {{}}"},
	    {"a\n{{#a}}\n{{#b}}{{/b}}", "template, line 2: a section is not closed: {{a}}"},
	    {"{{#a}}\n{{#b}}{{/a}}{{/b}}",
		"template, line 2: the section that is open has another name: {{a}}"},
	    {"{{/a}}", "template, line 1: no section is open: {{a}}"},
	    {"{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}",
		"template, line 1: sections are nested too deeply: {{a}}"},
	};
	struct buf out = BUF_INIT(1 << 20);
	struct error error;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(template_check(cases[i].source, &error), -1);
		assert_int_equal(error.kind, ERROR_CONFIG);
		assert_string_equal(error.text, cases[i].reason);
		assert_int_equal(template_render(cases[i].source, NULL, MORE, &out, &error), -1);
		assert_int_equal(out.len, 0);
	}
	buf_free(&out);
}

static void a_template_is_bounded_whatever_the_answer(void **state)
{
	static const char nested[] = "{{#.}}{{#.}}{{#.}}{{#.}}{{#.}}{{#.}}{{#.}}{{#.}}"
				     "{{/.}}{{/.}}{{/.}}{{/.}}{{/.}}{{/.}}{{/.}}{{/.}}";
	struct json_object *value = json_object_new_array();
	struct buf out = BUF_INIT(1 << 20);
	char *source = calloc(1, TEMPLATE_SOURCE_MAX_BYTES + 2),
	     *text = calloc(1, TEMPLATE_RESULT_MAX_BYTES + 1);
	struct error error;

	(void)state;
	assert_true(source != NULL && text != NULL);
	for (int depth = 0; depth < 8; depth++) {
		struct json_object *outer = json_object_new_array();

		for (int i = 0; i < 10; i++)
			json_object_array_add(outer, json_object_get(value));
		json_object_put(value);
		value = outer;
	}
	assert_int_equal(template_render(nested, value, MORE, &out, &error), -1);
	assert_int_equal(error.kind, ERROR_INPUT);
	assert_string_equal(error.text, "the template takes more than 20000 steps with this answer");
	json_object_put(value);

	memset(text, 'x', TEMPLATE_RESULT_MAX_BYTES);
	value = json_object_new_string(text);
	buf_clear(&out);
	assert_int_equal(template_render("{{.}}", value, MORE, &out, &error), 0);
	assert_int_equal(out.len, TEMPLATE_RESULT_MAX_BYTES);
	assert_int_equal(template_render("{{.}}!", value, MORE, &out, &error), -1);
	assert_string_equal(error.text, "the template comes to more than 65536 bytes");
	json_object_put(value);

	memset(source, 'x', TEMPLATE_SOURCE_MAX_BYTES + 1);
	assert_int_equal(template_check(source, &error), -1);
	assert_string_equal(error.text, "template: it has more than 16384 bytes");
	free(source);
	free(text);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_are_filled_in),
	    cmocka_unit_test(sections_are_shown_repeated_or_left_out),
	    cmocka_unit_test(ten_of_many_are_shown),
	    cmocka_unit_test(mistakes_are_told_with_their_line),
	    cmocka_unit_test(a_template_is_bounded_whatever_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
