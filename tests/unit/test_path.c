/* Why: a directory that was not made, or a program found in the wrong place, shows only once installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path.h"

static char directory[] = "/tmp/tgpathXXXXXX";

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static void test_join(void **state)
{
	static const char *const cases[][3] = {
	    {"/a", "b", "/a/b"},
	    {"/a/", "b", "/a/b"},
	    {"/", "b", "/b"},
	    {"a", "b/c", "a/b/c"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *path = path_join(cases[i][0], cases[i][1]);

		assert_string_equal(path, cases[i][2]);
		free(path);
	}
}

static bool is_directory(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void test_make_directories(void **state)
{
	char *deep = path_join(directory, "a//b/c/"), *a = path_join(directory, "a");
	char *ab = path_join(a, "b"), *abc = path_join(ab, "c");
	struct error error = {0};
	struct stat status;
	mode_t mask = umask(022);

	(void)state;
	assert_int_equal(path_make_directories(deep, 0700, &error), 0);
	assert_true(is_directory(abc));
	assert_int_equal(stat(abc, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_int_equal(path_make_directories(deep, 0700, &error), 0);
	assert_int_equal(path_make_directories("/", 0700, &error), 0);
	assert_int_equal(path_sync_directory(abc, &error), 0);
	assert_int_equal(rmdir(abc), 0);
	/* A file in the way is no directory, at the end as on the way. */
	close(open(abc, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(path_make_directories(abc, 0700, &error), -1);
	assert_non_null(strstr(error.text, "Not a directory"));
	assert_int_equal(path_make_directories("/dev/null/x", 0700, &error), -1);
	assert_int_equal(path_make_directories("", 0700, &error), -1);
	assert_int_equal(path_sync_directory(abc, &error), -1);
	assert_int_equal(path_sync_directory("/nonexistent", &error), -1);
	unlink(abc);
	rmdir(ab);
	rmdir(a);
	umask(mask);
	free(deep);
	free(a);
	free(ab);
	free(abc);
}

/* Beside the test itself: a program, but neither a directory nor a file that cannot be run. */
static void test_sibling(void **state)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	struct error error = {0};
	char *name, *path, *odd;

	(void)state;
	assert_true(len > 0);
	self[len] = '\0';
	name = strrchr(self, '/') + 1;
	path = path_sibling(name, &error);
	assert_non_null(path);
	assert_string_equal(strrchr(path, '/') + 1, name);
	free(path);
	assert_null(path_sibling("tg-nonexistent", &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_non_null(strstr(error.text, "tg-nonexistent"));
	name[-1] = '\0';
	odd = path_join(self, "tg-odd");
	if (mkdir(odd, 0700) != 0) {
		free(odd);
		print_message("who runs the test may not write beside it\n");
		skip();
	}
	path = path_sibling("tg-odd", &error);
	rmdir(odd);
	free(odd);
	assert_null(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_join),
	    cmocka_unit_test(test_make_directories),
	    cmocka_unit_test(test_sibling),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
