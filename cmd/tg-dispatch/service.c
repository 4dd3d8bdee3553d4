#include "service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ask_rules.h"
#include "clock.h"
#include "fd.h"
#include "guard.h"
#include "json.h"
#include "lines.h"
#include "menus.h"
#include "running.h"
#include "suspended.h"
#include "table_check.h"
#include "log.h"
#include "loop.h"
#include "path.h"

enum {
	OUTPUT_HIGH_BYTES = 256 << 10, /* with so much unread, no further update is handled */
	OUTPUT_MAX_BYTES = 4 << 20,    /* that and the longest answer */
	SLICE_MS = 20,		       /* of work before the output is written and signals are seen */
	PAUSE_FIRST_MS = 100,
	PAUSE_MAX_MS = 10000,
	STOP_GRACE_MS = 2000, /* for the reader to take what is ready, after SIGTERM */
	REAP_MS = 3600000,
	LIST_MS = 10000, /* a list of scripts is waited for */
	CHORE_MS = 2000, /* between two tries to write what no update waits for */
};

/* What is waited for is numbered as jobs are, from above all of them. */
#define WAIT_FIRST (INT64_C(1) << 53)

struct service {
	struct dispatch *dispatch;
	const char *config_path;
	struct loop *loop;
	int input, output;
	struct lines lines;
	struct json_parser *parser;
	bool drained; /* no whole line is left in lines */
	bool end_of_input;
	struct buf out;

	/* The update at hand, while it cannot be handled because the store fails. */
	struct suspended_update pending;
	int64_t failing_since_ms; /* 0: it works */
	int64_t pause_ms;
	int64_t retry_at_ms;

	bool stopping;
	int64_t stop_at_ms;
	bool unread; /* nobody reads the output any more */
	bool failed;
	struct error error;
	int64_t reap_at_ms;

	struct guard *guard;	   /* NULL: none */
	struct executor *executor; /* NULL: none */
	struct running *running;
	struct suspended *suspended;
	struct asker *asker;
	int64_t next_wait;
	bool reported;	     /* what a restart interrupted */
	int64_t chore_at_ms; /* not before */
	struct menus *menus;
	bool is_file;	     /* the input */
	int64_t menus_at_ms; /* not before */
	int lock_fd;	     /* held by the one process that tells of jobs that were interrupted */
};

static void stop(void *context, int signo)
{
	struct service *service = context;

	if (service->stopping)
		return;
	service->stopping = true;
	service->stop_at_ms = clock_monotonic_ms() + STOP_GRACE_MS;
	log_info("ending", LOG_INT("signal", signo));
}

/* Between two updates, so nothing of the old configuration is in use. */
static void reload(void *context, int signo)
{
	struct service *service = context;

	(void)signo;
	dispatch_reload(service->dispatch, service->config_path);
	executor_reload(service->executor);
	menus_restart(service->menus);
	table_log_mistakes(service->dispatch->config);
}

/* A failure that ends the service; the first one counts. */
static void fail(struct service *service, const struct error *error)
{
	if (service->failed)
		return;
	service->failed = true;
	service->error = *error;
}

/* ---- output ---- */

static void output_broke(struct service *service)
{
	struct error error;

	buf_clear(&service->out);
	if (errno == EPIPE) {
		service->unread = true;
		return;
	}
	error_errno(&error, ERROR_TEMPORARY, "cannot write the calls");
	fail(service, &error);
}

static void write_output(struct service *service)
{
	if (fd_write_ready(service->output, &service->out) != 0)
		output_broke(service);
}

static void output_due(void *context, int fd, short events)
{
	struct service *service = context;

	(void)fd;
	if ((events & (POLLERR | POLLHUP)) != 0)
		service->unread = true;
}

/* ---- the update at hand ---- */

static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr(" \t\r", line[i]) == NULL || line[i] == '\0')
			return false;
	}
	return true;
}

