/*
 * The store is where nothing may get lost: each rule of its header is checked here against a real LMDB
 * file, with the time handed in.
 */
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "json.h"
#include "path.h"
#include "store_internal.h"
#include "xalloc.h"

enum { MAP_BYTES = 64 << 20 };

struct fixture {
	char directory[64];
	struct store *store;
	struct store_txn *txn;
	struct error error;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);

	snprintf(f->directory, sizeof f->directory, "/tmp/tgt-store.XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	assert_int_equal(store_open(f->directory, MAP_BYTES, &f->store, &f->error), 0);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char *command;

	if (f->txn != NULL)
		store_abort(f->txn);
	store_close(f->store);
	for (const char *const *name = (const char *const[]){"data.mdb", "lock.mdb", NULL}; *name; name++) {
		command = path_join(f->directory, *name);
		unlink(command);
		free(command);
	}
	command = path_join(f->directory, "spool");
	rmdir(command);
	free(command);
	rmdir(f->directory);
	free(f);
	return 0;
}

static void commit(struct fixture *f)
{
	assert_int_equal(store_commit(f->txn, &f->error), 0);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
}

static void reopen(struct fixture *f)
{
	assert_int_equal(store_commit(f->txn, &f->error), 0);
	store_close(f->store);
	assert_int_equal(store_open(f->directory, MAP_BYTES, &f->store, &f->error), 0);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
}

static void updates_are_taken_once_and_replayed_in_order(void **state)
{
	struct fixture *f = *state;
	struct buf update = BUF_INIT(1000);
	struct store_position position;
	int64_t id = 0;

	assert_int_equal(store_inbox_add(f->txn, 900, "b", 1, 5, &f->error), 1);
	assert_int_equal(store_inbox_add(f->txn, 5000000000, "c", 1, 6, &f->error), 1);
	assert_int_equal(store_inbox_add(f->txn, 900, "x", 1, 7, &f->error), 0);
	reopen(f);
	assert_int_equal(store_position_get(f->txn, &position, &f->error), 1);
	assert_int_equal(position.update_id, 5000000000);
	assert_int_equal(position.journaled_ms, 6);
	assert_int_equal(store_inbox_next(f->txn, 0, &id, &update, &f->error), 1);
	assert_int_equal(id, 900);
	assert_string_equal(buf_text(&update), "b");
	assert_int_equal(store_inbox_next(f->txn, id, &id, &update, &f->error), 1);
	assert_int_equal(id, 5000000000);
	assert_int_equal(store_inbox_next(f->txn, id, &id, &update, &f->error), 0);
	assert_int_equal(store_inbox_remove(f->txn, 900, &f->error), 1);
	assert_int_equal(store_inbox_remove(f->txn, 900, &f->error), 0);
	buf_free(&update);
}

static void an_answer_is_kept_with_its_update_and_goes_with_it(void **state)
{
	struct fixture *f = *state;
	struct buf answer = BUF_INIT(1000);

	assert_int_equal(store_inbox_answer_set(f->txn, 7, "lost", 4, &f->error), 0);
	assert_int_equal(store_inbox_answer_get(f->txn, 7, &answer, &f->error), 0);
	assert_int_equal(store_inbox_add(f->txn, 7, "u", 1, 5, &f->error), 1);
	assert_int_equal(store_inbox_answer_set(f->txn, 7, "kept", 4, &f->error), 0);
	assert_int_equal(store_inbox_answer_get(f->txn, 7, &answer, &f->error), 1);
	assert_string_equal(buf_text(&answer), "kept");
	assert_int_equal(store_inbox_remove(f->txn, 7, &f->error), 1);
	assert_int_equal(store_inbox_answer_get(f->txn, 7, &answer, &f->error), 0);
	buf_free(&answer);
}

static bool sum_chats(void *context, const struct store_link *link)
{
	*(int64_t *)context += link->chat;
	return true;
}

static int64_t chats_of(struct fixture *f, const char *user)
{
	int64_t sum = 0;

	assert_int_equal(store_links_each(f->txn, user, sum_chats, &sum, &f->error), 0);
	return sum;
}

