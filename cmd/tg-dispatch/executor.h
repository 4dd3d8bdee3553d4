/*
 * The client of tg-exec(8), the one process that starts other programs. Between the two stands a keeper, a
 * fork of this process that starts tg-exec again when it dies: once this process has given up gaining
 * privileges it could no longer start one that may use sudo.
 *
 * What comes from tg-exec is capped and checked here.
 */
#ifndef TG_DISPATCH_EXECUTOR_H
#define TG_DISPATCH_EXECUTOR_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "store.h"

enum { EXECUTOR_LINE_MAX_BYTES = 1 << 20, EXECUTOR_GRACE_MS = 5000 };

enum executor_kind {
	EXECUTOR_STARTED,
	EXECUTOR_OUTPUT,
	EXECUTOR_FINISHED,
	EXECUTOR_FAILED, /* it was not run, or not listed */
	EXECUTOR_LIST,
	EXECUTOR_DIED, /* tg-exec; whatever it was asked before is over */
	EXECUTOR_UP,   /* it is there again */
};

enum executor_report { REPORT_NONE, REPORT_NOTHING, REPORT_SENT, REPORT_FAILED };

/* All is borrowed. */
struct executor_event {
	enum executor_kind kind;
	int64_t job;
	const char *text; /* EXECUTOR_OUTPUT */
	size_t len;
	/* EXECUTOR_FINISHED */
	int64_t status; /* -1: a signal ended it */
	int64_t signal;
	bool timed_out, stopped, cut;
	int64_t duration_ms;
	enum executor_report report;
	const char *error;	     /* also EXECUTOR_FAILED; NULL: none */
	struct json_object *scripts; /* EXECUTOR_LIST: an array */
};

/* Reads a line; *object is what event borrows from, and is put by the caller. ERROR_INPUT. */
int executor_parse(const char *line, size_t len, struct executor_event *event, struct json_object **object,
    struct error *error);

struct executor;

/*
 * Starts the keeper and tg-exec, with "-c config_path" unless that is NULL; before other descriptors are
 * open. ERROR_CONFIG where there is no tg-exec.
 */
int executor_start(const char *config_path, struct executor **executor, struct error *error);
/* Lets tg-exec end its jobs, and waits for that at most EXECUTOR_GRACE_MS. */
void executor_end(struct executor *executor);

/* Whether it can be asked now. */
bool executor_is_up(const struct executor *executor);
/* As after SIGHUP. */
void executor_reload(struct executor *executor);

/* Each returns whether there was room; what is written leaves with executor_write. */
bool executor_run(struct executor *executor, const struct store_job *job, struct json_object *args);
/* A program: that of the row job->script in a section of the configuration. */
bool executor_exec(
    struct executor *executor, const struct store_job *job, const char *section, struct json_object *input);
bool executor_list(struct executor *executor, int64_t number, const char *user);
bool executor_stop(struct executor *executor, int64_t job);

/* To be watched for POLLIN, and for POLLOUT where executor_has_output; -1: none any more. */
int executor_input_fd(const struct executor *executor);
int executor_output_fd(const struct executor *executor);
bool executor_has_output(const struct executor *executor);

typedef void executor_event_fn(void *context, const struct executor_event *event);
/* Reads once and tells what came. At EXECUTOR_DIED fn ends the watch of both descriptors. */
void executor_read(struct executor *executor, executor_event_fn *fn, void *context);
void executor_write(struct executor *executor);

#endif
