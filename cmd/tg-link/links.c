/* verify, unlink, status and list. */
#include "commands.h"

#include <string.h>
#include <sysexits.h>

#include "json.h"

enum { CODE_DIGITS = 6 };

/* A POST whose answer is a message for people. */
static int say(const char *socket_path, const char *path, struct json_object *body,
    const struct options *options, struct buf *out, struct error *error)
{
	struct submit_answer answer;
	int result = ask_post(socket_path, path, body, options, &answer, error);

	if (result == 0)
		print_answer(&answer, options, out);
	submit_answer_free(&answer);
	return result;
}

/* The code may be typed as the bot shows it, in groups: "123 456", "123-456". */
static int read_code(const struct options *options, char code[CODE_DIGITS + 1])
{
	size_t digits = 0;

	for (size_t i = 0; i < options->arguments_count; i++) {
		for (const char *c = options->arguments[i]; *c != '\0'; c++) {
			if (*c == ' ' || *c == '-')
				continue;
			if (*c < '0' || *c > '9' || digits == CODE_DIGITS)
				return -1;
			code[digits++] = *c;
		}
	}
	code[digits] = '\0';
	return digits == CODE_DIGITS ? 0 : -1;
}

int command_verify(
    const char *socket_path, const struct options *options, struct buf *out, struct error *error)
{
	struct json_object *body;
	char code[CODE_DIGITS + 1];

	if (options->arguments_count == 0)
		return error_set(
		    error, ERROR_USAGE, "the code is missing; send /start to the bot to get one");
	if (read_code(options, code) != 0)
		return error_set(error, ERROR_INPUT,
		    "a code has %d digits; send /start to the bot to get one", CODE_DIGITS);
	body = json_object_new_object();
	json_put_text(body, "code", code);
	return say(socket_path, "/api/telegram/verify", body, options, out, error);
}

int command_unlink(
    const char *socket_path, const struct options *options, struct buf *out, struct error *error)
{
	return say(socket_path, "/api/telegram/unlink", json_object_new_object(), options, out, error);
}

/* chat NULL: a link whose chat is not told. */
static void describe_link(struct buf *out, const char *user, struct json_object *chat, const char *linked_at)
{
	const char *name = chat != NULL ? json_text(chat, "username") : NULL;
	struct buf line = BUF_INIT(OUTPUT_MAX_BYTES);
	char time[CELL_BYTES];

	if (chat != NULL && json_text(chat, "linked_at") != NULL)
		linked_at = json_text(chat, "linked_at");
	format_time(linked_at, time);
	buf_add_format(&line, "%s is linked since %s", user, time);
	if (chat != NULL)
		buf_add_format(&line, " (chat %lld%s%s)", (long long)json_int64(chat, "chat_id"),
		    name != NULL && name[0] != '\0' ? ", @" : "", name != NULL ? name : "");
	if (chat != NULL && is_true(chat, "paused"))
		buf_add_text(&line, ", paused: Telegram refused a message; send /start to the bot to resume");
	text_add_line(out, buf_text(&line), WORDS_MAX_BYTES);
	buf_add_text(out, "\n");
	buf_free(&line);
}

static void describe_status(struct buf *out, struct json_object *status)
{
	const char *user = json_text(status, "user") != NULL ? json_text(status, "user") : "this account";
	const char *linked_at = json_text(status, "linked_at");
	struct json_object *chats = NULL;
	struct error unused;
	size_t count;

	if (!is_true(status, "linked")) {
		text_add_line(out, user, CELL_BYTES);
		buf_add_text(
		    out, " has no linked Telegram; send /start to the bot, then run: tg-link verify CODE\n");
		return;
	}
	count = json_get_array(status, "chats", &chats, &unused) == 1 ? json_object_array_length(chats) : 0;
	if (count == 0)
		describe_link(out, user, NULL, linked_at);
	for (size_t i = 0; i < count; i++)
		describe_link(out, user, json_object_array_get_idx(chats, i), linked_at);
}

int command_status(
    const char *socket_path, const struct options *options, struct buf *out, struct error *error)
{
	struct submit_answer answer;
	int result = ask_for_user(socket_path, "GET", "/api/telegram/status", options, &answer, error);

	if (result == 0 && options->json)
		buf_add_format(out, "%s\n", json_line(answer.body));
	else if (result == 0)
		describe_status(out, answer.body);
	if (result == 0 && !is_true(answer.body, "linked"))
		result = EX_NOPERM;
	submit_answer_free(&answer);
	return result;
}

static void add_link(struct text_table *table, struct json_object *link)
{
	char time[CELL_BYTES];

	format_time(json_text(link, "linked_at"), time);
	text_table_add(table, json_text(link, "user"));
	text_table_add_number(table, json_int64(link, "chat_id"));
	text_table_add(table, json_text(link, "username"));
	text_table_add(table, is_true(link, "paused") ? "paused" : "linked");
	text_table_add(table, time);
}

int command_list(const char *socket_path, const struct options *options, struct buf *out, struct error *error)
{
	static const char *const names[] = {"USER", "CHAT", "USERNAME", "STATE", "SINCE", NULL};
	struct text_table table = TEXT_TABLE_INIT(5);
	struct json_object *links = NULL;
	struct submit_answer answer;
	int result;

	if (options->user != NULL)
		return error_set(
		    error, ERROR_USAGE, "list shows all links; for one account: tg-link -u USER status");
	result = ask(socket_path, "GET", "/api/telegram/links", NULL, &answer, error);
	if (result == 0 && options->json) {
		buf_add_format(out, "%s\n", json_line(answer.body));
	} else if (result == 0 && (links = rows_of(&answer, "links", error)) == NULL) {
		result = -1;
	} else if (result == 0) {
		add_header(&table, names);
		for (size_t i = 0; i < json_object_array_length(links); i++)
			add_link(&table, json_object_array_get_idx(links, i));
		text_table_print(&table, out);
	}
	text_table_free(&table);
	submit_answer_free(&answer);
	return result;
}
