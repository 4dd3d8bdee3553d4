#include "template.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num.h"
#include "texts.h"
#include "xalloc.h"

enum { NAME_MAX_BYTES = 128, NUMBER_BYTES = 24, LINE_INDEX_MAX = 1000000 };

enum node_kind { NODE_TEXT, NODE_VALUE, NODE_SECTION, NODE_INVERTED, NODE_END, NODE_COMMENT };

/* A piece of the source: a text, or a tag with its name. */
struct node {
	enum node_kind kind;
	const char *start; /* of the text or the name */
	size_t len;
	size_t end;	 /* of a section: where its NODE_END is */
	const char *tag; /* where the tag begins */
};

struct program {
	const char *source;
	struct node *nodes;
	size_t count;
	size_t open[TEMPLATE_DEPTH_MAX]; /* while it is read: the sections that are open */
	size_t depth;
};

/* ---- reading ---- */

static int fail_at(const struct program *program, const char *at, const char *what, const char *name,
    size_t len, struct error *error)
{
	int line = 1;

	for (const char *c = program->source; c < at; c++)
		line += *c == '\n';
	if (name == NULL)
		return error_set(error, ERROR_CONFIG, "template, line %d: %s", line, what);
	return error_set(error, ERROR_CONFIG, "template, line %d: %s: {{%.*s}}", line, what,
	    (int)(len < NAME_MAX_BYTES ? len : NAME_MAX_BYTES), name);
}

static struct node *add_node(struct program *program, enum node_kind kind, const char *start, size_t len)
{
	struct node *node;

	program->nodes = xreallocarray(program->nodes, program->count + 1, sizeof *program->nodes);
	node = &program->nodes[program->count++];
	*node = (struct node){.kind = kind, .start = start, .len = len, .tag = start};
	return node;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes the blanks around what is between the braces away. */
static void trim(const char **start, size_t *len)
{
	while (*len > 0 && (is_blank(**start) || **start == '\n')) {
		(*start)++;
		(*len)--;
	}
	while (*len > 0 && (is_blank((*start)[*len - 1]) || (*start)[*len - 1] == '\n'))
		(*len)--;
}

static bool is_name(const char *name, size_t len)
{
	if (len == 0 || len > NAME_MAX_BYTES)
		return false;
	if (len == 1 && name[0] == '.')
		return true;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c <= ' ' || c == 0x7f || strchr("{}#^/!&>=\"'", c) != NULL)
			return false;
		if (c == '.' && (i == 0 || i + 1 == len || name[i + 1] == '.'))
			return false;
	}
	return true;
}

static int open_section(struct program *program, const struct node *node, struct error *error)
{
	if (program->depth == TEMPLATE_DEPTH_MAX)
		return fail_at(
		    program, node->tag, "sections are nested too deeply", node->start, node->len, error);
	program->open[program->depth++] = program->count - 1;
	return 0;
}

static int close_section(struct program *program, const struct node *node, struct error *error)
{
	const struct node *section;

	if (program->depth == 0)
		return fail_at(program, node->tag, "no section is open", node->start, node->len, error);
	section = &program->nodes[program->open[program->depth - 1]];
	if (section->len != node->len || memcmp(section->start, node->start, node->len) != 0)
		return fail_at(program, node->tag, "the section that is open has another name", node->start,
		    node->len, error);
	program->nodes[program->open[--program->depth]].end = program->count - 1;
	return 0;
}

/* A tag: from its braces to what follows it. */
static int read_tag(struct program *program, const char **at, struct error *error)
{
	static const char signs[] = "#^/!&";
	static const enum node_kind kinds[] = {
	    NODE_SECTION, NODE_INVERTED, NODE_END, NODE_COMMENT, NODE_VALUE};
	const char *tag = *at, *start = tag + 2, *end, *sign;
	bool is_triple = *start == '{';
	enum node_kind kind = NODE_VALUE;
	struct node *node;
	size_t len;

	start += is_triple;
	end = strstr(start, is_triple ? "}}}" : "}}");
	if (end == NULL)
		return fail_at(program, tag, "a tag is not closed", NULL, 0, error);
	*at = end + (is_triple ? 3 : 2);
	len = (size_t)(end - start);
	trim(&start, &len);
	sign = len > 0 && !is_triple ? strchr(signs, *start) : NULL;
	if (sign != NULL) {
		kind = kinds[sign - signs];
		start++;
		len--;
		trim(&start, &len);
	}
	node = add_node(program, kind, start, len);
	node->tag = tag;
	if (kind != NODE_COMMENT && !is_name(start, len))
		return fail_at(program, tag, "not a name", start, len, error);
	if (kind == NODE_SECTION || kind == NODE_INVERTED)
		return open_section(program, node, error);
	return kind == NODE_END ? close_section(program, node, error) : 0;
}

