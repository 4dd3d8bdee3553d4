#include "withhold.h"

#include <stdint.h>
#include <string.h>

#include "json.h"

void withhold_init(struct withhold *withhold, size_t max_bytes)
{
	*withhold = (struct withhold){.state = WITHHOLD_MARGIN, .at_margin = true};
	buf_init(&withhold->held, max_bytes);
	buf_init(&withhold->going, SIZE_MAX);
}

void withhold_free(struct withhold *withhold)
{
	buf_free(&withhold->held);
	buf_free(&withhold->going);
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A byte order mark may stand where white space may. */
static bool is_mark(char c)
{
	return c == '\xef' || c == '\xbb' || c == '\xbf';
}

static void let_go(struct withhold *withhold)
{
	buf_add(&withhold->going, buf_text(&withhold->held), withhold->held.len);
	buf_clear(&withhold->held);
	withhold->state = withhold->at_margin ? WITHHOLD_MARGIN : WITHHOLD_PASS;
}

/* All that goes at once is told at once. */
static void tell(struct withhold *withhold, withhold_fn *fn, void *context)
{
	if (withhold->going.len > 0)
		fn(context, withhold->going.data, withhold->going.len);
	buf_clear(&withhold->going);
}

void withhold_release(struct withhold *withhold, withhold_fn *fn, void *context)
{
	let_go(withhold);
	tell(withhold, fn, context);
}

/* Whether what is held, which ends in its last brace, could be a report. */
static bool is_report(const struct withhold *withhold)
{
	const char *start = memchr(withhold->held.data, '{', withhold->held.len);
	size_t len = withhold->held.len - (size_t)(start - withhold->held.data);
	struct json_object *object = NULL;
	struct error error;
	bool result = json_parse_object(start, len, "it", &object, &error) == 0 &&
		      json_object_object_get_ex(object, "notify", NULL);

	json_object_put(object);
	return result;
}

static void begin_object(struct withhold *withhold)
{
	withhold->state = WITHHOLD_OBJECT;
	withhold->depth = 1;
	withhold->begun = withhold->in_string = withhold->escaped = false;
}

/* Follows a string; false where it cannot be one. */
static bool step_string(struct withhold *withhold, char c)
{
	if (c == '\n')
		return false;
	if (withhold->escaped)
		withhold->escaped = false;
	else if (c == '\\')
		withhold->escaped = true;
	else if (c == '"')
		withhold->in_string = false;
	return true;
}

/* Follows the object; false where it cannot be one any more. */
static bool step_object(struct withhold *withhold, char c)
{
	if (withhold->in_string)
		return step_string(withhold, c);
	if (!withhold->begun && !is_blank(c) && c != '"' && c != '}')
		return false;
	withhold->begun = withhold->begun || !is_blank(c);
	withhold->in_string = c == '"';
	if (c == '{' || c == '[')
		withhold->depth++;
	else if (c == '}' || c == ']')
		withhold->depth--;
	return true;
}

/* Whether the next character may be held back, too. */
static bool fits(struct withhold *withhold, char c)
{
	switch (withhold->state) {
	case WITHHOLD_MARGIN:
		if (c == '{')
			begin_object(withhold);
		return c == '{' || (is_blank(c) && c != '\n') || is_mark(c);
	case WITHHOLD_OBJECT:
		return step_object(withhold, c);
	case WITHHOLD_COMPLETE:
		return is_blank(c);
	case WITHHOLD_PASS:
		break;
	}
	return false;
}

/* Holds one character back, or lets it and all that was held go. */
static void take(struct withhold *withhold, char c)
{
	bool held = fits(withhold, c);

	if (!held && withhold->state != WITHHOLD_MARGIN) {
		let_go(withhold);
		/* In a new line it may be the start of the next one. */
		held = fits(withhold, c);
	}
	withhold->at_margin = c == '\n' || (withhold->at_margin && (is_blank(c) || is_mark(c)));
	if (!held || buf_add(&withhold->held, &c, 1) != 0) {
		let_go(withhold);
		buf_add(&withhold->going, &c, 1);
	} else if (withhold->state == WITHHOLD_OBJECT && withhold->depth == 0) {
		withhold->state = WITHHOLD_COMPLETE;
		if (!is_report(withhold))
			let_go(withhold);
	}
}

void withhold_feed(struct withhold *withhold, const char *data, size_t len, withhold_fn *fn, void *context)
{
	size_t i = 0;

	while (i < len) {
		const char *newline = memchr(data + i, '\n', len - i);
		size_t end = newline != NULL ? (size_t)(newline - data) : len;

		if (withhold->state != WITHHOLD_PASS || end == i) {
			take(withhold, data[i++]);
			continue;
		}
		buf_add(&withhold->going, data + i, end - i);
		i = end;
	}
	tell(withhold, fn, context);
}
