/*
 * Two programs write this file, and either may be killed: what one of them knows must not undo what the other
 * does, and a file that is damaged must not stop anybody's scripts.
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "script_state.h"

#define NOW_MS (INT64_C(1700000000000))

static char directory[] = "/tmp/tgstate.XXXXXX";

static char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static void write_text(const char *text)
{
	FILE *file = fopen(path_of("state.json"), "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int clear(void **state)
{
	(void)state;
	unlink(path_of("state.json"));
	unlink(path_of("state.json.bad"));
	unlink(path_of("state.lock"));
	return 0;
}

static void save(struct script_state *state)
{
	struct error error;

	if (script_state_save(state, NOW_MS, &error) != 0)
		fail_msg("%s", error.text);
	script_state_free(state);
}

static void set(
    struct script_state *state, const char *name, int64_t failures, bool told, const char *incident)
{
	struct script_state_entry entry = {.failures = failures, .told = told};

	snprintf(entry.incident, sizeof entry.incident, "%s", incident);
	script_state_set_health(state, name, &entry);
}

static void check(const struct script_state *state, const char *name, int64_t last_run_ms, int64_t failures,
    bool told, const char *incident)
{
	struct script_state_entry entry;

	script_state_get(state, name, &entry);
	assert_int_equal(entry.last_run_ms, last_run_ms);
	assert_int_equal(entry.failures, failures);
	assert_int_equal(entry.told, told);
	assert_string_equal(entry.incident, incident);
}

static void what_is_set_is_there_at_once_and_later(void **unused)
{
	struct script_state *state = script_state_read(directory);

	(void)unused;
	assert_null(script_state_warning(state));
	check(state, "a.sh", 0, 0, false, "");
	script_state_set_run(state, "a.sh", NOW_MS);
	set(state, "a.sh", 3, true, "abc");
	check(state, "a.sh", NOW_MS, 3, true, "abc");
	save(state);
	state = script_state_read(directory);
	check(state, "a.sh", NOW_MS, 3, true, "abc");
	set(state, "a.sh", 0, false, "");
	check(state, "a.sh", NOW_MS, 0, false, "");
	save(state);
	state = script_state_read(directory);
	check(state, "a.sh", NOW_MS, 0, false, "");
	script_state_free(state);
	assert_int_equal(access(path_of("state.json.new"), F_OK), -1);
}

static void two_writers_keep_what_the_other_knows(void **unused)
{
	struct script_state *runner = script_state_read(directory), *other = script_state_read(directory);

	(void)unused;
	script_state_set_run(runner, "a.sh", NOW_MS - 9);
	set(runner, "a.sh", 2, false, "x");
	script_state_set_run(runner, "b.sh", NOW_MS - 5);
	script_state_set_run(other, "a.sh", NOW_MS - 7);
	save(runner);
	save(other);
	runner = script_state_read(directory);
	check(runner, "a.sh", NOW_MS - 7, 2, false, "x");
	check(runner, "b.sh", NOW_MS - 5, 0, false, "");
	script_state_free(runner);
}

static void many_at_once(void **unused)
{
	enum { WRITERS = 8, ROUNDS = 20 };
	struct script_state *state;
	int status;

	(void)unused;
	for (int i = 0; i < WRITERS; i++) {
		if (fork() == 0) {
			for (int64_t round = 1; round <= ROUNDS; round++) {
				char name[32];

				state = script_state_read(directory);
				snprintf(name, sizeof name, "s%d", i);
				script_state_set_run(state, name, NOW_MS);
				set(state, name, round, false, "");
				save(state);
			}
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		assert_int_equal(status, 0);
	state = script_state_read(directory);
	assert_null(script_state_warning(state));
	for (int i = 0; i < WRITERS; i++) {
		char name[32];

		snprintf(name, sizeof name, "s%d", i);
		check(state, name, NOW_MS, ROUNDS, false, "");
	}
	script_state_free(state);
}

static void what_did_not_run_for_long_is_forgotten(void **unused)
{
	struct script_state *state = script_state_read(directory);

	(void)unused;
	script_state_set_run(state, "old", NOW_MS - SCRIPT_STATE_KEEP_MS - 1);
	script_state_set_run(state, "new", NOW_MS - SCRIPT_STATE_KEEP_MS);
	save(state);
	state = script_state_read(directory);
	check(state, "old", 0, 0, false, "");
	check(state, "new", NOW_MS - SCRIPT_STATE_KEEP_MS, 0, false, "");
	script_state_free(state);
}

static void a_damaged_file_is_put_aside(void **unused)
{
	static const char *const texts[] = {"", "{", "[]", "{}", "{\"version\":2,\"scripts\":{}}",
	    "{\"version\":1,\"scripts\":[]}", "{\"version\":1}"};

	(void)unused;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct script_state *state;

		write_text(texts[i]);
		state = script_state_read(directory);
		assert_non_null(strstr(script_state_warning(state), "state.json is put aside as .bad: "));
		script_state_set_run(state, "a", NOW_MS);
		save(state);
		assert_int_equal(unlink(path_of("state.json.bad")), 0);
		state = script_state_read(directory);
		assert_null(script_state_warning(state));
		check(state, "a", NOW_MS, 0, false, "");
		script_state_free(state);
	}
}

/* People edit such files. */
static void entries_that_are_none_are_passed_over(void **unused)
{
	struct script_state *state;

	(void)unused;
	write_text("{\"version\":1,\"more\":[],\"scripts\":{\"../"
		   "x\":{\"failures\":7},\"a\":7,\"b\":{\"failures\":\"x\","
		   "\"told\":3,\"last_run_ms\":1699999999999,\"incident\":"
		   "\"0123456789012345678901234567890123456789\"}}}");
	state = script_state_read(directory);
	assert_null(script_state_warning(state));
	check(state, "../x", 0, 0, false, "");
	check(state, "a", 0, 0, false, "");
	check(state, "b", 1699999999999, 0, false, "");
	save(state);
}

