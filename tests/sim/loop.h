/*
 * One thread, one epoll: descriptors and timers. Whoever owns a source or a timer embeds it and gets back to
 * itself with `container_of`. A source or timer may be removed, and its memory freed, from inside any
 * callback.
 */
#ifndef SIM_LOOP_H
#define SIM_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

struct source {
	int fd;
	void (*ready)(struct source *s, uint32_t events);
};

struct timer {
	int64_t at_us; /* on the clock of loop_now_us */
	size_t slot;   /* place in the heap, counted from 1; 0: not set */
	void (*fire)(struct timer *t);
};

struct loop {
	int epoll_fd;
	bool stop;
	struct epoll_event events[64];
	int pending; /* events of this turn that are still to be handled */
	struct timer **heap;
	size_t count, cap;
};

void loop_init(struct loop *l);
void loop_free(struct loop *l);
void loop_run(struct loop *l); /* until l->stop */
int64_t loop_now_us(void);     /* monotonic */

void loop_add(struct loop *l, struct source *s, uint32_t events);
void loop_change(struct loop *l, struct source *s, uint32_t events);
void loop_remove(struct loop *l, struct source *s); /* before its descriptor is closed */

void loop_set_timer(struct loop *l, struct timer *t, int64_t after_us);
void loop_clear_timer(struct loop *l, struct timer *t);

#endif
