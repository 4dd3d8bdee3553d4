/* tg-sendd: takes messages on the unix socket, keeps them, delivers them. See tg-sendd(8). */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "log.h"
#include "path.h"
#include "program.h"
#include "secret.h"
#include "sendd.h"

enum {
	CONNECTIONS = 900,
	CONNECTIONS_PER_UID = 64,
	STOP_MS = 10000,
	HOUSEKEEPING_MS = 3600000,
	RELEASE_MS = 2,
};

#define PROGRAM "tg-sendd"
#define USAGE "usage: tg-sendd [-c FILE] [--check-store]"

static const char help[] =
    USAGE "\n"
	  "Takes messages on the unix socket, keeps them, delivers them to Telegram.\n"
	  "  -c, --config FILE  the configuration instead of " CONFIG_DEFAULT_PATH "\n"
	  "      --check-store  look whether the store is whole, print what is not, exit\n"
	  "  -V, --version      print the version\n"
	  "  -h, --help         print this help\n";

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, const char **config_path, bool *check_store)
{
	enum { CHECK_STORE = 256 };
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	    {"check-store", no_argument, NULL, CHECK_STORE}, {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:Vh", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			*config_path = optarg;
			break;
		case CHECK_STORE:
			*check_store = true;
			break;
		default:
			return program_option(PROGRAM, option, argv, help, USAGE);
		}
	}
	return optind == argc ? -1 : program_bad_usage(PROGRAM, "unexpected argument", USAGE);
}

static struct sched_limits sched_limits_of(const struct config *config)
{
	return (struct sched_limits){
	    .overall_per_second = config->delivery.overall_per_second,
	    .chat_per_second = config->delivery.chat_per_second,
	    .chat_burst = config->delivery.chat_burst,
	    .group_per_minute = config->delivery.group_per_minute,
	    .parallel = config->delivery.parallel,
	};
}

static void use_config(struct sendd *sendd)
{
	const struct config *config = sendd->config;

	sendd->telegram = (struct telegram){config->telegram.api_url, sendd->token, config->telegram.proxy};
}

/* What is open stays as it is: socket, store and token take a restart. */
static void reload(struct sendd *sendd)
{
	struct sched_limits limits;

	sendd->reload = false;
	if (!config_reload(sendd->config_path, &sendd->config, NULL, NULL))
		return;
	use_config(sendd);
	limits = sched_limits_of(sendd->config);
	sched_set_limits(sendd->sched, &limits);
}

static void on_signal(void *context, int signo)
{
	struct sendd *sendd = context;

	if (signo == SIGHUP)
		sendd->reload = true;
	else
		sendd->stopping = true;
}

/* The server is run every turn; this only ends the wait. */
static void on_httpd(void *context, int fd, short events)
{
	(void)context;
	(void)fd;
	(void)events;
}

static int open_loop(struct sendd *sendd, struct error *error)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	if (loop_new(&sendd->loop, error) != 0)
		return -1;
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		if (loop_on_signal(sendd->loop, signals[i], on_signal, sendd, error) != 0)
			return -1;
	}
	return http_client_new(sendd->loop, &sendd->client, error);
}

static int open_store(struct sendd *sendd, int *lock_fd, struct error *error)
{
	const struct config *config = sendd->config;
	struct sched_limits limits = sched_limits_of(config);
	char *lock;

	if (store_open(config->store.path, config->store.map_size_bytes, &sendd->store, error) != 0)
		return -1;
	lock = path_join(config->store.path, "tg-sendd.lock");
	*lock_fd = fd_lock_file(lock, 0600, error);
	free(lock);
	if (*lock_fd < 0) {
		if (error->kind == ERROR_TEMPORARY)
			error_set(error, ERROR_TEMPORARY, "another tg-sendd uses store %s; stop it first",
			    config->store.path);
		return -1;
	}
	store_reap_readers(sendd->store);
	if (store_spool_sweep(sendd->store, error) != 0)
		return -1;
	sendd->sched = sched_new(&limits, clock_monotonic_ms());
	return delivery_load(sendd, error);
}

