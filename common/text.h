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
 * Appends a message as a terminal would leave it and as Telegram takes it, so that nothing is removed later
 * that lengths and offsets count:
 * - Terminal sequences go whole: CSI, OSC and other strings with their end, character sets, single ones, also
 *   with U+0080 to U+009F in place of ESC. A string without an end in its line loses only its introducer.
 * - A carriage return before the end of the line starts the line anew: of a progress bar the last state
 * stays.
 * - What is not UTF-8 becomes U+FFFD byte by byte; controls are dropped but for newline and tab; U+2028 and
 *   U+2029 are newlines.
 * - As in TDLib's clean_input_string: U+202A to U+202E, U+030A, U+0333 and U+033F go (A, a, U and u with
 *   U+030A become one character first), of a run of U+200E and U+200F all but the last become U+200C.
 * At most three times as long as data. -1 where out cannot take it; it is cut off then.
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
 * (text_add_line) and cut at cell_max_bytes, which may differ from cell to cell; an empty or NULL one is
 * shown as "-", so that every line has as many words. Only the last column may contain blanks; it is cut so
 * that no line has more than width characters, where that leaves it TEXT_LAST_MIN at all. width 0: as long as
 * it is.
 */
enum { TEXT_CELL_MAX_BYTES = 300, TEXT_LAST_MIN = 8 };

struct text_table {
	size_t columns;
	size_t cell_max_bytes;
	size_t width;
	char **cells;
	size_t count, capacity;
};

#define TEXT_TABLE_INIT(columns_count)                                                                       \
	((struct text_table){.columns = (columns_count), .cell_max_bytes = TEXT_CELL_MAX_BYTES})

void text_table_add(struct text_table *table, const char *cell);
void text_table_add_number(struct text_table *table, int64_t number);
void text_table_print(const struct text_table *table, struct buf *out);
void text_table_free(struct text_table *table);

#endif
