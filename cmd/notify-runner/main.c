/* notify-runner: runs the notification scripts of its user and submits what they report. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "fd.h"
#include "num.h"
#include "path.h"
#include "peer.h"
#include "program.h"
#include "runner.h"
#include "xalloc.h"

enum { JOBS_MAX = 64 };

#define PROGRAM "notify-runner"
#define USAGE "usage: notify-runner [-nv] [-j N] [--only NAME] [--home DIR] [-c FILE]"

static const char help[] = USAGE "\n"
				 "       notify-runner -l [--home DIR] [-c FILE]\n"
				 "  -j, --jobs N      run so many scripts at a time\n"
				 "  -l, --list        print the names of the scripts and exit\n"
				 "  -n, --dry-run     run them and print what would be sent\n"
				 "  -v, --verbose     what goes to the log goes to stderr, too\n"
				 "      --only NAME   run this script only\n"
				 "      --home DIR    use DIR in place of the home directory, to try it out\n"
				 "  -c, --config FILE\n"
				 "  -V, --version\n"
				 "  -h, --help\n";

struct options {
	const char *config, *only, *home;
	int64_t jobs; /* 0: as configured */
	bool list, dry_run, verbose;
};

/* Everything that a run needs, and that is released at its end. */
struct place {
	struct account account;
	char *home, *scripts, *state, *lock, *logs, *spool;
	int lock_fd;
};

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {{"jobs", required_argument, NULL, 'j'},
	    {"list", no_argument, NULL, 'l'}, {"dry-run", no_argument, NULL, 'n'},
	    {"verbose", no_argument, NULL, 'v'}, {"only", required_argument, NULL, 'o'},
	    {"home", required_argument, NULL, 'H'}, {"config", required_argument, NULL, 'c'},
	    {"version", no_argument, NULL, 'V'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":j:lnvc:Vh", names, NULL)) != -1) {
		switch (option) {
		case 'j':
			if (num_int64(optarg, 1, JOBS_MAX, &options->jobs) == 0)
				break;
			return program_bad_usage(PROGRAM, "-j takes a number from 1 to 64", USAGE);
		case 'l':
			options->list = true;
			break;
		case 'n':
			options->dry_run = true;
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'o':
			options->only = optarg;
			if (script_name_is_valid(optarg))
				break;
			return program_bad_usage(
			    PROGRAM, "--only takes the name of a script, without its directory", USAGE);
		case 'H':
			options->home = optarg;
			break;
		case 'c':
			options->config = optarg;
			break;
		default:
			return program_option(PROGRAM, option, argv, help, USAGE);
		}
	}
	return optind == argc ? -1 : program_bad_usage(PROGRAM, "unexpected argument", USAGE);
}

/* Ours, and nobody else may change what is in it. */
static int check_owner(const char *path, uid_t uid, struct error *error)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot use %s", path);
	if (!S_ISDIR(status.st_mode))
		return error_set(error, ERROR_CONFIG, "%s is not a directory", path);
	if (status.st_uid != uid)
		return error_set(error, ERROR_CONFIG, "%s belongs to another account", path);
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(
		    error, ERROR_CONFIG, "others may write to %s; run: chmod go-w %s", path, path);
	return 0;
}

static int find_home(const char *wanted, struct place *place, struct error *error)
{
	if (account_by_uid(getuid(), &place->account, error) != 0)
		return -1;
	if (wanted == NULL) {
		place->home = xstrdup(place->account.home);
		return 0;
	}
	place->home = realpath(wanted, NULL);
	if (place->home == NULL)
		return error_errno(error, ERROR_CONFIG, "cannot use %s", wanted);
	return check_owner(place->home, getuid(), error);
}

static int make_private(const char *path, struct error *error)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return error_errno(error, ERROR_CONFIG, "cannot create %s", path);
	return check_owner(path, getuid(), error);
}

static int make_place(struct place *place, struct error *error)
{
	place->state = path_join(place->home, ".notifications");
	place->lock = path_join(place->state, "lock");
	place->logs = path_join(place->state, "logs");
	place->spool = path_join(place->state, "spool");
	if (make_private(place->state, error) != 0 || make_private(place->logs, error) != 0 ||
	    make_private(place->spool, error) != 0)
		return -1;
	place->lock_fd = fd_lock_file(place->lock, 0600, error);
	if (place->lock_fd < 0 && error->kind == ERROR_TEMPORARY)
		return error_set(error, ERROR_TEMPORARY, "already running for %s (lock %s)",
		    place->account.name, place->lock);
	return place->lock_fd < 0 ? -1 : 0;
}

