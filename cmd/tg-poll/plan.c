#include "plan.h"

#include <string.h>

int64_t poll_offset(const struct store_position *position, int64_t now_ms)
{
	if (position->update_id <= 0 || now_ms - position->journaled_ms > POLL_POSITION_LIFE_MS)
		return 0;
	return position->update_id + 1;
}

bool poll_is_new(int64_t offset, int64_t update_id)
{
	return offset == 0 || update_id >= offset;
}

int64_t poll_pause_ms(int64_t new_updates, int64_t took_ms)
{
	return new_updates > 0 || took_ms >= POLL_HASTY_MS ? 0 : POLL_HASTY_MS;
}

int64_t poll_failure_wait_ms(const struct telegram_reply *reply, int64_t attempts, double jitter)
{
	int64_t wait;

	switch (reply->verdict) {
	case TELEGRAM_BAD_TOKEN:
		return POLL_BAD_TOKEN_WAIT_MS;
	case TELEGRAM_WAIT:
		return reply->retry_after_s * 1000;
	default:
		wait = telegram_backoff_ms(attempts, jitter);
		return wait < POLL_BACKOFF_MAX_MS ? wait : POLL_BACKOFF_MAX_MS;
	}
}

const char *poll_remedy(const struct telegram_reply *reply)
{
	if (reply->verdict == TELEGRAM_BAD_TOKEN)
		return "the token is not valid: put the one that @BotFather shows into the token file";
	if (reply->verdict != TELEGRAM_CONFLICT)
		return "";
	if (strcasestr(reply->description, "webhook") != NULL)
		return "a webhook is set for this bot: remove it with deleteWebhook";
	return "another program polls with the same token: end it";
}

bool poll_trouble_add(struct poll_trouble *trouble, int64_t cause, int64_t now_ms)
{
	bool log =
	    trouble->count == 0 || trouble->cause != cause || now_ms - trouble->logged_ms >= POLL_REMIND_MS;

	trouble->count++;
	trouble->cause = cause;
	if (log)
		trouble->logged_ms = now_ms;
	return log;
}

int64_t poll_trouble_end(struct poll_trouble *trouble)
{
	int64_t count = trouble->count;

	*trouble = (struct poll_trouble){0};
	return count;
}
