/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. Text from outside is
 * measured and cut with these, since Telegram refuses and readers choke on anything else.
 */
#ifndef TGTOOLS_UTF8_H
#define TGTOOLS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes (1 to 4) of the character at the start of text, its code point in *code (may be NULL); 0: not
 * valid. */
size_t utf8_decode(const char *text, size_t len, uint32_t *code);

bool utf8_is_valid(const char *text, size_t len);

/* Code points of a valid text. */
size_t utf8_count(const char *text, size_t len);

/* UTF-16 units of a valid text, in which Telegram counts the offsets of entities. */
size_t utf8_utf16_units(const char *text, size_t len);

/* The length of the longest start of text that has at most max bytes and does not end within a character. */
size_t utf8_cut(const char *text, size_t len, size_t max);

/* Makes text one printable line in place: control characters and bytes that are not UTF-8 become '?'. */
void utf8_make_line(char *text);

#endif
