/*
 * What becomes of the answer of a service: calls of the Bot API. The types and fields of an answer are
 * described in tgtools-service(7). Whatever a service says is hostile: capped, checked, and never markup but
 * where it asks for it; an answer that is wrong anywhere is wrong as a whole.
 *
 * Where a tap is answered, the message with the button is edited by the first text of an answer, and the
 * rest are new messages. A picture is always a new message.
 */
#ifndef TG_DISPATCH_ANSWER_H
#define TG_DISPATCH_ANSWER_H

#include <json-c/json.h>

#include "commands.h"
#include "error.h"

enum {
	ANSWER_PAYLOADS_MAX = 10,
	ANSWER_CALLS_MAX_BYTES = 512 << 10,
	ANSWER_ROW_BUTTONS_MAX = 8,
	ANSWER_BUTTONS_MAX = 100,
	ANSWER_URL_MAX_BYTES = 2048,
	ANSWER_LABEL_CHARACTERS = 128,
	ANSWER_ITEMS_MAX = 100,
	ANSWER_PAGE_ITEMS = 5,
};

/*
 * Adds to request->calls what body says: an object, an array of them, or a string, which is a text. null and
 * an empty array say nothing and add nothing. ERROR_INPUT: the service is to blame, the text is the reason
 * for the log, and calls is as it was; other errors are those of the store.
 *
 * request->txn is a write transaction, which long buttons, lists of several pages and the files of long texts
 * and of pictures need; request->changed is set where it was written to. NULL: buttons that need it are left
 * out, which is logged, a list is its first page, and a picture in base64 is ERROR_INPUT. The first two hold,
 * too, where the store is nearly full.
 */
int answer_add_calls(struct request *request, struct json_object *body, struct error *error);

/* The same for a text without markup: an answer that is no JSON, or a template that was filled in. */
int answer_add_text(struct request *request, const char *text, struct error *error);

#endif
