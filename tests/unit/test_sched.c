/*
 * The scheduler decides how fast and in which order people hear something; every rule of its header is
 * played through here with a clock of our own.
 */
#include "tg-sendd/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct sched_limits no_limits = {.chat_burst = 1, .parallel = 100};
static const struct sched_limits chat_limits = {.chat_per_second = 1, .chat_burst = 3, .parallel = 100};

static int64_t next(struct sched *sched, int64_t now_ms)
{
	int64_t chat = INT64_MIN;

	return sched_next(sched, now_ms, &chat) ? chat : INT64_MIN;
}

/* Messages that are nobody's. */
static void add(struct sched *sched, int64_t chat, int class, int64_t count, int64_t now_ms)
{
	sched_add(sched, chat, class, chat, count, now_ms);
}

/* What was picked arrives at once. */
static void done(struct sched *sched, int64_t chat, int class, int64_t now_ms)
{
	sched_answered(sched, chat, now_ms);
	sched_done(sched, chat, class, now_ms);
}

static void nothing_waits_in_an_empty_scheduler(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	assert_int_equal(next(sched, 0), INT64_MIN);
	assert_int_equal(sched_wait_ms(sched, 0), -1);
	sched_free(sched);
}

static void one_message_of_a_chat_is_in_flight(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	add(sched, 5, 1, 2, 0);
	assert_int_equal(sched_wait_ms(sched, 0), 0);
	assert_int_equal(next(sched, 0), 5);
	assert_int_equal(next(sched, 0), INT64_MIN);
	assert_int_equal(sched_wait_ms(sched, 0), -1);
	done(sched, 5, 1, 0);
	assert_int_equal(next(sched, 0), 5);
	done(sched, 5, 1, 0);
	assert_int_equal(next(sched, 0), INT64_MIN);
	sched_free(sched);
}

static void what_failed_stays(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	add(sched, 5, 1, 1, 0);
	assert_int_equal(next(sched, 0), 5);
	sched_hold_chat(sched, 5, 700);
	done(sched, 5, -1, 0);
	assert_int_equal(next(sched, 699), INT64_MIN);
	assert_int_equal(sched_wait_ms(sched, 600), 100);
	assert_int_equal(next(sched, 700), 5);
	sched_free(sched);
}

static void replies_go_before_notifications_before_bulk(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	add(sched, 1, 2, 1, 0);
	add(sched, 2, 1, 1, 0);
	add(sched, 3, 0, 1, 0);
	add(sched, 1, 0, 1, 0);
	assert_int_equal(next(sched, 0), 3);
	assert_int_equal(next(sched, 0), 1);
	assert_int_equal(next(sched, 0), 2);
	done(sched, 1, 0, 0);
	assert_int_equal(next(sched, 0), 1);
	sched_free(sched);
}

static void chats_of_a_class_take_turns(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	add(sched, 1, 1, 1000, 0);
	add(sched, 2, 1, 1, 0);
	assert_int_equal(next(sched, 0), 1);
	done(sched, 1, 1, 0);
	assert_int_equal(next(sched, 0), 2);
	assert_int_equal(next(sched, 0), 1);
	sched_free(sched);
}

/* Sends as fast as the scheduler lets it and returns how many left before until_ms. */
static int drain(struct sched *sched, int64_t *now_ms, int64_t until_ms, int class)
{
	int sent = 0;

	while (*now_ms < until_ms) {
		int64_t chat, wait;

		while (sched_next(sched, *now_ms, &chat)) {
			done(sched, chat, class, *now_ms);
			sent++;
		}
		wait = sched_wait_ms(sched, *now_ms);
		if (wait < 0)
			break;
		assert_true(wait > 0);
		*now_ms += wait;
	}
	return sent;
}

