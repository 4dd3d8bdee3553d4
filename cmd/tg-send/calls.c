#include "calls.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "fd.h"
#include "http.h"
#include "json.h"
#include "backlog.h"
#include "log.h"
#include "loop.h"
#include "submit.h"

enum {
	READ_BYTES = 65536,
	PAUSE_FIRST_MS = 50,
	PAUSE_MAX_MS = 2000,
	STOP_MS = 2000,
	CONNECT_TIMEOUT_MS = 10000,
	REQUEST_TIMEOUT_MS = 60000,
	ANSWER_MAX_BYTES = 16 << 20,
	HEADER_BYTES = sizeof "Idempotency-Key: " + SUBMIT_KEY_BYTES,
};

struct calls {
	const char *socket_path;
	int input_fd;
	struct loop *loop;
	struct http_client *client;

	struct backlog backlog;
	bool input_ended;
	bool watching;

	struct backlog_batch batch;
	size_t asked; /* the first so many lines of the batch are submitted together */
	char key[SUBMIT_KEY_BYTES];
	struct http_transfer *transfer; /* NULL: none under way */
	int64_t pause_ms;
	int64_t retry_ms; /* not before */
	bool waiting;	  /* tg-sendd did not take the last attempt, and that is logged */

	bool stopping;
	int64_t stop_ms; /* at the latest */
	struct calls_outcome outcome;
	bool failed;	   /* end now */
	bool input_failed; /* end when what was read is submitted */
	struct error error;
};

static void line_refused(struct calls *calls, int64_t number, const char *reason)
{
	calls->outcome.refused++;
	log_error("call refused", LOG_INT("line", number), LOG_STR("reason", reason));
}

static void line_too_long(void *context, int64_t number)
{
	line_refused(context, number, "the line is longer than 1 MB");
}

/* ---- the input ---- */

static void input_ready(void *context, int fd, short events)
{
	struct calls *calls = context;
	size_t room = backlog_room(&calls->backlog);
	struct buf chunk = BUF_INIT(room < READ_BYTES ? room : READ_BYTES);
	ssize_t got = fd_read_some(fd, &chunk);

	(void)events;
	if (got > 0) {
		backlog_feed(&calls->backlog, chunk.data, chunk.len, line_too_long, calls);
	} else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
		if (got < 0) {
			error_errno(&calls->error, ERROR_INPUT, "cannot read the calls");
			calls->input_failed = true;
		}
		calls->input_ended = true;
		backlog_end(&calls->backlog, line_too_long, calls);
	}
	buf_free(&chunk);
}

static void watch_input(struct calls *calls)
{
	bool wanted = !calls->input_ended && !calls->stopping && backlog_room(&calls->backlog) > 0;

	if (wanted == calls->watching)
		return;
	if (wanted)
		loop_watch(calls->loop, calls->input_fd, POLLIN, input_ready, calls);
	else
		loop_unwatch(calls->loop, calls->input_fd);
	calls->watching = wanted;
}

static void stop(void *context, int signo)
{
	struct calls *calls = context;

	(void)signo;
	if (calls->stopping)
		return;
	calls->stopping = true;
	calls->stop_ms = clock_monotonic_ms() + STOP_MS;
}

/* ---- the answers ---- */

/* What is asked next goes under a key of its own. */
static void ask_for(struct calls *calls, size_t count)
{
	calls->asked = count;
	submit_new_key(calls->key);
}

static void fail(struct calls *calls)
{
	calls->failed = true;
}

static void answered(struct calls *calls)
{
	if (calls->waiting)
		log_info("tg-sendd answers again", LOG_STR("socket", calls->socket_path));
	calls->waiting = false;
	calls->pause_ms = PAUSE_FIRST_MS;
}

static void try_later(struct calls *calls, const char *reason)
{
	struct error denied;

	if (submit_check_socket(calls->socket_path, &denied) != 0)
		reason = denied.text;
	if (!calls->waiting)
		log_warning("tg-sendd takes nothing now, waiting", LOG_STR("socket", calls->socket_path),
		    LOG_STR("reason", reason));
	calls->waiting = true;
	calls->retry_ms = clock_monotonic_ms() + calls->pause_ms;
	calls->pause_ms = calls->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : calls->pause_ms * 2;
}

static void drop_asked(struct calls *calls)
{
	backlog_batch_drop(&calls->batch, calls->asked);
	ask_for(calls, calls->batch.count);
}

/* One result a line, in order. */
static void read_results(struct calls *calls, const struct http_answer *answer)
{
	struct json_object *body = submit_read_body(&answer->body), *results = NULL;
	struct error unused;

	if (body == NULL || json_get_array(body, "results", &results, &unused) != 1 ||
	    json_object_array_length(results) != calls->asked) {
		error_set(&calls->error, ERROR_PERMANENT,
		    "the answer of tg-sendd cannot be read; is it of the same version?");
		fail(calls);
		goto out;
	}
	answered(calls);
	for (size_t i = 0; i < calls->asked; i++) {
		struct json_object *result = json_object_array_get_idx(results, i);
		bool ok = false;

		if (!json_object_is_type(result, json_type_object) ||
		    json_get_bool(result, "ok", &ok, &unused) != 1 || !ok)
			line_refused(calls, calls->batch.numbers[i], json_text(result, "error"));
	}
	drop_asked(calls);
out:
	json_object_put(body);
}