static void place_free(struct place *place)
{
	fd_close(&place->lock_fd);
	free(place->home);
	free(place->scripts);
	free(place->state);
	free(place->lock);
	free(place->logs);
	free(place->spool);
}

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
	fd = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0 || sigprocmask(SIG_BLOCK, &caught, NULL) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot catch signals");
	return fd;
}

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
	script_list_free(&list);
	return result;
}

/* Leaves pending open, with what is still to go out. */
static int replay(
    const struct place *place, struct runner *runner, struct pending *pending, struct error *error)
{
	if (pending_open(place->spool, pending, error) != 0)
		return -1;
	runner->pending = pending;
	if (pending->count == 0)
		return 0;
	runner_replay(runner);
	pending_close(pending);
	return pending_open(place->spool, pending, error);
}

static int run_scripts(const struct options *options, const struct place *place, struct runner *runner,
    size_t *kept, struct error *error)
{
	struct script_list list = {0};
	struct pending pending = {0};
	int64_t started_ms = clock_monotonic_ms();
	int result = find_scripts(options, place, runner->log, &list, error);

	if (result == 0 && !runner->dry_run)
		result = replay(place, runner, &pending, error);
	if (result == 0)
		runner_run(runner, &list);
	*kept = pending.count;
	if (result == 0 && !runner->dry_run)
		runlog_add(runner->log, "run",
		    "%zu scripts, %zu failed, %zu messages sent, %zu kept, %lld ms%s", list.count,
		    runner->failed, runner->sent, *kept, (long long)(clock_monotonic_ms() - started_ms),
		    runner->stopped ? ", ended early" : "");
	script_list_free(&list);
	pending_close(&pending);
	return result;
}

/* Says what a person has to know, one line each. Returns the exit code. */
static int conclude(const struct runner *runner, const struct place *place, size_t kept)
{
	int code = 0;

	if (runner->log->failed)
		fprintf(stderr, "notify-runner: cannot write %s; is the disk full?\n", runner->log->path);
	if (runner->stopped)
		code = EX_TEMPFAIL;
	if (runner->lost > 0) {
		fprintf(stderr, "notify-runner: %zu message%s lost: tg-sendd did not take it, and %s\n",
		    runner->lost, runner->lost == 1 ? " is" : "s are", runner->lost_why.text);
		code = EX_TEMPFAIL;
	}
	if (kept > 0) {
		fprintf(stderr, "notify-runner: %zu message%s kept in %s for the next run: %s\n", kept,
		    kept == 1 ? " is" : "s are", place->spool, runner->why.text);
		code = EX_TEMPFAIL;
	}
	if (runner->denied) {
		fprintf(stderr, "notify-runner: %s\n", runner->why.text);
		code = EX_NOPERM;
	}
	return code;
}

static int run(
    const struct options *options, const struct config *config, struct place *place, struct error *error)
{
	struct runlog log = {.fd = -1};
	struct runner runner = {
	    .limits = {config->delivery.picture_max_bytes, config->delivery.file_max_bytes},
	    .run = {.home = place->home,
		.user = place->account.name,
		.timeout_ms = config->scripts.timeout_ms,
		.output_max_bytes = (size_t)config->scripts.output_bytes,
		.limits = {config->scripts.memory_bytes, config->scripts.file_size_bytes,
		    config->scripts.open_files}},
	    .children = children_new(),
	    .jobs = (size_t)(options->jobs > 0 ? options->jobs : config->scripts.jobs),
	    .dry_run = options->dry_run,
	    .stop_fd = -1,
	    .log = &log};
	size_t kept = 0;
	int code = -1;

	if (make_place(place, error) != 0 || runlog_open(&log, options->dry_run ? NULL : place->logs,
						 options->dry_run || options->verbose, error) != 0)
		goto out;
	runner.stop_fd = catch_signals(error);
	if (runner.stop_fd < 0)
		goto out;
	runner.courier = courier_new(config->file, runner.stop_fd);
	if (run_scripts(options, place, &runner, &kept, error) != 0)
		goto out;
	code = conclude(&runner, place, kept);
out:
	children_free(runner.children);
	courier_free(runner.courier);
	fd_close(&runner.stop_fd);
	runlog_close(&log);
	return code;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct place place = {.lock_fd = -1};
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
		result = find_home(options.home, &place, &error);
	if (result == 0) {
		place.scripts = path_join(place.home, config->scripts.directory);
		result = options.list ? list_scripts(&options, &place, &error)
				      : run(&options, config, &place, &error);
	}
	if (result < 0)
		result = program_fail(PROGRAM, &error);
	if (fflush(stdout) != 0 && result == 0) {
		fprintf(stderr, "notify-runner: cannot write to stdout: %s\n", strerror(errno));
		result = EX_TEMPFAIL;
	}
	place_free(&place);
	config_free(config);
	return result;
}
