#include "screen.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	OPEN_MAX_BYTES = 4 * SCREEN_PART_CHARACTERS, /* of a line that does not end */
	INPUT_MAX_BYTES = 1 << 20,		     /* of one piece, and what was open before it */
	CLEAN_MAX_BYTES = 3 * INPUT_MAX_BYTES,
	SEQUENCE_MAX_BYTES = 64, /* so far back it is looked for a sequence that is not whole yet */
	ESCAPE = 0x1b,
};

/* A message. Its text is cleaned output; only that of the last one still grows. */
struct part {
	struct buf text;
	size_t characters;
	bool shown_live;
	char *shown_text;	    /* all of the message; NULL: not shown */
	size_t shown_output_length; /* of it */
	int64_t shown_ms;
};

struct screen {
	char *running, *ended_words, *more;
	int64_t start_ms;
	int64_t changed_ms; /* the first output since the last round; INT64_MAX: none */
	int64_t round_ms;   /* of the last round */
	bool had_round, in_round;
	struct part *parts;
	size_t count;
	size_t characters;   /* of all parts */
	struct buf open;     /* the line that has not ended yet, as it came */
	struct buf rest;     /* cleaned */
	bool overflows;	     /* what comes is the rest */
	bool has_rest;	     /* and there is something to see in it */
	struct buf composed; /* the message handed out last */
	bool ended;
	char *last_line;
};

/* ---- text ---- */

/* What Telegram shows as nothing, and refuses as a whole message. */
static bool is_invisible(uint32_t code)
{
	static const struct {
		uint32_t low, high;
	} ranges[] = {{0x00, 0x20}, {0x7f, 0xa0}, {0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c},
	    {0x115f, 0x1160}, {0x1680, 0x1680}, {0x17b4, 0x17b5}, {0x180b, 0x180e}, {0x2000, 0x200f},
	    {0x2028, 0x202f}, {0x205f, 0x206f}, {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164},
	    {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xe0000, 0xe0fff}};

	for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
		if (code >= ranges[i].low && code <= ranges[i].high)
			return true;
	}
	return false;
}

/* The length without what is invisible at the end; 0 where all of it is. */
static size_t visible_length(const char *text, size_t len)
{
	size_t visible = 0;

	for (size_t i = 0; i < len;) {
		uint32_t code = 0;
		size_t length = utf8_decode(text + i, len - i, &code);

		i += length > 0 ? length : 1;
		if (length == 0 || !is_invisible(code))
			visible = i;
	}
	return visible;
}

/* The bytes of the first so many characters. */
static size_t characters_length(const char *text, size_t len, size_t characters)
{
	size_t i = 0;

	while (i < len && characters-- > 0) {
		size_t length = utf8_decode(text + i, len - i, NULL);

		i += length > 0 ? length : 1;
	}
	return i;
}

/* The length up to and with the last newline; 0: there is none. */
static size_t lines_length(const char *text, size_t len)
{
	const char *newline = len > 0 ? memrchr(text, '\n', len) : NULL;

	return newline != NULL ? (size_t)(newline - text) + 1 : 0;
}

/* ---- parts ---- */

static struct part *last_part(const struct screen *screen)
{
	return &screen->parts[screen->count - 1];
}

static struct part *new_part(struct screen *screen)
{
	screen->parts = xreallocarray(screen->parts, screen->count + 1, sizeof *screen->parts);
	screen->parts[screen->count] = (struct part){.text = BUF_INIT(CLEAN_MAX_BYTES)};
	return &screen->parts[screen->count++];
}

static bool is_blank(const struct part *part)
{
	return visible_length(buf_text(&part->text), part->text.len) == 0;
}

static bool ends_line(const struct part *part)
{
	return part->text.len == 0 || part->text.data[part->text.len - 1] == '\n';
}

/* The next message begins, but for one in which there is nothing to see. */
static void turn_page(struct screen *screen)
{
	struct part *part = last_part(screen);

	if (!is_blank(part)) {
		new_part(screen);
		return;
	}
	screen->characters -= part->characters;
	buf_clear(&part->text);
	part->characters = 0;
}

static void append(struct screen *screen, const char *text, size_t len, size_t characters)
{
	struct part *part = last_part(screen);

	(void)buf_add(&part->text, text, len);
	part->characters += characters;
	screen->characters += characters;
}

static size_t room_of(const struct screen *screen)
{
	size_t room = SCREEN_PART_CHARACTERS - last_part(screen)->characters;
	size_t left = SCREEN_TOTAL_CHARACTERS - screen->characters;

	return room < left ? room : left;
}

/* How much of a text that does not fit stays in the last part: whole lines, else what there is room for. */
static size_t fitting_length(const struct screen *screen, const char *text, size_t len)
{
	const struct part *part = last_part(screen);
	size_t fits = characters_length(text, len, room_of(screen));
	size_t lines = lines_length(text, fits);

	return lines > 0 || (part->text.len > 0 && ends_line(part)) ? lines : fits;
}

