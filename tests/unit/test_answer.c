/*
 * What becomes of what a service says: that a person is shown what was meant, as it is, and that an answer
 * which is wrong anywhere is refused as a whole with a reason, whatever a service that was broken into sends.
 * Against a store, without a process.
 */
#include "tg-dispatch/answer.h"
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "json.h"
#include "log.h"
#include "path.h"
#include "store_internal.h"
#include "tg-dispatch/button.h"
#include "utf8.h"
#include "xalloc.h"

enum { MAP_BYTES = 16 << 20, PICTURE_MAX_BYTES = 1000 };

#define NOW_MS INT64_C(1000000)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct fixture {
	char directory[STORE_FIXTURE_PATH_BYTES];
	struct config config;
	struct store *store;
	struct store_txn *txn;
	struct config_route route;
	struct command row, taps[3];
	struct command_table table;
	struct update message, tap;
	struct caller caller;
	struct wish wish;
	struct request request;
	struct error error;
};

static int run_nothing(struct request *request, struct error *error)
{
	(void)request;
	(void)error;
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);

	store_fixture_open(f->directory, MAP_BYTES, &f->store, &f->txn);
	log_open("test", false, LOG_ERROR);
	f->config.store.path = f->directory;
	f->config.delivery.text_parts = 4;
	f->config.delivery.picture_max_bytes = PICTURE_MAX_BYTES;
	f->row = (struct command){.name = "ask", .access = "linked", .route = &f->route};
	f->taps[0] = (struct command){.name = "run", .access = "linked", .run = run_nothing};
	f->taps[1] =
	    (struct command){.name = "GO", .access = "anyone", .run = run_nothing, .route = &f->route};
	f->table = (struct command_table){.taps = f->taps, .taps_count = 2};
	f->message = (struct update){.update_id = 7,
	    .kind = UPDATE_MESSAGE,
	    .chat_type = CHAT_PRIVATE,
	    .chat = 5,
	    .user = 8,
	    .message_id = 20};
	f->tap = (struct update){.update_id = 7,
	    .kind = UPDATE_TAP,
	    .chat_type = CHAT_PRIVATE,
	    .chat = 5,
	    .user = 8,
	    .message_id = 21,
	    .tap_id = "99"};
	f->caller.linked = true;
	snprintf(f->caller.link.user, sizeof f->caller.link.user, "alice");
	f->request = (struct request){.config = &f->config,
	    .table = &f->table,
	    .command = &f->row,
	    .bot_name = "",
	    .update = &f->message,
	    .caller = &f->caller,
	    .store = f->store,
	    .txn = f->txn,
	    .now_ms = NOW_MS,
	    .calls = json_object_new_array(),
	    .outcome = "answered",
	    .wish = &f->wish};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {
	    "answer-7-1.txt", "answer-7-1.png", "answer-7-1.jpg", "answer-7-1.gif", "answer-7-1.webp", "."};
	struct fixture *f = *state;
	char *output = path_join(f->directory, "output");

	for (size_t i = 0; i < COUNT(names); i++) {
		char *path = path_join(output, names[i]);

		(void)unlink(path);
		free(path);
	}
	(void)rmdir(output);
	free(output);
	json_object_put(f->request.calls);
	store_fixture_remove(f->directory, f->store, f->txn);
	assert_int_not_equal(access(f->directory, F_OK), 0);
	free(f);
	return 0;
}

/* ---- helpers ---- */

static int answer(struct fixture *f, const char *body)
{
	struct json_object *value = NULL;
	int result;

	json_object_put(f->request.calls);
	f->request.calls = json_object_new_array();
	f->request.changed = false;
	if (json_parse(body, strlen(body), "test", &value, &f->error) != 0)
		fail_msg("%s: %s", body, f->error.text);
	result = answer_add_calls(&f->request, value, &f->error);
	json_object_put(value);
	return result;
}

/* The calls as one line. */
static const char *calls(struct fixture *f)
{
	return json_line(f->request.calls);
}

static const char *answered(struct fixture *f, const char *body)
{
	if (answer(f, body) != 0)
		fail_msg("%s: %s", body, f->error.text);
	return calls(f);
}

static struct json_object *call_at(struct fixture *f, size_t i)
{
	struct json_object *call = json_object_array_get_idx(f->request.calls, i);

	assert_non_null(call);
	return call;
}

/* The button in a row and a column of the keyboard of a call, or NULL. */
static struct json_object *button_at(struct fixture *f, size_t call, size_t row, size_t column)
{
	struct json_object *markup = NULL, *rows = NULL, *found;

	if (!json_object_object_get_ex(call_at(f, call), "reply_markup", &markup))
		return NULL;
	json_object_object_get_ex(markup, "inline_keyboard", &rows);
	found = json_object_array_get_idx(rows, row);
	return found != NULL ? json_object_array_get_idx(found, column) : NULL;
}

static const char *data_at(struct fixture *f, size_t call, size_t row, size_t column)
{
	struct json_object *button = button_at(f, call, row, column);
	const char *data = button != NULL ? json_text(button, "callback_data") : NULL;

	return data != NULL ? data : "none";
}

static const char *label_at(struct fixture *f, size_t call, size_t row, size_t column)
{
	struct json_object *button = button_at(f, call, row, column);

	return button != NULL ? json_text(button, "text") : "none";
}

static const char *text_at(struct fixture *f, size_t call)
{
	return json_text(call_at(f, call), "text");
}

/* What the store has for the data of a button. */
static void assert_stored(
    struct fixture *f, const char *data, const char *user, const char *action, const char *target)
{
	struct store_button button;

