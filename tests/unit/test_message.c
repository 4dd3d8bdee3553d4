/* What people submit is hostile or sloppy: which fields are taken, and what reaches Telegram of them. */
#include "message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

enum { TEXT_PARTS_MAX = 5 };

/*
 * Reads, checks and composes; returns "method parameters" of each message, one a line, with the files that go
 * with it as +FIRST-COUNT and a document as +txt; or the error. The caller frees it.
 */
static char *submit(enum message_kind kind, const char *body)
{
	struct buf out = BUF_INIT(1 << 22);
	struct json_object *object = NULL;
	struct message_fields fields;
	struct message_parts parts;
	struct error error;

	if (json_parse_object(body, strlen(body), "the body", &object, &error) != 0 ||
	    message_read_json(kind, object, &fields, &error) != 0 ||
	    message_check(kind, &fields, &error) != 0 ||
	    message_compose(&fields, TEXT_PARTS_MAX, &parts, &error) != 0) {
		assert_int_equal(error.kind, ERROR_INPUT);
		json_object_put(object);
		return strdup(error.text);
	}
	for (size_t i = 0; i < parts.count; i++) {
		const struct message_part *part = &parts.items[i];

		buf_add_format(&out, "%s%s %s", i > 0 ? "\n" : "", part->method, json_line(part->parameters));
		if (part->files_count > 0)
			buf_add_format(&out, " +%zu-%zu", part->first_file, part->files_count);
		if (part->document != NULL)
			buf_add_format(&out, " +txt %zu", strlen(part->document));
	}
	message_parts_free(&parts);
	json_object_put(object);
	return out.data;
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

		if (strncmp(rows[i].expected, "send", 4) == 0)
			assert_string_equal(result, rows[i].expected);
		else if (strstr(result, rows[i].expected) == NULL)
			fail_msg("%s: %s is not in %s", rows[i].body, rows[i].expected, result);
		free(result);
	}
}

static void fields_become_parameters(void **state)
{
	static const struct row rows[] = {
	    {MESSAGE_TEXT, "{\"text\":\"hi\"}", "sendMessage {\"text\":\"hi\"}"},
	    {MESSAGE_TEXT, "{\"text\":\"hi\",\"silent\":true,\"thread\":7,\"no_preview\":true}",
		"sendMessage {\"text\":\"hi\",\"disable_notification\":true,\"message_thread_id\":7,"
		"\"link_preview_options\":{\"is_disabled\":true}}"},
	    {MESSAGE_TEXT, "{\"text\":\"a\\u0007b\\nc\\u001b[0m d\"}", "sendMessage {\"text\":\"ab\\nc d\"}"},
	    {MESSAGE_TEXT, "{\"text\":\"hi\",\"title\":\"T\\u00e4\\n\\ud83d\\ude00\"}",
		"sendMessage {\"text\":\"T\xc3\xa4 \xf0\x9f\x98\x80\\nhi\",\"entities\":[{\"type\":\"bold\","
		"\"offset\":0,\"length\":5}]}"},
	    {MESSAGE_TEXT, "{\"text\":\"<i>x</i> & <u\",\"title\":\"a<b\",\"parse_mode\":\"HTML\"}",
		"sendMessage {\"text\":\"a<b\\nx & <u\",\"entities\":[{\"type\":\"bold\",\"offset\":0,"
		"\"length\":3},{\"type\":\"italic\",\"offset\":4,\"length\":1}]}"},
	    {MESSAGE_TEXT, "{\"text\":\"a_b *c* 2*3\",\"parse_mode\":\"Markdown\"}",
		"sendMessage {\"text\":\"a_b c 2*3\",\"entities\":[{\"type\":\"italic\",\"offset\":4,"
		"\"length\":1}]}"},
	    {MESSAGE_TEXT, "{\"text\":\"x = *p;\",\"parse_mode\":\"pre\",\"lang\":\"c\"}",
		"sendMessage {\"text\":\"x = *p;\",\"entities\":[{\"type\":\"pre\",\"offset\":0,\"length\":7,"
		"\"language\":\"c\"}]}"},
	    {MESSAGE_TEXT, "{\"text\":\"hi\",\"title\":\"1.5\",\"parse_mode\":\"MarkdownV2\"}",
		"sendMessage {\"text\":\"*1\\\\.5*\\nhi\",\"parse_mode\":\"MarkdownV2\"}"},
	    {MESSAGE_PHOTO, "{\"photo_path\":\"/x\"}", "sendPhoto {} +0-1"},
	    {MESSAGE_PHOTO, "{\"photo_path\":\"/x\",\"title\":\"T\"}",
		"sendPhoto "
		"{\"caption\":\"T\",\"caption_entities\":[{\"type\":\"bold\",\"offset\":0,\"length\":1}"
		"]} +0-1"},
	    {MESSAGE_DOCUMENT, "{\"document_path\":\"/x\",\"caption\":\"c\",\"file_name\":\"x.txt\"}",
		"sendDocument {\"caption\":\"c\"} +0-1"},
	};

	(void)state;
	check_rows(rows, sizeof rows / sizeof rows[0]);
}

