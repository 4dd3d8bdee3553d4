/*
 * Keys and deep links are what a stranger who has them links himself to an account with: each rule of theirs
 * against a real LMDB file, with the time handed in.
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

enum { MAP_BYTES = 64 << 20, TRIES = 5 };

#define DAY_MS INT64_C(86400000)

struct fixture {
	char directory[STORE_FIXTURE_PATH_BYTES];
	struct store *store;
	struct store_txn *txn;
	struct error error;
	char findings[512];
	char listed[1024];
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

static int64_t new_key(
    struct fixture *f, const char *user, int64_t now_ms, int64_t expires_ms, char key[STORE_APIKEY_BYTES])
{
	int64_t id = 0;

	assert_int_equal(store_apikey_new(f->txn, user, "phone", now_ms, expires_ms, key, &id, &f->error), 1);
	return id;
}

static struct store_apikey_use use(struct fixture *f, int64_t chat, const char *key, int64_t now_ms)
{
	struct store_apikey_use used;

	assert_int_equal(store_apikey_use(f->txn, chat, key, now_ms, TRIES, &used, &f->error), 0);
	return used;
}

static void list_one(void *context, const struct store_apikey *key)
{
	struct fixture *f = context;
	size_t len = strlen(f->listed);

	snprintf(f->listed + len, sizeof f->listed - len, "%lld %s %lld %lld %lld\n", (long long)key->id,
	    key->label, (long long)key->made_ms, (long long)key->expires_ms, (long long)key->last_used_ms);
}

static const char *list(struct fixture *f, const char *user, int64_t now_ms)
{
	f->listed[0] = '\0';
	assert_int_equal(store_apikeys_each(f->txn, user, now_ms, list_one, f, &f->error), 0);
	return f->listed;
}

static int64_t entries(struct fixture *f, enum store_table table)
{
	int64_t count = -1;

	assert_int_equal(table_entries(f->txn, table, &count, &f->error), 0);
	return count;
}

/* ---- keys ---- */

static void a_key_links_its_account_until_it_is_revoked(void **state)
{
	struct fixture *f = *state;
	char first[STORE_APIKEY_BYTES], second[STORE_APIKEY_BYTES];
	int64_t id = new_key(f, "alice", 100, 0, first), other = new_key(f, "alice", 101, 0, second);
	char owner[STORE_USER_BYTES] = "";

	assert_int_equal(strlen(first), STORE_APIKEY_BYTES - 1);
	assert_true(store_apikey_has_form(first));
	assert_string_not_equal(first, second);
	assert_true(other > id);
	assert_int_equal(store_apikey_owner(f->txn, "", owner, &f->error), 0);
	assert_int_equal(store_apikey_owner(f->txn, first, owner, &f->error), 1);
	assert_string_equal(owner, "alice");
	for (int64_t now_ms = 200; now_ms < 203; now_ms++) {
		struct store_apikey_use used = use(f, 42, first, now_ms);

		assert_int_equal(used.result, STORE_APIKEY_TAKEN);
		assert_string_equal(used.user, "alice");
		assert_int_equal(used.id, id);
	}
	assert_string_equal(list(f, "alice", 300), "1 phone 100 0 202\n2 phone 101 0 0\n");
	assert_string_equal(list(f, "alic", 300), "");
	/* Nobody revokes another's. */
	assert_int_equal(store_apikey_revoke(f->txn, "bob", id, 300, &f->error), 0);
	assert_int_equal(store_apikey_revoke(f->txn, "alice", id, 300, &f->error), 1);
	assert_int_equal(store_apikey_revoke(f->txn, "alice", id, 300, &f->error), 0);
	assert_int_equal(store_apikey_revoke(f->txn, "alice", -1, 300, &f->error), 0);
	assert_int_equal(store_apikey_revoke(f->txn, "alice", INT64_MAX, 300, &f->error), 0);
	assert_int_equal(use(f, 42, first, 301).result, STORE_APIKEY_REVOKED);
	assert_string_equal(use(f, 42, first, 301).user, "alice");
	assert_int_equal(use(f, 42, second, 301).result, STORE_APIKEY_TAKEN);
	assert_string_equal(list(f, "alice", 301), "2 phone 101 0 301\n");
	assert_string_equal(findings(f), "");
}