static void ignore_line(const struct service *service, const char *reason)
{
	log_warning("line ignored", LOG_INT("line", service->lines.number), LOG_STR("reason", reason));
}

static void parse_line(struct service *service, const char *line, size_t len)
{
	struct error error;

	if (is_blank(line, len))
		return;
	if (json_parser_object(service->parser, line, len, "it", &service->pending.object, &error) != 0) {
		ignore_line(service, error.text);
		return;
	}
	service->pending.received_ms = clock_monotonic_ms();
	if (suspended_count(service->suspended) == 0)
		return;
	service->pending.chat = dispatch_chat(service->pending.object);
	if (service->pending.chat == 0 || !suspended_has(service->suspended, service->pending.chat))
		return;
	service->pending.is_refused =
	    suspended_is_full(service->suspended, service->pending.chat, &service->pending.is_told);
	if (service->pending.is_refused)
		return;
	dispatch_hasten(service->dispatch, service->pending.object, &service->out);
	suspended_queue(service->suspended, &service->pending);
	service->pending = (struct suspended_update){.object = NULL};
}

static bool may_read(const struct service *service)
{
	return suspended_count(service->suspended) < SUSPENDED_MAX;
}

/* Whether there is an update at hand: one that has waited, else from the next line that holds one. */
static bool take_update(struct service *service)
{
	const char *line;
	size_t len;

	if (service->pending.object == NULL)
		(void)suspended_take(service->suspended, &service->pending);
	while (service->pending.object == NULL && may_read(service)) {
		enum lines_result result = lines_next(&service->lines, &line, &len);

		if (result == LINES_NONE && service->end_of_input)
			result = lines_last(&service->lines, &line, &len);
		if (result == LINES_LINE)
			parse_line(service, line, len);
		else if (result == LINES_TOO_LONG)
			ignore_line(service, "it is too long");
		service->drained = result == LINES_NONE;
		if (service->drained)
			return false;
	}
	return service->pending.object != NULL;
}

static void drop_pending(struct service *service)
{
	suspended_update_free(&service->pending);
}

/* Also while it is not read, and something is left in it. */
static bool input_has_ended(const struct service *service)
{
	struct pollfd poller = {.fd = service->input, .events = POLLIN};
	struct stat status;

	if (service->end_of_input || (poll(&poller, 1, 0) > 0 && (poller.revents & POLLHUP) != 0))
		return true;
	return fstat(service->input, &status) == 0 && S_ISREG(status.st_mode);
}

static void start_waiting(struct service *service, const struct error *error)
{
	int64_t now_ms = clock_monotonic_ms();

	if (service->failing_since_ms == 0) {
		service->failing_since_ms = now_ms;
		service->pause_ms = PAUSE_FIRST_MS;
		log_error("waiting for the store", LOG_STR("error", error->text));
	} else {
		service->pause_ms =
		    service->pause_ms < PAUSE_MAX_MS / 2 ? 2 * service->pause_ms : PAUSE_MAX_MS;
	}
	service->retry_at_ms = now_ms + service->pause_ms;
	if (input_has_ended(service) && now_ms - service->failing_since_ms > SERVICE_GIVE_UP_MS)
		fail(service, error);
}

static void end_waiting(struct service *service)
{
	if (service->failing_since_ms != 0)
		log_info("the store works again",
		    LOG_INT("after_ms", clock_monotonic_ms() - service->failing_since_ms));
	service->failing_since_ms = 0;
	service->retry_at_ms = 0;
}

/* Hands the update over to those that wait; what it waits for is started after that. */
static int64_t suspend_pending(struct service *service, const struct wish *wish)
{
	struct suspended_update *pending = &service->pending;
	int64_t number = service->next_wait++;

	json_object_put(pending->answer);
	pending->answer = NULL;
	pending->has_waited = false;
	pending->kind = (int)wish->kind;
	pending->tap_answered |= wish->kind == WISH_LIST;
	pending->chat = dispatch_chat(pending->object);
	snprintf(pending->user, sizeof pending->user, "%s", wish->user);
	snprintf(pending->row, sizeof pending->row, "%s", wish->kind == WISH_ASK ? wish->context.route : "");
	/* A call of a service has its own deadline, and always ends. */
	suspended_wait(service->suspended, pending, number,
	    wish->kind == WISH_LIST ? clock_monotonic_ms() + LIST_MS : INT64_MAX);
	return number;
}

