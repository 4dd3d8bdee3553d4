/*
 * Headers of HTTP requests as a configuration may name them: what could end a line, or would change where a
 * request ends, is none. Pure.
 */
#ifndef TGTOOLS_HEADER_H
#define TGTOOLS_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

enum { HEADER_NAME_MAX = 64, HEADER_VALUE_MAX = 4096 };

/* A token as RFC 9110 has it, and none of those that frame a request. ERROR_CONFIG says what is wrong. */
int header_check_name(const char *name, struct error *error);

/* Whether len bytes can stand behind the colon: no control characters but tabs. */
bool header_is_value(const char *value, size_t len);

#endif
