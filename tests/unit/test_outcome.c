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

/* Parameters as JSON, with ' for ". */
static struct store_message message_with(const char *parameters)
{
	struct store_message message = {.chat = 5, .accepted_ms = NOW, .attempts = 1};
	char *json = strdup(parameters);

	for (char *quote = json; (quote = strchr(quote, '\'')) != NULL;)
		*quote = '"';
	message.parameters = json_tokener_parse(json);
	free(json);
	return message;
}

static struct outcome decide(
    enum telegram_verdict verdict, struct store_message *message, const struct outcome_rules *with)
{
	struct telegram_reply reply = {.verdict = verdict, .retry_after_s = 7, .migrate_to = -100};

	return outcome_decide(&reply, message, with, NOW);
}

/* The table: what is there to be changed decides, and once it is changed, what was wrong cannot be wrong
 * again. */
static void every_verdict_has_its_action(void **state)
{
	static const struct {
		enum telegram_verdict verdict;
		const char *method, *parameters;
		enum outcome_action action;
	} table[] = {
	    {TELEGRAM_OK, "sendMessage", "{}", OUTCOME_DELIVERED},
	    {TELEGRAM_WAIT, "sendMessage", "{}", OUTCOME_AGAIN},
	    {TELEGRAM_RETRY, "sendMessage", "{}", OUTCOME_AGAIN},
	    {TELEGRAM_UNCERTAIN, "sendMessage", "{}", OUTCOME_AGAIN},
	    {TELEGRAM_CONFLICT, "sendMessage", "{}", OUTCOME_AGAIN},
	    {TELEGRAM_BAD_TOKEN, "sendMessage", "{}", OUTCOME_AGAIN},
	    {TELEGRAM_UNREACHABLE, "sendMessage", "{}", OUTCOME_DEAD},
	    {TELEGRAM_REFUSED, "sendMessage", "{}", OUTCOME_DEAD},
	    {TELEGRAM_MIGRATED, "sendMessage", "{}", OUTCOME_MOVE},

	    {TELEGRAM_PLAIN_TEXT, "sendMessage", "{'parse_mode':'HTML'}", OUTCOME_PLAIN_TEXT},
	    {TELEGRAM_PLAIN_TEXT, "sendMessage", "{'entities':[]}", OUTCOME_PLAIN_TEXT},
	    {TELEGRAM_PLAIN_TEXT, "sendPhoto", "{'caption_entities':[]}", OUTCOME_PLAIN_TEXT},
	    {TELEGRAM_PLAIN_TEXT, "sendMediaGroup", "{'media':[{},{'parse_mode':'HTML'}]}",
		OUTCOME_PLAIN_TEXT},
	    {TELEGRAM_PLAIN_TEXT, "sendMessage", "{'text':'hi'}", OUTCOME_DEAD},
	    {TELEGRAM_PLAIN_TEXT, "sendMediaGroup", "{'media':[{},7]}", OUTCOME_DEAD},

	    {TELEGRAM_AS_DOCUMENT, "sendPhoto", "{}", OUTCOME_AS_DOCUMENT},
	    {TELEGRAM_AS_DOCUMENT, "sendPhoto", "{'photo':'https://example.org/x.png'}", OUTCOME_DEAD},
	    {TELEGRAM_AS_DOCUMENT, "sendDocument", "{}", OUTCOME_DEAD},
	    {TELEGRAM_AS_DOCUMENT, "sendMessage", "{}", OUTCOME_DEAD},
	    {TELEGRAM_AS_DOCUMENT, "sendMediaGroup", "{'media':[{'type':'document'},{'type':'photo'}]}",
		OUTCOME_AS_DOCUMENT},
	    {TELEGRAM_AS_DOCUMENT, "sendMediaGroup", "{'media':[{'type':'document'},{}]}", OUTCOME_DEAD},
	    {TELEGRAM_AS_DOCUMENT, "sendMediaGroup", "{'media':'photo'}", OUTCOME_DEAD},

	    {TELEGRAM_AS_TEXT_FILE, "sendMessage", "{'text':'hi'}", OUTCOME_AS_TEXT_FILE},
	    {TELEGRAM_AS_TEXT_FILE, "sendDocument", "{'caption':'short'}", OUTCOME_DEAD},
	    {TELEGRAM_AS_TEXT_FILE, "sendDocument", "{}", OUTCOME_DEAD},

	    {TELEGRAM_NO_THREAD, "sendMessage", "{'message_thread_id':7}", OUTCOME_NO_THREAD},
	    {TELEGRAM_NO_THREAD, "sendMessage", "{}", OUTCOME_DEAD},
	    {TELEGRAM_NO_REPLY, "sendMessage", "{'reply_parameters':{}}", OUTCOME_NO_REPLY},
	    {TELEGRAM_NO_REPLY, "sendMessage", "{'reply_to_message_id':7}", OUTCOME_NO_REPLY},
	    {TELEGRAM_NO_REPLY, "sendMessage", "{}", OUTCOME_DEAD},
	    {TELEGRAM_EDIT_GONE, "editMessageText", "{'text':'hi'}", OUTCOME_SEND_ANEW},
	    {TELEGRAM_EDIT_GONE, "deleteMessage", "{}", OUTCOME_DEAD},
	    {TELEGRAM_EDIT_GONE, "sendMessage", "{}", OUTCOME_DEAD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct store_message message = message_with(table[i].parameters);
		struct outcome outcome;

		message.method = strdup(table[i].method);
		outcome = decide(table[i].verdict, &message, &rules);
		if (outcome.action != table[i].action)
			fail_msg("verdict %d, %s %s: action %d", table[i].verdict, table[i].method,
			    table[i].parameters, outcome.action);
		assert_int_equal(outcome.pause_link, table[i].verdict == TELEGRAM_UNREACHABLE);
		assert_int_equal(outcome.bad_token, table[i].verdict == TELEGRAM_BAD_TOKEN);
		assert_int_equal(outcome.back_off, table[i].verdict == TELEGRAM_RETRY ||
						       table[i].verdict == TELEGRAM_UNCERTAIN ||
						       table[i].verdict == TELEGRAM_CONFLICT);
		store_message_free(&message);
	}
}

/* A caption that was cut already would be cut for ever. */
static void a_caption_is_shortened_where_it_is_long(void **state)
{
	static const char *const methods[] = {"sendDocument", "sendMediaGroup"};
	char caption[2048];

	(void)state;
	for (int len = 1024; len <= 1025; len++) {
		for (size_t i = 0; i < 2; i++) {
			struct store_message message = message_with("{'media':[{},{}]}");
			struct json_object *owner = message.parameters, *media;

			memset(caption, 'x', sizeof caption);
			caption[len] = '\0';
			json_object_object_get_ex(owner, "media", &media);
			json_put_text(
			    i == 0 ? owner : json_object_array_get_idx(media, 1), "caption", caption);
			message.method = strdup(methods[i]);
			assert_int_equal(decide(TELEGRAM_AS_TEXT_FILE, &message, &rules).action,
			    len > 1024 ? OUTCOME_AS_TEXT_FILE : OUTCOME_DEAD);
			store_message_free(&message);
		}
	}
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

/* A second deletion finds nothing to delete, so there is no harm in it under any policy. */
static void a_deletion_may_be_repeated(void **state)
{
	struct store_message message = message_with("{'message_id':7}");

	(void)state;
	message.method = strdup("deleteMessage");
	assert_true(outcome_may_repeat(&message));
	assert_int_equal(decide(TELEGRAM_UNCERTAIN, &message, &careful).action, OUTCOME_AGAIN);
	store_message_free(&message);
	message.method = strdup("sendMessage");
	assert_false(outcome_may_repeat(&message));
	store_message_free(&message);
}

static void what_is_to_be_done_otherwise_takes_the_place_of_what_dies(void **state)
{
	static const struct {
		enum telegram_verdict verdict;
		enum outcome_action action;
	} table[] = {
	    {TELEGRAM_REFUSED, OUTCOME_OTHERWISE},
	    {TELEGRAM_EDIT_GONE, OUTCOME_OTHERWISE},
	    {TELEGRAM_UNREACHABLE, OUTCOME_OTHERWISE},
	    {TELEGRAM_OK, OUTCOME_DELIVERED},
	    {TELEGRAM_WAIT, OUTCOME_AGAIN},
	    {TELEGRAM_MIGRATED, OUTCOME_MOVE},
	};
	struct store_message message = message_with("{'message_id':7}");

	(void)state;
	message.method = strdup("deleteMessage");
	message.otherwise = strdup("{\"method\":\"sendMessage\"}");
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct outcome outcome = decide(table[i].verdict, &message, &rules);

		assert_int_equal(outcome.action, table[i].action);
		assert_int_equal(outcome.pause_link, table[i].verdict == TELEGRAM_UNREACHABLE);
	}
	message.accepted_ms = NOW - KEEP;
	assert_int_equal(decide(TELEGRAM_RETRY, &message, &rules).action, OUTCOME_OTHERWISE);
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

static void a_cause_is_one_word(void **state)
{
	static const struct {
		struct telegram_reply reply;
		const char *cause;
	} table[] = {
	    {{.verdict = TELEGRAM_OK}, ""},
	    {{.verdict = TELEGRAM_WAIT, .error_code = 429}, "429"},
	    {{.verdict = TELEGRAM_RETRY, .error_code = 502}, "5xx"},
	    {{.verdict = TELEGRAM_RETRY, .error_code = 403}, "proxy"},
	    {{.verdict = TELEGRAM_RETRY}, "local"},
	    {{.verdict = TELEGRAM_UNCERTAIN, .error_code = 200}, "garbage"},
	    {{.verdict = TELEGRAM_PLAIN_TEXT, .error_code = 400}, "markup"},
	    {{.verdict = TELEGRAM_AS_DOCUMENT, .error_code = 400}, "picture"},
	    {{.verdict = TELEGRAM_AS_DOCUMENT, .error_code = 413}, "413"},
	    {{.verdict = TELEGRAM_AS_TEXT_FILE, .error_code = 400}, "length"},
	    {{.verdict = TELEGRAM_NO_THREAD, .error_code = 400}, "thread"},
	    {{.verdict = TELEGRAM_NO_REPLY, .error_code = 400}, "reply"},
	    {{.verdict = TELEGRAM_EDIT_GONE, .error_code = 400}, "edit"},
	    {{.verdict = TELEGRAM_MIGRATED, .error_code = 400}, "migrated"},
	    {{.verdict = TELEGRAM_UNREACHABLE, .error_code = 403}, "unreachable"},
	    {{.verdict = TELEGRAM_REFUSED, .error_code = 400}, "refused"},
	    {{.verdict = TELEGRAM_CONFLICT, .error_code = 409}, "409"},
	    {{.verdict = TELEGRAM_BAD_TOKEN, .error_code = 401}, "token"},
	    {{.verdict = TELEGRAM_RETRY, .failure = HTTP_NOT_RESOLVED}, "dns"},
	    {{.verdict = TELEGRAM_RETRY, .failure = HTTP_NOT_CONNECTED}, "network"},
	    {{.verdict = TELEGRAM_UNCERTAIN, .failure = HTTP_BROKEN}, "network"},
	    {{.verdict = TELEGRAM_RETRY, .failure = HTTP_TLS_FAILED}, "tls"},
	    {{.verdict = TELEGRAM_UNCERTAIN, .failure = HTTP_TIMED_OUT}, "timeout"},
	    {{.verdict = TELEGRAM_REFUSED, .failure = HTTP_INVALID}, "request"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		assert_string_equal(outcome_cause(&table[i].reply), table[i].cause);
	for (int verdict = 0; verdict < TELEGRAM_VERDICTS; verdict++) {
		struct telegram_reply reply = {.verdict = (enum telegram_verdict)verdict};

		assert_non_null(outcome_cause(&reply));
	}
}

static void the_third_chat_in_a_row_means_the_whole_bot(void **state)
{
	struct flood flood = {0};

	(void)state;
	assert_false(flood_is_of_all(&flood, 1, 1000));
	assert_false(flood_is_of_all(&flood, 1, 2000));
	assert_false(flood_is_of_all(&flood, 2, 3000));
	assert_false(flood_is_of_all(&flood, 1, 4000));
	assert_false(flood_is_of_all(&flood, 2, 5000));
	assert_true(flood_is_of_all(&flood, -3, 6000));
	/* It begins anew. */
	assert_false(flood_is_of_all(&flood, 1, 7000));
	assert_false(flood_is_of_all(&flood, 2, 16999));
	assert_false(flood_is_of_all(&flood, 3, 17000));
	assert_true(flood_is_of_all(&flood, 4, 17001));
	/* Calls to no chat have no limit but the bot's. */
	assert_true(flood_is_of_all(&flood, 0, 99999));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_verdict_has_its_action),
	    cmocka_unit_test(a_caption_is_shortened_where_it_is_long),
	    cmocka_unit_test(a_429_waits_as_long_as_told_and_only_this_chat),
	    cmocka_unit_test(retries_back_off_until_keep_is_over),
	    cmocka_unit_test(a_lost_answer_is_the_policys_business),
	    cmocka_unit_test(a_deletion_may_be_repeated),
	    cmocka_unit_test(what_is_to_be_done_otherwise_takes_the_place_of_what_dies),
	    cmocka_unit_test(a_bad_token_kills_no_message_however_old),
	    cmocka_unit_test(a_migration_to_itself_ends),
	    cmocka_unit_test(a_cause_is_one_word),
	    cmocka_unit_test(the_third_chat_in_a_row_means_the_whole_bot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
