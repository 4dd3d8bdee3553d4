/*
 * Text with entities, as it is after parsing: from one of the three parse modes, or from `entities`. Byte
 * offsets in error texts count from the start of what was sent; entity offsets count UTF-16 units.
 */
#ifndef SIM_FORMAT_H
#define SIM_FORMAT_H

#include "http.h"
#include "store.h"

#include <json-c/json.h>

#define TEXT_MAX 4096
#define CAPTION_MAX 1024
#define ENTITIES_MAX 100

/* In the order in which Telegram sorts entities of the same place; from E_MENTION on Telegram finds them
 * itself. */
enum entity_type {
	E_BLOCKQUOTE,
	E_EXPANDABLE,
	E_BOLD,
	E_ITALIC,
	E_UNDERLINE,
	E_STRIKETHROUGH,
	E_SPOILER,
	E_CODE,
	E_PRE,
	E_TEXT_LINK,
	E_TEXT_MENTION,
	E_CUSTOM_EMOJI,
	E_DATE_TIME,
	E_MENTION,
	E_HASHTAG,
	E_CASHTAG,
	E_BOT_COMMAND,
	E_URL,
	E_EMAIL,
	E_PHONE,
	E_TYPES
};

struct entity {
	enum entity_type type;
	int64_t offset, length;
	char *argument; /* url, language, emoji id, or date format */
	int64_t number; /* user id or unix time */
};

struct formatted {
	struct buf text;
	struct entity *list;
	size_t count, cap;
};

void formatted_clear(struct formatted *f);
void formatted_free(struct formatted *f);
struct entity *formatted_add(struct formatted *f, enum entity_type type, int64_t offset, int64_t length);
/* A link as Telegram makes it: text_link, or text_mention for tg://user?id=; nothing at all if the URL is no
 * URL. */
void formatted_add_link(struct formatted *f, const char *url, size_t len, int64_t offset, int64_t length);
/* The entity behind tg://emoji?id= or tg://time?unix=; false if the URL is neither. */
bool formatted_add_special(struct formatted *f, const char *url, size_t len, int64_t offset, int64_t length);
bool url_plausible(const char *url, size_t len);

/* The parse modes: true, or what is wrong in `why`. */
bool parse_html(struct formatted *f, struct slice in, struct buf *why);
bool parse_markdown(struct formatted *f, struct slice in, struct buf *why);
bool parse_markdown_v2(struct formatted *f, struct slice in, struct buf *why);

/* First step: parse mode, or a plain copy. */
bool format_parse(struct formatted *f, struct slice text, struct slice parse_mode, struct buf *why);
/* Second: explicit entities (may be NULL), cleaning, trimming, sorting, the first 100. */
bool format_finish(struct formatted *f, struct json_object *entities, struct buf *why);
/* JSON array, or nothing if there are none. `store` knows the users that are mentioned. */
void format_entities(struct buf *out, const struct formatted *f, struct store *store);
/* What Telegram finds in a user's message: commands, mentions, addresses. */
void format_detect(struct formatted *f, const char *text);
const char *entity_name(enum entity_type type);

#endif
