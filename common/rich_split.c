#include "rich_internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"
#include "xalloc.h"

enum { MAX_MIN = 32, ZWJ = 0x200d };

/* Ranges of characters that are drawn with the one before them: marks, joiners, selectors, skin tones. */
static const struct {
	uint32_t first, last;
} extenders[] = {{0x300, 0x36f}, {0x483, 0x489}, {0x591, 0x5bd}, {0x5bf, 0x5bf}, {0x5c1, 0x5c2},
    {0x5c4, 0x5c5}, {0x5c7, 0x5c7}, {0x610, 0x61a}, {0x64b, 0x65f}, {0x670, 0x670}, {0x6d6, 0x6dc},
    {0x6df, 0x6e4}, {0x6e7, 0x6e8}, {0x6ea, 0x6ed}, {0x711, 0x711}, {0x730, 0x74a}, {0x7a6, 0x7b0},
    {0x7eb, 0x7f3}, {0x816, 0x82d}, {0x859, 0x85b}, {0x8d3, 0x903}, {0x93a, 0x93c}, {0x93e, 0x94f},
    {0x951, 0x957}, {0x962, 0x963}, {0x981, 0x983}, {0x9bc, 0x9bc}, {0x9be, 0x9cd}, {0x9d7, 0x9d7},
    {0x9e2, 0x9e3}, {0xa01, 0xa03}, {0xa3c, 0xa51}, {0xa70, 0xa71}, {0xa75, 0xa75}, {0xa81, 0xa83},
    {0xabc, 0xabc}, {0xabe, 0xacd}, {0xae2, 0xae3}, {0xafa, 0xaff}, {0xb01, 0xb03}, {0xb3c, 0xb3c},
    {0xb3e, 0xb57}, {0xb62, 0xb63}, {0xb82, 0xb82}, {0xbbe, 0xbcd}, {0xbd7, 0xbd7}, {0xc00, 0xc04},
    {0xc3e, 0xc56}, {0xc62, 0xc63}, {0xc81, 0xc83}, {0xcbc, 0xcbc}, {0xcbe, 0xcd6}, {0xce2, 0xce3},
    {0xd00, 0xd03}, {0xd3b, 0xd3c}, {0xd3e, 0xd4d}, {0xd57, 0xd57}, {0xd62, 0xd63}, {0xd81, 0xd83},
    {0xdca, 0xddf}, {0xdf2, 0xdf3}, {0xe31, 0xe31}, {0xe33, 0xe3a}, {0xe47, 0xe4e}, {0xeb1, 0xeb1},
    {0xeb3, 0xebc}, {0xec8, 0xecd}, {0xf18, 0xf19}, {0xf35, 0xf35}, {0xf37, 0xf37}, {0xf39, 0xf39},
    {0xf3e, 0xf3f}, {0xf71, 0xf84}, {0xf86, 0xf87}, {0xf8d, 0xfbc}, {0xfc6, 0xfc6}, {0x102b, 0x103e},
    {0x1056, 0x1059}, {0x105e, 0x1060}, {0x1062, 0x1064}, {0x1067, 0x106d}, {0x1071, 0x1074},
    {0x1082, 0x108d}, {0x108f, 0x108f}, {0x1160, 0x11ff}, {0x135d, 0x135f}, {0x1712, 0x1714},
    {0x17b4, 0x17d3}, {0x180b, 0x180d}, {0x1a17, 0x1a1b}, {0x1a55, 0x1a7f}, {0x1ab0, 0x1ace},
    {0x1b00, 0x1b04}, {0x1b34, 0x1b44}, {0x1b6b, 0x1b73}, {0x1dc0, 0x1dff}, {0x200c, 0x200d},
    {0x20d0, 0x20f0}, {0x2cef, 0x2cf1}, {0x2de0, 0x2dff}, {0x302a, 0x302f}, {0x3099, 0x309a},
    {0xa66f, 0xa672}, {0xa674, 0xa67d}, {0xa69e, 0xa69f}, {0xa6f0, 0xa6f1}, {0xa8e0, 0xa8f1},
    {0xabe3, 0xabea}, {0xabec, 0xabed}, {0xfb1e, 0xfb1e}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    {0xff9e, 0xff9f}, {0x101fd, 0x101fd}, {0x11000, 0x11002}, {0x11038, 0x11046}, {0x110b0, 0x110ba},
    {0x11100, 0x11102}, {0x11127, 0x11134}, {0x1d165, 0x1d169}, {0x1d16d, 0x1d172}, {0x1e000, 0x1e02a},
    {0x1e8d0, 0x1e8d6}, {0x1e944, 0x1e94a}, {0x1f3fb, 0x1f3ff}, {0xe0020, 0xe007f}, {0xe0100, 0xe01ef}};

