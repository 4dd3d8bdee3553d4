#include "rich_internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"
#include "utf8.h"
#include "xalloc.h"

enum { TAB_COLUMNS = 8, LINE_MAX_BYTES = 1000, STYLES = RICH_SPOILER + 1, NONE = -1 };

static bool is_style(enum rich_type type)
{
	return type <= RICH_SPOILER;
}

static bool is_quote(enum rich_type type)
{
	return type == RICH_QUOTE || type == RICH_EXPANDABLE_QUOTE;
}

static bool is_code(enum rich_type type)
{
	return type == RICH_CODE || type == RICH_PRE;
}

static bool is_blank_byte(char c)
{
	return c == ' ' || c == '\n';
}

void rich_free(struct rich *rich)
{
	for (size_t i = 0; i < rich->count; i++)
		free(rich->entities[i].argument);
	free(rich->entities);
	buf_free(&rich->text);
	*rich = (struct rich){.text = {.max = rich->text.max}};
}

int rich_add_raw(struct rich *rich, const char *text, size_t len)
{
	return len > 0 ? buf_add(&rich->text, text, len) : 0;
}

/* The column in which the next character of the text stands; what is that far out is not aligned. */
static size_t column(const struct rich *rich)
{
	size_t start = rich->text.len;

	while (start > 0 && rich->text.data[start - 1] != '\n' && rich->text.len - start < LINE_MAX_BYTES)
		start--;
	return utf8_count(buf_text(&rich->text) + start, rich->text.len - start);
}

static int add_with_tabs(struct rich *rich, const char *text, size_t len, bool is_verbatim)
{
	static const char blanks[] = "        ";
	size_t at_column = is_verbatim && memchr(text, '\t', len) != NULL ? column(rich) : 0;

	for (size_t i = 0; i < len;) {
		const char *tab = memchr(text + i, '\t', len - i);
		size_t end = tab != NULL ? (size_t)(tab - text) : len;
		const char *line = memrchr(text + i, '\n', end - i);
		size_t width = 1;

		if (rich_add_raw(rich, text + i, end - i) != 0)
			return -1;
		if (tab == NULL)
			return 0;
		if (is_verbatim) {
			at_column = line != NULL ? utf8_count(line + 1, (size_t)(tab - line) - 1)
						 : at_column + utf8_count(text + i, end - i);
			width = TAB_COLUMNS - at_column % TAB_COLUMNS;
			at_column += width;
		}
		if (rich_add_raw(rich, blanks, width) != 0)
			return -1;
		i = end + 1;
	}
	return 0;
}

int rich_add(struct rich *rich, const char *text, size_t len, bool is_verbatim)
{
	struct buf clean = BUF_INIT(rich->text.max);
	int result = text_add_clean(&clean, text, len);

	if (result == 0)
		result = add_with_tabs(rich, buf_text(&clean), clean.len, is_verbatim);
	buf_free(&clean);
	return result;
}

void rich_put(struct rich *rich, enum rich_type type, size_t start, size_t end, const char *argument)
{
	if (rich->count == rich->capacity) {
		rich->capacity = rich->capacity > 0 ? 2 * rich->capacity : 16;
		rich->entities = xreallocarray(rich->entities, rich->capacity, sizeof *rich->entities);
	}
	rich->entities[rich->count++] = (struct rich_entity){.type = type,
	    .start = start,
	    .end = end,
	    .argument = argument != NULL ? xstrdup(argument) : NULL};
}

size_t rich_open(struct rich *rich, enum rich_type type, const char *argument)
{
	rich_put(rich, type, rich->text.len, SIZE_MAX, argument);
	return rich->count - 1;
}

void rich_close(struct rich *rich, size_t index)
{
	rich->entities[index].end = rich->text.len;
}

size_t rich_verbatim_start(const struct rich *rich, size_t position)
{
	for (size_t i = 0; i < rich->count; i++) {
		if (is_code(rich->entities[i].type) && rich->entities[i].end > position)
			return rich->entities[i].start;
	}
	return SIZE_MAX;
}

/*
 * Valid entities are found in one sweep over the points where one starts or ends. At each the sweep knows
 * what must hold from there on: which quote, which of those that exclude each other (links, code, custom
 * emoji), and which styles. A stack holds what is open in the output.
 */
struct point {
	size_t at;
	size_t index; /* of the entity */
	bool is_start;
};

