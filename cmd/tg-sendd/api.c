/* The socket API, described in tgtools-socket(7): who may ask what, and what is well-formed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "fd.h"
#include "json.h"
#include "log.h"
#include "num.h"
#include "api.h"
#include "utf8.h"
#include "xalloc.h"

enum {
	SMALL_BODY_MAX = 64 << 10,
	TEXT_BODY_MAX = 2 << 20,
	CALLS_BODY_MAX = 8 << 20,
	ACCOUNT_KEEP_MS = 2000,
	LIMIT_DEFAULT = 1000,
	LIMIT_MAX = 10000,
};

enum body { BODY_NONE, BODY_SMALL, BODY_TEXT, BODY_CALLS, BODY_PICTURE, BODY_FILE };

struct route {
	const char *method;
	const char *path; /* "*" stands for a number */
	enum body body;
	enum message_kind kind;
	handle_fn *handle;
};

struct op *op_of(struct httpd_request *request)
{
	return request->state;
}

bool is_operator(const struct sendd *sendd, const struct account *account)
{
	return account_in_list(
	    account, sendd->config->access.operators.items, sendd->config->access.operators.count);
}

bool may_act_for_others(const struct sendd *sendd, const struct account *account)
{
	return is_operator(sendd, account) || account_in_list(account, sendd->config->access.front_ends.items,
						  sendd->config->access.front_ends.count);
}

bool may_link(const struct sendd *sendd, const struct account *account)
{
	const struct config_list *groups = &sendd->config->access.groups;

	for (size_t i = 0; i < groups->count; i++) {
		if (account_in_group(account, groups->items[i]))
			return true;
	}
	return groups->count == 0;
}

/* So that none passes for "", everybody, or for another; false with the request answered. */
static bool is_account_name(const struct op *op, const char *name)
{
	if (name[0] != '\0' && strlen(name) < sizeof op->user)
		return true;
	answer_error(op->request, 400, "\"user\" is not the name of an account");
	return false;
}

int settle_user(struct sendd *sendd, struct op *op, const char *user)
{
	const char *name = user ? user : op->caller.name;

	if (strcmp(name, op->caller.name) != 0 && !may_act_for_others(sendd, &op->caller)) {
		answer_error(op->request, 403, "you may not act for another user");
		return -1;
	}
	if (!is_account_name(op, name))
		return -1;
	memcpy(op->user, name, strlen(name) + 1);
	return 0;
}

static int settle_target(struct sendd *sendd, struct op *op)
{
	const char *to = op->fields.to;

	if (to == NULL)
		return 0;
	op->target = config_target(sendd->config, to[0] == '@' ? to + 1 : to);
	if (op->target == NULL) {
		answer_error(op->request, 404, "there is no such target");
		return -1;
	}
	if (!account_in_list(&op->caller, op->target->senders.items, op->target->senders.count) &&
	    !is_operator(sendd, &op->caller)) {
		answer_error(op->request, 403, "you may not send to this target");
		return -1;
	}
	return 0;
}

/* ---- POST /send, /send_photo, /send_document ---- */

static const char *query(void *context, const char *name)
{
	return httpd_query(context, name);
}

static int read_fields(struct op *op, enum message_kind kind, struct error *error)
{
	struct httpd_request *request = op->request;

	if (op->sink_fd >= 0)
		return message_read_query(kind, query, request, &op->fields, error);
	if (json_parse_object(request->body.data, request->body.len, "the request body", &op->body, error) !=
	    0)
		return -1;
	return message_read_json(kind, op->body, &op->fields, error);
}

static bool is_spool_name(const char *name)
{
	return strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32;
}