static bool is_extender(uint32_t code)
{
	size_t low = 0, high = sizeof extenders / sizeof extenders[0];

	if (code < extenders[0].first)
		return false;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (code > extenders[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sizeof extenders / sizeof extenders[0] && code >= extenders[low].first;
}

static bool is_flag_letter(uint32_t code)
{
	return code >= 0x1f1e6 && code <= 0x1f1ff;
}

/* Where a part may end, the better the higher. */
enum border {
	BORDER_CODE_POINT,
	BORDER_CHARACTER,
	BORDER_WORD,
	BORDER_SENTENCE,
	BORDER_LINE,
	BORDER_PARAGRAPH
};

/* A walk over the text from one code point to the next. */
struct walk {
	const char *text;
	size_t len, at;
	uint32_t previous, current; /* code points before and at "at"; 0: none */
	uint32_t before_quote;	    /* as previous, closing quotes and parentheses left out */
	size_t flag_letters;	    /* how many stand in a row before "at" */
};

static bool ends_sentence(uint32_t code)
{
	return code == '.' || code == '!' || code == '?' || code == 0x2026;
}

static bool ends_wide_sentence(uint32_t code)
{
	return code == 0x3002 || code == 0xff01 || code == 0xff1f;
}

static bool closes_quote(uint32_t code)
{
	return code == '"' || code == '\'' || code == ')' || code == ']' || code == 0x201d ||
	       code == 0x2019 || code == 0xbb;
}

static enum border border_at(const struct walk *walk)
{
	if (walk->current == '\n')
		return walk->at + 1 < walk->len && walk->text[walk->at + 1] == '\n' ? BORDER_PARAGRAPH
										    : BORDER_LINE;
	if (walk->current == ' ')
		return ends_sentence(walk->before_quote) ? BORDER_SENTENCE : BORDER_WORD;
	if (is_extender(walk->current) || walk->previous == ZWJ ||
	    (is_flag_letter(walk->current) && walk->flag_letters % 2 == 1))
		return BORDER_CODE_POINT;
	return ends_wide_sentence(walk->previous) ? BORDER_SENTENCE : BORDER_CHARACTER;
}

static void walk_read(struct walk *walk)
{
	walk->current = 0;
	if (walk->at < walk->len)
		(void)utf8_decode(walk->text + walk->at, walk->len - walk->at, &walk->current);
}

static void walk_on(struct walk *walk)
{
	size_t length = utf8_decode(walk->text + walk->at, walk->len - walk->at, NULL);

	walk->flag_letters = is_flag_letter(walk->current) ? walk->flag_letters + 1 : 0;
	walk->previous = walk->current;
	if (!closes_quote(walk->current))
		walk->before_quote = walk->current;
	walk->at += length > 0 ? length : 1;
	walk_read(walk);
}

/* The first position that must not belong to a part that starts at from: it has links enough. */
static size_t links_end(const struct rich *rich, size_t from)
{
	size_t links = 0;

	for (size_t i = 0; i < rich->count; i++) {
		if (rich->entities[i].type == RICH_LINK && rich->entities[i].end > from &&
		    ++links > RICH_ENTITIES_MAX)
			return rich->entities[i].start;
	}
	return rich->text.len;
}

/* The end of a part that starts at from and has at most max code points, before white space is left out. */
static size_t part_end(const struct rich *rich, size_t from, size_t max, size_t limit)
{
	struct walk walk = {.text = buf_text(&rich->text), .len = rich->text.len, .at = from};
	size_t best[BORDER_PARAGRAPH + 1] = {0}, half = SIZE_MAX;

	walk_read(&walk);
	for (size_t points = 0; points < max && walk.at < limit;) {
		walk_on(&walk);
		if (++points >= max / 2 && half == SIZE_MAX)
			half = walk.at;
		if (walk.at == walk.len)
			return walk.at;
		best[border_at(&walk)] = walk.at;
	}
	/* Where links end the part, before half of it is full. */
	if (half == SIZE_MAX)
		half = from + (limit - from) / 2;
	for (int border = BORDER_PARAGRAPH; border >= BORDER_WORD; border--) {
		if (best[border] >= half)
			return best[border];
	}
	return best[BORDER_CHARACTER] > from ? best[BORDER_CHARACTER] : best[BORDER_CODE_POINT];
}

static bool is_blank_byte(char c)
{
	return c == ' ' || c == '\n';
}

/* Where the next part starts after one that ends at "end": white space between them belongs to neither. In
 * code only the newline goes. */
static size_t next_start(const struct rich *rich, size_t end)
{
	const char *text = rich->text.data;
	size_t verbatim = rich_verbatim_start(rich, end);

	if (verbatim < end && end < rich->text.len)
		return end + (text[end] == '\n');
	while (end < rich->text.len && end != verbatim && is_blank_byte(text[end]))
		end++;
	return end;
}

static size_t without_blanks(const struct rich *rich, size_t start, size_t end)
{
	while (end > start && is_blank_byte(rich->text.data[end - 1]))
		end--;
	return end;
}

struct range {
	size_t start, end;
};

/* Cuts the text into parts and stores the first of them; returns how many there are, at least 1. */
static size_t cut(
    const struct rich *rich, size_t first_max, size_t rest_max, struct range *ranges, size_t ranges_max)
{
	size_t count = 0, start = 0;

	do {
		size_t max = count == 0 ? first_max : rest_max;
		size_t end = part_end(rich, start, max, links_end(rich, start));

		if (count < ranges_max)
			ranges[count] = (struct range){start, without_blanks(rich, start, end)};
		count++;
		start = next_start(rich, end);
	} while (start < rich->text.len);
	return count;
}

/* What should rather stay where not all entities can; the order of enum rich_type. */
static int importance(enum rich_type type)
{
	static const int order[] = {3, 1, 0, 4, 6, 5, 8, 9, 2, 7, 7};

	return order[type];
}

enum { IMPORTANCES = 10 };

/* Keeps the most important ones, of equal ones the first. */
static void limit_entities(struct rich *rich)
{
	size_t numbers[IMPORTANCES] = {0}, left = RICH_ENTITIES_MAX, kept = 0;

	if (rich->count <= RICH_ENTITIES_MAX)
		return;
	for (size_t i = 0; i < rich->count; i++)
		numbers[importance(rich->entities[i].type)]++;
	for (int i = IMPORTANCES - 1; i >= 0; i--) {
		numbers[i] = numbers[i] < left ? numbers[i] : left;
		left -= numbers[i];
	}
	for (size_t i = 0; i < rich->count; i++) {
		size_t *number = &numbers[importance(rich->entities[i].type)];

		if (*number > 0) {
			(*number)--;
			rich->entities[kept++] = rich->entities[i];
		} else {
			free(rich->entities[i].argument);
		}
	}
	rich->count = kept;
}

/* A copy of a range with its entities; something follows of at most suffix_max bytes. */
static void slice(const struct rich *rich, const struct range *range, size_t suffix_max, struct rich *part)
{
	*part = RICH_INIT(range->end - range->start + suffix_max);
	(void)rich_add_raw(part, buf_text(&rich->text) + range->start, range->end - range->start);
	for (size_t i = 0; i < rich->count && rich->entities[i].start < range->end; i++) {
		const struct rich_entity *entity = &rich->entities[i];

		if (entity->end > range->start)
			rich_put(part, entity->type,
			    entity->start > range->start ? entity->start - range->start : 0,
			    (entity->end < range->end ? entity->end : range->end) - range->start,
			    entity->argument);
	}
	rich_finish(part);
	limit_entities(part);
	rich_trim(part);
}

/* How many code points "\n(1/3)" takes at most. */
static size_t counter_length(size_t parts)
{
	size_t digits = 1;

	while (parts >= 10) {
		parts /= 10;
		digits++;
	}
	return 4 + 2 * digits;
}

enum { COUNTER_MAX_BYTES = 64 };

static size_t at_least_min(size_t max)
{
	return max > MAX_MIN ? max : MAX_MIN;
}

/* Cuts with place for the counters, which depends on how many parts there will be. */
static size_t cut_with_counters(
    const struct rich *rich, size_t first_max, size_t rest_max, struct range *ranges, size_t ranges_max)
{
	size_t reserve = counter_length(1), count = 0;

	for (;;) {
		count = cut(rich, first_max - reserve, rest_max - reserve, ranges, ranges_max);
		if (counter_length(count) <= reserve || reserve + 8 > MAX_MIN)
			return count;
		reserve = counter_length(count);
	}
}

size_t rich_split(
    const struct rich *rich, size_t first_max, size_t rest_max, size_t parts_max, struct rich **parts)
{
	struct range whole = {0, rich->text.len}, *ranges;
	size_t count = 1;

	*parts = NULL;
	first_max = at_least_min(first_max);
	rest_max = at_least_min(rest_max);
	if (rich_length(rich) <= first_max && links_end(rich, 0) == rich->text.len) {
		if (parts_max > 0) {
			*parts = xcalloc(1, sizeof **parts);
			slice(rich, &whole, 0, *parts);
		}
		return 1;
	}
	ranges = xcalloc(parts_max + 1, sizeof *ranges);
	count = cut_with_counters(rich, first_max, rest_max, ranges, parts_max);
	if (count <= parts_max) {
		*parts = xcalloc(count, sizeof **parts);
		for (size_t i = 0; i < count; i++) {
			slice(rich, &ranges[i], COUNTER_MAX_BYTES, *parts + i);
			(void)buf_add_format(&(*parts)[i].text, "%s(%zu/%zu)",
			    (*parts)[i].text.len > 0 ? "\n" : "", i + 1, count);
		}
	}
	free(ranges);
	return count;
}

void rich_parts_free(struct rich *parts, size_t count)
{
	for (size_t i = 0; parts != NULL && i < count; i++)
		rich_free(&parts[i]);
	free(parts);
}

void rich_head(const struct rich *rich, size_t max, struct rich *head)
{
	static const char more[] = "\n...";
	struct range range = {0, rich->text.len};

	max = at_least_min(max);
	if (rich_length(rich) <= max) {
		slice(rich, &range, 0, head);
		return;
	}
	range.end = without_blanks(rich, 0, part_end(rich, 0, max - strlen(more), rich->text.len));
	slice(rich, &range, sizeof more, head);
	(void)buf_add_text(&head->text, more);
}
