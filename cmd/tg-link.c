/* tg-link: joins one's Unix account with a Telegram chat, and shows what is joined. See tg-link(1). */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "buf.h"
#include "config.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "num.h"
#include "program.h"
#include "submit.h"
#include "text.h"

#define PROGRAM "tg-link"
#define USAGE "usage: tg-link [-jq] [-u user] [-c file] verify code | unlink | status | list"

static const char help[] = USAGE "\n"
				 "Links your Unix account with a Telegram chat.\n"
				 "  verify CODE         link it with the chat that got CODE from the bot\n"
				 "  unlink              undo the link\n"
				 "  status              show the link; exit code 77 where there is none\n"
				 "  list                show everybody's links (operators)\n"
				 "  -j, --json          print what tg-sendd answers, as JSON\n"
				 "  -q, --quiet         print nothing but errors\n"
				 "  -u, --user USER     for USER instead (front ends and operators)\n"
				 "  -c, --config FILE   configuration instead of " CONFIG_DEFAULT_PATH "\n"
				 "  -V, --version       print the version\n"
				 "  -h, --help          print this\n"
				 "To get a code, send /start to the bot in Telegram. See tg-link(1).\n";

static const struct option long_options[] = {
    {"json", no_argument, NULL, 'j'},
    {"quiet", no_argument, NULL, 'q'},
    {"user", required_argument, NULL, 'u'},
    {"config", required_argument, NULL, 'c'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

enum {
	CODE_DIGITS = 6,
	OUTPUT_MAX_BYTES = 256 << 20,
	CELL_BYTES = 64,
	TARGET_MAX_BYTES = 4096,
	WORDS_MAX_BYTES = 300
};

struct options {
	const char *config_path;
	const char *user; /* NULL: the caller */
	bool json;
	bool quiet;
	char *const *arguments; /* behind the subcommand */
	size_t arguments_count;
};

/* A subcommand appends what it prints and returns the exit code, or -1 with error. */
typedef int command_fn(
    const char *socket_path, const struct options *options, struct buf *out, struct error *error);

/* How long tg-sendd makes the caller wait goes behind its words. */
static void add_wait(const struct submit_answer *answer, struct error *error)
{
	int64_t seconds = answer->body != NULL ? json_int64(answer->body, "retry_after") : 0;
	struct error words = *error;
	char wait[32];

	if (answer->status != 429 || seconds <= 0 || seconds > INT32_MAX)
		return;
	error_set(error, words.kind, "%.200s; try again in %s", words.text,
	    num_format_duration(seconds * 1000, wait, sizeof wait));
}

static int ask(const char *socket_path, const char *method, const char *target, struct json_object *body,
    struct submit_answer *answer, struct error *error)
{
	const char *line = body != NULL ? json_line(body) : NULL;
	int result = submit_request(
	    socket_path, method, target, NULL, line, line != NULL ? strlen(line) : 0, NULL, answer, error);

	if (result != 0)
		add_wait(answer, error);
	return result;
}

/* A POST whose answer is a message for people. */
static int post(const char *socket_path, const char *target, struct json_object *body,
    const struct options *options, struct buf *out, struct error *error)
{
	struct submit_answer answer;
	int result;

	json_put_text(body, "user", options->user);
	result = ask(socket_path, "POST", target, body, &answer, error);
	json_object_put(body);
	if (result == 0 && options->json) {
		buf_add_format(out, "%s\n", json_line(answer.body));
	} else if (result == 0) {
		const char *message = json_text(answer.body, "message");

		text_add_line(out, message != NULL ? message : "Done.", WORDS_MAX_BYTES);
		buf_add_text(out, "\n");
	}
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

static int verify(
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
	return post(socket_path, "/api/telegram/verify", body, options, out, error);
}

static int unlink_account(
    const char *socket_path, const struct options *options, struct buf *out, struct error *error)
{
	return post(socket_path, "/api/telegram/unlink", json_object_new_object(), options, out, error);
}

/* "2026-01-31T08:00:00Z" as people write it; anything else as it is. */
static void format_time(const char *time, char text[CELL_BYTES])
{
	if (time != NULL && strlen(time) == 20 && time[10] == 'T' && time[19] == 'Z')
		snprintf(text, CELL_BYTES, "%.10s %.5s UTC", time, time + 11);
	else
		snprintf(text, CELL_BYTES, "%.20s", time != NULL ? time : "");
}

static bool is_true(struct json_object *object, const char *key)
{
	struct error unused;
	bool value = false;

	return json_get_bool(object, key, &value, &unused) == 1 && value;
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

static int show_status(
    const char *socket_path, const struct options *options, struct buf *out, struct error *error)
{
	struct buf target = BUF_INIT(TARGET_MAX_BYTES);
	struct submit_answer answer = {0};
	int result = -1;

	buf_add_text(&target, "/api/telegram/status");
	if (submit_add_query(&target, "user", options->user) != 0)
		error_set(error, ERROR_USAGE, "the name of the account is too long");
	else
		result = ask(socket_path, "GET", buf_text(&target), NULL, &answer, error);
	if (result == 0 && options->json)
		buf_add_format(out, "%s\n", json_line(answer.body));
	else if (result == 0)
		describe_status(out, answer.body);
	if (result == 0 && !is_true(answer.body, "linked"))
		result = EX_NOPERM;
	submit_answer_free(&answer);
	buf_free(&target);
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

static void add_header(struct text_table *table)
{
	static const char *const names[] = {"USER", "CHAT", "USERNAME", "STATE", "SINCE"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		text_table_add(table, names[i]);
}

static int list(const char *socket_path, const struct options *options, struct buf *out, struct error *error)
{
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
	} else if (result == 0 && json_get_array(answer.body, "links", &links, error) != 1) {
		result = error_set(error, ERROR_PERMANENT,
		    "the answer of tg-sendd cannot be read; is it of the same version?");
	} else if (result == 0) {
		if (isatty(STDOUT_FILENO))
			add_header(&table);
		for (size_t i = 0; i < json_object_array_length(links); i++)
			add_link(&table, json_object_array_get_idx(links, i));
		text_table_print(&table, out);
	}
	text_table_free(&table);
	submit_answer_free(&answer);
	return result;
}

static const struct {
	const char *name;
	command_fn *run;
	bool takes_arguments;
} commands[] = {
    {"verify", verify, true},
    {"unlink", unlink_account, false},
    {"status", show_status, false},
    {"list", list, false},
};

static command_fn *find_command(int argc, char **argv, struct options *options, int *code)
{
	const char *name = optind < argc ? argv[optind] : NULL;

	if (name == NULL) {
		*code = program_bad_usage(PROGRAM, "say what to do", USAGE);
		return NULL;
	}
	options->arguments = argv + optind + 1;
	options->arguments_count = (size_t)(argc - optind - 1);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		if (commands[i].takes_arguments || options->arguments_count == 0)
			return commands[i].run;
		*code = program_bad_usage(PROGRAM, "too many arguments", USAGE);
		return NULL;
	}
	*code = program_bad_usage(PROGRAM, "unknown subcommand", USAGE);
	return NULL;
}

/* Returns -1 to go on, else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":jqu:c:Vh", long_options, NULL)) != -1) {
		switch (option) {
		case 'j':
			options->json = true;
			break;
		case 'q':
			options->quiet = true;
			break;
		case 'u':
			options->user = optarg;
			break;
		case 'c':
			options->config_path = optarg;
			break;
		default:
			return program_option(PROGRAM, option, argv, help, USAGE);
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct buf out = BUF_INIT(OUTPUT_MAX_BYTES);
	struct options options = {0};
	struct config *config = NULL;
	command_fn *command;
	struct error error;
	int code;

	if (fd_sanitise(&error) != 0)
		return program_fail(PROGRAM, &error);
	signal(SIGPIPE, SIG_IGN);
	code = read_options(argc, argv, &options);
	if (code >= 0)
		return code;
	command = find_command(argc, argv, &options, &code);
	if (command == NULL)
		return code;
	if (config_load(options.config_path, &config, &error) != 0)
		return program_fail(PROGRAM, &error);
	code = command(config->socket.path, &options, &out, &error);
	if (code < 0) {
		code = program_fail(PROGRAM, &error);
	} else if (!options.quiet && out.len > 0) {
		int printed = program_print(PROGRAM, out.data, out.len);

		code = printed != EX_OK ? printed : code;
	}
	buf_free(&out);
	config_free(config);
	return code;
}
