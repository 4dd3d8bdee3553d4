/*
 * What the commands around scripts decide: what is listed and run for whom, that a command that comes again
 * starts nothing again, which updates wait for which, what is believed of what tg-exec says, and what a chat
 * is told of a job. Against a store, without a process.
 */
#include "tg-dispatch/dispatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "json.h"
#include "log.h"
#include "path.h"
#include "tg-dispatch/accounts.h"
#include "tg-dispatch/executor.h"
#include "tg-dispatch/running.h"
#include "tg-dispatch/screen.h"
#include "tg-dispatch/suspended.h"
#include "tg-dispatch/table.h"
#include "xalloc.h"

enum { MAP_BYTES = 16 << 20, NOW_MS = 60000 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct fixture {
	char directory[64];
	char *operators[1];
	struct config config;
	struct config_server_script server_scripts[2];
	struct command_table rows;
	struct dispatch dispatch;
	struct running *running;
	const char *listed; /* whose scripts were listed */
	struct wish wish;   /* of the last update */
	struct buf out;
	int64_t update_id;
	struct error error;
};

static struct json_object *parse(const char *text)
{
	struct json_object *object;
	struct error error;

	if (json_parse_object(text, strlen(text), "test", &object, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return object;
}

static void put_link_as(struct fixture *f, int64_t chat, const char *user, bool paused)
{
	struct store_link link = {.chat = chat, .linked_ms = 1, .paused = paused};
	struct store_txn *txn;

	snprintf(link.user, sizeof link.user, "%s", user);
	assert_int_equal(store_begin(f->dispatch.store, &txn, &f->error), 0);
	assert_int_equal(store_link_put(txn, &link, &f->error), 0);
	assert_int_equal(store_commit(txn, &f->error), 0);
}

static void put_link(struct fixture *f, int64_t chat, const char *user)
{
	put_link_as(f, chat, user, false);
}

/* The accounts of this system as if a person could use each. */
static int find_account(const char *name, struct account *account, struct error *error)
{
	int result = account_by_name(name, account, error);

	account->no_shell = false;
	return result;
}

static bool is_not_shut(const char *name)
{
	(void)name;
	return false;
}

static const struct accounts_system with_shells = {
    .account = find_account, .is_shut = is_not_shut, .groups = account_groups, .group = group_by_name};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);

	snprintf(f->directory, sizeof f->directory, "/tmp/tgt-run.XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	f->operators[0] = "root";
	f->config.access.operators = (struct config_list){f->operators, 1};
	f->config.scripts.directory = "user/notifications";
	f->config.store.path = f->directory;
	f->config.delivery.file_max_bytes = 1 << 20;
	f->dispatch.config = &f->config;
	f->rows = commands_builtin();
	f->dispatch.table = &f->rows;
	f->running = running_new();
	f->dispatch.running = f->running;
	assert_int_equal(store_open(f->directory, MAP_BYTES, &f->dispatch.store, &f->error), 0);
	f->dispatch.accounts = accounts_new(&with_shells);
	buf_init(&f->out, 4 << 20);
	log_open("test", false, LOG_ERROR);
	put_link(f, 1, "root");
	put_link(f, 2, "daemon");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"data.mdb", "lock.mdb", "spool", "output/big.sh-1.txt", "output"};
	struct fixture *f = *state;

