#include "loop.h"
#include "buf.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t loop_now_us(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		err(71, "clock_gettime");
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void loop_init(struct loop *l)
{
	memset(l, 0, sizeof(*l));
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		err(71, "epoll_create1");
}

void loop_free(struct loop *l)
{
	close(l->epoll_fd);
	free(l->heap);
}

static void control(struct loop *l, int op, struct source *s, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = s};

	if (epoll_ctl(l->epoll_fd, op, s->fd, &event) < 0)
		err(71, "epoll_ctl");
}

void loop_add(struct loop *l, struct source *s, uint32_t events)
{
	control(l, EPOLL_CTL_ADD, s, events);
}

void loop_change(struct loop *l, struct source *s, uint32_t events)
{
	control(l, EPOLL_CTL_MOD, s, events);
}

void loop_remove(struct loop *l, struct source *s)
{
	control(l, EPOLL_CTL_DEL, s, 0);
	for (int i = 0; i < l->pending; i++)
		if (l->events[i].data.ptr == s)
			l->events[i].data.ptr = NULL;
}

static void place(struct loop *l, size_t slot, struct timer *t)
{
	l->heap[slot - 1] = t;
	t->slot = slot;
}

static void sift_up(struct loop *l, struct timer *t)
{
	size_t slot = t->slot;

	while (slot > 1 && l->heap[slot / 2 - 1]->at_us > t->at_us) {
		place(l, slot, l->heap[slot / 2 - 1]);
		slot /= 2;
	}
	place(l, slot, t);
}

static void sift_down(struct loop *l, struct timer *t)
{
	size_t slot = t->slot;

	for (size_t child = slot * 2; child <= l->count; child = slot * 2) {
		if (child < l->count && l->heap[child]->at_us < l->heap[child - 1]->at_us)
			child++;
		if (l->heap[child - 1]->at_us >= t->at_us)
			break;
		place(l, slot, l->heap[child - 1]);
		slot = child;
	}
	place(l, slot, t);
}

void loop_clear_timer(struct loop *l, struct timer *t)
{
	struct timer *last;

	if (t->slot == 0)
		return;
	last = l->heap[--l->count];
	if (last != t) {
		place(l, t->slot, last);
		sift_up(l, last);
		sift_down(l, last);
	}
	t->slot = 0;
}

void loop_set_timer(struct loop *l, struct timer *t, int64_t after_us)
{
	loop_clear_timer(l, t);
	t->at_us = loop_now_us() + after_us;
	l->heap = grow(l->heap, &l->cap, l->count + 1, sizeof(struct timer *));
	place(l, ++l->count, t);
	sift_up(l, t);
}

static void fire_due(struct loop *l)
{
	int64_t now = l->count ? loop_now_us() : 0;

	while (l->count > 0 && l->heap[0]->at_us <= now && !l->stop) {
		struct timer *t = l->heap[0];

		loop_clear_timer(l, t);
		t->fire(t);
	}
}

static int pause_ms(const struct loop *l)
{
	int64_t left;

	if (l->count == 0)
		return -1;
	left = l->heap[0]->at_us - loop_now_us();
	if (left <= 0)
		return 0;
	return left > 3600 * (int64_t)1000000 ? 3600 * 1000 : (int)((left + 999) / 1000);
}

void loop_run(struct loop *l)
{
	while (!l->stop) {
		int n = epoll_wait(l->epoll_fd, l->events, 64, pause_ms(l));

		if (n < 0 && errno != EINTR)
			err(71, "epoll_wait");
		l->pending = n < 0 ? 0 : n;
		for (int i = 0; i < l->pending && !l->stop; i++) {
			struct source *s = l->events[i].data.ptr;

			if (s)
				s->ready(s, l->events[i].events);
		}
		l->pending = 0;
		fire_due(l);
	}
}
