#include "format.h"
#include "utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX 256

struct tag {
	const char *name; /* from the table below */
	char *argument;	  /* href, class without its prefix, emoji id, unix time */
	bool expandable;
	int64_t offset;
	size_t begin; /* byte in the result */
};

struct parser {
	struct formatted *f;
	struct buf *why;
	const char *in;
	size_t len, i;
	int64_t units;
	struct tag open[DEPTH_MAX];
	size_t depth;
	bool broken; /* a number entity made half a surrogate pair */
};

static const struct {
	const char *name;
	enum entity_type type;
} tags[] = {{"a", E_TEXT_LINK}, {"b", E_BOLD}, {"strong", E_BOLD}, {"i", E_ITALIC}, {"em", E_ITALIC},
    {"s", E_STRIKETHROUGH}, {"strike", E_STRIKETHROUGH}, {"del", E_STRIKETHROUGH}, {"u", E_UNDERLINE},
    {"ins", E_UNDERLINE}, {"tg-spoiler", E_SPOILER}, {"span", E_SPOILER}, {"tg-emoji", E_CUSTOM_EMOJI},
    {"tg-time", E_DATE_TIME}, {"pre", E_PRE}, {"code", E_CODE}, {"blockquote", E_BLOCKQUOTE}};

#define TAG_COUNT (sizeof(tags) / sizeof(*tags))

/* What is behind the end reads as NUL, which counts as a space, as it does there. */
static char at(const struct parser *p, size_t i)
{
	return i < p->len ? p->in[i] : '\0';
}

static bool space(char c)
{
	return c == '\0' || strchr(" \t\r\n\v\f", c) != NULL;
}

static bool fail(struct parser *p, const char *format, size_t offset)
{
	buf_printf(p->why, "%s at byte offset %zu", format, offset);
	return false;
}

/* The character that a reference at *i stands for, and *i behind it; 0 if it is none, and *i stays. */
static uint32_t reference(const struct parser *p, size_t *i)
{
	static const struct {
		const char *name;
		char c;
	} known[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}};
	size_t end = *i + 1;
	uint32_t code = 0;

	if (at(p, end) == '#') {
		int base = at(p, end + 1) == 'x' ? 16 : 10;

		for (end += base == 16 ? 2 : 1; isxdigit((unsigned char)at(p, end)) && code < 0x110000;
		     end++) {
			char digit[2] = {at(p, end), '\0'};

			if (base == 10 && !isdigit((unsigned char)digit[0]))
				break;
			code = code * (uint32_t)base + (uint32_t)strtoul(digit, NULL, base);
		}
		if (code == 0 || code >= 0x10ffff || end - *i >= 10)
			return 0;
	} else {
		while (isalpha((unsigned char)at(p, end)))
			end++;
		for (size_t k = 0; k < 4; k++)
			if (end - *i - 1 == strlen(known[k].name) &&
			    memcmp(p->in + *i + 1, known[k].name, end - *i - 1) == 0)
				code = (uint32_t)known[k].c;
		if (code == 0)
			return 0;
	}
	*i = at(p, end) == ';' ? end + 1 : end;
	return code;
}

static void add_code(struct parser *p, uint32_t code)
{
	char bytes[4];

	if (code >= 0xd800 && code <= 0xdfff)
		p->broken = true;
	buf_add(&p->f->text, bytes, utf8_encode(code, bytes));
	p->units += 1 + (code > 0xffff);
}

static void lower(const struct parser *p, size_t from, size_t to, char *out, size_t size)
{
	size_t n = 0;

	for (; from < to && n + 1 < size; from++)
		out[n++] = (char)tolower((unsigned char)p->in[from]);
	out[n] = '\0';
}

/* A value in quotes, references decoded; or a name token. */
static bool attribute_value(struct parser *p, struct buf *value)
{
	char quote = at(p, p->i);
	size_t start = p->i;

	if (quote != '"' && quote != '\'') {
		while (isalnum((unsigned char)at(p, p->i)) || at(p, p->i) == '.' || at(p, p->i) == '-')
			buf_char(value, (char)tolower((unsigned char)p->in[p->i++]));
		if (!space(at(p, p->i)) && at(p, p->i) != '>')
			return fail(p, "Unexpected end of name token", start);
		return true;
	}
	p->i++;
	while (p->i < p->len && at(p, p->i) != quote) {
		uint32_t code = at(p, p->i) == '&' ? reference(p, &p->i) : 0;
		char bytes[4];

		if (code != 0)
			buf_add(value, bytes, utf8_encode(code, bytes));
		else
			buf_char(value, p->in[p->i++]);
	}
	if (p->i < p->len)
		p->i++;
	return true;
}

