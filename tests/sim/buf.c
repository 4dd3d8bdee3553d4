#include "buf.h"
#include "utf8.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *xcalloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);

	if (!p)
		err(71, NULL);
	return p;
}

void *xrealloc(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count ? count : 1, size);

	if (!p)
		err(71, NULL);
	return p;
}

char *xstrndup(const char *s, size_t len)
{
	char *copy = xcalloc(len + 1, 1);

	if (len > 0)
		memcpy(copy, s, len);
	return copy;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

void *grow(void *list, size_t *cap, size_t need, size_t size)
{
	if (need <= *cap)
		return list;
	*cap = *cap * 2 > need ? *cap * 2 : need;
	return xrealloc(list, *cap, size);
}

void buf_free(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void buf_clear(struct buf *b)
{
	b->len = 0;
}

void buf_reserve(struct buf *b, size_t extra)
{
	if (extra > b->cap - b->len)
		b->data = grow(b->data, &b->cap, b->len + extra < 256 ? 256 : b->len + extra, 1);
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	buf_reserve(b, len);
	memcpy(b->data + b->len, bytes, len);
	b->len += len;
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_int(struct buf *b, int64_t n)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t rest = n < 0 ? -(uint64_t)n : (uint64_t)n;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (n < 0)
		digits[--at] = '-';
	buf_add(b, digits + at, sizeof(digits) - at);
}

void buf_drop(struct buf *b, size_t count)
{
	if (count >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->data, b->data + count, b->len - count);
	b->len -= count;
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	char *s = NULL;
	int len;

	va_start(args, format);
	len = vasprintf(&s, format, args);
	va_end(args);
	if (len < 0)
		err(71, NULL);
	buf_add(b, s, (size_t)len);
	free(s);
}

static void json_escape_ascii(struct buf *b, unsigned char c)
{
	static const char short_for[] = "btnvfr"; /* from 8 on; v has no short form */

	buf_char(b, '\\');
	if (c == '"' || c == '\\')
		buf_char(b, (char)c);
	else if (c >= 8 && c <= 13 && c != 11)
		buf_char(b, short_for[c - 8]);
	else
		buf_printf(b, "u%04x", c);
}

static size_t json_escape_wide(struct buf *b, const char *s, size_t len)
{
	uint32_t code;
	size_t used = utf8_decode(s, len, &code);

	if (code >= 0x10000) {
		code -= 0x10000;
		buf_printf(b, "\\u%04x\\u%04x", 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
	} else {
		buf_printf(b, "\\u%04x", code);
	}
	return used;
}

void buf_json(struct buf *b, const char *s, size_t len, enum json_style style)
{
	size_t i = 0, start = 0;

	buf_char(b, '"');
	while (i < len) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && (c < 0x80 || style == JSON_UTF8)) {
			i++;
			continue;
		}
		buf_add(b, s + start, i - start);
		if (c < 0x80) {
			json_escape_ascii(b, c);
			i++;
		} else {
			i += json_escape_wide(b, s + i, len - i);
		}
		start = i;
	}
	buf_add(b, s + start, i - start);
	buf_char(b, '"');
}

void buf_json_field(struct buf *b, const char *name, const char *s, enum json_style style)
{
	if (!s)
		return;
	buf_str(b, ",\"");
	buf_str(b, name);
	buf_str(b, "\":");
	buf_json(b, s, strlen(s), style);
}

const char *buf_cstr(struct buf *b)
{
	buf_reserve(b, 1);
	b->data[b->len] = '\0';
	return b->data;
}