	accounts_free(f->dispatch.accounts);
	store_close(f->dispatch.store);
	for (size_t i = 0; i < COUNT(names); i++) {
		char *path = path_join(f->directory, names[i]);

		if (unlink(path) != 0)
			(void)rmdir(path);
		free(path);
	}
	assert_int_equal(rmdir(f->directory), 0);
	running_free(f->running);
	wish_clear(&f->wish);
	buf_free(&f->out);
	free(f);
	return 0;
}

/* ---- updates ---- */

/* Handles an update; scripts: what it has waited for, NULL: it has not. Returns what dispatch_update does. */
static int handle(struct fixture *f, const char *text, const char *scripts)
{
	struct json_object *object = parse(text),
			   *list = scripts != NULL ? json_tokener_parse(scripts) : NULL;
	const struct awaited awaited = {
	    .kind = WISH_LIST, .user = f->listed, .answer = list, .tap_answered = true};
	struct incoming incoming = {.object = object, .awaited = scripts != NULL ? &awaited : NULL};
	int result;

	wish_clear(&f->wish);
	buf_clear(&f->out);
	result = dispatch_update(&f->dispatch, &incoming, NOW_MS, &f->wish, &f->out, &f->error);
	json_object_put(object);
	json_object_put(list);
	return result;
}

static int say(struct fixture *f, int64_t chat, const char *text, const char *scripts)
{
	char *update = xasprintf("{\"update_id\":%lld,\"message\":{\"message_id\":5,\"chat\":{\"id\":%lld,"
				 "\"type\":\"private\"},\"from\":{\"id\":%lld},\"text\":\"%s\"}}",
	    (long long)++f->update_id, (long long)chat, (long long)chat, text);
	int result;

	f->listed = chat == 1 ? "root" : "daemon";
	result = handle(f, update, scripts);
	free(update);
	return result;
}

static int tap_in(struct fixture *f, int64_t chat, const char *type, const char *data, const char *scripts)
{
	int64_t id = ++f->update_id;
	char *update =
	    xasprintf("{\"update_id\":%lld,\"callback_query\":{\"id\":\"q%lld\",\"from\":{\"id\":%lld},"
		      "\"message\":{\"message_id\":5,\"chat\":{\"id\":%lld,\"type\":\"%s\"}},"
		      "\"data\":\"%s\"}}",
		(long long)id, (long long)id, (long long)chat, (long long)chat, type, data);
	int result;

	f->listed = "root";
	result = handle(f, update, scripts);
	free(update);
	return result;
}

static int tap(struct fixture *f, int64_t chat, const char *data)
{
	return tap_in(f, chat, "private", data, NULL);
}

static void assert_said(struct fixture *f, const char *what)
{
	if (strstr(buf_text(&f->out), what) == NULL)
		fail_msg("'%s' is not in %s", what, buf_text(&f->out));
}

static void assert_unsaid(struct fixture *f, const char *what)
{
	if (strstr(buf_text(&f->out), what) != NULL)
		fail_msg("'%s' is in %s", what, buf_text(&f->out));
}

/* The data of the button with that text in what was said last; the caller frees it. */
static char *data_of(struct fixture *f, const char *button)
{
	char *start = xasprintf("{\"text\":\"%s\",\"callback_data\":\"", button);
	const char *found = strstr(buf_text(&f->out), start);
	char *data;

	if (found == NULL)
		fail_msg("no button %s in %s", button, buf_text(&f->out));
	found += strlen(start);
	data = xstrndup(found, strcspn(found, "\""));
	free(start);
	return data;
}

static struct executor_event finished(int64_t job)
{
	return (struct executor_event){.kind = EXECUTOR_FINISHED, .job = job, .duration_ms = 1234};
}

/* What the service does with a wish to run. */
static int64_t start(struct fixture *f)
{
	assert_int_equal(f->wish.kind, WISH_RUN);
	running_add(f->running, &f->config, &f->wish.job, 0);
	return f->wish.job.id;
}

static int64_t run(struct fixture *f, int64_t chat, const char *text, const char *scripts)
{
	assert_int_equal(say(f, chat, text, scripts), 0);
	return start(f);
}

#define DISK "[{\"name\":\"disk.sh\",\"stem\":\"disk\",\"last_run\":\"5m ago\",\"last_sent\":null}]"

static void a_list_is_waited_for_and_shown_with_buttons(void **state)
{
	struct fixture *f = *state;
	char *data;

	assert_int_equal(say(f, 1, "/scripts", NULL), 1);
	assert_int_equal(f->wish.kind, WISH_LIST);
	assert_string_equal(f->wish.user, "root");
	assert_int_equal(f->out.len, 0);
	assert_int_equal(
	    say(f, 1, "/scripts",
		"[{\"name\":\"disk.sh\",\"last_run\":\"5m ago\",\"last_sent\":\"1970-01-01T00:00:00Z\"},"
		"{\"name\":\"load.py\",\"last_run\":null},{\"name\":\"../x\"},7,{\"name\":null}]"),
	    0);
	assert_said(f,
	    "disk.sh - last run: 5m ago, last sent: 1m ago\\nload.py - last run: never, last sent: never\"");
	data = data_of(f, "disk.sh");
	assert_int_equal(strlen(data), strlen("run:") + 16);
	free(data);
	assert_int_equal(say(f, 1, "/scripts", "[]"), 0);
	assert_said(f, "Put one into ~/user/notifications");
	assert_int_equal(say(f, 1, "/scripts", "null"), 0);
	assert_said(f, "cannot be reached right now");
	f->dispatch.running = NULL;
	assert_int_equal(say(f, 1, "/scripts", NULL), 0);
	assert_said(f, "cannot be reached right now");
}

static void a_long_list_is_paged_and_a_tap_is_answered_before_the_list_is_there(void **state)
{
	struct fixture *f = *state;
	struct buf list = BUF_INIT(1 << 16);

	for (int i = 0; i < 17; i++)
		buf_add_format(&list, "%s{\"name\":\"s%02d.sh\"}", i > 0 ? "," : "[", i);
	buf_add_text(&list, "]");
	say(f, 1, "/scripts", buf_text(&list));
	assert_said(f, "s07.sh");
	assert_unsaid(f, "s08.sh");
	assert_said(f,
	    "[{\"text\":\"1/"
	    "3\",\"callback_data\":\"scripts:1\"},{\"text\":\"»\",\"callback_data\":\"scripts:2\"}]");
	assert_int_equal(tap(f, 1, "scripts:3"), 1);
	assert_string_equal(
	    buf_text(&f->out), "{\"method\":\"answerCallbackQuery\",\"callback_query_id\":\"q2\"}\n");
	assert_int_equal(tap_in(f, 1, "private", "scripts:3", buf_text(&list)), 0);
	assert_said(f, "\"editMessageText\",\"chat_id\":1,\"message_id\":5");
	assert_said(f, "s16.sh");
	assert_unsaid(f, "s15.sh");
	assert_unsaid(f, "answerCallbackQuery");
	/* Since then there are fewer. */
	assert_int_equal(tap_in(f, 1, "private", "scripts:9", buf_text(&list)), 0);
	assert_said(f, "3/3");
	for (const char *const *data = (const char *const[]){"scripts:0", "scripts:", "scripts:x", NULL};
	     *data; data++) {
		assert_int_equal(tap(f, 1, *data), 0);
		assert_said(f, "no longer valid");
	}
	buf_free(&list);
}

static void a_name_is_run_or_the_names_are_told(void **state)
{
	static const char *const wrong[] = {"nothing", "DISK.SH", "../disk.sh", "/bin/sh", "two", "disk.sh/"};
	static const char list[] = "[{\"name\":\"disk.sh\",\"stem\":\"disk\"},{\"name\":\"two.sh\",\"stem\":"
				   "\"two\"},{\"name\":\"two.py\",\"stem\":\"two\"}]";
	struct fixture *f = *state;

	assert_int_equal(say(f, 1, "/run disk.sh", NULL), 1);
	run(f, 1, "/run\\tdisk  a\\n'b c'", list);
	assert_string_equal(f->wish.job.script, "disk.sh");
	assert_string_equal(f->wish.job.user, "root");
	assert_int_equal(f->wish.job.chat, 1);
	assert_false(f->wish.job.is_server);
	assert_string_equal(json_line(f->wish.args), "[\"a\",\"'b\",\"c'\"]");
	assert_said(f, "\"calls\":[]");
	run(f, 1, "/run two.py", list);
	assert_null(f->wish.args);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		char *text = xasprintf("/run %s", wrong[i]);

		assert_int_equal(say(f, 1, text, list), 0);
		assert_int_equal(f->wish.kind, WISH_NOTHING);
		assert_said(f, "There is no script ");
		assert_said(f, "disk.sh\\ntwo.sh\\ntwo.py");
		free(text);
	}
	assert_int_equal(say(f, 1, "/run", list), 0);
	assert_said(f, "Which script?");
	/* A list of none is no help. */
	assert_int_equal(say(f, 1, "/run", "[]"), 0);
	assert_said(f, "You have no scripts yet.");
	assert_int_equal(say(f, 1, "/run disk", "[]"), 0);
	assert_said(f, "You have no scripts yet.");
	assert_int_equal(say(f, 1, "/run disk", "null"), 0);
	assert_said(f, "cannot be reached");
}

