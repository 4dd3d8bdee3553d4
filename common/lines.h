/* Lines of a stream, capped and counted: what is too long is skipped, and the lines after it are found. */
#ifndef TGTOOLS_LINES_H
#define TGTOOLS_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"

struct lines {
	struct buf buf;
	size_t position; /* of the next line in buf */
	int64_t number;	 /* of the line that was handed out last, from 1 */
	bool skipping;	 /* the rest of a line that is too long */
};

enum lines_result {
	LINES_NONE,	/* read more first */
	LINES_LINE,	/* *line has *len bytes, the newline not among them; valid until the next call */
	LINES_TOO_LONG, /* this one is skipped; told once */
};

/* max_bytes is what a line may have, its newline included. */
void lines_init(struct lines *lines, size_t max_bytes);
void lines_free(struct lines *lines);

/* Reads once from fd; to be called after LINES_NONE. Returns what fd_read_some returns. */
ssize_t lines_read(struct lines *lines, int fd);

enum lines_result lines_next(struct lines *lines, const char **line, size_t *len);

/* After the end of input: the last line, where it had no newline. */
enum lines_result lines_last(struct lines *lines, const char **line, size_t *len);

#endif