	assert_int_equal(data[0], ':');
	assert_true(strlen(data) < BUTTON_DATA_BYTES);
	assert_int_equal(store_button_get(f->request.txn, data + 1, &button, &f->error), 1);
	assert_string_equal(button.user, user);
	assert_string_equal(button.action, action);
	assert_string_equal(button.target, target);
}

/* ---- text ---- */

static void what_is_said_in_short_is_a_text(void **state)
{
	static const struct {
		const char *body, *calls;
	} cases[] = {
	    {"null", "[]"},
	    {"[]", "[]"},
	    {"\"hi *you*\"", "[{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"hi *you*\"}]"},
	    {"{\"type\":\"text\",\"content\":\"hi\"}",
		"[{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"hi\"}]"},
	    {"{\"text\":\"hi\",\"of\":\"another field\"}",
		"[{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"hi\"}]"},
	    {"{\"content\":\"  \",\"response\":\"hi\"}",
		"[{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"hi\"}]"},
	    {"{\"type\":\"text\",\"content\":\"*a* b\",\"parse_mode\":\"Markdown\",\"silent\":true}",
		"[{\"method\":\"sendMessage\",\"chat_id\":5,\"disable_notification\":true,\"text\":\"a b\","
		"\"entities\":[{\"type\":\"italic\",\"offset\":0,\"length\":1}]}]"},
	    {"{\"content\":\"<b>a</b> <i\",\"parse_mode\":\"html\"}",
		"[{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"a <i\","
		"\"entities\":[{\"type\":\"bold\",\"offset\":0,\"length\":1}]}]"},
	    {"[\"one\",{\"content\":\"two\"}]",
		"[{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"one\"},"
		"{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"two\"}]"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(answered(f, cases[i].body), cases[i].calls);
	f->message.thread = 3;
	assert_string_equal(answered(f, "\"hi\""),
	    "[{\"method\":\"sendMessage\",\"chat_id\":5,\"message_thread_id\":3,\"text\":\"hi\"}]");
}

static void names_of_people_change_nothing(void **state)
{
	static const char *const names[] = {"<b>Bob</b> &amp; `x` *y* _z_ [l](http://x)", "a\"b\\c{0}{{x}}",
	    "\xf0\x9f\x98\x80\xe2\x80\x8f\xd7\x90", "/start@bot", NULL};
	struct fixture *f = *state;

	for (const char *const *name = names; *name != NULL; name++) {
		struct json_object *text = json_object_new_string(*name);

		(void)answered(f, json_line(text));
		assert_string_equal(text_at(f, 0), *name);
		assert_false(json_object_object_get_ex(call_at(f, 0), "entities", NULL));
		assert_false(json_object_object_get_ex(call_at(f, 0), "parse_mode", NULL));
		json_object_put(text);
	}
}

static void a_wrong_answer_is_refused_as_a_whole(void **state)
{
	static const struct {
		const char *body, *reason;
	} cases[] = {
	    {"7", "it is no object, array or text"},
	    {"true", "it is no object, array or text"},
	    {"\"\"", "nothing is left of the content"},
	    {"\"\\u200b\\u0007 \"", "nothing is left of the content"},
	    {"\"a\\u0000b\"", "its text contains U+0000"},
	    {"[[\"a\"]]", "part 1: it is no object, array or text"},
	    {"[\"a\",null]", "part 2: it is no object, array or text"},
	    {"[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\"]",
		"there are more than 10 parts"},
	    {"{}", "\"content\" is missing or empty"},
	    {"{\"type\":\"text\",\"content\":\" \\n\"}", "\"content\" is missing or empty"},
	    {"{\"type\":\"text\",\"content\":7}", "\"content\" must be a string"},
	    {"{\"type\":\"carousel\",\"content\":\"a\"}", "\"type\" is not known: \"carousel\""},
	    {"{\"type\":null,\"content\":7}", "\"content\" must be a string"},
	    {"{\"content\":\"a\",\"parse_mode\":\"MarkdownV2\"}",
		"\"parse_mode\" is Markdown, HTML, pre or text"},
	    {"{\"content\":\"a\",\"edit\":\"yes\"}", "\"edit\" must be true or false"},
	    {"{\"content\":\"a\",\"buttons\":{}}", "\"buttons\" must be an array"},
	    {"{\"content\":\"a\",\"buttons\":[7]}", "\"buttons\" is not an array of rows"},
	    {"{\"content\":\"a\",\"buttons\":[[7]]}", "a button is not an object"},
	    {"{\"content\":\"a\",\"buttons\":[[{\"action\":\"GO\"}]]}", "a button has no \"text\""},
	    {"{\"content\":\"a\",\"buttons\":[[{\"text\":\" \\n\",\"action\":\"GO\"}]]}",
		"a button has no \"text\""},
	    {"{\"content\":\"a\",\"buttons\":[[{\"text\":\"b\"}]]}",
		"a button has either an \"action\" or a \"url\""},
	    {"{\"content\":\"a\",\"buttons\":[[{\"text\":\"b\",\"action\":\"GO\",\"url\":\"https://"
	     "x.org\"}]]}",
		"a button has either an \"action\" or a \"url\""},
	    {"{\"content\":\"a\",\"buttons\":[[{\"text\":\"b\",\"action\":\"run\"}]]}",
		"the action \"run\" is built in"},
	    {"{\"type\":\"confirmation\",\"content\":\"a\",\"action\":\"run\"}",
		"the action \"run\" is built in"},
	    {"{\"content\":\"a\",\"buttons\":[[{\"text\":\"b\",\"action\":\"G O\"}]]}",
		"the action of a button has 1 to 32 of A-Za-z0-9_"},
	    {"{\"content\":\"a\",\"buttons\":[[{\"text\":\"b\",\"action\":\"GO\",\"target\":[]}]]}",
		"\"target\" must be a string"},
	    {"{\"content\":\"a\",\"buttons\":[[{\"text\":\"b\",\"url\":\"javascript:alert(1)\"}]]}",
		"the \"url\" of a button is not one of http, https or tg that Telegram takes"},
	    {"{\"content\":\"a\",\"buttons\":[[{\"text\":\"b\",\"url\":\"https://a b.org\"}]]}",
		"the \"url\" of a button is not one of http, https or tg that Telegram takes"},
	    {"[\"a\",{\"content\":\"a\",\"buttons\":[[{\"text\":\"b\"}]]}]",
		"part 2: a button has either an \"action\" or a \"url\""},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		if (answer(f, cases[i].body) != -1)
			fail_msg("taken: %s", cases[i].body);
		assert_string_equal(f->error.text, cases[i].reason);
		assert_int_equal(f->error.kind, ERROR_INPUT);
		assert_string_equal(calls(f), "[]");
	}
}

static void a_long_text_is_several_messages_with_buttons_under_the_last(void **state)
{
	struct fixture *f = *state;
	struct json_object *body = json_object_new_object(), *rows;
	char *long_text = xcalloc(1, 20001);

	memset(long_text, 'a', 9000);
	rows = json_tokener_parse("[[{\"text\":\"b\",\"action\":\"GO\",\"target\":\"1\"}]]");
	json_put_text(body, "content", long_text);
	json_object_object_add(body, "buttons", rows);
	f->request.update = &f->tap;
	(void)answered(f, json_line(body));
	assert_int_equal(json_object_array_length(f->request.calls), 3);
	assert_string_equal(json_text(call_at(f, 0), "method"), "editMessageText");
	assert_string_equal(json_text(call_at(f, 1), "method"), "sendMessage");
	for (size_t i = 0; i < 3; i++)
		assert_true(utf8_count(text_at(f, i), strlen(text_at(f, i))) <= 4096);
	assert_null(button_at(f, 0, 0, 0));
	assert_string_equal(data_at(f, 2, 0, 0), "GO:1");

	/* What would be more messages than delivery.text_parts is a document. */
	memset(long_text, 'a', 20000);
	json_put_text(body, "content", long_text);
	(void)answered(f, json_line(body));
	assert_int_equal(json_object_array_length(f->request.calls), 1);
	assert_string_equal(json_text(call_at(f, 0), "method"), "sendDocument");
	assert_memory_equal(json_text(call_at(f, 0), "document"), "file:///", 8);
	assert_string_equal(data_at(f, 0, 0, 0), "GO:1");
	assert_int_equal(access(json_text(call_at(f, 0), "document") + 7, R_OK), 0);

	/* Nothing is written where there is no store. */
	f->request.txn = NULL;
	(void)answered(f, json_line(body));
	assert_int_equal(json_object_array_length(f->request.calls), 5);
	json_object_put(body);
	free(long_text);
}

/* ---- taps ---- */

static void a_tap_edits_its_message_once(void **state)
{
	static const char edit[] =
	    "[{\"method\":\"editMessageText\",\"chat_id\":5,\"message_id\":21,\"text\":\"a\"}]",
			  anew[] = "[{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"a\"}]";
	struct fixture *f = *state;

	assert_string_equal(answered(f, "{\"content\":\"a\",\"edit\":true}"), anew);
	f->request.update = &f->tap;
	assert_string_equal(answered(f, "\"a\""), edit);
	assert_string_equal(answered(f, "{\"content\":\"a\",\"edit\":true,\"silent\":true}"), edit);
	assert_string_equal(answered(f, "{\"content\":\"a\",\"edit\":false}"), anew);
	assert_string_equal(answered(f, "[\"a\",\"b\"]"),
	    "[{\"method\":\"editMessageText\",\"chat_id\":5,\"message_id\":21,\"text\":\"a\"},"
	    "{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"b\"}]");
	f->tap.message_id = 0;
	assert_string_equal(answered(f, "\"a\""), anew);
}

static void a_toast_answers_the_tap_once(void **state)
{
	const struct awaited awaited = {.kind = WISH_ASK, .tap_answered = true};
	struct fixture *f = *state;
	char *body = xasprintf("{\"type\":\"toast\",\"content\":\"%0300d\"}", 7);

	assert_string_equal(answered(f, "{\"type\":\"toast\",\"content\":\"{x} `y`\"}"),
	    "[{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"{x} `y`\"}]");
	f->request.update = &f->tap;
	assert_string_equal(answered(f, "{\"type\":\"toast\",\"content\":\"{x} `y`\"}"),
	    "[{\"method\":\"answerCallbackQuery\",\"callback_query_id\":\"99\",\"text\":\"{x} `y`\"}]");
	assert_string_equal(answered(f, "[{\"type\":\"toast\",\"content\":\"a\",\"alert\":true},\"b\"]"),
	    "[{\"method\":\"answerCallbackQuery\",\"callback_query_id\":\"99\",\"text\":\"a\","
	    "\"show_alert\":true},"
	    "{\"method\":\"editMessageText\",\"chat_id\":5,\"message_id\":21,\"text\":\"b\"}]");
	(void)answered(f, "[{\"type\":\"toast\",\"content\":\"a\"},{\"type\":\"toast\",\"content\":\"b\"}]");
	assert_string_equal(text_at(f, 1), "b");
	assert_string_not_equal(json_text(call_at(f, 1), "method"), "answerCallbackQuery");
	(void)answered(f, body);
	assert_int_equal(strlen(text_at(f, 0)), 200);
	/* The service took so long that the tap was answered before. */
	f->request.awaited = &awaited;
	assert_string_equal(answered(f, "{\"type\":\"toast\",\"content\":\"a\"}"),
	    "[{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"a\"}]");
	f->request.awaited = NULL;
	free(body);
}

/* ---- buttons ---- */

static void a_button_carries_what_fits_and_else_an_id(void **state)
{
	struct fixture *f = *state;
	char body[4096], target[2048], id[BUTTON_DATA_BYTES];

	(void)answered(f, "{\"content\":\"a\",\"buttons\":[[{\"text\":\" x\\ny\",\"action\":\"GO\"},"
			  "{\"text\":\"n\",\"action\":\"GO\",\"target\":-17}],[],"
			  "[{\"text\":\"u\",\"url\":\"tg://resolve?domain=x\"}]]}");
	assert_string_equal(data_at(f, 0, 0, 0), "GO:");
	assert_string_equal(data_at(f, 0, 0, 1), "GO:-17");
	assert_string_equal(json_text(button_at(f, 0, 1, 0), "url"), "tg://resolve?domain=x");
	assert_false(f->request.changed);

	/* 64 bytes fit, 65 do not. */
	memset(target, 't', sizeof target);
	target[61] = '\0';
	snprintf(body, sizeof body,
	    "{\"content\":\"a\",\"buttons\":[{\"text\":\"b\",\"action\":\"GO\",\"target\":\"%s\"}]}", target);
	(void)answered(f, body);
	assert_int_equal(strlen(data_at(f, 0, 0, 0)), 64);
	target[61] = 't';
	target[62] = '\0';
	snprintf(body, sizeof body,
	    "{\"content\":\"a\",\"buttons\":[{\"text\":\"b\",\"action\":\"GO\",\"target\":\"%s\"}]}", target);
	(void)answered(f, body);
	assert_true(f->request.changed);
	assert_stored(f, data_at(f, 0, 0, 0), "alice", "GO", target);
	snprintf(id, sizeof id, "%s", data_at(f, 0, 0, 0));
	(void)answered(f, body);
	assert_string_equal(data_at(f, 0, 0, 0), id);

	(void)answered(
	    f, "{\"content\":\"a\",\"buttons\":[{\"text\":\"b\",\"action\":\"GO\",\"target\":\"a\\nb\"}]}");
	assert_stored(f, data_at(f, 0, 0, 0), "alice", "GO", "a\nb");
	f->message.chat_type = CHAT_GROUP;
	(void)answered(f, body);
	assert_stored(f, data_at(f, 0, 0, 0), "", "GO", target);

	memset(target, 't', sizeof target);
	target[STORE_TARGET_BYTES] = '\0';
	snprintf(body, sizeof body,
	    "{\"content\":\"a\",\"buttons\":[{\"text\":\"b\",\"action\":\"GO\",\"target\":\"%s\"}]}", target);
	assert_int_equal(answer(f, body), -1);
	assert_string_equal(f->error.text, "the target of a button has more than 1024 bytes");
}

static void a_long_button_outlives_a_restart(void **state)
{
	static const char target[] = "as long as the name of a place in Wales, which is fifty-eight letters: "
				     "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch";
	struct fixture *f = *state;
	char body[512], data[BUTTON_DATA_BYTES];

	snprintf(body, sizeof body,
	    "{\"content\":\"a\",\"buttons\":[{\"text\":\"b\",\"action\":\"GO\",\"target\":\"%s\"}]}", target);
	(void)answered(f, body);
	snprintf(data, sizeof data, "%s", data_at(f, 0, 0, 0));
	assert_int_equal(store_commit(f->txn, &f->error), 0);
	store_close(f->store);
	assert_int_equal(store_open(f->directory, MAP_BYTES, &f->store, &f->error), 0);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
	f->request.txn = f->txn;
	assert_stored(f, data, "alice", "GO", target);
}

static void only_buttons_that_are_shown_are_kept(void **state)
{
	struct fixture *f = *state;
	struct buf body = BUF_INIT(1 << 20);
	int64_t entries;

	buf_add_text(&body, "{\"type\":\"list\",\"items\":[");
	for (int i = 0; i < 100; i++)
		buf_add_format(&body,
		    "%s{\"title\":\"%d\",\"buttons\":[{\"text\":\"b\",\"action\":\"GO\","
		    "\"target\":\"%070d\"}]}",
		    i > 0 ? "," : "", i, i);
	buf_add_text(&body, "]}");
	(void)answered(f, buf_text(&body));
	assert_int_equal(table_entries(f->txn, TABLE_BUTTONS, &entries, &f->error), 0);
	assert_int_equal(entries, ANSWER_PAGE_ITEMS);
	buf_free(&body);
}

static void what_nobody_could_read_is_refused(void **state)
{
	struct fixture *f = *state;
	struct json_object *body = json_object_new_array(), *part = json_object_new_object();
	char *url = xcalloc(1, 1800);
	struct buf text = BUF_INIT(1 << 20);

	/* A hundred long addresses in each of ten messages. */
	memset(url, 'x', 1799);
	json_put_text(part, "parse_mode", "HTML");
	for (int i = 0; i < 100; i++)
		buf_add_format(&text, "<a href=\"https://example.org/%s\">a</a> ", url);
	json_put_text(part, "content", buf_text(&text));
	for (int i = 0; i < 10; i++)
		json_object_array_add(body, json_object_get(part));
	(void)answer(f, "null");
	assert_int_equal(answer_add_calls(&f->request, body, &f->error), -1);
	assert_string_equal(f->error.text, "it comes to messages of more than 512 KB");
	assert_string_equal(calls(f), "[]");
	json_object_put(part);
	json_object_put(body);
	buf_free(&text);
	free(url);
}

static void without_a_store_long_buttons_are_left_out(void **state)
{
	struct fixture *f = *state;

	f->request.txn = NULL;
	(void)answered(f,
	    "{\"content\":\"a\",\"buttons\":[{\"text\":\"b\",\"action\":\"GO\",\"target\":\"a\\nb\"},"
	    "{\"text\":\"c\",\"action\":\"GO\",\"target\":\"c\"}]}");
	assert_string_equal(data_at(f, 0, 0, 0), "GO:c");
	(void)answered(
	    f, "{\"content\":\"a\",\"buttons\":[{\"text\":\"b\",\"action\":\"GO\",\"target\":\"a\\nb\"}]}");
	assert_string_equal(calls(f), "[{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"a\"}]");
}

static void make_list(struct buf *body, int count)
{
	buf_clear(body);
	buf_add_text(
	    body, "{\"type\":\"list\",\"title\":\"Projects\",\"content\":\"All of *them*\",\"items\":[");
	for (int i = 1; i <= count; i++)
		buf_add_format(body,
		    "%s{\"title\":\"P%d\",\"text\":\"t%d\",\"buttons\":[{\"text\":\"Open\","
		    "\"action\":\"GO\",\"target\":\"%d\"}]}",
		    i > 1 ? "," : "", i, i, i);
	buf_add_text(body, "],\"buttons\":[{\"text\":\"New\",\"action\":\"GO\"}]}");
}

/* Or a service could bring all answers to an end. */
static void what_a_service_says_does_not_fill_the_store(void **state)
{
	static char text[STORE_DRAFT_MAX_BYTES];
	struct fixture *f = *state;
	char user[16], id[STORE_BUTTON_BYTES];
	struct buf body = BUF_INIT(1 << 16);

	for (int i = 0; i < MAP_BYTES / STORE_DRAFT_MAX_BYTES * STORE_FULL_PERCENT / 100; i++) {
		snprintf(user, sizeof user, "u%d", i);
		assert_int_equal(store_draft_put(f->txn, user, text, sizeof text, NOW_MS, id, &f->error), 0);
	}
	assert_int_equal(store_commit(f->txn, &f->error), 0);
	assert_int_equal(store_begin(f->store, &f->txn, &f->error), 0);
	f->request.txn = f->txn;
	(void)answered(
	    f, "{\"content\":\"a\",\"buttons\":[{\"text\":\"b\",\"action\":\"GO\",\"target\":\"a\\nb\"}]}");
	assert_string_equal(calls(f), "[{\"method\":\"sendMessage\",\"chat_id\":5,\"text\":\"a\"}]");
	make_list(&body, 6);
	(void)answered(f, buf_text(&body));
	assert_string_equal(label_at(f, 0, 5, 0), "New");
	assert_null(button_at(f, 0, 6, 0));
	assert_false(f->request.changed);
	buf_free(&body);
}

static void buttons_are_counted_and_their_labels_cut(void **state)
{
	struct fixture *f = *state;
	struct buf body = BUF_INIT(1 << 20);

	buf_add_text(&body, "{\"content\":\"a\",\"buttons\":[");
	for (int i = 0; i < 13; i++)
		buf_add_format(&body,
		    "%s[{\"text\":\"0\",\"action\":\"GO\"},{\"text\":\"1\",\"action\":\"GO\"},"
		    "{\"text\":\"2\",\"action\":\"GO\"},{\"text\":\"3\",\"action\":\"GO\"},"
		    "{\"text\":\"4\",\"action\":\"GO\"},{\"text\":\"5\",\"action\":\"GO\"},"
		    "{\"text\":\"6\",\"action\":\"GO\"},{\"text\":\"7\",\"action\":\"GO\"}]",
		    i > 0 ? "," : "");
	buf_add_text(&body, "]}");
	assert_int_equal(answer(f, buf_text(&body)), -1);
	assert_string_equal(f->error.text, "there are more than 100 buttons");

	buf_clear(&body);
	buf_add_text(&body, "{\"content\":\"a\",\"buttons\":[");
	for (int i = 0; i < 9; i++)
		buf_add_format(&body, "%s{\"text\":\"0\",\"action\":\"GO\"}", i > 0 ? "," : "");
	buf_add_text(&body, "]}");
	assert_int_equal(answer(f, buf_text(&body)), -1);
	assert_string_equal(f->error.text, "a row has more than 8 buttons");

	buf_clear(&body);
	buf_add_format(
	    &body, "{\"content\":\"a\",\"buttons\":[{\"text\":\"\xc3\xa4%0500d\",\"action\":\"GO\"}]}", 7);
	(void)answered(f, buf_text(&body));
	assert_int_equal(
	    utf8_count(label_at(f, 0, 0, 0), strlen(label_at(f, 0, 0, 0))), ANSWER_LABEL_CHARACTERS);
	buf_free(&body);
}

/* ---- confirmation ---- */

static void a_confirmation_can_always_be_cancelled(void **state)
{
	static const char *const others[] = {"9", "", "x", "99999999999999999999"};
	struct fixture *f = *state;

	(void)answered(f, "{\"type\":\"confirmation\",\"content\":\"Sure?\",\"target\":17}");
	assert_string_equal(text_at(f, 0), "Sure?");
	assert_string_equal(label_at(f, 0, 0, 0), "Confirm");
	assert_string_equal(data_at(f, 0, 0, 0), "CONFIRM:17");
	assert_string_equal(label_at(f, 0, 0, 1), "Cancel");
	assert_string_equal(data_at(f, 0, 0, 1), "cancel:8");

	/* Where the table has an action for it, that is told. */
	f->taps[2] =
	    (struct command){.name = "CANCEL", .access = "anyone", .run = run_nothing, .route = &f->route};
	f->table.taps_count = 3;
	(void)answered(f,
	    "{\"type\":\"confirmation\",\"content\":\"Sure?\",\"target\":\"x\",\"action\":\"GO\","
	    "\"confirm_text\":\"Yes\",\"cancel_text\":\"No\"}");
	assert_string_equal(data_at(f, 0, 0, 0), "GO:x");
	assert_string_equal(data_at(f, 0, 0, 1), "CANCEL:x");
	assert_string_equal(label_at(f, 0, 0, 1), "No");
	(void)answered(f, "{\"type\":\"confirmation\",\"content\":\"Sure?\",\"cancel_action\":\"NONE\"}");
	assert_string_equal(data_at(f, 0, 0, 1), "cancel:8");

	f->request.update = &f->tap;
	assert_int_equal(answer(f, "null"), 0);
	f->request.target = "8";
	assert_int_equal(answer_cancel(&f->request, &f->error), 0);
	assert_string_equal(calls(f),
	    "[{\"method\":\"editMessageText\",\"chat_id\":5,\"message_id\":21,\"text\":\"Cancelled.\"}]");
	/* Nobody cancels for somebody else. */
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_int_equal(answer(f, "null"), 0);
		f->request.target = others[i];
		assert_int_equal(answer_cancel(&f->request, &f->error), 0);
		assert_string_equal(f->request.outcome, "denied");
		assert_string_equal(json_text(call_at(f, 0), "method"), "answerCallbackQuery");
	}
	assert_int_equal(answer(f, "{\"type\":\"confirmation\",\"target\":\"x\"}"), -1);
	assert_int_equal(
	    answer(f, "{\"type\":\"confirmation\",\"content\":\"x\",\"cancel_action\":\"\"}"), -1);
	assert_int_equal(
	    answer(f, "{\"type\":\"confirmation\",\"content\":\"x\",\"confirm_text\":\"\"}"), -1);
}

/* ---- photo ---- */

#define PNG "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

static void a_picture_is_an_address_or_a_file(void **state)
{
	struct fixture *f = *state;
	struct stat status;
	char body[4096];

	f->request.update = &f->tap;
	assert_string_equal(answered(f, "{\"type\":\"photo\",\"url\":\"https://example.org/a.png?x=1\","
					"\"caption\":\"*c*\",\"parse_mode\":\"Markdown\"}"),
	    "[{\"method\":\"sendPhoto\",\"chat_id\":5,\"photo\":\"https://example.org/"
	    "a.png?x=1\",\"caption\":\"c\","
	    "\"caption_entities\":[{\"type\":\"italic\",\"offset\":0,\"length\":1}],"
	    "\"tgtools\":{\"otherwise\":{\"method\":\"sendMessage\",\"chat_id\":5,"
	    "\"text\":\"c\\nhttps://example.org/a.png?x=1\","
	    "\"entities\":[{\"type\":\"italic\",\"offset\":0,\"length\":1}]}}}]");
	snprintf(body, sizeof body,
	    "{\"type\":\"photo\",\"photo\":\"data:image/png;base64,%s\","
	    "\"buttons\":[{\"text\":\"b\",\"action\":\"GO\"}]}",
	    PNG);
	(void)answered(f, body);
	assert_memory_equal(json_text(call_at(f, 0), "photo"), "file:///", 8);
	assert_int_equal(stat(json_text(call_at(f, 0), "photo") + 7, &status), 0);
	assert_int_equal(status.st_size, 70);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_string_equal(data_at(f, 0, 0, 0), "GO:");
	/* base64 as a mail program or a URL would have it */
	(void)answered(f, "{\"type\":\"photo\",\"base64\":\"/9j/4AAQ\\r\\nSkZJRg\\n\"}");
	(void)answered(f, "{\"type\":\"photo\",\"data\":\"_9j_4AAQSkZJRg\"}");

	/* A caption that is too long comes below, with the buttons. */
	snprintf(body, sizeof body,
	    "{\"type\":\"photo\",\"url\":\"https://example.org/a\",\"caption\":\"%01100d\","
	    "\"buttons\":[{\"text\":\"b\",\"action\":\"GO\"}]}",
	    7);
	(void)answered(f, body);
	assert_false(json_object_object_get_ex(call_at(f, 0), "caption", NULL));
	assert_string_equal(json_text(call_at(f, 1), "method"), "sendMessage");
	assert_string_equal(data_at(f, 1, 0, 0), "GO:");
}

static void what_is_no_picture_is_refused(void **state)
{
	static const struct {
		const char *picture, *reason;
	} cases[] = {
	    {"", "\"photo\" is missing or empty"},
	    {"ftp://example.org/a.png", "the picture is neither an address nor base64"},
	    {"file:///etc/passwd", "the picture is neither an address nor base64"},
	    {"http://", "the picture is neither an address nor base64"},
	    {"/etc/passwd", "the picture is neither an address nor base64"},
	    {"AAAA", "the picture is no PNG, JPEG, GIF or WebP"},
	    {"=", "the picture is no PNG, JPEG, GIF or WebP"},
	    {"iVBORw0KGgo*", "the picture is neither an address nor base64"},
	};
	struct fixture *f = *state;
	char body[4096];

	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(body, sizeof body, "{\"type\":\"photo\",\"photo\":\"%s\"}", cases[i].picture);
		if (answer(f, body) != -1)
			fail_msg("taken: %s", body);
		assert_string_equal(f->error.text, cases[i].reason);
	}
	snprintf(body, sizeof body, "{\"type\":\"photo\",\"photo\":\"/9j/%01340d\"}", 0);
	assert_int_equal(answer(f, body), -1);
	assert_string_equal(f->error.text, "the picture is larger than delivery.picture_max");
	snprintf(body, sizeof body, "{\"type\":\"photo\",\"photo\":\"/9j/%03000d\"}", 0);
	assert_int_equal(answer(f, body), -1);
	assert_string_equal(f->error.text, "the picture is larger than delivery.picture_max");
	f->request.txn = NULL;
	assert_int_equal(answer(f, "{\"type\":\"photo\",\"photo\":\"" PNG "\"}"), -1);
	assert_string_equal(f->error.text, "a picture in base64 needs the store");
}

