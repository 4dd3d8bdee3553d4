/*
 * What tg-dispatch decides: how it reads a hostile Update, where each kind of message goes, how an answer is
 * built, and that an answer and the change it tells of are one. Pure parts as tables, the rest against a
 * store of its own.
 */
#include "tg-dispatch/dispatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"
#include "json.h"
#include "lines.h"
#include "log.h"
#include "path.h"
#include "tg-dispatch/accounts.h"
#include "tg-dispatch/reply.h"
#include "xalloc.h"

enum { MAP_BYTES = 16 << 20, MINUTE_MS = 60000 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct json_object *parse(const char *text)
{
	struct json_object *object;
	struct error error;

	if (json_parse_object(text, strlen(text), "test", &object, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return object;
}

/* ---- reading an Update ---- */

#define CHAT "\"chat\":{\"id\":7,\"type\":\"private\"}"
#define FROM "\"from\":{\"id\":9,\"is_bot\":false,\"username\":\"alice\"}"

static void an_update_is_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		int result;
		enum update_kind kind;
		int64_t chat, user, thread;
		bool from_bot, is_content;
	} cases[] = {
	    {"{\"update_id\":1,\"message\":{" CHAT "," FROM ",\"text\":\"hi\"}}", 0, UPDATE_MESSAGE, 7, 9, 0,
		false, true},
	    {"{\"update_id\":1,\"message\":{" CHAT ",\"photo\":[]}}", 0, UPDATE_MESSAGE, 7, 0, 0, false,
		true},
	    {"{\"update_id\":1,\"message\":{" CHAT ",\"rich_message\":{}}}", 0, UPDATE_MESSAGE, 7, 0, 0,
		false, true},
	    {"{\"update_id\":1,\"message\":{" CHAT ",\"pinned_message\":{}}}", 0, UPDATE_MESSAGE, 7, 0, 0,
		false, false},
	    {"{\"update_id\":1,\"message\":{" CHAT "}}", 0, UPDATE_MESSAGE, 7, 0, 0, false, false},
	    {"{\"update_id\":1,\"message\":{" CHAT ",\"from\":{\"id\":2,\"is_bot\":true},\"text\":\"x\"}}", 0,
		UPDATE_MESSAGE, 7, 2, 0, true, true},
	    /* An administrator who is anonymous, and somebody who speaks for a channel. */
	    {"{\"update_id\":1,\"message\":{\"chat\":{\"id\":-5,\"type\":\"supergroup\"},\"sender_chat\":{"
	     "\"id\":-5},"
	     "\"from\":{\"id\":2,\"is_bot\":true},\"text\":\"x\"}}",
		0, UPDATE_MESSAGE, -5, 2, 0, false, true},
	    {"{\"update_id\":1,\"message\":{\"chat\":{\"id\":-5,\"type\":\"supergroup\"},\"sender_chat\":{"
	     "\"id\":-6},"
	     "\"from\":{\"id\":2,\"is_bot\":true},\"text\":\"x\"}}",
		0, UPDATE_MESSAGE, -5, 2, 0, true, true},
	    {"{\"update_id\":1,\"message\":{" CHAT
	     ",\"message_thread_id\":3,\"is_topic_message\":true,\"text\":\"x\"}}",
		0, UPDATE_MESSAGE, 7, 0, 3, false, true},
	    {"{\"update_id\":1,\"message\":{" CHAT ",\"message_thread_id\":3,\"text\":\"x\"}}", 0,
		UPDATE_MESSAGE, 7, 0, 0, false, true},
	    {"{\"update_id\":9007199254740993,\"message\":{\"chat\":{\"id\":-4503599627370495,\"type\":"
	     "\"group\"},"
	     "\"from\":{\"id\":4503599627370495},\"text\":\"x\"}}",
		0, UPDATE_MESSAGE, -4503599627370495, 4503599627370495, 0, false, true},
	    {"{\"update_id\":1,\"callback_query\":{\"id\":\"q\"," FROM ",\"message\":{" CHAT "}}}", 0,
		UPDATE_TAP, 7, 9, 0, false, false},
	    {"{\"update_id\":1,\"callback_query\":{\"id\":\"q\"," FROM "}}", 0, UPDATE_TAP, 0, 9, 0, false,
		false},
	    {"{\"update_id\":1}", 0, UPDATE_OTHER, 0, 0, 0, false, false},
	    {"{\"update_id\":1,\"message\":null}", 0, UPDATE_OTHER, 0, 0, 0, false, false},
	    {"{\"update_id\":1,\"edited_message\":{" CHAT "," FROM ",\"text\":\"/start\"}}", 0, UPDATE_EDITED,
		7, 9, 0, false, true},
	    {"{\"update_id\":1,\"channel_post\":5}", 0, UPDATE_OTHER, 0, 0, 0, false, false},
	    /* Refused. */
	    {"{\"update_id\":1,\"message\":[]}", -1, UPDATE_OTHER, 0, 0, 0, false, false},
	    {"{\"update_id\":1,\"message\":{}}", -1, UPDATE_OTHER, 0, 0, 0, false, false},
	    {"{\"update_id\":1,\"message\":{\"chat\":7}}", -1, UPDATE_OTHER, 0, 0, 0, false, false},
	    {"{\"update_id\":1,\"message\":{\"chat\":{\"type\":\"private\"}}}", -1, UPDATE_OTHER, 0, 0, 0,
		false, false},
	    {"{\"update_id\":1,\"message\":{\"chat\":{\"id\":\"7\",\"type\":\"private\"}}}", -1, UPDATE_OTHER,
		0, 0, 0, false, false},
	    {"{\"update_id\":1,\"message\":{\"chat\":{\"id\":7.5,\"type\":\"private\"}}}", -1, UPDATE_OTHER,
		0, 0, 0, false, false},
	    {"{\"update_id\":1,\"message\":{" CHAT ",\"from\":{\"id\":\"9\"},\"text\":\"x\"}}", -1,
		UPDATE_OTHER, 7, 0, 0, false, false},
	    {"{\"update_id\":1,\"message\":{" CHAT ",\"text\":5}}", -1, UPDATE_OTHER, 7, 0, 0, false, false},
	    {"{\"update_id\":1,\"message\":{" CHAT ",\"text\":\"a\\u0000b\"}}", -1, UPDATE_OTHER, 7, 0, 0,
		false, false},
	    {"{\"update_id\":1,\"callback_query\":{" FROM "}}", -1, UPDATE_OTHER, 0, 0, 0, false, false},
	    {"{\"update_id\":1,\"callback_query\":{\"id\":\"\"," FROM "}}", -1, UPDATE_OTHER, 0, 0, 0, false,
		false},
	    {"{\"update_id\":1,\"callback_query\":{\"id\":5," FROM "}}", -1, UPDATE_OTHER, 0, 0, 0, false,
		false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_object *object = parse(cases[i].text);
		struct update update;
		struct error error = {.text = ""};
		bool same;

		same = update_read(object, &update, &error) == cases[i].result &&
		       update.kind == cases[i].kind && update.chat == cases[i].chat &&
		       update.user == cases[i].user && update.thread == cases[i].thread &&
		       update.from_bot == cases[i].from_bot && update.is_content == cases[i].is_content;
		if (!same)
			fail_msg("%s: %s", cases[i].text, error.text);
		assert_true(cases[i].result == 0 || error.kind == ERROR_INPUT);
		json_object_put(object);
	}
}

static void without_an_update_id_it_is_no_update(void **state)
{
	static const char *const cases[] = {"{}", "{\"update_id\":null}", "{\"update_id\":\"1\"}",
	    "{\"update_id\":1.5}", "{\"update_id\":-1}", "{\"update_id\":[]}"};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_object *object = parse(cases[i]);
		struct error error;
		int64_t update_id = 5;

		if (update_read_id(object, &update_id, &error) != -1 || update_id != 5)
			fail_msg("%s", cases[i]);
		assert_int_equal(error.kind, ERROR_INPUT);
		json_object_put(object);
	}
}

static void a_username_is_one_or_is_left_out(void **state)
{
	static const struct {
		const char *given, *expected;
	} cases[] = {{"alice", "alice"}, {"Al_1ce", "Al_1ce"}, {"", ""}, {"al ice", ""}, {"al\\nice", ""},
	    {"\\u00e4", ""}, {"12345678901234567890123456789012", "12345678901234567890123456789012"},
	    {"123456789012345678901234567890123", ""}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = xasprintf("{\"update_id\":1,\"message\":{" CHAT
				       ",\"from\":{\"id\":1,\"username\":\"%s\"},\"text\":\"x\"}}",
		    cases[i].given);
		struct json_object *object = parse(text);
		struct update update;
		struct error error;

		assert_int_equal(update_read(object, &update, &error), 0);
		assert_string_equal(update.username, cases[i].expected);
		json_object_put(object);
		free(text);
	}
}

/* ---- commands and routes ---- */

static void a_command_is_a_word_after_a_slash(void **state)
{
	static const struct {
		const char *text, *name, *bot;
	} cases[] = {{"/start", "start", NULL}, {"/START", "start", NULL}, {"/start foo", "start", NULL},
	    {"/start\nfoo", "start", NULL}, {"/start\tfoo", "start", NULL},
	    {"/start@OurBot", "start", "OurBot"}, {"/start@OurBot abc", "start", "OurBot"},
	    {"/s_1", "s_1", NULL}, {"/1", "1", NULL},
	    {"/12345678901234567890123456789012", "12345678901234567890123456789012", NULL},
	    {"/123456789012345678901234567890123", NULL, NULL}, {"", NULL, NULL}, {"/", NULL, NULL},
	    {"/ start", NULL, NULL}, {" /start", NULL, NULL}, {"//start", NULL, NULL},
	    {"/start@", NULL, NULL}, {"/start@ OurBot", NULL, NULL}, {"/start@Our-Bot", NULL, NULL},
	    {"/start!", NULL, NULL}, {"/start/help", NULL, NULL}, {"start", NULL, NULL},
	    {"/st\xc3\xa4rt", NULL, NULL}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct command_line line;
		bool is_command = command_parse(cases[i].text, &line);

		if (is_command != (cases[i].name != NULL))
			fail_msg("'%s' is %s command", cases[i].text, is_command ? "a" : "no");
		if (!is_command)
			continue;
		assert_string_equal(line.name, cases[i].name);
		assert_int_equal(line.bot != NULL, cases[i].bot != NULL);
		if (line.bot != NULL) {
			assert_int_equal(line.bot_len, strlen(cases[i].bot));
			assert_memory_equal(line.bot, cases[i].bot, line.bot_len);
		}
	}
}

static void a_route_is_a_function_of_text_chat_and_name(void **state)
{
	static const struct {
		enum update_chat_type chat_type;
		const char *text, *bot_name, *route;
	} cases[] = {
	    {CHAT_PRIVATE, "/start", "", "start"},
	    {CHAT_PRIVATE, "/START", "OurBot", "start"},
	    {CHAT_PRIVATE, "/start@ourbot", "OurBot", "start"},
	    {CHAT_PRIVATE, "/start@other", "OurBot", "start"},
	    {CHAT_PRIVATE, "/start PAYLOAD", "OurBot", "start"},
	    {CHAT_PRIVATE, "/start\nfoo", "OurBot", "start"},
	    {CHAT_PRIVATE, "/help", "OurBot", "help"},
	    {CHAT_PRIVATE, "/whoami", "OurBot", "whoami"},
	    {CHAT_PRIVATE, "/unlink", "OurBot", "unlink"},
	    {CHAT_PRIVATE, "/started", "OurBot", "unknown"},
	    {CHAT_PRIVATE, "/ start", "OurBot", "text"},
	    {CHAT_PRIVATE, "hello", "OurBot", "text"},
	    {CHAT_PRIVATE, "", "OurBot", "text"},
	    {CHAT_PRIVATE, NULL, "OurBot", "text"},
	    {CHAT_GROUP, "/start", "OurBot", "none"},
	    {CHAT_GROUP, "/help", "OurBot", "help"},
	    {CHAT_GROUP, "/start@OurBot", "OurBot", "start"},
	    {CHAT_GROUP, "/start@OURBOT", "OurBot", "start"},
	    {CHAT_GROUP, "/start@OurBo", "OurBot", "none"},
	    {CHAT_GROUP, "/start@OurBot2", "OurBot", "none"},
	    {CHAT_GROUP, "/start@other", "OurBot", "none"},
	    {CHAT_GROUP, "/start@other", "", "start"},
	    {CHAT_GROUP, "/what", "OurBot", "none"},
	    {CHAT_GROUP, "/what@OurBot", "OurBot", "unknown"},
	    {CHAT_GROUP, "/what@other", "OurBot", "none"},
	    {CHAT_GROUP, "hello", "OurBot", "none"},
	    {CHAT_GROUP, NULL, "OurBot", "none"},
	    {CHAT_OTHER, "/start", "OurBot", "none"},
	    {CHAT_OTHER, "hello", "", "none"},
	};
	struct command_table table = commands_builtin();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct update update = {.kind = UPDATE_MESSAGE,
		    .chat_type = cases[i].chat_type,
		    .text = cases[i].text,
		    .is_content = true};
		struct route route = route_update(&table, &update, cases[i].bot_name);

		if (strcmp(route_name(&route), cases[i].route) != 0)
			fail_msg("case %zu, '%s': %s, expected %s", i, cases[i].text ? cases[i].text : "",
			    route_name(&route), cases[i].route);
	}
}

