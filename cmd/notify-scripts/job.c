#include "job.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "deliver.h"
#include "fd.h"
#include "json.h"
#include "num.h"
#include "withhold.h"

struct job {
	const struct place *place;
	const struct job_options *options;
	struct script script;
	struct script_run run;
	struct watch watch;
	struct stream *stream;
	struct withhold withhold;
	struct children *children;
	struct child *child;
};

/* ---- while it runs ---- */

static void tell_output(void *context, const char *data, size_t len)
{
	stream_output(context, CHILD_OUTPUT, data, len);
}

static void on_piece(void *context, enum child_stream from, const char *data, size_t len)
{
	struct job *job = context;

	if (from == CHILD_OUTPUT && job->options->deliver)
		withhold_feed(&job->withhold, data, len, tell_output, job->stream);
	else
		stream_output(job->stream, from, data, len);
}

static void on_end(void *context)
{
	struct job *job = context;

	/* What could not be started needs no end. */
	if (job->child != NULL)
		child_stop(job->child);
}

static void await_end(struct job *job)
{
	while (child_wait_any(&job->child, 1, job->watch.fd, -1) < 0) {
		if (watch_asks_end(&job->watch))
			child_stop(job->child);
	}
}

/* ---- what became of it ---- */

/* 0: it ended by itself and well. Else the exit code, with the words for it in error. */
static int judge(const struct job *job, const struct child_result *result, struct error *error)
{
	char text[32];

	if (result->timed_out) {
		error_set(error, ERROR_INPUT, "Script timed out after %s",
		    num_format_duration(job->run.timeout_ms, text, sizeof text));
		return JOB_TIMED_OUT;
	}
	if (result->stopped)
		error_set(error, ERROR_INPUT, "Script was stopped");
	else if (result->signal != 0)
		error_set(error, ERROR_INPUT, "Script was ended by signal %d (%s)", result->signal,
		    strsignal(result->signal));
	else if (result->exit_status != 0)
		error_set(error, ERROR_INPUT, "Script failed with exit code %d", result->exit_status);
	else
		return 0;
	return JOB_FAILED;
}

/* Submits the report of a script that wants to notify. Returns the exit code. */
static int deliver(const struct job *job, const struct script_report *report, struct error *error)
{
	if (deliver_report(job->place, &job->script, report, error) == 0)
		return 0;
	return error_exit_code(error->kind);
}

/* Whether its author meant it to be a report. */
static bool is_meant(const struct buf *output)
{
	struct json_object *object = NULL;
	struct error error;
	bool result = script_parse_object(buf_text(output), output->len, &object, &error) == 0 &&
		      json_object_object_get_ex(object, "notify", NULL);

	json_object_put(object);
	return result;
}

/* Events: what is no report, or could not be sent, comes as output after all. */
static int conclude_events(struct job *job, const struct child_result *result)
{
	struct error error = {.text = ""}, broken;
	struct script_report report = {.notify = false};
	int code = judge(job, result, &error);
	const char *words = "none";

	if (job->options->deliver && code == 0) {
		if (script_conclude(result, &job->run, &report, &broken) != 0) {
			if (is_meant(&result->output))
				error_set(&error, ERROR_INPUT, "Its report is not valid: %s", broken.text);
		} else {
			words = report.notify ? "sent" : "nothing";
			if (report.notify)
				code = deliver(job, &report, &error);
			if (code != 0)
				words = "failed";
			else
				buf_clear(&job->withhold.held);
		}
	}
	withhold_release(&job->withhold, tell_output, job->stream);
	/* The status says so itself where the script failed. */
	if (code == JOB_FAILED)
		error.text[0] = '\0';
	stream_finished(job->stream, result, words, error.text[0] != '\0' ? error.text : NULL);
	script_report_free(&report);
	return code;
}