static void a_list_of_the_account_before_is_not_shown_to_the_next(void **state)
{
	struct fixture *f = *state;

	put_link(f, 1, "daemon");
	assert_int_equal(say(f, 1, "/scripts", DISK), 1);
	assert_string_equal(f->wish.user, "daemon");
	assert_int_equal(say(f, 1, "/run disk.sh", DISK), 1);
	assert_int_equal(f->wish.kind, WISH_LIST);
}

static void a_command_that_comes_again_starts_nothing_again(void **state)
{
	struct fixture *f = *state;
	struct store_txn *txn;
	struct store_job job;

	assert_int_equal(store_begin(f->dispatch.store, &txn, &f->error), 0);
	assert_int_equal(store_inbox_add(txn, f->update_id + 1, "{}", 2, 1, &f->error), 1);
	assert_int_equal(store_commit(txn, &f->error), 0);
	run(f, 1, "/run disk.sh", DISK);
	f->update_id--;
	/* After a restart: it is known before anything is asked. */
	assert_int_equal(say(f, 1, "/run disk.sh", NULL), 0);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	assert_said(f, "\"calls\":[]");
	assert_int_equal(store_begin_read(f->dispatch.store, &txn, &f->error), 0);
	assert_int_equal(store_job_next(txn, 0, &job, &f->error), 1);
	assert_int_equal(store_job_next(txn, job.id, &job, &f->error), 0);
	store_abort(txn);
}

static void a_script_runs_once_at_a_time_and_three_for_a_person(void **state)
{
	static const char list[] = "[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"},{\"name\":\"d\"}]";
	struct fixture *f = *state;
	struct executor_event end;
	int64_t first = run(f, 1, "/run a", list);

	say(f, 1, "/run a", list);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	assert_said(f, "a is running already");
	/* That of somebody else is another one. */
	run(f, 2, "/run a", list);
	run(f, 1, "/run b", list);
	run(f, 1, "/run c", list);
	say(f, 1, "/run d", list);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	assert_said(f, "3 of your scripts are running already");
	end = finished(first);
	assert_true(running_event(f->running, &f->config, &end, 100));
	run(f, 1, "/run d", list);
}

static void a_button_runs_what_it_was_shown_for_and_only_for_its_owner(void **state)
{
	static const char *const unknown[] = {
	    "run:", "run:0123456789abcdef", "run:disk.sh", "rum:x", "run", ""};
	struct fixture *f = *state;
	char *data;

	say(f, 1, "/scripts", DISK);
	data = data_of(f, "disk.sh");
	assert_int_equal(tap(f, 2, data), 0);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	assert_said(f, "no longer valid");
	assert_int_equal(tap(f, 3, data), 0);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	assert_said(f, "Access denied");
	assert_int_equal(tap_in(f, 1, "group", data, NULL), 0);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	for (size_t i = 0; i < COUNT(unknown); i++) {
		assert_int_equal(tap(f, 1, unknown[i]), 0);
		assert_said(f, "no longer valid");
		assert_int_equal(f->wish.kind, WISH_NOTHING);
	}
	assert_int_equal(tap(f, 1, data), 0);
	start(f);
	assert_string_equal(f->wish.job.script, "disk.sh");
	assert_said(f, "\"answerCallbackQuery\",\"callback_query_id\":\"q11\",\"text\":\"disk.sh starts.\"");
	assert_int_equal(tap(f, 1, data), 0);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	assert_said(f, "running already");
	free(data);
}

