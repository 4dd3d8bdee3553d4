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

/* The answer to a tap must not wait for a call of another kind, nor for the answer to another tap. */
static void calls_to_no_chat_wait_only_in_their_lane(void **state)
{
	struct sched *sched = sched_new(&chat_limits, 0);
	int64_t tap = sched_lane(UINT32_MAX), menu = sched_lane(0);

	(void)state;
	assert_true(sched_is_lane(0) && sched_is_lane(tap) && sched_is_lane(menu));
	assert_false(sched_is_lane(-1) || sched_is_lane(1) || sched_is_lane((INT64_C(1) << 52) - 1));
	add(sched, menu, 2, 5, 0);
	assert_int_equal(next(sched, 0), menu);
	assert_int_equal(next(sched, 0), INT64_MIN);
	add(sched, tap, 0, 5, 0);
	assert_int_equal(next(sched, 0), tap);
	sched_hold_chat(sched, menu, 100000);
	done(sched, menu, -1, 0);
	for (int i = 0; i < 4; i++) {
		done(sched, tap, 0, 0);
		assert_int_equal(next(sched, 0), tap);
	}
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

/* The same with all that may come between: other users, cancelling, moving, pausing, trouble. */
static void nothing_is_lost_between_users_and_troubles(void **state)
{
	enum { CHATS = 16, STEPS = 200000 };
	const struct sched_limits limits = {.overall_per_second = 500,
	    .chat_per_second = 50,
	    .chat_burst = 2,
	    .group_per_minute = 300,
	    .parallel = 5};
	struct sched *sched = sched_new(&limits, 0);
	int64_t waiting[CHATS][SCHED_CLASSES] = {0}, flying[8], flights = 0, now = 0, left = 0, sent = 0;
	uint64_t seed = 99;

	(void)state;
	for (int step = 0; step < STEPS; step++) {
		int64_t which, other, chat;
		int class;

		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		now += (int64_t)(seed >> 60);
		which = (int64_t)(seed >> 32) % CHATS;
		other = (int64_t)(seed >> 36) % CHATS;
		class = (int)(seed >> 40) % SCHED_CLASSES;
		chat = which - CHATS / 2;
		switch ((seed >> 48) % 10) {
		case 0:
		case 1:
		case 2:
			sched_add(sched, chat, class, other % 4, 1 + class, now);
			waiting[which][class] += 1 + class;
			left += 1 + class;
			break;
		case 3:
			sched_flow(sched, chat, class, other % 4, now);
			break;
		case 4:
			/* What is on its way cannot be cancelled. */
			if (waiting[which][class] > 1) {
				sched_remove(sched, chat, class, 1, now);
				waiting[which][class]--;
				left--;
			}
			break;
		case 5:
			sched_pause_flow(sched, other % 4, step % 3 == 0);
			break;
		case 6:
			if (step % 7 == 0)
				sched_wake(sched, now);
			break;
		case 7:
			if (step % 11 != 0 || which == other || flights > 0)
				break;
			sched_move(sched, chat, other - CHATS / 2, now);
			for (int i = 0; i < SCHED_CLASSES; i++) {
				waiting[other][i] += waiting[which][i];
				waiting[which][i] = 0;
			}
			break;
		default:
			break;
		}
		if (flights < 5 && sched_next(sched, now, &chat))
			flying[flights++] = chat;
		if (flights > 0 && (seed >> 20) % 3 == 0) {
			int64_t *counts = waiting[flying[--flights] + CHATS / 2];

			class = counts[0] > 0 ? 0 : counts[1] > 0 ? 1 : 2;
			assert_true(counts[class] > 0);
			sched_answered(sched, flying[flights], now);
			if ((seed >> 24) % 4 == 0) {
				sched_back_off(sched, flying[flights], now + 1000);
				class = -1;
			} else {
				counts[class]--;
				left--;
				sent++;
			}
			sched_done(sched, flying[flights], class, now);
		}
		assert_int_equal(sched_in_flight(sched), flights);
	}
	for (int64_t flow = 0; flow < 4; flow++)
		sched_pause_flow(sched, flow, false);
	while (flights > 0)
		sched_done(sched, flying[--flights], -1, now);
	assert_true(sent > 1000);
	for (int64_t chat; left > 0;) {
		int64_t wait = sched_wait_ms(sched, now);

		assert_true(wait >= 0);
		now += wait;
		while (sched_next(sched, now, &chat)) {
			int64_t *counts = waiting[chat + CHATS / 2];
			int class = counts[0] > 0 ? 0 : counts[1] > 0 ? 1 : 2;

			assert_true(counts[class]-- > 0);
			left--;
			done(sched, chat, class, now);
		}
	}
	assert_int_equal(next(sched, now + 1000000), INT64_MIN);
	sched_free(sched);
}

enum { ALICE = 1000001, BOB = 1000002 };

/* Seconds until the message of one user leaves, while another's wait for a thousand chats. */
static double delay_of_a_single_one(int64_t parallel, int64_t flight_ms, int64_t others_first_ms)
{
	const struct sched_limits limits = {.overall_per_second = 30,
	    .chat_per_second = 1,
	    .chat_burst = 3,
	    .group_per_minute = 20,
	    .parallel = parallel};
	struct sched *sched = sched_new(&limits, 0);
	int64_t flying[16], until[16], flights = 0, now = 0, asked = -1, chat = 0;

	for (int64_t i = 1; i <= 1000; i++)
		sched_add(sched, i, 1, ALICE, 10, 0);
	while (chat != 5000) {
		if (asked < 0 && now >= others_first_ms) {
			asked = now;
			sched_add(sched, 5000, 1, BOB, 1, now);
		}
		while (chat != 5000 && sched_next(sched, now, &chat)) {
			flying[flights] = chat;
			until[flights++] = now + flight_ms;
		}
		for (int64_t i = 0; i < flights; i++) {
			if (until[i] > now)
				continue;
			done(sched, flying[i], 1, now);
			flights--;
			flying[i] = flying[flights];
			until[i--] = until[flights];
		}
		now++;
	}
	sched_free(sched);
	return (double)(now - asked) / 1000;
}

static void ten_thousand_messages_of_one_user_hardly_delay_another_one(void **state)
{
	(void)state;
	assert_true(delay_of_a_single_one(16, 0, 0) < 0.5);
	assert_true(delay_of_a_single_one(16, 200, 0) < 2);
	assert_true(delay_of_a_single_one(16, 200, 60000) < 2);
	assert_true(delay_of_a_single_one(1, 30, 10000) < 2);
}

static void users_share_evenly_however_many_chats_they_have(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);
	int of_bob = 0;

	(void)state;
	for (int64_t i = 1; i <= 50; i++)
		sched_add(sched, i, 1, ALICE, 10, 0);
	sched_add(sched, 51, 1, BOB, 100, 0);
	sched_add(sched, 52, 1, BOB, 100, 0);
	for (int i = 0; i < 60; i++) {
		int64_t chat = next(sched, 0);

		of_bob += chat > 50;
		done(sched, chat, 1, 0);
	}
	assert_int_equal(of_bob, 30);
	sched_free(sched);
}

