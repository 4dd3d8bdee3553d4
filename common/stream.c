#include "stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "json.h"

/* Waits until something can be written, and hears who wants the end meanwhile. */
static int await_room(struct stream *stream)
{
	struct pollfd fds[2] = {{.fd = STDOUT_FILENO, .events = POLLOUT}, {.fd = -1, .events = POLLIN}};

	for (;;) {
		fds[1].fd = stream->watch != NULL ? stream->watch->fd : -1;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -1;
		if (fds[1].fd >= 0 && fds[1].revents != 0 && watch_asks_end(stream->watch))
			stream->on_end(stream->context);
		if (fds[0].revents != 0)
			return 0;
	}
}

/* At most PIPE_BUF bytes at a time: for so many there is room in a pipe that is writable. */
static int write_line(struct stream *stream, const char *line, size_t len)
{
	while (len > 0) {
		ssize_t done;

		if (await_room(stream) != 0)
			return -1;
		done = write(STDOUT_FILENO, line, len < PIPE_BUF ? len : PIPE_BUF);
		if (done < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (done > 0) {
			line += done;
			len -= (size_t)done;
		}
	}
	return 0;
}

void stream_line(struct stream *stream, struct json_object *value)
{
	struct buf line = BUF_INIT(SIZE_MAX);

	buf_add_text(&line, json_line(value));
	buf_add_text(&line, "\n");
	if (stream->code == 0 && write_line(stream, line.data, line.len) != 0)
		stream->code = errno;
	buf_free(&line);
	json_object_put(value);
}

static struct json_object *new_event(const char *name)
{
	struct json_object *event = json_object_new_object();

	json_put_text(event, "event", name);
	return event;
}

void stream_started(struct stream *stream, const char *script)
{
	struct json_object *event = new_event("started");

	json_put_text(event, "script", script);
	stream_line(stream, event);
}

static void tell_text(struct stream *stream, const char *name, const char *text, size_t len)
{
	struct json_object *event = new_event("output");

	json_put_text(event, "stream", name);
	json_object_object_add(event, "text", json_object_new_string_len(text, (int)len));
	stream_line(stream, event);
}

static void tell_output(void *context, const char *text, size_t len)
{
	tell_text(context, "stdout", text, len);
}

static void tell_errors(void *context, const char *text, size_t len)
{
	tell_text(context, "stderr", text, len);
}

void stream_output(struct stream *stream, enum child_stream from, const char *data, size_t len)
{
	if (from == CHILD_OUTPUT)
		pieces_feed(&stream->outputs, data, len, tell_output, stream);
	else
		pieces_feed(&stream->errors, data, len, tell_errors, stream);
}

void stream_finished(
    struct stream *stream, const struct child_result *result, const char *report, const char *error)
{
	struct json_object *event = new_event("finished");

	pieces_end(&stream->outputs, tell_output, stream);
	pieces_end(&stream->errors, tell_errors, stream);
	if (result->exit_status >= 0)
		json_put_int64(event, "status", result->exit_status);
	else
		json_object_object_add(event, "status", NULL);
	json_put_int64(event, "signal", result->signal);
	json_put_bool(event, "timed_out", result->timed_out);
	json_put_bool(event, "stopped", result->stopped);
	json_put_bool(event, "cut", result->output_cut);
	json_put_int64(event, "duration_ms", result->duration_ms);
	json_put_text(event, "report", report);
	json_put_text(event, "error", error);
	stream_line(stream, event);
}

void stream_failed(struct stream *stream, const char *error)
{
	struct json_object *event = new_event("failed");

	json_put_text(event, "error", error);
	stream_line(stream, event);
}

void stream_error(struct stream *stream, const char *error)
{
	struct json_object *object = json_object_new_object();

	json_put_text(object, "error", error);
	stream_line(stream, object);
}