/* Those that came before are looked for in the store later. */
static int settle_staged(struct op *op, struct error *error)
{
	for (size_t i = 0; i < op->fields.files_count; i++) {
		const struct message_file *from = &op->fields.files[i];
		struct op_file *file = &op->files[i];

		if (!is_spool_name(from->file))
			return error_set(error, ERROR_INPUT, "\"file\" is not what POST /files has answered");
		/* Each goes with the message that names it, so no two may. */
		for (size_t j = 0; j < i; j++) {
			if (strcmp(op->files[j].spool, from->file) == 0)
				return error_set(error, ERROR_INPUT, "a file is named twice in \"files\"");
		}
		file->is_staged = true;
		memcpy(file->spool, from->file, strlen(from->file) + 1);
		snprintf(file->name, sizeof file->name, "%s", from->name != NULL ? from->name : "file");
	}
	return 0;
}

static int64_t file_max_bytes(const struct sendd *sendd, bool is_photo)
{
	return is_photo ? sendd->config->delivery.picture_max_bytes : sendd->config->delivery.file_max_bytes;
}

/* Brings the file of a picture or document into the spool. */
static int settle_own_file(struct sendd *sendd, struct op *op, struct error *error)
{
	bool is_photo = op->kind == MESSAGE_PHOTO;
	const char *path = op->fields.path, *name = op->fields.files[0].name;

	if (op->sink_fd >= 0 && op->request->body_len == 0)
		return error_set(error, ERROR_INPUT, "the file is empty");
	if (op->sink_fd < 0 && path == NULL)
		return error_set(
		    error, ERROR_INPUT, "\"%s_path\" is missing", message_file_parameter(is_photo));
	if (op->sink_fd >= 0 && store_spool_keep(sendd->store, op->sink_fd, error) != 0)
		return -1;
	if (op->sink_fd < 0 &&
	    spool_copy(sendd, is_photo ? "Photo file" : "Document file", path, op->caller.uid,
		file_max_bytes(sendd, is_photo), op->files[0].spool, error) != 0) {
		op->files[0].spool[0] = '\0';
		return -1;
	}
	if (name == NULL)
		name = path != NULL ? strrchr(path, '/') + 1 : "file";
	snprintf(op->files[0].name, sizeof op->files[0].name, "%s", name);
	return 0;
}

/* A text that is too long for messages goes as a file. */
static int settle_document(struct sendd *sendd, struct op *op, struct error *error)
{
	struct op_file *file = &op->files[OP_DOCUMENT];

	for (size_t i = 0; i < op->parts.count; i++) {
		if (op->parts.items[i].document == NULL)
			continue;
		snprintf(file->name, sizeof file->name, "message.txt");
		if (spool_write(sendd, op->parts.items[i].document, file->spool, error) == 0)
			continue;
		file->spool[0] = '\0';
		return -1;
	}
	return 0;
}

static int settle_files(struct sendd *sendd, struct op *op, struct error *error)
{
	int result = op->kind == MESSAGE_TEXT ? settle_staged(op, error) : settle_own_file(sendd, op, error);

	return result == 0 ? settle_document(sendd, op, error) : -1;
}

static int status_of(const struct error *error)
{
	return error->kind == ERROR_INPUT ? 400 : error_is_temporary(error->kind) ? 503 : 500;
}

/* What is wrong with a submission is counted. */
static void refuse(struct sendd *sendd, struct httpd_request *request, const struct error *error)
{
	sendd->metrics.refused++;
	answer_error(request, status_of(error), error->text);
}

static void handle_send(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);
	struct error error;

	op->kind = route->kind;
	op->apply = op_send;
	if (read_fields(op, route->kind, &error) != 0 ||
	    message_check(route->kind, &op->fields, &error) != 0) {
		refuse(sendd, request, &error);
		return;
	}
	if (settle_user(sendd, op, op->fields.user) != 0 || settle_target(sendd, op) != 0)
		return;
	if (op->target != NULL && op->fields.thread_id == 0)
		op->fields.thread_id = op->target->thread;
	if (message_compose(&op->fields, (size_t)sendd->config->delivery.text_parts, &op->parts, &error) !=
		0 ||
	    settle_files(sendd, op, &error) != 0) {
		refuse(sendd, request, &error);
		return;
	}
	op->wait_ms = op->fields.wait_ms;
	batch_stage(sendd, op);
}

