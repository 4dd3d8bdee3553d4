/* notify-runner: runs the notification scripts of its user and submits what they report. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "cron.h"
#include "fd.h"
#include "num.h"
#include "place.h"
#include "program.h"
#include "runner.h"
#include "xalloc.h"

enum { JOBS_MAX = 64, EXIT_FAILED = 1 };

#define PROGRAM "notify-runner"
#define USAGE "usage: notify-runner [-nv] [-j N] [--only NAME] [--force] [--plain] [-c FILE]"

static const char help[] =
    USAGE "\n"
	  "       notify-runner -l | --install-cron[=WHEN] | --remove-cron [-c FILE]\n"
	  "Runs your notification scripts and sends what they report.\n"
	  "  -j, --jobs N          run so many scripts at a time\n"
	  "  -n, --dry-run         run them and print what would be sent\n"
	  "  -v, --verbose         what goes to the log goes to stderr, too\n"
	  "      --only NAME       run this script only\n"
	  "      --force           whatever their cooldowns say, and begin none\n"
	  "      --skip-cooling    leave out scripts whose cooldown runs\n"
	  "      --plain           all that a script prints is the message\n"
	  "      --strict          exit with 1 when a script fails\n"
	  "      --home DIR        use DIR in place of the home directory, to try it out\n"
	  "Instead of running them:\n"
	  "  -l, --list            print the names of the scripts\n"
	  "      --install-cron[=WHEN]\n"
	  "                        run them every 5 minutes, or WHEN, by a line in your crontab\n"
	  "      --remove-cron     take that line out again\n"
	  "Others:\n"
	  "  -c, --config FILE     configuration instead of " CONFIG_DEFAULT_PATH "\n"
	  "  -V, --version         print the version\n"
	  "  -h, --help            print this\n";

enum {
	OPTION_ONLY = 256,
	OPTION_FORCE,
	OPTION_SKIP_COOLING,
	OPTION_PLAIN,
	OPTION_STRICT,
	OPTION_HOME,
	OPTION_INSTALL_CRON,
	OPTION_REMOVE_CRON,
};

struct options {
	const char *config, *only, *home;
	const char *schedule; /* NULL: every five minutes */
	int64_t jobs;	      /* 0: as configured */
	bool list, dry_run, verbose, force, skip_cooling, plain, strict, install_cron, remove_cron;
};

/* ---- the command line ---- */