enum { SLOT_QUOTE, SLOT_SINGLE, SLOT_STYLE, SLOTS = SLOT_STYLE + STYLES };

/* What holds: for a quote or a single one its index, for a style whether it is on (0), or NONE. */
struct state {
	long active[SLOTS];
	size_t ends[SLOTS]; /* where it ends, as far as is known */
};

struct sweep {
	const struct rich_entity *in;
	struct rich *out; /* its text is complete, its entities grow */
	size_t style_depth[STYLES];
	struct state now;
	struct {
		int slot;
		size_t index; /* in out */
	} stack[SLOTS];
	size_t depth;
	size_t seen;	  /* how far the text was looked at for what is not blank */
	size_t solid_end; /* the end of the last such character */
};

static int slot_of(enum rich_type type)
{
	return is_style(type) ? SLOT_STYLE + (int)type : is_quote(type) ? SLOT_QUOTE : SLOT_SINGLE;
}

static int compare_points(const void *left, const void *right)
{
	const struct point *a = left, *b = right;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->is_start != b->is_start)
		return a->is_start ? 1 : -1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static void apply_start(struct sweep *sweep, size_t index)
{
	const struct rich_entity *entity = &sweep->in[index];
	int slot = slot_of(entity->type);
	long *active = &sweep->now.active[slot];

	if (is_style(entity->type)) {
		if (sweep->style_depth[entity->type]++ == 0 || entity->end > sweep->now.ends[slot])
			sweep->now.ends[slot] = entity->end;
		return;
	}
	/* The outer one wins. A quote is a block: within a link or code it is none. */
	if (*active != NONE || (slot == SLOT_QUOTE && sweep->now.active[SLOT_SINGLE] != NONE))
		return;
	*active = (long)index;
	sweep->now.ends[slot] = entity->end;
}

static void apply_end(struct sweep *sweep, size_t index)
{
	const struct rich_entity *entity = &sweep->in[index];
	int slot = slot_of(entity->type);

	if (is_style(entity->type))
		sweep->style_depth[entity->type]--;
	else if (sweep->now.active[slot] == (long)index)
		sweep->now.active[slot] = NONE;
}

/* Code has no styles. */
static void derive_styles(struct sweep *sweep)
{
	long single = sweep->now.active[SLOT_SINGLE];
	bool possible = single == NONE || !is_code(sweep->in[single].type);

	for (int i = 0; i < STYLES; i++)
		sweep->now.active[SLOT_STYLE + i] = possible && sweep->style_depth[i] > 0 ? 0 : NONE;
}

static void look_at_text(struct sweep *sweep, size_t end)
{
	const char *text = sweep->out->text.data;

	for (; sweep->seen < end; sweep->seen++) {
		if (!is_blank_byte(text[sweep->seen]))
			sweep->solid_end = sweep->seen + 1;
	}
}

/* Closes what is above depth; what turns out to be blank stays as an empty entity for now. */
static void close_above(struct sweep *sweep, size_t depth, size_t at)
{
	while (sweep->depth > depth) {
		struct rich_entity *entity = &sweep->out->entities[sweep->stack[--sweep->depth].index];

		entity->end = sweep->solid_end > entity->start ? at : entity->start;
	}
}

/* How much of the stack may stay open: what still holds, and styles that what starts now does not outlive. */
static size_t depth_to_keep(const struct sweep *sweep, const struct state *before)
{
	size_t longest = 0, depth = 0;

	for (int slot = SLOT_QUOTE; slot <= SLOT_SINGLE; slot++) {
		if (sweep->now.active[slot] != NONE && sweep->now.active[slot] != before->active[slot] &&
		    sweep->now.ends[slot] > longest)
			longest = sweep->now.ends[slot];
	}
	for (; depth < sweep->depth; depth++) {
		int slot = sweep->stack[depth].slot;

		if (sweep->now.active[slot] == NONE || sweep->now.active[slot] != before->active[slot] ||
		    sweep->now.ends[slot] < longest)
			break;
	}
	return depth;
}

static void open_slot(struct sweep *sweep, int slot, size_t at)
{
	const struct rich_entity *from = slot < SLOT_STYLE ? &sweep->in[sweep->now.active[slot]] : NULL;

	rich_put(sweep->out, from != NULL ? from->type : (enum rich_type)(slot - SLOT_STYLE), at, at,
	    from != NULL ? from->argument : NULL);
	sweep->stack[sweep->depth].slot = slot;
	sweep->stack[sweep->depth++].index = sweep->out->count - 1;
}

