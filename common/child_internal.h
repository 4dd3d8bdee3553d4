/* What the caller's side (child.c) and the supervisor's (child_supervisor.c) say to each other. */
#ifndef TGTOOLS_CHILD_INTERNAL_H
#define TGTOOLS_CHILD_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "child.h"

/* A request is this and then, each with its '\0', the directory ("": none), the arguments, the environment.
 */
struct child_request {
	int64_t timeout_ms;
	struct child_limits limits;
	uint32_t arguments, variables; /* how many */
};

enum {
	REQUEST_MAX_BYTES = 128 << 10,
	REQUEST_STRINGS_MAX = 1024,
	/* That come with it: the ends of the pipes for stdout and stderr, and where there is one, stdin. */
	REQUEST_FDS = 3,
	REQUEST_FDS_MIN = 2,
};

/* What else it may be told while a program runs: one byte. Its end of the connection closed is KILL, too. */
enum child_order { CHILD_STOP = 's', CHILD_KILL = 'k' };

enum child_step { STEP_STARTED, STEP_SUPERVISE, STEP_FORK, STEP_SESSION, STEP_DIRECTORY, STEP_EXECUTE };

/* Its answers: first whether the program was started, then, if so, how it ended. */
struct child_start_answer {
	enum child_step step; /* where it failed, or STEP_STARTED */
	int code;	      /* errno */
};

struct child_verdict {
	int wait_status;
	bool timed_out;
	bool stopped;
	bool is_clean; /* nothing is left; else the supervisor ends, and what is left is nobody's */
};

/* The life of a supervisor, in a process of its own: socket is its end of a SOCK_SEQPACKET connection. */
void child_supervise(int socket, pid_t caller) __attribute__((noreturn));

/* ---- the control group of a supervisor and its program: child_cgroup.c ---- */

struct child_cgroup {
	int parent; /* directory that the supervisor was born in; -1: there is none that can be used */
	int own;    /* directory of the group; -1: none could be made, or entered */
	char name[32];
};

/* Makes one and moves the caller into it, where that is permitted (root, or delegated to the account). */
void child_cgroup_enter(struct child_cgroup *group);

/* Kills all in it but the caller, which is in it again afterwards; false where not all of that was done. */
bool child_cgroup_kill(const struct child_cgroup *group);

void child_cgroup_leave(struct child_cgroup *group);

#endif
