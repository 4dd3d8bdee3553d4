/* Growable bytes, and allocation that ends the process when memory is out: a simulator has nothing to save.
 */
#ifndef SIM_BUF_H
#define SIM_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;
	size_t len, cap;
};

/* How JSON strings are written: Telegram escapes all that is not ASCII, people read UTF-8 more easily. */
enum json_style { JSON_ASCII, JSON_UTF8 };

void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t count, size_t size);
char *xstrndup(const char *s, size_t len);
char *xstrdup(const char *s);
/* Makes *list hold at least `need` elements of `size` bytes, *cap being what it holds now. */
void *grow(void *list, size_t *cap, size_t need, size_t size);

void buf_free(struct buf *b);
void buf_clear(struct buf *b);
void buf_reserve(struct buf *b, size_t extra);
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_int(struct buf *b, int64_t n);
void buf_drop(struct buf *b, size_t count); /* the first `count` bytes */
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_json(
    struct buf *b, const char *s, size_t len, enum json_style style); /* with the quotes; s is valid UTF-8 */
/* Writes `"name":` and the string, after a comma; nothing at all where s is NULL. */
void buf_json_field(struct buf *b, const char *name, const char *s, enum json_style style);
const char *buf_cstr(struct buf *b); /* the content, with a NUL behind it that does not count */

#endif
