#include "control.h"
#include "methods.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define PRESENTER 4242 /* who writes in a group if nobody is named */

struct control {
	struct sim *sim;
	struct conn *conn;
	struct json_object *body; /* NULL: none, or no JSON */
	struct args query;
	struct buf *out;
	int status;
};

/* Returns true if the answer comes later, or was given. */
typedef bool handler(struct control *k);

static bool refuse(struct control *k, int status, const char *text)
{
	k->status = status;
	buf_clear(k->out);
	buf_str(k->out, "{\"ok\":false");
	buf_json_field(k->out, "description", text, JSON_UTF8);
	buf_char(k->out, '}');
	return false;
}

static bool done(struct control *k)
{
	buf_str(k->out, "{\"ok\":true}");
	return false;
}

static const char *string(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, json_type_string)
		   ? json_object_get_string(value)
		   : NULL;
}

static int64_t number(struct json_object *object, const char *key, int64_t otherwise)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, json_type_int)
		   ? json_object_get_int64(value)
		   : otherwise;
}

static int32_t id_number(struct json_object *object, const char *key)
{
	int64_t n = number(object, key, 0);

	return n > 0 && n <= INT32_MAX ? (int32_t)n : 0;
}

static bool boolean(struct json_object *object, const char *key, bool otherwise)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_boolean(value) : otherwise;
}

/* Without a type the id tells it, as Telegram chooses ids. */
static bool type_of(struct json_object *object, int64_t id, enum chat_type *type)
{
	const char *name = string(object, "type");

	*type = id > 0 ? CHAT_PRIVATE : id < -1000000000000 ? CHAT_SUPERGROUP : CHAT_GROUP;
	if (!name)
		return true;
	for (int i = CHAT_PRIVATE; i <= CHAT_SUPERGROUP; i++)
		if (strcmp(name, chat_type_name((enum chat_type)i)) == 0) {
			*type = (enum chat_type)i;
			return (*type == CHAT_PRIVATE) == (id > 0);
		}
	return false;
}

/* The chat that an order names, made if there is none; NULL: the order makes no sense. */
static struct chat *named_chat(struct control *k, struct json_object *order)
{
	int64_t id = number(order, "chat_id", 0);
	enum chat_type type;
	struct chat *c;

	if (id == 0 || !type_of(order, id, &type))
		return NULL;
	c = store_chat(&k->sim->store, id);
	if (!c)
		return store_new_chat(&k->sim->store, id, type);
	if (string(order, "type"))
		c->type = type;
	return c;
}

static void rename_to(char **name, const char *text)
{
	if (!text)
		return;
	free(*name);
	*name = xstrdup(text);
}

static bool post_chat(struct control *k)
{
	struct chat *c = named_chat(k, k->body);

	if (!c)
		return refuse(k, 400, "chat_id is missing, or does not fit the type");
	if (c->user) {
		user_rename(c->user, string(k->body, "username"), string(k->body, "first_name"));
	} else {
		rename_to(&c->title, string(k->body, "title"));
		rename_to(&c->username, string(k->body, "username"));
	}
	return done(k);
}

static struct user *writer(struct control *k, struct json_object *order, const struct chat *c)
{
	struct user *u =
	    store_user(&k->sim->store, number(order, "from_id", c->type == CHAT_PRIVATE ? c->id : PRESENTER));

	user_rename(u, string(order, "username"), string(order, "first_name"));
	return u;
}

static void write_update_id(struct buf *out, int64_t id)
{
	buf_str(out, "{\"ok\":true,\"update_id\":");
	if (id)
		buf_int(out, id);
	else
		buf_str(out, "null");
}

static bool one_message(struct control *k, struct json_object *order)
{
	const char *text = string(order, "text");
	struct chat *c = text ? named_chat(k, order) : NULL;
	const struct message *m;
	int64_t update_id;

	if (!c)
		return false;
	m = inject_message(k->sim, c, writer(k, order, c), text, id_number(order, "reply_to"), &update_id);
	write_update_id(k->out, update_id);
	buf_printf(k->out, ",\"message_id\":%d}", m->id);
	return true;
}

static bool post_message(struct control *k)
{
	size_t count;

	if (!json_object_is_type(k->body, json_type_array)) {
		if (!one_message(k, k->body))
			return refuse(
			    k, 400, "chat_id and text are needed, and a type that fits the chat_id");
		return false;
	}
	count = json_object_array_length(k->body);
	for (size_t i = 0; i < count; i++) {
		buf_char(k->out, i ? ',' : '[');
		if (!one_message(k, json_object_array_get_idx(k->body, i)))
			return refuse(
			    k, 400, "chat_id and text are needed, and a type that fits the chat_id");
	}
	buf_str(k->out, count ? "]" : "[]");
	return false;
}

static bool post_tap(struct control *k)
{
	struct chat *c = store_chat(&k->sim->store, number(k->body, "chat_id", 0));
	struct press_result result;

	if (!c)
		return refuse(k, 400, "chat not found");
	if (!inject_tap(k->sim, c, writer(k, k->body, c), id_number(k->body, "message_id"),
		string(k->body, "button"), string(k->body, "data"), &result))
		return refuse(k, 400, "there is no such button");
	write_update_id(k->out, result.update_id);
	if (result.as_message)
		buf_printf(k->out, ",\"message_id\":%d}", result.message_id);
	else
		buf_printf(k->out, ",\"callback_query_id\":\"%lld\"}", (long long)result.query_id);
	return false;
}

