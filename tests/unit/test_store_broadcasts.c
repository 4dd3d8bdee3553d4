/*
 * What operators are told: of a broadcast, how many of its messages arrived, whatever happens to them on the
 * way; of updates that could not be handled, which, and not more than anyone can read; of links, page by
 * page.
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

#include "store_internal.h"
#include "xalloc.h"

enum { MAP_BYTES = 256 << 20, SIZE = 5 };

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

static void on_finding(void *context, const char *line)
{
	struct fixture *f = context;
	size_t len = strlen(f->findings);

	snprintf(f->findings + len, sizeof f->findings - len, "%s%s", len > 0 ? "; " : "", line);
}

static const char *findings(struct fixture *f)
{
	f->findings[0] = '\0';
	assert_int_equal(store_commit(f->txn, &f->error), 0);
	assert_true(store_check(f->store, on_finding, f, &f->error) >= 0);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
	return f->findings;
}

/* ---- broadcasts ---- */

static int64_t add_message(struct fixture *f, int64_t chat, enum store_class class)
{
	struct store_message message = {.chat = chat,
	    .class = class,
	    .accepted_ms = 1,
	    .user = (char *)"",
	    .method = (char *)"sendMessage"};

	message.parameters = json_object_new_object();
	assert_int_equal(store_outbox_add(f->txn, &message, &f->error), 0);
	json_object_put(message.parameters);
	return message.id;
}

/* To chats 1 to SIZE, between messages that are none of it. Returns the id of its first message. */
static int64_t broadcast(struct fixture *f)
{
	struct store_broadcast record = {.user = "root", .chat = 77, .thread = 3, .begun_ms = 1000};

	add_message(f, 1, STORE_BULK);
	record.first_id = add_message(f, 1, STORE_BULK);
	for (int64_t chat = 2; chat <= SIZE; chat++)
		record.last_id = add_message(f, chat, STORE_BULK);
	assert_int_equal(store_broadcast_add(f->txn, &record, &f->error), 0);
	add_message(f, 1, STORE_BULK);
	return record.first_id;
}

static struct store_message get(struct fixture *f, int64_t id, enum store_state *state)
{
	struct store_message message;

	assert_int_equal(store_message_get(f->txn, id, state, &message, &f->error), 1);
	return message;
}

static void deliver(struct fixture *f, int64_t id)
{
	enum store_state state;
	struct store_message message = get(f, id, &state);

	assert_int_equal(store_outbox_delivered(f->txn, &message, 9, 2, &f->error), 0);
	store_message_free(&message);
}

static void bury(struct fixture *f, int64_t id, bool uncertain)
{
	enum store_state state;
	struct store_message message = get(f, id, &state);

	assert_int_equal(store_outbox_bury(f->txn, &message, uncertain, 2, &f->error), 0);
	store_message_free(&message);
}

static void cancel(struct fixture *f, int64_t id)
{
	enum store_state state;
	struct store_message message = get(f, id, &state);

	assert_int_equal(store_outbox_cancel(f->txn, state, &message, &f->error), 0);
	store_message_free(&message);
}

static void revive(struct fixture *f, int64_t id)
{
	enum store_state state;
	struct store_message message = get(f, id, &state);

	assert_int_equal(store_outbox_revive(f->txn, state, &message, 3, &f->error), 0);
	store_message_free(&message);
}

static void assert_counts(
    struct fixture *f, int64_t delivered, int64_t failed, int64_t cancelled, int64_t left)
{
	struct store_broadcast record;

	assert_int_equal(store_broadcast_next(f->txn, 0, &record, &f->error), 1);
	assert_int_equal(record.delivered, delivered);
	assert_int_equal(record.failed, failed);
	assert_int_equal(record.cancelled, cancelled);
	assert_int_equal(store_broadcast_left(&record), left);
	assert_string_equal(record.user, "root");
	assert_int_equal(record.chat, 77);
	assert_int_equal(record.thread, 3);
	assert_int_equal(record.begun_ms, 1000);
	assert_string_equal(findings(f), "");
}

static void what_becomes_of_its_messages_is_counted_once_each(void **state)
{
	struct fixture *f = *state;
	int64_t first = broadcast(f);

	assert_counts(f, 0, 0, 0, 5);
	deliver(f, first);
	bury(f, first + 1, false);
	bury(f, first + 2, true);
	cancel(f, first + 3);
	assert_counts(f, 1, 2, 1, 1);
	/* Those before and after it are not its own. */
	deliver(f, first - 1);
	bury(f, first + SIZE, false);
	assert_counts(f, 1, 2, 1, 1);
	/* A dead one that is tried again is open again, and one that is forgotten has failed for good. */
	revive(f, first + 1);
	assert_counts(f, 1, 1, 1, 2);
	deliver(f, first + 1);
	cancel(f, first + 2);
	deliver(f, first + 4);
	assert_counts(f, 3, 1, 1, 0);
}

