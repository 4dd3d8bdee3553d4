/* What the files that make calls of an answer share; nobody else includes it. */
#ifndef TG_DISPATCH_ANSWER_INTERNAL_H
#define TG_DISPATCH_ANSWER_INTERNAL_H

#include "answer.h"

#include <stdbool.h>

#include "markup.h"
#include "rich.h"

/* An answer on its way. */
struct answer {
	struct request *request;
	struct json_object *calls; /* only those of this answer */
	bool may_edit;		   /* the message of the tap is not edited yet */
	bool may_toast;		   /* the tap is not answered yet */
	bool is_trial;		   /* buttons are only looked at, and none is kept */
	size_t files;
};

struct answer answer_begin(struct request *request);
/* Gives the request the calls where result is 0: all of them or none. ERROR_INPUT where they are too large.
 */
int answer_end(struct answer *answer, int result, struct error *error);

/* What most payloads may say. */
struct payload {
	enum markup_format format;
	bool is_edit, is_silent;
	struct json_object *keyboard; /* rows of buttons; owned, may be empty */
	size_t buttons;
};

/* Reads parse_mode, edit, silent and buttons. ERROR_INPUT leaves nothing to release. */
int payload_read(
    struct answer *answer, struct json_object *object, struct payload *payload, struct error *error);
void payload_free(struct payload *payload);

/* The first of keys (NULL-terminated) that is there as a text which is not blank; NULL: none is. -1: one of
 * them is no text. */
int payload_text(struct json_object *object, const char *const *keys, const char **text, struct error *error);

/* Whether url begins with one of schemes (NULL-terminated, "https://") and is one that Telegram takes. */
bool answer_is_url(const char *url, const char *const *schemes);

/* The rows of "buttons" below the others; prefix stands before what they say. */
int payload_add_buttons(struct answer *answer, struct json_object *object, const char *prefix,
    struct payload *payload, struct error *error);
/* One button at the end of row; its label is made fit. Left out where it needs the store and there is none.
 */
int payload_add_tap(struct answer *answer, struct payload *payload, struct json_object *row,
    const char *label, const char *action, const char *target, struct error *error);

/* A text as one or several messages, or as a document, with the buttons under the last. */
int answer_send(struct answer *answer, struct payload *payload, const struct rich *text, struct error *error);

/* A call to where the update came from, new in its topic; the caller's. */
struct json_object *answer_make_call(
    const struct answer *answer, const char *method, const struct payload *payload);
/* The same, owned by the calls. */
struct json_object *answer_new_call(struct answer *answer, const char *method, const struct payload *payload);

/* Puts text under its name ("text", "caption") with its entities. */
void answer_put_text(
    struct json_object *call, const char *name, const char *entities, const struct rich *text);
void answer_put_keyboard(struct json_object *call, struct payload *payload);

/* The built-in actions: of a button that only says that it was cancelled, and of the pages of a list. */
extern const char answer_cancel_action[], answer_page_action[];

/* The payload types of files of their own. */
int answer_add_list(struct answer *answer, struct json_object *object, struct error *error);
int answer_add_photo(struct answer *answer, struct json_object *object, struct error *error);

#endif