static void a_key_that_expires_is_shown_for_30_days(void **state)
{
	struct fixture *f = *state;
	char key[STORE_APIKEY_BYTES], other[STORE_APIKEY_BYTES];

	new_key(f, "alice", 0, 1000, key);
	assert_int_equal(use(f, 1, key, 999).result, STORE_APIKEY_TAKEN);
	assert_int_equal(use(f, 1, key, 1000).result, STORE_APIKEY_EXPIRED);
	assert_string_equal(list(f, "alice", 1000 + 30 * DAY_MS - 1), "1 phone 0 1000 999\n");
	assert_string_equal(list(f, "alice", 1000 + 30 * DAY_MS), "");
	new_key(f, "alice", 1000 + 30 * DAY_MS - 1, 0, other);
	assert_int_equal(entries(f, TABLE_APIKEYS), 2);
	new_key(f, "alice", 1000 + 30 * DAY_MS, 0, other);
	assert_int_equal(entries(f, TABLE_APIKEYS), 2);
	assert_int_equal(entries(f, TABLE_APIKEY_HASHES), 2);
	assert_int_equal(use(f, 2, key, 1000 + 30 * DAY_MS).result, STORE_APIKEY_UNKNOWN);
	assert_string_equal(findings(f), "");
}

/* Those of accounts that make no new ones go when others make theirs. */
static void what_others_left_is_cleared_away(void **state)
{
	struct fixture *f = *state;
	char key[STORE_APIKEY_BYTES], user[16];

	for (int i = 0; i < 40; i++) {
		snprintf(user, sizeof user, "u%d", i);
		new_key(f, user, 0, 1, key);
	}
	for (int i = 0; i < 400; i++)
		store_apikey_revoke(
		    f->txn, "v", new_key(f, "v", 31 * DAY_MS, 0, key), 31 * DAY_MS, &f->error);
	assert_true(entries(f, TABLE_APIKEYS) <= STORE_APIKEYS_MAX + 1);
	assert_string_equal(findings(f), "");
}

static void an_account_has_a_bounded_number_of_keys(void **state)
{
	struct fixture *f = *state;
	char key[STORE_APIKEY_BYTES] = "";
	int64_t id = 0;

	for (int i = 0; i < STORE_APIKEYS_MAX; i++)
		id = new_key(f, "alice", i, i < 10 ? 1000 : 0, key);
	assert_int_equal(store_apikey_new(f->txn, "alice", "", 50, 0, key, &id, &f->error), 0);
	new_key(f, "bob", 50, 0, key);
	/* Those that expired do not count. */
	for (int i = 0; i < 10; i++)
		id = new_key(f, "alice", 1000, 0, key);
	assert_int_equal(store_apikey_new(f->txn, "alice", "", 1000, 0, key, &id, &f->error), 0);
	/* Nor do those that were revoked, of which only the latest are kept. */
	for (int i = 0; i < 100; i++) {
		assert_int_equal(store_apikey_revoke(f->txn, "alice", id, 2000 + i, &f->error), 1);
		id = new_key(f, "alice", 2000 + i, 0, key);
	}
	assert_true(entries(f, TABLE_APIKEYS) <= 2 * STORE_APIKEYS_MAX + 1);
	assert_int_equal(entries(f, TABLE_APIKEY_HASHES), entries(f, TABLE_APIKEYS));
	assert_string_equal(findings(f), "");
}

