/*
 * File descriptors: whole writes, capped reads, lines, locks. EINTR is handled unless stated otherwise.
 */
#ifndef TGTOOLS_FD_H
#define TGTOOLS_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

/* Opens /dev/null on whichever of 0, 1, 2 is closed, so that no later file can land there. */
int fd_sanitise(struct error *error);

/* Returns 0 when all len bytes are written, else -1 with errno set. */
int fd_write_all(int fd, const void *data, size_t len);

/*
 * Writes what can be written without blocking, whole lines where that is possible, and removes it from buf;
 * for a descriptor that must not be made non-blocking since others share it. Returns -1 with errno set.
 */
int fd_write_ready(int fd, struct buf *buf);

/*
 * Appends what one read(2) brings. Returns the number of bytes, 0 at the end of input, -1 with errno set;
 * ENOSPC where buf is at its maximum.
 */
ssize_t fd_read_some(int fd, struct buf *buf);

/* Reads to the end of input. Returns -1 with errno set; EFBIG where there is more than buf takes. */
int fd_read_all(int fd, struct buf *buf);

/* Reads a whole file, which must be regular. Symbolic links are followed. */
int fd_read_file(const char *path, struct buf *buf, struct error *error);

int fd_set_nonblocking(int fd, bool on);

/*
 * Takes an exclusive lock on path, creating the file with the given mode. The lock lasts as long as the
 * descriptor (close-on-exec). Returns the descriptor, or -1; ERROR_TEMPORARY where another process holds it.
 */
int fd_lock_file(const char *path, mode_t mode, struct error *error);

/* Closes *fd if it is open (>= 0) and makes it -1. */
void fd_close(int *fd);

/*
 * Finds the next whole line from *position on: sets *line and *len (without the newline), moves *position
 * behind it and returns true; false where no newline follows. The line is borrowed from buf.
 */
bool fd_next_line(const struct buf *buf, size_t *position, const char **line, size_t *len);

#endif
