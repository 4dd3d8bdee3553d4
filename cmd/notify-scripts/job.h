/* One run of one script on demand: what it writes is shown, what it reports is printed or delivered. */
#ifndef TGTOOLS_NOTIFY_SCRIPTS_JOB_H
#define TGTOOLS_NOTIFY_SCRIPTS_JOB_H

#include <stdbool.h>

#include "place.h"
#include "stream.h"

struct job_options {
	const char *name;
	char *const *args;
	bool server;
	bool events;	/* --stream */
	bool deliver;	/* submit what it reports */
	bool until_eof; /* the end of standard input ends it */
};

/* Exit codes beside those of sysexits(3). */
enum { JOB_FAILED = 1, JOB_TIMED_OUT = 124 };

/* Says everything in stream and returns the exit code. */
int job_run(const struct place *place, const struct job_options *options, struct stream *stream);

#endif
