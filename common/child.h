/*
 * Running other programs: no shell, own session and process group, a clean environment, no descriptor but
 * 0, 1, 2, and an end at the deadline for all that they started.
 *
 * Between the caller and the program stands a supervisor, a fork of the caller that does nothing but keep
 * the deadline and clean up: it is the subreaper of the program, so what the program leaves behind, even in
 * a session of its own, is found and killed, and it does so too when the caller is killed. Only what runs
 * as another user (sudo) or was started by another service can stay.
 *
 * The caller has one thread, has called fd_sanitise, and does not wait for children with waitpid(-1).
 */
#ifndef TGTOOLS_CHILD_H
#define TGTOOLS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

enum { CHILD_GRACE_MS = 2000 };

struct child_options {
	char *const *argv;	  /* argv[0] is an absolute path */
	char *const *environment; /* the whole of it, "NAME=value", NULL-terminated */
	const char *directory;	  /* working directory; NULL: unchanged */
	int64_t timeout_ms;	  /* SIGTERM to the group then, SIGKILL CHILD_GRACE_MS later */
	size_t output_max_bytes;  /* more on stdout is read, dropped and told */
	size_t errors_max_bytes;  /* the last so many bytes of stderr are kept */
};

struct child;

/* Starts it; stdin is /dev/null. A program that cannot be executed is an error here, not an exit code. */
int child_start(const struct child_options *options, struct child **child, struct error *error);

/*
 * Moves the output of count children (NULL entries are skipped) until at least one has ended, wake_fd
 * (-1: none) is readable, or limit_ms (-1: none) has passed. Returns the index of one that ended, or -1.
 * Ended: it was reaped and what it started is gone; a grandchild that holds the pipe does not delay this.
 * A child that ended is found again until its entry is NULL. Deadlines are kept between calls, too.
 */
int child_wait_any(struct child *const *children, size_t count, int wake_fd, int64_t limit_ms);

struct child_result {
	int exit_status; /* 0-255, or -1 where a signal ended it */
	int signal;	 /* the signal that ended it, or 0 */
	bool timed_out;	 /* we ended it at its deadline */
	bool output_cut; /* stdout was longer than output_max_bytes */
	int64_t duration_ms;
	struct buf output;
	struct buf errors;
};

/* Hands out the result of a child that ended, once; the caller frees the two buffers. */
void child_result(struct child *child, struct child_result *result);

/* Kills it and all that it started if it has not ended, reaps it, frees it. */
void child_free(struct child *child);

#endif
