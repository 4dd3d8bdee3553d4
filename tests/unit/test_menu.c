/*
 * The menus of commands: people are shown what they may use, and Telegram is told nothing that it knows. What
 * was told is remembered only once it has left, so that a crash repeats it and loses nothing.
 */
#include "tg-dispatch/menu.h"
#include "tg-dispatch/menus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "json.h"
#include "path.h"
#include "tg-dispatch/accounts.h"
#include "utf8.h"
#include "xalloc.h"

enum { MAP_BYTES = 16 << 20 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct fixture {
	char directory[64];
	char *operators[1];
	struct config_text texts[1];
	struct config config;
	struct command_table table;
	struct dispatch dispatch;
	struct menus *menus;
	struct buf out;
	struct error error;
};

static const struct command rows[] = {
    {.name = "help", .description = "Help", .access = "anyone", .where = CHAT_PRIVATE | CHAT_GROUP},
    {.name = "run", .description = "Run", .access = "linked", .where = CHAT_PRIVATE},
    {.name = "users", .description = "Users", .access = "operator", .where = CHAT_PRIVATE | CHAT_GROUP},
    {.name = "hidden", .access = "anyone", .where = CHAT_PRIVATE},
    {.name = "team", .description = "Team", .access = "%daemon", .where = CHAT_PRIVATE},
};

static void put_link(struct fixture *f, int64_t chat, const char *user)
{
	struct store_link link = {.chat = chat, .linked_ms = 1};
	struct store_txn *txn;

	snprintf(link.user, sizeof link.user, "%s", user);
	assert_int_equal(store_begin(f->dispatch.store, &txn, &f->error), 0);
	if (user[0] != '\0')
		assert_int_equal(store_link_put(txn, &link, &f->error), 0);
	else
		assert_int_equal(store_link_remove(txn, chat, &f->error), 1);
	assert_int_equal(store_commit(txn, &f->error), 0);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	struct store_txn *txn;

	snprintf(f->directory, sizeof f->directory, "/tmp/tgt-menu.XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	f->operators[0] = "root";
	f->config.access.operators = (struct config_list){f->operators, 1};
	f->table = (struct command_table){.rows = rows, .count = COUNT(rows)};
	f->dispatch =
	    (struct dispatch){.config = &f->config, .table = &f->table, .accounts = accounts_new(NULL)};
	f->menus = menus_new();
	f->out = BUF_INIT(1 << 20);
	assert_int_equal(store_open(f->directory, MAP_BYTES, &f->dispatch.store, &f->error), 0);
	assert_int_equal(store_begin(f->dispatch.store, &txn, &f->error), 0);
	assert_int_equal(store_bot_name_set(txn, "our_bot", &f->error), 0);
	assert_int_equal(store_commit(txn, &f->error), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"data.mdb", "lock.mdb", "spool"};
	struct fixture *f = *state;

	store_close(f->dispatch.store);
	for (size_t i = 0; i < COUNT(names); i++) {
		char *path = path_join(f->directory, names[i]);

		if (unlink(path) != 0)
			(void)rmdir(path);
		free(path);
	}
	assert_int_equal(rmdir(f->directory), 0);
	menus_free(f->menus);
	accounts_free(f->dispatch.accounts);
	buf_free(&f->out);
	free(f);
	return 0;
}

/* All that is due until nothing is left to do, as if it left at once. */
static const char *work(struct fixture *f, int64_t now_ms)
{
	buf_clear(&f->out);
	for (int i = 0; i < 1000 && menus_due_ms(f->menus, true) <= now_ms; i++)
		assert_int_equal(menus_work(f->menus, &f->dispatch, true, now_ms, &f->out, &f->error), 0);
	assert_true(menus_due_ms(f->menus, true) > now_ms);
	return buf_text(&f->out);
}

#define PRIVATE_MENU                                                                                         \
	"{\"method\":\"setMyCommands\",\"commands\":[{\"command\":\"help\",\"description\":\"Help\"},"       \
	"{\"command\":\"run\",\"description\":\"Run\"}],\"scope\":{\"type\":\"all_private_chats\"},"         \
	"\"tgtools\":{\"class\":\"bulk\"}}\n"
#define GROUP_MENU                                                                                           \
	"{\"method\":\"setMyCommands\",\"commands\":[{\"command\":\"help\",\"description\":\"Help\"}],"      \
	"\"scope\":{\"type\":\"all_group_chats\"},\"tgtools\":{\"class\":\"bulk\"}}\n"
#define OPERATOR_MENU                                                                                        \
	"{\"method\":\"setMyCommands\",\"commands\":[{\"command\":\"help\",\"description\":\"Help\"},"       \
	"{\"command\":\"run\",\"description\":\"Run\"},{\"command\":\"users\",\"description\":\"Users\"}],"  \
	"\"scope\":{\"type\":\"chat\",\"chat_id\":7},\"tgtools\":{\"class\":\"bulk\"}}\n"
#define NO_MENU                                                                                              \
	"{\"method\":\"deleteMyCommands\",\"scope\":{\"type\":\"chat\",\"chat_id\":7},"                      \
	"\"tgtools\":{\"class\":\"bulk\"}}\n"

static void a_menu_is_told_once_and_again_when_it_changes(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(work(f, 0), PRIVATE_MENU GROUP_MENU);
	menus_restart(f->menus);
	assert_string_equal(work(f, 10), "");
	f->texts[0] = (struct config_text){.name = "help_help", .text = "Hilfe"};
	f->config.texts = f->texts;
	f->config.texts_count = 1;
	assert_string_equal(work(f, 20), "");
	menus_restart(f->menus);
	assert_non_null(strstr(work(f, 20), "\"Hilfe\""));
	assert_string_equal(work(f, MENUS_ALL_MS + 20), "");
}

static void who_may_more_has_a_menu_of_his_own_until_he_may_not(void **state)
{
	struct fixture *f = *state;

	work(f, 0);
	put_link(f, 7, "root");
	put_link(f, 8, "nobody");
	put_link(f, 9, "no-such-account");
	assert_string_equal(work(f, 10), "");
	/* An update makes it look soon, else it does so in a minute. */
	menus_note_update(f->menus, 10);
	assert_string_equal(work(f, 10 + MENUS_UPDATE_MS), OPERATOR_MENU);
	/* Nothing says that an account is an operator no more: it is looked at every hour. */
	f->config.access.operators.count = 0;
	assert_string_equal(work(f, MENUS_ALL_MS / 2), "");
	assert_string_equal(work(f, MENUS_ALL_MS * 2), NO_MENU);
	f->config.access.operators.count = 1;
	assert_string_equal(work(f, MENUS_ALL_MS * 4), OPERATOR_MENU);
	put_link(f, 7, "");
	assert_string_equal(work(f, MENUS_ALL_MS * 4 + MENUS_LINKS_MS), NO_MENU);
	assert_string_equal(work(f, MENUS_ALL_MS * 8), "");
}

static void what_has_not_left_is_told_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(menus_work(f->menus, &f->dispatch, true, 0, &f->out, &f->error), 0);
	assert_string_equal(buf_text(&f->out), PRIVATE_MENU GROUP_MENU);
	assert_true(menus_due_ms(f->menus, false) == INT64_MAX);
	assert_int_equal(menus_work(f->menus, &f->dispatch, false, 0, &f->out, &f->error), 0);
	/* The next process. */
	menus_free(f->menus);
	f->menus = menus_new();
	assert_string_equal(work(f, 0), PRIVATE_MENU GROUP_MENU);
	menus_free(f->menus);
	f->menus = menus_new();
	assert_string_equal(work(f, 0), "");
}

/* The store outlives a token that is replaced by that of another bot. */
static void another_bot_is_told_all(void **state)
{
	struct fixture *f = *state;
	struct store_txn *txn;

	assert_string_equal(work(f, 0), PRIVATE_MENU GROUP_MENU);
	assert_int_equal(store_begin(f->dispatch.store, &txn, &f->error), 0);
	assert_int_equal(store_bot_name_set(txn, "new_bot", &f->error), 0);
	assert_int_equal(store_commit(txn, &f->error), 0);
	assert_string_equal(work(f, MENUS_LINKS_MS), PRIVATE_MENU GROUP_MENU);
	assert_string_equal(work(f, MENUS_ALL_MS * 2), "");
}

static void many_chats_are_looked_at_a_few_at_a_time(void **state)
{
	struct fixture *f = *state;

	for (int64_t chat = 1; chat <= 2 * MENUS_AT_ONCE; chat++)
		put_link(f, chat, "root");
	assert_int_equal(menus_work(f->menus, &f->dispatch, true, 0, &f->out, &f->error), 0);
	assert_null(strstr(buf_text(&f->out), "\"chat_id\":51}"));
	assert_non_null(strstr(work(f, 0), "\"chat_id\":100}"));
	menus_restart(f->menus);
	assert_string_equal(work(f, 0), "");
}

/* What Telegram refuses as a whole for one row: 400 BOT_COMMAND_DESCRIPTION_INVALID, BOT_COMMANDS_TOO_MUCH.
 */
static void a_menu_is_within_what_telegram_takes(void **state)
{
	struct fixture *f = *state;
	struct command many[150];
	struct json_object *commands;
	const char *text;
	char *description = xcalloc(1, 4 * 300 + 1);

	for (int i = 0; i < 300; i++)
		memcpy(description + 4 * (size_t)i, "\xf0\x9f\x98\x80", 4);
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = (struct command){
		    .name = "a", .description = description, .access = "anyone", .where = CHAT_PRIVATE};
	f->table = (struct command_table){.rows = many, .count = COUNT(many)};
	commands = menu_commands(&f->table, &f->config, CHAT_PRIVATE, NULL);
	assert_int_equal(json_object_array_length(commands), MENU_COMMANDS_MAX);
	text = json_text(json_object_array_get_idx(commands, 0), "description");
	assert_int_equal(utf8_count(text, strlen(text)), MENU_DESCRIPTION_CHARACTERS);
	json_object_put(commands);
	free(description);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_menu_is_told_once_and_again_when_it_changes),
	    TEST(who_may_more_has_a_menu_of_his_own_until_he_may_not),
	    TEST(what_has_not_left_is_told_again),
	    TEST(another_bot_is_told_all),
	    TEST(many_chats_are_looked_at_a_few_at_a_time),
	    TEST(a_menu_is_within_what_telegram_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
