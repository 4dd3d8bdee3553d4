/* What a chat may send: too little allowed is a bot that is silent, too much is one that anybody can tire
 * out. */
#include "tg-dispatch/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW INT64_C(1790000000000)

static const struct limits_rate usual = {.per_minute = 20, .per_second = 1, .burst = 5};
static const struct limits_rate minute_alone = {.per_minute = 20, .burst = 1};
static const struct limits_rate bucket_alone = {.per_second = 1, .burst = 5};

static int set_up(void **state)
{
	*state = limits_new();
	return 0;
}

static int tear_down(void **state)
{
	limits_free(*state);
	return 0;
}

static int allowed(
    struct limits *limits, const struct limits_rate *rate, int64_t chat, int64_t now_ms, int tries)
{
	int count = 0;

	for (int i = 0; i < tries; i++)
		count += limits_check(limits, rate, chat, now_ms) == LIMITS_ALLOWED;
	return count;
}

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
	struct limits *limits = *state;

	assert_int_equal(allowed(limits, &usual, 1, NOW, 10), 5);
	assert_int_equal(allowed(limits, &usual, 1, NOW + 999, 10), 0);
	assert_int_equal(allowed(limits, &usual, 1, NOW + 1000, 10), 1);
	assert_int_equal(allowed(limits, &usual, 1, NOW + 3500, 10), 2);
	assert_int_equal(allowed(limits, &usual, 1, NOW + 4000, 10), 1);
	/* However long it pauses, it holds no more than the burst. */
	assert_int_equal(allowed(limits, &bucket_alone, 1, NOW + 4000000, 10), 5);
}

static void a_minute_slides(void **state)
{
	struct limits *limits = *state;

	for (int i = 0; i < 20; i++)
		assert_int_equal(limits_check(limits, &minute_alone, 1, NOW + 1000 * i), LIMITS_ALLOWED);
	assert_int_equal(allowed(limits, &minute_alone, 1, NOW + 20000, 10), 0);
	assert_int_equal(allowed(limits, &minute_alone, 1, NOW + 59999, 10), 0);
	/* Each that leaves the window makes room for one, not for twenty. */
	assert_int_equal(allowed(limits, &minute_alone, 1, NOW + 60000, 10), 1);
	assert_int_equal(allowed(limits, &minute_alone, 1, NOW + 62000, 10), 2);
	assert_int_equal(allowed(limits, &minute_alone, 1, NOW + 200000, 30), 20);
}

static void what_was_refused_is_not_counted(void **state)
{
	struct limits *limits = *state;

	/* Twice a second for ten minutes: the rate of the bucket comes through, and no less. */
	int count = 0;

	for (int i = 0; i < 1200; i++)
		count += allowed(limits, &bucket_alone, 1, NOW + 500 * i, 1);
	assert_int_equal(count, 600 + 4);
	count = 0;
	for (int i = 0; i < 1200; i++)
		count += allowed(limits, &minute_alone, 2, NOW + 500 * i, 1);
	assert_int_equal(count, 10 * 20);
}

static void chats_do_not_share(void **state)
{
	struct limits *limits = *state;

	for (int64_t chat = -500; chat < 500; chat++)
		assert_int_equal(allowed(limits, &usual, chat * 4503599627, NOW, 6), 5);
}

static void a_chat_is_told_once_in_a_minute(void **state)
{
	struct limits *limits = *state;
	int told = 0;

	allowed(limits, &usual, 1, NOW, 5);
	assert_int_equal(limits_check(limits, &usual, 1, NOW), LIMITS_REFUSED_TELL);
	assert_int_equal(limits_check(limits, &usual, 1, NOW), LIMITS_REFUSED);
	/* Nor when it was allowed something meanwhile. */
	assert_int_equal(limits_check(limits, &usual, 1, NOW + 1000), LIMITS_ALLOWED);
	assert_int_equal(limits_check(limits, &usual, 1, NOW + 1000), LIMITS_REFUSED);
	for (int i = 0; i < 600 * 4; i++)
		told += limits_check(limits, &usual, 2, NOW + 250 * i) == LIMITS_REFUSED_TELL;
	assert_int_equal(told, 10);
}

