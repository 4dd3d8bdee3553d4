#include "webhook.h"
#include "api.h"
#include "sim.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_US (60 * (int64_t)1000000)
#define ANSWER_BYTES_MAX ((size_t)1 << 20)
#define PAUSE_S_MAX 60

/* A connection to the receiver; kept open between updates if the receiver lets us. */
struct push {
	struct source source; /* fd -1: not connected */
	struct timer timer;
	struct webhook *webhook;
	int64_t update_id; /* 0: idle */
	struct buf out, in;
	size_t sent;
	bool reused; /* carried an update before: it may have been closed under our hands */
};

static void push_close(struct push *p)
{
	loop_clear_timer(&p->webhook->sim->loop, &p->timer);
	if (p->source.fd < 0)
		return;
	loop_remove(&p->webhook->sim->loop, &p->source);
	close(p->source.fd);
	p->source.fd = -1;
	p->reused = false;
}

static struct update *find_update(struct updates *u, int64_t id)
{
	for (size_t i = u->first; i < u->end && u->list[i].id <= id; i++)
		if (u->list[i].id == id)
			return &u->list[i];
	return NULL;
}

static void set_error(struct webhook *w, const char *text)
{
	free(w->last_error);
	w->last_error = xstrdup(text);
	w->last_error_date = (int64_t)time(NULL);
}

static void retry_now(struct timer *t)
{
	webhook_run(container_of(t, struct webhook, retry));
}

static void push_failed(struct push *p, const char *text)
{
	struct webhook *w = p->webhook;
	struct update *u = find_update(&w->sim->updates, p->update_id);
	int64_t pause_s = w->failures < 6 ? 1 << w->failures : PAUSE_S_MAX;

	push_close(p);
	p->update_id = 0;
	if (u)
		u->in_flight = false;
	set_error(w, text);
	w->failures++;
	if (w->retry.slot == 0)
		loop_set_timer(
		    &w->sim->loop, &w->retry, (int64_t)((double)pause_s * 1e6 / w->sim->limits.speed));
}

static void push_timeout(struct timer *t)
{
	push_failed(container_of(t, struct push, timer), "Read timeout expired");
}

static void push_connect(struct push *p);

/* A connection that was open from before and broke before it answered says nothing about this update. */
static void push_broken(struct push *p, const char *text)
{
	if (p->reused && p->in.len == 0) {
		push_close(p);
		push_connect(p);
	} else {
		push_failed(p, text);
	}
}

static bool header_says(const struct push *p, size_t head_len, const char *name, char *value, size_t size)
{
	const char *at = p->in.data, *end = at + head_len;
	size_t len = strlen(name);

	while ((at = memchr(at, '\n', (size_t)(end - at))) && ++at + len < end) {
		size_t n = 0;

		if (strncasecmp(at, name, len) != 0 || at[len] != ':')
			continue;
		for (at += len + 1; at < end && *at == ' ';)
			at++;
		while (at < end && *at != '\r' && *at != '\n' && n + 1 < size)
			value[n++] = *at++;
		value[n] = '\0';
		return true;
	}
	return false;
}

struct answer {
	int status;
	size_t head_len, body_len;
	bool keep;
};

/* 1: the answer is whole; 0: not yet; -1: it is no HTTP. */
static int read_answer(const struct push *p, bool ended, struct answer *a)
{
	const char *head_end = p->in.len ? memmem(p->in.data, p->in.len, "\r\n\r\n", 4) : NULL;
	char value[64];
	struct slice s;
	int64_t length = -1;

	if (!head_end)
		return ended || p->in.len > ANSWER_BYTES_MAX ? -1 : 0;
	if (p->in.len < 12 || memcmp(p->in.data, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)p->in.data[9]))
		return -1;
	a->status = (int)strtol(p->in.data + 9, NULL, 10);
	a->head_len = (size_t)(head_end - p->in.data) + 4;
	a->body_len = p->in.len - a->head_len;
	a->keep = p->in.data[7] == '1' && !ended;
	if (header_says(p, a->head_len, "connection", value, sizeof(value)) &&
	    strcasecmp(value, "close") == 0)
		a->keep = false;
	if (header_says(p, a->head_len, "transfer-encoding", value, sizeof(value))) {
		if (!ended && (a->body_len < 5 || memcmp(p->in.data + p->in.len - 5, "0\r\n\r\n", 5) != 0))
			return 0;
		a->body_len = 0; /* a call in a chunked body is not looked for */
		return 1;
	}
	if (header_says(p, a->head_len, "content-length", value, sizeof(value))) {
		s = (struct slice){value, strlen(value)};
		if (!slice_int(s, &length) || length < 0 || (size_t)length > ANSWER_BYTES_MAX)
			return -1;
		if (a->body_len < (size_t)length)
			return ended ? -1 : 0;
		a->body_len = (size_t)length;
		return 1;
	}
	return ended || a->status == 204 ? 1 : 0;
}

