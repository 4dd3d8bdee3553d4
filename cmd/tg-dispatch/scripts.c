/* The commands and buttons around scripts: /scripts, /run, /jobs, /stop, and rows with a script. */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "num.h"
#include "reply.h"
#include "running.h"
#include "script.h"
#include "scripts.h"
#include "text.h"
#include "xalloc.h"

enum {
	PAGE_ROWS = 8,
	NAMES_MAX = 50, /* that are told where one is missing */
	WHEN_BYTES = 64,
	NAME_SHOWN_BYTES = 64,
	DATA_BYTES = 48,
	LINES_MAX_BYTES = 32 << 10,
};

/* What a button stands for: store_button's action. */
static const char action_own[] = "run", action_server[] = "run-server";

/* A script that the caller may run. Texts are borrowed. */
struct entry {
	const char *name, *stem;
	const char *last_run, *last_sent; /* NULL: never */
	bool is_server;
};

struct entries {
	struct entry *items;
	size_t count;
};

/* ---- what there is ---- */

static bool may_run_server(const struct request *request, const struct config_server_script *script)
{
	return access_check(script->access, request->caller, request->config) == ACCESS_ALLOWED;
}

/* A script of the server that the caller may run, or NULL. */
static const char *find_server_script(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->config->server_scripts_count; i++) {
		const struct config_server_script *script = &request->config->server_scripts[i];

		if (strcmp(script->name, name) == 0)
			return may_run_server(request, script) ? script->name : NULL;
	}
	return NULL;
}

static void add_entry(struct entries *entries, const struct entry *entry)
{
	entries->items = xreallocarray(entries->items, entries->count + 1, sizeof *entries->items);
	entries->items[entries->count++] = *entry;
}

/* The caller's own as they were listed, then those of the server; what is not in order is left out. */
static void find_entries(const struct request *request, struct entries *entries)
{
	struct json_object *scripts = request->awaited->answer;
	size_t count = scripts != NULL ? json_object_array_length(scripts) : 0;

	*entries = (struct entries){.count = 0};
	for (size_t i = 0; i < count; i++) {
		struct json_object *script = json_object_array_get_idx(scripts, i);
		bool is_object = json_object_is_type(script, json_type_object);
		struct entry entry = {.name = is_object ? json_text(script, "name") : NULL};

		if (entry.name == NULL || !script_name_is_valid(entry.name))
			continue;
		entry.stem = json_text(script, "stem");
		entry.last_run = json_text(script, "last_run");
		entry.last_sent = json_text(script, "last_sent");
		add_entry(entries, &entry);
	}
	for (size_t i = 0; i < request->config->server_scripts_count; i++) {
		const struct config_server_script *script = &request->config->server_scripts[i];

		if (may_run_server(request, script))
			add_entry(entries, &(struct entry){.name = script->name, .is_server = true});
	}
}

/* Meanwhile the chat may have become that of another account. */
bool scripts_must_wait(struct request *request)
{
	if (request->awaited != NULL && request->awaited->kind == WISH_LIST &&
	    strcmp(request->awaited->user, request->caller->link.user) == 0)
		return false;
	request->wish->kind = WISH_LIST;
	snprintf(request->wish->user, sizeof request->wish->user, "%s", request->caller->link.user);
	return true;
}

static int say_away(struct request *request, struct error *error)
{
	request->outcome = "away";
	return request_answer(request, TEXT_SCRIPTS_AWAY, NULL, error);
}

/* ---- /scripts ---- */

/* A time as notify-scripts tells it, which is shown in one unit, like its own "5m ago". */
static const char *format_when(const struct request *request, const char *when, struct buf *text)
{
	char duration[WHEN_BYTES];
	const struct text_value values[] = {{"duration", duration}, {NULL, NULL}};
	struct error error;
	int64_t wall_ms;

	if (when == NULL)
		return text_get(request->config, TEXT_SCRIPTS_NEVER);
	if (clock_parse(when, &wall_ms) != 0) {
		text_add_line(text, when, WHEN_BYTES);
		return buf_text(text);
	}
	wall_ms = wall_ms < request->now_ms ? wall_ms : request->now_ms;
	num_format_duration(request->now_ms - wall_ms, duration, sizeof duration);
	duration[strcspn(duration, " ")] = '\0';
	(void)text_format(text_get(request->config, TEXT_SCRIPTS_AGO), values, text, NULL, &error);
	return buf_text(text);
}

