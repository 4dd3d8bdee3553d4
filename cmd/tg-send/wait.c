#include "wait.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "clock.h"
#include "json.h"
#include "submit.h"
#include "text.h"

enum {
	ASK_MAX_MS = 30000, /* in one request */
	PAUSE_MS = 250,
	WORDS_MAX_BYTES = 160,
};

static int64_t left_ms(int64_t end_ms)
{
	int64_t left = end_ms - clock_monotonic_ms();

	return left > 0 ? left : 0;
}

/* Asks once; what is answered after left_ms, or 30 s, is that it is not delivered yet. */
static int ask(
    const char *socket_path, int64_t id, int64_t limit_ms, struct submit_answer *answer, struct error *error)
{
	int64_t wait_s = ((limit_ms < ASK_MAX_MS ? limit_ms : ASK_MAX_MS) + 999) / 1000;
	struct buf target = BUF_INIT(128);
	int result;

	(void)buf_add_format(&target, "/queue/%lld", (long long)id);
	if (wait_s > 0)
		(void)buf_add_format(&target, "?wait=%llds", (long long)wait_s);
	result = submit_request(socket_path, "GET", buf_text(&target), NULL, NULL, 0, NULL, answer, error);
	buf_free(&target);
	return result;
}

static int never(int64_t id, const char *state, struct json_object *row, struct error *error)
{
	struct buf words = BUF_INIT(2 * WORDS_MAX_BYTES);

	text_add_line(&words, json_text(row, "error"), WORDS_MAX_BYTES);
	if (strcmp(state, "dead") == 0)
		error_set(
		    error, ERROR_PERMANENT, "dead: %s", words.len > 0 ? buf_text(&words) : "nobody said why");
	else
		error_set(error, ERROR_PERMANENT, "uncertain: it may have arrived, see tg-queue show %lld",
		    (long long)id);
	buf_free(&words);
	return -1;
}

static int not_yet(int64_t id, const char *state, struct json_object *row, struct error *error)
{
	struct buf words = BUF_INIT(2 * WORDS_MAX_BYTES);

	text_add_line(&words, json_text(row, "error"), WORDS_MAX_BYTES);
	error_set(error, ERROR_TEMPORARY, "%s as %lld%s%s; it will be sent later",
	    strcmp(state, "scheduled") == 0 ? state : "queued", (long long)id, words.len > 0 ? ": " : "",
	    buf_text(&words));
	buf_free(&words);
	return -1;
}

/* 1: delivered, 0: ask again, -1: this is how it ends. */
static int judge(int64_t id, const struct submit_answer *answer, bool over, struct error *error)
{
	const char *state = answer->body != NULL ? json_text(answer->body, "state") : NULL;

	if (answer->status == 404)
		return error_set(error, ERROR_PERMANENT, "%lld was cancelled", (long long)id);
	if (answer->status < 200 || answer->status > 299)
		return over ? error_set(error, ERROR_TEMPORARY,
				  "queued as %lld, but tg-sendd does not tell what became of it",
				  (long long)id)
			    : 0;
	if (state == NULL)
		return error_set(error, ERROR_PERMANENT,
		    "queued as %lld, but the answer of tg-sendd cannot be read; is it of the same version?",
		    (long long)id);
	if (strcmp(state, "delivered") == 0)
		return 1;
	if (strcmp(state, "dead") == 0 || strcmp(state, "uncertain") == 0)
		return never(id, state, answer->body, error);
	return over ? not_yet(id, state, answer->body, error) : 0;
}

static int wait_for_one(const char *socket_path, int64_t id, int64_t end_ms, struct error *error)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
	struct submit_answer answer;
	struct error unused;
	bool over;
	int verdict;

	do {
		(void)ask(socket_path, id, left_ms(end_ms), &answer, &unused);
		over = left_ms(end_ms) == 0;
		verdict = judge(id, &answer, over, error);
		submit_answer_free(&answer);
		if (verdict == 0)
			(void)nanosleep(&pause, NULL);
	} while (verdict == 0);
	return verdict > 0 ? 0 : -1;
}

int wait_for_delivery(
    const char *socket_path, const int64_t *ids, size_t count, int64_t limit_ms, struct error *error)
{
	int64_t end_ms = clock_monotonic_ms() + limit_ms;

	for (size_t i = 0; i < count; i++) {
		if (wait_for_one(socket_path, ids[i], end_ms, error) != 0)
			return -1;
	}
	return 0;
}