static void nobody_answers_bots_and_events(void **state)
{
	struct command_table table = commands_builtin();
	struct update update = {
	    .kind = UPDATE_MESSAGE, .chat_type = CHAT_PRIVATE, .text = "/start", .is_content = true};

	(void)state;
	assert_int_equal(route_update(&table, &update, "").kind, ROUTE_COMMAND);
	update.from_bot = true;
	assert_int_equal(route_update(&table, &update, "").kind, ROUTE_NOTHING);
	update.from_bot = false;
	update.is_content = false;
	assert_int_equal(route_update(&table, &update, "").kind, ROUTE_NOTHING);
	update.is_content = true;
	update.kind = UPDATE_OTHER;
	assert_int_equal(route_update(&table, &update, "").kind, ROUTE_NOTHING);
	update.kind = UPDATE_TAP;
	assert_int_equal(route_update(&table, &update, "").kind, ROUTE_TAP);
}

static void access_is_by_link_list_and_group(void **state)
{
	char *operators[] = {"root"};
	struct config none = {.file = NULL}, config = {.access.operators = {operators, 1}};
	struct caller stranger = {.linked = false}, root = {.linked = true};
	struct error error;

	(void)state;
	root.accounts = accounts_new(NULL);
	assert_int_equal(accounts_find(root.accounts, "root", 0, &root.account, &error), 0);
	assert_int_equal(access_check("anyone", &stranger, &config), ACCESS_ALLOWED);
	assert_int_equal(access_check("linked", &stranger, &config), ACCESS_NEEDS_LINK);
	assert_int_equal(access_check("operator", &stranger, &config), ACCESS_NEEDS_LINK);
	assert_int_equal(access_check("%root", &stranger, &config), ACCESS_NEEDS_LINK);
	assert_int_equal(access_check("linked", &root, &config), ACCESS_ALLOWED);
	assert_int_equal(access_check("operator", &root, &config), ACCESS_ALLOWED);
	assert_int_equal(access_check("operator", &root, &none), ACCESS_DENIED);
	assert_int_equal(access_check("%root", &root, &config), ACCESS_ALLOWED);
	assert_int_equal(access_check("%no-such-group", &root, &config), ACCESS_DENIED);
	assert_int_equal(access_check("nonsense", &root, &config), ACCESS_DENIED);
	accounts_free(root.accounts);
}

