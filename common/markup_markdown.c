#include "markup_internal.h"

#include <md4c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"
#include "xalloc.h"

enum {
	DEPTH_MAX = 12,	  /* deeper lists and quotes are shown like this one */
	PADDING_MAX = 40, /* columns; wider cells of a table are not aligned */
	LANGUAGE_MAX_BYTES = 64,
	NUMBER_MAX_BYTES = 24,
};

/* A list item or an inner quote: what stands in front of each of its lines. */
struct container {
	bool is_quote;
	bool is_marked; /* its marker is written */
	char marker[NUMBER_MAX_BYTES];
	size_t width; /* of the marker, in columns */
};

struct list {
	bool is_ordered, is_tight, is_at_first;
	unsigned next;
};

struct cell {
	size_t start, end; /* in the text of the cells */
	MD_ALIGN align;
};

struct table {
	struct buf text;
	struct cell *cells;
	size_t count, capacity, columns;
	size_t *widths;
	bool is_open;
};

struct span {
	MD_SPANTYPE type;
	size_t entity;		 /* of a style */
	struct markup_link link; /* of a link or an image */
};

enum { SPAN_TYPES = MD_SPAN_U + 1 };

struct writer {
	struct rich *rich;
	struct container containers[DEPTH_MAX];
	struct list lists[DEPTH_MAX];
	size_t containers_depth, lists_depth, quotes; /* how deep it is, which may be more than is kept */
	size_t pending;				      /* newlines before what comes next */
	bool is_at_start;			      /* of a line, before what its containers put there */
	size_t prefix_from;			      /* the first container that has to do so */
	size_t fresh_at; /* the length of the text at which a quote or the whole starts */
	bool is_code;
	size_t quote, block; /* open entities: the quote, the heading or code */
	struct span *spans;  /* what is open */
	size_t spans_count, spans_capacity;
	size_t open_spans[SPAN_TYPES];
	struct table table;
};

static size_t smaller(size_t left, size_t right)
{
	return left < right ? left : right;
}

static struct container *top_container(struct writer *writer)
{
	return writer->containers_depth > 0 && writer->containers_depth <= DEPTH_MAX
		   ? &writer->containers[writer->containers_depth - 1]
		   : NULL;
}

static struct list *top_list(struct writer *writer)
{
	return writer->lists_depth > 0 ? &writer->lists[smaller(writer->lists_depth, DEPTH_MAX) - 1] : NULL;
}

static int add(struct writer *writer, const char *text, size_t len)
{
	return rich_add(writer->rich, text, len, writer->is_code);
}

static int add_text(struct writer *writer, const char *text)
{
	return add(writer, text, strlen(text));
}

static int add_newlines(struct writer *writer)
{
	int result = 0;

	if (writer->rich->text.len > 0 && writer->pending > 0) {
		result = rich_add(writer->rich, "\n\n", smaller(writer->pending, 2), false);
		writer->is_at_start = true;
	}
	writer->pending = 0;
	return result;
}

static int add_blanks(struct writer *writer, size_t count)
{
	static const char blanks[] = "                                        ";

	return rich_add(writer->rich, blanks, smaller(count, sizeof blanks - 1), false);
}

/* Writes what the containers put in front of a line: markers that were not written yet, else their width. */
static int add_prefix(struct writer *writer)
{
	size_t depth = smaller(writer->containers_depth, DEPTH_MAX);
	int result = 0;

	for (size_t i = writer->prefix_from; result == 0 && i < depth; i++) {
		struct container *container = &writer->containers[i];

		if (container->is_quote || !container->is_marked)
			result = rich_add(writer->rich, container->marker, strlen(container->marker), false);
		else
			result = add_blanks(writer, container->width);
		container->is_marked = true;
	}
	writer->is_at_start = false;
	writer->prefix_from = 0;
	return result;
}

/* Before anything is written, and before an entity starts. */
static int begin(struct writer *writer)
{
	if (add_newlines(writer) != 0)
		return -1;
	return writer->is_at_start ? add_prefix(writer) : 0;
}

static bool is_fresh(const struct writer *writer)
{
	return writer->rich->text.len == writer->fresh_at;
}

/* A block is a line of its own after at least this many newlines. */
static void separate(struct writer *writer, size_t newlines)
{
	if (newlines > writer->pending && !is_fresh(writer))
		writer->pending = newlines;
}

static bool is_in_tight_list(struct writer *writer)
{
	const struct list *list = top_list(writer);

	return list != NULL && list->is_tight;
}

static void separate_after(struct writer *writer)
{
	separate(writer, is_in_tight_list(writer) ? 1 : 2);
}