/* Whether the tag from tag to after stands alone in its line; then both ends move to those of the line. */
static bool is_alone(const struct program *program, const char **tag, const char **after)
{
	const char *start = *tag, *end = *after;

	while (start > program->source && is_blank(start[-1]))
		start--;
	if (start > program->source && start[-1] != '\n')
		return false;
	end += strspn(end, " \t");
	if (*end == '\r' && end[1] == '\n')
		end++;
	if (*end != '\n' && *end != '\0')
		return false;
	*tag = start;
	*after = *end == '\n' ? end + 1 : end;
	return true;
}

/* Takes away the line of a tag that shows nothing: what stands before it was added as a text. */
static void drop_line(struct program *program, const char **at)
{
	struct node *node = &program->nodes[program->count - 1], *before;
	const char *tag = node->tag;

	if (node->kind == NODE_VALUE || !is_alone(program, &tag, at) || program->count < 2)
		return;
	before = &program->nodes[program->count - 2];
	if (before->kind == NODE_TEXT && before->start + before->len > tag)
		before->len = (size_t)(tag - before->start);
}

static int read_all(struct program *program, struct error *error)
{
	const char *at = program->source;

	if (strlen(at) > TEMPLATE_SOURCE_MAX_BYTES)
		return error_set(error, ERROR_CONFIG, "template: it has more than %d bytes",
		    (int)TEMPLATE_SOURCE_MAX_BYTES);
	while (*at != '\0') {
		const char *tag = strstr(at, "{{");
		size_t len = tag != NULL ? (size_t)(tag - at) : strlen(at);

		if (len > 0)
			add_node(program, NODE_TEXT, at, len);
		at += len;
		if (tag == NULL)
			break;
		if (read_tag(program, &at, error) != 0)
			return -1;
		drop_line(program, &at);
	}
	if (program->depth > 0) {
		const struct node *node = &program->nodes[program->open[program->depth - 1]];

		return fail_at(program, node->tag, "a section is not closed", node->start, node->len, error);
	}
	return 0;
}

int template_check(const char *source, struct error *error)
{
	struct program program = {.source = source};
	int result = read_all(&program, error);

	free(program.nodes);
	return result;
}

/* ---- filling in ---- */

/* What a name is looked up in: the innermost first. */
struct scope {
	struct json_object *value; /* NULL: null */
	size_t number;		   /* of the item, from 1; 0: no item */
	const struct scope *outer;
};

/* A value; json-c has none for null, and counts are of our own making. */
struct found {
	bool is_there, is_number;
	struct json_object *value;
	int64_t number;
};

struct render {
	const struct program *program;
	const char *more;
	struct buf *out;
	size_t first; /* where the result begins in out */
	size_t steps;
};

static bool is_word(const char *name, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(name, word, len) == 0;
}

static struct found member_of(struct json_object *value, const char *key, size_t len)
{
	struct found found = {.is_there = false};
	char text[NAME_MAX_BYTES + 1];
	int64_t index = 0;

	memcpy(text, key, len);
	text[len] = '\0';
	if (json_object_is_type(value, json_type_object)) {
		found.is_there = json_object_object_get_ex(value, text, &found.value);
	} else if (json_object_is_type(value, json_type_array)) {
		size_t count = json_object_array_length(value);

		if (is_word(key, len, "length")) {
			found = (struct found){true, true, NULL, (int64_t)count};
		} else if (num_int64(text, 0, LINE_INDEX_MAX, &index) == 0 && (size_t)index < count) {
			found.is_there = true;
			found.value = json_object_array_get_idx(value, (size_t)index);
		}
	}
	return found;
}

static struct found find_item_number(const struct scope *scope)
{
	while (scope != NULL && scope->number == 0)
		scope = scope->outer;
	return (struct found){scope != NULL, true, NULL, scope != NULL ? (int64_t)scope->number : 0};
}

/* The first part of the name in the innermost scope that has it, the rest from there on. */
static struct found find(const struct scope *scope, const char *name, size_t len)
{
	struct found found = {.is_there = false};
	size_t part;

	if (is_word(name, len, "."))
		return (struct found){true, false, scope->value, 0};
	if (is_word(name, len, "@number"))
		return find_item_number(scope);
	part = (const char *)memchr(name, '.', len) != NULL
		   ? (size_t)((const char *)memchr(name, '.', len) - name)
		   : len;
	for (; scope != NULL && !found.is_there; scope = scope->outer)
		found = member_of(scope->value, name, part);
	while (found.is_there && part < len) {
		const char *dot;

		name += part + 1;
		len -= part + 1;
		dot = memchr(name, '.', len);
		part = dot != NULL ? (size_t)(dot - name) : len;
		if (found.is_number) {
			found.is_there = false;
			break;
		}
		found = member_of(found.value, name, part);
	}
	return found;
}

static bool is_none(const struct found *found)
{
	if (!found->is_there)
		return true;
	if (found->is_number)
		return found->number == 0;
	switch (json_object_get_type(found->value)) {
	case json_type_null:
		return true;
	case json_type_boolean:
		return !json_object_get_boolean(found->value);
	case json_type_int:
	case json_type_double:
		return json_object_get_double(found->value) == 0;
	case json_type_string:
		return json_object_get_string_len(found->value) == 0;
	case json_type_array:
		return json_object_array_length(found->value) == 0;
	case json_type_object:
		break;
	}
	return false;
}