static void a_chat_has_a_burst_and_then_its_pace(void **state)
{
	struct sched *sched = sched_new(&chat_limits, 0);
	int64_t now = 0;

	(void)state;
	add(sched, 5, 1, 100, 0);
	assert_int_equal(drain(sched, &now, 1, 1), 3);
	assert_int_equal(now, 1000);
	assert_int_equal(drain(sched, &now, 10001, 1), 10);
	sched_free(sched);
}

static void the_pace_of_a_chat_outlives_its_mail(void **state)
{
	struct sched *sched = sched_new(&chat_limits, 0);
	int64_t now = 0;

	(void)state;
	add(sched, 5, 1, 3, 0);
	assert_int_equal(drain(sched, &now, 1, 1), 3);
	now = 500;
	add(sched, 5, 1, 1, now);
	assert_int_equal(next(sched, now), INT64_MIN);
	assert_int_equal(sched_wait_ms(sched, now), 500);
	assert_int_equal(next(sched, 1000), 5);
	sched_free(sched);
}

static void a_chat_that_waits_holds_up_no_other(void **state)
{
	struct sched *sched = sched_new(&chat_limits, 0);

	(void)state;
	add(sched, 1, 1, 10, 0);
	sched_hold_chat(sched, 1, 60000);
	add(sched, 2, 1, 1, 0);
	assert_int_equal(next(sched, 0), 2);
	assert_int_equal(next(sched, 0), INT64_MIN);
	sched_free(sched);
}

static void a_group_gets_so_many_in_any_minute(void **state)
{
	const struct sched_limits limits = {.chat_burst = 1, .group_per_minute = 20, .parallel = 1};
	struct sched *sched = sched_new(&limits, 0);
	int64_t now = 0;

	(void)state;
	add(sched, -5, 1, 100, 0);
	assert_int_equal(drain(sched, &now, 59999, 1), 20);
	assert_int_equal(now, 60000);
	assert_int_equal(drain(sched, &now, 119999, 1), 20);
	sched_free(sched);
}

static void all_chats_together_have_a_pace(void **state)
{
	const struct sched_limits limits = {.overall_per_second = 30, .chat_burst = 1, .parallel = 1000};
	struct sched *sched = sched_new(&limits, 0);
	int64_t now = 0;
	int sent;

	(void)state;
	for (int64_t chat = 1; chat <= 1000; chat++)
		add(sched, chat, 1, 1, 0);
	sent = drain(sched, &now, 10000, 1);
	assert_in_range(sent, 295, 311);
	sched_free(sched);
}

static void no_more_are_in_flight_than_allowed(void **state)
{
	const struct sched_limits limits = {.chat_burst = 1, .parallel = 2};
	struct sched *sched = sched_new(&limits, 0);

	(void)state;
	for (int64_t chat = 1; chat <= 3; chat++)
		add(sched, chat, 1, 1, 0);
	assert_int_equal(next(sched, 0), 1);
	assert_int_equal(next(sched, 0), 2);
	assert_int_equal(next(sched, 0), INT64_MIN);
	assert_int_equal(sched_wait_ms(sched, 0), -1);
	assert_int_equal(sched_in_flight(sched), 2);
	done(sched, 1, 1, 0);
	assert_int_equal(next(sched, 0), 3);
	sched_free(sched);
}

static void a_hold_of_the_whole_bot_stops_everything(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	sched_hold_all(sched, 500);
	add(sched, 1, 0, 1, 0);
	assert_int_equal(next(sched, 499), INT64_MIN);
	assert_int_equal(sched_wait_ms(sched, 100), 400);
	assert_int_equal(next(sched, 500), 1);
	sched_free(sched);
}

static void calls_to_no_chat_have_no_pace(void **state)
{
	struct sched *sched = sched_new(&chat_limits, 0);
	int64_t now = 0;

	(void)state;
	add(sched, 0, 0, 50, 0);
	assert_int_equal(drain(sched, &now, 1, 0), 50);
	sched_free(sched);
}