static int conclude(struct job *job, const struct child_result *result)
{
	struct error error, broken, unsent;
	struct script_report report = {.notify = false};
	struct json_object *object = NULL;
	int code = judge(job, result, &error);

	/* As it would be had the script been started by hand. */
	(void)fd_write_all(STDERR_FILENO, buf_text(&result->errors), result->errors.len);
	if (code == 0 && script_conclude(result, &job->run, &report, &broken) != 0) {
		error_set(&error, ERROR_INPUT, "Script printed no report: %s", broken.text);
		code = EX_DATAERR;
	}
	if (code == 0 && job->options->deliver && report.notify) {
		code = deliver(job, &report, &unsent);
		if (code != 0)
			error_set(&error, unsent.kind, "The report was not sent: %s", unsent.text);
	}
	if (code == 0 &&
	    script_parse_object(buf_text(&result->output), result->output.len, &object, &error) == 0)
		stream_line(job->stream, object);
	else
		stream_error(job->stream, error.text);
	script_report_free(&report);
	return code;
}

/* Nothing depends on it, so what goes wrong is only said. */
static void note_run(const struct job *job)
{
	struct error error;

	if (!job->options->server && deliver_note_run(job->place, &job->script, clock_wall_ms(), &error) != 0)
		fprintf(stderr, "notify-scripts: when it ran is not kept: %s\n", error.text);
}

/* ---- all of it ---- */

/* Says that it did not even start; returns the exit code. */
static int fail(const struct job *job, const struct error *error, int code)
{
	if (job->options->events)
		stream_failed(job->stream, error->text);
	else
		stream_error(job->stream, error->text);
	return code;
}

static void prepare(struct job *job)
{
	const struct config *config = job->place->config;

	job->run = (struct script_run){.home = job->place->account.home,
	    .user = job->place->account.name,
	    .timeout_ms = job->run.timeout_ms,
	    .output_max_bytes = (size_t)config->scripts.output_bytes,
	    .limits = {config->scripts.memory_bytes, config->scripts.file_size_bytes,
		config->scripts.open_files},
	    .manual = true,
	    .args = job->options->args,
	    .on_piece = job->options->events ? on_piece : NULL,
	    .context = job};
	withhold_init(&job->withhold, job->run.output_max_bytes);
	job->stream->watch = &job->watch;
	job->stream->on_end = on_end;
	job->stream->context = job;
}

/* 0: it runs; else the exit code. */
static int start(struct job *job)
{
	const struct job_options *options = job->options;
	struct error error;

	if (place_script(
		job->place, options->name, options->server, &job->script, &job->run.timeout_ms, &error) != 0)
		return fail(
		    job, &error, error.kind == ERROR_INPUT ? EX_NOINPUT : error_exit_code(error.kind));
	if (script_check_args(options->args, &error) != 0)
		return fail(job, &error, EX_USAGE);
	prepare(job);
	if (watch_open(&job->watch, options->until_eof, &error) != 0 ||
	    script_start(job->children, &job->script, &job->run, &job->child, &error) != 0)
		return fail(job, &error, error_exit_code(error.kind));
	return 0;
}

static int finish(struct job *job)
{
	struct child_result result;
	int code;

	child_result(job->child, &result);
	/* Nobody can end it any more. */
	job->stream->watch = NULL;
	note_run(job);
	code = job->options->events ? conclude_events(job, &result) : conclude(job, &result);
	buf_free(&result.output);
	buf_free(&result.errors);
	return code;
}

int job_run(const struct place *place, const struct job_options *options, struct stream *stream)
{
	struct job job = {.place = place,
	    .options = options,
	    .stream = stream,
	    .watch = WATCH_INIT,
	    .children = children_new()};
	int code = start(&job);

	if (code == 0) {
		if (options->events)
			stream_started(stream, job.script.name);
		await_end(&job);
		code = finish(&job);
	}
	child_free(job.child);
	children_free(job.children);
	stream->watch = NULL;
	watch_close(&job.watch);
	withhold_free(&job.withhold);
	script_free(&job.script);
	return code;
}
