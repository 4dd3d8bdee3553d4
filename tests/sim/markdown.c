#include "format.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 256

struct parser {
	struct formatted *f;
	struct buf *why;
	const char *in;
	size_t len, i;
	int64_t units; /* UTF-16 units written so far */
};

struct opened {
	enum entity_type type;
	bool has_language;
	char *language;
	int64_t offset;
	size_t in_begin, out_begin;
};

struct parser_v2 {
	struct parser p;
	struct opened open[DEPTH_MAX];
	size_t depth;
	bool line_start, quoting;
};

static char at(const struct parser *p, size_t i)
{
	return i < p->len ? p->in[i] : '\0';
}

static bool space(char c)
{
	return c == '\0' || strchr(" \t\r\n\v\f", c) != NULL;
}

static void put(struct parser *p, char c)
{
	buf_char(&p->f->text, c);
	p->units += (((unsigned char)c & 0xc0) != 0x80) + ((unsigned char)c >= 0xf0);
}

static bool triple(const struct parser *p, size_t i)
{
	return at(p, i) == '`' && at(p, i + 1) == '`' && at(p, i + 2) == '`';
}

/* Behind ```: a word right there is the language, unless the block ends with it; one line end is left out. */
static char *code_language(struct parser *p)
{
	size_t end = p->i;
	char *language = NULL;

	while (!space(at(p, end)) && at(p, end) != '`')
		end++;
	if (end > p->i && end < p->len && p->in[end] != '`') {
		language = xstrndup(p->in + p->i, end - p->i);
		p->i = end;
	}
	if (at(p, p->i) == '\n' || at(p, p->i) == '\r') {
		char next = at(p, p->i + 1);

		p->i += (next == '\n' || next == '\r') && next != p->in[p->i] ? 2 : 1;
	}
	return language;
}

static bool no_end(struct parser *p, size_t begin)
{
	buf_printf(p->why, "Can't find end of the entity starting at byte offset %zu", begin);
	return false;
}

/* What follows the ] of a link: its URL in brackets, or the text itself stands for it. */
static void add_v1_link(struct parser *p, int64_t offset, size_t out_begin)
{
	size_t start = p->i + 2;

	if (at(p, p->i + 1) != '(') {
		formatted_add_link(
		    p->f, p->f->text.data + out_begin, p->f->text.len - out_begin, offset, p->units - offset);
		return;
	}
	p->i = start;
	while (p->i < p->len && p->in[p->i] != ')')
		p->i++;
	if (p->units > offset)
		formatted_add_link(p->f, p->in + start, p->i - start, offset, p->units - offset);
}

/* Legacy Markdown: entities do not nest, and nothing is escaped inside of them. */
static bool v1_entity(struct parser *p)
{
	char c = p->in[p->i], end = c == '[' ? ']' : c;
	bool pre = triple(p, p->i);
	size_t begin = p->i, out_begin = p->f->text.len;
	int64_t offset = p->units;
	char *language = NULL;

	p->i += pre ? 3 : 1;
	if (pre)
		language = code_language(p);
	while (p->i < p->len && (pre ? !triple(p, p->i) : p->in[p->i] != end))
		put(p, p->in[p->i++]);
	if (p->i >= p->len) {
		free(language);
		return no_end(p, begin);
	}
	if (c == '[') {
		add_v1_link(p, offset, out_begin);
	} else if (p->units > offset) {
		enum entity_type type = c == '_' ? E_ITALIC : c == '*' ? E_BOLD : pre ? E_PRE : E_CODE;

		formatted_add(p->f, type, offset, p->units - offset)->argument = language;
		language = NULL;
	}
	free(language);
	if (pre)
		p->i += 2;
	return true;
}

bool parse_markdown(struct formatted *f, struct slice in, struct buf *why)
{
	struct parser p = {.f = f, .why = why, .in = in.at, .len = in.len};

	for (; p.i < p.len; p.i++) {
		char c = p.in[p.i];

		if (c == '\\' && at(&p, p.i + 1) != '\0' && strchr("_*`[", p.in[p.i + 1])) {
			put(&p, p.in[++p.i]);
		} else if (c != '\0' && strchr("_*`[", c)) {
			if (!v1_entity(&p))
				return false;
		} else {
			put(&p, c);
		}
	}
	return true;
}

