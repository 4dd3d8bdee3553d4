#include "chat.h"
#include "help.h"
#include "sim.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DEFAULT_TOKEN "123456:TEST-TOKEN-for-the-simulator-0000000"

struct options {
	uint16_t port;
	const char *token, *port_file;
	char *user;
	bool chat, limits;
	double speed;
};

struct signals {
	struct source source;
	struct loop *loop;
};

static void signalled(struct source *s, uint32_t events)
{
	(void)events;
	container_of(s, struct signals, source)->loop->stop = true;
}

static void watch_signals(struct signals *s, struct loop *loop)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		err(71, "signals");
	s->loop = loop;
	s->source.ready = signalled;
	s->source.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->source.fd < 0)
		err(71, "signalfd");
	loop_add(loop, &s->source, EPOLLIN);
}

/* A benchmark brings many connections. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		warn("setrlimit");
}

/* Under another name first: whoever waits for the file finds it whole. */
static void write_port_file(const char *path, uint16_t port)
{
	struct buf temporary = {0};
	FILE *file;

	buf_printf(&temporary, "%s.%ld", path, (long)getpid());
	file = fopen(buf_cstr(&temporary), "we");
	if (!file || fprintf(file, "%u\n", port) < 0 || fclose(file) != 0 || rename(temporary.data, path) < 0)
		err(73, "%s", path);
	buf_free(&temporary);
}

static double read_speed(const char *s)
{
	char *end;
	double speed = strtod(s, &end);

	if (*s == '\0' || *end != '\0' || !(speed > 0 && speed <= 1e6))
		errx(64, "--speed: a number above 0 is expected, not '%s'", s);
	return speed;
}

static uint16_t read_port(const char *s)
{
	struct slice text = {(char *)(uintptr_t)s, strlen(s)};
	int64_t port;

	if (!slice_int(text, &port) || port < 0 || port > 65535)
		errx(64, "-p: a port number is expected, not '%s'", s);
	return (uint16_t)port;
}

static void read_options(struct options *o, int argc, char **argv)
{
	static const struct option longer[] = {{"port", required_argument, NULL, 'p'},
	    {"token", required_argument, NULL, 't'}, {"chat", no_argument, NULL, 'c'},
	    {"port-file", required_argument, NULL, 'f'}, {"limits", no_argument, NULL, 'l'},
	    {"speed", required_argument, NULL, 's'}, {"user", required_argument, NULL, 'u'},
	    {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "p:t:hV", longer, NULL)) != -1) {
		switch (option) {
		case 'p':
			o->port = read_port(optarg);
			break;
		case 't':
			o->token = optarg;
			break;
		case 'c':
			o->chat = true;
			break;
		case 'f':
			o->port_file = optarg;
			break;
		case 'l':
			o->limits = true;
			break;
		case 's':
			o->speed = read_speed(optarg);
			break;
		case 'u':
			o->user = optarg;
			break;
		case 'h':
			print_help();
			exit(0);
		case 'V':
			printf("tg-sim %s\n", TGTOOLS_VERSION);
			exit(0);
		default:
			exit(64);
		}
	}
	if (optind < argc)
		errx(64, "unexpected argument '%s'", argv[optind]);
}

int main(int argc, char **argv)
{
	char default_user[] = "4242:alice:Alice";
	struct options o = {.token = DEFAULT_TOKEN, .user = default_user, .speed = 1};
	struct signals signals = {0};
	struct terminal terminal;
	static struct sim sim;

	read_options(&o, argc, argv);
	raise_file_limit();
	sim_init(&sim, o.token, o.limits, o.speed);
	watch_signals(&signals, &sim.loop);
	server_open(&sim.server, &sim.loop, o.port, &sim_events, &sim);
	if (o.port_file)
		write_port_file(o.port_file, sim.server.port);
	printf("tg-sim: http://127.0.0.1:%u\n", sim.server.port);
	fflush(stdout);
	if (o.chat && !terminal_start(&terminal, &sim, o.user))
		errx(64, "--user: ID:USERNAME:FIRSTNAME is expected");
	loop_run(&sim.loop);
	if (o.chat)
		terminal_stop(&terminal);
	loop_remove(&sim.loop, &signals.source);
	close(signals.source.fd);
	sim_free(&sim);
	return 0;
}