static void separate_block(struct writer *writer)
{
	const struct container *container = top_container(writer);

	/* The first block of an item stands beside its marker. */
	if (container != NULL && !container->is_marked && !container->is_quote)
		return;
	separate_after(writer);
}

/* --- lists and quotes ----------------------------------------------------------------------------------- */

static void enter_list(struct writer *writer, bool is_ordered, bool is_tight, unsigned start)
{
	separate_block(writer);
	writer->lists_depth++;
	if (writer->lists_depth <= DEPTH_MAX)
		writer->lists[writer->lists_depth - 1] = (struct list){is_ordered, is_tight, true, start};
}

static void leave_list(struct writer *writer)
{
	writer->lists_depth--;
	separate_block(writer);
}

static void push_container(struct writer *writer, bool is_quote, const char *marker)
{
	struct container *container;

	if (is_fresh(writer) && !writer->is_at_start) {
		writer->is_at_start = true;
		writer->prefix_from = smaller(writer->containers_depth, DEPTH_MAX);
	}
	writer->containers_depth++;
	container = top_container(writer);
	if (container == NULL)
		return;
	*container = (struct container){.is_quote = is_quote};
	snprintf(container->marker, sizeof container->marker, "%s", marker);
	container->width = utf8_count(container->marker, strlen(container->marker));
}

static void enter_item(struct writer *writer, const MD_BLOCK_LI_DETAIL *detail)
{
	static const char *const bullets[] = {"\xe2\x80\xa2 ", "\xe2\x97\xa6 ", "\xe2\x96\xaa "};
	struct list *list = top_list(writer);
	char marker[NUMBER_MAX_BYTES];

	if (detail->is_task)
		snprintf(marker, sizeof marker, "%s",
		    detail->task_mark == ' ' ? "\xe2\x98\x90 " : "\xe2\x98\x91 ");
	else if (list->is_ordered)
		snprintf(marker, sizeof marker, "%u. ", list->next);
	else
		snprintf(marker, sizeof marker, "%s", bullets[(smaller(writer->lists_depth, 3) - 1)]);
	if (list->is_ordered)
		list->next++;
	separate(writer, list->is_tight || list->is_at_first ? 1 : 2);
	list->is_at_first = false;
	push_container(writer, false, marker);
}

static int leave_item(struct writer *writer)
{
	const struct container *container = top_container(writer);
	int result = container != NULL && !container->is_marked ? begin(writer) : 0;

	writer->containers_depth--;
	return result;
}

/* Telegram has quotes, but none within another. */
static int enter_quote(struct writer *writer)
{
	int result = 0;

	separate_block(writer);
	if (writer->quotes++ == 0) {
		result = begin(writer);
		writer->quote = rich_open(writer->rich, RICH_QUOTE, NULL);
		writer->fresh_at = writer->rich->text.len;
	} else {
		push_container(writer, true, "> ");
	}
	return result;
}

static void leave_quote(struct writer *writer)
{
	if (--writer->quotes == 0)
		rich_close(writer->rich, writer->quote);
	else
		writer->containers_depth--;
	separate_after(writer);
}

/* --- tables --------------------------------------------------------------------------------------------- */

static int enter_table(struct writer *writer, unsigned columns)
{
	separate_block(writer);
	writer->table =
	    (struct table){.text = BUF_INIT(writer->rich->text.max), .columns = columns, .is_open = true};
	writer->table.widths = xcalloc(columns + 1u, sizeof *writer->table.widths);
	return begin(writer);
}

static void free_table(struct table *table)
{
	buf_free(&table->text);
	free(table->cells);
	free(table->widths);
	*table = (struct table){0};
}

static int enter_cell(struct table *table, MD_ALIGN align)
{
	/* What is missing in a row costs the source nothing. */
	if (table->count > table->text.max)
		return -1;
	if (table->count == table->capacity) {
		table->capacity = table->capacity > 0 ? 2 * table->capacity : 64;
		table->cells = xreallocarray(table->cells, table->capacity, sizeof *table->cells);
	}
	table->cells[table->count++] = (struct cell){table->text.len, table->text.len, align};
	return 0;
}

static void leave_cell(struct table *table)
{
	struct cell *cell = &table->cells[table->count - 1];
	size_t *width = &table->widths[(table->count - 1) % table->columns];
	size_t length;

	cell->end = table->text.len;
	length = utf8_count(buf_text(&table->text) + cell->start, cell->end - cell->start);
	if (length > *width)
		*width = smaller(length, PADDING_MAX);
}