/* All of them were ruled out: the halves are asked for one by one, to the line that is the cause. */
static void split(struct calls *calls, const char *reason)
{
	answered(calls);
	if (calls->asked > 1) {
		ask_for(calls, calls->asked / 2);
		return;
	}
	line_refused(calls, calls->batch.numbers[0], reason);
	drop_asked(calls);
}

static void read_refusal(struct calls *calls, const struct http_answer *answer)
{
	struct json_object *body = submit_read_body(&answer->body);
	struct error error;

	submit_refusal(answer->status, body, &error);
	json_object_put(body);
	if (error.kind == ERROR_TEMPORARY) {
		try_later(calls, error.text);
	} else if (error.kind == ERROR_INPUT) {
		split(calls, error.text);
	} else {
		error_set(&calls->error, error.kind, "tg-sendd takes no calls from here: %.190s", error.text);
		fail(calls);
	}
}

static void done(void *context, const struct http_answer *answer)
{
	struct calls *calls = context;

	calls->transfer = NULL;
	if (answer->failure == HTTP_TOO_LARGE || answer->failure == HTTP_INVALID) {
		error_set(
		    &calls->error, ERROR_PERMANENT, "cannot talk with tg-sendd: %.128s", answer->reason);
		fail(calls);
	} else if (answer->failure != HTTP_ANSWERED) {
		try_later(calls, answer->reason);
	} else if (answer->status < 200 || answer->status > 299) {
		read_refusal(calls, answer);
	} else {
		read_results(calls, answer);
	}
}

/* ---- the requests ---- */

static void start_request(struct calls *calls)
{
	char key[HEADER_BYTES];
	const char *const headers[] = {"Content-Type: application/json", key, NULL};
	struct http_request request = {
	    .method = "POST",
	    .url = "http://localhost/calls",
	    .unix_socket = calls->socket_path,
	    .headers = headers,
	    .body = calls->batch.body.data,
	    .body_len = backlog_batch_bytes(&calls->batch, calls->asked),
	    .timeout_ms = REQUEST_TIMEOUT_MS,
	    .connect_timeout_ms = CONNECT_TIMEOUT_MS,
	    .max_answer_bytes = ANSWER_MAX_BYTES,
	};

	snprintf(key, sizeof key, "Idempotency-Key: %s", calls->key);
	if (http_start(calls->client, &request, done, calls, &calls->transfer, &calls->error) != 0)
		fail(calls);
}

static void submit_what_is_there(struct calls *calls)
{
	if (calls->batch.count == 0 && !calls->stopping) {
		backlog_take(&calls->backlog, &calls->batch);
		ask_for(calls, calls->batch.count);
	}
	if (calls->batch.count > 0 && calls->transfer == NULL && clock_monotonic_ms() >= calls->retry_ms)
		start_request(calls);
}

static bool is_over(const struct calls *calls)
{
	bool idle = calls->batch.count == 0;

	if (calls->failed)
		return true;
	if (calls->stopping)
		return idle || clock_monotonic_ms() >= calls->stop_ms;
	return idle && calls->input_ended && calls->backlog.pending.len == 0;
}

static int64_t turn_limit_ms(const struct calls *calls)
{
	int64_t now = clock_monotonic_ms(), until = -1;

	if (calls->stopping)
		until = calls->stop_ms;
	if (calls->batch.count > 0 && calls->transfer == NULL && (until < 0 || calls->retry_ms < until))
		until = calls->retry_ms;
	if (until < 0)
		return -1;
	return until > now ? until - now : 0;
}

static int run(struct calls *calls, struct error *error)
{
	for (;;) {
		submit_what_is_there(calls);
		if (is_over(calls))
			break;
		watch_input(calls);
		if (loop_turn(calls->loop, turn_limit_ms(calls), error) != 0)
			return -1;
	}
	calls->outcome.unfinished = calls->batch.count > 0 || calls->backlog.pending.len > 0;
	if (!calls->failed && !calls->input_failed)
		return 0;
	*error = calls->error;
	return -1;
}

int calls_run(int input_fd, const char *socket_path, struct calls_outcome *outcome, struct error *error)
{
	struct calls calls = {.socket_path = socket_path, .input_fd = input_fd, .pause_ms = PAUSE_FIRST_MS};
	int result = -1;

	backlog_init(&calls.backlog);
	backlog_batch_init(&calls.batch);
	if (submit_check_socket(socket_path, error) != 0 && error->kind == ERROR_CONFIG)
		goto out;
	if (loop_new(&calls.loop, error) != 0 || http_client_new(calls.loop, &calls.client, error) != 0 ||
	    loop_on_signal(calls.loop, SIGTERM, stop, &calls, error) != 0 ||
	    loop_on_signal(calls.loop, SIGINT, stop, &calls, error) != 0)
		goto out;
	result = run(&calls, error);
	*outcome = calls.outcome;
out:
	if (calls.client != NULL)
		http_client_free(calls.client);
	if (calls.loop != NULL)
		loop_free(calls.loop);
	backlog_free(&calls.backlog);
	backlog_batch_free(&calls.batch);
	return result;
}