/* Two users write to one group: whose turn it is depends on whose message is next. */
static void the_flow_is_that_of_the_next_message(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	sched_add(sched, -1, 1, ALICE, 1, 0);
	sched_add(sched, -1, 1, BOB, 1, 0);
	sched_add(sched, 2, 1, ALICE, 5, 0);
	sched_pause_flow(sched, BOB, true);
	assert_int_equal(next(sched, 0), -1);
	done(sched, -1, 1, 0);
	assert_int_equal(next(sched, 0), 2);
	/* The next one turns out to be Bob's. */
	assert_int_equal(next(sched, 0), -1);
	assert_false(sched_flow(sched, -1, 1, BOB, 0));
	sched_done(sched, -1, -1, 0);
	assert_int_equal(next(sched, 0), INT64_MIN);
	sched_pause_flow(sched, BOB, false);
	assert_int_equal(next(sched, 0), -1);
	assert_true(sched_flow(sched, -1, 1, ALICE, 0));
	sched_free(sched);
}

static void a_paused_user_waits_and_others_do_not(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	sched_pause_flow(sched, ALICE, true); /* before there is anything */
	sched_add(sched, 1, 1, ALICE, 1, 0);
	sched_add(sched, 2, 0, ALICE, 1, 0);
	sched_add(sched, 3, 2, BOB, 1, 0);
	assert_int_equal(next(sched, 0), 3);
	assert_int_equal(next(sched, 0), INT64_MIN);
	assert_int_equal(sched_wait_ms(sched, 0), -1);
	sched_pause_flow(sched, ALICE, true);
	assert_int_equal(next(sched, 0), INT64_MIN);
	sched_pause_flow(sched, ALICE, false);
	assert_int_equal(sched_wait_ms(sched, 0), 0);
	assert_int_equal(next(sched, 0), 2);
	assert_int_equal(next(sched, 0), 1);
	sched_pause_flow(sched, BOB, false);
	sched_free(sched);
}

