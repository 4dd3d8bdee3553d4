/*
 * What is said on standard output about a program that runs: one JSON value a line, each written at once.
 *
 *	{"event":"started","script":"disk.sh"}
 *	{"event":"output","stream":"stdout","text":"..."}
 *	{"event":"finished","status":0,"signal":0,"timed_out":false,"stopped":false,"cut":false,
 *	 "duration_ms":1234,"report":"none"}
 *	{"event":"failed","error":"Script not found"}
 *
 * These events are described in notify-scripts(1).
 */
#ifndef TGTOOLS_STREAM_H
#define TGTOOLS_STREAM_H

#include <json-c/json.h>

#include "child.h"
#include "pieces.h"
#include "watch.h"

struct stream {
	struct watch *watch;	       /* asked while a write waits for its reader; NULL: nobody */
	void (*on_end)(void *context); /* called once when the end is asked for meanwhile */
	void *context;
	int code; /* errno of what could not be written; 0: all was */
	struct pieces outputs, errors;
};

/* Writes one line, waiting for the reader. Where nobody reads any more, nothing is written. Puts value. */
void stream_line(struct stream *stream, struct json_object *value);

void stream_started(struct stream *stream, const char *script);
/* What a script wrote, as it came; stream_finished tells what is left of it. */
void stream_output(struct stream *stream, enum child_stream from, const char *data, size_t len);
/* report: "none", "nothing", "sent", "failed"; error NULL: none. */
void stream_finished(
    struct stream *stream, const struct child_result *result, const char *report, const char *error);
void stream_failed(struct stream *stream, const char *error);

/* {"error":"..."} */
void stream_error(struct stream *stream, const char *error);

#endif
