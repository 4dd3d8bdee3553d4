/* tg-exec: the one process that starts other programs; requests on stdin, events on stdout. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "config.h"
#include "fd.h"
#include "path.h"
#include "program.h"
#include "xalloc.h"
#include "service.h"

#define PROGRAM "tg-exec"
#define USAGE "usage: tg-exec [-c FILE]"

static const char help[] =
    USAGE "\n"
	  "Reads requests, one JSON object a line, on standard input, runs notify-scripts as the\n"
	  "account that each names, or a program of the configuration, and prints what they say,\n"
	  "one event a line.\n"
	  "\n"
	  "  -c, --config FILE  read FILE instead of $TGTOOLS_CONFIG or " CONFIG_DEFAULT_PATH "\n"
	  "  -V, --version      print the version\n"
	  "  -h, --help         print this help\n";

/* Returns -1 to go on, else an exit code. */
static int read_options(int argc, char **argv, const char **config)
{
	static const struct option known[] = {{"config", required_argument, NULL, 'c'},
	    {"version", no_argument, NULL, 'V'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:Vh", known, NULL)) != -1) {
		if (option != 'c')
			return program_option(PROGRAM, option, argv, help, USAGE);
		*config = optarg;
	}
	return optind == argc ? -1 : program_bad_usage(PROGRAM, "unexpected argument", USAGE);
}

/* Without links and dots, as sudoers(5) names it. The caller frees it. */
static char *find_notify_scripts(struct error *error)
{
	char *found = path_sibling("notify-scripts", error), *real = NULL;

	if (found == NULL)
		return NULL;
	real = realpath(found, NULL);
	if (real == NULL)
		error_errno(error, ERROR_CONFIG, "cannot find %s", found);
	free(found);
	return real;
}

/* The programs that are started are in another directory, so the path must be absolute. */
static char *make_environment(const char *file, struct error *error)
{
	char *real = realpath(file, NULL), *made;

	if (real == NULL) {
		error_errno(error, ERROR_CONFIG, "cannot find %s", file);
		return NULL;
	}
	made = xasprintf("TGTOOLS_CONFIG=%s", real);
	free(real);
	return made;
}

static int run(const char *config_path, struct error *error)
{
	struct service_options options = {
	    .config_path = config_path, .input = STDIN_FILENO, .output = STDOUT_FILENO};
	char *notify_scripts = NULL, *environment = NULL;
	int result = -1;

	if (config_load(config_path, &options.config, error) != 0)
		return -1;
	config_open_log(options.config, PROGRAM);
	notify_scripts = find_notify_scripts(error);
	if (notify_scripts == NULL)
		goto out;
	environment = make_environment(options.config->file, error);
	if (environment == NULL)
		goto out;
	options.place = (struct command_place){notify_scripts, environment, geteuid()};
	result = service_run(&options, error);
out:
	free(notify_scripts);
	free(environment);
	config_free(options.config);
	return result;
}

/* Scripts run as from cron: with the usual umask, and with no descriptor that somebody left open for us. */
static int prepare(struct error *error)
{
	if (fd_sanitise(error) != 0)
		return -1;
	if (close_range(STDERR_FILENO + 1, ~0U, 0) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot close descriptors");
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

int main(int argc, char **argv)
{
	const char *config_path = NULL;
	struct error error;
	int code;

	if (prepare(&error) != 0)
		return program_fail(PROGRAM, &error);
	code = read_options(argc, argv, &config_path);
	if (code >= 0)
		return code;
	return run(config_path, &error) == 0 ? EX_OK : program_fail(PROGRAM, &error);
}
