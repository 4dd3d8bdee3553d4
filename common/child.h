/*
 * Running other programs: no shell, own session and process group, a clean environment, no descriptor but
 * 0, 1, 2, and an end at the deadline for all that they started.
 *
 * Between the caller and the program stands a supervisor, a fork of the caller that does nothing but start
 * programs, one after the other, keep their deadlines and clean up: it is the subreaper of the program, so
 * what the program leaves behind, even in a session of its own, is found and killed, and it does so too when
 * the caller is killed. Where it may make a control group the program is in one, and killed with it at a
 * stroke. Only what runs as another user (sudo) or was started by another service can stay.
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

/* The supervisors that wait for the next program. */
struct children;

struct children *children_new(void);
/* After all that were started with it are freed. */
void children_free(struct children *children);

enum { CHILD_GRACE_MS = 2000 };

/* Of each process; what the caller itself may not exceed cannot be raised. 0: what the caller has. */
struct child_limits {
	int64_t memory_bytes; /* data, heap and stacks (RLIMIT_DATA) */
	int64_t file_bytes;   /* the size of a file that it writes (RLIMIT_FSIZE) */
	int64_t open_files;   /* RLIMIT_NOFILE */
};

enum child_stream { CHILD_OUTPUT, CHILD_ERRORS };
typedef void child_piece_fn(void *context, enum child_stream stream, const char *data, size_t len);

struct child_options {
	char *const *argv;	  /* argv[0] is an absolute path */
	char *const *environment; /* the whole of it, "NAME=value", NULL-terminated */
	const char *input;	  /* what it reads on stdin, then its end; NULL: nothing */
	const char *directory;	  /* working directory; NULL: unchanged */
	int64_t timeout_ms;	 /* SIGTERM to the group then, SIGKILL CHILD_GRACE_MS later; 0: no deadline */
	size_t output_max_bytes; /* more on stdout is read, dropped and told */
	size_t errors_max_bytes; /* the last so many bytes of stderr are kept */
	struct child_limits limits;
	/*
	 * NULL, or told what is written to stdout and stderr while it is, in the order in which it was
	 * written, output_max_bytes of both together at most. Each write has to be read before the next to
	 * the same stream, so this is slower.
	 */
	child_piece_fn *on_piece;
	void *context;
};

struct child;

/*
 * Starts it, with the umask 022. A program that cannot be executed is an error here, not an
 * exit code.
 */
int child_start(struct children *children, const struct child_options *options, struct child **child,
    struct error *error);

/* As at the deadline, now; does not wait. */
void child_stop(struct child *child);

/*
 * Moves the output of count children (NULL entries are skipped) until at least one has ended, wake_fd
 * (-1: none) is readable, or limit_ms (-1: none) has passed. Returns the index of one that ended, or -1.
 * Ended: it was reaped and what it started is gone; a grandchild that holds the pipe does not delay this.
 * A child that ended is found again until its entry is NULL. Deadlines are kept between calls, too. Where the
 * program has stopped its supervisor (SIGSTOP), that is killed some seconds after the deadline or child_stop.
 */
int child_wait_any(struct child *const *children, size_t count, int wake_fd, int64_t limit_ms);

struct child_result {
	int exit_status; /* 0-255, or -1 where a signal ended it */
	int signal;	 /* the signal that ended it, or 0 */
	bool timed_out;	 /* we ended it at its deadline */
	bool stopped;	 /* we ended it by child_stop */
	bool output_cut; /* stdout, or what on_piece is told, was longer than output_max_bytes */
	int64_t duration_ms;
	struct buf output;
	struct buf errors;
};

/* Hands out the result of a child that ended, once; the caller frees the two buffers. */
void child_result(struct child *child, struct child_result *result);

/* Kills it and all that it started if it has not ended, reaps it, frees it. */
void child_free(struct child *child);

#endif
