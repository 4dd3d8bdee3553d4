/*
 * A service on a unix socket for tests: a thread that reads one request a connection and takes one step of
 * its script for each. A step is an answer ("200 {}"), "early 413 {}" to give it without reading the body, ""
 * to close without one, "lines" to answer POST /calls, or "413 where bad" to answer it unless a line has
 * "bad" in it.
 */
#ifndef FAKE_SERVICE_H
#define FAKE_SERVICE_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "fd.h"

enum { STEPS_MAX = 64, REQUEST_MAX = 4 << 20 };

struct service {
	char directory[32], path[64];
	const char *const *steps; /* NULL-terminated */
	struct buf requests[STEPS_MAX];
	size_t served;
	int delay_ms; /* until it listens */
	int fd;
	pthread_t thread;
};

static void pause_ms(int64_t ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static bool is_early(const char *step)
{
	return strncmp(step, "early ", 6) == 0;
}

static bool is_whole(const struct buf *request, bool early)
{
	const char *end = strstr(buf_text(request), "\r\n\r\n");
	const char *length = strcasestr(buf_text(request), "\r\nContent-Length:");

	if (end == NULL)
		return false;
	return early || length == NULL || length > end ||
	       request->len >= (size_t)(end + 4 - request->data) + strtoul(length + 17, NULL, 10);
}

static void answer(int fd, const char *step)
{
	char head[256];
	const char *body = step + 4;
	int len = snprintf(head, sizeof head,
	    "HTTP/1.1 %.3s X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: "
	    "close\r\n\r\n",
	    step, strlen(body));

	(void)!write(fd, head, (size_t)len);
	(void)!write(fd, body, strlen(body));
}

/* One result for each line of the request's body; those with "bad" in them are refused. */
static void answer_lines(int fd, const struct buf *request)
{
	struct buf step = BUF_INIT(REQUEST_MAX);
	const char *line = strstr(buf_text(request), "\r\n\r\n") + 4, *end;

	buf_add_text(&step, "200 {\"results\":[");
	for (const char *comma = ""; (end = strchr(line, '\n')) != NULL; line = end + 1, comma = ",") {
		bool bad = memmem(line, (size_t)(end - line), "bad", 3) != NULL;

		buf_add_format(&step, "%s%s", comma,
		    bad ? "{\"ok\":false,\"error\":\"refused\"}" : "{\"ok\":true,\"ids\":[1]}");
	}
	buf_add_text(&step, "]}");
	answer(fd, buf_text(&step));
	buf_free(&step);
}

static void play(int fd, const char *step, const struct buf *request)
{
	bool bad = strstr(buf_text(request), "bad") != NULL;

	if (is_early(step))
		step += strlen("early ");
	if (strcmp(step, "lines") == 0 || (strcmp(step, "413 where bad") == 0 && !bad))
		answer_lines(fd, request);
	else if (step[0] != '\0')
		answer(fd, step);
}

static void *serve(void *context)
{
	struct service *service = context;

	if (service->delay_ms > 0) {
		pause_ms(service->delay_ms);
		listen(service->fd, 8);
	}
	while (service->steps[service->served] != NULL) {
		struct buf *request = &service->requests[service->served];
		int fd = accept(service->fd, NULL, NULL);

		if (fd < 0)
			break;
		*request = BUF_INIT(REQUEST_MAX);
		while (!is_whole(request, is_early(service->steps[service->served])) &&
		       fd_read_some(fd, request) > 0)
			;
		/* Counted before it is answered: who has the answer looks at the count. */
		play(fd, service->steps[service->served++], request);
		close(fd);
	}
	return NULL;
}

static void begin(struct service *service, const char *const *steps, int delay_ms)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*service = (struct service){.steps = steps, .delay_ms = delay_ms};
	strcpy(service->directory, "/tmp/tgt.XXXXXX");
	assert_non_null(mkdtemp(service->directory));
	snprintf(service->path, sizeof service->path, "%s/sock", service->directory);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", service->path);
	service->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(service->fd, (struct sockaddr *)&address, sizeof address), 0);
	if (delay_ms == 0)
		assert_int_equal(listen(service->fd, 8), 0);
	assert_int_equal(pthread_create(&service->thread, NULL, serve, service), 0);
}

static void end(struct service *service)
{
	shutdown(service->fd, SHUT_RDWR);
	pthread_join(service->thread, NULL);
	for (size_t i = 0; i < STEPS_MAX; i++)
		buf_free(&service->requests[i]);
	close(service->fd);
	unlink(service->path);
	rmdir(service->directory);
}

#endif
