#include "markup_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "xalloc.h"

enum tag_name {
	TAG_B,
	TAG_STRONG,
	TAG_I,
	TAG_EM,
	TAG_U,
	TAG_INS,
	TAG_S,
	TAG_STRIKE,
	TAG_DEL,
	TAG_SPOILER,
	TAG_SPAN,
	TAG_CODE,
	TAG_PRE,
	TAG_A,
	TAG_EMOJI,
	TAG_QUOTE,
	TAG_BR,
	TAG_COUNT,
};

static const struct {
	const char *name;
	enum rich_type type;
	const char *attribute; /* the one that counts */
} tags[TAG_COUNT] = {
    [TAG_B] = {"b", RICH_BOLD, NULL},
    [TAG_STRONG] = {"strong", RICH_BOLD, NULL},
    [TAG_I] = {"i", RICH_ITALIC, NULL},
    [TAG_EM] = {"em", RICH_ITALIC, NULL},
    [TAG_U] = {"u", RICH_UNDERLINE, NULL},
    [TAG_INS] = {"ins", RICH_UNDERLINE, NULL},
    [TAG_S] = {"s", RICH_STRIKETHROUGH, NULL},
    [TAG_STRIKE] = {"strike", RICH_STRIKETHROUGH, NULL},
    [TAG_DEL] = {"del", RICH_STRIKETHROUGH, NULL},
    [TAG_SPOILER] = {"tg-spoiler", RICH_SPOILER, NULL},
    [TAG_SPAN] = {"span", RICH_SPOILER, "class"},
    [TAG_CODE] = {"code", RICH_CODE, "class"},
    [TAG_PRE] = {"pre", RICH_PRE, NULL},
    [TAG_A] = {"a", RICH_LINK, "href"},
    [TAG_EMOJI] = {"tg-emoji", RICH_EMOJI, "emoji-id"},
    [TAG_QUOTE] = {"blockquote", RICH_QUOTE, "expandable"},
    [TAG_BR] = {"br", RICH_BOLD, NULL},
};

static const char language_prefix[] = "language-";

#define NO_PARTNER SIZE_MAX

/* A tag as it stands in the source. */
struct tag {
	size_t start, end;
	enum tag_name name;
	bool is_end, is_merged; /* merged: it only names the language of the tag around it */
	size_t partner;		/* the tag that ends it, or that it ends */
	char *value;		/* of its attribute; NULL: not there */
	size_t entity;
	struct markup_link link;
};

struct tags {
	struct tag *tags;
	size_t count, capacity;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static size_t skip_space(const char *source, size_t at, size_t end)
{
	while (at < end && is_space(source[at]))
		at++;
	return at;
}

/* Appends text with its character references decoded. */
static void add_decoded(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		const char *mark = memchr(text + i, '&', len - i);
		size_t plain = mark != NULL ? (size_t)(mark - text) - i : len - i, length;
		uint32_t code;
		char utf8[4];

		buf_add(out, text + i, plain);
		i += plain;
		if (mark == NULL)
			return;
		length = markup_reference(text + i, len - i, &code);
		if (length > 0)
			buf_add(out, utf8, markup_encode(code, utf8));
		else
			buf_add(out, text + i, 1);
		i += length > 0 ? length : 1;
	}
}

static char *decode(const char *text, size_t len)
{
	struct buf out = BUF_INIT(2 * len + 4);

	add_decoded(&out, text, len);
	return out.data != NULL ? out.data : xstrdup("");
}

/*
 * Reads one attribute; returns the position behind it. The value of the one with the given name goes to
 * *value, "" where it has none.
 */
