#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

enum { INT64_BYTES = 20 };

void buf_init(struct buf *buf, size_t max_bytes)
{
	*buf = BUF_INIT(max_bytes);
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = BUF_INIT(buf->max);
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

static int reserve(struct buf *buf, size_t more)
{
	size_t need, capacity = buf->capacity ? buf->capacity : 128;

	if (more > buf->max - buf->len)
		return -1;
	need = buf->len + more + 1;
	if (need <= buf->capacity)
		return 0;
	while (capacity < need)
		capacity *= 2;
	buf->data = xreallocarray(buf->data, capacity, 1);
	buf->capacity = capacity;
	return 0;
}

int buf_add(struct buf *buf, const void *data, size_t len)
{
	if (reserve(buf, len) != 0)
		return -1;
	if (len > 0)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

/* What fits behind the content; returns how much it is in all. */
static int format_end(struct buf *buf, const char *format, va_list args)
{
	size_t room = buf->capacity - buf->len;

	return vsnprintf(room > 0 ? buf->data + buf->len : NULL, room, format, args);
}

/* Formatted only once where it fits into the memory that is there. */
int buf_add_format(struct buf *buf, const char *format, ...)
{
	size_t room = buf->capacity - buf->len;
	va_list args;
	int len;

	va_start(args, format);
	len = format_end(buf, format, args);
	va_end(args);
	if (len < 0 || reserve(buf, (size_t)len) != 0) {
		if (room > 0)
			buf->data[buf->len] = '\0';
		return -1;
	}
	if ((size_t)len >= room) {
		va_start(args, format);
		(void)format_end(buf, format, args);
		va_end(args);
	}
	buf->len += (size_t)len;
	return 0;
}

int buf_add_int64(struct buf *buf, int64_t number)
{
	char digits[INT64_BYTES];
	char *first = digits + sizeof digits;
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do
		*--first = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (number < 0)
		*--first = '-';
	return buf_add(buf, first, (size_t)(digits + sizeof digits - first));
}

void buf_add_end(struct buf *buf, const void *data, size_t len)
{
	const char *end = data;

	if (len > buf->max) {
		end += len - buf->max;
		len = buf->max;
	}
	if (buf->len + len > buf->max)
		buf_consume(buf, buf->len + len - buf->max);
	(void)buf_add(buf, end, len);
}

void buf_consume(struct buf *buf, size_t len)
{
	if (len == 0)
		return;
	buf->len -= len;
	memmove(buf->data, buf->data + len, buf->len);
	buf->data[buf->len] = '\0';
}

const char *buf_text(const struct buf *buf)
{
	return buf->data == NULL ? "" : buf->data;
}