static void scripts_of_the_server_are_for_those_who_may(void **state)
{
	struct fixture *f = *state;
	char *data;

	f->server_scripts[0] = (struct config_server_script){.name = "backup", .access = "operator"};
	f->server_scripts[1] = (struct config_server_script){.name = "hidden", .access = "%no-such-group"};
	f->config.server_scripts = f->server_scripts;
	f->config.server_scripts_count = 2;
	say(f, 1, "/scripts", DISK);
	assert_said(f, "backup - a script of the server");
	assert_unsaid(f, "hidden");
	data = data_of(f, "backup");
	say(f, 2, "/scripts", DISK);
	assert_unsaid(f, "backup");
	/* Also for who has no other: whose own cannot be listed. */
	say(f, 1, "/scripts", "null");
	assert_said(f, "\"Your scripts:\\nbackup - a script of the server\"");
	/* By name before one's own, without looking for these. */
	run(f, 1, "/run backup now", NULL);
	assert_true(f->wish.job.is_server);
	assert_string_equal(json_line(f->wish.args), "[\"now\"]");
	say(f, 1, "/run hidden", DISK);
	assert_said(f, "There is no script hidden");
	run(f, 2, "/run backup", "[{\"name\":\"backup\"}]");
	assert_false(f->wish.job.is_server);
	/* Who may run it is looked at again at the tap. */
	f->config.access.operators.count = 0;
	tap(f, 1, data);
	assert_said(f, "You may not use this");
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	free(data);
}

static void what_runs_is_listed_and_stopped_by_its_owner(void **state)
{
	static const char list[] = "[{\"name\":\"a.sh\"},{\"name\":\"b.sh\"}]";
	struct fixture *f = *state;
	struct executor_event end;
	char data[32];
	int64_t a;

	say(f, 1, "/jobs", NULL);
	assert_said(f, "None of your scripts is running.");
	say(f, 1, "/stop", NULL);
	assert_said(f, "None of your scripts is running.");
	a = run(f, 1, "/run a.sh", list);
	say(f, 2, "/jobs", NULL);
	assert_said(f, "None of your scripts is running.");
	say(f, 1, "/stop", NULL);
	assert_int_equal(f->wish.kind, WISH_STOP);
	assert_int_equal(f->wish.job.id, a);
	run(f, 1, "/run b.sh", list);
	say(f, 1, "/stop", NULL);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	assert_said(f, "Which one?");
	assert_said(f, "Stop b.sh");
	say(f, 1, "/stop b", NULL);
	assert_int_equal(f->wish.kind, WISH_STOP);
	say(f, 1, "/stop c", NULL);
	assert_said(f, "c is not running.");
	snprintf(data, sizeof data, "stop:%lld", (long long)a);
	tap(f, 2, data);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	assert_said(f, "no longer valid");
	tap(f, 1, data);
	assert_int_equal(f->wish.kind, WISH_STOP);
	assert_said(f, "a.sh is being stopped.");
	end = finished(a);
	running_event(f->running, &f->config, &end, 100);
	tap(f, 1, data);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	assert_said(f, "It has ended already.");
	tap(f, 1, "stop:-1");
	assert_said(f, "no longer valid");
}

/* ---- rows of the configuration ---- */

static char *both[] = {"private", "group"}, *argv[] = {"/usr/bin/uptime", NULL};
static struct config_route routes[] = {
    {.name = "uptime", .access = "anyone", .where = {both, 2}, .exec = {argv, 1}, .description = "x"},
    {.name = "disk", .access = "linked", .where = {both, 2}, .script = "disk.sh", .description = "x"},
    {.name = "backup", .access = "linked", .where = {both, 1}, .script = "backup", .description = "x"},
    {.name = "open", .access = "anyone", .where = {both, 1}, .script = "disk.sh", .description = "x"}};
static struct config_route actions[] = {
    {.name = "DF", .access = "linked", .where = {both, 1}, .exec = {argv, 1}},
    {.name = "OWN", .access = "linked", .where = {both, 1}, .script = "disk.sh"}};

static void use_routes(struct fixture *f, struct command_table **table)
{
	f->config.commands = routes;
	f->config.commands_count = COUNT(routes);
	f->config.callbacks = actions;
	f->config.callbacks_count = COUNT(actions);
	f->config.text = (struct config_route){
	    .name = "text", .access = "linked", .where = {both, 1}, .script = "note.sh"};
	assert_int_equal(table_new(&f->config, table, &f->error), 0);
	f->dispatch.table = *table;
}

static int say_in_group(struct fixture *f, int64_t user, const char *text, const char *scripts)
{
	char *update = xasprintf("{\"update_id\":%lld,\"message\":{\"message_id\":5,\"chat\":{\"id\":-9,"
				 "\"type\":\"group\"},\"from\":{\"id\":%lld},\"text\":\"%s\"}}",
	    (long long)++f->update_id, (long long)user, text);
	int result;

	f->listed = user == 1 ? "root" : "daemon";
	result = handle(f, update, scripts);
	free(update);
	return result;
}

static const char *show(struct fixture *f, int64_t now_ms, int64_t *orphan);
static void print(struct fixture *f, int64_t job, const char *text, int64_t now_ms);

