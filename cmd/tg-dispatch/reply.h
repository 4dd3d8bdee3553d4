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

/* The same as an edit of the message at which a button was tapped. */
int reply_edit(struct json_object *calls, const struct update *update, const char *source,
    const struct text_value *values, struct error *error);

/*
 * Appends the answerCallbackQuery without which the button of a phone keeps spinning. What is longer than
 * Telegram shows there is cut.
 */
int reply_tap(struct json_object *calls, const struct update *update, const char *source,
    const struct text_value *values, struct error *error);

/* A keyboard under a message: rows of buttons. */
struct json_object *keyboard_new(void);
struct json_object *keyboard_add_row(struct json_object *keyboard);
/* data: at most 64 bytes, see route_update. */
void keyboard_add_button(struct json_object *row, const char *text, const char *data);
/* A row to turn pages, "« 2/4 »", for page (from 0) of so many: "ACTION:N", N from 1. None for one page. */
void keyboard_add_pages(struct json_object *keyboard, const char *action, size_t page, size_t pages);
/* Puts the keyboard under the message that was added to calls last; takes it over. */
void reply_keyboard(struct json_object *calls, struct json_object *keyboard);

/* Appends {"update_id":N,"calls":[...]} and a newline to line. ERROR_BUG where it does not fit. */
int reply_line(struct buf *line, int64_t update_id, struct json_object *calls, struct error *error);

/* Appends each of calls as a line of its own: what leaves before its update is answered. */
int reply_lines(struct buf *lines, struct json_object *calls, struct error *error);

#endif
