/*
 * The edge that all programs have in common: the line that says why one ends, and printing on stdout. For
 * main files alone; everything below them fills a struct error.
 */
#ifndef TGTOOLS_PROGRAM_H
#define TGTOOLS_PROGRAM_H

#include <stddef.h>

#include "error.h"

/* Prints "NAME: TEXT" on stderr and returns the exit code for the kind. */
int program_fail(const char *name, const struct error *error);

/* Prints "NAME: WHAT; USAGE" on stderr and returns 64. usage is one line. */
int program_bad_usage(const char *name, const char *what, const char *usage);

/*
 * What getopt_long answered and all programs treat alike: 'V', 'h', and (where the short options
 * begin with ":") an option that is unknown or lacks its value, which is named. argv is as getopt_long
 * left it. Returns the exit code.
 */
int program_option(const char *name, int option, char *const *argv, const char *help, const char *usage);

/* Prints text on stdout and returns 0. A reader that went away is no error; a full disk is, and is told. */
int program_print(const char *name, const char *text, size_t len);

/* The same for "NAME VERSION" and for a help text. */
int program_version(const char *name);
int program_help(const char *name, const char *help);

#endif
