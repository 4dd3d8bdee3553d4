/*
 * What tg-exec takes from who asks and from what it starts. Both may be anything; what comes through stands
 * in the argv of a program that runs as somebody else, and in what people are shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "tg-exec/command.h"
#include "tg-exec/event.h"
#include "tg-exec/request.h"
#include "xalloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int read_line(const char *line, struct request *request, struct error *error)
{
	return request_read(line, strlen(line), request, error);
}

static void requests_are_read(void **state)
{
	struct request request;
	struct error error;

	(void)state;
	assert_int_equal(
	    read_line("{\"op\":\"run\",\"job\":9223372036854775807,\"user\":\"alice\",\"script\":\"a.sh\","
		      "\"args\":[\"x y\",\"\"],\"server\":false}",
		&request, &error),
	    0);
	assert_int_equal(request.op, REQUEST_RUN);
	assert_true(request.job == INT64_MAX && !request.server);
	assert_string_equal(request.user, "alice");
	assert_string_equal(request.script, "a.sh");
	assert_string_equal(request.args[0], "x y");
	assert_string_equal(request.args[1], "");
	assert_null(request.args[2]);
	request_free(&request);
	assert_int_equal(read_line("{\"op\":\"stop\",\"job\":3}", &request, &error), 0);
	assert_true(request.op == REQUEST_STOP && request.job == 3);
	request_free(&request);
	assert_int_equal(read_line("{\"op\":\"list\",\"job\":3,\"user\":\"b\"}", &request, &error), 0);
	assert_true(request.op == REQUEST_LIST && request.script == NULL);
	request_free(&request);
	assert_int_equal(read_line("{\"op\":\"exec\",\"job\":3,\"section\":\"commands\",\"name\":\"up\","
				   "\"request\":{\"args\":\"a\\nb\"}}",
			     &request, &error),
	    0);
	assert_true(request.op == REQUEST_EXEC && request.user == NULL && request.script == NULL);
	assert_string_equal(request.section, "commands");
	assert_string_equal(request.name, "up");
	assert_string_equal(json_line(request.input), "{\"args\":\"a\\nb\"}");
	request_free(&request);
}

/* The number says whom to tell: 0 where an answer would be taken for that of another job. */
static void a_refusal_has_the_number_that_it_is_for(void **state)
{
	static const struct {
		const char *line;
		int64_t job;
	} table[] = {
	    {"{\"op\":\"run\",\"job\":5}", 5},
	    {"{\"job\":5}", 5},
	    {"{\"op\":1,\"job\":5}", 5},
	    {"{\"op\":\"run\",\"job\":5,\"user\":\"a\",\"script\":\"b\",\"args\":{}}", 5},
	    {"{\"op\":\"list\",\"job\":5,\"user\":\"a\",\"script\":\"b\"}", 5},
	    {"{\"op\":\"exec\",\"job\":5,\"section\":\"commands\",\"name\":\"a\"}", 5},
	    {"{\"op\":\"exec\",\"job\":5,\"section\":\"commands\",\"name\":\"a\",\"request\":[]}", 5},
	    {"{\"op\":\"exec\",\"job\":5,\"section\":\"commands\",\"request\":{}}", 5},
	    {"{\"op\":\"exec\",\"job\":5,\"section\":\"a\",\"name\":\"a\",\"request\":{},\"exec\":[\"/bin/"
	     "sh\"]}",
		5},
	    {"{\"op\":\"run\",\"job\":0}", 0},
	    {"{\"op\":\"run\",\"job\":-5}", 0},
	    {"{\"op\":\"run\",\"job\":5.0}", 0},
	    {"{\"op\":\"run\",\"job\":\"5\"}", 0},
	    {"{\"op\":\"run\",\"job\":92233720368547758070}", 0},
	    {"[]", 0},
	    {"", 0},
	};
	struct request request;
	struct error error;

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(read_line(table[i].line, &request, &error), -1);
		assert_int_equal(error.kind, ERROR_INPUT);
		assert_true(request.job == table[i].job && request.object == NULL);
	}
}