static void a_pause_stops_everything_until_it_ends(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	sched_add(sched, 1, 0, ALICE, 1, 0);
	sched_pause(sched, true);
	assert_int_equal(next(sched, 1000000), INT64_MIN);
	assert_int_equal(sched_wait_ms(sched, 1000000), -1);
	sched_pause(sched, false);
	assert_int_equal(next(sched, 1000000), 1);
	sched_free(sched);
}

static void fail_and_back_off(struct sched *sched, int64_t chat, int64_t now_ms, int64_t until_ms)
{
	assert_int_equal(next(sched, now_ms), chat);
	sched_answered(sched, chat, now_ms);
	sched_back_off(sched, chat, until_ms);
	sched_done(sched, chat, -1, now_ms);
}

static void all_that_backed_off_wakes_when_telegram_answers(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	for (int64_t chat = 1; chat <= 3; chat++)
		add(sched, chat, 1, 1, 0);
	fail_and_back_off(sched, 1, 0, 300000);
	fail_and_back_off(sched, 2, 0, 200000);
	assert_int_equal(next(sched, 0), 3);
	sched_hold_chat(sched, 2, 5000); /* asked for; that is another thing */
	assert_int_equal(next(sched, 1), INT64_MIN);
	assert_int_equal(sched_wait_ms(sched, 1), 199999);
	sched_wake(sched, 10);
	assert_int_equal(next(sched, 10), 1);
	assert_int_equal(next(sched, 4999), INT64_MIN);
	assert_int_equal(next(sched, 5000), 2);
	sched_free(sched);
}

static void who_asks_for_another_try_gets_it(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	add(sched, 1, 1, 1, 0);
	add(sched, 2, 1, 1, 0);
	fail_and_back_off(sched, 1, 0, 300000);
	fail_and_back_off(sched, 2, 0, 300000);
	sched_retry(sched, 1, 10);
	sched_retry(sched, 9, 10);
	assert_int_equal(next(sched, 10), 1);
	sched_retry(sched, 1, 10);
	/* What Telegram asked for is not to be asked away. */
	sched_hold_chat(sched, 2, 5000);
	sched_retry(sched, 2, 10);
	assert_int_equal(next(sched, 4999), INT64_MIN);
	assert_int_equal(next(sched, 5000), 2);
	sched_free(sched);
}

/* A message that Telegram never takes would be tried at each success of another one. */
static void what_fails_again_after_it_was_woken_waits_its_time(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	add(sched, 1, 1, 2, 0);
	fail_and_back_off(sched, 1, 0, 10000);
	sched_wake(sched, 100);
	fail_and_back_off(sched, 1, 100, 20000);
	sched_wake(sched, 200);
	assert_int_equal(next(sched, 19999), INT64_MIN);
	fail_and_back_off(sched, 1, 20000, 60000);
	sched_wake(sched, 20100);
	/* A success makes it as good as any other. */
	assert_int_equal(next(sched, 20100), 1);
	done(sched, 1, 1, 20100);
	fail_and_back_off(sched, 1, 20100, 90000);
	sched_wake(sched, 20200);
	assert_int_equal(next(sched, 20200), 1);
	sched_free(sched);
}

