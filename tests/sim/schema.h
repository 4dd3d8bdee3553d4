/*
 * What the Bot API takes: every method's parameters with their types, and the objects within them. The real
 * server ignores what it does not know; this one refuses it, because an unknown parameter in a tool is a
 * mistake in the tool.
 */
#ifndef SIM_SCHEMA_H
#define SIM_SCHEMA_H

#include "buf.h"

#include <json-c/json.h>
#include <stdbool.h>

enum type {
	T_INT,
	T_STR,
	T_BOOL,
	T_CHAT,	   /* Integer or String */
	T_FILE,	   /* an uploaded file, or a String that names one */
	T_STRINGS, /* Array of String */
	T_OBJECT,
	T_OBJECTS, /* Array of objects */
	T_GRID,	   /* Array of Array of objects */
	T_INLINE,  /* InlineKeyboardMarkup */
	T_MARKUP,  /* any of the four kinds of reply_markup */
	T_ANY
};

struct field {
	const char *name;
	enum type type;
	bool required; /* checked in nested objects only: for the methods' own parameters Telegram has words
			  of its own */
	const struct schema *of;
};

struct schema {
	const char *name;
	const struct field *fields; /* ended by one without a name */
};

extern const struct schema inline_keyboard_markup, reply_keyboard_markup, reply_keyboard_remove, force_reply;
extern const struct schema message_entity;

const struct field *field_find(const struct field *fields, const char *name, size_t len);
const char *type_name(enum type type);
/* True if the value fits; otherwise `why` gets what Telegram would say after "Bad Request: ". */
bool schema_check(struct json_object *value, const struct field *field, struct buf *why);
bool schema_check_object(struct json_object *object, const struct schema *schema, struct buf *why);

#endif