static int add_cell(struct writer *writer, size_t index)
{
	const struct table *table = &writer->table;
	const struct cell *cell = &table->cells[index];
	size_t column = index % table->columns, width = table->widths[column], left = 0;
	size_t length = utf8_count(buf_text(&table->text) + cell->start, cell->end - cell->start);
	size_t blanks = width > length ? width - length : 0;
	bool is_last = column == table->columns - 1;

	if (is_last && length == 0)
		return rich_add(writer->rich, "\n", 1, true);
	if (cell->align == MD_ALIGN_RIGHT)
		left = blanks;
	else if (cell->align == MD_ALIGN_CENTER)
		left = blanks / 2;
	if (add_blanks(writer, left) != 0 ||
	    rich_add(writer->rich, buf_text(&table->text) + cell->start, cell->end - cell->start, true) != 0)
		return -1;
	if (is_last)
		return rich_add(writer->rich, "\n", 1, true);
	return add_blanks(writer, blanks - left) != 0 ? -1 : rich_add(writer->rich, " | ", 3, true);
}

/* The line under the head of a table. */
static int add_rule(struct writer *writer)
{
	static const char dashes[] = "----------------------------------------";
	const struct table *table = &writer->table;
	int result = 0;

	for (size_t i = 0; result == 0 && i < table->columns; i++) {
		result = rich_add(writer->rich, dashes, smaller(table->widths[i], sizeof dashes - 1), true);
		if (result == 0)
			result = rich_add(writer->rich, i + 1 < table->columns ? "-+-" : "\n",
			    i + 1 < table->columns ? 3 : 1, true);
	}
	return result;
}

static int leave_table(struct writer *writer)
{
	struct table *table = &writer->table;
	size_t entity = rich_open(writer->rich, RICH_PRE, NULL);
	int result = 0;

	for (size_t i = 0; result == 0 && i < table->count; i++) {
		result = add_cell(writer, i);
		if (result == 0 && i + 1 == table->columns)
			result = add_rule(writer);
	}
	if (writer->rich->text.len > 0 && writer->rich->text.data[writer->rich->text.len - 1] == '\n')
		writer->rich->text.len--;
	rich_close(writer->rich, entity);
	free_table(table);
	separate_after(writer);
	return result;
}

/* --- text ----------------------------------------------------------------------------------------------- */

static int add_cell_text(struct table *table, const char *text, size_t len)
{
	return len > 0 ? buf_add(&table->text, text, len) : 0;
}

static int write_text(struct writer *writer, const char *text, size_t len)
{
	if (writer->table.is_open)
		return add_cell_text(&writer->table, text, len);
	return begin(writer) != 0 ? -1 : add(writer, text, len);
}

static int write_reference(struct writer *writer, const char *text, size_t len)
{
	uint32_t code;
	char utf8[4];

	if (markup_reference(text, len, &code) != len)
		return len > 1 && text[1] == '#' ? write_text(writer, "\xef\xbf\xbd", 3)
						 : write_text(writer, text, len);
	return write_text(writer, utf8, markup_encode(code, utf8));
}

static int write_newline(struct writer *writer)
{
	if (writer->table.is_open)
		return add_cell_text(&writer->table, " ", 1);
	writer->is_at_start = true;
	return add(writer, "\n", 1);
}

static int on_text(MD_TEXTTYPE type, const MD_CHAR *text, MD_SIZE size, void *userdata)
{
	struct writer *writer = userdata;

	switch (type) {
	case MD_TEXT_BR:
	case MD_TEXT_SOFTBR:
		return write_newline(writer);
	case MD_TEXT_ENTITY:
		return write_reference(writer, text, size);
	case MD_TEXT_NULLCHAR:
		return write_text(writer, "\xef\xbf\xbd", 3);
	default:
		return write_text(writer, text, size);
	}
}

/* The text of an attribute, its references decoded. */
static void decode_attribute(const MD_ATTRIBUTE *attribute, struct buf *out)
{
	*out = BUF_INIT(2 * (size_t)attribute->size + 4);
	for (size_t i = 0; attribute->text != NULL && attribute->substr_offsets[i] < attribute->size; i++) {
		const char *text = attribute->text + attribute->substr_offsets[i];
		size_t len = attribute->substr_offsets[i + 1] - attribute->substr_offsets[i];
		uint32_t code;
		char utf8[4];

		if (attribute->substr_types[i] == MD_TEXT_ENTITY && markup_reference(text, len, &code) == len)
			buf_add(out, utf8, markup_encode(code, utf8));
		else
			buf_add(out, text, len);
	}
}

