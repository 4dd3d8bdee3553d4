/* tg-dispatch: updates on stdin, calls on stdout. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "buf.h"
#include "config.h"
#include "confine.h"
#include "error.h"
#include "fd.h"
#include "log.h"
#include "program.h"
#include "store.h"
#include "accounts.h"
#include "commands.h"
#include "dispatch.h"
#include "limits.h"
#include "service.h"
#include "table_check.h"
#include "table_print.h"
#include "table.h"

#define PROGRAM "tg-dispatch"
#define USAGE "usage: tg-dispatch [--check | --no-store [--as USER]] [-c FILE]"

static const char help[] = USAGE
    "\n"
    "Reads Telegram updates, one JSON object a line, on standard input and prints the\n"
    "calls that answer them, one line an update, on standard output.\n"
    "\n"
    "  -c, --config FILE  read FILE instead of $TGTOOLS_CONFIG or " CONFIG_DEFAULT_PATH "\n"
    "      --check        print the table and end; each thing that is wrong is one line, exit 78\n"
    "      --no-store     try a table: nothing is kept, no chat is linked, no script or program is run\n"
    "      --as USER      with --no-store: every chat is linked to USER\n"
    "  -V, --version      print the version\n"
    "  -h, --help         print this help\n";

enum { CHECK = 256, NO_STORE, AS }; /* options without a short form */

struct options {
	const char *config;
	bool check; /* the configuration alone */
	bool no_store;
	const char *user; /* NULL: nobody */
};

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {{"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, CHECK}, {"no-store", no_argument, NULL, NO_STORE},
	    {"as", required_argument, NULL, AS}, {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:Vh", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case CHECK:
			options->check = true;
			break;
		case NO_STORE:
			options->no_store = true;
			break;
		case AS:
			options->user = optarg;
			break;
		default:
			return program_option(PROGRAM, option, argv, help, USAGE);
		}
	}
	if (options->check && options->no_store)
		return program_bad_usage(PROGRAM, "--check and --no-store exclude each other", USAGE);
	if (options->user != NULL && !options->no_store)
		return program_bad_usage(PROGRAM, "--as needs --no-store", USAGE);
	return optind == argc ? -1 : program_bad_usage(PROGRAM, "unexpected argument", USAGE);
}

/* Without it everything works but scripts. */
static void start_executor(const char *config_path, struct executor **executor)
{
	struct error error;

	if (executor_start(config_path, executor, &error) != 0)
		log_error("scripts cannot be run", LOG_STR("error", error.text));
}

/* What is wrong with the store is said before anything is started. */
static int try_store(const struct config *config, struct error *error)
{
	struct store *store = NULL;

	if (store_open(config->store.path, config->store.map_size_bytes, &store, error) != 0)
		return -1;
	store_close(store);
	return 0;
}

static int run_without_store(const struct options *options, struct dispatch *dispatch, struct error *error)
{
	dispatch->user = options->user;
	if (confine_no_new_privileges(error) != 0)
		return -1;
	return service_run(dispatch, NULL, options->config, STDIN_FILENO, STDOUT_FILENO, error);
}

static int run_with_store(const struct options *options, struct dispatch *dispatch, struct error *error)
{
	const struct config *config = dispatch->config;
	struct executor *executor = NULL;
	int result = -1;

	if (try_store(config, error) != 0)
		return -1;
	/* Before all else, so that it has nothing of what this process opens, and may use sudo. */
	start_executor(options->config, &executor);
	if (confine_no_new_privileges(error) == 0 &&
	    store_open(config->store.path, config->store.map_size_bytes, &dispatch->store, error) == 0)
		result = service_run(dispatch, executor, options->config, STDIN_FILENO, STDOUT_FILENO, error);
	executor_end(executor);
	store_close(dispatch->store);
	return result;
}

/* ---- --check ---- */

static void tell_mistake(void *context, const char *text)
{
	int *mistakes = context;

	++*mistakes;
	fprintf(stderr, PROGRAM ": %s\n", text);
}

static void tell_row(void *context, const char *text, bool is_fatal)
{
	(void)is_fatal;
	tell_mistake(context, text);
}

/* As far as it is in order: with a row that nobody can use it is still the table. */
static int print_table(const struct config *config, struct error *error)
{
	struct command_table *table;
	struct buf out = BUF_INIT(4 << 20);
	struct error in_vain;
	int result = 0;

	if (table_new(config, &table, &in_vain) != 0)
		return 0; /* told as a mistake */
	table_print(table, config, &out);
	if (fd_write_all(STDOUT_FILENO, buf_text(&out), out.len) != 0)
		result = error_errno(error, ERROR_TEMPORARY, "cannot write the table");
	buf_free(&out);
	table_free(table);
	return result;
}

/* All that is wrong, and the table where there is one. Returns the exit code. */
static int check(const struct options *options)
{
	struct config *config = NULL;
	struct error error;
	int mistakes = 0, result;

	result = config_load_all(options->config, tell_mistake, &mistakes, &config, &error);
	if (result < 0)
		return program_fail(PROGRAM, &error);
	table_check(config, &table_this_world, tell_row, &mistakes);
	if (result == 0)
		result = print_table(config, &error);
	config_free(config);
	if (result < 0)
		return program_fail(PROGRAM, &error);
	return mistakes > 0 ? EX_CONFIG : EXIT_SUCCESS;
}

static int run(const struct options *options, struct error *error)
{
	struct dispatch dispatch = {.config = NULL};
	int result = -1;

	if (config_load(options->config, &dispatch.config, error) != 0 ||
	    table_new(dispatch.config, &dispatch.table, error) != 0)
		goto out;
	config_open_log(dispatch.config, PROGRAM);
	table_log_mistakes(dispatch.config);
	dispatch.limits = limits_new();
	dispatch.accounts = accounts_new(NULL);
	result = options->no_store ? run_without_store(options, &dispatch, error)
				   : run_with_store(options, &dispatch, error);
out:
	accounts_free(dispatch.accounts);
	limits_free(dispatch.limits);
	table_free(dispatch.table);
	config_free(dispatch.config);
	return result;
}

int main(int argc, char **argv)
{
	struct options options = {.config = NULL};
	struct error error;
	int code;

	if (fd_sanitise(&error) != 0)
		return program_fail(PROGRAM, &error);
	signal(SIGPIPE, SIG_IGN);
	code = read_options(argc, argv, &options);
	if (code >= 0)
		return code;
	if (options.check)
		return check(&options);
	return run(&options, &error) == 0 ? EXIT_SUCCESS : program_fail(PROGRAM, &error);
}
