/*
 * What operators ask of the bot, and what becomes of an update that cannot be handled. A broadcast reaches
 * everybody, so it must be exactly what was shown, be sent once, and only by who may; against a store,
 * without a process.
 */
#include "tg-dispatch/broadcast.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "json.h"
#include "log.h"
#include "store_fixture.h"
#include "tg-dispatch/accounts.h"
#include "tg-dispatch/dispatch.h"
#include "tg-dispatch/guard.h"
#include "xalloc.h"

enum { MAP_BYTES = 16 << 20 };

#define NOW_MS INT64_C(1769846400000)

struct fixture {
	char directory[STORE_FIXTURE_PATH_BYTES];
	char *operators[2];
	struct config config;
	struct command_table rows;
	struct dispatch dispatch;
	struct wish wish;
	struct buf out;
	int64_t update_id;
	struct error error;
};

static struct store_txn *begin(struct fixture *f)
{
	struct store_txn *txn;

	assert_int_equal(store_begin(f->dispatch.store, &txn, &f->error), 0);
	return txn;
}

static void commit(struct fixture *f, struct store_txn *txn)
{
	assert_int_equal(store_commit(txn, &f->error), 0);
}

static void put_link(struct fixture *f, int64_t chat, const char *user, const char *name, bool paused)
{
	struct store_link link = {.chat = chat, .linked_ms = NOW_MS - 1, .paused = paused};
	struct store_txn *txn = begin(f);

	snprintf(link.user, sizeof link.user, "%s", user);
	snprintf(link.chat_name, sizeof link.chat_name, "%s", name);
	assert_int_equal(store_link_put(txn, &link, &f->error), 0);
	commit(f, txn);
}

/* Every account is there, in no group. */
static int find_account(const char *name, struct account *account, struct error *error)
{
	(void)error;
	*account = (struct account){.uid = 1000};
	snprintf(account->name, sizeof account->name, "%s", name);
	return 0;
}

static bool is_not_shut(const char *name)
{
	(void)name;
	return false;
}

static const struct accounts_system everybody = {
    .account = find_account, .is_shut = is_not_shut, .groups = account_groups, .group = group_by_name};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	struct store_txn *txn;

	store_fixture_open(f->directory, MAP_BYTES, &f->dispatch.store, &txn);
	store_abort(txn);
	f->operators[0] = "root";
	f->operators[1] = "bin";
	f->config.access.operators = (struct config_list){f->operators, 2};
	f->dispatch.config = &f->config;
	f->dispatch.accounts = accounts_new(&everybody);
	f->rows = commands_builtin();
	f->dispatch.table = &f->rows;
	buf_init(&f->out, 4 << 20);
	log_open("test", false, (enum log_level)(LOG_ERROR + 1));
	put_link(f, 1, "root", "theroot", false);
	put_link(f, 2, "bin", "", false);
	put_link(f, 3, "daemon", "dd", false);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_fixture_remove(f->directory, f->dispatch.store, NULL);
	accounts_free(f->dispatch.accounts);
	wish_clear(&f->wish);
	buf_free(&f->out);
	free(f);
	return 0;
}

/* ---- updates ---- */

static struct json_object *parse(const char *text)
{
	struct json_object *object;
	struct error error;