static void handle_stage(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);
	const char *name = httpd_query(request, "name"), *part = httpd_query(request, "part");
	struct error error;

	(void)route;
	if (request->body_len == 0)
		error_set(&error, ERROR_INPUT, "the file is empty");
	else if (name != NULL && (name[0] == '\0' || strlen(name) > 255 || strchr(name, '/') != NULL ||
				     !utf8_is_valid(name, strlen(name))))
		error_set(&error, ERROR_INPUT, "\"name\" must be a name without a slash");
	else if (part != NULL && num_int64(part, 0, STORE_STAGED_PART_MAX, &op->number) != 0)
		error_set(
		    &error, ERROR_INPUT, "\"part\" must be a number from 0 to %d", STORE_STAGED_PART_MAX);
	else if (store_spool_keep(sendd->store, op->sink_fd, &error) == 0) {
		snprintf(op->files[0].name, sizeof op->files[0].name, "%s", name != NULL ? name : "file");
		op->apply = op_stage;
		batch_stage(sendd, op);
		return;
	}
	refuse(sendd, request, &error);
}

int read_object(struct op *op, const char *const *known)
{
	struct httpd_request *request = op->request;
	struct error error;

	if (request->body.len == 0) {
		op->body = json_object_new_object();
		return 0;
	}
	if (json_parse_object(request->body.data, request->body.len, "the request body", &op->body, &error) ==
		0 &&
	    json_only_keys(op->body, known, &error) == 0)
		return 0;
	answer_error(request, 400, error.text);
	return -1;
}

int read_text(struct op *op, const char *name, const char **text)
{
	struct error error;

	if (json_get_text(op->body, name, text, &error) >= 0)
		return 0;
	answer_error(op->request, 400, error.text);
	return -1;
}

static void handle_delete(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	static const char *const known[] = {"user", "to", "key", NULL};
	struct op *op = op_of(request);

	(void)route;
	if (read_object(op, known) != 0 || read_text(op, "user", &op->fields.user) != 0 ||
	    read_text(op, "to", &op->fields.to) != 0 || read_text(op, "key", &op->fields.key) != 0)
		return;
	if (op->fields.key == NULL || strlen(op->fields.key) > MESSAGE_KEY_MAX_BYTES) {
		answer_error(request, 400, "\"key\" is missing, or too long");
		return;
	}
	if (settle_user(sendd, op, op->fields.user) != 0 || settle_target(sendd, op) != 0)
		return;
	op->apply = op_delete;
	batch_stage(sendd, op);
}

/* ---- POST /calls ---- */

static void read_call(struct call *call, const char *line, size_t len)
{
	struct json_object *calls = NULL;
	int has_id;

	if (json_parse_object(line, len, "the line", &call->line, &call->error) != 0)
		return;
	has_id = json_get_int64(call->line, "update_id", &call->update_id, &call->error);
	if (has_id < 0)
		return;
	call->is_update = has_id == 1;
	if (call->is_update && json_get_array(call->line, "calls", &calls, &call->error) == 0)
		error_set(&call->error, ERROR_INPUT, "\"calls\" is missing");
}

static void read_calls(struct op *op, const struct buf *body)
{
	size_t position = 0, len, size = 0;
	const char *line;

	while (fd_next_line(body, &position, &line, &len)) {
		if (len == 0)
			continue;
		if (op->calls_count == size) {
			size = size ? size * 2 : 16;
			op->calls = xreallocarray(op->calls, size, sizeof *op->calls);
		}
		op->calls[op->calls_count] = (struct call){.error = {.text = ""}};
		read_call(&op->calls[op->calls_count++], line, len);
	}
}

static void handle_calls(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);
	struct error error;

	(void)route;
	if (buf_add_text(&request->body, "\n") != 0) {
		answer_error(request, 413, "the request body is too large");
		return;
	}
	read_calls(op, &request->body);
	if (op_take_call_files(sendd, op, &error) != 0) {
		answer_error(request, status_of(&error), error.text);
		return;
	}
	op->apply = op_calls;
	batch_stage(sendd, op);
}

