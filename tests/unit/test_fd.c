/* Why: short reads, full pipes, closed standard descriptors and locks go wrong only on bad days. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"

static char directory[] = "/tmp/tgfdXXXXXX";

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static char *name_in(const char *name)
{
	static char path[64];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

/* Runs in a child, since it closes the standard descriptors. */
static int sanitise_in_child(int closed_mask)
{
	struct error error;
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct stat null, found;
		int next;

		for (int fd = 0; fd < 3; fd++)
			if (closed_mask & 1 << fd)
				close(fd);
		if (fd_sanitise(&error) != 0 || stat("/dev/null", &null) != 0)
			_exit(1);
		for (int fd = 0; fd < 3; fd++)
			if ((closed_mask & 1 << fd) &&
			    (fstat(fd, &found) != 0 || found.st_rdev != null.st_rdev))
				_exit(2);
		next = open("/dev/null", O_RDONLY);
		_exit(next >= 3 ? 0 : 3);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_sanitise(void **state)
{
	(void)state;
	for (int mask = 0; mask < 8; mask++)
		assert_int_equal(sanitise_in_child(mask), 0);
}

struct drain {
	int fd;
	size_t total;
};

static void *drain(void *context)
{
	struct drain *d = context;
	char chunk[5000];
	ssize_t got;

	while ((got = read(d->fd, chunk, sizeof chunk)) > 0)
		d->total += (size_t)got;
	return NULL;
}

/* A non-blocking pipe that is full is waited for, not given up. */
static void test_write_all(void **state)
{
	static char data[300000];
	struct drain d = {0};
	pthread_t thread;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fd_set_nonblocking(fds[1], true), 0);
	d.fd = fds[0];
	assert_int_equal(pthread_create(&thread, NULL, drain, &d), 0);
	assert_int_equal(fd_write_all(fds[1], data, sizeof data), 0);
	close(fds[1]);
	pthread_join(thread, NULL);
	assert_int_equal(d.total, sizeof data);
	close(fds[0]);
	assert_int_equal(fd_write_all(-1, "x", 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(fd_write_all(-1, "", 0), 0);
	assert_int_equal(fd_set_nonblocking(-1, true), -1);
}

static void test_read_some(void **state)
{
	struct buf buf = BUF_INIT(8);
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fd_set_nonblocking(fds[0], true), 0);
	assert_int_equal(fd_read_some(fds[0], &buf), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fd_set_nonblocking(fds[0], false), 0);
	assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fd_write_all(fds[1], "0123456789", 10), 0);
	assert_int_equal(fd_read_some(fds[0], &buf), 8);
	assert_int_equal(fd_read_some(fds[0], &buf), -1);
	assert_int_equal(errno, ENOSPC);
	buf_clear(&buf);
	assert_int_equal(fd_read_some(fds[0], &buf), 2);
	assert_string_equal(buf_text(&buf), "89");
	close(fds[1]);
	assert_int_equal(fd_read_some(fds[0], &buf), 0);
	close(fds[0]);
	buf_free(&buf);
}

static void fill(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void test_read_file(void **state)
{
	struct buf buf = BUF_INIT(5);
	struct error error = {0};
	char *path = name_in("f");

	(void)state;
	fill(path, "12345");
	assert_int_equal(fd_read_file(path, &buf, &error), 0);
	assert_string_equal(buf_text(&buf), "12345");
	buf_clear(&buf);
	fill(path, "123456");
	assert_int_equal(fd_read_file(path, &buf, &error), -1);
	assert_non_null(strstr(error.text, "File too large"));
	buf_clear(&buf);
	fill(path, "");
	assert_int_equal(fd_read_file(path, &buf, &error), 0);
	assert_int_equal(buf.len, 0);
	unlink(path);
	assert_int_equal(fd_read_file(path, &buf, &error), -1);
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_int_equal(fd_read_file(directory, &buf, &error), -1);
	assert_non_null(strstr(error.text, "is not a regular file"));
	/* A FIFO without a writer must not hang. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(fd_read_file(path, &buf, &error), -1);
	unlink(path);
	buf_free(&buf);
}

static void test_lock(void **state)
{
	struct error error = {0};
	char *path = name_in("lock");
	struct stat status;
	int first, second;

	(void)state;
	first = fd_lock_file(path, 0600, &error);
	assert_true(first >= 0);
	assert_int_equal(fstat(first, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	second = fd_lock_file(path, 0600, &error);
	assert_int_equal(second, -1);
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	fd_close(&first);
	assert_int_equal(first, -1);
	fd_close(&first);
	second = fd_lock_file(path, 0600, &error);
	assert_true(second >= 0);
	fd_close(&second);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(fd_lock_file(path, 0600, &error), -1);
	unlink(path);
}

/* A reader that does not read must not be waited for, and what it gets ends with a line where it can. */
static void test_write_ready(void **state)
{
	struct buf out = BUF_INIT(1 << 20);
	char chunk[1 << 16];
	size_t written = 0;
	int pipe_fds[2];
	ssize_t got;

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(buf_add_format(&out, "%0*d\n", 99, i), 0);
	while (out.len > 0) {
		size_t before = out.len;

		assert_int_equal(fd_write_ready(pipe_fds[1], &out), 0);
		assert_true(out.len < before);
		assert_true(out.len == 0 || (before - out.len) % 100 == 0);
		assert_int_equal(fd_write_ready(pipe_fds[1], &out), 0);
		got = read(pipe_fds[0], chunk, sizeof chunk);
		assert_true(got > 0);
		written += (size_t)got;
	}
	fd_set_nonblocking(pipe_fds[0], true);
	while ((got = read(pipe_fds[0], chunk, sizeof chunk)) > 0)
		written += (size_t)got;
	assert_int_equal(written, 300000);
	close(pipe_fds[0]);
	signal(SIGPIPE, SIG_IGN);
	buf_add_text(&out, "x");
	assert_int_equal(fd_write_ready(pipe_fds[1], &out), -1);
	assert_int_equal(errno, EPIPE);
	signal(SIGPIPE, SIG_DFL);
	close(pipe_fds[1]);
	buf_free(&out);
}

static void test_lines(void **state)
{
	struct buf buf = BUF_INIT(100);
	const char *line;
	size_t position = 0, len;

	(void)state;
	assert_false(fd_next_line(&buf, &position, &line, &len));
	buf_add_text(&buf, "one\n\ntwo\nrest");
	assert_true(fd_next_line(&buf, &position, &line, &len));
	assert_int_equal(len, 3);
	assert_memory_equal(line, "one", 3);
	assert_true(fd_next_line(&buf, &position, &line, &len));
	assert_int_equal(len, 0);
	assert_true(fd_next_line(&buf, &position, &line, &len));
	assert_memory_equal(line, "two", 3);
	assert_false(fd_next_line(&buf, &position, &line, &len));
	assert_int_equal(position, 9);
	buf_consume(&buf, position);
	assert_string_equal(buf_text(&buf), "rest");
	buf_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sanitise),
	    cmocka_unit_test(test_write_all),
	    cmocka_unit_test(test_write_ready),
	    cmocka_unit_test(test_read_some),
	    cmocka_unit_test(test_read_file),
	    cmocka_unit_test(test_lock),
	    cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
