#include "outcome.h"

#include <string.h>
#include <strings.h>

#include "json.h"
#include "utf8.h"
#include "sched.h"

enum { CAPTION_MAX = 1024 };

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
	int64_t wait_ms = telegram_backoff_ms(message->attempts, rules->jitter);
	struct outcome outcome = again_after(message, rules, now_ms, wait_ms);

	outcome.back_off = true;
	return outcome;
}

static struct outcome wait_as_told(const struct telegram_reply *reply, const struct store_message *message,
    const struct outcome_rules *rules, int64_t now_ms)
{
	struct outcome outcome = again_after(message, rules, now_ms, reply->retry_after_s * 1000);

	/* Some calls in the background have limits of their own, such as that of the menu. */
	if (reply->whole_bot || (sched_is_lane(message->chat) && message->class != STORE_BULK))
		outcome.hold_all_ms = reply->retry_after_s * 1000;
	return outcome;
}

/* Nobody's fault but the operator's: everything is kept, however long it takes. */
static struct outcome wait_for_token(int64_t now_ms)
{
	return (struct outcome){.action = OUTCOME_AGAIN,
	    .not_before_ms = now_ms,
	    .hold_all_ms = OUTCOME_BAD_TOKEN_HOLD_MS,
	    .bad_token = true};
}

/*
 * Whether the call, or in an album one of its files, has one of these parameters. The answer must be no once
 * the message was rewritten, or it would be rewritten for ever.
 */
static bool has(const struct store_message *message, const char *const *names)
{
	struct json_object *media = NULL;
	size_t count = 0;

	json_object_object_get_ex(message->parameters, "media", &media);
	if (json_object_is_type(media, json_type_array))
		count = json_object_array_length(media);
	for (; *names != NULL; names++) {
		if (json_object_object_get_ex(message->parameters, *names, NULL))
			return true;
		for (size_t i = 0; i < count; i++) {
			if (json_object_object_get_ex(json_object_array_get_idx(media, i), *names, NULL))
				return true;
		}
	}
	return false;
}

static bool has_markup(const struct store_message *message)
{
	static const char *const names[] = {"parse_mode", "entities", "caption_entities", NULL};

	return has(message, names);
}

static bool has_thread(const struct store_message *message)
{
	static const char *const names[] = {"message_thread_id", NULL};

	return has(message, names);
}

static bool has_reply(const struct store_message *message)
{
	static const char *const names[] = {"reply_parameters", "reply_to_message_id", NULL};

	return message->reply_key != NULL || has(message, names);
}

/* A picture of ours (one that Telegram has, or fetches, stands in the parameters), or an album with one. */
static bool is_picture(const struct store_message *message)
{
	static const char *const names[] = {"photo", NULL};
	struct json_object *media = NULL;
	bool found =
	    message->method != NULL && strcasecmp(message->method, "sendPhoto") == 0 && !has(message, names);

	json_object_object_get_ex(message->parameters, "media", &media);
	if (!json_object_is_type(media, json_type_array))
		return found;
	for (size_t i = 0; i < json_object_array_length(media) && !found; i++) {
		const char *type = json_text(json_object_array_get_idx(media, i), "type");

		found = type != NULL && strcmp(type, "photo") == 0;
	}
	return found;
}

static bool is_long_caption(struct json_object *object)
{
	const char *caption = json_text(object, "caption");

	return caption != NULL && utf8_count(caption, strlen(caption)) > CAPTION_MAX;
}

/* Whether there is something to be shortened: the text of a message, or a caption that was not shortened. */
static bool has_long_text(const struct store_message *message)
{
	static const char *const names[] = {"text", NULL};
	struct json_object *media = NULL;
	bool found = has(message, names) || is_long_caption(message->parameters);

	json_object_object_get_ex(message->parameters, "media", &media);
	if (!json_object_is_type(media, json_type_array))
		return found;
	for (size_t i = 0; i < json_object_array_length(media) && !found; i++)
		found = is_long_caption(json_object_array_get_idx(media, i));
	return found;
}

static bool is_edit(const struct store_message *message)
{
	/* What has a key is an edit of what was sent under it. */
	return message->key != NULL ||
	       (message->method != NULL && strncasecmp(message->method, "edit", strlen("edit")) == 0);
}

static struct outcome when(bool possible, enum outcome_action action)
{
	return (struct outcome){.action = possible ? action : OUTCOME_DEAD};
}

bool outcome_may_repeat(const struct store_message *message)
{
	return message->method != NULL && strcasecmp(message->method, "deleteMessage") == 0;
}

