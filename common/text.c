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

int text_add_clean(struct buf *out, const char *data, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t code_point = 0;
		size_t length = utf8_decode(data + i, len - i, &code_point);
		int result = 0;

		if (length == 0)
			result = buf_add_text(out, "\xef\xbf\xbd");
		else if (!is_control(code_point) || code_point == '\n' || code_point == '\t')
			result = buf_add(out, data + i, length);
		if (result != 0)
			return -1;
		i += length > 0 ? length : 1;
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
	struct buf text = BUF_INIT(TEXT_CELL_MAX_BYTES + 4);

	text_add_line(&text, cell, TEXT_CELL_MAX_BYTES);
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

void text_table_print(const struct text_table *table, struct buf *out)
{
	size_t *widths = xcalloc(table->columns, sizeof *widths);

	for (size_t i = 0; i < table->count; i++) {
		size_t width = strlen(table->cells[i]);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	for (size_t i = 0; i < table->count; i++) {
		size_t column = i % table->columns;
		bool last = column == table->columns - 1;

		buf_add_format(
		    out, "%-*s%s", last ? 0 : (int)widths[column], table->cells[i], last ? "\n" : "  ");
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
