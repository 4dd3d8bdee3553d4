/*
 * The bot's answers go through here: whatever tg-sendd does meanwhile, every call must arrive, once, in the
 * order of the input, and a call that is refused must not hold up the next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>

#include "clock.h"
#include "fake_service.h"
#include "log.h"
#include "tg-send/calls.h"

/* A file that is gone already, with content, at its start. */
static int file_with(const char *content, size_t len)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, content, len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int run(struct service *service, const char *input, struct calls_outcome *outcome, struct error *error)
{
	int fd = file_with(input, strlen(input));
	int result;

	*outcome = (struct calls_outcome){0};
	result = calls_run(fd, service->path, outcome, error);
	close(fd);
	return result;
}

static const char *body(const struct buf *request)
{
	return strstr(buf_text(request), "\r\n\r\n") + 4;
}

static const char *key(const struct buf *request)
{
	static char text[2][40];
	static int turn;
	const char *header = strstr(buf_text(request), "Idempotency-Key: ");

	assert_non_null(header);
	turn = !turn;
	snprintf(text[turn], sizeof text[turn], "%.32s", header + strlen("Idempotency-Key: "));
	return text[turn];
}

static void in_order_and_in_batches(void **state)
{
	static const char *const steps[] = {"lines", "lines", "lines", "lines", "lines", "lines", NULL};
	struct buf input = BUF_INIT(1 << 20), got = BUF_INIT(1 << 20);
	struct calls_outcome outcome;
	struct service service;
	struct error error;

	(void)state;
	for (int i = 0; i < 2500; i++)
		buf_add_format(&input, "{\"n\":%d}\n", i);
	begin(&service, steps, 0);
	assert_int_equal(run(&service, buf_text(&input), &outcome, &error), 0);
	assert_int_equal(outcome.refused, 0);
	assert_false(outcome.unfinished);
	assert_in_range(service.served, 3, 5);
	for (size_t i = 0; i < service.served; i++)
		buf_add_text(&got, body(&service.requests[i]));
	assert_string_equal(buf_text(&got), buf_text(&input));
	assert_string_not_equal(key(&service.requests[0]), key(&service.requests[1]));
	end(&service);
	buf_free(&input);
	buf_free(&got);
}

/* The same lines under the same key, until there is an answer. */
static void tried_until_taken(void **state)
{
	static const char *const steps[] = {
	    "", "503 {\"error\":\"store full\"}", "", "429 {}", "500 x", "lines", NULL};
	struct calls_outcome outcome;
	struct service service;
	struct error error;

	(void)state;
	begin(&service, steps, 300);
	assert_int_equal(run(&service, "{\"a\":1}\n{\"b\":2}\n", &outcome, &error), 0);
	assert_int_equal(service.served, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_string_equal(body(&service.requests[i]), "{\"a\":1}\n{\"b\":2}\n");
		assert_string_equal(key(&service.requests[i]), key(&service.requests[0]));
	}
	assert_int_equal(outcome.refused, 0);
	end(&service);
}

static void a_refused_line(void **state)
{
	static const char *const steps[] = {"lines", NULL};
	struct calls_outcome outcome;
	struct service service;
	struct error error;

	(void)state;
	begin(&service, steps, 0);
	assert_int_equal(run(&service, "{\"a\":1}\nbad\n{\"b\":2}\n", &outcome, &error), 0);
	assert_int_equal(outcome.refused, 1);
	assert_false(outcome.unfinished);
	end(&service);
}

/* The batch is refused as a whole: all but the line that is the cause get through. */
static void a_refused_batch(void **state)
{
	static const char *const steps[] = {"413 where bad", "413 where bad", "413 where bad",
	    "413 where bad", "413 where bad", "413 where bad", "413 where bad", "413 where bad", NULL};
	struct calls_outcome outcome;
	struct service service;
	struct error error;
	size_t taken = 0;

	(void)state;
	begin(&service, steps, 0);
	assert_int_equal(run(&service, "1\n2\nbad\n4\n5\n", &outcome, &error), 0);
	assert_int_equal(outcome.refused, 1);
	for (size_t i = 0; i < service.served; i++) {
		const char *lines = body(&service.requests[i]);

		if (strstr(lines, "bad") == NULL)
			taken += strlen(lines) / 2;
	}
	assert_int_equal(taken, 4);
	end(&service);
}

static void the_end(void **state)
{
	static const struct {
		const char *step;
		enum error_kind kind;
		const char *text;
	} cases[] = {
	    {"403 {\"error\":\"only tgtools\"}", ERROR_DENIED,
		"tg-sendd takes no calls from here: only tgtools"},
	    {"405 {}", ERROR_PERMANENT, "tg-sendd takes no calls from here: tg-sendd answered HTTP 405"},
	    {"200 {\"results\":[]}", ERROR_PERMANENT,
		"the answer of tg-sendd cannot be read; is it of the same version?"},
	    {"200 nonsense", ERROR_PERMANENT,
		"the answer of tg-sendd cannot be read; is it of the same version?"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *const steps[] = {cases[i].step, NULL};
		struct calls_outcome outcome;
		struct service service;
		struct error error;

		begin(&service, steps, 0);
		assert_int_equal(run(&service, "{}\n", &outcome, &error), -1);
		assert_int_equal(error.kind, cases[i].kind);
		assert_string_equal(error.text, cases[i].text);
		end(&service);
	}
}

static void nothing_to_do(void **state)
{
	struct calls_outcome outcome = {0};
	struct error error;
	int fd = open("/dev/null", O_RDONLY), directory = open("/tmp", O_RDONLY);

	(void)state;
	assert_int_equal(calls_run(fd, "/tmp/tgt-no-such-socket", &outcome, &error), 0);
	assert_false(outcome.unfinished);
	assert_int_equal(calls_run(directory, "/tmp/tgt-no-such-socket", &outcome, &error), -1);
	assert_int_equal(error.kind, ERROR_INPUT);
	close(fd);
	close(directory);
}

/* Over at once when all is submitted, also where the input stays open; a call that is not is told. */
static void *terminate_later(void *context)
{
	(void)context;
	pause_ms(200);
	kill(getpid(), SIGTERM);
	return NULL;
}

static void signals(void **state)
{
	struct calls_outcome outcome = {0};
	struct error error;
	pthread_t thread;
	int64_t started;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (int round = 0; round < 2; round++) {
		if (round == 1)
			assert_int_equal(fd_write_all(ends[1], "{}\n{", 4), 0);
		assert_int_equal(pthread_create(&thread, NULL, terminate_later, NULL), 0);
		started = clock_monotonic_ms();
		assert_int_equal(calls_run(ends[0], "/tmp/tgt-no-such-socket", &outcome, &error), 0);
		pthread_join(thread, NULL);
		assert_in_range(clock_monotonic_ms() - started, round * 2000, 1500 + round * 2000);
		assert_int_equal(outcome.unfinished, round == 1);
	}
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(in_order_and_in_batches),
	    cmocka_unit_test(tried_until_taken),
	    cmocka_unit_test(a_refused_line),
	    cmocka_unit_test(a_refused_batch),
	    cmocka_unit_test(the_end),
	    cmocka_unit_test(nothing_to_do),
	    cmocka_unit_test(signals),
	};
	sigset_t blocked;

	signal(SIGPIPE, SIG_IGN);
	/* In the helper threads too: the signal is for the loop. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	log_open("test_calls", false, (enum log_level)(LOG_ERROR + 1));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