static void a_row_starts_its_program_with_what_was_asked(void **state)
{
	struct fixture *f = *state;
	struct command_table *table;

	use_routes(f, &table);
	run(f, 1, "/uptime -a; b", NULL);
	assert_true(f->wish.job.is_program && !f->wish.job.is_server);
	assert_string_equal(f->wish.job.script, "uptime");
	assert_string_equal(f->wish.section, "commands");
	assert_string_equal(json_text(f->wish.args, "user"), "root");
	assert_string_equal(json_text(f->wish.args, "args"), "-a; b");
	assert_int_equal(json_int64(f->wish.args, "chat_id"), 1);
	/* Once at a time for a person; a script of that name would be another thing. */
	say(f, 1, "/uptime", NULL);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	assert_said(f, "uptime is running already");
	tap(f, 1, "DF:/dev/sda1");
	start(f);
	assert_string_equal(f->wish.section, "callbacks");
	assert_string_equal(json_text(f->wish.args, "target"), "/dev/sda1");
	assert_said(f, "DF starts.");
	/* Whoever nobody knows is counted by the chat. */
	run(f, 7, "/uptime", NULL);
	assert_string_equal(f->wish.job.user, "");
	say(f, 7, "/uptime", NULL);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	run(f, 8, "/uptime", NULL);
	f->dispatch.running = NULL;
	say(f, 2, "/uptime", NULL);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	assert_said(f, "cannot be run right now");
	table_free(table);
}

static void a_program_is_told_of_in_the_chat_it_was_asked_in(void **state)
{
	struct fixture *f = *state;
	struct command_table *table;
	struct executor_event end;
	int64_t job, orphan;
	char data[32];

	use_routes(f, &table);
	/* Short and well: what it prints, and nothing else. */
	job = run(f, 7, "/uptime", NULL);
	print(f, job, "up\n", 0);
	end = finished(job);
	running_event(f->running, &f->config, &end, 10);
	show(f, 20, &orphan);
	assert_said(f, "\"text\":\"up\",\"entities\":[{\"type\":\"pre\"");
	/* In a group by somebody with a link: the group has none. */
	assert_int_equal(say_in_group(f, 1, "/uptime", NULL), 0);
	job = start(f);
	assert_string_equal(f->wish.job.user, "root");
	print(f, job, "up\n", 100);
	show(f, 2000, &orphan);
	assert_said(f, "\"chat_id\":-9");
	assert_int_equal(orphan, 0);
	snprintf(data, sizeof data, "stop:%lld", (long long)job);
	tap_in(f, 2, "group", data, NULL);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	assert_said(f, "no longer valid");
	tap_in(f, 1, "group", data, NULL);
	assert_int_equal(f->wish.kind, WISH_STOP);
	put_link(f, 1, "daemon");
	print(f, job, "more\n", 2100);
	show(f, 9000, &orphan);
	assert_int_equal(orphan, job);
	table_free(table);
}

static void a_row_runs_the_script_that_it_names(void **state)
{
	struct fixture *f = *state;
	struct command_table *table;

	use_routes(f, &table);
	f->server_scripts[0] = (struct config_server_script){.name = "backup", .access = "operator"};
	f->config.server_scripts = f->server_scripts;
	f->config.server_scripts_count = 1;
	assert_int_equal(say(f, 1, "/disk a b", NULL), 1);
	assert_int_equal(f->wish.kind, WISH_LIST);
	run(f, 1, "/disk a b", DISK);
	assert_string_equal(f->wish.job.script, "disk.sh");
	assert_false(f->wish.job.is_program);
	assert_null(f->wish.section);
	assert_string_equal(json_line(f->wish.args), "[\"a\",\"b\"]");
	run(f, 1, "/backup now", NULL);
	assert_true(f->wish.job.is_server);
	assert_null(f->wish.args);
	/* Who may not run that of the server has perhaps one of his own. */
	run(f, 2, "/backup", "[{\"name\":\"backup\"}]");
	assert_false(f->wish.job.is_server);
	run(f, 2, "milk  and\\nbread", "[{\"name\":\"note.sh\"}]");
	assert_string_equal(json_line(f->wish.args), "[\"milk\",\"and\",\"bread\"]");
	f->listed = "daemon";
	assert_int_equal(say_in_group(f, 2, "/disk", DISK), 0);
	assert_true(f->wish.job.chat == -9 && f->wish.job.link_chat == 2);
	assert_int_equal(tap_in(f, 1, "private", "OWN:x y", DISK), 0);
	assert_int_equal(f->wish.kind, WISH_NOTHING); /* it runs already */
	say(f, 7, "/open", NULL);
	assert_int_equal(f->wish.kind, WISH_NOTHING);
	table_free(table);
}

/* ---- jobs ---- */

/* What a chat is told now. */
static const char *show(struct fixture *f, int64_t now_ms, int64_t *orphan)
{
	buf_clear(&f->out);
	running_show(f->running, &f->config, f->dispatch.store, now_ms, &f->out, orphan);
	return buf_text(&f->out);
}

static void print(struct fixture *f, int64_t job, const char *text, int64_t now_ms)
{
	const struct executor_event event = {
	    .kind = EXECUTOR_OUTPUT, .job = job, .text = text, .len = strlen(text)};

	assert_true(running_event(f->running, &f->config, &event, now_ms));
}

