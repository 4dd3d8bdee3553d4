#include "poller.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "http.h"
#include "json.h"
#include "log.h"
#include "loop.h"
#include "output.h"
#include "plan.h"
#include "taken.h"

enum {
	HOLD_S = 50, /* the most that Telegram holds a getUpdates */
	UPDATES_PER_CALL = 100,
	ANSWER_TIMEOUT_MS = 15000, /* beyond the time the call is held */
	FAREWELL_MS = 3000,
	FINISH_LINE_MS = 200,
	RETRY_NAME_MS = 60000,
	REAP_MS = 3600000,
	OUTPUT_MAX_BYTES = 128 << 20,
};

/* Causes of trouble besides the error codes of Telegram. */
enum { CAUSE_NO_ANSWER = 100000, CAUSE_STORE = 200000 };

enum call { CALL_NONE, CALL_NAME, CALL_UPDATES, CALL_CONFIRM };

struct poller {
	struct poller_options *options;
	struct store *store;
	struct taken taken;
	struct output output;
	struct loop *loop;
	struct http_client *client;

	struct http_transfer *transfer; /* NULL: no call is under way */
	enum call call;
	int64_t call_offset, call_started_ms;
	int64_t confirmed_offset; /* of the last getUpdates that was answered */
	int64_t next_call_ms, next_name_ms, next_reap_ms;
	bool named;	/* the store knows the bot's username */
	bool polled;	/* once: getUpdates is done */
	bool confirmed; /* once: there is nothing more to call */
	struct poll_trouble trouble;

	bool ended;
	bool reader_gone;
	bool failed; /* error says why */
	struct error error;
};

static void fail(struct poller *poller, const struct error *error)
{
	poller->error = *error;
	poller->failed = poller->ended = true;
}

/* ---- what went wrong ---- */

/* There is no second try: what was taken before is printed, then the exit code tells. */
static void fail_once(struct poller *poller, enum error_kind kind, const char *what, const char *remedy)
{
	poller->polled = poller->confirmed = poller->failed = true;
	error_set(&poller->error, kind, "cannot poll: %s%s%s", what, remedy[0] != '\0' ? "; " : "", remedy);
}

static double jitter(void)
{
	return randombytes_uniform(1000) / 1000.0;
}

static void telegram_failed(struct poller *poller, const struct telegram_reply *reply)
{
	int64_t cause = reply->error_code != 0 ? reply->error_code : CAUSE_NO_ANSWER + (int)reply->verdict;
	int64_t now_ms = clock_monotonic_ms();
	const char *remedy = poll_remedy(reply);
	bool bad_token = reply->verdict == TELEGRAM_BAD_TOKEN;
	int64_t wait_ms;
	bool log;

	if (poller->options->once) {
		fail_once(poller, bad_token ? ERROR_CONFIG : ERROR_TEMPORARY, reply->description, remedy);
		return;
	}
	log = poll_trouble_add(&poller->trouble, cause, now_ms);
	wait_ms = poll_failure_wait_ms(reply, poller->trouble.count, jitter());
	poller->next_call_ms = now_ms + wait_ms;
	if (log)
		LOG_AT(bad_token ? LOG_ERROR : LOG_WARNING, "polling fails",
		    LOG_STR("reason", reply->description), LOG_INT("code", reply->error_code),
		    LOG_STR("remedy", remedy), LOG_INT("failures", poller->trouble.count),
		    LOG_INT("next_try_ms", wait_ms));
}

/* Nothing was confirmed: Telegram keeps the updates and gives them again. */
static void store_failed(struct poller *poller, const struct error *error)
{
	static const struct telegram_reply retry = {.verdict = TELEGRAM_RETRY};
	int64_t now_ms = clock_monotonic_ms();
	int64_t wait_ms;
	bool log;

	if (!error_is_temporary(error->kind)) {
		fail(poller, error);
		return;
	}
	if (poller->options->once) {
		fail_once(poller, ERROR_TEMPORARY, error->text, "");
		return;
	}
	log = poll_trouble_add(&poller->trouble, CAUSE_STORE, now_ms);
	wait_ms = poll_failure_wait_ms(&retry, poller->trouble.count, jitter());
	poller->next_call_ms = now_ms + wait_ms;
	if (log)
		log_error("updates cannot be kept and stay at Telegram", LOG_STR("reason", error->text),
		    LOG_INT("failures", poller->trouble.count), LOG_INT("next_try_ms", wait_ms));
}

static void trouble_is_over(struct poller *poller)
{
	int64_t failures = poll_trouble_end(&poller->trouble);

	if (failures > 0)
		log_info("polling works again", LOG_INT("failures", failures));
}

/* ---- answers ---- */

static void keep_name(struct poller *poller, struct json_object *me)
{
	const char *name = json_object_is_type(me, json_type_object) ? json_text(me, "username") : NULL;
	struct store_txn *txn;
	struct error error;
	int result;

	if (name == NULL || name[0] == '\0' || strlen(name) >= STORE_USER_BYTES)
		return;
	if (store_begin(poller->store, &txn, &error) != 0)
		return;
	result = store_bot_name_set(txn, name, &error);
	if (result == 0)
		result = store_commit(txn, &error);
	else
		store_abort(txn);
	poller->named = result == 0;
	if (poller->named)
		log_info("polling", LOG_STR("bot", name));
}

