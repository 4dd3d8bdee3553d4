#include "markup_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text.h"
#include "xalloc.h"

enum {
	MARKDOWN_MAX_BYTES = 64 << 10,
	GROWTH = 8, /* tabs, indentation and tables may take more place than their source */
	GROWTH_BYTES = 64 << 10,
	URL_MAX_BYTES = 2048,
	PORT_MAX = 65535,
	LANGUAGE_MAX_BYTES = 64,
};

static const char *const formats[] = {
    [MARKUP_TEXT] = "text",
    [MARKUP_MARKDOWN] = "markdown",
    [MARKUP_HTML] = "html",
    [MARKUP_PRE] = "pre",
};

int markup_format_parse(const char *name, enum markup_format *format)
{
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		if (strcasecmp(name, formats[i]) == 0) {
			*format = (enum markup_format)i;
			return 0;
		}
	}
	return -1;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* The rules for addresses are those of TDLib: LinkManager::check_link and parse_url. */

static bool is_host_text(const char *text, size_t len, const char *allowed)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '%' && i + 2 < len && isxdigit((unsigned char)text[i + 1]) &&
		    isxdigit((unsigned char)text[i + 2]))
			i += 2;
		else if (c < 0x80 && !isalnum(c) && strchr(allowed, c) == NULL)
			return false;
	}
	return true;
}

static bool is_port(const char *text, size_t len)
{
	long port = 0;

	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		port = port * 10 + (text[i] - '0');
		if (port > PORT_MAX)
			return false;
	}
	return port > 0;
}

/* The last of a set of characters before end; NULL: none. */
static const char *find_last(const char *text, const char *end, const char *set)
{
	while (end > text) {
		if (strchr(set, *--end) != NULL)
			return end;
	}
	return NULL;
}

/* user@host:port with a dot in the host, or an IPv6 address in brackets. */
static bool is_authority(const char *text, size_t len)
{
	static const char marks[] = ".-_!$,~*'();&+=", user_marks[] = ".-_!$,~*'();&+=:";
	const char *end = text + len, *stop = find_last(text, end, ":]@"), *at, *host;

	if (stop != NULL && stop > text && *stop == ':') {
		if (!is_port(stop + 1, (size_t)(end - stop) - 1))
			return false;
		end = stop;
	}
	at = find_last(text, end, "@");
	host = at != NULL ? at + 1 : text;
	if (at != NULL && !is_host_text(text, (size_t)(at - text), user_marks))
		return false;
	if (end - host > 4 && host[0] == '[' && end[-1] == ']')
		return strspn(host + 1, "0123456789abcdefABCDEF:.") == (size_t)(end - host) - 2 &&
		       memchr(host, ':', (size_t)(end - host)) != NULL;
	return end - host > 1 && memchr(host, '.', (size_t)(end - host)) != NULL &&
	       is_host_text(host, (size_t)(end - host), marks);
}

static bool is_telegram_url(const char *url)
{
	static const char *const schemes[] = {"tg:", "ton:", "tonsite:"};
	static const char host_marks[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		const char *host = url + strlen(schemes[i]);
		size_t len;

		if (!has_prefix(url, schemes[i]))
			continue;
		if (strncmp(host, "//", 2) == 0)
			host += 2;
		len = strcspn(host, "/?#");
		return len > 0 && strspn(host, host_marks) >= len;
	}
	return false;
}

static bool has_web_scheme(const char *url)
{
	return has_prefix(url, "http://") || has_prefix(url, "https://");
}

bool markup_is_url(const char *url)
{
	const char *authority = has_web_scheme(url) ? strchr(url, ':') + 3 : url;

	if (strlen(url) > URL_MAX_BYTES || has_prefix(url, "mailto:"))
		return false;
	return is_telegram_url(url) || is_authority(authority, strcspn(authority, "/?#"));
}

/* Blanks are kept as they are kept in a URL, other white space is not. */
static char *clean_url(const char *url, size_t len)
{
	struct buf clean = BUF_INIT(3 * len + 1), result = BUF_INIT(9 * len + 1);

	(void)text_add_clean(&clean, url, len);
	for (size_t i = 0; i < clean.len; i++) {
		if (clean.data[i] == ' ')
			buf_add_text(&result, "%20");
		else if (clean.data[i] != '\n' && clean.data[i] != '\t')
			buf_add(&result, &clean.data[i], 1);
	}
	buf_free(&clean);
	return result.data != NULL ? result.data : xstrdup("");
}

