#include "messages.h"

#include <errno.h>
#include <string.h>

#include "buf.h"
#include "fd.h"
#include "json.h"
#include "submit.h"
#include "text.h"
#include "upload.h"

enum { KEY_MAX_BYTES = 64 };

struct messages {
	const char *socket_path;
	const struct upload_limits *limits;
	struct buf input;
	bool skipping; /* inside a line that is too long */
};

/* ---- one message ---- */

static bool is_key(const char *key)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
	size_t len = key != NULL ? strlen(key) : 0;

	return len > 0 && len <= KEY_MAX_BYTES && strspn(key, allowed) == len;
}

/* Uploads one file and appends what POST /send is told about it. */
static int add_file(const struct messages *messages, const char *key, struct json_object *row,
    struct json_object *files, int *status, struct error *error)
{
	static const char *const known[] = {"path", "kind", "name", NULL};
	const char *path = json_text(row, "path"), *kind = json_text(row, "kind");
	struct upload upload = UPLOAD_INIT;
	struct json_object *file;
	int result;

	if (!json_object_is_type(row, json_type_object))
		return error_set(error, ERROR_INPUT, "\"files\" must be a list of objects");
	if (json_only_keys(row, known, error) != 0)
		return -1;
	if (path == NULL || path[0] != '/' || kind == NULL ||
	    (strcmp(kind, "photo") != 0 && strcmp(kind, "document") != 0))
		return error_set(
		    error, ERROR_INPUT, "a file has an absolute path, and the kind photo or document");
	result = upload_open(&(struct compose_file){path, kind[0] == 'p'}, json_text(row, "name"),
	    messages->limits, &upload, error);
	if (result == 0)
		result = upload_send(
		    messages->socket_path, &upload, key, json_object_array_length(files), false, error);
	*status = result == 0 ? 0 : upload.status;
	if (result == 0) {
		file = json_object_new_object();
		json_put_text(file, "file", upload.id);
		json_put_text(file, "name", upload.name);
		json_put_text(file, "kind", kind);
		json_object_array_add(files, file);
	}
	upload_free(&upload);
	return result;
}

static int add_files(const struct messages *messages, const char *key, struct json_object *message,
    struct json_object *fields, int *status, struct error *error)
{
	struct json_object *rows = NULL, *files;
	int found = json_get_array(message, "files", &rows, error), result = 0;

	if (found != 1 || json_object_array_length(rows) == 0)
		return found < 0 ? -1 : 0;
	if (json_object_array_length(rows) > COMPOSE_FILES_MAX)
		return error_set(error, ERROR_INPUT, "a message takes %d files", COMPOSE_FILES_MAX);
	files = json_object_new_array();
	json_object_object_add(fields, "files", files);
	for (size_t i = 0; result == 0 && i < json_object_array_length(rows); i++)
		result = add_file(messages, key, json_object_array_get_idx(rows, i), files, status, error);
	return result;
}

static int submit(const struct messages *messages, struct json_object *message, struct submit_answer *answer,
    struct error *error)
{
	static const char *const keys[] = {"idempotency_key", "fields", "files", NULL};
	const char *key = json_text(message, "idempotency_key"), *line;
	struct json_object *fields = NULL;
	int found = json_only_keys(message, keys, error) == 0
			? json_get_object(message, "fields", &fields, error)
			: -1;

	if (found < 0)
		return -1;
	if (found == 0 || !is_key(key))
		return error_set(error, ERROR_INPUT, "a message has an idempotency_key and fields");
	if (add_files(messages, key, message, fields, &answer->status, error) != 0)
		return -1;
	line = json_line(fields);
	return submit_request(
	    messages->socket_path, "POST", "/send", NULL, line, strlen(line), key, answer, error);
}

static int get(const struct messages *messages, struct json_object *message, struct submit_answer *answer,
    struct error *error)
{
	static const char *const keys[] = {"get", NULL};
	const char *target = json_text(message, "get");

