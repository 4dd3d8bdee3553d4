/* tg-send: messages from the shell, and calls from tg-dispatch, to tg-sendd. See tg-send(1). */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "config.h"
#include "error.h"
#include "fd.h"
#include "log.h"
#include "program.h"

#include "calls.h"
#include "compose.h"

#define PROGRAM "tg-send"
#define USAGE "usage: tg-send [-sv] [-T title] [-u user] [-i picture] [-c file] [text ...]"

static const char help[] =
    USAGE "\n"
	  "       command | tg-send [options]\n"
	  "       tg-send --json [-c file]\n"
	  "Sends a text or a picture to your Telegram.\n"
	  "  -T, --title TITLE   a title above the text\n"
	  "  -u, --user USER     to the Telegram of USER (front ends and operators)\n"
	  "  -s, --silent        without a sound\n"
	  "  -i, --image FILE    a picture, \"-\" for standard input; the text is its caption\n"
	  "  -v, --verbose       say under which number the message is queued\n"
	  "      --json          submit calls, one JSON object a line, from standard input\n"
	  "  -c, --config FILE   configuration instead of " CONFIG_DEFAULT_PATH "\n"
	  "  -V, --version       print the version\n"
	  "  -h, --help          print this\n"
	  "Without text standard input is sent; \"--\" ends the options. See tg-send(1).\n";

enum { OPTION_JSON = 256 };

static const struct option long_options[] = {
    {"title", required_argument, NULL, 'T'},
    {"user", required_argument, NULL, 'u'},
    {"silent", no_argument, NULL, 's'},
    {"image", required_argument, NULL, 'i'},
    {"verbose", no_argument, NULL, 'v'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"config", required_argument, NULL, 'c'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

struct options {
	struct compose message;
	const char *config_path;
	bool json;
	bool verbose;
};

/* Returns -1 to go on, else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":T:u:si:vc:Vh", long_options, NULL)) != -1) {
		switch (option) {
		case 'T':
			options->message.title = optarg;
			break;
		case 'u':
			options->message.user = optarg;
			break;
		case 's':
			options->message.silent = true;
			break;
		case 'i':
			options->message.image = optarg;
			break;
		case 'v':
			options->verbose = true;
			break;
		case OPTION_JSON:
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
			return program_bad_usage(
			    PROGRAM, "unknown option (text that starts with - comes after --)", USAGE);
		}
	}
	options->message.words = argv + optind;
	options->message.words_count = (size_t)(argc - optind);
	return -1;
}

static int send_calls(const struct config *config)
{
	struct calls_outcome outcome = {0};
	struct error error;

	config_open_log(config, PROGRAM);
	signal(SIGHUP, SIG_IGN);
	if (calls_run(STDIN_FILENO, config->socket.path, &outcome, &error) != 0)
		return program_fail(PROGRAM, &error);
	if (outcome.unfinished)
		return EX_TEMPFAIL;
	return outcome.refused > 0 ? EX_DATAERR : EX_OK;
}

static int send_message(const struct config *config, const struct options *options)
{
	char line[64];
	struct error error;
	int64_t id = 0;

	if (compose_send(&options->message, config->socket.path, &id, &error) != 0)
		return program_fail(PROGRAM, &error);
	if (!options->verbose || id == 0)
		return EX_OK;
	snprintf(line, sizeof line, "queued as %lld\n", (long long)id);
	return program_print(PROGRAM, line, strlen(line));
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
	if (options.json &&
	    (options.message.words_count > 0 || options.message.image != NULL ||
		options.message.title != NULL || options.message.user != NULL || options.message.silent))
		return program_bad_usage(
		    PROGRAM, "--json takes its calls from standard input and goes with -c alone", USAGE);
	if (config_load(options.config_path, &config, &error) != 0)
		return program_fail(PROGRAM, &error);
	code = options.json ? send_calls(config) : send_message(config, &options);
	config_free(config);
	return code;
}
