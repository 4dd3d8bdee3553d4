/*
 * The loop is under every service: it must tell a hang-up of a descriptor that waits for nothing, must not
 * call back for what was unwatched in the same turn, and must take files and /dev/null as poll(2) does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"
#include "loop.h"

struct seen {
	struct loop *loop;
	int calls;
	short events;
	int unwatch_fd; /* unwatched by the callback; -1: none */
	int signo;
};

static struct loop *new_loop(void)
{
	struct loop *loop = NULL;
	struct error error;

	assert_int_equal(loop_new(&loop, &error), 0);
	return loop;
}

static void turn(struct loop *loop, int64_t timeout_ms)
{
	struct error error;

	assert_int_equal(loop_turn(loop, timeout_ms, &error), 0);
}

static void make_pipe(int fds[2])
{
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
}

static void close_both(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void note(void *context, int fd, short events)
{
	struct seen *seen = context;

	(void)fd;
	seen->calls++;
	seen->events = events;
	if (seen->unwatch_fd >= 0)
		loop_unwatch(seen->loop, seen->unwatch_fd);
}

static void readable(void **state)
{
	struct loop *loop = new_loop();
	struct seen seen = {.loop = loop, .unwatch_fd = -1};
	int fds[2];

	(void)state;
	make_pipe(fds);
	loop_watch(loop, fds[0], POLLIN, note, &seen);
	turn(loop, 0);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	turn(loop, 5000);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.events, POLLIN);
	loop_unwatch(loop, fds[0]);
	turn(loop, 0);
	assert_int_equal(seen.calls, 1);
	close_both(fds);
	loop_free(loop);
}

static void reader_gone_is_told_without_events(void **state)
{
	struct loop *loop = new_loop();
	struct seen seen = {.loop = loop, .unwatch_fd = -1};
	int64_t start = clock_monotonic_ms();
	int fds[2], pair[2];

	(void)state;
	make_pipe(fds);
	loop_watch(loop, fds[1], 0, note, &seen);
	turn(loop, 0);
	assert_int_equal(seen.calls, 0);
	close(fds[0]);
	turn(loop, 5000);
	assert_int_equal(seen.calls, 1);
	assert_true(seen.events & POLLERR);
	loop_unwatch(loop, fds[1]);
	close(fds[1]);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	loop_watch(loop, pair[1], 0, note, &seen);
	close(pair[0]);
	turn(loop, 5000);
	assert_int_equal(seen.calls, 2);
	assert_true(seen.events & POLLHUP);
	assert_true(clock_monotonic_ms() - start < 4000);
	loop_unwatch(loop, pair[1]);
	close(pair[1]);
	loop_free(loop);
}

static void unwatched_in_the_same_turn(void **state)
{
	struct loop *loop = new_loop();
	struct seen first = {.loop = loop}, second = {.loop = loop};
	int a[2], b[2];

	(void)state;
	make_pipe(a);
	make_pipe(b);
	assert_int_equal(write(a[1], "x", 1), 1);
	assert_int_equal(write(b[1], "x", 1), 1);
	first.unwatch_fd = b[0];
	second.unwatch_fd = a[0];
	loop_watch(loop, a[0], POLLIN, note, &first);
	loop_watch(loop, b[0], POLLIN, note, &second);
	turn(loop, 5000);
	assert_int_equal(first.calls + second.calls, 1);
	turn(loop, 0);
	assert_int_equal(first.calls + second.calls, 2);
	loop_unwatch(loop, a[0]);
	loop_unwatch(loop, b[0]);
	close_both(a);
	close_both(b);
	loop_free(loop);
}

/* The first callback closes the other descriptor; a new one gets its number and must not hear of the old. */
struct swap {
	struct loop *loop;
	int close_fd;
	struct seen *seen;
	int fresh[2];
};

static void swap_descriptor(void *context, int fd, short events)
{
	struct swap *swap = context;

	(void)events;
	loop_unwatch(swap->loop, fd);
	loop_unwatch(swap->loop, swap->close_fd);
	close(swap->close_fd);
	make_pipe(swap->fresh);
	assert_int_equal(swap->fresh[0], swap->close_fd);
	loop_watch(swap->loop, swap->fresh[0], POLLIN, note, swap->seen);
}

static void a_number_used_again_in_the_same_turn(void **state)
{
	struct loop *loop = new_loop();
	struct seen seen = {.loop = loop, .unwatch_fd = -1};
	struct swap swap = {.loop = loop, .seen = &seen};
	int a[2], b[2];

	(void)state;
	make_pipe(a);
	make_pipe(b);
	swap.close_fd = b[0];
	loop_watch(loop, a[0], POLLIN, swap_descriptor, &swap);
	loop_watch(loop, b[0], POLLIN, note, &seen);
	assert_int_equal(write(a[1], "x", 1), 1);
	assert_int_equal(write(b[1], "x", 1), 1);
	turn(loop, 5000);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(write(swap.fresh[1], "x", 1), 1);
	turn(loop, 5000);
	assert_int_equal(seen.calls, 1);
	loop_unwatch(loop, swap.fresh[0]);
	close_both(swap.fresh);
	close_both(a);
	close(b[1]);
	loop_free(loop);
}

