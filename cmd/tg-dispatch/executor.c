#include "executor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "json.h"
#include "launch.h"
#include "lines.h"
#include "log.h"
#include "path.h"
#include "xalloc.h"

enum {
	OUTPUT_MAX_BYTES = 1 << 20,
	PAUSE_FIRST_MS = 1000,
	PAUSE_MAX_MS = 30000,
	STEADY_MS = 60000, /* who ran for so long is started again after the first pause */
};

struct executor {
	pid_t keeper;
	int input, output; /* -1: closed */
	bool up;
	struct lines lines;
	struct buf out;
};

/* ---- what tg-exec says ---- */

static int wrong(struct error *error, const char *what)
{
	return error_set(error, ERROR_INPUT, "\"%s\" is missing or wrong", what);
}

/* The place of a word in a NULL-terminated list; -1: it is in none. */
static int find_word(const char *word, const char *const *words)
{
	for (int i = 0; word != NULL && words[i] != NULL; i++) {
		if (strcmp(word, words[i]) == 0)
			return i;
	}
	return -1;
}

static int read_output(struct json_object *object, struct executor_event *event, struct error *error)
{
	struct json_object *text;

	if (!json_object_object_get_ex(object, "text", &text) || !json_object_is_type(text, json_type_string))
		return wrong(error, "text");
	event->text = json_object_get_string(text);
	event->len = (size_t)json_object_get_string_len(text);
	return 0;
}

static int read_finished(struct json_object *object, struct executor_event *event, struct error *error)
{
	static const char *const reports[] = {"none", "nothing", "sent", "failed", NULL};
	const char *report = "none";
	int found;

	event->status = -1;
	if (json_get_int64(object, "status", &event->status, error) < 0 ||
	    json_get_int64(object, "signal", &event->signal, error) < 0 ||
	    json_get_bool(object, "timed_out", &event->timed_out, error) < 0 ||
	    json_get_bool(object, "stopped", &event->stopped, error) < 0 ||
	    json_get_bool(object, "cut", &event->cut, error) < 0 ||
	    json_get_int64(object, "duration_ms", &event->duration_ms, error) < 0 ||
	    json_get_text(object, "report", &report, error) < 0 ||
	    json_get_text(object, "error", &event->error, error) < 0)
		return -1;
	found = find_word(report, reports);
	if (found < 0)
		return wrong(error, "report");
	event->report = (enum executor_report)found;
	return 0;
}

static int read_event(struct json_object *object, struct executor_event *event, struct error *error)
{
	static const char *const kinds[] = {
	    "started", "output", "finished", "failed", "list", "died", "up", NULL};
	const char *kind = NULL;
	int found;

	if (json_get_text(object, "event", &kind, error) < 0)
		return -1;
	found = find_word(kind, kinds);
	if (found < 0)
		return wrong(error, "event");
	event->kind = (enum executor_kind)found;
	if (event->kind == EXECUTOR_DIED || event->kind == EXECUTOR_UP)
		return 0;
	if (json_get_int64(object, "job", &event->job, error) <= 0)
		return wrong(error, "job");
	if (event->kind == EXECUTOR_OUTPUT)
		return read_output(object, event, error);
	if (event->kind == EXECUTOR_FINISHED)
		return read_finished(object, event, error);
	if (event->kind == EXECUTOR_FAILED)
		return json_get_text(object, "error", &event->error, error) < 0 ? -1 : 0;
	if (event->kind == EXECUTOR_LIST && json_get_array(object, "scripts", &event->scripts, error) != 1)
		return wrong(error, "scripts");
	return 0;
}

int executor_parse(const char *line, size_t len, struct executor_event *event, struct json_object **object,
    struct error *error)
{
	*event = (struct executor_event){.job = 0};
	if (json_parse_object(line, len, "event", object, error) != 0)
		return -1;
	if (read_event(*object, event, error) == 0)
		return 0;
	json_object_put(*object);
	*object = NULL;
	return -1;
}

/* ---- the keeper: another process ---- */

struct keeper {
	char *program, *config_path; /* config_path NULL: none */
	sigset_t signals;
	int64_t pause_ms;
	bool ends; /* it was told to */
};

/* tg-exec on the keeper's own descriptors 0 and 1; -1: it cannot be started. */
static pid_t start_exec(const struct keeper *keeper)
{
	char *argv[] = {
	    keeper->program, keeper->config_path != NULL ? "-c" : NULL, keeper->config_path, NULL};
	struct launch_options options = {
	    .argv = argv, .environment = environ, .input = -1, .output = -1, .errors = -1};
	pid_t pid;

	return launch(&options, &pid) == 0 ? pid : -1;
}

/* Waits until it has ended; signals are handed on. */
static void attend(struct keeper *keeper, pid_t pid)
{
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		siginfo_t info;
		int signo = sigwaitinfo(&keeper->signals, &info);

		if (signo == SIGHUP)
			(void)kill(pid, SIGHUP);
		if (signo == SIGTERM || signo == SIGINT) {
			keeper->ends = true;
			(void)kill(pid, SIGTERM);
		}
	}
}