/* --- spans ---------------------------------------------------------------------------------------------- */

static struct span *push_span(struct writer *writer, MD_SPANTYPE type)
{
	if (writer->spans_count == writer->spans_capacity) {
		writer->spans_capacity = writer->spans_capacity > 0 ? 2 * writer->spans_capacity : 8;
		writer->spans = xreallocarray(writer->spans, writer->spans_capacity, sizeof *writer->spans);
	}
	writer->open_spans[type]++;
	writer->spans[writer->spans_count] = (struct span){.type = type};
	return &writer->spans[writer->spans_count++];
}

static bool is_link(MD_SPANTYPE type)
{
	return type == MD_SPAN_A || type == MD_SPAN_IMG;
}

static int pop_span(struct writer *writer)
{
	struct span *span = &writer->spans[--writer->spans_count];

	writer->open_spans[span->type]--;
	if (is_link(span->type))
		return markup_link_close(writer->rich, &span->link);
	rich_close(writer->rich, span->entity);
	return 0;
}

/* md4c 0.4.8 leaves spans that it did not enter, and enters some that it does not leave. */
static int leave_span(struct writer *writer, MD_SPANTYPE type)
{
	while (writer->open_spans[type] > 0) {
		bool is_it = writer->spans[writer->spans_count - 1].type == type;

		if (pop_span(writer) != 0)
			return -1;
		if (is_it)
			break;
	}
	return 0;
}

static int leave_all_spans(struct writer *writer)
{
	while (writer->spans_count > 0) {
		if (pop_span(writer) != 0)
			return -1;
	}
	return 0;
}

static int enter_link(struct writer *writer, MD_SPANTYPE type, const MD_ATTRIBUTE *address)
{
	struct buf url;

	if (begin(writer) != 0)
		return -1;
	decode_attribute(address, &url);
	markup_link_open(writer->rich, buf_text(&url), url.len, true, &push_span(writer, type)->link);
	buf_free(&url);
	return 0;
}

static int enter_style(struct writer *writer, MD_SPANTYPE span, enum rich_type type)
{
	if (begin(writer) != 0)
		return -1;
	push_span(writer, span)->entity = rich_open(writer->rich, type, NULL);
	return 0;
}

static int on_enter_span(MD_SPANTYPE type, void *detail, void *userdata)
{
	struct writer *writer = userdata;

	if (writer->table.is_open)
		return 0;
	switch (type) {
	case MD_SPAN_A:
		return enter_link(writer, type, &((MD_SPAN_A_DETAIL *)detail)->href);
	case MD_SPAN_IMG:
		return enter_link(writer, type, &((MD_SPAN_IMG_DETAIL *)detail)->src);
	case MD_SPAN_EM:
		return enter_style(writer, type, RICH_ITALIC);
	case MD_SPAN_STRONG:
		return enter_style(writer, type, RICH_BOLD);
	case MD_SPAN_DEL:
		return enter_style(writer, type, RICH_STRIKETHROUGH);
	case MD_SPAN_CODE:
		return enter_style(writer, type, RICH_CODE);
	default:
		return 0;
	}
}

/* In a cell a link has no entity: its address stands behind it. */
static int add_cell_address(struct writer *writer, const MD_ATTRIBUTE *address)
{
	struct table *table = &writer->table;
	const struct cell *cell = &table->cells[table->count - 1];
	struct buf url;
	size_t len = table->text.len - cell->start;
	int result = 0;

	decode_attribute(address, &url);
	if (url.len > 0 &&
	    !(len >= url.len && memcmp(table->text.data + table->text.len - url.len, url.data, url.len) == 0))
		result = buf_add_format(&table->text, " (%s)", buf_text(&url));
	buf_free(&url);
	return result;
}

static int leave_cell_span(struct writer *writer, MD_SPANTYPE type, void *detail)
{
	if (type == MD_SPAN_A)
		return add_cell_address(writer, &((MD_SPAN_A_DETAIL *)detail)->href);
	if (type == MD_SPAN_IMG)
		return add_cell_address(writer, &((MD_SPAN_IMG_DETAIL *)detail)->src);
	return 0;
}

static int on_leave_span(MD_SPANTYPE type, void *detail, void *userdata)
{
	struct writer *writer = userdata;

	return writer->table.is_open ? leave_cell_span(writer, type, detail) : leave_span(writer, type);
}

/* --- blocks --------------------------------------------------------------------------------------------- */

