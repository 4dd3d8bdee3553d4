/*
 * A file that somebody else can change must never be run, and what is run finds what notify-script(7)
 * promises and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "path.h"
#include "script.h"
#include "xalloc.h"

static void names(void **state)
{
	static const char *const good[] = {"a", "_x", "9", "disk.sh", "a-b_c.d.py", "A"};
	static const char *const bad[] = {
	    "", ".", "..", ".x", "-x", "a/b", "../x", "/x", "a b", "a\n", "\xc3\xa4", "a;b", "x~", "a*"};
	char longest[SCRIPT_NAME_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(script_name_is_valid(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(script_name_is_valid(bad[i]));
	memset(longest, 'a', sizeof longest);
	longest[SCRIPT_NAME_BYTES] = '\0';
	assert_false(script_name_is_valid(longest));
	longest[SCRIPT_NAME_BYTES - 1] = '\0';
	assert_true(script_name_is_valid(longest));
}

/* ---- files ---- */

static char home[] = "/tmp/tgscript.XXXXXX";
static char *directory;
static char skipped[2000];

static void note_skipped(void *context, const char *name, const char *reason)
{
	size_t used = strlen(skipped);

	(void)context;
	snprintf(skipped + used, sizeof skipped - used, "%s: %s\n", name, reason);
}

