/*
 * The event loop of the services: descriptors, signals and HTTP transfers, waited for in one
 * curl_multi_poll(3). One turn waits once and then calls what is due; nothing runs concurrently.
 */
#ifndef TGTOOLS_LOOP_H
#define TGTOOLS_LOOP_H

#include <stdint.h>

#include "error.h"

struct loop;

/* events is what poll(2) says: POLLIN, POLLOUT, POLLERR, POLLHUP. */
typedef void loop_fd_fn(void *context, int fd, short events);
typedef void loop_signal_fn(void *context, int signo);

int loop_new(struct loop **loop, struct error *error);
void loop_free(struct loop *loop);

/*
 * Calls fn whenever fd has one of events (POLLIN, POLLOUT; 0 waits for errors and hang-ups alone, which
 * are always told). Watching a descriptor again changes it. The descriptor must stay open while watched.
 * unwatch is allowed inside any callback, also for a descriptor that is due in the same turn.
 */
void loop_watch(struct loop *loop, int fd, short events, loop_fd_fn *fn, void *context);
void loop_unwatch(struct loop *loop, int fd);

/* Blocks the signal for the process and delivers it through the loop (signalfd). Children must unblock. */
int loop_on_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *context, struct error *error);

/* One turn; waits at most timeout_ms (0: does not wait, -1: for ever). */
int loop_turn(struct loop *loop, int64_t timeout_ms, struct error *error);

/* For http.c alone: the CURLM of this loop, and the call for each transfer (CURL *) that ended. */
typedef void loop_transfer_fn(void *easy, int curl_code);
void *loop_multi(struct loop *loop);
void loop_on_transfer(struct loop *loop, loop_transfer_fn *fn);

#endif
