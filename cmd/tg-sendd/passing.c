#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "sendd.h"
#include "xalloc.h"

/*
 * "is typing" is worth something now or never. In the outbox it would hold back what the chat is told next,
 * be paid for from its pace, and be tried again when nobody waits any more.
 */

enum {
	PASSING_MAX = 32,      /* on their way at once */
	PASSING_TIME_MS = 5000 /* as long as Telegram shows it */
};

struct passing {
	struct passing *previous, *next;
	struct sendd *sendd;
	int64_t chat;
	struct http_transfer *transfer;
};

bool passing_is(const char *method)
{
	return strcasecmp(method, "sendChatAction") == 0;
}

static void end(struct passing *passing)
{
	struct sendd *sendd = passing->sendd;

	if (passing->previous != NULL)
		passing->previous->next = passing->next;
	else
		sendd->passing = passing->next;
	if (passing->next != NULL)
		passing->next->previous = passing->previous;
	sendd->passing_count--;
	free(passing);
}

/* What is wrong here is found out, and told, with the next message. */
static void on_answer(void *context, const struct http_answer *answer)
{
	struct passing *passing = context;
	struct sendd *sendd = passing->sendd;
	int64_t now_ms = clock_monotonic_ms();
	struct telegram_reply reply;

	telegram_read(answer, &reply);
	log_debug("passing call made", LOG_INT("chat", passing->chat), LOG_INT("code", reply.error_code),
	    LOG_STR("telegram", reply.description));
	if (reply.verdict == TELEGRAM_WAIT)
		sendd->passing_not_before_ms = now_ms + reply.retry_after_s * 1000;
	telegram_reply_free(&reply);
	sched_passed(sendd->sched, now_ms);
	end(passing);
}

static bool may_pass(struct sendd *sendd, int64_t chat, int64_t now_ms)
{
	return !sendd->stopping && !sendd->bad_token && sendd->trouble_since_ms == 0 &&
	       sendd->passing_count < PASSING_MAX && now_ms >= sendd->passing_not_before_ms &&
	       sched_pass(sendd->sched, chat, now_ms);
}

static struct passing *passing_new(struct sendd *sendd, int64_t chat)
{
	struct passing *passing = xcalloc(1, sizeof *passing);

	*passing = (struct passing){.sendd = sendd, .chat = chat, .next = sendd->passing};
	if (sendd->passing != NULL)
		sendd->passing->previous = passing;
	sendd->passing = passing;
	sendd->passing_count++;
	return passing;
}

void passing_send(struct sendd *sendd, int64_t chat, struct json_object *parameters, int64_t now_ms)
{
	int64_t timeout_ms = sendd->config->telegram.timeout_ms;
	struct passing *passing;
	struct error error;

	if (!may_pass(sendd, chat, now_ms)) {
		log_debug("passing call dropped", LOG_INT("chat", chat));
		return;
	}
	passing = passing_new(sendd, chat);
	json_put_int64(parameters, "chat_id", chat);
	if (telegram_start(sendd->client, &sendd->telegram, "sendChatAction", parameters, NULL, 0,
		timeout_ms < PASSING_TIME_MS ? timeout_ms : PASSING_TIME_MS, on_answer, passing,
		&passing->transfer, &error) == 0)
		return;
	sched_passed(sendd->sched, now_ms);
	end(passing);
}

void passing_cancel_all(struct sendd *sendd)
{
	while (sendd->passing != NULL) {
		http_cancel(sendd->passing->transfer);
		end(sendd->passing);
	}
}