static void a_chat_has_one_account_and_an_account_many_chats(void **state)
{
	struct fixture *f = *state;
	struct store_link link = {.chat = -100123, .user = "alice", .chat_name = "al", .linked_ms = 9};
	struct store_link found;

	assert_int_equal(store_link_put(f->txn, &link, &f->error), 0);
	link.chat = 42;
	assert_int_equal(store_link_put(f->txn, &link, &f->error), 0);
	snprintf(link.user, sizeof link.user, "alicea");
	link.chat = 1000;
	assert_int_equal(store_link_put(f->txn, &link, &f->error), 0);
	assert_int_equal(chats_of(f, "alice"), 42 - 100123);
	assert_int_equal(chats_of(f, NULL), 1042 - 100123);

	snprintf(link.user, sizeof link.user, "bob");
	link.chat = 42;
	assert_int_equal(store_link_put(f->txn, &link, &f->error), 0);
	assert_int_equal(chats_of(f, "alice"), -100123);
	assert_int_equal(chats_of(f, "bob"), 42);
	assert_int_equal(store_link_of_chat(f->txn, 42, &found, &f->error), 1);
	assert_string_equal(found.user, "bob");
	assert_int_equal(store_link_remove(f->txn, 42, &f->error), 1);
	assert_int_equal(store_link_remove(f->txn, 42, &f->error), 0);
	assert_int_equal(chats_of(f, "bob"), 0);
}

static struct store_code take(struct fixture *f, const char *user, const char *code, int64_t now_ms)
{
	struct store_code taken;

	assert_int_equal(store_code_take(f->txn, user, code, now_ms, 5, &taken, &f->error), 0);
	return taken;
}

static void a_code_works_once_for_its_time_and_only_the_newest(void **state)
{
	struct fixture *f = *state;
	char first[STORE_CODE_BYTES], second[STORE_CODE_BYTES];

	assert_int_equal(store_code_new(f->txn, 42, "al", 0, 600000, first, &f->error), 0);
	assert_int_equal(strlen(first), 6);
	do
		assert_int_equal(store_code_new(f->txn, 42, "al", 0, 600000, second, &f->error), 0);
	while (strcmp(first, second) == 0);
	assert_int_equal(take(f, "alice", first, 1).result, STORE_CODE_WRONG);
	assert_int_equal(take(f, "alice", second, 600000).result, STORE_CODE_WRONG);
	assert_int_equal(take(f, "alice", second, 599999).result, STORE_CODE_TAKEN);
	assert_int_equal(take(f, "alice", second, 599999).result, STORE_CODE_WRONG);
	assert_int_equal(store_code_new(f->txn, 43, "bo", 0, 600000, first, &f->error), 0);
	assert_int_equal(take(f, "alice", first, 1).chat, 43);
}