static void the_end_of_a_job_is_said_in_words(void **state)
{
	static const struct {
		struct executor_event event;
		const char *said;
	} cases[] = {
	    {{.kind = EXECUTOR_FINISHED, .status = 3}, "disk.sh: exit status 3, 1.2s"},
	    {{.kind = EXECUTOR_FINISHED, .status = -1, .signal = 9}, "disk.sh: ended by signal 9, 1.2s"},
	    {{.kind = EXECUTOR_FINISHED, .timed_out = true}, "disk.sh: timed out after 1.2s"},
	    {{.kind = EXECUTOR_FINISHED, .stopped = true}, "disk.sh: stopped after 1.2s"},
	    {{.kind = EXECUTOR_FINISHED, .report = REPORT_NOTHING}, "disk.sh has nothing to report."},
	    {{.kind = EXECUTOR_FINISHED, .report = REPORT_FAILED, .error = "no\nlink"},
		"disk.sh: its report could not be sent: no?link"},
	    {{.kind = EXECUTOR_FINISHED, .error = "It is\nwrong"},
		"It is?wrong\\ndisk.sh: exit status 0, 1.2s"},
	    {{.kind = EXECUTOR_FINISHED, .cut = true},
		"There was more output than can be shown.\\ndisk.sh: exit status 0"},
	    {{.kind = EXECUTOR_FAILED, .error = "Script not found"},
		"disk.sh could not be run: Script not found"},
	    {{.kind = EXECUTOR_FINISHED, .report = REPORT_SENT}, NULL},
	};
	struct fixture *f = *state;
	int64_t orphan;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct executor_event event = cases[i].event;

		event.job = run(f, 1, "/run disk.sh", DISK);
		event.duration_ms = 1234;
		assert_true(running_event(f->running, &f->config, &event, 10));
		assert_false(running_event(f->running, &f->config, &event, 11));
		show(f, 20, &orphan);
		if (cases[i].said != NULL)
			assert_said(f, cases[i].said);
		else
			assert_int_equal(f->out.len, 0);
		assert_true(running_has_ended(f->running));
		assert_int_equal(running_forget_ended(f->running, f->dispatch.store, &f->error), 0);
		assert_int_equal(running_count(f->running), 0);
	}
}

static void a_live_message_has_a_key_and_a_button_that_its_end_takes_away(void **state)
{
	struct fixture *f = *state;
	int64_t job = run(f, 1, "/run disk.sh", DISK), orphan;
	struct executor_event end = finished(job);

	print(f, job, "line\n", 0);
	assert_string_equal(show(f, 1000, &orphan),
	    "{\"method\":\"sendMessage\",\"chat_id\":1,\"tgtools\":{\"key\":\"job-1-1\",\"class\":"
	    "\"notification\",\"interval_ms\":2001},\"text\":\"line\",\"entities\":[{\"type\":\"pre\","
	    "\"offset\":0,\"length\":4}],\"reply_markup\":{\"inline_keyboard\":[[{\"text\":\"Stop disk.sh\","
	    "\"callback_data\":\"stop:1\"}]]}}\n");
	running_event(f->running, &f->config, &end, 2900);
	assert_int_equal(running_due_ms(f->running), 1000 + SCREEN_EDIT_MS);
	show(f, 1000 + SCREEN_EDIT_MS, &orphan);
	assert_said(f, "\"text\":\"line\\ndisk.sh: exit status 0, 1.2s\"");
	assert_unsaid(f, "reply_markup");
	assert_int_equal(orphan, 0);
	assert_int_equal(running_due_ms(f->running), INT64_MAX);
}

static void a_chat_that_is_unlinked_hears_no_more(void **state)
{
	struct fixture *f = *state;
	int64_t job = run(f, 1, "/run disk.sh", DISK), orphan = 0;
	struct executor_event end = finished(job);

	print(f, job, "secret\n", 0);
	put_link(f, 1, "daemon");
	show(f, 1000, &orphan);
	assert_int_equal(f->out.len, 0);
	assert_int_equal(orphan, job);
	print(f, job, "more\n", 1500);
	show(f, 9000, &orphan);
	assert_int_equal(f->out.len, 0);
	running_event(f->running, &f->config, &end, 9000);
	show(f, 9000, &orphan);
	assert_int_equal(f->out.len, 0);
	assert_true(running_has_ended(f->running));
}

/* Who blocks the bot for a while misses nothing, and not every edit becomes a dead message meanwhile. */
static void a_chat_that_refuses_messages_is_told_when_it_takes_them_again(void **state)
{
	struct fixture *f = *state;
	int64_t job = run(f, 1, "/run disk.sh", DISK), orphan = 0;
	struct executor_event end = finished(job);
	char *user = xstrdup(running_find(f->running, job)->user);

	print(f, job, "one\n", 0);
	show(f, 1000, &orphan);
	put_link_as(f, 1, user, true);
	print(f, job, "two\n", 2000);
	show(f, 4000, &orphan);
	assert_int_equal(f->out.len + (size_t)orphan, 0);
	assert_in_range(running_due_ms(f->running), 4001, 10000);
	put_link_as(f, 1, user, false);
	show(f, 10000, &orphan);
	assert_said(f, "\"text\":\"one\\ntwo\"");
	print(f, job, "three\n", 11000);
	put_link_as(f, 1, user, true);
	show(f, 14000, &orphan);
	assert_int_equal(f->out.len, 0);
	running_event(f->running, &f->config, &end, 14001);
	show(f, 14001, &orphan);
	assert_said(f, "exit status 0");
	free(user);
}