static int enter_code(struct writer *writer, const MD_BLOCK_CODE_DETAIL *detail)
{
	const struct container *container = top_container(writer);
	struct buf language;
	int result;

	separate_block(writer);
	/* It has lines of its own: only a marker may stand in front of it. */
	result = container != NULL && !container->is_marked ? begin(writer) : add_newlines(writer);
	writer->is_at_start = false;
	decode_attribute(&detail->lang, &language);
	writer->block = rich_open(writer->rich, RICH_PRE,
	    language.len > 0 && language.len <= LANGUAGE_MAX_BYTES ? buf_text(&language) : NULL);
	writer->is_code = true;
	buf_free(&language);
	return result;
}

static void leave_code(struct writer *writer)
{
	struct buf *text = &writer->rich->text;
	size_t start = writer->rich->entities[writer->block].start;

	if (text->len > start && text->data[text->len - 1] == '\n')
		text->len--;
	rich_close(writer->rich, writer->block);
	writer->is_code = false;
	separate_after(writer);
}

static int enter_heading(struct writer *writer)
{
	separate_block(writer);
	if (begin(writer) != 0)
		return -1;
	writer->block = rich_open(writer->rich, RICH_BOLD, NULL);
	return 0;
}

static int add_line(struct writer *writer)
{
	separate_block(writer);
	if (begin(writer) != 0)
		return -1;
	return add_text(writer, "\xe2\x80\x94\xe2\x80\x94\xe2\x80\x94\xe2\x80\x94\xe2\x80\x94\xe2\x80\x94");
}

static int on_enter_block(MD_BLOCKTYPE type, void *detail, void *userdata)
{
	struct writer *writer = userdata;

	if (leave_all_spans(writer) != 0)
		return -1;
	switch (type) {
	case MD_BLOCK_QUOTE:
		return enter_quote(writer);
	case MD_BLOCK_UL:
		enter_list(writer, false, ((MD_BLOCK_UL_DETAIL *)detail)->is_tight != 0, 0);
		return 0;
	case MD_BLOCK_OL:
		enter_list(writer, true, ((MD_BLOCK_OL_DETAIL *)detail)->is_tight != 0,
		    ((MD_BLOCK_OL_DETAIL *)detail)->start);
		return 0;
	case MD_BLOCK_LI:
		enter_item(writer, detail);
		return 0;
	case MD_BLOCK_HR:
		return add_line(writer);
	case MD_BLOCK_H:
		return enter_heading(writer);
	case MD_BLOCK_CODE:
		return enter_code(writer, detail);
	case MD_BLOCK_P:
		separate_block(writer);
		return 0;
	case MD_BLOCK_TABLE:
		return enter_table(writer, ((MD_BLOCK_TABLE_DETAIL *)detail)->col_count);
	case MD_BLOCK_TH:
	case MD_BLOCK_TD:
		return enter_cell(&writer->table, ((MD_BLOCK_TD_DETAIL *)detail)->align);
	default:
		return 0;
	}
}

static int on_leave_block(MD_BLOCKTYPE type, void *detail, void *userdata)
{
	struct writer *writer = userdata;

	(void)detail;
	if (leave_all_spans(writer) != 0)
		return -1;
	switch (type) {
	case MD_BLOCK_QUOTE:
		leave_quote(writer);
		return 0;
	case MD_BLOCK_UL:
	case MD_BLOCK_OL:
		leave_list(writer);
		return 0;
	case MD_BLOCK_LI:
		return leave_item(writer);
	case MD_BLOCK_H:
		rich_close(writer->rich, writer->block);
		separate_block(writer);
		return 0;
	case MD_BLOCK_CODE:
		leave_code(writer);
		return 0;
	case MD_BLOCK_TABLE:
		return leave_table(writer);
	case MD_BLOCK_TH:
	case MD_BLOCK_TD:
		leave_cell(&writer->table);
		return 0;
	default:
		return 0;
	}
}

int markup_parse_markdown(const char *source, size_t len, struct rich *rich)
{
	static const MD_PARSER parser = {
	    .flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS |
		     MD_FLAG_PERMISSIVEURLAUTOLINKS | MD_FLAG_NOHTML,
	    .enter_block = on_enter_block,
	    .leave_block = on_leave_block,
	    .enter_span = on_enter_span,
	    .leave_span = on_leave_span,
	    .text = on_text,
	};
	struct writer writer = {.rich = rich, .fresh_at = rich->text.len};
	int result = len <= UINT32_MAX ? md_parse(source, (MD_SIZE)len, &parser, &writer) : -1;

	while (writer.spans_count > 0)
		free(writer.spans[--writer.spans_count].link.url);
	free(writer.spans);
	free_table(&writer.table);
	return result == 0 ? 0 : -1;
}
