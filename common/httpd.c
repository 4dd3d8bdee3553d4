#include "httpd.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "peer.h"
#include "xalloc.h"

/*
 * libmicrohttpd 0.9.75: its epoll is edge-triggered, so MHD_get_timeout decides when to run again; its own
 * timeouts are idle timeouts, so deadlines are kept here and enforced with shutdown(2); stopping it with a
 * suspended connection aborts, so all are resumed first. Once it found no free descriptor it accepts nothing
 * until one of its own connections closes, so connections are accepted here and handed to it.
 */

enum { ACCEPTS_PER_RUN = 64, ACCEPT_PAUSE_MS = 100 };

struct connection {
	struct connection *next;
	struct httpd *httpd;
	struct httpd_request *request; /* the one in progress, or NULL */
	int fd;
	uid_t uid;
	int64_t deadline_ms; /* monotonic; INT64_MAX while the answer is ours to give */
};

struct httpd {
	struct MHD_Daemon *daemon;
	struct httpd_handler handler;
	struct httpd_limits limits;
	struct connection *connections;
	unsigned connections_count;
	int listen_fd;
	int epoll_fd;		      /* over libmicrohttpd's own and listen_fd */
	uid_t accepted_uid;	      /* of the connection that is being handed over */
	bool paused;		      /* listen_fd is not watched */
	int64_t accept_not_before_ms; /* while paused for want of descriptors; else 0 */
	bool stopping;
};

static void restart_deadline(struct connection *connection)
{
	connection->deadline_ms = clock_monotonic_ms() + connection->httpd->limits.request_ms;
}

static unsigned count_uid(const struct httpd *httpd, uid_t uid)
{
	unsigned count = 0;

	for (const struct connection *c = httpd->connections; c != NULL; c = c->next)
		count += c->uid == uid;
	return count;
}

static void connection_open(struct httpd *httpd, struct MHD_Connection *peer, void **slot)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(peer, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *connection = xcalloc(1, sizeof *connection);

	connection->httpd = httpd;
	connection->fd = info->connect_fd;
	connection->uid = httpd->accepted_uid;
	restart_deadline(connection);
	connection->next = httpd->connections;
	httpd->connections = connection;
	httpd->connections_count++;
	*slot = connection;
}

static void connection_close(struct httpd *httpd, void **slot)
{
	struct connection **place = &httpd->connections;

	while (*place != NULL && *place != *slot)
		place = &(*place)->next;
	if (*place != NULL) {
		*place = (*place)->next;
		httpd->connections_count--;
	}
	free(*slot);
	*slot = NULL;
}

static void on_connection(
    void *context, struct MHD_Connection *peer, void **slot, enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		connection_open(context, peer, slot);
	else
		connection_close(context, slot);
}

static struct connection *connection_of(struct MHD_Connection *peer)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(peer, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info->socket_context;
}

static void on_completed(
    void *context, struct MHD_Connection *peer, void **slot, enum MHD_RequestTerminationCode code)
{
	struct httpd *httpd = context;
	struct httpd_request *request = *slot;
	struct connection *connection = connection_of(peer);

	(void)code;
	if (connection != NULL) {
		connection->request = NULL;
		restart_deadline(connection);
	}
	if (request == NULL)
		return;
	httpd->handler.end(httpd->handler.context, request);
	if (request->answer != NULL)
		MHD_destroy_response(request->answer);
	buf_free(&request->body);
	free(request);
	*slot = NULL;
}

struct framing {
	unsigned lengths, encodings;
	bool unknown; /* an encoding that libmicrohttpd does not know: it would read on until the end */
};

static enum MHD_Result count_framing(
    void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct framing *framing = context;

	(void)kind;
	framing->lengths += strcasecmp(key, "Content-Length") == 0;
	if (strcasecmp(key, "Transfer-Encoding") == 0) {
		framing->encodings++;
		framing->unknown |= value == NULL || strcasecmp(value, "chunked") != 0;
	}
	return MHD_YES;
}

static bool framing_is_clear(struct MHD_Connection *peer)
{
	struct framing framing = {0};

	MHD_get_connection_values(peer, MHD_HEADER_KIND, count_framing, &framing);
	return framing.lengths + framing.encodings <= 1 && !framing.unknown;
}

static enum MHD_Result send_answer(struct httpd_request *request)
{
	struct MHD_Response *response = request->answer;
	struct connection *connection = connection_of(request->connection);
	enum MHD_Result result = MHD_queue_response(request->connection, (unsigned)request->status, response);

	request->answer = NULL;
	MHD_destroy_response(response);
	restart_deadline(connection);
	return result;
}

void httpd_answer(
    struct httpd_request *request, int status, const char *content_type, const void *body, size_t len)
{
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(len, (void *)body, MHD_RESPMEM_MUST_COPY);

