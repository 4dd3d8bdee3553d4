/*
 * The calls that have been read and not been submitted yet, line by line, and the batch that is being
 * submitted. Pure: no descriptor and no clock.
 */
#ifndef TG_SEND_BACKLOG_H
#define TG_SEND_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum {
	BACKLOG_MAX_BYTES = 8 << 20,   /* held while a batch is under way */
	BACKLOG_BATCH_BYTES = 1 << 20, /* of one batch, and so of one line with its newline */
	BACKLOG_BATCH_COUNT = 1000,
};

struct backlog {
	struct buf pending;
	size_t whole_bytes;  /* of pending, up to the last newline */
	int64_t whole_count; /* lines that came so far */
	int64_t taken_count; /* lines that went into a batch so far */
	bool skipping;	     /* inside a line that is too long */
};

/* The lines of one batch, each with its newline. */
struct backlog_batch {
	struct buf body;
	int64_t numbers[BACKLOG_BATCH_COUNT]; /* which line of the input each is, from 1 */
	size_t count;
};

typedef void backlog_too_long_fn(void *context, int64_t number);

void backlog_init(struct backlog *backlog);
void backlog_free(struct backlog *backlog);

/* How many bytes may be fed now. */
size_t backlog_room(const struct backlog *backlog);

/* Takes bytes, at most backlog_room of them. A line that is too long is told and dropped. */
void backlog_feed(
    struct backlog *backlog, const char *data, size_t len, backlog_too_long_fn *too_long, void *context);

/* The end of the input: a last line without its newline counts. */
void backlog_end(struct backlog *backlog, backlog_too_long_fn *too_long, void *context);

/* Moves the whole lines that are there into batch, as many as fit. Blank lines are counted and left out. */
void backlog_take(struct backlog *backlog, struct backlog_batch *batch);

void backlog_batch_init(struct backlog_batch *batch);
void backlog_batch_free(struct backlog_batch *batch);

/* The length of the first count lines. */
size_t backlog_batch_bytes(const struct backlog_batch *batch, size_t count);

/* Removes the first count lines. */
void backlog_batch_drop(struct backlog_batch *batch, size_t count);

#endif
