/*
 * What is decided about a call of an HTTP service: which URL, whether it is tried again, what its answer
 * means. Pure.
 */
#ifndef TG_DISPATCH_ASK_RULES_H
#define TG_DISPATCH_ASK_RULES_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "http.h"

/* What the placeholders of a URL stand for; NULL ends a list. */
struct ask_value {
	const char *name;
	const char *value;
};

/*
 * Appends a URL with {name} replaced by the value of that name, all but A-Za-z0-9-._~ as %XX; other braces
 * stay. ERROR_INPUT where url takes no more.
 */
int ask_fill_url(const char *source, const struct ask_value *values, struct buf *url, struct error *error);

enum { ASK_NODES_MAX = 20000 }; /* objects and arrays in an answer */

/*
 * What an answer is to whoever asked, for the caller to release: {"status":200,"json":"..."} where it carries
 * JSON, {"status":200,"text":"..."} where a 2xx carries plain text, {"status":N} for any other status without
 * JSON, {"failure":"why"} where there is no usable answer.
 *
 * An object or an array counts as JSON whatever its type says, anything else only where the type is JSON; a
 * text is what is text/plain, what has no type and does not begin like JSON, and an empty body.
 */
struct json_object *ask_read(const struct http_answer *answer);

/*
 * Makes {"status":200,"body":JSON} of what ask_read has given; all else stays, NULL too. Done when its turn
 * has come, since JSON that is read takes up to a hundred times the room, and many answers may wait at once.
 */
void ask_open(struct json_object *read);

/*
 * Whether a call may be made again: there was no connection, it broke before anything came back, or a gateway
 * answered in place of the service (502, 503, 504 without JSON). read: what ask_read says of it.
 */
bool ask_is_safe_again(const struct http_answer *answer, struct json_object *read);

/* How long to wait before; jitter from 0 to 1. */
int64_t ask_pause_ms(double jitter);

#endif
