/* notify-scripts: lists the scripts of the account that it runs as, and runs one of them on demand. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "fd.h"
#include "job.h"
#include "listing.h"
#include "place.h"
#include "program.h"
#include "script_state.h"
#include "stream.h"
#include "submit.h"

#define PROGRAM "notify-scripts"
#define USAGE                                                                                                \
	"usage: notify-scripts [-c FILE] list | run [--stream] [--deliver] [--until-eof] [--server] NAME "   \
	"[ARG...]"

static const char help[] =
    USAGE "\n"
	  "Lists your notification scripts, or runs one of them. Prints JSON.\n"
	  "  list                show them, when each ran and sent something last, and its cooldown\n"
	  "  run NAME [ARG...]   run one and print what it reports\n"
	  "      --stream        print what it writes while it runs, one event a line\n"
	  "      --deliver       send what it reports to your Telegram chats, too\n"
	  "      --until-eof     end it when standard input ends\n"
	  "      --server        NAME is one of server_scripts that run as this account\n"
	  "  -c, --config FILE   configuration instead of " CONFIG_DEFAULT_PATH "; not by sudo\n"
	  "  -V, --version       print the version\n"
	  "  -h, --help          print this\n";

enum { OPTION_STREAM = 256, OPTION_DELIVER, OPTION_UNTIL_EOF, OPTION_SERVER };

static const struct option long_options[] = {
    {"stream", no_argument, NULL, OPTION_STREAM},
    {"deliver", no_argument, NULL, OPTION_DELIVER},
    {"until-eof", no_argument, NULL, OPTION_UNTIL_EOF},
    {"server", no_argument, NULL, OPTION_SERVER},
    {"config", required_argument, NULL, 'c'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

struct options {
	const char *config;
	bool list;
	struct job_options job;
};

/* Options up to the next word. -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:c:Vh", long_options, NULL)) != -1) {
		switch (option) {
		case OPTION_STREAM:
			options->job.events = true;
			break;
		case OPTION_DELIVER:
			options->job.deliver = true;
			break;
		case OPTION_UNTIL_EOF:
			options->job.until_eof = true;
			break;
		case OPTION_SERVER:
			options->job.server = true;
			break;
		case 'c':
			options->config = optarg;
			break;
		default:
			return program_option(PROGRAM, option, argv, help, USAGE);
		}
	}
	return -1;
}

static bool is_about_running(const struct job_options *job)
{
	return job->events || job->deliver || job->until_eof || job->server;
}

/* The command, its options, and what follows. What follows the name of a script is the script's. */
static int read_command(int argc, char **argv, struct options *options)
{
	const char *command;
	int code = read_options(argc, argv, options);

	if (code >= 0)
		return code;
	if (optind == argc)
		return program_bad_usage(PROGRAM, "what is to be done is missing", USAGE);
	command = argv[optind++];
	options->list = strcmp(command, "list") == 0;
	if (!options->list && strcmp(command, "run") != 0)
		return program_bad_usage(PROGRAM, "this command is unknown", USAGE);
	code = read_options(argc, argv, options);
	if (code >= 0)
		return code;
	if (options->list && is_about_running(&options->job))
		return program_bad_usage(PROGRAM, "list does not take this option", USAGE);
	if (options->list)
		return optind == argc ? -1 : program_bad_usage(PROGRAM, "unexpected argument", USAGE);
	if (optind == argc)
		return program_bad_usage(PROGRAM, "the name of a script is missing", USAGE);
	options->job.name = argv[optind++];
	options->job.args = argv + optind;
	return -1;
}

static void skipped(void *context, const char *name, const char *reason)
{
	(void)context;
	fprintf(stderr, "%s: %s is not taken: %s\n", PROGRAM, name, reason);
}

/* What tg-sendd knows of the account's scripts; NULL, with a word, where it cannot be asked. */
static struct json_object *ask_sent(const struct place *place)
{
	struct submit_answer answer;
	struct json_object *body = NULL;
	struct error error;

	if (submit_request(
		place->config->socket.path, "GET", "/scripts", NULL, NULL, 0, NULL, &answer, &error) == 0)
		body = json_object_get(answer.body);
	else
		fprintf(stderr, "%s: when they sent something last is not known: %s\n", PROGRAM, error.text);
	submit_answer_free(&answer);
	return body;
}

static int64_t last_run(void *context, const char *script)
{
	struct script_state_entry entry;

	script_state_get(context, script, &entry);
	return entry.last_run_ms;
}

static int list_scripts(const struct place *place, struct stream *stream, struct error *error)
{
	struct script_list list = {.count = 0};
	struct script_state *state;
	struct json_object *sent;

	if (script_find(place->directory, getuid(), skipped, NULL, &list, error) != 0)
		return -1;
	sent = list.count > 0 ? ask_sent(place) : NULL;
	state = script_state_read(place->state_directory);
	stream_line(stream, listing_make(&list, last_run, state, sent, clock_wall_ms()));
	script_state_free(state);
	json_object_put(sent);
	script_list_free(&list);
	return 0;
}

/* Nothing of who calls us is to reach what we start; the script's own process is made clean by child.h. */
static int start_clean(struct error *error)
{
	if (fd_sanitise(error) != 0)
		return -1;
	umask(077);
	if (close_range(STDERR_FILENO + 1, ~0U, 0) != 0)
		return error_errno(error, ERROR_BUG, "cannot close what was open");
	return 0;
}

/* An error that is not about the script itself: as JSON for who reads that, and in words. */
static int fail(const struct options *options, struct stream *stream, const struct error *error)
{
	if (options->job.events)
		stream_failed(stream, error->text);
	else
		stream_error(stream, error->text);
	return program_fail(PROGRAM, error);
}

/* A reader that went away is no trouble of ours; a full disk is. */
static int check_written(const struct stream *stream, int code)
{
	if (stream->code == 0 || stream->code == EPIPE)
		return code;
	fprintf(stderr, "%s: cannot write to standard output: %s\n", PROGRAM, strerror(stream->code));
	return code == 0 ? EX_TEMPFAIL : code;
}

int main(int argc, char **argv)
{
	struct options options = {.config = NULL};
	struct place place = {.config = NULL};
	struct stream stream = {.watch = NULL};
	struct error error;
	int code;

	if (start_clean(&error) != 0)
		return program_fail(PROGRAM, &error);
	code = read_command(argc, argv, &options);
	if (code >= 0)
		return code;
	if (place_open(&place, options.config, &error) != 0 ||
	    (options.list && list_scripts(&place, &stream, &error) != 0))
		code = fail(&options, &stream, &error);
	else
		code = options.list ? 0 : job_run(&place, &options.job, &stream);
	place_close(&place);
	return check_written(&stream, code);
}
