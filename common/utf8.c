#include "utf8.h"

#include <string.h>

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t utf8_decode(const char *text, size_t len, uint32_t *code)
{
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first;
	uint32_t value;
	size_t bytes;

	if (len == 0)
		return 0;
	first = (unsigned char)text[0];
	bytes = first < 0x80   ? 1
		: first < 0xc0 ? 0
		: first < 0xe0 ? 2
		: first < 0xf0 ? 3
		: first < 0xf8 ? 4
			       : 0;
	if (bytes == 0 || bytes > len)
		return 0;
	value = bytes == 1 ? first : first & (0x7fu >> bytes);
	for (size_t i = 1; i < bytes; i++) {
		if (!is_continuation(text[i]))
			return 0;
		value = value << 6 | ((unsigned char)text[i] & 0x3f);
	}
	if (value < lowest[bytes] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	if (code != NULL)
		*code = value;
	return bytes;
}

bool utf8_is_valid(const char *text, size_t len)
{
	size_t bytes;

	for (size_t i = 0; i < len; i += bytes) {
		bytes = utf8_decode(text + i, len - i, NULL);
		if (bytes == 0)
			return false;
	}
	return true;
}

size_t utf8_count(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += !is_continuation(text[i]);
	return count;
}

/* What takes four bytes in UTF-8 takes two units in UTF-16. */
size_t utf8_utf16_units(const char *text, size_t len)
{
	size_t count = utf8_count(text, len);

	for (size_t i = 0; i < len; i++)
		count += (unsigned char)text[i] >= 0xf0;
	return count;
}

size_t utf8_cut(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && is_continuation(text[max]))
		max--;
	return max;
}

void utf8_make_line(char *text)
{
	size_t len = strlen(text), bytes;
	uint32_t code;

	for (size_t i = 0; i < len; i += bytes) {
		bytes = utf8_decode(text + i, len - i, &code);
		if (bytes == 0 || code < 0x20 || code == 0x7f) {
			text[i] = '?';
			bytes = 1;
		} else if (code >= 0x80 && code < 0xa0) {
			/* Some terminals obey these as they obey ESC. */
			memset(text + i, '?', bytes);
		}
	}
}