	if (response == NULL || request->answer != NULL) {
		if (response != NULL)
			MHD_destroy_response(response);
		return;
	}
	MHD_add_response_header(response, "Content-Type", content_type);
	if (request->close_after)
		MHD_add_response_header(response, "Connection", "close");
	request->answer = response;
	request->status = status;
	if (request->suspended) {
		request->suspended = false;
		MHD_resume_connection(request->connection);
	}
}

static const char stopping_body[] = "{\"error\":\"the service is stopping; try again\"}";

static void refuse(struct httpd_request *request, int status, const char *body)
{
	request->close_after = true;
	httpd_answer(request, status, "application/json", body, strlen(body));
}

/* The headers are complete: 1 to go on with the body, 0 where there is an answer already. */
static int begin_request(struct httpd_request *request)
{
	const struct httpd *httpd = request->httpd;
	const char *length = httpd_header(request, "Content-Length");
	size_t accepted;

	if (!framing_is_clear(request->connection)) {
		refuse(request, 400, "{\"error\":\"ambiguous request framing\"}");
		return 0;
	}
	accepted = httpd->handler.begin(httpd->handler.context, request);
	request->body.max = accepted;
	/* libmicrohttpd has checked that it is a number. */
	if (request->answer == NULL && length != NULL && strtoull(length, NULL, 10) > accepted)
		refuse(request, 413, "{\"error\":\"the request body is too large\"}");
	return request->answer == NULL;
}

static struct httpd_request *request_new(
    struct httpd *httpd, struct MHD_Connection *peer, const char *url, const char *method)
{
	struct httpd_request *request = xcalloc(1, sizeof *request);
	struct connection *connection = connection_of(peer);

	request->httpd = httpd;
	request->connection = peer;
	request->method = method;
	request->path = url;
	request->uid = connection->uid;
	request->sink_fd = -1;
	connection->request = request;
	return request;
}

static int take_body(struct httpd_request *request, const char *data, size_t len)
{
	if (len > request->body.max - (size_t)request->body_len)
		return -1;
	request->body_len += (int64_t)len;
	if (request->sink_fd < 0)
		return buf_add(&request->body, data, len);
	/* The rest is read all the same, since there can be no answer before the end of the body. */
	if (!request->sink_failed)
		request->sink_failed = fd_write_all(request->sink_fd, data, len) != 0;
	return 0;
}

static void complete(struct httpd_request *request)
{
	struct httpd *httpd = request->httpd;

	if (httpd->stopping)
		refuse(request, 503, stopping_body);
	else if (request->sink_failed)
		refuse(request, 503, "{\"error\":\"the file cannot be kept: its disk is full or fails\"}");
	else
		httpd->handler.complete(httpd->handler.context, request);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *peer, const char *url,
    const char *method, const char *version, const char *data, size_t *len, void **slot)
{
	struct httpd *httpd = context;
	struct httpd_request *request = *slot;

	(void)version;
	if (request == NULL) {
		*slot = request = request_new(httpd, peer, url, method);
		if (httpd->stopping)
			refuse(request, 503, stopping_body);
		return request->answer == NULL && begin_request(request) ? MHD_YES : send_answer(request);
	}
	if (*len > 0) {
		/* An answer in the middle of a body is not possible, so the connection ends. */
		if (take_body(request, data, *len) != 0)
			return MHD_NO;
		*len = 0;
		return MHD_YES;
	}
	if (request->answer == NULL) {
		connection_of(peer)->deadline_ms = INT64_MAX;
		complete(request);
	}
	if (request->answer != NULL)
		return send_answer(request);
	request->suspended = true;
	MHD_suspend_connection(peer);
	return MHD_YES;
}

/* libmicrohttpd prints to stderr otherwise. */
static void no_log(void *context, const char *format, va_list args)
{
	(void)context;
	(void)format;
	(void)args;
}

static int watch(const struct httpd *httpd, int fd, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(httpd->epoll_fd, operation, fd, &event);
}

static struct MHD_Daemon *start_daemon(struct httpd *httpd)
{
	return MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
	    NULL, on_request, httpd, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL, MHD_OPTION_CONNECTION_LIMIT,
	    httpd->limits.connections, MHD_OPTION_NOTIFY_COMPLETED, on_completed, httpd,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, httpd, MHD_OPTION_END);
}

int httpd_new(int listen_fd, const struct httpd_handler *handler, const struct httpd_limits *limits,
    struct httpd **result, struct error *error)
{
	struct httpd *httpd = xcalloc(1, sizeof *httpd);
	const union MHD_DaemonInfo *info;

