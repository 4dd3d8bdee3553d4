/*
 * What tg-poll decides: a wrong offset loses updates or answers them twice, and a wrong wait is a flood of
 * calls. And its output, which must never block or lose count of what is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "tg-poll/output.h"
#include "tg-poll/plan.h"
#include "tg-poll/taken.h"

enum { DAY_MS = 86400000 };

static void offsets(void **state)
{
	static const struct {
		struct store_position position;
		int64_t now_ms, expected;
	} table[] = {
	    {{0, 0}, 10 * DAY_MS, 0},
	    {{7, 5 * (int64_t)DAY_MS}, 5 * (int64_t)DAY_MS, 8},
	    {{7, 5 * (int64_t)DAY_MS}, 7 * (int64_t)DAY_MS, 8},
	    {{7, 5 * (int64_t)DAY_MS}, 7 * (int64_t)DAY_MS + 1, 0},
	    /* A clock that was put back. */
	    {{7, 5 * (int64_t)DAY_MS}, 1 * (int64_t)DAY_MS, 8},
	    {{4503599627370495, 5 * (int64_t)DAY_MS}, 5 * (int64_t)DAY_MS, 4503599627370496},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		assert_int_equal(poll_offset(&table[i].position, table[i].now_ms), table[i].expected);
	assert_true(poll_is_new(0, 5));
	assert_true(poll_is_new(8, 8));
	assert_false(poll_is_new(8, 7));
}

static void pauses(void **state)
{
	(void)state;
	assert_int_equal(poll_pause_ms(3, 0), 0);
	assert_int_equal(poll_pause_ms(0, 50000), 0);
	/* A server that does not hold the poll, or gives the same updates for ever. */
	assert_int_equal(poll_pause_ms(0, 2), POLL_HASTY_MS);
}

static void failures(void **state)
{
	static const struct {
		struct telegram_reply reply;
		int64_t attempts, expected_ms;
		const char *remedy;
	} table[] = {
	    {{.verdict = TELEGRAM_BAD_TOKEN}, 1, 60000, "@BotFather"},
	    {{.verdict = TELEGRAM_BAD_TOKEN}, 100, 60000, "@BotFather"},
	    {{.verdict = TELEGRAM_WAIT, .retry_after_s = 35}, 3, 35000, ""},
	    {{.verdict = TELEGRAM_RETRY}, 1, 1000, ""},
	    {{.verdict = TELEGRAM_RETRY}, 4, 8000, ""},
	    {{.verdict = TELEGRAM_UNCERTAIN}, 100, 60000, ""},
	    {{.verdict = TELEGRAM_REFUSED}, 1, 1000, ""},
	    {{.verdict = TELEGRAM_CONFLICT,
		 .description =
		     "Conflict: terminated by other getUpdates request; make sure that only one bot "
		     "instance is running"},
		2, 2000, "another program polls"},
	    {{.verdict = TELEGRAM_CONFLICT,
		 .description = "Conflict: can't use getUpdates method while webhook is active; use "
				"deleteWebhook to delete the webhook first"},
		1, 1000, "deleteWebhook"},
	    {{.verdict = TELEGRAM_CONFLICT, .description = "Conflict: terminated by setWebhook request"}, 1,
		1000, "deleteWebhook"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		const char *remedy = poll_remedy(&table[i].reply);

		assert_int_equal(
		    poll_failure_wait_ms(&table[i].reply, table[i].attempts, 0), table[i].expected_ms);
		assert_non_null(strstr(remedy, table[i].remedy));
		if (table[i].remedy[0] == '\0')
			assert_string_equal(remedy, "");
	}
}

static void troubles(void **state)
{
	struct poll_trouble trouble = {0};

	(void)state;
	assert_int_equal(poll_trouble_end(&trouble), 0);
	assert_true(poll_trouble_add(&trouble, 502, 1000));
	assert_false(poll_trouble_add(&trouble, 502, 2000));
	assert_true(poll_trouble_add(&trouble, 401, 3000));
	assert_false(poll_trouble_add(&trouble, 401, 3000 + POLL_REMIND_MS - 1));
	assert_true(poll_trouble_add(&trouble, 401, 3000 + POLL_REMIND_MS));
	assert_false(poll_trouble_add(&trouble, 401, 3001 + POLL_REMIND_MS));
	assert_int_equal(poll_trouble_end(&trouble), 6);
	assert_int_equal(poll_trouble_end(&trouble), 0);
	assert_true(poll_trouble_add(&trouble, 401, 3002 + POLL_REMIND_MS));
}

static bool is_writable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLOUT};

	return poll(&poller, 1, 0) == 1;
}

