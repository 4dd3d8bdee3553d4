/*
 * Why: the log is read by programs and by people in trouble. A name or an answer from outside must not be
 * able to forge a line, and the token must not be in it, whatever was logged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "json.h"
#include "log.h"

static char line[16384];

/* What the statement wrote to stderr, in line. */
static int saved = -1, pipes[2];

static void start_capture(void)
{
	assert_int_equal(pipe(pipes), 0);
	saved = dup(STDERR_FILENO);
	dup2(pipes[1], STDERR_FILENO);
	close(pipes[1]);
}

static void end_capture(void)
{
	size_t used = 0;
	ssize_t got;

	dup2(saved, STDERR_FILENO);
	close(saved);
	while ((got = read(pipes[0], line + used, sizeof line - 1 - used)) > 0)
		used += (size_t)got;
	line[used] = '\0';
	close(pipes[0]);
}

#define CAPTURE(statement)                                                                                   \
	do {                                                                                                 \
		start_capture();                                                                             \
		statement;                                                                                   \
		end_capture();                                                                               \
	} while (0)

/* The captured line as JSON; it must be one whole line. */
static struct json_object *parse_line(void)
{
	struct json_object *object = NULL;
	struct error error = {0};
	size_t len = strlen(line);

	assert_true(len > 0 && line[len - 1] == '\n');
	assert_ptr_equal(strchr(line, '\n'), line + len - 1);
	if (json_parse_object(line, len, "the line", &object, &error) != 0)
		fail_msg("%s: %s", error.text, line);
	return object;
}

static int reset(void **state)
{
	(void)state;
	log_open("tg-test", true, LOG_INFO);
	log_secret(NULL);
	return 0;
}

static void test_json(void **state)
{
	struct json_object *object;

	(void)state;
	CAPTURE(
	    log_warning("it happened", LOG_STR("user", "alice"), LOG_INT("chat", -5), LOG_STR("none", NULL)));
	object = parse_line();
	assert_string_equal(json_text(object, "level"), "warning");
	assert_string_equal(json_text(object, "program"), "tg-test");
	assert_string_equal(json_text(object, "event"), "it happened");
	assert_string_equal(json_text(object, "user"), "alice");
	assert_string_equal(json_text(object, "none"), "");
	assert_int_equal(json_int64(object, "chat"), -5);
	assert_int_equal(strlen(json_text(object, "time")), strlen("2026-01-31T08:00:00.123Z"));
	json_object_put(object);
	CAPTURE(log_info("alone"));
	json_object_put(parse_line());
}

static void test_text(void **state)
{
	(void)state;
	log_open("tg-test", false, LOG_INFO);
	CAPTURE(log_error("it happened", LOG_STR("user", "a \"b\" \\"), LOG_INT("n", INT64_MIN)));
	assert_string_equal(
	    line, "tg-test: error: it happened user=\"a \\\"b\\\" \\\\\" n=-9223372036854775808\n");
}

static void test_level(void **state)
{
	enum log_level level = LOG_ERROR;

	(void)state;
	CAPTURE(log_debug("too small"));
	assert_string_equal(line, "");
	log_open("tg-test", true, LOG_ERROR);
	CAPTURE(log_warning("too small"));
	assert_string_equal(line, "");
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_level_parse("Info", &level), -1);
	assert_int_equal(log_level_parse("", &level), -1);
	assert_int_equal(level, LOG_DEBUG);
}

/* Nothing from outside ends a line, moves a cursor or closes a string. */
static void test_hostile(void **state)
{
	static const char hostile[] = "a\n{\"level\":\"info\"}\r\x1b[2J\"\\\x7f\x01\xff";
	struct json_object *object;

	(void)state;
	CAPTURE(log_info("e", LOG_STR("v", hostile)));
	for (const char *c = line; c[1] != '\0'; c++)
		assert_in_range(*c, 0x20, 0x7e);
	object = parse_line();
	assert_string_equal(
	    json_text(object, "v"), "a\n{\"level\":\"info\"}\r\x1b[2J\"\\\x7f\x01\xef\xbf\xbd");
	json_object_put(object);
}

/* Names are not only ASCII: who reads the JSON gets them back. */
static void test_unicode(void **state)
{
	static const char name[] = "J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80";
	struct json_object *object;

	(void)state;
	CAPTURE(log_info("e", LOG_STR("v", name)));
	object = parse_line();
	assert_string_equal(json_text(object, "v"), name);
	json_object_put(object);
}