	if (json_parse_object(text, strlen(text), "test", &object, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return object;
}

static void handle(struct fixture *f, const char *update)
{
	struct json_object *object = parse(update);
	struct incoming incoming = {.object = object};

	wish_clear(&f->wish);
	buf_clear(&f->out);
	assert_int_equal(dispatch_update(&f->dispatch, &incoming, NOW_MS, &f->wish, &f->out, &f->error), 0);
	json_object_put(object);
}

/* fields: of the message, beside who and where. */
static void send_fields(struct fixture *f, int64_t chat, const char *fields)
{
	char *update = xasprintf("{\"update_id\":%lld,\"message\":{\"message_id\":5,\"chat\":{\"id\":%lld,"
				 "\"type\":\"private\"},\"from\":{\"id\":%lld},%s}}",
	    (long long)++f->update_id, (long long)chat, (long long)chat, fields);

	handle(f, update);
	free(update);
}

static void say(struct fixture *f, int64_t chat, const char *text)
{
	char *fields = xasprintf("\"text\":\"%s\"", text);

	send_fields(f, chat, fields);
	free(fields);
}

static void tap(struct fixture *f, int64_t chat, const char *data)
{
	int64_t id = ++f->update_id;
	char *update =
	    xasprintf("{\"update_id\":%lld,\"callback_query\":{\"id\":\"q%lld\",\"from\":{\"id\":%lld},"
		      "\"message\":{\"message_id\":6,\"chat\":{\"id\":%lld,\"type\":\"private\"}},"
		      "\"data\":\"%s\"}}",
		(long long)id, (long long)id, (long long)chat, (long long)chat, data);

	handle(f, update);
	free(update);
}

static void assert_said(struct fixture *f, const char *what)
{
	if (strstr(buf_text(&f->out), what) == NULL)
		fail_msg("'%s' is not in %s", what, buf_text(&f->out));
}

static void assert_unsaid(struct fixture *f, const char *what)
{
	if (strstr(buf_text(&f->out), what) != NULL)
		fail_msg("'%s' is in %s", what, buf_text(&f->out));
}

static char *data_of(struct fixture *f, const char *button)
{
	char *start = xasprintf("{\"text\":\"%s\",\"callback_data\":\"", button);
	const char *found = strstr(buf_text(&f->out), start);
	char *data;

	if (found == NULL)
		fail_msg("no button %s in %s", button, buf_text(&f->out));
	found += strlen(start);
	data = xstrndup(found, strcspn(found, "\""));
	free(start);
	return data;
}

/* ---- the text of a broadcast ---- */

static void check_text(const char *text, const char *entities, const char *rest, const char *moved)
{
	struct json_object *of_message = entities != NULL ? json_tokener_parse(entities) : NULL, *result;

	assert_string_equal(broadcast_text(text, of_message, &result), rest);
	assert_string_equal(json_line(result), moved);
	json_object_put(of_message);
	json_object_put(result);
}

static void the_formatting_stays_where_it_was(void **state)
{
	(void)state;
	check_text("/broadcast hi", NULL, "hi", "[]");
	check_text("/broadcast@TheBot\n\n a\n\nb ", NULL, "a\n\nb ", "[]");
	check_text("/broadcast", NULL, "", "[]");
	check_text("/broadcast \n", NULL, "", "[]");
	/* An emoji of 4 bytes is 2 units, before the text and in it; what else an entity has stays. */
	check_text("/b 😀 bold link",
	    "[{\"type\":\"bot_command\",\"offset\":0,\"length\":2},{\"type\":\"bold\",\"offset\":6,"
	    "\"length\":4},"
	    "{\"type\":\"text_link\",\"offset\":11,\"length\":4,\"url\":\"https://a.b/\"}]",
	    "😀 bold link",
	    "[{\"type\":\"bold\",\"offset\":3,\"length\":4},"
	    "{\"type\":\"text_link\",\"url\":\"https://a.b/\",\"offset\":8,\"length\":4}]");
	/* All of the message is bold, the command too. */
	check_text("/b bold", "[{\"type\":\"bold\",\"offset\":0,\"length\":7}]", "bold",
	    "[{\"type\":\"bold\",\"offset\":0,\"length\":4}]");
}

static void entities_that_make_no_sense_are_left_out(void **state)
{
	(void)state;
	check_text("/b abc",
	    "[1,null,{},{\"type\":\"bold\"},{\"type\":\"a\",\"offset\":-1,\"length\":9},"
	    "{\"type\":\"b\",\"offset\":3,\"length\":0},{\"type\":\"c\",\"offset\":3,\"length\":-5},"
	    "{\"type\":\"d\",\"offset\":9223372036854775807,\"length\":9223372036854775807},"
	    "{\"type\":\"e\",\"offset\":6,\"length\":1},{\"type\":\"f\",\"offset\":\"3\",\"length\":1},"
	    "{\"type\":\"g\",\"offset\":4,\"length\":6}]",
	    "abc", "[{\"type\":\"g\",\"offset\":1,\"length\":2}]");
}

/* ---- /broadcast ---- */

static void what_is_shown_is_what_is_sent_once(void **state)
{
	static const char message[] =
	    "\"text\":\"/broadcast Hi *you*\\nall\",\"entities\":[{\"type\":\"bot_command\",\"offset\":0,"
	    "\"length\":10},{\"type\":\"italic\",\"offset\":11,\"length\":2}]";
	static const char content[] =
	    "\"text\":\"Hi *you*\\nall\",\"entities\":[{\"type\":\"italic\",\"offset\":0,"
	    "\"length\":2}]";
	struct fixture *f = *state;
	char *send, *cancel;

	put_link(f, 4, "daemon", "", true);
	send_fields(f, 1, message);
	assert_said(f, "Chats that will get this message: 3");
	assert_said(f, content);
	assert_unsaid(f, "tgtools");
	send = data_of(f, "Send");
	cancel = data_of(f, "Cancel");
	/* Not by another operator, nor by who is none, nor by who is none any more. */
	tap(f, 2, send);
	assert_said(f, "sent or cancelled before");
	tap(f, 3, send);
	assert_said(f, "You may not use this.");
	f->config.access.operators.count = 0;
	tap(f, 1, send);
	assert_said(f, "You may not use this.");
	assert_unsaid(f, "broadcast\":");
	f->config.access.operators.count = 2;
	tap(f, 1, send);
	assert_said(f, content);
	assert_said(f, "\"tgtools\":{\"broadcast\":{\"user\":\"root\",\"chat_id\":1}}");
	assert_said(f, "{\"method\":\"editMessageReplyMarkup\",\"chat_id\":1,\"message_id\":6}");
	assert_said(f, "It is being sent. Chats: 3");
	tap(f, 1, send);
	assert_said(f, "sent or cancelled before");
	assert_unsaid(f, "tgtools");
	tap(f, 1, cancel);
	assert_said(f, "sent or cancelled before");
	free(send);
	free(cancel);
}

static void what_is_cancelled_is_not_sent(void **state)
{
	struct fixture *f = *state;
	char *send, *cancel;

	say(f, 1, "/broadcast no");
	send = data_of(f, "Send");
	cancel = data_of(f, "Cancel");
	tap(f, 1, cancel);
	assert_said(f, "Cancelled.");
	assert_unsaid(f, "tgtools");
	tap(f, 1, send);
	assert_said(f, "sent or cancelled before");
	assert_unsaid(f, "tgtools");
	tap(f, 1, "broadcast:");
	assert_said(f, "sent or cancelled before");
	free(send);
	free(cancel);
}

static void without_a_text_it_is_explained(void **state)
{
	struct fixture *f = *state;

	say(f, 1, "/broadcast");
	assert_said(f, "Write the message behind the command");
	say(f, 1, "/Broadcast@bot  \\n");
	assert_said(f, "Write the message behind the command");
	send_fields(f, 1, "\"photo\":[{\"file_id\":\"a\"}],\"caption\":\"/broadcast hi\"");
	assert_said(f, "Only text can be sent.");
	/* Any other command in a caption is just a caption. */
	send_fields(f, 1, "\"photo\":[{\"file_id\":\"a\"}],\"caption\":\"/run x\"");
	assert_said(f, "Unknown command.");
	say(f, 3, "/broadcast hi");
	assert_said(f, "You may not use this.");
	put_link(f, 1, "root", "", true);
	put_link(f, 2, "bin", "", true);
	put_link(f, 3, "daemon", "", true);
	say(f, 1, "/broadcast hi");
	assert_said(f, "No chat would get this");
}

/* ---- /users, /queue ---- */

static void users_are_shown_twenty_at_a_time(void **state)
{
	struct fixture *f = *state;
	char user[32];

	put_link(f, 4, "daemon", "", true);
	say(f, 1, "/users");
	assert_said(f, "Linked chats: 4\\nbin - 2, since 2026-01-31\\ndaemon - @dd, since 2026-01-31\\n"
		       "daemon - 4, since 2026-01-31, paused\\nroot - @theroot, since 2026-01-31\"");
	assert_unsaid(f, "callback_data");
	for (int64_t i = 0; i < 37; i++) {
		snprintf(user, sizeof user, "u%02lld", (long long)i);
		put_link(f, 100 + i, user, "", false);
	}
	say(f, 1, "/users");
	assert_said(f, "Linked chats: 41");
	assert_said(f, "u15 - 115");
	assert_unsaid(f, "u16 - 116");
	assert_said(f, "[[{\"text\":\"1/3\",\"callback_data\":\"users:1\"},"
		       "{\"text\":\"»\",\"callback_data\":\"users:2\"}]]");
	tap(f, 1, "users:2");
	assert_said(f, "editMessageText");
	assert_said(f, "41\\nu16 - 116");
	tap(f, 1, "users:99");
	assert_said(f, "41\\nu36 - 136");
	assert_said(f, "\"3/3\"");
	tap(f, 1, "users:x");
	assert_said(f, "no longer valid");
	say(f, 3, "/users");
	assert_said(f, "You may not use this.");
	tap(f, 3, "users:1");
	assert_said(f, "You may not use this.");
}

static int64_t add_message(struct fixture *f, struct store_txn *txn, int64_t due_ms)
{
	struct store_message message = {.chat = 1,
	    .class = STORE_BULK,
	    .accepted_ms = NOW_MS - 125000,
	    .due_ms = due_ms,
	    .user = (char *)"",
	    .method = (char *)"sendMessage",
	    .parameters = json_object_new_object()};

	assert_int_equal(store_outbox_add(txn, &message, &f->error), 0);
	json_object_put(message.parameters);
	return message.id;
}

static void bury(struct fixture *f, struct store_txn *txn, int64_t id, bool uncertain)
{
	struct store_message message;
	enum store_state state;

	assert_int_equal(store_message_get(txn, id, &state, &message, &f->error), 1);
	assert_int_equal(store_outbox_bury(txn, &message, uncertain, 1, &f->error), 0);
	store_message_free(&message);
}

static void the_queue_is_told_in_numbers(void **state)
{
	struct fixture *f = *state;
	struct store_txn *txn;
	struct store_broadcast broadcast = {.user = "bin", .chat = 2};

	say(f, 1, "/queue");
	assert_said(f, "Waiting: 0\\nScheduled: 0\\nDead: 0\\nPerhaps delivered: 0\\nUpdates: 0\"");
	txn = begin(f);
	add_message(f, txn, 0);
	add_message(f, txn, NOW_MS + 1);
	bury(f, txn, add_message(f, txn, 0), false);
	bury(f, txn, add_message(f, txn, 0), true);
	broadcast.first_id = add_message(f, txn, 0);
	broadcast.last_id = add_message(f, txn, 0);
	assert_int_equal(store_broadcast_add(txn, &broadcast, &f->error), 0);
	bury(f, txn, broadcast.first_id, false);
	assert_int_equal(store_hold_set(txn, "eve", true, &f->error), 0);
	assert_int_equal(store_hold_set(txn, "mallory", true, &f->error), 0);
	assert_int_equal(store_quiet_set(txn, NOW_MS + 5000, &f->error), 0);
	assert_int_equal(store_inbox_add(txn, 1, "{}", 2, 1, &f->error), 1);
	assert_int_equal(store_inbox_add(txn, 2, "{}", 2, 1, &f->error), 1);
	assert_int_equal(
	    store_broken_put(txn, &(struct store_broken){.broken_ms = NOW_MS}, "{}", 2, &f->error), 0);
	commit(f, txn);
	say(f, 1, "/queue");
	assert_said(f,
	    "Waiting: 2\\nScheduled: 1\\nDead: 2\\nPerhaps delivered: 1\\nUpdates: 1\\n"
	    "The oldest waits for 2m 5s.\\nTelegram has asked to wait for 5s.\\nHeld: eve, mallory\\n"
	    "Broadcast of bin: 0 delivered, 1 failed, 1 waiting\\n"
	    "Updates that could not be handled: 1\"");
	txn = begin(f);
	assert_int_equal(store_hold_set(txn, "", true, &f->error), 0);
	commit(f, txn);
	say(f, 1, "/queue");
	assert_said(f, "All deliveries are held.");
}

/* ---- updates that cannot be handled ---- */

#define START                                                                                                \
	"{\"update_id\":7,\"message\":{\"message_id\":5,\"chat\":{\"id\":3,\"type\":\"private\"},"           \
	"\"from\":{\"id\":3},\"text\":\"/whoami\"}}"

static void give_up(struct fixture *f, const char *update, int64_t deaths)
{
	struct json_object *object = parse(update);
	struct incoming incoming = {.object = object};

	buf_clear(&f->out);
	assert_int_equal(
	    dispatch_give_up(&f->dispatch, &incoming, deaths, NOW_MS, &f->wish, &f->out, &f->error), 0);
	json_object_put(object);
}

static int get_broken(struct fixture *f, int64_t id, struct store_broken *broken, struct buf *update)
{
	struct store_txn *txn = begin(f);
	int found = store_broken_get(txn, id, broken, update, &f->error);

	store_abort(txn);
	return found;
}

static void what_killed_the_process_is_apologised_for_and_kept(void **state)
{
	struct fixture *f = *state;
	struct buf update = BUF_INIT(STORE_BROKEN_MAX_BYTES);
	struct store_broken broken;

	give_up(f, START, GUARD_DEATHS);
	assert_said(f, "{\"update_id\":7,\"calls\":[{\"method\":\"sendMessage\",\"chat_id\":3,");
	assert_said(f, "Sorry, this failed");
	assert_int_equal(get_broken(f, 7, &broken, &update), 1);
	assert_string_equal(buf_text(&update), START);
	assert_string_equal(broken.route, "whoami");
	assert_string_equal(broken.reason, "tg-dispatch ended while it was handled, 2 times");
	assert_int_equal(broken.chat, 3);
	assert_int_equal(broken.broken_ms, NOW_MS);
	/* Where the apology was too much, it is only acknowledged. */
	give_up(f, START, GUARD_DEATHS + 1);
	assert_string_equal(buf_text(&f->out), "{\"update_id\":7,\"calls\":[]}\n");
	/* In a group nobody but who asked would understand it. */
	give_up(f,
	    "{\"update_id\":8,\"message\":{\"message_id\":5,\"chat\":{\"id\":-3,\"type\":\"group\"},"
	    "\"from\":{\"id\":3},\"text\":\"/whoami\"}}",
	    GUARD_DEATHS);
	assert_string_equal(buf_text(&f->out), "{\"update_id\":8,\"calls\":[]}\n");
	assert_int_equal(get_broken(f, 8, &broken, NULL), 1);
	buf_free(&update);
}

static void what_holds_a_key_is_deleted_and_not_kept(void **state)
{
	static const char *const secrets[] = {
	    "/link ABCDEFGHIJKLMNOPQRSTUVWX", "/start abcdefghijklmnopqrstuvwxyz-_0123"};
	struct fixture *f = *state;
	struct buf update = BUF_INIT(STORE_BROKEN_MAX_BYTES);
	struct store_broken broken;

	for (int i = 0; i < 2; i++) {
		char text[256];

		snprintf(text, sizeof text,
		    "{\"update_id\":%d,\"message\":{\"message_id\":5,\"chat\":{\"id\":3,\"type\":\"private\"}"
		    ","
		    "\"from\":{\"id\":3},\"text\":\"%s\"}}",
		    7 + i, secrets[i]);
		give_up(f, text, GUARD_DEATHS);
		assert_int_equal(strstr(buf_text(&f->out), "deleteMessage") != NULL, i == 0);
		assert_int_equal(get_broken(f, 7 + i, &broken, &update), 1);
		assert_int_equal(update.len, 0);
	}
	buf_free(&update);
}

/* The process may have ended between keeping the answer and printing it. */
static void an_answer_that_was_kept_is_given_after_all(void **state)
{
	static const char answer[] = "{\"update_id\":7,\"calls\":[{\"method\":\"getMe\"}]}\n";
	struct fixture *f = *state;
	struct store_txn *txn = begin(f);
	struct store_broken broken;

	assert_int_equal(store_inbox_add(txn, 7, START, strlen(START), 1, &f->error), 1);
	assert_int_equal(store_inbox_answer_set(txn, 7, answer, strlen(answer), &f->error), 0);
	commit(f, txn);
	give_up(f, START, GUARD_DEATHS);
	assert_string_equal(buf_text(&f->out), answer);
	assert_int_equal(get_broken(f, 7, &broken, NULL), 0);
}

static int break_down(struct request *request, struct error *error)
{
	(void)request;
	return error_set(error, ERROR_BUG, "something broke");
}

static void what_a_handler_fails_at_is_kept(void **state)
{
	static const struct command row = {
	    .name = "whoami", .access = "anyone", .where = CHAT_PRIVATE, .run = break_down};
	struct fixture *f = *state;
	struct store_broken broken;

	f->rows = (struct command_table){.rows = &row, .count = 1};
	handle(f, START);
	assert_said(f, "Sorry, this failed");
	assert_int_equal(get_broken(f, 7, &broken, NULL), 1);
	assert_string_equal(broken.reason, "something broke");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_formatting_stays_where_it_was),
	    cmocka_unit_test(entities_that_make_no_sense_are_left_out),
	    TEST(what_is_shown_is_what_is_sent_once),
	    TEST(what_is_cancelled_is_not_sent),
	    TEST(without_a_text_it_is_explained),
	    TEST(users_are_shown_twenty_at_a_time),
	    TEST(the_queue_is_told_in_numbers),
	    TEST(what_killed_the_process_is_apologised_for_and_kept),
	    TEST(what_holds_a_key_is_deleted_and_not_kept),
	    TEST(an_answer_that_was_kept_is_given_after_all),
	    TEST(what_a_handler_fails_at_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
