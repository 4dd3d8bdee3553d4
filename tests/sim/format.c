#include "format.h"
#include "args.h"
#include "utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const names[E_TYPES] = {"blockquote", "expandable_blockquote", "bold", "italic",
    "underline", "strikethrough", "spoiler", "code", "pre", "text_link", "text_mention", "custom_emoji",
    "date_time", "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number"};

const char *entity_name(enum entity_type type)
{
	return names[type];
}

void formatted_clear(struct formatted *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->list[i].argument);
	f->count = 0;
	buf_clear(&f->text);
}

void formatted_free(struct formatted *f)
{
	formatted_clear(f);
	free(f->list);
	buf_free(&f->text);
	memset(f, 0, sizeof(*f));
}

struct entity *formatted_add(struct formatted *f, enum entity_type type, int64_t offset, int64_t length)
{
	f->list = grow(f->list, &f->cap, f->count + 1, sizeof(*f->list));
	f->list[f->count] = (struct entity){.type = type, .offset = offset, .length = length};
	return &f->list[f->count++];
}

static void remove_entity(struct formatted *f, size_t i)
{
	free(f->list[i].argument);
	memmove(&f->list[i], &f->list[i + 1], (f->count - i - 1) * sizeof(*f->list));
	f->count--;
}

/* Only roughly what Telegram does: a scheme it knows, or a host with a dot in it. */
bool url_plausible(const char *url, size_t len)
{
	static const char *const schemes[] = {
	    "http://", "https://", "tg://", "ton://", "tonsite://", "mailto:"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (len > strlen(schemes[i]) && strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
			return !memchr(url, ' ', len);
	return len > 2 && !memmem(url, len, "://", 3) && !memchr(url, ' ', len) &&
	       memchr(url + 1, '.', len - 2);
}

static bool link_number(const char *url, size_t len, const char *prefix, int64_t *number)
{
	struct slice s = {(char *)(uintptr_t)url, len};
	const char *end;

	if (!slice_starts(s, prefix))
		return false;
	s.at += strlen(prefix);
	s.len -= strlen(prefix);
	end = memchr(s.at, '&', s.len);
	if (end)
		s.len = (size_t)(end - s.at);
	return slice_int(s, number);
}

/* Browsers and Telegram alike put the missing slash after a bare host. */
static char *url_complete(const char *url, size_t len)
{
	struct buf b = {0};
	const char *host = memmem(url, len, "://", 3);
	size_t start = host ? (size_t)(host - url) + 3 : 0;
	bool bare = !memchr(url + start, '/', len - start) && !memchr(url + start, '?', len - start);
	char *whole;

	if (!host && strncasecmp(url, "mailto:", len < 7 ? len : 7) != 0)
		buf_str(&b, "http://");
	buf_add(&b, url, len);
	if (bare && strncasecmp(b.data, "http", 4) == 0)
		buf_char(&b, '/');
	whole = xstrndup(b.data, b.len);
	buf_free(&b);
	return whole;
}

void formatted_add_link(struct formatted *f, const char *url, size_t len, int64_t offset, int64_t length)
{
	int64_t user;

	if (link_number(url, len, "tg://user?id=", &user))
		formatted_add(f, E_TEXT_MENTION, offset, length)->number = user;
	else if (url_plausible(url, len))
		formatted_add(f, E_TEXT_LINK, offset, length)->argument = url_complete(url, len);
}

bool formatted_add_special(struct formatted *f, const char *url, size_t len, int64_t offset, int64_t length)
{
	const char *format = memmem(url, len, "&format=", 8);
	struct entity *e;
	int64_t number;

	if (link_number(url, len, "tg://emoji?id=", &number)) {
		struct buf id = {0};

		buf_int(&id, number);
		formatted_add(f, E_CUSTOM_EMOJI, offset, length)->argument = xstrndup(id.data, id.len);
		buf_free(&id);
		return true;
	}
	if (!link_number(url, len, "tg://time?unix=", &number))
		return false;
	e = formatted_add(f, E_DATE_TIME, offset, length);
	e->number = number;
	if (format)
		e->argument = xstrndup(format + 8, len - (size_t)(format - url) - 8);
	return true;
}

bool format_parse(struct formatted *f, struct slice text, struct slice parse_mode, struct buf *why)
{
	bool (*parser)(struct formatted *, struct slice, struct buf *) = NULL;
	size_t start = why->len;

	formatted_clear(f);
	if (slice_same(parse_mode, "html"))
		parser = parse_html;
	else if (slice_same(parse_mode, "markdown"))
		parser = parse_markdown;
	else if (slice_same(parse_mode, "markdownv2"))
		parser = parse_markdown_v2;
	else if (parse_mode.len > 0 && !slice_same(parse_mode, "none")) {
		buf_str(why, "unsupported parse_mode");
		return false;
	}
	if (!parser) {
		buf_add(&f->text, text.at, text.len);
		return true;
	}
	buf_str(why, "can't parse entities: ");
	if (!parser(f, text, why))
		return false;
	why->len = start;
	return true;
}

static struct slice json_text(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_string))
		return (struct slice){NULL, 0};
	return (struct slice){
	    (char *)(uintptr_t)json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

static int64_t json_number(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_int64(value) : 0;
}

/* A boundary of an entity must lie between characters; -1 if the text ends before, -2 if it is inside of one.
 */
static int boundary(const struct buf *text, int64_t units, size_t *byte)
{
	size_t at = 0;
	int64_t seen = 0;

	while (at < text->len && seen < units) {
		uint32_t code;

		at += utf8_decode(text->data + at, text->len - at, &code);
		seen += 1 + (code > 0xffff);
	}
	*byte = at;
	return seen == units ? 0 : seen < units ? -1 : -2;
}

static bool bounds_valid(const struct formatted *f, int64_t offset, int64_t length, struct buf *why)
{
	size_t byte = 0;
	int from, to;

	if (offset < 0 || offset > 1000000) {
		buf_printf(why, "receive an entity with incorrect offset %" PRId64, offset);
		return false;
	}
	if (length < 0 || length > 1000000) {
		buf_printf(why, "receive an entity with incorrect length %" PRId64, length);
		return false;
	}
	from = boundary(&f->text, offset, &byte);
	if (from == -2) {
		buf_printf(why, "entity begins in a middle of a UTF-16 symbol at byte offset %zu", byte);
		return false;
	}
	to = boundary(&f->text, offset + length, &byte);
	if (to == -2)
		buf_printf(why,
		    "entity beginning at UTF-16 offset %" PRId64
		    " ends in a middle of a UTF-16 symbol at byte "
		    "offset %zu",
		    offset, byte);
	else if (from == -1 || to == -1)
		buf_printf(why,
		    "entity beginning at UTF-16 offset %" PRId64
		    " ends after the end of the text at UTF-16 offset "
		    "%" PRId64,
		    offset, offset + length);
	return from == 0 && to == 0;
}

static bool lacking(struct buf *why, const char *field)
{
	buf_printf(why, "can't parse MessageEntity: Can't find field \"%s\"", field);
	return false;
}

/* What each type needs besides its place. */
static bool entity_details(struct entity *e, struct json_object *object, struct buf *why)
{
	struct slice s = {NULL, 0};
	struct json_object *user = NULL;

	if (e->type == E_TEXT_LINK) {
		s = json_text(object, "url");
		if (!s.at)
			return lacking(why, "url");
		if (!url_plausible(s.at, s.len)) {
			buf_printf(why, "entity URL '%s' is invalid: Wrong HTTP URL", s.at);
			return false;
		}
		e->argument = url_complete(s.at, s.len);
		return true;
	}
	if (e->type == E_PRE)
		s = json_text(object, "language");
	if (e->type == E_DATE_TIME) {
		s = json_text(object, "date_time_format");
		e->number = json_number(object, "unix_time");
	}
	if (e->type == E_CUSTOM_EMOJI) {
		s = json_text(object, "custom_emoji_id");
		if (!s.at)
			return lacking(why, "custom_emoji_id");
	}
	if (e->type == E_TEXT_MENTION) {
		if (!json_object_object_get_ex(object, "user", &user))
			return lacking(why, "user");
		e->number = json_number(user, "id");
	}
	if (s.len > 0)
		e->argument = xstrndup(s.at, s.len);
	return true;
}

static bool read_entity(struct formatted *f, struct json_object *object, struct buf *why)
{
	struct slice name = json_text(object, "type");
	int64_t offset = json_number(object, "offset"), length = json_number(object, "length");
	int type = 0;

	while (type < E_TYPES && !slice_is(name, names[type]))
		type++;
	if (type == E_TYPES) {
		buf_str(why, "can't parse MessageEntity: Unsupported type specified");
		return false;
	}
	if (!bounds_valid(f, offset, length, why))
		return false;
	if (type >= E_MENTION || length == 0)
		return true; /* Telegram finds these itself, and ignores what a bot says about them */
	return entity_details(formatted_add(f, (enum entity_type)type, offset, length), object, why);
}

/* Carriage returns go, other control characters become spaces. */
static void clean(struct formatted *f)
{
	struct buf *text = &f->text;
	size_t out = 0;
	int64_t units = 0, gone = 0;

	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->data[i];

		units += ((c & 0xc0) != 0x80) + (c >= 0xf0);
		if (c == '\r') {
			/* units - 1 - gone: where it stood, what went before taken into account */
			for (size_t e = 0; e < f->count; e++) {
				struct entity *entity = &f->list[e];

				if (entity->offset > units - 1 - gone)
					entity->offset--;
				else if (entity->offset + entity->length > units - 1 - gone)
					entity->length--;
			}
			gone++;
			continue;
		}
		text->data[out++] = c < 0x20 && c != '\n' ? ' ' : (char)c;
	}
	text->len = out;
}

static bool blank(char c)
{
	return c == ' ' || c == '\n';
}

static void trim(struct formatted *f)
{
	struct buf *text = &f->text;
	int64_t end, first = INT64_MAX;
	size_t lead = 0;

	while (text->len > 0 && blank(text->data[text->len - 1]))
		text->len--;
	end = (int64_t)utf16_length(text->data, text->len);
	for (size_t i = 0; i < f->count; i++) {
		struct entity *e = &f->list[i];

		if (e->offset + e->length > end)
			e->length = end - e->offset;
		if (e->offset < first && e->length > 0)
			first = e->offset;
	}
	while (lead < text->len && (int64_t)lead < first && blank(text->data[lead]))
		lead++;
	buf_drop(text, lead);
	for (size_t i = 0; i < f->count; i++)
		f->list[i].offset -= (int64_t)lead;
}

static bool only_blanks(const struct formatted *f, const struct entity *e)
{
	size_t from, to;

	if (e->type >= E_TEXT_LINK)
		return false; /* carries something that one does not see */
	if (boundary(&f->text, e->offset, &from) < 0 || boundary(&f->text, e->offset + e->length, &to) < 0)
		return true;
	while (from < to && blank(f->text.data[from]))
		from++;
	return from == to;
}

static bool before(const struct entity *a, const struct entity *b)
{
	if (a->offset != b->offset)
		return a->offset < b->offset;
	if (a->length != b->length)
		return a->length > b->length;
	return a->type < b->type;
}

static void sort(struct formatted *f, size_t from)
{
	for (size_t i = from ? from : 1; i < f->count; i++) {
		struct entity e = f->list[i];
		size_t at = i;

		while (at > 0 && before(&e, &f->list[at - 1])) {
			f->list[at] = f->list[at - 1];
			at--;
		}
		f->list[at] = e;
	}
}

/* Entities may lie within one another but not cross: one that does is cut in two where the other ends. */
static void split_crossing(struct formatted *f)
{
	for (size_t i = 1; i < f->count && i < ENTITIES_MAX; i++) {
		for (size_t j = 0; j < i; j++) {
			int64_t end = f->list[j].offset + f->list[j].length;
			struct entity *e = &f->list[i], *rest;

			if (e->offset >= end || e->offset + e->length <= end)
				continue;
			rest = formatted_add(f, e->type, end, e->offset + e->length - end);
			e = &f->list[i];
			rest->number = e->number;
			rest->argument = e->argument ? xstrdup(e->argument) : NULL;
			e->length = end - e->offset;
			sort(f, f->count - 1);
		}
	}
}

/* Two pages of input can hold thousands of entities; what is sorted is kept small. */
static void cut(struct formatted *f, size_t most)
{
	while (f->count > most)
		free(f->list[--f->count].argument);
}

static void remove_blank(struct formatted *f)
{
	for (size_t i = f->count; i-- > 0;)
		if (f->list[i].length <= 0 || only_blanks(f, &f->list[i]))
			remove_entity(f, i);
}

bool format_finish(struct formatted *f, struct json_object *entities, struct buf *why)
{
	size_t count = entities && json_object_is_type(entities, json_type_array)
			   ? json_object_array_length(entities)
			   : 0;

	for (size_t i = 0; i < count; i++)
		if (!read_entity(f, json_object_array_get_idx(entities, i), why))
			return false;
	cut(f, TEXT_MAX);
	sort(f, 0);
	clean(f);
	remove_blank(f);
	trim(f);
	remove_blank(f);
	sort(f, 0);
	split_crossing(f);
	cut(f, ENTITIES_MAX);
	return true;
}

static void write_mentioned(struct buf *out, const struct user *u)
{
	buf_str(out, ",\"user\":{\"id\":");
	buf_int(out, u->id);
	buf_str(out, ",\"is_bot\":false");
	buf_json_field(out, "first_name", u->first_name, JSON_ASCII);
	buf_json_field(out, "username", u->username, JSON_ASCII);
	buf_char(out, '}');
}

static void write_entity(struct buf *out, const struct entity *e, struct store *store)
{
	buf_printf(out, "{\"offset\":%lld,\"length\":%lld,\"type\":\"%s\"", (long long)e->offset,
	    (long long)e->length, names[e->type]);
	if (e->type == E_TEXT_LINK)
		buf_json_field(out, "url", e->argument, JSON_ASCII);
	else if (e->type == E_PRE)
		buf_json_field(out, "language", e->argument, JSON_ASCII);
	else if (e->type == E_CUSTOM_EMOJI)
		buf_json_field(out, "custom_emoji_id", e->argument, JSON_ASCII);
	else if (e->type == E_TEXT_MENTION)
		write_mentioned(out, store_user(store, e->number));
	else if (e->type == E_DATE_TIME) {
		buf_printf(out, ",\"unix_time\":%lld", (long long)e->number);
		buf_json_field(out, "date_time_format", e->argument, JSON_ASCII);
	}
	buf_char(out, '}');
}

void format_entities(struct buf *out, const struct formatted *f, struct store *store)
{
	for (size_t i = 0; i < f->count; i++) {
		buf_char(out, i == 0 ? '[' : ',');
		write_entity(out, &f->list[i], store);
	}
	if (f->count > 0)
		buf_char(out, ']');
}

static size_t word_length(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

static enum entity_type detect_at(const char *s, size_t *len)
{
	*len = 0;
	if (strncasecmp(s, "http://", 7) == 0 || strncasecmp(s, "https://", 8) == 0) {
		*len = strcspn(s, " \t\n");
		while (*len > 8 && strchr(".,;:!?)", s[*len - 1]))
			--*len;
		return E_URL;
	}
	*len = word_length(s + 1) + 1;
	if (*s == '/' && *len > 1 && *len <= 65) {
		size_t bot = s[*len] == '@' ? word_length(s + *len + 1) : 0;

		*len += bot > 0 ? bot + 1 : 0;
		return E_BOT_COMMAND;
	}
	if (*s == '@' && *len > 4 && *len <= 33)
		return E_MENTION;
	if (*s == '#' && *len > 1)
		return E_HASHTAG;
	*len = 0;
	return E_TYPES;
}

void format_detect(struct formatted *f, const char *text)
{
	char last = ' ';

	for (size_t i = 0; text[i] != '\0'; i++) {
		size_t len = 0;
		enum entity_type type = E_TYPES;

		if (!isalnum((unsigned char)last) && !strchr("_/@#", last) && !((unsigned char)last & 0x80))
			type = detect_at(text + i, &len);
		if (type != E_TYPES && len > 0) {
			formatted_add(
			    f, type, (int64_t)utf16_length(text, i), (int64_t)utf16_length(text + i, len));
			i += len - 1;
		}
		last = text[i];
	}
}
