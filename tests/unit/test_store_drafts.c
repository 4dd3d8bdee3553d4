/*
 * What is kept for a button because it is too large for one: found by whom it is for and by nobody else, once
 * where it may happen once, bounded whatever a stranger has kept. Against a real LMDB file, with the time
 * handed in.
 */
#include "store.h"
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_internal.h"
#include "xalloc.h"

enum { MAP_BYTES = 64 << 20 };

struct fixture {
	char directory[STORE_FIXTURE_PATH_BYTES];
	struct store *store;
	struct store_txn *txn;
	struct error error;
	struct buf text;
	int64_t findings;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);

	store_fixture_open(f->directory, MAP_BYTES, &f->store, &f->txn);
	buf_init(&f->text, STORE_DRAFT_MAX_BYTES);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_fixture_remove(f->directory, f->store, f->txn);
	buf_free(&f->text);
	free(f);
	return 0;
}

static void put(
    struct fixture *f, const char *user, const char *text, int64_t now_ms, char id[STORE_BUTTON_BYTES])
{
	assert_int_equal(store_draft_put(f->txn, user, text, strlen(text), now_ms, id, &f->error), 0);
}

static int get(struct fixture *f, const char *user, const char *id, int64_t now_ms)
{
	buf_clear(&f->text);
	return store_draft_get(f->txn, user, id, now_ms, &f->text, &f->error);
}

static void on_finding(void *context, const char *line)
{
	struct fixture *f = context;

	(void)line;
	f->findings++;
}

static int64_t findings(struct fixture *f)
{
	f->findings = 0;
	assert_int_equal(store_commit(f->txn, &f->error), 0);
	assert_true(store_check(f->store, on_finding, f, &f->error) >= 0);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
	return f->findings;
}

static void a_draft_is_for_its_user_and_outlives_a_restart(void **state)
{
	struct fixture *f = *state;
	char id[STORE_BUTTON_BYTES], other[STORE_BUTTON_BYTES];

	put(f, "alice", "{\"text\":\"hi\"}", 1, id);
	put(f, "alice", "{\"text\":\"hi\"}", 1, other);
	assert_int_equal(strlen(id), STORE_BUTTON_BYTES - 1);
	assert_string_not_equal(id, other); /* nobody can work one out from what it stands for */
	assert_int_equal(store_commit(f->txn, &f->error), 0);
	store_close(f->store);
	assert_int_equal(store_open(f->directory, MAP_BYTES, &f->store, &f->error), 0);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
	assert_int_equal(get(f, "alice", id, 2), 1);
	assert_string_equal(buf_text(&f->text), "{\"text\":\"hi\"}");
	assert_int_equal(get(f, "bob", id, 2), 0);
	assert_int_equal(get(f, "alic", id, 2), 0);
	assert_int_equal(get(f, "alice", "", 2), 0);
	assert_int_equal(get(f, "alice", "0123456789abcdef", 2), 0);
	assert_int_equal(get(f, "alice",
			     "as long as no id could ever be, and longer than a key may be: "
			     "0123456789012345678901234567890123456789012345678901234567890123456789"
			     "0123456789012345678901234567890123456789012345678901234567890123456789"
			     "0123456789012345678901234567890123456789012345678901234567890123456789",
			     2),
	    0);
	assert_int_equal(findings(f), 0);
}

static void a_draft_is_taken_once(void **state)
{
	struct fixture *f = *state;
	char id[STORE_BUTTON_BYTES];

	put(f, "alice", "once", 1, id);
	assert_int_equal(store_draft_take(f->txn, "bob", id, 2, &f->text, &f->error), 0);
	assert_int_equal(store_draft_take(f->txn, "alice", id, 2, &f->text, &f->error), 1);
	assert_string_equal(buf_text(&f->text), "once");
	assert_int_equal(store_draft_take(f->txn, "alice", id, 2, &f->text, &f->error), 0);
	assert_int_equal(get(f, "alice", id, 2), 0);
	assert_int_equal(findings(f), 0);
}

