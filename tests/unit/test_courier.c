/*
 * Between a script's report and tg-sendd stands a process that may be killed, hang or be of another version:
 * what it was asked is either answered or known to be open, and nothing of it stays behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "clock.h"
#include "courier.h"
#include "fake_service.h"
#include "json.h"
#include "xalloc.h"

static char config_path[64];

/* The tg-send of the build tree, which is found beside the test, asks the service. */
static void start_all(struct service *service, const char *const *steps)
{
	FILE *file;

	begin(service, steps, 0);
	snprintf(config_path, sizeof config_path, "%s/tgtools.yaml", service->directory);
	file = fopen(config_path, "w");
	assert_non_null(file);
	fprintf(file, "socket: {path: %s, group: \"\"}\n", service->path);
	assert_int_equal(fclose(file), 0);
}

static void end_all(struct service *service)
{
	unlink(config_path);
	end(service);
}

static void make(struct notice *notice, const char *text)
{
	notice_make_text(notice, "disk.sh", NULL, text, "k-1", 5);
}

static int submit(
    struct courier *courier, const char *text, struct courier_answer *answer, struct error *error)
{
	struct notice notice;
	int result;

	make(&notice, text);
	result = courier_submit(courier, &notice, answer, error);
	notice_free(&notice);
	return result;
}

/* Our only child. */
static pid_t courier_pid(void)
{
	char path[64], text[32] = "";
	FILE *file;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "r");
	assert_non_null(file);
	(void)!fgets(text, sizeof text, file);
	fclose(file);
	return (pid_t)strtol(text, NULL, 10);
}

static void answers_come_back(void **state)
{
	static const char *const steps[] = {"200 {\"ok\":true,\"id\":7}",
	    "404 {\"error\":\"User 'alice' has no linked Telegram\"}",
	    "503 {\"error\":\"the store is full\"}", "200 {\"scripts\":[]}", NULL};
	struct service service;
	struct courier_answer answer;
	struct courier *courier;
	struct error error;

	(void)state;
	start_all(&service, steps);
	courier = courier_new(config_path, -1);
	assert_int_equal(courier_pid(), 0);
	assert_int_equal(submit(courier, "one", &answer, &error), 0);
	assert_int_equal(answer.status, 200);
	assert_int_equal(json_int64(answer.body, "id"), 7);
	courier_answer_free(&answer);
	assert_int_equal(submit(courier, "two", &answer, &error), -1);
	assert_int_equal(answer.status, 404);
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_string_equal(error.text,
	    "alice has no linked Telegram; send /start to the bot, then run: tg-link verify CODE");
	courier_answer_free(&answer);
	assert_int_equal(submit(courier, "three", &answer, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	courier_answer_free(&answer);
	assert_int_equal(courier_get(courier, "/scripts", &answer, &error), 0);
	courier_answer_free(&answer);
	courier_free(courier);
	assert_int_equal(courier_pid(), 0);
	assert_non_null(strstr(buf_text(&service.requests[0]), "\r\nIdempotency-Key: k-1\r\n"));
	assert_non_null(strstr(buf_text(&service.requests[0]), "{\"text\":\"one\",\"script\":\"disk.sh\"}"));
	assert_non_null(strstr(buf_text(&service.requests[3]), "GET /scripts "));
	end_all(&service);
}

/* Under the same key, so that it is taken once whatever the first one had done. */
static void one_that_was_killed_is_started_again(void **state)
{
	static const char *const steps[] = {"200 {\"ok\":true}", "200 {\"ok\":true}", NULL};
	struct service service;
	struct courier_answer answer;
	struct courier *courier;
	struct error error;
	pid_t first;

	(void)state;
	start_all(&service, steps);
	courier = courier_new(config_path, -1);
	assert_int_equal(submit(courier, "one", &answer, &error), 0);
	courier_answer_free(&answer);
	first = courier_pid();
	assert_true(first > 0);
	kill(first, SIGKILL);
	assert_int_equal(submit(courier, "two", &answer, &error), 0);
	courier_answer_free(&answer);
	assert_int_not_equal(courier_pid(), first);
	courier_free(courier);
	end_all(&service);
}

static void one_that_cannot_run_is_no_answer(void **state)
{
	static const char *const steps[] = {NULL};
	struct service service;
	struct courier_answer answer;
	struct courier *courier;
	struct error error;

	(void)state;
	start_all(&service, steps);
	courier = courier_new("/no/such/tgtools.yaml", -1);
	assert_int_equal(submit(courier, "one", &answer, &error), -1);
	assert_int_equal(answer.status, 0);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	courier_free(courier);
	assert_int_equal(courier_pid(), 0);
	end_all(&service);
}

/* The caller is told to end: it waits for nothing, and what hangs does not hold it up. */
static void who_is_told_to_end_does_not_wait(void **state)
{
	static const char *const steps[] = {"200 {\"ok\":true}", NULL};
	struct service service;
	struct courier_answer answer;
	struct courier *courier;
	struct error error;
	int64_t started_ms;
	int wake[2];

	(void)state;
	assert_int_equal(pipe(wake), 0);
	start_all(&service, steps);
	courier = courier_new(config_path, wake[0]);
	assert_int_equal(submit(courier, "one", &answer, &error), 0);
	courier_answer_free(&answer);
	kill(courier_pid(), SIGSTOP);
	assert_int_equal(write(wake[1], "x", 1), 1);
	started_ms = clock_monotonic_ms();
	assert_int_equal(submit(courier, "two", &answer, &error), -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	courier_free(courier);
	assert_true(clock_monotonic_ms() - started_ms < 10000);
	assert_int_equal(courier_pid(), 0);
	close(wake[0]);
	close(wake[1]);
	end_all(&service);
}

static void what_is_too_long_is_not_sent(void **state)
{
	static const char *const steps[] = {"200 {\"ok\":true}", NULL};
	struct service service;
	struct courier_answer answer;
	struct courier *courier;
	struct error error;
	char *text = xmalloc(COURIER_LINE_MAX_BYTES + 1);

	(void)state;
	memset(text, 'x', COURIER_LINE_MAX_BYTES);
	text[COURIER_LINE_MAX_BYTES] = '\0';
	start_all(&service, steps);
	courier = courier_new(config_path, -1);
	assert_int_equal(submit(courier, text, &answer, &error), -1);
	assert_int_equal(error.kind, ERROR_INPUT);
	assert_int_equal(courier_pid(), 0);
	assert_int_equal(submit(courier, "short", &answer, &error), 0);
	courier_answer_free(&answer);
	courier_free(courier);
	end_all(&service);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_come_back),
	    cmocka_unit_test(one_that_was_killed_is_started_again),
	    cmocka_unit_test(one_that_cannot_run_is_no_answer),
	    cmocka_unit_test(who_is_told_to_end_does_not_wait),
	    cmocka_unit_test(what_is_too_long_is_not_sent),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