/* A pipe with a reader that does not read: as much as goes in, and never blocked (the alarm would kill). */
static void output_never_blocks(void **state)
{
	static char line[10000];
	struct output output;
	size_t lines = 0;
	char *copy = malloc(4 << 20);
	ssize_t got;
	int fds[2];

	(void)state;
	alarm(20);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	memset(line, 'x', sizeof line);
	output_init(&output, fds[1], 1 << 20);
	for (int i = 0; i < 50; i++)
		assert_int_equal(output_add(&output, line, sizeof line), 0);
	while (is_writable(fds[1]))
		assert_int_equal(output_write(&output), 0);
	assert_false(output_is_empty(&output));
	assert_int_equal(output_lines_written(&output), 65536 / 10001);
	/* The reader wakes up, and the line that was begun is ended, but no other. */
	got = read(fds[0], copy, 8192);
	assert_int_equal(got, 8192);
	output_finish_line(&output, 200);
	lines = output_lines_written(&output);
	assert_int_equal(lines, 65536 / 10001 + 1);
	assert_int_equal(output.written, lines * 10001);
	/* It does not wait for ever for one that sleeps. */
	while (is_writable(fds[1]))
		assert_int_equal(output_write(&output), 0);
	output_finish_line(&output, 50);
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(output_write(&output), -1);
	assert_int_equal(errno, EPIPE);
	output_finish_line(&output, 50);
	output_clear(&output);
	assert_true(output_is_empty(&output));
	assert_int_equal(output_add(&output, line, sizeof line), 0);
	close(fds[1]);
	output_free(&output);
	free(copy);
	alarm(0);
}

static void output_has_a_limit(void **state)
{
	struct output output;

	(void)state;
	output_init(&output, -1, 10);
	assert_int_equal(output_add(&output, "1234", 4), 0);
	assert_int_equal(output_add(&output, "12345", 5), -1);
	assert_int_equal(output_add(&output, "1234", 4), 0);
	assert_int_equal(output.lines.len, 10);
	output_free(&output);
}

static struct json_object *parse(const char *text)
{
	struct json_object *value = NULL;
	struct error error;

	assert_int_equal(json_parse(text, strlen(text), "test", &value, &error), 0);
	return value;
}

static int64_t add(struct taken *taken, const char *updates, int64_t offset)
{
	struct json_object *array = parse(updates);
	struct error error;
	int64_t count = taken_add(taken, array, offset, &error);

	json_object_put(array);
	return count;
}

/* What would be printed now, in one piece. */
static const char *fetch(struct taken *taken, struct output *output)
{
	struct error error;

	assert_int_equal(taken_fetch(taken, output, &error), 0);
	return buf_text(&output->lines);
}

