#include "ask.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "clock.h"
#include "header.h"
#include "http.h"
#include "json.h"
#include "log.h"
#include "secret.h"
#include "xalloc.h"
#include "ask_rules.h"

enum {
	TYPING_FIRST_MS = 1000,
	TYPING_AGAIN_MS = 5000, /* Telegram shows it for five seconds */
	TAP_MS = 5000,
	URL_MAX_BYTES = 8192,
	OWN_HEADERS = 3,    /* besides X-Request-Id, which nothing replaces */
	DESCRIPTORS = 2048, /* as many connections as updates can wait, those that are kept, and the rest */
};

struct call {
	struct asker *asker;
	struct call *previous, *next;
	int64_t token;
	char *request_id, *route;
	int64_t chat, thread;
	char *tap_id; /* NULL: nothing to answer */
	bool tap_answered;

	/* The request, the same for each try. */
	char *url, *socket, *body, **headers;
	bool is_get;
	size_t headers_count, answer_max_bytes;

	int64_t started_ms, deadline_ms;
	int64_t tries, tries_max;
	struct http_transfer *transfer; /* NULL: waits */
	int64_t again_ms;		/* when it does not wait any more; INT64_MAX: it is under way */
	struct json_object *answer;	/* owned; what is to be told then; NULL: another try */
	int64_t typing_ms, tap_ms;	/* when these are due; INT64_MAX: never */
};

struct asker {
	struct http_client *client;
	asker_done_fn *done;
	void *context;
	struct call *first;
	size_t count;
};

void ask_clear(struct ask *ask)
{
	json_object_put(ask->body);
	*ask = (struct ask){.http = NULL};
}

/* ---- a call ---- */

static void wipe(char *text)
{
	if (text != NULL)
		sodium_memzero(text, strlen(text));
	free(text);
}

static void free_call(struct call *call)
{
	for (size_t i = 0; i < call->headers_count; i++)
		wipe(call->headers[i]);
	free(call->headers);
	free(call->request_id);
	free(call->route);
	free(call->tap_id);
	free(call->url);
	free(call->socket);
	free(call->body);
	json_object_put(call->answer);
	free(call);
}

static void unlink_call(struct call *call)
{
	struct asker *asker = call->asker;

	if (call->previous != NULL)
		call->previous->next = call->next;
	else
		asker->first = call->next;
	if (call->next != NULL)
		call->next->previous = call->previous;
	asker->count--;
}

static void log_call(const struct call *call, struct json_object *answer)
{
	const char *failure = json_text(answer, "failure");
	int64_t status = json_int64(answer, "status");
	enum log_level level = failure != NULL || status < 200 || status >= 300 ? LOG_WARNING : LOG_INFO;
	const struct log_field fields[] = {LOG_STR("request_id", call->request_id),
	    LOG_STR("route", call->route), LOG_INT("chat", call->chat),
	    failure != NULL ? LOG_STR("failure", failure) : LOG_INT("status", status),
	    LOG_INT("tries", call->tries), LOG_INT("latency_ms", clock_monotonic_ms() - call->started_ms)};

	log_event(level, "service asked", fields, sizeof fields / sizeof fields[0]);
}

/* Hands answer over. */
static void tell(struct call *call, struct json_object *answer)
{
	struct asker *asker = call->asker;

	log_call(call, answer);
	unlink_call(call);
	asker->done(asker->context, call->token, answer, call->tap_answered);
	free_call(call);
}

static void fail_later(struct call *call, const char *reason)
{
	call->answer = json_object_new_object();
	json_put_text(call->answer, "failure", reason);
	call->again_ms = 0;
}

/* ---- the tries ---- */

static double jitter(void)
{
	return (double)randombytes_uniform(1001) / 1000;
}

static bool may_try_again(const struct call *call, const struct http_answer *answer, struct json_object *read)
{
	return call->tries < call->tries_max && ask_is_safe_again(answer, read);
}

static void answered(void *context, const struct http_answer *answer)
{
	struct call *call = context;
	struct json_object *read = ask_read(answer);
	int64_t again_ms = clock_monotonic_ms() + ask_pause_ms(jitter());

	call->transfer = NULL;
	if (may_try_again(call, answer, read) && again_ms < call->deadline_ms) {
		call->again_ms = again_ms;
		json_object_put(read);
	} else {
		tell(call, read);
	}
}

