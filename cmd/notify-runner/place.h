/*
 * Where the runs of an account keep what they need: its home, which is that of the real user id whatever the
 * environment says, and ~/.notifications, which nobody else may write to.
 */
#ifndef TGTOOLS_NOTIFY_RUNNER_PLACE_H
#define TGTOOLS_NOTIFY_RUNNER_PLACE_H

#include "error.h"
#include "peer.h"

struct place {
	struct account account;
	char *home, *scripts; /* scripts: the directory */
	char *state, *logs, *spool, *lock;
	int lock_fd; /* -1: not locked */
};

#define PLACE_INIT ((struct place){.lock_fd = -1})

/*
 * Who we are and where our scripts are. home NULL: that of the account; else it must belong to the caller and
 * not be writable by others. directory is that of the scripts, below it. Nothing is made. place_close in any
 * case.
 */
int place_find(struct place *place, const char *home, const char *directory, struct error *error);

/* Makes the directories and takes the lock; ERROR_TEMPORARY where another run of this account has it. */
int place_lock(struct place *place, struct error *error);

void place_close(struct place *place);

#endif
