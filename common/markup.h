/*
 * From what people and scripts write to what Telegram shows. Nothing is ever refused: what is no valid markup
 * is text. Pure; time and memory grow linearly with the source, but for Markdown (md4c), of which sources
 * above 64 KiB are taken as text: hostile ones take about 0.1 s up to there.
 */
#ifndef TGTOOLS_MARKUP_H
#define TGTOOLS_MARKUP_H

#include <stdbool.h>
#include <stddef.h>

#include "rich.h"

/*
 * MARKUP_MARKDOWN is CommonMark 0.30 with GitHub's strikethrough, tables (as preformatted text), task lists
 * and bare URLs. Line breaks stay line breaks; raw HTML is text; headings are bold; images are links.
 *
 * MARKUP_HTML is the subset of the Bot API ("HTML style"): b strong i em u ins s strike del tg-spoiler
 * span class=tg-spoiler, a href, code, pre, code class=language-X in pre, blockquote, tg-emoji; and br.
 * Tags that are unknown or have no counterpart are shown as text. White space stays.
 *
 * MARKUP_PRE is all preformatted.
 */
enum markup_format { MARKUP_TEXT, MARKUP_MARKDOWN, MARKUP_HTML, MARKUP_PRE };

/* By name, in any case: "text", "markdown", "html", "pre". -1: none of them. */
int markup_format_parse(const char *name, enum markup_format *format);

/*
 * Parses any bytes; initialises *rich, finished (rich_finish). language (may be NULL) is that of MARKUP_PRE.
 * A link that Telegram would not take becomes "text (url)".
 */
void markup_parse(
    enum markup_format format, const char *source, size_t len, const char *language, struct rich *rich);

/* Whether Telegram takes it as the address of a link: http, https, tg, ton, tonsite, or a bare host. */
bool markup_is_url(const char *url);

#endif