static void name_answered(struct poller *poller, const struct telegram_reply *reply)
{
	poller->next_name_ms = clock_monotonic_ms() + RETRY_NAME_MS;
	if (reply->verdict == TELEGRAM_OK)
		keep_name(poller, reply->result);
	else if (reply->verdict == TELEGRAM_BAD_TOKEN || reply->verdict == TELEGRAM_WAIT)
		telegram_failed(poller, reply);
}

static void take(struct poller *poller, struct json_object *updates)
{
	int64_t took_ms = clock_monotonic_ms() - poller->call_started_ms;
	struct error error;
	int64_t count = taken_add(&poller->taken, updates, poller->call_offset, &error);

	if (count < 0) {
		store_failed(poller, &error);
		return;
	}
	trouble_is_over(poller);
	poller->polled = true;
	poller->next_call_ms = clock_monotonic_ms() + poll_pause_ms(count, took_ms);
	if (count > 0)
		log_debug("updates taken", LOG_INT("count", count));
}

static void updates_answered(struct poller *poller, struct telegram_reply *reply)
{
	if (reply->verdict == TELEGRAM_OK && !json_object_is_type(reply->result, json_type_array)) {
		reply->verdict = TELEGRAM_RETRY;
		snprintf(
		    reply->description, sizeof reply->description, "the answer is not a list of updates");
	}
	if (reply->verdict != TELEGRAM_OK) {
		telegram_failed(poller, reply);
		return;
	}
	poller->confirmed_offset = poller->call_offset;
	take(poller, reply->result);
}

static void confirm_answered(struct poller *poller, const struct telegram_reply *reply)
{
	poller->confirmed = true;
	/* What is in the store is confirmed by the next run. */
	if (reply->verdict != TELEGRAM_OK && poller->store == NULL && poller->options->once)
		fail_once(poller, ERROR_TEMPORARY, reply->description, "what was printed will come again");
}

static void answered(void *context, const struct http_answer *answer)
{
	struct poller *poller = context;
	struct telegram_reply reply;

	poller->transfer = NULL;
	telegram_read(answer, &reply);
	if (poller->call == CALL_NAME)
		name_answered(poller, &reply);
	else if (poller->call == CALL_UPDATES)
		updates_answered(poller, &reply);
	else
		confirm_answered(poller, &reply);
	telegram_reply_free(&reply);
}

/* ---- calls ---- */

static struct json_object *update_parameters(int64_t offset, int64_t limit, int64_t hold_s)
{
	static const char *const kinds[] = {"message", "edited_message", "callback_query", "my_chat_member"};
	struct json_object *parameters = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		json_object_array_add(list, json_object_new_string(kinds[i]));
	if (offset != 0)
		json_put_int64(parameters, "offset", offset);
	json_put_int64(parameters, "limit", limit);
	json_put_int64(parameters, "timeout", hold_s);
	json_object_object_add(parameters, "allowed_updates", list);
	return parameters;
}

static int64_t current_offset(const struct poller *poller)
{
	return poll_offset(&poller->taken.position, clock_wall_ms());
}

static void start_call(struct poller *poller, enum call call)
{
	int64_t hold_s = call == CALL_UPDATES && !poller->options->once ? HOLD_S : 0;
	struct json_object *parameters = NULL;
	struct error error;

	poller->call = call;
	poller->call_offset = current_offset(poller);
	poller->call_started_ms = clock_monotonic_ms();
	if (call != CALL_NAME)
		parameters = update_parameters(
		    poller->call_offset, call == CALL_UPDATES ? UPDATES_PER_CALL : 1, hold_s);
	if (telegram_start(poller->client, &poller->options->telegram,
		call == CALL_NAME ? "getMe" : "getUpdates", parameters, NULL, 0,
		hold_s * 1000 + ANSWER_TIMEOUT_MS, answered, poller, &poller->transfer, &error) != 0)
		fail(poller, &error);
	json_object_put(parameters);
}

static bool is_printed(const struct poller *poller)
{
	return output_is_empty(&poller->output) && taken_is_empty(&poller->taken);
}

/* What to call when its time has come; CALL_NONE while the reader must take lines first. */
static enum call next_call(const struct poller *poller, int64_t now_ms)
{
	if (poller->options->once && poller->confirmed)
		return CALL_NONE;
	/* Without a store the next call confirms what must have been written before. */
	if (poller->store == NULL && !is_printed(poller))
		return CALL_NONE;
	if (poller->options->once)
		return poller->polled ? CALL_CONFIRM : CALL_UPDATES;
	if (poller->store != NULL && !poller->named && now_ms >= poller->next_name_ms)
		return CALL_NAME;
	return CALL_UPDATES;
}