static int open_server(struct sendd *sendd, int *listen_fd, struct error *error)
{
	const struct config *config = sendd->config;
	struct httpd_limits limits = {CONNECTIONS, CONNECTIONS_PER_UID, config->socket.request_timeout_ms};
	struct httpd_handler handler;

	*listen_fd = socket_listen(config->socket.path, config->socket.group, config->socket.mode, error);
	if (*listen_fd < 0)
		return -1;
	api_handler(sendd, &handler);
	if (httpd_new(*listen_fd, &handler, &limits, &sendd->httpd, error) != 0)
		return -1;
	loop_watch(sendd->loop, httpd_fd(sendd->httpd), POLLIN, on_httpd, sendd);
	return 0;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

static int64_t turn_timeout_ms(struct sendd *sendd)
{
	int64_t timeout = sooner(HOUSEKEEPING_MS, httpd_timeout_ms(sendd->httpd));

	timeout = sooner(timeout, batch_wait_ms(sendd));
	timeout = sooner(timeout, wait_timeout_ms(sendd));
	return sendd->stopping ? timeout : sooner(timeout, sched_wait_ms(sendd->sched, clock_monotonic_ms()));
}

static int turn(struct sendd *sendd, int64_t timeout_ms, struct error *error)
{
	if (loop_turn(sendd->loop, timeout_ms, error) != 0)
		return -1;
	/* Whose time is over is answered in this turn, too. */
	wait_check(sendd, false);
	httpd_run(sendd->httpd);
	/* Answers leave in this turn and not with the next event. */
	if (batch_commit(sendd))
		httpd_run(sendd->httpd);
	return 0;
}

static int serve(struct sendd *sendd, struct error *error)
{
	int64_t housekeeping = clock_monotonic_ms() + HOUSEKEEPING_MS, release = 0;

	log_info("started", LOG_STR("socket", sendd->config->socket.path));
	while (!sendd->stopping) {
		if (turn(sendd, turn_timeout_ms(sendd), error) != 0)
			return -1;
		if (sendd->broken) {
			*error = sendd->error;
			return -1;
		}
		if (sendd->reload)
			reload(sendd);
		if (clock_monotonic_ms() >= release) {
			store_release_pages(sendd->store);
			release = clock_monotonic_ms() + RELEASE_MS;
		}
		if (clock_monotonic_ms() >= housekeeping) {
			store_reap_readers(sendd->store);
			housekeeping += HOUSEKEEPING_MS;
		}
	}
	return 0;
}

/* Attempts on their way are given some time to end, so that none is in doubt after a restart. */
static int finish(struct sendd *sendd, struct error *error)
{
	int64_t deadline = clock_monotonic_ms() + STOP_MS, left;

	loop_unwatch(sendd->loop, httpd_fd(sendd->httpd));
	wait_check(sendd, true);
	httpd_free(sendd->httpd);
	sendd->httpd = NULL;
	while (sendd->flying != NULL && (left = deadline - clock_monotonic_ms()) > 0) {
		if (loop_turn(sendd->loop, left, error) != 0)
			return -1;
		batch_commit(sendd);
	}
	batch_commit(sendd);
	log_info("stopped");
	return 0;
}

static void sendd_free(struct sendd *sendd)
{
	delivery_cancel_all(sendd);
	passing_cancel_all(sendd);
	effects_free(sendd);
	httpd_free(sendd->httpd);
	sched_free(sendd->sched);
	http_client_free(sendd->client);
	loop_free(sendd->loop);
	store_close(sendd->store);
	secret_free(sendd->token);
	config_free(sendd->config);
}

static int run(struct sendd *sendd, struct error *error)
{
	int lock_fd = -1, listen_fd = -1, result = -1;

	if (config_load(sendd->config_path, &sendd->config, error) != 0 ||
	    secret_protect_process(error) != 0 ||
	    secret_load_token(sendd->config->telegram.token_file, &sendd->token, error) != 0)
		goto out;
	config_open_log(sendd->config, PROGRAM);
	use_config(sendd);
	if (open_store(sendd, &lock_fd, error) != 0 || open_loop(sendd, error) != 0 ||
	    open_server(sendd, &listen_fd, error) != 0)
		goto out;
	result = serve(sendd, error);
	if (result == 0)
		result = finish(sendd, error);
out:
	if (listen_fd >= 0)
		(void)unlink(sendd->config->socket.path);
	sendd_free(sendd);
	fd_close(&listen_fd);
	fd_close(&lock_fd);
	return result;
}

int main(int argc, char **argv)
{
	struct sendd sendd = {.service_uid = geteuid()};
	bool check_store = false;
	struct error error;
	int code;

	sendd.ops_tail = &sendd.ops;
	sendd.ended_tail = &sendd.ended;
	signal(SIGPIPE, SIG_IGN);
	if (fd_sanitise(&error) != 0)
		return program_fail(PROGRAM, &error);
	code = read_options(argc, argv, &sendd.config_path, &check_store);
	if (code >= 0)
		return code;
	if (check_store)
		return inspect_store(PROGRAM, sendd.config_path);
	return run(&sendd, &error) == 0 ? EX_OK : program_fail(PROGRAM, &error);
}