static const struct option long_options[] = {
    {"jobs", required_argument, NULL, 'j'},
    {"list", no_argument, NULL, 'l'},
    {"dry-run", no_argument, NULL, 'n'},
    {"verbose", no_argument, NULL, 'v'},
    {"only", required_argument, NULL, OPTION_ONLY},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"skip-cooling", no_argument, NULL, OPTION_SKIP_COOLING},
    {"plain", no_argument, NULL, OPTION_PLAIN},
    {"strict", no_argument, NULL, OPTION_STRICT},
    {"home", required_argument, NULL, OPTION_HOME},
    {"install-cron", optional_argument, NULL, OPTION_INSTALL_CRON},
    {"remove-cron", no_argument, NULL, OPTION_REMOVE_CRON},
    {"config", required_argument, NULL, 'c'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool *flag_of(struct options *options, int option)
{
	switch (option) {
	case 'l':
		return &options->list;
	case 'n':
		return &options->dry_run;
	case 'v':
		return &options->verbose;
	case OPTION_FORCE:
		return &options->force;
	case OPTION_SKIP_COOLING:
		return &options->skip_cooling;
	case OPTION_PLAIN:
		return &options->plain;
	case OPTION_STRICT:
		return &options->strict;
	case OPTION_INSTALL_CRON:
		return &options->install_cron;
	case OPTION_REMOVE_CRON:
		return &options->remove_cron;
	default:
		return NULL;
	}
}

static int take_option(struct options *options, int option, struct error *error)
{
	bool *flag = flag_of(options, option);

	if (flag != NULL)
		*flag = true;
	switch (option) {
	case 'j':
		if (num_int64(optarg, 1, JOBS_MAX, &options->jobs) == 0)
			return 0;
		return error_set(error, ERROR_USAGE, "-j takes a number from 1 to 64");
	case 'c':
		options->config = optarg;
		return 0;
	case OPTION_HOME:
		options->home = optarg;
		return 0;
	case OPTION_ONLY:
		options->only = optarg;
		if (script_name_is_valid(optarg))
			return 0;
		return error_set(
		    error, ERROR_USAGE, "--only takes the name of a script, without its directory");
	case OPTION_INSTALL_CRON:
		options->schedule = optarg;
		return optarg != NULL ? cron_check_schedule(optarg, error) : 0;
	default:
		return 0;
	}
}

static int check_options(const struct options *options, struct error *error)
{
	if (options->list + options->install_cron + options->remove_cron > 1)
		return error_set(
		    error, ERROR_USAGE, "--list, --install-cron and --remove-cron exclude each other");
	if ((options->install_cron || options->remove_cron) &&
	    (options->only != NULL || options->home != NULL || options->jobs != 0 || options->dry_run ||
		options->verbose || options->force || options->skip_cooling || options->plain ||
		options->strict))
		return error_set(error, ERROR_USAGE, "--install-cron and --remove-cron go with -c alone");
	if (options->force && options->skip_cooling)
		return error_set(error, ERROR_USAGE, "--force and --skip-cooling exclude each other");
	return 0;
}

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	struct error error;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":j:lnvc:Vh", long_options, NULL)) != -1) {
		if (option == 'V' || option == 'h' || option == ':' || option == '?')
			return program_option(PROGRAM, option, argv, help, USAGE);
		if (take_option(options, option, &error) != 0)
			return program_bad_usage(PROGRAM, error.text, USAGE);
	}
	if (optind != argc)
		return program_bad_usage(PROGRAM,
		    options->install_cron && options->schedule == NULL
			? "a schedule is given as in --install-cron='0 8 * * *'"
			: "unexpected argument",
		    USAGE);
	if (check_options(options, &error) != 0)
		return program_bad_usage(PROGRAM, error.text, USAGE);
	return -1;
}

/* ---- which scripts ---- */

static void skipped_in_log(void *context, const char *name, const char *reason)
{
	runlog_add(context, name, "skipped: %s", reason);
}

/* Leaves only the script of that name. */
static int select_one(struct script_list *list, const char *name, const char *directory, struct error *error)
{
	size_t left = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (left == 0 && strcmp(list->items[i].name, name) == 0)
			list->items[left++] = list->items[i];
		else
			free(list->items[i].path);
	}
	list->count = left;
	return left == 1 ? 0 : error_set(error, ERROR_USAGE, "there is no script %s in %s", name, directory);
}

static int find_scripts(const struct options *options, const struct place *place, struct runlog *log,
    struct script_list *list, struct error *error)
{
	if (script_find(place->scripts, getuid(), skipped_in_log, log, list, error) != 0)
		return -1;
	return options->only == NULL ? 0 : select_one(list, options->only, place->scripts, error);
}

static int list_scripts(const struct options *options, const struct place *place, struct error *error)
{
	struct runlog log = {.fd = -1, .echo = true};
	struct script_list list = {0};
	int result = find_scripts(options, place, &log, &list, error);

	for (size_t i = 0; i < list.count; i++)
		puts(list.items[i].name);
	if (result == 0 && list.count == 0)
		fprintf(stderr, "notify-runner: there is no script in %s, see notify-script(7)\n",
		    place->scripts);
	script_list_free(&list);
	return result;
}

/* ---- the crontab ---- */

/* This program, with the configuration that it was given, by paths that hold from anywhere. */
static int make_command(const struct options *options, struct buf *command, struct error *error)
{
	char self[PATH_MAX], *config = NULL, *words[4] = {self};
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	if (len <= 0)
		return error_errno(error, ERROR_CONFIG, "cannot tell where this program is");
	self[len] = '\0';
	if (options->config != NULL) {
		config = realpath(options->config, NULL);
		if (config == NULL)
			return error_errno(error, ERROR_CONFIG, "cannot use %s", options->config);
		words[1] = (char *)"-c";
		words[2] = config;
	}
	cron_add_command(command, words);
	free(config);
	return strchr(buf_text(command), '\n') == NULL
		   ? 0
		   : error_set(error, ERROR_CONFIG, "a path with a newline cannot be in a crontab");
}

