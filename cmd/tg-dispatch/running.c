#include "running.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "document.h"
#include "json.h"
#include "log.h"
#include "num.h"
#include "reply.h"
#include "screen.h"
#include "text.h"
#include "texts.h"
#include "xalloc.h"

enum { NUMBER_BYTES = 24, DURATION_BYTES = 32, KEY_BYTES = 64, DATA_BYTES = 32, LINE_MAX_BYTES = 256 << 10 };

/* At Telegram; shorter than between those that leave, so that none has to wait for the one before. */
enum { EDIT_INTERVAL_MS = 2001 };

enum { PAUSED_MS = 2000 }; /* between two looks whether a chat takes messages again */

struct job {
	struct store_job record;
	int64_t start_ms;
	struct screen *screen;
	char *stop_label;
	struct document document;
	bool document_failed, document_told;
	bool ended;
	bool unheard;		 /* the chat is not its user's any more */
	int64_t paused_until_ms; /* 0: the chat takes messages */
};

struct running {
	struct job *jobs; /* by number */
	size_t count;
};

struct running *running_new(void)
{
	return xcalloc(1, sizeof(struct running));
}

static void free_job(struct job *job)
{
	screen_free(job->screen);
	document_free(&job->document);
	free(job->stop_label);
}

void running_free(struct running *running)
{
	for (size_t i = 0; running != NULL && i < running->count; i++)
		free_job(&running->jobs[i]);
	if (running != NULL)
		free(running->jobs);
	free(running);
}

/* ---- who may start what ---- */

bool running_is_of(const struct store_job *job, const char *user, int64_t chat)
{
	return strcmp(job->user, user) == 0 && (user[0] != '\0' || job->chat == chat);
}

/* A script of the server runs once, whoever started it. */
static bool is_same(const struct store_job *job, const struct store_job *wanted)
{
	return job->is_server == wanted->is_server && job->is_program == wanted->is_program &&
	       strcmp(job->script, wanted->script) == 0 &&
	       (wanted->is_server || running_is_of(job, wanted->user, wanted->chat));
}

enum running_verdict running_may_start(const struct running *running, const struct store_job *wanted)
{
	size_t own = 0;

	for (size_t i = 0; i < running->count; i++) {
		const struct job *job = &running->jobs[i];

		if (job->ended)
			continue;
		if (is_same(&job->record, wanted))
			return RUNNING_BUSY;
		own += running_is_of(&job->record, wanted->user, wanted->chat);
	}
	if (own >= RUNNING_PER_USER)
		return RUNNING_MANY;
	return running->count >= RUNNING_MAX ? RUNNING_FULL : RUNNING_ALLOWED;
}

size_t running_count(const struct running *running)
{
	return running->count;
}

size_t running_of(const struct running *running, const char *user, int64_t chat,
    const struct store_job *jobs[RUNNING_PER_USER])
{
	size_t count = 0;

	for (size_t i = 0; i < running->count && count < RUNNING_PER_USER; i++) {
		if (!running->jobs[i].ended && running_is_of(&running->jobs[i].record, user, chat))
			jobs[count++] = &running->jobs[i].record;
	}
	return count;
}

static struct job *find(const struct running *running, int64_t id)
{
	for (size_t i = 0; i < running->count; i++) {
		if (running->jobs[i].record.id == id && !running->jobs[i].ended)
			return &running->jobs[i];
	}
	return NULL;
}

const struct store_job *running_find(const struct running *running, int64_t id)
{
	const struct job *job = find(running, id);

	return job != NULL ? &job->record : NULL;
}

/* ---- what happens to them ---- */

/* A text of the table, filled in; the caller frees it. */
static char *words(const struct config *config, enum text_id id, const struct text_value *values)
{
	struct buf text = BUF_INIT(TEXT_MAX_BYTES);
	struct error error;

	/* Too long is cut: there is room for far more than is shown. */
	(void)text_format(text_get(config, id), values, &text, NULL, &error);
	return text.data != NULL ? text.data : xstrdup("");
}

static char *words_about(const struct config *config, enum text_id id, const struct store_job *job)
{
	const struct text_value values[] = {{"script", job->script}, {NULL, NULL}};

	return words(config, id, values);
}

