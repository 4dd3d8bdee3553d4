/*
 * What a report becomes on the wire, and what an answer means for it: a mistake here sends something twice,
 * or never, and no script and no log would show it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "notify-runner/notice.h"
#include "xalloc.h"

static const char id[] = "00112233445566778899aabbccddeeff";

/* All steps as one text, "photo KEY FIELDS PATH\n" each. */
static char *steps_of(const char *output)
{
	static const char *const names[] = {"text", "photo", "document"};
	struct script_report report;
	struct notice notice;
	struct error error;
	struct buf text = BUF_INIT(1 << 20);

	if (script_parse(output, strlen(output), &report, &error) != 0)
		fail_msg("%s: %s", output, error.text);
	notice_make(&notice, &report, "disk.sh", "/home/alice", id, 5);
	for (size_t i = 0; i < notice.count; i++) {
		const struct notice_step *step = &notice.steps[i];

		assert_memory_equal(step->key, id, 32);
		buf_add_format(&text, "%s%s %s%s%s\n", names[step->kind], step->key + 32,
		    json_line(step->fields), step->path ? " " : "", step->path ? step->path : "");
	}
	script_report_free(&report);
	notice_free(&notice);
	return text.data;
}

static void steps(void **state)
{
	static const struct {
		const char *report, *expected;
	} cases[] = {
	    {"{\"notify\":true,\"message\":\"m\"}", "text-1 "
						    "{\"text\":\"m\",\"parse_mode\":\"markdown\",\"script\":"
						    "\"disk.sh\",\"cooldown\":\"3600s\"}\n"},
	    {"{\"notify\":true,\"title\":\"t\",\"message\":\"m\",\"silent\":true,\"cooldown\":\"90s\"}",
		"text-1 "
		"{\"text\":\"m\",\"parse_mode\":\"markdown\",\"title\":\"t\",\"script\":\"disk.sh\","
		"\"silent\":true,\"cooldown\":\"90s\"}"
		"\n"},
	    {"{\"notify\":true,\"message\":\"m\",\"cooldown\":\"0m\"}",
		"text-1 {\"text\":\"m\",\"parse_mode\":\"markdown\",\"script\":\"disk.sh\"}\n"},
	    {"{\"notify\":true,\"message\":\"m\",\"key\":\"k\"}",
		"text-1 "
		"{\"text\":\"m\",\"parse_mode\":\"markdown\",\"script\":\"disk.sh\",\"key\":\"k\","
		"\"cooldown\":\"3600s\"}"
		"\n"},
	    {"{\"notify\":true,\"message\":\"m\",\"title\":\"t\",\"image_path\":\"/tmp/a.png\"}",
		"photo-1 "
		"{\"caption\":\"m\",\"parse_mode\":\"markdown\",\"title\":\"t\",\"script\":\"disk.sh\","
		"\"file_name\":\"a.png\","
		"\"cooldown\":\"3600s\"} /tmp/a.png\n"},
	    {"{\"notify\":true,\"image_path\":\"out/a.png\"}",
		"photo-1 {\"script\":\"disk.sh\",\"file_name\":\"a.png\",\"cooldown\":\"3600s\"} "
		"/home/alice/out/a.png\n"},
	    {"{\"notify\":true,\"message\":\"m\",\"title\":\"t\",\"document_path\":\"a.csv\"}",
		"document-1 "
		"{\"caption\":\"m\",\"parse_mode\":\"markdown\",\"title\":\"t\",\"script\":\"disk.sh\","
		"\"file_name\":\"a.csv\","
		"\"cooldown\":\"3600s\"} /home/alice/a.csv\n"},
	    /* only the first claims the cooldown, all are silent */
	    {"{\"notify\":true,\"message\":\"m\",\"title\":\"t\",\"image_path\":\"/a\",\"document_path\":\"/"
	     "b\","
	     "\"silent\":true}",
		"photo-1 "
		"{\"caption\":\"m\",\"parse_mode\":\"markdown\",\"title\":\"t\",\"script\":\"disk.sh\","
		"\"file_name\":\"a\","
		"\"silent\":true,\"cooldown\":\"3600s\"} /a\n"
		"document-2 {\"script\":\"disk.sh\",\"file_name\":\"b\",\"silent\":true} /b\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *got = steps_of(cases[i].report);

		assert_string_equal(got, cases[i].expected);
		free(got);
	}
}

/* Telegram takes 1024 characters, not bytes, below a picture, and the title counts. */
static void long_captions(void **state)
{
	static const struct {
		size_t characters;
		const char *more;
		size_t lines;
		const char *first, *second;
	} cases[] = {
	    {1022, "\"image_path\":\"/a\"", 1, "photo-1 {\"caption\"", ""},
	    {1023, "\"image_path\":\"/a\"", 2, "photo-1 {\"title\":\"t\"", "text-2 {\"text\""},
	    {1022, "\"document_path\":\"/a\"", 1, "document-1 {\"caption\"", ""},
	    {1023, "\"document_path\":\"/a\"", 2, "text-1 {\"text\"", "document-2 {\"script\""},
	    {1023, "\"image_path\":\"/a\",\"document_path\":\"/b\"", 3, "photo-1 {\"title\"",
		"text-2 {\"text\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf report = BUF_INIT(65536);
		const char *next;
		size_t lines = 0;
		char *got;

		buf_add_format(&report, "{\"notify\":true,\"title\":\"t\",%s,\"message\":\"", cases[i].more);
		for (size_t j = 0; j < cases[i].characters; j++)
			buf_add_text(&report, "\xc3\xa4");
		buf_add_text(&report, "\"}");
		got = steps_of(buf_text(&report));
		for (next = got; (next = strchr(next, '\n')) != NULL; next++)
			lines++;
		assert_int_equal(lines, cases[i].lines);
		assert_memory_equal(got, cases[i].first, strlen(cases[i].first));
		assert_memory_equal(strchr(got, '\n') + 1, cases[i].second, strlen(cases[i].second));
		free(got);
		buf_free(&report);
	}
}

static void targets(void **state)
{
	struct script_report report = {
	    .message = (char *)"50% & more?\n\xc3\xa4", .image_path = (char *)"/x y.png", .silent = true};
	struct buf target = BUF_INIT(65536);
	struct notice notice;
	struct error error;

	(void)state;
	notice_make(&notice, &report, "s", "/h", id, 5);
	assert_int_equal(notice_target(&notice.steps[0], &target, &error), 0);
	assert_string_equal(buf_text(&target),
	    "/send_photo?caption=50%25%20%26%20more%3F%0A%C3%A4&parse_mode=markdown&script=s&"
	    "file_name=x%20y.png&silent=true");
	buf_clear(&target);
	target.max = 40;
	assert_int_equal(notice_target(&notice.steps[0], &target, &error), -1);
	assert_int_equal(error.kind, ERROR_INPUT);
	notice_free(&notice);
	buf_free(&target);
}

static void through_json(void **state)
{
	struct script_report report = {.title = (char *)"t\"",
	    .message = (char *)"m\n",
	    .image_path = (char *)"/a",
	    .document_path = (char *)"/b",
	    .silent = true,
	    .cooldown_ms = 60000};
	struct notice made, read;
	struct json_object *object, *again;
	struct error error;

	(void)state;
	notice_make(&made, &report, "s.py", "/h", id, 1234567890123);
	object = notice_to_json(&made);
	if (notice_from_json(object, &read, &error) != 0)
		fail_msg("%s", error.text);
	again = notice_to_json(&read);
	assert_string_equal(json_line(object), json_line(again));
	assert_int_equal(read.made_ms, 1234567890123);
	assert_int_equal(read.count, 2);
	notice_advance(&read);
	assert_int_equal(read.count, 1);
	assert_int_equal(read.steps[0].kind, NOTICE_DOCUMENT);
	assert_string_equal(read.steps[0].path, "/b");
	json_object_put(again);
	json_object_put(object);
	notice_free(&made);
	notice_free(&read);
}

static void damaged_json(void **state)
{
	static const char *const cases[] = {"{}", "{\"version\":2,\"script\":\"s\",\"steps\":[]}",
	    "{\"version\":1,\"script\":\"s\",\"steps\":[]}", "{\"version\":1,\"script\":\"s\",\"steps\":{}}",
	    "{\"version\":1,\"script\":\"../s\",\"steps\":[{\"kind\":\"text\",\"key\":\"k\",\"fields\":{}}]}",
	    "{\"version\":1,\"script\":\"s\",\"steps\":[1]}",
	    "{\"version\":1,\"script\":\"s\",\"steps\":[null]}",
	    "{\"version\":1,\"script\":\"s\",\"steps\":[{\"kind\":\"video\",\"key\":\"k\",\"fields\":{}}]}",
	    "{\"version\":1,\"script\":\"s\",\"steps\":[{\"kind\":\"text\",\"fields\":{}}]}",
	    "{\"version\":1,\"script\":\"s\",\"steps\":[{\"kind\":\"text\",\"key\":\"k\"}]}",
	    "{\"version\":1,\"script\":\"s\",\"steps\":[{\"kind\":\"text\",\"key\":\"k\",\"fields\":{"
	    "\"text\":7}}]}",
	    "{\"version\":1,\"script\":\"s\",\"steps\":[{\"kind\":\"text\",\"key\":\"k\",\"fields\":{"
	    "\"text\":null}}]}",
	    "{\"version\":1,\"script\":\"s\",\"steps\":[{\"kind\":\"photo\",\"key\":\"k\",\"fields\":{}}]}",
	    "{\"version\":1,\"script\":\"s\",\"steps\":[{\"kind\":\"text\",\"key\":\"k\",\"fields\":{}},"
	    "{\"kind\":\"text\",\"key\":\"k\",\"fields\":{},\"file\":\"x\"}]}"};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct notice notice = {.made_ms = -7};
		struct json_object *object;
		struct error error = {.text = ""};

		assert_int_equal(json_parse_object(cases[i], strlen(cases[i]), "x", &object, &error), 0);
		if (notice_from_json(object, &notice, &error) != -1)
			fail_msg("%s", cases[i]);
		assert_int_equal(notice.made_ms, -7);
		json_object_put(object);
	}
}

static void answers(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum error_kind kind;
		enum notice_outcome expected;
	} cases[] = {
	    {200, "{\"ok\":true,\"id\":7}", ERROR_TEMPORARY, NOTICE_SENT},
	    {200, "{\"ok\":true,\"suppressed\":true,\"retry_after\":9}", ERROR_TEMPORARY, NOTICE_SUPPRESSED},
	    {200, "{\"ok\":true,\"suppressed\":false}", ERROR_TEMPORARY, NOTICE_SENT},
	    /* it was taken, whatever the answer looks like */
	    {200, NULL, ERROR_PERMANENT, NOTICE_SENT},
	    {400, NULL, ERROR_INPUT, NOTICE_REFUSED},
	    {413, NULL, ERROR_INPUT, NOTICE_REFUSED},
	    {403, NULL, ERROR_DENIED, NOTICE_DENIED},
	    {404, NULL, ERROR_DENIED, NOTICE_DENIED},
	    {429, NULL, ERROR_TEMPORARY, NOTICE_AWAY},
	    {500, NULL, ERROR_TEMPORARY, NOTICE_LATER},
	    {503, NULL, ERROR_TEMPORARY, NOTICE_AWAY},
	    {301, NULL, ERROR_PERMANENT, NOTICE_REFUSED},
	    {0, NULL, ERROR_TEMPORARY, NOTICE_AWAY},
	    {0, NULL, ERROR_CONFIG, NOTICE_AWAY},
	    {0, NULL, ERROR_DENIED, NOTICE_AWAY},
	    {0, NULL, ERROR_BUG, NOTICE_REFUSED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct json_object *body = cases[i].body ? json_tokener_parse(cases[i].body) : NULL;

		if (notice_judge(cases[i].status, body, cases[i].kind) != cases[i].expected)
			fail_msg("%d %s", cases[i].status, cases[i].body ? cases[i].body : "");
		json_object_put(body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(steps),
	    cmocka_unit_test(long_captions),
	    cmocka_unit_test(targets),
	    cmocka_unit_test(through_json),
	    cmocka_unit_test(damaged_json),
	    cmocka_unit_test(answers),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
