#include "json.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

struct json_parser {
	struct json_tokener *tokener;
	int max_depth;
};

struct json_parser *json_parser_new(int max_depth)
{
	struct json_parser *parser = xmalloc(sizeof *parser);

	/* json-c counts the value itself as a level. */
	*parser = (struct json_parser){.tokener = json_tokener_new_ex(max_depth + 1), .max_depth = max_depth};
	if (parser->tokener != NULL)
		json_tokener_set_flags(parser->tokener, JSON_TOKENER_STRICT);
	return parser;
}

void json_parser_free(struct json_parser *parser)
{
	if (parser != NULL && parser->tokener != NULL)
		json_tokener_free(parser->tokener);
	free(parser);
}

int json_parser_parse(struct json_parser *parser, const char *data, size_t len, const char *what,
    struct json_object **value, struct error *error)
{
	struct json_tokener *tokener = parser->tokener;
	struct json_object *parsed;
	enum json_tokener_error code;

	if (len > INT_MAX - 1)
		return error_set(error, ERROR_INPUT, "%s is too large", what);
	if (json_check_depth(data, len, parser->max_depth, what, error) != 0)
		return -1;
	if (tokener == NULL)
		return error_set(error, ERROR_TEMPORARY, "out of memory");
	parsed = json_tokener_parse_ex(tokener, data, (int)len);
	code = json_tokener_get_error(tokener);
	if (code == json_tokener_continue) {
		/* A bare number ends only at what follows it. */
		parsed = json_tokener_parse_ex(tokener, "", 1);
		code = json_tokener_get_error(tokener);
	}
	json_tokener_reset(tokener);
	if (code != json_tokener_success)
		return error_set(error, ERROR_INPUT, "%s: %s", what, json_tokener_error_desc(code));
	*value = parsed;
	return 0;
}

int json_parser_object(struct json_parser *parser, const char *data, size_t len, const char *what,
    struct json_object **value, struct error *error)
{
	struct json_object *parsed = NULL;

	if (json_parser_parse(parser, data, len, what, &parsed, error) != 0)
		return -1;
	if (!json_object_is_type(parsed, json_type_object)) {
		json_object_put(parsed);
		return error_set(error, ERROR_INPUT, "%s is not a JSON object", what);
	}
	*value = parsed;
	return 0;
}

int json_parse(
    const char *data, size_t len, const char *what, struct json_object **value, struct error *error)
{
	struct json_parser *parser = json_parser_new(JSON_MAX_DEPTH);
	int result = json_parser_parse(parser, data, len, what, value, error);

	json_parser_free(parser);
	return result;
}

int json_parse_object(
    const char *data, size_t len, const char *what, struct json_object **value, struct error *error)
{
	struct json_parser *parser = json_parser_new(JSON_MAX_DEPTH);
	int result = json_parser_object(parser, data, len, what, value, error);

	json_parser_free(parser);
	return result;
}

static const char *const type_words[] = {
    [json_type_boolean] = "true or false",
    [json_type_int] = "a whole number",
    [json_type_object] = "an object",
    [json_type_array] = "an array",
    [json_type_string] = "a string",
};

static int find(struct json_object *object, const char *key, enum json_type type, struct json_object **found,
    struct error *error)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || value == NULL)
		return 0;
	if (!json_object_is_type(value, type)) {
		error_set(error, ERROR_INPUT, "\"%s\" must be %s", key, type_words[type]);
		return -1;
	}
	*found = value;
	return 1;
}

int json_get_text(struct json_object *object, const char *key, const char **result, struct error *error)
{
	struct json_object *value;
	int found = find(object, key, json_type_string, &value, error);

	if (found != 1)
		return found;
	if (strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
		return error_set(error, ERROR_INPUT, "\"%s\" contains a NUL character", key);
	*result = json_object_get_string(value);
	return 1;
}

int json_get_bool(struct json_object *object, const char *key, bool *result, struct error *error)
{
	struct json_object *value;
	int found = find(object, key, json_type_boolean, &value, error);

	if (found == 1)
		*result = json_object_get_boolean(value);
	return found;
}

int json_get_int64(struct json_object *object, const char *key, int64_t *result, struct error *error)
{
	struct json_object *value;
	int found = find(object, key, json_type_int, &value, error);

	if (found == 1)
		*result = json_object_get_int64(value);
	return found;
}

int json_get_object(
    struct json_object *object, const char *key, struct json_object **result, struct error *error)
{
	return find(object, key, json_type_object, result, error);
}

int json_get_array(
    struct json_object *object, const char *key, struct json_object **result, struct error *error)
{
	return find(object, key, json_type_array, result, error);
}

const char *json_text(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

int64_t json_int64(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_int64(value) : 0;
}

int json_only_keys(struct json_object *object, const char *const *keys, struct error *error)
{
	json_object_object_foreach(object, key, value)
	{
		const char *const *known = keys;

		(void)value;
		while (*known != NULL && strcmp(*known, key) != 0)
			known++;
		if (*known == NULL)
			return error_set(error, ERROR_INPUT, "unknown field \"%.64s\"", key);
	}
	return 0;
}

void json_put_text(struct json_object *object, const char *key, const char *text)
{
	if (text != NULL)
		json_object_object_add(object, key, json_object_new_string(text));
}

void json_put_int64(struct json_object *object, const char *key, int64_t number)
{
	json_object_object_add(object, key, json_object_new_int64(number));
}

void json_put_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

const char *json_line(struct json_object *value)
{
	return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}
