#include "schema.h"

#include <string.h>

const struct field *field_find(const struct field *fields, const char *name, size_t len)
{
	for (; fields->name; fields++)
		if (strlen(fields->name) == len && memcmp(fields->name, name, len) == 0)
			return fields;
	return NULL;
}

const char *type_name(enum type type)
{
	static const char *const names[] = {[T_INT] = "Integer",
	    [T_STR] = "String",
	    [T_BOOL] = "Boolean",
	    [T_CHAT] = "Integer or String",
	    [T_FILE] = "InputFile or String",
	    [T_STRINGS] = "Array of String",
	    [T_OBJECT] = "Object",
	    [T_OBJECTS] = "Array",
	    [T_GRID] = "Array of Arrays",
	    [T_INLINE] = "InlineKeyboardMarkup",
	    [T_MARKUP] = "Object",
	    [T_ANY] = "any"};

	return names[type];
}

static bool mistyped(const struct field *f, struct buf *why)
{
	buf_printf(why, "field \"%s\" must be of type %s", f->name, type_name(f->type));
	return false;
}

static bool check_objects(struct json_object *list, const struct field *f, struct buf *why)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (!json_object_is_type(item, json_type_object)) {
			buf_printf(why, "expected an Array of %s", f->of->name);
			return false;
		}
		if (!schema_check_object(item, f->of, why))
			return false;
	}
	return true;
}

static bool check_grid(struct json_object *grid, const struct field *f, struct buf *why)
{
	for (size_t i = 0; i < json_object_array_length(grid); i++) {
		struct json_object *row = json_object_array_get_idx(grid, i);

		if (!json_object_is_type(row, json_type_array))
			return mistyped(f, why);
		if (!check_objects(row, f, why))
			return false;
	}
	return true;
}

static bool check_strings(struct json_object *list, const struct field *f, struct buf *why)
{
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (!json_object_is_type(json_object_array_get_idx(list, i), json_type_string))
			return mistyped(f, why);
	return true;
}

static bool check_markup(struct json_object *markup, bool inline_only, struct buf *why)
{
	static const struct {
		const char *key;
		const struct schema *schema;
	} kinds[] = {{"inline_keyboard", &inline_keyboard_markup}, {"keyboard", &reply_keyboard_markup},
	    {"remove_keyboard", &reply_keyboard_remove}, {"force_reply", &force_reply}};

	if (!json_object_is_type(markup, json_type_object)) {
		buf_str(why, "object expected as reply markup");
		return false;
	}
	for (size_t i = 0; i < (inline_only ? 1 : 4); i++)
		if (json_object_object_get_ex(markup, kinds[i].key, NULL))
			return schema_check_object(markup, kinds[i].schema, why);
	if (json_object_object_length(markup) == 0)
		return true; /* as the real server: no markup at all */
	buf_str(
	    why, inline_only ? "inline keyboard expected" : "can't parse reply keyboard markup JSON object");
	return false;
}

bool schema_check(struct json_object *value, const struct field *f, struct buf *why)
{
	enum json_type is = json_object_get_type(value);

	switch (f->type) {
	case T_INT:
		return is == json_type_int || mistyped(f, why);
	case T_STR:
	case T_FILE:
		return is == json_type_string || mistyped(f, why);
	case T_BOOL:
		return is == json_type_boolean || mistyped(f, why);
	case T_CHAT:
		return is == json_type_int || is == json_type_string || mistyped(f, why);
	case T_STRINGS:
		return is == json_type_array ? check_strings(value, f, why) : mistyped(f, why);
	case T_OBJECT:
		return is == json_type_object ? schema_check_object(value, f->of, why) : mistyped(f, why);
	case T_OBJECTS:
		return is == json_type_array ? check_objects(value, f, why) : mistyped(f, why);
	case T_GRID:
		return is == json_type_array ? check_grid(value, f, why) : mistyped(f, why);
	case T_INLINE:
	case T_MARKUP:
		return check_markup(value, f->type == T_INLINE, why);
	case T_ANY:
		break;
	}
	return true;
}

bool schema_check_object(struct json_object *object, const struct schema *schema, struct buf *why)
{
	json_object_object_foreach(object, key, value)
	{
		const struct field *f = field_find(schema->fields, key, strlen(key));
		size_t start = why->len;

		if (f && schema_check(value, f, why))
			continue;
		if (!f)
			buf_printf(why, "can't parse %s: unknown field \"%s\"", schema->name, key);
		else if (strncmp(buf_cstr(why) + start, "field", 5) == 0) {
			why->len = start;
			buf_printf(why, "can't parse %s: Field \"%s\" must be of type %s", schema->name, key,
			    type_name(f->type));
		}
		return false;
	}
	for (const struct field *f = schema->fields; f->name; f++)
		if (f->required && !json_object_object_get_ex(object, f->name, NULL)) {
			buf_printf(why, "can't parse %s: Can't find field \"%s\"", schema->name, f->name);
			return false;
		}
	return true;
}
