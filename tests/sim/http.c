#include "http.h"
#include "http_parse.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_US (2 * (int64_t)1000000)
#define PARKED_INPUT_MAX ((size_t)1 << 20)
#define BUFFER_KEEP ((size_t)1 << 20)

static void conn_process(struct conn *c);

bool slice_is(struct slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

bool slice_starts(struct slice s, const char *text)
{
	size_t len = strlen(text);

	return s.len >= len && memcmp(s.at, text, len) == 0;
}

bool slice_same(struct slice s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.at, text, s.len) == 0;
}

static void reap(struct timer *t)
{
	struct server *s = container_of(t, struct server, reaper);

	while (s->dead) {
		struct conn *c = s->dead;

		s->dead = c->next;
		buf_free(&c->in);
		buf_free(&c->out);
		free(c);
	}
}

/* The memory goes at the end of the turn: callers up the stack still hold the connection. */
void conn_drop(struct conn *c)
{
	struct server *s = c->server;

	if (c->dead)
		return;
	c->dead = true;
	loop_remove(s->loop, &c->source);
	loop_clear_timer(s->loop, &c->timer);
	close(c->source.fd);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->next = s->dead;
	s->dead = c;
	s->open--;
	loop_set_timer(s->loop, &s->reaper, 0);
}

static void conn_gone(struct conn *c)
{
	void (*gone)(struct conn *) = c->on_gone;

	c->on_gone = NULL;
	if (gone)
		gone(c);
	conn_drop(c);
}

static void watch(struct conn *c, uint32_t events)
{
	if (c->dead || c->watched == events)
		return;
	c->watched = events;
	loop_change(c->server->loop, &c->source, events);
}

static void watch_as_needed(struct conn *c)
{
	uint32_t events = c->out_done < c->out.len ? EPOLLOUT : 0;

	if (!c->deaf)
		events |= EPOLLIN;
	watch(c, events);
}

/* Says goodbye without a reset that could destroy the answer: what the client still sends is read and thrown
 * away. */
static void linger(struct conn *c)
{
	c->lingering = true;
	c->busy = false;
	c->deaf = false;
	if (shutdown(c->source.fd, SHUT_WR) < 0) {
		conn_drop(c);
		return;
	}
	loop_set_timer(c->server->loop, &c->timer, LINGER_US);
	watch_as_needed(c);
}

