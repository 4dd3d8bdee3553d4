/*
 * What http tells of a failed request decides whether a message is sent again, so each way to fail is tried
 * against a small server, and above all the one where libcurl would send a POST twice by itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "http.h"

enum { REQUEST_BYTES = 65536, URL_BYTES = 64 };

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* What the server does with a request. */
enum act { ANSWER, CLOSE, RESET, ANSWER_THEN_CLOSE, STALL };

struct server {
	int listener;
	int port;
	pthread_t thread;
	const char *answer;
	enum act acts[8]; /* by the number of the request */
	/* Seen so far; read by the test after a request ended, which orders the accesses. */
	int connections, requests;
	char last[REQUEST_BYTES];
};

static ssize_t body_missing(const char *request, size_t len)
{
	const char *end = strstr(request, "\r\n\r\n");
	const char *length = strcasestr(request, "content-length:");
	size_t body = length != NULL ? strtoul(length + 15, NULL, 10) : 0;

	return end == NULL ? 1 : (ssize_t)body - (ssize_t)(len - (size_t)(end + 4 - request));
}

static bool read_request(struct server *server, int fd)
{
	char input[REQUEST_BYTES] = "";
	size_t len = 0;

	while (body_missing(input, len) > 0) {
		ssize_t got = read(fd, input + len, sizeof input - 1 - len);

		if (got <= 0)
			return false;
		len += (size_t)got;
		input[len] = '\0';
	}
	memcpy(server->last, input, len + 1);
	return true;
}

static void put(int fd, const char *text)
{
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void serve_connection(struct server *server, int fd)
{
	struct linger reset = {.l_onoff = 1};
	char one;

	while (read_request(server, fd)) {
		enum act act = server->acts[server->requests++];

		if (act == ANSWER || act == ANSWER_THEN_CLOSE)
			put(fd, server->answer);
		if (act == STALL && read(fd, &one, 1) >= 0)
			break;
		if (act == RESET)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		if (act != ANSWER)
			break;
	}
	close(fd);
}

static void *serve(void *context)
{
	struct server *server = context;
	int fd;

	while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
		struct timeval patience = {.tv_sec = 10};

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		server->connections++;
		serve_connection(server, fd);
	}
	return NULL;
}

