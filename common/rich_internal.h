/* What rich.c and rich_split.c share. */
#ifndef TGTOOLS_RICH_INTERNAL_H
#define TGTOOLS_RICH_INTERNAL_H

#include "rich.h"

/* Appends an entity with its bounds; argument is copied. */
void rich_put(struct rich *rich, enum rich_type type, size_t start, size_t end, const char *argument);

/* Where the code or preformatted text starts that ends first after position; SIZE_MAX: there is none. White
 * space counts in it. */
size_t rich_verbatim_start(const struct rich *rich, size_t position);

/* Takes away the white space at both ends that Telegram would, and moves the entities. */
void rich_trim(struct rich *rich);

/* Appends text that is clean already. */
int rich_add_raw(struct rich *rich, const char *text, size_t len);

#endif