static void a_key_is_not_in_the_store(void **state)
{
	static const char *const names[] = {"data.mdb", "lock.mdb", NULL};
	struct fixture *f = *state;
	char key[STORE_APIKEY_BYTES], token[STORE_START_BYTES], bytes[4096];

	new_key(f, "alice", 0, 0, key);
	assert_int_equal(store_start_new(f->txn, "alice", 0, 1000, token, &f->error), 0);
	assert_string_equal(findings(f), "");
	for (const char *const *name = names; *name != NULL; name++) {
		char *path = path_join(f->directory, *name);
		FILE *file = fopen(path, "re");
		size_t len;

		assert_non_null(file);
		/* Records do not cross pages. */
		while ((len = fread(bytes, 1, sizeof bytes, file)) > 0) {
			assert_null(memmem(bytes, len, key + 4, 20));
			assert_null(memmem(bytes, len, token, 20));
		}
		fclose(file);
		free(path);
	}
}

static void guessing_keys_makes_the_chat_wait(void **state)
{
	struct fixture *f = *state;
	char key[STORE_APIKEY_BYTES];
	int64_t now_ms = 1000;

	new_key(f, "alice", 0, 500, key);
	for (int i = 0; i < TRIES - 1; i++)
		assert_int_equal(use(f, 666, i % 2 ? key : "tgk_guess", now_ms).wait_ms, 0);
	assert_int_equal(use(f, 666, key, now_ms).wait_ms, 60000);
	new_key(f, "alice", 1000, 0, key);
	/* Also the right one is not looked at then, and another chat is not concerned. */
	assert_int_equal(use(f, 666, key, now_ms + 59999).result, STORE_APIKEY_WAIT);
	assert_int_equal(use(f, 666, key, now_ms + 59999).wait_ms, 1);
	assert_string_equal(use(f, 666, key, now_ms + 59999).user, "");
	assert_int_equal(use(f, 667, key, now_ms).result, STORE_APIKEY_TAKEN);
	now_ms += 60000;
	assert_int_equal(use(f, 666, "tgk_guess", now_ms).wait_ms, 120000);
	now_ms += 120000;
	assert_int_equal(use(f, 666, key, now_ms).result, STORE_APIKEY_TAKEN);
	assert_int_equal(use(f, 666, "tgk_guess", now_ms).wait_ms, 240000);
}

/* A key that another service knows counts the same, and so do both together. */
static void tries_of_keys_of_another_service_count_too(void **state)
{
	struct fixture *f = *state;
	int64_t wait_ms = -1;

	for (int i = 0; i < TRIES - 1; i++)
		assert_int_equal(store_chat_wrong(f->txn, 7, 0, TRIES, &wait_ms, &f->error), 0);
	assert_int_equal(wait_ms, 0);
	assert_int_equal(use(f, 7, "tgk_guess", 0).wait_ms, 60000);
	assert_int_equal(store_chat_wait(f->txn, 7, 1, &wait_ms, &f->error), 0);
	assert_int_equal(wait_ms, 59999);
	assert_int_equal(use(f, 7, "tgk_guess", 60000).wait_ms, 120000);
}

static void tries_that_cannot_be_are_damage(void **state)
{
	static const int64_t records[][2] = {
	    {-1, 0}, {INT64_MIN, 0}, {INT64_MAX, 0}, {1, INT64_MIN}, {1, INT64_MAX}};
	struct fixture *f = *state;
	unsigned char bytes[2 * INT_BYTES];
	struct store_key key;
	int64_t wait_ms;

	chat_key(&key, 7);
	for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
		int64_write(bytes, records[i][0]);
		int64_write(bytes + INT_BYTES, records[i][1]);
		assert_int_equal(
		    table_put(f->txn, TABLE_CHAT_TRIES, &key, bytes, sizeof bytes, &f->error), 0);
		assert_int_equal(store_chat_wait(f->txn, 7, 1, &wait_ms, &f->error), -1);
		assert_int_equal(store_chat_wrong(f->txn, 7, 1, TRIES, &wait_ms, &f->error), -1);
		assert_string_equal(findings(f), "tries: damaged record in the store: tries");
	}
}