static void a_restart_does_not_lift_the_limits(void **state)
{
	const struct sched_limits limits = {.overall_per_second = 1000,
	    .chat_per_second = 1,
	    .chat_burst = 3,
	    .group_per_minute = 20,
	    .parallel = 16};
	struct sched *sched = sched_new(&limits, 100000);

	(void)state;
	for (int i = 0; i < 3; i++)
		sched_sent(sched, 5, 99500 + i, 100000);
	for (int i = 0; i < 20; i++)
		sched_sent(sched, -5, 70000 + 1000 * i, 100000);
	sched_sent(sched, 6, 100900, 100000); /* the wall clock went back */
	for (int64_t chat = 5; chat <= 7; chat++)
		add(sched, chat, 1, 1, 100000);
	add(sched, -5, 1, 1, 100000);
	assert_int_equal(next(sched, 100000), 6);
	assert_int_equal(next(sched, 100000), 7);
	assert_int_equal(next(sched, 100499), INT64_MIN);
	assert_int_equal(next(sched, 100500), 5);
	assert_int_equal(next(sched, 129999), INT64_MIN);
	assert_int_equal(next(sched, 130000), -5);
	sched_free(sched);
}

/* One a second for ten seconds, and the burst of two before them: the bucket never was full since. */
static void what_left_long_ago_counts_for_what_left_after_it(void **state)
{
	struct sched *sched = sched_new(&chat_limits, 100000);

	(void)state;
	for (int64_t i = 0; i < 10; i++)
		sched_sent(sched, 5, 99900 - 1000 * i, 100000);
	sched_sent(sched, 5, 90900, 100000);
	sched_sent(sched, 5, 90900, 100000);
	/* Others in between, and in another order, change nothing. */
	for (int64_t i = 0; i < 1000; i++)
		sched_sent(sched, 6 + i % 7, 100000 - i * 7919 % 60000, 100000);
	add(sched, 5, 1, 1, 100000);
	assert_int_equal(next(sched, 100899), INT64_MIN);
	assert_int_equal(next(sched, 100900), 5);
	sched_free(sched);
}

static void the_overall_limit_outlives_a_restart(void **state)
{
	const struct sched_limits limits = {.overall_per_second = 30, .chat_burst = 1, .parallel = 16};
	struct sched *sched = sched_new(&limits, 10000);

	(void)state;
	/* By chat and not by time. */
	for (int i = 0; i < 28; i++) {
		sched_sent(sched, 100 + i, 10000, 10000);
		sched_sent(sched, 100 + i, 1000, 10000);
	}
	add(sched, 1, 1, 1, 10000);
	assert_int_equal(next(sched, 10033), INT64_MIN);
	assert_int_equal(next(sched, 10034), 1);
	sched_free(sched);
}

static void what_is_cancelled_is_not_sent(void **state)
{
	struct sched *sched = sched_new(&no_limits, 0);

	(void)state;
	add(sched, 1, 1, 3, 0);
	add(sched, 1, 2, 1, 0);
	add(sched, 2, 2, 1, 0);
	sched_remove(sched, 1, 1, 3, 0);
	sched_remove(sched, 9, 1, 1, 0);
	assert_int_equal(next(sched, 0), 2);
	assert_int_equal(next(sched, 0), 1);
	/* While it is on its way, what waits behind it can be cancelled. */
	add(sched, 1, 2, 2, 0);
	sched_remove(sched, 1, 2, 2, 0);
	done(sched, 1, 2, 0);
	assert_int_equal(next(sched, 0), INT64_MIN);
	assert_int_equal(sched_wait_ms(sched, 0), -1);
	sched_free(sched);
}

