/*
 * Between the pipe and tg-sendd no call may be lost, doubled, torn or told under the wrong number, however
 * the bytes arrive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tg-send/backlog.h"
#include "xalloc.h"

struct told {
	int64_t number, count;
};

static void too_long(void *context, int64_t number)
{
	struct told *told = context;

	told->number = number;
	told->count++;
}

static void feed(struct backlog *backlog, const char *text, struct told *told)
{
	backlog_feed(backlog, text, strlen(text), too_long, told);
}

static void in_any_pieces(void **state)
{
	static const char input[] = "{\"a\":1}\n\n  \r\n{\"b\":2}\r\n{\"c\":3}";

	(void)state;
	for (size_t piece = 1; piece < sizeof input; piece++) {
		struct backlog backlog;
		struct backlog_batch batch;
		struct told told = {0};

		backlog_init(&backlog);
		backlog_batch_init(&batch);
		for (size_t i = 0; i < sizeof input - 1; i += piece) {
			size_t len = sizeof input - 1 - i < piece ? sizeof input - 1 - i : piece;

			backlog_feed(&backlog, input + i, len, too_long, &told);
		}
		backlog_take(&backlog, &batch);
		assert_int_equal(batch.count, 2);
		assert_string_equal(buf_text(&batch.body), "{\"a\":1}\n{\"b\":2}\r\n");
		assert_int_equal(batch.numbers[0], 1);
		assert_int_equal(batch.numbers[1], 4);
		backlog_batch_drop(&batch, 2);
		assert_int_equal(batch.body.len, 0);
		backlog_take(&backlog, &batch);
		assert_int_equal(batch.count, 0);
		backlog_end(&backlog, too_long, &told);
		backlog_take(&backlog, &batch);
		assert_string_equal(buf_text(&batch.body), "{\"c\":3}\n");
		assert_int_equal(batch.numbers[0], 5);
		assert_int_equal(backlog.pending.len, 0);
		assert_int_equal(told.count, 0);
		backlog_free(&backlog);
		backlog_batch_free(&batch);
	}
}

static void bounded_batches(void **state)
{
	struct backlog backlog;
	struct backlog_batch batch;
	struct told told = {0};

	(void)state;
	backlog_init(&backlog);
	backlog_batch_init(&batch);
	for (int i = 0; i < 2 * BACKLOG_BATCH_COUNT + 1; i++)
		feed(&backlog, "{}\n", &told);
	for (int i = 0; i < 2; i++) {
		backlog_take(&backlog, &batch);
		assert_int_equal(batch.count, BACKLOG_BATCH_COUNT);
		assert_int_equal(batch.numbers[0], 1 + i * BACKLOG_BATCH_COUNT);
		backlog_batch_drop(&batch, batch.count);
	}
	backlog_take(&backlog, &batch);
	assert_int_equal(batch.count, 1);
	assert_int_equal(batch.numbers[0], 2 * BACKLOG_BATCH_COUNT + 1);
	backlog_free(&backlog);
	backlog_batch_free(&batch);
}

/* Three lines of 400 kB: two fit into one batch. */
static void large_lines(void **state)
{
	enum { SIZE = 400000 };
	char *line = xmalloc(SIZE);
	struct backlog backlog;
	struct backlog_batch batch;
	struct told told = {0};

	(void)state;
	memset(line, 'x', SIZE);
	line[SIZE - 1] = '\n';
	backlog_init(&backlog);
	backlog_batch_init(&batch);
	for (int i = 0; i < 3; i++)
		backlog_feed(&backlog, line, SIZE, too_long, &told);
	backlog_take(&backlog, &batch);
	assert_int_equal(batch.count, 2);
	assert_int_equal(backlog_batch_bytes(&batch, 1), SIZE);
	assert_int_equal(backlog_batch_bytes(&batch, 2), 2 * SIZE);
	backlog_batch_drop(&batch, 1);
	assert_int_equal(batch.count, 1);
	assert_int_equal(batch.numbers[0], 2);
	assert_int_equal(backlog.pending.len, SIZE);
	backlog_free(&backlog);
	backlog_batch_free(&batch);
	free(line);
}

static void lines_that_are_too_long(void **state)
{
	enum { PIECE = 65536 };
	static const struct {
		size_t len; /* without its newline */
		int64_t told;
	} cases[] = {
	    {BACKLOG_BATCH_BYTES - 1, 0}, {BACKLOG_BATCH_BYTES, 1}, {5 * (size_t)BACKLOG_BATCH_BYTES, 1}};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
		size_t len = cases[i / 2].len;
		bool newline = i % 2 == 0;
		char *line = xmalloc(len);
		struct backlog backlog;
		struct backlog_batch batch;
		struct told told = {0};

		memset(line, 'x', len);
		backlog_init(&backlog);
		backlog_batch_init(&batch);
		feed(&backlog, "{}\n", &told);
		for (size_t at = 0; at < len; at += PIECE)
			backlog_feed(
			    &backlog, line + at, len - at < PIECE ? len - at : PIECE, too_long, &told);
		feed(&backlog, newline ? "\n{}" : "", &told);
		backlog_end(&backlog, too_long, &told);
		assert_int_equal(told.count, cases[i / 2].told);
		backlog_take(&backlog, &batch);
		assert_int_equal(batch.numbers[0], 1);
		if (told.count > 0) {
			assert_int_equal(told.number, 2);
			assert_int_equal(batch.count, newline ? 2 : 1);
			assert_int_equal(batch.numbers[batch.count - 1], newline ? 3 : 1);
			assert_int_equal(backlog.pending.len, 0);
		} else {
			assert_int_equal(batch.count, 1);
			assert_int_equal(backlog.whole_bytes, BACKLOG_BATCH_BYTES + (newline ? 3 : 0));
		}
		backlog_free(&backlog);
		backlog_batch_free(&batch);
		free(line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(in_any_pieces),
	    cmocka_unit_test(bounded_batches),
	    cmocka_unit_test(large_lines),
	    cmocka_unit_test(lines_that_are_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