static void guessing_is_slowed_down_per_account(void **state)
{
	struct fixture *f = *state;
	char code[STORE_CODE_BYTES];
	int64_t now = 1000;

	assert_int_equal(store_code_new(f->txn, 42, "al", 0, 86400000, code, &f->error), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(take(f, "eve", "wrong!", now).wait_ms, 0);
	assert_int_equal(take(f, "eve", "wrong!", now).wait_ms, 60000);
	assert_int_equal(take(f, "eve", code, now + 59999).result, STORE_CODE_WAIT);
	assert_int_equal(take(f, "eve", code, now + 59999).wait_ms, 1);
	now += 60000;
	assert_int_equal(take(f, "eve", "wrong!", now).wait_ms, 120000);
	now += 120000;
	for (int64_t wait = 240000; wait < 86400000; wait *= 2) {
		assert_int_equal(take(f, "eve", "wrong!", now).wait_ms, wait);
		now += wait;
	}
	assert_int_equal(take(f, "eve", "wrong!", now).wait_ms, 86400000);
	assert_int_equal(take(f, "alice", code, 2000).result, STORE_CODE_TAKEN);
	assert_int_equal(take(f, "eve", code, now + 86400000).result, STORE_CODE_WRONG);
}

/* Whoever guesses has a right one whenever they want it, by /start in a chat of their own. */
static void a_right_code_forgives_no_wrong_ones(void **state)
{
	enum { DAY_MS = 86400000 };
	struct fixture *f = *state;
	char code[STORE_CODE_BYTES];

	for (int i = 0; i < 4; i++)
		assert_int_equal(take(f, "eve", "wrong!", 1).wait_ms, 0);
	assert_int_equal(store_code_new(f->txn, 42, "al", 0, 600000, code, &f->error), 0);
	assert_int_equal(take(f, "eve", code, 1).result, STORE_CODE_TAKEN);
	assert_int_equal(take(f, "eve", "wrong!", 1).wait_ms, 60000);
	/* A day without one, or a wait, does. */
	assert_int_equal(take(f, "eve", "wrong!", 60000 + DAY_MS).wait_ms, 120000);
	for (int i = 0; i < 4; i++)
		assert_int_equal(take(f, "eve", "wrong!", 180000 + 2 * (int64_t)DAY_MS).wait_ms, 0);
	assert_int_equal(take(f, "eve", "wrong!", 180000 + 2 * (int64_t)DAY_MS).wait_ms, 60000);
}

static void a_cooldown_is_claimed_once_until_it_is_over(void **state)
{
	struct fixture *f = *state;
	int64_t left = 0;

	assert_int_equal(store_cooldown_claim(f->txn, "alice", "disk", 100, 1000, &left, &f->error), 1);
	assert_int_equal(store_cooldown_claim(f->txn, "alice", "disk", 1099, 1000, &left, &f->error), 0);
	assert_int_equal(left, 1);
	assert_int_equal(store_cooldown_claim(f->txn, "alice", "disk2", 100, 1000, &left, &f->error), 1);
	assert_int_equal(store_cooldown_claim(f->txn, "bob", "disk", 100, 1000, &left, &f->error), 1);
	assert_int_equal(store_cooldown_claim(f->txn, "alice", "disk", 1100, 1000, &left, &f->error), 1);
}

static void note_script(void *context, const struct store_script *script)
{
	char *text = context;
	size_t len = strlen(text);

	snprintf(text + len, 256 - len, "%s %lld %lld;", script->name, (long long)script->last_sent_ms,
	    (long long)script->cooldown_until_ms);
}

static const char *scripts_of(struct fixture *f, const char *user)
{
	static char text[256];

	text[0] = '\0';
	assert_int_equal(store_scripts_each(f->txn, user, note_script, text, &f->error), 0);
	return text;
}

/* /scripts in the chat shows it: neither may a cooldown hide when it sent, nor sending end a cooldown. */
static void when_a_script_sent_is_kept_beside_its_cooldown(void **state)
{
	struct fixture *f = *state;
	int64_t left = 0;

	assert_string_equal(scripts_of(f, "alice"), "");
	assert_int_equal(store_script_sent(f->txn, "alice", "b", 90, &f->error), 0);
	assert_int_equal(store_cooldown_claim(f->txn, "alice", "disk", 100, 1000, &left, &f->error), 1);
	assert_int_equal(store_script_sent(f->txn, "alice", "disk", 100, &f->error), 0);
	assert_int_equal(store_script_sent(f->txn, "alice", "disk", 500, &f->error), 0);
	assert_int_equal(store_cooldown_claim(f->txn, "alice", "disk", 600, 1000, &left, &f->error), 0);
	assert_int_equal(left, 500);
	assert_int_equal(store_cooldown_claim(f->txn, "alice", ":key", 1, 1, &left, &f->error), 1);
	assert_int_equal(store_cooldown_claim(f->txn, "alice", "::hash", 1, 1, &left, &f->error), 1);
	assert_int_equal(store_script_sent(f->txn, "alicia", "disk", 7, &f->error), 0);
	assert_int_equal(store_script_sent(f->txn, "alice", "1", 8, &f->error), 0);
	assert_string_equal(scripts_of(f, "alice"), "1 8 0;b 90 0;disk 500 1100;");
	assert_string_equal(scripts_of(f, "alicia"), "disk 7 0;");
	assert_string_equal(scripts_of(f, "bob"), "");
	assert_int_equal(store_cooldown_claim(f->txn, "alice", "disk", 1100, 1000, &left, &f->error), 1);
	assert_string_equal(scripts_of(f, "alice"), "1 8 0;b 90 0;disk 500 2100;");
}

static void an_old_cooldown_is_read_as_it_was_written(void **state)
{
	unsigned char until[INT_BYTES];
	struct fixture *f = *state;
	struct store_key key;
	int64_t left = 0;

	user_key(&key, "alice");
	key_add_text(&key, "disk");
	int64_write(until, 1000);
	assert_int_equal(table_put(f->txn, TABLE_COOLDOWNS, &key, until, sizeof until, &f->error), 0);
	assert_string_equal(scripts_of(f, "alice"), "disk 0 1000;");
	assert_int_equal(store_cooldown_claim(f->txn, "alice", "disk", 999, 5, &left, &f->error), 0);
	assert_int_equal(store_script_sent(f->txn, "alice", "disk", 999, &f->error), 0);
	assert_string_equal(scripts_of(f, "alice"), "disk 999 1000;");
	assert_int_equal(table_put(f->txn, TABLE_COOLDOWNS, &key, until, 3, &f->error), 0);
	assert_int_equal(store_script_sent(f->txn, "alice", "disk", 999, &f->error), -1);
	assert_int_equal(f->error.kind, ERROR_BUG);
}

/* An account that makes up names must not fill the store. */
static void scripts_are_forgotten_in_time_and_beyond_their_number(void **state)
{
	enum { DAY_MS = 86400000 };
	struct fixture *f = *state;
	int64_t left = 0, entries;
	char name[32];

	assert_int_equal(store_cooldown_claim(f->txn, "alice", "cold", 1, 9999, &left, &f->error), 1);
	assert_int_equal(store_script_sent(f->txn, "alice", "cold", 1, &f->error), 0);
	for (int i = 0; i < STORE_SCRIPTS_MAX + 5; i++) {
		snprintf(name, sizeof name, "s%d", i);
		assert_int_equal(store_script_sent(f->txn, "alice", name, 100 + i, &f->error), 0);
	}
	assert_int_equal(table_entries(f->txn, TABLE_COOLDOWNS, &entries, &f->error), 0);
	assert_int_equal(entries, STORE_SCRIPTS_MAX + 1); /* the cooldown of "cold" runs on */
	assert_int_equal(store_cooldown_claim(f->txn, "alice", "cold", 1000, 1, &left, &f->error), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(store_script_sent(f->txn, "bob", "x", INT64_C(31) * DAY_MS, &f->error), 0);
		assert_int_equal(store_script_sent(f->txn, "alice", "a", INT64_C(31) * DAY_MS, &f->error), 0);
	}
	assert_string_equal(scripts_of(f, "alice"), "a 2678400000 0;");
	assert_string_equal(scripts_of(f, "bob"), "x 2678400000 0;");
}

static void an_idempotency_key_gives_the_first_answer_and_is_forgotten_in_time(void **state)
{
	struct fixture *f = *state;
	struct buf answer = BUF_INIT(100);

	assert_int_equal(store_key_put(f->txn, "alice", "k", "one", 3, 0, &f->error), 0);
	assert_int_equal(store_key_get(f->txn, "bob", "k", &answer, &f->error), 0);
	assert_int_equal(store_key_get(f->txn, "alice", "k", &answer, &f->error), 1);
	assert_string_equal(buf_text(&answer), "one");
	assert_int_equal(store_key_put(f->txn, "bob", "j", "two", 3, STORE_KEY_KEEP_MS, &f->error), 0);
	assert_int_equal(store_key_get(f->txn, "alice", "k", &answer, &f->error), 0);
	buf_free(&answer);
}

static int64_t add(struct fixture *f, int64_t chat, enum store_class class, char *user)
{
	struct store_message message = {
	    .chat = chat, .class = class, .user = user, .method = "sendMessage", .accepted_ms = 1};

	message.parameters = json_object_new_object();
	json_put_text(message.parameters, "text", "hi");
	assert_int_equal(store_outbox_add(f->txn, &message, &f->error), 0);
	json_object_put(message.parameters);
	return message.id;
}

static int64_t head(struct fixture *f, int64_t chat)
{
	struct store_message message;
	int64_t id = 0;

	if (store_outbox_head(f->txn, chat, &message, &f->error) == 1) {
		id = message.id;
		assert_int_equal(store_message_parse(&message, &f->error), 0);
		assert_string_equal(json_text(message.parameters, "text"), "hi");
		store_message_free(&message);
	}
	return id;
}

static void the_outbox_keeps_the_order_of_a_chat_within_its_class(void **state)
{
	struct fixture *f = *state;
	struct store_message message;
	int64_t count = -1, bulk = add(f, -5, STORE_BULK, "alice");
	int64_t first = add(f, -5, STORE_NOTIFICATION, "alice");
	int64_t second = add(f, -5, STORE_NOTIFICATION, "alice");
	int64_t reply = add(f, -5, STORE_REPLY, "");
	const int64_t order[] = {reply, first, second, bulk};

	add(f, -4, STORE_REPLY, "bob");
	reopen(f);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(head(f, -5), order[i]);
		assert_int_equal(store_outbox_head(f->txn, -5, &message, &f->error), 1);
		assert_int_equal(store_outbox_delivered(f->txn, &message, 77, 2, &f->error), 0);
		store_message_free(&message);
	}
	assert_int_equal(head(f, -5), 0);
	assert_int_equal(store_outbox_count(f->txn, "alice", &count, &f->error), 0);
	assert_int_equal(count, 0);
	assert_true(first < second);
}

