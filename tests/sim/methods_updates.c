/* getUpdates, setWebhook, deleteWebhook, getWebhookInfo */
#include "api.h"
#include "methods.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define POLL_SECONDS_MAX 50
#define REPEAT_US ((int64_t)3 * 1000000)
#define REPEAT_AT_ONCE_US ((int64_t)500000)

static void write_updates(struct sim *sim, struct buf *out, size_t limit)
{
	const struct updates *u = &sim->updates;

	buf_char(out, '[');
	for (size_t i = 0; i < limit && u->first + i < u->end; i++) {
		if (i > 0)
			buf_char(out, ',');
		updates_write(&u->list[u->first + i], out);
	}
	buf_char(out, ']');
}

static void answer(struct sim *sim, struct conn *conn)
{
	struct buf *b = &sim->scratch;

	sim->poller.conn = NULL;
	buf_clear(b);
	buf_str(b, "{\"ok\":true,\"result\":");
	write_updates(sim, b, sim->poller.limit);
	buf_char(b, '}');
	conn_reply(conn, 200, "application/json", "", b->data, b->len);
}

void api_answer_poll(struct sim *sim)
{
	if (sim->poller.conn && updates_pending(&sim->updates) > 0)
		answer(sim, sim->poller.conn);
}

static void poll_timeout(struct conn *conn)
{
	answer(conn->parked, conn);
}

static void poll_gone(struct conn *conn)
{
	struct sim *sim = conn->parked;

	sim->poller.conn = NULL;
}

/* Only with the pace limits on: who repeats an offset too soon is made to wait, or gets one update at a time.
 */
static void slow_down(struct sim *sim, int64_t offset, int64_t *timeout, size_t *limit)
{
	struct poller *p = &sim->poller;
	int64_t now_us = limits_now_us(&sim->limits), since_us = now_us - p->last_us;

	if (sim->limits.enabled && p->has_last && p->last_offset == offset) {
		if (since_us < REPEAT_US && *timeout < 3)
			*timeout = 3;
		if (since_us < REPEAT_AT_ONCE_US)
			*limit = 1;
	}
	p->has_last = true;
	p->last_offset = offset;
	p->last_us = now_us;
}

static void confirm(struct sim *sim, int64_t offset)
{
	int64_t before = sim->updates.confirmed_through;

	if (offset > 0)
		updates_confirm_below(&sim->updates, offset);
	else if (offset < 0)
		updates_keep_last(&sim->updates, (size_t)-offset);
	if (sim->updates.confirmed_through != before)
		sim_changed(sim);
}

int method_get_updates(struct call *c)
{
	struct sim *sim = c->sim;
	int64_t offset = args_int(&c->args, "offset", 0), limit = args_int(&c->args, "limit", 100),
		timeout = args_int(&c->args, "timeout", 0);
	struct json_object *allowed = args_json(&c->args, "allowed_updates");
	size_t most;

	if (sim->webhook.url)
		return call_fail(c, 409,
		    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to "
		    "delete the webhook "
		    "first");
	api_end_poll(sim, 409,
	    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is "
	    "running");
	most = limit < 1 || limit > 100 ? 100 : (size_t)limit;
	timeout = timeout < 0 ? 0 : timeout > POLL_SECONDS_MAX ? POLL_SECONDS_MAX : timeout;
	if (allowed)
		updates_allow(&sim->updates, allowed);
	confirm(sim, offset < -1000000 ? -1000000 : offset);
	slow_down(sim, offset, &timeout, &most);
	if (updates_pending(&sim->updates) > 0 || timeout == 0 || !c->conn) {
		write_updates(sim, c->out, most);
		return 0;
	}
	sim->poller.conn = c->conn;
	sim->poller.limit = most;
	c->parked = true;
	conn_park(c->conn, timeout * 1000, poll_timeout, poll_gone, sim);
	return 0;
}

static void drop_pending(struct call *c)
{
	if (args_int(&c->args, "drop_pending_updates", 0))
		updates_keep_last(&c->sim->updates, 0);
}

static int remove_webhook(struct call *c)
{
	bool was_set = c->sim->webhook.url != NULL;

	webhook_clear(&c->sim->webhook);
	drop_pending(c);
	buf_printf(c->out, "true,\"description\":\"Webhook %s deleted\"", was_set ? "was" : "is already");
	return 0;
}

int method_delete_webhook(struct call *c)
{
	return remove_webhook(c);
}

static int check_secret(struct call *c, struct slice secret)
{
	if (secret.len > 256)
		return call_bad(c, "secret token is too long");
	for (size_t i = 0; i < secret.len; i++)
		if (!isalnum((unsigned char)secret.at[i]) && secret.at[i] != '_' && secret.at[i] != '-')
			return call_bad(c, "secret token contains unallowed characters");
	return 0;
}

int method_set_webhook(struct call *c)
{
	struct webhook *w = &c->sim->webhook;
	struct slice url = args_text(&c->args, "url"), secret = args_text(&c->args, "secret_token");
	int64_t max_connections = args_int(&c->args, "max_connections", 0);
	struct json_object *allowed = args_json(&c->args, "allowed_updates");
	char *copy, *secret_copy;
	const char *wrong;
	bool same;

	if (url.len == 0)
		return remove_webhook(c);
	if (check_secret(c, secret) < 0)
		return -1;
	if (max_connections < 0 || max_connections > 100)
		max_connections = max_connections < 0 ? 1 : 100;
	copy = xstrndup(url.at, url.len);
	secret_copy = secret.len ? xstrndup(secret.at, secret.len) : NULL;
	same = w->url && strcmp(w->url, copy) == 0 && !secret_copy && !w->secret &&
	       max_connections == w->max_connections;
	wrong = same ? NULL : webhook_set(w, copy, secret_copy, max_connections);
	free(copy);
	free(secret_copy);
	if (wrong)
		return call_fail(c, 400, "Bad Request: bad webhook: %s", wrong);
	w->custom_certificate = args_get(&c->args, "certificate") != NULL;
	if (allowed)
		updates_allow(&c->sim->updates, allowed);
	drop_pending(c);
	api_end_poll(c->sim, 409, "Conflict: terminated by setWebhook request");
	sim_changed(c->sim);
	buf_printf(c->out, "true,\"description\":\"Webhook %s set\"", same ? "is already" : "was");
	return 0;
}

int method_get_webhook_info(struct call *c)
{
	const struct webhook *w = &c->sim->webhook;
	struct buf *out = c->out;
	size_t start;

	buf_str(out, "{\"url\":");
	buf_json(out, w->url ? w->url : "", w->url ? strlen(w->url) : 0, JSON_ASCII);
	buf_printf(out, ",\"has_custom_certificate\":%s,\"pending_update_count\":%zu",
	    w->custom_certificate ? "true" : "false", updates_pending(&c->sim->updates));
	if (w->url)
		buf_printf(out, ",\"max_connections\":%lld",
		    (long long)(w->max_connections ? w->max_connections : 40));
	if (w->url && w->last_error) {
		buf_printf(out, ",\"last_error_date\":%lld", (long long)w->last_error_date);
		buf_json_field(out, "last_error_message", w->last_error, JSON_ASCII);
	}
	start = out->len;
	buf_str(out, ",\"allowed_updates\":");
	if (start + 19 == out->len)
		updates_write_allowed(&c->sim->updates, out);
	if (start + 19 == out->len)
		out->len = start; /* the usual ones: the field is left out */
	buf_char(out, '}');
	return 0;
}