/* ---- POST /api/telegram/verify, /api/telegram/unlink ---- */

/* Reads {"user"?, "code"?}; 0, or -1 with the request answered. */
static int read_account(struct sendd *sendd, struct op *op, const char **code)
{
	static const char *const known[] = {"user", "code", NULL};
	const char *user = NULL;

	if (read_object(op, known) != 0 || read_text(op, "user", &user) != 0 ||
	    read_text(op, "code", code) != 0)
		return -1;
	return settle_user(sendd, op, user);
}

int settle_may_link(struct sendd *sendd, struct op *op)
{
	struct account account;
	struct error error;

	if (account_by_name(op->user, &account, &error) == 0 && may_link(sendd, &account))
		return 0;
	answer_error(op->request, 403, "this account is not in a group that may use Telegram");
	return -1;
}

static void handle_verify(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);
	const char *code = "";

	(void)route;
	if (read_account(sendd, op, &code) != 0)
		return;
	if (settle_may_link(sendd, op) != 0)
		return;
	/* What has not the form of a code is refused without counting as a try. */
	if (strlen(code) != STORE_CODE_BYTES - 1 || strspn(code, "0123456789") != STORE_CODE_BYTES - 1) {
		answer_error(request, 400, "Invalid or expired verification code.");
		return;
	}
	memcpy(op->code, code, STORE_CODE_BYTES);
	op->apply = op_verify;
	batch_stage(sendd, op);
}

static void handle_unlink(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);
	const char *code = NULL;

	(void)route;
	if (read_account(sendd, op, &code) != 0)
		return;
	op->apply = op_unlink;
	batch_stage(sendd, op);
}

/* ---- GET ---- */

static void handle_health(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	(void)route;
	view_health(sendd, request);
}

static void handle_status(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);

	(void)route;
	if (settle_user(sendd, op, httpd_query(request, "user")) == 0)
		view_status(sendd, request, op->user);
}

static void handle_scripts(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);

	(void)route;
	if (settle_user(sendd, op, httpd_query(request, "user")) == 0)
		view_scripts(sendd, request, op->user);
}

static void handle_metrics(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	(void)route;
	view_metrics(sendd, request);
}

/*
 * Whose messages a request is about: op->user, "" for everybody's. An operator may name another, or * for
 * all. 0, or -1 with the request answered.
 */
static int settle_owner(struct sendd *sendd, struct op *op, const char *user)
{
	if (user != NULL && strcmp(user, op->caller.name) != 0 && !is_operator(sendd, &op->caller)) {
		answer_error(op->request, 403, "only an operator may see the messages of others");
		return -1;
	}
	if (user != NULL && !is_account_name(op, user))
		return -1;
	if (user != NULL && strcmp(user, "*") == 0) {
		op->user[0] = '\0';
		return 0;
	}
	snprintf(op->user, sizeof op->user, "%s", user != NULL ? user : op->caller.name);
	return 0;
}

/* A number of the query; 0, or -1 with the request answered. */
static int read_number(struct httpd_request *request, const char *name, int64_t max, int64_t *number)
{
	const char *text = httpd_query(request, name);
	char words[64];

	if (text == NULL || num_int64(text, 1, max, number) == 0)
		return 0;
	snprintf(words, sizeof words, "\"%s\" must be a number from 1 to %lld", name, (long long)max);
	answer_error(request, 400, words);
	return -1;
}

static void handle_queue(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);
	int64_t limit = LIMIT_DEFAULT;

	(void)route;
	if (settle_owner(sendd, op, httpd_query(request, "user")) == 0 &&
	    read_number(request, "limit", LIMIT_MAX, &limit) == 0)
		view_queue(sendd, request, op->user[0] != '\0' ? op->user : NULL, limit);
}