static void push_done(struct push *p, const struct answer *a)
{
	struct webhook *w = p->webhook;
	struct update *u = find_update(&w->sim->updates, p->update_id);
	struct json_object *call = NULL;

	loop_clear_timer(&w->sim->loop, &p->timer);
	if (a->body_len > 0 && p->in.data[a->head_len] == '{')
		call = json_read(p->in.data + a->head_len, a->body_len);
	p->update_id = 0;
	p->reused = true;
	w->failures = 0;
	if (!a->keep)
		push_close(p);
	if (u)
		updates_confirm_one(&w->sim->updates, u);
	sim_changed(w->sim);
	if (json_object_is_type(call, json_type_object))
		api_call_object(
		    w->sim, call); /* may even set another webhook: nothing of p is touched after */
	else
		json_object_put(call);
}

static void push_answered(struct push *p, bool ended)
{
	struct answer a = {0};
	char text[128], *eol;
	int got = read_answer(p, ended, &a);

	if (got == 0)
		return;
	if (got < 0) {
		push_broken(p, ended ? "Connection reset by peer" : "Wrong response from the webhook");
	} else if (a.status >= 200 && a.status <= 299) {
		push_done(p, &a);
	} else {
		eol = memchr(p->in.data, '\r', p->in.len);
		(void)snprintf(text, sizeof(text), "Wrong response from the webhook: %.*s",
		    (int)(eol ? eol - p->in.data - 9 : 3), p->in.data + 9);
		push_failed(p, text);
	}
}

static void push_write(struct push *p)
{
	while (p->sent < p->out.len) {
		ssize_t n = send(p->source.fd, p->out.data + p->sent, p->out.len - p->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			push_broken(p, strerror(errno));
			return;
		}
		p->sent += (size_t)n;
	}
	loop_change(&p->webhook->sim->loop, &p->source, EPOLLIN);
}

static void push_read(struct push *p)
{
	ssize_t n;

	buf_reserve(&p->in, 4096);
	n = recv(p->source.fd, p->in.data + p->in.len, p->in.cap - p->in.len, 0);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (p->update_id == 0) {
		push_close(p); /* idle: nothing but the end can come */
		return;
	}
	if (n < 0) {
		push_broken(p, strerror(errno));
		return;
	}
	p->in.len += (size_t)n;
	push_answered(p, n == 0);
}

static void push_ready(struct source *s, uint32_t events)
{
	struct push *p = container_of(s, struct push, source);
	int error = 0;
	socklen_t len = sizeof(error);

	if (events & EPOLLOUT) {
		if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error != 0)
			push_broken(p, strerror(error));
		else
			push_write(p);
	} else {
		push_read(p);
	}
}

static void push_connect(struct push *p)
{
	struct webhook *w = p->webhook;

	p->sent = 0;
	buf_clear(&p->in);
	p->source.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->source.fd < 0) {
		push_failed(p, strerror(errno));
		return;
	}
	p->source.ready = push_ready;
	loop_add(&w->sim->loop, &p->source, EPOLLOUT);
	loop_set_timer(&w->sim->loop, &p->timer, ANSWER_US);
	if (connect(p->source.fd, (struct sockaddr *)&w->address, sizeof(w->address)) < 0 &&
	    errno != EINPROGRESS)
		push_failed(p, strerror(errno));
}

static void push_start(struct push *p, struct update *u)
{
	struct webhook *w = p->webhook;
	struct buf *body = &w->sim->scratch;

	u->in_flight = true;
	p->update_id = u->id;
	buf_clear(body);
	updates_write(u, body);
	buf_clear(&p->out);
	buf_printf(&p->out,
	    "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
	    "Connection: keep-alive\r\nAccept-Encoding: identity\r\n",
	    w->path, w->host, body->len);
	if (w->secret)
		buf_printf(&p->out, "X-Telegram-Bot-Api-Secret-Token: %s\r\n", w->secret);
	buf_str(&p->out, "\r\n");
	buf_add(&p->out, body->data, body->len);
	if (p->source.fd < 0) {
		push_connect(p);
		return;
	}
	p->sent = 0;
	buf_clear(&p->in);
	loop_set_timer(&w->sim->loop, &p->timer, ANSWER_US);
	loop_change(&w->sim->loop, &p->source, EPOLLOUT);
}

