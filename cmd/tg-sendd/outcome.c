#include "outcome.h"

#include <string.h>

#include "json.h"

static struct outcome again_after(
    const struct store_message *message, const struct outcome_rules *rules, int64_t now_ms, int64_t wait_ms)
{
	struct outcome outcome = {.action = OUTCOME_AGAIN, .not_before_ms = now_ms + wait_ms};

	if (outcome.not_before_ms > message->accepted_ms + rules->keep_ms)
		outcome.action = OUTCOME_DEAD;
	return outcome;
}

static struct outcome back_off(
    const struct store_message *message, const struct outcome_rules *rules, int64_t now_ms)
{
	return again_after(message, rules, now_ms, telegram_backoff_ms(message->attempts, rules->jitter));
}

static struct outcome wait_as_told(const struct telegram_reply *reply, const struct store_message *message,
    const struct outcome_rules *rules, int64_t now_ms)
{
	struct outcome outcome = again_after(message, rules, now_ms, reply->retry_after_s * 1000);

	if (reply->whole_bot || message->chat == 0)
		outcome.hold_all_ms = reply->retry_after_s * 1000;
	return outcome;
}

static bool has_markup(const struct store_message *message)
{
	return json_object_object_get_ex(message->parameters, "parse_mode", NULL) ||
	       json_object_object_get_ex(message->parameters, "entities", NULL) ||
	       json_object_object_get_ex(message->parameters, "caption_entities", NULL);
}

static struct outcome when(bool possible, enum outcome_action action)
{
	return (struct outcome){.action = possible ? action : OUTCOME_DEAD};
}

struct outcome outcome_decide(const struct telegram_reply *reply, const struct store_message *message,
    const struct outcome_rules *rules, int64_t now_ms)
{
	bool is_picture = message->file_parameter != NULL && strcmp(message->file_parameter, "photo") == 0;

	switch (reply->verdict) {
	case TELEGRAM_OK:
		return (struct outcome){.action = OUTCOME_DELIVERED};
	case TELEGRAM_WAIT:
		return wait_as_told(reply, message, rules, now_ms);
	case TELEGRAM_RETRY:
		return back_off(message, rules, now_ms);
	case TELEGRAM_UNCERTAIN:
		if (rules->policy == POLICY_AT_MOST_ONCE)
			return (struct outcome){.action = OUTCOME_UNCERTAIN};
		return back_off(message, rules, now_ms);
	case TELEGRAM_PLAIN_TEXT:
		return when(has_markup(message), OUTCOME_PLAIN_TEXT);
	case TELEGRAM_AS_DOCUMENT:
		return when(is_picture, OUTCOME_AS_DOCUMENT);
	case TELEGRAM_MIGRATED:
		return when(reply->migrate_to != 0 && reply->migrate_to != message->chat, OUTCOME_MOVE);
	case TELEGRAM_UNREACHABLE:
		return (struct outcome){.action = OUTCOME_DEAD, .pause_link = true};
	case TELEGRAM_BAD_TOKEN:
		/* Nobody's fault but the operator's: everything is kept, however long it takes. */
		return (struct outcome){.action = OUTCOME_AGAIN,
		    .not_before_ms = now_ms,
		    .hold_all_ms = OUTCOME_BAD_TOKEN_HOLD_MS,
		    .bad_token = true};
	case TELEGRAM_REFUSED:
	case TELEGRAM_CONFLICT:
		break;
	}
	return (struct outcome){.action = OUTCOME_DEAD};
}