static void take_attribute(struct tag *t, const char *name, struct buf *value)
{
	static const struct {
		const char *tag, *attribute, *prefix;
	} wanted[] = {{"a", "href", ""}, {"code", "class", "language-"}, {"span", "class", "tg-"},
	    {"tg-emoji", "emoji-id", ""}, {"tg-time", "unix", ""}};

	if (strcmp(t->name, "blockquote") == 0 && strcmp(name, "expandable") == 0)
		t->expandable = true;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		const char *text = buf_cstr(value), *prefix = wanted[i].prefix;

		if (strcmp(t->name, wanted[i].tag) != 0 || strcmp(name, wanted[i].attribute) != 0 ||
		    strncmp(text, prefix, strlen(prefix)) != 0)
			continue;
		free(t->argument);
		t->argument = xstrdup(text + strlen(prefix));
	}
}

static void skip_space(struct parser *p)
{
	while (p->i < p->len && space(p->in[p->i]))
		p->i++;
}

static bool attribute(struct parser *p, struct tag *t, size_t begin)
{
	struct buf value = {0};
	char name[32];
	size_t start = p->i;
	bool ok = true;

	while (!space(at(p, p->i)) && at(p, p->i) != '=' && at(p, p->i) != '>')
		p->i++;
	if (p->i == start) {
		buf_printf(
		    p->why, "Empty attribute name in the tag \"%s\" at byte offset %zu", t->name, begin);
		return false;
	}
	lower(p, start, p->i, name, sizeof(name));
	skip_space(p);
	if (at(p, p->i) == '=') {
		p->i++;
		skip_space(p);
		if (p->i >= p->len) {
			buf_printf(p->why, "Unclosed start tag \"%s\" at byte offset %zu", t->name, begin);
			return false;
		}
		ok = attribute_value(p, &value);
	}
	if (ok && p->i >= p->len)
		ok = fail(p, "Unclosed start tag", begin);
	if (ok)
		take_attribute(t, name, &value);
	buf_free(&value);
	return ok;
}

static bool open_tag(struct parser *p, size_t begin)
{
	char name[64];
	struct tag *t = &p->open[p->depth];
	size_t k = 0;

	while (!space(at(p, p->i)) && at(p, p->i) != '>')
		p->i++;
	if (p->i >= p->len)
		return fail(p, "Unclosed start tag", begin);
	lower(p, begin + 1, p->i, name, sizeof(name));
	while (k < TAG_COUNT && strcmp(tags[k].name, name) != 0)
		k++;
	if (k == TAG_COUNT || p->depth == DEPTH_MAX - 1) {
		buf_printf(p->why, "Unsupported start tag \"%s\" at byte offset %zu", name, begin);
		return false;
	}
	*t = (struct tag){.name = tags[k].name, .offset = p->units, .begin = p->f->text.len};
	p->depth++;
	while (at(p, p->i) != '>') {
		skip_space(p);
		if (at(p, p->i) == '>')
			break;
		if (p->i >= p->len)
			return fail(p, "Unclosed start tag", begin);
		if (!attribute(p, t, begin))
			return false;
	}
	if (strcmp(t->name, "span") == 0 && (!t->argument || strcmp(t->argument, "spoiler") != 0))
		return fail(p, "Tag \"span\" must have class \"tg-spoiler\"", begin);
	return true;
}

/* <pre><code class="language-x"> and <code><pre> over the same text are one entity with a language. */
static void add_pre_or_code(struct formatted *f, enum entity_type type, struct tag *t, int64_t length)
{
	struct entity *last = f->count ? &f->list[f->count - 1] : NULL;

	if (last && (last->type == E_CODE || last->type == E_PRE) && last->type != type &&
	    last->offset == t->offset && last->length == length &&
	    (type == E_PRE ? last->argument != NULL : t->argument != NULL)) {
		last->type = E_PRE;
		if (type == E_CODE) {
			last->argument = t->argument;
			t->argument = NULL;
		}
		return;
	}
	last = formatted_add(f, type, t->offset, length);
	if (type == E_CODE) {
		last->argument = t->argument;
		t->argument = NULL;
	}
}

