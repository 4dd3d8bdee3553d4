/*
 * What a caller may submit, and what becomes of it: from the fields of /send, /send_photo and
 * /send_document (tgtools-socket(7)) to messages of the Bot API. Pure.
 */
#ifndef TGTOOLS_MESSAGE_H
#define TGTOOLS_MESSAGE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "rich.h"

/* Which request it is: the last two bring one file with them. */
enum message_kind { MESSAGE_TEXT, MESSAGE_PHOTO, MESSAGE_DOCUMENT };

enum { MESSAGE_FILES_MAX = 10, MESSAGE_KEY_MAX_BYTES = 64, MESSAGE_WAIT_MAX_MS = 300000 };

/* A file that goes with it. */
struct message_file {
	const char *file; /* what POST /files answered; NULL: the one of /send_photo or /send_document */
	const char *name; /* for Telegram; NULL: it has none */
	bool is_photo;
};

/* The fields, as they come from JSON or a query. Everything is borrowed; NULL: not given. */
struct message_fields {
	const char *user;
	const char *to;
	const char *text; /* or the caption */
	const char *title;
	const char *parse_mode;
	const char *lang;
	const char *script;
	const char *cooldown;
	const char *key, *reply_to;
	const char *in, *at, *wait;
	const char *path; /* photo_path, document_path */
	const char *file_name;
	const char *thread;
	bool silent, no_preview, bulk;
	struct message_file files[MESSAGE_FILES_MAX];
	size_t files_count;
	/* What message_check makes of some of them. */
	bool has_cooldown;
	int64_t cooldown_ms;
	int64_t in_ms; /* after it was accepted; 0: at once */
	int64_t at_ms; /* wall time; 0: none */
	int64_t wait_ms;
	int64_t thread_id;
};

/* Reads an object; ERROR_INPUT for unknown fields and wrong types. fields borrows from body. */
int message_read_json(
    enum message_kind kind, struct json_object *body, struct message_fields *fields, struct error *error);

/* Reads the query of a request whose body is the file; get returns a value or NULL. */
typedef const char *message_get_fn(void *context, const char *name);
int message_read_query(enum message_kind kind, message_get_fn *get, void *context,
    struct message_fields *fields, struct error *error);

/* Checks every field by itself and those that need each other. */
int message_check(enum message_kind kind, struct message_fields *fields, struct error *error);

/* One message to Telegram. */
struct message_part {
	const char *method;		/* sendMessage, ... */
	struct json_object *parameters; /* less chat and files; owned */
	size_t first_file, files_count; /* which of the fields' files go with it */
	char *document;			/* a text file that goes with it instead; owned, NULL: none */
	struct rich text;		/* what parameters say, for a person to look at */
};

struct message_parts {
	struct message_part *items;
	size_t count;
};

/*
 * What the fields become: usually one message. A long text is split into parts, and becomes a document with
 * its first lines as the caption where these would be more than text_parts_max. Several pictures, or several
 * documents, are one album; a text that comes with files is the caption of the first. The title is bold
 * above the text. ERROR_INPUT where nothing is left. The caller releases parts.
 */
int message_compose(const struct message_fields *fields, size_t text_parts_max, struct message_parts *parts,
    struct error *error);
void message_parts_free(struct message_parts *parts);

/* "photo", "document": the parameter for the only file of a message; how the files of an album are called. */
const char *message_file_parameter(bool is_photo);
enum { MESSAGE_ATTACH_BYTES = 32 };
char *message_attach_name(size_t index, char name[MESSAGE_ATTACH_BYTES]);

/* The methods that messages are sent with. */
extern const char message_send_text[], message_send_photo[], message_send_document[], message_send_album[];

#endif
