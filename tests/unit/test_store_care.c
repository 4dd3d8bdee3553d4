/*
 * What keeps a store in order over years: that it can be looked through, that it forgets in time, that what
 * is scheduled, held, moved or known under a key is found again. Against a real LMDB file, with the time
 * handed in.
 */
#include "store.h"
#include "store_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "json.h"
#include "path.h"
#include "store_internal.h"
#include "xalloc.h"

enum { MAP_BYTES = 64 << 20, FOUND_MAX = 16 };

struct fixture {
	char directory[STORE_FIXTURE_PATH_BYTES];
	struct store *store;
	struct store_txn *txn;
	struct error error;
	char found[FOUND_MAX][128]; /* what a callback was told */
	int64_t numbers[FOUND_MAX];
	size_t count;
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

static void commit(struct fixture *f)
{
	assert_int_equal(store_commit(f->txn, &f->error), 0);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
}

static void note(struct fixture *f, const char *text, int64_t number)
{
	assert_true(f->count < FOUND_MAX);
	snprintf(f->found[f->count], sizeof f->found[0], "%s", text);
	f->numbers[f->count++] = number;
}

static int64_t add_for(struct fixture *f, int64_t chat, int64_t due_ms, const char *user)
{
	struct store_message message = {.chat = chat,
	    .class = STORE_NOTIFICATION,
	    .accepted_ms = 5,
	    .due_ms = due_ms,
	    .user = (char *)user,
	    .method = (char *)"sendMessage",
	    .parameters = json_object_new_object()};

	assert_int_equal(store_outbox_add(f->txn, &message, &f->error), 0);
	json_object_put(message.parameters);
	return message.id;
}

static int64_t add(struct fixture *f, int64_t chat)
{
	return add_for(f, chat, 0, "alice");
}

static enum store_state state_of(struct fixture *f, int64_t id)
{
	struct store_message message;
	enum store_state state = STORE_STATES;
	int found = store_message_get(f->txn, id, &state, &message, &f->error);

