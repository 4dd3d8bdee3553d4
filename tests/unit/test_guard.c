/*
 * An update at which the process dies comes again at the next start, and so would the death. The guard must
 * find it whichever way the process ends, blame no other update for it, and cost nothing.
 */
#include "tg-dispatch/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "xalloc.h"

struct fixture {
	char path[64];
	struct error error;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	int fd;

	snprintf(f->path, sizeof f->path, "/tmp/tgt-guard.XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	close(fd);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	free(f);
	return 0;
}

static struct guard *open_guard(struct fixture *f)
{
	struct guard *guard = NULL;

	assert_int_equal(guard_open(f->path, &guard, &f->error), 0);
	return guard;
}

/* A process that handles what comes before, begins another and dies at it. */
static void die_at(struct fixture *f, int64_t before, int64_t update_id)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct guard *guard = NULL;

		if (guard_open(f->path, &guard, &f->error) != 0)
			_exit(1);
		for (int64_t id = update_id - before; id < update_id; id++) {
			(void)guard_begin(guard, id);
			guard_end(guard, true);
		}
		(void)guard_begin(guard, update_id);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int64_t deaths_of(struct guard *guard, int64_t update_id, bool handled)
{
	int64_t deaths = guard_begin(guard, update_id);

	guard_end(guard, handled);
	return deaths;
}

static void the_update_at_hand_is_counted_and_those_before_it_are_not(void **state)
{
	struct fixture *f = *state;
	struct guard *guard;

	/* Those before it come again each time: their answers were not out yet. */
	die_at(f, 3, 10);
	die_at(f, 3, 10);
	guard = open_guard(f);
	for (int64_t id = 7; id < 10; id++)
		assert_int_equal(deaths_of(guard, id, true), 0);
	assert_int_equal(guard_begin(guard, 10), GUARD_DEATHS);
	guard_end(guard, false);
	assert_int_equal(deaths_of(guard, 11, true), 0);
	guard_close(guard);
	/* Given up, it may still come again, where nobody took the apology. */
	guard = open_guard(f);
	assert_int_equal(deaths_of(guard, 10, false), GUARD_DEATHS);
	guard_close(guard);
}

static void an_update_that_is_handled_in_the_end_is_forgiven(void **state)
{
	struct fixture *f = *state;
	struct guard *guard;

	die_at(f, 0, 10);
	guard = open_guard(f);
	/* The store was away: it is tried again, and that is not a death. */
	assert_int_equal(deaths_of(guard, 10, false), 1);
	assert_int_equal(deaths_of(guard, 10, true), 1);
	assert_int_equal(deaths_of(guard, 10, true), 0);
	guard_close(guard);
}

static void an_end_in_order_is_no_death(void **state)
{
	struct fixture *f = *state;
	struct guard *guard = open_guard(f);

	assert_int_equal(guard_begin(guard, INT64_MAX), 0);
	guard_close(guard);
	guard = open_guard(f);
	assert_int_equal(guard_begin(guard, INT64_MAX), 0);
	guard_end(guard, true);
	guard_close(guard);
	guard_close(NULL);
}

static void several_are_known_at_once_and_the_oldest_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct guard *guard;

	for (int64_t id = 0; id < 17; id++)
		die_at(f, 0, id);
	die_at(f, 0, 5);
	guard = open_guard(f);
	assert_int_equal(deaths_of(guard, 0, false), 0);
	assert_int_equal(deaths_of(guard, 1, false), 1);
	assert_int_equal(deaths_of(guard, 5, false), 2);
	assert_int_equal(deaths_of(guard, 16, false), 1);
	guard_close(guard);
}

static void a_second_process_does_without(void **state)
{
	struct fixture *f = *state;
	struct guard *guard = open_guard(f), *second = NULL;

	assert_int_equal(guard_open(f->path, &second, &f->error), -1);
	assert_int_equal(f->error.kind, ERROR_TEMPORARY);
	assert_null(second);
	for (int i = 0; i < 3; i++)
		assert_int_equal(deaths_of(NULL, 10, false), 0);
	guard_close(guard);
}

static void rubbish_in_the_file_is_no_evidence(void **state)
{
	unsigned char bytes[2000];
	struct fixture *f = *state;
	struct guard *guard;
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	memset(bytes, 0xff, sizeof bytes);
	assert_int_equal(fwrite(bytes, sizeof bytes, 1, file), 1);
	fclose(file);
	guard = open_guard(f);
	assert_int_equal(deaths_of(guard, -1, false), 0);
	guard_close(guard);
	die_at(f, 0, 10);
	guard = open_guard(f);
	assert_int_equal(deaths_of(guard, 10, false), 1);
	guard_close(guard);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_update_at_hand_is_counted_and_those_before_it_are_not),
	    TEST(an_update_that_is_handled_in_the_end_is_forgiven),
	    TEST(an_end_in_order_is_no_death),
	    TEST(several_are_known_at_once_and_the_oldest_is_forgotten),
	    TEST(a_second_process_does_without),
	    TEST(rubbish_in_the_file_is_no_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
