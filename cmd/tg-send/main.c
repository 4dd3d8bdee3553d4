/* tg-send: messages from the shell, and calls from tg-dispatch, to tg-sendd. See tg-send(1). */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "config.h"
#include "confine.h"
#include "error.h"
#include "fd.h"
#include "log.h"
#include "num.h"
#include "program.h"

#include "calls.h"
#include "compose.h"
#include "messages.h"
#include "preview.h"
#include "send.h"
#include "wait.h"
#include "when.h"

#define PROGRAM "tg-send"
#define USAGE "usage: tg-send [options] [text ...]"
#define DASH_HINT " (a text that starts with - comes after --)"

static const char help[] =
    USAGE "\n"
	  "       command | tg-send [options]\n"
	  "       tg-send --json | --messages [-c file]\n"
	  "Sends text, pictures and files to your Telegram.\n"
	  "The message:\n"
	  "  -T, --title TITLE    a title above the text\n"
	  "  -f, --format FORMAT  what the text is: text (default), markdown, html or pre\n"
	  "      --pre            the text is output or code: the same as -f pre\n"
	  "      --lang LANG      the language of that code\n"
	  "  -i, --image FILE     a picture, \"-\" for standard input; again for an album\n"
	  "  -a, --attach FILE    a file, \"-\" for standard input; again for more\n"
	  "      --name NAME      what the file is called in the chat\n"
	  "      --no-preview     without a preview of its links\n"
	  "  -s, --silent         without a sound\n"
	  "To whom, in answer to what:\n"
	  "      --to @TARGET     to a chat of the configuration\n"
	  "      --thread N       to a topic of that chat\n"
	  "  -u, --user USER      to the Telegram of USER (front ends and operators)\n"
	  "  -k, --key KEY        in place of what was sent under KEY before\n"
	  "      --reply-to KEY   as a reply to what was sent under KEY\n"
	  "      --delete KEY     send nothing, take back what was sent under KEY\n"
	  "When:\n"
	  "      --in TIME        in 30s, 10m, 1h, 2d\n"
	  "      --at WHEN        at 18:00, \"tomorrow 08:00\", \"2026-01-31 18:00\"\n"
	  "      --cooldown TIME  only if nothing like it was sent for so long\n"
	  "What is said about it:\n"
	  "  -w, --wait[=TIME]    wait until it is delivered, at most 30s, and say so\n"
	  "  -n, --dry-run        show what would be sent, send nothing\n"
	  "  -q, --quiet          say nothing but errors\n"
	  "  -v, --verbose        say under which number it is queued\n"
	  "Others:\n"
	  "      --json           submit calls, one JSON object a line, from standard input\n"
	  "      --messages       submit messages, one JSON object a line, from standard input\n"
	  "  -c, --config FILE    configuration instead of " CONFIG_DEFAULT_PATH "\n"
	  "  -V, --version        print the version\n"
	  "  -h, --help           print this\n"
	  "Options come first: from the first word on everything is text. See tg-send(1).\n";

enum {
	OPTION_JSON = 256,
	OPTION_MESSAGES,
	OPTION_PRE,
	OPTION_LANG,
	OPTION_NAME,
	OPTION_NO_PREVIEW,
	OPTION_TO,
	OPTION_THREAD,
	OPTION_REPLY_TO,
	OPTION_DELETE,
	OPTION_IN,
	OPTION_AT,
	OPTION_COOLDOWN,
};

/* "+": the first word ends the options. */
static const char short_options[] = "+:T:f:i:a:su:k:w::nqvc:Vh";

