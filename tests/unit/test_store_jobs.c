/*
 * What the chat remembers over a restart: which scripts were running, so that none is started twice and none
 * is forgotten, and what the buttons stand for, so that they work as long as people can tap them. Against a
 * real LMDB file, with the time handed in.
 */
#include "store.h"
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "path.h"
#include "store_internal.h"
#include "xalloc.h"

enum { MAP_BYTES = 64 << 20 };

#define DAY_MS INT64_C(86400000)

struct fixture {
	char directory[STORE_FIXTURE_PATH_BYTES];
	struct store *store;
	struct store_txn *txn;
	struct error error;
	char findings[512];
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);

	store_fixture_open(f->directory, MAP_BYTES, &f->store, &f->txn);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_fixture_remove(f->directory, f->store, f->txn);
	free(f);
	return 0;
}

static void reopen(struct fixture *f)
{
	assert_int_equal(store_commit(f->txn, &f->error), 0);
	store_close(f->store);
	assert_int_equal(store_open(f->directory, MAP_BYTES, &f->store, &f->error), 0);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
}

static void on_finding(void *context, const char *line)
{
	struct fixture *f = context;
	size_t len = strlen(f->findings);

	snprintf(f->findings + len, sizeof f->findings - len, "%s%s", len > 0 ? "; " : "", line);
}

/* What store_check finds in what was committed. */
static const char *findings(struct fixture *f)
{
	f->findings[0] = '\0';
	assert_int_equal(store_commit(f->txn, &f->error), 0);
	assert_true(store_check(f->store, on_finding, f, &f->error) >= 0);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
	return f->findings;
}

static int64_t add_job(struct fixture *f, const char *user, const char *script)
{
	struct store_job job = {
	    .chat = -INT64_C(4503599627370495), .thread = 5, .is_server = true, .started_ms = 1234};

	snprintf(job.user, sizeof job.user, "%s", user);
	snprintf(job.script, sizeof job.script, "%s", script);
	assert_int_equal(store_job_add(f->txn, &job, &f->error), 0);
	return job.id;
}

static void a_job_is_found_again_as_it_was_and_its_number_is_not_given_twice(void **state)
{
	struct fixture *f = *state;
	struct store_job job;
	int64_t first = add_job(f, "alice", "disk.sh"), second;

	reopen(f);
	assert_int_equal(store_job_next(f->txn, 0, &job, &f->error), 1);
	assert_int_equal(job.id, first);
	assert_int_equal(job.chat, -INT64_C(4503599627370495));
	assert_int_equal(job.thread, 5);
	assert_int_equal(job.started_ms, 1234);
	assert_true(job.is_server);
	assert_int_equal(job.state, STORE_JOB_RUNNING);
	assert_string_equal(job.user, "alice");
	assert_string_equal(job.script, "disk.sh");
	assert_int_equal(store_job_remove(f->txn, first, &f->error), 1);
	assert_int_equal(store_job_remove(f->txn, first, &f->error), 0);
	reopen(f);
	second = add_job(f, "alice", "disk.sh");
	assert_true(second > first);
}

/* Somebody without a link may start one, and in a group it is somebody's link that is not the chat's. */
static void a_program_is_found_again_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct store_job strange = {.chat = 5, .script = "uptime", .is_program = true, .started_ms = 1},
			 shared = {
			     .chat = -5, .user = "alice", .link_chat = 7, .script = "df", .is_program = true};
	struct store_job job;

	assert_int_equal(store_job_add(f->txn, &strange, &f->error), 0);
	assert_int_equal(store_job_add(f->txn, &shared, &f->error), 0);
	reopen(f);
	assert_string_equal(findings(f), "");
	assert_int_equal(store_job_next(f->txn, 0, &job, &f->error), 1);
	assert_string_equal(job.user, "");
	assert_string_equal(job.script, "uptime");
	assert_true(job.is_program && !job.is_server && job.link_chat == 0);
	assert_int_equal(store_job_next(f->txn, job.id, &job, &f->error), 1);
	assert_string_equal(job.user, "alice");
	assert_true(job.is_program && job.link_chat == 7);
}

