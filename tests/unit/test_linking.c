/* Who is told that a chat belongs to another account now, and what nobody is told. */
#include "linking.h"
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "xalloc.h"

struct fixture {
	char directory[STORE_FIXTURE_PATH_BYTES];
	struct store *store;
	struct store_txn *txn;
	struct config *config;
	struct error error;
	char told[4096];
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	char path[] = "/tmp/tgt-linking.XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	assert_non_null(file);
	fputs("texts: {linked: '{user} has it', link_added: '{user} got {chat}', link_left: '{user} lost "
	      "{chat}'}\n",
	    file);
	fclose(file);
	assert_int_equal(config_load(path, &f->config, &f->error), 0);
	unlink(path);
	store_fixture_open(f->directory, 64 << 20, &f->store, &f->txn);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_fixture_remove(f->directory, f->store, f->txn);
	config_free(f->config);
	free(f);
	return 0;
}

/* "CHAT: TEXT" for each message, in order. */
static const char *move(struct fixture *f, int64_t chat, const char *name, const char *user, int result)
{
	struct json_object *calls = json_object_new_array();
	size_t len = 0;

	f->told[0] = '\0';
	assert_int_equal(linking_move(f->txn, f->config, chat, name, user, 1000, calls, &f->error), result);
	for (size_t i = 0; i < json_object_array_length(calls); i++) {
		struct json_object *call = json_object_array_get_idx(calls, i);

		assert_string_equal(json_text(call, "method"), "sendMessage");
		len += (size_t)snprintf(f->told + len, sizeof f->told - len, "%s%lld: %s", i > 0 ? "; " : "",
		    (long long)json_int64(call, "chat_id"), json_text(call, "text"));
	}
	json_object_put(calls);
	return f->told;
}

static void both_accounts_are_told(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(move(f, 1, "al", "alice", 0), "1: alice has it");
	assert_string_equal(move(f, 2, "", "alice", 0), "2: alice has it; 1: alice got 2");
	assert_string_equal(move(f, 9, "bo", "bob", 0), "9: bob has it");
	assert_string_equal(move(f, 1, "al2", "bob", 1), "1: bob has it; 2: alice lost @al; 9: bob got @al2");
	assert_string_equal(move(f, 1, "al2", "bob", 0), "1: bob has it");
}

static void chats_that_take_no_messages_are_left_out(void **state)
{
	struct store_link link = {.chat = 2, .user = "alice", .paused = true};
	struct fixture *f = *state;

	assert_int_equal(store_link_put(f->txn, &link, &f->error), 0);
	assert_string_equal(move(f, 1, "al", "alice", 0), "1: alice has it");
	assert_string_equal(move(f, 2, "al", "alice", 0), "2: alice has it");
	assert_string_equal(
	    move(f, 3, "al", "alice", 0), "3: alice has it; 1: alice got @al; 2: alice got @al");
}

static void an_account_with_many_chats_is_not_told_in_all_of_them(void **state)
{
	struct fixture *f = *state;
	size_t count = 0;

	for (int64_t chat = 1; chat <= 2 * LINKING_TOLD_MAX; chat++)
		move(f, chat, "al", "alice", 0);
	for (const char *at = move(f, 100, "al", "alice", 0); (at = strstr(at, "got")) != NULL; at++)
		count++;
	assert_int_equal(count, LINKING_TOLD_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(both_accounts_are_told),
	    TEST(chats_that_take_no_messages_are_left_out),
	    TEST(an_account_with_many_chats_is_not_told_in_all_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