static void a_chat_that_moves_takes_its_mail_and_its_pace_along(void **state)
{
	const struct sched_limits limits = {.chat_burst = 1, .group_per_minute = 2, .parallel = 10};
	struct sched *sched = sched_new(&limits, 0);

	(void)state;
	add(sched, -5, 1, 3, 0);
	sched_add(sched, -5, 2, ALICE, 1, 0);
	assert_int_equal(next(sched, 0), -5);
	done(sched, -5, 1, 0);
	assert_int_equal(next(sched, 0), -5);
	sched_answered(sched, -5, 0);
	sched_move(sched, -5, -1005, 0);
	sched_done(sched, -5, -1, 0);
	assert_int_equal(next(sched, 59999), INT64_MIN);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(next(sched, 60000 * (i + 1)), -1005);
		done(sched, -1005, i < 2 ? 1 : 2, 60000 * (i + 1));
	}
	assert_int_equal(next(sched, 1000000), INT64_MIN);
	sched_move(sched, -7, -8, 0);
	sched_move(sched, -1005, -1005, 0);
	sched_free(sched);
}

/* Nothing was sent, so the next one need not wait for it. */
static void an_attempt_that_was_not_made_does_not_count(void **state)
{
	const struct sched_limits limits = {
	    .overall_per_second = 1, .chat_per_second = 1, .chat_burst = 1, .parallel = 10};
	struct sched *sched = sched_new(&limits, 0);

	(void)state;
	add(sched, 1, 1, 3, 0);
	assert_int_equal(next(sched, 0), 1);
	sched_done(sched, 1, 1, 0);
	assert_int_equal(next(sched, 0), 1);
	done(sched, 1, 1, 0);
	assert_int_equal(next(sched, 999), INT64_MIN);
	assert_int_equal(next(sched, 1000), 1);
	sched_free(sched);
}

/* Telegram's side: a bucket for all, one for each chat, and one for each group. */
struct server {
	double all, chat[1001];
};

static bool server_takes(double *full_ms, double interval_ms, double burst, double now_ms)
{
	double full = *full_ms > now_ms ? *full_ms : now_ms;

	if (full + interval_ms > now_ms + burst * interval_ms + 1e-6)
		return false;
	*full_ms = full + interval_ms;
	return true;
}

struct flight {
	int64_t chat, arrives_ms, answered_ms, done_ms;
	bool arrived;
};

/*
 * Messages arrive late, in another order, after a stall all at once: the server, which has no patience at
 * all, refuses none, and the rate is what it allows.
 */
static void play_late_arrivals(int64_t parallel)
{
	enum { CHATS = 1000, SECONDS = 120, RATE = 3000 };
	const struct sched_limits limits = {.overall_per_second = RATE,
	    .chat_per_second = 100,
	    .chat_burst = 3,
	    .group_per_minute = 2000,
	    .parallel = parallel};
	struct sched *sched = sched_new(&limits, 0);
	struct server server = {0};
	struct flight flights[64];
	int64_t count = 0, sent = 0, stalled_until = 0, chat;
	unsigned seed = 7;

	/* One chat and one group have more than they may get. */
	for (int64_t i = 1; i <= CHATS; i++)
		add(sched, i == 2 ? -2 : i, 1, i <= 2 ? 100000 : RATE * SECONDS / CHATS, 0);
	for (int64_t now = 0; now < SECONDS * 1000; now++) {
		seed = seed * 1103515245 + 12345;
		/* Now and then nothing gets through for a while, and then everything does. */
		if (now > stalled_until && seed >> 20 == 0)
			stalled_until = now + (seed & 31);
		while (now > stalled_until && sched_next(sched, now, &chat)) {
			seed = seed * 1103515245 + 12345;
			flights[count++] = (struct flight){chat, now + (seed >> 30),
			    now + (seed >> 30) + (seed >> 28 & 1), now + (seed >> 30) + 2, false};
		}
		for (int64_t i = 0; i < count; i++) {
			struct flight *flight = &flights[i];
			int64_t id = flight->chat;

			if (now <= stalled_until || flight->arrives_ms > now)
				continue;
			if (!flight->arrived) {
				flight->arrived = true;
				assert_true(server_takes(&server.all, 1000.0 / RATE, 30, (double)now));
				assert_true(id > 0 ? server_takes(&server.chat[id], 10, 3, (double)now)
						   : server_takes(&server.chat[-id], 30, 20, (double)now));
			}
			if (flight->answered_ms <= now)
				sched_answered(sched, id, now);
			if (flight->done_ms > now)
				continue;
			sched_done(sched, id, 1, now);
			sent++;
			*flight = flights[--count];
			i--;
		}
	}
	assert_in_range(sent, RATE * SECONDS * 96 / 100, RATE * SECONDS + 30);
	sched_free(sched);
}