/* ---- lists ---- */

static void a_short_list_is_one_page(void **state)
{
	struct fixture *f = *state;
	struct buf body = BUF_INIT(1 << 16);

	make_list(&body, 2);
	(void)answered(f, buf_text(&body));
	assert_string_equal(text_at(f, 0), "Projects\nAll of *them*\n\n1. P1\nt1\n\n2. P2\nt2");
	assert_non_null(strstr(calls(f), "\"entities\":[{\"type\":\"bold\",\"offset\":0,\"length\":8},"
					 "{\"type\":\"bold\",\"offset\":27,\"length\":2}"));
	assert_string_equal(label_at(f, 0, 0, 0), "1. Open");
	assert_string_equal(data_at(f, 0, 1, 0), "GO:2");
	assert_string_equal(label_at(f, 0, 2, 0), "New");
	assert_null(button_at(f, 0, 3, 0));
	assert_false(f->request.changed);
	(void)answered(f, "{\"type\":\"list\",\"title\":\"Projects\",\"items\":[]}");
	assert_string_equal(text_at(f, 0), "Projects\n\nThere is nothing to show.");
	buf_free(&body);
}

static int turn_to(struct fixture *f, const char *data)
{
	char target[BUTTON_DATA_BYTES];

	assert_memory_equal(data, "page:", 5);
	snprintf(target, sizeof target, "%s", data + 5);
	json_object_put(f->request.calls);
	f->request.calls = json_object_new_array();
	f->request.update = &f->tap;
	f->request.target = target;
	f->request.outcome = "answered";
	return answer_page(&f->request, &f->error);
}

