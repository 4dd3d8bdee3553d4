#include "http_row.h"

#include <string.h>

#include "json.h"
#include "log.h"
#include "answer.h"
#include "template.h"

/* ---- what is asked ---- */

static void put_text_or_null(struct json_object *body, const char *key, const char *text)
{
	json_object_object_add(
	    body, key, text != NULL && text[0] != '\0' ? json_object_new_string(text) : NULL);
}

static void put_file(struct json_object *body, const struct update_file *file)
{
	struct json_object *object = json_object_new_object();

	json_put_text(object, "kind", file->kind);
	json_put_text(object, "file_id", file->file_id);
	json_put_text(object, "file_name", file->file_name);
	json_put_text(object, "mime_type", file->mime_type);
	if (file->size_bytes > 0)
		json_put_int64(object, "file_size", file->size_bytes);
	json_object_object_add(body, "file", object);
}

static void put_message(struct json_object *body, const struct update *update)
{
	const char *text = update->file.kind != NULL ? update->caption : update->text;

	json_put_text(body, "message", text != NULL ? text : "");
	if (update->file.kind != NULL)
		put_file(body, &update->file);
}

static void put_command(struct json_object *body, const struct request *request)
{
	const struct update *update = request->update;
	struct command_line line;
	const char *args = "";

	if (update->text != NULL && command_parse(update->text, &line))
		args = line.args + strspn(line.args, " \t\r\n");
	json_put_text(body, "command", request->command->name);
	json_put_text(body, "args", args);
}

static bool is_command(const struct request *request)
{
	return request->command != request->table->text && request->command != request->table->files;
}

struct json_object *http_row_body(const struct request *request)
{
	const struct update *update = request->update;
	struct json_object *body = json_object_new_object();

	json_put_text(body, "request_id", request->request_id);
	json_put_int64(body, "telegram_user_id", update->user);
	put_text_or_null(body, "telegram_username", update->username);
	json_put_int64(body, "chat_id", update->chat);
	put_text_or_null(body, "user", request->caller->linked ? request->caller->account.name : NULL);
	if (update->kind == UPDATE_TAP) {
		json_put_text(body, "action", request->command->name);
		json_put_text(body, "target", request->target != NULL ? request->target : "");
	} else if (is_command(request)) {
		put_command(body, request);
	} else {
		put_message(body, update);
	}
	return body;
}

static int start_asking(struct request *request)
{
	const struct config_http *http = &request->command->route->http;
	bool is_get = http->method != NULL && strcmp(http->method, "GET") == 0;

	request->wish->kind = WISH_ASK;
	request->wish->ask = (struct ask){.http = http,
	    .body = is_get ? NULL : http_row_body(request),
	    .timeout_ms = request->command->route->timeout_ms};
	return 0;
}

/* ---- what was answered ---- */

const char *http_row_failure(struct json_object *answer)
{
	int64_t status = json_int64(answer, "status");

	if (status >= 200 && status < 300)
		return NULL;
	if (json_text(answer, "failure") != NULL)
		return "no answer";
	return status >= 500 ? "service failed" : "service refused";
}

static int add_text(struct request *request, const char *text, struct error *error)
{
	return text[0] != '\0' ? answer_add_text(request, text, error) : 0;
}

static int add_template(
    struct request *request, const char *source, struct json_object *body, struct error *error)
{
	struct buf text = BUF_INIT(TEMPLATE_RESULT_MAX_BYTES);
	int result =
	    template_render(source, body, text_get(request->config, TEXT_TEMPLATE_MORE), &text, error);

	if (result == 0)
		result = add_text(request, buf_text(&text), error);
	buf_free(&text);
	return result;
}

static int add_answer(struct request *request, struct json_object *answer, struct error *error)
{
	const char *source = request->command->route->http.template_text;
	const char *text = json_text(answer, "text");
	struct json_object *body = NULL;

	if (source != NULL && text != NULL)
		return error_set(error, ERROR_INPUT, "the answer is no JSON, which the template needs");
	if (text != NULL)
		return add_text(request, text, error);
	json_object_object_get_ex(answer, "body", &body);
	return source != NULL ? add_template(request, source, body, error)
			      : answer_add_calls(request, body, error);
}

static int apologise(struct request *request, const char *outcome, struct error *error)
{
	request->outcome = outcome;
	return request_answer(request, TEXT_SERVICE_FAILED, NULL, error);
}

int commands_http(struct request *request, struct error *error)
{
	struct json_object *answer;
	struct error reason;

	if (request->awaited == NULL || request->awaited->kind != WISH_ASK)
		return start_asking(request);
	answer = request->awaited->answer;
	/* The reason was logged with the call. */
	if (http_row_failure(answer) != NULL)
		return apologise(request, http_row_failure(answer), error);
	if (add_answer(request, answer, &reason) == 0)
		return 0;
	if (reason.kind != ERROR_INPUT) {
		*error = reason;
		return -1;
	}
	log_warning("answer of a service cannot be used", LOG_STR("request_id", request->request_id),
	    LOG_STR("route", request->command->name), LOG_INT("chat", request->update->chat),
	    LOG_STR("error", reason.text));
	return apologise(request, "bad answer", error);
}