static bool reserved(struct parser_v2 *v)
{
	buf_printf(v->p.why, "Character '%c' is reserved and must be escaped with the preceding '\\'",
	    v->p.in[v->p.i]);
	return false;
}

static bool unclosed(struct parser_v2 *v)
{
	static const char *const titles[] = {[E_BLOCKQUOTE] = "BlockQuote",
	    [E_EXPANDABLE] = "BlockQuote",
	    [E_BOLD] = "Bold",
	    [E_ITALIC] = "Italic",
	    [E_UNDERLINE] = "Underline",
	    [E_STRIKETHROUGH] = "Strikethrough",
	    [E_SPOILER] = "Spoiler",
	    [E_CODE] = "Code",
	    [E_PRE] = "Pre",
	    [E_TEXT_LINK] = "TextUrl",
	    [E_TEXT_MENTION] = "MentionName",
	    [E_CUSTOM_EMOJI] = "CustomEmoji"};
	const struct opened *o = &v->open[v->depth - 1];

	buf_printf(v->p.why, "Can't find end of %s entity at byte offset %zu",
	    o->has_language ? "PreCode" : titles[o->type], o->in_begin);
	return false;
}

static bool push(struct parser_v2 *v, enum entity_type type, size_t in_begin)
{
	if (v->depth == DEPTH_MAX) {
		buf_str(v->p.why, "too many nested entities");
		return false;
	}
	v->open[v->depth++] = (struct opened){
	    .type = type, .offset = v->p.units, .in_begin = in_begin, .out_begin = v->p.f->text.len};
	v->line_start = false;
	return true;
}

static bool is_code(enum entity_type type)
{
	return type == E_CODE || type == E_PRE;
}

/* Whether what stands here closes the innermost entity, and how many bytes do that; 0: no. */
static size_t closing(const struct parser_v2 *v)
{
	const struct parser *p = &v->p;
	char c = p->in[p->i], next = at(p, p->i + 1);

	if (v->depth == 0)
		return 0;
	switch (v->open[v->depth - 1].type) {
	case E_BOLD:
		return c == '*';
	case E_ITALIC:
		return c == '_' && next != '_';
	case E_UNDERLINE:
		return c == '_' && next == '_' ? 2 : 0;
	case E_STRIKETHROUGH:
		return c == '~';
	case E_SPOILER:
		return c == '|' && next == '|' ? 2 : 0;
	case E_CODE:
		return c == '`';
	case E_PRE:
		return triple(p, p->i) ? 3 : 0;
	case E_TEXT_LINK:
	case E_CUSTOM_EMOJI:
		return c == ']';
	default:
		return 0;
	}
}

/* The URL in brackets behind a ]; p->i is on the ] and ends on the last byte taken. */
static bool bracketed_url(struct parser *p, struct buf *url)
{
	size_t begin = p->i + 2;

	p->i = begin;
	while (p->i < p->len && p->in[p->i] != ')') {
		char next = at(p, p->i + 1);

		if (p->in[p->i] == '\\' && next > 0 && next < 127)
			p->i++;
		buf_char(url, p->in[p->i++]);
	}
	if (p->i < p->len)
		return true;
	buf_printf(p->why, "Can't find end of a URL at byte offset %zu", begin);
	return false;
}

static bool close_link(struct parser_v2 *v, const struct opened *o)
{
	struct parser *p = &v->p;
	struct buf url = {0};
	int64_t length = p->units - o->offset;
	bool ok = true, given = at(p, p->i + 1) == '(';

	if (given)
		ok = bracketed_url(p, &url);
	else if (o->type == E_TEXT_LINK)
		buf_add(&url, p->f->text.data + o->out_begin, p->f->text.len - o->out_begin);
	if (ok && o->type == E_TEXT_LINK && length > 0) {
		formatted_add_link(p->f, url.data, url.len, o->offset, length);
	} else if (ok && o->type == E_CUSTOM_EMOJI &&
		   (!given || !formatted_add_special(p->f, url.data, url.len, o->offset, length))) {
		buf_str(p->why, "Custom emoji entity must contain a tg://emoji URL");
		ok = false;
	}
	buf_free(&url);
	return ok;
}

static bool close_entity(struct parser_v2 *v, size_t bytes)
{
	struct opened *o = &v->open[--v->depth];
	int64_t length = v->p.units - o->offset;

	v->line_start = false;
	if (o->type == E_TEXT_LINK || o->type == E_CUSTOM_EMOJI)
		return close_link(v, o);
	if (length > 0) {
		formatted_add(v->p.f, o->type, o->offset, length)->argument = o->language;
		o->language = NULL;
	}
	free(o->language);
	v->p.i += bytes - 1;
	return true;
}