static void two_at_once_are_told_apart_and_a_reported_one_is_gone(void **state)
{
	struct fixture *f = *state;
	struct store_broadcast record;
	int64_t one = broadcast(f), two = broadcast(f);

	deliver(f, two);
	assert_int_equal(store_broadcast_of(f->txn, one, &record, &f->error), 1);
	assert_int_equal(record.delivered, 0);
	assert_int_equal(store_broadcast_of(f->txn, one - 1, &record, &f->error), 0);
	assert_int_equal(store_broadcast_of(f->txn, one + SIZE, &record, &f->error), 0);
	assert_int_equal(store_broadcast_remove(f->txn, one + SIZE - 1, &f->error), 1);
	assert_int_equal(store_broadcast_of(f->txn, one, &record, &f->error), 0);
	/* Nobody counts for it any more. */
	deliver(f, one);
	assert_int_equal(store_broadcast_next(f->txn, 0, &record, &f->error), 1);
	assert_int_equal(record.first_id, two);
	assert_int_equal(record.delivered, 1);
}

/* ---- broken updates ---- */

static void keep(struct fixture *f, int64_t update_id, int64_t now_ms, const char *update)
{
	struct store_broken broken = {.update_id = update_id,
	    .broken_ms = now_ms,
	    .chat = -5,
	    .route = "start",
	    .reason = "the process ended"};

	assert_int_equal(store_broken_put(f->txn, &broken, update, strlen(update), &f->error), 0);
}

static int64_t kept(struct fixture *f)
{
	int64_t count;

	assert_int_equal(store_broken_count(f->txn, &count, &f->error), 0);
	return count;
}

static void a_broken_update_is_kept_as_it_was_until_it_is_too_old(void **state)
{
	struct fixture *f = *state;
	struct buf update = BUF_INIT(STORE_BROKEN_MAX_BYTES + 1);
	struct store_broken broken;

	keep(f, 0, 1000, "{\"update_id\":0}");
	keep(f, INT64_MAX, 2000, "{}");
	keep(f, 0, 1500, "{\"update_id\":0,\"a\":1}");
	assert_int_equal(kept(f), 2);
	assert_int_equal(store_broken_get(f->txn, 0, &broken, &update, &f->error), 1);
	assert_string_equal(buf_text(&update), "{\"update_id\":0,\"a\":1}");
	assert_int_equal(broken.broken_ms, 1500);
	assert_int_equal(broken.chat, -5);
	assert_string_equal(broken.route, "start");
	assert_string_equal(broken.reason, "the process ended");
	assert_int_equal(store_broken_next(f->txn, 0, &broken, &f->error), 1);
	assert_int_equal(broken.update_id, INT64_MAX);
	assert_int_equal(store_broken_next(f->txn, INT64_MAX, &broken, &f->error), 0);
	assert_string_equal(findings(f), "");
	assert_int_equal(store_broken_trim(f->txn, 1500 + STORE_BROKEN_KEEP_MS, &f->error), 0);
	assert_int_equal(store_broken_get(f->txn, 0, &broken, NULL, &f->error), 0);
	assert_int_equal(store_broken_remove(f->txn, INT64_MAX, &f->error), 1);
	assert_int_equal(kept(f), 0);
	buf_free(&update);
}

static void broken_updates_take_no_more_room_than_they_may(void **state)
{
	struct fixture *f = *state;
	struct buf update = BUF_INIT(STORE_BROKEN_MAX_BYTES + 1);
	char *longest = xmalloc(STORE_BROKEN_MAX_BYTES + 2);
	struct store_broken broken;

	memset(longest, 'x', STORE_BROKEN_MAX_BYTES + 1);
	longest[STORE_BROKEN_MAX_BYTES + 1] = '\0';
	keep(f, 5, 1, longest);
	assert_int_equal(store_broken_get(f->txn, 5, &broken, &update, &f->error), 1);
	assert_int_equal(update.len, 0);
	longest[STORE_BROKEN_MAX_BYTES] = '\0';
	keep(f, 6, 2, longest);
	assert_int_equal(store_broken_get(f->txn, 6, &broken, &update, &f->error), 1);
	assert_int_equal(update.len, STORE_BROKEN_MAX_BYTES);
	/* Ids need not ascend; the oldest goes by its time. */
	for (int64_t i = 0; i < STORE_BROKEN_MAX; i++)
		keep(f, 10000 - i, 3 + i, "{}");
	assert_int_equal(kept(f), STORE_BROKEN_MAX);
	assert_int_equal(store_broken_get(f->txn, 6, &broken, NULL, &f->error), 0);
	assert_int_equal(store_broken_get(f->txn, 10000, &broken, NULL, &f->error), 1);
	keep(f, 20000, 5000, "{}");
	assert_int_equal(store_broken_get(f->txn, 10000, &broken, NULL, &f->error), 0);
	free(longest);
	buf_free(&update);
}

