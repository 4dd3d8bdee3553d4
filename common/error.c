#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

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

int error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
	va_list args;

	error->kind = kind;
	va_start(args, format);
	vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	return -1;
}

int error_errno(struct error *error, enum error_kind kind, const char *format, ...)
{
	int code = errno;
	va_list args;
	size_t used;

	error->kind = kind;
	va_start(args, format);
	vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	used = strlen(error->text);
	snprintf(error->text + used, sizeof error->text - used, ": %s", strerror(code));
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
