/*
 * Whether somebody wants the end: a signal came, nobody reads our standard output any more, or (where that is
 * asked for, since who runs this by sudo cannot send a signal) standard input has ended.
 */
#ifndef TGTOOLS_WATCH_H
#define TGTOOLS_WATCH_H

#include <stdbool.h>

#include "error.h"

struct watch {
	int fd; /* readable when there is something to ask watch_asks_end about; -1 once the end is asked for
		 */
	int epoll_fd, signal_fd;
	bool reader_gone;
};

#define WATCH_INIT ((struct watch){.fd = -1, .epoll_fd = -1, .signal_fd = -1})

/* Blocks SIGINT, SIGTERM and SIGHUP (but where nohup has it ignored) and ignores SIGPIPE. */
int watch_open(struct watch *watch, bool input, struct error *error);
void watch_close(struct watch *watch);

/* Looks, and does not wait. True once. */
bool watch_asks_end(struct watch *watch);

#endif