static void names_in_the_table_are_ones_that_telegram_takes(void **state)
{
	struct command_table table = commands_builtin();

	(void)state;
	for (size_t i = 0; i < table.count; i++) {
		char *text = xasprintf("/%s", table.rows[i].name);
		struct command_line line;

		assert_true(command_parse(text, &line));
		assert_string_equal(line.name, table.rows[i].name);
		assert_true(strlen(table.rows[i].description) > 0);
		free(text);
	}
}

/* ---- texts ---- */

static void values_and_monospace_are_filled_in(void **state)
{
	static const struct text_value values[] = {{"code", "123456"}, {"user", "`{code}`"},
	    {"face", "\xf0\x9f\x98\x80"}, {"none", ""}, {NULL, NULL}};
	static const struct {
		const char *source, *text, *entities;
	} cases[] = {
	    {"", "", "[]"},
	    {"plain", "plain", "[]"},
	    {"`{code}`", "123456", "[{\"type\":\"code\",\"offset\":0,\"length\":6}]"},
	    {"a `run {code}` b `c`", "a run 123456 b c",
		"[{\"type\":\"code\",\"offset\":2,\"length\":10},{\"type\":\"code\",\"offset\":15,\"length\":"
		"1}]"},
	    /* One in UTF-8 by four bytes counts two in UTF-16, others one. */
	    {"{face}\xc3\xa4\xe2\x82\xac `{code}`", "\xf0\x9f\x98\x80\xc3\xa4\xe2\x82\xac 123456",
		"[{\"type\":\"code\",\"offset\":5,\"length\":6}]"},
	    {"`{face}`", "\xf0\x9f\x98\x80", "[{\"type\":\"code\",\"offset\":0,\"length\":2}]"},
	    /* A value is never markup. */
	    {"{user}", "`{code}`", "[]"},
	    {"`{user}`", "`{code}`", "[{\"type\":\"code\",\"offset\":0,\"length\":8}]"},
	    {"{unknown} {", "{unknown} {", "[]"},
	    {"{}{code}}", "{}123456}", "[]"},
	    {"don`t", "don`t", "[]"},
	    {"a``b", "ab", "[]"},
	    {"`{none}`", "", "[]"},
	    {"`a`b`", "ab`", "[{\"type\":\"code\",\"offset\":0,\"length\":1}]"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_object *entities = json_object_new_array();
		struct buf text = BUF_INIT(1000);
		struct error error;

		assert_int_equal(text_format(cases[i].source, values, &text, entities, &error), 0);
		assert_string_equal(buf_text(&text), cases[i].text);
		assert_string_equal(json_line(entities), cases[i].entities);
		json_object_put(entities);
		buf_free(&text);
	}
}

static void a_text_that_does_not_fit_is_an_error(void **state)
{
	static const struct text_value values[] = {{"code", "123456"}, {NULL, NULL}};
	struct buf text = BUF_INIT(5);
	struct error error;

	(void)state;
	assert_int_equal(text_format("{code}", values, &text, NULL, &error), -1);
	assert_int_equal(error.kind, ERROR_BUG);
	buf_free(&text);
}

static void every_text_has_a_name_and_a_default(void **state)
{
	struct config config = {.file = NULL};

	(void)state;
	for (int id = 0; id < TEXT_COUNT; id++) {
		assert_non_null(text_name((enum text_id)id));
		assert_true(strlen(text_get(&config, (enum text_id)id)) > 0);
		for (int other = 0; other < id; other++)
			assert_string_not_equal(text_name((enum text_id)id), text_name((enum text_id)other));
	}
}

/* Who replaces a text has to know what it may contain. */
static void check_line_of_page(const char *page, const char *name, const char *text)
{
	char start[64];
	const char *line, *end, *brace;

	snprintf(start, sizeof start, "\n.It Li %s Ta ", name);
	line = strstr(page, start);
	if (line == NULL)
		fail_msg("%s is not in tg-dispatch(8)", name);
	end = strchr(line + 1, '\n');
	assert_non_null(end);
	for (brace = strchr(text, '{'); brace != NULL; brace = strchr(brace + 1, '{')) {
		size_t len = strcspn(brace, "}") + 1;
		const char *found = memmem(line, (size_t)(end - line), brace, len);

		if (found == NULL)
			fail_msg("%.*s of %s is not in tg-dispatch(8)", (int)len, brace, name);
	}
}

static void every_text_and_its_values_stand_in_the_page(void **state)
{
	struct config config = {.file = NULL};
	struct buf page = BUF_INIT(1 << 20);
	struct error error;

	(void)state;
	assert_int_equal(fd_read_file("man/man8/tg-dispatch.8", &page, &error), 0);
	for (int id = 0; id < TEXT_COUNT; id++)
		check_line_of_page(
		    buf_text(&page), text_name((enum text_id)id), text_get(&config, (enum text_id)id));
	buf_free(&page);
}

static void durations_are_in_words(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {{600000, "10 minutes"}, {60000, "1 minute"}, {90000, "90 seconds"}, {3600000, "1 hour"},
	    {5400000, "90 minutes"}, {86400000, "1 day"}, {172800000, "2 days"}, {1000, "1 second"},
	    {0, "0 seconds"}};
	char text[TEXT_DURATION_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(text_duration(cases[i].ms, text), cases[i].text);
}

/* ---- lines ---- */

/* Feeds text through a pipe in pieces of step bytes; the result is "line|line|TOO LONG|last". */
static char *read_lines(const char *text, size_t step, size_t max)
{
	struct buf result = BUF_INIT(1000);
	struct lines lines;
	const char *line;
	size_t len, total = strlen(text);
	enum lines_result got;
	int ends[2];

	lines_init(&lines, max);
	assert_int_equal(pipe(ends), 0);
	for (size_t at = 0; at <= total; at += step) {
		size_t piece = total - at < step ? total - at : step;

		assert_int_equal(write(ends[1], text + at, piece), piece);
		for (ssize_t left = (ssize_t)piece; left > 0;) {
			left -= lines_read(&lines, ends[0]);
			while ((got = lines_next(&lines, &line, &len)) != LINES_NONE)
				buf_add_format(&result, "%.*s|", got == LINES_LINE ? (int)len : 8,
				    got == LINES_LINE ? line : "TOO LONG");
		}
	}
	if (lines_last(&lines, &line, &len) == LINES_LINE)
		buf_add_format(&result, "%.*s", (int)len, line);
	buf_add_format(&result, " %d", (int)lines.number);
	lines_free(&lines);
	close(ends[0]);
	close(ends[1]);
	return result.data;
}

static void lines_are_cut_capped_and_counted(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {{"", " 0"}, {"a\n", "a| 1"}, {"a\nb\n", "a|b| 2"}, {"a\n\nb", "a||b 3"},
	    {"1234567\nb\n", "1234567|b| 2"}, {"12345678\nb\n", "TOO LONG|b| 2"},
	    {"123456789012345678901234567890\nb\n", "TOO LONG|b| 2"},
	    {"12345678901234\n12345678901234\nb", "TOO LONG|TOO LONG|b 3"},
	    {"a\n12345678901234", "a|TOO LONG| 2"}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t step = 1; step < 40; step++) {
			char *result = read_lines(cases[i].text, step, 8);

			assert_string_equal(result, cases[i].expected);
			free(result);
		}
	}
}

/* ---- with a store ---- */

struct fixture {
	char directory[64];
	char *operators[1];
	struct config config;
	struct dispatch dispatch;
	const struct awaited *awaited; /* by the next update */
	struct command_table rows;
	struct wish wish; /* of the last one */
	struct buf out;
	struct error error;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);

	snprintf(f->directory, sizeof f->directory, "/tmp/tgt-disp.XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	f->operators[0] = "root";
	f->config.access.operators = (struct config_list){f->operators, 1};
	f->config.codes.lifetime_ms = 10 * MINUTE_MS;
	f->config.codes.tries = 5;
	f->dispatch.config = &f->config;
	f->rows = commands_builtin();
	f->dispatch.table = &f->rows;
	assert_int_equal(store_open(f->directory, MAP_BYTES, &f->dispatch.store, &f->error), 0);
	f->dispatch.accounts = accounts_new(NULL);
	buf_init(&f->out, 1 << 20);
	log_open("test", false, LOG_ERROR);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"data.mdb", "lock.mdb"};
	struct fixture *f = *state;
	char *path;

	accounts_free(f->dispatch.accounts);
	store_close(f->dispatch.store);
	for (size_t i = 0; i < COUNT(names); i++) {
		path = path_join(f->directory, names[i]);
		unlink(path);
		free(path);
	}
	path = path_join(f->directory, "spool");
	rmdir(path);
	free(path);
	rmdir(f->directory);
	wish_clear(&f->wish);
	buf_free(&f->out);
	free(f);
	return 0;
}

