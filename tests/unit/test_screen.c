/*
 * What a person sees of a running script, with times made up: when which message is sent and edited, that
 * none is edited too often or refused by Telegram, and that everything printed is seen exactly once.
 */
#include "tg-dispatch/screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text.h"
#include "utf8.h"
#include "xalloc.h"

enum { PARTS_MAX = 64, TEXT_BYTES = 1 << 20 };

/* A chat that shows what the screen says, and complains where Telegram or a person would. */
struct chat {
	struct screen *screen;
	int64_t now_ms;
	int64_t parts;
	char *texts[PARTS_MAX];
	size_t pre_bytes[PARTS_MAX];
	bool live[PARTS_MAX], late[PARTS_MAX];
	int64_t shown_ms[PARTS_MAX], first_ms[PARTS_MAX];
	int64_t sends, edits, last_ms;
	struct buf rest;
};

static int setup(void **state)
{
	struct chat *chat = xcalloc(1, sizeof *chat);

	chat->screen = screen_new(&(struct screen_words){"runs", "has ended", "more"}, 0);
	chat->rest = BUF_INIT(8 << 20);
	*state = chat;
	return 0;
}

static int teardown(void **state)
{
	struct chat *chat = *state;

	for (int i = 0; i < PARTS_MAX; i++)
		free(chat->texts[i]);
	screen_free(chat->screen);
	buf_free(&chat->rest);
	free(chat);
	return 0;
}

/* The bytes of so many UTF-16 units. */
static size_t units_length(const char *text, size_t units)
{
	size_t len = 0;

	while (units > 0) {
		size_t length = utf8_decode(text + len, strnlen(text + len, 4), NULL);

		assert_in_range(length, 1, 4);
		assert_true(units >= (length == 4 ? 2 : 1));
		units -= length == 4 ? 2 : 1;
		len += length;
	}
	return len;
}

static void take(struct chat *chat, const struct screen_message *message)
{
	int64_t i = message->part - 1;

	assert_in_range(message->part, 1, PARTS_MAX - 1);
	assert_true(utf8_is_valid(message->text, strlen(message->text)));
	assert_in_range(utf8_count(message->text, strlen(message->text)), 1, 4096);
	assert_false(text_is_blank(message->text, strlen(message->text)));
	if (chat->texts[i] != NULL) {
		assert_true(chat->now_ms - chat->shown_ms[i] >= SCREEN_EDIT_MS);
		assert_true(strcmp(chat->texts[i], message->text) != 0 || chat->live[i] != message->is_live);
		chat->edits++;
	} else {
		assert_int_equal(message->part, chat->parts + 1);
		chat->parts = message->part;
		chat->first_ms[i] = chat->now_ms;
		chat->sends++;
	}
	free(chat->texts[i]);
	chat->texts[i] = xstrdup(message->text);
	chat->pre_bytes[i] = units_length(message->text, message->pre_length);
	chat->live[i] = message->is_live;
	chat->late[i] = message->is_late;
	chat->shown_ms[i] = chat->last_ms = chat->now_ms;
}

static void look(struct chat *chat)
{
	struct screen_message message;

	while (screen_next(chat->screen, chat->now_ms, &message))
		take(chat, &message);
	assert_true(screen_due_ms(chat->screen) > chat->now_ms);
	buf_add(&chat->rest, buf_text(screen_rest(chat->screen)), screen_rest(chat->screen)->len);
	buf_clear(screen_rest(chat->screen));
}

/* Lets time pass; what is due on the way is shown. */
static void pass_to(struct chat *chat, int64_t now_ms)
{
	while (screen_due_ms(chat->screen) <= now_ms) {
		if (screen_due_ms(chat->screen) > chat->now_ms)
			chat->now_ms = screen_due_ms(chat->screen);
		look(chat);
	}
	chat->now_ms = now_ms;
}

static void print_at(struct chat *chat, int64_t now_ms, const char *text)
{
	pass_to(chat, now_ms);
	screen_output(chat->screen, text, strlen(text), now_ms);
	look(chat);
}

static void end_at(struct chat *chat, int64_t now_ms, const char *line, enum screen_line when)
{
	pass_to(chat, now_ms);
	screen_end(chat->screen, line, when, now_ms);
	look(chat);
}

static void finish(struct chat *chat)
{
	pass_to(chat, chat->now_ms + 10000);
	assert_true(screen_is_told(chat->screen));
	assert_true(screen_is_done(chat->screen));
	for (int64_t i = 0; i < chat->parts; i++)
		assert_false(chat->live[i]);
}

static void without_space(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr(" \n\t", text[i]) == NULL)
			buf_add(out, text + i, 1);
	}
}

