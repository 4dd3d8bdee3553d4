/*
 * What a report becomes on the wire, and what an answer means for it: a mistake here sends something twice,
 * or never, and no script and no log would show it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "notice.h"
#include "xalloc.h"

static const char key[] = "00112233445566778899aabbccddeeff";

/* The line for tg-send, less its key. */
static char *request_of(const char *output, bool with_cooldown)
{
	struct script_report report;
	struct notice notice;
	struct error error;
	struct json_object *request;
	char *line;

	if (script_parse(output, strlen(output), &report, &error) != 0)
		fail_msg("%s: %s", output, error.text);
	notice_make(&notice, &report, "disk.sh", "/home/alice", key, 5, with_cooldown);
	request = notice_request(&notice);
	assert_string_equal(json_text(request, "idempotency_key"), key);
	json_object_object_del(request, "idempotency_key");
	line = xstrdup(json_line(request));
	json_object_put(request);
	script_report_free(&report);
	notice_free(&notice);
	return line;
}

static void requests(void **state)
{
	static const struct {
		const char *report, *expected;
		bool without_cooldown;
	} cases[] = {
	    {"{\"notify\":true,\"message\":\"m\"}",
		"{\"fields\":{\"text\":\"m\",\"parse_mode\":\"markdown\",\"script\":\"disk.sh\","
		"\"cooldown\":\"3600s\"}}",
		false},
	    {"{\"notify\":true,\"message\":\"m\"}",
		"{\"fields\":{\"text\":\"m\",\"parse_mode\":\"markdown\",\"script\":\"disk.sh\"}}", true},
	    {"{\"notify\":true,\"title\":\"t\",\"message\":\"m\",\"silent\":true,\"cooldown\":\"90s\"}",
		"{\"fields\":{\"text\":\"m\",\"parse_mode\":\"markdown\",\"title\":\"t\",\"script\":\"disk."
		"sh\","
		"\"silent\":true,\"cooldown\":\"90s\"}}",
		false},
	    {"{\"notify\":true,\"message\":\"m\",\"key\":\"k\",\"cooldown\":\"0m\"}",
		"{\"fields\":{\"text\":\"m\",\"parse_mode\":\"markdown\",\"script\":\"disk.sh\",\"key\":"
		"\"k\"}}",
		false},
	    {"{\"notify\":true,\"image_path\":\"out/a.png\",\"cooldown\":\"0s\"}",
		"{\"fields\":{\"script\":\"disk.sh\"},\"files\":[{\"path\":\"/home/alice/out/a.png\","
		"\"kind\":\"photo\",\"name\":\"a.png\"}]}",
		false},
	    {"{\"notify\":true,\"message\":\"m\",\"document_path\":\"/b\",\"image_path\":\"/a\","
	     "\"cooldown\":\"0s\"}",
		"{\"fields\":{\"text\":\"m\",\"parse_mode\":\"markdown\",\"script\":\"disk.sh\"},\"files\":["
		"{\"path\":\"/a\",\"kind\":\"photo\",\"name\":\"a\"},"
		"{\"path\":\"/b\",\"kind\":\"document\",\"name\":\"b\"}]}",
		false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *got = request_of(cases[i].report, !cases[i].without_cooldown);

		assert_string_equal(got, cases[i].expected);
		free(got);
	}
}

static void texts_of_our_own(void **state)
{
	struct notice notice;

	(void)state;
	notice_make_text(&notice, "disk.sh", NULL, "*as it is*", key, 5);
	assert_string_equal(json_line(notice.fields), "{\"text\":\"*as it is*\",\"script\":\"disk.sh\"}");
	notice_free(&notice);
}

static void keys(void **state)
{
	char one[NOTICE_KEY_BYTES], other[NOTICE_KEY_BYTES];

	(void)state;
	notice_new_key(one);
	notice_new_key(other);
	assert_int_equal(strlen(one), 32);
	assert_int_equal(strspn(one, "0123456789abcdef"), 32);
	assert_string_not_equal(one, other);
}

/* What cannot be sent is an error of the script, told before anybody is asked. */
static void files_are_looked_at(void **state)
{
	const struct notice_limits limits = {.photo_max_bytes = 2 << 20, .document_max_bytes = 4 << 20};
	static const struct {
		int64_t len; /* -1: none */
		bool is_photo;
		const char *words;
	} cases[] = {
	    {-1, true, "cannot open"},
	    {0, true, "is empty"},
	    {2 << 20, true, NULL},
	    {(2 << 20) + 1, true, "is larger than the 2 MB that a picture may have"},
	    {(2 << 20) + 1, false, NULL},
	    {(4 << 20) + 1, false, "is larger than the 4 MB that a file may have"},
	};
	char path[] = "/tmp/tgnotice.XXXXXX";
	int64_t bytes = 0;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct notice notice = {.files = {{path, path, cases[i].is_photo}}, .files_count = 1};
		struct error error = {.text = ""};

		if (cases[i].len < 0)
			notice.files[0].path = (char *)"/tmp/no/such/file";
		else
			assert_int_equal(ftruncate(fd, cases[i].len), 0);
		assert_int_equal(
		    notice_check_files(&notice, &limits, &bytes, &error), cases[i].words != NULL ? -1 : 0);
		if (cases[i].words == NULL)
			assert_int_equal(bytes, cases[i].len);
		else if (strstr(error.text, cases[i].words) == NULL || error.kind != ERROR_INPUT)
			fail_msg("%s is not in %s", cases[i].words, error.text);
	}
	close(fd);
	unlink(path);
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
	notice_make(&made, &report, "s.py", "/h", key, 1234567890123, true);
	object = notice_to_json(&made);
	if (notice_from_json(object, &read, &error) != 0)
		fail_msg("%s", error.text);
	again = notice_to_json(&read);
	assert_string_equal(json_line(object), json_line(again));
	assert_int_equal(read.made_ms, 1234567890123);
	assert_string_equal(read.key, key);
	assert_int_equal(read.files_count, 2);
	assert_string_equal(read.files[1].path, "/b");
	json_object_put(again);
	json_object_put(object);
	notice_free(&made);
	notice_free(&read);
}

