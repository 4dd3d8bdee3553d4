#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "clock.h"
#include "json.h"
#include "notice.h"
#include "xalloc.h"

/* ---- submitting ---- */

static void log_accepted(struct runner *runner, const char *script, const struct courier_answer *answer)
{
	runner->sent++;
	runlog_add(runner->log, script, "sent, message %lld",
	    (long long)(answer->body != NULL ? json_int64(answer->body, "id") : 0));
}

static void log_suppressed(struct runner *runner, const char *script, const struct courier_answer *answer)
{
	int64_t left_ms = json_int64(answer->body, "retry_after") * 1000;
	char text[CLOCK_TEXT_BYTES];

	runlog_add(runner->log, script, "not sent: its cooldown runs until %s",
	    clock_format(clock_wall_ms() + left_ms, text));
}

/* Nobody is asked again once it is known that nothing is taken. */
static enum notice_outcome submit(struct runner *runner, const struct notice *notice, struct error *error)
{
	struct courier_answer answer;
	enum notice_outcome outcome;
	int result;

	if (runner->denied || runner->away) {
		*error = runner->why;
		return runner->denied ? NOTICE_DENIED : NOTICE_AWAY;
	}
	result = courier_submit(runner->courier, notice, &answer, error);
	outcome = notice_judge(answer.status, answer.body, result == 0 ? ERROR_TEMPORARY : error->kind);
	if (outcome == NOTICE_SENT)
		log_accepted(runner, notice->script, &answer);
	else if (outcome == NOTICE_SUPPRESSED)
		log_suppressed(runner, notice->script, &answer);
	else if (outcome != NOTICE_REFUSED)
		runner->why = *error;
	courier_answer_free(&answer);
	runner->away = outcome == NOTICE_AWAY;
	runner->denied = outcome == NOTICE_DENIED;
	return outcome;
}

static void keep(struct runner *runner, const struct notice *notice, const struct error *why)
{
	struct error error;

	if (pending_add(runner->pending, notice, clock_wall_ms(), &error) == 0) {
		runlog_add(runner->log, notice->script, "kept for the next run: %s", why->text);
		return;
	}
	if (error.kind == ERROR_INPUT) {
		runner->failed++;
		runlog_add(runner->log, notice->script, "failed: %s", error.text);
		return;
	}
	runner->lost++;
	runner->lost_why = error;
	runlog_add(runner->log, notice->script, "LOST: %s; it cannot be kept: %s", why->text, error.text);
}

static void deliver(struct runner *runner, struct notice *notice)
{
	struct error error = {.text = ""};

	switch (submit(runner, notice, &error)) {
	case NOTICE_SENT:
	case NOTICE_SUPPRESSED:
		break;
	case NOTICE_AWAY:
	case NOTICE_LATER:
		keep(runner, notice, &error);
		break;
	case NOTICE_DENIED:
		runlog_add(runner->log, notice->script, "not sent: %s", error.text);
		break;
	case NOTICE_REFUSED:
		runner->failed++;
		runlog_add(runner->log, notice->script, "failed: tg-sendd refuses it: %s", error.text);
		break;
	}
}

/* ---- what was kept ---- */

static bool is_too_old(const struct notice *notice)
{
	return clock_wall_ms() - notice->made_ms > PENDING_AGE_MAX_MS;
}

/* Returns what became of it; but for NOTICE_AWAY and NOTICE_LATER it can be removed. */
static enum notice_outcome replay(struct runner *runner, const struct notice *notice)
{
	struct error error = {.text = ""};
	enum notice_outcome outcome;

	if (is_too_old(notice)) {
		runlog_add(runner->log, notice->script, "a kept message is dropped: it is over 7 days old");
		return NOTICE_REFUSED;
	}
	outcome = submit(runner, notice, &error);
	if (outcome == NOTICE_DENIED || outcome == NOTICE_REFUSED)
		runlog_add(runner->log, notice->script, "a kept message is dropped: %s", error.text);
	return outcome;
}