static void a_draft_is_forgotten_after_a_week(void **state)
{
	struct fixture *f = *state;
	char id[STORE_BUTTON_BYTES], other[STORE_BUTTON_BYTES];
	int64_t entries;

	put(f, "alice", "old", 1, id);
	assert_int_equal(get(f, "alice", id, STORE_DRAFT_KEEP_MS), 1);
	assert_int_equal(get(f, "alice", id, 1 + STORE_DRAFT_KEEP_MS), 0);
	put(f, "bob", "new", 1 + STORE_DRAFT_KEEP_MS, other);
	assert_int_equal(table_entries(f->txn, TABLE_DRAFTS, &entries, &f->error), 0);
	assert_int_equal(entries, 1);
	assert_int_equal(findings(f), 0);
}

static void the_oldest_of_a_user_makes_room(void **state)
{
	struct fixture *f = *state;
	char ids[STORE_DRAFTS_PER_USER + 1][STORE_BUTTON_BYTES], other[STORE_BUTTON_BYTES];

	put(f, "bob", "his", 0, other);
	for (int i = 0; i < STORE_DRAFTS_PER_USER + 1; i++)
		put(f, "alice", "hers", 100 - i, ids[i]);
	/* The last but one of the fifty was the oldest then. */
	assert_int_equal(get(f, "alice", ids[STORE_DRAFTS_PER_USER - 1], 101), 0);
	assert_int_equal(get(f, "alice", ids[0], 101), 1);
	assert_int_equal(get(f, "alice", ids[STORE_DRAFTS_PER_USER], 101), 1);
	assert_int_equal(get(f, "bob", other, 101), 1);
	assert_int_equal(findings(f), 0);
}

static void many_strangers_fill_no_disk(void **state)
{
	struct fixture *f = *state;
	char first[STORE_BUTTON_BYTES], id[STORE_BUTTON_BYTES], user[STORE_USER_BYTES];
	int64_t entries;

	put(f, "first", "it", 1, first);
	for (int i = 0; i < STORE_DRAFTS_MAX; i++) {
		snprintf(user, sizeof user, "chat:%d", i);
		put(f, user, "it", 2 + i, id);
	}
	assert_int_equal(table_entries(f->txn, TABLE_DRAFTS, &entries, &f->error), 0);
	assert_int_equal(entries, STORE_DRAFTS_MAX);
	assert_int_equal(get(f, "first", first, 3), 0);
	assert_int_equal(get(f, user, id, 3), 1);
	assert_int_equal(findings(f), 0);
}

static void a_draft_is_bounded(void **state)
{
	struct fixture *f = *state;
	char *text = xcalloc(1, STORE_DRAFT_MAX_BYTES + 1), id[STORE_BUTTON_BYTES];

	assert_int_equal(store_draft_put(f->txn, "a", text, STORE_DRAFT_MAX_BYTES + 1, 1, id, &f->error), -1);
	assert_int_equal(f->error.kind, ERROR_INPUT);
	assert_int_equal(store_draft_put(f->txn, "a", text, STORE_DRAFT_MAX_BYTES, 1, id, &f->error), 0);
	assert_int_equal(get(f, "a", id, 1), 1);
	assert_int_equal(f->text.len, STORE_DRAFT_MAX_BYTES);
	free(text);
}

static void a_table_without_the_other_is_found(void **state)
{
	struct fixture *f = *state;
	struct store_key key, age;
	char id[STORE_BUTTON_BYTES];

	put(f, "alice", "it", 1, id);
	draft_key(&key, "alice", id);
	draft_age_key(&age, 1, &key);
	assert_int_equal(table_remove(f->txn, TABLE_DRAFT_AGES, &age, &f->error), 1);
	assert_int_equal(findings(f), 1);
	assert_int_equal(table_put(f->txn, TABLE_DRAFT_AGES, &age, "", 0, &f->error), 0);
	assert_int_equal(table_remove(f->txn, TABLE_DRAFTS, &key, &f->error), 1);
	assert_int_equal(findings(f), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_draft_is_for_its_user_and_outlives_a_restart, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_draft_is_taken_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_draft_is_forgotten_after_a_week, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_oldest_of_a_user_makes_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(many_strangers_fill_no_disk, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_draft_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_table_without_the_other_is_found, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