void running_add(
    struct running *running, const struct config *config, const struct store_job *record, int64_t now_ms)
{
	char *said[] = {words_about(config, TEXT_JOB_RUNNING, record),
	    words_about(config, TEXT_JOB_ENDED, record), words_about(config, TEXT_JOB_MORE, record)};
	struct job *job;

	running->jobs = xreallocarray(running->jobs, running->count + 1, sizeof *running->jobs);
	job = &running->jobs[running->count++];
	*job = (struct job){.record = *record, .start_ms = now_ms, .document = DOCUMENT_INIT};
	job->screen = screen_new(&(struct screen_words){said[0], said[1], said[2]}, now_ms);
	job->stop_label = words_about(config, TEXT_BUTTON_STOP, record);
	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
		free(said[i]);
	log_info("job started", LOG_INT("job", record->id), LOG_INT("chat", record->chat),
	    LOG_STR("user", record->user), LOG_STR("script", record->script));
}

/* What comes from a script, as part of a line. */
static void add_error(struct buf *line, const char *text)
{
	text_add_line(line, text != NULL ? text : "?", 300);
}

static enum text_id end_text(const struct executor_event *event)
{
	if (event->timed_out)
		return TEXT_JOB_TIMED_OUT;
	if (event->stopped)
		return TEXT_JOB_STOPPED;
	if (event->status < 0)
		return TEXT_JOB_SIGNAL;
	if (event->report == REPORT_NOTHING)
		return TEXT_JOB_NOTHING;
	return event->report == REPORT_FAILED ? TEXT_JOB_UNSENT : TEXT_JOB_EXIT;
}

/* Takes line over. */
static char *put_above(const char *above, char *line)
{
	char *lines = xasprintf("%s\n%s", above, line);

	free(line);
	return lines;
}

static char *end_line(
    const struct config *config, const struct store_job *job, const struct executor_event *event)
{
	char status[NUMBER_BYTES], signal[NUMBER_BYTES], duration[DURATION_BYTES];
	struct buf reason = BUF_INIT(512);
	struct text_value values[] = {{"error", NULL}, {"script", job->script}, {"status", status},
	    {"signal", signal}, {"duration", duration}, {NULL, NULL}};
	char *line;

	snprintf(status, sizeof status, "%lld", (long long)event->status);
	snprintf(signal, sizeof signal, "%lld", (long long)event->signal);
	if (event->duration_ms < 100)
		snprintf(duration, sizeof duration, "%lldms", (long long)event->duration_ms);
	else if (event->duration_ms < 10000)
		snprintf(duration, sizeof duration, "%lld.%llds", (long long)event->duration_ms / 1000,
		    (long long)event->duration_ms / 100 % 10);
	else
		num_format_duration(event->duration_ms, duration, sizeof duration);
	add_error(&reason, event->error);
	values[0].value = buf_text(&reason);
	line = words(config, event->kind == EXECUTOR_FAILED ? TEXT_JOB_FAILED : end_text(event), values);
	/* What is wrong with a report, which was shown as it is. */
	if (event->kind == EXECUTOR_FINISHED && event->report == REPORT_NONE && event->error != NULL)
		line = put_above(buf_text(&reason), line);
	if (event->cut)
		line = put_above(text_get(config, TEXT_JOB_CUT), line);
	buf_free(&reason);
	return line;
}

static const char *outcome_of(const struct executor_event *event)
{
	static const char *const reports[] = {"ended", "nothing to report", "sent", "not sent"};

	if (event->kind == EXECUTOR_FAILED)
		return "not run";
	if (event->timed_out)
		return "timed out";
	if (event->stopped)
		return "stopped";
	return event->status < 0 ? "signal" : event->status != 0 ? "failed" : reports[event->report];
}

/* What a script has submitted, and what a program says and ends well, needs no word of ours. */
static enum screen_line when_to_say(const struct job *job, const struct executor_event *event)
{
	if (event->kind != EXECUTOR_FINISHED)
		return SCREEN_LINE_ALWAYS;
	if (event->report == REPORT_SENT)
		return SCREEN_LINE_WITH_OUTPUT;
	return job->record.is_program && event->status == 0 && !event->cut && !event->timed_out &&
		       !event->stopped
		   ? SCREEN_LINE_UNLESS_PLAIN
		   : SCREEN_LINE_ALWAYS;
}