static void replay_one(struct runner *runner, size_t index)
{
	enum notice_outcome outcome;
	struct notice notice;
	struct error error;

	if (pending_load(runner->pending, index, &notice, &error) != 0) {
		runlog_add(runner->log, "spool", "%s.json is put aside as .bad: %s",
		    runner->pending->names[index], error.text);
		if (pending_set_aside(runner->pending, index, &error) != 0)
			runlog_add(runner->log, "spool", "%s", error.text);
		return;
	}
	outcome = replay(runner, &notice);
	notice_free(&notice);
	if (outcome != NOTICE_AWAY && outcome != NOTICE_LATER &&
	    pending_remove(runner->pending, index, &error) != 0)
		runlog_add(runner->log, "spool", "%s", error.text);
}

void runner_replay(struct runner *runner)
{
	for (size_t i = 0; i < runner->pending->count && !runner->away; i++)
		replay_one(runner, i);
}

/* ---- running ---- */

static void show(const struct notice *notice)
{
	printf("%s: POST /send %s", notice->script, json_line(notice->fields));
	for (size_t i = 0; i < notice->files_count; i++)
		printf(" with %s", notice->files[i].path);
	printf("\n");
}

static void fail(struct runner *runner, const char *script, const char *why, const struct buf *errors)
{
	bool said = errors != NULL && errors->len > 0;

	runner->failed++;
	runlog_add(runner->log, script, "failed: %s%s%s", why, said ? "; stderr: " : "",
	    said ? buf_text(errors) : "");
}

static void take_report(struct runner *runner, const char *script, const struct script_report *report)
{
	struct notice notice;
	struct error error;
	char key[NOTICE_KEY_BYTES];

	notice_new_key(key);
	notice_make(&notice, report, script, runner->run.home, key, clock_wall_ms(), true);
	if (notice_check_files(&notice, &runner->limits, NULL, &error) != 0)
		fail(runner, script, error.text, NULL);
	else if (runner->dry_run)
		show(&notice);
	else
		deliver(runner, &notice);
	notice_free(&notice);
}

static void take_result(struct runner *runner, const char *script, struct child_result *result)
{
	struct script_report report = {.notify = false};
	struct error error;

	if (script_conclude(result, &runner->run, &report, &error) != 0) {
		fail(runner, script, error.text, &result->errors);
	} else {
		if (report.warning[0] != '\0')
			runlog_add(runner->log, script, "warning: %s", report.warning);
		if (report.notify)
			take_report(runner, script, &report);
		else if (runner->dry_run)
			printf("%s: nothing to send\n", script);
		else
			runlog_add(
			    runner->log, script, "nothing to send (%lld ms)", (long long)result->duration_ms);
	}
	script_report_free(&report);
	buf_free(&result->output);
	buf_free(&result->errors);
}

static void start(struct runner *runner, const struct script *script, struct child **child)
{
	struct error error;

	if (script_start(runner->children, script, &runner->run, child, &error) != 0)
		fail(runner, script->name, error.text, NULL);
}

/* Slots that are free are NULL; which script runs in a slot is in names. */
void runner_run(struct runner *runner, const struct script_list *scripts)
{
	struct child **slots = xcalloc(runner->jobs, sizeof(struct child *));
	const char **names = xcalloc(runner->jobs, sizeof *names);
	struct child_result result;
	size_t next = 0, running = 0;
	int ended;

	while (!runner->stopped && (next < scripts->count || running > 0)) {
		for (size_t i = 0; i < runner->jobs && next < scripts->count; i++) {
			if (slots[i] != NULL)
				continue;
			names[i] = scripts->items[next].name;
			start(runner, &scripts->items[next++], &slots[i]);
			running += slots[i] != NULL;
		}
		if (running == 0)
			continue;
		ended = child_wait_any(slots, runner->jobs, runner->stop_fd, -1);
		if (ended < 0) {
			runner->stopped = true;
			break;
		}
		child_result(slots[ended], &result);
		child_free(slots[ended]);
		slots[ended] = NULL;
		running--;
		take_result(runner, names[ended], &result);
	}
	for (size_t i = 0; i < runner->jobs; i++) {
		if (slots[i] != NULL)
			runlog_add(runner->log, names[i], "ended, because the runner was told to end");
		child_free(slots[i]);
	}
	free(names);
	free(slots);
}
