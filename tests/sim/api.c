#include "api.h"
#include "methods.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int method_index(const char *name, size_t len)
{
	for (size_t i = 0; i < method_count; i++)
		if (strlen(methods[i].name) == len && strncasecmp(methods[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

static void write_error(struct buf *out, int status, const char *description)
{
	buf_clear(out);
	buf_str(out, "{\"ok\":false,\"error_code\":");
	buf_int(out, status);
	buf_str(out, ",\"description\":");
	buf_json(out, description, strlen(description), JSON_ASCII);
}

int call_fail(struct call *c, int status, const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	c->status = status;
	write_error(c->out, status, text);
	free(text);
	return -1;
}

/* Telegram's own errors begin with a capital; its Bot API server makes it small behind "Bad Request: ", but
 * leaves names in capitals (PHOTO_INVALID_DIMENSIONS) alone. */
int call_bad(struct call *c, const char *text)
{
	char first = text[0];

	if (isupper((unsigned char)first) && !isupper((unsigned char)text[1]))
		first = (char)tolower((unsigned char)first);
	return call_fail(c, 400, "Bad Request: %c%s", first, first ? text + 1 : "");
}

int call_true(struct call *c)
{
	buf_str(c->out, "true");
	return 0;
}

static void reply(struct conn *conn, int status, int64_t retry_after, const struct buf *body)
{
	char header[64] = "";

	if (retry_after > 0)
		(void)snprintf(header, sizeof(header), "Retry-After: %lld\r\n", (long long)retry_after);
	conn_reply(conn, status, "application/json", header, body->data, body->len);
}

/* Closes what write_error or the method began, and sends it. */
static void call_answer(struct call *c)
{
	buf_char(c->out, '}');
	if (c->conn)
		reply(c->conn, c->status, c->retry_after, c->out);
}

static void html_reply(struct conn *conn, int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {{413, "413 Request Entity Too Large"}, {500, "500 Internal Server Error"},
	    {502, "502 Bad Gateway"}, {503, "503 Service Temporarily Unavailable"},
	    {504, "504 Gateway Time-out"}};
	char html[256], other[32];
	const char *text = other;

	(void)snprintf(other, sizeof(other), "%d Error", status);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].status == status)
			text = texts[i].text;
	(void)snprintf(html, sizeof(html),
	    "<html>\r\n<head><title>%s</title></head>\r\n<body>\r\n<center><h1>%s</h1></center>\r\n"
	    "<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n",
	    text, text);
	conn_reply(conn, status, "text/html", "", html, strlen(html));
}

static void drop_late(struct conn *conn)
{
	conn_drop(conn);
}

static void fail_retry(struct call *c, int64_t seconds)
{
	(void)call_fail(c, 429, "Too Many Requests: retry after %lld", (long long)seconds);
	buf_printf(c->out, ",\"parameters\":{\"retry_after\":%lld}", (long long)seconds);
	c->retry_after = seconds;
}

/* A fault that answers by itself; the call is not carried out. */
static void fault_answers(struct call *c, const struct fault *f)
{
	switch (f->kind) {
	case FAULT_HTTP:
		html_reply(c->conn, f->status);
		return;
	case FAULT_CLOSE_BEFORE:
		conn_drop(c->conn);
		return;
	case FAULT_STALL_BEFORE:
		conn_park(c->conn, f->ms, drop_late, NULL, NULL);
		return;
	case FAULT_UNAUTHORIZED:
		(void)call_fail(c, 401, "Unauthorized");
		break;
	case FAULT_RETRY_AFTER:
		fail_retry(c, f->seconds);
		break;
	case FAULT_MIGRATE:
		(void)call_bad(c, "group chat was upgraded to a supergroup chat");
		buf_printf(c->out, ",\"parameters\":{\"migrate_to_chat_id\":%lld}", (long long)f->to);
		break;
	default:
		(void)call_fail(c, f->status, "%s", f->description ? f->description : "Bad Request");
		if (f->parameters) {
			buf_str(c->out, ",\"parameters\":");
			buf_str(c->out, f->parameters);
		}
	}
	call_answer(c);
}

/* True: a fault has answered. The others bend the answer that the method will give. */
static bool fault_strikes(struct call *c, bool has_chat, int64_t chat_id)
{
	const struct fault *f = faults_take(&c->sim->faults, c->method->name, has_chat, chat_id);

	if (!f || !c->conn)
		return false;
	switch (f->kind) {
	case FAULT_CLOSE_AFTER:
		conn_shape(c->conn, SHAPE_NONE, 0);
		return false;
	case FAULT_CLOSE_MIDDLE:
		conn_shape(c->conn, SHAPE_HALF, 0);
		return false;
	case FAULT_STALL:
		conn_shape(c->conn, SHAPE_LATE, f->ms);
		return false;
	default:
		fault_answers(c, f);
		return true;
	}
}

static void run(struct call *c)
{
	buf_clear(c->out);
	buf_str(c->out, "{\"ok\":true,\"result\":");
	c->status = 200;
	(void)c->method->run(c);
	if (!c->parked)
		call_answer(c);
}

static void count_call(struct call *c, const struct arg *chat_id)
{
	struct chat *chat = chat_id ? store_chat(&c->sim->store, chat_id->number) : NULL;

	c->sim->by_method[c->method - methods]++;
	if (chat)
		chat->requests++;
	sim_changed(c->sim);
}

/* `read` tells whether the parameters could be read; if not, sim->why says why. */
static void dispatch(struct call *c, bool read)
{
	struct buf *why = &c->sim->why;
	bool bound = read && args_bind(&c->args, c->method->fields, why);
	const struct arg *chat_id = read ? args_get(&c->args, "chat_id") : NULL;

	count_call(c, chat_id);
	if (fault_strikes(c, chat_id && chat_id->has_number, chat_id ? chat_id->number : 0))
		return;
	if (bound) {
		run(c);
		return;
	}
	(void)call_bad(c, buf_cstr(why));
	call_answer(c);
}

/* BOT:SECRET as Telegram gives it out: digits, a colon, and what base64url is made of. */
static bool token_formed(struct slice s)
{
	size_t i = 0;

	while (i < s.len && isdigit((unsigned char)s.at[i]))
		i++;
	if (i == 0 || i >= s.len || s.at[i] != ':' || i + 1 == s.len)
		return false;
	for (i++; i < s.len; i++)
		if (!isalnum((unsigned char)s.at[i]) && s.at[i] != '_' && s.at[i] != '-')
			return false;
	return true;
}

struct address {
	struct slice token, method;
};

/* /bot<TOKEN>/METHOD */
static bool split_path(struct slice path, struct address *a)
{
	char *slash;

	if (!slice_starts(path, "/bot"))
		return false;
	path.at += 4;
	path.len -= 4;
	slash = memchr(path.at, '/', path.len);
	if (!slash)
		return false;
	a->token = (struct slice){path.at, (size_t)(slash - path.at)};
	a->method = (struct slice){slash + 1, path.len - a->token.len - 1};
	return token_formed(a->token);
}

void api_request(struct sim *sim, struct conn *conn, struct http_request *request)
{
	struct call c = {.sim = sim, .conn = conn, .out = &sim->answer};
	struct address a = {0};
	bool formed, read;
	int index;

	sim->requests++;
	request->path.len = url_decode(request->path.at, request->path.len, false);
	formed = split_path(request->path, &a);
	index = formed ? method_index(a.method.at, a.method.len) : -1;
	if (formed && !slice_is(a.token, sim->token)) {
		(void)call_fail(&c, 401, "Unauthorized");
		call_answer(&c);
		return;
	}
	if (index < 0) {
		(void)call_fail(&c, 404, "Not Found");
		call_answer(&c);
		return;
	}
	c.method = &methods[index];
	buf_clear(&sim->why);
	read = args_read(&c.args, request, &sim->why);
	dispatch(&c, read);
	args_free(&c.args);
}

bool api_head(struct sim *sim, const struct http_request *request)
{
	struct address a = {0};
	int index;

	if (sim->faults.count == 0 || !split_path(request->path, &a) || !slice_is(a.token, sim->token))
		return true;
	index = method_index(a.method.at, a.method.len);
	if (index < 0 || !faults_closes_before(&sim->faults, methods[index].name))
		return true;
	sim->requests++;
	sim->by_method[index]++;
	sim_changed(sim);
	return false;
}

void api_call_object(struct sim *sim, struct json_object *object)
{
	struct call c = {.sim = sim, .out = &sim->scratch};
	struct json_object *name = NULL;
	int index = -1;

	if (json_object_object_get_ex(object, "method", &name) && json_object_is_type(name, json_type_string))
		index = method_index(json_object_get_string(name), (size_t)json_object_get_string_len(name));
	if (index < 0) {
		json_object_put(object);
		return;
	}
	c.method = &methods[index];
	json_object_object_del(object, "method");
	buf_clear(&sim->why);
	dispatch(&c, args_add_object(&c.args, object, &sim->why));
	args_free(&c.args);
}

void api_end_poll(struct sim *sim, int status, const char *description)
{
	struct conn *conn = sim->poller.conn;

	if (!conn)
		return;
	sim->poller.conn = NULL;
	write_error(&sim->scratch, status, description);
	buf_char(&sim->scratch, '}');
	reply(conn, status, 0, &sim->scratch);
}

struct chat *call_chat(struct call *c)
{
	const struct arg *id = args_get(&c->args, "chat_id");
	struct store *store = &c->sim->store;
	struct chat *chat = NULL;

	if (!id || (!id->has_number && id->text.len == 0)) {
		(void)call_bad(c, "chat_id is empty");
		return NULL;
	}
	if (id->has_number)
		chat = store_chat(store, id->number);
	else if (id->text.at[0] == '@')
		chat = store_chat_by_name(store, id->text.at + 1, id->text.len - 1);
	if (!chat)
		(void)call_bad(c, "chat not found");
	return chat;
}
