#include "args.h"
#include "utf8.h"

#include <string.h>
#include <strings.h>

static bool not_utf8(struct buf *why)
{
	buf_str(why, "strings must be encoded in UTF-8");
	return false;
}

struct json_object *json_read(const char *s, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(32);
	struct json_object *value = NULL;

	if (!tokener || len > INT32_MAX)
		goto out;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	value = json_tokener_parse_ex(tokener, s, (int)len);
	/* A bare number is not known to be whole before something follows it. */
	if (!value && json_tokener_get_error(tokener) == json_tokener_continue)
		value = json_tokener_parse_ex(tokener, " ", 1);
	else if (value)
		for (size_t i = json_tokener_get_parse_end(tokener); i < len; i++)
			if (!strchr(" \t\r\n", s[i]) || s[i] == '\0') {
				json_object_put(value);
				value = NULL;
				break;
			}
out:
	if (tokener)
		json_tokener_free(tokener);
	return value;
}

bool slice_int(struct slice s, int64_t *n)
{
	bool negative = s.len > 0 && s.at[0] == '-';
	int64_t value = 0;

	if (s.len == (size_t)negative)
		return false;
	for (size_t i = negative; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, s.at[i] - '0', &value))
			return false;
	}
	/* Built up below zero, where the range is larger by one. */
	if (!negative && value == INT64_MIN)
		return false;
	*n = negative ? value : -value;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

size_t url_decode(char *s, size_t len, bool plus_is_space)
{
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		int high = i + 2 < len ? hex_digit(s[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(s[i + 2]) : -1;

		if (s[i] == '%' && low >= 0) {
			s[out++] = (char)(high << 4 | low);
			i += 2;
		} else {
			s[out++] = s[i] == '+' && plus_is_space ? ' ' : s[i];
		}
	}
	return out;
}

static struct arg *add(struct args *a, struct buf *why)
{
	if (a->count == ARGS_MAX) {
		buf_str(why, "too many parameters");
		return NULL;
	}
	memset(&a->list[a->count], 0, sizeof(a->list[0]));
	return &a->list[a->count++];
}

static bool read_form(struct args *a, struct slice form, struct buf *why)
{
	char *at = form.at, *end = form.at + form.len;

	while (at < end) {
		char *amp = memchr(at, '&', (size_t)(end - at)), *stop = amp ? amp : end;
		char *equals = memchr(at, '=', (size_t)(stop - at)), *name_end = equals ? equals : stop;
		struct arg *arg;

		if (stop > at) {
			arg = add(a, why);
			if (!arg)
				return false;
			arg->name = (struct slice){at, url_decode(at, (size_t)(name_end - at), true)};
			arg->text = (struct slice){name_end, 0};
			if (equals)
				arg->text = (struct slice){
				    equals + 1, url_decode(equals + 1, (size_t)(stop - equals) - 1, true)};
			if (!utf8_valid(arg->text.at, arg->text.len) ||
			    !utf8_valid(arg->name.at, arg->name.len))
				return not_utf8(why);
		}
		at = stop + 1;
	}
	return true;
}

bool args_add_object(struct args *a, struct json_object *object, struct buf *why)
{
	if (!json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		buf_str(why, "can't parse JSON object");
		return false;
	}
	a->root = object;
	json_object_object_foreach(object, key, value)
	{
		struct arg *arg = add(a, why);

		if (!arg)
			return false;
		arg->name = (struct slice){key, strlen(key)};
		arg->json = value;
		arg->is_null = !value;
		if (json_object_is_type(value, json_type_string)) {
			arg->text.at = (char *)(uintptr_t)json_object_get_string(value);
			arg->text.len = (size_t)json_object_get_string_len(value);
		}
	}
	return true;
}

static bool read_json(struct args *a, struct slice body, struct buf *why)
{
	if (!utf8_valid(body.at, body.len))
		return not_utf8(why);
	return args_add_object(a, json_read(body.at, body.len), why);
}

/* The value of `name="..."` (or without quotes) in a header line. */
static struct slice header_value(struct slice line, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i + len + 1 < line.len; i++) {
		char *at = line.at + i + len + 1, *end;

		if ((i > 0 && !strchr("; \t", line.at[i - 1])) || strncasecmp(line.at + i, name, len) != 0 ||
		    line.at[i + len] != '=')
			continue;
		if (*at == '"') {
			at++;
			end = memchr(at, '"', line.len - (size_t)(at - line.at));
		} else {
			end = memchr(at, ';', line.len - (size_t)(at - line.at));
		}
		return (struct slice){at, end ? (size_t)(end - at) : line.len - (size_t)(at - line.at)};
	}
	return (struct slice){NULL, 0};
}