	httpd->handler = *handler;
	httpd->limits = *limits;
	httpd->listen_fd = listen_fd;
	httpd->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (httpd->epoll_fd >= 0)
		httpd->daemon = start_daemon(httpd);
	info = httpd->daemon != NULL ? MHD_get_daemon_info(httpd->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (info == NULL || watch(httpd, info->epoll_fd, EPOLL_CTL_ADD, EPOLLIN) != 0 ||
	    watch(httpd, listen_fd, EPOLL_CTL_ADD, EPOLLIN) != 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot start the HTTP server");
		httpd_free(httpd);
		return -1;
	}
	*result = httpd;
	return 0;
}

static void answer_suspended(struct httpd *httpd)
{
	for (struct connection *c = httpd->connections; c != NULL; c = c->next) {
		if (c->request != NULL && c->request->suspended)
			httpd_answer(
			    c->request, 503, "application/json", stopping_body, strlen(stopping_body));
	}
}

void httpd_free(struct httpd *httpd)
{
	if (httpd == NULL)
		return;
	/* What arrives from now on is refused at once: it must not be suspended any more. */
	httpd->stopping = true;
	if (httpd->daemon != NULL) {
		answer_suspended(httpd);
		MHD_run(httpd->daemon);
		MHD_stop_daemon(httpd->daemon);
	}
	fd_close(&httpd->epoll_fd);
	free(httpd);
}

int httpd_fd(const struct httpd *httpd)
{
	return httpd->epoll_fd;
}

/* ---- accepting ---- */

static void pause_accepting(struct httpd *httpd, int64_t not_before_ms)
{
	httpd->accept_not_before_ms = not_before_ms;
	httpd->paused = watch(httpd, httpd->listen_fd, EPOLL_CTL_MOD, 0) == 0;
}

static bool may_accept(struct httpd *httpd, int64_t now_ms)
{
	if (httpd->connections_count >= httpd->limits.connections) {
		if (!httpd->paused)
			pause_accepting(httpd, 0);
		return false;
	}
	if (httpd->accept_not_before_ms > now_ms)
		return false;
	httpd->accept_not_before_ms = 0;
	if (httpd->paused)
		httpd->paused = watch(httpd, httpd->listen_fd, EPOLL_CTL_MOD, EPOLLIN) != 0;
	return true;
}

/* Whether it is worth another try at once. */
static bool accept_one(struct httpd *httpd, int64_t now_ms)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	struct error error;
	int fd = accept4(httpd->listen_fd, (struct sockaddr *)&address, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno == EAGAIN)
			return false;
		if (errno == EINTR || errno == ECONNABORTED)
			return true;
		/* No descriptor is free, or no memory: it may be over soon. */
		pause_accepting(httpd, now_ms + ACCEPT_PAUSE_MS);
		return false;
	}
	if (peer_uid(fd, &httpd->accepted_uid, &error) != 0 ||
	    count_uid(httpd, httpd->accepted_uid) >= httpd->limits.connections_per_uid)
		close(fd);
	else
		/* Where it fails it has closed the connection. */
		(void)MHD_add_connection(httpd->daemon, fd, (struct sockaddr *)&address, len);
	return true;
}

/* Not more than some at a time, so that those who are connected are served in between. */
static void accept_some(struct httpd *httpd)
{
	int64_t now = clock_monotonic_ms();

	for (int i = 0; i < ACCEPTS_PER_RUN; i++) {
		if (!may_accept(httpd, now) || !accept_one(httpd, now))
			return;
	}
}

/* ---- running ---- */

static int64_t next_deadline_ms(const struct httpd *httpd)
{
	int64_t next = INT64_MAX;

	for (const struct connection *c = httpd->connections; c != NULL; c = c->next) {
		if (c->deadline_ms < next)
			next = c->deadline_ms;
	}
	return next;
}

static void end_overdue(struct httpd *httpd)
{
	int64_t now = clock_monotonic_ms();

	for (struct connection *c = httpd->connections; c != NULL; c = c->next) {
		if (c->deadline_ms > now)
			continue;
		shutdown(c->fd, SHUT_RDWR);
		c->deadline_ms = INT64_MAX;
	}
}

void httpd_run(struct httpd *httpd)
{
	end_overdue(httpd);
	accept_some(httpd);
	MHD_run(httpd->daemon);
	if (httpd->paused)
		(void)may_accept(httpd, clock_monotonic_ms());
}

int64_t httpd_timeout_ms(struct httpd *httpd)
{
	MHD_UNSIGNED_LONG_LONG own;
	int64_t next = next_deadline_ms(httpd), left;

	if (MHD_get_timeout(httpd->daemon, &own) == MHD_YES && own == 0)
		return 0;
	if (httpd->accept_not_before_ms > 0 && httpd->accept_not_before_ms < next)
		next = httpd->accept_not_before_ms;
	if (next == INT64_MAX)
		return -1;
	left = next - clock_monotonic_ms();
	return left > 0 ? left : 0;
}

const char *httpd_header(const struct httpd_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *httpd_query(const struct httpd_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}
