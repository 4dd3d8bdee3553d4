/*
 * What tg-dispatch --check says of a table: each mistake in its line, none twice, and what is in order in
 * columns. An operator reads it before people meet the mistake.
 */
#include "tg-dispatch/table_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"
#include "tg-dispatch/table.h"
#include "tg-dispatch/table_print.h"

struct said {
	struct buf text;
	int fatal;
};

static char file[] = "/tmp/tgt-table.XXXXXX";

static bool has_group(const char *name)
{
	return strcmp(name, "none") != 0;
}

static const char *why_not(const char *path)
{
	return strstr(path, "gone") != NULL ? "it is gone" : NULL;
}

static const struct table_world world = {has_group, why_not, why_not};

static int setup(void **state)
{
	int fd = mkstemp(file);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(file);
}

static void say(void *context, const char *text)
{
	struct said *said = context;

	/* Without the name of the file. */
	(void)buf_add_format(&said->text, "%s\n", text + strlen(file) + 1);
}

static void say_row(void *context, const char *text, bool is_fatal)
{
	struct said *said = context;

	said->fatal += is_fatal;
	say(context, text);
}

static void write_file(const char *text)
{
	FILE *stream = fopen(file, "w");

	assert_non_null(stream);
	assert_true(fputs(text, stream) >= 0);
	assert_int_equal(fclose(stream), 0);
}

static void expect(const char *yaml, int fatal, const char *expected)
{
	struct said said = {.text = BUF_INIT(1 << 16)};
	struct config *config = NULL;
	struct error error;
	int result;

	write_file(yaml);
	result = config_load_all(file, say, &said, &config, &error);
	assert_int_equal(result, said.text.len > 0);
	table_check(config, &world, say_row, &said);
	assert_string_equal(buf_text(&said.text), expected);
	assert_int_equal(said.fatal, fatal);
	config_free(config);
	buf_free(&said.text);
}

static void each_mistake_of_a_table_is_told(void **state)
{
	(void)state;
	expect("commands:\n"
	       "  - {command: up, description: Up, exec: [/bin/up]}\n"
	       "  - {command: start, description: X, exec: [/bin/gone]}\n"
	       "  - {command: a, description: X, access: '%none', script: x}\n"
	       "  - {command: b, description: X, access: '%some', script: x}\n"
	       "  - {command: c, description: X, access: anyone, script: x}\n"
	       "  - {command: d, description: X, session: s}\n"
	       "  - command: e\n"
	       "    description: X\n"
	       "    http:\n"
	       "      url: http://x/\n"
	       "      template: '{{#a}}'\n"
	       "      headers:\n"
	       "        - {name: A, value: v}\n"
	       "        - {name: B, value_file: /etc/gone}\n"
	       "callbacks:\n"
	       "  - {action: stop, exec: [/bin/up]}\n"
	       "  - {action: start, exec: [/bin/up]}\n"
	       "text: {exec: [/gone]}\n"
	       "files: {access: operator, script: x}\n"
	       "access: {operators: []}\n"
	       "sessions: [{name: s, command: [/bin/up]}]\n"
	       "texts:\n"
	       "  access_denied: No.\n"
	       "  acess_denied: No.\n",
	    3,
	    "3: commands: start: it is built in; give the row another name\n"
	    "3: commands: start: /bin/gone cannot be run: it is gone\n"
	    "4: commands: a: nobody can use it: there is no group none\n"
	    "6: commands: c: only linked people have scripts; make its access linked\n"
	    "7: commands: d: nothing answers it: this version of tg-dispatch runs no sessions\n"
	    "8: commands: e: template, line 1: a section is not closed: {{a}}\n"
	    "15: commands: e: header B: /etc/gone: it is gone\n"
	    "17: callbacks: stop: it is built in; give the row another name\n"
	    "19: text: /gone cannot be run: it is gone\n"
	    "20: files: nobody can use it: access.operators is empty\n"
	    "25: texts: acess_denied: there is no text of this name; see tg-dispatch(8)\n");
}