static void a_long_list_has_pages(void **state)
{
	struct fixture *f = *state;
	struct buf body = BUF_INIT(1 << 16);
	char second[BUTTON_DATA_BYTES], back[BUTTON_DATA_BYTES];

	make_list(&body, 12);
	(void)answered(f, buf_text(&body));
	assert_true(f->request.changed);
	assert_string_equal(label_at(f, 0, 5, 0), "New");
	assert_string_equal(label_at(f, 0, 6, 0), "1/3");
	assert_string_equal(label_at(f, 0, 6, 1), "\u00bb");
	snprintf(second, sizeof second, "%s", data_at(f, 0, 6, 1));
	assert_int_equal(turn_to(f, second), 0);
	assert_string_equal(json_text(call_at(f, 0), "method"), "editMessageText");
	assert_non_null(strstr(text_at(f, 0), "6. P6\nt6"));
	assert_null(strstr(text_at(f, 0), "P11"));
	assert_string_equal(label_at(f, 0, 0, 0), "6. Open");
	assert_string_equal(label_at(f, 0, 6, 0), "\u00ab");
	assert_string_equal(label_at(f, 0, 6, 1), "2/3");
	snprintf(back, sizeof back, "%s", data_at(f, 0, 6, 0));
	assert_int_equal(turn_to(f, data_at(f, 0, 6, 2)), 0);
	assert_string_equal(label_at(f, 0, 2, 0), "New");
	assert_string_equal(label_at(f, 0, 3, 1), "3/3");
	assert_null(button_at(f, 0, 3, 2));
	assert_int_equal(turn_to(f, back), 0);
	assert_string_equal(label_at(f, 0, 6, 0), "1/3");

	/* Nobody else's: not another chat's, nor the account's that the chat is linked with now. */
	f->tap.chat = 6;
	assert_int_equal(turn_to(f, second), 0);
	assert_string_equal(f->request.outcome, "gone");
	f->tap.chat = 5;
	snprintf(f->caller.link.user, sizeof f->caller.link.user, "bob");
	assert_int_equal(turn_to(f, second), 0);
	assert_string_equal(f->request.outcome, "gone");
	snprintf(f->caller.link.user, sizeof f->caller.link.user, "alice");
	f->caller.linked = false; /* the account is locked */
	assert_int_equal(turn_to(f, second), 0);
	assert_string_equal(f->request.outcome, "gone");
	f->caller.linked = true;
	assert_int_equal(turn_to(f, second), 0);
	assert_string_equal(f->request.outcome, "answered");
	f->request.now_ms += STORE_DRAFT_KEEP_MS;
	assert_int_equal(turn_to(f, second), 0);
	assert_string_equal(f->request.outcome, "gone");
	assert_string_equal(calls(f), "[{\"method\":\"answerCallbackQuery\",\"callback_query_id\":\"99\","
				      "\"text\":\"This button is no longer valid.\"}]");
	buf_free(&body);
}