static int update_at(struct fixture *f, struct json_object *object, int64_t now_ms)
{
	struct incoming incoming = {.object = object, .awaited = f->awaited};

	wish_clear(&f->wish);
	return dispatch_update(&f->dispatch, &incoming, now_ms, &f->wish, &f->out, &f->error);
}

/* The line that an update in that form causes. */
static const char *line_for(struct fixture *f, const char *update)
{
	struct json_object *object = parse(update);

	buf_clear(&f->out);
	if (update_at(f, object, MINUTE_MS) != 0)
		fail_msg("%s: %s", update, f->error.text);
	json_object_put(object);
	return buf_text(&f->out);
}

/* The text that a message causes; NULL: no call. The caller frees it. */
static char *answer_to(struct fixture *f, int64_t update_id, int64_t chat, const char *type, const char *text)
{
	char *update = xasprintf("{\"update_id\":%lld,\"message\":{\"message_id\":1,\"chat\":{\"id\":%lld,"
				 "\"type\":\"%s\"}," FROM ",\"text\":\"%s\"}}",
	    (long long)update_id, (long long)chat, type, text);
	struct json_object *line = parse(line_for(f, update)), *calls = NULL, *call;
	char *answer = NULL;

	assert_int_equal(json_int64(line, "update_id"), update_id);
	assert_int_equal(json_get_array(line, "calls", &calls, &f->error), 1);
	if (json_object_array_length(calls) > 0) {
		assert_int_equal(json_object_array_length(calls), 1);
		call = json_object_array_get_idx(calls, 0);
		assert_string_equal(json_text(call, "method"), "sendMessage");
		assert_int_equal(json_int64(call, "chat_id"), chat);
		answer = xstrdup(json_text(call, "text"));
	}
	json_object_put(line);
	free(update);
	return answer;
}

