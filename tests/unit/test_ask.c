/*
 * How services are called: what goes over the wire, what of an answer is told, and above all when a call is
 * made a second time, since a service that is asked twice may do twice what it was asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "header.h"
#include "json.h"
#include "tg-dispatch/ask.h"
#include "tg-dispatch/ask_rules.h"

/* ---- what is decided ---- */

static const char *filled(const char *source)
{
	static const struct ask_value values[] = {
	    {"chat_id", "-100123"}, {"user", "a/b c%\xc3\xa4"}, {NULL, NULL}};
	static char text[256];
	struct buf url = BUF_INIT(sizeof text - 1);
	struct error error;

	assert_int_equal(ask_fill_url(source, values, &url, &error), 0);
	snprintf(text, sizeof text, "%s", buf_text(&url));
	buf_free(&url);
	return text;
}

/* What stands in a value must not become part of the path or the query. */
static void values_stand_in_a_url_as_they_are(void **state)
{
	struct buf small = BUF_INIT(4);
	struct error error;

	(void)state;
	assert_string_equal(filled("http://h/{chat_id}?u={user}"), "http://h/-100123?u=a%2Fb%20c%25%C3%A4");
	assert_string_equal(filled("http://h/{other}/{chat_id"), "http://h/{other}/{chat_id");
	assert_string_equal(filled("{}{{user}"), "{}{a%2Fb%20c%25%C3%A4");
	assert_int_equal(ask_fill_url("12345", (const struct ask_value[]){{NULL, NULL}}, &small, &error), -1);
	buf_free(&small);
}

/* What is read of a body with a type, as one line of JSON. */
static void check_read(int status, const char *type, const char *body, size_t len, const char *expected)
{
	struct http_answer answer = {.status = status};
	struct json_object *read;

	buf_init(&answer.body, 4096);
	buf_add(&answer.body, body, len);
	snprintf(answer.content_type, sizeof answer.content_type, "%s", type);
	read = ask_read(&answer);
	ask_open(read);
	assert_string_equal(json_line(read), expected);
	json_object_put(read);
	buf_free(&answer.body);
}

