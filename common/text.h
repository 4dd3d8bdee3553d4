/*
 * Text from outside, made fit to be sent or to be shown on a terminal, and tables for people. Pure.
 */
#ifndef TGTOOLS_TEXT_H
#define TGTOOLS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * Appends a message: what is not UTF-8 becomes U+FFFD byte by byte, control characters are dropped but for
 * newline and tab. At most three times as long as data. -1 where out cannot take it; it is cut off then.
 */
int text_add_clean(struct buf *out, const char *data, size_t len);

/* Whether there is nothing but white space. */
bool text_is_blank(const char *data, size_t len);

/*
 * Appends text as a part of one line that cannot do anything to a terminal: what is not printable becomes
 * '?'. Longer than max_bytes: ends in "...". NULL adds nothing.
 */
void text_add_line(struct buf *out, const char *text, size_t max_bytes);

/*
 * Aligned columns two blanks apart, filled cell by cell, row by row. A cell is made printable
 * (text_add_line) and cut at TEXT_CELL_MAX_BYTES; an empty or NULL one is shown as "-", so that every line
 * has as many words. Only the last column may contain blanks.
 */
enum { TEXT_CELL_MAX_BYTES = 300 };

struct text_table {
	size_t columns;
	char **cells;
	size_t count, capacity;
};

#define TEXT_TABLE_INIT(columns_count) ((struct text_table){.columns = (columns_count)})

void text_table_add(struct text_table *table, const char *cell);
void text_table_add_number(struct text_table *table, int64_t number);
void text_table_print(const struct text_table *table, struct buf *out);
void text_table_free(struct text_table *table);

#endif