static bool post_update(struct control *k)
{
	struct buf b = {0};
	int64_t id = 0;
	int type = -1;

	json_object_object_foreach(k->body, key, value)
	{
		if (json_object_object_length(k->body) == 1 && json_object_is_type(value, json_type_object))
			type = update_type(key, strlen(key));
		if (type >= 0) {
			buf_str(&b, json_object_to_json_string_ext(
					value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
			id = sim_update(k->sim, type, &b);
		}
	}
	buf_free(&b);
	if (type < 0)
		return refuse(k, 400, "exactly one member of Update is needed, such as my_chat_member");
	write_update_id(k->out, id);
	buf_char(k->out, '}');
	return false;
}

static int64_t query_number(const struct control *k, const char *name, int64_t otherwise)
{
	int64_t n;

	return slice_int(args_text(&k->query, name), &n) ? n : otherwise;
}

static bool get_chat(struct control *k)
{
	const struct chat *c = store_chat(&k->sim->store, query_number(k, "id", 0));
	int64_t after = query_number(k, "after", 0);

	if (!c)
		return refuse(k, 404, "chat not found");
	show_chat(k->out, c, after > INT32_MAX ? INT32_MAX : (int32_t)after);
	return false;
}

static bool get_chats(struct control *k)
{
	show_chats(k->out, k->sim);
	return false;
}

static bool get_stats(struct control *k)
{
	show_stats(k->out, k->sim);
	return false;
}

static bool get_commands(struct control *k)
{
	show_commands(k->out, k->sim);
	return false;
}

static bool get_wait(struct control *k)
{
	struct slice method = args_text(&k->query, "method");

	if (method.len > 0 && method_index(method.at, method.len) < 0)
		return refuse(k, 400, "there is no such method");
	if (!args_get(&k->query, "chat") && method.len == 0 && !args_get(&k->query, "delivered") &&
	    !args_get(&k->query, "confirmed"))
		return refuse(k, 400, "one of chat, method, delivered and confirmed is needed");
	control_wait(k->sim, k->conn, &k->query);
	return true;
}

static bool post_fault(struct control *k)
{
	struct fault fault;
	const char *wrong = faults_add(&k->sim->faults, k->body, &fault);

	if (wrong)
		return refuse(k, 400, wrong);
	(void)done(k);
	if (fault.kind != FAULT_REFUSE)
		return false;
	conn_reply(k->conn, 200, "application/json", "", k->out->data, k->out->len);
	server_refuse(&k->sim->server, fault.ms);
	return true;
}

static bool delete_fault(struct control *k)
{
	faults_clear(&k->sim->faults);
	return done(k);
}

static bool post_block(struct control *k)
{
	struct chat *c = store_chat(&k->sim->store, number(k->body, "chat_id", 0));

	if (!c)
		return refuse(k, 400, "chat not found");
	inject_block(k->sim, c, boolean(k->body, "blocked", true));
	return done(k);
}

static bool post_limits(struct control *k)
{
	struct limits *l = &k->sim->limits;
	struct json_object *value = NULL;
	double speed = l->speed;

	if (json_object_object_get_ex(k->body, "speed", &value))
		speed = json_object_get_double(value);
	if (!(speed > 0 && speed <= 1e6))
		return refuse(k, 400, "speed is out of range");
	limits_set_speed(l, speed);
	l->enabled = boolean(k->body, "enabled", l->enabled);
	return done(k);
}

static bool post_reset(struct control *k)
{
	sim_reset(k->sim);
	return done(k);
}

static const struct route {
	const char *method, *path;
	bool needs_body;
	handler *run;
} routes[] = {{"POST", "/sim/chat", true, post_chat}, {"POST", "/sim/message", true, post_message},
    {"POST", "/sim/tap", true, post_tap}, {"POST", "/sim/update", true, post_update},
    {"POST", "/sim/fault", true, post_fault}, {"POST", "/sim/block", true, post_block},
    {"POST", "/sim/limits", true, post_limits}, {"POST", "/sim/reset", false, post_reset},
    {"DELETE", "/sim/fault", false, delete_fault}, {"GET", "/sim/chat", false, get_chat},
    {"GET", "/sim/chats", false, get_chats}, {"GET", "/sim/stats", false, get_stats},
    {"GET", "/sim/commands", false, get_commands}, {"GET", "/sim/wait", false, get_wait}};

/* NULL, and *path_known tells whether another method would do. */
static const struct route *find_route(const struct http_request *r, bool *path_known)
{
	*path_known = false;
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		if (!slice_is(r->path, routes[i].path))
			continue;
		*path_known = true;
		if (slice_is(r->method, routes[i].method))
			return &routes[i];
	}
	return NULL;
}

static bool carry_out(struct control *k, struct http_request *r)
{
	bool path_known;
	const struct route *route = find_route(r, &path_known);
	struct slice body = r->body;

	if (!route)
		return refuse(
		    k, path_known ? 405 : 404, path_known ? "wrong HTTP method" : "there is no such thing");
	r->body.len =
	    0; /* curl -d calls JSON a form: the body is read here whatever its type is said to be */
	if (!args_read(&k->query, r, &k->sim->why))
		return refuse(k, 400, buf_cstr(&k->sim->why));
	if (route->needs_body) {
		k->body = utf8_valid(body.at, body.len) ? json_read(body.at, body.len) : NULL;
		if (!json_object_is_type(k->body, json_type_object) &&
		    !(route->run == post_message && json_object_is_type(k->body, json_type_array)))
			return refuse(k, 400, "the body must be a JSON object");
	}
	return route->run(k);
}

void control_request(struct sim *sim, struct conn *conn, struct http_request *request)
{
	struct control k = {.sim = sim, .conn = conn, .out = &sim->answer, .status = 200};

	buf_clear(k.out);
	buf_clear(&sim->why);
	if (!carry_out(&k, request))
		conn_reply(conn, k.status, "application/json", "", k.out->data, k.out->len);
	json_object_put(k.body);
	args_free(&k.query);
}
