/* Who is told too often switches it off, who is not told believes that all is well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "notify-runner/health.h"

/* A run a character: f fails, anything else does not. Returns what is said, a character each. */
static const char *said(const char *runs, int64_t warn_failures)
{
	static const char words[] = {[HEALTH_SILENT] = '.', [HEALTH_FAILING] = '!', [HEALTH_WELL] = '+'};
	static char text[64];
	struct script_state_entry entry = {0};
	size_t i;

	for (i = 0; runs[i] != '\0'; i++) {
		enum health_word word = health_after(&entry, runs[i] == 'f', warn_failures, "incident");

		entry.told = entry.told || word == HEALTH_FAILING;
		text[i] = words[word];
	}
	text[i] = '\0';
	return text;
}

static void one_word_for_each_time(void **state)
{
	static const struct {
		const char *runs;
		int64_t warn_failures;
		const char *said;
	} cases[] = {
	    {"ooo", 3, "..."},
	    {"ffo", 3, "..."},
	    {"ffoffoff", 3, "........"},
	    {"ffffffoo", 3, "..!...+."},
	    {"fffofffo", 3, "..!+..!+"},
	    {"fofo", 1, "!+!+"},
	    {"ffffffo", 0, "......."},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(said(cases[i].runs, cases[i].warn_failures), cases[i].said);
}

/* Where nobody could be told, the next failure is told. */
static void what_was_not_told_is_told_later(void **state)
{
	struct script_state_entry entry = {0};

	(void)state;
	assert_int_equal(health_after(&entry, true, 2, "a"), HEALTH_SILENT);
	assert_int_equal(health_after(&entry, true, 2, "b"), HEALTH_FAILING);
	assert_int_equal(health_after(&entry, true, 2, "c"), HEALTH_FAILING);
	assert_string_equal(entry.incident, "a");
	assert_int_equal(health_after(&entry, false, 2, "d"), HEALTH_SILENT);
	assert_int_equal(health_after(&entry, true, 2, "e"), HEALTH_SILENT);
	assert_string_equal(entry.incident, "e");
}

static void check(enum health_word word, const char *errors_text, const char *key, const char *text)
{
	struct script_state_entry entry = {.failures = 3, .incident = "abc"};
	struct config config = {.file = NULL};
	struct buf errors = BUF_INIT(4096);
	struct notice notice;

	buf_add_text(&errors, errors_text);
	health_notice(&notice, word, &config, "disk.sh", &entry, "exit code 1", &errors, 5);
	assert_string_equal(notice.key, key);
	assert_string_equal(json_text(notice.fields, "text"), text);
	assert_null(json_text(notice.fields, "cooldown"));
	notice_free(&notice);
	buf_free(&errors);
}

static void the_last_line_says_why(void **state)
{
	static const char failing[] = "disk.sh has failed 3 times in a row: exit code 1";
	char expected[256];

	(void)state;
	check(HEALTH_FAILING, "", "abc-failing", failing);
	check(HEALTH_FAILING, " \n\n", "abc-failing", failing);
	snprintf(expected, sizeof expected, "%s\nKeyError: {count}", failing);
	check(HEALTH_FAILING, "Traceback\n  line 1\nKeyError: {count}\n\n", "abc-failing", expected);
	check(HEALTH_FAILING, "KeyError: {count}", "abc-failing", expected);
	snprintf(expected, sizeof expected,
	    "%s\nno\xef\xbf\xbd"
	    "color",
	    failing);
	check(HEALTH_FAILING, "no\xff\x1b[31mcolor\r\n", "abc-failing", expected);
	check(HEALTH_WELL, "", "abc-well", "disk.sh works again.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_word_for_each_time),
	    cmocka_unit_test(what_was_not_told_is_told_later),
	    cmocka_unit_test(the_last_line_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
