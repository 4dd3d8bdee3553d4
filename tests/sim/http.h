/*
 * The HTTP/1.1 server: keep-alive, pipelining, Content-Length and chunked bodies, Expect: 100-continue. It
 * calls the handler once per complete request; the handler answers, parks the connection and answers later,
 * or drops it.
 */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include "buf.h"
#include "loop.h"

#include <stdbool.h>

#define HTTP_BODY_MAX ((size_t)55 << 20)

/* All point into the connection's buffer, are not NUL-terminated and live until the handler returns. */
struct slice {
	char *at;
	size_t len;
};

struct http_request {
	struct slice method, path, query, content_type, body;
};

/* What becomes of the next answer: faults set this, an ordinary answer is SHAPE_WHOLE. */
enum shape { SHAPE_WHOLE, SHAPE_NONE, SHAPE_HALF, SHAPE_LATE };

enum chunk_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER, CHUNK_DONE };

struct conn {
	struct source source;
	struct timer timer;
	struct server *server;
	struct conn *prev, *next;
	struct buf in, out;
	size_t out_done;
	/* the request being read: offsets into `in` */
	size_t scanned, head_len, body_len, body_want, raw;
	size_t offsets[4];
	enum chunk_state chunk;
	size_t chunk_left;
	struct http_request request;
	bool have_head, chunked, keep_alive, busy, closing, lingering, dead, resumed, deaf;
	uint32_t watched;
	/* a parked request */
	void (*on_time)(struct conn *c);
	void (*on_gone)(struct conn *c);
	void *parked;
	enum shape shape;
	int64_t shape_ms;
};

struct http_events {
	void (*request)(void *context, struct conn *c, struct http_request *r);
	/* The head is read, the body not yet: false closes the connection on the spot. */
	bool (*head)(void *context, const struct http_request *r);
};

struct server {
	struct source source;
	struct timer again, reaper;
	struct loop *loop;
	const struct http_events *events;
	void *context;
	uint16_t port;
	bool listening;
	struct conn *conns, *dead;
	uint64_t accepted, open;
};

void server_open(
    struct server *s, struct loop *loop, uint16_t port, const struct http_events *events, void *context);
void server_close(struct server *s);
/* Closes the listening socket and all connections, and listens again on the same port `ms` later. */
void server_refuse(struct server *s, int64_t ms);

/* `headers` are whole lines, each with its CRLF. The body is copied. */
void conn_reply(
    struct conn *c, int status, const char *type, const char *headers, const char *body, size_t body_len);
/* The answer comes later: after `ms` on_time is called (if ms >= 0), or on_gone when the client leaves
 * before. */
void conn_park(
    struct conn *c, int64_t ms, void (*on_time)(struct conn *), void (*on_gone)(struct conn *), void *what);
void conn_drop(struct conn *c);
void conn_shape(struct conn *c, enum shape shape, int64_t ms);

bool slice_is(struct slice s, const char *text);
bool slice_starts(struct slice s, const char *text);
bool slice_same(struct slice s, const char *text); /* without regard to case */

#endif