static int add_line(
    const struct request *request, const struct entry *entry, struct buf *lines, struct error *error)
{
	enum text_id id = entry->is_server ? TEXT_SCRIPTS_LINE_SERVER : TEXT_SCRIPTS_LINE;
	struct buf run = BUF_INIT(TEXT_MAX_BYTES), sent = BUF_INIT(TEXT_MAX_BYTES);
	const struct text_value values[] = {{"script", entry->name},
	    {"run", format_when(request, entry->last_run, &run)},
	    {"sent", format_when(request, entry->last_sent, &sent)}, {NULL, NULL}};
	int result = 0;

	if (lines->len > 0 && buf_add_text(lines, "\n") != 0)
		result = error_set(error, ERROR_BUG, "the list of scripts is too long");
	if (result == 0)
		result = text_format(text_get(request->config, id), values, lines, NULL, error);
	buf_free(&run);
	buf_free(&sent);
	return result;
}

static int add_run_button(
    struct request *request, const struct entry *entry, struct json_object *keyboard, struct error *error)
{
	struct store_button button = {.used_ms = request->now_ms};
	char id[STORE_BUTTON_BYTES], data[DATA_BYTES];
	int written;

	snprintf(button.user, sizeof button.user, "%s", request->caller->link.user);
	snprintf(button.action, sizeof button.action, "%s", entry->is_server ? action_server : action_own);
	snprintf(button.target, sizeof button.target, "%s", entry->name);
	written = store_button_put(request->txn, &button, id, error);
	if (written < 0)
		return -1;
	request->changed |= written > 0;
	snprintf(data, sizeof data, "run:%s", id);
	keyboard_add_button(keyboard_add_row(keyboard), entry->name, data);
	return 0;
}

static int show_page(struct request *request, const struct entries *entries, size_t page, struct error *error)
{
	size_t pages = (entries->count + PAGE_ROWS - 1) / PAGE_ROWS, end;
	struct buf lines = BUF_INIT(LINES_MAX_BYTES);
	struct text_value values[] = {{"scripts", NULL}, {NULL, NULL}};
	struct json_object *keyboard = keyboard_new();
	bool is_edit = request->update->kind == UPDATE_TAP && request->update->message_id != 0;
	int result = 0;

	page = page < pages ? page : pages - 1;
	end = (page + 1) * PAGE_ROWS < entries->count ? (page + 1) * PAGE_ROWS : entries->count;
	for (size_t i = page * PAGE_ROWS; result == 0 && i < end; i++) {
		result = add_line(request, &entries->items[i], &lines, error);
		if (result == 0)
			result = add_run_button(request, &entries->items[i], keyboard, error);
	}
	keyboard_add_pages(keyboard, "scripts", page, pages);
	values[0].value = buf_text(&lines);
	if (result == 0)
		result = (is_edit ? reply_edit : reply_message)(
		    request->calls, request->update, text_get(request->config, TEXT_SCRIPTS), values, error);
	if (result == 0)
		reply_keyboard(request->calls, keyboard);
	else
		json_object_put(keyboard);
	buf_free(&lines);
	return result;
}

static int list_page(struct request *request, size_t page, struct error *error)
{
	const struct text_value values[] = {{"directory", request->config->scripts.directory}, {NULL, NULL}};
	struct entries entries;
	int result;

	if (request->running == NULL)
		return say_away(request, error);
	if (scripts_must_wait(request))
		return 0;
	/* Who has none, or may have none, can still run those of the server. */
	find_entries(request, &entries);
	request->outcome = "listed";
	if (entries.count == 0 && request->awaited->answer == NULL)
		result = say_away(request, error);
	else if (entries.count == 0)
		result = request_say(request, TEXT_SCRIPTS_NONE, values, error);
	else
		result = show_page(request, &entries, page, error);
	free(entries.items);
	return result;
}

int scripts_list(struct request *request, struct error *error)
{
	return list_page(request, 0, error);
}

int scripts_list_page(struct request *request, struct error *error)
{
	int64_t page = 1;

	if (num_int64(request->target, 1, 1000000, &page) != 0)
		return request_answer(request, TEXT_BUTTON_GONE, NULL, error);
	return list_page(request, (size_t)page - 1, error);
}

/* ---- /run ---- */