static void expect(struct fixture *f, int64_t chat, const char *type, const char *text, const char *expected)
{
	char *answer = answer_to(f, 1000, chat, type, text);

	if ((answer != NULL) != (expected != NULL) || (expected != NULL && strstr(answer, expected) == NULL))
		fail_msg("'%s': '%s', expected '%s'", text, answer ? answer : "", expected ? expected : "");
	free(answer);
}

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

static void put_link(struct fixture *f, int64_t chat, const char *user, bool paused)
{
	struct store_link link = {.chat = chat, .linked_ms = 1769846400000, .paused = paused};
	struct store_txn *txn = begin(f);

	snprintf(link.user, sizeof link.user, "%s", user);
	assert_int_equal(store_link_put(txn, &link, &f->error), 0);
	commit(f, txn);
}

static int get_link(struct fixture *f, int64_t chat, struct store_link *link)
{
	struct store_txn *txn = begin(f);
	int found = store_link_of_chat(txn, chat, link, &f->error);

	store_abort(txn);
	return found;
}

static void journal(struct fixture *f, int64_t update_id)
{
	struct store_txn *txn = begin(f);

	assert_int_equal(store_inbox_add(txn, update_id, "{}", 2, MINUTE_MS, &f->error), 1);
	commit(f, txn);
}