static void without_a_store_written_lines_count(void **state)
{
	struct taken taken;
	struct output output;

	(void)state;
	taken_init(&taken, NULL);
	output_init(&output, -1, 1 << 20);
	assert_int_equal(add(&taken, "[]", 0), 0);
	/* Sorted; what has no id or was taken before is left out; big numbers stay as they are. */
	assert_int_equal(add(&taken,
			     "[{\"update_id\":9,\"n\":4503599627370497},7,{},{\"update_id\":3},"
			     "{\"update_id\":8,\"f\":1.10}]",
			     5),
	    2);
	assert_int_equal(taken.position.update_id, 0);
	assert_string_equal(fetch(&taken, &output),
	    "{\"update_id\":8,\"f\":1.10}\n{\"update_id\":9,\"n\":4503599627370497}\n");
	assert_true(taken_is_empty(&taken));
	output.written = 10;
	taken_note_written(&taken, &output);
	assert_int_equal(taken.position.update_id, 0);
	output.written = 30;
	taken_note_written(&taken, &output);
	assert_int_equal(taken.position.update_id, 8);
	output.written = output.lines.len;
	assert_string_equal(fetch(&taken, &output), "");
	assert_int_equal(taken.position.update_id, 9);
	/* Nothing to write: the position moves on, or the same would come for ever. */
	assert_int_equal(add(&taken, "[{\"update_id\":10},{\"update_id\":11}]", 12), 0);
	assert_int_equal(taken.position.update_id, 11);
	assert_int_equal(add(&taken, "[{\"update_id\":12}]", 12), 1);
	output_free(&output);
	taken_free(&taken);
}

static struct store *open_store(const char *directory)
{
	struct store *store = NULL;
	struct error error;

	assert_int_equal(store_open(directory, 16 << 20, &store, &error), 0);
	return store;
}

static void remove_from_inbox(struct store *store, int64_t id)
{
	struct store_txn *txn;
	struct error error;

	assert_int_equal(store_begin(store, &txn, &error), 0);
	assert_int_equal(store_inbox_remove(txn, id, &error), 1);
	assert_int_equal(store_commit(txn, &error), 0);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

static void with_a_store_all_is_journaled(void **state)
{
	char directory[] = "/tmp/test_poll.XXXXXX";
	struct store *store;
	struct taken taken;
	struct output output;
	struct error error;

	(void)state;
	assert_non_null(mkdtemp(directory));
	store = open_store(directory);
	taken_init(&taken, store);
	output_init(&output, -1, 1 << 20);
	assert_int_equal(taken_replay(&taken, &error), 0);
	assert_int_equal(taken.position.update_id, 0);
	assert_int_equal(add(&taken, "[{\"update_id\":101},{\"update_id\":100},{\"update_id\":102}]", 0), 3);
	assert_int_equal(taken.position.update_id, 102);
	/* The same again, as after a lost answer. */
	assert_int_equal(add(&taken, "[{\"update_id\":102},{\"update_id\":103}]", 0), 1);
	remove_from_inbox(store, 101);
	assert_string_equal(
	    fetch(&taken, &output), "{\"update_id\":100}\n{\"update_id\":102}\n{\"update_id\":103}\n");
	remove_from_inbox(store, 100);
	/* Ids start anywhere after a week: printed after what came before, though lower. */
	assert_int_equal(add(&taken, "[{\"update_id\":5}]", 0), 1);
	output.written = output.lines.len;
	assert_string_equal(fetch(&taken, &output), "{\"update_id\":5}\n");
	assert_int_equal(taken.position.update_id, 5);
	taken_free(&taken);
	store_close(store);

	store = open_store(directory);
	taken_init(&taken, store);
	assert_int_equal(taken_replay(&taken, &error), 0);
	assert_int_equal(taken.position.update_id, 5);
	output.written = output.lines.len;
	assert_string_equal(
	    fetch(&taken, &output), "{\"update_id\":5}\n{\"update_id\":102}\n{\"update_id\":103}\n");
	taken_free(&taken);
	store_close(store);
	output_free(&output);
	nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(offsets),
	    cmocka_unit_test(pauses),
	    cmocka_unit_test(failures),
	    cmocka_unit_test(troubles),
	    cmocka_unit_test(output_never_blocks),
	    cmocka_unit_test(output_has_a_limit),
	    cmocka_unit_test(without_a_store_written_lines_count),
	    cmocka_unit_test(with_a_store_all_is_journaled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