/* The texts of wish are borrowed from the update. */
static void wait_for(struct service *service, const struct wish *wish)
{
	int64_t number = suspend_pending(service, wish);

	if (wish->kind == WISH_ASK)
		asker_start(service->asker, number, &wish->ask, &wish->context);
	else if (!executor_list(service->executor, number, wish->user))
		suspended_answer(service->suspended, number, NULL, false);
	service->pending = (struct suspended_update){.object = NULL};
}

static void start_job(struct service *service, const struct wish *wish)
{
	const struct executor_event failed = {
	    .kind = EXECUTOR_FAILED, .job = wish->job.id, .error = "tg-exec takes no more"};
	const struct config *config = service->dispatch->config;
	int64_t now_ms = clock_monotonic_ms();

	running_add(service->running, config, &wish->job, now_ms);
	if (!(wish->section != NULL ? executor_exec(service->executor, &wish->job, wish->section, wish->args)
				    : executor_run(service->executor, &wish->job, wish->args)))
		(void)running_event(service->running, config, &failed, now_ms);
}

static void fulfil(struct service *service, const struct wish *wish)
{
	if (wish->kind == WISH_RUN) {
		start_job(service, wish);
	} else if (wish->kind == WISH_STOP) {
		(void)executor_stop(service->executor, wish->job.id);
	}
}

/* Without it an update that ends this process is handled again at each start. */
static void open_guard(struct service *service)
{
	char *path;
	struct error error;

	if (service->dispatch->store == NULL)
		return;
	path = path_join(service->dispatch->config->store.path, "at-hand");
	if (guard_open(path, &service->guard, &error) != 0) {
		service->guard = NULL;
		/* One that was started by hand beside the service need not hear of it each time. */
		if (error.kind != ERROR_TEMPORARY)
			log_warning(
			    "updates that end this process cannot be told", LOG_STR("error", error.text));
	}
	free(path);
}

/* As dispatch_update; but what has ended the process again and again is given up. */
static int handle_guarded(
    struct service *service, struct incoming *incoming, struct wish *wish, struct error *error)
{
	int64_t update_id = 0, now_ms = clock_wall_ms(), deaths = 0;
	struct error unused;
	int result;

	if (json_get_int64(incoming->object, "update_id", &update_id, &unused) == 1)
		deaths = guard_begin(service->guard, update_id);
	ask_open(service->pending.answer);
	if (deaths < GUARD_DEATHS)
		result = dispatch_update(service->dispatch, incoming, now_ms, wish, &service->out, error);
	else
		result =
		    dispatch_give_up(service->dispatch, incoming, deaths, now_ms, wish, &service->out, error);
	/* What waits will be handled again. */
	guard_end(service->guard, result == 0 && deaths < GUARD_DEATHS);
	return result;
}

