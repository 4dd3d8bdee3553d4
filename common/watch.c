#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fd.h"

/* What the caller ignores or blocks must not keep us from ending; nohup is meant to. */
static int open_signals(struct error *error)
{
	struct sigaction fresh = {.sa_handler = SIG_DFL}, hangup;
	sigset_t caught;
	int fd;

	sigemptyset(&caught);
	sigaddset(&caught, SIGINT);
	sigaddset(&caught, SIGTERM);
	if (sigaction(SIGHUP, NULL, &hangup) != 0 || hangup.sa_handler != SIG_IGN)
		sigaddset(&caught, SIGHUP);
	(void)sigaction(SIGINT, &fresh, NULL);
	(void)sigaction(SIGTERM, &fresh, NULL);
	(void)sigaction(SIGCHLD, &fresh, NULL);
	fresh.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &fresh, NULL);
	/* A file that may not grow is an error like another. */
	(void)sigaction(SIGXFSZ, &fresh, NULL);
	fd = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0 || sigprocmask(SIG_SETMASK, &caught, NULL) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot catch signals");
	return fd;
}

/* Returns 1, or 0 where fd is nothing that can be waited for, a file. */
static int add(struct watch *watch, int fd, uint32_t events, struct error *error)
{
	struct epoll_event event = {.events = events, .data = {.fd = fd}};

	if (epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return 1;
	return errno == EPERM ? 0 : error_errno(error, ERROR_TEMPORARY, "cannot wait for input");
}

int watch_open(struct watch *watch, bool input, struct error *error)
{
	int pollable = 0;

	*watch = WATCH_INIT;
	watch->signal_fd = open_signals(error);
	watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (watch->epoll_fd < 0)
		error_errno(error, ERROR_TEMPORARY, "cannot wait for input");
	if (watch->signal_fd < 0 || watch->epoll_fd < 0 || add(watch, watch->signal_fd, EPOLLIN, error) < 0 ||
	    add(watch, STDOUT_FILENO, 0, error) < 0)
		return -1;
	if (input)
		pollable = add(watch, STDIN_FILENO, EPOLLIN, error);
	if (pollable < 0)
		return -1;
	/* A file, or /dev/null, has an end and nothing that would come later. */
	if (input && pollable == 0 && kill(getpid(), SIGTERM) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot end");
	watch->fd = watch->epoll_fd;
	return 0;
}

void watch_close(struct watch *watch)
{
	fd_close(&watch->epoll_fd);
	fd_close(&watch->signal_fd);
	watch->fd = -1;
}

/* What comes before the end is of no meaning. */
static bool input_ended(void)
{
	char chunk[4096];
	ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);

	return got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN);
}

bool watch_asks_end(struct watch *watch)
{
	enum { EVENTS = 4 };
	struct epoll_event events[EVENTS];
	int count = watch->fd >= 0 ? epoll_wait(watch->epoll_fd, events, EVENTS, 0) : 0;
	bool ends = false;

	for (int i = 0; i < count; i++) {
		int fd = events[i].data.fd;

		watch->reader_gone = watch->reader_gone || fd == STDOUT_FILENO;
		ends = ends || fd != STDIN_FILENO || input_ended();
	}
	if (ends)
		watch->fd = -1;
	return ends;
}