static int say_about(
    struct request *request, enum text_id text, const char *script, const char *outcome, struct error *error)
{
	char count[DATA_BYTES];
	const struct text_value values[] = {{"script", script}, {"count", count}, {NULL, NULL}};

	snprintf(count, sizeof count, "%d", RUNNING_PER_USER);
	request->outcome = outcome;
	return request_answer(request, text, values, error);
}

static void fill_job(
    const struct request *request, const char *name, enum scripts_kind kind, struct store_job *job)
{
	const struct store_link *link = &request->caller->link;

	*job = (struct store_job){.chat = request->update->chat,
	    .thread = request->update->thread,
	    .is_server = kind == SCRIPTS_SERVER,
	    .is_program = kind == SCRIPTS_PROGRAM,
	    .started_ms = request->now_ms};
	if (request->caller->linked && link->chat != request->update->chat)
		job->link_chat = link->chat;
	snprintf(job->user, sizeof job->user, "%s", request_user(request));
	snprintf(job->script, sizeof job->script, "%s", name);
}

int scripts_start(struct request *request, const char *script, enum scripts_kind kind, struct error *error)
{
	struct store_job *job = &request->wish->job;

	fill_job(request, script, kind, job);
	switch (running_may_start(request->running, job)) {
	case RUNNING_ALLOWED:
		break;
	case RUNNING_BUSY:
		return say_about(request, TEXT_RUN_BUSY, script, "busy", error);
	case RUNNING_MANY:
		return say_about(request, TEXT_RUN_MANY, script, "too many", error);
	case RUNNING_FULL:
		return say_away(request, error);
	}
	/* So that the update, when it comes again, does not start another. */
	if (store_job_add(request->txn, job, error) != 0)
		return -1;
	request->changed = true;
	request->wish->kind = WISH_RUN;
	request->outcome = "started";
	if (request->update->kind != UPDATE_TAP)
		return 0; /* what it prints is answer enough */
	return say_about(request, TEXT_RUN_STARTED, script, "started", error);
}

static struct json_object *split_words(const char *text)
{
	static const char white_space[] = " \t\r\n\v\f";
	struct json_object *words = json_object_new_array();

	for (text += strspn(text, white_space); *text != '\0'; text += strspn(text, white_space)) {
		size_t len = strcspn(text, white_space);

		json_object_array_add(words, json_object_new_string_len(text, (int)len));
		text += len;
	}
	return words;
}

/* The words of a message after its command. */
static struct json_object *words_after(const char *text)
{
	struct command_line line;

	return command_parse(text, &line) ? split_words(line.args) : json_object_new_array();
}

static const char *word_at(struct json_object *words, size_t i)
{
	return i < json_object_array_length(words)
		   ? json_object_get_string(json_object_array_get_idx(words, i))
		   : NULL;
}

