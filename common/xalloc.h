/*
 * Allocation that cannot fail: out of memory ends the process with a line on stderr and exit code 75.
 * What matters is in the store by then. Everything is released with free().
 */
#ifndef TGTOOLS_XALLOC_H
#define TGTOOLS_XALLOC_H

#include <stddef.h>

void *xmalloc(size_t size_bytes);
void *xcalloc(size_t count, size_t size_bytes);
void *xreallocarray(void *pointer, size_t count, size_t size_bytes);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length_bytes);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