	assert_true(found >= 0);
	if (found == 1)
		store_message_free(&message);
	return found == 1 ? state : STORE_STATES;
}

static void end(struct fixture *f, int64_t id, bool delivered, int64_t now_ms)
{
	struct store_message message;
	enum store_state state;

	assert_int_equal(store_message_get(f->txn, id, &state, &message, &f->error), 1);
	assert_int_equal(delivered ? store_outbox_delivered(f->txn, &message, 70 + id, now_ms, &f->error)
				   : store_outbox_bury(f->txn, &message, false, now_ms, &f->error),
	    0);
	store_message_free(&message);
}

/* ---- checking ---- */

static void on_finding(void *context, const char *line)
{
	note(context, line, 0);
}

/* What is wrong, as one text; the transaction is committed before. */
static const char *findings(struct fixture *f)
{
	int64_t count;

	commit(f);
	store_abort(f->txn);
	f->txn = NULL;
	f->count = 0;
	count = store_check(f->store, on_finding, f, &f->error);
	assert_int_equal(count, f->count);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
	for (size_t i = 1; i < f->count; i++) {
		size_t len = strlen(f->found[0]);

		snprintf(f->found[0] + len, sizeof f->found[0] - len, "; %s", f->found[i]);
	}
	return f->count > 0 ? f->found[0] : "";
}

/* A store with one message of each kind, numbered from 1: queued, scheduled, dead, delivered; and a link. */
enum { QUEUED = 1, SCHEDULED, DEAD, DELIVERED };

static void fill(struct fixture *f)
{
	struct store_link link = {.chat = 42, .user = "alice"};

	assert_int_equal(add(f, 42), QUEUED);
	assert_int_equal(add_for(f, 42, 900, "alice"), SCHEDULED);
	assert_int_equal(add(f, 42), DEAD);
	assert_int_equal(add(f, 42), DELIVERED);
	end(f, DEAD, false, 10);
	end(f, DELIVERED, true, 10);
	assert_int_equal(store_link_put(f->txn, &link, &f->error), 0);
	assert_string_equal(findings(f), "");
}

static void remove_by_id(struct fixture *f, enum store_table table, int64_t id)
{
	struct store_key key;

	id_key(&key, id);
	assert_int_equal(table_remove(f->txn, table, &key, &f->error), 1);
}

static void remove_owner(struct fixture *f, unsigned char group, int64_t id)
{
	struct store_key key;

	owner_key(&key, "alice", group, id);
	assert_int_equal(table_remove(f->txn, TABLE_OWNERS, &key, &f->error), 1);
}

static void a_message_without_its_queue_is_found(void **state)
{
	struct store_message message = {.chat = 42, .class = STORE_NOTIFICATION, .id = QUEUED};
	struct fixture *f = *state;
	struct store_key key;

	fill(f);
	queue_key(&key, &message);
	assert_int_equal(table_remove(f->txn, TABLE_QUEUE, &key, &f->error), 1);
	assert_string_equal(findings(f), "message 1: it is in no queue");
}

static void a_scheduled_one_without_its_time_is_found(void **state)
{
	struct fixture *f = *state;
	struct store_key key;

	fill(f);
	key_init(&key);
	key_add_int64(&key, 900);
	key_add_int64(&key, SCHEDULED);
	assert_int_equal(table_remove(f->txn, TABLE_SCHEDULED, &key, &f->error), 1);
	assert_string_equal(findings(f), "message 2: it is in no queue");
}

static void a_message_that_nobody_owns_is_found(void **state)
{
	struct fixture *f = *state;

	fill(f);
	remove_owner(f, OWNER_OUTBOX, QUEUED);
	remove_owner(f, OWNER_OUTBOX, DEAD);
	remove_owner(f, OWNER_HISTORY, DELIVERED);
	assert_string_equal(
	    findings(f), "message 1: nobody owns it; message 3: nobody owns it; message 4: nobody owns it");
}

static void what_points_to_nothing_is_found(void **state)
{
	struct fixture *f = *state;

	fill(f);
	remove_by_id(f, TABLE_OUTBOX, QUEUED);
	assert_string_equal(
	    findings(f), "owners: an entry without its message; counts: 2 messages are counted, 1 are there");
}

static void a_record_that_cannot_be_read_is_found_and_the_others_are_looked_at(void **state)
{
	struct fixture *f = *state;
	struct store_key key;

	fill(f);
	id_key(&key, QUEUED);
	assert_int_equal(table_put(f->txn, TABLE_OUTBOX, &key, "{", 1, &f->error), 0);
	remove_owner(f, OWNER_HISTORY, DELIVERED);
	assert_non_null(strstr(
	    findings(f), "message 1: damaged record in the store: message; message 4: nobody owns it"));
}

static void a_link_that_its_account_does_not_know_is_found(void **state)
{
	struct fixture *f = *state;
	struct store_key key;

	fill(f);
	user_key(&key, "alice");
	key_add_int64(&key, 42);
	assert_int_equal(table_remove(f->txn, TABLE_USER_LINKS, &key, &f->error), 1);
	assert_string_equal(findings(f), "link of chat 42: its account does not know it");
}

static void a_damaged_cooldown_is_found_and_an_old_one_is_none(void **state)
{
	struct fixture *f = *state;
	struct store_key key;

	fill(f);
	user_key(&key, "alice");
	key_add_text(&key, "old");
	assert_int_equal(table_put(f->txn, TABLE_COOLDOWNS, &key, "12345678", 8, &f->error), 0);
	assert_int_equal(store_script_sent(f->txn, "alice", "new", 1, &f->error), 0);
	assert_string_equal(findings(f), "");
	user_key(&key, "alice");
	assert_int_equal(table_put(f->txn, TABLE_COOLDOWNS, &key, "12345678", 8, &f->error), 0);
	key_add_text(&key, "disk.sh");
	assert_int_equal(table_put(f->txn, TABLE_COOLDOWNS, &key, "123", 3, &f->error), 0);
	assert_string_equal(
	    findings(f), "cooldowns: an entry without a name; cooldown of disk.sh: it has 3 bytes");
}

static void a_file_that_is_gone_is_found(void **state)
{
	struct fixture *f = *state;
	struct store_message message = {.chat = 42,
	    .user = (char *)"alice",
	    .method = (char *)"sendPhoto",
	    .files = {{(char *)"photo", (char *)"no-such-file", (char *)"a.png"}},
	    .files_count = 1};

	fill(f);
	assert_int_equal(store_outbox_add(f->txn, &message, &f->error), 0);
	assert_string_equal(findings(f), "message 5: its file is not in the spool");
}

/* ---- forgetting ---- */

static void on_spool(void *context, const char *spool)
{
	note(context, spool, 0);
}

static int trim(struct fixture *f, int64_t history_before_ms, int64_t dead_before_ms, int64_t steps)
{
	f->count = 0;
	return store_trim(f->txn, history_before_ms, dead_before_ms, steps, on_spool, f, &f->error);
}

static void the_old_is_forgotten_in_steps(void **state)
{
	struct fixture *f = *state;
	int64_t id = 0;

	for (int i = 0; i < 5; i++) {
		id = add(f, 42);
		end(f, id, i != 4, 100 + i);
	}
	assert_int_equal(trim(f, 100, 0, 10), 0);
	assert_int_equal(state_of(f, 1), STORE_DELIVERED);
	assert_int_equal(trim(f, 103, 0, 2), 1);
	assert_int_equal(state_of(f, 2), STORE_STATES);
	assert_int_equal(state_of(f, 3), STORE_DELIVERED);
	assert_int_equal(trim(f, 103, 0, 2), 0);
	assert_int_equal(state_of(f, 3), STORE_STATES);
	assert_int_equal(state_of(f, 4), STORE_DELIVERED);
	assert_int_equal(state_of(f, id), STORE_DEAD);
	assert_string_equal(findings(f), "");
}

static void a_dead_letter_goes_with_its_file(void **state)
{
	struct fixture *f = *state;
	struct store_message message = {.chat = 42,
	    .user = (char *)"alice",
	    .method = (char *)"sendPhoto",
	    .files = {{(char *)"photo", (char *)"abc", (char *)"a.png"}},
	    .files_count = 1};

	assert_int_equal(store_outbox_add(f->txn, &message, &f->error), 0);
	end(f, message.id, false, 100);
	(void)trim(f, 0, 100, 10);
	assert_int_equal(f->count, 0);
	(void)trim(f, 0, 101, 10);
	assert_int_equal(f->count, 1);
	assert_string_equal(f->found[0], "abc");
	assert_int_equal(state_of(f, message.id), STORE_STATES);
	assert_string_equal(findings(f), "");
}

/* ---- keys ---- */

static int on_sent(
    void *context, int64_t chat, int64_t part, const struct store_sent *sent, struct error *error)
{
	char text[64];

	(void)error;
	snprintf(text, sizeof text, "%lld/%lld", (long long)chat, (long long)part);
	note(context, text, sent->message_id);
	return 0;
}

static void put_sent(struct fixture *f, const char *key, int64_t chat, int64_t part, struct store_sent sent)
{
	assert_int_equal(store_sent_put(f->txn, "alice", key, chat, part, &sent, &f->error), 0);
}

static void what_was_sent_under_a_key_is_known_by_chat_and_part(void **state)
{
	struct fixture *f = *state;
	struct store_sent sent;

	put_sent(f, "disk", 42, 1, (struct store_sent){.message_id = 11, .updated_ms = 5});
	put_sent(f, "disk", 42, 0, (struct store_sent){.message_id = 10, .updated_ms = 5, .is_media = true});
	put_sent(f, "disk", -7, 0, (struct store_sent){.queued_id = 3, .updated_ms = 5});
	put_sent(f, "disk2", 42, 0, (struct store_sent){.message_id = 99, .updated_ms = 5});
	assert_int_equal(store_sent_each(f->txn, "alice", "disk", on_sent, f, &f->error), 0);
	assert_int_equal(f->count, 3);
	assert_string_equal(f->found[0], "-7/0");
	assert_string_equal(f->found[1], "42/0");
	assert_string_equal(f->found[2], "42/1");
	assert_int_equal(store_sent_get(f->txn, "alice", "disk", 42, 0, &sent, &f->error), 1);
	assert_true(sent.is_media);
	assert_int_equal(sent.message_id, 10);
	assert_int_equal(store_sent_get(f->txn, "bob", "disk", 42, 0, &sent, &f->error), 0);
	assert_int_equal(store_sent_remove(f->txn, "alice", "disk", 42, 0, &f->error), 1);
	assert_int_equal(store_sent_get(f->txn, "alice", "disk", 42, 0, &sent, &f->error), 0);
}

static void keys_that_nobody_uses_are_forgotten_unless_something_waits(void **state)
{
	struct fixture *f = *state;
	struct store_sent sent;

	put_sent(f, "b", 42, 0, (struct store_sent){.message_id = 1, .updated_ms = 5});
	put_sent(f, "c", 42, 0, (struct store_sent){.queued_id = 2, .updated_ms = 5});
	put_sent(f, "d", 42, 0, (struct store_sent){.message_id = 3, .updated_ms = 50});
	put_sent(f, "a", 42, 0, (struct store_sent){.message_id = 4, .updated_ms = STORE_SENT_KEEP_MS + 50});
	assert_int_equal(store_sent_get(f->txn, "alice", "b", 42, 0, &sent, &f->error), 0);
	assert_int_equal(store_sent_get(f->txn, "alice", "c", 42, 0, &sent, &f->error), 1);
	assert_int_equal(store_sent_get(f->txn, "alice", "d", 42, 0, &sent, &f->error), 1);
}

/* ---- holds ---- */

static void on_hold(void *context, const char *user)
{
	note(context, user, 0);
}

static void holds_and_the_quiet_of_telegram_are_kept(void **state)
{
	struct fixture *f = *state;
	int64_t until_ms = 1;

	assert_int_equal(store_quiet_get(f->txn, &until_ms, &f->error), 0);
	assert_int_equal(until_ms, 0);
	assert_int_equal(store_quiet_set(f->txn, 77, &f->error), 0);
	assert_int_equal(store_hold_set(f->txn, "bob", true, &f->error), 0);
	assert_int_equal(store_hold_set(f->txn, "", true, &f->error), 0);
	assert_int_equal(store_hold_set(f->txn, "bob", true, &f->error), 0);
	commit(f);
	assert_int_equal(store_holds_each(f->txn, on_hold, f, &f->error), 0);
	assert_int_equal(f->count, 2);
	assert_string_equal(f->found[0], "");
	assert_string_equal(f->found[1], "bob");
	assert_int_equal(store_hold_set(f->txn, "", false, &f->error), 0);
	assert_int_equal(store_hold_set(f->txn, "nobody", false, &f->error), 0);
	f->count = 0;
	assert_int_equal(store_holds_each(f->txn, on_hold, f, &f->error), 0);
	assert_int_equal(f->count, 1);
	assert_int_equal(store_quiet_get(f->txn, &until_ms, &f->error), 0);
	assert_int_equal(until_ms, 77);
}

/* ---- files that wait for their message ---- */

static int stage(struct fixture *f, const char *user, const char *spool, const struct store_staged *staged)
{
	return store_staged_put(f->txn, user, spool, staged, on_spool, f, &f->error);
}

static void a_staged_file_is_its_accounts_own_and_lasts_an_hour(void **state)
{
	struct fixture *f = *state;
	struct store_staged staged = {.name = "a.png", .size_bytes = 7, .staged_ms = 1000}, found;

	assert_int_equal(stage(f, "alice", "aaa", &staged), 1);
	staged.staged_ms = 2000;
	assert_int_equal(stage(f, "bob", "bbb", &staged), 1);
	commit(f);
	assert_int_equal(store_staged_get(f->txn, "alice", "aaa", &found, &f->error), 1);
	assert_string_equal(found.name, "a.png");
	assert_int_equal(found.size_bytes, 7);
	assert_int_equal(store_staged_get(f->txn, "bob", "aaa", &found, &f->error), 0);
	assert_int_equal(
	    store_staged_trim(f->txn, 1000 + STORE_STAGED_KEEP_MS, 10, on_spool, f, &f->error), 0);
	assert_int_equal(f->count, 0);
	assert_int_equal(
	    store_staged_trim(f->txn, 1001 + STORE_STAGED_KEEP_MS, 10, on_spool, f, &f->error), 0);
	assert_int_equal(f->count, 1);
	assert_string_equal(f->found[0], "aaa");
	assert_int_equal(store_staged_get(f->txn, "alice", "aaa", &found, &f->error), 0);
	assert_int_equal(store_staged_remove(f->txn, "bob", "bbb", &f->error), 1);
	assert_int_equal(store_staged_remove(f->txn, "bob", "bbb", &f->error), 0);
}

static void an_account_has_twenty_staged_files_at_most(void **state)
{
	struct fixture *f = *state;
	struct store_staged staged = {.name = "a"};
	char name[16];

	for (int i = 0; i < STORE_STAGED_MAX; i++) {
		snprintf(name, sizeof name, "file%d", i);
		assert_int_equal(stage(f, "alice", name, &staged), 1);
	}
	assert_int_equal(stage(f, "alice", "more", &staged), 0);
	assert_int_equal(stage(f, "alicea", "more", &staged), 1);
	assert_int_equal(f->count, 0);
}

/* Who was killed before it named its file comes again under another key. */
static void the_oldest_staged_file_with_a_key_makes_room(void **state)
{
	struct fixture *f = *state;
	struct store_staged keyed = {.name = "a", .key = "k1", .staged_ms = 3000}, plain = {.name = "b"},
			    found;
	char name[16];

	assert_int_equal(stage(f, "alice", "newer", &keyed), 1);
	snprintf(keyed.key, sizeof keyed.key, "%s", "k2");
	keyed.staged_ms = 2000;
	assert_int_equal(stage(f, "alice", "older", &keyed), 1);
	for (int i = 2; i < STORE_STAGED_MAX; i++) {
		snprintf(name, sizeof name, "file%d", i);
		assert_int_equal(stage(f, "alice", name, &plain), 1);
	}
	/* Not that of its own message, which would never be whole. */
	keyed.part = 1;
	keyed.staged_ms = 2500;
	assert_int_equal(stage(f, "alice", "more1", &keyed), 1);
	assert_int_equal(f->count, 1);
	assert_string_equal(f->found[0], "newer");
	keyed.part = 2;
	assert_int_equal(stage(f, "alice", "more2", &keyed), 0);
	assert_int_equal(f->count, 1);
	/* Those without one never. */
	assert_int_equal(stage(f, "alice", "plain1", &plain), 1);
	assert_string_equal(f->found[1], "older");
	assert_int_equal(stage(f, "alice", "plain2", &plain), 1);
	assert_string_equal(f->found[2], "more1");
	assert_int_equal(stage(f, "alice", "plain3", &plain), 0);
	assert_int_equal(f->count, 3);
	assert_int_equal(store_staged_get(f->txn, "alice", "more1", &found, &f->error), 0);
	assert_int_equal(store_staged_get(f->txn, "alice", "file2", &found, &f->error), 1);
}

/* Who tries a message again and again has the room of one message, also where there is no other. */
static void a_staged_file_gives_way_to_the_same_part_of_its_message(void **state)
{
	struct fixture *f = *state;
	struct store_staged staged = {.name = "a", .key = "k"}, other = {.name = "b"}, found;
	char name[16];

	assert_int_equal(stage(f, "alice", "first", &staged), 1);
	staged.part = 1;
	assert_int_equal(stage(f, "alice", "second", &staged), 1);
	assert_int_equal(stage(f, "bob", "bobs", &staged), 1);
	for (int i = 2; i < STORE_STAGED_MAX; i++) {
		snprintf(name, sizeof name, "file%d", i);
		assert_int_equal(stage(f, "alice", name, &other), 1);
	}
	commit(f);
	staged.size_bytes = 7;
	assert_int_equal(stage(f, "alice", "again", &staged), 1);
	assert_int_equal(f->count, 1);
	assert_string_equal(f->found[0], "second");
	assert_int_equal(store_staged_get(f->txn, "alice", "second", &found, &f->error), 0);
	assert_int_equal(store_staged_get(f->txn, "alice", "again", &found, &f->error), 1);
	assert_string_equal(found.key, "k");
	assert_int_equal(found.part, 1);
	assert_int_equal(found.size_bytes, 7);
	assert_int_equal(store_staged_get(f->txn, "alice", "first", &found, &f->error), 1);
	assert_int_equal(store_staged_get(f->txn, "bob", "bobs", &found, &f->error), 1);
}

/* ---- the schedule ---- */

static void on_due(void *context, const struct store_message *message)
{
	assert_int_equal(message->due_ms, 0);
	note(context, message->user, message->id);
}

static void what_is_due_is_queued_in_the_order_of_its_times(void **state)
{
	struct fixture *f = *state;
	struct store_message head;
	int64_t due_ms = 0, late, early, same, count;

	assert_int_equal(store_outbox_next_due(f->txn, &due_ms, &f->error), 0);
	late = add_for(f, 42, 300, "alice");
	early = add_for(f, 42, 100, "alice");
	same = add_for(f, 42, 100, "alice");
	assert_int_equal(store_outbox_next_due(f->txn, &due_ms, &f->error), 1);
	assert_int_equal(due_ms, 100);
	assert_int_equal(store_outbox_head(f->txn, 42, &head, &f->error), 0);
	assert_int_equal(store_outbox_due(f->txn, 99, 10, on_due, f, &f->error), 0);
	assert_int_equal(f->count, 0);
	assert_int_equal(store_outbox_due(f->txn, 300, 2, on_due, f, &f->error), 0);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->numbers[0], early);
	assert_int_equal(f->numbers[1], same);
	assert_int_equal(state_of(f, early), STORE_QUEUED);
	assert_int_equal(state_of(f, late), STORE_SCHEDULED);
	assert_int_equal(store_outbox_count(f->txn, "alice", &count, &f->error), 0);
	assert_int_equal(count, 3);
	assert_string_equal(findings(f), "");
}

