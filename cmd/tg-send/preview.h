/* tg-send --dry-run: what would arrive in the chat, written for people. Pure. */
#ifndef TG_SEND_PREVIEW_H
#define TG_SEND_PREVIEW_H

#include <json-c/json.h>
#include <stddef.h>

#include "buf.h"
#include "error.h"

/*
 * Appends the messages that tg-sendd would make of the body of POST /send: for each its number, the names of
 * its files and the length of its text, the text itself, and what is formatted in it: from which to before
 * which UTF-16 unit (as Telegram counts), how, and the words. ERROR_INPUT where tg-sendd would refuse it.
 */
int preview_add(struct json_object *request, size_t text_parts_max, struct buf *out, struct error *error);

#endif
