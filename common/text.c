#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"
#include "xalloc.h"

static bool is_control(uint32_t code_point)
{
	return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

enum {
	ESCAPE = 0x1b,
	BELL = 0x07,
	CSI = 0x9b,
	STRING_TERMINATOR = 0x9c,
	RING_ABOVE = 0x30a,
};

/* Of the sequences of ECMA-48 those that hold a string up to ST: DCS, SOS, OSC, PM, APC. */
static bool opens_string(uint32_t c1)
{
	return c1 == 0x90 || c1 == 0x98 || (c1 >= 0x9d && c1 <= 0x9f);
}

/* The bytes from the start of data whose value is in a range. */
static size_t span(const char *data, size_t len, unsigned char low, unsigned char high)
{
	size_t i = 0;

	while (i < len && (unsigned char)data[i] >= low && (unsigned char)data[i] <= high)
		i++;
	return i;
}

/* Parameters, intermediates and the final byte of a CSI, as far as they are there. */
static size_t csi_length(const char *data, size_t len)
{
	size_t i = span(data, len, 0x30, 0x3f);

	i += span(data + i, len - i, 0x20, 0x2f);
	return i + (span(data + i, len - i, 0x40, 0x7e) > 0);
}

/* A string with its terminator; 0 where it does not end before the line or the next sequence. */
static size_t string_length(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c == BELL)
			return i + 1;
		if (c == ESCAPE)
			return i + 1 < len && data[i + 1] == '\\' ? i + 2 : 0;
		if (c == 0xc2 && i + 1 < len && (unsigned char)data[i + 1] < 0xa0)
			return (unsigned char)data[i + 1] == STRING_TERMINATOR ? i + 2 : 0;
		if (c < 0x20 && c != '\t')
			return 0;
	}
	return 0;
}

/* What follows a control function that is one character, or ESC and one of @ to _. */
static size_t c1_length(uint32_t c1, const char *data, size_t len)
{
	return c1 == CSI ? csi_length(data, len) : opens_string(c1) ? string_length(data, len) : 0;
}

/* What follows an ESC. */
static size_t escape_length(const char *data, size_t len)
{
	size_t i = span(data, len, 0x20, 0x2f);

	if (i == 0 && span(data, len > 0, 0x40, 0x5f) > 0)
		return 1 + c1_length((unsigned char)data[0] + 0x40u, data + 1, len - 1);
	return i + (span(data + i, len - i, 0x30, 0x7e) > 0);
}

static void restart_line(struct buf *out, size_t start)
{
	while (out->len > start && out->data[out->len - 1] != '\n')
		out->len--;
	if (out->data != NULL)
		out->data[out->len] = '\0';
}

/* Telegram takes the ring away from its letter unless both are one character. */
static int add_ring(struct buf *out, size_t start)
{
	static const struct {
		char letter;
		const char *composed;
	} letters[] = {{'A', "\xc3\x85"}, {'a', "\xc3\xa5"}, {'U', "\xc5\xae"}, {'u', "\xc5\xaf"}};

	for (size_t i = 0; out->len > start && i < sizeof letters / sizeof letters[0]; i++) {
		if (out->data[out->len - 1] == letters[i].letter) {
			out->len--;
			return buf_add_text(out, letters[i].composed);
		}
	}
	return 0;
}

static bool ends_in_direction_mark(const struct buf *out, size_t start)
{
	const char *end = buf_text(out) + out->len;

	return out->len >= start + 3 && end[-3] == '\xe2' && end[-2] == '\x80' &&
	       (end[-1] == '\x8e' || end[-1] == '\x8f');
}

/* Adds one character; start is where this text begins in out. */
static int add_clean_character(
    struct buf *out, size_t start, const char *data, size_t length, uint32_t code_point)
{
	if (code_point == '\n' || code_point == '\t')
		return buf_add(out, data, length);
	if (is_control(code_point) || (code_point >= 0x202a && code_point <= 0x202e) || code_point == 0x333 ||
	    code_point == 0x33f)
		return 0;
	if (code_point == 0x2028 || code_point == 0x2029)
		return buf_add_text(out, "\n");
	if (code_point == RING_ABOVE)
		return add_ring(out, start);
	if ((code_point == 0x200e || code_point == 0x200f) && ends_in_direction_mark(out, start))
		out->data[out->len - 1] = '\x8c';
	return buf_add(out, data, length);
}

/* Most of most texts: what needs no look at it character by character. */
static int add_printable(struct buf *out, const char *data, size_t len)
{
	size_t room = out->max - out->len;

	if (len <= room)
		return buf_add(out, data, len);
	(void)buf_add(out, data, room);
	return -1;
}