/* ---- chats that became others ---- */

static void a_chat_that_became_another_takes_its_queue_along(void **state)
{
	struct fixture *f = *state;
	struct store_message head;
	int64_t first = add(f, -1), chat = -1, due_ms, scheduled;
	bool any = false;

	add(f, -1);
	add(f, -2);
	scheduled = add_for(f, -1, 100, "alice");
	assert_int_equal(store_chat_move(f->txn, -1, -100, &any, &f->error), 0);
	assert_true(any);
	assert_int_equal(store_outbox_head(f->txn, -1, &head, &f->error), 0);
	assert_int_equal(store_outbox_head(f->txn, -100, &head, &f->error), 1);
	assert_int_equal(head.id, first);
	assert_int_equal(head.chat, -100);
	store_message_free(&head);
	assert_int_equal(store_chat_resolve(f->txn, &chat, &f->error), 0);
	assert_int_equal(chat, -100);
	assert_string_equal(findings(f), "");
	/* What was scheduled for the old one goes to the new one. */
	f->count = 0;
	assert_int_equal(store_outbox_due(f->txn, 100, 1, on_due, f, &f->error), 0);
	assert_int_equal(store_outbox_next_due(f->txn, &due_ms, &f->error), 0);
	assert_int_equal(store_message_get(f->txn, scheduled, &(enum store_state){0}, &head, &f->error), 1);
	assert_int_equal(head.chat, -100);
	store_message_free(&head);
	/* Back again: the two do not lead to each other. */
	assert_int_equal(store_chat_move(f->txn, -100, -1, &any, &f->error), 0);
	chat = -1;
	assert_int_equal(store_chat_resolve(f->txn, &chat, &f->error), 0);
	assert_int_equal(chat, -1);
	assert_string_equal(findings(f), "");
}