static void flush(struct conn *c)
{
	while (c->out_done < c->out.len) {
		ssize_t n =
		    send(c->source.fd, c->out.data + c->out_done, c->out.len - c->out_done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0) {
			conn_gone(c);
			return;
		}
		c->out_done += (size_t)n;
	}
	if (c->out_done == c->out.len) {
		buf_clear(&c->out);
		c->out_done = 0;
		if (c->closing && !c->lingering) {
			linger(c);
			return;
		}
	}
	watch_as_needed(c);
}

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} names[] = {{200, "OK"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"},
	    {404, "Not Found"}, {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"},
	    {413, "Request Entity Too Large"}, {429, "Too Many Requests"}, {500, "Internal Server Error"},
	    {502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].status == status)
			return names[i].text;
	return "Unknown";
}

/* Forgets the request that was answered, and takes up the next one if it is there already. */
static void request_over(struct conn *c)
{
	buf_drop(&c->in, c->raw);
	if (c->in.len == 0 && c->in.cap > BUFFER_KEEP)
		buf_free(&c->in);
	c->scanned = c->head_len = c->body_len = c->raw = 0;
	c->have_head = c->busy = c->deaf = false;
	c->on_time = NULL;
	c->on_gone = NULL;
	c->parked = NULL;
}

static void late(struct conn *c)
{
	request_over(c);
	flush(c);
	if (!c->dead && !c->lingering)
		conn_process(c);
}

static void write_answer(struct conn *c, int status, const char *type, const char *headers, size_t body_len)
{
	struct buf *out = &c->out;

	buf_str(out, "HTTP/1.1 ");
	buf_int(out, status);
	buf_char(out, ' ');
	buf_str(out, reason(status));
	buf_str(out, "\r\nServer: nginx/1.18.0\r\nContent-Type: ");
	buf_str(out, type);
	buf_str(out, "\r\nContent-Length: ");
	buf_int(out, (int64_t)body_len);
	buf_str(out, c->keep_alive ? "\r\nConnection: keep-alive\r\n" : "\r\nConnection: close\r\n");
	buf_str(out, headers);
	buf_str(out, "\r\n");
}

void conn_reply(
    struct conn *c, int status, const char *type, const char *headers, const char *body, size_t body_len)
{
	enum shape shape = c->shape;
	size_t start = c->out.len;
	bool was_parked = c->on_time || c->on_gone;

	if (c->dead)
		return;
	c->shape = SHAPE_WHOLE;
	loop_clear_timer(c->server->loop, &c->timer);
	if (shape == SHAPE_NONE) {
		conn_drop(c);
		return;
	}
	write_answer(c, status, type, headers, body_len);
	buf_add(&c->out, body, body_len);
	c->closing = !c->keep_alive || shape == SHAPE_HALF;
	if (shape == SHAPE_HALF)
		c->out.len = start + (c->out.len - start) / 2;
	if (shape == SHAPE_LATE) {
		conn_park(c, c->shape_ms, late, NULL, NULL);
		return;
	}
	request_over(c);
	flush(c);
	/* From another connection's turn the next request must wait for one of its own. */
	if (was_parked && !c->dead && !c->lingering && c->in.len > 0) {
		c->resumed = true;
		loop_set_timer(c->server->loop, &c->timer, 0);
	}
}

void conn_park(
    struct conn *c, int64_t ms, void (*on_time)(struct conn *), void (*on_gone)(struct conn *), void *what)
{
	c->on_time = on_time;
	c->on_gone = on_gone;
	c->parked = what;
	if (ms >= 0)
		loop_set_timer(c->server->loop, &c->timer, ms * 1000);
}

void conn_shape(struct conn *c, enum shape shape, int64_t ms)
{
	c->shape = shape;
	c->shape_ms = ms;
}

static void conn_timer(struct timer *t)
{
	struct conn *c = container_of(t, struct conn, timer);

	if (c->lingering) {
		conn_drop(c);
	} else if (c->resumed) {
		c->resumed = false;
		conn_process(c);
	} else if (c->on_time) {
		c->on_time(c);
	}
}

static void refuse_request(struct conn *c, int status, const char *body)
{
	c->keep_alive = false;
	c->raw = c->in.len;
	conn_reply(c, status, "application/json", "", body, strlen(body));
}

static bool head_taken(struct conn *c)
{
	int status = http_parse_head(c);

	if (status == 413)
		refuse_request(
		    c, 413, "{\"ok\":false,\"error_code\":413,\"description\":\"Request Entity Too Large\"}");
	else if (status != 0)
		refuse_request(c, 400, "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request\"}");
	else if (!c->server->events->head(c->server->context, &c->request))
		conn_drop(c);
	else
		return true;
	return false;
}

/* Takes what is complete from the input, one request after the other; stops at one that is parked. */
static void conn_process(struct conn *c)
{
	while (!c->dead && !c->busy && !c->closing && c->in.len > 0) {
		int done;

		if (!c->have_head) {
			if (!http_find_head(c)) {
				if (c->in.len > HTTP_HEAD_MAX)
					refuse_request(c, 400,
					    "{\"ok\":false,\"error_code\":400,\"description\":\"Bad "
					    "Request\"}");
				return;
			}
			if (!head_taken(c))
				return;
		}
		done = http_take_body(c);
		if (done < 0)
			refuse_request(c, 413,
			    "{\"ok\":false,\"error_code\":413,\"description\":\"Request Entity Too Large\"}");
		if (done <= 0) {
			if (c->out.len > 0)
				flush(c); /* 100 Continue */
			return;
		}
		c->busy = true;
		http_set_request(c);
		c->server->events->request(c->server->context, c, &c->request);
	}
}

static void conn_ended(struct conn *c)
{
	if (!c->busy && c->out_done < c->out.len && !c->lingering) {
		c->closing = true; /* it wants the rest of its answer */
		c->deaf = true;
		watch_as_needed(c);
		return;
	}
	conn_gone(c);
}

static void conn_readable(struct conn *c)
{
	for (;;) {
		size_t room = c->body_want > c->in.len ? c->body_want - c->in.len : 0;
		ssize_t n;

		buf_reserve(&c->in, room < 16384 ? 16384 : room);
		n = recv(c->source.fd, c->in.data + c->in.len, c->in.cap - c->in.len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			conn_ended(c);
			return;
		}
		if (c->lingering)
			continue;
		c->in.len += (size_t)n;
		if (!c->busy)
			conn_process(c);
		if (c->dead || c->lingering)
			return;
		if (c->busy && c->in.len - c->raw > PARKED_INPUT_MAX) {
			c->deaf = true;
			watch_as_needed(c);
			return;
		}
		if (c->in.len < c->in.cap)
			return; /* most likely nothing is left; epoll says so if there is */
	}
}

static void conn_ready(struct source *s, uint32_t events)
{
	struct conn *c = container_of(s, struct conn, source);

	if (events & EPOLLOUT) {
		flush(c);
		if (!c->dead && !c->busy && !c->lingering)
			conn_process(c);
	}
	if (!c->dead && (events & EPOLLIN))
		conn_readable(c);
	else if (!c->dead && (events & (EPOLLERR | EPOLLHUP)))
		conn_gone(c);
}

static void conn_new(struct server *s, int fd)
{
	struct conn *c = xcalloc(1, sizeof(*c));
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		warn("TCP_NODELAY");
	c->source.fd = fd;
	c->source.ready = conn_ready;
	c->timer.fire = conn_timer;
	c->server = s;
	c->keep_alive = true;
	c->next = s->conns;
	if (s->conns)
		s->conns->prev = c;
	s->conns = c;
	c->watched = EPOLLIN;
	loop_add(s->loop, &c->source, EPOLLIN);
	s->accepted++;
	s->open++;
}

static void stop_listening(struct server *s)
{
	if (!s->listening)
		return;
	s->listening = false;
	loop_remove(s->loop, &s->source);
	close(s->source.fd);
}

static void accept_ready(struct source *source, uint32_t events)
{
	struct server *s = container_of(source, struct server, source);

	(void)events;
	for (int i = 0; i < 64; i++) {
		int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			conn_new(s, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE) {
			warn("accept");
			stop_listening(s); /* level-triggered: it would spin */
			loop_set_timer(s->loop, &s->again, 100000);
		}
		return;
	}
}

static bool start_listening(struct server *s)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(s->port)};
	socklen_t len = sizeof(address);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		err(71, "socket");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
		close(fd);
		return false;
	}
	s->port = ntohs(address.sin_port);
	s->source.fd = fd;
	s->source.ready = accept_ready;
	s->listening = true;
	loop_add(s->loop, &s->source, EPOLLIN);
	return true;
}

/* Meanwhile the kernel may have lent the port to somebody's outgoing connection: that passes. */
static void listen_again(struct timer *t)
{
	struct server *s = container_of(t, struct server, again);

	if (!start_listening(s))
		loop_set_timer(s->loop, t, 10000);
}

void server_open(
    struct server *s, struct loop *loop, uint16_t port, const struct http_events *events, void *context)
{
	memset(s, 0, sizeof(*s));
	s->loop = loop;
	s->port = port;
	s->events = events;
	s->context = context;
	s->again.fire = listen_again;
	s->reaper.fire = reap;
	if (!start_listening(s))
		err(69, "127.0.0.1 port %u", port);
}

static void drop_all(struct server *s)
{
	while (s->conns)
		conn_gone(s->conns);
}

void server_refuse(struct server *s, int64_t ms)
{
	stop_listening(s);
	drop_all(s);
	loop_set_timer(s->loop, &s->again, ms * 1000);
}

void server_close(struct server *s)
{
	stop_listening(s);
	drop_all(s);
	loop_clear_timer(s->loop, &s->reaper);
	loop_clear_timer(s->loop, &s->again);
	reap(&s->reaper);
}
