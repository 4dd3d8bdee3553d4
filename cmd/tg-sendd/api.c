/* The socket API, described in tgtools-socket(7): who may ask what, and what is well-formed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fd.h"
#include "json.h"
#include "log.h"
#include "sendd.h"
#include "xalloc.h"

enum { SMALL_BODY_MAX = 64 << 10, TEXT_BODY_MAX = 2 << 20, CALLS_BODY_MAX = 8 << 20 };

struct route {
	const char *method;
	const char *path;
	size_t body_max;
	enum message_kind kind;
	void (*handle)(struct sendd *sendd, const struct route *route, struct httpd_request *request);
};

static struct op *op_of(struct httpd_request *request)
{
	return request->state;
}

static bool is_operator(const struct sendd *sendd, const struct account *account)
{
	return account_in_list(
	    account, sendd->config->access.operators.items, sendd->config->access.operators.count);
}

/* Who may act for another: an operator, or the account of a front end with a sign-on of its own. */
static bool may_act_for_others(const struct sendd *sendd, const struct account *account)
{
	return is_operator(sendd, account) || account_in_list(account, sendd->config->access.front_ends.items,
						  sendd->config->access.front_ends.count);
}

/* Settles on whose behalf the op is; returns 0, or -1 with the request answered. */
static int settle_user(struct sendd *sendd, struct op *op, const char *user)
{
	const char *name = user ? user : op->caller.name;

	if (strcmp(name, op->caller.name) != 0 && !may_act_for_others(sendd, &op->caller)) {
		answer_error(op->request, 403, "you may not act for another user");
		return -1;
	}
	if (name[0] == '\0' || strlen(name) >= sizeof op->user) {
		answer_error(op->request, 400, "\"user\" is not the name of an account");
		return -1;
	}
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

	if (op->spool_fd >= 0)
		return message_read_query(query, request, &op->fields, error);
	if (json_parse_object(request->body.data, request->body.len, "the request body", &op->body, error) !=
	    0)
		return -1;
	return message_read_json(kind, op->body, &op->fields, error);
}

/* Brings the file of a picture or document into the spool; 1 done, 0 answered. */
static int settle_file(struct sendd *sendd, struct op *op, struct error *error)
{
	const char *path = op->fields.path;
	int64_t max_bytes = op->kind == MESSAGE_PHOTO ? PHOTO_MAX_BYTES : FILE_MAX_BYTES;

	if (op->kind == MESSAGE_TEXT)
		return 0;
	if (op->spool_fd >= 0) {
		if (op->request->body_len == 0)
			return error_set(error, ERROR_INPUT, "the file is empty");
		return store_spool_keep(sendd->store, op->spool_fd, error);
	}
	if (path == NULL)
		return error_set(
		    error, ERROR_INPUT, "\"%s_path\" is missing", message_file_parameter(op->kind));
	if (spool_copy(sendd, op->kind == MESSAGE_PHOTO ? "Photo file" : "Document file", path,
		op->caller.uid, max_bytes, op->spool, error) != 0) {
		op->spool[0] = '\0';
		return -1;
	}
	if (op->fields.file_name == NULL)
		op->fields.file_name = strrchr(path, '/') + 1;
	return 0;
}

static int status_of(const struct error *error)
{
	return error->kind == ERROR_INPUT ? 400 : error_is_temporary(error->kind) ? 503 : 500;
}

static void handle_send(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);
	struct error error;

	op->kind = route->kind;
	op->apply = op_send;
	if (read_fields(op, route->kind, &error) != 0 ||
	    message_check(route->kind, &op->fields, &error) != 0 ||
	    message_compose(route->kind, &op->fields, &op->parameters, &error) != 0) {
		answer_error(request, status_of(&error), error.text);
		return;
	}
	if (settle_user(sendd, op, op->fields.user) != 0 || settle_target(sendd, op) != 0)
		return;
	if (settle_file(sendd, op, &error) != 0) {
		answer_error(request, status_of(&error), error.text);
		return;
	}
	if (op->target != NULL && op->target->thread != 0)
		json_put_int64(op->parameters, "message_thread_id", op->target->thread);
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

	(void)route;
	if (buf_add_text(&request->body, "\n") != 0) {
		answer_error(request, 413, "the request body is too large");
		return;
	}
	read_calls(op, &request->body);
	op->apply = op_calls;
	batch_stage(sendd, op);
}

/* ---- POST /api/telegram/verify, /api/telegram/unlink ---- */

