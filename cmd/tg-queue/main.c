/* tg-queue: what waits for delivery to Telegram, and what could not be delivered. See tg-queue(1). */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "commands.h"
#include "config.h"
#include "error.h"
#include "fd.h"
#include "num.h"
#include "program.h"

#define PROGRAM "tg-queue"
#define USAGE                                                                                                \
	"usage: tg-queue [-ajq] [-n count] [-u user] [-c file] [list | show N... | cancel N... | "           \
	"cancel --all | retry N... | retry --all | hold | resume | history | updates [show N... | "          \
	"delete N...]]"

static const char help[] =
    "usage: tg-queue [-ajq] [-n count] [-u user] [-c file] [command]\n"
    "Shows your messages that are not delivered yet, and those that never will be.\n"
    "  list                show them; so it does without a command, too\n"
    "  show N...           show all that is known of message N\n"
    "  cancel N...         take message N back before it is sent, or forget a dead one; --all: all\n"
    "  retry N...          try a dead message again, or a waiting one now; --all: all dead ones\n"
    "  hold                hold all deliveries, or with -u USER those of USER (operators)\n"
    "  resume              let them go on (operators)\n"
    "  history             show what was delivered, the latest first\n"
    "  updates             show what people wrote to the bot that could not be handled (operators);\n"
    "                      updates show N...: all that is known of N, with -j its content, too;\n"
    "                      updates delete N...: forget N\n"
    "  -a, --all           everybody's messages (operators); cancel and retry: all instead of N\n"
    "  -u, --user USER     the messages of USER (operators)\n"
    "  -n, --count COUNT   show at most COUNT messages\n"
    "  -j, --json          print what tg-sendd answers, as JSON\n"
    "  -q, --quiet         print nothing but errors\n"
    "  -c, --config FILE   configuration instead of " CONFIG_DEFAULT_PATH "\n"
    "  -V, --version       print the version\n"
    "  -h, --help          print this\n"
    "The columns, without a header in a pipe: number, state, account, age, attempts, next attempt,\n"
    "chat, what, key, files, the last error. See tg-queue(1).\n";

enum { OPTION_ALL = 256, OUTPUT_MAX_BYTES = 256 << 20 };

