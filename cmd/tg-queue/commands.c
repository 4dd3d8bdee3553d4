#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "submit.h"
#include "text.h"

enum { TARGET_MAX_BYTES = 4096, HISTORY_ROWS = 50, USER_MAX_BYTES = 256 };

static const char unreadable[] = "the answer of tg-sendd cannot be read; is it of the same version?";

/* ---- requests ---- */

static int ask(struct command *command, const char *method, const char *target, struct json_object *body,
    struct submit_answer *answer, struct error *error)
{
	const char *line = body != NULL ? json_line(body) : NULL;
	size_t len = line != NULL ? strlen(line) : 0;
	struct error words;

	if (submit_request(command->socket_path, method, target, NULL, line, len, NULL, answer, error) == 0)
		return 0;
	command->no_answer = answer->status == 0 || answer->status >= 500;
	if (answer->status != 409)
		return -1;
	words = *error;
	return error_set(error, ERROR_TEMPORARY, "%.200s; try again in a moment", words.text);
}

/* Prints the answer, or "text" in its place. */
static void tell(struct command *command, const struct submit_answer *answer, const char *text)
{
	if (command->options->json)
		buf_add_format(command->out, "%s\n", json_line(answer->body));
	else
		buf_add_text(command->out, text);
}

static int add_parameters(struct command *command, struct buf *target, int64_t count, struct error *error)
{
	char number[32];

	snprintf(number, sizeof number, "%lld", (long long)count);
	if (submit_add_query(target, "user", command->options->user) == 0 &&
	    (count == 0 || submit_add_query(target, "limit", number) == 0))
		return 0;
	return error_set(error, ERROR_USAGE, "the name of the account is too long");
}

/* Asks for count rows. 0: answer is to be freed; messages are in it. */
static int ask_rows(struct command *command, const char *path, int64_t count, struct submit_answer *answer,
    struct json_object **messages, struct error *error)
{
	struct buf target = BUF_INIT(TARGET_MAX_BYTES);
	int result;

	*answer = (struct submit_answer){0};
	buf_add_text(&target, path);
	result = add_parameters(command, &target, count, error);
	if (result == 0)
		result = ask(command, "GET", buf_text(&target), NULL, answer, error);
	if (result == 0 && json_get_array(answer->body, "messages", messages, error) != 1)
		result = error_set(error, ERROR_PERMANENT, "%s", unreadable);
	if (result == 0)
		command->is_cut = (int64_t)json_object_array_length(*messages) >= count;
	else
		submit_answer_free(answer);
	buf_free(&target);
	return result;
}

/* ---- looking ---- */

int command_list(struct command *command, struct error *error)
{
	int64_t asked = command->options->count;
	struct json_object *messages = NULL;
	struct submit_answer answer;

	if (ask_rows(command, "/queue", asked > 0 ? asked : COMMANDS_ROWS_MAX, &answer, &messages, error) !=
	    0)
		return -1;
	/* Who asked for so many need not be told that there are more. */
	command->is_cut = command->is_cut && asked == 0;
	if (command->options->json)
		tell(command, &answer, "");
	else
		show_queue(messages, &command->view, command->out);
	submit_answer_free(&answer);
	return 0;
}

int command_history(struct command *command, struct error *error)
{
	int64_t asked = command->options->count;
	struct json_object *messages = NULL;
	struct submit_answer answer;

	if (ask_rows(command, "/history", asked > 0 ? asked : HISTORY_ROWS, &answer, &messages, error) != 0)
		return -1;
	command->is_cut = false;
	if (command->options->json)
		tell(command, &answer, "");
	else
		show_history(messages, &command->view, command->out);
	submit_answer_free(&answer);
	return 0;
}

/* What GET answers of one message or update, as show prints it. */
static int look_at(struct command *command, const char *path, int64_t number,
    void (*show)(struct json_object *object, const struct show_view *view, struct buf *out),
    struct error *error)
{
	struct submit_answer answer;
	char target[64];
	int result;

	snprintf(target, sizeof target, "%s/%lld", path, (long long)number);
	result = ask(command, "GET", target, NULL, &answer, error);
	if (result == 0 && command->options->json) {
		tell(command, &answer, "");
	} else if (result == 0) {
		buf_add_text(command->out, command->out->len > 0 ? "\n" : "");
		show(answer.body, &command->view, command->out);
	}
	submit_answer_free(&answer);
	return result;
}

int command_show(struct command *command, int64_t number, struct error *error)
{
	return look_at(command, "/queue", number, show_message, error);
}

int command_update_show(struct command *command, int64_t number, struct error *error)
{
	return look_at(command, "/updates", number, show_update, error);
}

int command_updates(struct command *command, struct error *error)
{
	struct json_object *updates = NULL;
	struct submit_answer answer = {0};
	int result = ask(command, "GET", "/updates", NULL, &answer, error);

	if (result == 0 && json_get_array(answer.body, "updates", &updates, error) != 1)
		result = error_set(error, ERROR_PERMANENT, "%s", unreadable);
	if (result == 0 && command->options->json)
		tell(command, &answer, "");
	else if (result == 0)
		show_updates(updates, &command->view, command->out);
	submit_answer_free(&answer);
	return result;
}