int text_add_clean(struct buf *out, const char *data, size_t len)
{
	size_t start = out->len;

	for (size_t i = 0; i < len;) {
		uint32_t code_point = 0;
		size_t length = span(data + i, len - i, 0x20, 0x7e);

		if (length > 0) {
			if (add_printable(out, data + i, length) != 0)
				return -1;
			i += length;
			continue;
		}
		length = utf8_decode(data + i, len - i, &code_point);
		if ((length == 0 ? buf_add_text(out, "\xef\xbf\xbd")
				 : add_clean_character(out, start, data + i, length, code_point)) != 0)
			return -1;
		i += length > 0 ? length : 1;
		if (code_point == ESCAPE)
			i += escape_length(data + i, len - i);
		else if (code_point >= 0x80 && code_point < 0xa0)
			i += c1_length(code_point, data + i, len - i);
		else if (code_point == '\r' && i < len && data[i] != '\n' && data[i] != '\r')
			restart_line(out, start);
	}
	return 0;
}

bool text_is_blank(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr(" \t\n\v\f\r", data[i]) == NULL || data[i] == '\0')
			return false;
	}
	return true;
}

/* Controls, and what changes the order or the lines of the text around it. */
static bool is_printable(uint32_t code_point)
{
	return !is_control(code_point) && !(code_point >= 0x200e && code_point <= 0x200f) &&
	       !(code_point >= 0x2028 && code_point <= 0x202e) &&
	       !(code_point >= 0x2066 && code_point <= 0x2069) && code_point != 0x61c;
}

void text_add_line(struct buf *out, const char *text, size_t max_bytes)
{
	size_t len = text != NULL ? strlen(text) : 0, start = out->len;

	for (size_t i = 0; i < len;) {
		uint32_t code_point = 0;
		size_t length = utf8_decode(text + i, len - i, &code_point);

		if (out->len - start + (length > 0 ? length : 1) > max_bytes) {
			buf_add_text(out, "...");
			return;
		}
		if (length > 0 && is_printable(code_point))
			buf_add(out, text + i, length);
		else
			buf_add_text(out, "?");
		i += length > 0 ? length : 1;
	}
}

void text_table_add(struct text_table *table, const char *cell)
{
	struct buf text = BUF_INIT(table->cell_max_bytes + 4);

	text_add_line(&text, cell, table->cell_max_bytes);
	if (text.len == 0)
		buf_add_text(&text, "-");
	if (table->count == table->capacity) {
		table->capacity = table->capacity > 0 ? 2 * table->capacity : 64;
		table->cells = xreallocarray(table->cells, table->capacity, sizeof *table->cells);
	}
	table->cells[table->count++] = text.data;
}

void text_table_add_number(struct text_table *table, int64_t number)
{
	char text[32];

	snprintf(text, sizeof text, "%lld", (long long)number);
	text_table_add(table, text);
}

static size_t characters(const char *cell)
{
	return utf8_count(cell, strlen(cell));
}

/* The widest cell of each column but the last, which takes what is left of the width; 0: all it needs. */
static size_t *measure(const struct text_table *table)
{
	size_t *widths = xcalloc(table->columns, sizeof *widths), used = 0, last = table->columns - 1;

	for (size_t i = 0; i < table->count; i++) {
		size_t width = characters(table->cells[i]);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	for (size_t i = 0; i < last; i++)
		used += widths[i] + 2;
	if (table->width == 0)
		widths[last] = 0;
	else
		widths[last] = table->width > used + TEXT_LAST_MIN ? table->width - used : TEXT_LAST_MIN;
	return widths;
}

static void print_last(struct buf *out, const char *cell, size_t width)
{
	size_t keep = 0, left = width > 3 ? width - 3 : 0;

	if (width == 0 || characters(cell) <= width) {
		buf_add_format(out, "%s\n", cell);
		return;
	}
	for (; left > 0; left--)
		keep += utf8_decode(cell + keep, strlen(cell + keep), NULL);
	buf_add_format(out, "%.*s...\n", (int)keep, cell);
}

void text_table_print(const struct text_table *table, struct buf *out)
{
	size_t *widths;

	if (table->count == 0)
		return;
	widths = measure(table);
	for (size_t i = 0; i < table->count; i++) {
		size_t column = i % table->columns;
		const char *cell = table->cells[i];

		if (column == table->columns - 1)
			print_last(out, cell, widths[column]);
		else
			buf_add_format(out, "%s%*s", cell, (int)(widths[column] - characters(cell)) + 2, "");
	}
	free(widths);
}

void text_table_free(struct text_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = TEXT_TABLE_INIT(table->columns);
}