static void a_page_that_was_made_up_is_gone(void **state)
{
	static const char *const targets[] = {"page:", "page:1", "page:.", "page:0123456789abcdef",
	    "page:0123456789abcdef.", "page:0123456789abcdef.1", "page:0123456789abcdef.-1", NULL};
	struct fixture *f = *state;

	for (const char *const *target = targets; *target != NULL; target++) {
		assert_int_equal(turn_to(f, *target), 0);
		assert_string_equal(f->request.outcome, "gone");
	}
	f->request.txn = NULL;
	assert_int_equal(turn_to(f, "page:0123456789abcdef.1"), 0);
	assert_string_equal(f->request.outcome, "gone");
}

static void a_page_of_the_longest_is_one_message(void **state)
{
	struct fixture *f = *state;
	struct buf body = BUF_INIT(1 << 20);

	buf_add_format(
	    &body, "{\"type\":\"list\",\"title\":\"%0500d\",\"content\":\"%02000d\",\"items\":[", 1, 1);
	for (int i = 0; i < 5; i++)
		buf_add_format(
		    &body, "%s{\"title\":\"%0500d\",\"text\":\"%02000d\"}", i > 0 ? "," : "", 1, 1);
	buf_add_text(&body, "]}");
	(void)answered(f, buf_text(&body));
	assert_int_equal(json_object_array_length(f->request.calls), 1);
	buf_free(&body);
}