/* All output that the chat shows, in its order, and the rest, without white space. */
static char *all_output(struct chat *chat)
{
	struct buf all = BUF_INIT(8 << 20);

	for (int64_t i = 0; i < chat->parts; i++)
		without_space(&all, chat->texts[i], chat->pre_bytes[i]);
	without_space(&all, buf_text(&chat->rest), chat->rest.len);
	return all.data != NULL ? all.data : xstrdup("");
}

static void check_output(struct chat *chat, const char *printed)
{
	struct buf clean = BUF_INIT(8 << 20), expected = BUF_INIT(8 << 20);
	char *all = all_output(chat);

	text_add_clean(&clean, printed, strlen(printed));
	without_space(&expected, buf_text(&clean), clean.len);
	if (strcmp(all, buf_text(&expected)) != 0)
		fail_msg("%zu characters are shown, %zu were printed", strlen(all), expected.len);
	free(all);
	buf_free(&clean);
	buf_free(&expected);
}

static void what_ends_at_once_is_one_message(void **state)
{
	struct chat *chat = *state;

	print_at(chat, 50, "one\n");
	print_at(chat, 400, "two\n\n");
	end_at(chat, 900, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_int_equal(chat->sends, 1);
	assert_string_equal(chat->texts[0], "one\ntwo\nexit status 0");
	assert_int_equal(chat->pre_bytes[0], 7);
	assert_false(chat->live[0]);
	assert_int_equal(chat->last_ms, 900);
	finish(chat);
	assert_int_equal(chat->edits, 0);
}

static void without_output_the_last_line_is_the_message(void **state)
{
	struct chat *chat = *state;

	print_at(chat, 50, " \n\n\t\n\xe2\x80\x8b\n");
	end_at(chat, 100, "exit status 3", SCREEN_LINE_ALWAYS);
	assert_string_equal(chat->texts[0], "exit status 3");
	assert_int_equal(chat->pre_bytes[0], 0);
	finish(chat);
}

/* A program that says at once what it has to say, and no more. */
static void plain_output_speaks_for_itself(void **state)
{
	struct chat *chat = *state;

	print_at(chat, 50, "up 6 days\n");
	end_at(chat, 60, "exit status 0", SCREEN_LINE_UNLESS_PLAIN);
	assert_string_equal(chat->texts[0], "up 6 days");
	assert_int_equal(chat->pre_bytes[0], 9);
	finish(chat);
	assert_int_equal(chat->sends, 1);
}

static void without_output_an_end_is_said(void **state)
{
	struct chat *chat = *state;

	print_at(chat, 50, "\n");
	end_at(chat, 60, "exit status 0", SCREEN_LINE_UNLESS_PLAIN);
	assert_string_equal(chat->texts[0], "exit status 0");
	finish(chat);
}

static void what_was_shown_live_has_an_end(void **state)
{
	struct chat *chat = *state;

	print_at(chat, 50, "one\n");
	pass_to(chat, 2000);
	end_at(chat, 4000, "exit status 0", SCREEN_LINE_UNLESS_PLAIN);
	assert_string_equal(chat->texts[0], "one\nexit status 0");
	finish(chat);
}

static void what_need_not_be_said_is_not_said(void **state)
{
	struct chat *chat = *state;

	print_at(chat, 50, "\n");
	end_at(chat, 100, "exit status 0", SCREEN_LINE_WITH_OUTPUT);
	finish(chat);
	assert_int_equal(chat->sends, 0);
}

static void a_quiet_end_takes_the_button_away(void **state)
{
	struct chat *chat = *state;

	pass_to(chat, 3500);
	assert_string_equal(chat->texts[0], "runs");
	assert_true(chat->live[0]);
	end_at(chat, 3500, "exit status 0", SCREEN_LINE_WITH_OUTPUT);
	finish(chat);
	assert_int_equal(chat->sends, 1);
	assert_string_equal(chat->texts[0], "has ended");
	assert_int_equal(chat->shown_ms[0], 3000 + SCREEN_EDIT_MS);
}

static void silence_is_said_to_be_running(void **state)
{
	struct chat *chat = *state;

	pass_to(chat, 2999);
	assert_int_equal(chat->sends, 0);
	pass_to(chat, 3000);
	assert_string_equal(chat->texts[0], "runs");
	assert_true(chat->live[0]);
	pass_to(chat, 60000);
	assert_int_equal(chat->edits, 0);
	print_at(chat, 60000, "here\n");
	pass_to(chat, 60000 + SCREEN_SETTLE_MS);
	assert_string_equal(chat->texts[0], "here");
	assert_true(chat->live[0]);
	end_at(chat, 70000, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_string_equal(chat->texts[0], "here\nexit status 0");
	finish(chat);
	assert_int_equal(chat->sends, 1);
}

static void a_steady_flow_is_an_edit_every_two_seconds(void **state)
{
	struct chat *chat = *state;
	char line[32];
	struct buf all = BUF_INIT(TEXT_BYTES);

	for (int i = 0; i < 600; i++) {
		snprintf(line, sizeof line, "line number %d\n", i);
		buf_add_text(&all, line);
		print_at(chat, 100 * i, line);
	}
	end_at(chat, 60000, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_true(chat->now_ms - chat->last_ms <= SCREEN_EDIT_MS);
	finish(chat);
	check_output(chat, buf_text(&all));
	assert_true(chat->last_ms <= 62000);
	assert_in_range(chat->edits + chat->sends, 30, 40);
	assert_in_range(chat->sends, 4, 5);
	for (int64_t i = 0; i < chat->parts; i++) {
		assert_in_range(chat->pre_bytes[i], 1, SCREEN_PART_CHARACTERS);
		/* A message ends where a line does. */
		assert_true(strncmp(chat->texts[i], "line number ", 12) == 0 ||
			    strcmp(chat->texts[i], "exit status 0") == 0);
	}
	buf_free(&all);
}

static void the_end_is_an_edit_where_that_is_soon_allowed(void **state)
{
	struct chat *chat = *state;

	print_at(chat, 0, "one\n");
	pass_to(chat, 1000);
	assert_string_equal(chat->texts[0], "one");
	print_at(chat, 2400, "two\n");
	end_at(chat, 1000 + SCREEN_EDIT_MS - SCREEN_PATIENCE_MS, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_false(screen_is_told(chat->screen));
	pass_to(chat, 1000 + SCREEN_EDIT_MS);
	assert_true(screen_is_told(chat->screen));
	assert_string_equal(chat->texts[0], "one\ntwo\nexit status 0");
	finish(chat);
	assert_int_equal(chat->sends, 1);
}

static void the_end_is_a_message_of_its_own_where_it_is_not(void **state)
{
	struct chat *chat = *state;

	print_at(chat, 0, "one\ntw");
	pass_to(chat, 1000);
	assert_string_equal(chat->texts[0], "one\ntw");
	print_at(chat, 1100, "o\nthree\n");
	end_at(chat, 1200, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_int_equal(chat->now_ms, 1200);
	assert_string_equal(chat->texts[1], "two\nthree\nexit status 0");
	assert_true(screen_is_told(chat->screen));
	assert_true(chat->live[0]);
	finish(chat);
	assert_string_equal(chat->texts[0], "one");
	assert_int_equal(chat->shown_ms[0], 1000 + SCREEN_EDIT_MS);
	/* Who else has something to show goes before that edit. */
	assert_true(chat->late[0]);
	assert_false(chat->late[1]);
	check_output(chat, "one\ntwo\nthree\n");
}

static void an_end_without_more_output_is_the_last_line_alone(void **state)
{
	struct chat *chat = *state;

	print_at(chat, 0, "one\n");
	pass_to(chat, 1000);
	end_at(chat, 1200, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_string_equal(chat->texts[1], "exit status 0");
	finish(chat);
	assert_string_equal(chat->texts[0], "one");
	check_output(chat, "one\n");
}

static void output_after_the_word_that_it_runs_takes_its_place_or_stands_alone(void **state)
{
	struct chat *chat = *state;

	pass_to(chat, 3000);
	print_at(chat, 3100, "late\n");
	end_at(chat, 3200, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_string_equal(chat->texts[1], "late\nexit status 0");
	finish(chat);
	assert_string_equal(chat->texts[0], "has ended");
	check_output(chat, "late\n");
}

static void a_progress_bar_shows_its_last_state(void **state)
{
	struct chat *chat = *state;
	char bar[64];

	print_at(chat, 0, "start\n");
	for (int i = 0; i <= 100000; i += 10) {
		snprintf(bar, sizeof bar, "\r\x1b[32m%d%%\x1b[0m", i / 1000);
		print_at(chat, i / 10, bar);
	}
	pass_to(chat, 10000 + 2 * SCREEN_EDIT_MS);
	assert_string_equal(chat->texts[0], "start\n100%");
	print_at(chat, 20000, "\r\n");
	end_at(chat, 20000, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_string_equal(chat->texts[0], "start\n100%\nexit status 0");
	finish(chat);
	assert_int_equal(chat->sends, 1);
}

static void a_progress_bar_that_changes_at_the_end_is_shown_once(void **state)
{
	struct chat *chat = *state;

	print_at(chat, 0, "45%");
	pass_to(chat, 1000);
	print_at(chat, 1100, "\r100%\n");
	end_at(chat, 1200, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_string_equal(chat->texts[1], "exit status 0");
	finish(chat);
	assert_string_equal(chat->texts[0], "100%");
}

static void one_endless_line_is_cut_and_the_rest_goes_into_a_document(void **state)
{
	struct chat *chat = *state;
	char *line = xmalloc(100001);
	size_t shown = 0;

	for (int i = 0; i < 100000; i++)
		line[i] = (char)('a' + i % 23);
	line[100000] = '\0';
	for (int i = 0; i < 100000; i += 10000) {
		char piece[10001];

		memcpy(piece, line + i, 10000);
		piece[10000] = '\0';
		print_at(chat, i / 1000, piece);
	}
	pass_to(chat, 5000);
	assert_true(chat->live[chat->parts - 1]);
	end_at(chat, 5000, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_true(screen_has_rest(chat->screen));
	assert_string_equal(screen_last_line(chat->screen), "exit status 0");
	finish(chat);
	check_output(chat, line);
	for (int64_t i = 0; i < chat->parts; i++)
		shown += chat->pre_bytes[i];
	assert_int_equal(shown, SCREEN_TOTAL_CHARACTERS);
	assert_int_equal(chat->rest.len, 100000 - SCREEN_TOTAL_CHARACTERS);
	assert_true(strstr(chat->texts[chat->parts - 1], "\nmore") != NULL);
	free(line);
}

/* The newline at the end of what just fits is no reason for a document with nothing in it. */
static void a_rest_without_anything_to_see_is_none(void **state)
{
	struct chat *chat = *state;
	char *line = xmalloc(SCREEN_TOTAL_CHARACTERS + 1);

	memset(line, 'x', SCREEN_TOTAL_CHARACTERS);
	line[SCREEN_TOTAL_CHARACTERS] = '\0';
	print_at(chat, 0, line);
	print_at(chat, 10, "\n");
	print_at(chat, 5000, "  \n");
	end_at(chat, 9000, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_false(screen_has_rest(chat->screen));
	finish(chat);
	assert_true(strstr(chat->texts[chat->parts - 1], "x\nexit status 0") != NULL);
	free(line);
}

static void lines_above_the_total_go_whole_into_the_rest(void **state)
{
	struct chat *chat = *state;
	struct buf all = BUF_INIT(TEXT_BYTES);
	char line[128];

	for (int i = 0; i < 2000; i++) {
		snprintf(line, sizeof line, "%d %s\n", i, "the quick brown fox jumps over the lazy dog");
		buf_add_text(&all, line);
	}
	screen_output(chat->screen, all.data, all.len, 0);
	look(chat);
	end_at(chat, 100, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_true(screen_is_told(chat->screen));
	finish(chat);
	check_output(chat, buf_text(&all));
	for (int64_t i = 1; i < chat->parts; i++)
		assert_true(chat->texts[i][0] >= '0' && chat->texts[i][0] <= '9');
	assert_true(chat->rest.data[0] >= '0' && chat->rest.data[0] <= '9');
	assert_int_equal(chat->edits, 0);
	buf_free(&all);
}

static void emoji_are_counted_as_telegram_counts_them(void **state)
{
	struct chat *chat = *state;
	struct buf all = BUF_INIT(TEXT_BYTES);

	for (int i = 0; i < 4000; i++)
		buf_add_text(&all, "\xf0\x9f\x98\x80");
	screen_output(chat->screen, all.data, all.len, 0);
	end_at(chat, 100, "exit status 0", SCREEN_LINE_ALWAYS);
	finish(chat);
	assert_int_equal(chat->pre_bytes[0], 4 * SCREEN_PART_CHARACTERS);
	check_output(chat, buf_text(&all));
	buf_free(&all);
}

static void white_space_without_end_is_no_message(void **state)
{
	struct chat *chat = *state;
	struct buf all = BUF_INIT(TEXT_BYTES);

	for (int i = 0; i < 10000; i++)
		buf_add_text(&all, "  \n\n \t\n\xe2\x80\x8b\xe3\x85\xa4\xc2\xa0\n");
	for (int i = 0; i < 10; i++) {
		screen_output(chat->screen, all.data, all.len, chat->now_ms);
		pass_to(chat, chat->now_ms + 1000);
	}
	assert_int_equal(chat->sends, 1);
	assert_string_equal(chat->texts[0], "runs");
	print_at(chat, chat->now_ms, "word");
	end_at(chat, chat->now_ms + 100, "exit status 0", SCREEN_LINE_ALWAYS);
	finish(chat);
	assert_non_null(strstr(chat->texts[chat->parts - 1], "word\nexit status 0"));
	buf_free(&all);
}

static void what_breaks_other_bots_is_shown_as_it_is(void **state)
{
	struct chat *chat = *state;

	print_at(chat, 0, "```\n<b>_*`\\ \x1b[31mred\x1b[0m \x1b]0;title\x07 \xff\xfe nul:");
	screen_output(chat->screen, "\0.\n", 3, 10);
	end_at(chat, 20, "exit status 0", SCREEN_LINE_ALWAYS);
	assert_string_equal(
	    chat->texts[0], "```\n<b>_*`\\ red  \xef\xbf\xbd\xef\xbf\xbd nul:.\nexit status 0");
	finish(chat);
}

static void a_long_last_line_does_not_make_the_message_too_long(void **state)
{
	struct chat *chat = *state;
	struct buf all = BUF_INIT(TEXT_BYTES);
	char *words = xmalloc(9001);

	memset(words, 'w', 9000);
	words[9000] = '\0';
	for (int i = 0; i < SCREEN_PART_CHARACTERS; i++)
		buf_add_text(&all, "x");
	screen_output(chat->screen, all.data, all.len, 0);
	end_at(chat, 20, words, SCREEN_LINE_ALWAYS);
	finish(chat);
	assert_int_equal(chat->parts, 1);
	free(words);
	buf_free(&all);
}

/* Reproducible. */
static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % below;
}

static void print_anything(struct chat *chat, struct buf *all, uint32_t *seed)
{
	static const char *const words[] = {"a", "word", " ", "\n", "\n", "\n", "\r", "\r\n", "\x1b[1m",
	    "\xf0\x9f\x98\x80", "\xc3\xa4", "\t", "`", "0123456789012345678901234567890123456789"};
	struct buf piece = BUF_INIT(TEXT_BYTES);
	int64_t now_ms = chat->now_ms + (draw(seed, 4) == 0 ? draw(seed, 6000) : draw(seed, 50));

	for (uint32_t i = draw(seed, draw(seed, 10) == 0 ? 2000 : 20); i > 0; i--)
		buf_add_text(&piece, words[draw(seed, sizeof words / sizeof words[0])]);
	buf_add(all, buf_text(&piece), piece.len);
	print_at(chat, now_ms, buf_text(&piece));
	buf_free(&piece);
}

static void whatever_is_printed_is_seen_once_and_in_order(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 150; seed++) {
		struct buf all = BUF_INIT(8 << 20);
		uint32_t next = seed;
		void *chat;

		setup(&chat);
		for (uint32_t i = draw(&next, 60); i > 0; i--)
			print_anything(chat, &all, &next);
		end_at(chat, ((struct chat *)chat)->now_ms + draw(&next, 3000), "end", SCREEN_LINE_ALWAYS);
		finish(chat);
		check_output(chat, buf_text(&all));
		teardown(&chat);
		buf_free(&all);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_ends_at_once_is_one_message),
	    TEST(without_output_the_last_line_is_the_message),
	    TEST(plain_output_speaks_for_itself),
	    TEST(without_output_an_end_is_said),
	    TEST(what_was_shown_live_has_an_end),
	    TEST(what_need_not_be_said_is_not_said),
	    TEST(a_quiet_end_takes_the_button_away),
	    TEST(silence_is_said_to_be_running),
	    TEST(a_steady_flow_is_an_edit_every_two_seconds),
	    TEST(the_end_is_an_edit_where_that_is_soon_allowed),
	    TEST(the_end_is_a_message_of_its_own_where_it_is_not),
	    TEST(an_end_without_more_output_is_the_last_line_alone),
	    TEST(output_after_the_word_that_it_runs_takes_its_place_or_stands_alone),
	    TEST(a_progress_bar_shows_its_last_state),
	    TEST(a_progress_bar_that_changes_at_the_end_is_shown_once),
	    TEST(one_endless_line_is_cut_and_the_rest_goes_into_a_document),
	    TEST(a_rest_without_anything_to_see_is_none),
	    TEST(lines_above_the_total_go_whole_into_the_rest),
	    TEST(emoji_are_counted_as_telegram_counts_them),
	    TEST(white_space_without_end_is_no_message),
	    TEST(what_breaks_other_bots_is_shown_as_it_is),
	    TEST(a_long_last_line_does_not_make_the_message_too_long),
	    cmocka_unit_test(whatever_is_printed_is_seen_once_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