/* What cannot be read is told once, and the rest is looked at all the same. */
static void what_cannot_be_read_hides_nothing_else(void **state)
{
	(void)state;
	expect("teleg: {}\n"
	       "telegram: {timeout: long}\n"
	       "access: {operators: [root, 'a b']}\n"
	       "commands:\n"
	       "  - {command: a, description: X, script: x}\n"
	       "  - {command: a, description: X, script: x}\n"
	       "  - {command: B!, description: X, script: x}\n"
	       "  - {command: c, http: {url: http://x/}}\n"
	       "  - {command: d, description: X, http: {url: ftp://x/}}\n"
	       "  - {command: e, description: X}\n"
	       "  - just a word\n"
	       "  - {command: f, description: X, exec: [/gone]}\n"
	       "text: {session: s}\n",
	    0,
	    "1: unknown key \"teleg\"\n"
	    "2: telegram.timeout must be a duration such as 30s, 10m, 24h or 1d, from 1s to 10m\n"
	    "3: access.operators must be the name of an account, or %group\n"
	    "6: commands has two entries with the command \"a\"\n"
	    "7: commands.command must be 1 to 32 of the characters a-z 0-9 _, without the /\n"
	    "8: commands.description is missing\n"
	    "9: commands.http.url must be a URL such as http://127.0.0.1:8000/path or https://host/path\n"
	    "11: commands must be a mapping (key: value)\n"
	    "10: commands: e needs exactly one of http, exec, script, session\n"
	    "13: text: there is no session \"s\" in sessions\n"
	    "12: commands: f: /gone cannot be run: it is gone\n");
}

/* A way that is wrong is not missing, too. */
static void a_section_that_cannot_be_read_is_told_once(void **state)
{
	(void)state;
	expect("text: assistant\n"
	       "files: {http: {url: ftp://x/}}\n",
	    0,
	    "1: text must be a mapping (key: value)\n"
	    "2: files.http.url must be a URL such as http://127.0.0.1:8000/path or https://host/path\n");
	expect("text: {http: {url: http://x/}, comand: x}\n", 0, "1: unknown key \"comand\" in text\n");
	expect("text: {}\nfiles:\n", 0, "");
}

static void a_table_is_printed_in_columns(void **state)
{
	struct buf out = BUF_INIT(1 << 16);
	struct command_table *table = NULL;
	struct config *config = NULL;
	struct error error;

	(void)state;
	write_file(
	    "commands:\n"
	    "  - {command: up, description: Up, access: operator, where: [private, group], timeout: 5s,\n"
	    "     exec: [/usr/bin/uptime, -p]}\n"
	    "  - {command: own, description: X, where: [group], script: own.sh}\n"
	    "callbacks:\n"
	    "  - {action: CONNECT, timeout: 90s, http: {url: 'http://x/'}}\n"
	    "text: {http: {url: 'http://y/', socket: /run/y, method: GET, template: '{{a}}'}}\n"
	    "sessions: [{name: s, command: [/bin/s, \"a\"], access: '%team'}]\n");
	assert_int_equal(config_load(file, &config, &error), 0);
	assert_int_equal(table_new(config, &table, &error), 0);
	table_print(table, config, &out);
	assert_non_null(
	    strstr(buf_text(&out), "\n/start             private        anyone    -        built in\n"));
	assert_non_null(strstr(buf_text(&out),
	    "\n/up                private,group  operator  5s       exec /usr/bin/uptime -p\n"
	    "/own               group          linked    1m       script own.sh\n"
	    "text               private        linked    5s       GET http://y/ at /run/y by a template\n"));
	assert_non_null(strstr(buf_text(&out),
	    "\nCONNECT:           private        linked    90s      POST http://x/\n"
	    "session=s          -              %team     -        exec as user: /bin/s a\n"));
	table_free(table);
	config_free(config);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_mistake_of_a_table_is_told),
	    cmocka_unit_test(a_section_that_cannot_be_read_is_told_once),
	    cmocka_unit_test(what_cannot_be_read_hides_nothing_else),
	    cmocka_unit_test(a_table_is_printed_in_columns),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