static void end_job(
    struct job *job, const char *line, enum screen_line when, const char *outcome, int64_t now_ms)
{
	screen_end(job->screen, line, when, now_ms);
	job->ended = true;
	log_info("job ended", LOG_INT("job", job->record.id), LOG_INT("chat", job->record.chat),
	    LOG_STR("user", job->record.user), LOG_STR("script", job->record.script),
	    LOG_STR("outcome", outcome), LOG_INT("duration_ms", now_ms - job->start_ms));
}

bool running_event(
    struct running *running, const struct config *config, const struct executor_event *event, int64_t now_ms)
{
	struct job *job = find(running, event->job);
	char *line;

	if (job == NULL)
		return false;
	if (event->kind == EXECUTOR_OUTPUT)
		screen_output(job->screen, event->text, event->len, now_ms);
	if (event->kind == EXECUTOR_FINISHED || event->kind == EXECUTOR_FAILED) {
		line = end_line(config, &job->record, event);
		end_job(job, line, when_to_say(job, event), outcome_of(event), now_ms);
		free(line);
	}
	return true;
}

static enum text_id interrupted_text(const struct store_job *job)
{
	return job->is_program ? TEXT_PROGRAM_INTERRUPTED : TEXT_JOB_INTERRUPTED;
}

void running_interrupt(struct running *running, const struct config *config, int64_t now_ms)
{
	for (size_t i = 0; i < running->count; i++) {
		struct job *job = &running->jobs[i];
		char *line;

		if (job->ended)
			continue;
		line = words_about(config, interrupted_text(&job->record), &job->record);
		end_job(job, line, SCREEN_LINE_ALWAYS, "interrupted", now_ms);
		free(line);
	}
}

/* ---- what is shown of them ---- */

/* A call to the chat of a job, without what it says. */
static struct json_object *new_call(
    const struct store_job *job, const char *method, const char *key, const char *class)
{
	struct json_object *call = json_object_new_object(), *tgtools = json_object_new_object();

	json_put_text(call, "method", method);
	json_put_int64(call, "chat_id", job->chat);
	if (job->thread != 0)
		json_put_int64(call, "message_thread_id", job->thread);
	json_put_text(tgtools, "key", key);
	json_put_text(tgtools, "class", class);
	json_put_int64(tgtools, "interval_ms", EDIT_INTERVAL_MS);
	json_object_object_add(call, "tgtools", tgtools);
	return call;
}

/* Takes the call over. */
static void add_call(struct buf *out, struct json_object *call)
{
	if (buf_add_format(out, "%s\n", json_line(call)) != 0)
		log_error("no room for what a script printed");
	json_object_put(call);
}

static void put_pre(struct json_object *call, size_t length)
{
	struct json_object *entities = json_object_new_array(), *entity = json_object_new_object();

	json_put_text(entity, "type", "pre");
	json_put_int64(entity, "offset", 0);
	json_put_int64(entity, "length", (int64_t)length);
	json_object_array_add(entities, entity);
	json_object_object_add(call, "entities", entities);
}

static void put_stop_button(struct json_object *call, const struct job *job)
{
	struct json_object *keyboard = keyboard_new(), *calls = json_object_new_array();
	char data[DATA_BYTES];

	snprintf(data, sizeof data, "stop:%lld", (long long)job->record.id);
	keyboard_add_button(keyboard_add_row(keyboard), job->stop_label, data);
	json_object_array_add(calls, json_object_get(call));
	reply_keyboard(calls, keyboard);
	json_object_put(calls);
}

static void show_message(const struct job *job, const struct screen_message *message, struct buf *out)
{
	struct json_object *call;
	char key[KEY_BYTES];

	snprintf(key, sizeof key, "job-%lld-%lld", (long long)job->record.id, (long long)message->part);
	call = new_call(&job->record, "sendMessage", key, message->is_late ? "bulk" : "notification");
	json_put_text(call, "text", message->text);
	if (message->pre_length > 0)
		put_pre(call, message->pre_length);
	if (message->is_live)
		put_stop_button(call, job);
	add_call(out, call);
}