#define START "{\"version\":2,\"script\":\"s\",\"idempotency_key\":\"k\""

static void damaged_json(void **state)
{
	static const char *const cases[] = {"{}", START "}", START ",\"fields\":7}",
	    "{\"version\":1,\"script\":\"s\",\"idempotency_key\":\"k\",\"fields\":{}}",
	    "{\"version\":2,\"script\":\"../s\",\"idempotency_key\":\"k\",\"fields\":{}}",
	    "{\"version\":2,\"script\":\"s\",\"idempotency_key\":\"\",\"fields\":{}}",
	    "{\"version\":2,\"script\":\"s\",\"fields\":{}}", START ",\"fields\":{},\"files\":{}}",
	    START ",\"fields\":{},\"files\":[1]}", START ",\"fields\":{},\"files\":[null]}",
	    START ",\"fields\":{},\"files\":[{\"path\":\"a\",\"kind\":\"photo\"}]}",
	    START ",\"fields\":{},\"files\":[{\"path\":\"a\",\"kind\":\"video\",\"name\":\"a\"}]}",
	    START ",\"fields\":{},\"files\":[{},{},{}]}"};

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
	    /* one of its files cannot be read */
	    {0, NULL, ERROR_INPUT, NOTICE_REFUSED},
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
	    cmocka_unit_test(requests),
	    cmocka_unit_test(texts_of_our_own),
	    cmocka_unit_test(keys),
	    cmocka_unit_test(files_are_looked_at),
	    cmocka_unit_test(through_json),
	    cmocka_unit_test(damaged_json),
	    cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
