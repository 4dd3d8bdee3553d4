/* One message of a person: where its text and its picture come from, and how it is submitted. */
#ifndef TG_SEND_COMPOSE_H
#define TG_SEND_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

enum {
	COMPOSE_TEXT_MAX_BYTES = 1 << 20,
	COMPOSE_CAPTION_MAX_CHARS = 1024,     /* Bot API */
	COMPOSE_PICTURE_MAX_BYTES = 10 << 20, /* Bot API */
};

struct compose {
	const char *title; /* NULL: none */
	const char *user;  /* NULL: the caller */
	const char *image; /* a path, "-" for stdin, NULL: no picture */
	bool silent;
	char *const *words; /* the text; "-" alone: stdin */
	size_t words_count;
};

/*
 * Appends the text: the words with blanks between them, else what is on stdin where that is not a
 * terminal, without its last newline; cleaned (text_add_clean). *found tells whether there was a source.
 */
int compose_text(const struct compose *message, struct buf *text, bool *found, struct error *error);

/* Appends the content of a picture, which must be a regular file and not too large. */
int compose_picture(const char *path, struct buf *picture, struct error *error);

/*
 * Submits the message and sets *id; *id is 0 where stdin had nothing to say and nothing was submitted.
 */
int compose_send(const struct compose *message, const char *socket_path, int64_t *id, struct error *error);

#endif
