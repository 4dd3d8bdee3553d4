#include "submit.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "text.h"

enum {
	CONNECT_TIMEOUT_MS = 10000,
	REQUEST_TIMEOUT_MS = 60000,
	REFUSED_LIMIT_MS = 2000,
	BROKEN_LIMIT_MS = 5000,
	PAUSE_FIRST_MS = 50,
	PAUSE_MAX_MS = 500,
	KEY_RANDOM_BYTES = (SUBMIT_KEY_BYTES - 1) / 2,
	WORDS_MAX_BYTES = 180,
	TARGET_MAX_BYTES = 65536,
};

/* How the attempts of one request went so far. */
struct attempts {
	int64_t started_ms;
	int64_t pause_ms;
	bool maybe_taken; /* one of them broke after something had been sent */
};

void submit_new_key(char key[SUBMIT_KEY_BYTES])
{
	unsigned char random[KEY_RANDOM_BYTES];

	if (sodium_init() < 0)
		abort();
	randombytes_buf(random, sizeof random);
	sodium_bin2hex(key, SUBMIT_KEY_BYTES, random, sizeof random);
}

enum error_kind submit_kind(int status)
{
	switch (status) {
	case 400:
	case 413:
	case 422:
		return ERROR_INPUT;
	case 401:
	case 403:
	case 404:
		return ERROR_DENIED;
	case 408:
	case 409:
	case 429:
		return ERROR_TEMPORARY;
	default:
		return status >= 500 ? ERROR_TEMPORARY : ERROR_PERMANENT;
	}
}

int submit_check_socket(const char *path, struct error *error)
{
	size_t max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;

	if (path[0] == '\0' || strlen(path) > max)
		return error_set(error, ERROR_CONFIG,
		    "%.64s%s cannot be a socket: its path must have 1 to %zu bytes, see socket.path", path,
		    strlen(path) > 64 ? "..." : "", max);
	if (access(path, W_OK) != 0 && errno == EACCES)
		return error_set(error, ERROR_DENIED,
		    "no permission for %s; your account is not in the group that may use it", path);
	return 0;
}

struct json_object *submit_read_body(const struct buf *body)
{
	struct json_object *object = NULL;
	struct error ignored;

	if (body->len == 0 || json_parse_object(body->data, body->len, "answer", &object, &ignored) != 0)
		return NULL;
	return object;
}

/* "User 'alice' has no linked Telegram" is for programs; people are told what to do. */
static bool explain_unlinked(const char *words, struct error *error)
{
	static const char before[] = "User '", after[] = "' has no linked Telegram";
	size_t len = strlen(words), around = sizeof before + sizeof after - 2;

	if (len <= around || strncmp(words, before, sizeof before - 1) != 0 ||
	    strcmp(words + len - (sizeof after - 1), after) != 0)
		return false;
	error_set(error, ERROR_DENIED,
	    "%.*s has no linked Telegram; send /start to the bot, then run: tg-link verify CODE",
	    (int)(len - around), words + sizeof before - 1);
	return true;
}

int submit_refusal(int status, struct json_object *body, struct error *error)
{
	struct buf words = BUF_INIT(2 * WORDS_MAX_BYTES);

	text_add_line(&words, body != NULL ? json_text(body, "error") : NULL, WORDS_MAX_BYTES);
	if (words.len == 0)
		error_set(error, submit_kind(status), "tg-sendd answered HTTP %d", status);
	else if (status != 404 || !explain_unlinked(buf_text(&words), error))
		error_set(error, submit_kind(status), "%s", buf_text(&words));
	buf_free(&words);
	return -1;
}

static int read_answer(const struct http_answer *reply, struct submit_answer *answer, struct error *error)
{
	answer->status = reply->status;
	answer->body = submit_read_body(&reply->body);
	if (reply->status < 200 || reply->status > 299)
		return submit_refusal(reply->status, answer->body, error);
	if (answer->body == NULL)
		return error_set(error, ERROR_PERMANENT,
		    "the answer of tg-sendd cannot be read; is it of the same version?");
	return 0;
}

static int explain_silence(const struct http_request *request, bool maybe_taken,
    const struct http_answer *reply, struct error *error)
{
	bool reading = strcmp(request->method, "GET") == 0;

	if (submit_check_socket(request->unix_socket, error) != 0)
		return -1;
	if (reply->failure == HTTP_INVALID && request->file != NULL)
		return error_set(
		    error, ERROR_INPUT, "the file cannot be read to its end any more; nothing was sent");
	if (reply->failure == HTTP_INVALID)
		return error_set(error, ERROR_BUG, "cannot make the request: %s", reply->reason);
	if (reply->failure == HTTP_TOO_LARGE)
		return error_set(error, ERROR_PERMANENT, "the answer of tg-sendd is too large");
	if (maybe_taken && !reading && request->file == NULL)
		return error_set(error, ERROR_TEMPORARY,
		    "tg-sendd on %s broke off before it answered; the request may have been taken",
		    request->unix_socket);
	return error_set(error, ERROR_TEMPORARY, "tg-sendd does not answer on %s; %stry again later",
	    request->unix_socket, reading ? "" : "nothing was sent, ");
}

