/*
 * The table as the configuration has it, and the rules around its rows: who is refused and how often, what a
 * flood gets, that a tap counts once, that in a group the person counts, and what waits for a service. A row
 * that lets somebody further than it says is how an account is taken over.
 */
#include "tg-dispatch/dispatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "fd.h"
#include "json.h"
#include "tg-dispatch/accounts.h"
#include "tg-dispatch/limits.h"
#include "log.h"
#include "store_fixture.h"
#include "tg-dispatch/table.h"
#include "xalloc.h"

enum { MAP_BYTES = 16 << 20, OWN_ID = 7, ROOT_ID = 8, GROUP_ID = -5 };

static const int64_t start_ms = INT64_C(1800000000000);

static const char yaml[] =
    "access: {operators: [root]}\n"
    "commands:\n"
    "  - {command: open, description: For all, access: anyone, where: [private, group],\n"
    "     http: {url: 'http://127.0.0.1:1/'}}\n"
    "  - {command: mine, description: For the linked, http: {url: 'http://127.0.0.1:1/'}}\n"
    "  - {command: board, description: For groups, access: linked, where: [group],\n"
    "     http: {url: 'http://127.0.0.1:1/'}}\n"
    "  - {command: ops, description: For operators, access: operator, http: {url: 'http://127.0.0.1:1/'}}\n"
    "callbacks:\n"
    "  - {action: GO, access: anyone, where: [private, group], http: {url: 'http://127.0.0.1:1/'}}\n"
    "  - {action: OPS, access: operator, http: {url: 'http://127.0.0.1:1/'}}\n"
    "text: {where: [private, group], access: anyone, http: {url: 'http://127.0.0.1:1/'}}\n"
    "limits: {chat_per_minute: 20, chat_per_second: 1, chat_burst: 5}\n";

struct fixture {
	char directory[STORE_FIXTURE_PATH_BYTES];
	struct dispatch dispatch;
	int64_t now_ms, update_id;
	struct awaited *awaited;
	struct wish wish;
	struct buf out;
	struct error error;
};

static int load(const char *text, struct config **config, struct command_table **table, struct error *error)
{
	char path[] = "/tmp/tgt-routes.XXXXXX";
	int fd = mkstemp(path), result;

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
	*config = NULL;
	*table = NULL;
	result = config_load(path, config, error);
	if (result == 0)
		result = table_new(*config, table, error);
	unlink(path);
	return result;
}

static void link_chat(struct fixture *f, int64_t chat, const char *user)
{
	struct store_link link = {.chat = chat, .linked_ms = start_ms};
	struct store_txn *txn;

	snprintf(link.user, sizeof link.user, "%s", user);
	assert_int_equal(store_begin(f->dispatch.store, &txn, &f->error), 0);
	assert_int_equal(store_link_put(txn, &link, &f->error), 0);
	assert_int_equal(store_commit(txn, &f->error), 0);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	struct store_txn *txn;

	log_open("test", false, LOG_ERROR);
	store_fixture_open(f->directory, MAP_BYTES, &f->dispatch.store, &txn);
	assert_int_equal(store_bot_name_set(txn, "OurBot", &f->error), 0);
	assert_int_equal(store_commit(txn, &f->error), 0);
	if (load(yaml, &f->dispatch.config, &f->dispatch.table, &f->error) != 0)
		fail_msg("%s", f->error.text);
	f->dispatch.limits = limits_new();
	f->dispatch.accounts = accounts_new(NULL);
	f->now_ms = start_ms;
	buf_init(&f->out, 1 << 20);
	link_chat(f, ROOT_ID, "root");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	wish_clear(&f->wish);
	buf_free(&f->out);
	accounts_free(f->dispatch.accounts);
	limits_free(f->dispatch.limits);
	table_free(f->dispatch.table);
	config_free(f->dispatch.config);
	store_fixture_remove(f->directory, f->dispatch.store, NULL);
	free(f);
	return 0;
}

/* ---- updates ---- */

static int handle(struct fixture *f, const char *text)
{
	struct json_object *object;
	struct incoming incoming = {.awaited = f->awaited};
	int result;

	assert_int_equal(json_parse(text, strlen(text), "it", &object, &f->error), 0);
	wish_clear(&f->wish);
	buf_clear(&f->out);
	incoming.object = object;
	result = dispatch_update(&f->dispatch, &incoming, f->now_ms, &f->wish, &f->out, &f->error);
	/* What the wish borrows is looked at by nobody here. */
	json_object_put(object);
	return result;
}

