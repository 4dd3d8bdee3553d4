/*
 * One message of a person: what the command line says about it, whether that goes together, and the request
 * that it becomes (tgtools-socket(7)). Pure.
 */
#ifndef TG_SEND_COMPOSE_H
#define TG_SEND_COMPOSE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

enum {
	COMPOSE_TEXT_MAX_BYTES = 1 << 20,
	COMPOSE_FILES_MAX = 10, /* as many as an album takes */
};

struct compose_file {
	const char *path; /* "-": standard input */
	bool picture;
};

/* Everything is borrowed; NULL: not given. */
struct compose {
	const char *user, *to;
	const char *title;
	const char *format, *lang;
	const char *key, *reply_to;
	const char *cooldown, *in;
	int64_t at_ms;	/* wall time; 0: at once, or as in says */
	int64_t thread; /* 0: none */
	bool silent, no_preview;
	struct compose_file files[COMPOSE_FILES_MAX];
	size_t files_count;
	const char *name;   /* for the file on standard input, or for the only one */
	char *const *words; /* the text; "-" alone: standard input */
	size_t words_count;
};

/* A file that tg-sendd has. */
struct compose_uploaded {
	const char *id, *name;
	bool picture;
};

/* ERROR_USAGE where a value cannot be right, or options contradict each other. */
int compose_check(const struct compose *message, struct error *error);

/* The only word is "-": the text is on standard input. */
bool compose_is_dash(const struct compose *message);

/* One of the files is on standard input. */
bool compose_file_is_stdin(const struct compose *message);

/* What file number index is to be called, or NULL: as its path. */
const char *compose_file_name(const struct compose *message, size_t index);

/* Appends the words with blanks between them, cleaned (text_add_clean). */
int compose_words(const struct compose *message, struct buf *text, struct error *error);

/* The body of POST /send; text NULL: none. The caller puts it. */
struct json_object *compose_request(const struct compose *message, const char *text,
    const struct compose_uploaded *files, size_t files_count);

/* The body of POST /delete. */
struct json_object *compose_delete(const struct compose *message, const char *key);

#endif