/* The code in an answer. */
static void find_code(const char *answer, char code[STORE_CODE_BYTES])
{
	assert_int_equal(sscanf(answer, "Your code is %6[0-9]\n", code), 1);
	assert_int_equal(strlen(code), 6);
}

static enum store_code_result take(struct fixture *f, const char *code, struct store_code *taken)
{
	struct store_txn *txn = begin(f);

	assert_int_equal(store_code_take(txn, "root", code, MINUTE_MS, 5, taken, &f->error), 0);
	commit(f, txn);
	return taken->result;
}

static void start_gives_a_code_and_makes_the_one_before_invalid(void **state)
{
	struct fixture *f = *state;
	char *first = answer_to(f, 1, 77, "private", "/start"),
	     *second = answer_to(f, 2, 77, "private", "/start");
	char first_code[STORE_CODE_BYTES], second_code[STORE_CODE_BYTES];
	struct store_code taken;

	find_code(first, first_code);
	find_code(second, second_code);
	assert_non_null(strstr(second, "tg-link verify "));
	assert_non_null(strstr(second, "valid for 10 minutes"));
	assert_int_equal(take(f, first_code, &taken), STORE_CODE_WRONG);
	assert_int_equal(take(f, second_code, &taken), STORE_CODE_TAKEN);
	assert_int_equal(taken.chat, 77);
	assert_string_equal(taken.chat_name, "alice");
	free(first);
	free(second);
}

static void an_update_that_comes_again_is_answered_the_same(void **state)
{
	struct fixture *f = *state;
	char *first, *again, *other;
	char code[STORE_CODE_BYTES];
	struct store_code taken;

	journal(f, 5);
	first = answer_to(f, 5, 77, "private", "/start");
	again = answer_to(f, 5, 77, "private", "/start");
	assert_string_equal(again, first);
	find_code(again, code);
	assert_int_equal(take(f, code, &taken), STORE_CODE_TAKEN);
	/* What is not in the inbox is nobody's to repeat. */
	other = answer_to(f, 6, 77, "private", "/start");
	free(again);
	again = answer_to(f, 6, 77, "private", "/start");
	assert_string_not_equal(again, other);
	free(first);
	free(again);
	free(other);
}

static void unlink_that_comes_again_is_answered_the_same(void **state)
{
	struct fixture *f = *state;
	struct store_link link;
	char *first, *again;

	put_link(f, 77, "root", false);
	journal(f, 5);
	first = answer_to(f, 5, 77, "private", "/unlink");
	assert_non_null(strstr(first, "Unlinked from root."));
	assert_int_equal(get_link(f, 77, &link), 0);
	again = answer_to(f, 5, 77, "private", "/unlink");
	assert_string_equal(again, first);
	expect(f, 77, "private", "/unlink", "Access denied. Your Telegram id is");
	free(first);
	free(again);
}

static void a_linked_chat_is_told_so(void **state)
{
	struct fixture *f = *state;

	put_link(f, 77, "root", false);
	expect(f, 77, "private", "/start", "This chat is linked to root.");
	expect(f, 77, "private", "/whoami", "linked to root since 2026-01-31 08:00 UTC.\nChat id: 77");
	expect(f, 77, "private", "/nonsense", "Unknown command. Use /help for the list.");
	expect(f, 77, "private", "hello", "Unknown command. Use /help for the list.");
	expect(f, 77, "private", "/help", "/unlink - ");
}

static void an_unlinked_chat_is_told_how_to_link(void **state)
{
	struct fixture *f = *state;
	char *help = answer_to(f, 1, 78, "private", "/help");

	expect(f, 78, "private", "/whoami", "Chat id: 78");
	expect(f, 78, "private", "/nonsense", "Access denied. Your Telegram id is");
	expect(f, 78, "private", "hello", "Access denied. Your Telegram id is");
	expect(f, 78, "private", "/unlink", "Access denied. Your Telegram id is");
	assert_non_null(strstr(help, "/start - "));
	assert_null(strstr(help, "/unlink"));
	free(help);
}