static int say_at(struct fixture *f, int64_t chat, int64_t user, const char *text, int64_t date_ms)
{
	char *update =
	    xasprintf("{\"update_id\":%lld,\"message\":{\"message_id\":1,\"date\":%lld,\"chat\":{\"id\":%lld,"
		      "\"type\":\"%s\"},\"from\":{\"id\":%lld},\"text\":\"%s\"}}",
		(long long)++f->update_id, (long long)date_ms / 1000, (long long)chat,
		chat < 0 ? "supergroup" : "private", (long long)user, text);
	int result = handle(f, update);

	free(update);
	return result;
}

static int say(struct fixture *f, int64_t chat, int64_t user, const char *text)
{
	return say_at(f, chat, user, text, f->now_ms);
}

static int tap(struct fixture *f, int64_t user, const char *id, const char *data)
{
	char *update =
	    xasprintf("{\"update_id\":%lld,\"callback_query\":{\"id\":\"%s\",\"from\":{\"id\":%lld},"
		      "\"message\":{\"message_id\":5,\"chat\":{\"id\":%lld,\"type\":\"private\"}},"
		      "\"data\":\"%s\"}}",
		(long long)++f->update_id, id, (long long)user, (long long)user, data);
	int result = handle(f, update);

	free(update);
	return result;
}

static bool said(struct fixture *f, const char *what)
{
	return strstr(buf_text(&f->out), what) != NULL;
}

static bool silent(struct fixture *f)
{
	return said(f, "\"calls\":[]}");
}

/* ---- the table ---- */

static void what_is_built_in_cannot_be_replaced(void **state)
{
	static const char *const files[] = {
	    "commands:\n  - {command: help, description: d, script: s}\n",
	    "callbacks:\n  - {action: run, script: s}\n",
	};
	static const char *const words[] = {
	    ":2: commands: \"help\" is built in", ":2: callbacks: \"run\" is built in"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct command_table *table;
		struct config *config;
		struct error error;

		assert_int_equal(load(files[i], &config, &table, &error), -1);
		assert_int_equal(error.kind, ERROR_CONFIG);
		assert_non_null(strstr(error.text, words[i]));
		table_free(table);
		config_free(config);
	}
}

static void rows_of_the_configuration_stand_beside_those_that_are_built_in(void **state)
{
	struct fixture *f = *state;
	const struct command_table *table = f->dispatch.table;

	assert_int_equal(table_command(table, "start")->where, CHAT_PRIVATE);
	assert_null(table_command(table, "start")->route);
	assert_int_equal(table_command(table, "board")->where, CHAT_GROUP);
	assert_int_equal(table_command(table, "open")->where, CHAT_PRIVATE | CHAT_GROUP);
	assert_ptr_equal(table_command(table, "open")->route, &f->dispatch.config->commands[0]);
	assert_null(table_command(table, "nothing"));
	assert_non_null(table_tap(table, "GO:x", 2));
	assert_null(table_tap(table, "GOX", 3));
	assert_null(table_tap(table, "G", 1));
	assert_non_null(table->text);
	assert_null(table->files);
}

/* ---- who may ---- */

static void a_stranger_is_told_once_an_hour(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(say(f, OWN_ID, OWN_ID, "/mine"), 0);
	assert_true(said(f, "Your Telegram id is 7."));
	f->now_ms += 60000;
	assert_int_equal(say(f, OWN_ID, OWN_ID, "/ops"), 0);
	assert_true(silent(f));
	assert_int_equal(say(f, OWN_ID, OWN_ID, "/nonsense"), 0);
	assert_true(silent(f));
	/* A button spins until it is answered. */
	assert_int_equal(tap(f, OWN_ID, "a", "OPS:1"), 0);
	assert_true(said(f, "answerCallbackQuery") && said(f, "Access denied"));
	f->now_ms += 3600000;
	assert_int_equal(say(f, OWN_ID, OWN_ID, "/mine"), 0);
	assert_true(said(f, "Your Telegram id is 7."));
	/* What is for everybody is for them, too. */
	assert_int_equal(say(f, OWN_ID, OWN_ID, "/open"), 1);
	assert_int_equal(f->wish.kind, WISH_ASK);
}

