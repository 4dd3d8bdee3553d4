/*
 * What went wrong, written for the person who reads it.
 *
 * A function that can fail returns 0 or -1 and fills a struct error that its caller hands in; on success
 * the struct is left untouched. The text is one line without a newline, complete enough to be printed as
 * it is: what failed, on what, what to do. Only main prints and exits. Whatever was put into it, it is valid
 * UTF-8 without control characters ('?' in their place); what is too long ends in "...".
 */
#ifndef TGTOOLS_ERROR_H
#define TGTOOLS_ERROR_H

#include <stdbool.h>

enum error_kind {
	ERROR_USAGE,	 /* the command line is wrong */
	ERROR_INPUT,	 /* the data handed in is wrong */
	ERROR_CONFIG,	 /* the configuration or the installation is wrong */
	ERROR_TEMPORARY, /* the same call may succeed later */
	ERROR_PERMANENT, /* it will not succeed, whoever asks */
	ERROR_DENIED,	 /* it will not succeed for this caller: not permitted, or not linked */
	ERROR_BUG,	 /* the program is wrong */
};

struct error {
	enum error_kind kind;
	char text[256];
};

/* Fills error and returns -1, so that a function can end with `return error_set(...)`. */
int error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set, with ": " and the text of errno at the end; that is never cut. */
int error_errno(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The exit code of sysexits(3) for a kind: 64, 65, 78, 75, 69, 77, 70 in the order of the enum. */
int error_exit_code(enum error_kind kind);

/* Whether trying again later can help. */
bool error_is_temporary(enum error_kind kind);

/* The word for a kind in logs and JSON: "usage", "input", ... */
const char *error_kind_name(enum error_kind kind);

#endif
