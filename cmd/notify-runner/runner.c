#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "clock.h"
#include "cooling.h"
#include "health.h"
#include "json.h"
#include "notice.h"
#include "text.h"
#include "xalloc.h"

/* ---- how scripts do ---- */

static void tell(struct runner *runner, enum health_word word, const char *script,
    struct script_state_entry *entry, const char *why, const struct buf *errors)
{
	struct error error = {.text = ""};
	struct notice notice;
	enum notice_outcome outcome;

	/* So that after a crash these failures are known by the same name, and are told once. */
	script_state_set_health(runner->state, script, entry);
	if (script_state_save(runner->state, clock_wall_ms(), &error) != 0)
		runlog_add(runner->log, script, "warning: %s", error.text);
	health_notice(&notice, word, runner->config, script, entry, why, errors, clock_wall_ms());
	outcome = outgoing_deliver(runner->outgoing, &notice, &error);
	if (outcome == NOTICE_REFUSED)
		runlog_add(runner->log, script, "tg-sendd refuses the word about it: %s", error.text);
	entry->told = word == HEALTH_FAILING && outcome != NOTICE_DENIED;
	notice_free(&notice);
}

/* Remembers that it ran, and tells its owner where it fails for long, or works again. */
static void note_health(
    struct runner *runner, const char *script, bool failed, const char *why, const struct buf *errors)
{
	struct script_state_entry entry;
	char incident[NOTICE_KEY_BYTES] = "";
	enum health_word word;

	if (runner->state == NULL)
		return;
	if (failed)
		notice_new_key(incident);
	script_state_get(runner->state, script, &entry);
	word = health_after(&entry, failed, runner->config->scripts.warn_failures, incident);
	script_state_set_run(runner->state, script, clock_wall_ms());
	if (word != HEALTH_SILENT)
		tell(runner, word, script, &entry, why, errors);
	script_state_set_health(runner->state, script, &entry);
}

static void fail(struct runner *runner, const char *script, const char *why, const struct buf *errors)
{
	bool said = errors->len > 0;

	runner->failed++;
	runlog_add(runner->log, script, "failed: %s%s%s", why, said ? "; stderr: " : "",
	    said ? buf_text(errors) : "");
	note_health(runner, script, true, why, errors);
}

/* ---- what they report ---- */

static void show(const struct notice *notice)
{
	printf("%s: POST /send %s", notice->script, json_line(notice->fields));
	for (size_t i = 0; i < notice->files_count; i++)
		printf(" with %s", notice->files[i].path);
	printf("\n");
}

/* -1 with an error of the script. */
static int send_notice(struct runner *runner, const struct notice *notice, struct error *error)
{
	struct notice_limits limits = {
	    runner->config->delivery.picture_max_bytes, runner->config->delivery.file_max_bytes};
	struct error refusal = {.text = ""};

	if (notice_check_files(notice, &limits, NULL, error) != 0)
		return -1;
	if (runner->dry_run)
		show(notice);
	else if (outgoing_deliver(runner->outgoing, notice, &refusal) == NOTICE_REFUSED)
		return error_set(error, ERROR_INPUT, "tg-sendd refuses it: %s", refusal.text);
	return 0;
}

static void nothing_to_send(struct runner *runner, const char *script, const struct child_result *result)
{
	if (runner->dry_run)
		printf("%s: nothing to send\n", script);
	else
		runlog_add(runner->log, script, "nothing to send (%lld ms)", (long long)result->duration_ms);
}

/* The contract of notify-script(7). */
static int take_report(
    struct runner *runner, const char *script, const struct child_result *result, struct error *error)
{
	struct script_report report = {.notify = false};
	char key[NOTICE_KEY_BYTES];
	struct notice notice;
	int code = 0;

	if (script_conclude(result, &runner->run, &report, error) != 0)
		return -1;
	if (report.warning[0] != '\0')
		runlog_add(runner->log, script, "warning: %s", report.warning);
	if (report.notify) {
		notice_new_key(key);
		notice_make(&notice, &report, script, runner->run.home, key, clock_wall_ms(), !runner->force);
		code = send_notice(runner, &notice, error);
		notice_free(&notice);
	} else {
		nothing_to_send(runner, script, result);
	}
	script_report_free(&report);
	return code;
}