/* However many there are, each is stopped. */
static void all_jobs_of_a_chat_that_is_unlinked_are_stopped(void **state)
{
	struct fixture *f = *state;
	int64_t jobs[] = {
	    run(f, 1, "/run a.sh", "[{\"name\":\"a.sh\"}]"), run(f, 1, "/run b.sh", "[{\"name\":\"b.sh\"}]")};
	int64_t orphan = 0;

	print(f, jobs[0], "line\n", 0);
	print(f, jobs[1], "line\n", 0);
	put_link(f, 1, "daemon");
	for (size_t i = 0; i < 2; i++) {
		assert_true(running_due_ms(f->running) <= 1000);
		show(f, 1000, &orphan);
		assert_int_equal(f->out.len, 0);
		assert_int_equal(orphan, jobs[i]);
	}
	assert_int_equal(running_due_ms(f->running), INT64_MAX);
}

static void the_rest_is_a_document_with_the_last_line(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(1 << 20);
	int64_t job = run(f, 1, "/run big.sh", "[{\"name\":\"big.sh\"}]"), orphan;
	struct executor_event end = finished(job);
	char *path, line[64] = "";
	FILE *file;

	for (int i = 0; i < 20000; i++)
		buf_add_format(&text, "%d\n", i);
	print(f, job, buf_text(&text), 0);
	running_event(f->running, &f->config, &end, 10);
	show(f, 10, &orphan);
	assert_said(f, "\"job-1-rest\"");
	assert_said(f, "\"caption\":\"big.sh: exit status 0, 1.2s\",\"document\":\"file:///tmp/tgt-run.");
	assert_said(f, "output/big.sh-1.txt\"}\n");
	path = path_join(f->directory, "output/big.sh-1.txt");
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL)
		;
	assert_string_equal(line, "19999\n");
	fclose(file);
	running_sweep_documents(&f->config, 0);
	assert_int_equal(access(path, R_OK), 0);
	running_sweep_documents(&f->config, INT64_C(4000000000000));
	assert_int_not_equal(access(path, R_OK), 0);
	free(path);
	buf_free(&text);
}

static void what_a_restart_interrupted_is_told_twice_under_one_key_and_then_forgotten(void **state)
{
	struct fixture *f = *state;

	run(f, 1, "/run disk.sh", DISK);
	run(f, 2, "/run disk.sh", DISK);
	put_link(f, 2, "root");
	running_free(f->running);
	f->running = running_new();
	f->dispatch.running = f->running;
	/* What was started since is not meant. */
	run(f, 1, "/run new.sh", "[{\"name\":\"new.sh\"}]");
	for (int i = 0; i < 3; i++) {
		buf_clear(&f->out);
		assert_int_equal(
		    running_report_interrupted(f->running, f->dispatch.store, &f->config, &f->out, &f->error),
		    0);
		if (i == 2)
			break;
		assert_said(f, "\"key\":\"job-1-end\"");
		assert_said(
		    f, "\"disk.sh was interrupted by a restart of the bot. Use /run to start it again.\"");
		assert_unsaid(f, "new.sh");
		/* The chat belongs to somebody else now. */
		assert_unsaid(f, "\"chat_id\":2");
	}
	assert_int_equal(f->out.len, 0);
}

static void jobs_of_a_tg_exec_that_died_are_interrupted(void **state)
{
	struct fixture *f = *state;
	int64_t job = run(f, 1, "/run disk.sh", DISK), orphan;

	print(f, job, "half\n", 0);
	running_interrupt(f->running, &f->config, 10);
	show(f, 10, &orphan);
	assert_said(f, "half\\ndisk.sh was interrupted");
	run(f, 1, "/run disk.sh", DISK);
}

/* ---- updates that wait ---- */

static void add(struct suspended *suspended, int64_t chat, int64_t number, int64_t token)
{
	struct suspended_update update = {
	    .object = json_object_new_object(), .chat = chat, .received_ms = number};

	if (token != 0)
		suspended_wait(suspended, &update, token, 100 * token);
	else
		suspended_queue(suspended, &update);
}

/* The number of the next one that can be handled; 0: none. */
static int64_t take_next(struct suspended *suspended, bool *answered)
{
	struct suspended_update update;
	int64_t number;

	if (!suspended_is_ready(suspended)) {
		assert_false(suspended_take(suspended, &update));
		return 0;
	}
	assert_true(suspended_take(suspended, &update));
	number = update.received_ms;
	*answered = update.has_waited && update.answer != NULL;
	suspended_update_free(&update);
	return number;
}

static void a_chat_waits_for_its_first_and_no_other_does(void **state)
{
	struct suspended *suspended = suspended_new();
	bool answered;

	(void)state;
	add(suspended, 7, 1, 11);
	add(suspended, 7, 2, 0);
	add(suspended, 7, 3, 0);
	add(suspended, 8, 4, 12);
	assert_true(suspended_has(suspended, 7));
	assert_false(suspended_has(suspended, 9));
	assert_int_equal(take_next(suspended, &answered), 0);
	suspended_answer(suspended, 99, json_object_new_array(), false);
	suspended_answer(suspended, 12, json_object_new_array(), false);
	assert_int_equal(take_next(suspended, &answered), 4);
	assert_true(answered);
	assert_int_equal(take_next(suspended, &answered), 0);
	assert_int_equal(suspended_due_ms(suspended), 1100);
	suspended_expire(suspended, 1099);
	assert_int_equal(take_next(suspended, &answered), 0);
	suspended_expire(suspended, 1100);
	assert_int_equal(take_next(suspended, &answered), 1);
	assert_false(answered);
	assert_int_equal(take_next(suspended, &answered), 2);
	/* It waits, too: it stays before the third. */
	add(suspended, 7, 2, 13);
	assert_int_equal(take_next(suspended, &answered), 0);
	suspended_answer(suspended, 13, json_object_new_array(), false);
	assert_int_equal(take_next(suspended, &answered), 2);
	assert_int_equal(take_next(suspended, &answered), 3);
	assert_int_equal(suspended_count(suspended), 0);
	assert_int_equal(suspended_due_ms(suspended), INT64_MAX);
	add(suspended, 7, 5, 14);
	suspended_free(suspended);
}

