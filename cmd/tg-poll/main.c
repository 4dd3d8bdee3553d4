#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "config.h"
#include "confine.h"
#include "fd.h"
#include "log.h"
#include "path.h"
#include "program.h"
#include "secret.h"
#include "store.h"
#include "poller.h"

#define PROGRAM "tg-poll"
#define USAGE "usage: tg-poll [-c file] [--once] [--no-store]"

struct options {
	const char *config;
	bool once;
	bool no_store;
};

static const char help[] =
    USAGE "\n\n"
	  "Fetches the bot's updates from Telegram and prints them, one JSON object a line.\n"
	  "\n"
	  "  -c, --config FILE  the configuration (default /etc/tgtools/tgtools.yaml)\n"
	  "      --once         ask once, without waiting, and exit\n"
	  "      --no-store     keep no journal\n"
	  "  -V, --version      print the version\n"
	  "  -h, --help         print this\n";

/* Returns -1 to go on, else an exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	enum { ONCE = 256, NO_STORE };
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"once", no_argument, NULL, ONCE},
	    {"no-store", no_argument, NULL, NO_STORE},
	    {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:Vh", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case ONCE:
			options->once = true;
			break;
		case NO_STORE:
			options->no_store = true;
			break;
		default:
			return program_option(PROGRAM, option, argv, help, USAGE);
		}
	}
	return optind == argc ? -1 : program_bad_usage(PROGRAM, "unexpected argument", USAGE);
}

/* Two that print the same inbox would answer everything twice. */
static int lock_inbox(const char *directory, struct error *error)
{
	char *path = path_join(directory, "source.lock");
	int fd = fd_lock_file(path, 0600, error);

	if (fd < 0 && error->kind == ERROR_TEMPORARY)
		error_set(
		    error, ERROR_TEMPORARY, "another tg-poll runs with the store %s; end it", directory);
	free(path);
	return fd;
}

static int poll_with_store(const struct config *config, struct poller_options *options, struct error *error)
{
	struct store *store = NULL;
	int lock = -1, result = -1;

	if (store_open(config->store.path, config->store.map_size_bytes, &store, error) != 0)
		return -1;
	lock = lock_inbox(config->store.path, error);
	if (lock >= 0) {
		options->store = store;
		result = poller_run(options, error);
	}
	fd_close(&lock);
	store_close(store);
	return result;
}

/* What stays as long as the program runs. */
struct settings {
	const char *path;
	struct config *config;
	char *token;
};

static void use_settings(const struct settings *settings, struct poller_options *poller)
{
	poller->telegram = (struct telegram){.api_url = settings->config->telegram.api_url,
	    .token = settings->token,
	    .proxy = settings->config->telegram.proxy};
}

static void reload(struct poller_options *poller, void *context)
{
	struct settings *settings = context;

	if (config_reload(settings->path, &settings->config, NULL, NULL))
		use_settings(settings, poller);
}

static int run(const struct options *options, struct error *error)
{
	struct settings settings = {.path = options->config};
	struct poller_options poller = {
	    .once = options->once, .output_fd = STDOUT_FILENO, .reload = reload, .context = &settings};
	int result = -1;

	if (config_load(options->config, &settings.config, error) != 0)
		return -1;
	config_open_log(settings.config, PROGRAM);
	if (confine_no_new_privileges(error) != 0 || secret_protect_process(error) != 0 ||
	    secret_load_token(settings.config->telegram.token_file, &settings.token, error) != 0)
		goto out;
	use_settings(&settings, &poller);
	if (options->no_store)
		result = poller_run(&poller, error);
	else
		result = poll_with_store(settings.config, &poller, error);
out:
	secret_free(settings.token);
	config_free(settings.config);
	return result;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct error error;
	int code;

	if (fd_sanitise(&error) != 0)
		return program_fail(PROGRAM, &error);
	code = read_options(argc, argv, &options);
	if (code >= 0)
		return code;
	signal(SIGPIPE, SIG_IGN);
	return run(&options, &error) == 0 ? EX_OK : program_fail(PROGRAM, &error);
}
