/* A crontab is somebody's work of years: nothing in it may change but the one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notify-runner/cron.h"

#define LINE "*/5 * * * * /b/notify-runner\n"

static void install(const char *before, const char *schedule, bool replace, const char *after)
{
	struct buf old = BUF_INIT(4096), new = BUF_INIT(8192), again = BUF_INIT(8192);

	buf_add_text(&old, before);
	assert_int_equal(
	    cron_install(&old, schedule, "/b/notify-runner", replace, &new), strcmp(before, after) != 0);
	assert_string_equal(buf_text(&new), after);
	/* Twice is as once. */
	assert_false(cron_install(&new, schedule, "/b/notify-runner", replace, &again));
	assert_string_equal(buf_text(&again), after);
	buf_free(&old);
	buf_free(&new);
	buf_free(&again);
}

static void one_line_is_put_in(void **state)
{
	static const char *const others[] = {"# notify-runner\n", "MAILTO=a\n",
	    "PATH=/bin:/b/notify-runner\n", "1 2 * * * echo notify-runner\n", "1 2 * * * /b/notify-runners\n",
	    "1 2 * * * my-notify-runner\n", "  # 1 2 3 4 5 notify-runner\n", "\n", "\t\n", "junk\n",
	    "@reboot x\n", "1 2 * * * x /b/notify-runner\n", "\xff\x01\n", "A = b c d e notify-runner\n"};

	(void)state;
	install("", CRON_EVERY_FIVE_MINUTES, false, LINE);
	install("1 * * * * a", CRON_EVERY_FIVE_MINUTES, false, "1 * * * * a\n" LINE);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		char expected[256];

		snprintf(expected, sizeof expected, "%s%s", others[i], LINE);
		install(others[i], CRON_EVERY_FIVE_MINUTES, false, expected);
	}
}

static void one_that_is_there_stays(void **state)
{
	static const char *const lines[] = {LINE, "*/10 * * * * notify-runner",
	    "@hourly /x/notify-runner -v\n", "1 2 * * *\t'/a b/notify-runner' -c x >/dev/null 2>&1\n",
	    "  1 2 * * * \"/x y/notify-runner\"\n", "0 * * * * notify-runner>/tmp/x\n"};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		install(lines[i], CRON_EVERY_FIVE_MINUTES, false, lines[i]);
	install(
	    "@hourly notify-runner\na\n" LINE, CRON_EVERY_FIVE_MINUTES, false, "@hourly notify-runner\na\n");
	install("@hourly notify-runner\na\n" LINE, "@daily", true, "@daily /b/notify-runner\na\n");
}

static void take_out(const char *before, const char *after)
{
	struct buf old = BUF_INIT(4096), new = BUF_INIT(8192);

	buf_add_text(&old, before);
	assert_int_equal(cron_remove(&old, &new), strcmp(before, after) != 0);
	assert_string_equal(buf_text(&new), after);
	buf_free(&old);
	buf_free(&new);
}

static void all_lines_of_it_are_taken_out(void **state)
{
	(void)state;
	take_out("", "");
	take_out("a", "a");
	take_out("# x\n" LINE "b\n@daily notify-runner", "# x\nb\n");
	take_out("1 2 * * * nice notify-runner\n", "1 2 * * * nice notify-runner\n");
}

static void schedules(void **state)
{
	static const char *const good[] = {
	    "*/5 * * * *", "0 8-18/2 * * mon-fri", "1,2 3 4 5 6", "@hourly", "@every_minute", "  1 2 3 4 5 "};
	static const char *const bad[] = {"", "*", "* * * *", "* * * * * *", "* * * * * rm", "* * * *\n* x",
	    "@", "@daily x", "* * * * %", "*/5 * * * $(x)"};
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		if (cron_check_schedule(good[i], &error) != 0)
			fail_msg("%s", good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (cron_check_schedule(bad[i], &error) == 0)
			fail_msg("%s", bad[i]);
		assert_int_equal(error.kind, ERROR_USAGE);
	}
}

/* Between the path and the program stand cron, which knows percent signs, and a shell. */
static void commands_are_quoted(void **state)
{
	static const struct {
		const char *path, *expected;
	} cases[] = {
	    {"/usr/local/bin/notify-runner", "/usr/local/bin/notify-runner -c x"},
	    {"/a b/notify-runner", "'/a b/notify-runner' -c x"},
	    {"/it's/$HOME/notify-runner", "'/it'\\''s/$HOME/notify-runner' -c x"},
	    {"/100%/notify-runner", "'/100\\%/notify-runner' -c x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *words[] = {(char *)cases[i].path, (char *)"-c", (char *)"x", NULL};
		struct buf line = BUF_INIT(4096), crontab = BUF_INIT(4096), out = BUF_INIT(4096);

		cron_add_command(&line, words);
		assert_string_equal(buf_text(&line), cases[i].expected);
		assert_true(cron_install(&crontab, "@hourly", buf_text(&line), false, &out));
		assert_true(cron_remove(&out, &crontab));
		assert_int_equal(crontab.len, 0);
		buf_free(&line);
		buf_free(&crontab);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_line_is_put_in),
	    cmocka_unit_test(one_that_is_there_stays),
	    cmocka_unit_test(all_lines_of_it_are_taken_out),
	    cmocka_unit_test(schedules),
	    cmocka_unit_test(commands_are_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