static void test_secret(void **state)
{
	static const char secret[] = "123456:abcdefghij";
	char text[1100];

	(void)state;
	for (int json = 0; json < 2; json++) {
		log_open("tg-test", json == 1, LOG_INFO);
		log_secret(secret);
		CAPTURE(
		    log_info("at /bot123456:abcdefghij/x", LOG_STR("url", "/bot123456:abcdefghij/getMe")));
		assert_null(strstr(line, secret));
		assert_non_null(strstr(line, "/bot[secret]/getMe"));
		assert_non_null(strstr(line, "/bot[secret]/x"));
		/* also where the cut goes through it */
		memset(text, 'x', sizeof text);
		memcpy(text + 1015, secret, sizeof secret);
		CAPTURE(log_info("e", LOG_STR("url", text)));
		assert_null(strstr(line, "123456"));
		assert_non_null(strstr(line, "x[secret]"));
	}
	log_secret("short");
	CAPTURE(log_info("e", LOG_STR("v", "a short text")));
	assert_non_null(strstr(line, "a short text"));
}

/* However much is logged, a line is whole, and at most 4096 bytes, which a pipe takes at once. */
static void test_long(void **state)
{
	char text[2000];
	struct json_object *object;

	(void)state;
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	CAPTURE(log_info("e", LOG_STR("v", text)));
	object = parse_line();
	assert_in_range(strlen(json_text(object, "v")), 1000, 1030);
	assert_non_null(strstr(line, "xxx...\""));
	json_object_put(object);
	memset(text, '\x01', sizeof text - 1);
	CAPTURE(log_info(text, LOG_STR("a", text), LOG_STR("b", text), LOG_STR("c", text), LOG_INT("n", 7)));
	assert_in_range(strlen(line), 1000, 4096);
	object = parse_line();
	assert_int_equal(json_int64(object, "n"), 7);
	json_object_put(object);
	log_open("tg-test", false, LOG_INFO);
	CAPTURE(log_info("e", LOG_STR("a", text), LOG_STR("b", text), LOG_STR("c", text)));
	assert_in_range(strlen(line), 1000, 4096);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

__attribute__((no_sanitize("undefined", "address"))) static void fault(void)
{
	volatile char *volatile nowhere = NULL;

	*nowhere = 1;
}

static void end(int way)
{
	if (way == 0)
		exit(0);
	if (way == 1)
		quick_exit(0); /* as where memory is out */
	if (way == 2)
		abort();
	if (way == 3)
		fault();
	raise(SIGSEGV); /* as kill(1) sends it, which means to end it */
	_exit(0);
}

/* The lines before the end are those that somebody will want to read. */
static void end_in_each_way(void)
{
	int status;
	pid_t pid;

	for (int way = 0; way < 5; way++) {
		start_capture();
		pid = fork();
		if (pid == 0) {
			signal(SIGALRM, SIG_DFL);
			alarm(60);
			log_info("the last words");
			end(way);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		end_capture();
		assert_non_null(strstr(line, "\"the last words\""));
		if (way < 2)
			assert_int_equal(status, 0);
		else
			assert_int_not_equal(status, 0);
	}
}

static void test_hold(void **state)
{
	struct buf many = BUF_INIT(1 << 20);

	(void)state;
	/* For the rest of this process, so all of its tests come before. What cmocka does at a fault is no
	 * end. */
	signal(SIGSEGV, SIG_DFL);
	log_hold();
	CAPTURE(log_info("one"));
	assert_string_equal(line, "");
	CAPTURE(log_warning("two"));
	assert_non_null(strstr(line, "\"one\""));
	assert_true(strstr(line, "\"two\"") > strstr(line, "\"one\""));
	CAPTURE(log_info("three"));
	CAPTURE(log_flush());
	assert_non_null(strstr(line, "\"three\""));
	CAPTURE(log_flush());
	assert_string_equal(line, "");
	/* What is written is whole lines, of no more than a pipe takes at once. */
	for (int i = 0; i < 100; i++) {
		CAPTURE(log_info("event", LOG_INT("number", i)));
		assert_in_range(strlen(line), 0, 4096);
		assert_true(line[0] == '\0' || line[strlen(line) - 1] == '\n');
		buf_add_text(&many, line);
	}
	CAPTURE(log_flush());
	buf_add_text(&many, line);
	for (int i = 0; i < 100; i++) {
		snprintf(line, sizeof line, "\"number\":%d}\n", i);
		assert_non_null(strstr(buf_text(&many), line));
	}
	buf_free(&many);
	end_in_each_way();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_json, reset),
	    cmocka_unit_test_setup(test_text, reset),
	    cmocka_unit_test_setup(test_level, reset),
	    cmocka_unit_test_setup(test_hostile, reset),
	    cmocka_unit_test_setup(test_unicode, reset),
	    cmocka_unit_test_setup(test_secret, reset),
	    cmocka_unit_test_setup(test_long, reset),
	    cmocka_unit_test_setup(test_hold, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