static size_t read_attribute(const char *source, size_t at, size_t end, const char *name, char **value)
{
	size_t name_start = at, name_len, start, len;

	while (at < end && !is_space(source[at]) && source[at] != '=' && source[at] != '/')
		at++;
	name_len = at - name_start;
	at = start = skip_space(source, at, end);
	len = 0;
	if (at < end && source[at] == '=') {
		char quote;

		at = start = skip_space(source, at + 1, end);
		quote = at < end ? source[at] : '\0';
		if (quote == '"' || quote == '\'') {
			start = ++at;
			while (at < end && source[at] != quote)
				at++;
			len = at - start;
			at += at < end;
		} else {
			while (at < end && !is_space(source[at]))
				at++;
			len = at - start;
		}
	}
	if (name != NULL && *value == NULL && strlen(name) == name_len &&
	    strncasecmp(source + name_start, name, name_len) == 0)
		*value = decode(source + start, len);
	return at > name_start ? at : at + 1;
}

/* The end of the tag that starts at start: its '>', outside of quotes; 0: it is none. */
static size_t find_tag_end(const char *source, size_t start, size_t len)
{
	char quote = '\0';

	for (size_t i = start + 1; i < len; i++) {
		if (source[i] == '<')
			return 0;
		if (quote != '\0')
			quote = source[i] == quote ? '\0' : quote;
		else if ((source[i] == '"' || source[i] == '\'') && i > start + 1)
			quote = source[i];
		else if (source[i] == '>')
			return i;
	}
	return 0;
}

static enum tag_name find_name(const char *text, size_t len)
{
	int i = 0;

	while (i < TAG_COUNT && (strlen(tags[i].name) != len || strncasecmp(text, tags[i].name, len) != 0))
		i++;
	return (enum tag_name)i;
}

/* Whether a start tag says what it needs to. */
static bool is_complete(const struct tag *tag)
{
	switch (tag->name) {
	case TAG_SPAN:
		return tag->value != NULL && strcmp(tag->value, "tg-spoiler") == 0;
	case TAG_EMOJI:
		return tag->value != NULL && tag->value[0] >= '1' && tag->value[0] <= '9' &&
		       strlen(tag->value) < 20 && strspn(tag->value, "0123456789") == strlen(tag->value);
	case TAG_A:
		return tag->value != NULL;
	default:
		return true;
	}
}

/* Reads the tag at start; false: it is none that is known. */
static bool read_tag(const char *source, size_t start, size_t len, struct tag *tag)
{
	size_t end = find_tag_end(source, start, len), at, name_start;

	if (end == 0)
		return false;
	*tag = (struct tag){.start = start, .end = end + 1, .partner = NO_PARTNER};
	tag->is_end = source[start + 1] == '/';
	at = name_start = start + 1 + tag->is_end;
	while (at < end && (isalnum((unsigned char)source[at]) || source[at] == '-'))
		at++;
	tag->name = find_name(source + name_start, at - name_start);
	if (tag->name == TAG_COUNT || (at < end && !is_space(source[at]) && source[at] != '/'))
		return false;
	while ((at = skip_space(source, at, end)) < end)
		at = read_attribute(source, at, end, tags[tag->name].attribute, &tag->value);
	if (!tag->is_end && is_complete(tag))
		return true;
	free(tag->value);
	tag->value = NULL;
	return tag->is_end;
}

static void find_tags(const char *source, size_t len, struct tags *found)
{
	for (size_t i = 0; i < len;) {
		const char *mark = memchr(source + i, '<', len - i);
		struct tag tag;

		if (mark == NULL)
			return;
		i = (size_t)(mark - source);
		if (!read_tag(source, i, len, &tag)) {
			i++;
			continue;
		}
		if (found->count == found->capacity) {
			found->capacity = found->capacity > 0 ? 2 * found->capacity : 32;
			found->tags = xreallocarray(found->tags, found->capacity, sizeof *found->tags);
		}
		found->tags[found->count++] = tag;
		i = tag.end;
	}
}

/* Finds what belongs together. An end tag ends the last open one of its name; what is open within that one
 * has no end. */
static void match_tags(struct tags *found)
{
	size_t *stack = xcalloc(found->count + 1, sizeof *stack), depth = 0, open[TAG_COUNT] = {0};

	for (size_t i = 0; i < found->count; i++) {
		struct tag *tag = &found->tags[i];

		if (tag->name == TAG_BR)
			continue;
		if (!tag->is_end) {
			open[tag->name]++;
			stack[depth++] = i;
			continue;
		}
		while (open[tag->name] > 0) {
			struct tag *start = &found->tags[stack[--depth]];

			open[start->name]--;
			if (start->name == tag->name) {
				start->partner = i;
				tag->partner = stack[depth];
				break;
			}
		}
	}
	free(stack);
}