/* Opens what holds and is not open, the one that ends last first. */
static void open_missing(struct sweep *sweep, size_t at)
{
	bool open[SLOTS] = {false};

	for (size_t i = 0; i < sweep->depth; i++)
		open[sweep->stack[i].slot] = true;
	for (;;) {
		int next = NONE;

		for (int slot = 0; slot < SLOTS; slot++) {
			if (!open[slot] && sweep->now.active[slot] != NONE &&
			    (next == NONE || sweep->now.ends[slot] > sweep->now.ends[next]))
				next = slot;
		}
		if (next == NONE)
			return;
		open[next] = true;
		open_slot(sweep, next, at);
	}
}

/* Points of in, sorted; returns how many. What is empty has none. */
static size_t make_points(const struct rich *rich, struct point *points)
{
	size_t count = 0;

	for (size_t i = 0; i < rich->count; i++) {
		const struct rich_entity *entity = &rich->entities[i];

		if (entity->end <= entity->start)
			continue;
		points[count++] = (struct point){.at = entity->start, .index = i, .is_start = true};
		points[count++] = (struct point){.at = entity->end, .index = i};
	}
	if (count > 0)
		qsort(points, count, sizeof *points, compare_points);
	return count;
}

static void run_sweep(struct sweep *sweep, const struct point *points, size_t count)
{
	for (size_t i = 0; i < count;) {
		size_t at = points[i].at;
		struct state before = sweep->now;

		for (; i < count && points[i].at == at; i++) {
			if (points[i].is_start)
				apply_start(sweep, points[i].index);
			else
				apply_end(sweep, points[i].index);
		}
		derive_styles(sweep);
		look_at_text(sweep, at);
		close_above(sweep, depth_to_keep(sweep, &before), at);
		open_missing(sweep, at);
	}
}

static void drop_empty(struct rich *rich)
{
	size_t kept = 0;

	for (size_t i = 0; i < rich->count; i++) {
		if (rich->entities[i].end > rich->entities[i].start)
			rich->entities[kept++] = rich->entities[i];
		else
			free(rich->entities[i].argument);
	}
	rich->count = kept;
}

static void make_valid(struct rich *rich)
{
	struct point *points;
	struct rich out = {.text = rich->text};
	struct sweep sweep = {.in = rich->entities, .out = &out};

	if (rich->count == 0)
		return;
	points = xcalloc(2 * rich->count, sizeof *points);
	for (int i = 0; i < SLOTS; i++)
		sweep.now.active[i] = NONE;
	run_sweep(&sweep, points, make_points(rich, points));
	free(points);
	rich->text = (struct buf){0};
	rich_free(rich);
	*rich = out;
	drop_empty(rich);
}

/* Moves entities to where they are once shift bytes are gone in front; none reaches beyond the text. */
static void shift_entities(struct rich *rich, size_t shift)
{
	for (size_t i = 0; i < rich->count; i++) {
		struct rich_entity *entity = &rich->entities[i];

		entity->start = entity->start > shift ? entity->start - shift : 0;
		entity->end = entity->end == SIZE_MAX ? rich->text.len
			      : entity->end > shift   ? entity->end - shift
						      : 0;
		if (entity->end > rich->text.len)
			entity->end = rich->text.len;
		if (entity->start > entity->end)
			entity->start = entity->end;
	}
}

void rich_trim(struct rich *rich)
{
	size_t start = 0, line = 0, len = rich->text.len;

	while (len > 0 && is_blank_byte(rich->text.data[len - 1]))
		len--;
	while (start < len && is_blank_byte(rich->text.data[start])) {
		if (rich->text.data[start++] == '\n')
			line = start;
	}
	if (line < start && rich_verbatim_start(rich, line) <= line)
		start = line;
	if (rich->text.data != NULL) {
		rich->text.len = len;
		rich->text.data[len] = '\0';
		buf_consume(&rich->text, start);
	}
	shift_entities(rich, start);
}

void rich_finish(struct rich *rich)
{
	rich_trim(rich);
	make_valid(rich);
	/* Where code was but blanks, they are at the start now. */
	rich_trim(rich);
}