/* What is left of all goes before what is left of the last part. */
static bool is_nearly_full(const struct screen *screen)
{
	return SCREEN_TOTAL_CHARACTERS - screen->characters <=
	       SCREEN_PART_CHARACTERS - last_part(screen)->characters;
}

/* Adds cleaned text. */
static void add_text(struct screen *screen, const char *text, size_t len)
{
	while (len > 0 && !screen->overflows) {
		size_t characters = utf8_count(text, len), taken = len;
		bool fits = characters <= room_of(screen);

		if (!fits) {
			taken = fitting_length(screen, text, len);
			characters = utf8_count(text, taken);
			screen->overflows = is_nearly_full(screen);
		}
		append(screen, text, taken, characters);
		text += taken;
		len -= taken;
		if (!fits && !screen->overflows)
			turn_page(screen);
	}
	(void)buf_add(&screen->rest, text, len);
	screen->has_rest =
	    screen->has_rest || screen->rest.len > INPUT_MAX_BYTES || visible_length(text, len) > 0;
}

/* ---- the line that has not ended ---- */

/* Makes the first len bytes of the open line part of the text for good. */
static void settle(struct screen *screen, size_t len)
{
	struct buf clean = BUF_INIT(CLEAN_MAX_BYTES);

	(void)text_add_clean(&clean, screen->open.data, len);
	add_text(screen, buf_text(&clean), clean.len);
	buf_free(&clean);
	buf_consume(&screen->open, len);
}

/* Whether there may be a character that text_add_clean makes a newline of: U+2028 or U+2029. */
static bool has_separator(const char *data, size_t len)
{
	return memmem(data, len, "\xe2\x80\xa8", 3) != NULL || memmem(data, len, "\xe2\x80\xa9", 3) != NULL;
}

/* Of a progress bar only the last state is kept: what a carriage return has overwritten goes. */
static void forget_overwritten(struct buf *open)
{
	for (size_t i = open->len; i >= 2; i--) {
		char after = open->data[i - 1];

		if (open->data[i - 2] == '\r' && after != '\r' && after != '\n') {
			if (!has_separator(open->data, i - 1))
				buf_consume(open, i - 1);
			return;
		}
	}
}

/* How much of a line can be settled without tearing a sequence or a character. */
static size_t whole_length(const struct buf *open)
{
	size_t back = open->len < SEQUENCE_MAX_BYTES ? 0 : open->len - SEQUENCE_MAX_BYTES;
	size_t len = utf8_cut(open->data, open->len, open->len);

	for (size_t i = open->len; i > back && i > 1; i--) {
		char c = open->data[i - 1];

		if (c == ESCAPE || (c == '\r' && i == open->len))
			return i - 1;
	}
	return len > 0 ? len : open->len;
}

static size_t open_characters(const struct screen *screen)
{
	struct buf clean = BUF_INIT(CLEAN_MAX_BYTES);
	size_t count;

	(void)text_add_clean(&clean, buf_text(&screen->open), screen->open.len);
	count = utf8_count(buf_text(&clean), clean.len);
	buf_free(&clean);
	return count;
}

/* The open line is shown in the last part, so there must be room for it. */
static void make_room(struct screen *screen)
{
	size_t characters = screen->open.len > 0 ? open_characters(screen) : 0;
	bool fits = screen->open.len <= OPEN_MAX_BYTES && characters <= SCREEN_PART_CHARACTERS;

	if (fits &&
	    (screen->overflows || last_part(screen)->characters + characters <= SCREEN_PART_CHARACTERS))
		return;
	if (fits && ends_line(last_part(screen)))
		turn_page(screen);
	else
		settle(screen, whole_length(&screen->open));
}

void screen_output(struct screen *screen, const char *data, size_t len, int64_t now_ms)
{
	if (len > INPUT_MAX_BYTES / 2)
		len = INPUT_MAX_BYTES / 2;
	if (len == 0 || screen->ended)
		return;
	(void)buf_add(&screen->open, data, len);
	settle(screen, lines_length(screen->open.data, screen->open.len));
	forget_overwritten(&screen->open);
	make_room(screen);
	if (screen->changed_ms == INT64_MAX)
		screen->changed_ms = now_ms;
}

/* ---- messages ---- */

/* The last of the parts in which there is something to see. */
static bool is_live(const struct screen *screen, const struct part *part)
{
	const struct part *end = screen->parts + screen->count;

	if (screen->ended)
		return false;
	while (++part < end) {
		if (!is_blank(part) || (part + 1 == end && screen->open.len > 0))
			return false;
	}
	return true;
}