static void damage_is_found(void **state)
{
	struct fixture *f = *state;
	struct store_broadcast record;
	struct store_broken broken;
	struct store_key key;
	int64_t first = broadcast(f);

	id_key(&key, first + 1);
	assert_int_equal(table_remove(f->txn, TABLE_OUTBOX, &key, &f->error), 1);
	id_key(&key, 1000);
	assert_int_equal(table_put(f->txn, TABLE_BROADCASTS, &key, "123", 3, &f->error), 0);
	assert_int_equal(store_broadcast_next(f->txn, first + SIZE, &record, &f->error), -1);
	assert_int_equal(
	    table_put(f->txn, TABLE_BROKEN, &key, "1234567812345678start\0why", 25, &f->error), 0);
	assert_int_equal(store_broken_next(f->txn, 0, &broken, &f->error), -1);
	findings(f);
	assert_non_null(strstr(f->findings, "broadcast 6: 5 of its messages are left, 4 are there"));
	assert_non_null(strstr(f->findings, "broadcasts: damaged record in the store: broadcast"));
	assert_non_null(strstr(f->findings, "broken updates: damaged record in the store: broken update"));
}

/* A sum of it would be undefined. */
static void a_number_that_cannot_be_is_damage(void **state)
{
	static const int64_t numbers[] = {INT64_MIN, INT64_MAX, -1, 1000};
	struct fixture *f = *state;
	struct store_broadcast record = {.first_id = 3, .last_id = 7, .user = "root"};
	struct store_key key;

	for (size_t place = 0; place < 7; place++) {
		for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
			unsigned char bytes[256];
			struct store_broadcast read;
			MDB_val value;
			bool is_fine = place != 0 && (i > 1 || place < 4);

			assert_int_equal(store_broadcast_add(f->txn, &record, &f->error), 0);
			id_key(&key, 7);
			assert_int_equal(table_get(f->txn, TABLE_BROADCASTS, &key, &value, &f->error), 1);
			memcpy(bytes, value.mv_data, value.mv_size);
			int64_write(bytes + place * INT_BYTES, numbers[i]);
			assert_int_equal(
			    table_put(f->txn, TABLE_BROADCASTS, &key, bytes, value.mv_size, &f->error), 0);
			assert_int_equal(store_broadcast_next(f->txn, 0, &read, &f->error), is_fine ? 1 : -1);
			if (is_fine)
				(void)store_broadcast_left(&read);
		}
	}
}

/* ---- what /users and /queue show ---- */

struct seen {
	char chats[128];
};

static bool see(void *context, const struct store_link *link)
{
	struct seen *seen = context;
	size_t len = strlen(seen->chats);

	snprintf(seen->chats + len, sizeof seen->chats - len, "%s%lld ", link->user, (long long)link->chat);
	return true;
}

static const char *page(struct fixture *f, int64_t skip, int64_t limit, struct seen *seen)
{
	*seen = (struct seen){""};
	assert_int_equal(store_links_page(f->txn, skip, limit, see, seen, &f->error), 0);
	return seen->chats;
}

static void links_are_paged_by_account(void **state)
{
	static const struct store_link links[] = {{.chat = 3, .user = "alice"}, {.chat = 1, .user = "bob"},
	    {.chat = -2, .user = "alice"}, {.chat = 2, .user = "al"}};
	struct fixture *f = *state;
	struct seen seen;

	assert_string_equal(page(f, 0, 20, &seen), "");
	for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
		assert_int_equal(store_link_put(f->txn, &links[i], &f->error), 0);
	assert_string_equal(page(f, 0, 20, &seen), "al2 alice-2 alice3 bob1 ");
	assert_string_equal(page(f, 0, 3, &seen), "al2 alice-2 alice3 ");
	assert_string_equal(page(f, 3, 3, &seen), "bob1 ");
	assert_string_equal(page(f, 4, 3, &seen), "");
}

static void those_that_may_have_arrived_are_counted_among_the_dead(void **state)
{
	struct fixture *f = *state;
	int64_t first = broadcast(f), count = -1;

	assert_int_equal(store_dead_uncertain(f->txn, &count, &f->error), 0);
	assert_int_equal(count, 0);
	bury(f, first, true);
	bury(f, first + 1, false);
	bury(f, first + 2, true);
	assert_int_equal(store_dead_uncertain(f->txn, &count, &f->error), 0);
	assert_int_equal(count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_becomes_of_its_messages_is_counted_once_each),
	    TEST(two_at_once_are_told_apart_and_a_reported_one_is_gone),
	    TEST(a_broken_update_is_kept_as_it_was_until_it_is_too_old),
	    TEST(broken_updates_take_no_more_room_than_they_may),
	    TEST(damage_is_found),
	    TEST(a_number_that_cannot_be_is_damage),
	    TEST(links_are_paged_by_account),
	    TEST(those_that_may_have_arrived_are_counted_among_the_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
