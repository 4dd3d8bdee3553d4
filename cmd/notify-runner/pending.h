/*
 * The messages that tg-sendd could not take yet, each a file of JSON and, where it has pictures, those next
 * to it. Whatever is named by a file NAME.json is complete and on disk; anything else is left from a crash
 * and is removed. Only the holder of the runner's lock may touch the directory.
 */
#ifndef TGTOOLS_NOTIFY_RUNNER_PENDING_H
#define TGTOOLS_NOTIFY_RUNNER_PENDING_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "notice.h"

enum {
	PENDING_COUNT_MAX = 1000,
	PENDING_BYTES_MAX = 100 << 20,
	PENDING_AGE_MAX_MS = 7 * 86400000, /* less than tg-sendd remembers idempotency keys */
};

struct pending {
	char *directory;
	char **names; /* without .json, oldest first */
	size_t count;
	int64_t bytes;
	int64_t last; /* the highest number in a name */
};

/* Reads the directory, which must exist. */
int pending_open(const char *directory, struct pending *pending, struct error *error);
void pending_close(struct pending *pending);

/*
 * Makes a notice durable, with copies of its files. ERROR_TEMPORARY where there is no room, ERROR_INPUT where
 * a file cannot be read any more.
 */
int pending_add(struct pending *pending, const struct notice *notice, int64_t now_ms, struct error *error);

/* The notice at index; the paths of its files are those of the copies, which are there. */
int pending_load(const struct pending *pending, size_t index, struct notice *notice, struct error *error);

/* Removes it for good, with its files. It is in the list, and counted, until the directory is opened again.
 */
int pending_remove(struct pending *pending, size_t index, struct error *error);

/* Puts one that cannot be read out of the way, as NAME.bad. */
int pending_set_aside(struct pending *pending, size_t index, struct error *error);

#endif
