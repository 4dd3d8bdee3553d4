/*
 * What people see when tg-sendd refuses, restarts or is away, and whether a message can be lost or doubled
 * on the way to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fake_service.h"
#include "json.h"
#include "submit.h"
#include "xalloc.h"

static int post(struct service *service, const char *key, struct submit_answer *got, struct error *error)
{
	return submit_request(service->path, "POST", "/send", NULL, "{}", 2, key, got, error);
}

static void taken(void **state)
{
	static const char *const steps[] = {"200 {\"ok\":true,\"id\":7}", NULL};
	struct service service;
	struct submit_answer got;
	struct error error;

	(void)state;
	begin(&service, steps, 0);
	assert_int_equal(post(&service, "abc", &got, &error), 0);
	assert_int_equal(got.status, 200);
	assert_int_equal(json_int64(got.body, "id"), 7);
	submit_answer_free(&got);
	assert_non_null(strstr(service.requests[0].data, "POST /send HTTP/1.1\r\n"));
	assert_non_null(strstr(service.requests[0].data, "Idempotency-Key: abc\r\n"));
	assert_non_null(strstr(service.requests[0].data, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(service.requests[0].data, "\r\n\r\n{}"));
	end(&service);
}

static void no_key_no_header(void **state)
{
	static const char *const steps[] = {"200 {}", NULL};
	struct service service;
	struct submit_answer got;
	struct error error;

	(void)state;
	begin(&service, steps, 0);
	assert_int_equal(
	    submit_request(service.path, "GET", "/queue?user=%2A", NULL, NULL, 0, NULL, &got, &error), 0);
	submit_answer_free(&got);
	assert_non_null(strstr(service.requests[0].data, "GET /queue?user=%2A HTTP/1.1\r\n"));
	assert_null(strcasestr(service.requests[0].data, "Idempotency-Key"));
	assert_null(strcasestr(service.requests[0].data, "Content-Type"));
	end(&service);
}

static void refusals(void **state)
{
	static const struct {
		const char *step;
		enum error_kind kind;
		const char *text;
	} cases[] = {
	    {"400 {\"error\":\"Missing field: text\"}", ERROR_INPUT, "Missing field: text"},
	    {"413 {\"error\":\"too long\"}", ERROR_INPUT, "too long"},
	    {"403 {\"error\":\"not you\\u001b[2J\\nok\"}", ERROR_DENIED, "not you?[2J?ok"},
	    {"404 {\"error\":\"User 'alice' has no linked Telegram\"}", ERROR_DENIED,
		"alice has no linked Telegram; send /start to the bot, then run: tg-link verify CODE"},
	    {"404 {\"error\":\"no such thing\"}", ERROR_DENIED, "no such thing"},
	    {"409 {\"error\":\"not now\"}", ERROR_TEMPORARY, "not now"},
	    {"429 {\"error\":\"over quota\",\"retry_after\":3}", ERROR_TEMPORARY, "over quota"},
	    {"503 {\"error\":\"store full\"}", ERROR_TEMPORARY, "store full"},
	    {"502 <html>", ERROR_TEMPORARY, "tg-sendd answered HTTP 502"},
	    {"500 {\"error\":{}}", ERROR_TEMPORARY, "tg-sendd answered HTTP 500"},
	    {"302 {}", ERROR_PERMANENT, "tg-sendd answered HTTP 302"},
	    {"405 ", ERROR_PERMANENT, "tg-sendd answered HTTP 405"},
	    {"200 []", ERROR_PERMANENT, "the answer of tg-sendd cannot be read; is it of the same version?"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *const steps[] = {cases[i].step, NULL};
		struct service service;
		struct submit_answer got;
		struct error error;

		begin(&service, steps, 0);
		assert_int_equal(post(&service, "k", &got, &error), -1);
		assert_int_equal(error.kind, cases[i].kind);
		assert_string_equal(error.text, cases[i].text);
		submit_answer_free(&got);
		end(&service);
	}
}

static void long_words_are_cut(void **state)
{
	char *step = xmalloc(4096);
	const char *const steps[] = {step, NULL};
	struct service service;
	struct submit_answer got;
	struct error error;

	(void)state;
	snprintf(step, 4096, "400 {\"error\":\"%03000d\"}", 7);
	begin(&service, steps, 0);
	assert_int_equal(post(&service, NULL, &got, &error), -1);
	assert_true(strlen(error.text) < 200);
	assert_string_equal(error.text + strlen(error.text) - 4, "0...");
	submit_answer_free(&got);
	end(&service);
	free(step);
}

/* The answer of the first attempt was lost: the second goes under the same key. */
static void broken_with_a_key(void **state)
{
	static const char *const steps[] = {"", "", "200 {\"ok\":true,\"id\":9}", NULL};
	struct service service;
	struct submit_answer got;
	struct error error;

	(void)state;
	begin(&service, steps, 0);
	assert_int_equal(post(&service, "same", &got, &error), 0);
	assert_int_equal(json_int64(got.body, "id"), 9);
	submit_answer_free(&got);
	assert_int_equal(service.served, 3);
	for (size_t i = 0; i < 3; i++)
		assert_non_null(strstr(service.requests[i].data, "Idempotency-Key: same\r\n"));
	end(&service);
}

