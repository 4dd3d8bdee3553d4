#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 65536 };

int fd_sanitise(struct error *error)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return error_errno(error, ERROR_CONFIG, "cannot open /dev/null");
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}

/* A descriptor may be non-blocking because another process made it so; then wait instead of failing. */
static int wait_writable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLOUT};

	return poll(&poller, 1, -1) < 0 && errno != EINTR ? -1 : 0;
}

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *rest = data;

	while (len > 0) {
		ssize_t written = write(fd, rest, len);

		if (written >= 0) {
			rest += written;
			len -= (size_t)written;
		} else if (errno == EAGAIN) {
			if (wait_writable(fd) != 0)
				return -1;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

static bool is_writable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLOUT};

	return poll(&poller, 1, 0) > 0;
}

/* A pipe that is writable takes PIPE_BUF bytes at once. An end after whole lines leaves no half line. */
static size_t piece_size(const char *data, size_t len)
{
	const char *newline;

	if (len <= PIPE_BUF)
		return len;
	newline = memrchr(data, '\n', PIPE_BUF);
	return newline != NULL ? (size_t)(newline - data) + 1 : PIPE_BUF;
}

int fd_write_ready(int fd, struct buf *buf)
{
	size_t done = 0;
	int result = 0;

	while (done < buf->len && is_writable(fd)) {
		ssize_t written = write(fd, buf->data + done, piece_size(buf->data + done, buf->len - done));

		if (written >= 0) {
			done += (size_t)written;
		} else if (errno != EINTR) {
			result = errno == EAGAIN ? 0 : -1;
			break;
		}
	}
	if (done > 0)
		buf_consume(buf, done);
	return result;
}

ssize_t fd_read_some(int fd, struct buf *buf)
{
	char chunk[READ_BYTES];
	size_t room = buf->max - buf->len;
	ssize_t got;

	if (room == 0) {
		errno = ENOSPC;
		return -1;
	}
	do
		got = read(fd, chunk, room < sizeof chunk ? room : sizeof chunk);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		buf_add(buf, chunk, (size_t)got);
	return got;
}

int fd_read_all(int fd, struct buf *buf)
{
	char one;
	ssize_t got;

	while (buf->len < buf->max) {
		got = fd_read_some(fd, buf);
		if (got <= 0)
			return (int)got;
	}
	do
		got = read(fd, &one, 1);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		errno = EFBIG;
	return got == 0 ? 0 : -1;
}

int fd_read_file(const char *path, struct buf *buf, struct error *error)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int result = -1;

	if (fd < 0)
		return error_errno(error, ERROR_CONFIG, "cannot open %s", path);
	if (fstat(fd, &status) != 0)
		error_errno(error, ERROR_CONFIG, "cannot stat %s", path);
	else if (!S_ISREG(status.st_mode))
		error_set(error, ERROR_CONFIG, "%s is not a regular file", path);
	else if (fd_read_all(fd, buf) != 0)
		error_errno(error, ERROR_CONFIG, "cannot read %s", path);
	else
		result = 0;
	close(fd);
	return result;
}

int fd_set_nonblocking(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int fd_lock_file(const char *path, mode_t mode, struct error *error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);

	if (fd < 0)
		return error_errno(error, ERROR_CONFIG, "cannot open lock file %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (errno == EWOULDBLOCK)
		error_set(error, ERROR_TEMPORARY, "%s is locked by another process", path);
	else
		error_errno(error, ERROR_CONFIG, "cannot lock %s", path);
	close(fd);
	return -1;
}

void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

bool fd_next_line(const struct buf *buf, size_t *position, const char **line, size_t *len)
{
	const char *start, *end;

	if (*position >= buf->len)
		return false;
	start = buf->data + *position;
	end = memchr(start, '\n', buf->len - *position);
	if (end == NULL)
		return false;
	*line = start;
	*len = (size_t)(end - start);
	*position += *len + 1;
	return true;
}
