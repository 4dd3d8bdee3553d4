/*
 * ~/.notifications/logs/runner.log: one event a line, with its time, made printable; at 1 MB it becomes
 * runner.log.1. What cannot be written is told once and never stops a run.
 */
#ifndef TGTOOLS_NOTIFY_RUNNER_RUNLOG_H
#define TGTOOLS_NOTIFY_RUNNER_RUNLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

enum { RUNLOG_MAX_BYTES = 1 << 20 };

struct runlog {
	char *path; /* NULL: no file */
	int fd;
	int64_t size_bytes;
	bool echo;   /* on stderr, too, without the time */
	bool failed; /* a line could not be written */
};

/* directory NULL: no file. */
int runlog_open(struct runlog *log, const char *directory, bool echo, struct error *error);
void runlog_close(struct runlog *log);

/* Writes "TIME SUBJECT: TEXT". */
void runlog_add(struct runlog *log, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
