/* The control API under /sim/; help.c describes it. */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "sim.h"

void control_request(struct sim *sim, struct conn *conn, struct http_request *request);
/* Answers those requests to /sim/wait for which it is time. */
void control_look_after_waiters(struct sim *sim);

/* wait.c */
void control_wait(struct sim *sim, struct conn *conn, struct args *args);

/* show.c */
void show_chat(struct buf *out, const struct chat *c, int32_t after);
void show_chats(struct buf *out, const struct sim *sim);
void show_stats(struct buf *out, const struct sim *sim);
void show_commands(struct buf *out, const struct sim *sim);

#endif
