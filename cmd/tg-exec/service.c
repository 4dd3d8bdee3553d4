#include "service.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "lines.h"
#include "log.h"
#include "xalloc.h"
#include "event.h"
#include "job.h"
#include "request.h"

enum {
	OUTPUT_HIGH_BYTES = 256 << 10, /* with so much unread, no job is read */
	REQUESTS_HIGH_BYTES =
	    1 << 20, /* and no request; more, so that floods do not keep one from being stopped */
	OUTPUT_MAX_BYTES = 4 << 20, /* that, and what one turn adds */
	GROWTH_MAX = 4,		    /* a byte that is no text is told as U+FFFD, and may come alone */
};

/* Where poll(2) has what; the two descriptors of each job follow. */
enum { POLL_INPUT, POLL_OUTPUT, POLL_SIGNALS, POLL_JOBS };

struct service {
	struct service_options *options;
	struct lines requests;
	bool drained; /* no whole line is left in requests */
	bool end_of_input;
	struct buf out;
	int signals;
	struct job **jobs;
	size_t count, capacity;
	size_t first; /* whose turn is first */
	struct pollfd *polled;
	bool stopping;
	int64_t stop_at_ms;
	bool unread; /* nobody reads the output any more */
};

static bool is_full(const struct service *service)
{
	return service->out.len >= OUTPUT_HIGH_BYTES;
}

static bool may_take_requests(const struct service *service)
{
	return !service->stopping && service->out.len < REQUESTS_HIGH_BYTES;
}

/* ---- events ---- */

static void say(struct service *service, struct json_object *event)
{
	const char *line = json_line(event);

	if (!service->unread &&
	    (buf_add_text(&service->out, line) != 0 || buf_add_text(&service->out, "\n") != 0))
		log_error("an event was dropped", LOG_INT("job", json_int64(event, "job")));
	json_object_put(event);
}

static void refuse(struct service *service, int64_t number, const char *text)
{
	log_info("refused", LOG_INT("job", number), LOG_STR("error", text));
	say(service, event_failed(number, text));
}

/* The job failed by what tg-exec sees of it; once, and not where it has said itself how it ended. */
static void fail_job(struct service *service, struct job *job, const char *text)
{
	if (job->answered)
		return;
	job->answered = true;
	log_warning("job failed", LOG_INT("job", job->number), LOG_STR("account", job->account),
	    LOG_STR("script", job->script), LOG_STR("error", text));
	say(service, event_failed(job->number, text));
}

static void answered(struct job *job, int64_t now_ms)
{
	job->answered = true;
	log_info("job ended", LOG_INT("job", job->number), LOG_STR("account", job->account),
	    LOG_STR("script", job->script), LOG_INT("duration_ms", now_ms - job->started_ms));
	job_end(job, now_ms);
}

/*
 * notify-scripts keeps scripts.output itself, but a script runs as the same account and can write to where it
 * writes: without an end nobody behind us could keep it.
 */
static bool is_too_much(struct job *job, struct json_object *event)
{
	job->text_left_bytes -= (int64_t)strlen(json_text(event, "text")) + 1;
	return job->text_left_bytes < 0;
}

static void handle_event(
    struct service *service, struct job *job, const char *line, size_t len, int64_t now_ms)
{
	const struct event_job about = {job->number, job->script};
	struct json_object *event;
	enum event_kind kind;
	struct error error;
	int result = event_rebuild(line, len, &about, &kind, &event, &error);

	if (result == 0 && kind == EVENT_STARTED && job->started) {
		json_object_put(event);
		result = error_set(&error, ERROR_INPUT, "it started a second time");
	} else if (result == 0 && kind == EVENT_OUTPUT && is_too_much(job, event)) {
		json_object_put(event);
		result = error_set(&error, ERROR_INPUT, "it tells more output than scripts.output allows");
	}
	if (result != 0) {
		log_warning("no event", LOG_INT("job", job->number), LOG_STR("error", error.text));
		fail_job(service, job, "notify-scripts said what is no event; the server's log says more");
		job_end(job, now_ms);
		return;
	}
	job->started = job->started || kind == EVENT_STARTED;
	say(service, event);
	if (event_is_last(kind))
		answered(job, now_ms);
}