static struct update *next_update(struct updates *u)
{
	for (size_t i = u->first; i < u->end; i++)
		if (!u->list[i].in_flight && !u->list[i].done)
			return &u->list[i];
	return NULL;
}

void webhook_run(struct webhook *w)
{
	char text[320];

	if (!w->url || w->retry.slot != 0)
		return;
	if (!w->reachable) {
		if (updates_pending(&w->sim->updates) > 0) {
			(void)snprintf(text, sizeof(text),
			    "Connection to %.200s is not simulated: http to 127.0.0.1 only", w->host);
			set_error(w, text);
		}
		return;
	}
	for (size_t i = 0; i < w->push_count && w->retry.slot == 0; i++) {
		struct push *p = &w->pushes[i];
		struct update *u = p->update_id == 0 ? next_update(&w->sim->updates) : NULL;

		if (p->update_id != 0)
			continue;
		if (!u)
			return;
		push_start(p, u);
	}
}

void webhook_init(struct webhook *w, struct sim *sim)
{
	memset(w, 0, sizeof(*w));
	w->sim = sim;
	w->retry.fire = retry_now;
}

void webhook_clear(struct webhook *w)
{
	struct sim *sim = w->sim;

	for (size_t i = 0; i < w->push_count; i++) {
		struct update *u = find_update(&sim->updates, w->pushes[i].update_id);

		if (u)
			u->in_flight = false;
		push_close(&w->pushes[i]);
		buf_free(&w->pushes[i].out);
		buf_free(&w->pushes[i].in);
	}
	loop_clear_timer(&sim->loop, &w->retry);
	free(w->pushes);
	free(w->url);
	free(w->secret);
	free(w->host);
	free(w->path);
	free(w->last_error);
	webhook_init(w, sim);
}

/* host[:port], which ends at the path, into w->address if it is one we push to. */
static const char *read_host(struct webhook *w, const char *host, size_t len, bool https)
{
	const char *colon = memchr(host, ':', len);
	size_t name_len = colon ? (size_t)(colon - host) : len;
	struct slice port = {(char *)(uintptr_t)(colon ? colon + 1 : host), colon ? len - name_len - 1 : 0};
	int64_t number = https ? 443 : 80;
	bool loopback = (name_len == 9 && memcmp(host, "127.0.0.1", 9) == 0) ||
			(name_len == 9 && strncasecmp(host, "localhost", 9) == 0);

	if (name_len == 0)
		return "URL host is empty";
	if (colon && (!slice_int(port, &number) || number < 1 || number > 65535))
		return "Wrong port number specified in the URL";
	if (!loopback && number != 80 && number != 88 && number != 443 && number != 8443)
		return "Webhook can be set up only on ports 80, 88, 443 or 8443";
	w->reachable = loopback && !https;
	w->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
	w->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return NULL;
}

const char *webhook_set(struct webhook *w, const char *url, const char *secret, int64_t max_connections)
{
	bool https = strncasecmp(url, "https://", 8) == 0;
	const char *host = url + (https ? 8 : 7), *wrong;
	size_t len = https || strncasecmp(url, "http://", 7) == 0 ? strcspn(host, "/?#") : 0;
	struct webhook fresh;

	if (len == 0 || strpbrk(url, " \r\n\t"))
		return "invalid webhook URL specified";
	webhook_init(&fresh, w->sim);
	wrong = read_host(&fresh, host, len, https);
	if (wrong)
		return wrong;
	webhook_clear(w);
	fresh.url = xstrdup(url);
	fresh.secret = secret ? xstrdup(secret) : NULL;
	fresh.host = xstrndup(host, len);
	fresh.path =
	    xstrndup(host[len] == '/' ? host + len : "/", host[len] == '/' ? strcspn(host + len, "#") : 1);
	fresh.max_connections = max_connections;
	fresh.push_count = max_connections > 1 ? (size_t)max_connections : 1;
	fresh.pushes = xcalloc(fresh.push_count, sizeof(*fresh.pushes));
	*w = fresh;
	for (size_t i = 0; i < w->push_count; i++) {
		w->pushes[i].source.fd = -1;
		w->pushes[i].timer.fire = push_timeout;
		w->pushes[i].webhook = w;
	}
	return NULL;
}