void markup_link_open(
    struct rich *rich, const char *url, size_t len, bool is_markdown, struct markup_link *link)
{
	link->url = clean_url(url, len);
	link->start = rich->text.len;
	link->entity = MARKUP_NO_ENTITY;
	link->is_markdown = is_markdown;
	if (markup_is_url(link->url) &&
	    (!is_markdown || has_web_scheme(link->url) || is_telegram_url(link->url)))
		link->entity = rich_open(rich, RICH_LINK, link->url);
}

/* An address without what only programs need. */
static const char *shown_url(const char *url)
{
	return has_prefix(url, "mailto:") ? url + 7 : has_prefix(url, "tel:") ? url + 4 : url;
}

static int add_address(struct rich *rich, size_t start, const char *url)
{
	size_t len = rich->text.len - start;
	const char *text = len > 0 ? rich->text.data + start : "";

	if (text_is_blank(text, len))
		return rich_add(rich, url, strlen(url), false);
	/* A place in the same document is nowhere here; and nothing is said twice. */
	if (url[0] == '\0' || url[0] == '#' || (strlen(url) == len && memcmp(text, url, len) == 0))
		return 0;
	return rich_add(rich, " (", 2, false) != 0 || rich_add(rich, url, strlen(url), false) != 0
		   ? -1
		   : rich_add(rich, ")", 1, false);
}

int markup_link_close(struct rich *rich, struct markup_link *link)
{
	int result = 0;
	size_t len = rich->text.len - link->start;

	if (link->entity == MARKUP_NO_ENTITY) {
		result = add_address(rich, link->start, shown_url(link->url));
	} else {
		if (link->is_markdown && (len == 0 || text_is_blank(rich->text.data + link->start, len)))
			result = rich_add(rich, link->url, strlen(link->url), false);
		rich_close(rich, link->entity);
		/* Telegram finds it by itself. */
		len = rich->text.len - link->start;
		if (has_web_scheme(link->url) && len == strlen(link->url) &&
		    memcmp(rich->text.data + link->start, link->url, len) == 0)
			rich->entities[link->entity].end = link->start;
	}
	free(link->url);
	link->url = NULL;
	return result;
}

/* Code has no tabs for Telegram, plain text neither. */
static int parse_pre(const char *source, size_t len, const char *language, struct rich *rich)
{
	char name[LANGUAGE_MAX_BYTES + 1] = "";
	size_t entity, given = language != NULL ? strcspn(language, " \t\n") : 0;
	int result;

	for (size_t i = 0; i < given && given <= LANGUAGE_MAX_BYTES; i++)
		name[i] =
		    (unsigned char)language[i] > ' ' && (unsigned char)language[i] < 0x7f ? language[i] : '_';
	entity = rich_open(rich, RICH_PRE, name[0] != '\0' ? name : NULL);
	result = rich_add(rich, source, len, true);
	rich_close(rich, entity);
	return result;
}

static int parse_clean(
    enum markup_format format, const char *source, size_t len, const char *language, struct rich *rich)
{
	switch (format) {
	case MARKUP_MARKDOWN:
		return len <= MARKDOWN_MAX_BYTES ? markup_parse_markdown(source, len, rich) : -1;
	case MARKUP_HTML:
		return markup_parse_html(source, len, rich);
	case MARKUP_PRE:
		return parse_pre(source, len, language, rich);
	case MARKUP_TEXT:
	default:
		return rich_add(rich, source, len, false);
	}
}

void markup_parse(
    enum markup_format format, const char *source, size_t len, const char *language, struct rich *rich)
{
	struct buf clean = BUF_INIT(3 * len + 1);

	(void)text_add_clean(&clean, source, len);
	*rich = RICH_INIT(GROWTH * clean.len + GROWTH_BYTES);
	if (parse_clean(format, buf_text(&clean), clean.len, language, rich) != 0) {
		/* Too long for md4c, or made to grow; without formatting it fits. */
		rich_free(rich);
		(void)rich_add(rich, buf_text(&clean), clean.len, false);
	}
	buf_free(&clean);
	rich_finish(rich);
}