static void an_answer_is_json_or_text_or_nothing(void **state)
{
	static const char no_json[] = "{\"failure\":\"the answer is no JSON\"}";
	static const struct {
		int status;
		const char *type, *body, *expected;
	} cases[] = {
	    {200, "application/json", "{\"a\":1}", "{\"status\":200,\"body\":{\"a\":1}}"},
	    {200, "application/json; charset=utf-8", "5", "{\"status\":200,\"body\":5}"},
	    {200, "application/problem+json", "\"x\"", "{\"status\":200,\"body\":\"x\"}"},
	    {201, "text/plain", " [1]", "{\"status\":201,\"body\":[1]}"},
	    {200, "", "{}", "{\"status\":200,\"body\":{}}"},
	    {200, "text/plain; charset=utf-8", "5", "{\"status\":200,\"text\":\"5\"}"},
	    {200, "text/plain", "[draft] hello", "{\"status\":200,\"text\":\"[draft] hello\"}"},
	    {200, "", "hello", "{\"status\":200,\"text\":\"hello\"}"},
	    {204, "", "", "{\"status\":204,\"text\":\"\"}"},
	    {200, "", "{\"cut\":", no_json},
	    {200, "application/json", "hello", no_json},
	    {200, "text/html", "<p>Log in", no_json},
	    {200, "text/plainer", "hello", no_json},
	    {200, "text/plain", "\xff", no_json},
	    {404, "application/json", "{\"type\":\"text\"}", "{\"status\":404,\"body\":{\"type\":\"text\"}}"},
	    {500, "text/plain", "Traceback", "{\"status\":500}"},
	    {302, "", "", "{\"status\":302}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check_read(
		    cases[i].status, cases[i].type, cases[i].body, strlen(cases[i].body), cases[i].expected);
	check_read(200, "text/plain", "a\0b", 3, no_json);
}

/* A megabyte of {} would be 270 MB, and many chats may get one at once. */
static void an_answer_is_read_when_its_turn_has_come(void **state)
{
	struct http_answer answer = {.status = 200};
	struct json_object *read;

	(void)state;
	buf_init(&answer.body, SIZE_MAX / 4);
	buf_add_text(&answer.body, "[\"\\\"[[\"");
	for (size_t i = 1; i < ASK_NODES_MAX; i++)
		buf_add_text(&answer.body, ",{}");
	buf_add_text(&answer.body, "]");
	read = ask_read(&answer);
	assert_int_equal(json_object_object_length(read), 2);
	assert_string_equal(json_text(read, "json"), buf_text(&answer.body));
	json_object_put(read);
	answer.body.data[answer.body.len - 1] = ' ';
	buf_add_text(&answer.body, ",[]]");
	read = ask_read(&answer);
	assert_non_null(json_text(read, "failure"));
	answer.status = 503;
	assert_false(ask_is_safe_again(&answer, read));
	json_object_put(read);
	buf_free(&answer.body);
}

static bool again(enum http_failure failure, int status, bool begun, const char *body)
{
	struct http_answer answer = {.failure = failure, .status = status, .answer_begun = begun};
	struct json_object *read;
	bool result;

	buf_init(&answer.body, 4096);
	buf_add_text(&answer.body, body);
	read = ask_read(&answer);
	result = ask_is_safe_again(&answer, read);
	json_object_put(read);
	buf_free(&answer.body);
	return result;
}

static void only_what_the_service_cannot_have_answered_is_asked_again(void **state)
{
	(void)state;
	assert_true(again(HTTP_NOT_RESOLVED, 0, false, ""));
	assert_true(again(HTTP_NOT_CONNECTED, 0, false, ""));
	assert_true(again(HTTP_TLS_FAILED, 0, false, ""));
	assert_true(again(HTTP_BROKEN, 0, false, ""));
	assert_false(again(HTTP_BROKEN, 0, true, ""));
	assert_false(again(HTTP_TIMED_OUT, 0, false, ""));
	assert_false(again(HTTP_TOO_LARGE, 0, true, ""));
	assert_false(again(HTTP_INVALID, 0, false, ""));
	assert_true(again(HTTP_ANSWERED, 502, true, "<html>"));
	assert_true(again(HTTP_ANSWERED, 503, true, ""));
	assert_true(again(HTTP_ANSWERED, 504, true, "busy"));
	assert_false(again(HTTP_ANSWERED, 503, true, "{\"type\":\"text\"}"));
	assert_false(again(HTTP_ANSWERED, 500, true, ""));
	assert_false(again(HTTP_ANSWERED, 501, true, ""));
	assert_false(again(HTTP_ANSWERED, 505, true, ""));
	assert_false(again(HTTP_ANSWERED, 429, true, ""));
	assert_false(again(HTTP_ANSWERED, 200, true, "hello"));
	assert_int_equal(ask_pause_ms(0), 100);
	assert_int_equal(ask_pause_ms(1), 300);
}

static void a_header_cannot_end_its_line(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(header_check_name("X-Api-Key", &error), 0);
	assert_int_equal(header_check_name("", &error), -1);
	assert_int_equal(header_check_name("A:B", &error), -1);
	assert_int_equal(header_check_name("A B", &error), -1);
	assert_int_equal(header_check_name("A\r", &error), -1);
	assert_int_equal(header_check_name("content-length", &error), -1);
	assert_int_equal(header_check_name("X-Request-ID", &error), -1);
	assert_true(header_is_value("a\tb \xc3\xa4", 6));
	assert_false(header_is_value("a\rb", 3));
	assert_false(header_is_value("a\n", 2));
	assert_false(header_is_value("a\0b", 3));
	assert_false(header_is_value("\x7f", 1));
}

/* ---- calls ---- */

enum { REQUEST_BYTES = 8192, ANSWERS_MAX = 8 };

static const char hang[] = "hang";
static const char close_it[] = "close";

/* One connection after the other; each answer is for one request, a cut one ends its connection. */
struct server {
	int listener;
	char url[64];
	pthread_t thread;
	const char *answers[ANSWERS_MAX];
	/* Read after a call has ended, which orders the accesses. */
	int connections, requests;
	char last[REQUEST_BYTES];
};

static bool is_whole(const char *request)
{
	const char *end = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "content-length:");

	return end != NULL && strlen(end + 4) >= (length != NULL ? strtoul(length + 15, NULL, 10) : 0);
}

