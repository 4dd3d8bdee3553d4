#include "loop.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "xalloc.h"

/*
 * All watched descriptors are in one epoll, and that epoll is the only extra descriptor of curl_multi_poll:
 * curl's own wait flags know neither POLLERR nor POLLHUP (libcurl 7.88), epoll always reports both, and an
 * invalid descriptor is refused when it is added instead of being ignored for ever.
 */

enum { EVENTS_PER_TURN = 64 };

struct watch {
	loop_fd_fn *fn; /* NULL: not watched */
	void *context;
	uint32_t serial; /* tells a descriptor from an earlier one of the same number */
	short events;
	bool always; /* epoll takes no regular file and no /dev/null; poll(2) calls them always ready */
};

struct signal_watch {
	loop_signal_fn *fn;
	void *context;
};

struct loop {
	CURLM *multi;
	int epoll_fd;
	int signal_fd; /* -1 until the first signal */
	sigset_t signals;
	struct signal_watch on_signal[NSIG];
	struct watch *watches; /* by descriptor */
	size_t watches_count;
	size_t always_count;
	uint32_t next_serial;
	int watch_errno; /* why a descriptor could not be watched; 0: all are */
	loop_transfer_fn *on_transfer;
};

int loop_new(struct loop **result, struct error *error)
{
	struct loop *loop;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(error, ERROR_TEMPORARY, "cannot initialise libcurl");
	loop = xcalloc(1, sizeof *loop);
	loop->signal_fd = -1;
	sigemptyset(&loop->signals);
	loop->multi = curl_multi_init();
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->multi == NULL || loop->epoll_fd < 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot create the event loop");
		loop_free(loop);
		return -1;
	}
	*result = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->multi != NULL)
		curl_multi_cleanup(loop->multi);
	if (loop->signal_fd >= 0)
		close(loop->signal_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop->watches);
	free(loop);
	curl_global_cleanup();
}

static struct watch *watch_of(struct loop *loop, int fd)
{
	size_t need = (size_t)fd + 1;

	if (need > loop->watches_count) {
		size_t count = need < 16 ? 16 : need * 2;

		loop->watches = xreallocarray(loop->watches, count, sizeof *loop->watches);
		memset(loop->watches + loop->watches_count, 0,
		    (count - loop->watches_count) * sizeof *loop->watches);
		loop->watches_count = count;
	}
	return &loop->watches[fd];
}

static struct epoll_event event_of(const struct watch *watch, int fd)
{
	/* EPOLLIN and EPOLLOUT have the values of POLLIN and POLLOUT. */
	return (struct epoll_event){
	    .events = (uint32_t)watch->events, .data.u64 = (uint64_t)watch->serial << 32 | (uint32_t)fd};
}

static void add_watch(struct loop *loop, int fd, struct watch *watch)
{
	struct epoll_event event;

	watch->serial = ++loop->next_serial;
	event = event_of(watch, fd);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return;
	/* The user has as many watches as the kernel allows, or there is no memory: the next turn tells. */
	assert(errno == EPERM || errno == ENOSPC || errno == ENOMEM);
	if (errno != EPERM)
		loop->watch_errno = errno;
	watch->always = true;
	loop->always_count++;
}

void loop_watch(struct loop *loop, int fd, short events, loop_fd_fn *fn, void *context)
{
	struct watch *watch;
	bool known;

	assert(fd >= 0 && fn != NULL && (events & ~(POLLIN | POLLOUT)) == 0);
	watch = watch_of(loop, fd);
	known = watch->fn != NULL;
	watch->fn = fn;
	watch->context = context;
	if (known && watch->events == events)
		return;
	watch->events = events;
	if (!known) {
		add_watch(loop, fd, watch);
	} else if (!watch->always) {
		struct epoll_event event = event_of(watch, fd);
		int changed = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event);

		assert(changed == 0);
		(void)changed;
	}
}

void loop_unwatch(struct loop *loop, int fd)
{
	struct watch *watch;

	if (fd < 0 || (size_t)fd >= loop->watches_count || loop->watches[fd].fn == NULL)
		return;
	watch = &loop->watches[fd];
	if (watch->always) {
		loop->always_count--;
	} else {
		/* Fails where the descriptor was closed while it was watched. */
		int removed = epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);

		assert(removed == 0);
		(void)removed;
	}
	*watch = (struct watch){0};
}