/* Whether the other end of the requests was closed within so many milliseconds. */
static bool is_left_alone(int64_t limit_ms)
{
	int64_t end_ms = clock_monotonic_ms() + limit_ms, now_ms;
	struct pollfd poller = {.fd = STDIN_FILENO};

	while ((now_ms = clock_monotonic_ms()) < end_ms) {
		if (poll(&poller, 1, (int)(end_ms - now_ms)) > 0)
			return true;
	}
	return poll(&poller, 1, 0) > 0;
}

/* What was asked of the one that died is not asked of the next. */
static void drop_requests(void)
{
	struct pollfd poller = {.fd = STDIN_FILENO, .events = POLLIN};
	char bytes[4096];

	while (poll(&poller, 1, 0) > 0 && (poller.revents & POLLIN) != 0) {
		if (read(STDIN_FILENO, bytes, sizeof bytes) <= 0)
			return;
	}
}

static void tell(const char *event)
{
	struct buf line = BUF_INIT(64);

	/* What it said last may be half a line. */
	(void)buf_add_format(&line, "\n{\"event\":\"%s\"}\n", event);
	(void)fd_write_all(STDOUT_FILENO, line.data, line.len);
	buf_free(&line);
}

static int64_t next_pause_ms(const struct keeper *keeper, int64_t ran_ms)
{
	if (ran_ms >= STEADY_MS || keeper->pause_ms == 0)
		return PAUSE_FIRST_MS;
	return keeper->pause_ms < PAUSE_MAX_MS / 2 ? 2 * keeper->pause_ms : PAUSE_MAX_MS;
}

static void keep(struct keeper *keeper)
{
	for (;;) {
		int64_t start_ms = clock_monotonic_ms();
		pid_t pid = start_exec(keeper);

		if (pid > 0)
			attend(keeper, pid);
		if (keeper->ends || is_left_alone(0))
			return;
		keeper->pause_ms = next_pause_ms(keeper, clock_monotonic_ms() - start_ms);
		log_error("tg-exec ended; it is started again", LOG_INT("pause_ms", keeper->pause_ms));
		drop_requests();
		tell("died");
		if (is_left_alone(keeper->pause_ms))
			return;
		/* What was written before it was known is told as interrupted, too. */
		drop_requests();
		tell("up");
	}
}

static void run_keeper(struct keeper *keeper, const int requests[2], const int events[2])
{
	static const int signals[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};

	sigemptyset(&keeper->signals);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		sigaddset(&keeper->signals, signals[i]);
	(void)sigprocmask(SIG_BLOCK, &keeper->signals, NULL);
	if (dup2(requests[0], STDIN_FILENO) >= 0 && dup2(events[1], STDOUT_FILENO) >= 0) {
		(void)close(requests[0]);
		(void)close(requests[1]);
		(void)close(events[0]);
		(void)close(events[1]);
		keep(keeper);
	}
}

/* ---- this process ---- */