static void an_interrupted_job_says_so_and_an_unknown_one_is_not_made(void **state)
{
	struct fixture *f = *state;
	struct store_job job;
	int64_t first = add_job(f, "alice", "a.sh"), second = add_job(f, "bob", "b.sh");

	assert_int_equal(store_job_set(f->txn, first, STORE_JOB_INTERRUPTED, &f->error), 1);
	assert_int_equal(store_job_set(f->txn, 99, STORE_JOB_INTERRUPTED, &f->error), 0);
	assert_int_equal(store_job_next(f->txn, 0, &job, &f->error), 1);
	assert_int_equal(job.state, STORE_JOB_INTERRUPTED);
	assert_string_equal(job.script, "a.sh");
	assert_int_equal(store_job_next(f->txn, job.id, &job, &f->error), 1);
	assert_int_equal(job.id, second);
	assert_int_equal(job.state, STORE_JOB_RUNNING);
	assert_int_equal(store_job_next(f->txn, job.id, &job, &f->error), 0);
	assert_int_equal(store_job_next(f->txn, INT64_MAX, &job, &f->error), 0);
}

static void the_longest_names_fit_into_a_job(void **state)
{
	struct fixture *f = *state;
	struct store_job job;
	char user[STORE_USER_BYTES], script[STORE_SCRIPT_BYTES];

	memset(user, 'u', sizeof user - 1);
	user[sizeof user - 1] = '\0';
	memset(script, 's', sizeof script - 1);
	script[sizeof script - 1] = '\0';
	add_job(f, user, script);
	assert_int_equal(store_job_next(f->txn, 0, &job, &f->error), 1);
	assert_string_equal(job.user, user);
	assert_string_equal(job.script, script);
	assert_string_equal(findings(f), "");
}

static struct store_button button_of(const char *user, const char *action, const char *target, int64_t now_ms)
{
	struct store_button button = {.used_ms = now_ms};

	snprintf(button.user, sizeof button.user, "%s", user);
	snprintf(button.action, sizeof button.action, "%s", action);
	snprintf(button.target, sizeof button.target, "%s", target);
	return button;
}

static int put(struct fixture *f, const char *user, const char *action, const char *target, int64_t now_ms,
    char id[STORE_BUTTON_BYTES])
{
	struct store_button button = button_of(user, action, target, now_ms);
	int result = store_button_put(f->txn, &button, id, &f->error);

	assert_true(result >= 0);
	return result;
}

static void a_button_has_the_same_id_for_ever_and_another_one_another(void **state)
{
	static const char *const others[][3] = {{"bob", "run", "disk.sh"}, {"alice", "stop", "disk.sh"},
	    {"alice", "run", "disk.s"}, {"alice", "rundisk.sh", ""}, {"alicerun", "", "disk.sh"}};
	struct fixture *f = *state;
	char id[STORE_BUTTON_BYTES], again[STORE_BUTTON_BYTES];
	struct store_button button;

	assert_int_equal(put(f, "alice", "run", "disk.sh", 1000, id), 1);
	assert_int_equal(strlen(id), 16);
	assert_int_equal(strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"), 16);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_int_equal(put(f, others[i][0], others[i][1], others[i][2], 1000, again), 1);
		assert_string_not_equal(id, again);
	}
	reopen(f);
	assert_int_equal(put(f, "alice", "run", "disk.sh", 1001, again), 0);
	assert_string_equal(id, again);
	assert_int_equal(store_button_get(f->txn, id, &button, &f->error), 1);
	assert_string_equal(button.user, "alice");
	assert_string_equal(button.action, "run");
	assert_string_equal(button.target, "disk.sh");
	assert_string_equal(findings(f), "");
}

static void an_id_that_was_made_up_stands_for_nothing(void **state)
{
	static const char *const ids[] = {"", "a", "0123456789abcdef", "0123456789abcdefg",
	    "../../../../etc/passwd", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};
	struct fixture *f = *state;
	char id[STORE_BUTTON_BYTES];
	struct store_button button;

	put(f, "alice", "run", "disk.sh", 1000, id);
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
		assert_int_equal(store_button_get(f->txn, ids[i], &button, &f->error), 0);
	id[0] = '\0';
	assert_int_equal(store_button_get(f->txn, id, &button, &f->error), 0);
}