void rich_add_title(struct rich *rich, const char *title)
{
	struct rich whole = RICH_INIT(rich->text.max + 4 * strlen(title) + 1);
	size_t shift;

	(void)rich_add(&whole, title, strlen(title), false);
	for (size_t i = 0; i < whole.text.len; i++) {
		if (whole.text.data[i] == '\n')
			whole.text.data[i] = ' ';
	}
	rich_put(&whole, RICH_BOLD, 0, whole.text.len, NULL);
	rich_finish(&whole);
	if (whole.text.len == 0) {
		rich_free(&whole);
		return;
	}
	if (rich->text.len > 0)
		(void)rich_add_raw(&whole, "\n", 1);
	shift = whole.text.len;
	(void)rich_add_raw(&whole, rich->text.data, rich->text.len);
	for (size_t i = 0; i < rich->count; i++)
		rich_put(&whole, rich->entities[i].type, rich->entities[i].start + shift,
		    rich->entities[i].end + shift, rich->entities[i].argument);
	rich_free(rich);
	*rich = whole;
}

/* TDLib's is_empty_string. */
static bool is_invisible(uint32_t code)
{
	static const uint32_t others[] = {
	    '\n', '\t', ' ', 0xa0, 0x1680, 0x180e, 0x202e, 0x202f, 0x205f, 0x2800, 0x3000, 0xfeff, 0xfffc};

	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		if (code == others[i])
			return true;
	}
	return (code >= 0x2000 && code <= 0x200f) || (code >= 0xe0000 && code <= 0xe007f);
}

bool rich_is_blank(const struct rich *rich)
{
	for (size_t i = 0; i < rich->text.len;) {
		uint32_t code = 0;
		size_t length = utf8_decode(rich->text.data + i, rich->text.len - i, &code);

		if (!is_invisible(code))
			return false;
		i += length > 0 ? length : 1;
	}
	return true;
}

size_t rich_length(const struct rich *rich)
{
	return utf8_count(rich->text.data, rich->text.len);
}

/* Types by the names of the Bot API, and what their argument is called there. */
static const struct {
	const char *name, *argument;
} types[] = {
    [RICH_BOLD] = {"bold", NULL},
    [RICH_ITALIC] = {"italic", NULL},
    [RICH_UNDERLINE] = {"underline", NULL},
    [RICH_STRIKETHROUGH] = {"strikethrough", NULL},
    [RICH_SPOILER] = {"spoiler", NULL},
    [RICH_CODE] = {"code", NULL},
    [RICH_PRE] = {"pre", "language"},
    [RICH_LINK] = {"text_link", "url"},
    [RICH_EMOJI] = {"custom_emoji", "custom_emoji_id"},
    [RICH_QUOTE] = {"blockquote", NULL},
    [RICH_EXPANDABLE_QUOTE] = {"expandable_blockquote", NULL},
};

static struct json_object *entity_json(const struct rich_entity *entity, const char *text, size_t offset)
{
	struct json_object *json = json_object_new_object();

	json_put_text(json, "type", types[entity->type].name);
	json_put_int64(json, "offset", (int64_t)offset);
	json_put_int64(
	    json, "length", (int64_t)utf8_utf16_units(text + entity->start, entity->end - entity->start));
	if (types[entity->type].argument != NULL)
		json_put_text(json, types[entity->type].argument, entity->argument);
	return json;
}

struct json_object *rich_entities(const struct rich *rich)
{
	struct json_object *array;
	size_t at = 0, offset = 0;

	if (rich->count == 0)
		return NULL;
	array = json_object_new_array();
	for (size_t i = 0; i < rich->count; i++) {
		const struct rich_entity *entity = &rich->entities[i];

		offset += utf8_utf16_units(rich->text.data + at, entity->start - at);
		at = entity->start;
		json_object_array_add(array, entity_json(entity, rich->text.data, offset));
	}
	return array;
}

void rich_plain(const struct rich *rich, struct buf *out)
{
	size_t at = 0;

	for (size_t i = 0; i < rich->count; i++) {
		const struct rich_entity *entity = &rich->entities[i];

		if (entity->type != RICH_LINK)
			continue;
		buf_add(out, rich->text.data + at, entity->end - at);
		buf_add_format(out, " (%s)", entity->argument);
		at = entity->end;
	}
	if (rich->text.len > at)
		buf_add(out, rich->text.data + at, rich->text.len - at);
}