/* Through all that rewrites a message, and not beyond the one that has it. */
static void what_is_to_be_done_otherwise_is_kept_with_its_message(void **state)
{
	struct fixture *f = *state;
	struct store_message message = {
	    .chat = 5, .user = "", .method = "deleteMessage", .otherwise = "{\"a\":1}"};
	enum store_state place;

	assert_int_equal(store_outbox_add(f->txn, &message, &f->error), 0);
	reopen(f);
	assert_int_equal(store_outbox_head(f->txn, 5, &message, &f->error), 1);
	assert_string_equal(message.otherwise, "{\"a\":1}");
	assert_int_equal(store_outbox_rewrite(f->txn, &message, &message, &f->error), 0);
	assert_int_equal(store_outbox_bury(f->txn, &message, false, 1, &f->error), 0);
	store_message_free(&message);
	assert_int_equal(store_message_get(f->txn, 1, &place, &message, &f->error), 1);
	assert_string_equal(message.otherwise, "{\"a\":1}");
	assert_int_equal(store_outbox_revive(f->txn, place, &message, 2, &f->error), 0);
	assert_int_equal(store_outbox_delivered(f->txn, &message, 7, 3, &f->error), 0);
	store_message_free(&message);
	assert_int_equal(store_message_get(f->txn, 1, &place, &message, &f->error), 1);
	assert_null(message.otherwise);
	store_message_free(&message);
}

