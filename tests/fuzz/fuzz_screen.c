/*
 * Why: whatever a script prints, in whatever pieces, is shown by messages that Telegram takes, none edited
 * too often, and all of it is in exactly one of them.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "tg-dispatch/screen.h"
#include "text.h"
#include "utf8.h"
#include "xalloc.h"

enum { PARTS_MAX = 64, TEXT_MAX = 8 << 20 };

const char *const fuzz_words[] = {"\n", "\r", "\r\n", "\x1b[31m", "\x1b[", "\x1b]0;title\x07", "\x1b]",
    "\xc2\x9b", "50%", "\xf0\x9f\x98\x80", "\xe2\x80\xa8", "\xe2\x80\x8b", "\xcc\x8a", "\xff", "\xf0\x9f",
    "```", "  \n  ", "word ", "\t", "0123456789012345678901234567890123456789012345678901234567890123456789",
    NULL};

struct chat {
	char *texts[PARTS_MAX]; /* the output in each message */
	int64_t shown_ms[PARTS_MAX];
	int64_t parts, now_ms;
	struct buf rest;
};

static size_t units_length(const char *text, size_t units)
{
	size_t len = 0;

	while (units > 0) {
		size_t bytes = utf8_decode(text + len, strlen(text + len), NULL);

		FUZZ_MUST(bytes > 0 && units >= (bytes == 4 ? 2 : 1));
		units -= bytes == 4 ? 2 : 1;
		len += bytes;
	}
	return len;
}

static void take(struct chat *chat, const struct screen_message *message)
{
	int64_t i = message->part - 1;

	FUZZ_MUST(i >= 0 && i < PARTS_MAX && i <= chat->parts);
	FUZZ_MUST(utf8_is_valid(message->text, strlen(message->text)));
	FUZZ_MUST(!text_is_blank(message->text, strlen(message->text)));
	FUZZ_MUST(utf8_count(message->text, strlen(message->text)) <= 4096);
	FUZZ_MUST(chat->texts[i] == NULL || chat->now_ms - chat->shown_ms[i] >= SCREEN_EDIT_MS);
	if (i == chat->parts)
		chat->parts++;
	free(chat->texts[i]);
	chat->texts[i] = xstrndup(message->text, units_length(message->text, message->pre_length));
	chat->shown_ms[i] = chat->now_ms;
}

static void look(struct chat *chat, struct screen *screen)
{
	struct screen_message message;

	while (screen_next(screen, chat->now_ms, &message))
		take(chat, &message);
	FUZZ_MUST(screen_due_ms(screen) > chat->now_ms);
	FUZZ_MUST(buf_add(&chat->rest, buf_text(screen_rest(screen)), screen_rest(screen)->len) == 0);
	buf_clear(screen_rest(screen));
}

static void pass(struct chat *chat, struct screen *screen, int64_t ms)
{
	int64_t end_ms = chat->now_ms + ms;

	while (screen_due_ms(screen) <= end_ms) {
		chat->now_ms = screen_due_ms(screen) > chat->now_ms ? screen_due_ms(screen) : chat->now_ms;
		look(chat, screen);
	}
	chat->now_ms = end_ms;
}

/* What nobody can overlook; the white space at the end of a message goes. */
static void add_visible(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] > ' ' && text[i] < 0x7f)
			FUZZ_MUST(buf_add(out, text + i, 1) == 0);
	}
}

static void compare(const struct chat *chat, const char *data, size_t size)
{
	struct buf shown = BUF_INIT(TEXT_MAX), clean = BUF_INIT(TEXT_MAX), printed = BUF_INIT(TEXT_MAX);

	for (int64_t i = 0; i < chat->parts; i++)
		add_visible(&shown, chat->texts[i], strlen(chat->texts[i]));
	add_visible(&shown, buf_text(&chat->rest), chat->rest.len);
	FUZZ_MUST(text_add_clean(&clean, data, size) == 0);
	add_visible(&printed, buf_text(&clean), clean.len);
	FUZZ_MUST(strcmp(buf_text(&shown), buf_text(&printed)) == 0);
	buf_free(&shown);
	buf_free(&clean);
	buf_free(&printed);
}

/* One that fills a message stays there, even where a carriage return would have overwritten it. */
static size_t longest_line(const uint8_t *data, size_t size)
{
	size_t longest = 0, start = 0;

	for (size_t i = 0; i <= size; i++) {
		if (i < size && data[i] != '\n')
			continue;
		longest = i - start > longest ? i - start : longest;
		start = i + 1;
	}
	return longest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step = size > 0 ? data[0] % 64 + 16 : 1, done = 0;
	struct chat chat = {.rest = BUF_INIT(TEXT_MAX)};
	struct screen *screen = screen_new(&(struct screen_words){"runs", "has ended", "more"}, 0);

	size = size > 4000 ? 4000 : size;
	while (done < size) {
		size_t len = size - done < step ? size - done : step;

		screen_output(screen, (const char *)data + done, len, chat.now_ms);
		look(&chat, screen);
		pass(&chat, screen, data[done] * 4);
		done += len;
	}
	screen_end(screen, "exit status 0", SCREEN_LINE_ALWAYS, chat.now_ms);
	look(&chat, screen);
	pass(&chat, screen, 10000);
	FUZZ_MUST(screen_is_told(screen) && screen_is_done(screen) && chat.parts > 0);
	if (longest_line(data, size) <= SCREEN_PART_CHARACTERS)
		compare(&chat, (const char *)data, size);
	for (int64_t i = 0; i < chat.parts; i++)
		free(chat.texts[i]);
	screen_free(screen);
	buf_free(&chat.rest);
	return 0;
}
