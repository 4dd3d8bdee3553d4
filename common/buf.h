/*
 * A growable string of bytes with an upper bound. data is always followed by a '\0' that len does not
 * count, and may be NULL while len is 0. Start with BUF_INIT(max) or buf_init; release with buf_free.
 */
#ifndef TGTOOLS_BUF_H
#define TGTOOLS_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	char *data;
	size_t len;
	size_t capacity;
	size_t max; /* len never exceeds it */
};

#define BUF_INIT(max_bytes) ((struct buf){.max = (max_bytes)})

void buf_init(struct buf *buf, size_t max_bytes);
void buf_free(struct buf *buf);

/* Forgets the content and keeps the memory. */
void buf_clear(struct buf *buf);

/* Each appends everything and returns 0, or appends nothing and returns -1 where max would be exceeded. */
int buf_add(struct buf *buf, const void *data, size_t len);
int buf_add_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

int buf_add_int64(struct buf *buf, int64_t number); /* in decimal */

/* Appends data, of which the end counts: where max would be exceeded, what came first makes room. */
void buf_add_end(struct buf *buf, const void *data, size_t len);

/* As buf_add; here, so that the length of a literal is known when it is compiled. */
static inline int buf_add_text(struct buf *buf, const char *text)
{
	return buf_add(buf, text, strlen(text));
}

/* Removes len bytes from the front. */
void buf_consume(struct buf *buf, size_t len);

/* The content as a '\0'-terminated string, never NULL; valid until the next change. */
const char *buf_text(const struct buf *buf);

#endif