static void part_header(struct arg *arg, struct slice line)
{
	static const char disposition[] = "content-disposition:", type[] = "content-type:";

	if (line.len > strlen(disposition) && strncasecmp(line.at, disposition, strlen(disposition)) == 0) {
		arg->name = header_value(line, "name");
		arg->file_name = header_value(line, "filename");
		arg->is_file = arg->file_name.at != NULL;
	} else if (line.len > strlen(type) && strncasecmp(line.at, type, strlen(type)) == 0) {
		char *at = line.at + strlen(type);

		while (at < line.at + line.len && *at == ' ')
			at++;
		arg->mime = (struct slice){at, (size_t)(line.at + line.len - at)};
	}
}

static bool read_part(struct args *a, struct slice part, struct buf *why)
{
	char *end = memmem(part.at, part.len, "\r\n\r\n", 4), *at = part.at;
	struct arg *arg = add(a, why);

	if (!arg)
		return false;
	if (!end) {
		buf_str(why, "can't parse multipart/form-data");
		return false;
	}
	while (at < end) {
		char *eol = memmem(at, (size_t)(end + 2 - at), "\r\n", 2);

		part_header(arg, (struct slice){at, (size_t)(eol - at)});
		at = eol + 2;
	}
	arg->text = (struct slice){end + 4, part.len - (size_t)(end + 4 - part.at)};
	if (!arg->name.at || (!arg->is_file && !utf8_valid(arg->text.at, arg->text.len)) ||
	    !utf8_valid(arg->name.at, arg->name.len) || !utf8_valid(arg->file_name.at, arg->file_name.len))
		return not_utf8(why);
	return true;
}

static bool read_multipart(struct args *a, const struct http_request *r, struct buf *why)
{
	struct slice boundary = header_value(r->content_type, "boundary"), rest = r->body;
	char mark[80] = "\r\n--", *at;
	size_t len = boundary.len + 4;

	if (boundary.len == 0 || boundary.len > 70)
		goto malformed;
	memcpy(mark + 4, boundary.at, boundary.len);
	/* The first boundary has no line end before it. */
	if (rest.len < len || memcmp(rest.at, mark + 2, len - 2) != 0)
		goto malformed;
	rest.at += len - 2;
	rest.len -= len - 2;
	while (rest.len >= 2 && memcmp(rest.at, "\r\n", 2) == 0) {
		at = memmem(rest.at, rest.len, mark, len);
		if (!at || at < rest.at + 2)
			goto malformed;
		if (!read_part(a, (struct slice){rest.at + 2, (size_t)(at - rest.at) - 2}, why))
			return false;
		rest.len -= (size_t)(at - rest.at) + len;
		rest.at = at + len;
	}
	if (rest.len >= 2 && memcmp(rest.at, "--", 2) == 0)
		return true;
malformed:
	buf_str(why, "can't parse multipart/form-data");
	return false;
}

static bool type_is(struct slice type, const char *name)
{
	size_t len = strlen(name);

	return type.len >= len && strncasecmp(type.at, name, len) == 0 &&
	       (type.len == len || strchr("; \t", type.at[len]));
}

bool args_read(struct args *a, struct http_request *r, struct buf *why)
{
	a->count = 0;
	a->root = NULL;
	if (!read_form(a, r->query, why))
		return false;
	if (r->body.len == 0)
		return true;
	if (type_is(r->content_type, "application/json"))
		return read_json(a, r->body, why);
	if (type_is(r->content_type, "multipart/form-data"))
		return read_multipart(a, r, why);
	if (type_is(r->content_type, "application/x-www-form-urlencoded"))
		return read_form(a, r->body, why);
	return true; /* the real server does not look into a body of any other type */
}

void args_free(struct args *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->list[i].own_json)
			json_object_put(a->list[i].json);
	json_object_put(a->root);
	a->count = 0;
	a->root = NULL;
}

static bool bind_bool(struct arg *arg)
{
	static const char *const yes[] = {"true", "True", "1"}, *const no[] = {"false", "False", "0"};

	for (size_t i = 0; i < 3; i++)
		if (slice_is(arg->text, yes[i]) || slice_is(arg->text, no[i])) {
			arg->number = slice_is(arg->text, yes[i]);
			return true;
		}
	return false;
}

/* A string that stands for something else: in forms everything, in JSON what is "JSON-serialized". */
static bool bind_text(struct arg *arg, const struct field *f, struct buf *why)
{
	if (f->type == T_STR || f->type == T_FILE || f->type == T_ANY)
		return true;
	if (f->type == T_CHAT) {
		arg->has_number = slice_int(arg->text, &arg->number);
		return true;
	}
	if (f->type == T_INT || f->type == T_BOOL) {
		arg->has_number = f->type == T_INT ? slice_int(arg->text, &arg->number) : bind_bool(arg);
		if (!arg->json && arg->has_number)
			return true;
		buf_printf(why, "parameter \"%s\" must be of type %s", f->name, type_name(f->type));
		return false;
	}
	if (arg->text.len == 0) {
		arg->json = NULL;
		return true;
	}
	arg->json = json_read(arg->text.at, arg->text.len);
	arg->own_json = true;
	if (arg->json)
		return schema_check(arg->json, f, why);
	if (f->type == T_MARKUP || f->type == T_INLINE)
		buf_str(why, "can't parse reply keyboard markup JSON object");
	else
		buf_printf(why, "can't parse %s JSON object", f->name);
	return false;
}