static void start_resumes_a_paused_link(void **state)
{
	struct fixture *f = *state;
	struct store_link link;

	put_link(f, 77, "root", true);
	expect(f, 77, "private", "/whoami", "paused");
	expect(f, 77, "private", "/start", "arrive here again");
	assert_int_equal(get_link(f, 77, &link), 1);
	assert_false(link.paused);
	assert_string_equal(link.user, "root");
	assert_int_equal(link.linked_ms, 1769846400000);
	expect(f, 77, "private", "/start", "Notifications for root arrive here.");
}

/* What Telegram tells when a person blocks the bot or lets it in again, as the status of the bot there. */
static void member(struct fixture *f, int64_t chat, const char *status)
{
	char update[256], expected[64];

	snprintf(update, sizeof update,
	    "{\"update_id\":1,\"my_chat_member\":{\"chat\":{\"id\":%lld,\"type\":\"private\"}," FROM
	    ",\"new_chat_member\":{\"status\":\"%s\"}}}",
	    (long long)chat, status);
	snprintf(expected, sizeof expected, "{\"update_id\":1,\"calls\":[]}\n");
	assert_string_equal(line_for(f, update), expected);
}

static bool is_paused(struct fixture *f, int64_t chat)
{
	struct store_link link;

	assert_int_equal(get_link(f, chat, &link), 1);
	assert_string_equal(link.user, "no-such-account");
	return link.paused;
}

/* Also where the account cannot be looked up just now: it is not asked for. */
static void blocking_the_bot_pauses_the_link_and_unblocking_resumes_it(void **state)
{
	struct fixture *f = *state;
	struct store_link link;

	put_link(f, 77, "no-such-account", false);
	put_link(f, 78, "no-such-account", false);
	member(f, 77, "kicked");
	assert_true(is_paused(f, 77));
	assert_false(is_paused(f, 78));
	member(f, 77, "restricted");
	assert_true(is_paused(f, 77));
	member(f, 77, "member");
	assert_false(is_paused(f, 77));
	member(f, 77, "left");
	assert_true(is_paused(f, 77));
	member(f, 77, "administrator");
	assert_false(is_paused(f, 77));
	member(f, 5, "kicked");
	assert_int_equal(get_link(f, 5, &link), 0);
}

static void a_link_with_an_account_that_is_gone_is_none(void **state)
{
	struct fixture *f = *state;

	put_link(f, 77, "no-such-account", false);
	expect(f, 77, "private", "/whoami", "not linked");
	expect(f, 77, "private", "/start", "Your code is ");
	expect(f, 77, "private", "/unlink", "Access denied. Your Telegram id is");
	expect(f, 77, "private", "x", "Access denied. Your Telegram id is");
}

static void groups_hear_only_what_they_ask_for(void **state)
{
	struct fixture *f = *state;
	struct store_txn *txn = begin(f);

	assert_int_equal(store_bot_name_set(txn, "OurBot", &f->error), 0);
	commit(f, txn);
	expect(f, -5, "group", "/start", NULL);
	expect(f, -5, "group", "/start@OurBot", "private chat with @OurBot");
	expect(f, -5, "supergroup", "/unlink@ourbot", "private chat with @OurBot");
	expect(f, -5, "group", "/whoami", "Chat id of this group: -5");
	expect(f, -5, "group", "/help@OurBot", "/whoami - ");
	expect(f, -5, "group", "/nonsense@OurBot", "Access denied.");
	expect(f, -5, "group", "/help", "Commands:\n/help - ");
	expect(f, -5, "group", "/nonsense", NULL);
	expect(f, -5, "group", "/start@OtherBot", NULL);
	expect(f, -5, "group", "hello", NULL);
	expect(f, -5, "channel", "/start", NULL);
}

static void a_topic_gets_its_answer(void **state)
{
	struct fixture *f = *state;
	const char *line =
	    line_for(f, "{\"update_id\":1,\"message\":{\"chat\":{\"id\":-5,\"type\":\"supergroup\"}," FROM
			",\"message_thread_id\":3,\"is_topic_message\":true,\"text\":\"/whoami\"}}");

	assert_non_null(strstr(line, "\"chat_id\":-5,\"message_thread_id\":3,"));
}

static void a_tap_stops_spinning(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(line_for(f, "{\"update_id\":1,\"callback_query\":{\"id\":\"q1\"," FROM "}}"),
	    "{\"update_id\":1,\"calls\":[{\"method\":\"answerCallbackQuery\",\"callback_query_id\":\"q1\","
	    "\"text\":\"This button is no longer valid.\"}]}\n");
}

static void what_is_malformed_or_unknown_is_acknowledged(void **state)
{
	static const char *const updates[] = {"{\"update_id\":1}", "{\"update_id\":1,\"message\":5}",
	    "{\"update_id\":1,\"message\":{" CHAT "," FROM ",\"text\":[]}}",
	    "{\"update_id\":1,\"edited_message\":{" CHAT "," FROM ",\"text\":\"/start\"}}",
	    "{\"update_id\":1,\"my_chat_member\":{" CHAT "," FROM "}}",
	    "{\"update_id\":1,\"message\":{" CHAT "," FROM ",\"new_chat_members\":[]}}"};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(updates); i++)
		assert_string_equal(line_for(f, updates[i]), "{\"update_id\":1,\"calls\":[]}\n");
}

