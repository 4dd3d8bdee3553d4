/* GET /sim/wait: a test waits for an event instead of sleeping. */
#include "control.h"
#include "methods.h"

#include <stdlib.h>
#include <string.h>

static void unlink_waiter(struct waiter *w)
{
	struct waiter **at = &w->sim->waiters;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	free(w->contains);
	free(w);
}

static void answer(struct waiter *w, int status)
{
	const struct chat *c = store_chat(&w->sim->store, w->chat_id);
	struct conn *conn = w->conn;
	struct buf out = {0};

	if (!w->for_chat)
		show_stats(&out, w->sim);
	else if (c)
		show_chat(&out, c, 0);
	else
		buf_printf(&out, "{\"chat_id\":%lld,\"messages\":[],\"actions\":[],\"pressed\":[]}",
		    (long long)w->chat_id);
	unlink_waiter(w);
	conn_reply(conn, status, "application/json", "", out.data, out.len);
	buf_free(&out);
}

static int64_t containing(const struct chat *c, const char *text)
{
	int64_t count = 0;

	for (size_t i = 0; i < c->count; i++) {
		const struct message *m = &c->messages[i];

		count += !m->from && !m->deleted && m->text && strstr(m->text, text);
	}
	return count;
}

static bool chat_has_come(struct waiter *w)
{
	const struct chat *c = store_chat(&w->sim->store, w->chat_id);

	if (!c)
		return false;
	if (!w->contains)
		return (int64_t)c->shown >= w->count;
	if (c->version == w->seen_version)
		return false;
	w->seen_version = c->version;
	return containing(c, w->contains) >= w->count;
}

static bool has_come(struct waiter *w)
{
	const struct sim *sim = w->sim;

	return (!w->for_chat || chat_has_come(w)) &&
	       (w->method < 0 || (int64_t)sim->by_method[w->method] >= w->count) &&
	       (w->delivered < 0 || (int64_t)sim->store.delivered >= w->delivered) &&
	       (w->confirmed < 0 || sim->updates.confirmed_through >= w->confirmed);
}

void control_look_after_waiters(struct sim *sim)
{
	struct waiter *next;

	for (struct waiter *w = sim->waiters; w; w = next) {
		next = w->next;
		if (has_come(w))
			answer(w, 200);
	}
}

static void timed_out(struct conn *conn)
{
	answer(conn->parked, 408);
}

static void gone(struct conn *conn)
{
	unlink_waiter(conn->parked);
}

static int64_t number(const struct args *args, const char *name, int64_t otherwise)
{
	int64_t n;

	return slice_int(args_text(args, name), &n) ? n : otherwise;
}

void control_wait(struct sim *sim, struct conn *conn, struct args *args)
{
	struct slice contains = args_text(args, "contains"), method = args_text(args, "method");
	int64_t timeout_ms = number(args, "timeout_ms", 10000);
	struct waiter *w = xcalloc(1, sizeof(*w));

	*w = (struct waiter){.sim = sim,
	    .conn = conn,
	    .next = sim->waiters,
	    .chat_id = number(args, "chat", 0),
	    .count = number(args, "count", 1),
	    .for_chat = args_get(args, "chat") != NULL,
	    .contains = contains.len ? xstrndup(contains.at, contains.len) : NULL,
	    .method = method.len ? method_index(method.at, method.len) : -1,
	    .delivered = number(args, "delivered", -1),
	    .confirmed = number(args, "confirmed", -1)};
	sim->waiters = w;
	conn_park(conn, timeout_ms < 0 ? 0 : timeout_ms > 600000 ? 600000 : timeout_ms, timed_out, gone, w);
	if (has_come(w))
		answer(w, 200);
}