static void nought_is_off(void **state)
{
	const struct limits_rate off = {.burst = 5};
	struct limits *limits = *state;

	assert_int_equal(allowed(limits, &off, 1, NOW, 1000), 1000);
	assert_int_equal(allowed(limits, &minute_alone, 1, NOW, 1000), 20);
	assert_int_equal(allowed(limits, &bucket_alone, 2, NOW, 1000), 5);
}

/* Times are those of messages, in whole seconds, between taps at the time of the clock. */
static void a_time_that_goes_back_a_little_gives_nothing(void **state)
{
	struct limits *limits = *state;
	int count = 0;

	for (int i = 0; i < 1000; i++)
		count += allowed(limits, &usual, 1, NOW + (i % 2 ? 0 : 900), 1);
	assert_int_equal(count, 5);
	count = 0;
	for (int i = 0; i < 1000; i++)
		count += allowed(limits, &usual, 2, NOW + (i % 2 ? 0 : 59999), 1);
	assert_int_equal(count, 5);
}

/* A clock that was an hour ahead must not shut a chat up for an hour, nor give it anything. */
static void a_clock_that_is_set_back_moves_what_was_used(void **state)
{
	struct limits *limits = *state;
	const int64_t before = NOW - 3600000;

	assert_int_equal(allowed(limits, &usual, 1, NOW, 10), 5);
	assert_int_equal(allowed(limits, &usual, 1, before, 10), 0);
	assert_int_equal(allowed(limits, &usual, 1, before + 1000, 10), 1);
	for (int i = 0; i < 14; i++)
		assert_int_equal(allowed(limits, &usual, 1, before + 2000 + 1000 * i, 10), 1);
	assert_int_equal(allowed(limits, &usual, 1, before + 59999, 10), 0);
	assert_int_equal(allowed(limits, &usual, 1, before + 60000, 10), 5);
}

static void no_time_breaks_it(void **state)
{
	static const int64_t times[] = {INT64_MAX, INT64_MIN, 0, -1, NOW, INT64_MAX - 1, 1, INT64_MIN + 1};
	struct limits *limits = *state;

	for (int i = 0; i < 200000; i++) {
		(void)limits_check(limits, &usual, 1, times[i % 8]);
		(void)limits_check(limits, &usual, i % 16, times[(i * 5 + i / 8) % 8]);
		(void)limits_may_refuse_stranger(limits, i % 16, times[(i * 3 + i / 8) % 8]);
	}
	assert_int_equal(allowed(limits, &usual, 1, NOW + 120000, 10), 5);
}

/* Any rate that the configuration takes. */
static void the_extremes_of_the_configuration_hold(void **state)
{
	const struct limits_rate slow = {.per_second = 1e-300, .burst = 1000000};
	const struct limits_rate fast = {.per_minute = 1000000, .per_second = 1000000, .burst = 1000000};
	const struct limits_rate thousand = {.per_minute = 1000, .burst = 1};
	const struct limits_rate one = {.per_minute = 1, .per_second = 1, .burst = 1};
	struct limits *limits = *state;

	assert_int_equal(allowed(limits, &slow, 1, NOW, 1000001), 1000000);
	assert_int_equal(allowed(limits, &slow, 1, INT64_MAX, 10), 10);
	assert_int_equal(allowed(limits, &fast, 2, NOW, 1000), LIMITS_WINDOW);
	assert_int_equal(allowed(limits, &fast, 2, NOW + 12, 1000), LIMITS_WINDOW);
	assert_int_equal(allowed(limits, &thousand, 3, NOW, 1000), 200);
	assert_int_equal(allowed(limits, &thousand, 3, NOW + 11999, 1000), 0);
	assert_int_equal(allowed(limits, &thousand, 3, NOW + 12000, 1000), 200);
	assert_int_equal(allowed(limits, &one, 4, NOW, 1000), 1);
	assert_int_equal(allowed(limits, &one, 4, NOW + 59999, 1000), 0);
	assert_int_equal(allowed(limits, &one, 4, NOW + 60000, 1000), 1);
}

