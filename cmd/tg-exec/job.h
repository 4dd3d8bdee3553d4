/*
 * A job: one process of notify-scripts, or of our own that does the same for a program of the configuration,
 * from its start until nothing of it is left. It is told to end by the
 * end of its standard input, since what runs behind sudo as another account cannot be signalled.
 */
#ifndef TG_EXEC_JOB_H
#define TG_EXEC_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"
#include "lines.h"
#include "command.h"
#include "event.h"

enum {
	JOB_GRACE_MS = 5000,	     /* to end, once told */
	JOB_LIST_LIMIT_MS = 10000,   /* for a list of scripts */
	JOB_RUN_MARGIN_MS = 60000,   /* for what runs over its timeout, which is kept by its process */
	JOB_ERRORS_MAX_BYTES = 1024, /* the end of stderr that is kept */
};

enum job_phase {
	JOB_RUNNING,
	JOB_ENDING, /* its stdin is closed */
	JOB_LEFT,   /* it did not end; its pipes are closed, and it is only waited for */
};

struct job {
	int64_t number;
	char *script;  /* or the row of a program; NULL: scripts are listed */
	bool is_fixed; /* a program */
	char account[REQUEST_NAME_MAX_BYTES + 1];
	enum job_phase phase;
	bool started;  /* it said so */
	bool answered; /* the event that ends it was printed; its number is free */
	pid_t pid;     /* 0: reaped */
	int wait_status;
	int64_t text_left_bytes; /* of output that it may still tell */
	size_t left;		 /* bytes that were in the pipe when it was reaped */
	int64_t started_ms;	 /* monotonic */
	int64_t deadline_ms;	 /* monotonic; 0: none */
	int input, output, errors;
	struct lines lines;
	struct buf last_errors;
};

/* Starts what command says for request. limit_ms 0: as long as it takes. */
int job_start(const struct command *command, const struct config *config, const struct request *request,
    int64_t limit_ms, struct job **job, struct error *error);

/* Closes its stdin, once; it has JOB_GRACE_MS from then on. */
void job_end(struct job *job, int64_t now_ms);

/* It did not end: whatever can be killed is killed, and its pipes are closed. */
void job_leave(struct job *job);

/* Reaps it where it has ended; then what is in its pipes is all that there will be. Returns whether it did.
 */
bool job_reap(struct job *job);

/* Reads what is on its stderr once, keeps the end of it. */
void job_read_errors(struct job *job);

/* Reads its output once into lines, closes it at its end. Returns whether there was something. */
bool job_read(struct job *job);

/* Whether it was reaped and all that it said is read. */
bool job_is_over(const struct job *job);

void job_free(struct job *job);

#endif
