/*
 * What notify-scripts says about a job, in the words that tg-exec passes on. What it reads is hostile: the
 * process belongs to a user, who may make it say anything. Known fields alone are taken, their types and
 * ranges checked, and the event is built anew. Pure.
 */
#ifndef TG_EXEC_EVENT_H
#define TG_EXEC_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "json.h"

enum {
	EVENT_LINE_MAX_BYTES = 256 << 10, /* a list of 1,500 scripts */
	EVENT_TEXT_MAX_BYTES = 64 << 10,  /* of one piece of output */
	EVENT_ERROR_MAX_BYTES = 300,
};

enum event_kind { EVENT_STARTED, EVENT_OUTPUT, EVENT_FINISHED, EVENT_FAILED, EVENT_LIST };

/* The job that a line is about. */
struct event_job {
	int64_t number;
	const char *script; /* NULL: its scripts are listed */
};

/*
 * Reads a line of notify-scripts and builds what is said about it; the caller puts *event. ERROR_INPUT: it is
 * not in the protocol.
 */
int event_rebuild(const char *line, size_t len, const struct event_job *job, enum event_kind *kind,
    struct json_object **event, struct error *error);

/* Finished, failed and list end a job. */
bool event_is_last(enum event_kind kind);

/* The event that a job failed; text becomes one printable line of at most EVENT_ERROR_MAX_BYTES. */
struct json_object *event_failed(int64_t job, const char *text);

/*
 * Why a job failed whose process, an instance of program, ended without a word: how it ended, as waitpid(2)
 * has it, and the last line that it said on stderr. The caller frees it.
 */
char *event_last_words(const char *program, int wait_status, const char *errors);

#endif