static void try_now(struct call *call, int64_t now_ms)
{
	const struct http_request request = {.method = call->is_get ? "GET" : "POST",
	    .url = call->url,
	    .unix_socket = call->socket,
	    .headers = (const char *const *)call->headers,
	    .body = call->body,
	    .body_len = call->body != NULL ? strlen(call->body) : 0,
	    .timeout_ms = call->deadline_ms - now_ms,
	    .connect_timeout_ms = call->deadline_ms - now_ms,
	    .max_answer_bytes = call->answer_max_bytes};
	struct error error;

	if (request.timeout_ms <= 0) {
		fail_later(call, "no answer in time");
		return;
	}
	call->tries++;
	call->again_ms = INT64_MAX;
	if (http_start(call->asker->client, &request, answered, call, &call->transfer, &error) != 0)
		fail_later(call, error.text);
}

/* ---- the request ---- */

static void add_header(struct call *call, char *line)
{
	call->headers[call->headers_count++] = line;
}

static bool is_configured(const struct config_http *http, const char *name)
{
	for (size_t i = 0; i < http->headers_count; i++) {
		if (strcasecmp(http->headers[i].name, name) == 0)
			return true;
	}
	return false;
}

static int add_configured(struct call *call, const struct config_header *header, struct error *error)
{
	struct buf value = BUF_INIT(HEADER_VALUE_MAX);
	int result = header_check_name(header->name, error);

	if (result == 0 && header->value_file != NULL)
		result = secret_read_file(header->value_file, &value, error);
	else if (result == 0 && buf_add_text(&value, header->value) != 0)
		result = error_set(error, ERROR_CONFIG, "the header %s is too long", header->name);
	if (result == 0 && !header_is_value(buf_text(&value), value.len))
		result =
		    error_set(error, ERROR_CONFIG, "the value of the header %s is not valid", header->name);
	/* libcurl's way of writing a header without a value. */
	if (result == 0)
		add_header(call, value.len > 0 ? xasprintf("%s: %s", header->name, buf_text(&value))
					       : xasprintf("%s;", header->name));
	if (value.data != NULL)
		sodium_memzero(value.data, value.capacity);
	buf_free(&value);
	return result;
}

static int set_headers(struct call *call, const struct config_http *http, struct error *error)
{
	static const struct {
		const char *name, *value;
	} own[OWN_HEADERS] = {{"Content-Type", "application/json"}, {"Accept", "application/json"},
	    {"User-Agent", "tgtools/" TGTOOLS_VERSION}};

	call->headers = xcalloc(1 + OWN_HEADERS + http->headers_count + 1, sizeof *call->headers);
	add_header(call, xasprintf("X-Request-Id: %s", call->request_id));
	for (size_t i = call->is_get ? 1 : 0; i < OWN_HEADERS; i++) {
		if (!is_configured(http, own[i].name))
			add_header(call, xasprintf("%s: %s", own[i].name, own[i].value));
	}
	for (size_t i = 0; i < http->headers_count; i++) {
		if (add_configured(call, &http->headers[i], error) != 0)
			return -1;
	}
	return 0;
}

static int set_url(
    struct call *call, const char *source, const struct ask_context *context, struct error *error)
{
	char chat[24], user[24];
	const struct ask_value values[] = {{"chat_id", chat}, {"telegram_user_id", user},
	    {"user", context->account != NULL ? context->account : ""}, {NULL, NULL}};
	struct buf url = BUF_INIT(URL_MAX_BYTES);
	int result;

	snprintf(chat, sizeof chat, "%" PRId64, context->chat);
	snprintf(user, sizeof user, "%" PRId64, context->user);
	result = ask_fill_url(source, values, &url, error);
	call->url = xstrdup(buf_text(&url));
	buf_free(&url);
	return result;
}

static int set_request(
    struct call *call, const struct ask *ask, const struct ask_context *context, struct error *error)
{
	const struct config_http *http = ask->http;

	call->is_get = http->method != NULL && strcmp(http->method, "GET") == 0;
	call->socket = http->socket != NULL ? xstrdup(http->socket) : NULL;
	call->tries_max = 1 + http->retries;
	call->answer_max_bytes =
	    http->answer_max_bytes > 0 ? (size_t)http->answer_max_bytes : ASK_ANSWER_BYTES;
	if (!call->is_get)
		call->body = xstrdup(ask->body != NULL ? json_line(ask->body) : "{}");
	if (set_url(call, http->url, context, error) != 0)
		return -1;
	return set_headers(call, http, error);
}

static struct call *new_call(struct asker *asker, int64_t token, const struct ask_context *context)
{
	struct call *call = xcalloc(1, sizeof *call);