/* ---- the history ---- */

static bool on_message(void *context, enum store_state state, const struct store_message *message)
{
	note(context, store_state_name(state), message->id);
	return true;
}

static void on_delivery(void *context, int64_t chat, int64_t delivered_ms)
{
	char text[32];

	snprintf(text, sizeof text, "%lld", (long long)chat);
	note(context, text, delivered_ms);
}

static void the_history_is_shown_backwards_and_since_a_time(void **state)
{
	struct fixture *f = *state;

	for (int64_t id = 1; id <= 4; id++) {
		add_for(f, 40 + id, 0, id == 3 ? "bob" : "alice");
		end(f, id, true, 100 * id);
	}
	assert_int_equal(store_history_each(f->txn, "alice", INT64_MAX, 2, on_message, f, &f->error), 0);
	assert_int_equal(f->count, 2);
	assert_string_equal(f->found[0], "delivered");
	assert_int_equal(f->numbers[0], 4);
	assert_int_equal(f->numbers[1], 2);
	f->count = 0;
	assert_int_equal(store_history_each(f->txn, NULL, 4, 10, on_message, f, &f->error), 0);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->numbers[0], 3);
	f->count = 0;
	assert_int_equal(store_history_since(f->txn, 300, on_delivery, f, &f->error), 0);
	assert_int_equal(f->count, 2);
	assert_string_equal(f->found[0], "43");
	assert_int_equal(f->numbers[0], 300);
	assert_int_equal(f->numbers[1], 400);
}