static void strangers_are_forgotten(void **state)
{
	struct fixture *f = *state;

	for (int64_t chat = 1; chat <= 100; chat++)
		use(f, chat * 1000, "tgk_guess", 0);
	for (int64_t chat = 1; chat <= 100; chat++)
		use(f, chat * 1000 + 1, "tgk_guess", 8 * DAY_MS);
	assert_int_equal(entries(f, TABLE_CHAT_TRIES), 100);
}

static void anything_may_be_tried_as_a_key(void **state)
{
	static const struct {
		const char *text;
		bool has_form;
	} cases[] = {
	    {"", false},
	    {"tgk_", false},
	    {"1234567890123456789", false},
	    {"12345678901234567890", true},
	    {"-_-_-_-_-_-_-_-_-_-_", true},
	    {"1234567890123456789\n", false},
	    {"1234567890 123456789", false},
	    {"1234567890123456789\xc3\xa4", false},
	};
	struct fixture *f = *state;
	char text[STORE_APIKEY_FORM_MAX + 2];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(store_apikey_has_form(cases[i].text), cases[i].has_form);
		assert_int_equal(use(f, (int64_t)i, cases[i].text, 0).result, STORE_APIKEY_UNKNOWN);
	}
	memset(text, 'a', sizeof text);
	text[STORE_APIKEY_FORM_MAX] = '\0';
	assert_true(store_apikey_has_form(text));
	text[STORE_APIKEY_FORM_MAX] = 'a';
	text[STORE_APIKEY_FORM_MAX + 1] = '\0';
	assert_false(store_apikey_has_form(text));
}

static void what_does_not_fit_is_found(void **state)
{
	struct fixture *f = *state;
	char key[STORE_APIKEY_BYTES], token[STORE_START_BYTES];
	struct store_key place = {.len = 0};
	MDB_val value;

	new_key(f, "alice", 0, 0, key);
	assert_int_equal(table_seek(f->txn, TABLE_APIKEY_HASHES, &place, &value, &f->error), 1);
	assert_int_equal(table_remove(f->txn, TABLE_APIKEY_HASHES, &place, &f->error), 1);
	assert_string_equal(findings(f), "key 1 of alice: it opens nothing");
	place.bytes[0] ^= 1;
	assert_int_equal(table_put(f->txn, TABLE_APIKEY_HASHES, &place, "12345678bob", 12, &f->error), 0);
	assert_int_equal(store_start_new(f->txn, "bob", 0, 1000, token, &f->error), 0);
	user_key(&place, "bob");
	assert_int_equal(table_remove(f->txn, TABLE_USER_STARTS, &place, &f->error), 1);
	assert_string_equal(findings(f), "key 1 of alice: it opens nothing; keys: a hash without its key; "
					 "deep link of bob: its account does not know it");
}

/* ---- deep links ---- */

static int take(struct fixture *f, const char *token, int64_t now_ms, char user[STORE_USER_BYTES])
{
	int taken = store_start_take(f->txn, token, now_ms, user, &f->error);

	assert_true(taken >= 0);
	return taken;
}

