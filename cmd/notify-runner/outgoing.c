#include "outgoing.h"

#include "clock.h"
#include "json.h"

/* ---- submitting ---- */

static void log_accepted(struct outgoing *outgoing, const char *script, const struct courier_answer *answer)
{
	outgoing->sent++;
	runlog_add(outgoing->log, script, "sent, message %lld",
	    (long long)(answer->body != NULL ? json_int64(answer->body, "id") : 0));
}

static void log_suppressed(struct outgoing *outgoing, const char *script, const struct courier_answer *answer)
{
	int64_t left_ms = json_int64(answer->body, "retry_after") * 1000;
	char text[CLOCK_TEXT_BYTES];

	runlog_add(outgoing->log, script, "not sent: its cooldown runs until %s",
	    clock_format(clock_wall_ms() + left_ms, text));
}

/* Nobody is asked again once it is known that nothing is taken. */
static enum notice_outcome submit(struct outgoing *outgoing, const struct notice *notice, struct error *error)
{
	struct courier_answer answer;
	enum notice_outcome outcome;
	int result;

	if (outgoing->denied || outgoing->away) {
		*error = outgoing->why;
		return outgoing->denied ? NOTICE_DENIED : NOTICE_AWAY;
	}
	result = courier_submit(outgoing->courier, notice, &answer, error);
	outcome = notice_judge(answer.status, answer.body, result == 0 ? ERROR_TEMPORARY : error->kind);
	if (outcome == NOTICE_SENT)
		log_accepted(outgoing, notice->script, &answer);
	else if (outcome == NOTICE_SUPPRESSED)
		log_suppressed(outgoing, notice->script, &answer);
	else if (outcome != NOTICE_REFUSED)
		outgoing->why = *error;
	courier_answer_free(&answer);
	outgoing->away = outcome == NOTICE_AWAY;
	outgoing->denied = outcome == NOTICE_DENIED;
	return outcome;
}

/* Returns NOTICE_REFUSED where a file of it cannot be read any more. */
static enum notice_outcome keep(
    struct outgoing *outgoing, const struct notice *notice, enum notice_outcome outcome, struct error *error)
{
	struct error why = *error;

	if (pending_add(outgoing->pending, notice, clock_wall_ms(), error) == 0) {
		runlog_add(outgoing->log, notice->script, "kept for the next run: %s", why.text);
		return outcome;
	}
	if (error->kind == ERROR_INPUT)
		return NOTICE_REFUSED;
	outgoing->lost++;
	outgoing->lost_why = *error;
	runlog_add(outgoing->log, notice->script, "LOST: %s; it cannot be kept: %s", why.text, error->text);
	return outcome;
}

enum notice_outcome outgoing_deliver(
    struct outgoing *outgoing, const struct notice *notice, struct error *error)
{
	enum notice_outcome outcome = submit(outgoing, notice, error);

	if (outcome == NOTICE_AWAY || outcome == NOTICE_LATER)
		return keep(outgoing, notice, outcome, error);
	if (outcome == NOTICE_DENIED)
		runlog_add(outgoing->log, notice->script, "not sent: %s", error->text);
	return outcome;
}

/* ---- what was kept ---- */

static bool is_too_old(const struct notice *notice)
{
	return clock_wall_ms() - notice->made_ms > PENDING_AGE_MAX_MS;
}

/* Returns what became of it; but for NOTICE_AWAY and NOTICE_LATER it can be removed. */
static enum notice_outcome replay(struct outgoing *outgoing, const struct notice *notice)
{
	struct error error = {.text = ""};
	enum notice_outcome outcome;

	if (is_too_old(notice)) {
		runlog_add(outgoing->log, notice->script, "a kept message is dropped: it is over 7 days old");
		return NOTICE_REFUSED;
	}
	outcome = submit(outgoing, notice, &error);
	if (outcome == NOTICE_DENIED || outcome == NOTICE_REFUSED)
		runlog_add(outgoing->log, notice->script, "a kept message is dropped: %s", error.text);
	return outcome;
}

static void replay_one(struct outgoing *outgoing, size_t index)
{
	enum notice_outcome outcome;
	struct notice notice;
	struct error error;

	if (pending_load(outgoing->pending, index, &notice, &error) != 0) {
		runlog_add(outgoing->log, "spool", "%s.json is put aside as .bad: %s",
		    outgoing->pending->names[index], error.text);
		if (pending_set_aside(outgoing->pending, index, &error) != 0)
			runlog_add(outgoing->log, "spool", "%s", error.text);
		return;
	}
	outcome = replay(outgoing, &notice);
	notice_free(&notice);
	if (outcome != NOTICE_AWAY && outcome != NOTICE_LATER &&
	    pending_remove(outgoing->pending, index, &error) != 0)
		runlog_add(outgoing->log, "spool", "%s", error.text);
}

void outgoing_replay(struct outgoing *outgoing)
{
	for (size_t i = 0; i < outgoing->pending->count && !outgoing->away; i++)
		replay_one(outgoing, i);
}