static void texts_can_be_replaced(void **state)
{
	struct config_text texts[] = {{"start_linked", "Hallo {user}!", 1}, {"help_whoami", "wer", 2}};
	struct fixture *f = *state;

	f->config.texts = texts;
	f->config.texts_count = COUNT(texts);
	put_link(f, 77, "root", false);
	expect(f, 77, "private", "/start", "Hallo root!");
	expect(f, 77, "private", "/help", "/whoami - wer");
}

static int break_down(struct request *request, struct error *error)
{
	request->changed = true;
	if (store_link_remove(request->txn, request->update->chat, error) < 0)
		return -1;
	return error_set(error, ERROR_BUG, "broken on purpose");
}

static int run_out_of_room(struct request *request, struct error *error)
{
	(void)request;
	return error_set(error, ERROR_TEMPORARY, "full on purpose");
}

static const struct command failing_rows[] = {
    {"bug", "Fails", "anyone", CHAT_PRIVATE | CHAT_GROUP, COMMAND_WRITES, break_down, NULL, false},
    {"full", "Fails for now", "anyone", CHAT_PRIVATE, COMMAND_WRITES, run_out_of_room, NULL, false},
    {"secret", "For operators", "operator", CHAT_PRIVATE, COMMAND_READS, break_down, NULL, false}};

static void a_handler_that_fails_changes_nothing_and_apologises(void **state)
{
	struct fixture *f = *state;
	struct store_link link;

	f->rows = (struct command_table){.rows = failing_rows, .count = COUNT(failing_rows)};
	log_open("test", false, (enum log_level)(LOG_ERROR + 1));
	put_link(f, 77, "root", false);
	expect(f, 77, "private", "/bug", "Sorry, this failed");
	expect(f, -5, "group", "/bug", NULL);
	assert_int_equal(get_link(f, 77, &link), 1);
}

static void a_temporary_failure_is_not_answered(void **state)
{
	struct json_object *object =
	    parse("{\"update_id\":1,\"message\":{" CHAT "," FROM ",\"text\":\"/full\"}}");
	struct fixture *f = *state;

	f->rows = (struct command_table){.rows = failing_rows, .count = COUNT(failing_rows)};
	assert_int_equal(update_at(f, object, 0), -1);
	assert_int_equal(f->error.kind, ERROR_TEMPORARY);
	assert_int_equal(f->out.len, 0);
	json_object_put(object);
}

static void operators_alone_see_what_is_theirs(void **state)
{
	struct fixture *f = *state;
	struct command_table table = commands_builtin();
	struct command *rows = xcalloc(table.count + 1, sizeof *rows);
	char *help;

	memcpy(rows, table.rows, table.count * sizeof *rows);
	rows[table.count] = failing_rows[2];
	f->rows = (struct command_table){.rows = rows, .count = table.count + 1};
	expect(f, 77, "private", "/secret", "Access denied. Your Telegram id is");
	put_link(f, 77, "root", false);
	expect(f, 77, "private", "/help", "/secret - For operators");
	f->config.access.operators.count = 0;
	expect(f, 77, "private", "/secret", "You may not use this.");
	help = answer_to(f, 1, 77, "private", "/help");
	assert_null(strstr(help, "/secret"));
	free(help);
	free(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_update_is_read_or_refused),
	    cmocka_unit_test(without_an_update_id_it_is_no_update),
	    cmocka_unit_test(a_username_is_one_or_is_left_out),
	    cmocka_unit_test(a_command_is_a_word_after_a_slash),
	    cmocka_unit_test(a_route_is_a_function_of_text_chat_and_name),
	    cmocka_unit_test(nobody_answers_bots_and_events),
	    cmocka_unit_test(access_is_by_link_list_and_group),
	    cmocka_unit_test(names_in_the_table_are_ones_that_telegram_takes),
	    cmocka_unit_test(values_and_monospace_are_filled_in),
	    cmocka_unit_test(a_text_that_does_not_fit_is_an_error),
	    cmocka_unit_test(every_text_has_a_name_and_a_default),
	    cmocka_unit_test(every_text_and_its_values_stand_in_the_page),
	    cmocka_unit_test(durations_are_in_words),
	    cmocka_unit_test(lines_are_cut_capped_and_counted),
	    cmocka_unit_test_setup_teardown(
		start_gives_a_code_and_makes_the_one_before_invalid, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_update_that_comes_again_is_answered_the_same, setup, teardown),
	    cmocka_unit_test_setup_teardown(unlink_that_comes_again_is_answered_the_same, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_linked_chat_is_told_so, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_unlinked_chat_is_told_how_to_link, setup, teardown),
	    cmocka_unit_test_setup_teardown(start_resumes_a_paused_link, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		blocking_the_bot_pauses_the_link_and_unblocking_resumes_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_link_with_an_account_that_is_gone_is_none, setup, teardown),
	    cmocka_unit_test_setup_teardown(groups_hear_only_what_they_ask_for, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_topic_gets_its_answer, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_tap_stops_spinning, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_malformed_or_unknown_is_acknowledged, setup, teardown),
	    cmocka_unit_test_setup_teardown(texts_can_be_replaced, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_handler_that_fails_changes_nothing_and_apologises, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_temporary_failure_is_not_answered, setup, teardown),
	    cmocka_unit_test_setup_teardown(operators_alone_see_what_is_theirs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