static void note_delivery(void *context, int64_t chat, int64_t delivered_ms)
{
	int64_t *sum = context;

	assert_true(delivered_ms >= 1000);
	*sum += chat;
}

/* A chat with a long queue has old ids and new deliveries. */
static void recent_deliveries_are_found_whatever_their_ids(void **state)
{
	static const struct {
		int64_t chat, delivered_ms;
	} order[] = {{3, 10}, {1, 999}, {2, 1000}, {4, 5000}};
	struct fixture *f = *state;
	int64_t sum = 0;

	for (int64_t chat = 1; chat <= 4; chat++)
		add(f, chat, STORE_NOTIFICATION, "alice");
	for (size_t i = 0; i < 4; i++) {
		struct store_message message;

		assert_int_equal(store_outbox_head(f->txn, order[i].chat, &message, &f->error), 1);
		assert_int_equal(
		    store_outbox_delivered(f->txn, &message, 77, order[i].delivered_ms, &f->error), 0);
		store_message_free(&message);
	}
	assert_int_equal(store_history_since(f->txn, 1000, note_delivery, &sum, &f->error), 0);
	assert_int_equal(sum, 6);
}

static void count_chat_5(void *context, int64_t chat)
{
	assert_int_equal(chat, 5);
	++*(int *)context;
}