static void put(const char *name, const char *text, mode_t mode)
{
	char *path = path_join(directory, name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
	free(path);
}

static int make_home(void **state)
{
	(void)state;
	if (mkdtemp(home) == NULL)
		return -1;
	directory = path_join(home, "scripts");
	return mkdir(directory, 0755);
}

static int empty(void)
{
	pid_t pid = fork();

	if (pid == 0)
		execl("/bin/rm", "rm", "-rf", directory, (char *)NULL);
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static int empty_home(void **state)
{
	(void)state;
	skipped[0] = '\0';
	return empty() != 0 ? -1 : mkdir(directory, 0755);
}

static int remove_home(void **state)
{
	(void)state;
	free(directory);
	directory = home;
	return empty();
}

static void taken(void **state)
{
	struct script_list list;
	struct error error;

	(void)state;
	put("b.sh", "#!/bin/sh\n", 0755);
	put("a", "#!/bin/sh\n", 0700);
	put("C.py", "#!/usr/bin/env python3\n", 0755);
	put("d.py", "print()\n", 0644);
	put("e.py", "print()\n", 0755);
	put("f.py", "#!/usr/bin/env python3\n", 0644);
	put("g.py", "", 0755);
	put("README", "text", 0644);
	put(".hidden", "#!/bin/sh\n", 0755);
	put("data.csv", "", 0666);
	free(directory);
	directory = path_join(home, "scripts/sub.py");
	assert_int_equal(mkdir(directory, 0777), 0);
	free(directory);
	directory = path_join(home, "scripts");
	assert_int_equal(script_find(directory, getuid(), note_skipped, NULL, &list, &error), 0);
	assert_string_equal(skipped, "");
	assert_int_equal(list.count, 7);
	for (size_t i = 0; i < list.count; i++) {
		static const char *const expected[] = {"C.py", "a", "b.sh", "d.py", "e.py", "f.py", "g.py"};

		assert_string_equal(list.items[i].name, expected[i]);
		assert_int_equal(list.items[i].python, i >= 3);
	}
	script_list_free(&list);
}

static void not_taken(void **state)
{
	struct script_list list;
	struct error error;
	char *path = path_join(directory, "link.sh"), *pipe = path_join(directory, "fifo");

	(void)state;
	put("ok", "#!/bin/sh\n", 0700);
	put("group", "#!/bin/sh\n", 0775);
	put("others.py", "", 0606);
	put("a b", "#!/bin/sh\n", 0700);
	put("x.sh~", "#!/bin/sh\n", 0700);
	assert_int_equal(symlink("ok", path), 0);
	assert_int_equal(mkfifo(pipe, 0700), 0);
	assert_int_equal(script_find(directory, getuid(), note_skipped, NULL, &list, &error), 0);
	assert_int_equal(list.count, 1);
	assert_non_null(strstr(skipped, "group: others may write"));
	assert_non_null(strstr(skipped, "others.py: others may write"));
	assert_non_null(strstr(skipped, "a b: its name"));
	assert_non_null(strstr(skipped, "x.sh~: its name"));
	assert_non_null(strstr(skipped, "link.sh: it is a symbolic link"));
	assert_non_null(strstr(skipped, "fifo: it is not a regular file"));
	script_list_free(&list);
	free(path);
	free(pipe);
}

static void not_theirs(void **state)
{
	struct script_list list;
	struct error error;
	char *path = path_join(directory, "theirs");

	(void)state;
	if (getuid() != 0) {
		free(path);
		skip(); /* only root can give a file away */
	}
	put("theirs", "#!/bin/sh\n", 0755);
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_int_equal(script_find(directory, 0, note_skipped, NULL, &list, &error), 0);
	assert_int_equal(list.count, 0);
	assert_non_null(strstr(skipped, "theirs: it belongs to another account"));
	script_list_free(&list);
	free(path);
}

static void directories(void **state)
{
	struct script_list list;
	struct error error;
	char *link = path_join(home, "link");

	(void)state;
	put("ok", "#!/bin/sh\n", 0700);
	assert_int_equal(script_find("/no/such/place", getuid(), note_skipped, NULL, &list, &error), 0);
	assert_int_equal(list.count, 0);
	assert_int_equal(chmod(directory, 0775), 0);
	assert_int_equal(script_find(directory, getuid(), note_skipped, NULL, &list, &error), -1);
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_non_null(strstr(error.text, "chmod go-w"));
	assert_int_equal(chmod(directory, 0755), 0);
	assert_int_equal(script_find(directory, getuid() + 1, note_skipped, NULL, &list, &error), -1);
	assert_non_null(strstr(error.text, "another account"));
	assert_int_equal(symlink("scripts", link), 0);
	assert_int_equal(script_find(link, getuid(), note_skipped, NULL, &list, &error), -1);
	assert_non_null(strstr(error.text, "link"));
	assert_int_equal(list.count, 0);
	unlink(link);
	free(link);
}

/* By its name alone, and by the same rules. */
static void find_one(void **state)
{
	static const struct {
		const char *name, *expected;
	} refused[] = {{"missing.sh", "not found"}, {"../scripts/one.sh", "not found"},
	    {"/bin/sh", "not found"}, {"../../../bin/sh", "not found"}, {"", "not found"}, {".", "not found"},
	    {"a\nb", "not found"}, {"one-dir", "not found"}, {"one-data", "not found"},
	    {"one-link", "symbolic link"}, {"one-fifo", "not a regular file"},
	    {"one-open.sh", "others may write"}};
	char *place = path_join(directory, "one-dir"), *link = path_join(directory, "one-link"),
	     *fifo = path_join(directory, "one-fifo"), longest[300];
	struct script script = {.path = NULL};
	struct error error;

	(void)state;
	put("one.sh", "#!/bin/sh\n", 0755);
	put("one-data", "text", 0644);
	put("one-open.sh", "#!/bin/sh\n", 0777);
	assert_int_equal(mkdir(place, 0700) | mkfifo(fifo, 0700) | symlink("/bin/sh", link), 0);
	assert_int_equal(script_find_one(directory, getuid(), "one.sh", &script, &error), 0);
	assert_string_equal(script.name, "one.sh");
	script_free(&script);
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		assert_int_equal(script_find_one(directory, getuid(), refused[i].name, &script, &error), -1);
		assert_int_equal(error.kind, ERROR_INPUT);
		if (strstr(error.text, refused[i].expected) == NULL)
			fail_msg("%s: %s", refused[i].name, error.text);
	}
	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(script_find_one(directory, getuid(), longest, &script, &error), -1);
	assert_int_equal(script_find_one("/no/such/place", getuid(), "one.sh", &script, &error), -1);
	assert_int_equal(error.kind, ERROR_INPUT);
	assert_int_equal(script_find_one(directory, getuid() + 1, "one.sh", &script, &error), -1);
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_int_equal(rmdir(place) | unlink(fifo) | unlink(link), 0);
	free(place);
	free(link);
	free(fifo);
}

static void arguments(void **state)
{
	char *fine[] = {"-x", "a b", "\xc3\xa4", "", NULL}, *control[] = {"a\nb", NULL},
	     *bytes[] = {"\xff", NULL};
	char *many[SCRIPT_ARGS_MAX + 2], large[SCRIPT_ARGS_MAX_BYTES + 1], *one[] = {large, NULL};
	struct error error;

	(void)state;
	for (size_t i = 0; i <= SCRIPT_ARGS_MAX; i++)
		many[i] = "a";
	many[SCRIPT_ARGS_MAX + 1] = NULL;
	memset(large, 'a', sizeof large);
	large[sizeof large - 1] = '\0';
	assert_int_equal(script_check_args(NULL, &error), 0);
	assert_int_equal(script_check_args(fine, &error), 0);
	assert_int_equal(script_check_args(control, &error), -1);
	assert_int_equal(script_check_args(bytes, &error), -1);
	assert_int_equal(script_check_args(many, &error), -1);
	many[SCRIPT_ARGS_MAX] = NULL;
	assert_int_equal(script_check_args(many, &error), 0);
	assert_int_equal(script_check_args(one, &error), -1);
	large[sizeof large - 2] = '\0';
	assert_int_equal(script_check_args(one, &error), 0);
}

static char *args[] = {"-a", "b c", "", "\xc3\xa4", NULL};

/* On demand, where with_args is set. */
static char *output_of(const char *name, bool with_args)
{
	struct script_run run = {.home = home,
	    .user = "somebody",
	    .timeout_ms = 60000,
	    .output_max_bytes = 4096,
	    .manual = with_args,
	    .args = with_args ? args : NULL};
	struct children *children = children_new();
	struct script_list list;
	struct child *child = NULL;
	struct child_result result;
	struct error error;
	char *output = NULL;

	assert_int_equal(script_find(directory, getuid(), note_skipped, NULL, &list, &error), 0);
	for (size_t i = 0; i < list.count; i++) {
		if (strcmp(list.items[i].name, name) != 0)
			continue;
		if (script_start(children, &list.items[i], &run, &child, &error) != 0)
			fail_msg("%s", error.text);
		assert_int_equal(child_wait_any(&child, 1, -1, -1), 0);
		child_result(child, &result);
		child_free(child);
		output = xstrdup(buf_text(&result.output));
		buf_free(&result.output);
		buf_free(&result.errors);
	}
	script_list_free(&list);
	children_free(children);
	return output;
}

static void assert_output(const char *name, const char *expected)
{
	char *output = output_of(name, false);

	assert_string_equal(output, expected);
	free(output);
}

static void environment(void **state)
{
	char *expected = xasprintf("%s\nHOME=%s\nLANG=C.UTF-8\nLOGNAME=somebody\nNOTIFY_SCRIPT=env.sh\n"
				   "PATH=/usr/local/bin:/usr/bin:/bin\nSHELL=/bin/sh\nUSER=somebody\n",
	    home, home);

	(void)state;
	setenv("LD_PRELOAD_NOT", "leak", 1);
	put("env.sh", "#!/bin/sh\npwd; env | grep -v '^PWD=' | sort\n", 0755);
	assert_output("env.sh", expected);
	free(expected);
}

static void on_demand(void **state)
{
	char *output;

	(void)state;
	put("args.sh", "#!/bin/sh\necho \"$NOTIFY_MANUAL|$NOTIFY_ARGS|$#|$1|$2|$3|$4\"\n", 0755);
	put("args.py", "import os, sys\nprint(sys.argv[1:], os.environ['NOTIFY_ARGS'])\n", 0644);
	output = output_of("args.sh", true);
	assert_string_equal(output, "1|-a b c  \xc3\xa4|4|-a|b c||\xc3\xa4\n");
	free(output);
	output = output_of("args.py", true);
	assert_string_equal(output, "['-a', 'b c', '', '\xc3\xa4'] -a b c  \xc3\xa4\n");
	free(output);
}

/* People who keep their packages in ~/.venv expect it to be used. */
static void python(void **state)
{
	char *venv = path_join(home, ".venv"), *bin = path_join(home, ".venv/bin"), *scripts = directory;

	(void)state;
	put("x.py", "import sys\nprint(sys.argv[0] == __file__, len(sys.argv))\n", 0644);
	assert_output("x.py", "True 1\n");
	assert_int_equal(mkdir(venv, 0755), 0);
	assert_int_equal(mkdir(bin, 0755), 0);
	directory = bin;
	put("python", "#!/bin/sh\necho \"venv ${1##*/}\"\n", 0755);
	directory = scripts;
	assert_output("x.py", "venv x.py\n");
	put("y.py", "#!/usr/bin/env python\n", 0755);
	assert_output("y.py", "venv y.py\n");
	directory = venv;
	assert_int_equal(empty(), 0);
	directory = scripts;
	free(venv);
	free(bin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),
	    cmocka_unit_test_setup(taken, empty_home),
	    cmocka_unit_test_setup(not_taken, empty_home),
	    cmocka_unit_test_setup(not_theirs, empty_home),
	    cmocka_unit_test_setup(directories, empty_home),
	    cmocka_unit_test_setup(find_one, empty_home),
	    cmocka_unit_test(arguments),
	    cmocka_unit_test_setup(environment, empty_home),
	    cmocka_unit_test_setup(on_demand, empty_home),
	    cmocka_unit_test_setup(python, empty_home),
	};

	return cmocka_run_group_tests(tests, make_home, remove_home);
}
