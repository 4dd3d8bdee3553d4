#include "courier.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "fd.h"
#include "json.h"
#include "launch.h"
#include "path.h"
#include "xalloc.h"

enum {
	ANSWER_LIMIT_MS = 300000, /* longer than all attempts of tg-send for a message with two files take */
	END_LIMIT_MS = 2000,
	END_PAUSE_MS = 2,
};

struct courier {
	const char *config_path;
	int wake_fd;
	pid_t pid; /* 0: none runs */
	int fd;	   /* its stdin and stdout */
	struct buf input;
};

struct courier *courier_new(const char *config_path, int wake_fd)
{
	struct courier *courier = xcalloc(1, sizeof *courier);

	courier->config_path = config_path;
	courier->wake_fd = wake_fd;
	courier->fd = -1;
	buf_init(&courier->input, COURIER_LINE_MAX_BYTES);
	return courier;
}

/* ---- the process ---- */

static void pause_ms(int64_t ms)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void stop(struct courier *courier)
{
	int64_t end_ms = clock_monotonic_ms() + END_LIMIT_MS;
	pid_t reaped = 0;

	fd_close(&courier->fd);
	buf_clear(&courier->input);
	if (courier->pid == 0)
		return;
	while ((reaped = waitpid(courier->pid, NULL, WNOHANG)) == 0 && clock_monotonic_ms() < end_ms)
		pause_ms(END_PAUSE_MS);
	if (reaped == 0) {
		kill(courier->pid, SIGKILL);
		while (waitpid(courier->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	courier->pid = 0;
}

void courier_free(struct courier *courier)
{
	if (courier == NULL)
		return;
	stop(courier);
	buf_free(&courier->input);
	free(courier);
}

static int start(struct courier *courier, struct error *error)
{
	char *program = path_sibling("tg-send", error);
	char *argv[] = {program, (char *)"--messages", (char *)"-c", (char *)courier->config_path, NULL};
	struct launch_options options = {.argv = argv,
	    .environment = (char *const[]){"PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL},
	    .errors = -1,
	    .place = LAUNCH_GROUP};
	int fds[2] = {-1, -1}, result = -1, code;

	if (program == NULL)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot make a socket");
		goto out;
	}
	options.input = options.output = fds[1];
	code = launch(&options, &courier->pid);
	if (code != 0) {
		courier->pid = 0;
		errno = code;
		error_errno(error, ERROR_TEMPORARY, "cannot start %s", program);
		goto out;
	}
	courier->fd = fds[0];
	fds[0] = -1;
	/* Not blocking, so that one that reads nothing can be left. */
	result = fd_set_nonblocking(courier->fd, true) != 0
		     ? error_errno(error, ERROR_TEMPORARY, "cannot use a socket")
		     : 0;
out:
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	free(program);
	return result;
}

/* ---- a line and its answer ---- */

/* 1: go on; 0: it has ended; -1: there is no more waiting for it. */
static int wait_for(struct courier *courier, short events, int64_t end_ms, struct error *error)
{
	struct pollfd fds[] = {{courier->fd, events, 0}, {courier->wake_fd, POLLIN, 0}};
	int64_t left_ms = end_ms - clock_monotonic_ms();
	int ready = poll(fds, 2, left_ms > 0 ? (int)left_ms : 0);

	if (ready < 0 && errno != EINTR)
		return error_errno(error, ERROR_TEMPORARY, "cannot wait for tg-send");
	if (ready > 0 && fds[0].revents == 0 && fds[1].revents != 0)
		return error_set(error, ERROR_TEMPORARY, "told to end before tg-send answered");
	if (ready == 0)
		return error_set(error, ERROR_TEMPORARY, "tg-send does not answer");
	return 1;
}

static int write_line(
    struct courier *courier, const char *line, size_t len, int64_t end_ms, struct error *error)
{
	while (len > 0) {
		ssize_t written = send(courier->fd, line, len, MSG_NOSIGNAL);

		if (written >= 0) {
			line += written;
			len -= (size_t)written;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if (wait_for(courier, POLLOUT, end_ms, error) < 0)
				return -1;
		} else if (errno != EINTR) {
			return 0;
		}
	}
	return 1;
}

static int read_line(
    struct courier *courier, const char **line, size_t *len, int64_t end_ms, struct error *error)
{
	size_t position = 0;
	ssize_t got;

	while (!fd_next_line(&courier->input, &position, line, len)) {
		if (wait_for(courier, POLLIN, end_ms, error) < 0)
			return -1;
		got = fd_read_some(courier->fd, &courier->input);
		if (got < 0 && errno == ENOSPC)
			return error_set(error, ERROR_PERMANENT, "the answer of tg-send is too long");
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
			return 0;
	}
	return 1;
}

static enum error_kind kind_by_name(const char *name)
{
	for (int kind = ERROR_USAGE; name != NULL && kind <= ERROR_BUG; kind++) {
		if (strcmp(error_kind_name((enum error_kind)kind), name) == 0)
			return (enum error_kind)kind;
	}
	return ERROR_TEMPORARY;
}

static int read_answer(const char *line, size_t len, struct courier_answer *answer, struct error *error)
{
	struct json_object *object = NULL, *body = NULL;
	const char *words;
	struct error ignored;

	if (json_parse_object(line, len, "the answer of tg-send", &object, error) != 0) {
		error->kind = ERROR_PERMANENT;
		return -1;
	}
	answer->status = (int)json_int64(object, "status");
	if (json_get_object(object, "body", &body, &ignored) == 1)
		answer->body = json_object_get(body);
	words = json_text(object, "error");
	if (words != NULL)
		error_set(error, kind_by_name(json_text(object, "kind")), "%s", words);
	else if (answer->status < 200 || answer->status > 299 || answer->body == NULL)
		error_set(error, ERROR_PERMANENT,
		    "the answer of tg-send cannot be read; is it of the same version?");
	json_object_put(object);
	return words == NULL && answer->body != NULL && answer->status >= 200 && answer->status <= 299 ? 0
												       : -1;
}

/* 1: there is an answer, *result says how it is; 0: the courier has ended; -1: none will come. */
static int exchange(struct courier *courier, const char *line, size_t len, struct courier_answer *answer,
    int *result, struct error *error)
{
	int64_t end_ms = clock_monotonic_ms() + ANSWER_LIMIT_MS;
	const char *reply;
	size_t reply_len;
	int done;

	if (courier->pid == 0 && start(courier, error) != 0)
		return -1;
	done = write_line(courier, line, len, end_ms, error);
	if (done == 1)
		done = read_line(courier, &reply, &reply_len, end_ms, error);
	if (done == 1) {
		*result = read_answer(reply, reply_len, answer, error);
		buf_clear(&courier->input);
	}
	return done;
}

static int ask(
    struct courier *courier, struct json_object *request, struct courier_answer *answer, struct error *error)
{
	struct buf line = BUF_INIT(COURIER_LINE_MAX_BYTES);
	int result = -1, done = 0;

	*answer = (struct courier_answer){0};
	if (buf_add_text(&line, json_line(request)) != 0 || buf_add_text(&line, "\n") != 0) {
		error_set(
		    error, ERROR_INPUT, "the message is larger than %d MB", COURIER_LINE_MAX_BYTES >> 20);
		goto out;
	}
	for (int attempt = 0; done == 0 && attempt < 2; attempt++) {
		done = exchange(courier, line.data, line.len, answer, &result, error);
		/* Nobody waits for what it still does, and the key allows to ask again. */
		if (done < 0 && courier->pid > 0)
			kill(courier->pid, SIGKILL);
		if (done != 1)
			stop(courier);
	}
	if (done == 0)
		error_set(error, ERROR_TEMPORARY, "tg-send ended before it answered");
out:
	json_object_put(request);
	buf_free(&line);
	return result;
}

int courier_submit(
    struct courier *courier, const struct notice *notice, struct courier_answer *answer, struct error *error)
{
	return ask(courier, notice_request(notice), answer, error);
}

int courier_get(
    struct courier *courier, const char *target, struct courier_answer *answer, struct error *error)
{
	struct json_object *request = json_object_new_object();

	json_put_text(request, "get", target);
	return ask(courier, request, answer, error);
}

void courier_answer_free(struct courier_answer *answer)
{
	json_object_put(answer->body);
	*answer = (struct courier_answer){0};
}