static const struct option long_options[] = {
    {"title", required_argument, NULL, 'T'},
    {"format", required_argument, NULL, 'f'},
    {"pre", no_argument, NULL, OPTION_PRE},
    {"lang", required_argument, NULL, OPTION_LANG},
    {"image", required_argument, NULL, 'i'},
    {"attach", required_argument, NULL, 'a'},
    {"name", required_argument, NULL, OPTION_NAME},
    {"no-preview", no_argument, NULL, OPTION_NO_PREVIEW},
    {"silent", no_argument, NULL, 's'},
    {"to", required_argument, NULL, OPTION_TO},
    {"thread", required_argument, NULL, OPTION_THREAD},
    {"user", required_argument, NULL, 'u'},
    {"key", required_argument, NULL, 'k'},
    {"reply-to", required_argument, NULL, OPTION_REPLY_TO},
    {"delete", required_argument, NULL, OPTION_DELETE},
    {"in", required_argument, NULL, OPTION_IN},
    {"at", required_argument, NULL, OPTION_AT},
    {"cooldown", required_argument, NULL, OPTION_COOLDOWN},
    {"wait", optional_argument, NULL, 'w'},
    {"dry-run", no_argument, NULL, 'n'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"messages", no_argument, NULL, OPTION_MESSAGES},
    {"config", required_argument, NULL, 'c'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

/* The options whose value goes into the message as it is. */
static const struct {
	int option;
	size_t offset;
} plain_options[] = {
    {'T', offsetof(struct compose, title)},
    {'f', offsetof(struct compose, format)},
    {'u', offsetof(struct compose, user)},
    {'k', offsetof(struct compose, key)},
    {OPTION_LANG, offsetof(struct compose, lang)},
    {OPTION_NAME, offsetof(struct compose, name)},
    {OPTION_TO, offsetof(struct compose, to)},
    {OPTION_REPLY_TO, offsetof(struct compose, reply_to)},
    {OPTION_IN, offsetof(struct compose, in)},
    {OPTION_COOLDOWN, offsetof(struct compose, cooldown)},
};

enum { WAIT_DEFAULT_MS = 30000 };

struct options {
	struct compose message;
	const char *config_path;
	const char *delete_key;
	int64_t wait_ms; /* 0: do not */
	bool dry_run, quiet, verbose;
	uint64_t seen; /* which were given, by bit() */
};

/* ---- the command line ---- */

static uint64_t bit(int option)
{
	for (size_t i = 0; long_options[i].name != NULL; i++) {
		if (long_options[i].val == option)
			return UINT64_C(1) << i;
	}
	return 0;
}

static bool given(const struct options *options, int option)
{
	return (options->seen & bit(option)) != 0;
}

/* No other options than these, up to 0, and no text. */
static bool given_alone(const struct options *options, const int *allowed)
{
	uint64_t others = options->seen;

	for (; *allowed != 0; allowed++)
		others &= ~bit(*allowed);
	return others == 0 && options->message.words_count == 0;
}

static bool take_plain(struct compose *message, int option)
{
	for (size_t i = 0; i < sizeof plain_options / sizeof plain_options[0]; i++) {
		if (plain_options[i].option == option) {
			*(const char **)((char *)message + plain_options[i].offset) = optarg;
			return true;
		}
	}
	return false;
}

static int take_file(struct compose *message, bool picture, struct error *error)
{
	if (message->files_count == COMPOSE_FILES_MAX)
		return error_set(error, ERROR_USAGE, "a message takes %d files, send the others in another",
		    COMPOSE_FILES_MAX);
	message->files[message->files_count++] = (struct compose_file){optarg, picture};
	return 0;
}

static int take_wait(struct options *options, struct error *error)
{
	options->wait_ms = WAIT_DEFAULT_MS;
	if (optarg == NULL || (num_duration_ms(optarg, &options->wait_ms) == 0 && options->wait_ms > 0))
		return 0;
	return error_set(
	    error, ERROR_USAGE, "--wait= takes a duration such as 30s or 2m, not '%.64s'", optarg);
}

static int take_thread(struct compose *message, struct error *error)
{
	if (num_int64(optarg, 1, INT32_MAX, &message->thread) == 0)
		return 0;
	return error_set(error, ERROR_USAGE, "--thread takes the number of a topic, not '%.64s'", optarg);
}

static int take_option(struct options *options, int option, struct error *error)
{
	struct compose *message = &options->message;

	options->seen |= bit(option);
	if (take_plain(message, option))
		return 0;
	switch (option) {
	case OPTION_PRE:
		message->format = "pre";
		return 0;
	case 'i':
	case 'a':
		return take_file(message, option == 'i', error);
	case OPTION_NO_PREVIEW:
		message->no_preview = true;
		return 0;
	case 's':
		message->silent = true;
		return 0;
	case OPTION_THREAD:
		return take_thread(message, error);
	case OPTION_AT:
		return when_parse(optarg, clock_wall_ms(), &message->at_ms, error);
	case OPTION_DELETE:
		options->delete_key = optarg;
		return 0;
	case 'w':
		return take_wait(options, error);
	case 'n':
		options->dry_run = true;
		return 0;
	case 'q':
	case 'v':
		options->quiet = option == 'q';
		options->verbose = option == 'v';
		return 0;
	case 'c':
		options->config_path = optarg;
		return 0;
	default: /* OPTION_JSON, OPTION_MESSAGES: being seen is all */
		return 0;
	}
}

static int check_options(const struct options *options, struct error *error)
{
	static const int with_json[] = {OPTION_JSON, 'c', 0};
	static const int with_messages[] = {OPTION_MESSAGES, 'c', 0};
	static const int with_delete[] = {OPTION_DELETE, 'u', OPTION_TO, 'q', 'v', 'c', 0};

	if (given(options, OPTION_JSON) && !given_alone(options, with_json))
		return error_set(
		    error, ERROR_USAGE, "--json takes its calls from standard input and goes with -c alone");
	if (given(options, OPTION_MESSAGES) && !given_alone(options, with_messages))
		return error_set(error, ERROR_USAGE,
		    "--messages takes its messages from standard input and goes with -c alone");
	if (given(options, OPTION_DELETE) && !given_alone(options, with_delete))
		return error_set(
		    error, ERROR_USAGE, "--delete sends nothing; it goes with -u, --to, -q and -v alone");
	return compose_check(&options->message, error);
}

/* Returns -1 to go on, else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	struct error error;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		if (option == 'V' || option == 'h' || option == ':' || option == '?')
			return program_option(PROGRAM, option, argv, help, USAGE DASH_HINT);
		if (take_option(options, option, &error) != 0)
			return program_bad_usage(PROGRAM, error.text, USAGE);
	}
	options->message.words = argv + optind;
	options->message.words_count = (size_t)(argc - optind);
	if (check_options(options, &error) != 0)
		return program_bad_usage(PROGRAM, error.text, USAGE);
	return -1;
}

/* ---- what is done ---- */

static int send_calls(const struct config *config)
{
	struct calls_outcome outcome = {0};
	struct error error;

	config_open_log(config, PROGRAM);
	signal(SIGHUP, SIG_IGN);
	if (confine_no_new_privileges(&error) != 0 ||
	    calls_run(STDIN_FILENO, config->socket.path, &outcome, &error) != 0)
		return program_fail(PROGRAM, &error);
	if (outcome.unfinished)
		return EX_TEMPFAIL;
	return outcome.refused > 0 ? EX_DATAERR : EX_OK;
}

static struct upload_limits upload_limits(const struct config *config)
{
	return (struct upload_limits){config->delivery.picture_max_bytes, config->delivery.file_max_bytes};
}

static bool has_hung_up(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	return poll(&poller, 1, 0) > 0 && (poller.revents & POLLHUP) != 0;
}

/*
 * Who started us for itself (common/courier.h) waits for no answer once it is dead, and neither do we. False:
 * it has died before it could be told that.
 */
static bool end_with_caller(void)
{
	struct ucred caller;
	socklen_t len = sizeof caller;

	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_PEERCRED, &caller, &len) != 0 || caller.pid <= 0)
		return true;
	if (caller.pid == getppid())
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (caller.pid == getppid())
		return true;
	return !(has_hung_up(STDIN_FILENO) && kill(caller.pid, 0) != 0 && errno == ESRCH);
}