	if (json_only_keys(message, keys, error) != 0)
		return -1;
	if (target == NULL || target[0] != '/')
		return error_set(error, ERROR_INPUT, "get takes a path, such as /health");
	return submit_request(messages->socket_path, "GET", target, NULL, NULL, 0, NULL, answer, error);
}

/* ---- lines ---- */

static int perform(const struct messages *messages, const char *line, size_t len,
    struct submit_answer *answer, struct error *error)
{
	struct json_object *message = NULL, *unused;
	int result = json_parse_object(line, len, "the line", &message, error);

	if (result == 0)
		result = json_object_object_get_ex(message, "get", &unused)
			     ? get(messages, message, answer, error)
			     : submit(messages, message, answer, error);
	json_object_put(message);
	return result;
}

static int write_answer(int fd, const struct submit_answer *answer, const struct error *error)
{
	struct json_object *object = json_object_new_object();
	struct buf line = BUF_INIT(SIZE_MAX / 4);
	int result;

	json_put_int64(object, "status", answer->status);
	if (answer->body != NULL)
		json_object_object_add(object, "body", json_object_get(answer->body));
	if (error != NULL) {
		json_put_text(object, "kind", error_kind_name(error->kind));
		json_put_text(object, "error", error->text);
	}
	buf_add_text(&line, json_line(object));
	buf_add_text(&line, "\n");
	result = fd_write_all(fd, line.data, line.len);
	buf_free(&line);
	json_object_put(object);
	return result;
}

static int answer_line(const struct messages *messages, const char *line, size_t len, int output_fd)
{
	struct submit_answer answer = {0};
	struct error error;
	int result, written;

	if (text_is_blank(line, len))
		return 0;
	result = perform(messages, line, len, &answer, &error);
	written = write_answer(output_fd, &answer, result == 0 ? NULL : &error);
	submit_answer_free(&answer);
	return written;
}

static int answer_too_long(int output_fd)
{
	struct submit_answer none = {0};
	struct error error;

	error_set(&error, ERROR_INPUT, "the line is longer than %d MB", MESSAGES_LINE_MAX_BYTES >> 20);
	return write_answer(output_fd, &none, &error);
}

/* Answers the whole lines that are there. What is left of one that is too long is dropped up to its end. */
static int answer_lines(struct messages *messages, int output_fd)
{
	struct buf *input = &messages->input;
	size_t position = 0, len;
	const char *line;

	while (fd_next_line(input, &position, &line, &len)) {
		if (!messages->skipping && answer_line(messages, line, len, output_fd) != 0)
			return -1;
		messages->skipping = false;
	}
	buf_consume(input, position);
	if (input->len < input->max)
		return 0;
	buf_clear(input);
	if (messages->skipping)
		return 0;
	messages->skipping = true;
	return answer_too_long(output_fd);
}

/* A last line without its newline counts. */
static int answer_rest(const struct messages *messages, int output_fd)
{
	if (messages->skipping || messages->input.len == 0)
		return 0;
	return answer_line(messages, messages->input.data, messages->input.len, output_fd);
}

static int cannot_write(struct error *error)
{
	return errno == EPIPE ? 0 : error_errno(error, ERROR_TEMPORARY, "cannot write to standard output");
}

int messages_run(int input_fd, int output_fd, const char *socket_path, const struct upload_limits *limits,
    struct error *error)
{
	struct messages messages = {
	    .socket_path = socket_path, .limits = limits, .input = BUF_INIT(MESSAGES_LINE_MAX_BYTES)};
	int result = 0;
	ssize_t got;

	while ((got = fd_read_some(input_fd, &messages.input)) > 0) {
		if (answer_lines(&messages, output_fd) != 0) {
			result = cannot_write(error);
			goto out;
		}
	}
	if (got < 0 && errno != ECONNRESET)
		result = error_errno(error, ERROR_INPUT, "cannot read the messages");
	else if (answer_rest(&messages, output_fd) != 0)
		result = cannot_write(error);
out:
	buf_free(&messages.input);
	return result;
}
