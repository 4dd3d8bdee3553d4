/*
 * Templates: a text with places that the JSON answer of a service fills in. The language is a part of
 * Mustache (mustache.5) and is described in tgtools.conf(5):
 *
 *	{{name}} {{a.b.0}} {{.}}    a value, as it is; nothing where there is none
 *	{{#name}}...{{/name}}	    for each item of an array, else once where there is a value
 *	{{^name}}...{{/name}}	    where there is none: absent, null, false, 0, "" or []
 *	{{!...}}		    nothing
 *
 * {{name.length}} is how many items an array has, {{@number}} the number of the item at hand, from 1. A tag
 * of a section or a comment that stands alone in its line leaves no line behind. Pure; a value is never read
 * as a part of the template.
 */
#ifndef TG_DISPATCH_TEMPLATE_H
#define TG_DISPATCH_TEMPLATE_H

#include <json-c/json.h>

#include "buf.h"
#include "error.h"

enum {
	TEMPLATE_SOURCE_MAX_BYTES = 16384,
	TEMPLATE_RESULT_MAX_BYTES = 65536,
	TEMPLATE_ITEMS_MAX = 10, /* of each array; how many more there are is told */
	TEMPLATE_DEPTH_MAX = 8,
	TEMPLATE_STEPS_MAX = 20000, /* tags and texts between them, each time that they come up */
};

/* ERROR_CONFIG says in which line what is wrong. */
int template_check(const char *source, struct error *error);

/*
 * Appends source filled in with value (NULL: null) to out. more is what is said for the items that are left
 * out: a text with {count} in it. ERROR_CONFIG as template_check, ERROR_INPUT where the result would be
 * longer than TEMPLATE_RESULT_MAX_BYTES or take more than TEMPLATE_STEPS_MAX.
 */
int template_render(
    const char *source, struct json_object *value, const char *more, struct buf *out, struct error *error);

#endif
