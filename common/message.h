/*
 * What a caller may submit, and what becomes of it: from the fields of /send, /send_photo and
 * /send_document (tgtools-socket(7)) to the parameters of a Bot API method. Pure.
 */
#ifndef TGTOOLS_MESSAGE_H
#define TGTOOLS_MESSAGE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum message_kind { MESSAGE_TEXT, MESSAGE_PHOTO, MESSAGE_DOCUMENT };

enum {
	MESSAGE_TEXT_MAX = 4096, /* code points, after the markup is parsed */
	MESSAGE_CAPTION_MAX = 1024,
};

/* The fields, as they come from JSON or a query. Everything is borrowed; NULL: not given. */
struct message_fields {
	const char *user;
	const char *to;
	const char *text; /* or the caption */
	const char *title;
	const char *parse_mode;
	const char *script;
	const char *cooldown;
	const char *path; /* photo_path, document_path */
	const char *file_name;
	bool silent;
	bool has_cooldown; /* set by message_check, with cooldown_ms */
	int64_t cooldown_ms;
};

/* Reads an object; ERROR_INPUT for unknown fields and wrong types. fields borrows from body. */
int message_read_json(
    enum message_kind kind, struct json_object *body, struct message_fields *fields, struct error *error);

/* Reads the query of a request whose body is the file; get returns a value or NULL. */
typedef const char *message_get_fn(void *context, const char *name);
int message_read_query(
    message_get_fn *get, void *context, struct message_fields *fields, struct error *error);

/* Checks every field by itself and those that need each other. */
int message_check(enum message_kind kind, struct message_fields *fields, struct error *error);

/*
 * The parameters of sendMessage, sendPhoto or sendDocument, less chat and file: the title in bold above
 * the text, control characters taken out. ERROR_INPUT where nothing is left or it is too long. The caller
 * puts *parameters.
 */
int message_compose(enum message_kind kind, const struct message_fields *fields,
    struct json_object **parameters, struct error *error);

/* "sendMessage", ...; and "photo", "document", or NULL. */
const char *message_method(enum message_kind kind);
const char *message_file_parameter(enum message_kind kind);

#endif