static int send_messages(const struct config *config)
{
	const struct upload_limits limits = upload_limits(config);
	struct error error;

	if (!end_with_caller())
		return EX_TEMPFAIL;
	if (messages_run(STDIN_FILENO, STDOUT_FILENO, config->socket.path, &limits, &error) != 0)
		return program_fail(PROGRAM, &error);
	return EX_OK;
}

static int print_line(const struct buf *line)
{
	return program_print(PROGRAM, line->data, line->len);
}

static int delete_message(const struct config *config, const struct options *options)
{
	struct buf line = BUF_INIT(256);
	struct error error;
	int64_t deleted = 0;
	int code;

	if (send_delete(&options->message, options->delete_key, config->socket.path, &deleted, &error) != 0)
		return program_fail(PROGRAM, &error);
	(void)buf_add_format(&line, "took back %lld\n", (long long)deleted);
	code = options->verbose ? print_line(&line) : EX_OK;
	buf_free(&line);
	return code;
}

/* When it is to be sent; 0: at once. */
static int64_t due_ms(const struct compose *message)
{
	int64_t in_ms;

	if (message->in == NULL || num_duration_ms(message->in, &in_ms) != 0)
		return message->at_ms;
	return clock_wall_ms() + in_ms;
}

/* "queued as 7, 8", "queued as 9 for 2026-01-31 18:00". */
static int say_result(const struct compose *message, const struct send_result *result)
{
	struct buf line = BUF_INIT(65536);
	char duration[32], time[WHEN_TEXT_BYTES];
	int code;

	if (result->suppressed)
		(void)buf_add_format(&line, "suppressed: the cooldown runs for another %s",
		    num_format_duration(result->retry_after_s * 1000, duration, sizeof duration));
	for (size_t i = 0; i < result->count; i++)
		(void)buf_add_format(
		    &line, "%s%lld", i == 0 ? "queued as " : ", ", (long long)result->ids[i]);
	if (!result->suppressed && due_ms(message) != 0)
		(void)buf_add_format(&line, " for %s", when_format(due_ms(message), time));
	(void)buf_add_text(&line, "\n");
	code = print_line(&line);
	buf_free(&line);
	return code;
}

