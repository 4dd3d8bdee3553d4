/*
 * What a script prints, less what may become its report: from a line that starts with '{' on it is held back
 * as long as it can still be one JSON object with "notify" at the end of the output, as notify-script(7) has
 * it. Pure.
 */
#ifndef TGTOOLS_NOTIFY_SCRIPTS_WITHHOLD_H
#define TGTOOLS_NOTIFY_SCRIPTS_WITHHOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

struct withhold {
	struct buf held;
	struct buf going; /* on its way to be told, empty between calls */
	enum withhold_state {
		WITHHOLD_MARGIN, /* nothing but white space in this line */
		WITHHOLD_PASS,	 /* within a line that is none of ours */
		WITHHOLD_OBJECT,
		WITHHOLD_COMPLETE, /* held is such an object, and white space */
	} state;
	size_t depth;
	bool begun; /* something stands behind the first brace */
	bool in_string, escaped;
	bool at_margin; /* as WITHHOLD_MARGIN, in the other states */
};

/* Told of what is no report, in order, once for each call at most; borrowed for the call. */
typedef void withhold_fn(void *context, const char *data, size_t len);

/* Holds back at most max_bytes. */
void withhold_init(struct withhold *withhold, size_t max_bytes);
void withhold_free(struct withhold *withhold);

void withhold_feed(struct withhold *withhold, const char *data, size_t len, withhold_fn *fn, void *context);
/* It is no report: out with it. */
void withhold_release(struct withhold *withhold, withhold_fn *fn, void *context);

#endif
