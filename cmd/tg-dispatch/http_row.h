/*
 * Rows that go to an HTTP service: what it is told, as tgtools-service(7) has it. Pure; the handler itself,
 * commands_http, is in commands.h.
 */
#ifndef TG_DISPATCH_HTTP_ROW_H
#define TG_DISPATCH_HTTP_ROW_H

#include <json-c/json.h>

#include "commands.h"

/* What a service is told of an update; for the caller to release. */
struct json_object *http_row_body(const struct request *request);

/* The words for the log where an answer (see asker_done_fn) has nothing for the person; NULL: it has. */
const char *http_row_failure(struct json_object *answer);

#endif
