/* tg-queue: what waits for delivery to Telegram, and what could not be delivered. See tg-queue(1). */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "config.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "num.h"
#include "program.h"
#include "submit.h"
#include "text.h"

#define PROGRAM "tg-queue"
#define USAGE "usage: tg-queue [-aj] [-u user] [-c file] [list]"

static const char help[] =
    USAGE "\n"
	  "Shows your messages that are not delivered yet, and those that never will be.\n"
	  "  -a, --all           everybody's (operators)\n"
	  "  -u, --user USER     those of USER (operators)\n"
	  "  -j, --json          print what tg-sendd answers, as JSON\n"
	  "  -c, --config FILE   configuration instead of " CONFIG_DEFAULT_PATH "\n"
	  "  -V, --version       print the version\n"
	  "  -h, --help          print this\n"
	  "The columns, without a header in a pipe: number, state, account, age, attempts, next attempt,\n"
	  "chat, what, the last error. See tg-queue(1).\n";

static const struct option long_options[] = {
    {"all", no_argument, NULL, 'a'},
    {"user", required_argument, NULL, 'u'},
    {"json", no_argument, NULL, 'j'},
    {"config", required_argument, NULL, 'c'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const char *const columns[] = {"ID", "STATE", "USER", "AGE", "TRIES", "NEXT", "CHAT", "WHAT", "ERROR"};

enum { COLUMNS = sizeof columns / sizeof columns[0], OUTPUT_MAX_BYTES = 256 << 20, TARGET_MAX_BYTES = 4096 };

struct options {
	const char *config_path;
	const char *user; /* NULL: the caller, "*": everybody */
	bool json;
};

/* Reads "2026-01-31T08:00:00Z"; false where it is none. */
static bool parse_time(const char *text, int64_t *wall_ms)
{
	struct tm parts = {0};
	const char *end = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;

	if (end == NULL || strcmp(end, "Z") != 0)
		return false;
	*wall_ms = (int64_t)timegm(&parts) * 1000;
	return true;
}

/* How long ago, or how long until, a time is in two units without a blank: "2m5s". */
static void add_distance(struct text_table *table, const char *time, int64_t sign, int64_t now_ms)
{
	char text[64], *to = text;
	int64_t wall_ms;

	if (!parse_time(time, &wall_ms)) {
		text_table_add(table, NULL);
		return;
	}
	num_format_duration(sign * (wall_ms - now_ms), text, sizeof text);
	for (const char *from = text; *from != '\0'; from++) {
		if (*from != ' ')
			*to++ = *from;
	}
	*to = '\0';
	text_table_add(table, text);
}

/* A script's message is known by the script, any other by its method. */
static const char *what(struct json_object *message)
{
	const char *script = json_text(message, "script");

	return script != NULL && script[0] != '\0' ? script : json_text(message, "method");
}

static void add_message(struct text_table *table, struct json_object *message, int64_t now_ms)
{
	text_table_add_number(table, json_int64(message, "id"));
	text_table_add(table, json_text(message, "state"));
	text_table_add(table, json_text(message, "user"));
	add_distance(table, json_text(message, "accepted_at"), -1, now_ms);
	text_table_add_number(table, json_int64(message, "attempts"));
	add_distance(table, json_text(message, "next_attempt_at"), 1, now_ms);
	text_table_add_number(table, json_int64(message, "chat_id"));
	text_table_add(table, what(message));
	text_table_add(table, json_text(message, "error"));
}

static void show_messages(struct json_object *messages, bool terminal, struct buf *out)
{
	struct text_table table = TEXT_TABLE_INIT(COLUMNS);
	size_t count = json_object_array_length(messages);
	int64_t now_ms = clock_wall_ms();

	if (count == 0 && terminal)
		buf_add_text(out, "queue is empty\n");
	for (size_t i = 0; i < COLUMNS && terminal && count > 0; i++)
		text_table_add(&table, columns[i]);
	for (size_t i = 0; i < count; i++)
		add_message(&table, json_object_array_get_idx(messages, i), now_ms);
	text_table_print(&table, out);
	text_table_free(&table);
}

static int list(const char *socket_path, const struct options *options, struct buf *out, struct error *error)
{
	struct buf target = BUF_INIT(TARGET_MAX_BYTES);
	struct json_object *messages = NULL;
	struct submit_answer answer = {0};
	int result = -1;

	buf_add_text(&target, "/queue");
	if (submit_add_query(&target, "user", options->user) != 0) {
		error_set(error, ERROR_USAGE, "the name of the account is too long");
		goto out;
	}
	result = submit_request(socket_path, "GET", buf_text(&target), NULL, NULL, 0, NULL, &answer, error);
	if (result != 0)
		goto out;
	if (options->json)
		buf_add_format(out, "%s\n", json_line(answer.body));
	else if (json_get_array(answer.body, "messages", &messages, error) == 1)
		show_messages(messages, isatty(STDOUT_FILENO), out);
	else
		result = error_set(error, ERROR_PERMANENT,
		    "the answer of tg-sendd cannot be read; is it of the same version?");
out:
	submit_answer_free(&answer);
	buf_free(&target);
	return result;
}

/* Returns -1 to go on, else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":au:jc:Vh", long_options, NULL)) != -1) {
		switch (option) {
		case 'a':
			options->user = "*";
			break;
		case 'u':
			options->user = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 'c':
			options->config_path = optarg;
			break;
		case 'V':
			return program_version(PROGRAM);
		case 'h':
			return program_help(PROGRAM, help);
		case ':':
			return program_bad_usage(PROGRAM, "an option lacks its value", USAGE);
		default:
			return program_bad_usage(PROGRAM, "unknown option", USAGE);
		}
	}
	if (argc - optind > 1)
		return program_bad_usage(PROGRAM, "too many arguments", USAGE);
	if (optind < argc && strcmp(argv[optind], "list") != 0)
		return program_bad_usage(PROGRAM, "unknown subcommand", USAGE);
	return -1;
}

int main(int argc, char **argv)
{
	struct buf out = BUF_INIT(OUTPUT_MAX_BYTES);
	struct options options = {0};
	struct config *config = NULL;
	struct error error;
	int code;

	if (fd_sanitise(&error) != 0)
		return program_fail(PROGRAM, &error);
	signal(SIGPIPE, SIG_IGN);
	code = read_options(argc, argv, &options);
	if (code >= 0)
		return code;
	if (config_load(options.config_path, &config, &error) != 0)
		return program_fail(PROGRAM, &error);
	code = list(config->socket.path, &options, &out, &error) == 0
		   ? program_print(PROGRAM, buf_text(&out), out.len)
		   : program_fail(PROGRAM, &error);
	buf_free(&out);
	config_free(config);
	return code;
}