static void who_holds_the_lock_is_not_waited_for_for_ever(void **unused)
{
	struct script_state *state = script_state_read(directory);
	struct error error;
	int fd = fd_lock_file(path_of("state.lock"), 0600, &error);

	(void)unused;
	assert_true(fd >= 0);
	script_state_set_run(state, "a", NOW_MS);
	assert_int_equal(script_state_save(state, NOW_MS, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	close(fd);
	/* What was set is not lost. */
	save(state);
	state = script_state_read(directory);
	check(state, "a", NOW_MS, 0, false, "");
	script_state_free(state);
}

/* Scripts can write there, too; the runner of all of them must not wait for one. */
static void what_stands_in_the_way_is_not_waited_for(void **unused)
{
	struct script_state *state = script_state_read(directory);

	(void)unused;
	assert_int_equal(mkfifo(path_of("state.json.new"), 0600), 0);
	script_state_set_run(state, "a", NOW_MS);
	alarm(20);
	save(state);
	alarm(0);
	state = script_state_read(directory);
	check(state, "a", NOW_MS, 0, false, "");
	script_state_free(state);
}

/* It is whole, whatever else is short. */
static void a_file_that_cannot_be_opened_now_stays(void **unused)
{
	struct script_state *state = script_state_read(directory);
	struct rlimit before, few;
	struct error error;
	int fd;

	(void)unused;
	set(state, "a", 3, true, "abc");
	script_state_set_run(state, "a", NOW_MS);
	save(state);
	state = script_state_read(directory);
	script_state_set_run(state, "b", NOW_MS);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	assert_true(fd >= 0);
	close(fd);
	/* For the lock alone. */
	few = (struct rlimit){(rlim_t)fd + 1, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(script_state_save(state, NOW_MS, &error), -1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_int_equal(access(path_of("state.json.bad"), F_OK), -1);
	save(state);
	state = script_state_read(directory);
	check(state, "a", NOW_MS, 3, true, "abc");
	check(state, "b", NOW_MS, 0, false, "");
	script_state_free(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(what_is_set_is_there_at_once_and_later, clear),
	    cmocka_unit_test_setup(two_writers_keep_what_the_other_knows, clear),
	    cmocka_unit_test_setup(many_at_once, clear),
	    cmocka_unit_test_setup(what_did_not_run_for_long_is_forgotten, clear),
	    cmocka_unit_test_setup(a_damaged_file_is_put_aside, clear),
	    cmocka_unit_test_setup(entries_that_are_none_are_passed_over, clear),
	    cmocka_unit_test_setup(who_holds_the_lock_is_not_waited_for_for_ever, clear),
	    cmocka_unit_test_setup(what_stands_in_the_way_is_not_waited_for, clear),
	    cmocka_unit_test_setup(a_file_that_cannot_be_opened_now_stays, clear),
	};
	int failed;

	if (mkdtemp(directory) == NULL)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	clear(NULL);
	rmdir(directory);
	return failed;
}