/* At SIGHUP: what was used stays used, and no chat waits for what the old rate would have given. */
static void another_configuration_keeps_what_was_used(void **state)
{
	const struct limits_rate wide = {.per_minute = 100, .per_second = 1, .burst = 100};
	struct limits *limits = *state;

	assert_int_equal(allowed(limits, &usual, 1, NOW, 10), 5);
	assert_int_equal(allowed(limits, &wide, 1, NOW, 200), 95);
	/* A bucket that lacks more than it can hold now is empty, no more. */
	assert_int_equal(allowed(limits, &bucket_alone, 1, NOW + 999, 10), 0);
	assert_int_equal(allowed(limits, &bucket_alone, 1, NOW + 1998, 10), 0);
	assert_int_equal(allowed(limits, &bucket_alone, 1, NOW + 1999, 10), 1);
	assert_int_equal(allowed(limits, &usual, 1, NOW + 59000, 10), 0);
	assert_int_equal(allowed(limits, &usual, 1, NOW + 60000, 10), 5);
}

static void the_chat_that_was_quiet_for_longest_makes_room(void **state)
{
	struct limits *limits = *state;

	/* Each has used some of its burst, and is not limited. */
	for (int64_t chat = 0; chat < LIMITS_CHATS; chat++)
		assert_int_equal(allowed(limits, &usual, chat, NOW, 3), 3);
	assert_int_equal(allowed(limits, &usual, 0, NOW, 1), 1);
	assert_int_equal(allowed(limits, &usual, LIMITS_CHATS, NOW, 1), 1);
	/* Of 0 and 1 the latter was quiet for longer: it begins anew. */
	assert_int_equal(allowed(limits, &usual, 0, NOW, 5), 1);
	assert_int_equal(allowed(limits, &usual, 1, NOW, 10), 5);
}

static void a_flood_of_chats_throws_out_none_that_is_limited(void **state)
{
	struct limits *limits = *state;

	for (int64_t chat = 0; chat < 100; chat++)
		assert_int_equal(allowed(limits, &usual, chat, NOW, 6), 5);
	for (int64_t chat = 1000; chat < 1000 + 10 * LIMITS_CHATS; chat++)
		assert_int_equal(allowed(limits, &usual, chat, NOW + 500, 1), 1);
	for (int64_t chat = 0; chat < 100; chat++)
		assert_int_equal(limits_check(limits, &usual, chat, NOW + 999), LIMITS_REFUSED);
	/* Those that are limited no longer are found, though nobody asked for them. */
	for (int64_t chat = 1000000; chat < 1000000 + 2 * LIMITS_CHATS; chat++)
		assert_int_equal(allowed(limits, &usual, chat, NOW + 61000, 1), 1);
	for (int64_t chat = 0; chat < 100; chat++)
		assert_int_equal(allowed(limits, &usual, chat, NOW + 61000, 6), 5);
}

static void all_chats_being_limited_the_others_share_what_one_may_send(void **state)
{
	struct limits *limits = *state;
	int count = 0;

	for (int64_t chat = 0; chat < LIMITS_CHATS; chat++)
		assert_int_equal(allowed(limits, &usual, chat, NOW, 6), 5);
	for (int64_t chat = LIMITS_CHATS; chat < 2 * LIMITS_CHATS; chat++) {
		enum limits_verdict verdict = limits_check(limits, &usual, chat, NOW);

		assert_int_not_equal(verdict, LIMITS_REFUSED_TELL);
		count += verdict == LIMITS_ALLOWED;
	}
	assert_int_equal(count, 5);
	for (int64_t chat = 0; chat < LIMITS_CHATS; chat++)
		assert_int_equal(limits_check(limits, &usual, chat, NOW + 500), LIMITS_REFUSED);
	/* A second later each can be thrown out, and the first that comes has a place of its own again. */
	assert_int_equal(allowed(limits, &usual, 5 * LIMITS_CHATS, NOW + 1000, 10), 5);
	assert_int_equal(limits_check(limits, &usual, 5 * LIMITS_CHATS, NOW + 60000), LIMITS_ALLOWED);
}

