#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "utf8.h"

static const struct {
	const char *name;
	int exit_code;
	bool temporary;
} kinds[] = {
    [ERROR_USAGE] = {"usage", EX_USAGE, false},
    [ERROR_INPUT] = {"input", EX_DATAERR, false},
    [ERROR_CONFIG] = {"config", EX_CONFIG, false},
    [ERROR_TEMPORARY] = {"temporary", EX_TEMPFAIL, true},
    [ERROR_PERMANENT] = {"permanent", EX_UNAVAILABLE, false},
    [ERROR_DENIED] = {"denied", EX_NOPERM, false},
    [ERROR_BUG] = {"bug", EX_SOFTWARE, false},
};

/* Formats the text; where it is longer than max bytes, it ends in "..." at a character. */
__attribute__((format(printf, 3, 0))) static void format_text(
    struct error *error, size_t max, const char *format, va_list args)
{
	char text[4096];
	size_t len;
	bool cut;

	vsnprintf(text, sizeof text, format, args);
	utf8_make_line(text);
	len = strlen(text);
	cut = len > max;
	snprintf(error->text, sizeof error->text, "%.*s%s", (int)(cut ? utf8_cut(text, len, max - 3) : len),
	    text, cut ? "..." : "");
}

int error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_text(error, sizeof error->text - 1, format, args);
	va_end(args);
	error->kind = kind;
	return -1;
}

int error_errno(struct error *error, enum error_kind kind, const char *format, ...)
{
	const char *reason = strerror(errno);
	va_list args;
	size_t used;

	va_start(args, format);
	format_text(error, sizeof error->text - 1 - strlen(": ") - strlen(reason), format, args);
	va_end(args);
	error->kind = kind;
	used = strlen(error->text);
	snprintf(error->text + used, sizeof error->text - used, ": %s", reason);
	return -1;
}

int error_exit_code(enum error_kind kind)
{
	return kinds[kind].exit_code;
}

bool error_is_temporary(enum error_kind kind)
{
	return kinds[kind].temporary;
}

const char *error_kind_name(enum error_kind kind)
{
	return kinds[kind].name;
}