/* A process that writes until it is killed; returns when it does. */
static pid_t start_writer(const char *directory)
{
	int pipes[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct store *store;
		struct store_txn *txn;
		struct error error;

		if (store_open(directory, MAP_BYTES, &store, &error) != 0 ||
		    store_begin(store, &txn, &error) != 0 || write(pipes[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	close(pipes[0]);
	return pid;
}

/* Nobody sleeps for LMDB's own mutex, where a writer that is killed at a bad moment lets others sleep on. */
static void writers_queue_for_a_lock_that_the_kernel_gives_on(void **state)
{
	struct fixture *f = *state;
	char *path = path_join(f->directory, "data.mdb");
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	int fd = open(path, O_RDWR | O_CLOEXEC);
	pid_t writer;

	assert_true(fd >= 0);
	store_abort(f->txn);
	f->txn = NULL;
	writer = start_writer(f->directory);
	assert_int_equal(fcntl(fd, F_GETLK, &lock), 0);
	assert_int_equal(lock.l_type, F_WRLCK);
	assert_int_equal(lock.l_pid, writer);
	assert_int_equal(kill(writer, SIGKILL), 0);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	close(fd);
	free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_message_without_its_queue_is_found),
	    TEST(a_scheduled_one_without_its_time_is_found),
	    TEST(a_message_that_nobody_owns_is_found),
	    TEST(what_points_to_nothing_is_found),
	    TEST(a_record_that_cannot_be_read_is_found_and_the_others_are_looked_at),
	    TEST(a_link_that_its_account_does_not_know_is_found),
	    TEST(a_damaged_cooldown_is_found_and_an_old_one_is_none),
	    TEST(a_file_that_is_gone_is_found),
	    TEST(the_old_is_forgotten_in_steps),
	    TEST(a_dead_letter_goes_with_its_file),
	    TEST(what_was_sent_under_a_key_is_known_by_chat_and_part),
	    TEST(keys_that_nobody_uses_are_forgotten_unless_something_waits),
	    TEST(holds_and_the_quiet_of_telegram_are_kept),
	    TEST(a_staged_file_is_its_accounts_own_and_lasts_an_hour),
	    TEST(an_account_has_twenty_staged_files_at_most),
	    TEST(the_oldest_staged_file_with_a_key_makes_room),
	    TEST(a_staged_file_gives_way_to_the_same_part_of_its_message),
	    TEST(what_is_due_is_queued_in_the_order_of_its_times),
	    TEST(a_chat_that_became_another_takes_its_queue_along),
	    TEST(the_history_is_shown_backwards_and_since_a_time),
	    TEST(writers_queue_for_a_lock_that_the_kernel_gives_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