static void a_chat_without_mail_is_forgotten(void **state)
{
	struct sched *sched = sched_new(&chat_limits, 0);
	int64_t now = 0;

	(void)state;
	for (int64_t chat = 1; chat <= 1000; chat++)
		add(sched, chat, 1, 1, 0);
	assert_int_equal(drain(sched, &now, 1, 1), 1000);
	assert_int_equal(next(sched, 3000), INT64_MIN);
	assert_int_equal(sched_wait_ms(sched, 3000), -1);
	add(sched, 1, 1, 3, 3000);
	now = 3000;
	assert_int_equal(drain(sched, &now, 3001, 1), 3);
	sched_free(sched);
}

static void a_cleared_chat_waits_for_nothing(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	add(sched, 1, 1, 5, 0);
	assert_int_equal(next(sched, 0), 1);
	sched_clear(sched, 1, 0);
	assert_int_equal(next(sched, 0), INT64_MIN);
	assert_int_equal(sched_in_flight(sched), 0);
	sched_free(sched);
}

/* Random operations against a plain model: nothing is lost, nothing is sent that is not there. */
static void random_operations_lose_nothing(void **state)
{
	enum { CHATS = 20, STEPS = 20000 };
	const struct sched_limits limits = {.overall_per_second = 50,
	    .chat_per_second = 5,
	    .chat_burst = 2,
	    .group_per_minute = 100,
	    .parallel = 7};
	struct sched *sched = sched_new(&limits, 0);
	int64_t waiting[CHATS] = {0}, flying[CHATS], flights = 0, now = 0, added = 0, sent = 0;
	unsigned seed = 12345;

	(void)state;
	for (int step = 0; step < STEPS; step++) {
		int64_t chat;

		seed = seed * 1103515245 + 12345;
		now += (seed >> 16) % 40;
		if (seed >> 28 < 6) {
			int64_t which = (seed >> 8) % CHATS;

			add(sched, which - CHATS / 2, 1, 1, now);
			waiting[which]++;
			added++;
		}
		if (sched_next(sched, now, &chat))
			flying[flights++] = chat;
		if (flights > 0 && seed >> 20 & 1) {
			chat = flying[--flights];
			assert_true(waiting[chat + CHATS / 2] > 0);
			if (seed >> 21 & 1)
				sched_hold_chat(sched, chat, now + 100);
			else
				waiting[chat + CHATS / 2]--, sent++;
			done(sched, chat, seed >> 21 & 1 ? -1 : 1, now);
		}
		assert_int_equal(sched_in_flight(sched), flights);
	}
	while (flights > 0) {
		done(sched, flying[--flights], 1, now);
		sent++;
	}
	sent += drain(sched, &now, now + 100000000, 1);
	assert_int_equal(sent, added);
	sched_free(sched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_waits_in_an_empty_scheduler),
	    cmocka_unit_test(one_message_of_a_chat_is_in_flight),
	    cmocka_unit_test(what_failed_stays),
	    cmocka_unit_test(replies_go_before_notifications_before_bulk),
	    cmocka_unit_test(chats_of_a_class_take_turns),
	    cmocka_unit_test(a_chat_has_a_burst_and_then_its_pace),
	    cmocka_unit_test(the_pace_of_a_chat_outlives_its_mail),
	    cmocka_unit_test(a_chat_that_waits_holds_up_no_other),
	    cmocka_unit_test(a_group_gets_so_many_in_any_minute),
	    cmocka_unit_test(all_chats_together_have_a_pace),
	    cmocka_unit_test(no_more_are_in_flight_than_allowed),
	    cmocka_unit_test(a_hold_of_the_whole_bot_stops_everything),
	    cmocka_unit_test(calls_to_no_chat_have_no_pace),
	    cmocka_unit_test(a_chat_without_mail_is_forgotten),
	    cmocka_unit_test(a_cleared_chat_waits_for_nothing),
	    cmocka_unit_test(random_operations_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
