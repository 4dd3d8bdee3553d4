/*
 * What the scheduler of tg-sendd costs: bytes for a chat with mail and for one without, and time for each
 * message, with many messages for some chats and with one for each of many.
 *
 *	bench_sched
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tg-sendd/sched.h"

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)info.uordblks + (double)info.hblkhd;
}

static int64_t drain(struct sched *sched, int64_t *now_ms)
{
	int64_t sent = 0, chat, wait;

	while ((wait = sched_wait_ms(sched, *now_ms)) >= 0) {
		*now_ms += wait;
		while (sched_next(sched, *now_ms, &chat)) {
			sched_answered(sched, chat, *now_ms);
			sched_done(sched, chat, 1, *now_ms);
			sent++;
		}
	}
	return sent;
}

static void run(const char *what, int64_t chats, int64_t messages, int64_t sign, int64_t users)
{
	const struct sched_limits limits = {.overall_per_second = 30,
	    .chat_per_second = 1,
	    .chat_burst = 3,
	    .group_per_minute = 20,
	    .parallel = 16};
	double before = heap_bytes(), start = now_s(), added, with_mail, idle, end;
	struct sched *sched = sched_new(&limits, 0);
	int64_t now_ms = 0, sent;

	for (int64_t i = 0; i < messages; i++) {
		int64_t chat = sign * (i % chats + 1);

		sched_add(sched, chat, 1, users > 0 ? 1000000000 + chat % users : chat, 1, 0);
	}
	added = now_s();
	with_mail = heap_bytes() - before;
	sent = drain(sched, &now_ms);
	end = now_s();
	idle = heap_bytes() - before;
	printf("%-34s %8.0f bytes, %4.0f a chat; %6.0f ns to add, %6.0f ns to send; afterwards %8.0f bytes\n",
	    what, with_mail, with_mail / (double)chats, (added - start) * 1e9 / (double)messages,
	    (end - added) * 1e9 / (double)sent, idle);
	if (sent != messages)
		exit(1);
	sched_free(sched);
}

int main(void)
{
	run("1,000 messages, 1,000 chats:", 1000, 1000, 1, 0);
	run("1,000,000 messages, 1,000 chats:", 1000, 1000000, 1, 0);
	run("the same, all of one user:", 1000, 1000000, 1, 1);
	run("100,000 messages, 100,000 chats:", 100000, 100000, 1, 0);
	run("the same, of 100 users:", 100000, 100000, 1, 100);
	run("100,000 messages, 100,000 groups:", 100000, 100000, -1, 0);
	return 0;
}