/* Starts what is due and returns how long to wait for the next thing that is. */
static int64_t start_due_call(struct poller *poller)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t wait_ms = poller->next_reap_ms - now_ms;
	enum call call;

	if (poller->transfer != NULL)
		return wait_ms;
	call = next_call(poller, now_ms);
	if (call == CALL_NONE)
		return wait_ms;
	if (now_ms >= poller->next_call_ms)
		start_call(poller, call);
	else if (poller->next_call_ms - now_ms < wait_ms)
		wait_ms = poller->next_call_ms - now_ms;
	return wait_ms;
}

/* ---- output ---- */

static void output_due(void *context, int fd, short events)
{
	struct poller *poller = context;
	struct error error;

	(void)fd;
	if ((events & (POLLERR | POLLHUP)) == 0 && output_write(&poller->output) == 0)
		return;
	if ((events & (POLLERR | POLLHUP)) != 0 || errno == EPIPE) {
		log_info("the reader of the updates is gone");
		poller->reader_gone = poller->ended = true;
	} else {
		error_errno(&error, ERROR_TEMPORARY, "cannot write the updates to stdout");
		fail(poller, &error);
	}
}

static void feed_output(struct poller *poller)
{
	struct error error;

	if (output_is_empty(&poller->output) && taken_fetch(&poller->taken, &poller->output, &error) != 0)
		fail(poller, &error);
	/* Without lines only the end of the reader is of interest. */
	loop_watch(poller->loop, poller->options->output_fd, output_is_empty(&poller->output) ? 0 : POLLOUT,
	    output_due, poller);
}

/* ---- the loop ---- */

static void end_by_signal(void *context, int signo)
{
	struct poller *poller = context;

	(void)signo;
	poller->ended = true;
}

/* A call that is under way has copied what it needs. */
static void reload(void *context, int signo)
{
	struct poller *poller = context;

	(void)signo;
	poller->options->reload(poller->options, poller->options->context);
}

static int set_up(struct poller *poller, struct error *error)
{
	if (loop_new(&poller->loop, error) != 0 || http_client_new(poller->loop, &poller->client, error) != 0)
		return -1;
	if (loop_on_signal(poller->loop, SIGTERM, end_by_signal, poller, error) != 0 ||
	    loop_on_signal(poller->loop, SIGINT, end_by_signal, poller, error) != 0 ||
	    loop_on_signal(poller->loop, SIGHUP, reload, poller, error) != 0)
		return -1;
	output_init(&poller->output, poller->options->output_fd, OUTPUT_MAX_BYTES);
	return poller->store != NULL ? taken_replay(&poller->taken, error) : 0;
}

static void reap_readers(struct poller *poller)
{
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms < poller->next_reap_ms)
		return;
	poller->next_reap_ms = now_ms + REAP_MS;
	if (poller->store != NULL)
		store_reap_readers(poller->store);
}

static bool is_done(const struct poller *poller)
{
	return poller->options->once && poller->polled && is_printed(poller) &&
	       (poller->confirmed || current_offset(poller) == poller->confirmed_offset);
}

/* Without a store: what was written whole is confirmed, if Telegram answers soon. */
static void confirm_at_the_end(struct poller *poller)
{
	int64_t end_ms = clock_monotonic_ms() + FAREWELL_MS, left_ms;
	struct error error;

	taken_note_written(&poller->taken, &poller->output);
	if (current_offset(poller) == poller->confirmed_offset)
		return;
	if (poller->transfer != NULL)
		http_cancel(poller->transfer);
	poller->confirmed = false;
	start_call(poller, CALL_CONFIRM);
	while (!poller->failed && !poller->confirmed && (left_ms = end_ms - clock_monotonic_ms()) > 0) {
		if (loop_turn(poller->loop, left_ms, &error) != 0)
			break;
	}
	if (!poller->confirmed)
		log_warning("the last updates could not be confirmed and will come again");
}

static void run(struct poller *poller)
{
	struct error error;

	while (!poller->ended) {
		int64_t wait_ms;

		reap_readers(poller);
		feed_output(poller);
		if (is_done(poller))
			break;
		wait_ms = start_due_call(poller);
		if (!poller->ended && loop_turn(poller->loop, wait_ms, &error) != 0)
			fail(poller, &error);
	}
	if (!poller->reader_gone && !output_is_empty(&poller->output))
		output_finish_line(&poller->output, FINISH_LINE_MS);
	loop_unwatch(poller->loop, poller->options->output_fd);
	if (poller->store == NULL && !poller->reader_gone && !poller->failed && !poller->options->once)
		confirm_at_the_end(poller);
}

int poller_run(struct poller_options *options, struct error *error)
{
	struct poller poller = {.options = options, .store = options->store};
	int result = -1;

	taken_init(&poller.taken, options->store);
	if (set_up(&poller, error) != 0)
		goto out;
	run(&poller);
	if (poller.failed)
		*error = poller.error;
	else
		result = 0;
out:
	http_client_free(poller.client);
	loop_free(poller.loop);
	output_free(&poller.output);
	taken_free(&poller.taken);
	return result;
}