/* All lines that have come; after the last event nothing counts any more. */
static void handle_lines(struct service *service, struct job *job, int64_t now_ms)
{
	enum lines_result result;
	const char *line;
	size_t len;

	while ((result = lines_next(&job->lines, &line, &len)) != LINES_NONE) {
		if (job->answered)
			continue;
		if (result == LINES_LINE) {
			handle_event(service, job, line, len, now_ms);
		} else {
			fail_job(service, job, "notify-scripts said a line that is too long");
			job_end(job, now_ms);
		}
	}
}

/* ---- jobs ---- */

static struct job *find_job(const struct service *service, int64_t number)
{
	for (size_t i = 0; i < service->count; i++) {
		if (service->jobs[i]->number == number && !service->jobs[i]->answered)
			return service->jobs[i];
	}
	return NULL;
}

static void add_job(struct service *service, struct job *job)
{
	if (service->count == service->capacity) {
		service->capacity = service->capacity > 0 ? 2 * service->capacity : 16;
		service->jobs = xreallocarray(service->jobs, service->capacity, sizeof(struct job *));
		service->polled = xreallocarray(
		    service->polled, POLL_JOBS + 2 * service->capacity, sizeof *service->polled);
	}
	service->jobs[service->count++] = job;
}

/* What keeps the number of processes bounded, or NULL. */
static const char *why_busy(const struct service *service, const char *account)
{
	size_t running = 0, left = 0;

	for (size_t i = 0; i < service->count; i++) {
		const struct job *job = service->jobs[i];

		running += job->phase != JOB_LEFT;
		left += job->phase == JOB_LEFT && strcmp(job->account, account) == 0;
	}
	if (running >= SERVICE_JOBS_MAX)
		return "The server is busy with other scripts; try again later";
	if (left >= SERVICE_LEFT_MAX)
		return "Too many of your scripts could not be ended; end them on the server first";
	return NULL;
}

static int64_t limit_ms(
    const struct config *config, const struct request *request, const struct command *command)
{
	if (request->op == REQUEST_EXEC)
		return command->timeout_ms + JOB_RUN_MARGIN_MS;
	if (request->op == REQUEST_LIST)
		return JOB_LIST_LIMIT_MS;
	return request->server ? 0 : config->scripts.timeout_ms + JOB_RUN_MARGIN_MS;
}

static void start_job(struct service *service, const struct request *request)
{
	const struct service_options *options = service->options;
	struct command command;
	struct error error;
	struct job *job;
	const char *busy;

	if (command_make(&options->place, options->config, request, &command, &error) != 0) {
		refuse(service, request->job, error.text);
		return;
	}
	busy = why_busy(service, command.account);
	if (busy != NULL) {
		refuse(service, request->job, busy);
		return;
	}
	if (job_start(&command, options->config, request, limit_ms(options->config, request, &command), &job,
		&error) != 0) {
		refuse(service, request->job, error.text);
		return;
	}
	log_info("job started", LOG_INT("job", job->number), LOG_STR("account", job->account),
	    LOG_STR("script", job->script), LOG_INT("pid", job->pid));
	job->text_left_bytes = GROWTH_MAX * options->config->scripts.output_bytes;
	add_job(service, job);
}

static const char *why_over(const struct job *job)
{
	if (job->phase == JOB_ENDING)
		return "It cannot be ended, and may still run on the server";
	return job->script != NULL ? "It did not end in its time, and was ended"
				   : "The list of scripts took too long";
}

static void keep_deadline(struct service *service, struct job *job, int64_t now_ms)
{
	if (job->deadline_ms == 0 || job->phase == JOB_LEFT)
		return;
	/* As long as we do not read, it may wait for us. */
	if (is_full(service) && !service->stopping && job->deadline_ms < now_ms + JOB_GRACE_MS)
		job->deadline_ms = now_ms + JOB_GRACE_MS;
	if (now_ms < job->deadline_ms)
		return;
	fail_job(service, job, why_over(job));
	/* A list does not look at its input. */
	if (job->phase == JOB_RUNNING && job->script != NULL)
		job_end(job, now_ms);
	else
		job_leave(job);
}

/* Reaped, and all that it said is read. */
static void conclude(struct service *service, struct job *job)
{
	char *text;

	if (job->answered)
		return;
	text = event_last_words(
	    job->is_fixed ? "tg-exec" : "notify-scripts", job->wait_status, buf_text(&job->last_errors));
	fail_job(service, job, text);
	free(text);
}