/* <pre><code class="language-c">...</code></pre> is one thing. */
static void merge_languages(struct tags *found)
{
	for (size_t i = 0; i + 1 < found->count; i++) {
		struct tag *pre = &found->tags[i], *code = pre + 1;

		if (pre->name != TAG_PRE || pre->is_end || pre->partner == NO_PARTNER ||
		    code->name != TAG_CODE || code->is_end || code->start != pre->end ||
		    code->partner == NO_PARTNER || code->partner + 1 != pre->partner ||
		    found->tags[code->partner].end != found->tags[pre->partner].start)
			continue;
		if (code->value == NULL ||
		    strncmp(code->value, language_prefix, sizeof language_prefix - 1) != 0)
			continue;
		pre->value = xstrdup(code->value + sizeof language_prefix - 1);
		code->is_merged = found->tags[code->partner].is_merged = true;
	}
}

static void open_tag(struct rich *rich, struct tag *tag)
{
	enum rich_type type = tags[tag->name].type;
	const char *argument =
	    tag->name == TAG_EMOJI || (tag->name == TAG_PRE && tag->value != NULL && tag->value[0] != '\0')
		? tag->value
		: NULL;

	if (tag->name == TAG_A) {
		markup_link_open(rich, tag->value, strlen(tag->value), false, &tag->link);
		return;
	}
	if (tag->name == TAG_QUOTE && tag->value != NULL)
		type = RICH_EXPANDABLE_QUOTE;
	tag->entity = rich_open(rich, type, argument);
}

static int close_tag(struct rich *rich, struct tag *start)
{
	if (start->name == TAG_A)
		return markup_link_close(rich, &start->link);
	rich_close(rich, start->entity);
	return 0;
}

static int add_text(struct rich *rich, const char *text, size_t len, bool is_verbatim)
{
	struct buf decoded = BUF_INIT(2 * len + 4);
	int result;

	add_decoded(&decoded, text, len);
	result = rich_add(rich, buf_text(&decoded), decoded.len, is_verbatim);
	buf_free(&decoded);
	return result;
}

static int write_tag(
    struct rich *rich, struct tags *found, struct tag *tag, const char *source, size_t *verbatim_depth)
{
	bool is_code = tag->name == TAG_PRE || tag->name == TAG_CODE;

	if (tag->is_merged)
		return 0;
	if (tag->name == TAG_BR)
		return rich_add(rich, "\n", 1, true);
	if (tag->partner == NO_PARTNER)
		return add_text(rich, source + tag->start, tag->end - tag->start, *verbatim_depth > 0);
	if (tag->is_end) {
		*verbatim_depth -= is_code;
		return close_tag(rich, &found->tags[tag->partner]);
	}
	*verbatim_depth += is_code;
	open_tag(rich, tag);
	return 0;
}

static int write_all(struct rich *rich, struct tags *found, const char *source, size_t len)
{
	size_t at = 0, verbatim_depth = 0;

	for (size_t i = 0; i < found->count; i++) {
		struct tag *tag = &found->tags[i];

		if (add_text(rich, source + at, tag->start - at, verbatim_depth > 0) != 0 ||
		    write_tag(rich, found, tag, source, &verbatim_depth) != 0)
			return -1;
		at = tag->end;
	}
	return add_text(rich, source + at, len - at, verbatim_depth > 0);
}

int markup_parse_html(const char *source, size_t len, struct rich *rich)
{
	struct tags found = {0};
	int result;

	find_tags(source, len, &found);
	match_tags(&found);
	merge_languages(&found);
	result = write_all(rich, &found, source, len);
	for (size_t i = 0; i < found.count; i++) {
		free(found.tags[i].value);
		free(found.tags[i].link.url);
	}
	free(found.tags);
	return result;
}
