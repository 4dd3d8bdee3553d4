/*
 * What is too long for messages, say the rest of an output, or is no text: a file in a directory of the
 * store, which tg-sendd copies when it takes the call that names it.
 */
#ifndef TG_DISPATCH_DOCUMENT_H
#define TG_DISPATCH_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define DOCUMENT_KEEP_MS INT64_C(3600000)

struct document {
	char *path; /* NULL: not begun */
	int fd;
	int64_t size_bytes;
};

#define DOCUMENT_INIT ((struct document){.fd = -1})

/* Begins it where needed, with a name in which the script's stands. What goes beyond max_bytes is an error.
 */
int document_add(struct document *document, const char *store_path, const char *script, int64_t job,
    const char *data, size_t len, int64_t max_bytes, struct error *error);
/* All of it is there; it may be read now. */
void document_end(struct document *document);
/* Forgets it; the file stays for whoever has its name. */
void document_free(struct document *document);

/* A whole one of that name, which is replaced; *path is where it is, to be freed. */
int document_write(
    const char *store_path, const char *name, const void *data, size_t len, char **path, struct error *error);

/* Removes those that were written last more than DOCUMENT_KEEP_MS ago. */
void document_sweep(const char *store_path, int64_t now_wall_ms);

#endif
