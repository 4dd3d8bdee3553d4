#include "xalloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static void *must(void *pointer)
{
	static const char line[] = "out of memory\n";

	if (pointer == NULL) {
		if (write(STDERR_FILENO, line, sizeof line - 1) < 0)
			_exit(EX_TEMPFAIL);
		/* Not exit(3), whose handlers may need memory. */
		quick_exit(EX_TEMPFAIL);
	}
	return pointer;
}

void *xmalloc(size_t size_bytes)
{
	return must(malloc(size_bytes ? size_bytes : 1));
}

void *xcalloc(size_t count, size_t size_bytes)
{
	return must(calloc(count ? count : 1, size_bytes ? size_bytes : 1));
}

void *xreallocarray(void *pointer, size_t count, size_t size_bytes)
{
	return must(reallocarray(pointer, count ? count : 1, size_bytes ? size_bytes : 1));
}

char *xstrdup(const char *text)
{
	return must(strdup(text));
}

char *xstrndup(const char *text, size_t length_bytes)
{
	return must(strndup(text, length_bytes));
}

char *xasprintf(const char *format, ...)
{
	va_list args;
	char *text = NULL;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	return must(length < 0 ? NULL : text);
}