static void handle_pending(struct service *service)
{
	const struct awaited awaited = {.kind = (enum wish_kind)service->pending.kind,
	    .user = service->pending.user,
	    .row = service->pending.row,
	    .answer = service->pending.answer,
	    .tap_answered = service->pending.tap_answered};
	struct incoming incoming = {.object = service->pending.object,
	    .received_ms = service->pending.received_ms,
	    .awaited = service->pending.has_waited ? &awaited : NULL,
	    .counted = service->pending.counted,
	    .is_refused = service->pending.is_refused,
	    .is_told = service->pending.is_told};
	struct wish wish;
	struct error error;
	int result;

	service->dispatch->running = executor_is_up(service->executor) ? service->running : NULL;
	result = handle_guarded(service, &incoming, &wish, &error);
	service->pending.counted = incoming.counted;
	if (result >= 0) {
		end_waiting(service);
		menus_note_update(service->menus, clock_monotonic_ms());
		if (result == 1)
			wait_for(service, &wish);
		else
			fulfil(service, &wish);
		wish_clear(&wish);
		drop_pending(service);
	} else if (error.kind == ERROR_TEMPORARY) {
		start_waiting(service, &error);
	} else if (error.kind == ERROR_INPUT) {
		ignore_line(service, error.text);
		drop_pending(service);
	} else {
		fail(service, &error);
	}
}

static bool may_work(const struct service *service)
{
	return !service->stopping && !service->failed && !service->unread &&
	       service->out.len < OUTPUT_HIGH_BYTES;
}

static void work(struct service *service)
{
	int64_t start_ms = clock_monotonic_ms(), now_ms = start_ms;

	while (may_work(service) && now_ms >= service->retry_at_ms && now_ms - start_ms < SLICE_MS &&
	       take_update(service)) {
		handle_pending(service);
		now_ms = clock_monotonic_ms();
	}
}

/* ---- the jobs ---- */

static void stop_watching_executor(struct service *service)
{
	loop_unwatch(service->loop, executor_input_fd(service->executor));
	loop_unwatch(service->loop, executor_output_fd(service->executor));
}

static void on_event(void *context, const struct executor_event *event)
{
	struct service *service = context;
	const struct config *config = service->dispatch->config;
	int64_t now_ms = clock_monotonic_ms();

	if (event->kind == EXECUTOR_DIED) {
		stop_watching_executor(service);
		running_interrupt(service->running, config, now_ms);
		suspended_give_up(service->suspended, WISH_LIST);
	} else if (event->job >= WAIT_FIRST) {
		if (event->kind == EXECUTOR_FAILED)
			log_warning("scripts cannot be listed", LOG_STR("error", event->error));
		suspended_answer(service->suspended, event->job,
		    event->kind == EXECUTOR_LIST ? json_object_get(event->scripts) : NULL, true);
	} else if (event->kind != EXECUTOR_UP && !running_event(service->running, config, event, now_ms) &&
		   event->kind == EXECUTOR_STARTED) {
		/* Started by the one that came after the one that was asked. */
		(void)executor_stop(service->executor, event->job);
	}
}

static void on_answer(void *context, int64_t token, struct json_object *answer, bool tap_answered)
{
	struct service *service = context;

	suspended_answer(service->suspended, token, answer, tap_answered);
}

static void executor_due(void *context, int fd, short events)
{
	struct service *service = context;

	(void)fd;
	(void)events;
	executor_read(service->executor, on_event, service);
}

static void executor_writable(void *context, int fd, short events)
{
	struct service *service = context;

	(void)fd;
	(void)events;
	executor_write(service->executor);
}

static void show_jobs(struct service *service)
{
	int64_t now_ms = clock_monotonic_ms(), orphan = 0;

	suspended_expire(service->suspended, now_ms);
	asker_show(service->asker, now_ms, may_work(service) ? &service->out : NULL);
	if (!may_work(service))
		return;
	running_show(service->running, service->dispatch->config, service->dispatch->store, now_ms,
	    &service->out, &orphan);
	if (orphan != 0)
		(void)executor_stop(service->executor, orphan);
}

/*
 * Whether the jobs of the store that this process has not started have ended: not while another one runs, say
 * beside one that was started by hand.
 */
static bool is_alone(struct service *service)
{
	char *path = path_join(service->dispatch->config->store.path, "jobs.lock");
	struct error error;

	if (service->lock_fd < 0)
		service->lock_fd = fd_lock_file(path, 0600, &error);
	if (service->lock_fd < 0 && error.kind != ERROR_TEMPORARY)
		log_error("jobs that were interrupted cannot be told", LOG_STR("error", error.text));
	free(path);
	return service->lock_fd >= 0;
}