static void an_attempt_is_remembered(void **state)
{
	struct fixture *f = *state;
	struct store_message message;
	int started = 0;

	add(f, 5, STORE_NOTIFICATION, "alice");
	assert_int_equal(store_outbox_head(f->txn, 5, &message, &f->error), 1);
	message.attempts = 3;
	message.not_before_ms = 99;
	message.last_error = xstrdup("Bad Gateway");
	assert_int_equal(store_outbox_update(f->txn, &message, &f->error), 0);
	store_message_free(&message);
	commit(f);
	assert_int_equal(store_outbox_head(f->txn, 5, &message, &f->error), 1);
	assert_false(message.started);
	assert_int_equal(message.attempts, 3);
	assert_int_equal(message.not_before_ms, 99);
	assert_string_equal(message.last_error, "Bad Gateway");
	message.attempts = 4;
	assert_int_equal(store_outbox_start(f->txn, &message, &f->error), 0);
	store_message_free(&message);
	commit(f);
	assert_int_equal(store_outbox_head(f->txn, 5, &message, &f->error), 1);
	assert_true(message.started);
	assert_int_equal(message.attempts, 4);
	assert_int_equal(store_outbox_started(f->txn, count_chat_5, &started, &f->error), 0);
	assert_int_equal(started, 1);
	assert_int_equal(store_outbox_update(f->txn, &message, &f->error), 0);
	store_message_free(&message);
	assert_int_equal(store_outbox_head(f->txn, 5, &message, &f->error), 1);
	assert_false(message.started);
	store_message_free(&message);
}

struct seen {
	int count;
	enum store_state states[8];
};

static bool see(void *context, enum store_state state, const struct store_message *message)
{
	struct seen *seen = context;

	assert_string_equal(message->user, "alice");
	seen->states[seen->count++] = state;
	return true;
}

static void the_dead_are_out_of_the_way_and_shown(void **state)
{
	struct fixture *f = *state;
	struct store_message message;
	struct store_totals totals;
	struct seen seen = {0};
	int64_t count;

	add(f, 5, STORE_NOTIFICATION, "alice");
	add(f, 5, STORE_NOTIFICATION, "alice");
	add(f, 5, STORE_NOTIFICATION, "alicea");
	assert_int_equal(store_outbox_head(f->txn, 5, &message, &f->error), 1);
	message.last_error = xstrdup("Forbidden");
	assert_int_equal(store_outbox_bury(f->txn, &message, false, 5, &f->error), 0);
	assert_true(head(f, 5) > message.id);
	store_message_free(&message);
	commit(f);
	assert_int_equal(store_outbox_each(f->txn, "alice", 100, see, &seen, &f->error), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.states[0], STORE_DEAD);
	assert_int_equal(seen.states[1], STORE_QUEUED);
	assert_int_equal(store_outbox_count(f->txn, "alice", &count, &f->error), 0);
	assert_int_equal(count, 1);
	assert_int_equal(store_totals(f->txn, &totals, &f->error), 0);
	assert_int_equal(totals.queued, 2);
	assert_int_equal(totals.dead, 1);
}

static bool sum_waiting(void *context, const struct store_chat *chat)
{
	int64_t *sums = context;

	sums[0]++;
	sums[1] += chat->count[STORE_NOTIFICATION];
	sums[2] += chat->count[STORE_REPLY];
	return true;
}

static void a_start_finds_every_chat_with_mail(void **state)
{
	struct fixture *f = *state;
	int64_t sums[3] = {0};

	for (int i = 0; i < 30; i++)
		add(f, i % 3 - 1, i % 10 == 0 ? STORE_REPLY : STORE_NOTIFICATION, "alice");
	assert_int_equal(store_outbox_chats(f->txn, sum_waiting, sums, &f->error), 0);
	assert_int_equal(sums[0], 3);
	assert_int_equal(sums[1], 27);
	assert_int_equal(sums[2], 3);
}

