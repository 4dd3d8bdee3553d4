/*
 * The files of a message: opened with the rights of the caller, measured before anything is sent, and handed
 * to tg-sendd with POST /files. None is ever in memory as a whole.
 */
#ifndef TG_SEND_UPLOAD_H
#define TG_SEND_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compose.h"
#include "error.h"

struct upload_limits {
	int64_t picture_max_bytes, file_max_bytes;
};

struct upload {
	int fd; /* -1: none */
	int64_t len;
	bool picture;
	char *name; /* as it is shown in the chat */
	char *id;   /* how tg-sendd calls it; NULL until it is there */
	int status; /* HTTP status of its answer; 0: there was none */
};

#define UPLOAD_INIT ((struct upload){.fd = -1})

/*
 * Opens a file, which must be regular, not empty and not too large. "-" is standard input: where that is no
 * file it is first copied into one that has no name, in $TMPDIR or /tmp, since tg-sendd does not wait for a
 * slow command; not further than the limit. name NULL: that of the path. Released with upload_free, also
 * where it failed.
 */
int upload_open(const struct compose_file *file, const char *name, const struct upload_limits *limits,
    struct upload *upload, struct error *error);

/*
 * Hands it to tg-sendd and keeps its id. key is the idempotency key of its message and part which of that
 * message's files it is, from 0: the same one of an earlier try gives way. show_progress: on a terminal
 * (stderr) a line says how far it is, from the first second on, and is wiped out at the end.
 */
int upload_send(const char *socket_path, struct upload *upload, const char *key, size_t part,
    bool show_progress, struct error *error);

void upload_free(struct upload *upload);

#endif
