/*
 * One update: read, routed, handled against the store, answered. What the answer changed and the answer
 * itself are committed together, so an update that comes again after a crash is answered the same.
 */
#ifndef TG_DISPATCH_DISPATCH_H
#define TG_DISPATCH_DISPATCH_H

#include <json-c/json.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"
#include "error.h"
#include "store.h"
#include "commands.h"

/* Borrowed, but for the configuration: whoever reloads it replaces it here. */
struct dispatch {
	struct config *config;
	struct store *store;
	struct command_table table;
};

/*
 * Handles an update, appends its line to out and logs one line about it. received_ms (monotonic) is when it
 * came, now_ms is wall time. -1 leaves out alone: ERROR_INPUT, it is no update; ERROR_TEMPORARY, nothing
 * happened and it can be handled again; ERROR_CONFIG, the store is damaged. Any other trouble is logged and
 * answered with an apology, so that no update stands in the way of the next.
 */
int dispatch_update(const struct dispatch *dispatch, struct json_object *object, int64_t received_ms,
    int64_t now_ms, struct buf *out, struct error *error);

#endif