/* The script of that name, else the only one of that stem; NULL: none. */
static const struct entry *find_entry(const struct entries *entries, const char *name)
{
	const struct entry *found = NULL;

	for (size_t i = 0; i < entries->count; i++) {
		if (!entries->items[i].is_server && strcmp(entries->items[i].name, name) == 0)
			return &entries->items[i];
	}
	for (size_t i = 0; i < entries->count; i++) {
		const struct entry *entry = &entries->items[i];

		if (entry->stem == NULL || strcmp(entry->stem, name) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = entry;
	}
	return found;
}

/* Says which scripts there are; name NULL: none was asked for. */
static int tell_names(
    struct request *request, const struct entries *entries, const char *name, struct error *error)
{
	struct buf names = BUF_INIT(LINES_MAX_BYTES), shown = BUF_INIT(2 * NAME_SHOWN_BYTES);
	struct text_value values[] = {{"scripts", NULL}, {"script", NULL},
	    {"directory", request->config->scripts.directory}, {NULL, NULL}};
	enum text_id text = name != NULL ? TEXT_RUN_UNKNOWN : TEXT_RUN_WHICH;
	int result;

	for (size_t i = 0; i < entries->count && i < NAMES_MAX; i++)
		(void)buf_add_format(&names, "%s%s", i > 0 ? "\n" : "", entries->items[i].name);
	if (entries->count > NAMES_MAX)
		(void)buf_add_text(&names, "\n...");
	text_add_line(&shown, name, NAME_SHOWN_BYTES);
	values[0].value = buf_text(&names);
	values[1].value = buf_text(&shown);
	request->outcome = name != NULL ? "unknown script" : "no script";
	result = request_say(request, entries->count > 0 ? text : TEXT_SCRIPTS_NONE, values, error);
	buf_free(&names);
	buf_free(&shown);
	return result;
}

static int run_own(struct request *request, const char *name, struct error *error)
{
	const struct entry *entry;
	struct entries entries;
	int result;

	if (scripts_must_wait(request))
		return 0;
	if (request->awaited->answer == NULL)
		return say_away(request, error);
	find_entries(request, &entries);
	entry = name != NULL ? find_entry(&entries, name) : NULL;
	if (entry != NULL)
		result = scripts_start(request, entry->name, SCRIPTS_OWN, error);
	else
		result = tell_names(request, &entries, name, error);
	free(entries.items);
	return result;
}

int scripts_run(struct request *request, struct error *error)
{
	struct json_object *words;
	const char *name, *server;
	int result;

	if (request->running == NULL)
		return say_away(request, error);
	words = words_after(request->update->text);
	name = word_at(words, 0);
	server = name != NULL ? find_server_script(request, name) : NULL;
	result = server != NULL ? scripts_start(request, server, SCRIPTS_SERVER, error)
				: run_own(request, name, error);
	if (result == 0 && request->wish->kind == WISH_RUN && json_object_array_length(words) > 1) {
		(void)json_object_array_del_idx(words, 0, 1);
		request->wish->args = json_object_get(words);
	}
	json_object_put(words);
	return result;
}

/* What a row's script is given: what follows the command, the target of a button, the words of a text. */
static struct json_object *words_for_row(const struct request *request)
{
	const char *text = request->update->text;
	struct json_object *words;

	if (request->update->kind == UPDATE_TAP) {
		words = json_object_new_array();
		if (request->target != NULL && request->target[0] != '\0')
			json_object_array_add(words, json_object_new_string(request->target));
		return words;
	}
	if (text == NULL)
		return json_object_new_array();
	return request->command == request->table->text ? split_words(text) : words_after(text);
}

int commands_script(struct request *request, struct error *error)
{
	const char *name = request->command->route->script;
	bool is_server = find_server_script(request, name) != NULL;
	int result;

	if (!request->caller->linked) {
		request->outcome = "not linked";
		return request_answer(request, TEXT_NOT_PERMITTED, NULL, error);
	}
	if (request->running == NULL)
		return say_away(request, error);
	result =
	    is_server ? scripts_start(request, name, SCRIPTS_SERVER, error) : run_own(request, name, error);
	if (result == 0 && request->wish->kind == WISH_RUN && !is_server)
		request->wish->args = words_for_row(request);
	return result;
}

int scripts_run_button(struct request *request, struct error *error)
{
	struct store_button button;
	int found;

	if (request->running == NULL)
		return say_away(request, error);
	found = store_button_get(request->txn, request->target, &button, error);
	if (found < 0)
		return -1;
	if (found == 0 || strcmp(button.user, request->caller->link.user) != 0)
		return say_about(request, TEXT_BUTTON_GONE, "", "gone", error);
	if (strcmp(button.action, action_own) == 0)
		return scripts_start(request, button.target, SCRIPTS_OWN, error);
	if (strcmp(button.action, action_server) != 0)
		return say_about(request, TEXT_BUTTON_GONE, "", "gone", error);
	if (find_server_script(request, button.target) == NULL)
		return say_about(request, TEXT_NOT_PERMITTED, "", "denied", error);
	return scripts_start(request, button.target, SCRIPTS_SERVER, error);
}

/* ---- /jobs and /stop ---- */

static size_t own_jobs(const struct request *request, const struct store_job *jobs[RUNNING_PER_USER])
{
	if (request->running == NULL)
		return 0;
	return running_of(request->running, request_user(request), request->update->chat, jobs);
}

static void add_stop_button(
    const struct request *request, const struct store_job *job, struct json_object *keyboard)
{
	const struct text_value values[] = {{"script", job->script}, {NULL, NULL}};
	struct buf text = BUF_INIT(TEXT_MAX_BYTES);
	char data[DATA_BYTES];
	struct error error;

	(void)text_format(text_get(request->config, TEXT_BUTTON_STOP), values, &text, NULL, &error);
	snprintf(data, sizeof data, "stop:%lld", (long long)job->id);
	keyboard_add_button(keyboard_add_row(keyboard), buf_text(&text), data);
	buf_free(&text);
}

static int add_job_line(
    const struct request *request, const struct store_job *job, struct buf *lines, struct error *error)
{
	int64_t since_ms = job->started_ms < request->now_ms ? request->now_ms - job->started_ms : 0;
	char duration[WHEN_BYTES];
	const struct text_value values[] = {{"script", job->script}, {"duration", duration}, {NULL, NULL}};

	num_format_duration(since_ms, duration, sizeof duration);
	if (lines->len > 0 && buf_add_text(lines, "\n") != 0)
		return error_set(error, ERROR_BUG, "the list of jobs is too long");
	return text_format(text_get(request->config, TEXT_JOBS_LINE), values, lines, NULL, error);
}

/* Says text with a button for each of the jobs. */
static int say_jobs(struct request *request, enum text_id text, const struct store_job *jobs[], size_t count,
    struct error *error)
{
	struct text_value values[] = {{"jobs", NULL}, {NULL, NULL}};
	struct json_object *keyboard = keyboard_new();
	struct buf lines = BUF_INIT(LINES_MAX_BYTES);
	int result = 0;

	for (size_t i = 0; result == 0 && i < count; i++) {
		result = add_job_line(request, jobs[i], &lines, error);
		add_stop_button(request, jobs[i], keyboard);
	}
	values[0].value = buf_text(&lines);
	if (result == 0)
		result = request_say(request, text, values, error);
	if (result == 0)
		reply_keyboard(request->calls, keyboard);
	else
		json_object_put(keyboard);
	buf_free(&lines);
	return result;
}

int scripts_jobs(struct request *request, struct error *error)
{
	const struct store_job *jobs[RUNNING_PER_USER];
	size_t count = own_jobs(request, jobs);

	if (count == 0)
		return request_say(request, TEXT_JOBS_NONE, NULL, error);
	return say_jobs(request, TEXT_JOBS, jobs, count, error);
}

static int stop(struct request *request, const struct store_job *job, struct error *error)
{
	request->wish->kind = WISH_STOP;
	request->wish->job = *job;
	return say_about(request, TEXT_STOP_STOPPING, job->script, "stopped", error);
}

/* By its name, with or without what follows the last dot. */
static bool is_named(const struct store_job *job, const char *name)
{
	const char *dot = strrchr(job->script, '.');

	return strcmp(job->script, name) == 0 ||
	       (dot != NULL && strlen(name) == (size_t)(dot - job->script) &&
		   strncmp(job->script, name, strlen(name)) == 0);
}

static int stop_named(struct request *request, const struct store_job *jobs[], size_t count, const char *name,
    struct error *error)
{
	struct buf shown = BUF_INIT(2 * NAME_SHOWN_BYTES);
	int result;

	for (size_t i = 0; i < count; i++) {
		if (is_named(jobs[i], name))
			return stop(request, jobs[i], error);
	}
	text_add_line(&shown, name, NAME_SHOWN_BYTES);
	result = say_about(request, TEXT_STOP_UNKNOWN, buf_text(&shown), "not running", error);
	buf_free(&shown);
	return result;
}

int scripts_stop(struct request *request, struct error *error)
{
	const struct store_job *jobs[RUNNING_PER_USER];
	size_t count = own_jobs(request, jobs);
	struct json_object *words = words_after(request->update->text);
	const char *name = word_at(words, 0);
	int result;

	if (name != NULL)
		result = stop_named(request, jobs, count, name, error);
	else if (count == 0)
		result = request_say(request, TEXT_JOBS_NONE, NULL, error);
	else if (count == 1)
		result = stop(request, jobs[0], error);
	else
		result = say_jobs(request, TEXT_STOP_WHICH, jobs, count, error);
	json_object_put(words);
	return result;
}

int scripts_stop_button(struct request *request, struct error *error)
{
	const struct store_job *job = NULL;
	int64_t id = 0;

	if (num_int64(request->target, 1, INT64_MAX, &id) != 0)
		return say_about(request, TEXT_BUTTON_GONE, "", "gone", error);
	if (request->running != NULL)
		job = running_find(request->running, id);
	if (job == NULL)
		return say_about(request, TEXT_STOP_OVER, "", "over", error);
	if (!running_is_of(job, request_user(request), request->update->chat))
		return say_about(request, TEXT_BUTTON_GONE, "", "gone", error);
	return stop(request, job, error);
}