static int change_crontab(const struct options *options, const struct place *place, struct error *error)
{
	const char *schedule = options->schedule != NULL ? options->schedule : CRON_EVERY_FIVE_MINUTES;
	struct buf old = BUF_INIT(1 << 20), new = BUF_INIT(1 << 21), command = BUF_INIT(1 << 16);
	bool changed = false;
	int result = make_command(options, &command, error);

	if (result == 0)
		result = cron_read(&old, error);
	if (result == 0)
		changed = options->remove_cron ? cron_remove(&old, &new)
					       : cron_install(&old, schedule, buf_text(&command),
						     options->schedule != NULL, &new);
	if (changed)
		result = cron_write(&new, place->home, error);
	if (result == 0)
		printf("%s\n", options->remove_cron ? changed ? "removed" : "there was no such line"
			       : changed	    ? "installed"
						    : "already there");
	buf_free(&old);
	buf_free(&new);
	buf_free(&command);
	return result;
}

/* ---- running them ---- */

/* A descriptor that is readable once we are told to end. A signal that is ignored (nohup) stays so. */
static int catch_signals(struct error *error)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action;
	sigset_t caught;
	int fd;

	sigemptyset(&caught);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&caught, numbers[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	/* A file that may not grow is an error like another. */
	signal(SIGXFSZ, SIG_IGN);
	fd = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0 || sigprocmask(SIG_BLOCK, &caught, NULL) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot catch signals");
	return fd;
}

/* Leaves pending open, with what is still to go out. */
static int replay(const struct place *place, struct outgoing *outgoing, struct error *error)
{
	struct pending *pending = outgoing->pending;

	if (pending_open(place->spool, pending, error) != 0)
		return -1;
	if (pending->count == 0)
		return 0;
	outgoing_replay(outgoing);
	pending_close(pending);
	return pending_open(place->spool, pending, error);
}

/* Whose cooldown runs; where that cannot be told nobody is left out. The caller puts it. */
static struct json_object *ask_cooling(const struct outgoing *outgoing)
{
	struct courier_answer answer;
	struct json_object *cooling = NULL;
	struct error error;

	if (courier_get(outgoing->courier, "/scripts", &answer, &error) == 0)
		cooling = json_object_get(answer.body);
	else
		runlog_add(outgoing->log, "run", "no script is left out for its cooldown: %s", error.text);
	courier_answer_free(&answer);
	return cooling;
}

static void log_run(const struct runner *runner, int64_t duration_ms)
{
	const struct outgoing *outgoing = runner->outgoing;
	size_t total = runner->total - runner->left_out;

	runlog_add(runner->log, "run", "%zu script%s, %zu failed, %zu message%s sent, %zu kept, %lld ms%s",
	    total, total == 1 ? "" : "s", runner->failed, outgoing->sent, outgoing->sent == 1 ? "" : "s",
	    outgoing->pending->count, (long long)duration_ms, runner->stopped ? ", ended early" : "");
}

static void save_state(struct runner *runner)
{
	struct error error;

	if (script_state_save(runner->state, clock_wall_ms(), &error) != 0)
		runlog_add(runner->log, "run", "warning: %s", error.text);
	if (script_state_warning(runner->state) != NULL)
		runlog_add(runner->log, "run", "warning: %s", script_state_warning(runner->state));
}

static int run_scripts(
    const struct options *options, const struct place *place, struct runner *runner, struct error *error)
{
	struct script_list list = {0};
	int64_t started_ms = clock_monotonic_ms();
	int result = find_scripts(options, place, runner->log, &list, error);

	if (result == 0 && !runner->dry_run)
		result = replay(place, runner->outgoing, error);
	if (result == 0 && options->skip_cooling)
		runner->cooling = ask_cooling(runner->outgoing);
	if (result == 0)
		runner_run(runner, &list);
	if (result == 0 && !runner->dry_run) {
		save_state(runner);
		log_run(runner, clock_monotonic_ms() - started_ms);
	}
	json_object_put(runner->cooling);
	script_list_free(&list);
	return result;
}