static void names_of_accounts(void **state)
{
	static const char *const good[] = {
	    "a", "_apt", "alice", "first.last", "w-1_2", "MACHINE$", "abcdefghijklmnopqrstuvwxyz012345"};
	static const char *const bad[] = {"", "-u", "#0", "%group", "0", "1000", "a b", "a/b", "a:b", "a$b",
	    "$", "a\n", "ä", ".", "..", "+a", "abcdefghijklmnopqrstuvwxyz0123456", "a,b", "a*",
	    "ALL=", "a\\b"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(request_is_account(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(request_is_account(bad[i]));
}

/* ---- commands ---- */

static char *words_of(const struct command *command)
{
	struct buf words = BUF_INIT(4096);

	const char *const *argv =
	    command->fixed != NULL ? (const char *const *)command->fixed : command->argv;

	for (size_t i = 0; argv[i] != NULL; i++) {
		if (i > 0)
			buf_add_text(&words, "|");
		buf_add_text(&words, argv[i]);
	}
	return words.data;
}

static struct config_server_script scripts[] = {{.name = "backup", .run_as = "root"},
    {.name = "mine", .run_as = "user"}, {.name = "odd", .run_as = "-x"}};
static char *uptime_argv[] = {"/usr/bin/uptime", "-p", NULL}, *df_argv[] = {"/usr/bin/df", NULL};
static struct config_route commands[] = {
    {.name = "uptime", .exec = {uptime_argv, 2}, .timeout_ms = 5000}, {.name = "own", .script = "own.sh"}};
static struct config_route callbacks[] = {{.name = "DF", .exec = {df_argv, 1}}};
static const struct config configuration = {.server_scripts = scripts,
    .server_scripts_count = COUNT(scripts),
    .commands = commands,
    .commands_count = COUNT(commands),
    .callbacks = callbacks,
    .callbacks_count = COUNT(callbacks),
    .text = {.name = "text", .exec = {df_argv, 1}},
    .scripts = {.timeout_ms = 60000}};

/* The command for a line, as uid; its words, or "!" and the error. */
static void expect_command(uid_t uid, const char *line, const char *expected)
{
	const struct command_place place = {"/opt/notify-scripts", "TGTOOLS_CONFIG=/x", uid};
	struct command command;
	struct request request;
	struct error error;
	char *words;

	assert_int_equal(read_line(line, &request, &error), 0);
	if (command_make(&place, &configuration, &request, &command, &error) == 0)
		words = words_of(&command);
	else
		words = xasprintf("!%s", error.text);
	assert_string_equal(words, expected);
	free(words);
	request_free(&request);
}

static void commands_are_fixed_words_and_checked_names(void **state)
{
	/* Any account but root that every system has. */
	const struct passwd *daemon = getpwnam("daemon");

	(void)state;
	assert_non_null(daemon);
	expect_command(daemon->pw_uid,
	    "{\"op\":\"run\",\"job\":1,\"user\":\"daemon\",\"script\":\"a\",\"args\":[\"--server\",\"b c\"]}",
	    "/opt/notify-scripts|run|--stream|--deliver|--until-eof|a|--server|b c");
	expect_command(4242, "{\"op\":\"run\",\"job\":1,\"user\":\"daemon\",\"script\":\"a\"}",
	    "/usr/bin/sudo|-n|-u|daemon|--|/opt/notify-scripts|run|--stream|--deliver|--until-eof|a");
	expect_command(4242, "{\"op\":\"list\",\"job\":1,\"user\":\"daemon\"}",
	    "/usr/bin/sudo|-n|-u|daemon|--|/opt/notify-scripts|list");
	expect_command(4242,
	    "{\"op\":\"run\",\"job\":1,\"user\":\"daemon\",\"script\":\"backup\",\"server\":true}",
	    "/usr/bin/sudo|-n|-u|root|--|/opt/notify-scripts|run|--stream|--until-eof|--server|backup");
	/* Root may ask for what is configured to run as root. */
	expect_command(4242,
	    "{\"op\":\"run\",\"job\":1,\"user\":\"root\",\"script\":\"backup\",\"server\":true}",
	    "/usr/bin/sudo|-n|-u|root|--|/opt/notify-scripts|run|--stream|--until-eof|--server|backup");
	expect_command(4242,
	    "{\"op\":\"run\",\"job\":1,\"user\":\"daemon\",\"script\":\"mine\",\"server\":true}",
	    "/usr/bin/sudo|-n|-u|daemon|--|/opt/notify-scripts|run|--stream|--until-eof|--server|mine");
}

static void commands_that_are_not_made(void **state)
{
	(void)state;
	expect_command(4242, "{\"op\":\"run\",\"job\":1,\"user\":\"root\",\"script\":\"a\"}",
	    "!Nothing is run as root from here");
	expect_command(
	    4242, "{\"op\":\"list\",\"job\":1,\"user\":\"root\"}", "!Nothing is run as root from here");
	expect_command(4242,
	    "{\"op\":\"run\",\"job\":1,\"user\":\"root\",\"script\":\"mine\",\"server\":true}",
	    "!Nothing is run as root from here");
	expect_command(0, "{\"op\":\"list\",\"job\":1,\"user\":\"root\"}", "/opt/notify-scripts|list");
	expect_command(4242,
	    "{\"op\":\"run\",\"job\":1,\"user\":\"daemon\",\"script\":\"other\",\"server\":true}",
	    "!Script not found");
	expect_command(4242,
	    "{\"op\":\"run\",\"job\":1,\"user\":\"daemon\",\"script\":\"odd\",\"server\":true}",
	    "!This is no name of an account");
	expect_command(4242, "{\"op\":\"list\",\"job\":1,\"user\":\"no-such-account\"}",
	    "!there is no account no-such-account");
}

static void expect_program(const char *section, const char *name, const char *expected)
{
	char *line = xasprintf(
	    "{\"op\":\"exec\",\"job\":1,\"section\":\"%s\",\"name\":\"%s\",\"request\":{}}", section, name);

	expect_command(4242, line, expected);
	free(line);
}

/* Who asks names a row; which program that is, the configuration of tg-exec alone says. */
static void programs_are_those_of_the_configuration(void **state)
{
	const struct command_place place = {"/opt/notify-scripts", "TGTOOLS_CONFIG=/x", 4242};
	struct command command;
	struct request request;
	struct error error;

	(void)state;
	expect_program("commands", "uptime", "/usr/bin/uptime|-p");
	expect_program("callbacks", "DF", "/usr/bin/df");
	expect_program("text", "text", "/usr/bin/df");
	expect_program("files", "files", "!The server knows no such program any more");
	expect_program("callbacks", "uptime", "!The server knows no such program any more");
	expect_program("commands", "own", "!The server knows no such program any more");
	expect_program("commands", "/bin/sh", "!The server knows no such program any more");
	expect_program("server_scripts", "backup", "!The server knows no such program any more");
	assert_int_equal(read_line("{\"op\":\"exec\",\"job\":1,\"section\":\"callbacks\",\"name\":\"DF\","
				   "\"request\":{}}",
			     &request, &error),
	    0);
	assert_int_equal(command_make(&place, &configuration, &request, &command, &error), 0);
	assert_int_equal(command.timeout_ms, 60000);
	assert_string_equal(command.account, "");
	assert_string_equal(command.environment[2], "TGTOOLS_CONFIG=/x");
	request_free(&request);
}

/* ---- events ---- */

/* What is passed on for a line about a job of the script "a.sh", or of none; NULL: it is no event. */
static void expect_event(const char *script, const char *line, const char *expected)
{
	const struct event_job job = {7, script};
	struct json_object *event = NULL;
	enum event_kind kind;
	struct error error;
	int result = event_rebuild(line, strlen(line), &job, &kind, &event, &error);

	if (expected == NULL) {
		if (result == 0)
			fail_msg("%s: %s", line, json_line(event));
		assert_int_equal(error.kind, ERROR_INPUT);
		assert_null(event);
	} else {
		if (result != 0)
			fail_msg("%s: %s", line, error.text);
		assert_string_equal(json_line(event), expected);
	}
	json_object_put(event);
}

static void events_are_rebuilt(void **state)
{
	(void)state;
	expect_event("a.sh", "{\"job\":8,\"event\":\"started\",\"script\":\"b\"}",
	    "{\"job\":7,\"event\":\"started\",\"script\":\"a.sh\"}");
	expect_event("a.sh", "{\"event\":\"output\",\"stream\":\"stdout\",\"text\":\"a\\u0000\\u001b/\\n\"}",
	    "{\"job\":7,\"event\":\"output\",\"stream\":\"stdout\",\"text\":\"a \\u001b/\\n\"}");
	expect_event("a.sh", "{\"event\":\"finished\",\"status\":255,\"report\":\"sent\",\"x\":{}}",
	    "{\"job\":7,\"event\":\"finished\",\"status\":255,\"signal\":0,\"timed_out\":false,\"stopped\":"
	    "false,"
	    "\"cut\":false,\"duration_ms\":0,\"report\":\"sent\"}");
	expect_event("a.sh",
	    "{\"event\":\"finished\",\"status\":null,\"signal\":9,\"timed_out\":true,\"stopped\":true,"
	    "\"cut\":true,\"duration_ms\":12,\"report\":\"failed\",\"error\":\"a\\nb\"}",
	    "{\"job\":7,\"event\":\"finished\",\"status\":null,\"signal\":9,\"timed_out\":true,\"stopped\":"
	    "true,"
	    "\"cut\":true,\"duration_ms\":12,\"report\":\"failed\",\"error\":\"a?b\"}");
	expect_event("a.sh", "{\"event\":\"failed\",\"error\":\"no\"}",
	    "{\"job\":7,\"event\":\"failed\",\"error\":\"no\"}");
	expect_event(NULL, "{\"error\":\"no\"}", "{\"job\":7,\"event\":\"failed\",\"error\":\"no\"}");
	expect_event(NULL, "[]", "{\"job\":7,\"event\":\"list\",\"scripts\":[]}");
	expect_event(NULL, "[{\"name\":\"a.sh\",\"stem\":\"a\",\"last_run\":\"5m ago\",\"last_sent\":17}]",
	    "{\"job\":7,\"event\":\"list\",\"scripts\":[{\"name\":\"a.sh\",\"stem\":\"a\",\"last_run\":\"5m "
	    "ago\","
	    "\"last_sent\":17,\"cooldown_until\":null}]}");
}

static void what_is_no_event(void **state)
{
	static const char *const lines[] = {"", "x", "1", "null", "[]", "{}",
	    "{\"event\":\"list\",\"scripts\":[]}",
	    "{\"event\":\"output\",\"stream\":\"stdin\",\"text\":\"x\"}",
	    "{\"event\":\"output\",\"stream\":\"stdout\"}",
	    "{\"event\":\"output\",\"stream\":\"stdout\",\"text\":1}",
	    "{\"event\":\"output\",\"stream\":\"stdout\",\"text\":null}",
	    "{\"event\":\"finished\",\"status\":256}", "{\"event\":\"finished\",\"status\":\"0\"}",
	    "{\"event\":\"finished\",\"signal\":65}", "{\"event\":\"finished\",\"signal\":-1}",
	    "{\"event\":\"finished\",\"duration_ms\":-1}", "{\"event\":\"finished\",\"cut\":0}",
	    "{\"event\":\"finished\",\"report\":\"perhaps\"}", "{\"event\":\"finished\",\"error\":1}",
	    "{\"event\":\"failed\"}", "{\"event\":1}", "{\"event\":\"started\"} {}"};
	static const char *const lists[] = {"{\"event\":\"started\"}",
	    "{\"event\":\"output\",\"stream\":\"stdout\",\"text\":\"x\"}", "{\"event\":\"finished\"}", "[1]",
	    "[[]]", "[{}]", "[{\"name\":\"a/b\"}]", "[{\"name\":\"a\",\"stem\":\"b\"}]",
	    "[{\"name\":\"a\",\"last_run\":[]}]", "[{\"name\":\"a\",\"last_sent\":1.5}]"};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		expect_event("a.sh", lines[i], NULL);
	for (size_t i = 0; i < COUNT(lists); i++)
		expect_event(NULL, lists[i], NULL);
}

/* A short line may become a long event where each script of a list lacks what is written out. */
static void a_list_that_grows_too_long_is_none(void **state)
{
	struct buf line = BUF_INIT(EVENT_LINE_MAX_BYTES);

	(void)state;
	buf_add_text(&line, "[{\"name\":\"a\"}");
	for (int i = 0; i < 8000; i++)
		buf_add_text(&line, ",{\"name\":\"a\"}");
	assert_int_equal(buf_add_text(&line, "]"), 0);
	expect_event(NULL, buf_text(&line), NULL);
	buf_free(&line);
}

static void last_words(void **state)
{
	static const struct {
		int wait_status;
		const char *errors, *expected;
	} table[] = {
	    {3 << 8, "", "notify-scripts ended without a word (exit status 3)"},
	    {0, "a\nb\r\n \n", "notify-scripts ended without a word (exit status 0): b"},
	    {1 << 8, "lecture\nsudo: a password is required\n",
		"The server does not allow it (sudo: a password is required)"},
	    {1 << 8, "sudo: ", "notify-scripts ended without a word (exit status 1): sudo:"},
	    {SIGKILL, "x", "notify-scripts ended without a word (signal 9): x"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *text = event_last_words("notify-scripts", table[i].wait_status, table[i].errors);

		assert_string_equal(text, table[i].expected);
		free(text);
	}
}

static void a_failure_is_one_printable_line(void **state)
{
	struct json_object *event;
	char text[1000];

	(void)state;
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	event = event_failed(1, text);
	assert_int_equal(strlen(json_text(event, "error")), EVENT_ERROR_MAX_BYTES + 3);
	json_object_put(event);
	event = event_failed(1, "a\nb\033[1m\xff");
	assert_string_equal(json_text(event, "error"), "a?b?[1m?");
	json_object_put(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests_are_read),
	    cmocka_unit_test(a_refusal_has_the_number_that_it_is_for),
	    cmocka_unit_test(names_of_accounts),
	    cmocka_unit_test(commands_are_fixed_words_and_checked_names),
	    cmocka_unit_test(commands_that_are_not_made),
	    cmocka_unit_test(programs_are_those_of_the_configuration),
	    cmocka_unit_test(events_are_rebuilt),
	    cmocka_unit_test(what_is_no_event),
	    cmocka_unit_test(a_list_that_grows_too_long_is_none),
	    cmocka_unit_test(last_words),
	    cmocka_unit_test(a_failure_is_one_printable_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
