/* Messages as tg-queue shows them: for programs always the same columns, for people what fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "json.h"
#include "tg-queue/show.h"

#define NOW "2026-01-31T10:00:00Z"

static struct json_object *parse(const char *text)
{
	struct json_object *value = NULL;
	struct error error;

	assert_int_equal(json_parse(text, strlen(text), "test", &value, &error), 0);
	return value;
}

typedef void show_fn(struct json_object *object, const struct show_view *view, struct buf *out);

/* width 0: a pipe. */
static void check(show_fn *fn, const char *object, size_t width, const char *wanted)
{
	struct json_object *value = parse(object);
	struct show_view view = {.is_terminal = width > 0, .width = width};
	struct buf out = BUF_INIT(1 << 20);

	assert_int_equal(clock_parse(NOW, &view.now_ms), 0);
	fn(value, &view, &out);
	assert_string_equal(buf_text(&out), wanted);
	buf_free(&out);
	json_object_put(value);
}

static const char rows[] =
    "[{\"id\":7,\"user\":\"al\",\"chat_id\":-5,\"state\":\"queued\",\"held\":true,\"method\":\"sendPhoto\","
    "\"accepted_at\":\"2026-01-31T08:00:00Z\",\"attempts\":2,\"next_attempt_at\":\"2026-01-31T10:01:05Z\","
    "\"error\":\"HTTP 502\",\"key\":\"of the day\",\"files\":[\"a b.png\",\"c\"]},"
    "{\"id\":8,\"user\":\"\",\"chat_id\":1,\"state\":\"dead\",\"method\":\"sendMessage\",\"script\":\"disk\","
    "\"accepted_at\":\"2027-01-31T08:00:00Z\",\"attempts\":1,\"next_attempt_at\":\"nonsense\"}]";

static void queue(void **state)
{
	(void)state;
	check(show_queue, "[]", 0, "");
	check(show_queue, "[]", 80, "queue is empty\n");
	check(show_queue, rows, 0,
	    "7  held  al  2h0m  2  1m5s  -5  sendPhoto  of_the_day  a_b.png,c  HTTP 502\n"
	    "8  dead  -   0s    1  -     1   disk       -           -          -\n");
	check(show_queue, rows, 1000,
	    "ID  STATE  USER  AGE   TRIES  NEXT  CHAT  WHAT       KEY         FILES      ERROR\n"
	    "7   held   al    2h0m  2      1m5s  -5    sendPhoto  of_the_day  a_b.png,c  HTTP 502\n"
	    "8   dead   -     0s    1      -     1     disk       -           -          -\n");
}

/* What no message has takes no room on a terminal, and what is too long ends in dots. */
static void terminal(void **state)
{
	static const char row[] =
	    "[{\"id\":7,\"user\":\"a-name-that-is-longer-than-anybody-has\",\"chat_id\":1,\"state\":\"dead\","
	    "\"method\":\"sendMessage\",\"attempts\":1,\"error\":\"Forbidden: bot was blocked by the "
	    "user\"}]";

	(void)state;
	check(show_queue, row, 100,
	    "ID  STATE  USER                                 AGE  TRIES  NEXT  CHAT  WHAT         ERROR\n"
	    "7   dead   a-name-that-is-longer-than-anybo...  -    1      -     1     sendMessage  Forbidden: "
	    "b...\n");
	check(show_queue, row, 0,
	    "7  dead  a-name-that-is-longer-than-anybody-has  -  1  -  1  sendMessage  -  -  "
	    "Forbidden: bot was blocked by the user\n");
}

static void history(void **state)
{
	static const char delivered[] =
	    "[{\"id\":7,\"user\":\"al\",\"chat_id\":1,\"state\":\"delivered\",\"method\":\"sendMessage\","
	    "\"accepted_at\":\"2026-01-31T08:00:00Z\",\"delivered_at\":\"2026-01-31T09:59:55Z\",\"attempts\":"
	    "9,"
	    "\"message_id\":33}]";

	(void)state;
	check(show_history, "[]", 0, "");
	check(show_history, "[]", 80, "nothing was delivered\n");
	check(show_history, delivered, 0, "7  al  5s  1h59m  9  1  33  sendMessage  -  -\n");
	check(show_history, delivered, 80,
	    "ID  USER  AGO  TOOK   TRIES  CHAT  MESSAGE  WHAT\n"
	    "7   al    5s   1h59m  9      1     33       sendMessage\n");
}

static void message(void **state)
{
	(void)state;
	check(show_message,
	    "{\"id\":7,\"user\":\"al\",\"chat_id\":1,\"state\":\"dead\",\"to\":\"ops\",\"method\":"
	    "\"sendMessage\","
	    "\"accepted_at\":\"2026-01-31T08:00:00Z\",\"attempts\":9,\"next_attempt_at\":\"2026-01-31T10:00:"
	    "05Z\","
	    "\"error\":\"a\\u001b[2Jb\\nstate: delivered\",\"files\":[\"a b\\n.png\",\"c\"],"
	    "\"text\":\"one\\ttwo\\n\\nstate: \\u202edelivered\\n\"}",
	    0,
	    "id:            7\n"
	    "state:         dead\n"
	    "user:          al\n"
	    "to:            ops\n"
	    "chat:          1\n"
	    "method:        sendMessage\n"
	    "accepted:      2026-01-31T08:00:00Z (2h0m ago)\n"
	    "attempts:      9\n"
	    "next attempt:  2026-01-31T10:00:05Z (in 5s)\n"
	    "last error:    a?[2Jb?state: delivered\n"
	    "file:          a b?.png\n"
	    "file:          c\n"
	    "text:\n"
	    "  one two\n"
	    "\n"
	    "  state: ?delivered\n");
	check(show_message, "{}", 80, "");
}

/* What people wrote is not shown, however it is put into the row. */
static void updates(void **state)
{
	static const char row[] = "{\"update_id\":9,\"at\":\"2026-01-31T08:00:00Z\",\"chat_id\":-5,"
				  "\"route\":\"run\",\"reason\":\"it ended\\u001b[2J\",\"update\":{\"a\":1}}";
	char rows_text[512];

	(void)state;
	snprintf(rows_text, sizeof rows_text, "[%s,{\"update_id\":10}]", row);
	check(show_updates, "[]", 0, "");
	check(show_updates, "[]", 80, "every update could be handled\n");
	check(show_updates, rows_text, 0,
	    "9   2h0m  -5  run  it ended?[2J\n"
	    "10  -     -   -    -\n");
	check(show_updates, rows_text, 80,
	    "ID  AGO   CHAT  ROUTE  REASON\n"
	    "9   2h0m  -5    run    it ended?[2J\n"
	    "10  -     -     -      -\n");
	check(show_update, row, 80,
	    "id:            9\nbroken:        2026-01-31T08:00:00Z (2h0m ago)\nchat:          -5\n"
	    "route:         run\nreason:        it ended?[2J\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(queue),
	    cmocka_unit_test(updates),
	    cmocka_unit_test(terminal),
	    cmocka_unit_test(history),
	    cmocka_unit_test(message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
