/*
 * What is wrong with the rows of the configuration beyond what can be read in it: rows that nobody can use,
 * and what they lead to that is not there; and texts that there are none of. Pure but for what world says.
 */
#ifndef TG_DISPATCH_TABLE_CHECK_H
#define TG_DISPATCH_TABLE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

/* Asked of the system; what it cannot say counts as in order. */
struct table_world {
	bool (*has_group)(const char *name);
	/* NULL, or why it cannot be run: static or errno's text. */
	const char *(*why_no_program)(const char *path);
	/* NULL, or why it is no file with a secret. */
	const char *(*why_no_secret)(const char *path);
};

/* This one. */
extern const struct table_world table_this_world;

/* text: "FILE:LINE: what is wrong and what to do". is_fatal: two rows contradict each other. */
typedef void table_mistake_fn(void *context, const char *text, bool is_fatal);

/*
 * Tells all mistakes, in the order of commands, callbacks, text, files and texts. Rows that cannot be read
 * are none.
 */
void table_check(
    const struct config *config, const struct table_world *world, table_mistake_fn *fn, void *context);

/* Tells this system's in the log; a row that does not work is no reason not to start. */
void table_log_mistakes(const struct config *config);

#endif