static bool bind_json(struct arg *arg, const struct field *f, struct buf *why)
{
	size_t start = why->len;

	if (!schema_check(arg->json, f, why)) {
		if (strncmp(buf_cstr(why) + start, "field", 5) == 0) {
			why->len = start;
			buf_printf(why, "parameter \"%s\" must be of type %s", f->name, type_name(f->type));
		}
		return false;
	}
	if (json_object_is_type(arg->json, json_type_int) ||
	    json_object_is_type(arg->json, json_type_boolean)) {
		arg->number = json_object_get_int64(arg->json);
		arg->has_number = true;
	}
	return true;
}

static bool is_attachment(struct slice s, struct slice name)
{
	return slice_starts(s, "attach://") && s.len - 9 == name.len &&
	       memcmp(s.at + 9, name.at, name.len) == 0;
}

/* An array of InputMedia, or one. */
static bool mentions(struct json_object *value, struct slice name)
{
	struct json_object *media = NULL;

	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			if (mentions(json_object_array_get_idx(value, i), name))
				return true;
		return false;
	}
	return json_object_is_type(value, json_type_object) &&
	       json_object_object_get_ex(value, "media", &media) &&
	       json_object_is_type(media, json_type_string) &&
	       is_attachment((struct slice){(char *)(uintptr_t)json_object_get_string(media),
				 (size_t)json_object_get_string_len(media)},
		   name);
}

/* A file under a name of its own is fine if some parameter says attach://NAME. */
static bool attached(const struct args *a, struct slice name)
{
	for (size_t i = 0; i < a->count; i++) {
		struct slice s = a->list[i].text;

		if (!a->list[i].is_file && (is_attachment(s, name) || mentions(a->list[i].json, name)))
			return true;
	}
	return false;
}

static bool mistyped(const struct field *f, struct buf *why)
{
	if (f->type == T_MARKUP || f->type == T_INLINE)
		buf_str(why, "object expected as reply markup");
	else
		buf_printf(why, "parameter \"%s\" must be of type %s", f->name, type_name(f->type));
	return false;
}

static bool bind_one(struct arg *arg, const struct field *f, struct buf *why)
{
	if (arg->is_null)
		return mistyped(f, why);
	if (arg->is_file)
		return f->type == T_FILE || mistyped(f, why);
	if (arg->json && !json_object_is_type(arg->json, json_type_string))
		return bind_json(arg, f, why);
	return bind_text(arg, f, why);
}

static bool unknown(struct slice name, struct buf *why)
{
	buf_printf(why, "unknown parameter \"%.*s\"", (int)(name.len < 64 ? name.len : 64), name.at);
	return false;
}

bool args_bind(struct args *a, const struct field *fields, struct buf *why)
{
	for (size_t i = 0; i < a->count; i++) {
		struct arg *arg = &a->list[i];
		const struct field *f = field_find(fields, arg->name.at, arg->name.len);

		if (!f && !arg->is_file)
			return unknown(arg->name, why);
		if (f && !bind_one(arg, f, why))
			return false;
	}
	/* What attaches a file may stand behind it. */
	for (size_t i = 0; i < a->count; i++) {
		const struct arg *arg = &a->list[i];

		if (!field_find(fields, arg->name.at, arg->name.len) && !attached(a, arg->name))
			return unknown(arg->name, why);
	}
	return true;
}

const struct arg *args_get_slice(const struct args *a, struct slice name)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->list[i].name.len == name.len && memcmp(a->list[i].name.at, name.at, name.len) == 0)
			return &a->list[i];
	return NULL;
}

const struct arg *args_get(const struct args *a, const char *name)
{
	return args_get_slice(a, (struct slice){(char *)(uintptr_t)name, strlen(name)});
}

struct slice args_text(const struct args *a, const char *name)
{
	const struct arg *arg = args_get(a, name);

	return arg ? arg->text : (struct slice){NULL, 0};
}

int64_t args_int(const struct args *a, const char *name, int64_t otherwise)
{
	const struct arg *arg = args_get(a, name);

	return arg ? arg->number : otherwise;
}

struct json_object *args_json(const struct args *a, const char *name)
{
	const struct arg *arg = args_get(a, name);

	return arg ? arg->json : NULL;
}
