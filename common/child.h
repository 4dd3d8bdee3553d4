/*
 * Running other programs: no shell, own session and process group, a clean environment, no descriptor but
 * 0, 1, 2, and an end at the deadline for the whole group.
 */
#ifndef TGTOOLS_CHILD_H
#define TGTOOLS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

struct child_options {
	char *const *argv;	  /* argv[0] is an absolute path */
	char *const *environment; /* the whole of it, "NAME=value", NULL-terminated */
	const char *directory;	  /* working directory; NULL: unchanged */
	int64_t timeout_ms;	  /* SIGTERM to the group then, SIGKILL 2 s later */
	size_t output_max_bytes;  /* more on stdout is read, dropped and told */
	size_t errors_max_bytes;  /* the last so many bytes of stderr are kept */
};

struct child;

/* Starts it; stdin is /dev/null. A program that cannot be executed is an error here, not an exit code. */
int child_start(const struct child_options *options, struct child **child, struct error *error);

/*
 * Waits until at least one of count children has ended or limit_ms has passed (-1: no limit), moving their
 * output meanwhile and killing those over their deadline. Returns the index of one that ended, or -1.
 * Ended: it was reaped and its group is gone; a grandchild that holds the pipe does not delay this.
 */
int child_wait_any(struct child **children, size_t count, int64_t limit_ms);

struct child_result {
	int exit_status; /* 0-255, or -1 where a signal ended it */
	int signal;	 /* the signal that ended it, or 0 */
	bool timed_out;	 /* we ended it at its deadline */
	bool output_cut; /* stdout was longer than output_max_bytes */
	int64_t duration_ms;
	struct buf output;
	struct buf errors;
};

/* Hands out the result of a child that ended; the caller frees the two buffers. */
void child_result(struct child *child, struct child_result *result);

/* Kills its group if it has not ended, reaps it, frees it. */
void child_free(struct child *child);

#endif
