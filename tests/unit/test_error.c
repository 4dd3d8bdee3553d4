/* Why: an error's text is printed as it is, put into JSON and logged; its kind decides retry or exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "error.h"

static void test_kinds(void **state)
{
	static const struct {
		enum error_kind kind;
		const char *name;
		int code;
		bool temporary;
	} kinds[] = {
	    {ERROR_USAGE, "usage", 64, false},
	    {ERROR_INPUT, "input", 65, false},
	    {ERROR_CONFIG, "config", 78, false},
	    {ERROR_TEMPORARY, "temporary", 75, true},
	    {ERROR_PERMANENT, "permanent", 69, false},
	    {ERROR_DENIED, "denied", 77, false},
	    {ERROR_BUG, "bug", 70, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		assert_string_equal(error_kind_name(kinds[i].kind), kinds[i].name);
		assert_int_equal(error_exit_code(kinds[i].kind), kinds[i].code);
		assert_int_equal(error_is_temporary(kinds[i].kind), kinds[i].temporary);
	}
}

static void test_text(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(error_set(&error, ERROR_DENIED, "no %s for %d", "bread", 7), -1);
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_string_equal(error.text, "no bread for 7");
	errno = ENOENT;
	assert_int_equal(error_errno(&error, ERROR_CONFIG, "cannot open %s", "/x"), -1);
	assert_string_equal(error.text, "cannot open /x: No such file or directory");
}

/* File names and answers may contain anything; an error stays one line that can be printed. */
static void test_one_line(void **state)
{
	struct error error;

	(void)state;
	error_set(&error, ERROR_INPUT, "cannot open %s", "/tmp/a\nb\tc\x1b[31m\x7f");
	assert_string_equal(error.text, "cannot open /tmp/a?b?c?[31m?");
	errno = EACCES;
	error_errno(&error, ERROR_INPUT, "cannot open %s", "a\rb");
	assert_string_equal(error.text, "cannot open a?b: Permission denied");
	error_set(&error, ERROR_INPUT, "%s", "gr\xc3\xbc\xc3\x9f");
	assert_string_equal(error.text, "gr\xc3\xbc\xc3\x9f");
	error_set(&error, ERROR_INPUT, "%s", "bad \xff\xc3 \xed\xa0\x80 end\xc3");
	assert_string_equal(error.text, "bad ?? ??? end?");
}

/* A text that is too long ends at a character, and the reason from errno is not what is lost. */
static void test_long(void **state)
{
	struct error error;
	char name[600];
	size_t len;

	(void)state;
	for (size_t i = 0; i + 2 < sizeof name; i += 2)
		memcpy(name + i, "\xc3\xbc", 3);
	error_set(&error, ERROR_INPUT, "x%s", name);
	len = strlen(error.text);
	assert_in_range(len, 250, 255);
	assert_string_equal(error.text + len - 5, "\xc3\xbc...");
	errno = ENOENT;
	error_errno(&error, ERROR_INPUT, "cannot open %s", name);
	assert_in_range(strlen(error.text), 250, 255);
	assert_non_null(strstr(error.text, "\xbc...: No such file or directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_one_line),
	    cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