/* Pictures side by side are one album, and so are documents; the text is the caption of the first. */
static void several_files_are_albums(void **state)
{
	static const struct row rows[] = {
	    {MESSAGE_TEXT,
		"{\"text\":\"c\",\"files\":[{\"file\":\"a\",\"kind\":\"photo\"},{\"file\":\"b\",\"kind\":"
		"\"photo\"},"
		"{\"file\":\"d\"}]}",
		"sendMediaGroup "
		"{\"media\":[{\"type\":\"photo\",\"media\":\"attach://file0\",\"caption\":\"c\"},"
		"{\"type\":\"photo\",\"media\":\"attach://file1\"}]} +0-2\nsendDocument {} +2-1"},
	    {MESSAGE_TEXT, "{\"files\":[{\"file\":\"a\"}]}", "sendDocument {} +0-1"},
	    /* what a script with a picture and a file sends under a key */
	    {MESSAGE_TEXT,
		"{\"text\":\"c\",\"key\":\"k\",\"files\":[{\"file\":\"a\",\"kind\":\"photo\"},{\"file\":"
		"\"b\"}]}",
		"sendPhoto {\"caption\":\"c\"} +0-1\nsendDocument {} +1-1"},
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
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"parse_mode\":\"htm\"}", "parse_mode"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"silent\":1}", "\"silent\" must be true or false"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"in\":\"1h\",\"at\":\"2026-01-31T18:00:00Z\"}", "exclude"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"at\":\"18:00\"}", "\"at\" must be a time in UTC"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"in\":\"400d\"}", "\"in\" is too long"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"wait\":\"1h\"}", "\"wait\" is too long"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"key\":\"\"}", "\"key\" must have"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"key\":\"a\\nb\"}", "control characters"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"thread\":-1}", "\"thread\""},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"files\":[{}]}", "\"file\" is missing"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"files\":[{\"file\":\"a\",\"kind\":\"x\"}]}",
		"photo or document"},
	    {MESSAGE_TEXT, "{\"text\":\"a\",\"key\":\"k\",\"files\":[{\"file\":\"a\"},{\"file\":\"b\"}]}",
		"does not go with several files"},
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

static size_t count_lines(const char *text)
{
	size_t count = 1;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

/* 4096 characters of a text and 1024 of a caption are one message; a longer one is split, or goes as a file.
 */
static void length_counts_code_points(void **state)
{
	static const struct {
		enum message_kind kind;
		const char *unit;
		size_t times, messages;
		const char *with; /* what one of them has */
	} rows[] = {
	    {MESSAGE_TEXT, "\xf0\x9f\x98\x80", 4096, 1, "sendMessage"},
	    {MESSAGE_TEXT, "\xf0\x9f\x98\x80", 4097, 2, "(2/2)"},
	    {MESSAGE_TEXT, "x ", 10000, 5, "(5/5)"},
	    {MESSAGE_TEXT, "x ", 12000, 1, "sendDocument"},
	    {MESSAGE_TEXT, "x ", 12000, 1, "+txt 24000"},
	    {MESSAGE_PHOTO, "x", 1024, 1, "sendPhoto"},
	    {MESSAGE_PHOTO, "x", 1025, 2, "sendPhoto {} +0-1\nsendMessage {\"text\":\"xxx"},
	    {MESSAGE_PHOTO, "x ", 12000, 2, "sendPhoto {} +0-1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *result = submit_repeated(rows[i].kind, rows[i].unit, rows[i].times);

		assert_int_equal(count_lines(result), rows[i].messages);
		if (strstr(result, rows[i].with) == NULL)
			fail_msg("%s is not in row %zu", rows[i].with, i);
		free(result);
	}
}

/* Below the picture it is whole, and the title stays with the picture. */
static void a_long_text_goes_below_its_files(void **state)
{
	static const char after[] =
	    "\",\"title\":\"T\",\"files\":[{\"file\":\"a\",\"kind\":\"photo\"},{\"file\":\"b\"}]}";
	static const char title[] =
	    "\"caption\":\"T\",\"caption_entities\":[{\"type\":\"bold\",\"offset\":0,\"length\":1}]";
	struct buf body = BUF_INIT(65536), expected = BUF_INIT(65536);
	char *result;

	(void)state;
	buf_add_text(&body, "{\"text\":\"");
	buf_add_format(
	    &expected, "sendPhoto {%s} +0-1\nsendDocument {} +1-1\nsendMessage {\"text\":\"", title);
	for (int i = 0; i < 1023; i++) {
		buf_add_text(&body, "x");
		buf_add_text(&expected, "x");
	}
	buf_add_text(&body, after);
	buf_add_text(&expected, "\"}");
	result = submit(MESSAGE_TEXT, buf_text(&body));
	assert_string_equal(result, buf_text(&expected));
	free(result);
	buf_free(&body);
	buf_free(&expected);
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
	assert_int_equal(message_read_query(MESSAGE_PHOTO, from_table, good, &fields, &error), 0);
	assert_int_equal(message_check(MESSAGE_PHOTO, &fields, &error), 0);
	assert_int_equal(fields.cooldown_ms, 300000);
	assert_true(fields.silent);
	assert_int_equal(message_read_query(MESSAGE_PHOTO, from_table, bad_silent, &fields, &error), -1);
	assert_int_equal(message_read_query(MESSAGE_PHOTO, from_table, bad_utf8, &fields, &error), 0);
	assert_int_equal(message_check(MESSAGE_PHOTO, &fields, &error), -1);
	assert_int_equal(message_read_query(MESSAGE_PHOTO, from_table, surrogate, &fields, &error), 0);
	assert_int_equal(message_check(MESSAGE_PHOTO, &fields, &error), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_become_parameters),
	    cmocka_unit_test(several_files_are_albums),
	    cmocka_unit_test(what_is_wrong_is_named),
	    cmocka_unit_test(length_counts_code_points),
	    cmocka_unit_test(a_long_text_goes_below_its_files),
	    cmocka_unit_test(a_query_is_checked_like_a_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
