/*
 * Programs that run scripts hand their messages over in lines. Each line has one answer, whatever is in it,
 * or who waits for it would wait for ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>

#include "fake_service.h"
#include "tg-send/messages.h"

static const struct upload_limits limits = {1 << 20, 2 << 20};

/* What is answered to input. The caller frees it. */
static struct buf answers_to(const char *socket_path, const char *input, size_t len)
{
	char in[] = "/tmp/tgt-in.XXXXXX", out[] = "/tmp/tgt-out.XXXXXX";
	struct buf answers = BUF_INIT(1 << 20);
	int from = mkstemp(in), to = mkstemp(out);
	struct error error;

	assert_true(from >= 0 && to >= 0);
	assert_int_equal(fd_write_all(from, input, len), 0);
	assert_int_equal(lseek(from, 0, SEEK_SET), 0);
	if (messages_run(from, to, socket_path, &limits, &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(lseek(to, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_all(to, &answers), 0);
	close(from);
	close(to);
	unlink(in);
	unlink(out);
	return answers;
}

static void check(const char *socket_path, const char *input, const char *expected)
{
	struct buf got = answers_to(socket_path, input, strlen(input));

	assert_string_equal(buf_text(&got), expected);
	buf_free(&got);
}

static void lines_that_are_none_are_answered(void **state)
{
	static const struct {
		const char *line, *answer;
	} rows[] = {
	    {"", ""},
	    {"\n \n", ""},
	    {"x", "the line is not JSON"},
	    {"[]\n", "the line is not a JSON object"},
	    {"{}", "a message has an idempotency_key and fields"},
	    {"{\"fields\":{}}", "a message has an idempotency_key and fields"},
	    {"{\"idempotency_key\":\"a\\r\\nb\",\"fields\":{}}",
		"a message has an idempotency_key and fields"},
	    {"{\"idempotency_key\":\"k\",\"fields\":[]}", "\\\"fields\\\" must be"},
	    {"{\"idempotency_key\":\"k\",\"fields\":{},\"more\":1}", "more"},
	    {"{\"idempotency_key\":\"k\",\"fields\":{},\"files\":[{\"path\":\"-\",\"kind\":\"photo\"}]}",
		"absolute path"},
	    {"{\"idempotency_key\":\"k\",\"fields\":{},\"files\":[7]}", "must be"},
	    {"{\"idempotency_key\":\"k\",\"fields\":{},\"files\":[{\"path\":\"/no/"
	     "such\",\"kind\":\"photo\"}]}",
		"cannot open /no/such"},
	    {"{\"get\":\"health\"}", "get takes a path"},
	    {"{\"get\":\"/x\",\"fields\":{}}", "fields"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf got = answers_to("/no/such/socket", rows[i].line, strlen(rows[i].line));
		const char *text = buf_text(&got);

		if (rows[i].answer[0] == '\0')
			assert_string_equal(text, "");
		else if (strncmp(text, "{\"status\":0,\"kind\":\"input\",", 26) != 0 ||
			 strstr(text, rows[i].answer) == NULL || strchr(text, '\n') != text + got.len - 1)
			fail_msg("%s: %s", rows[i].line, text);
		buf_free(&got);
	}
}

/* The next line is found again, and the long one is answered once. */
static void a_line_that_is_too_long(void **state)
{
	static const char last[] = "\n{\"get\":\"x\"}";
	size_t len = 2 * (size_t)MESSAGES_LINE_MAX_BYTES + 10;
	char *input = malloc(len + sizeof last);
	struct buf got;

	(void)state;
	memset(input, 'x', len);
	memcpy(input + len, last, sizeof last);
	got = answers_to("/no/such/socket", input, len + sizeof last - 1);
	assert_string_equal(buf_text(&got),
	    "{\"status\":0,\"kind\":\"input\",\"error\":\"the line is longer than 16 MB\"}\n"
	    "{\"status\":0,\"kind\":\"input\",\"error\":\"get takes a path, such as /health\"}\n");
	buf_free(&got);
	free(input);
}

static void a_message_goes_after_its_files(void **state)
{
	static const char *const steps[] = {"200 {\"file\":\"f1\"}", "200 {\"file\":\"f2\"}",
	    "200 {\"ok\":true,\"id\":9}", "403 {\"error\":\"no\"}", "200 {\"x\":1}", NULL};
	struct service service;
	char path[64], line[512];
	FILE *file;

	(void)state;
	begin(&service, steps, 0);
	snprintf(path, sizeof path, "%s/a.png", service.directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("picture", file);
	assert_int_equal(fclose(file), 0);
	snprintf(line, sizeof line,
	    "{\"idempotency_key\":\"k.1\",\"fields\":{\"text\":\"t\"},\"files\":[{\"path\":\"%s\",\"kind\":"
	    "\"photo\",\"name\":\"b.png\"},{\"path\":\"%s\",\"kind\":\"document\"}]}\n",
	    path, path);
	check(service.path, line, "{\"status\":200,\"body\":{\"ok\":true,\"id\":9}}\n");
	assert_non_null(strstr(buf_text(&service.requests[0]), "POST /files?name=b.png&part=0 "));
	assert_non_null(strstr(buf_text(&service.requests[1]), "POST /files?name=a.png&part=1 "));
	for (size_t i = 0; i < 3; i++)
		assert_non_null(strstr(buf_text(&service.requests[i]), "\r\nIdempotency-Key: k.1\r\n"));
	assert_non_null(strstr(buf_text(&service.requests[2]),
	    "{\"text\":\"t\",\"files\":[{\"file\":\"f1\",\"name\":\"b.png\",\"kind\":\"photo\"},"
	    "{\"file\":\"f2\",\"name\":\"a.png\",\"kind\":\"document\"}]}"));
	/* Who is refused with a file is refused, not told that nobody answered. */
	check(service.path, line,
	    "{\"status\":403,\"kind\":\"denied\",\"error\":\"b.png: no; nothing was sent\"}\n");
	check(service.path, "{\"get\":\"/scripts\"}", "{\"status\":200,\"body\":{\"x\":1}}\n");
	unlink(path);
	end(&service);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_that_are_none_are_answered),
	    cmocka_unit_test(a_line_that_is_too_long),
	    cmocka_unit_test(a_message_goes_after_its_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
