/*
 * JSON as RFC 8259 has it. json-c 0.16, though told to be strict, takes NaN, 'quotes', "1.", raw control
 * characters, overlong UTF-8 and anything behind a NUL, and writes some of that out again.
 */
#include "json.h"

#include <ctype.h>
#include <string.h>

#include "utf8.h"

struct cursor {
	const char *start;
	const char *at;
	const char *end;
	const char *problem;
	int max_depth;
};

static bool fail(struct cursor *c, const char *problem)
{
	c->problem = problem;
	return false;
}

static bool fail_here(struct cursor *c)
{
	return fail(c, c->at == c->end ? "it ends too early" : "unexpected character");
}

static bool take(struct cursor *c, char wanted)
{
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

static void skip_space(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r' || *c->at == '\n'))
		c->at++;
}

static size_t skip_digits(struct cursor *c)
{
	const char *first = c->at;

	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		c->at++;
	return (size_t)(c->at - first);
}

/* json-c would make the nearest number that fits out of a larger one. */
static bool fits_int64(const char *digits, size_t count, bool negative)
{
	const char *limit = negative ? "9223372036854775808" : "9223372036854775807";

	return count < strlen(limit) || (count == strlen(limit) && memcmp(digits, limit, count) <= 0);
}

/* What languages with more numbers print, Python first of all. */
static bool is_no_number(const struct cursor *c)
{
	return c->end - c->at >= 3 && (memcmp(c->at, "NaN", 3) == 0 || memcmp(c->at, "Inf", 3) == 0);
}

static bool check_number(struct cursor *c)
{
	bool negative = take(c, '-');
	const char *digits = c->at;

	if (!take(c, '0') && skip_digits(c) == 0)
		return is_no_number(c) ? fail(c, "NaN or Infinity, which JSON does not have,") : fail_here(c);
	if (!fits_int64(digits, (size_t)(c->at - digits), negative) &&
	    (c->at == c->end || strchr(".eE", *c->at) == NULL))
		return fail(c, "a whole number is too large");
	if (take(c, '.') && skip_digits(c) == 0)
		return fail_here(c);
	if (take(c, 'e') || take(c, 'E')) {
		if (!take(c, '+'))
			take(c, '-');
		if (skip_digits(c) == 0)
			return fail_here(c);
	}
	return true;
}

static bool check_escape(struct cursor *c)
{
	if (c->at == c->end || *c->at == '\0' || strchr("\"\\/bfnrtu", *c->at) == NULL)
		return fail_here(c);
	if (*c->at++ != 'u')
		return true;
	for (int i = 0; i < 4; i++, c->at++)
		if (c->at == c->end || !isxdigit((unsigned char)*c->at))
			return fail_here(c);
	return true;
}

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* The high bit of each byte that is 0, and of some behind it. */
static uint64_t zero_bytes(uint64_t word)
{
	return (word - EACH_BYTE(0x01)) & ~word & EACH_BYTE(0x80);
}

/* Whether all of eight bytes stand for themselves in a string: ASCII, no control character, quote or
 * backslash.
 */
static bool are_plain(const char *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof word);
	return ((word | (word - EACH_BYTE(0x20)) | zero_bytes(word ^ EACH_BYTE('"')) |
		    zero_bytes(word ^ EACH_BYTE('\\'))) &
		   EACH_BYTE(0x80)) == 0;
}

static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* Most of any input is this. */
static void skip_plain(struct cursor *c)
{
	while (c->end - c->at >= 8 && are_plain(c->at))
		c->at += 8;
	while (c->at < c->end && is_plain(*c->at))
		c->at++;
}

/* Behind the opening quote. */
static bool check_string(struct cursor *c)
{
	for (;;) {
		size_t bytes;

		skip_plain(c);
		if (c->at == c->end)
			return fail_here(c);
		if (take(c, '"'))
			return true;
		if (take(c, '\\')) {
			if (!check_escape(c))
				return false;
			continue;
		}
		bytes = utf8_decode(c->at, (size_t)(c->end - c->at), NULL);
		if (bytes == 0)
			return fail(c, "not valid UTF-8");
		if ((unsigned char)*c->at < 0x20)
			return fail(c, "control character in a string");
		c->at += bytes;
	}
}

static bool check_word(struct cursor *c, const char *word)
{
	for (; *word != '\0'; word++)
		if (!take(c, *word))
			return fail_here(c);
	return true;
}

static bool check_value(struct cursor *c, int depth);

/* Behind the opening brace or bracket. */
static bool check_members(struct cursor *c, char closing, int depth)
{
	if (depth > c->max_depth)
		return fail(c, "nested too deeply");
	skip_space(c);
	if (take(c, closing))
		return true;
	do {
		skip_space(c);
		if (closing == '}') {
			if (!take(c, '"'))
				return fail_here(c);
			if (!check_string(c))
				return false;
			skip_space(c);
			if (!take(c, ':'))
				return fail_here(c);
		}
		if (!check_value(c, depth))
			return false;
		skip_space(c);
	} while (take(c, ','));
	return take(c, closing) || fail_here(c);
}

static bool check_value(struct cursor *c, int depth)
{
	skip_space(c);
	if (take(c, '{'))
		return check_members(c, '}', depth + 1);
	if (take(c, '['))
		return check_members(c, ']', depth + 1);
	if (take(c, '"'))
		return check_string(c);
	if (c->at < c->end && *c->at == 't')
		return check_word(c, "true");
	if (c->at < c->end && *c->at == 'f')
		return check_word(c, "false");
	if (c->at < c->end && *c->at == 'n')
		return check_word(c, "null");
	return check_number(c);
}

int json_check_depth(const char *data, size_t len, int max_depth, const char *what, struct error *error)
{
	struct cursor c = {.start = data, .at = data, .end = data + len, .max_depth = max_depth};
	bool good = check_value(&c, 0);

	skip_space(&c);
	if (good && c.at < c.end)
		good = fail(&c, "something follows the value");
	if (good)
		return 0;
	return error_set(
	    error, ERROR_INPUT, "%s is not JSON: %s at byte %zu", what, c.problem, (size_t)(c.at - c.start));
}

int json_check(const char *data, size_t len, const char *what, struct error *error)
{
	return json_check_depth(data, len, JSON_MAX_DEPTH, what, error);
}

size_t json_span(const char *data, size_t len)
{
	struct cursor c = {.start = data, .at = data, .end = data + len, .max_depth = JSON_MAX_DEPTH};

	return check_value(&c, 0) ? (size_t)(c.at - c.start) : 0;
}