/* What is written to the store although no update asks for it; where that fails, again later. */
static int do_chores(struct service *service, struct error *error)
{
	struct dispatch *dispatch = service->dispatch;

	if (!service->reported && is_alone(service)) {
		if (running_report_interrupted(
			service->running, dispatch->store, dispatch->config, &service->out, error) != 0)
			return -1;
		service->reported = true;
	}
	if (running_has_ended(service->running))
		return running_forget_ended(service->running, dispatch->store, error);
	return 0;
}

static bool has_chores(const struct service *service)
{
	if (service->dispatch->store == NULL)
		return false;
	return !service->reported || running_has_ended(service->running);
}

static void chores(struct service *service)
{
	int64_t now_ms = clock_monotonic_ms();
	struct error error;

	if (!has_chores(service) || now_ms < service->chore_at_ms || !may_work(service))
		return;
	if (do_chores(service, &error) != 0)
		log_error("what became of jobs cannot be kept", LOG_STR("error", error.text));
	service->chore_at_ms = has_chores(service) ? now_ms + CHORE_MS : 0;
}

/* By the one that is no other's double, and that is asked more than what stands in a file. */
static bool keeps_menus(const struct service *service)
{
	return service->dispatch->store != NULL && service->lock_fd >= 0 && !service->is_file &&
	       may_work(service);
}

static bool is_file(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

static void keep_menus(struct service *service)
{
	int64_t now_ms = clock_monotonic_ms();
	struct error error;

	if (!keeps_menus(service) || now_ms < service->menus_at_ms)
		return;
	if (menus_work(
		service->menus, service->dispatch, service->out.len == 0, now_ms, &service->out, &error) == 0)
		return;
	log_error("the menus of commands cannot be looked at", LOG_STR("error", error.text));
	service->menus_at_ms = now_ms + CHORE_MS;
}

static int64_t menus_work_due_ms(const struct service *service)
{
	int64_t due_ms = menus_due_ms(service->menus, service->out.len == 0);

	return due_ms > service->menus_at_ms ? due_ms : service->menus_at_ms;
}

static int64_t jobs_due_ms(const struct service *service)
{
	int64_t due_ms = suspended_due_ms(service->suspended);

	if (asker_due_ms(service->asker) < due_ms)
		due_ms = asker_due_ms(service->asker);
	if (may_work(service) && running_due_ms(service->running) < due_ms)
		due_ms = running_due_ms(service->running);
	if (may_work(service) && has_chores(service) && service->chore_at_ms < due_ms)
		due_ms = service->chore_at_ms;
	if (keeps_menus(service) && menus_work_due_ms(service) < due_ms)
		due_ms = menus_work_due_ms(service);
	return due_ms;
}

/* ---- turns of the loop ---- */

static void input_due(void *context, int fd, short events)
{
	struct service *service = context;
	struct error error;
	ssize_t got = lines_read(&service->lines, fd);

	(void)events;
	if (got < 0 && errno != EAGAIN) {
		error_errno(&error, ERROR_TEMPORARY, "cannot read the updates");
		fail(service, &error);
	}
	service->end_of_input = got == 0;
	service->drained = false;
}

static bool is_done(const struct service *service)
{
	if (service->failed || service->unread)
		return true;
	if (service->stopping)
		return service->out.len == 0 || clock_monotonic_ms() >= service->stop_at_ms;
	return service->end_of_input && service->drained && service->pending.object == NULL &&
	       suspended_count(service->suspended) == 0 && service->out.len == 0;
}

static void watch_executor(struct service *service)
{
	int input = executor_input_fd(service->executor), output = executor_output_fd(service->executor);

	if (input >= 0)
		loop_watch(service->loop, input, POLLIN, executor_due, service);
	if (output < 0)
		return;
	if (executor_has_output(service->executor))
		loop_watch(service->loop, output, POLLOUT, executor_writable, service);
	else
		loop_unwatch(service->loop, output);
}

static void watch(struct service *service)
{
	bool wants_input = service->drained && service->pending.object == NULL && !service->end_of_input &&
			   may_work(service) && may_read(service);

	/* An ended input is always due, so it is watched only while it is read. */
	if (wants_input)
		loop_watch(service->loop, service->input, POLLIN, input_due, service);
	else
		loop_unwatch(service->loop, service->input);
	loop_watch(service->loop, service->output, service->out.len > 0 ? POLLOUT : 0, output_due, service);
	watch_executor(service);
}

static int64_t timeout_ms(const struct service *service)
{
	int64_t now_ms = clock_monotonic_ms(), next_ms = service->reap_at_ms;

	if (service->dispatch->store == NULL)
		next_ms = now_ms + REAP_MS;
	if (may_work(service) && service->pending.object != NULL)
		next_ms = service->retry_at_ms;
	else if (may_work(service) &&
		 ((!service->drained && may_read(service)) || suspended_is_ready(service->suspended)))
		next_ms = now_ms;
	else if (service->stopping)
		next_ms = service->stop_at_ms;
	if (!service->stopping && jobs_due_ms(service) < next_ms)
		next_ms = jobs_due_ms(service);
	return next_ms > now_ms ? next_ms - now_ms : 0;
}

static void reap(struct service *service)
{
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms < service->reap_at_ms || service->dispatch->store == NULL)
		return;
	(void)store_reap_readers(service->dispatch->store);
	running_sweep_documents(service->dispatch->config, clock_wall_ms());
	service->reap_at_ms = now_ms + REAP_MS;
}