static void matches_have_a_button_to_connect_and_one_to_skip(void **state)
{
	static const char *const bodies[] = {
	    "{\"type\":\"match_list\",\"content\":[{\"name\":\"Ann\",\"reason\":\"Go too\",\"user_id\":7}]}",
	    "{\"type\":\"match_list\",\"matches\":[{\"name\":\"Ann\",\"reason\":\"Go "
	    "too\",\"target\":\"7\"}]}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(bodies); i++) {
		(void)answered(f, bodies[i]);
		assert_string_equal(text_at(f, 0), "1. Ann\nGo too");
		assert_string_equal(label_at(f, 0, 0, 0), "1. Connect");
		assert_string_equal(data_at(f, 0, 0, 0), "CONNECT:7");
		assert_string_equal(data_at(f, 0, 0, 1), "SKIP:7");
	}
}

static void a_wrong_list_is_refused_also_on_its_last_page(void **state)
{
	struct fixture *f = *state;
	struct buf body = BUF_INIT(1 << 20);

	make_list(&body, 101);
	assert_int_equal(answer(f, buf_text(&body)), -1);
	assert_string_equal(f->error.text, "a list has more than 100 items");
	assert_int_equal(answer(f, "{\"type\":\"list\",\"items\":[{\"title\":\"a\"},{\"title\":\"b\"},"
				   "{\"title\":\"c\"},{\"title\":\"d\"},{\"title\":\"e\"},{}]}"),
	    -1);
	assert_string_equal(f->error.text, "item 6: it has neither \"title\" nor \"text\"");
	assert_int_equal(answer(f, "{\"type\":\"list\",\"items\":[7]}"), -1);
	assert_string_equal(f->error.text, "item 1: it is no object");
	assert_int_equal(answer(f, "{\"type\":\"list\",\"items\":[{\"title\":[]}]}"), -1);
	assert_int_equal(answer(f, "{\"type\":\"list\",\"content\":\"x\"}"), -1);
	assert_string_equal(f->error.text, "\"items\" is no array");
	assert_int_equal(answer(f, "{\"type\":\"match_list\",\"items\":[{\"name\":\"a\"}]}"), -1);
	assert_string_equal(f->error.text, "item 1: it has no \"target\"");
	buf_clear(&body);
	make_list(&body, 6);
	body.len = (size_t)(strstr(body.data, "\"buttons\":[{\"text\":\"New\"") - body.data);
	buf_add_text(&body, "\"buttons\":[");
	for (int i = 0; i < 93; i++)
		buf_add_format(&body, "%s[{\"text\":\"x\",\"action\":\"GO\"}]", i > 0 ? "," : "");
	buf_add_text(&body, "]}");
	assert_int_equal(answer(f, buf_text(&body)), -1);
	assert_string_equal(f->error.text, "a page has more than 97 buttons");
	buf_clear(&body);
	buf_add_text(&body, "{\"type\":\"list\",\"items\":[");
	for (int i = 0; i < 50; i++)
		buf_add_format(&body, "%s{\"title\":\"%02000d\"}", i > 0 ? "," : "", 1);
	buf_add_text(&body, "]}");
	assert_int_equal(answer(f, buf_text(&body)), -1);
	assert_string_equal(f->error.text, "a list of several pages has more than 65536 bytes");
	buf_clear(&body);
	buf_add_text(&body,
	    "{\"type\":\"list\",\"items\":[{\"title\":\"1\"},{\"title\":\"2\"},{\"title\":\"3\"},"
	    "{\"title\":\"4\"},{\"title\":\"5\"},{\"title\":\"6\"}],\"own\":");
	for (int i = 0; i < 2 * (JSON_MAX_DEPTH - 1); i++)
		buf_add_text(&body, i < JSON_MAX_DEPTH - 1 ? "[" : "]");
	buf_add_text(&body, "}");
	assert_int_equal(answer(f, buf_text(&body)), -1);
	assert_non_null(strstr(f->error.text, "the list"));
	buf_clear(&body);
	buf_add_text(&body, "{\"type\":\"list\",\"items\":[");
	for (int i = 0; i < 50; i++)
		buf_add_format(&body, "%s{\"title\":\"%02000d\"}", i > 0 ? "," : "", 1);
	buf_add_text(&body, "]}");
	f->request.txn = NULL;
	assert_int_equal(answer(f, buf_text(&body)), 0);
	assert_null(button_at(f, 0, 0, 0));
	buf_free(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_is_said_in_short_is_a_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(names_of_people_change_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_wrong_answer_is_refused_as_a_whole, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_long_text_is_several_messages_with_buttons_under_the_last, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_tap_edits_its_message_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_toast_answers_the_tap_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_button_carries_what_fits_and_else_an_id, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_long_button_outlives_a_restart, setup, teardown),
	    cmocka_unit_test_setup_teardown(only_buttons_that_are_shown_are_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_nobody_could_read_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(without_a_store_long_buttons_are_left_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_a_service_says_does_not_fill_the_store, setup, teardown),
	    cmocka_unit_test_setup_teardown(buttons_are_counted_and_their_labels_cut, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_confirmation_can_always_be_cancelled, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_picture_is_an_address_or_a_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_no_picture_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_short_list_is_one_page, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_long_list_has_pages, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_page_that_was_made_up_is_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_page_of_the_longest_is_one_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		matches_have_a_button_to_connect_and_one_to_skip, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_wrong_list_is_refused_also_on_its_last_page, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