static bool read_request(struct server *server, int fd)
{
	char input[REQUEST_BYTES] = "";
	size_t len = 0;

	while (!is_whole(input)) {
		ssize_t got = read(fd, input + len, sizeof input - 1 - len);

		if (got <= 0)
			return false;
		len += (size_t)got;
		input[len] = '\0';
	}
	memcpy(server->last, input, len + 1);
	return true;
}

static void serve_connection(struct server *server, int fd)
{
	char one;

	while (read_request(server, fd)) {
		const char *answer = server->answers[server->requests++];

		if (answer == hang && read(fd, &one, 1) <= 0)
			break;
		if (answer == close_it)
			break;
		(void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
		if (strstr(answer, "\r\n\r\n") == NULL || strstr(answer, "Length: 99") != NULL)
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

static void listen_tcp(struct server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;

	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
	snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d/a", ntohs(address.sin_port));
}

static void start_server(struct server *server)
{
	assert_int_equal(listen(server->listener, 16), 0);
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
	struct asker *asker;
	struct server server;
	struct config_http http;
	int64_t token;
	struct json_object *answer; /* NULL: none yet */
	bool tap_answered;
};

static void done(void *context, int64_t token, struct json_object *answer, bool tap_answered)
{
	struct fixture *f = context;

	json_object_put(f->answer);
	f->answer = answer;
	f->tap_answered = tap_answered;
	assert_int_equal(token, f->token);
	f->token++;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct error error;

	assert_int_equal(loop_new(&f->loop, &error), 0);
	assert_int_equal(asker_new(f->loop, done, f, &f->asker, &error), 0);
	f->http = (struct config_http){.url = f->server.url, .timeout_ms = 5000, .retries = 1};
	listen_tcp(&f->server);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	asker_free(f->asker);
	loop_free(f->loop);
	stop_server(&f->server);
	json_object_put(f->answer);
	free(f);
	return 0;
}

static void ask(struct fixture *f, const char *body)
{
	const struct ask_context context = {.request_id = "u7",
	    .route = "profile",
	    .chat = 42,
	    .user = 43,
	    .account = "alice",
	    .tap_id = "tap1"};
	struct ask ask = {.http = &f->http};

	if (body != NULL)
		json_object_object_add(
		    (ask.body = json_object_new_object()), "x", json_object_new_string(body));
	json_object_put(f->answer);
	f->answer = NULL;
	asker_start(f->asker, f->token, &ask, &context);
	assert_null(f->answer);
	ask_clear(&ask);
}

/* Until the answer, as one line. */
static const char *wait_answer(struct fixture *f)
{
	int64_t end_ms = clock_monotonic_ms() + 10000;
	struct error error;

	while (f->answer == NULL && clock_monotonic_ms() < end_ms) {
		int64_t left_ms = asker_due_ms(f->asker) - clock_monotonic_ms();

		assert_int_equal(loop_turn(f->loop,
				     left_ms < 0      ? 0
				     : left_ms < 1000 ? left_ms
						      : 1000,
				     &error),
		    0);
		asker_show(f->asker, clock_monotonic_ms(), NULL);
	}
	assert_non_null(f->answer);
	assert_int_equal(asker_count(f->asker), 0);
	assert_int_equal(asker_due_ms(f->asker), INT64_MAX);
	ask_open(f->answer);
	return json_line(f->answer);
}

#define ANSWER(status, len, body) "HTTP/1.1 " status "\r\nContent-Length: " len "\r\n\r\n" body
#define FINE ANSWER("200 OK", "2", "{}")
#define IS_FINE "{\"status\":200,\"body\":{}}"

static void a_call_carries_what_the_service_needs(void **state)
{
	struct fixture *f = *state;
	char key_path[] = "/tmp/test_ask.XXXXXX";
	int fd = mkstemp(key_path);
	struct config_header headers[] = {{.name = (char *)"X-Key", .value_file = key_path},
	    {.name = (char *)"accept", .value = (char *)"text/plain"},
	    {.name = (char *)"X-Empty", .value = (char *)""}};
	char url[128];

	assert_int_equal(write(fd, "se cret\n\n", 9), 9);
	f->server.answers[0] = f->server.answers[1] = FINE;
	start_server(&f->server);
	snprintf(url, sizeof url, "%s/{chat_id}/{telegram_user_id}?u={user}", f->server.url);
	f->http.url = url;
	f->http.headers = headers;
	f->http.headers_count = 3;
	ask(f, "\xc3\xa4\n");
	url[0] = '\0'; /* the configuration may be another one meanwhile */
	assert_string_equal(wait_answer(f), IS_FINE);
	assert_non_null(strstr(f->server.last, "POST /a/42/43?u=alice HTTP/1.1\r\n"));
	assert_non_null(strstr(f->server.last, "\r\nX-Request-Id: u7\r\n"));
	assert_non_null(strstr(f->server.last, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(f->server.last, "\r\nUser-Agent: tgtools/" TGTOOLS_VERSION "\r\n"));
	assert_non_null(strstr(f->server.last, "\r\nX-Key: se cret\r\n"));
	assert_non_null(strstr(f->server.last, "\r\naccept: text/plain\r\n"));
	assert_null(strstr(f->server.last, "\r\nAccept: "));
	assert_non_null(strstr(f->server.last, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(f->server.last, "\r\n\r\n{\"x\":\"\xc3\xa4\\n\"}"));

	f->http.url = f->server.url;
	f->http.method = (char *)"GET";
	ask(f, NULL);
	assert_string_equal(wait_answer(f), IS_FINE);
	assert_non_null(strstr(f->server.last, "GET /a HTTP/1.1\r\n"));
	assert_null(strcasestr(f->server.last, "content-"));
	assert_int_equal(f->server.connections, 1);

	/* A key that others can read is none, and nothing is sent without it. */
	assert_int_equal(chmod(key_path, 0640), 0);
	ask(f, NULL);
	assert_non_null(strstr(wait_answer(f), "is open to others"));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(chmod(key_path, 0600), 0);
	assert_int_equal(pwrite(fd, "a\nX-B: c", 8, 0), 8);
	ask(f, NULL);
	assert_string_equal(wait_answer(f), "{\"failure\":\"the value of the header X-Key is not valid\"}");
	assert_int_equal(f->server.requests, 2);
	close(fd);
	unlink(key_path);
}

/* Asks once and expects so many requests in all. */
static void check_tries(struct fixture *f, const char *expected, int requests)
{
	f->server.requests = 0;
	ask(f, "1");
	assert_string_equal(wait_answer(f), expected);
	assert_int_equal(f->server.requests, requests);
	assert_non_null(strstr(f->server.last, "\r\nX-Request-Id: u7\r\n"));
}

static void a_service_is_asked_again_where_it_is_safe(void **state)
{
	struct fixture *f = *state;
	const char **answers = f->server.answers;

	start_server(&f->server);
	answers[0] = close_it;
	answers[1] = FINE;
	check_tries(f, IS_FINE, 2);
	answers[0] = ANSWER("503 Busy", "4", "busy");
	check_tries(f, IS_FINE, 2);
	answers[1] = ANSWER("502 Bad", "0", "");
	answers[2] = FINE;
	check_tries(f, "{\"status\":502}", 2);
	f->http.retries = 2;
	check_tries(f, IS_FINE, 3);
	f->http.retries = 0;
	check_tries(f, "{\"status\":503}", 1);
	f->http.retries = 1;
	answers[1] = FINE;
	answers[0] = ANSWER("503 Busy", "2", "{}");
	check_tries(f, "{\"status\":503,\"body\":{}}", 1);
	answers[0] = ANSWER("500 Oops", "0", "");
	check_tries(f, "{\"status\":500}", 1);
	answers[0] = "HTTP/1.1 200 OK\r\nContent-Le";
	check_tries(f, "{\"failure\":\"the connection was closed in the middle of the answer\"}", 1);
	answers[0] = ANSWER("200 OK", "99", "{}");
	check_tries(f, "{\"failure\":\"the connection was closed in the middle of the answer\"}", 1);
	/* What follows a body is no answer of its own. */
	answers[0] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Sum: 1\r\n\r\n";
	check_tries(f, IS_FINE, 1);
	f->http.answer_max_bytes = 3;
	answers[0] = ANSWER("200 OK", "4", "[10]");
	check_tries(f, "{\"failure\":\"the answer is too large\"}", 1);
	f->http.timeout_ms = 50;
	answers[0] = hang;
	check_tries(f, "{\"failure\":\"no answer in time\"}", 1);
	/* Nor is there a try for which no time is left. */
	answers[0] = ANSWER("503 Busy", "0", "");
	check_tries(f, "{\"status\":503}", 1);
}

static void what_is_not_there_is_tried_twice_and_told_once(void **state)
{
	struct fixture *f = *state;
	int64_t start_ms = clock_monotonic_ms();

	start_server(&f->server);
	f->http.url = (char *)"http://127.0.0.1:1/";
	ask(f, "1");
	assert_string_equal(wait_answer(f), "{\"failure\":\"the server cannot be connected\"}");
	assert_in_range(clock_monotonic_ms() - start_ms, 100, 2000);
	f->http.url = (char *)"gopher://127.0.0.1/";
	ask(f, "1");
	assert_string_equal(wait_answer(f), "{\"failure\":\"the address is neither http nor https\"}");
}

static void a_service_may_be_at_a_socket(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char directory[] = "/tmp/test_ask.XXXXXX";

	assert_non_null(mkdtemp(directory));
	snprintf(address.sun_path, sizeof address.sun_path, "%s/s", directory);
	close(f->server.listener);
	f->server.listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(f->server.listener, (struct sockaddr *)&address, sizeof address), 0);
	f->server.answers[0] = FINE;
	start_server(&f->server);
	f->http.socket = address.sun_path;
	f->http.url = (char *)"http://service/x";
	ask(f, "1");
	assert_string_equal(wait_answer(f), IS_FINE);
	assert_non_null(strstr(f->server.last, "\r\nHost: service\r\n"));
	unlink(address.sun_path);
	rmdir(directory);
}

/* What is shown at a time since the start of a call. */
static const char *shown(struct fixture *f, int64_t now_ms)
{
	static char text[1024];
	struct buf out = BUF_INIT(sizeof text - 1);

	asker_show(f->asker, now_ms, &out);
	snprintf(text, sizeof text, "%s", buf_text(&out));
	buf_free(&out);
	return text;
}

static void who_waits_is_shown_it_after_a_second(void **state)
{
	static const char typing[] = "{\"method\":\"sendChatAction\",\"chat_id\":42,\"action\":\"typing\"}\n";
	static const char tap[] = "{\"method\":\"answerCallbackQuery\",\"callback_query_id\":\"tap1\"}\n";
	struct fixture *f = *state;
	int64_t start_ms;

	f->server.answers[0] = f->server.answers[1] = hang;
	start_server(&f->server);
	f->http.timeout_ms = 30;
	ask(f, "1");
	wait_answer(f);
	assert_false(f->tap_answered);

	f->http.timeout_ms = 300;
	ask(f, "1");
	start_ms = asker_due_ms(f->asker) - 1000;
	assert_string_equal(shown(f, start_ms + 999), "");
	/* Where there is no room it comes later. */
	asker_show(f->asker, start_ms + 1000, NULL);
	assert_int_equal(asker_due_ms(f->asker), start_ms + 2000);
	assert_string_equal(shown(f, start_ms + 2000), typing);
	assert_string_equal(shown(f, start_ms + 4999), "");
	assert_string_equal(shown(f, start_ms + 5000), tap);
	assert_string_equal(shown(f, start_ms + 7000), typing);
	assert_string_equal(shown(f, start_ms + 11999), "");
	assert_string_equal(shown(f, start_ms + 12000), typing);
	wait_answer(f);
	assert_true(f->tap_answered);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_stand_in_a_url_as_they_are),
	    cmocka_unit_test(an_answer_is_json_or_text_or_nothing),
	    cmocka_unit_test(an_answer_is_read_when_its_turn_has_come),
	    cmocka_unit_test(only_what_the_service_cannot_have_answered_is_asked_again),
	    cmocka_unit_test(a_header_cannot_end_its_line),
	    cmocka_unit_test_setup_teardown(a_call_carries_what_the_service_needs, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_service_is_asked_again_where_it_is_safe, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		what_is_not_there_is_tried_twice_and_told_once, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_service_may_be_at_a_socket, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(who_waits_is_shown_it_after_a_second, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