static void a_deep_link_works_once_for_its_time_and_only_the_newest(void **state)
{
	struct fixture *f = *state;
	char first[STORE_START_BYTES], second[STORE_START_BYTES], other[STORE_START_BYTES],
	    user[STORE_USER_BYTES] = "";

	assert_int_equal(store_start_new(f->txn, "alice", 0, 1000, first, &f->error), 0);
	assert_int_equal(strlen(first), STORE_START_BYTES - 1);
	assert_int_equal(store_start_owner(f->txn, first, user, &f->error), 1);
	assert_string_equal(user, "alice");
	assert_int_equal(store_start_owner(f->txn, "", user, &f->error), 0);
	assert_true(store_apikey_has_form(first));
	assert_int_equal(store_start_new(f->txn, "bob", 0, 1000, other, &f->error), 0);
	assert_int_equal(store_start_new(f->txn, "alice", 0, 1000, second, &f->error), 0);
	assert_int_equal(take(f, first, 1, user), 0);
	assert_int_equal(take(f, second, 999, user), 1);
	assert_string_equal(user, "alice");
	assert_int_equal(take(f, second, 999, user), 0);
	assert_int_equal(take(f, other, 1000, user), 0);
	assert_int_equal(take(f, "", 0, user), 0);
	assert_int_equal(entries(f, TABLE_STARTS), 0);
	assert_int_equal(entries(f, TABLE_USER_STARTS), 0);
	/* A key is no deep link, whatever its text. */
	assert_int_equal(store_start_new(f->txn, "alice", 0, 1000, first, &f->error), 0);
	assert_int_equal(use(f, 1, first, 1).result, STORE_APIKEY_UNKNOWN);
	assert_string_equal(findings(f), "");
}

static void deep_links_that_nobody_used_are_cleared_away(void **state)
{
	struct fixture *f = *state;
	char token[STORE_START_BYTES], user[16];

	for (int i = 0; i < 40; i++) {
		snprintf(user, sizeof user, "u%d", i);
		assert_int_equal(store_start_new(f->txn, user, 0, 1000, token, &f->error), 0);
	}
	for (int i = 0; i < 400; i++)
		assert_int_equal(store_start_new(f->txn, "v", 2000, 1000, token, &f->error), 0);
	assert_int_equal(entries(f, TABLE_STARTS), 1);
	assert_string_equal(findings(f), "");
}

/* ---- one chat has one account ---- */

static void a_chat_moves_from_one_account_to_another(void **state)
{
	struct fixture *f = *state;
	struct store_link old, link;

	assert_int_equal(store_link_move(f->txn, 42, "al", "alice", 100, &old, &f->error), 0);
	assert_int_equal(store_link_of_chat(f->txn, 42, &link, &f->error), 1);
	link.paused = true;
	assert_int_equal(store_link_put(f->txn, &link, &f->error), 0);
	/* To the same account: it goes on. */
	assert_int_equal(store_link_move(f->txn, 42, "alma", "alice", 200, &old, &f->error), 1);
	assert_string_equal(old.user, "alice");
	assert_int_equal(store_link_of_chat(f->txn, 42, &link, &f->error), 1);
	assert_string_equal(link.chat_name, "alma");
	assert_int_equal(link.linked_ms, 100);
	assert_false(link.paused);
	assert_int_equal(store_link_move(f->txn, 42, "alma", "bob", 300, &old, &f->error), 1);
	assert_string_equal(old.user, "alice");
	assert_int_equal(store_link_of_chat(f->txn, 42, &link, &f->error), 1);
	assert_string_equal(link.user, "bob");
	assert_int_equal(link.linked_ms, 300);
	assert_string_equal(findings(f), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_key_links_its_account_until_it_is_revoked),
	    TEST(a_key_that_expires_is_shown_for_30_days),
	    TEST(what_others_left_is_cleared_away),
	    TEST(an_account_has_a_bounded_number_of_keys),
	    TEST(a_key_is_not_in_the_store),
	    TEST(guessing_keys_makes_the_chat_wait),
	    TEST(tries_of_keys_of_another_service_count_too),
	    TEST(tries_that_cannot_be_are_damage),
	    TEST(strangers_are_forgotten),
	    TEST(anything_may_be_tried_as_a_key),
	    TEST(what_does_not_fit_is_found),
	    TEST(a_deep_link_works_once_for_its_time_and_only_the_newest),
	    TEST(deep_links_that_nobody_used_are_cleared_away),
	    TEST(a_chat_moves_from_one_account_to_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