/* What is said under the output, or where there is none. */
static const char *words_of(const struct screen *screen, const struct part *part, bool has_output)
{
	bool is_last = part == last_part(screen);

	if (is_last && screen->has_rest)
		return screen->more;
	if (is_last && screen->last_line[0] != '\0')
		return screen->last_line;
	if (has_output)
		return "";
	if (!screen->ended)
		return screen->count == 1 ? screen->running : "";
	return part->shown_text != NULL ? screen->ended_words : "";
}

/* Makes the message of a part in screen->composed; returns how much of it is output. */
static size_t compose(struct screen *screen, const struct part *part)
{
	struct buf *text = &screen->composed;
	size_t output;
	const char *words;

	buf_clear(text);
	(void)buf_add(text, buf_text(&part->text), part->text.len);
	if (part == last_part(screen) && !screen->overflows)
		(void)text_add_clean(text, buf_text(&screen->open), screen->open.len);
	output = visible_length(buf_text(text), text->len);
	if (text->data != NULL)
		text->data[text->len = output] = '\0';
	words = words_of(screen, part, output > 0);
	if (output > 0 && words[0] != '\0')
		(void)buf_add_text(text, "\n");
	(void)buf_add_text(text, words);
	return output;
}

/* Whether the chat shows something else than what was composed for the part. */
static bool differs(const struct screen *screen, const struct part *part)
{
	if (part->shown_text == NULL || screen->composed.len == 0)
		return screen->composed.len > 0;
	return part->shown_live != is_live(screen, part) ||
	       strcmp(part->shown_text, buf_text(&screen->composed)) != 0;
}

static void show(
    struct screen *screen, struct part *part, size_t output, int64_t now_ms, struct screen_message *message)
{
	bool is_late = screen->ended && part->shown_text != NULL && part != last_part(screen);

	free(part->shown_text);
	part->shown_text = xstrdup(buf_text(&screen->composed));
	part->shown_output_length = output;
	part->shown_live = is_live(screen, part);
	part->shown_ms = now_ms;
	*message = (struct screen_message){.part = part - screen->parts + 1,
	    .text = part->shown_text,
	    .pre_length = utf8_utf16_units(part->shown_text, output),
	    .is_live = part->shown_live,
	    .is_late = is_late};
}

/* ---- when ---- */

/* While the script runs all messages are edited in rounds. */
static int64_t round_due_ms(const struct screen *screen)
{
	int64_t first_ms = screen->start_ms + SCREEN_SILENT_MS, settled_ms;

	if (screen->in_round)
		return screen->round_ms;
	if (!screen->had_round) {
		if (screen->changed_ms < first_ms - SCREEN_FIRST_MS)
			first_ms = screen->changed_ms + SCREEN_FIRST_MS;
		return first_ms;
	}
	if (screen->changed_ms == INT64_MAX)
		return INT64_MAX;
	settled_ms = screen->changed_ms + SCREEN_SETTLE_MS;
	return settled_ms > screen->round_ms + SCREEN_EDIT_MS ? settled_ms
							      : screen->round_ms + SCREEN_EDIT_MS;
}

/* What was not shown at once, the others when they may be edited again: after the end each by itself. */
static int64_t part_due_ms(const struct part *part)
{
	return part->shown_text != NULL ? part->shown_ms + SCREEN_EDIT_MS : 0;
}

static int64_t end_due_ms(struct screen *screen)
{
	int64_t due_ms = INT64_MAX;

	for (size_t i = 0; i < screen->count; i++) {
		(void)compose(screen, &screen->parts[i]);
		if (differs(screen, &screen->parts[i]) && part_due_ms(&screen->parts[i]) < due_ms)
			due_ms = part_due_ms(&screen->parts[i]);
	}
	return due_ms;
}

int64_t screen_due_ms(struct screen *screen)
{
	return screen->ended ? end_due_ms(screen) : round_due_ms(screen);
}

static void begin_round(struct screen *screen, int64_t now_ms)
{
	screen->in_round = screen->had_round = true;
	screen->round_ms = now_ms;
	screen->changed_ms = INT64_MAX;
}

bool screen_next(struct screen *screen, int64_t now_ms, struct screen_message *message)
{
	if (!screen->ended && round_due_ms(screen) > now_ms)
		return false;
	if (!screen->ended && !screen->in_round)
		begin_round(screen, now_ms);
	for (size_t i = 0; i < screen->count; i++) {
		struct part *part = &screen->parts[i];
		size_t output;

		if (part_due_ms(part) > now_ms)
			continue;
		output = compose(screen, part);
		if (differs(screen, part)) {
			show(screen, part, output, now_ms, message);
			return true;
		}
	}
	screen->in_round = false;
	return false;
}

