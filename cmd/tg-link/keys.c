/* key new, key list, key revoke and start. */
#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "json.h"
#include "num.h"
#include "texts.h"
#include "qr.h"

/* What a person should know stands beside what a program may read. */
static void tell(const struct options *options, const char *words)
{
	if (!options->quiet && isatty(STDERR_FILENO))
		fprintf(stderr, "%s\n", words);
}

/* A text of an answer, which must be there. */
static const char *text_of(const struct submit_answer *answer, const char *name, struct error *error)
{
	const char *text = json_text(answer->body, name);

	if (text == NULL || text[0] == '\0')
		error_set(error, ERROR_PERMANENT,
		    "the answer of tg-sendd cannot be read; is it of the same version?");
	return text != NULL && text[0] != '\0' ? text : NULL;
}

int command_key_new(
    const char *socket_path, const struct options *options, struct buf *out, struct error *error)
{
	struct json_object *body;
	struct submit_answer answer;
	const char *key = NULL;
	int64_t expires_ms;
	int result;

	if (options->expires != NULL && num_duration_ms(options->expires, &expires_ms) != 0)
		return error_set(error, ERROR_USAGE, "--expires takes a duration such as 30d");
	body = json_object_new_object();
	json_put_text(body, "label", options->label);
	json_put_text(body, "expires", options->expires);
	result = ask_post(socket_path, "/api/telegram/keys", body, options, &answer, error);
	if (result == 0 && (key = text_of(&answer, "key", error)) == NULL)
		result = -1;
	if (result == 0 && options->json)
		print_answer(&answer, options, out);
	else if (result == 0)
		buf_add_format(out, "%s\n", key);
	if (result == 0)
		tell(options,
		    "This key is shown only now. Who has it can link a chat with your account, by sending\n"
		    "/link and the key to the bot. To make it invalid: tg-link key revoke");
	submit_answer_free(&answer);
	return result;
}

static void add_time(struct text_table *table, const char *time)
{
	char text[CELL_BYTES];

	format_time(time, text);
	text_table_add(table, time != NULL ? text : "never");
}

static void add_key(struct text_table *table, struct json_object *key)
{
	text_table_add_number(table, json_int64(key, "id"));
	text_table_add(table, is_true(key, "expired") ? "expired" : "valid");
	add_time(table, json_text(key, "made_at"));
	add_time(table, json_text(key, "expires_at"));
	add_time(table, json_text(key, "last_used_at"));
	text_table_add(table, json_text(key, "label"));
}

int command_key_list(
    const char *socket_path, const struct options *options, struct buf *out, struct error *error)
{
	static const char *const names[] = {"ID", "STATE", "MADE", "EXPIRES", "USED", "LABEL", NULL};
	struct text_table table = TEXT_TABLE_INIT(6);
	struct submit_answer answer;
	struct json_object *keys = NULL;
	int result = ask_for_user(socket_path, "GET", "/api/telegram/keys", options, &answer, error);

	if (result == 0 && options->json) {
		print_answer(&answer, options, out);
	} else if (result == 0 && (keys = rows_of(&answer, "keys", error)) == NULL) {
		result = -1;
	} else if (result == 0) {
		add_header(&table, names);
		for (size_t i = 0; i < json_object_array_length(keys); i++)
			add_key(&table, json_object_array_get_idx(keys, i));
		text_table_print(&table, out);
	}
	text_table_free(&table);
	submit_answer_free(&answer);
	return result;
}

int command_key_revoke(
    const char *socket_path, const struct options *options, struct buf *out, struct error *error)
{
	struct submit_answer answer;
	char path[CELL_BYTES];
	int64_t id;
	int result;

	if (options->arguments_count == 0)
		return error_set(
		    error, ERROR_USAGE, "the number of the key is missing; tg-link key list shows it");
	if (num_int64(options->arguments[0], 1, INT64_MAX, &id) != 0)
		return error_set(error, ERROR_USAGE,
		    "key revoke takes the number of a key, as tg-link key list shows it, and not the key");
	snprintf(path, sizeof path, "/api/telegram/keys/%lld", (long long)id);
	result = ask_for_user(socket_path, "DELETE", path, options, &answer, error);
	if (result == 0)
		print_answer(&answer, options, out);
	submit_answer_free(&answer);
	return result;
}

/* ---- start ---- */

/* Whether the terminal has room for it; one that does not tell is wide enough. */
static bool has_room(const char *url)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 ||
	       size.ws_col >= qr_columns(url);
}

static int print_link(const struct options *options, const char *url, struct buf *out, struct error *error)
{
	bool is_terminal = isatty(STDOUT_FILENO);

	buf_add_format(out, "%s\n", url);
	if (is_terminal && !options->qr && !has_room(url)) {
		tell(options, "The terminal is too narrow for a QR code.");
		return 0;
	}
	return is_terminal || options->qr ? qr_draw(url, is_terminal, out, error) : 0;
}

int command_start(
    const char *socket_path, const struct options *options, struct buf *out, struct error *error)
{
	struct submit_answer answer;
	const char *url = NULL;
	char words[WORDS_MAX_BYTES], lifetime[TEXT_DURATION_BYTES];
	int result =
	    ask_post(socket_path, "/api/telegram/start", json_object_new_object(), options, &answer, error);

	if (result == 0 && options->json)
		print_answer(&answer, options, out);
	else if (result == 0 && (url = text_of(&answer, "url", error)) == NULL)
		result = -1;
	else if (result == 0)
		result = print_link(options, url, out, error);
	if (result == 0) {
		snprintf(words, sizeof words,
		    "Open this on your phone, or scan it, and press Start. It works once and for %s.",
		    text_duration(json_int64(answer.body, "expires_in") * 1000, lifetime));
		tell(options, words);
	}
	submit_answer_free(&answer);
	return result;
}