/* The last line of a quotation may end with || to make it expandable: a spoiler opened there and never
 * filled. */
static bool close_quote(struct parser_v2 *v)
{
	struct opened *o = &v->open[v->depth - 1];
	bool expandable = false;

	if (o->type == E_SPOILER && o->offset == v->p.units) {
		expandable = true;
		o = &v->open[--v->depth - 1];
	}
	if (o->type != E_BLOCKQUOTE)
		return unclosed(v);
	v->depth--;
	v->quoting = false;
	if (v->p.units > o->offset)
		formatted_add(
		    v->p.f, expandable ? E_EXPANDABLE : E_BLOCKQUOTE, o->offset, v->p.units - o->offset);
	return true;
}

static bool line_end(struct parser_v2 *v)
{
	if (v->quoting && at(&v->p, v->p.i + 1) == '>') {
		put(&v->p, '\n');
		v->p.i++;
		return true;
	}
	if (v->quoting && !close_quote(v))
		return false;
	put(&v->p, '\n');
	v->line_start = true;
	return true;
}

static bool open_code(struct parser_v2 *v)
{
	struct parser *p = &v->p;
	size_t begin = p->i;

	if (!triple(p, p->i))
		return push(v, E_CODE, begin);
	if (!push(v, E_PRE, begin))
		return false;
	p->i += 3;
	v->open[v->depth - 1].language = code_language(p);
	v->open[v->depth - 1].has_language = v->open[v->depth - 1].language != NULL;
	p->i--;
	return true;
}

static bool open_entity(struct parser_v2 *v)
{
	struct parser *p = &v->p;
	size_t begin = p->i;
	char next = at(p, begin + 1);

	switch (p->in[begin]) {
	case '\n':
		return line_end(v);
	case '_':
		p->i += next == '_';
		return push(v, next == '_' ? E_UNDERLINE : E_ITALIC, begin);
	case '*':
		if (v->line_start && next == '*' && at(p, begin + 2) == '>') {
			p->i++; /* an empty bold entity keeps two quotations apart */
			return true;
		}
		return push(v, E_BOLD, begin);
	case '~':
		return push(v, E_STRIKETHROUGH, begin);
	case '|':
		if (next != '|')
			return reserved(v);
		p->i++;
		return push(v, E_SPOILER, begin);
	case '[':
		return push(v, E_TEXT_LINK, begin);
	case '!':
		if (next != '[')
			return reserved(v);
		p->i++;
		return push(v, E_CUSTOM_EMOJI, begin);
	case '`':
		return open_code(v);
	case '>':
		if (!v->line_start || v->depth > 0)
			return reserved(v);
		v->quoting = true;
		return push(v, E_BLOCKQUOTE, begin);
	default:
		return reserved(v);
	}
}

static bool step_v2(struct parser_v2 *v)
{
	struct parser *p = &v->p;
	char c = p->in[p->i], next = at(p, p->i + 1);
	bool code = v->depth > 0 && is_code(v->open[v->depth - 1].type);
	size_t bytes;

	if (c == '\\' && next > 0 && next < 127) {
		put(p, p->in[++p->i]);
		v->line_start = false;
		return true;
	}
	if (c == '\0' || !strchr(code ? "`" : "_*[]()~`>#+-=|{}.!\n", c)) {
		put(p, c);
		v->line_start = false;
		return true;
	}
	bytes = closing(v);
	if (bytes > 0)
		return close_entity(v, bytes);
	return open_entity(v);
}

bool parse_markdown_v2(struct formatted *f, struct slice in, struct buf *why)
{
	struct parser_v2 *v = xcalloc(1, sizeof(*v));
	bool ok = true;

	v->p = (struct parser){.f = f, .why = why, .in = in.at, .len = in.len};
	v->line_start = true;
	for (; ok && v->p.i < v->p.len; v->p.i++)
		ok = step_v2(v);
	if (ok && v->quoting)
		ok = close_quote(v);
	if (ok && v->depth > 0)
		ok = unclosed(v);
	while (v->depth > 0)
		free(v->open[--v->depth].language);
	free(v);
	return ok;
}