static void signal_due(void *context, int fd, short events)
{
	struct loop *loop = context;
	struct signalfd_siginfo info;

	(void)events;
	while (read(fd, &info, sizeof info) == sizeof info) {
		struct signal_watch *watch = &loop->on_signal[info.ssi_signo];

		if (watch->fn != NULL)
			watch->fn(watch->context, (int)info.ssi_signo);
	}
}

int loop_on_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *context, struct error *error)
{
	int fd;

	assert(signo > 0 && signo < NSIG);
	sigaddset(&loop->signals, signo);
	if (sigprocmask(SIG_BLOCK, &loop->signals, NULL) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot block signals");
	fd = signalfd(loop->signal_fd, &loop->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot watch signals");
	loop->on_signal[signo] = (struct signal_watch){fn, context};
	loop->signal_fd = fd;
	loop_watch(loop, fd, POLLIN, signal_due, loop);
	return 0;
}

/* An earlier callback of this turn may have changed or ended the watch. */
static void call(struct loop *loop, int fd, uint32_t serial, short events)
{
	struct watch *watch = &loop->watches[fd];

	if (watch->fn == NULL || watch->serial != serial)
		return;
	events &= (short)(watch->events | POLLERR | POLLHUP);
	if (events != 0)
		watch->fn(watch->context, fd, events);
}

static void call_due(struct loop *loop)
{
	struct epoll_event due[EVENTS_PER_TURN];
	int count = epoll_wait(loop->epoll_fd, due, EVENTS_PER_TURN, 0);

	for (int i = 0; i < count; i++)
		call(loop, (int)(due[i].data.u64 & UINT32_MAX), (uint32_t)(due[i].data.u64 >> 32),
		    (short)(due[i].events & (POLLIN | POLLOUT | POLLERR | POLLHUP)));
}

static bool is_always_ready(const struct watch *watch)
{
	return watch->fn != NULL && watch->always && watch->events != 0;
}

static bool any_always_ready(const struct loop *loop)
{
	for (size_t i = 0; loop->always_count > 0 && i < loop->watches_count; i++) {
		if (is_always_ready(&loop->watches[i]))
			return true;
	}
	return false;
}

static void call_always_ready(struct loop *loop)
{
	/* A callback may grow the table, so it is looked up anew each time. */
	for (size_t fd = 0; loop->always_count > 0 && fd < loop->watches_count; fd++) {
		if (is_always_ready(&loop->watches[fd]))
			call(loop, (int)fd, loop->watches[fd].serial, loop->watches[fd].events);
	}
}

static void call_transfers(struct loop *loop)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(loop->multi, &left)) != NULL) {
		if (message->msg == CURLMSG_DONE && loop->on_transfer != NULL)
			loop->on_transfer(message->easy_handle, (int)message->data.result);
	}
}

int loop_turn(struct loop *loop, int64_t timeout_ms, struct error *error)
{
	struct curl_waitfd extra = {.fd = loop->epoll_fd, .events = CURL_WAIT_POLLIN};
	CURLMcode code;
	int running;

	if (loop->watch_errno != 0) {
		errno = loop->watch_errno;
		return error_errno(error, ERROR_TEMPORARY, "cannot watch a descriptor");
	}
	if (timeout_ms < 0 || timeout_ms > INT_MAX)
		timeout_ms = INT_MAX;
	if (any_always_ready(loop))
		timeout_ms = 0;
	code = curl_multi_poll(loop->multi, &extra, 1, (int)timeout_ms, NULL);
	if (code != CURLM_OK)
		return error_set(
		    error, ERROR_TEMPORARY, "cannot wait for events: %s", curl_multi_strerror(code));
	/* revents may be 0 although something is due, for example where a signal cut the wait short. */
	call_due(loop);
	call_always_ready(loop);
	code = curl_multi_perform(loop->multi, &running);
	if (code != CURLM_OK)
		return error_set(error, ERROR_BUG, "cannot run transfers: %s", curl_multi_strerror(code));
	call_transfers(loop);
	return 0;
}

void *loop_multi(struct loop *loop)
{
	return loop->multi;
}

void loop_on_transfer(struct loop *loop, loop_transfer_fn *fn)
{
	loop->on_transfer = fn;
}