void screen_repeat(struct screen *screen)
{
	for (size_t i = 0; i < screen->count; i++) {
		free(screen->parts[i].shown_text);
		screen->parts[i].shown_text = NULL;
	}
}

/* ---- the end ---- */

/* How much of the text of a part that is shown can stay there, so that what follows is a message of its own.
 */
static size_t kept_length(const struct part *part)
{
	const char *text = buf_text(&part->text);
	size_t common = 0, lines;

	while (common < part->shown_output_length && common < part->text.len &&
	       text[common] == part->shown_text[common])
		common++;
	if (common == part->shown_output_length && (common == part->text.len || text[common] == '\n'))
		return common;
	lines = lines_length(text, common);
	return visible_length(text, lines) > 0 ? lines : part->text.len;
}

static void split_last(struct screen *screen)
{
	struct part *part = last_part(screen), *next;
	size_t kept = part->shown_output_length > 0 ? kept_length(part) : 0;

	next = new_part(screen);
	part = next - 1;
	(void)buf_add(&next->text, buf_text(&part->text) + kept, part->text.len - kept);
	if (part->text.data != NULL)
		part->text.data[part->text.len = kept] = '\0';
	/* A line begins at the start of a message. */
	if (kept > 0 && next->text.len > 0 && next->text.data[0] == '\n')
		buf_consume(&next->text, 1);
}

static bool is_anything_to_see(const struct screen *screen)
{
	for (size_t i = 0; i < screen->count; i++) {
		if (!is_blank(&screen->parts[i]))
			return true;
	}
	return false;
}

static bool is_anything_shown(const struct screen *screen)
{
	for (size_t i = 0; i < screen->count; i++) {
		if (screen->parts[i].shown_text != NULL)
			return true;
	}
	return false;
}

static bool needs_line(const struct screen *screen, enum screen_line when)
{
	if (when == SCREEN_LINE_WITH_OUTPUT)
		return is_anything_to_see(screen);
	if (when == SCREEN_LINE_UNLESS_PLAIN)
		return !is_anything_to_see(screen) || is_anything_shown(screen) || screen->has_rest;
	return true;
}

void screen_end(struct screen *screen, const char *last_line, enum screen_line when, int64_t now_ms)
{
	const struct part *part;
	size_t len = strlen(last_line);

	if (screen->ended)
		return;
	settle(screen, screen->open.len);
	screen->ended = true;
	screen->in_round = false;
	if (!needs_line(screen, when))
		return;
	free(screen->last_line);
	screen->last_line = xstrndup(last_line, characters_length(last_line, len, SCREEN_WORDS_CHARACTERS));
	part = last_part(screen);
	if (part->shown_text != NULL && !screen->has_rest && part_due_ms(part) > now_ms + SCREEN_PATIENCE_MS)
		split_last(screen);
}

struct buf *screen_rest(struct screen *screen)
{
	return &screen->rest;
}

bool screen_has_rest(const struct screen *screen)
{
	return screen->has_rest;
}

const char *screen_last_line(const struct screen *screen)
{
	return screen->last_line;
}

bool screen_is_told(struct screen *screen)
{
	const struct part *part = last_part(screen);

	if (!screen->ended)
		return false;
	for (size_t i = 0; i < screen->count; i++) {
		(void)compose(screen, &screen->parts[i]);
		if (screen->parts[i].shown_text == NULL && screen->composed.len > 0)
			return false;
	}
	if (screen->has_rest || screen->last_line[0] == '\0')
		return true;
	(void)compose(screen, part);
	return !differs(screen, part);
}

bool screen_is_done(struct screen *screen)
{
	return screen->ended && end_due_ms(screen) == INT64_MAX;
}

struct screen *screen_new(const struct screen_words *words, int64_t now_ms)
{
	struct screen *screen = xcalloc(1, sizeof *screen);

	screen->running = xstrdup(words->running);
	screen->ended_words = xstrdup(words->ended);
	screen->more = xstrdup(words->more);
	screen->last_line = xstrdup("");
	screen->start_ms = now_ms;
	screen->changed_ms = INT64_MAX;
	screen->open = BUF_INIT(INPUT_MAX_BYTES);
	screen->rest = BUF_INIT(CLEAN_MAX_BYTES);
	screen->composed = BUF_INIT(CLEAN_MAX_BYTES);
	new_part(screen);
	return screen;
}

void screen_free(struct screen *screen)
{
	if (screen == NULL)
		return;
	for (size_t i = 0; i < screen->count; i++) {
		buf_free(&screen->parts[i].text);
		free(screen->parts[i].shown_text);
	}
	free(screen->parts);
	buf_free(&screen->open);
	buf_free(&screen->rest);
	buf_free(&screen->composed);
	free(screen->running);
	free(screen->ended_words);
	free(screen->more);
	free(screen->last_line);
	free(screen);
}
