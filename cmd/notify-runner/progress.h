/* One line on a terminal that says how far a run is; nothing where stderr is none. */
#ifndef TGTOOLS_NOTIFY_RUNNER_PROGRESS_H
#define TGTOOLS_NOTIFY_RUNNER_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	bool is_on;
	bool is_shown;
	int64_t next_ms; /* not before */
};

/* wanted, and stderr is a terminal. */
struct progress progress_start(bool wanted);

/* Shows the counts, at most ten times a second. name is a script that runs. */
void progress_show(struct progress *progress, size_t done, size_t total, size_t failed, const char *name);

/* Wipes the line out. */
void progress_end(struct progress *progress);

#endif