static const struct option long_options[] = {
    {"all", no_argument, NULL, OPTION_ALL},
    {"user", required_argument, NULL, 'u'},
    {"count", required_argument, NULL, 'n'},
    {"json", no_argument, NULL, 'j'},
    {"quiet", no_argument, NULL, 'q'},
    {"config", required_argument, NULL, 'c'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

/* all: what --all does, in place of numbers. */
static const struct subcommand {
	const char *name;
	command_number_fn *number;
	command_fn *all;
	bool counts; /* takes -n */
} subcommands[] = {
    {"list", NULL, command_list, true},
    {"show", command_show, NULL, false},
    {"cancel", command_cancel, command_cancel_all, false},
    {"retry", command_retry, command_retry_all, false},
    {"hold", NULL, command_hold, false},
    {"resume", NULL, command_resume, false},
    {"history", NULL, command_history, true},
};

/* What follows the word "updates". */
static const struct subcommand update_subcommands[] = {
    {"list", NULL, command_updates, false},
    {"show", command_update_show, NULL, false},
    {"delete", command_update_delete, NULL, false},
};

struct options {
	const char *config_path;
	struct command_options command;
	const struct subcommand *subcommand;
	char *const *numbers;
	size_t numbers_count;
	bool everybody; /* -a */
	bool all;	/* --all */
	bool quiet;
	bool updates; /* subcommand is about them, and not about messages */
};

static const struct subcommand *find_subcommand(
    const struct subcommand *table, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

/* Reads the words of the subcommand, and takes the rest for numbers; false where there is none. */
static bool read_subcommand(int count, char *const *words, struct options *options)
{
	const char *name = count > 0 ? words[0] : "list";
	const struct subcommand *table = subcommands;
	size_t table_count = sizeof subcommands / sizeof subcommands[0];

	options->updates = strcmp(name, "updates") == 0;
	if (options->updates) {
		table = update_subcommands;
		table_count = sizeof update_subcommands / sizeof update_subcommands[0];
		words++;
		count--;
		name = count > 0 ? words[0] : "list";
	}
	options->subcommand = find_subcommand(table, table_count, name);
	options->numbers = words + 1;
	options->numbers_count = count > 0 ? (size_t)(count - 1) : 0;
	return options->subcommand != NULL;
}

/* Returns what is wrong with the options together, or NULL. */
static const char *settle(struct options *options)
{
	const struct subcommand *subcommand = options->subcommand;
	bool by_number = subcommand->number != NULL && (subcommand->all == NULL || !options->all);

	if (options->updates && (options->everybody || options->all || options->command.user != NULL))
		return "-a and -u do not go with updates";
	/* Without numbers to choose from, --all is the long form of -a. */
	if (subcommand->number == NULL && options->all)
		options->everybody = true;
	if (by_number && options->numbers_count == 0)
		return subcommand->all != NULL ? "give the numbers of messages, or --all"
		       : options->updates      ? "give the number of an update"
					       : "give the number of a message";
	if (!by_number && options->numbers_count > 0)
		return "too many arguments";
	if (by_number && (options->everybody || options->all || options->command.user != NULL))
		return "-a and -u do not go with numbers";
	if (options->everybody && options->command.user != NULL)
		return "-a and -u exclude each other";
	if (options->command.user != NULL && options->command.user[0] == '\0')
		return "the name of the account is empty";
	if (options->command.count > 0 && !subcommand->counts)
		return "-n goes with list and history";
	if (options->everybody)
		options->command.user = "*";
	return NULL;
}

/* Returns -1 to go on, else the exit code. */
static int read_option(int option, char *const *argv, struct options *options)
{
	switch (option) {
	case 'a':
		options->everybody = true;
		return -1;
	case OPTION_ALL:
		options->all = true;
		return -1;
	case 'u':
		options->command.user = optarg;
		return -1;
	case 'n':
		if (num_int64(optarg, 1, COMMANDS_ROWS_MAX, &options->command.count) == 0)
			return -1;
		return program_bad_usage(PROGRAM, "-n takes a number from 1 to 10000", USAGE);
	case 'j':
		options->command.json = true;
		return -1;
	case 'q':
		options->quiet = true;
		return -1;
	case 'c':
		options->config_path = optarg;
		return -1;
	default:
		return program_option(PROGRAM, option, argv, help, USAGE);
	}
}

/* Returns -1 to go on, else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	const char *wrong;
	int option, code;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":aju:n:qc:Vh", long_options, NULL)) != -1) {
		code = read_option(option, argv, options);
		if (code >= 0)
			return code;
	}
	if (!read_subcommand(argc - optind, argv + optind, options))
		return program_bad_usage(PROGRAM, "unknown subcommand", USAGE);
	wrong = settle(options);
	return wrong == NULL ? -1 : program_bad_usage(PROGRAM, wrong, USAGE);
}

static int read_number(const struct options *options, const char *text, int64_t *number, struct error *error)
{
	if (num_int64(text, 1, INT64_MAX, number) == 0)
		return 0;
	return error_set(error, ERROR_INPUT, "%.64s is not the number of %s; see: tg-queue %s", text,
	    options->updates ? "an update" : "a message", options->updates ? "updates" : "list");
}

/* All numbers are read before anything is done to the first; what is wrong with one stops no other. */
static int run_numbers(struct command *command, const struct options *options)
{
	struct error error;
	int64_t number;
	int code = EX_OK;

	for (size_t i = 0; i < options->numbers_count; i++) {
		if (read_number(options, options->numbers[i], &number, &error) != 0)
			return program_fail(PROGRAM, &error);
	}
	for (size_t i = 0; i < options->numbers_count && !command->no_answer; i++) {
		int failed;

		if (read_number(options, options->numbers[i], &number, &error) == 0 &&
		    options->subcommand->number(command, number, &error) == 0)
			continue;
		failed = program_fail(PROGRAM, &error);
		code = code != EX_OK ? code : failed;
	}
	return code;
}

static int run(struct command *command, const struct options *options)
{
	struct error error;

	if (options->numbers_count > 0)
		return run_numbers(command, options);
	if (options->subcommand->all(command, &error) != 0)
		return program_fail(PROGRAM, &error);
	if (command->is_cut && !options->quiet)
		fprintf(stderr, PROGRAM ": there may be more: only the first %d messages were looked at\n",
		    COMMANDS_ROWS_MAX);
	return EX_OK;
}

static struct show_view look(void)
{
	struct show_view view = {.now_ms = clock_wall_ms(), .is_terminal = isatty(STDOUT_FILENO) == 1};
	struct winsize size = {0};

	if (view.is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		view.width = size.ws_col;
	return view;
}

int main(int argc, char **argv)
{
	struct buf out = BUF_INIT(OUTPUT_MAX_BYTES);
	struct options options = {0};
	struct command command = {.options = &options.command, .view = look(), .out = &out};
	struct config *config = NULL;
	struct error error;
	int code, printed = EX_OK;

	if (fd_sanitise(&error) != 0)
		return program_fail(PROGRAM, &error);
	signal(SIGPIPE, SIG_IGN);
	code = read_options(argc, argv, &options);
	if (code >= 0)
		return code;
	if (config_load(options.config_path, &config, &error) != 0)
		return program_fail(PROGRAM, &error);
	command.socket_path = config->socket.path;
	code = run(&command, &options);
	if (!options.quiet && out.len > 0)
		printed = program_print(PROGRAM, out.data, out.len);
	buf_free(&out);
	config_free(config);
	return code != EX_OK ? code : printed;
}