static void handle_history(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);
	int64_t limit = LIMIT_DEFAULT, before = INT64_MAX;

	(void)route;
	if (settle_owner(sendd, op, httpd_query(request, "user")) == 0 &&
	    read_number(request, "limit", LIMIT_MAX, &limit) == 0 &&
	    read_number(request, "before", INT64_MAX, &before) == 0)
		view_history(sendd, request, op->user[0] != '\0' ? op->user : NULL, before, limit);
}

/* The message exists and the caller may know it: 0, or -1 with the request answered. */
static int settle_message(struct sendd *sendd, struct op *op)
{
	struct json_object *row = NULL;
	struct error error;
	int found = view_message(sendd, op->number, &row, &error);
	const char *user = found == 1 ? json_text(row, "user") : NULL;
	bool allowed = user != NULL && (op->may_manage_all || strcmp(user, op->caller.name) == 0);

	json_object_put(row);
	if (allowed)
		return 0;
	answer_error(op->request, found < 0 ? 503 : 404, found < 0 ? error.text : "there is no such message");
	return -1;
}

static void handle_message(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);
	const char *wait = httpd_query(request, "wait");

	(void)route;
	if (wait != NULL && (num_duration_ms(wait, &op->wait_ms) != 0 || op->wait_ms > MESSAGE_WAIT_MAX_MS)) {
		answer_error(request, 400, "\"wait\" must be a duration of at most 5m");
		return;
	}
	if (settle_message(sendd, op) != 0)
		return;
	op->status = 200;
	op->shows_message = true;
	op_note_id(op, op->number);
	wait_begin(sendd, op);
}

/* ---- what changes the queue ---- */

static void stage(struct sendd *sendd, struct op *op, op_apply_fn *apply)
{
	op->apply = apply;
	batch_stage(sendd, op);
}

static void handle_cancel(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	(void)route;
	stage(sendd, op_of(request), op_cancel);
}

static void handle_retry(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	(void)route;
	stage(sendd, op_of(request), op_retry);
}

static void handle_cancel_all(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);

	(void)route;
	if (settle_owner(sendd, op, httpd_query(request, "user")) == 0)
		stage(sendd, op, op_cancel_all);
}

static void handle_hold(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	static const char *const known[] = {"user", NULL};
	struct op *op = op_of(request);
	const char *user = NULL;

	if (!op->may_manage_all) {
		answer_error(request, 403, "only an operator may hold and resume deliveries");
		return;
	}
	if (read_object(op, known) != 0 || read_text(op, "user", &user) != 0 ||
	    (user != NULL && !is_account_name(op, user)))
		return;
	snprintf(op->user, sizeof op->user, "%s", user != NULL && strcmp(user, "*") != 0 ? user : "");
	op->on = strcmp(route->path, "/queue/hold") == 0;
	stage(sendd, op, op_hold);
}

static void handle_links(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	(void)route;
	if (is_operator(sendd, &op_of(request)->caller))
		view_links(sendd, request);
	else
		answer_error(request, 403, "only an operator may see all links");
}

/* ---- /updates: they hold what people wrote ---- */

static bool may_see_updates(const struct sendd *sendd, const struct op *op)
{
	if (is_operator(sendd, &op->caller))
		return true;
	answer_error(op->request, 403, "only an operator may see updates");
	return false;
}

static void handle_updates(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	(void)route;
	if (may_see_updates(sendd, op_of(request)))
		view_updates(sendd, request);
}

static void handle_update(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	(void)route;
	if (may_see_updates(sendd, op_of(request)))
		view_update(sendd, request, op_of(request)->number);
}

static void handle_forget_update(
    struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	(void)route;
	if (may_see_updates(sendd, op_of(request)))
		stage(sendd, op_of(request), op_forget_update);
}

/* ---- routing ---- */