static void the_limits_hold_however_late_a_message_arrives(void **state)
{
	(void)state;
	play_late_arrivals(16);
	play_late_arrivals(28);
}

/* "is typing" must never cost a message anything. */
static void what_passes_by_keeps_no_message_waiting(void **state)
{
	const struct sched_limits limits = {
	    .overall_per_second = 30, .chat_per_second = 1, .chat_burst = 1, .parallel = 1};
	struct sched *sched = sched_new(&limits, 0);
	int passed = 0;

	(void)state;
	while (passed < 100 && sched_pass(sched, 5, 0))
		passed++;
	assert_in_range(passed, 10, 15);
	/* The chat has its message at once, and this one its place among all that are under way. */
	add(sched, 5, 0, 1, 0);
	assert_false(sched_pass(sched, 5, 0));
	assert_int_equal(next(sched, 0), 5);
	done(sched, 5, 0, 0);
	while (passed-- > 0)
		sched_passed(sched, 0);
	assert_false(sched_pass(sched, 5, 0));
	assert_true(sched_pass(sched, 5, 1000));
	sched_passed(sched, 1000);

	sched_hold_chat(sched, 5, 3000);
	assert_false(sched_pass(sched, 5, 2000));
	assert_true(sched_pass(sched, 6, 2000));
	sched_passed(sched, 2000);
	sched_hold_all(sched, 4000);
	assert_false(sched_pass(sched, 6, 3999));
	sched_pause(sched, true);
	assert_false(sched_pass(sched, 6, 4000));
	sched_pause(sched, false);
	assert_true(sched_pass(sched, 6, 4000));
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
	    cmocka_unit_test(calls_to_no_chat_wait_only_in_their_lane),
	    cmocka_unit_test(a_chat_without_mail_is_forgotten),
	    cmocka_unit_test(a_cleared_chat_waits_for_nothing),
	    cmocka_unit_test(random_operations_lose_nothing),
	    cmocka_unit_test(nothing_is_lost_between_users_and_troubles),
	    cmocka_unit_test(ten_thousand_messages_of_one_user_hardly_delay_another_one),
	    cmocka_unit_test(users_share_evenly_however_many_chats_they_have),
	    cmocka_unit_test(the_flow_is_that_of_the_next_message),
	    cmocka_unit_test(a_paused_user_waits_and_others_do_not),
	    cmocka_unit_test(a_pause_stops_everything_until_it_ends),
	    cmocka_unit_test(all_that_backed_off_wakes_when_telegram_answers),
	    cmocka_unit_test(who_asks_for_another_try_gets_it),
	    cmocka_unit_test(what_fails_again_after_it_was_woken_waits_its_time),
	    cmocka_unit_test(a_restart_does_not_lift_the_limits),
	    cmocka_unit_test(what_left_long_ago_counts_for_what_left_after_it),
	    cmocka_unit_test(the_overall_limit_outlives_a_restart),
	    cmocka_unit_test(what_is_cancelled_is_not_sent),
	    cmocka_unit_test(a_chat_that_moves_takes_its_mail_and_its_pace_along),
	    cmocka_unit_test(an_attempt_that_was_not_made_does_not_count),
	    cmocka_unit_test(the_limits_hold_however_late_a_message_arrives),
	    cmocka_unit_test(what_passes_by_keeps_no_message_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