/* The same by the plainest means: every time that was allowed. */
struct model {
	int64_t times[4096];
	int count;
	double tokens;
	int64_t at_ms;
};

static bool model_allows(struct model *model, int64_t now_ms)
{
	int within = 0;

	model->tokens += (double)(now_ms - model->at_ms) / 1000;
	model->at_ms = now_ms;
	if (model->tokens > 5)
		model->tokens = 5;
	for (int i = 0; i < model->count; i++)
		within += model->times[i] > now_ms - 60000;
	if (within >= 20 || model->tokens < 1 - 1e-6)
		return false;
	model->tokens -= 1;
	model->times[model->count++] = now_ms;
	return true;
}

static void it_decides_as_the_plainest_means_do(void **state)
{
	struct limits *limits = *state;
	struct model *models = calloc(8, sizeof *models);
	int64_t now_ms = NOW;
	int count = 0;

	srandom(20261121);
	for (int i = 0; i < 8; i++)
		models[i].at_ms = NOW - 10000;
	for (int i = 0; i < 20000; i++) {
		long chat = random() % 8;
		bool expected = model_allows(&models[chat], now_ms);

		assert_int_equal(limits_check(limits, &usual, chat, now_ms) == LIMITS_ALLOWED, expected);
		count += expected;
		now_ms += random() % 3 ? random() % 50 : random() % 1000;
	}
	assert_in_range(count, 5000, 15000);
	free(models);
}

static void a_stranger_is_told_once_an_hour(void **state)
{
	struct limits *limits = *state;

	assert_true(limits_may_refuse_stranger(limits, 1, NOW));
	assert_false(limits_may_refuse_stranger(limits, 1, NOW));
	assert_true(limits_may_refuse_stranger(limits, 2, NOW));
	assert_false(limits_may_refuse_stranger(limits, 1, NOW + 3599999));
	assert_true(limits_may_refuse_stranger(limits, 1, NOW + 3600000));
	assert_false(limits_may_refuse_stranger(limits, 1, NOW + 3600001));
	/* A time that goes back a little is none that has passed; a clock that was set back is. */
	assert_false(limits_may_refuse_stranger(limits, 1, NOW + 1));
	assert_true(limits_may_refuse_stranger(limits, 1, NOW));
}

static void a_flood_of_strangers_gets_so_many_words_an_hour(void **state)
{
	struct limits *limits = *state;
	int told = 0;

	for (int64_t chat = 0; chat < 3 * LIMITS_CHATS; chat++)
		told += limits_may_refuse_stranger(limits, chat, NOW + chat);
	assert_int_equal(told, LIMITS_CHATS);
	for (int64_t chat = 0; chat < LIMITS_CHATS; chat++)
		assert_false(limits_may_refuse_stranger(limits, chat, NOW + 3 * LIMITS_CHATS));
	/* The oldest makes room when its hour is over, and is told again as anybody else. */
	assert_true(limits_may_refuse_stranger(limits, 5 * LIMITS_CHATS, NOW + 3600000));
	assert_false(limits_may_refuse_stranger(limits, 0, NOW + 3600000));
	assert_true(limits_may_refuse_stranger(limits, 0, NOW + 3600001));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_bucket_gives_its_burst_and_then_its_rate, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_minute_slides, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_was_refused_is_not_counted, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(chats_do_not_share, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_chat_is_told_once_in_a_minute, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(nought_is_off, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_time_that_goes_back_a_little_gives_nothing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_clock_that_is_set_back_moves_what_was_used, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(no_time_breaks_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_extremes_of_the_configuration_hold, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(another_configuration_keeps_what_was_used, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		the_chat_that_was_quiet_for_longest_makes_room, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_flood_of_chats_throws_out_none_that_is_limited, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		all_chats_being_limited_the_others_share_what_one_may_send, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(it_decides_as_the_plainest_means_do, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_stranger_is_told_once_an_hour, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_flood_of_strangers_gets_so_many_words_an_hour, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
