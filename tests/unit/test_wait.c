/*
 * Whoever waits acts on the answer: "delivered" must mean that, a restart of tg-sendd is no answer, and an
 * end comes in time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>

#include "clock.h"
#include "fake_service.h"
#include "tg-send/wait.h"

#define DELIVERED "200 {\"id\":7,\"state\":\"delivered\"}"
#define QUEUED "200 {\"id\":7,\"state\":\"queued\",\"error\":\"Too Many Requests: retry after 9\"}"

static int64_t ids[] = {7, 8};

static void delivered_after_a_restart(void **state)
{
	static const char *const steps[] = {QUEUED, "", "503 {\"error\":\"x\"}", DELIVERED, DELIVERED, NULL};
	struct service service;
	struct error error;

	(void)state;
	begin(&service, steps, 0);
	assert_int_equal(wait_for_delivery(service.path, ids, 2, 20000, &error), 0);
	assert_int_equal(service.served, 5);
	assert_non_null(strstr(service.requests[0].data, "GET /queue/7?wait=20s HTTP/1.1\r\n"));
	assert_non_null(strstr(service.requests[4].data, "GET /queue/8?wait="));
	end(&service);
}

/* Longer than one request may take. */
static void a_long_wait_is_asked_for_in_parts(void **state)
{
	static const char *const steps[] = {DELIVERED, NULL};
	struct service service;
	struct error error;

	(void)state;
	begin(&service, steps, 0);
	assert_int_equal(wait_for_delivery(service.path, ids, 1, 3600000, &error), 0);
	assert_non_null(strstr(service.requests[0].data, "GET /queue/7?wait=30s HTTP/1.1\r\n"));
	end(&service);
}

static void what_never_will_be(void **state)
{
	static const struct {
		const char *step, *text;
	} table[] = {
	    {"200 {\"state\":\"dead\",\"error\":\"Forbidden: bot was blocked by the user\"}",
		"dead: Forbidden: bot was blocked by the user"},
	    {"200 {\"state\":\"dead\",\"error\":\"a\\u001b[2J\\nb\"}", "dead: a?[2J?b"},
	    {"200 {\"state\":\"uncertain\"}", "uncertain: it may have arrived, see tg-queue show 7"},
	    {"404 {\"error\":\"no such message\"}", "7 was cancelled"},
	    {"200 {}", "queued as 7, but the answer of tg-sendd cannot be read; is it of the same version?"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const char *const steps[] = {table[i].step, NULL};
		struct service service;
		struct error error = {0};

		begin(&service, steps, 0);
		assert_int_equal(wait_for_delivery(service.path, ids, 2, 20000, &error), -1);
		assert_int_equal(error.kind, ERROR_PERMANENT);
		assert_string_equal(error.text, table[i].text);
		end(&service);
	}
}

static void what_is_not_yet(void **state)
{
	static const struct {
		const char *step, *text;
	} table[] = {
	    {QUEUED, "queued as 7: Too Many Requests: retry after 9; it will be sent later"},
	    {"200 {\"state\":\"started\"}", "queued as 7; it will be sent later"},
	    {"200 {\"state\":\"scheduled\"}", "scheduled as 7; it will be sent later"},
	    {"503 {\"error\":\"x\"}", "queued as 7, but tg-sendd does not tell what became of it"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const char *const steps[] = {
		    table[i].step, table[i].step, table[i].step, table[i].step, NULL};
		int64_t started_ms = clock_monotonic_ms();
		struct service service;
		struct error error = {0};

		begin(&service, steps, 0);
		assert_int_equal(wait_for_delivery(service.path, ids, 1, 600, &error), -1);
		assert_in_range(clock_monotonic_ms() - started_ms, 500, 3000);
		assert_int_equal(error.kind, ERROR_TEMPORARY);
		assert_string_equal(error.text, table[i].text);
		end(&service);
	}
}

static void tg_sendd_is_away(void **state)
{
	int64_t started_ms = clock_monotonic_ms();
	struct error error = {0};

	(void)state;
	assert_int_equal(wait_for_delivery("/tmp/tgt-no-such-socket", ids, 1, 600, &error), -1);
	assert_in_range(clock_monotonic_ms() - started_ms, 500, 3000);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_string_equal(error.text, "queued as 7, but tg-sendd does not tell what became of it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(delivered_after_a_restart),
	    cmocka_unit_test(a_long_wait_is_asked_for_in_parts),
	    cmocka_unit_test(what_never_will_be),
	    cmocka_unit_test(what_is_not_yet),
	    cmocka_unit_test(tg_sendd_is_away),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