/* ---- changing ---- */

/* What is done to one message or update; done says it to the caller. */
struct change {
	const char *method, *what, *path, *suffix, *done;
};

static int change(struct command *command, const struct change *change, int64_t number, struct error *error)
{
	struct submit_answer answer;
	char target[64], text[64];
	int result;

	snprintf(target, sizeof target, "%s/%lld%s", change->path, (long long)number, change->suffix);
	snprintf(text, sizeof text, "%s %lld %s\n", change->what, (long long)number, change->done);
	result = ask(command, change->method, target, NULL, &answer, error);
	if (result == 0)
		tell(command, &answer, text);
	submit_answer_free(&answer);
	return result;
}

int command_cancel(struct command *command, int64_t number, struct error *error)
{
	static const struct change cancel = {"DELETE", "message", "/queue", "", "cancelled"};

	return change(command, &cancel, number, error);
}

int command_retry(struct command *command, int64_t number, struct error *error)
{
	static const struct change retry = {"POST", "message", "/queue", "/retry", "queued again"};

	return change(command, &retry, number, error);
}

int command_update_delete(struct command *command, int64_t number, struct error *error)
{
	static const struct change forget = {"DELETE", "update", "/updates", "", "forgotten"};

	return change(command, &forget, number, error);
}

static void format_count(char *text, size_t size, int64_t count, const char *done)
{
	snprintf(text, size, "%lld message%s %s\n", (long long)count, count == 1 ? "" : "s", done);
}

int command_cancel_all(struct command *command, struct error *error)
{
	struct buf target = BUF_INIT(TARGET_MAX_BYTES);
	struct submit_answer answer = {0};
	char text[64];
	int result;

	buf_add_text(&target, "/queue");
	result = add_parameters(command, &target, 0, error);
	if (result == 0)
		result = ask(command, "DELETE", buf_text(&target), NULL, &answer, error);
	if (result == 0) {
		format_count(text, sizeof text, json_int64(answer.body, "cancelled"), "cancelled");
		tell(command, &answer, text);
	}
	submit_answer_free(&answer);
	buf_free(&target);
	return result;
}

/* 1, or 0 where it is not there any more. */
static int retry_dead(struct command *command, int64_t number, struct error *error)
{
	struct submit_answer answer;
	char target[64];
	int result, status;

	snprintf(target, sizeof target, "/queue/%lld/retry", (long long)number);
	result = ask(command, "POST", target, NULL, &answer, error);
	status = answer.status;
	submit_answer_free(&answer);
	return result == 0 ? 1 : status == 404 ? 0 : -1;
}

static bool is_dead(struct json_object *message)
{
	const char *state = json_text(message, "state");

	return state != NULL && strcmp(state, "dead") == 0;
}

int command_retry_all(struct command *command, struct error *error)
{
	struct json_object *messages = NULL, *total = json_object_new_object();
	struct submit_answer answer;
	int64_t count = 0;
	char text[64];
	int result = ask_rows(command, "/queue", COMMANDS_ROWS_MAX, &answer, &messages, error);

	for (size_t i = 0; result >= 0 && i < json_object_array_length(messages); i++) {
		struct json_object *message = json_object_array_get_idx(messages, i);

		if (!is_dead(message))
			continue;
		result = retry_dead(command, json_int64(message, "id"), error);
		count += result > 0 ? 1 : 0;
	}
	if (result >= 0 || count > 0) {
		json_put_int64(total, "retried", count);
		format_count(text, sizeof text, count, "queued again");
		tell(command, &(struct submit_answer){200, total}, text);
	}
	json_object_put(total);
	submit_answer_free(&answer);
	return result < 0 ? -1 : 0;
}

static int switch_hold(struct command *command, bool on, struct error *error)
{
	const char *user = command->options->user;
	struct json_object *body = json_object_new_object();
	struct buf text = BUF_INIT(4 * USER_MAX_BYTES);
	struct submit_answer answer;
	int result;

	user = user != NULL && strcmp(user, "*") != 0 ? user : NULL;
	json_put_text(body, "user", user);
	result = ask(command, "POST", on ? "/queue/hold" : "/queue/resume", body, &answer, error);
	buf_add_text(&text, user != NULL ? "deliveries of " : "all deliveries");
	text_add_line(&text, user, USER_MAX_BYTES);
	buf_add_text(&text, on ? " are held until: tg-queue resume" : " go on");
	buf_add_text(&text, on && user != NULL ? " -u " : "");
	text_add_line(&text, on ? user : NULL, USER_MAX_BYTES);
	buf_add_text(&text, "\n");
	if (result == 0)
		tell(command, &answer, buf_text(&text));
	submit_answer_free(&answer);
	buf_free(&text);
	json_object_put(body);
	return result;
}

int command_hold(struct command *command, struct error *error)
{
	return switch_hold(command, true, error);
}

int command_resume(struct command *command, struct error *error)
{
	return switch_hold(command, false, error);
}