/* The rest, with the last line; where it could not be kept, that line alone. */
static void show_document(struct job *job, struct buf *out)
{
	const char *method = job->document_failed ? "sendMessage" : "sendDocument";
	const char *line = screen_last_line(job->screen);
	struct json_object *call;
	char key[KEY_BYTES], *name;

	job->document_told = true;
	document_end(&job->document);
	snprintf(key, sizeof key, "job-%lld-rest", (long long)job->record.id);
	call = new_call(&job->record, method, key, "notification");
	json_put_text(call, job->document_failed ? "text" : "caption", line[0] != '\0' ? line : NULL);
	if (!job->document_failed) {
		name = xasprintf("file://%s", job->document.path);
		json_put_text(call, "document", name);
		free(name);
	}
	add_call(out, call);
}

static void keep_rest(struct job *job, const struct config *config)
{
	struct buf *rest = screen_rest(job->screen);
	struct error error;

	if (!screen_has_rest(job->screen))
		return;
	if (rest->len > 0 && !job->document_failed &&
	    document_add(&job->document, config->store.path, job->record.script, job->record.id, rest->data,
		rest->len, config->delivery.file_max_bytes, &error) != 0) {
		job->document_failed = true;
		log_error("the output of a job cannot be kept", LOG_INT("job", job->record.id),
		    LOG_STR("error", error.text));
	}
	buf_clear(rest);
}

/* 1 where the link is still that of who started the job, or it was nobody with a link; 0, -1. */
static int find_link(
    struct store_txn *txn, const struct store_job *job, struct store_link *link, struct error *error)
{
	int found;

	if (job->user[0] == '\0')
		return 1;
	found = store_link_of_chat(txn, job->link_chat != 0 ? job->link_chat : job->chat, link, error);
	return found == 1 && strcmp(link->user, job->user) != 0 ? 0 : found;
}

enum hearing { HEARD, HEARD_LATER, UNHEARD };

/*
 * Whether the chat is still that of the one who started the job, and takes messages; where that cannot be
 * told, both. The end is said in any case: what Telegram refuses of it is kept with the dead messages.
 */
static enum hearing hearing_of(const struct job *job, struct store *store)
{
	const struct store_job *record = &job->record;
	struct store_txn *txn;
	struct store_link link = {.paused = false};
	struct error error;
	int found;

	if (store_begin_read(store, &txn, &error) != 0)
		return HEARD;
	found = find_link(txn, record, &link, &error);
	store_abort(txn);
	if (found < 0)
		return HEARD;
	if (found == 0)
		return UNHEARD;
	/* That the person's own chat takes nothing says nothing of a group. */
	return link.paused && link.chat == record->chat && !job->ended ? HEARD_LATER : HEARD;
}

static bool wants_document(const struct job *job)
{
	return screen_has_rest(job->screen) && screen_is_told(job->screen) && !job->document_told;
}

static void show_job(struct job *job, int64_t now_ms, struct buf *out)
{
	struct screen_message message;

	if (job->paused_until_ms != 0)
		screen_repeat(job->screen);
	job->paused_until_ms = 0;
	while (screen_next(job->screen, now_ms, &message))
		show_message(job, &message, out);
	if (wants_document(job))
		show_document(job, out);
}

static bool is_told(const struct job *job)
{
	return job->ended && (job->unheard || (screen_is_done(job->screen) &&
						  (job->document_told || !screen_has_rest(job->screen))));
}

static int64_t job_due_ms(const struct job *job)
{
	int64_t due_ms;

	if (job->unheard)
		return INT64_MAX;
	if (wants_document(job))
		return 0;
	due_ms = screen_due_ms(job->screen);
	return !job->ended && due_ms < job->paused_until_ms ? job->paused_until_ms : due_ms;
}

void running_show(struct running *running, const struct config *config, struct store *store, int64_t now_ms,
    struct buf *out, int64_t *orphan)
{
	*orphan = 0;
	for (size_t i = 0; i < running->count; i++) {
		struct job *job = &running->jobs[i];
		enum hearing hearing;

		keep_rest(job, config);
		if (is_told(job) || job_due_ms(job) > now_ms || out->max - out->len < LINE_MAX_BYTES)
			continue;
		hearing = hearing_of(job, store);
		if (hearing == HEARD)
			show_job(job, now_ms, out);
		else if (hearing == HEARD_LATER)
			job->paused_until_ms = now_ms + PAUSED_MS;
		job->unheard = hearing == UNHEARD;
		if (job->unheard && !job->ended) {
			*orphan = job->record.id;
			return;
		}
	}
}