static void remove_ended(struct service *service)
{
	size_t kept = 0;

	for (size_t i = 0; i < service->count; i++) {
		struct job *job = service->jobs[i];

		if (!job_is_over(job)) {
			service->jobs[kept++] = job;
			continue;
		}
		conclude(service, job);
		job_free(job);
	}
	service->count = kept;
}

static void end_all(struct service *service, const char *reason)
{
	int64_t now_ms = clock_monotonic_ms();

	if (service->stopping)
		return;
	service->stopping = true;
	service->stop_at_ms = now_ms + JOB_GRACE_MS;
	log_info("ending", LOG_STR("reason", reason));
	for (size_t i = 0; i < service->count; i++)
		job_end(service->jobs[i], now_ms);
}

/* ---- requests ---- */

static void stop_job(struct service *service, int64_t number)
{
	struct job *job = find_job(service, number);

	/* It may have ended while the request was on its way. */
	if (job != NULL)
		job_end(job, clock_monotonic_ms());
}

static void handle_request(struct service *service, const char *line, size_t len)
{
	struct request request;
	struct error error;
	int result = request_read(line, len, &request, &error);
	bool in_use = request.job > 0 && find_job(service, request.job) != NULL;

	if (result == 0 && request.op == REQUEST_STOP)
		stop_job(service, request.job);
	else if (in_use || request.job <= 0)
		/* An answer would end the job that has the number. */
		log_warning("request ignored", LOG_INT("line", service->requests.number),
		    LOG_INT("job", request.job), LOG_STR("error", in_use ? "this job runs" : error.text));
	else if (result != 0)
		refuse(service, request.job, error.text);
	else
		start_job(service, &request);
	if (result == 0)
		request_free(&request);
}

static void handle_requests(struct service *service)
{
	const char *line;
	size_t len;

	while (may_take_requests(service)) {
		enum lines_result result = lines_next(&service->requests, &line, &len);

		service->drained = result == LINES_NONE;
		if (service->drained)
			return;
		if (result == LINES_LINE)
			handle_request(service, line, len);
		else
			log_warning("request ignored", LOG_INT("line", service->requests.number),
			    LOG_STR("error", "it is too long"));
	}
}

static void read_requests(struct service *service)
{
	ssize_t got = lines_read(&service->requests, service->options->input);

	service->drained = false;
	if (got < 0 && errno == EAGAIN)
		return;
	/* A line without its end may be cut: it is nothing to act upon. */
	if (got <= 0)
		end_all(service, "there are no more requests");
}

/* ---- turns ---- */

static void reap(struct service *service)
{
	for (size_t i = 0; i < service->count; i++)
		(void)job_reap(service->jobs[i]);
}

static void take_signals(struct service *service)
{
	struct signalfd_siginfo info;

	while (read(service->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGHUP)
			(void)config_reload(
			    service->options->config_path, &service->options->config, NULL, NULL);
		else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			end_all(service, "a signal");
	}
	/* Several ends may come as one SIGCHLD. */
	reap(service);
}

static void stop_writing(struct service *service, const char *reason)
{
	buf_clear(&service->out);
	service->unread = true;
	end_all(service, reason);
}

static void write_events(struct service *service)
{
	if (!service->unread && fd_write_ready(service->options->output, &service->out) != 0)
		stop_writing(service, "the events cannot be written");
}

static void fill_poll(struct service *service)
{
	bool full = is_full(service);
	struct pollfd *polled = service->polled;
	bool wants_requests = service->drained && may_take_requests(service);

	polled[POLL_INPUT] = (struct pollfd){wants_requests ? service->options->input : -1, POLLIN, 0};
	polled[POLL_OUTPUT] = (struct pollfd){
	    service->unread ? -1 : service->options->output, service->out.len > 0 ? POLLOUT : 0, 0};
	polled[POLL_SIGNALS] = (struct pollfd){service->signals, POLLIN, 0};
	for (size_t i = 0; i < service->count; i++) {
		const struct job *job = service->jobs[i];

		polled[POLL_JOBS + 2 * i] = (struct pollfd){full ? -1 : job->output, POLLIN, 0};
		polled[POLL_JOBS + 2 * i + 1] = (struct pollfd){job->errors, POLLIN, 0};
	}
}