static int add(struct render *render, const char *text, size_t len, struct error *error)
{
	if (render->out->len - render->first + len > TEMPLATE_RESULT_MAX_BYTES ||
	    buf_add(render->out, text, len) != 0)
		return error_set(error, ERROR_INPUT, "the template comes to more than %d bytes",
		    (int)TEMPLATE_RESULT_MAX_BYTES);
	return 0;
}

static int add_value(struct render *render, const struct found *found, struct error *error)
{
	char number[NUMBER_BYTES];
	const char *text;
	size_t len;

	if (!found->is_there)
		return 0;
	if (found->is_number) {
		snprintf(number, sizeof number, "%lld", (long long)found->number);
		return add(render, number, strlen(number), error);
	}
	switch (json_object_get_type(found->value)) {
	case json_type_null:
		return 0;
	case json_type_string: /* up to a U+0000, which nobody can see */
		text = json_object_get_string(found->value);
		break;
	default:
		text = json_object_to_json_string_ext(
		    found->value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	}
	len = strlen(text);
	return add(render, text, len, error);
}

/* Below the items, or behind them where they are in one line. */
static int add_more(struct render *render, size_t count, struct error *error)
{
	struct buf text = BUF_INIT(TEXT_MAX_BYTES);
	char number[NUMBER_BYTES];
	const struct text_value values[] = {{"count", number}, {NULL, NULL}};
	size_t len = render->out->len;
	char last = len > render->first ? render->out->data[len - 1] : '\n';
	int result;

	snprintf(number, sizeof number, "%zu", count);
	result = text_format(render->more, values, &text, NULL, error);
	if (result == 0 && last != '\n' && !is_blank(last))
		result = add(render, " ", 1, error);
	if (result == 0)
		result = add(render, buf_text(&text), text.len, error);
	if (result == 0 && last == '\n')
		result = add(render, "\n", 1, error);
	buf_free(&text);
	return result;
}

static int render_range(
    struct render *render, size_t from, size_t to, const struct scope *scope, struct error *error);

static int render_items(struct render *render, size_t section, struct json_object *array,
    const struct scope *outer, struct error *error)
{
	size_t count = json_object_array_length(array);

	for (size_t i = 0; i < count && i < TEMPLATE_ITEMS_MAX; i++) {
		struct scope scope = {json_object_array_get_idx(array, i), i + 1, outer};

		if (render_range(render, section + 1, render->program->nodes[section].end, &scope, error) !=
		    0)
			return -1;
	}
	return count > TEMPLATE_ITEMS_MAX ? add_more(render, count - TEMPLATE_ITEMS_MAX, error) : 0;
}

static int render_section(
    struct render *render, size_t section, const struct scope *outer, struct error *error)
{
	const struct node *node = &render->program->nodes[section];
	struct found found = find(outer, node->start, node->len);
	struct scope inner = {found.value, 0, outer};

	if (is_none(&found) != (node->kind == NODE_INVERTED))
		return 0;
	if (node->kind == NODE_INVERTED || found.is_number)
		return render_range(render, section + 1, node->end, outer, error);
	if (json_object_is_type(found.value, json_type_array))
		return render_items(render, section, found.value, outer, error);
	return render_range(render, section + 1, node->end, &inner, error);
}

static int render_node(struct render *render, size_t index, const struct scope *scope, struct error *error)
{
	const struct node *node = &render->program->nodes[index];
	struct found found;

	if (++render->steps > TEMPLATE_STEPS_MAX)
		return error_set(error, ERROR_INPUT, "the template takes more than %d steps with this answer",
		    (int)TEMPLATE_STEPS_MAX);
	switch (node->kind) {
	case NODE_TEXT:
		return add(render, node->start, node->len, error);
	case NODE_VALUE:
		found = find(scope, node->start, node->len);
		return add_value(render, &found, error);
	case NODE_SECTION:
	case NODE_INVERTED:
		return render_section(render, index, scope, error);
	case NODE_END:
	case NODE_COMMENT:
		break;
	}
	return 0;
}

/* The depth of the recursion is that of the sections. */
static int render_range(
    struct render *render, size_t from, size_t to, const struct scope *scope, struct error *error)
{
	const struct node *nodes = render->program->nodes;

	for (size_t i = from; i < to; i++) {
		if (render_node(render, i, scope, error) != 0)
			return -1;
		if (nodes[i].kind == NODE_SECTION || nodes[i].kind == NODE_INVERTED)
			i = nodes[i].end;
	}
	return 0;
}

int template_render(
    const char *source, struct json_object *value, const char *more, struct buf *out, struct error *error)
{
	struct program program = {.source = source};
	struct scope scope = {.value = value};
	struct render render = {.program = &program, .more = more, .out = out, .first = out->len};
	int result = read_all(&program, error);

	if (result == 0)
		result = render_range(&render, 0, program.count, &scope, error);
	free(program.nodes);
	return result;
}