int64_t running_due_ms(const struct running *running)
{
	int64_t due_ms = INT64_MAX;

	for (size_t i = 0; i < running->count; i++) {
		if (job_due_ms(&running->jobs[i]) < due_ms)
			due_ms = job_due_ms(&running->jobs[i]);
	}
	return due_ms;
}

/* ---- the store ---- */

bool running_has_ended(const struct running *running)
{
	for (size_t i = 0; i < running->count; i++) {
		if (is_told(&running->jobs[i]))
			return true;
	}
	return false;
}

static int forget_in(const struct running *running, struct store_txn *txn, struct error *error)
{
	for (size_t i = 0; i < running->count; i++) {
		if (is_told(&running->jobs[i]) &&
		    store_job_remove(txn, running->jobs[i].record.id, error) < 0)
			return -1;
	}
	return 0;
}

int running_forget_ended(struct running *running, struct store *store, struct error *error)
{
	struct store_txn *txn;
	size_t kept = 0;

	if (store_begin(store, &txn, error) != 0)
		return -1;
	if (forget_in(running, txn, error) != 0) {
		store_abort(txn);
		return -1;
	}
	if (store_commit(txn, error) != 0)
		return -1;
	for (size_t i = 0; i < running->count; i++) {
		if (is_told(&running->jobs[i]))
			free_job(&running->jobs[i]);
		else
			running->jobs[kept++] = running->jobs[i];
	}
	running->count = kept;
	return 0;
}

static void report(const struct config *config, const struct store_job *job, struct buf *out)
{
	char key[KEY_BYTES], *text = words_about(config, interrupted_text(job), job);
	struct json_object *call;

	snprintf(key, sizeof key, "job-%lld-end", (long long)job->id);
	if (text[0] != '\0') {
		call = new_call(job, "sendMessage", key, "notification");
		json_put_text(call, "text", text);
		add_call(out, call);
	}
	free(text);
	log_warning("job was interrupted", LOG_INT("job", job->id), LOG_INT("chat", job->chat),
	    LOG_STR("user", job->user), LOG_STR("script", job->script));
}

/* A job that runs, or has ended and is still to be forgotten. */
static bool has_job(const struct running *running, int64_t id)
{
	for (size_t i = 0; i < running->count; i++) {
		if (running->jobs[i].record.id == id)
			return true;
	}
	return false;
}

static int report_job(struct store_txn *txn, const struct config *config, const struct store_job *job,
    struct buf *out, struct error *error)
{
	struct store_link link;
	int linked = find_link(txn, job, &link, error);

	if (linked < 0)
		return -1;
	if (linked == 1)
		report(config, job, out);
	return job->state == STORE_JOB_RUNNING ? store_job_set(txn, job->id, STORE_JOB_INTERRUPTED, error)
					       : store_job_remove(txn, job->id, error);
}

static int report_in(const struct running *running, struct store_txn *txn, const struct config *config,
    struct buf *out, struct error *error)
{
	struct store_job job = {.id = 0};
	int found;

	while ((found = store_job_next(txn, job.id, &job, error)) == 1) {
		if (!has_job(running, job.id) && report_job(txn, config, &job, out, error) < 0)
			return -1;
	}
	return found;
}

int running_report_interrupted(const struct running *running, struct store *store,
    const struct config *config, struct buf *out, struct error *error)
{
	size_t before = out->len;
	struct store_txn *txn;
	int result;

	if (store_begin(store, &txn, error) != 0)
		return -1;
	result = report_in(running, txn, config, out, error);
	if (result == 0)
		result = store_commit(txn, error);
	else
		store_abort(txn);
	if (result != 0 && out->data != NULL)
		out->data[out->len = before] = '\0';
	return result;
}

void running_sweep_documents(const struct config *config, int64_t now_wall_ms)
{
	document_sweep(config->store.path, now_wall_ms);
}