static bool add_tag(struct parser *p, struct tag *t)
{
	enum entity_type type = E_BOLD;
	int64_t length = p->units - t->offset;
	struct buf link = {0};
	bool ok = true;

	for (size_t k = 0; k < TAG_COUNT; k++)
		if (strcmp(tags[k].name, t->name) == 0)
			type = tags[k].type;
	if (type == E_PRE || type == E_CODE) {
		add_pre_or_code(p->f, type, t, length);
	} else if (type == E_TEXT_LINK) {
		const char *url = t->argument && *t->argument ? t->argument : p->f->text.data + t->begin;
		size_t len = url == t->argument ? strlen(url) : p->f->text.len - t->begin;

		formatted_add_link(p->f, url, len, t->offset, length);
	} else if (type == E_CUSTOM_EMOJI || type == E_DATE_TIME) {
		buf_printf(&link, "tg://%s=%s", type == E_DATE_TIME ? "time?unix" : "emoji?id",
		    t->argument ? t->argument : "");
		ok = formatted_add_special(p->f, link.data, link.len, t->offset, length);
		if (!ok)
			buf_str(p->why, "Invalid custom emoji identifier specified");
		buf_free(&link);
	} else {
		formatted_add(p->f, t->expandable ? E_EXPANDABLE : type, t->offset, length);
	}
	return ok;
}

static bool close_tag(struct parser *p, size_t begin)
{
	char name[64];
	struct tag *t;
	bool ok = true;

	if (p->depth == 0)
		return fail(p, "Unexpected end tag", begin);
	t = &p->open[p->depth - 1];
	while (!space(at(p, p->i)) && at(p, p->i) != '>')
		p->i++;
	lower(p, begin + 2, p->i, name, sizeof(name));
	skip_space(p);
	if (at(p, p->i) != '>')
		return fail(p, "Unclosed end tag", begin);
	if (name[0] != '\0' && strcmp(name, t->name) != 0) {
		buf_printf(p->why,
		    "Unmatched end tag at byte offset %zu, expected \"</%s>\", found \"</%s>\"", begin,
		    t->name, name);
		return false;
	}
	if (p->units > t->offset)
		ok = add_tag(p, t);
	free(t->argument);
	p->depth--;
	return ok;
}

static bool parse(struct parser *p)
{
	for (; p->i < p->len; p->i++) {
		char c = p->in[p->i];
		size_t begin = p->i;
		uint32_t code = c == '&' ? reference(p, &p->i) : 0;

		if (code != 0) {
			add_code(p, code);
			p->i--;
		} else if (c != '<') {
			buf_char(&p->f->text, c);
			p->units += (((unsigned char)c & 0xc0) != 0x80) + ((unsigned char)c >= 0xf0);
		} else {
			p->i++;
			if (at(p, p->i) == '/' ? !close_tag(p, begin) : !open_tag(p, begin))
				return false;
		}
	}
	if (p->depth > 0) {
		buf_printf(p->why, "Can't find end tag corresponding to start tag \"%s\"",
		    p->open[p->depth - 1].name);
		return false;
	}
	if (p->broken && !utf8_valid(p->f->text.data, p->f->text.len)) {
		buf_str(p->why,
		    "Text contains invalid Unicode characters after decoding HTML entities, check for "
		    "unmatched surrogate code units");
		return false;
	}
	return true;
}

bool parse_html(struct formatted *f, struct slice in, struct buf *why)
{
	struct parser *p = xcalloc(1, sizeof(*p));
	bool ok;

	*p = (struct parser){.f = f, .why = why, .in = in.at, .len = in.len};
	ok = parse(p);
	while (p->depth > 0)
		free(p->open[--p->depth].argument);
	/* A language belongs to <pre> alone. */
	for (size_t i = 0; i < f->count; i++)
		if (f->list[i].type == E_CODE) {
			free(f->list[i].argument);
			f->list[i].argument = NULL;
		}
	free(p);
	return ok;
}
