/*
 * What one report of a script asks to be submitted: up to three requests to tg-sendd, made in order, each
 * under an idempotency key that stays the same however often it is tried. Pure, but for the files that are
 * read.
 */
#ifndef TGTOOLS_NOTIFY_RUNNER_NOTICE_H
#define TGTOOLS_NOTIFY_RUNNER_NOTICE_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "script.h"

enum notice_kind { NOTICE_TEXT, NOTICE_PHOTO, NOTICE_DOCUMENT };

enum {
	NOTICE_STEPS_MAX = 3,
	NOTICE_ID_BYTES = 33,	     /* 32 hexadecimal digits */
	NOTICE_CAPTION_MAX = 1024,   /* characters, with the title; a longer message goes by itself */
	NOTICE_PHOTO_MAX = 10 << 20, /* bytes, as tgtools-socket(7) has them */
	NOTICE_DOCUMENT_MAX = 50 << 20,
};

struct notice_step {
	enum notice_kind kind;
	char key[NOTICE_ID_BYTES + 2];
	struct json_object *fields; /* of the request; owned */
	char *path;		    /* the file to send; owned; NULL for a text */
	struct buf file;	    /* its content, once it is read */
};

struct notice {
	char script[SCRIPT_NAME_BYTES];
	int64_t made_ms; /* wall time */
	struct notice_step steps[NOTICE_STEPS_MAX];
	size_t count;
};

/* Relative paths are below home. The cooldown is claimed by the first step. */
void notice_make(struct notice *notice, const struct script_report *report, const char *script,
    const char *home, const char *id, int64_t now_ms);
void notice_free(struct notice *notice);

/* Reads the files of all steps that are not read yet. */
int notice_read_files(struct notice *notice, struct error *error);

/* Drops the first step, which is done. */
void notice_advance(struct notice *notice);

/* "/send", or "/send_photo?caption=..."; -1 where it would be too long. */
int notice_target(const struct notice_step *step, struct buf *target, struct error *error);

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