static int start_keeper(
    struct executor *executor, struct keeper *keeper, int requests[2], int events[2], struct error *error)
{
	if (pipe2(requests, O_CLOEXEC) != 0 || pipe2(events, O_CLOEXEC) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot make a pipe to tg-exec");
	executor->keeper = fork();
	if (executor->keeper < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot start a process for tg-exec");
	if (executor->keeper == 0) {
		run_keeper(keeper, requests, events);
		free(keeper->program);
		free(executor);
		_exit(0);
	}
	executor->output = requests[1];
	executor->input = events[0];
	requests[1] = events[0] = -1;
	if (fd_set_nonblocking(executor->output, true) != 0 || fd_set_nonblocking(executor->input, true) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot use the pipe to tg-exec");
	executor->up = true;
	return 0;
}

int executor_start(const char *config_path, struct executor **result, struct error *error)
{
	struct executor *executor = xcalloc(1, sizeof *executor);
	struct keeper keeper = {
	    .program = path_sibling("tg-exec", error), .config_path = (char *)config_path};
	int requests[2] = {-1, -1}, events[2] = {-1, -1};
	int started = -1;

	executor->input = executor->output = -1;
	executor->out = BUF_INIT(OUTPUT_MAX_BYTES);
	lines_init(&executor->lines, EXECUTOR_LINE_MAX_BYTES);
	if (keeper.program != NULL)
		started = start_keeper(executor, &keeper, requests, events, error);
	free(keeper.program);
	for (int i = 0; i < 2; i++) {
		fd_close(&requests[i]);
		fd_close(&events[i]);
	}
	if (started == 0)
		*result = executor;
	else
		executor_end(executor);
	return started;
}

/* Until all that hold the other end of the events are gone. */
static bool has_ended(int input)
{
	int64_t end_ms = clock_monotonic_ms() + EXECUTOR_GRACE_MS, now_ms;
	struct pollfd poller = {.fd = input, .events = POLLIN};
	char bytes[4096];

	while ((now_ms = clock_monotonic_ms()) < end_ms) {
		if (poll(&poller, 1, (int)(end_ms - now_ms)) > 0 && read(input, bytes, sizeof bytes) == 0)
			return true;
	}
	return false;
}

void executor_end(struct executor *executor)
{
	if (executor == NULL)
		return;
	fd_close(&executor->output);
	if (executor->keeper > 0 && (executor->input < 0 || has_ended(executor->input)))
		(void)waitpid(executor->keeper, NULL, 0);
	else if (executor->keeper > 0)
		log_warning("tg-exec does not end");
	fd_close(&executor->input);
	lines_free(&executor->lines);
	buf_free(&executor->out);
	free(executor);
}

bool executor_is_up(const struct executor *executor)
{
	return executor != NULL && executor->up;
}

void executor_reload(struct executor *executor)
{
	if (executor != NULL && executor->keeper > 0 && executor->input >= 0)
		(void)kill(executor->keeper, SIGHUP);
}

/* Takes the request over. */
static bool ask(struct executor *executor, struct json_object *request)
{
	bool taken =
	    executor_is_up(executor) && buf_add_format(&executor->out, "%s\n", json_line(request)) == 0;

	json_object_put(request);
	return taken;
}

static struct json_object *new_request(const char *op, int64_t job)
{
	struct json_object *request = json_object_new_object();

	json_put_text(request, "op", op);
	json_put_int64(request, "job", job);
	return request;
}

bool executor_run(struct executor *executor, const struct store_job *job, struct json_object *args)
{
	struct json_object *request = new_request("run", job->id);

	json_put_text(request, "user", job->user);
	json_put_text(request, "script", job->script);
	if (args != NULL)
		json_object_object_add(request, "args", json_object_get(args));
	json_put_bool(request, "server", job->is_server);
	return ask(executor, request);
}

bool executor_exec(
    struct executor *executor, const struct store_job *job, const char *section, struct json_object *input)
{
	struct json_object *request = new_request("exec", job->id);

	json_put_text(request, "section", section);
	json_put_text(request, "name", job->script);
	json_object_object_add(request, "request", json_object_get(input));
	return ask(executor, request);
}

bool executor_list(struct executor *executor, int64_t number, const char *user)
{
	struct json_object *request = new_request("list", number);

	json_put_text(request, "user", user);
	return ask(executor, request);
}

bool executor_stop(struct executor *executor, int64_t job)
{
	return ask(executor, new_request("stop", job));
}

int executor_input_fd(const struct executor *executor)
{
	return executor != NULL ? executor->input : -1;
}

int executor_output_fd(const struct executor *executor)
{
	return executor != NULL ? executor->output : -1;
}

bool executor_has_output(const struct executor *executor)
{
	return executor != NULL && executor->out.len > 0;
}

static void tell_line(
    struct executor *executor, const char *line, size_t len, executor_event_fn *fn, void *context)
{
	struct json_object *object = NULL;
	struct executor_event event;
	struct error error;

	if (len == 0)
		return;
	if (executor_parse(line, len, &event, &object, &error) != 0) {
		log_warning("tg-exec says what nobody understands", LOG_STR("error", error.text));
		return;
	}
	if (event.kind == EXECUTOR_DIED || event.kind == EXECUTOR_UP)
		executor->up = event.kind == EXECUTOR_UP;
	if (event.kind == EXECUTOR_DIED)
		buf_clear(&executor->out);
	fn(context, &event);
	json_object_put(object);
}

/* The keeper is gone, too, and so is all that could be asked. */
static void lose(struct executor *executor, executor_event_fn *fn, void *context)
{
	log_error("tg-exec is gone; scripts cannot be run until the next start");
	executor->up = false;
	/* Before they are closed, so that they are watched no longer. */
	fn(context, &(struct executor_event){.kind = EXECUTOR_DIED});
	fd_close(&executor->input);
	fd_close(&executor->output);
	buf_clear(&executor->out);
}

void executor_read(struct executor *executor, executor_event_fn *fn, void *context)
{
	ssize_t got = lines_read(&executor->lines, executor->input);
	enum lines_result result;
	const char *line;
	size_t len;

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		lose(executor, fn, context);
		return;
	}
	while ((result = lines_next(&executor->lines, &line, &len)) != LINES_NONE) {
		if (result == LINES_LINE)
			tell_line(executor, line, len, fn, context);
		else
			log_warning("tg-exec says a line that is too long");
	}
}

void executor_write(struct executor *executor)
{
	if (!executor_has_output(executor) || executor->output < 0)
		return;
	ssize_t written = write(executor->output, executor->out.data, executor->out.len);

	/* Where the other end is gone, the end of its events tells it. */
	if (written > 0)
		buf_consume(&executor->out, (size_t)written);
	else if (written < 0 && errno == EPIPE)
		buf_clear(&executor->out);
}
