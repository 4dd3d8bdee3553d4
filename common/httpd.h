/*
 * The HTTP server of the services, over libmicrohttpd on a listening socket that the caller made. It runs
 * without threads inside the caller's loop. Who calls is what the kernel says about a unix socket's peer.
 *
 * Defences: a bound on connections in all and for each uid, an absolute deadline for receiving a request
 * and for taking its answer, capped bodies, no ambiguous framing (a duplicate Content-Length, or one beside
 * Transfer-Encoding, or another encoding than chunked, is refused).
 */
#ifndef TGTOOLS_HTTPD_H
#define TGTOOLS_HTTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

struct httpd;

struct httpd_request {
	const char *method;
	const char *path;
	uid_t uid;
	struct buf body;  /* what was sent, unless sink_fd took it */
	int sink_fd;	  /* set by begin: the body is written there; -1: to body. Owned by the handler. */
	int64_t body_len; /* of either */
	void *state;	  /* the handler's */
	/* libmicrohttpd's side */
	struct httpd *httpd;
	void *connection;
	void *answer;
	int status;
	bool sink_failed; /* what came could not be written there */
	bool suspended;
	bool close_after;
};

struct httpd_handler {
	/*
	 * The headers are there. Returns how many bytes of body are acceptable; may set sink_fd and state.
	 * May answer at once with httpd_answer, which ends the request without its body.
	 */
	size_t (*begin)(void *context, struct httpd_request *request);
	/* The body is there. Answers now or, from anywhere, later. */
	void (*complete)(void *context, struct httpd_request *request);
	/* The request ends, answered or not: release state, forget it. */
	void (*end)(void *context, struct httpd_request *request);
	void *context;
};

struct httpd_limits {
	unsigned connections;
	unsigned connections_per_uid;
	int64_t request_ms; /* for receiving a whole request, and an idle connection lives no longer either */
};

/* listen_fd stays the caller's to close, after httpd_free. */
int httpd_new(int listen_fd, const struct httpd_handler *handler, const struct httpd_limits *limits,
    struct httpd **httpd, struct error *error);

/* Answers what is unanswered with 503 and closes everything. */
void httpd_free(struct httpd *httpd);

/* Readable whenever httpd_run has work. */
int httpd_fd(const struct httpd *httpd);

/* Does what is due; calls the handler. Call it every turn, and again after answers that came later. */
void httpd_run(struct httpd *httpd);

/* How long the loop may wait before the next httpd_run; -1: until the descriptor is readable. */
int64_t httpd_timeout_ms(struct httpd *httpd);

/* A header or query parameter, or NULL; borrowed for the request. */
const char *httpd_header(const struct httpd_request *request, const char *name);
const char *httpd_query(const struct httpd_request *request, const char *name);

/* The body is copied. Once for each request. */
void httpd_answer(
    struct httpd_request *request, int status, const char *content_type, const void *body, size_t len);

#endif
