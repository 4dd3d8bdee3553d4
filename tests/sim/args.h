/*
 * The parameters of one call, wherever they came from: query string, form, multipart or JSON. Strings point
 * into the request (form values are decoded in place) or into the parsed JSON, and are not NUL-terminated.
 */
#ifndef SIM_ARGS_H
#define SIM_ARGS_H

#include "http.h"
#include "schema.h"

#define ARGS_MAX 48

struct arg {
	struct slice name, text;
	struct json_object *json; /* a JSON value; for a String see text */
	bool own_json;		  /* parsed from a form's string, so it is ours to put */
	bool is_file, is_null;
	struct slice file_name, mime;
	int64_t number; /* set by args_bind for integers, booleans, and numeric chat ids */
	bool has_number;
};

struct args {
	struct arg list[ARGS_MAX];
	size_t count;
	struct json_object *root;
};

/* Both: true, or false and `why` says what follows "Bad Request: ". args_free in either case. */
bool args_read(struct args *a, struct http_request *r, struct buf *why);
bool args_bind(struct args *a, const struct field *fields, struct buf *why);
bool args_add_object(struct args *a, struct json_object *object, struct buf *why); /* takes the reference */
void args_free(struct args *a);

const struct arg *args_get(const struct args *a, const char *name);
const struct arg *args_get_slice(const struct args *a, struct slice name);
struct slice args_text(const struct args *a, const char *name); /* empty if it is not there */
int64_t args_int(const struct args *a, const char *name, int64_t otherwise);
struct json_object *args_json(const struct args *a, const char *name);

/* A whole JSON value and nothing behind it; NULL if it is not. */
struct json_object *json_read(const char *s, size_t len);
bool slice_int(struct slice s, int64_t *n);		    /* a whole decimal number */
size_t url_decode(char *s, size_t len, bool plus_is_space); /* in place; the new length */

#endif