static const struct route routes[] = {
    {"POST", "/send", BODY_TEXT, MESSAGE_TEXT, handle_send},
    {"POST", "/send_photo", BODY_PICTURE, MESSAGE_PHOTO, handle_send},
    {"POST", "/send_document", BODY_FILE, MESSAGE_DOCUMENT, handle_send},
    {"POST", "/files", BODY_FILE, MESSAGE_TEXT, handle_stage},
    {"POST", "/delete", BODY_SMALL, MESSAGE_TEXT, handle_delete},
    {"POST", "/calls", BODY_CALLS, MESSAGE_TEXT, handle_calls},
    {"POST", "/api/telegram/verify", BODY_SMALL, MESSAGE_TEXT, handle_verify},
    {"POST", "/api/telegram/unlink", BODY_SMALL, MESSAGE_TEXT, handle_unlink},
    {"GET", "/api/telegram/status", BODY_NONE, MESSAGE_TEXT, handle_status},
    {"GET", "/api/telegram/status/*", BODY_NONE, MESSAGE_TEXT, handle_chat},
    {"GET", "/api/telegram/links", BODY_NONE, MESSAGE_TEXT, handle_links},
    {"POST", "/api/telegram/link", BODY_SMALL, MESSAGE_TEXT, handle_link},
    {"DELETE", "/api/telegram/link/*", BODY_NONE, MESSAGE_TEXT, handle_link_remove},
    {"POST", "/api/telegram/keys", BODY_SMALL, MESSAGE_TEXT, handle_key_new},
    {"GET", "/api/telegram/keys", BODY_NONE, MESSAGE_TEXT, handle_keys},
    {"DELETE", "/api/telegram/keys/*", BODY_NONE, MESSAGE_TEXT, handle_key_revoke},
    {"POST", "/api/telegram/start", BODY_SMALL, MESSAGE_TEXT, handle_start},
    {"GET", "/queue", BODY_NONE, MESSAGE_TEXT, handle_queue},
    {"DELETE", "/queue", BODY_NONE, MESSAGE_TEXT, handle_cancel_all},
    {"POST", "/queue/hold", BODY_SMALL, MESSAGE_TEXT, handle_hold},
    {"POST", "/queue/resume", BODY_SMALL, MESSAGE_TEXT, handle_hold},
    {"GET", "/queue/*", BODY_NONE, MESSAGE_TEXT, handle_message},
    {"DELETE", "/queue/*", BODY_NONE, MESSAGE_TEXT, handle_cancel},
    {"POST", "/queue/*/retry", BODY_NONE, MESSAGE_TEXT, handle_retry},
    {"GET", "/updates", BODY_NONE, MESSAGE_TEXT, handle_updates},
    {"GET", "/updates/*", BODY_NONE, MESSAGE_TEXT, handle_update},
    {"DELETE", "/updates/*", BODY_NONE, MESSAGE_TEXT, handle_forget_update},
    {"GET", "/history", BODY_NONE, MESSAGE_TEXT, handle_history},
    {"GET", "/scripts", BODY_NONE, MESSAGE_TEXT, handle_scripts},
    {"GET", "/health", BODY_NONE, MESSAGE_TEXT, handle_health},
    {"GET", "/metrics", BODY_NONE, MESSAGE_TEXT, handle_metrics},
};

/* Whether path is that of the route; sets the number that stands for its "*". */
static bool path_matches(const char *pattern, const char *path, int64_t *number)
{
	const char *star = strchr(pattern, '*');
	size_t before = star != NULL ? (size_t)(star - pattern) : 0, digits;
	char text[24];

	if (star == NULL)
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, before) != 0)
		return false;
	digits = strspn(path + before, "0123456789");
	if (digits == 0 || digits >= sizeof text || strcmp(path + before + digits, star + 1) != 0)
		return false;
	memcpy(text, path + before, digits);
	text[digits] = '\0';
	return num_int64(text, 1, INT64_MAX, number) == 0;
}

/* The route, or NULL with the request answered. */
static const struct route *find_route(struct httpd_request *request, int64_t *number)
{
	bool path_known = false;

	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		bool same = path_matches(routes[i].path, request->path, number);

		if (same && strcmp(routes[i].method, request->method) == 0)
			return &routes[i];
		path_known |= same;
	}
	answer_error(request, path_known ? 405 : 404, path_known ? "method not allowed" : "not found");
	return NULL;
}

