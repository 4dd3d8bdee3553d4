/*
 * Text from outside, made fit to be sent or to be shown on a terminal, and tables for people. Pure.
 */
#ifndef TGTOOLS_TEXT_H
#define TGTOOLS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* The length of the UTF-8 sequence that data starts with (1-4) and its code point, or 0 where it is none. */
size_t text_decode(const char *data, size_t len, uint32_t *code_point);

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
 * Appends rows * columns cells, row by row, as aligned columns two blanks apart. An empty or NULL cell is
 * shown as "-", so that every line has as many words; only the last column may contain blanks.
 */
void text_add_table(struct buf *out, const char *const *cells, size_t columns, size_t rows);

#endif
