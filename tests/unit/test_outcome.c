/* What becomes of a message after each kind of answer: the table that decides what is lost or sent twice. */
#include "tg-sendd/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

enum { NOW = 1000000, KEEP = 86400000 };

static const struct outcome_rules rules = {POLICY_AT_LEAST_ONCE, KEEP, 0};
static const struct outcome_rules careful = {POLICY_AT_MOST_ONCE, KEEP, 0};

static struct store_message message_with(const char *parameters)
{
	struct store_message message = {.chat = 5, .accepted_ms = NOW, .attempts = 1};

	message.parameters = json_tokener_parse(parameters);
	return message;
}

static struct outcome decide(
    enum telegram_verdict verdict, struct store_message *message, const struct outcome_rules *with)
{
	struct telegram_reply reply = {.verdict = verdict, .retry_after_s = 7, .migrate_to = -100};

	return outcome_decide(&reply, message, with, NOW);
}

static void every_verdict_has_its_action(void **state)
{
	static const struct {
		enum telegram_verdict verdict;
		enum outcome_action action;
	} table[] = {
	    {TELEGRAM_OK, OUTCOME_DELIVERED},
	    {TELEGRAM_WAIT, OUTCOME_AGAIN},
	    {TELEGRAM_RETRY, OUTCOME_AGAIN},
	    {TELEGRAM_UNCERTAIN, OUTCOME_AGAIN},
	    {TELEGRAM_PLAIN_TEXT, OUTCOME_DEAD},
	    {TELEGRAM_AS_DOCUMENT, OUTCOME_DEAD},
	    {TELEGRAM_MIGRATED, OUTCOME_MOVE},
	    {TELEGRAM_UNREACHABLE, OUTCOME_DEAD},
	    {TELEGRAM_REFUSED, OUTCOME_DEAD},
	    {TELEGRAM_CONFLICT, OUTCOME_DEAD},
	    {TELEGRAM_BAD_TOKEN, OUTCOME_AGAIN},
	};
	struct store_message message = message_with("{\"text\":\"hi\"}");

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		assert_int_equal(decide(table[i].verdict, &message, &rules).action, table[i].action);
	store_message_free(&message);
}

static void a_429_waits_as_long_as_told_and_only_this_chat(void **state)
{
	struct store_message message = message_with("{}");
	struct outcome outcome = decide(TELEGRAM_WAIT, &message, &rules);

	(void)state;
	assert_int_equal(outcome.not_before_ms, NOW + 7000);
	assert_int_equal(outcome.hold_all_ms, 0);
	message.chat = 0;
	assert_int_equal(decide(TELEGRAM_WAIT, &message, &rules).hold_all_ms, 7000);
	store_message_free(&message);
}

static void retries_back_off_until_keep_is_over(void **state)
{
	struct store_message message = message_with("{}");
	int64_t first, second;

	(void)state;
	first = decide(TELEGRAM_RETRY, &message, &rules).not_before_ms - NOW;
	message.attempts = 2;
	second = decide(TELEGRAM_RETRY, &message, &rules).not_before_ms - NOW;
	assert_true(first >= 1 && second > first);
	message.accepted_ms = NOW - KEEP;
	assert_int_equal(decide(TELEGRAM_RETRY, &message, &rules).action, OUTCOME_DEAD);
	store_message_free(&message);
}

static void a_lost_answer_is_the_policys_business(void **state)
{
	struct store_message message = message_with("{}");

	(void)state;
	assert_int_equal(decide(TELEGRAM_UNCERTAIN, &message, &careful).action, OUTCOME_UNCERTAIN);
	assert_int_equal(decide(TELEGRAM_RETRY, &message, &careful).action, OUTCOME_AGAIN);
	store_message_free(&message);
}

static void markup_is_dropped_once(void **state)
{
	static const char *const with_markup[] = {
	    "{\"parse_mode\":\"HTML\"}", "{\"entities\":[]}", "{\"caption_entities\":[]}"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct store_message message = message_with(with_markup[i]);

		assert_int_equal(decide(TELEGRAM_PLAIN_TEXT, &message, &rules).action, OUTCOME_PLAIN_TEXT);
		store_message_free(&message);
	}
}

static void only_a_picture_becomes_a_document(void **state)
{
	struct store_message message = message_with("{}");

	(void)state;
	message.file_parameter = strdup("photo");
	assert_int_equal(decide(TELEGRAM_AS_DOCUMENT, &message, &rules).action, OUTCOME_AS_DOCUMENT);
	message.file_parameter[0] = 'x';
	assert_int_equal(decide(TELEGRAM_AS_DOCUMENT, &message, &rules).action, OUTCOME_DEAD);
	store_message_free(&message);
}

static void a_chat_that_cannot_be_written_to_pauses_its_link(void **state)
{
	struct store_message message = message_with("{}");

	(void)state;
	assert_true(decide(TELEGRAM_UNREACHABLE, &message, &rules).pause_link);
	assert_false(decide(TELEGRAM_REFUSED, &message, &rules).pause_link);
	store_message_free(&message);
}

static void a_bad_token_kills_no_message_however_old(void **state)
{
	struct store_message message = message_with("{}");
	struct outcome outcome;

	(void)state;
	message.accepted_ms = NOW - 10 * (int64_t)KEEP;
	outcome = decide(TELEGRAM_BAD_TOKEN, &message, &rules);
	assert_int_equal(outcome.action, OUTCOME_AGAIN);
	assert_int_equal(outcome.hold_all_ms, OUTCOME_BAD_TOKEN_HOLD_MS);
	assert_true(outcome.bad_token);
	store_message_free(&message);
}

static void a_migration_to_itself_ends(void **state)
{
	struct store_message message = message_with("{}");

	(void)state;
	message.chat = -100;
	assert_int_equal(decide(TELEGRAM_MIGRATED, &message, &rules).action, OUTCOME_DEAD);
	store_message_free(&message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_verdict_has_its_action),
	    cmocka_unit_test(a_429_waits_as_long_as_told_and_only_this_chat),
	    cmocka_unit_test(retries_back_off_until_keep_is_over),
	    cmocka_unit_test(a_lost_answer_is_the_policys_business),
	    cmocka_unit_test(markup_is_dropped_once),
	    cmocka_unit_test(only_a_picture_becomes_a_document),
	    cmocka_unit_test(a_chat_that_cannot_be_written_to_pauses_its_link),
	    cmocka_unit_test(a_bad_token_kills_no_message_however_old),
	    cmocka_unit_test(a_migration_to_itself_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
