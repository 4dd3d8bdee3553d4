/*
 * Bytes as a program writes them, at any place cut in two, as valid UTF-8. What is not UTF-8 becomes U+FFFD
 * byte by byte, and so does '\0', which many readers of JSON take for an end; a character whose first bytes
 * have come waits for the others. Pure.
 */
#ifndef TGTOOLS_PIECES_H
#define TGTOOLS_PIECES_H

#include <stddef.h>

enum { PIECE_MAX_BYTES = 16 << 10 };

struct pieces {
	char waiting[4]; /* the start of a character */
	size_t waiting_len;
};

/* Told of text of 1 to PIECE_MAX_BYTES bytes, borrowed for the call. */
typedef void pieces_fn(void *context, const char *text, size_t len);

void pieces_feed(struct pieces *pieces, const char *data, size_t len, pieces_fn *fn, void *context);
/* There is no more: what waits is no character. */
void pieces_end(struct pieces *pieces, pieces_fn *fn, void *context);

#endif
