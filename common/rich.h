/*
 * Text with formatting, as Telegram has it: plain text beside entities (ranges of it that are bold, a link,
 * ...). Pure.
 *
 * Built piece by piece: rich_open, rich_add and rich_close in nested order, then rich_finish, which makes of
 * it what Telegram can take; everything below rich_finish expects that it was called. Positions are bytes of
 * the text; only rich_entities counts in UTF-16 units, as the Bot API does (docs: MessageEntity). What may
 * stand in what, and what is trimmed, is what TDLib does in fix_formatted_text; the tests ask TDLib itself.
 */
#ifndef TGTOOLS_RICH_H
#define TGTOOLS_RICH_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

enum rich_type {
	RICH_BOLD,
	RICH_ITALIC,
	RICH_UNDERLINE,
	RICH_STRIKETHROUGH,
	RICH_SPOILER,
	RICH_CODE,
	RICH_PRE,   /* argument: the language, or NULL */
	RICH_LINK,  /* argument: the URL */
	RICH_EMOJI, /* argument: the id of the custom emoji */
	RICH_QUOTE,
	RICH_EXPANDABLE_QUOTE,
};

enum {
	RICH_TEXT_MAX = 4096,	 /* code points that a message takes */
	RICH_CAPTION_MAX = 1024, /* and a caption */
	RICH_ENTITIES_MAX = 100, /* more are ignored by Telegram */
};

struct rich_entity {
	enum rich_type type;
	size_t start, end; /* bytes of text, at borders of characters */
	char *argument;	   /* owned, or NULL */
};

/* Plain value: RICH_INIT, then rich_free. Entities are sorted by start, the outer before the inner one. */
struct rich {
	struct buf text;
	struct rich_entity *entities;
	size_t count, capacity;
};

#define RICH_INIT(max_bytes) ((struct rich){.text = {.max = (max_bytes)}})

void rich_free(struct rich *rich);

/* --- building ------------------------------------------------------------------------------------------ */

/*
 * Appends text as text_add_clean makes it, and each tab as what Telegram would make of it, a blank; with
 * is_verbatim as a terminal would: up to the next eighth column. -1 where the limit of RICH_INIT is reached.
 */
int rich_add(struct rich *rich, const char *text, size_t len, bool is_verbatim);

/* Starts an entity at the end of the text; argument is copied, NULL: none. Returns what rich_close ends. */
size_t rich_open(struct rich *rich, enum rich_type type, const char *argument);
void rich_close(struct rich *rich, size_t index);

/*
 * Trims white space at both ends (leading blanks of a line in RICH_PRE or RICH_CODE stay) and makes the
 * entities valid: styles of one type are united, quotes are not nested, links, code and preformatted text
 * hold no others of their kind, code holds nothing, none is empty or blank, none overlaps another in part.
 */
void rich_finish(struct rich *rich);

/* --- using --------------------------------------------------------------------------------------------- */

/* Puts a bold line above the text; the title becomes one line without markup. A blank one adds nothing. */
void rich_add_title(struct rich *rich, const char *title);

/* Nothing but what is invisible: Telegram refuses such a message as empty. */
bool rich_is_blank(const struct rich *rich);

/* In code points, in which Telegram measures messages. */
size_t rich_length(const struct rich *rich);

/* The array of MessageEntity, for "entities" or "caption_entities"; NULL where there are none. The caller
 * puts it. */
struct json_object *rich_entities(const struct rich *rich);

/*
 * The text as parts that Telegram takes: the first has at most first_max, the others rest_max code points
 * (both at least 32), each at most RICH_ENTITIES_MAX entities. Where they are several, each ends in a line
 * "(1/3)", which is counted. It is cut after a paragraph, else a line, a sentence or a word, where one ends
 * in the second half of a part, else between characters as readers see them; formatting goes on behind the
 * cut. A part holds at most RICH_ENTITIES_MAX links; other entities are dropped to fit, styles first.
 *
 * Returns how many parts there are, at least 1. *parts is an array of them (rich_parts_free), or NULL where
 * there would be more than parts_max.
 */
size_t rich_split(
    const struct rich *rich, size_t first_max, size_t rest_max, size_t parts_max, struct rich **parts);
void rich_parts_free(struct rich *parts, size_t count);

/* The start of the text in at most max (at least 32) code points, cut as rich_split does, "..." as a last
 * line where something is missing: the caption of what is sent as a file instead. */
void rich_head(const struct rich *rich, size_t max, struct rich *head);

/* The text for where there is no formatting; the address of a link stands behind it in parentheses. */
void rich_plain(const struct rich *rich, struct buf *out);

#endif
