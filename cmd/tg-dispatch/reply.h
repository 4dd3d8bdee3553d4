/*
 * Building the calls that answer an update, in the form in which Telegram defines them for answering a
 * webhook, and the line that carries them.
 */
#ifndef TG_DISPATCH_REPLY_H
#define TG_DISPATCH_REPLY_H

#include <json-c/json.h>

#include "buf.h"
#include "error.h"
#include "texts.h"
#include "update.h"

/*
 * Appends to calls a sendMessage to where update came from, its topic included. Telegram takes
 * no empty message, so an empty text adds nothing.
 */
int reply_message(struct json_object *calls, const struct update *update, const char *source,
    const struct text_value *values, struct error *error);

/* Appends the answerCallbackQuery without which the button of a phone keeps spinning. */
int reply_tap(
    struct json_object *calls, const struct update *update, const char *source, struct error *error);

/* Appends {"update_id":N,"calls":[...]} and a newline to line. ERROR_BUG where it does not fit. */
int reply_line(struct buf *line, int64_t update_id, struct json_object *calls, struct error *error);

#endif
