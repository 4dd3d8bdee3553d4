/*
 * A text as a QR code (ISO/IEC 18004) for a terminal: two modules a character, one above the other, with the
 * four light modules around it that a camera needs.
 */
#ifndef TG_LINK_QR_H
#define TG_LINK_QR_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "error.h"

/* How many columns it takes; 0 where the text is too long for one. */
size_t qr_columns(const char *text);

/*
 * Appends its lines. coloured: black on white by control sequences, whatever the colours of the terminal are;
 * otherwise what is light is drawn, as it is right on a dark background. ERROR_INPUT where the text is too
 * long.
 */
int qr_draw(const char *text, bool coloured, struct buf *out, struct error *error);

#endif