static void broken_without_a_key(void **state)
{
	static const char *const steps[] = {"", "200 {}", NULL};
	struct service service;
	struct submit_answer got;
	struct error error;

	(void)state;
	begin(&service, steps, 0);
	assert_int_equal(post(&service, NULL, &got, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_non_null(strstr(error.text, "may have been taken"));
	assert_int_equal(got.status, 0);
	submit_answer_free(&got);
	assert_true(service.served <= 1);
	end(&service);
}

/* tg-sendd starts again: the socket is there and refuses, then it answers. */
static void restart(void **state)
{
	static const char *const steps[] = {"200 {\"ok\":true,\"id\":1}", NULL};
	struct service service;
	struct submit_answer got;
	struct error error;

	(void)state;
	begin(&service, steps, 400);
	assert_int_equal(post(&service, "k", &got, &error), 0);
	submit_answer_free(&got);
	end(&service);
}

static void away(void **state)
{
	struct submit_answer got;
	struct error error;
	int64_t started = clock_monotonic_ms(), took;

	(void)state;
	assert_int_equal(
	    submit_request("/tmp/tgt-no-such-socket", "GET", "/queue", NULL, NULL, 0, NULL, &got, &error),
	    -1);
	assert_true(clock_monotonic_ms() - started < 500);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_string_equal(
	    error.text, "tg-sendd does not answer on /tmp/tgt-no-such-socket; try again later");
	started = clock_monotonic_ms();
	assert_int_equal(
	    submit_request("/tmp/tgt-no-such-socket", "POST", "/send", NULL, "{}", 2, "k", &got, &error), -1);
	took = clock_monotonic_ms() - started;
	assert_in_range(took, 1000, 3000);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_string_equal(error.text,
	    "tg-sendd does not answer on /tmp/tgt-no-such-socket; nothing was sent, try again later");
}

static void impossible_paths(void **state)
{
	char path[200];
	struct submit_answer got;
	struct error error;

	(void)state;
	memset(path, 'a', sizeof path - 1);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	assert_int_equal(submit_request(path, "GET", "/queue", NULL, NULL, 0, NULL, &got, &error), -1);
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_int_equal(submit_request("", "GET", "/queue", NULL, NULL, 0, NULL, &got, &error), -1);
	assert_int_equal(error.kind, ERROR_CONFIG);
}

static void keys(void **state)
{
	char one[SUBMIT_KEY_BYTES], two[SUBMIT_KEY_BYTES];

	(void)state;
	submit_new_key(one);
	submit_new_key(two);
	assert_int_equal(strlen(one), 32);
	assert_int_equal(strspn(one, "0123456789abcdef"), 32);
	assert_string_not_equal(one, two);
}

static void queries(void **state)
{
	struct buf target = BUF_INIT(64), small = BUF_INIT(16);

	(void)state;
	buf_add_text(&target, "/send_photo");
	assert_int_equal(submit_add_query(&target, "user", NULL), 0);
	assert_int_equal(submit_add_query(&target, "title", "a b&c"), 0);
	assert_int_equal(submit_add_query(&target, "caption", "\xc3\xa9?/~"), 0);
	assert_string_equal(buf_text(&target), "/send_photo?title=a%20b%26c&caption=%C3%A9%3F%2F~");
	assert_int_equal(submit_add_query(&small, "caption", "much too long"), -1);
	buf_free(&target);
	buf_free(&small);
}

/* A file that is gone already, with len times 'x' in it. */
static int file_of(size_t len)
{
	char path[] = "/tmp/test_submit.XXXXXX";
	char *content = xmalloc(len);
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	memset(content, 'x', len);
	assert_int_equal(fd_write_all(fd, content, len), 0);
	free(content);
	return fd;
}

/* Broken in the middle it begins again from the first byte, and tells of no message that may be taken. */
static void uploads(void **state)
{
	static const char *const steps[] = {"", "early ", "200 {\"ok\":true,\"file\":\"ab\"}", NULL};
	enum { FILE_BYTES = 1000000 };
	struct service service;
	struct submit_answer got;
	struct error error;
	struct http_file file = {.fd = file_of(FILE_BYTES), .len = FILE_BYTES};
	struct buf *last = &service.requests[2];

	(void)state;
	begin(&service, steps, 0);
	assert_int_equal(submit_upload(service.path, "/files?name=a", "k", &file, &got, &error), 0);
	assert_string_equal(json_text(got.body, "file"), "ab");
	submit_answer_free(&got);
	assert_int_equal(service.served, 3);
	assert_non_null(strstr(last->data, "POST /files?name=a HTTP/1.1\r\n"));
	assert_non_null(strstr(last->data, "Content-Type: application/octet-stream\r\n"));
	assert_non_null(strstr(last->data, "\r\nIdempotency-Key: k\r\n"));
	assert_non_null(strstr(last->data, "Content-Length: 1000000\r\n"));
	assert_int_equal(strspn(strstr(last->data, "\r\n\r\n") + 4, "x"), FILE_BYTES);
	end(&service);
	assert_int_equal(submit_upload("/tmp/tgt-no-such-socket", "/files", NULL, &file, &got, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_string_equal(error.text,
	    "tg-sendd does not answer on /tmp/tgt-no-such-socket; nothing was sent, try again later");
	close(file.fd);
}

/*
 * What tg-sendd says counts though it reads no further: where writing broke before the answer was read, the
 * next attempt has it.
 */
static void uploads_that_are_refused_at_their_headers(void **state)
{
	static const char refusal[] = "early 413 {\"error\":\"too large\"}";
	static const char *const steps[] = {refusal, refusal, refusal, refusal, refusal, refusal, refusal,
	    refusal, refusal, refusal, refusal, refusal, NULL};
	struct service service;
	struct submit_answer got;
	struct error error;
	struct http_file file = {.fd = file_of(4000000), .len = 4000000};

	(void)state;
	begin(&service, steps, 0);
	assert_int_equal(submit_upload(service.path, "/files", NULL, &file, &got, &error), -1);
	assert_int_equal(got.status, 413);
	assert_int_equal(error.kind, ERROR_INPUT);
	assert_string_equal(error.text, "too large");
	submit_answer_free(&got);
	end(&service);
	close(file.fd);
}

static void uploads_of_a_file_that_became_shorter(void **state)
{
	static const char *const steps[] = {"200 {}", NULL};
	struct service service;
	struct submit_answer got;
	struct error error;
	struct http_file file = {.fd = file_of(1000), .len = 1001};

	(void)state;
	begin(&service, steps, 0);
	assert_int_equal(submit_upload(service.path, "/files", NULL, &file, &got, &error), -1);
	assert_int_equal(error.kind, ERROR_INPUT);
	assert_string_equal(error.text, "the file cannot be read to its end any more; nothing was sent");
	submit_answer_free(&got);
	end(&service);
	close(file.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(taken),
	    cmocka_unit_test(no_key_no_header),
	    cmocka_unit_test(refusals),
	    cmocka_unit_test(long_words_are_cut),
	    cmocka_unit_test(broken_with_a_key),
	    cmocka_unit_test(broken_without_a_key),
	    cmocka_unit_test(restart),
	    cmocka_unit_test(away),
	    cmocka_unit_test(impossible_paths),
	    cmocka_unit_test(keys),
	    cmocka_unit_test(queries),
	    cmocka_unit_test(uploads),
	    cmocka_unit_test(uploads_that_are_refused_at_their_headers),
	    cmocka_unit_test(uploads_of_a_file_that_became_shorter),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