static struct outcome decide(const struct telegram_reply *reply, const struct store_message *message,
    const struct outcome_rules *rules, int64_t now_ms)
{
	switch (reply->verdict) {
	case TELEGRAM_OK:
		return (struct outcome){.action = OUTCOME_DELIVERED};
	case TELEGRAM_WAIT:
		return wait_as_told(reply, message, rules, now_ms);
	case TELEGRAM_RETRY:
	case TELEGRAM_CONFLICT: /* none that sends; it was not carried out */
		return back_off(message, rules, now_ms);
	case TELEGRAM_UNCERTAIN:
		if (rules->policy == POLICY_AT_MOST_ONCE && !outcome_may_repeat(message))
			return (struct outcome){.action = OUTCOME_UNCERTAIN};
		return back_off(message, rules, now_ms);
	case TELEGRAM_PLAIN_TEXT:
		return when(has_markup(message), OUTCOME_PLAIN_TEXT);
	case TELEGRAM_AS_DOCUMENT:
		return when(is_picture(message), OUTCOME_AS_DOCUMENT);
	case TELEGRAM_AS_TEXT_FILE:
		return when(has_long_text(message), OUTCOME_AS_TEXT_FILE);
	case TELEGRAM_NO_THREAD:
		return when(has_thread(message), OUTCOME_NO_THREAD);
	case TELEGRAM_NO_REPLY:
		return when(has_reply(message), OUTCOME_NO_REPLY);
	case TELEGRAM_EDIT_GONE:
		return when(is_edit(message), OUTCOME_SEND_ANEW);
	case TELEGRAM_MIGRATED:
		return when(reply->migrate_to != 0 && reply->migrate_to != message->chat, OUTCOME_MOVE);
	case TELEGRAM_UNREACHABLE:
		return (struct outcome){.action = OUTCOME_DEAD, .pause_link = true};
	case TELEGRAM_BAD_TOKEN:
		return wait_for_token(now_ms);
	case TELEGRAM_REFUSED:
	case TELEGRAM_VERDICTS:
		break;
	}
	return (struct outcome){.action = OUTCOME_DEAD};
}

struct outcome outcome_decide(const struct telegram_reply *reply, const struct store_message *message,
    const struct outcome_rules *rules, int64_t now_ms)
{
	struct outcome outcome = decide(reply, message, rules, now_ms);

	if (outcome.action == OUTCOME_DEAD && message->otherwise != NULL)
		outcome.action = OUTCOME_OTHERWISE;
	return outcome;
}

static const char *cause_of_failure(const struct telegram_reply *reply)
{
	switch (reply->failure) {
	case HTTP_NOT_RESOLVED:
		return "dns";
	case HTTP_TLS_FAILED:
		return "tls";
	case HTTP_TIMED_OUT:
		return "timeout";
	case HTTP_INVALID:
		return "request";
	default:
		return "network";
	}
}

const char *outcome_cause(const struct telegram_reply *reply)
{
	static const char *const causes[TELEGRAM_VERDICTS] = {
	    [TELEGRAM_OK] = "",
	    [TELEGRAM_WAIT] = "429",
	    [TELEGRAM_UNCERTAIN] = "garbage",
	    [TELEGRAM_PLAIN_TEXT] = "markup",
	    [TELEGRAM_AS_DOCUMENT] = "picture",
	    [TELEGRAM_AS_TEXT_FILE] = "length",
	    [TELEGRAM_NO_THREAD] = "thread",
	    [TELEGRAM_NO_REPLY] = "reply",
	    [TELEGRAM_EDIT_GONE] = "edit",
	    [TELEGRAM_MIGRATED] = "migrated",
	    [TELEGRAM_UNREACHABLE] = "unreachable",
	    [TELEGRAM_REFUSED] = "refused",
	    [TELEGRAM_CONFLICT] = "409",
	    [TELEGRAM_BAD_TOKEN] = "token",
	};

	if (reply->failure != HTTP_ANSWERED)
		return cause_of_failure(reply);
	if (reply->error_code == 413)
		return "413";
	if (reply->verdict == TELEGRAM_RETRY)
		return reply->error_code >= 500 ? "5xx" : reply->error_code == 0 ? "local" : "proxy";
	return causes[reply->verdict];
}

bool flood_is_of_all(struct flood *flood, int64_t chat, int64_t now_ms)
{
	const struct flood_wait *last = flood->last;

	if (chat == 0)
		return true;
	if (last[0].chat != 0 && last[0].chat != chat && last[1].chat != 0 && last[1].chat != chat &&
	    now_ms - last[1].at_ms < FLOOD_WINDOW_MS) {
		*flood = (struct flood){0};
		return true;
	}
	/* The newest first, each chat once. */
	if (last[0].chat != chat)
		flood->last[1] = flood->last[0];
	flood->last[0] = (struct flood_wait){chat, now_ms};
	return false;
}