static void start_server(struct server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;

	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(server->listener, 16), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
	server->port = ntohs(address.sin_port);
	if (server->answer == NULL)
		server->answer = ok;
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop_server(struct server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
}

struct fixture {
	struct loop *loop;
	struct http_client *client;
	struct http_answer answer;
	int done;
};

static void start_client(struct fixture *f)
{
	struct error error;

	*f = (struct fixture){0};
	assert_int_equal(loop_new(&f->loop, &error), 0);
	assert_int_equal(http_client_new(f->loop, &f->client, &error), 0);
}

static void stop_client(struct fixture *f)
{
	http_client_free(f->client);
	loop_free(f->loop);
	buf_free(&f->answer.body);
}

static void keep(void *context, const struct http_answer *answer)
{
	struct fixture *f = context;

	buf_free(&f->answer.body);
	f->answer = *answer;
	buf_init(&f->answer.body, 1 << 20);
	buf_add(&f->answer.body, answer->body.data, answer->body.len);
	f->done++;
}

static struct http_request request_to(const char *method, const char *url)
{
	return (struct http_request){.method = method,
	    .url = url,
	    .timeout_ms = 5000,
	    .connect_timeout_ms = 5000,
	    .max_answer_bytes = 4096};
}

/* Makes a request and waits for its answer in f->answer. */
static void run(struct fixture *f, const struct http_request *request)
{
	struct http_transfer *transfer;
	struct error error;
	int done = f->done;

	assert_int_equal(http_start(f->client, request, keep, f, &transfer, &error), 0);
	assert_int_equal(f->done, done);
	while (f->done == done)
		assert_int_equal(loop_turn(f->loop, 1000, &error), 0);
}

static void request_server(struct fixture *f, const struct server *server, const char *method)
{
	char url[URL_BYTES];
	struct http_request request = request_to(method, url);

	snprintf(url, sizeof url, "http://127.0.0.1:%d/bot123:SECRET/x", server->port);
	if (strcmp(method, "POST") == 0) {
		request.body = "text=hello";
		request.body_len = 10;
	}
	run(f, &request);
	assert_null(strstr(f->answer.reason, "SECRET"));
	assert_null(strstr(f->answer.reason, "127.0.0.1"));
}

static void request_url(struct fixture *f, const char *url)
{
	struct http_request request = request_to("GET", url);

	run(f, &request);
	assert_null(strstr(f->answer.reason, "invalid"));
}

static void answered(void **state)
{
	struct server server = {
	    .answer = "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nlater"};
	struct fixture f;

	(void)state;
	start_server(&server);
	start_client(&f);
	request_server(&f, &server, "POST");
	assert_int_equal(f.answer.failure, HTTP_ANSWERED);
	assert_int_equal(f.answer.status, 429);
	assert_int_equal(f.answer.retry_after_s, 7);
	assert_string_equal(buf_text(&f.answer.body), "later");
	assert_string_equal(f.answer.reason, "");
	assert_true(f.answer.request_sent);
	assert_non_null(strstr(server.last, "POST /bot123:SECRET/x HTTP/1.1\r\n"));
	assert_non_null(strstr(server.last, "\r\n\r\ntext=hello"));
	assert_null(strcasestr(server.last, "expect:"));
	assert_null(strcasestr(server.last, "content-type:"));
	request_server(&f, &server, "DELETE");
	assert_non_null(strstr(server.last, "DELETE /bot123:SECRET/x HTTP/1.1\r\n"));
	stop_client(&f);
	stop_server(&server);
}

static void connections_are_reused(void **state)
{
	struct server server = {.answer = ok};
	struct fixture f;

	(void)state;
	start_server(&server);
	start_client(&f);
	for (int i = 0; i < 5; i++)
		request_server(&f, &server, i % 2 ? "GET" : "POST");
	assert_int_equal(f.answer.retry_after_s, -1);
	assert_int_equal(server.requests, 5);
	assert_int_equal(server.connections, 1);
	stop_client(&f);
	stop_server(&server);
}

/* The server takes the whole of a second request on a kept connection and ends it. */
static void check_sent_once(enum act act)
{
	struct server server = {.acts = {ANSWER, act, ANSWER}};
	struct fixture f;

	start_server(&server);
	start_client(&f);
	request_server(&f, &server, "POST");
	assert_int_equal(f.answer.status, 200);
	request_server(&f, &server, "POST");
	assert_int_equal(f.answer.failure, HTTP_BROKEN);
	assert_true(f.answer.request_sent);
	assert_int_equal(server.requests, 2);
	request_server(&f, &server, "POST");
	assert_int_equal(f.answer.status, 200);
	assert_int_equal(server.requests, 3);
	stop_client(&f);
	stop_server(&server);
}

static void a_post_is_sent_once_when_a_kept_connection_is_closed(void **state)
{
	(void)state;
	check_sent_once(CLOSE);
}

static void a_post_is_sent_once_when_a_kept_connection_is_reset(void **state)
{
	(void)state;
	check_sent_once(RESET);
}

static void run_parts(struct fixture *f, const struct server *server, const char *path)
{
	char url[URL_BYTES];
	struct http_part parts[] = {{.name = "chat_id", .data = "42", .len = 2},
	    {.name = "photo", .path = path, .file_name = "a.png"}};
	struct http_request request = request_to("POST", url);

	request.parts = parts;
	request.parts_count = 2;
	snprintf(url, sizeof url, "http://127.0.0.1:%d/", server->port);
	run(f, &request);
}

static void a_file_is_sent_once_when_a_kept_connection_is_closed(void **state)
{
	struct server server = {.acts = {ANSWER, CLOSE, ANSWER}};
	char path[] = "/tmp/test_http.XXXXXX";
	int fd = mkstemp(path);
	struct fixture f;

	(void)state;
	assert_int_equal(write(fd, "picture", 7), 7);
	start_server(&server);
	start_client(&f);
	run_parts(&f, &server, path);
	assert_int_equal(f.answer.status, 200);
	assert_non_null(strstr(server.last, "name=\"chat_id\"\r\n\r\n42\r\n"));
	assert_non_null(strstr(server.last, "name=\"photo\"; filename=\"a.png\""));
	assert_non_null(strstr(server.last, "\r\n\r\npicture\r\n"));
	run_parts(&f, &server, path);
	assert_int_equal(f.answer.failure, HTTP_BROKEN);
	assert_true(f.answer.request_sent);
	assert_int_equal(server.requests, 2);
	unlink(path);
	/* A read that fails is no end of the file: the server would wait for the rest. */
	run_parts(&f, &server, "/tmp");
	assert_int_equal(f.answer.failure, HTTP_UNREADABLE);
	assert_false(f.answer.request_sent);
	run_parts(&f, &server, path);
	assert_int_equal(f.answer.failure, HTTP_INVALID);
	assert_false(f.answer.request_sent);
	assert_int_equal(server.requests, 2);
	assert_null(strstr(f.answer.reason, path));
	close(fd);
	stop_client(&f);
	stop_server(&server);
}

static void a_get_is_tried_again(void **state)
{
	struct server server = {.acts = {ANSWER, CLOSE, ANSWER}};
	struct fixture f;

	(void)state;
	start_server(&server);
	start_client(&f);
	request_server(&f, &server, "POST");
	request_server(&f, &server, "GET");
	assert_int_equal(f.answer.status, 200);
	assert_int_equal(server.requests, 3);
	stop_client(&f);
	stop_server(&server);
}

static void a_connection_closed_while_idle_costs_nothing(void **state)
{
	struct server server = {.acts = {ANSWER_THEN_CLOSE, ANSWER}};
	struct fixture f;

	(void)state;
	start_server(&server);
	start_client(&f);
	request_server(&f, &server, "POST");
	while (server.connections < 1)
		usleep(1000);
	usleep(50000);
	request_server(&f, &server, "POST");
	assert_int_equal(f.answer.status, 200);
	assert_int_equal(server.requests, 2);
	stop_client(&f);
	stop_server(&server);
}

static void no_answer_on_a_new_connection(void **state)
{
	struct server server = {.acts = {CLOSE, RESET}};
	struct fixture f;

	(void)state;
	start_server(&server);
	start_client(&f);
	for (int i = 0; i < 2; i++) {
		request_server(&f, &server, "POST");
		assert_int_equal(f.answer.failure, HTTP_BROKEN);
		assert_true(f.answer.request_sent);
		assert_int_equal(f.answer.status, 0);
		assert_string_not_equal(f.answer.reason, "");
	}
	stop_client(&f);
	stop_server(&server);
}

static void bad_answers(void **state)
{
	static const struct {
		const char *answer;
		enum http_failure failure;
	} table[] = {
	    {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", HTTP_BROKEN},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf", HTTP_BROKEN},
	    {"HTTP/1.1 200 O", HTTP_BROKEN},
	    {"SSH-2.0-OpenSSH\r\n", HTTP_BROKEN},
	    {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", HTTP_ANSWERED},
	    {"HTTP/1.1 200 OK\r\n\r\nto the end of the connection", HTTP_ANSWERED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct server server = {.answer = table[i].answer, .acts = {ANSWER_THEN_CLOSE}};
		struct fixture f;

		start_server(&server);
		start_client(&f);
		request_server(&f, &server, "POST");
		assert_int_equal(f.answer.failure, table[i].failure);
		assert_true(f.answer.request_sent);
		assert_int_equal(server.requests, 1);
		stop_client(&f);
		stop_server(&server);
	}
}

static void too_much(void **state)
{
	static char body[5200], headers[100000];
	const char *answers[] = {body, headers};

	(void)state;
	snprintf(body, sizeof body, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n%05000d", 0);
	strcpy(headers, "HTTP/1.1 200 OK\r\n");
	for (size_t len = strlen(headers); len < 90000; len += strlen(headers + len))
		snprintf(headers + len, sizeof headers - len, "X-%zu: %080d\r\n", len, 0);
	for (int i = 0; i < 2; i++) {
		struct server server = {.answer = answers[i], .acts = {ANSWER_THEN_CLOSE}};
		struct fixture f;

		start_server(&server);
		start_client(&f);
		request_server(&f, &server, "POST");
		assert_int_equal(f.answer.failure, HTTP_TOO_LARGE);
		assert_true(f.answer.request_sent);
		stop_client(&f);
		stop_server(&server);
	}
}

static void in_time_or_not(void **state)
{
	struct server server = {.acts = {STALL}};
	char url[URL_BYTES];
	struct http_request request = request_to("POST", url);
	int64_t start = clock_monotonic_ms();
	struct fixture f;

	(void)state;
	start_server(&server);
	start_client(&f);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
	request.timeout_ms = 100;
	run(&f, &request);
	assert_int_equal(f.answer.failure, HTTP_TIMED_OUT);
	assert_true(f.answer.request_sent);
	assert_true(clock_monotonic_ms() - start < 4000);
	stop_client(&f);
	stop_server(&server);
}

static void nothing_sent(void **state)
{
	struct server server = {.answer = ok};
	char url[URL_BYTES];
	struct http_request request = request_to("POST", url);
	struct fixture f;

	(void)state;
	start_client(&f);
	start_server(&server);
	/* The server does not speak TLS and waits for the end of a request. */
	snprintf(url, sizeof url, "https://127.0.0.1:%d/", server.port);
	request.timeout_ms = 200;
	run(&f, &request);
	assert_int_equal(f.answer.failure, HTTP_NOT_CONNECTED);
	assert_false(f.answer.request_sent);
	stop_server(&server);

	snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
	request_url(&f, url);
	assert_int_equal(f.answer.failure, HTTP_NOT_CONNECTED);
	assert_false(f.answer.request_sent);
	request_url(&f, "http://host.invalid/");
	assert_int_equal(f.answer.failure, HTTP_NOT_RESOLVED);
	assert_false(f.answer.request_sent);
	request_url(&f, "ftp://127.0.0.1/");
	assert_int_equal(f.answer.failure, HTTP_INVALID);
	request_url(&f, "file:///etc/passwd");
	assert_int_equal(f.answer.failure, HTTP_INVALID);
	request_url(&f, "http://");
	assert_int_equal(f.answer.failure, HTTP_INVALID);
	assert_false(f.answer.request_sent);
	stop_client(&f);
}

static atomic_int resolved;

/* In place of libc's, also for libcurl: one name takes long to resolve. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	int (*original)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	*(void **)&original = dlsym(RTLD_NEXT, "getaddrinfo");
	if (name != NULL && strcmp(name, "slow.invalid") == 0) {
		sleep(2);
		resolved++;
	}
	return original(name, service, hints, result);
}

/* libcurl waits for its resolver's thread where it is not told otherwise, and nothing else runs meanwhile. */
static void a_slow_resolver_holds_up_nothing(void **state)
{
	struct http_request request = request_to("GET", "http://slow.invalid/");
	int64_t start = clock_monotonic_ms();
	struct http_transfer *transfer;
	struct fixture f;
	struct error error;

	(void)state;
	start_client(&f);
	request.timeout_ms = 200;
	run(&f, &request);
	assert_int_equal(f.answer.failure, HTTP_NOT_CONNECTED);
	assert_false(f.answer.request_sent);
	request.timeout_ms = 5000;
	assert_int_equal(http_start(f.client, &request, keep, &f, &transfer, &error), 0);
	assert_int_equal(loop_turn(f.loop, 50, &error), 0);
	http_cancel(transfer);
	assert_int_equal(http_start(f.client, &request, keep, &f, &transfer, &error), 0);
	assert_int_equal(loop_turn(f.loop, 50, &error), 0);
	stop_client(&f);
	assert_true(clock_monotonic_ms() - start < 1800);
	/* libcurl's threads free what is theirs when they come back. */
	while (resolved < 3)
		usleep(10000);
	usleep(100000);
}

static void through_a_proxy(void **state)
{
	struct server server = {.answer = ok, .acts = {ANSWER, CLOSE}};
	char proxy[URL_BYTES];
	struct http_request request = request_to("POST", "http://host.invalid/x");
	struct fixture f;

	(void)state;
	start_server(&server);
	start_client(&f);
	snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server.port);
	request.proxy = proxy;
	run(&f, &request);
	assert_int_equal(f.answer.status, 200);
	assert_non_null(strstr(server.last, "POST http://host.invalid/x HTTP/1.1\r\n"));
	stop_client(&f);
	stop_server(&server);
}

/* The CONNECT that opens a tunnel is not our request: nothing was sent where TLS fails behind it. */
static void a_tunnel_is_not_the_request(void **state)
{
	struct server server = {
	    .answer = "HTTP/1.1 200 Connection established\r\n\r\n", .acts = {ANSWER_THEN_CLOSE}};
	char proxy[URL_BYTES];
	struct http_request request = request_to("POST", "https://host.invalid/x");
	struct fixture f;

	(void)state;
	start_server(&server);
	start_client(&f);
	snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server.port);
	request.proxy = proxy;
	run(&f, &request);
	assert_int_equal(f.answer.failure, HTTP_TLS_FAILED);
	assert_false(f.answer.request_sent);
	assert_non_null(strstr(server.last, "CONNECT host.invalid:443 HTTP/1.1\r\n"));
	stop_client(&f);
	stop_server(&server);
}

static void the_environment_names_no_proxy(void **state)
{
	struct server server = {.answer = ok};
	struct fixture f;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:9", 1);
	start_server(&server);
	start_client(&f);
	request_server(&f, &server, "POST");
	assert_int_equal(f.answer.status, 200);
	stop_client(&f);
	stop_server(&server);
	unsetenv("http_proxy");
}

static void cancelled_is_not_told(void **state)
{
	struct server server = {.acts = {STALL, STALL, STALL}};
	char url[URL_BYTES];
	struct http_request request = request_to("POST", url);
	struct http_transfer *first, *second;
	struct fixture f;
	struct error error;

	(void)state;
	start_server(&server);
	start_client(&f);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
	assert_int_equal(http_start(f.client, &request, keep, &f, &first, &error), 0);
	assert_int_equal(http_start(f.client, &request, keep, &f, &second, &error), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_turn(f.loop, 20, &error), 0);
	http_cancel(first);
	assert_int_equal(loop_turn(f.loop, 0, &error), 0);
	assert_int_equal(f.done, 0);
	stop_client(&f); /* with the second under way */
	assert_int_equal(f.done, 0);
	stop_server(&server);
}

static void over_a_unix_socket(void **state)
{
	char directory[] = "/tmp/test_http.XXXXXX";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct server server = {.answer = ok};
	struct http_request request = request_to("GET", "http://localhost/health");
	struct http_answer answer;
	struct error error;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(address.sun_path, sizeof address.sun_path, "%s/s", directory);
	server.listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(server.listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(server.listener, 4), 0);
	assert_int_equal(pthread_create(&server.thread, NULL, serve, &server), 0);
	request.unix_socket = address.sun_path;
	assert_int_equal(http_perform(&request, &answer, &error), 0);
	assert_int_equal(answer.status, 200);
	assert_string_equal(buf_text(&answer.body), "ok");
	assert_non_null(strstr(server.last, "GET /health HTTP/1.1\r\n"));
	buf_free(&answer.body);
	stop_server(&server);
	unlink(address.sun_path);
	rmdir(directory);
}

/* A listener on a unix socket that takes one request whose body is too large to keep. */
struct taker {
	char directory[32];
	struct sockaddr_un address;
	int listener;
	pthread_t thread;
	int64_t bytes; /* of the body, that came */
	bool differed; /* a byte of it was not 'x' */
};

static void take(struct taker *taker, int fd)
{
	char input[REQUEST_BYTES] = "";
	char *body, *length;
	ssize_t got = read(fd, input, sizeof input - 1);
	int64_t expected;

	assert_true(got > 0);
	body = strstr(input, "\r\n\r\n");
	length = strstr(input, "Content-Length: ");
	assert_true(body != NULL && length != NULL);
	expected = strtoll(length + 16, NULL, 10);
	got -= body + 4 - input;
	memmove(input, body + 4, (size_t)got);
	do {
		for (ssize_t i = 0; i < got; i++)
			taker->differed |= input[i] != 'x';
		taker->bytes += got;
	} while (taker->bytes < expected && (got = read(fd, input, sizeof input)) > 0);
	if (taker->bytes == expected)
		put(fd, ok);
}

static void *take_one(void *context)
{
	struct taker *taker = context;
	int fd = accept(taker->listener, NULL, NULL);

	if (fd >= 0)
		take(taker, fd);
	close(fd);
	return NULL;
}

static void start_taker(struct taker *taker)
{
	strcpy(taker->directory, "/tmp/test_http.XXXXXX");
	taker->address.sun_family = AF_UNIX;
	assert_non_null(mkdtemp(taker->directory));
	snprintf(taker->address.sun_path, sizeof taker->address.sun_path, "%s/s", taker->directory);
	taker->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(taker->listener, (struct sockaddr *)&taker->address, sizeof taker->address), 0);
	assert_int_equal(listen(taker->listener, 4), 0);
	assert_int_equal(pthread_create(&taker->thread, NULL, take_one, taker), 0);
}

static void stop_taker(struct taker *taker)
{
	pthread_join(taker->thread, NULL);
	close(taker->listener);
	unlink(taker->address.sun_path);
	rmdir(taker->directory);
}

/* A file that is gone already, with len times 'x' in it, read to its end. */
static int file_of(int64_t len)
{
	char path[] = "/tmp/test_http.XXXXXX", block[4096];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	memset(block, 'x', sizeof block);
	for (int64_t left = len; left > 0; left -= (int64_t)sizeof block)
		assert_true(write(fd, block, left < 4096 ? (size_t)left : sizeof block) > 0);
	return fd;
}

static void post_file(struct taker *taker, const struct http_file *file, struct http_answer *answer)
{
	struct http_request request = request_to("POST", "http://localhost/files");
	struct error error;

	start_taker(taker);
	request.unix_socket = taker->address.sun_path;
	request.file = file;
	assert_int_equal(http_perform(&request, answer, &error), 0);
	stop_taker(taker);
	buf_free(&answer->body);
}

static void keep_progress(void *context, int64_t sent_bytes)
{
	int64_t *last = context;

	assert_true(sent_bytes > *last);
	*last = sent_bytes;
}

/* Not first as a whole into memory. */
static void a_file_is_read_while_it_is_sent(void **state)
{
	enum { FILE_BYTES = 50 << 20, GROWTH_MAX_KB = 8 << 10 };
	struct taker taker = {0};
	struct http_answer answer;
	struct rusage before, after;
	int64_t sent = 0;
	struct http_file file = {file_of(FILE_BYTES), FILE_BYTES, keep_progress, &sent};

	(void)state;
	getrusage(RUSAGE_SELF, &before);
	post_file(&taker, &file, &answer);
	getrusage(RUSAGE_SELF, &after);
	assert_int_equal(answer.status, 200);
	assert_int_equal(taker.bytes, FILE_BYTES);
	assert_false(taker.differed);
	assert_int_equal(sent, FILE_BYTES);
	assert_true(after.ru_maxrss - before.ru_maxrss < GROWTH_MAX_KB);
	close(file.fd);
}

static void a_file_that_became_shorter(void **state)
{
	struct taker taker = {0};
	struct http_answer answer;
	struct http_file file = {.fd = file_of(1000000), .len = 1000001};

	(void)state;
	post_file(&taker, &file, &answer);
	assert_int_equal(answer.failure, HTTP_INVALID);
	assert_string_equal(answer.reason, "the file to send cannot be read");
	close(file.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answered),
	    cmocka_unit_test(connections_are_reused),
	    cmocka_unit_test(a_post_is_sent_once_when_a_kept_connection_is_closed),
	    cmocka_unit_test(a_post_is_sent_once_when_a_kept_connection_is_reset),
	    cmocka_unit_test(a_file_is_sent_once_when_a_kept_connection_is_closed),
	    cmocka_unit_test(a_get_is_tried_again),
	    cmocka_unit_test(a_connection_closed_while_idle_costs_nothing),
	    cmocka_unit_test(no_answer_on_a_new_connection),
	    cmocka_unit_test(bad_answers),
	    cmocka_unit_test(too_much),
	    cmocka_unit_test(in_time_or_not),
	    cmocka_unit_test(nothing_sent),
	    cmocka_unit_test(a_slow_resolver_holds_up_nothing),
	    cmocka_unit_test(through_a_proxy),
	    cmocka_unit_test(a_tunnel_is_not_the_request),
	    cmocka_unit_test(the_environment_names_no_proxy),
	    cmocka_unit_test(cancelled_is_not_told),
	    cmocka_unit_test(over_a_unix_socket),
	    cmocka_unit_test(a_file_is_read_while_it_is_sent),
	    cmocka_unit_test(a_file_that_became_shorter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
