/* What the parts of markup.c share. Those that return int return -1 where the text would become too long. */
#ifndef TGTOOLS_MARKUP_INTERNAL_H
#define TGTOOLS_MARKUP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "markup.h"

/* Parse what is clean (text_add_clean) into a rich text that was initialised. */
int markup_parse_markdown(const char *source, size_t len, struct rich *rich);
int markup_parse_html(const char *source, size_t len, struct rich *rich);

/* A link whose text is being written. */
struct markup_link {
	size_t start; /* of its text */
	bool is_markdown;
	size_t entity; /* MARKUP_NO_ENTITY: its address is none for Telegram */
	char *url;
};

#define MARKUP_NO_ENTITY SIZE_MAX

/* Ended by markup_link_close, or by free(link->url). In Markdown "README.md" is no host, and a link without
 * text is shown by its address; in HTML it is as Telegram has it. */
void markup_link_open(
    struct rich *rich, const char *url, size_t len, bool is_markdown, struct markup_link *link);
int markup_link_close(struct rich *rich, struct markup_link *link);

/* The length of the character reference at the start of text; 0: it is none, or a number that is no
 * character. */
size_t markup_reference(const char *text, size_t len, uint32_t *code);

/* Writes a code point as UTF-8 and returns its length. */
size_t markup_encode(uint32_t code, char utf8[4]);

#endif