static size_t body_max(const struct sendd *sendd, enum body body)
{
	switch (body) {
	case BODY_NONE:
		return 0;
	case BODY_SMALL:
		return SMALL_BODY_MAX;
	case BODY_TEXT:
		return TEXT_BODY_MAX;
	case BODY_CALLS:
		return CALLS_BODY_MAX;
	case BODY_PICTURE:
	case BODY_FILE:
		break;
	}
	return (size_t)file_max_bytes(sendd, body == BODY_PICTURE);
}

static int read_key(struct op *op)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	const char *key = httpd_header(op->request, "Idempotency-Key");

	if (key == NULL)
		return 0;
	if (key[0] == '\0' || strlen(key) > STORE_KEY_MAX || key[strspn(key, allowed)] != '\0') {
		answer_error(op->request, 400, "Idempotency-Key must be 1 to 64 of A-Z a-z 0-9 _ -");
		return -1;
	}
	memcpy(op->key, key, strlen(key) + 1);
	return 0;
}

/* A file that comes as the body goes to the spool as it arrives. */
static int open_sink(struct sendd *sendd, const struct route *route, struct op *op)
{
	const char *type = httpd_header(op->request, "Content-Type");
	bool is_json = type != NULL && strncasecmp(type, "application/json", 16) == 0;
	struct error error;

	if ((route->body != BODY_PICTURE && route->body != BODY_FILE) ||
	    (is_json && route->kind != MESSAGE_TEXT))
		return 0;
	op->sink_fd = store_spool_create(sendd->store, op->files[0].spool, &error);
	op->request->sink_fd = op->sink_fd;
	if (op->sink_fd >= 0)
		return 0;
	op->files[0].spool[0] = '\0';
	answer_error(op->request, 503, error.text);
	return -1;
}

/* Asked of the system, and kept for seconds: it costs as much as all else of a request. */
static int find_account(struct sendd *sendd, uid_t uid, struct account *account, struct error *error)
{
	struct known_account *known = &sendd->accounts[uid % ACCOUNTS_KNOWN];
	int64_t now_ms = clock_monotonic_ms();

	if (known->until_ms > now_ms && known->account.uid == uid) {
		*account = known->account;
		return 0;
	}
	if (account_by_uid(uid, account, error) != 0)
		return -1;
	known->account = *account;
	known->until_ms = now_ms + ACCOUNT_KEEP_MS;
	return 0;
}

static size_t begin(void *context, struct httpd_request *request)
{
	struct sendd *sendd = context;
	int64_t number = 0;
	const struct route *route = find_route(request, &number);
	struct error error;
	struct op *op;

	if (route == NULL)
		return 0;
	request->state = op = op_new(request);
	op->number = number;
	if (find_account(sendd, request->uid, &op->caller, &error) != 0) {
		answer_error(request, error_is_temporary(error.kind) ? 503 : 403, error.text);
		return 0;
	}
	/* Before the body, which may be large. */
	if (route->handle == handle_calls && request->uid != sendd->service_uid) {
		answer_error(request, 403, "only the account of the service may submit calls");
		return 0;
	}
	op->may_manage_all = strncmp(route->path, "/queue", 6) == 0 && is_operator(sendd, &op->caller);
	if (read_key(op) != 0 || open_sink(sendd, route, op) != 0)
		return 0;
	return body_max(sendd, route->body);
}

static void complete(void *context, struct httpd_request *request)
{
	int64_t number;
	const struct route *route = find_route(request, &number);

	if (route != NULL)
		route->handle(context, route, request);
}

static void end(void *context, struct httpd_request *request)
{
	struct op *op = op_of(request);

	if (op == NULL)
		return;
	if (op->staged)
		op->request = NULL;
	else
		op_free(context, op);
}

void api_handler(struct sendd *sendd, struct httpd_handler *handler)
{
	*handler = (struct httpd_handler){begin, complete, end, sendd};
}
