/* UTF-8, and lengths as Telegram counts them: code points for limits, UTF-16 units for entities. */
#ifndef SIM_UTF8_H
#define SIM_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads one character of s (len > 0); *code is U+FFFD and the result 1 where the bytes are not UTF-8. */
size_t utf8_decode(const char *s, size_t len, uint32_t *code);
size_t utf8_encode(uint32_t code, char out[4]);
bool utf8_valid(const char *s, size_t len);
size_t utf8_length(const char *s, size_t len);	/* code points */
size_t utf16_length(const char *s, size_t len); /* UTF-16 units */

#endif