static void a_button_that_is_shown_again_lives_on(void **state)
{
	struct fixture *f = *state;
	char id[STORE_BUTTON_BYTES];
	struct store_button button;

	assert_int_equal(put(f, "alice", "run", "disk.sh", 0, id), 1);
	assert_int_equal(put(f, "alice", "run", "disk.sh", DAY_MS - 1, id), 0);
	assert_int_equal(put(f, "alice", "run", "disk.sh", DAY_MS, id), 1);
	assert_int_equal(store_button_get(f->txn, id, &button, &f->error), 1);
	assert_int_equal(button.used_ms, DAY_MS);
	/* A clock that was set back does not make it older than it is for ever. */
	assert_int_equal(put(f, "alice", "run", "disk.sh", 5, id), 1);
}

static int64_t entries(struct fixture *f)
{
	int64_t count = 0;

	assert_int_equal(table_entries(f->txn, TABLE_BUTTONS, &count, &f->error), 0);
	return count;
}

static void buttons_that_nobody_uses_go_when_others_come(void **state)
{
	struct fixture *f = *state;
	char id[STORE_BUTTON_BYTES], target[32];

	for (int i = 0; i < 300; i++) {
		snprintf(target, sizeof target, "old%d", i);
		put(f, "alice", "run", target, 1000, id);
	}
	put(f, "alice", "run", "first", STORE_BUTTON_KEEP_MS, id);
	assert_int_equal(entries(f), 301);
	for (int i = 0; i < 500; i++) {
		snprintf(target, sizeof target, "new%d", i);
		put(f, "alice", "run", target, 1000 + STORE_BUTTON_KEEP_MS, id);
	}
	/* Which ones are looked at is left to chance; five hundred times eight is far more than enough. */
	assert_in_range(entries(f), 501, 510);
}

static void a_damaged_job_or_button_is_found(void **state)
{
	struct fixture *f = *state;
	char id[STORE_BUTTON_BYTES];
	struct store_job job;
	struct store_key key;

	put(f, "alice", "run", "disk.sh", 1000, id);
	add_job(f, "alice", "disk.sh");
	assert_int_equal(meta_put_int64(f->txn, "next_job", 1, &f->error), 0);
	id_key(&key, 7);
	assert_int_equal(table_put(f->txn, TABLE_JOBS, &key, "123", 3, &f->error), 0);
	assert_int_equal(store_job_next(f->txn, 6, &job, &f->error), -1);
	user_key(&key, "0123456789abcdef");
	assert_int_equal(table_put(f->txn, TABLE_BUTTONS, &key, "12345678bob\0x", 14, &f->error), 0);
	user_key(&key, "0123456789abcdeg");
	assert_int_equal(table_put(f->txn, TABLE_BUTTONS, &key, "12345678bob\0x\0y", 16, &f->error), 0);
	assert_int_equal(table_put(f->txn, TABLE_MENUS, &key, "12", 2, &f->error), 0);
	assert_string_equal(findings(f), "job 1: its number will be given again; "
					 "jobs: damaged record in the store: job; "
					 "menus: an entry of 2 bytes; "
					 "buttons: damaged record in the store: button; "
					 "button of bob: its id stands for another one");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_job_is_found_again_as_it_was_and_its_number_is_not_given_twice),
	    TEST(a_program_is_found_again_as_it_was),
	    TEST(an_interrupted_job_says_so_and_an_unknown_one_is_not_made),
	    TEST(the_longest_names_fit_into_a_job),
	    TEST(a_button_has_the_same_id_for_ever_and_another_one_another),
	    TEST(an_id_that_was_made_up_stands_for_nothing),
	    TEST(a_button_that_is_shown_again_lives_on),
	    TEST(buttons_that_nobody_uses_go_when_others_come),
	    TEST(a_damaged_job_or_button_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
