#include "httpd.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "peer.h"
#include "xalloc.h"

/*
 * libmicrohttpd 0.9.75: its epoll is edge-triggered, so MHD_get_timeout decides when to run again; its own
 * timeouts are idle timeouts, so deadlines are kept here and enforced with shutdown(2); stopping it with a
 * suspended connection aborts, so all are resumed first.
 */

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
	int epoll_fd;
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
	struct error error;

	connection->httpd = httpd;
	connection->fd = info->connect_fd;
	restart_deadline(connection);
	if (peer_uid(connection->fd, &connection->uid, &error) != 0 ||
	    count_uid(httpd, connection->uid) >= httpd->limits.connections_per_uid)
		shutdown(connection->fd, SHUT_RDWR);
	connection->next = httpd->connections;
	httpd->connections = connection;
	*slot = connection;
}

static void connection_close(struct httpd *httpd, void **slot)
{
	struct connection **place = &httpd->connections;

	while (*place != NULL && *place != *slot)
		place = &(*place)->next;
	if (*place != NULL)
		*place = (*place)->next;
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
};

static enum MHD_Result count_framing(
    void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct framing *framing = context;

	(void)kind;
	(void)value;
	framing->lengths += strcasecmp(key, "Content-Length") == 0;
	framing->encodings += strcasecmp(key, "Transfer-Encoding") == 0;
	return MHD_YES;
}

static bool framing_is_clear(struct MHD_Connection *peer)
{
	struct framing framing = {0};

	MHD_get_connection_values(peer, MHD_HEADER_KIND, count_framing, &framing);
	return framing.lengths + framing.encodings <= 1;
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
	if (request->sink_fd >= 0)
		return fd_write_all(request->sink_fd, data, len);
	return buf_add(&request->body, data, len);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *peer, const char *url,
    const char *method, const char *version, const char *data, size_t *len, void **slot)
{
	struct httpd *httpd = context;
	struct httpd_request *request = *slot;

	(void)version;
	if (request == NULL) {
		*slot = request = request_new(httpd, peer, url, method);
		return begin_request(request) ? MHD_YES : send_answer(request);
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
		httpd->handler.complete(httpd->handler.context, request);
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

int httpd_new(int listen_fd, const struct httpd_handler *handler, const struct httpd_limits *limits,
    struct httpd **result, struct error *error)
{
	struct httpd *httpd = xcalloc(1, sizeof *httpd);
	const union MHD_DaemonInfo *info;

	httpd->handler = *handler;
	httpd->limits = *limits;
	httpd->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
	    NULL, NULL, on_request, httpd, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_EXTERNAL_LOGGER,
	    no_log, NULL, MHD_OPTION_CONNECTION_LIMIT, limits->connections, MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, httpd, MHD_OPTION_NOTIFY_CONNECTION, on_connection, httpd, MHD_OPTION_END);
	if (httpd->daemon == NULL) {
		free(httpd);
		return error_errno(error, ERROR_CONFIG, "cannot start the HTTP server");
	}
	info = MHD_get_daemon_info(httpd->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	httpd->epoll_fd = info->epoll_fd;
	*result = httpd;
	return 0;
}

void httpd_free(struct httpd *httpd)
{
	static const char body[] = "{\"error\":\"the service is stopping; try again\"}";

	if (httpd == NULL)
		return;
	for (struct connection *c = httpd->connections; c != NULL; c = c->next) {
		if (c->request != NULL && c->request->suspended)
			httpd_answer(c->request, 503, "application/json", body, sizeof body - 1);
	}
	MHD_run(httpd->daemon);
	/* Hands the listening socket back; stopping would close it otherwise. */
	(void)MHD_quiesce_daemon(httpd->daemon);
	MHD_stop_daemon(httpd->daemon);
	free(httpd);
}

int httpd_fd(const struct httpd *httpd)
{
	return httpd->epoll_fd;
}

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
	MHD_run(httpd->daemon);
}

int64_t httpd_timeout_ms(struct httpd *httpd)
{
	MHD_UNSIGNED_LONG_LONG own;
	int64_t next = next_deadline_ms(httpd), left;

	if (MHD_get_timeout(httpd->daemon, &own) == MHD_YES && own == 0)
		return 0;
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