/* Reads {"user"?, "code"?}; 0, or -1 with the request answered. */
static int read_account(struct sendd *sendd, struct op *op, const char **code)
{
	static const char *const known[] = {"user", "code", NULL};
	struct httpd_request *request = op->request;
	const char *user = NULL;
	struct error error;

	if (request->body.len > 0 && (json_parse_object(request->body.data, request->body.len,
					  "the request body", &op->body, &error) != 0 ||
					 json_only_keys(op->body, known, &error) != 0 ||
					 json_get_text(op->body, "user", &user, &error) < 0 ||
					 json_get_text(op->body, "code", code, &error) < 0)) {
		answer_error(request, 400, error.text);
		return -1;
	}
	return settle_user(sendd, op, user);
}

/* Whether the account may link a chat at all. */
static bool may_link(const struct sendd *sendd, const char *user)
{
	const struct config_list *groups = &sendd->config->access.groups;
	struct account account;
	struct error error;

	if (account_by_name(user, &account, &error) != 0)
		return false;
	for (size_t i = 0; i < groups->count; i++) {
		if (account_in_group(&account, groups->items[i]))
			return true;
	}
	return groups->count == 0;
}

static void handle_verify(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);
	const char *code = "";

	(void)route;
	if (read_account(sendd, op, &code) != 0)
		return;
	if (!may_link(sendd, op->user)) {
		answer_error(request, 403, "this account is not in a group that may use Telegram");
		return;
	}
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

/* An operator may look at another's, or with * at everybody's. */
static void handle_queue(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	struct op *op = op_of(request);
	const char *user = httpd_query(request, "user");

	(void)route;
	if (user == NULL || strcmp(user, op->caller.name) == 0)
		view_queue(sendd, request, op->caller.name);
	else if (!is_operator(sendd, &op->caller))
		answer_error(request, 403, "only an operator may see the messages of others");
	else
		view_queue(sendd, request, strcmp(user, "*") == 0 ? NULL : user);
}

static void handle_links(struct sendd *sendd, const struct route *route, struct httpd_request *request)
{
	(void)route;
	if (is_operator(sendd, &op_of(request)->caller))
		view_links(sendd, request);
	else
		answer_error(request, 403, "only an operator may see all links");
}

/* ---- routing ---- */

static const struct route routes[] = {
    {"POST", "/send", TEXT_BODY_MAX, MESSAGE_TEXT, handle_send},
    {"POST", "/send_photo", PHOTO_MAX_BYTES, MESSAGE_PHOTO, handle_send},
    {"POST", "/send_document", FILE_MAX_BYTES, MESSAGE_DOCUMENT, handle_send},
    {"POST", "/calls", CALLS_BODY_MAX, MESSAGE_TEXT, handle_calls},
    {"POST", "/api/telegram/verify", SMALL_BODY_MAX, MESSAGE_TEXT, handle_verify},
    {"POST", "/api/telegram/unlink", SMALL_BODY_MAX, MESSAGE_TEXT, handle_unlink},
    {"GET", "/api/telegram/status", 0, MESSAGE_TEXT, handle_status},
    {"GET", "/api/telegram/links", 0, MESSAGE_TEXT, handle_links},
    {"GET", "/queue", 0, MESSAGE_TEXT, handle_queue},
    {"GET", "/health", 0, MESSAGE_TEXT, handle_health},
};

/* The route, or NULL with the request answered. */
static const struct route *find_route(struct httpd_request *request)
{
	bool path_known = false;

	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		bool same = strcmp(routes[i].path, request->path) == 0;

		if (same && strcmp(routes[i].method, request->method) == 0)
			return &routes[i];
		path_known |= same;
	}
	answer_error(request, path_known ? 405 : 404, path_known ? "method not allowed" : "not found");
	return NULL;
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
	struct error error;

	if (route->kind == MESSAGE_TEXT || (type != NULL && strncasecmp(type, "application/json", 16) == 0))
		return 0;
	op->spool_fd = store_spool_create(sendd->store, op->spool, &error);
	op->request->sink_fd = op->spool_fd;
	if (op->spool_fd >= 0)
		return 0;
	op->spool[0] = '\0';
	answer_error(op->request, 503, error.text);
	return -1;
}

static size_t begin(void *context, struct httpd_request *request)
{
	struct sendd *sendd = context;
	const struct route *route = find_route(request);
	struct error error;
	struct op *op;

	if (route == NULL)
		return 0;
	request->state = op = op_new(request);
	if (account_by_uid(request->uid, &op->caller, &error) != 0) {
		answer_error(request, error_is_temporary(error.kind) ? 503 : 403, error.text);
		return 0;
	}
	/* Before the body, which may be large. */
	if (route->handle == handle_calls && request->uid != sendd->service_uid) {
		answer_error(request, 403, "only the account of the service may submit calls");
		return 0;
	}
	if (read_key(op) != 0 || open_sink(sendd, route, op) != 0)
		return 0;
	return route->body_max;
}

static void complete(void *context, struct httpd_request *request)
{
	const struct route *route = find_route(request);

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