/* ---- what tg-exec says ---- */

static void what_tg_exec_says_is_taken_or_refused(void **state)
{
	static const struct {
		const char *line;
		int result;
		enum executor_kind kind;
	} cases[] = {
	    {"{\"job\":1,\"event\":\"started\",\"script\":\"a\"}", 0, EXECUTOR_STARTED},
	    {"{\"job\":1,\"event\":\"output\",\"stream\":\"stderr\",\"text\":\"a\\u0000b\"}", 0,
		EXECUTOR_OUTPUT},
	    {"{\"job\":1,\"event\":\"finished\",\"status\":null,\"signal\":9,\"new\":[]}", 0,
		EXECUTOR_FINISHED},
	    {"{\"job\":1,\"event\":\"failed\"}", 0, EXECUTOR_FAILED},
	    {"{\"job\":1,\"event\":\"list\",\"scripts\":[]}", 0, EXECUTOR_LIST},
	    {"{\"event\":\"died\"}", 0, EXECUTOR_DIED},
	    {"{\"event\":\"up\"}", 0, EXECUTOR_UP},
	    {"{\"event\":\"started\"}", -1, EXECUTOR_STARTED},
	    {"{\"job\":\"1\",\"event\":\"started\"}", -1, EXECUTOR_STARTED},
	    {"{\"job\":1}", -1, EXECUTOR_STARTED},
	    {"{\"job\":1,\"event\":5}", -1, EXECUTOR_STARTED},
	    {"{\"job\":1,\"event\":\"unknown\"}", -1, EXECUTOR_STARTED},
	    {"{\"job\":1,\"event\":\"output\"}", -1, EXECUTOR_STARTED},
	    {"{\"job\":1,\"event\":\"output\",\"text\":5}", -1, EXECUTOR_STARTED},
	    {"{\"job\":1,\"event\":\"finished\",\"status\":\"0\"}", -1, EXECUTOR_STARTED},
	    {"{\"job\":1,\"event\":\"finished\",\"report\":\"x\"}", -1, EXECUTOR_STARTED},
	    {"{\"job\":1,\"event\":\"finished\",\"timed_out\":1}", -1, EXECUTOR_STARTED},
	    {"{\"job\":1,\"event\":\"list\"}", -1, EXECUTOR_STARTED},
	    {"{\"job\":1,\"event\":\"list\",\"scripts\":{}}", -1, EXECUTOR_STARTED},
	    {"[]", -1, EXECUTOR_STARTED},
	    {"\xff", -1, EXECUTOR_STARTED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_object *object = NULL;
		struct executor_event event;
		struct error error;

		assert_int_equal(
		    executor_parse(cases[i].line, strlen(cases[i].line), &event, &object, &error),
		    cases[i].result);
		if (cases[i].result == 0)
			assert_int_equal(event.kind, cases[i].kind);
		if (cases[i].result == 0 && event.kind == EXECUTOR_OUTPUT)
			assert_int_equal(event.len, 3);
		if (cases[i].result == 0 && event.kind == EXECUTOR_FINISHED)
			assert_int_equal(event.status, -1);
		json_object_put(object);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_list_is_waited_for_and_shown_with_buttons),
	    TEST(a_long_list_is_paged_and_a_tap_is_answered_before_the_list_is_there),
	    TEST(a_name_is_run_or_the_names_are_told),
	    TEST(a_list_of_the_account_before_is_not_shown_to_the_next),
	    TEST(a_command_that_comes_again_starts_nothing_again),
	    TEST(a_script_runs_once_at_a_time_and_three_for_a_person),
	    TEST(a_button_runs_what_it_was_shown_for_and_only_for_its_owner),
	    TEST(scripts_of_the_server_are_for_those_who_may),
	    TEST(what_runs_is_listed_and_stopped_by_its_owner),
	    TEST(a_row_starts_its_program_with_what_was_asked),
	    TEST(a_program_is_told_of_in_the_chat_it_was_asked_in),
	    TEST(a_row_runs_the_script_that_it_names),
	    TEST(the_end_of_a_job_is_said_in_words),
	    TEST(a_live_message_has_a_key_and_a_button_that_its_end_takes_away),
	    TEST(a_chat_that_is_unlinked_hears_no_more),
	    TEST(a_chat_that_refuses_messages_is_told_when_it_takes_them_again),
	    TEST(all_jobs_of_a_chat_that_is_unlinked_are_stopped),
	    TEST(the_rest_is_a_document_with_the_last_line),
	    TEST(what_a_restart_interrupted_is_told_twice_under_one_key_and_then_forgotten),
	    TEST(jobs_of_a_tg_exec_that_died_are_interrupted),
	    cmocka_unit_test(a_chat_waits_for_its_first_and_no_other_does),
	    cmocka_unit_test(what_tg_exec_says_is_taken_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
