#include "send.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "json.h"
#include "submit.h"
#include "text.h"
#include "xalloc.h"

enum { MEGABYTE = 1 << 20 };

/* ---- what is to be sent ---- */

static int read_stdin(struct buf *text, struct error *error)
{
	struct buf raw = BUF_INIT(COMPOSE_TEXT_MAX_BYTES);
	int result = -1;

	if (fd_read_all(STDIN_FILENO, &raw) != 0) {
		if (errno == EFBIG)
			error_set(error, ERROR_INPUT,
			    "the text on standard input is larger than %d MB; send it as a file, with -a -",
			    COMPOSE_TEXT_MAX_BYTES / MEGABYTE);
		else
			error_errno(error, ERROR_INPUT, "cannot read standard input");
		goto out;
	}
	if (raw.len > 0 && raw.data[raw.len - 1] == '\n')
		raw.len--;
	/* It fits: cleaning makes it three times as long at most. */
	result = text_add_clean(text, raw.data, raw.len);
out:
	buf_free(&raw);
	return result;
}

/* *found tells whether there was a source. */
static int read_text(const struct compose *message, struct buf *text, bool *found, struct error *error)
{
	bool dash = compose_is_dash(message);

	*found = true;
	if (message->words_count > 0 && !dash)
		return compose_words(message, text, error);
	if (dash || (!compose_file_is_stdin(message) && !isatty(STDIN_FILENO)))
		return read_stdin(text, error);
	*found = false;
	return 0;
}

/* 1: there is something to say, 0: standard input was empty, -1: an error. */
static int check_text(const struct send *send, bool found, struct error *error)
{
	const struct compose *message = send->message;

	if (message->files_count > 0 || !text_is_blank(buf_text(&send->text), send->text.len))
		return 1;
	if (!found)
		return error_set(error, ERROR_USAGE,
		    "no text: give it as arguments or on standard input, see tg-send --help");
	if (message->words_count > 0 && !compose_is_dash(message))
		return error_set(error, ERROR_INPUT, "the text is empty; nothing was sent");
	return 0;
}

int send_gather(
    struct send *send, const struct compose *message, const struct upload_limits *limits, struct error *error)
{
	bool found = false;

	*send = (struct send){.message = message, .text = BUF_INIT(3 * COMPOSE_TEXT_MAX_BYTES)};
	for (size_t i = 0; i < COMPOSE_FILES_MAX; i++)
		send->files[i] = UPLOAD_INIT;
	for (size_t i = 0; i < message->files_count; i++) {
		if (upload_open(&message->files[i], compose_file_name(message, i), limits, &send->files[i],
			error) != 0)
			return -1;
	}
	if (read_text(message, &send->text, &found, error) != 0)
		return -1;
	return check_text(send, found, error);
}

void send_free(struct send *send)
{
	buf_free(&send->text);
	for (size_t i = 0; i < COMPOSE_FILES_MAX; i++)
		upload_free(&send->files[i]);
}

/* ---- handing it over ---- */

static int post(const char *socket_path, const char *target, struct json_object *body, const char *key,
    struct submit_answer *answer, struct error *error)
{
	const char *line = json_line(body);

	return submit_request(socket_path, "POST", target, NULL, line, strlen(line), key, answer, error);
}

static void read_result(struct json_object *answer, struct send_result *result)
{
	struct json_object *ids = NULL;
	struct error unused;

	*result = (struct send_result){0};
	if (json_get_bool(answer, "suppressed", &result->suppressed, &unused) == 1 && result->suppressed) {
		result->retry_after_s = json_int64(answer, "retry_after");
		return;
	}
	result->count = json_get_array(answer, "ids", &ids, &unused) == 1 ? json_object_array_length(ids) : 0;
	result->ids = xcalloc(result->count + 1, sizeof result->ids[0]);
	for (size_t i = 0; i < result->count; i++)
		result->ids[i] = json_object_get_int64(json_object_array_get_idx(ids, i));
	if (result->count == 0)
		result->ids[result->count++] = json_int64(answer, "id");
}

void send_result_free(struct send_result *result)
{
	free(result->ids);
	*result = (struct send_result){0};
}

struct json_object *send_request(const struct send *send)
{
	struct compose_uploaded files[COMPOSE_FILES_MAX];
	bool has_text = !text_is_blank(buf_text(&send->text), send->text.len);

	for (size_t i = 0; i < send->message->files_count; i++) {
		const struct upload *file = &send->files[i];

		files[i] =
		    (struct compose_uploaded){file->id != NULL ? file->id : "", file->name, file->picture};
	}
	return compose_request(
	    send->message, has_text ? buf_text(&send->text) : NULL, files, send->message->files_count);
}

static int submit_message(const struct send *send, const char *socket_path, const char *key,
    struct send_result *result, struct error *error)
{
	struct json_object *body = send_request(send);
	struct submit_answer answer;
	struct error refusal;
	int code = post(socket_path, "/send", body, key, &answer, &refusal);

	if (code == 0)
		read_result(answer.body, result);
	else if (answer.status > 299 && answer.status != 404)
		error_set(error, refusal.kind, "%.220s; nothing was sent", refusal.text);
	else
		*error = refusal;
	submit_answer_free(&answer);
	json_object_put(body);
	return code;
}

int send_submit(struct send *send, const char *socket_path, bool show_progress, struct send_result *result,
    struct error *error)
{
	char key[SUBMIT_KEY_BYTES];

	submit_new_key(key);
	for (size_t i = 0; i < send->message->files_count; i++) {
		if (upload_send(socket_path, &send->files[i], key, i, show_progress, error) != 0)
			return -1;
	}
	return submit_message(send, socket_path, key, result, error);
}

/* Where nothing is there under the key, it is as it should be. */
static bool is_unknown_key(const struct submit_answer *answer)
{
	static const char unknown[] = "nothing is known under the key";
	const char *words = answer->body != NULL ? json_text(answer->body, "error") : NULL;

	return answer->status == 404 && words != NULL && strncmp(words, unknown, strlen(unknown)) == 0;
}

int send_delete(const struct compose *message, const char *key, const char *socket_path, int64_t *deleted,
    struct error *error)
{
	struct json_object *body = compose_delete(message, key);
	struct submit_answer answer;
	struct error refusal;
	char idempotency_key[SUBMIT_KEY_BYTES];
	int result;

	submit_new_key(idempotency_key);
	result = post(socket_path, "/delete", body, idempotency_key, &answer, &refusal);
	*deleted = result == 0 ? json_int64(answer.body, "deleted") : 0;
	if (result != 0 && is_unknown_key(&answer))
		result = 0;
	else if (result != 0)
		*error = refusal;
	submit_answer_free(&answer);
	json_object_put(body);
	return result;
}