	call->asker = asker;
	call->token = token;
	call->request_id = xstrdup(context->request_id);
	call->route = xstrdup(context->route != NULL ? context->route : "");
	call->chat = context->chat;
	call->thread = context->thread;
	call->tap_id = context->tap_id != NULL ? xstrdup(context->tap_id) : NULL;
	call->next = asker->first;
	if (asker->first != NULL)
		asker->first->previous = call;
	asker->first = call;
	asker->count++;
	return call;
}

static int64_t timeout_of(const struct ask *ask)
{
	if (ask->timeout_ms > 0)
		return ask->timeout_ms;
	return ask->http->timeout_ms > 0 ? ask->http->timeout_ms : ASK_TIMEOUT_MS;
}

void asker_start(struct asker *asker, int64_t token, const struct ask *ask, const struct ask_context *context)
{
	struct call *call = new_call(asker, token, context);
	struct error error;

	call->started_ms = clock_monotonic_ms();
	call->deadline_ms = call->started_ms + timeout_of(ask);
	call->typing_ms = call->chat != 0 ? call->started_ms + TYPING_FIRST_MS : INT64_MAX;
	call->tap_ms = call->tap_id != NULL ? call->started_ms + TAP_MS : INT64_MAX;
	if (set_request(call, ask, context, &error) != 0)
		fail_later(call, error.text);
	else
		try_now(call, call->started_ms);
}

/* ---- those who wait ---- */

static struct json_object *typing_line(const struct call *call)
{
	struct json_object *line = json_object_new_object();

	json_put_text(line, "method", "sendChatAction");
	json_put_int64(line, "chat_id", call->chat);
	if (call->thread != 0)
		json_put_int64(line, "message_thread_id", call->thread);
	json_put_text(line, "action", "typing");
	return line;
}

static struct json_object *tap_line(const struct call *call)
{
	struct json_object *line = json_object_new_object();

	json_put_text(line, "method", "answerCallbackQuery");
	json_put_text(line, "callback_query_id", call->tap_id);
	return line;
}

/* Takes line over. False where there is no room. */
static bool add_line(struct buf *out, struct json_object *line)
{
	bool added = out != NULL && buf_add_format(out, "%s\n", json_line(line)) == 0;

	json_object_put(line);
	return added;
}

static void show(struct call *call, int64_t now_ms, struct buf *out)
{
	if (now_ms >= call->typing_ms)
		call->typing_ms =
		    now_ms + (add_line(out, typing_line(call)) ? TYPING_AGAIN_MS : TYPING_FIRST_MS);
	if (now_ms >= call->tap_ms) {
		call->tap_answered = add_line(out, tap_line(call));
		call->tap_ms = call->tap_answered ? INT64_MAX : now_ms + TYPING_FIRST_MS;
	}
}

/* What has waited goes on. */
static void go_on(struct call *call, int64_t now_ms)
{
	struct json_object *answer = call->answer;

	call->answer = NULL;
	if (answer != NULL)
		tell(call, answer);
	else
		try_now(call, now_ms);
}

void asker_show(struct asker *asker, int64_t now_ms, struct buf *out)
{
	struct call *next;

	for (struct call *call = asker->first; call != NULL; call = next) {
		next = call->next;
		if (now_ms >= call->again_ms)
			go_on(call, now_ms);
		else
			show(call, now_ms, out);
	}
}

static int64_t earlier_ms(int64_t a_ms, int64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

int64_t asker_due_ms(const struct asker *asker)
{
	int64_t due_ms = INT64_MAX;

	for (const struct call *call = asker->first; call != NULL; call = call->next)
		due_ms =
		    earlier_ms(earlier_ms(due_ms, call->again_ms), earlier_ms(call->typing_ms, call->tap_ms));
	return due_ms;
}

size_t asker_count(const struct asker *asker)
{
	return asker->count;
}

/* ---- all of them ---- */

/* More than the 1024 that most systems begin with; what their hard limit does not allow fails as a call. */
static void allow_connections(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warning("the limit of open files cannot be raised", LOG_INT("to", DESCRIPTORS));
}

int asker_new(
    struct loop *loop, asker_done_fn *done, void *context, struct asker **asker, struct error *error)
{
	struct http_client *client;

	if (sodium_init() < 0)
		return error_set(error, ERROR_CONFIG, "cannot initialise libsodium");
	if (http_client_new(loop, &client, error) != 0)
		return -1;
	allow_connections();
	*asker = xcalloc(1, sizeof **asker);
	**asker = (struct asker){.client = client, .done = done, .context = context};
	return 0;
}

void asker_free(struct asker *asker)
{
	struct call *next;

	if (asker == NULL)
		return;
	http_client_free(asker->client);
	for (struct call *call = asker->first; call != NULL; call = next) {
		next = call->next;
		free_call(call);
	}
	free(asker);
}