static void the_spool_keeps_only_files_of_messages(void **state)
{
	struct fixture *f = *state;
	char kept[STORE_USER_BYTES], orphan[STORE_USER_BYTES], *path;
	struct store_message message = {.chat = 5, .user = "alice", .method = "sendPhoto"};
	int fd = store_spool_create(f->store, kept, &f->error);

	assert_true(fd >= 0);
	assert_int_equal(store_spool_keep(f->store, fd, &f->error), 0);
	close(fd);
	fd = store_spool_create(f->store, orphan, &f->error);
	close(fd);
	message.files[0] = (struct store_file){"photo", kept, "a.png"};
	message.files_count = 1;
	assert_int_equal(store_outbox_add(f->txn, &message, &f->error), 0);
	commit(f);
	assert_int_equal(store_spool_sweep(f->store, &f->error), 0);
	path = path_join(store_spool_directory(f->store), kept);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	free(path);
	path = path_join(store_spool_directory(f->store), orphan);
	assert_int_equal(access(path, F_OK), -1);
	free(path);
}

static void a_store_that_others_can_enter_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *other = NULL;

	assert_int_equal(chmod(f->directory, 0750), 0);
	assert_int_equal(store_open(f->directory, MAP_BYTES, &other, &f->error), -1);
	assert_int_equal(f->error.kind, ERROR_CONFIG);
	assert_non_null(strstr(f->error.text, "chmod 700"));
}

static void a_store_of_a_newer_schema_is_refused(void **state)
{
	struct fixture *f = *state;
	unsigned char newer[INT_BYTES];
	struct store_key key;

	user_key(&key, "schema");
	int64_write(newer, STORE_SCHEMA + 1);
	assert_int_equal(table_put(f->txn, TABLE_META, &key, newer, sizeof newer, &f->error), 0);
	assert_int_equal(store_commit(f->txn, &f->error), 0);
	f->txn = NULL;
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(store_open(f->directory, MAP_BYTES, &f->store, &f->error), -1);
	assert_int_equal(f->error.kind, ERROR_CONFIG);
	assert_non_null(strstr(f->error.text, "schema 3, this program knows 2"));
}

static void a_full_map_fails_as_temporary_and_is_seen_before(void **state)
{
	struct fixture *f = *state;
	char *big = xcalloc(1, 1 << 20);
	int result = 0, percent = 0;

	for (int64_t id = 1; result == 0 && id < 100; id++) {
		result = store_inbox_add(f->txn, id, big, 1 << 20, 1, &f->error) == 1 ? 0 : -1;
		if (result == 0)
			result = store_commit(f->txn, &f->error);
		else
			store_abort(f->txn);
		f->txn = NULL;
		percent = store_used_percent(f->store);
		if (result == 0)
			assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
	}
	assert_int_equal(result, -1);
	assert_int_equal(f->error.kind, ERROR_TEMPORARY);
	assert_true(percent > STORE_FULL_PERCENT);
	free(big);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(updates_are_taken_once_and_replayed_in_order),
	    TEST(an_answer_is_kept_with_its_update_and_goes_with_it),
	    TEST(a_chat_has_one_account_and_an_account_many_chats),
	    TEST(a_code_works_once_for_its_time_and_only_the_newest),
	    TEST(guessing_is_slowed_down_per_account),
	    TEST(a_right_code_forgives_no_wrong_ones),
	    TEST(a_cooldown_is_claimed_once_until_it_is_over),
	    TEST(when_a_script_sent_is_kept_beside_its_cooldown),
	    TEST(an_old_cooldown_is_read_as_it_was_written),
	    TEST(scripts_are_forgotten_in_time_and_beyond_their_number),
	    TEST(an_idempotency_key_gives_the_first_answer_and_is_forgotten_in_time),
	    TEST(the_outbox_keeps_the_order_of_a_chat_within_its_class),
	    TEST(what_is_to_be_done_otherwise_is_kept_with_its_message),
	    TEST(recent_deliveries_are_found_whatever_their_ids),
	    TEST(an_attempt_is_remembered),
	    TEST(the_dead_are_out_of_the_way_and_shown),
	    TEST(a_start_finds_every_chat_with_mail),
	    TEST(the_spool_keeps_only_files_of_messages),
	    TEST(a_store_that_others_can_enter_is_refused),
	    TEST(a_store_of_a_newer_schema_is_refused),
	    TEST(a_full_map_fails_as_temporary_and_is_seen_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
