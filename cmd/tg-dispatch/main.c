/* tg-dispatch: updates on stdin, calls on stdout. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "error.h"
#include "fd.h"
#include "log.h"
#include "store.h"
#include "commands.h"
#include "dispatch.h"
#include "service.h"

static const char usage[] =
    "usage: tg-dispatch [--check] [-c FILE]\n"
    "Reads Telegram updates, one JSON object a line, on standard input and prints the\n"
    "calls that answer them, one line an update, on standard output.\n"
    "\n"
    "  -c, --config FILE  read FILE instead of $TGTOOLS_CONFIG or " CONFIG_DEFAULT_PATH "\n"
    "      --check        read the configuration and end; what is wrong is one line, exit 78\n"
    "  -V, --version      print the version\n"
    "  -h, --help         print this help\n";

enum { CHECK = 256 }; /* an option without a short form */

struct options {
	const char *config;
	const char *print; /* what was asked for instead of a run; NULL: a run */
	bool check;	   /* the configuration alone */
};

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {{"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, CHECK}, {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "c:Vh", known, NULL)) != -1) {
		if (option == 'c')
			options->config = optarg;
		else if (option == CHECK)
			options->check = true;
		else if (option == 'V')
			options->print = "tg-dispatch " TGTOOLS_VERSION "\n";
		else if (option == 'h')
			options->print = usage;
		else
			return -1;
		if (options->print != NULL)
			return 0;
	}
	return optind == argc ? 0 : -1;
}

static int run(const struct options *options, struct error *error)
{
	struct config *config = NULL;
	struct store *store = NULL;
	struct dispatch dispatch;
	int result = -1;

	if (config_load(options->config, &config, error) != 0)
		goto out;
	if (options->check) {
		result = 0;
		goto out;
	}
	log_open("tg-dispatch", config->log.json, (enum log_level)config->log.level);
	if (store_open(config->store.path, config->store.map_size_bytes, &store, error) != 0)
		goto out;
	dispatch = (struct dispatch){config, store, commands_builtin()};
	result = service_run(&dispatch, STDIN_FILENO, STDOUT_FILENO, error);
out:
	store_close(store);
	config_free(config);
	return result;
}

static int finish(const struct error *error)
{
	fprintf(stderr, "tg-dispatch: %s\n", error->text);
	return error_exit_code(error->kind);
}

int main(int argc, char **argv)
{
	struct options options = {.config = NULL};
	struct error error;

	if (fd_sanitise(&error) != 0)
		return finish(&error);
	if (parse_options(argc, argv, &options) != 0) {
		error_set(&error, ERROR_USAGE,
		    "wrong option or argument; usage: tg-dispatch [--check] [-c FILE], see -h");
		return finish(&error);
	}
	if (options.print != NULL)
		return fputs(options.print, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN);
	return run(&options, &error) == 0 ? EXIT_SUCCESS : finish(&error);
}