/* Waits and returns true where one more attempt may help. */
static bool try_again(struct attempts *attempts, enum http_failure failure)
{
	int64_t limit_ms = attempts->maybe_taken ? BROKEN_LIMIT_MS : REFUSED_LIMIT_MS;
	struct timespec pause = {.tv_nsec = attempts->pause_ms * 1000000};

	if (failure != HTTP_NOT_CONNECTED && failure != HTTP_BROKEN)
		return false;
	if (clock_monotonic_ms() + attempts->pause_ms > attempts->started_ms + limit_ms)
		return false;
	attempts->pause_ms = attempts->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : attempts->pause_ms * 2;
	(void)nanosleep(&pause, NULL);
	return true;
}

/* repeatable: what is taken twice does no harm. */
static int perform(
    const struct http_request *request, bool repeatable, struct submit_answer *answer, struct error *error)
{
	struct attempts attempts = {.started_ms = clock_monotonic_ms(), .pause_ms = PAUSE_FIRST_MS};
	struct http_answer reply;
	struct error ignored;
	int result;

	for (;;) {
		reply = (struct http_answer){0};
		if (http_perform(request, &reply, error) != 0)
			return -1;
		if (reply.failure == HTTP_ANSWERED) {
			result = read_answer(&reply, answer, error);
			break;
		}
		attempts.maybe_taken |= reply.request_sent;
		if (!repeatable || submit_check_socket(request->unix_socket, &ignored) != 0 ||
		    !try_again(&attempts, reply.failure)) {
			result = explain_silence(request, attempts.maybe_taken, &reply, error);
			break;
		}
		buf_free(&reply.body);
	}
	buf_free(&reply.body);
	return result;
}

int submit_request(const char *socket_path, const char *method, const char *target, const char *content_type,
    const void *body, size_t body_len, const char *key, struct submit_answer *answer, struct error *error)
{
	struct buf url = BUF_INIT(TARGET_MAX_BYTES), type = BUF_INIT(128), idempotency = BUF_INIT(128);
	const char *headers[3] = {NULL};
	size_t count = 0;
	int result = -1;

	*answer = (struct submit_answer){0};
	if (submit_check_socket(socket_path, error) != 0)
		return -1;
	if (buf_add_format(&url, "http://localhost%s", target) != 0 ||
	    buf_add_format(&type, "Content-Type: %s", content_type ? content_type : "application/json") !=
		0 ||
	    buf_add_format(&idempotency, "Idempotency-Key: %s", key != NULL ? key : "") != 0) {
		error_set(error, ERROR_INPUT, "the request is too long");
		goto out;
	}
	if (body != NULL)
		headers[count++] = buf_text(&type);
	if (key != NULL)
		headers[count++] = buf_text(&idempotency);
	result = perform(
	    &(struct http_request){
		.method = method,
		.url = buf_text(&url),
		.unix_socket = socket_path,
		.headers = headers,
		.body = body,
		.body_len = body_len,
		.timeout_ms = REQUEST_TIMEOUT_MS,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.max_answer_bytes = SUBMIT_ANSWER_MAX_BYTES,
	    },
	    key != NULL, answer, error);
out:
	buf_free(&url);
	buf_free(&type);
	buf_free(&idempotency);
	return result;
}

int submit_upload(const char *socket_path, const char *target, const char *key, const struct http_file *file,
    struct submit_answer *answer, struct error *error)
{
	struct buf url = BUF_INIT(TARGET_MAX_BYTES), idempotency = BUF_INIT(128);
	const char *headers[3] = {"Content-Type: application/octet-stream"};
	int result = -1;

	*answer = (struct submit_answer){0};
	if (submit_check_socket(socket_path, error) != 0)
		return -1;
	if (buf_add_format(&url, "http://localhost%s", target) != 0 ||
	    buf_add_format(&idempotency, "Idempotency-Key: %s", key != NULL ? key : "") != 0) {
		error_set(error, ERROR_INPUT, "the request is too long");
		goto out;
	}
	if (key != NULL)
		headers[1] = buf_text(&idempotency);
	result = perform(
	    &(struct http_request){
		.method = "POST",
		.url = buf_text(&url),
		.unix_socket = socket_path,
		.headers = headers,
		.file = file,
		.timeout_ms = REQUEST_TIMEOUT_MS,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.max_answer_bytes = SUBMIT_ANSWER_MAX_BYTES,
	    },
	    true, answer, error);
out:
	buf_free(&url);
	buf_free(&idempotency);
	return result;
}

void submit_answer_free(struct submit_answer *answer)
{
	json_object_put(answer->body);
	*answer = (struct submit_answer){0};
}

int submit_add_query(struct buf *target, const char *name, const char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	char mark = strchr(buf_text(target), '?') != NULL ? '&' : '?';
	int result;

	if (value == NULL)
		return 0;
	result = buf_add_format(target, "%c%s=", mark, name);
	for (const char *c = value; *c != '\0' && result == 0; c++) {
		if (strchr(plain, *c) != NULL)
			result = buf_add(target, c, 1);
		else
			result = buf_add_format(target, "%%%02X", (unsigned char)*c);
	}
	return result;
}