/* Says what a person has to know, one line each. Returns the exit code. */
static int conclude(const struct options *options, const struct runner *runner, const struct place *place)
{
	const struct outgoing *outgoing = runner->outgoing;
	size_t kept = outgoing->pending->count;
	int code = options->strict && runner->failed > 0 ? EXIT_FAILED : EX_OK;

	if (runner->log->failed)
		fprintf(stderr, "notify-runner: cannot write %s; is the disk full?\n", runner->log->path);
	if (code == EXIT_FAILED && !runner->log->echo)
		fprintf(stderr, "notify-runner: %zu script%s failed, see %s/runner.log\n", runner->failed,
		    runner->failed == 1 ? "" : "s", place->logs);
	if (runner->stopped)
		code = EX_TEMPFAIL;
	if (outgoing->lost > 0) {
		fprintf(stderr, "notify-runner: %zu message%s lost: tg-sendd did not take it, and %s\n",
		    outgoing->lost, outgoing->lost == 1 ? " is" : "s are", outgoing->lost_why.text);
		code = EX_TEMPFAIL;
	}
	if (kept > 0) {
		fprintf(stderr, "notify-runner: %zu message%s kept in %s for the next run: %s\n", kept,
		    kept == 1 ? " is" : "s are", place->spool, outgoing->why.text);
		code = EX_TEMPFAIL;
	}
	if (outgoing->denied) {
		fprintf(stderr, "notify-runner: %s\n", outgoing->why.text);
		code = EX_NOPERM;
	}
	return code;
}

static struct runner make_runner(
    const struct options *options, const struct config *config, const struct place *place)
{
	return (struct runner){.config = config,
	    .run = {.home = place->home,
		.user = place->account.name,
		.timeout_ms = config->scripts.timeout_ms,
		.output_max_bytes = (size_t)config->scripts.output_bytes,
		.limits = {config->scripts.memory_bytes, config->scripts.file_size_bytes,
		    config->scripts.open_files}},
	    .jobs = (size_t)(options->jobs > 0 ? options->jobs : config->scripts.jobs),
	    .stop_fd = -1,
	    .dry_run = options->dry_run,
	    .force = options->force,
	    .plain = options->plain,
	    .progress = progress_start(!options->verbose && !options->dry_run)};
}

static int run(
    const struct options *options, const struct config *config, struct place *place, struct error *error)
{
	struct runlog log = {.fd = -1};
	struct pending pending = {0};
	struct outgoing outgoing = {.pending = &pending, .log = &log};
	struct runner runner = make_runner(options, config, place);
	int code = -1;

	runner.outgoing = &outgoing;
	runner.log = &log;
	if (place_lock(place, error) != 0 || runlog_open(&log, options->dry_run ? NULL : place->logs,
						 options->dry_run || options->verbose, error) != 0)
		goto out;
	runner.stop_fd = catch_signals(error);
	if (runner.stop_fd < 0)
		goto out;
	outgoing.courier = courier_new(config->file, runner.stop_fd);
	runner.children = children_new();
	runner.state = options->dry_run ? NULL : script_state_read(place->state);
	if (run_scripts(options, place, &runner, error) == 0)
		code = conclude(options, &runner, place);
out:
	children_free(runner.children);
	script_state_free(runner.state);
	courier_free(outgoing.courier);
	pending_close(&pending);
	fd_close(&runner.stop_fd);
	runlog_close(&log);
	return code;
}

static int perform(
    const struct options *options, const struct config *config, struct place *place, struct error *error)
{
	if (options->list)
		return list_scripts(options, place, error);
	if (options->install_cron || options->remove_cron)
		return change_crontab(options, place, error);
	return run(options, config, place, error);
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct place place = PLACE_INIT;
	struct config *config = NULL;
	struct error error = {.text = ""};
	int code, result = fd_sanitise(&error);

	if (result == 0) {
		code = read_options(argc, argv, &options);
		if (code >= 0)
			return code;
	}
	if (result == 0)
		result = config_load(options.config, &config, &error);
	if (result == 0)
		result = place_find(&place, options.home, config->scripts.directory, &error);
	if (result == 0)
		result = perform(&options, config, &place, &error);
	if (result < 0)
		result = program_fail(PROGRAM, &error);
	if (fflush(stdout) != 0 && result == 0) {
		fprintf(stderr, "notify-runner: cannot write to stdout: %s\n", strerror(errno));
		result = EX_TEMPFAIL;
	}
	place_close(&place);
	config_free(config);
	return result;
}