static void watching_again_changes(void **state)
{
	struct loop *loop = new_loop();
	struct seen old = {.loop = loop, .unwatch_fd = -1}, new = {.loop = loop, .unwatch_fd = -1};
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	loop_watch(loop, pair[0], POLLIN, note, &old);
	loop_watch(loop, pair[0], POLLOUT, note, &new);
	turn(loop, 5000);
	assert_int_equal(old.calls, 0);
	assert_int_equal(new.calls, 1);
	assert_int_equal(new.events, POLLOUT);
	loop_watch(loop, pair[0], 0, note, &new);
	turn(loop, 0);
	assert_int_equal(new.calls, 1);
	loop_unwatch(loop, pair[0]);
	close_both(pair);
	loop_free(loop);
}

static void files_are_always_ready(void **state)
{
	struct loop *loop = new_loop();
	struct seen seen = {.loop = loop, .unwatch_fd = -1};
	int64_t start = clock_monotonic_ms();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char path[] = "/tmp/test_loop.XXXXXX";
	int file = mkstemp(path);

	(void)state;
	assert_true(null >= 0 && file >= 0);
	unlink(path);
	loop_watch(loop, null, POLLIN | POLLOUT, note, &seen);
	loop_watch(loop, file, POLLIN, note, &seen);
	turn(loop, -1);
	assert_int_equal(seen.calls, 2);
	loop_watch(loop, null, 0, note, &seen);
	loop_unwatch(loop, file);
	assert_true(clock_monotonic_ms() - start < 4000);
	turn(loop, 10);
	assert_int_equal(seen.calls, 2);
	loop_unwatch(loop, null);
	close(null);
	close(file);
	loop_free(loop);
}

static void more_than_one_turn_takes(void **state)
{
	enum { PIPES = 200 };
	struct loop *loop = new_loop();
	struct seen seen = {.loop = loop, .unwatch_fd = -1};
	int fds[PIPES][2];

	(void)state;
	for (int i = 0; i < PIPES; i++) {
		make_pipe(fds[i]);
		assert_int_equal(write(fds[i][1], "x", 1), 1);
		loop_watch(loop, fds[i][0], POLLIN, note, &seen);
	}
	for (int i = 0; i < 4; i++)
		turn(loop, 5000);
	assert_true(seen.calls >= PIPES);
	for (int i = 0; i < PIPES; i++) {
		loop_unwatch(loop, fds[i][0]);
		close_both(fds[i]);
	}
	loop_free(loop);
}

static void note_signal(void *context, int signo)
{
	struct seen *seen = context;

	seen->calls++;
	seen->signo = signo;
}

static void signals(void **state)
{
	struct loop *loop = new_loop();
	struct seen seen = {.loop = loop};
	struct error error;

	(void)state;
	assert_int_equal(loop_on_signal(loop, SIGUSR1, note_signal, &seen, &error), 0);
	assert_int_equal(loop_on_signal(loop, SIGUSR2, note_signal, &seen, &error), 0);
	turn(loop, 0);
	assert_int_equal(seen.calls, 0);
	raise(SIGUSR2);
	turn(loop, 5000);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.signo, SIGUSR2);
	raise(SIGUSR1);
	turn(loop, 5000);
	assert_int_equal(seen.signo, SIGUSR1);
	loop_free(loop);
}

static void ignore(int signo)
{
	(void)signo;
}

static void a_foreign_signal_does_not_fail_a_turn(void **state)
{
	struct loop *loop = new_loop();
	struct sigaction action = {.sa_handler = ignore};
	struct itimerval timer = {.it_value.tv_usec = 20000};

	(void)state;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	turn(loop, 200);
	loop_free(loop);
}

static void waits_as_long_as_told(void **state)
{
	struct loop *loop = new_loop();
	int64_t start = clock_monotonic_ms();

	(void)state;
	turn(loop, 50);
	assert_in_range(clock_monotonic_ms() - start, 45, 5000);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(readable),
	    cmocka_unit_test(reader_gone_is_told_without_events),
	    cmocka_unit_test(unwatched_in_the_same_turn),
	    cmocka_unit_test(a_number_used_again_in_the_same_turn),
	    cmocka_unit_test(watching_again_changes),
	    cmocka_unit_test(files_are_always_ready),
	    cmocka_unit_test(more_than_one_turn_takes),
	    cmocka_unit_test(signals),
	    cmocka_unit_test(a_foreign_signal_does_not_fail_a_turn),
	    cmocka_unit_test(waits_as_long_as_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
