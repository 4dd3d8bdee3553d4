#include "output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

void output_init(struct output *output, int fd, size_t max_bytes)
{
	*output = (struct output){.fd = fd};
	buf_init(&output->lines, max_bytes);
}

void output_free(struct output *output)
{
	buf_free(&output->lines);
}

bool output_is_empty(const struct output *output)
{
	return output->written == output->lines.len;
}

void output_clear(struct output *output)
{
	buf_clear(&output->lines);
	output->written = 0;
}

int output_add(struct output *output, const char *text, size_t len)
{
	if (len >= output->lines.max - output->lines.len || buf_add(&output->lines, text, len) != 0)
		return -1;
	return buf_add(&output->lines, "\n", 1);
}

/* A pipe that is writable takes PIPE_BUF bytes at once. */
static int write_up_to(struct output *output, size_t len)
{
	ssize_t written;

	if (len > PIPE_BUF)
		len = PIPE_BUF;
	written = write(output->fd, output->lines.data + output->written, len);
	if (written < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	output->written += (size_t)written;
	return 0;
}

int output_write(struct output *output)
{
	return output_is_empty(output) ? 0 : write_up_to(output, output->lines.len - output->written);
}

size_t output_lines_written(const struct output *output)
{
	size_t count = 0;

	for (size_t i = 0; i < output->written; i++)
		count += output->lines.data[i] == '\n';
	return count;
}

static bool is_inside_a_line(const struct output *output)
{
	return output->written > 0 && output->lines.data[output->written - 1] != '\n';
}

void output_finish_line(struct output *output, int timeout_ms)
{
	struct pollfd poller = {.fd = output->fd, .events = POLLOUT};
	int64_t end_ms = clock_monotonic_ms() + timeout_ms;

	while (
	    is_inside_a_line(output) && clock_monotonic_ms() < end_ms && poll(&poller, 1, timeout_ms) == 1) {
		const char *rest = output->lines.data + output->written;
		const char *end = memchr(rest, '\n', output->lines.len - output->written);

		if (end == NULL || write_up_to(output, (size_t)(end - rest) + 1) != 0)
			break;
	}
}
