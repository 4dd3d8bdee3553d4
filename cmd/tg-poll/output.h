/*
 * Lines on their way to a descriptor that may be slow, without making it non-blocking: others may share it.
 */
#ifndef TG_POLL_OUTPUT_H
#define TG_POLL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

struct output {
	int fd;
	struct buf lines;
	size_t written; /* of lines */
};

void output_init(struct output *output, int fd, size_t max_bytes);
void output_free(struct output *output);

/* Whether all is written. */
bool output_is_empty(const struct output *output);

/* Forgets what is written, to begin anew. */
void output_clear(struct output *output);

/* Adds a line; text has no newline. -1 where max_bytes would be exceeded. */
int output_add(struct output *output, const char *text, size_t len);

/* Writes as much as cannot block where fd is writable as poll(2) says. Returns -1 with errno set. */
int output_write(struct output *output);

/* How many of the lines that were added since output_clear are written whole. */
size_t output_lines_written(const struct output *output);

/* Writes on to the end of a line that was begun, for a reader that keeps up; gives up after timeout_ms. */
void output_finish_line(struct output *output, int timeout_ms);

#endif