static int run(struct service *service, struct error *error)
{
	for (;;) {
		reap(service);
		work(service);
		show_jobs(service);
		write_output(service);
		chores(service);
		keep_menus(service);
		executor_write(service->executor);
		if (is_done(service))
			break;
		watch(service);
		log_flush();
		if (loop_turn(service->loop, timeout_ms(service), error) != 0)
			return -1;
	}
	if (service->failed) {
		*error = service->error;
		return -1;
	}
	if (service->unread)
		log_info("nobody reads the calls any more");
	return 0;
}

int service_run(struct dispatch *dispatch, struct executor *executor, const char *config_path, int input,
    int output, struct error *error)
{
	struct service service = {.dispatch = dispatch,
	    .config_path = config_path,
	    .input = input,
	    .output = output,
	    .drained = true,
	    .out = BUF_INIT(OUTPUT_MAX_BYTES),
	    .executor = executor,
	    .running = running_new(),
	    .suspended = suspended_new(),
	    .menus = menus_new(),
	    .is_file = is_file(input),
	    .next_wait = WAIT_FIRST,
	    .lock_fd = -1};
	int result = -1;

	lines_init(&service.lines, SERVICE_LINE_MAX_BYTES);
	open_guard(&service);
	service.parser = json_parser_new(JSON_TELEGRAM_DEPTH);
	log_hold();
	if (loop_new(&service.loop, error) == 0 &&
	    loop_on_signal(service.loop, SIGTERM, stop, &service, error) == 0 &&
	    loop_on_signal(service.loop, SIGINT, stop, &service, error) == 0 &&
	    loop_on_signal(service.loop, SIGHUP, reload, &service, error) == 0 &&
	    asker_new(service.loop, on_answer, &service, &service.asker, error) == 0)
		result = run(&service, error);
	log_flush();
	drop_pending(&service);
	asker_free(service.asker);
	loop_free(service.loop);
	running_free(service.running);
	menus_free(service.menus);
	suspended_free(service.suspended);
	guard_close(service.guard);
	fd_close(&service.lock_fd);
	dispatch->running = NULL;
	lines_free(&service.lines);
	json_parser_free(service.parser);
	buf_free(&service.out);
	return result;
}