static int say_outcome(const struct config *config, const struct options *options,
    const struct send_result *result, struct error *error)
{
	static const char delivered[] = "delivered\n";

	if (wait_for_delivery(config->socket.path, result->ids, result->count, options->wait_ms, error) != 0)
		return program_fail(PROGRAM, error);
	return options->quiet ? EX_OK : program_print(PROGRAM, delivered, strlen(delivered));
}

static int submit_message(const struct config *config, const struct options *options, struct send *send)
{
	struct send_result result = {0};
	struct error error;
	int code = EX_OK;

	if (send_submit(send, config->socket.path, !options->quiet, &result, &error) != 0)
		return program_fail(PROGRAM, &error);
	if (options->verbose)
		code = say_result(&options->message, &result);
	if (code == EX_OK && options->wait_ms > 0 && !result.suppressed)
		code = say_outcome(config, options, &result, &error);
	send_result_free(&result);
	return code;
}

static int show_message(const struct config *config, const struct options *options, const struct send *send)
{
	struct json_object *request = send_request(send);
	int64_t at_ms = due_ms(&options->message);
	struct buf out = BUF_INIT(SIZE_MAX / 4);
	char time[WHEN_TEXT_BYTES];
	struct error error;
	int code;

	if (at_ms != 0)
		(void)buf_add_format(&out, "at %s\n", when_format(at_ms, time));
	if (preview_add(request, (size_t)config->delivery.text_parts, &out, &error) != 0)
		code = program_fail(PROGRAM, &error);
	else
		code = print_line(&out);
	buf_free(&out);
	json_object_put(request);
	return code;
}

static int send_message(const struct config *config, const struct options *options)
{
	const struct upload_limits limits = upload_limits(config);
	struct send send;
	struct error error;
	int code = EX_OK;
	int found = send_gather(&send, &options->message, &limits, &error);

	if (found < 0)
		code = program_fail(PROGRAM, &error);
	else if (found > 0)
		code = options->dry_run ? show_message(config, options, &send)
					: submit_message(config, options, &send);
	send_free(&send);
	return code;
}

int main(int argc, char **argv)
{
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
	if (given(&options, OPTION_JSON))
		code = send_calls(config);
	else if (given(&options, OPTION_MESSAGES))
		code = send_messages(config);
	else if (given(&options, OPTION_DELETE))
		code = delete_message(config, &options);
	else
		code = send_message(config, &options);
	config_free(config);
	return code;
}