static void who_is_known_is_told_each_time(void **state)
{
	struct fixture *f = *state;

	f->dispatch.config->access.operators.count = 0;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(say(f, ROOT_ID, ROOT_ID, "/ops"), 0);
		assert_true(said(f, "You may not use this."));
	}
	assert_int_equal(tap(f, ROOT_ID, "a", "OPS:1"), 0);
	assert_true(said(f, "You may not use this."));
}

static void in_a_group_the_person_counts(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(say(f, GROUP_ID, ROOT_ID, "/board"), 1);
	assert_string_equal(f->wish.user, "root");
	assert_int_equal(say(f, GROUP_ID, OWN_ID, "/board"), 0);
	assert_true(said(f, "Your Telegram id is 7."));
	assert_int_equal(say(f, GROUP_ID, ROOT_ID, "/mine"), 0);
	assert_true(silent(f));
	assert_int_equal(say(f, GROUP_ID, ROOT_ID, "/mine@ourbot"), 0);
	assert_true(said(f, "works only in a private chat"));
	assert_int_equal(say(f, ROOT_ID, ROOT_ID, "/board"), 0);
	assert_true(said(f, "works only in groups"));
	/* Free text is for groups where its row says so. */
	assert_int_equal(say(f, GROUP_ID, OWN_ID, "hello"), 1);
	assert_string_equal(f->wish.user, "");
	assert_string_equal(f->wish.context.route, "text");
}

/* ---- floods ---- */

static void a_flood_is_refused_with_one_word(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++) {
		assert_int_equal(say(f, ROOT_ID, ROOT_ID, "/whoami"), 0);
		assert_true(said(f, "linked to root"));
	}
	assert_int_equal(say(f, ROOT_ID, ROOT_ID, "/whoami"), 0);
	assert_true(said(f, "please slow down"));
	assert_int_equal(say(f, ROOT_ID, ROOT_ID, "/whoami"), 0);
	assert_true(silent(f));
	/* Another chat is not concerned, and a tap stops spinning all the same. */
	assert_int_equal(say(f, OWN_ID, OWN_ID, "/whoami"), 0);
	assert_true(said(f, "Chat id: 7"));
	assert_int_equal(tap(f, ROOT_ID, "a", "GO:1"), 0);
	assert_true(said(f, "{\"method\":\"answerCallbackQuery\",\"callback_query_id\":\"a\"}"));
}

/* It bears the date of its message, which would be a way back before the flood, and to a new minute from
 * there. */
static void an_edit_of_an_old_message_is_no_way_around_a_limit(void **state)
{
	static const char *const edited = "{\"update_id\":900,\"edited_message\":{\"message_id\":1,\"date\":"
					  "1700000000,\"edit_date\":1800000000,"
					  "\"chat\":{\"id\":8,\"type\":\"private\"},\"from\":{\"id\":8,\"is_"
					  "bot\":false,\"first_name\":\"A\"},"
					  "\"text\":\"/link x\"}}";
	struct fixture *f = *state;

	for (int i = 0; i < 6; i++)
		assert_int_equal(say_at(f, ROOT_ID, ROOT_ID, "/whoami", start_ms), 0);
	assert_true(said(f, "please slow down"));
	assert_int_equal(handle(f, edited), 0);
	assert_int_equal(say_at(f, ROOT_ID, ROOT_ID, "/whoami", start_ms), 0);
	assert_true(silent(f));
}

/* After an outage all comes at once; nobody wrote too fast. */
static void a_backlog_is_no_flood(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 60; i++) {
		assert_int_equal(
		    say_at(f, ROOT_ID, ROOT_ID, "/whoami", start_ms - 600000 + INT64_C(10000) * i), 0);
		assert_true(said(f, "linked to root"));
	}
}

/* ---- taps ---- */

