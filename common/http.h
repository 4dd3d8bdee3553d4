/*
 * HTTP requests over libcurl: connections are kept and reused; redirects are not followed; only http,
 * https and unix sockets; answers are capped. No URL and no header ever reaches a log or an error text
 * from here, because Telegram's URLs contain the token.
 */
#ifndef TGTOOLS_HTTP_H
#define TGTOOLS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "loop.h"

/* One part of multipart/form-data: a value, or the content of a file that is opened when it is sent. */
struct http_part {
	const char *name;
	const char *data; /* NULL where path is set */
	size_t len;
	const char *path;      /* NULL where data is set */
	const char *file_name; /* told to the server; NULL for a plain value */
};

/* A body that is read while it is sent, from the first byte of the file on, whatever fd stands at. */
struct http_file {
	int fd; /* can be read at any position */
	int64_t len;
	void (*progress)(void *context, int64_t sent_bytes); /* NULL: nobody wants to know */
	void *context;
};

/* Everything is borrowed and copied by http_start, but for file and for the content of path. */
struct http_request {
	const char *method; /* "GET", "POST", "DELETE" */
	const char *url;
	const char *unix_socket;    /* connect to this path instead of the URL's host; NULL: do not */
	const char *proxy;	    /* NULL or "": none */
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
	const void *body;	    /* NULL: none, or file, or parts */
	size_t body_len;
	const struct http_file *file;  /* the body of a POST; NULL: none. Valid until done */
	const struct http_part *parts; /* multipart body; NULL: none */
	size_t parts_count;
	int64_t timeout_ms; /* whole request */
	int64_t connect_timeout_ms;
	size_t max_answer_bytes;
};

/* Why there is no answer, finer than libcurl's list is coarse. */
enum http_failure {
	HTTP_ANSWERED,	    /* none: there is a status */
	HTTP_NOT_RESOLVED,  /* name lookup failed */
	HTTP_NOT_CONNECTED, /* refused, unreachable, or timed out while connecting */
	HTTP_TLS_FAILED,    /* handshake or certificate */
	HTTP_BROKEN,	    /* the connection broke */
	HTTP_TIMED_OUT,	    /* timeout_ms passed */
	HTTP_TOO_LARGE,	    /* the answer is larger than max_answer_bytes */
	HTTP_INVALID,	    /* the request cannot be made: bad URL, no such file */
	HTTP_UNREADABLE,    /* a file could not be read this time; what was sent lacks its end */
	HTTP_CANCELLED,
};

struct http_answer {
	enum http_failure failure;
	bool request_sent;     /* all or part of the request may have reached the server */
	bool answer_begun;     /* something came back, whatever became of it */
	int status;	       /* 0 where failure is not HTTP_ANSWERED */
	int64_t retry_after_s; /* Retry-After header in seconds; -1: none */
	struct buf body;
	char content_type[64]; /* as the header has it, cut where it is longer; "": none */
	char reason[128];      /* one short phrase for failure, without URL or header; "" when answered */
};

struct http_client;
struct http_transfer;

/* answer is borrowed for the call. */
typedef void http_done_fn(void *context, const struct http_answer *answer);

/*
 * loop must outlive the client, and has one client. Freeing it cancels its transfers without calling back;
 * not from inside a done callback.
 */
int http_client_new(struct loop *loop, struct http_client **client, struct error *error);
void http_client_free(struct http_client *client);

/*
 * Starts a request; what is wrong with it (HTTP_INVALID) is told like any other failure. A request that may
 * have reached the server is never sent again by itself, but for GET. done is called once from loop_turn,
 * never from here. The handle is valid until then and only good for http_cancel, which does not call back.
 */
int http_start(struct http_client *client, const struct http_request *request, http_done_fn *done,
    void *context, struct http_transfer **transfer, struct error *error);
void http_cancel(struct http_transfer *transfer);

/* Makes one request and waits. The caller frees answer->body. Returns -1 only where libcurl cannot start. */
int http_perform(const struct http_request *request, struct http_answer *answer, struct error *error);

#endif