/* Milliseconds until something is due, -1: nothing is. */
static int poll_timeout(const struct service *service)
{
	int64_t now_ms = clock_monotonic_ms(), next_ms = service->stopping ? service->stop_at_ms : INT64_MAX;

	if (!service->drained && may_take_requests(service))
		return 0;
	for (size_t i = 0; i < service->count; i++) {
		const struct job *job = service->jobs[i];

		if (job->deadline_ms != 0 && job->phase != JOB_LEFT && job->deadline_ms < next_ms)
			next_ms = job->deadline_ms;
	}
	if (next_ms == INT64_MAX)
		return -1;
	return next_ms <= now_ms ? 0 : next_ms - now_ms > INT_MAX ? INT_MAX : (int)(next_ms - now_ms);
}

/*
 * Each job that has something is read once, beginning with the one after that which was read last: one that
 * floods costs the others one piece. Where the output is full the rest waits for the next turn.
 */
static void serve_jobs(struct service *service, size_t count)
{
	int64_t now_ms = clock_monotonic_ms();
	size_t first = service->first < count ? service->first : 0;

	for (size_t i = 0; i < count; i++) {
		size_t index = (first + i) % count;
		const struct pollfd *polled = &service->polled[POLL_JOBS + 2 * index];

		if (polled[1].revents != 0)
			job_read_errors(service->jobs[index]);
		if (polled[0].revents == 0 || is_full(service))
			continue;
		service->first = index + 1;
		if (job_read(service->jobs[index]))
			handle_lines(service, service->jobs[index], now_ms);
		else if (service->jobs[index]->output < 0)
			job_end(service->jobs[index], now_ms);
	}
}

static int turn(struct service *service, struct error *error)
{
	size_t count = service->count;
	const struct pollfd *polled = service->polled;
	int ready;

	fill_poll(service);
	ready = poll(service->polled, POLL_JOBS + 2 * count, poll_timeout(service));
	if (ready < 0 && errno != EINTR)
		return error_errno(error, ERROR_TEMPORARY, "cannot wait for events");
	if (ready > 0) {
		serve_jobs(service, count);
		if (polled[POLL_SIGNALS].revents != 0)
			take_signals(service);
		if ((polled[POLL_OUTPUT].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
			stop_writing(service, "nobody reads the events any more");
		if (polled[POLL_INPUT].revents != 0)
			read_requests(service);
	}
	handle_requests(service);
	return 0;
}

static bool is_done(const struct service *service)
{
	if (!service->stopping)
		return false;
	if (clock_monotonic_ms() >= service->stop_at_ms)
		return true;
	for (size_t i = 0; i < service->count; i++) {
		if (service->jobs[i]->phase != JOB_LEFT)
			return false;
	}
	return service->out.len == 0;
}

static int run(struct service *service, struct error *error)
{
	while (!is_done(service)) {
		int64_t now_ms;

		if (turn(service, error) != 0)
			return -1;
		remove_ended(service);
		now_ms = clock_monotonic_ms();
		for (size_t i = 0; i < service->count; i++)
			keep_deadline(service, service->jobs[i], now_ms);
		write_events(service);
	}
	return 0;
}

/* Blocked, so that they come by the descriptor; a job begins with none blocked. */
static int open_signals(int *fd, struct error *error)
{
	sigset_t wanted;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGHUP);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &wanted, NULL) == 0)
		*fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
	return *fd >= 0 ? 0 : error_errno(error, ERROR_TEMPORARY, "cannot wait for signals");
}

int service_run(struct service_options *options, struct error *error)
{
	struct service service = {
	    .options = options, .drained = true, .out = BUF_INIT(OUTPUT_MAX_BYTES), .signals = -1};
	int result = -1;

	lines_init(&service.requests, REQUEST_LINE_MAX_BYTES);
	service.polled = xcalloc(POLL_JOBS, sizeof *service.polled);
	if (open_signals(&service.signals, error) == 0)
		result = run(&service, error);
	for (size_t i = 0; i < service.count; i++) {
		job_leave(service.jobs[i]);
		job_free(service.jobs[i]);
	}
	fd_close(&service.signals);
	free(service.jobs);
	free(service.polled);
	lines_free(&service.requests);
	buf_free(&service.out);
	return result;
}