static void a_tap_counts_once(void **state)
{
	struct fixture *f = *state;
	struct awaited awaited = {.kind = WISH_ASK, .user = "root", .row = "GO"};

	assert_int_equal(tap(f, ROOT_ID, "one", "GO:1"), 1);
	assert_int_equal(f->wish.kind, WISH_ASK);
	/* It is asked again where the answer was lost. */
	assert_int_equal(tap(f, ROOT_ID, "one", "GO:1"), 1);
	awaited.answer = json_tokener_parse("{\"failure\":\"away\"}");
	f->awaited = &awaited;
	assert_int_equal(tap(f, ROOT_ID, "one", "GO:1"), 0);
	f->awaited = NULL;
	assert_true(said(f, "answerCallbackQuery"));
	assert_int_equal(tap(f, ROOT_ID, "one", "GO:1"), 0);
	assert_true(silent(f));
	assert_int_equal(tap(f, ROOT_ID, "two", "GO:1"), 1);
	json_object_put(awaited.answer);
}

static void a_button_of_the_store_leads_where_it_says_and_for_whom(void **state)
{
	struct fixture *f = *state;
	struct store_button button = {.user = "daemon", .action = "GO", .target = "x", .used_ms = start_ms};
	char id[2][STORE_BUTTON_BYTES], data[32];
	struct store_txn *txn;

	assert_int_equal(store_begin(f->dispatch.store, &txn, &f->error), 0);
	assert_int_equal(store_button_put(txn, &button, id[0], &f->error), 1);
	button.user[0] = '\0';
	assert_int_equal(store_button_put(txn, &button, id[1], &f->error), 1);
	assert_int_equal(store_commit(txn, &f->error), 0);
	snprintf(data, sizeof data, ":%s", id[0]);
	assert_int_equal(tap(f, ROOT_ID, "a", data), 0);
	assert_true(said(f, "no longer valid"));
	snprintf(data, sizeof data, ":%s", id[1]);
	assert_int_equal(tap(f, ROOT_ID, "b", data), 1);
	assert_string_equal(f->wish.context.route, "GO");
	assert_int_equal(tap(f, ROOT_ID, "c", ":no-such-button--"), 0);
	assert_true(said(f, "no longer valid"));
}

/* ---- what waits ---- */

/* Nor is it shown to another account, when the chat was linked to that while a service was asked. */
static void what_another_row_or_account_asked_for_is_asked_again(void **state)
{
	struct fixture *f = *state;
	struct awaited awaited = {.kind = WISH_ASK, .user = "root", .row = "mine"};

	awaited.answer = json_tokener_parse("{\"failure\":\"away\"}");
	f->awaited = &awaited;
	assert_int_equal(say(f, ROOT_ID, ROOT_ID, "/open"), 1);
	assert_int_equal(f->wish.kind, WISH_ASK);
	assert_int_equal(say(f, ROOT_ID, ROOT_ID, "/mine"), 0);
	assert_true(said(f, "does not work right now"));
	awaited.user = "daemon";
	assert_int_equal(say(f, ROOT_ID, ROOT_ID, "/mine"), 1);
	assert_int_equal(f->wish.kind, WISH_ASK);
	json_object_put(awaited.answer);
}

static void without_a_store_the_table_can_be_tried(void **state)
{
	struct fixture *f = *state;
	struct store *store = f->dispatch.store;

	f->dispatch.store = NULL;
	assert_int_equal(say(f, ROOT_ID, ROOT_ID, "/mine"), 0);
	assert_true(said(f, "Access denied"));
	f->dispatch.user = "root";
	assert_int_equal(say(f, ROOT_ID, ROOT_ID, "/mine"), 1);
	assert_string_equal(f->wish.user, "root");
	assert_int_equal(say(f, ROOT_ID, ROOT_ID, "/unlink"), 0);
	assert_true(said(f, "try again later"));
	f->dispatch.store = store;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_built_in_cannot_be_replaced),
	    cmocka_unit_test_setup_teardown(
		rows_of_the_configuration_stand_beside_those_that_are_built_in, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_stranger_is_told_once_an_hour, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_is_known_is_told_each_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(in_a_group_the_person_counts, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_flood_is_refused_with_one_word, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		an_edit_of_an_old_message_is_no_way_around_a_limit, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_backlog_is_no_flood, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_tap_counts_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_button_of_the_store_leads_where_it_says_and_for_whom, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_another_row_or_account_asked_for_is_asked_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(without_a_store_the_table_can_be_tried, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
