/*
 * What one report of a script asks to be submitted: one POST /send (tgtools-socket(7)), with at most a
 * picture and a file, under an idempotency key that stays the same however often it is tried. Pure, but for
 * the files that are looked at and for the randomness of a key.
 */
#ifndef TGTOOLS_NOTICE_H
#define TGTOOLS_NOTICE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "script.h"

enum {
	NOTICE_FILES_MAX = 2,
	NOTICE_KEY_BYTES = 65, /* as tg-sendd takes them: 1 to 64 of A-Z a-z 0-9 _ - . */
};

struct notice_file {
	char *path, *name; /* owned; name is how it is called in the chat */
	bool is_photo;
};

struct notice {
	char script[SCRIPT_NAME_BYTES];
	char key[NOTICE_KEY_BYTES];
	int64_t made_ms;	    /* wall time */
	struct json_object *fields; /* of the request, less its files; owned */
	struct notice_file files[NOTICE_FILES_MAX];
	size_t files_count;
};

/* A new random key. */
void notice_new_key(char key[NOTICE_KEY_BYTES]);

/* Relative paths are below home. with_cooldown false: sent in any case, and no cooldown begins. */
void notice_make(struct notice *notice, const struct script_report *report, const char *script,
    const char *home, const char *key, int64_t now_ms, bool with_cooldown);

/* A text of our own about a script, or all that a script prints; as it is, without markup. NULL: no title. */
void notice_make_text(struct notice *notice, const char *script, const char *title, const char *text,
    const char *key, int64_t now_ms);
void notice_free(struct notice *notice);

/* How many bytes a file may have. */
struct notice_limits {
	int64_t photo_max_bytes, document_max_bytes;
};

/*
 * Whether its files can be sent: regular, readable, not empty, not too large. ERROR_INPUT says why not.
 * bytes, which may be NULL, is set to what they have together.
 */
int notice_check_files(
    const struct notice *notice, const struct notice_limits *limits, int64_t *bytes, struct error *error);

/* One line for tg-send --messages, without a newline. The caller puts the object. */
struct json_object *notice_request(const struct notice *notice);

/* To and from the JSON in the spool; the files are named there, not contained. The caller puts the object. */
struct json_object *notice_to_json(const struct notice *notice);
int notice_from_json(struct json_object *object, struct notice *notice, struct error *error);

enum notice_outcome {
	NOTICE_SENT,
	NOTICE_SUPPRESSED, /* its cooldown runs */
	NOTICE_AWAY,	   /* try all later, this one first */
	NOTICE_LATER,	   /* try this one later */
	NOTICE_DENIED,	   /* nothing of this person is taken: not linked, blocked, not permitted */
	NOTICE_REFUSED,	   /* this one is never taken */
};

/* What an answer means; status 0: there was none, for a reason of that kind. */
enum notice_outcome notice_judge(int status, struct json_object *body, enum error_kind kind);

#endif