/* All that it printed, if anything. */
static int take_text(
    struct runner *runner, const char *script, const struct child_result *result, struct error *error)
{
	struct buf text = BUF_INIT(SIZE_MAX / 4);
	char key[NOTICE_KEY_BYTES];
	struct notice notice;
	int code = 0;

	if (script_check_result(result, &runner->run, error) != 0)
		return -1;
	(void)text_add_clean(&text, buf_text(&result->output), result->output.len);
	if (text_is_blank(buf_text(&text), text.len)) {
		nothing_to_send(runner, script, result);
	} else {
		notice_new_key(key);
		notice_make_text(&notice, script, NULL, buf_text(&text), key, clock_wall_ms());
		code = send_notice(runner, &notice, error);
		notice_free(&notice);
	}
	buf_free(&text);
	return code;
}

static void take_result(struct runner *runner, const char *script, struct child_result *result)
{
	struct error error = {.text = ""};
	int code = runner->plain ? take_text(runner, script, result, &error)
				 : take_report(runner, script, result, &error);

	if (code != 0)
		fail(runner, script, error.text, &result->errors);
	else
		note_health(runner, script, false, NULL, NULL);
	buf_free(&result->output);
	buf_free(&result->errors);
}

/* ---- running ---- */

struct slots {
	struct child **children; /* those that are free are NULL */
	const char **names;	 /* of the scripts in them */
	size_t running, next;
};

static bool is_cooling(struct runner *runner, const char *script)
{
	char text[CLOCK_TEXT_BYTES];
	int64_t until_ms;

	if (!cooling_until(runner->cooling, script, clock_wall_ms(), &until_ms))
		return false;
	runlog_add(runner->log, script, "not run: its cooldown runs until %s", clock_format(until_ms, text));
	runner->left_out++;
	runner->done++;
	return true;
}

static void start(struct runner *runner, const struct script *script, struct child **child)
{
	struct buf none = BUF_INIT(0);
	struct error error;

	if (is_cooling(runner, script->name) ||
	    script_start(runner->children, script, &runner->run, child, &error) == 0)
		return;
	fail(runner, script->name, error.text, &none);
	runner->done++;
}

static void fill(struct runner *runner, struct slots *slots, const struct script_list *scripts)
{
	for (size_t i = 0; i < runner->jobs && slots->next < scripts->count; i++) {
		while (slots->children[i] == NULL && slots->next < scripts->count) {
			slots->names[i] = scripts->items[slots->next].name;
			start(runner, &scripts->items[slots->next++], &slots->children[i]);
			slots->running += slots->children[i] != NULL;
			progress_show(
			    &runner->progress, runner->done, runner->total, runner->failed, slots->names[i]);
		}
	}
}

/* The next one starts in its place before anybody hears of the result, so that none waits for tg-sendd. */
static void take(struct runner *runner, struct slots *slots, int ended, const struct script_list *scripts)
{
	const char *name = slots->names[ended];
	struct child_result result;

	child_result(slots->children[ended], &result);
	child_free(slots->children[ended]);
	slots->children[ended] = NULL;
	slots->running--;
	runner->done++;
	fill(runner, slots, scripts);
	take_result(runner, name, &result);
}

static void end_all(struct runner *runner, struct slots *slots)
{
	for (size_t i = 0; i < runner->jobs; i++) {
		if (slots->children[i] != NULL)
			runlog_add(runner->log, slots->names[i], "ended, because the runner was told to end");
		child_free(slots->children[i]);
	}
}

void runner_run(struct runner *runner, const struct script_list *scripts)
{
	struct slots slots = {.children = xcalloc(runner->jobs, sizeof(struct child *)),
	    .names = xcalloc(runner->jobs, sizeof(char *))};

	runner->total = scripts->count;
	fill(runner, &slots, scripts);
	while (slots.running > 0 && !runner->stopped) {
		int ended = child_wait_any(slots.children, runner->jobs, runner->stop_fd, -1);

		if (ended < 0)
			runner->stopped = true;
		else
			take(runner, &slots, ended, scripts);
	}
	end_all(runner, &slots);
	progress_end(&runner->progress);
	free(slots.names);
	free(slots.children);
}
