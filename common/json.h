/*
 * json-c with caps and typed access. Input is hostile: it is measured and checked before it is parsed. It
 * must be JSON as RFC 8259 has it, valid UTF-8, one value with nothing but white space around it, not nested
 * deeper than JSON_MAX_DEPTH, its whole numbers within int64.
 *
 * Ownership is json-c's: json_parse hands out a reference that the caller puts (json_object_put); the
 * getters borrow from the object.
 */
#ifndef TGTOOLS_JSON_H
#define TGTOOLS_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

enum {
	JSON_MAX_DEPTH = 32,
	/* Of what Telegram says: text within text in a message that somebody wrote is as deep as he likes,
	 * and one that is refused would come again for ever. */
	JSON_TELEGRAM_DEPTH = 500,
};

/* Whether len bytes are JSON of at most JSON_MAX_DEPTH levels; builds nothing. ERROR_INPUT says what and
 * where. */
int json_check(const char *data, size_t len, const char *what, struct error *error);

/* The same with another depth. */
int json_check_depth(const char *data, size_t len, int max_depth, const char *what, struct error *error);

/* How many bytes the JSON value at the start of data has, with white space before it; 0: there is none. What
 * follows it does not matter. */
size_t json_span(const char *data, size_t len);

/* Parses len bytes. ERROR_INPUT says what is wrong and at which byte; "what" names the input in the text. */
int json_parse(
    const char *data, size_t len, const char *what, struct json_object **value, struct error *error);

/* The same, and the value must be an object. */
int json_parse_object(
    const char *data, size_t len, const char *what, struct json_object **value, struct error *error);

/* The two for many values, one after the other, and of another depth. */
struct json_parser;

struct json_parser *json_parser_new(int max_depth);
void json_parser_free(struct json_parser *parser);
int json_parser_parse(struct json_parser *parser, const char *data, size_t len, const char *what,
    struct json_object **value, struct error *error);
int json_parser_object(struct json_parser *parser, const char *data, size_t len, const char *what,
    struct json_object **value, struct error *error);

/*
 * Typed getters: 1 where the key is there with that type, 0 where it is absent or null (the result is left
 * alone), -1 with ERROR_INPUT where it has another type. Strings that contain '\0' are of another type.
 */
int json_get_text(struct json_object *object, const char *key, const char **result, struct error *error);
int json_get_bool(struct json_object *object, const char *key, bool *result, struct error *error);
int json_get_int64(struct json_object *object, const char *key, int64_t *result, struct error *error);
int json_get_object(
    struct json_object *object, const char *key, struct json_object **result, struct error *error);
int json_get_array(
    struct json_object *object, const char *key, struct json_object **result, struct error *error);

/* The text of a key, or NULL where it is absent or no string: for values that we wrote ourselves. */
const char *json_text(struct json_object *object, const char *key);
/* The same for a number; absent is 0. */
int64_t json_int64(struct json_object *object, const char *key);

/* ERROR_INPUT where object has a key that is not in the NULL-terminated list. */
int json_only_keys(struct json_object *object, const char *const *keys, struct error *error);

/* Setters for building; a NULL text adds nothing. */
void json_put_text(struct json_object *object, const char *key, const char *text);
void json_put_int64(struct json_object *object, const char *key, int64_t number);
void json_put_bool(struct json_object *object, const char *key, bool value);

/* One line, without white space; borrowed from value. */
const char *json_line(struct json_object *value);

#endif
