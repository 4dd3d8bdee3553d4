#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_internal.h"
#include "clock.h"
#include "fd.h"
#include "xalloc.h"

enum {
	CHUNK_BYTES = 65536,
	FREE_LIMIT_MS = 6000,
	OVERDUE_MS = 10000, /* after the deadline a supervisor has long ended all, unless it was stopped */
};

struct supervisor {
	struct supervisor *next; /* that is idle, too */
	pid_t pid;
	int socket;
};

struct children {
	struct supervisor *idle;
};

struct child {
	struct children *children;
	struct supervisor *supervisor; /* NULL once it has ended */
	int output_fd, errors_fd;
	int order_fd; /* epoll: tells which of the two was written to first; -1: nobody wants to know */
	bool ended;
	bool output_cut;
	size_t pieces_left_bytes;
	child_piece_fn *on_piece;
	void *context;
	int64_t started_ms, ended_ms;
	int64_t overdue_ms; /* monotonic: when its supervisor is not waited for any longer */
	bool told_to_stop;
	struct child_verdict verdict;
	struct buf output, errors;
};

/* ---- supervisors ---- */

static void close_pair(int pair[2])
{
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

/* All signals stay blocked in the supervisor, which reads them. */
static pid_t fork_supervisor(int socket)
{
	pid_t caller = getpid(), pid;
	sigset_t all, before;
	int code;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		child_supervise(socket, caller);
	code = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = code;
	return pid;
}

static struct supervisor *new_supervisor(struct error *error)
{
	struct supervisor *supervisor;
	int pair[2], size = 2 * REQUEST_MAX_BYTES;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot start a supervisor");
		return NULL;
	}
	/* Where it stays smaller, a long request is refused. */
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	pid = fork_supervisor(pair[1]);
	if (pid < 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot start a supervisor");
		close_pair(pair);
		return NULL;
	}
	fd_close(&pair[1]);
	supervisor = xcalloc(1, sizeof *supervisor);
	supervisor->pid = pid;
	supervisor->socket = pair[0];
	return supervisor;
}

/* Where it cannot end by itself it is killed, and its program with it. */
static void end_supervisor(struct supervisor *supervisor, bool by_force)
{
	if (by_force)
		kill(supervisor->pid, SIGKILL);
	fd_close(&supervisor->socket);
	while (waitpid(supervisor->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(supervisor);
}

static struct supervisor *take_supervisor(struct children *children, struct error *error)
{
	struct supervisor *supervisor = children->idle;

	if (supervisor == NULL)
		return new_supervisor(error);
	children->idle = supervisor->next;
	return supervisor;
}

static void give_back(struct children *children, struct supervisor *supervisor)
{
	supervisor->next = children->idle;
	children->idle = supervisor;
}

struct children *children_new(void)
{
	return xcalloc(1, sizeof(struct children));
}

void children_free(struct children *children)
{
	if (children == NULL)
		return;
	while (children->idle != NULL) {
		struct supervisor *supervisor = children->idle;

		children->idle = supervisor->next;
		end_supervisor(supervisor, false);
	}
	free(children);
}

/* ---- starting ---- */

struct pipes {
	int output[2], errors[2];
	int input; /* not a pipe, so that nobody has to wait until it is read; -1: none */
};

static void pipes_close(struct pipes *pipes)
{
	close_pair(pipes->output);
	close_pair(pipes->errors);
	fd_close(&pipes->input);
}

/*
 * Where the order counts, a pipe keeps writes apart (O_DIRECT) and holds one of them, so that the next one
 * cannot be made before this one was read.
 */
static int open_pipe(int pair[2], bool in_order)
{
	if (pipe2(pair, O_CLOEXEC | (in_order ? O_DIRECT : 0)) != 0)
		return -1;
	if (in_order && fcntl(pair[0], F_SETPIPE_SZ, 1) < 0)
		return -1;
	return fd_set_nonblocking(pair[0], true);
}

/* A file without a name, to be read from its start. */
static int open_input(const char *text, int *fd)
{
	if (text == NULL)
		return 0;
	*fd = memfd_create("input", MFD_CLOEXEC);
	return *fd >= 0 && fd_write_all(*fd, text, strlen(text)) == 0 && lseek(*fd, 0, SEEK_SET) == 0 ? 0
												      : -1;
}

static int pipes_open(struct pipes *pipes, const struct child_options *options, struct error *error)
{
	bool in_order = options->on_piece != NULL;

	*pipes = (struct pipes){{-1, -1}, {-1, -1}, -1};
	if (open_pipe(pipes->output, in_order) == 0 && open_pipe(pipes->errors, in_order) == 0 &&
	    open_input(options->input, &pipes->input) == 0)
		return 0;
	error_errno(error, ERROR_TEMPORARY, "cannot make pipes");
	pipes_close(pipes);
	return -1;
}

static uint32_t add_strings(struct buf *message, char *const *strings, bool *full)
{
	uint32_t count = 0;

	for (; strings != NULL && strings[count] != NULL && !*full; count++)
		*full = buf_add(message, strings[count], strlen(strings[count]) + 1) != 0;
	return count;
}

static int make_request(const struct child_options *options, struct buf *message, struct error *error)
{
	struct child_request head = {.timeout_ms = options->timeout_ms, .limits = options->limits};
	const char *directory = options->directory != NULL ? options->directory : "";
	bool full = buf_add(message, &head, sizeof head) != 0 ||
		    buf_add(message, directory, strlen(directory) + 1) != 0;

	head.arguments = add_strings(message, options->argv, &full);
	head.variables = add_strings(message, options->environment, &full);
	if (full || head.arguments + head.variables > REQUEST_STRINGS_MAX)
		return error_set(error, ERROR_INPUT, "the arguments of %s are too long", options->argv[0]);
	memcpy(message->data, &head, sizeof head);
	return 0;
}

static int send_request(const struct supervisor *supervisor, const struct buf *message, const int *fds)
{
	size_t count = fds[REQUEST_FDS - 1] >= 0 ? REQUEST_FDS : REQUEST_FDS_MIN;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(REQUEST_FDS * sizeof *fds)];
	} control = {.space = ""};
	struct iovec part = {message->data, message->len};
	struct msghdr packet = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = CMSG_SPACE(count * sizeof *fds)};

	control.header = (struct cmsghdr){
	    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof *fds)};
	memcpy(CMSG_DATA(&control.header), fds, count * sizeof *fds);
	return sendmsg(supervisor->socket, &packet, MSG_NOSIGNAL) == (ssize_t)message->len ? 0 : -1;
}

/* Whole messages only. Returns 0, or -1 where the supervisor is gone. */
static int receive(const struct supervisor *supervisor, void *data, size_t len)
{
	ssize_t got;

	do
		got = recv(supervisor->socket, data, len, 0);
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)len ? 0 : -1;
}

static int explain(
    const struct child_options *options, const struct child_start_answer *failure, struct error *error)
{
	const char *program = options->argv[0];

	errno = failure->code;
	if (failure->step == STEP_DIRECTORY)
		return error_errno(error, ERROR_PERMANENT, "cannot enter directory %s", options->directory);
	if (failure->step != STEP_EXECUTE)
		return error_errno(error, ERROR_TEMPORARY, "cannot start %s", program);
	if (errno == ENOEXEC)
		return error_set(error, ERROR_PERMANENT,
		    "cannot execute %s: it is no program and has no first line such as #!/bin/sh", program);
	if (errno == ENOENT && access(program, F_OK) == 0)
		return error_set(error, ERROR_PERMANENT,
		    "cannot execute %s: the interpreter that its first line names does not exist", program);
	return error_errno(error, ERROR_PERMANENT, "cannot execute %s", program);
}

/* One that does not answer was stopped, maybe by the program, which runs by then: it is killed. */
static int receive_start(const struct supervisor *supervisor, struct child_start_answer *answer)
{
	struct pollfd poller = {.fd = supervisor->socket, .events = POLLIN};
	int64_t end_ms = clock_monotonic_ms() + OVERDUE_MS, left_ms = OVERDUE_MS;

	while (left_ms > 0 && poll(&poller, 1, (int)left_ms) <= 0)
		left_ms = end_ms - clock_monotonic_ms();
	if (poller.revents == 0)
		kill(supervisor->pid, SIGKILL);
	return receive(supervisor, answer, sizeof *answer);
}

/*
 * Supervisors that were idle may be gone; then the next one is asked. Once one has the request no other gets
 * it: without an answer it was killed, maybe by the program.
 */
static struct supervisor *request_start(struct children *children, const struct buf *message, const int *fds,
    struct child_start_answer *answer, struct error *error)
{
	bool was_idle = true;

	while (was_idle) {
		struct supervisor *supervisor;

		was_idle = children->idle != NULL;
		supervisor = take_supervisor(children, error);
		if (supervisor == NULL)
			return NULL;
		if (send_request(supervisor, message, fds) == 0) {
			if (receive_start(supervisor, answer) != 0)
				*answer = (struct child_start_answer){STEP_STARTED, 0};
			return supervisor;
		}
		end_supervisor(supervisor, true);
	}
	error_set(error, ERROR_TEMPORARY, "cannot start a supervisor: it ended at once");
	return NULL;
}

static int watch_order(struct child *child, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};

	return epoll_ctl(child->order_fd, EPOLL_CTL_ADD, fd, &event);
}

static struct child *new_child(
    struct children *children, const struct child_options *options, struct pipes *pipes)
{
	struct child *child = xcalloc(1, sizeof *child);

	child->children = children;
	child->started_ms = clock_monotonic_ms();
	child->overdue_ms =
	    options->timeout_ms > 0 ? child->started_ms + options->timeout_ms + OVERDUE_MS : INT64_MAX;
	child->output_fd = pipes->output[0];
	child->errors_fd = pipes->errors[0];
	pipes->output[0] = pipes->errors[0] = -1;
	child->order_fd = -1;
	child->on_piece = options->on_piece;
	child->context = options->context;
	child->pieces_left_bytes = options->output_max_bytes;
	buf_init(&child->output, options->output_max_bytes);
	buf_init(&child->errors, options->errors_max_bytes);
	return child;
}

static int make_order(struct child *child, struct error *error)
{
	if (child->on_piece == NULL)
		return 0;
	child->order_fd = epoll_create1(EPOLL_CLOEXEC);
	if (child->order_fd < 0 || watch_order(child, child->output_fd) != 0 ||
	    watch_order(child, child->errors_fd) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot watch pipes");
	return 0;
}

static int start(struct child *child, const struct buf *message, const struct child_options *options,
    const int *fds, struct error *error)
{
	struct child_start_answer answer;
	struct supervisor *supervisor = request_start(child->children, message, fds, &answer, error);

	if (supervisor == NULL)
		return -1;
	if (answer.step == STEP_STARTED) {
		child->supervisor = supervisor;
		return 0;
	}
	give_back(child->children, supervisor);
	return explain(options, &answer, error);
}

int child_start(
    struct children *children, const struct child_options *options, struct child **child, struct error *error)
{
	struct buf message = BUF_INIT(REQUEST_MAX_BYTES);
	struct child *made = NULL;
	struct pipes pipes;
	int result = -1;

	if (options->argv[0] == NULL || options->argv[0][0] != '/')
		return error_set(error, ERROR_BUG, "the path of a program must be absolute");
	if (pipes_open(&pipes, options, error) != 0)
		return -1;
	if (make_request(options, &message, error) == 0) {
		const int fds[REQUEST_FDS] = {pipes.output[1], pipes.errors[1], pipes.input};

		made = new_child(children, options, &pipes);
		result = make_order(made, error);
		if (result == 0)
			result = start(made, &message, options, fds, error);
	}
	pipes_close(&pipes);
	buf_free(&message);
	if (result == 0)
		*child = made;
	else
		child_free(made);
	return result;
}

static void order(const struct child *child, enum child_order what)
{
	const char byte = (char)what;

	/* Where it is gone, so is the program. */
	if (child->supervisor != NULL)
		(void)send(child->supervisor->socket, &byte, sizeof byte, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void child_stop(struct child *child)
{
	int64_t overdue_ms = clock_monotonic_ms() + OVERDUE_MS;

	order(child, CHILD_STOP);
	child->told_to_stop = true;
	if (overdue_ms < child->overdue_ms)
		child->overdue_ms = overdue_ms;
}

/* ---- its output ---- */

static void take_output(struct child *child, const char *data, size_t len)
{
	size_t room = child->output.max - child->output.len;

	child->output_cut = child->output_cut || len > room;
	buf_add(&child->output, data, len > room ? room : len);
}

static void tell_piece(struct child *child, enum child_stream stream, const char *data, size_t len)
{
	if (child->on_piece == NULL)
		return;
	if (len > child->pieces_left_bytes) {
		len = child->pieces_left_bytes;
		child->output_cut = true;
	}
	child->pieces_left_bytes -= len;
	if (len > 0)
		child->on_piece(child->context, stream, data, len);
}

/* Reads once, at most so many bytes; closes *fd at the end of input. Returns what was read. */
static size_t move(struct child *child, int *fd, size_t limit_bytes)
{
	char chunk[CHUNK_BYTES];
	ssize_t got = read(*fd, chunk, limit_bytes < sizeof chunk ? limit_bytes : sizeof chunk);
	bool is_output = fd == &child->output_fd;

	if (got > 0) {
		if (is_output)
			take_output(child, chunk, (size_t)got);
		else
			buf_add_end(&child->errors, chunk, (size_t)got);
		tell_piece(child, is_output ? CHILD_OUTPUT : CHILD_ERRORS, chunk, (size_t)got);
	} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		fd_close(fd);
	}
	return got > 0 ? (size_t)got : 0;
}

/* What is in the pipe now: something that escaped may write for ever. */
static void drain(struct child *child, int *fd)
{
	int waiting = 0;
	size_t left, got;

	if (*fd < 0 || ioctl(*fd, FIONREAD, &waiting) != 0 || waiting <= 0)
		return;
	for (left = (size_t)waiting; left > 0 && *fd >= 0; left -= got) {
		got = move(child, fd, left);
		if (got == 0)
			break;
	}
}

/* Those that became readable, first come, first served; of each what one write brought. */
static void move_in_order(struct child *child)
{
	struct epoll_event events[2];
	int ready = epoll_wait(child->order_fd, events, 2, 0);

	for (int i = 0; i < ready; i++) {
		int *fd = events[i].data.fd == child->output_fd ? &child->output_fd : &child->errors_fd;

		if (events[i].data.fd == *fd && move(child, fd, CHUNK_BYTES) > 0 &&
		    (events[i].events & EPOLLHUP) != 0)
			move(child, fd, CHUNK_BYTES);
	}
}

static void close_order(struct child *child)
{
	struct epoll_event event;

	while (child->order_fd >= 0 && epoll_wait(child->order_fd, &event, 1, 0) > 0) {
		int *fd = event.data.fd == child->output_fd ? &child->output_fd : &child->errors_fd;

		if (event.data.fd != *fd || move(child, fd, CHUNK_BYTES) == 0)
			break;
	}
	fd_close(&child->order_fd);
}

static void end(struct child *child, const struct child_verdict *verdict)
{
	struct supervisor *supervisor = child->supervisor;

	child->supervisor = NULL;
	child->verdict = *verdict;
	close_order(child);
	drain(child, &child->output_fd);
	drain(child, &child->errors_fd);
	fd_close(&child->output_fd);
	fd_close(&child->errors_fd);
	if (child->verdict.is_clean)
		give_back(child->children, supervisor);
	else
		end_supervisor(supervisor, false);
	child->ended_ms = clock_monotonic_ms();
	child->ended = true;
}

/* Takes its last word, or the lack of one: then the supervisor itself was killed, and the program with it. */
static void finish(struct child *child)
{
	struct child_verdict verdict;

	if (receive(child->supervisor, &verdict, sizeof verdict) != 0)
		verdict = (struct child_verdict){.wait_status = SIGKILL};
	end(child, &verdict);
}

/* The program runs as the same account, and can stop its supervisor; then it is killed by the end of that. */
static void give_up(struct child *child)
{
	const struct child_verdict verdict = {
	    .wait_status = SIGKILL, .timed_out = !child->told_to_stop, .stopped = child->told_to_stop};

	kill(child->supervisor->pid, SIGKILL);
	end(child, &verdict);
}

static int find_ended(struct child *const *children, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (children[i] != NULL && children[i]->ended)
			return (int)i;
	}
	return -1;
}

enum { FDS_PER_CHILD = 3 };

/* poll(2) passes over descriptors that are -1. */
static void fill_poll(struct pollfd *fds, struct child *const *children, size_t count, int wake_fd)
{
	const struct pollfd none = {.fd = -1, .events = POLLIN};

	for (size_t i = 0; i < count * FDS_PER_CHILD + 1; i++)
		fds[i] = none;
	for (size_t i = 0; i < count; i++) {
		if (children[i] == NULL)
			continue;
		if (children[i]->order_fd >= 0) {
			fds[i * FDS_PER_CHILD].fd = children[i]->order_fd;
		} else {
			fds[i * FDS_PER_CHILD].fd = children[i]->output_fd;
			fds[i * FDS_PER_CHILD + 1].fd = children[i]->errors_fd;
		}
		fds[i * FDS_PER_CHILD + 2].fd = children[i]->supervisor->socket;
	}
	fds[count * FDS_PER_CHILD].fd = wake_fd;
}

static void serve(const struct pollfd *fds, struct child *const *children, size_t count)
{
	for (size_t i = 0; i < count; i++, fds += FDS_PER_CHILD) {
		if (fds[0].revents != 0 && children[i]->order_fd >= 0)
			move_in_order(children[i]);
		else if (fds[0].revents != 0)
			move(children[i], &children[i]->output_fd, CHUNK_BYTES);
		if (fds[1].revents != 0)
			move(children[i], &children[i]->errors_fd, CHUNK_BYTES);
		if (fds[2].revents != 0)
			finish(children[i]);
	}
}

static int64_t first_overdue_ms(struct child *const *children, size_t count)
{
	int64_t first_ms = INT64_MAX;

	for (size_t i = 0; i < count; i++) {
		if (children[i] != NULL && children[i]->overdue_ms < first_ms)
			first_ms = children[i]->overdue_ms;
	}
	return first_ms;
}

/* Not those that have said it meanwhile: on_piece may take its time. */
static void give_up_overdue(struct child *const *children, size_t count)
{
	int64_t now_ms = clock_monotonic_ms();

	for (size_t i = 0; i < count; i++) {
		struct pollfd verdict = {.fd = -1, .events = POLLIN};

		if (children[i] == NULL || children[i]->supervisor == NULL ||
		    children[i]->overdue_ms > now_ms)
			continue;
		verdict.fd = children[i]->supervisor->socket;
		if (poll(&verdict, 1, 0) > 0)
			finish(children[i]);
		else
			give_up(children[i]);
	}
}

static int left_until(int64_t end_ms)
{
	int64_t left_ms = end_ms - clock_monotonic_ms();

	return left_ms < 0 ? 0 : left_ms > 3600000 ? 3600000 : (int)left_ms;
}

int child_wait_any(struct child *const *children, size_t count, int wake_fd, int64_t limit_ms)
{
	struct pollfd *fds = xcalloc(count * FDS_PER_CHILD + 1, sizeof *fds);
	int64_t end_ms = limit_ms < 0 ? INT64_MAX : clock_monotonic_ms() + limit_ms, overdue_ms;
	int index, ready;

	while ((index = find_ended(children, count)) < 0) {
		fill_poll(fds, children, count, wake_fd);
		overdue_ms = first_overdue_ms(children, count);
		ready = poll(
		    fds, count * FDS_PER_CHILD + 1, left_until(overdue_ms < end_ms ? overdue_ms : end_ms));
		if (ready < 0 && errno != EINTR)
			break;
		if (ready > 0)
			serve(fds, children, count);
		give_up_overdue(children, count);
		if (ready > 0 && fds[count * FDS_PER_CHILD].revents != 0) {
			index = find_ended(children, count);
			break;
		}
		if (ready == 0 && left_until(end_ms) == 0) {
			index = find_ended(children, count);
			break;
		}
	}
	free(fds);
	return index;
}

void child_result(struct child *child, struct child_result *result)
{
	int status = child->verdict.wait_status;

	*result = (struct child_result){
	    .exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	    .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
	    .timed_out = child->verdict.timed_out,
	    .stopped = child->verdict.stopped,
	    .output_cut = child->output_cut,
	    .duration_ms = child->ended_ms - child->started_ms,
	    .output = child->output,
	    .errors = child->errors,
	};
	buf_init(&child->output, 0);
	buf_init(&child->errors, 0);
}

/* Kills the program and waits for the supervisor to say so, for a time. */
static void end_now(struct child *child)
{
	struct pollfd verdict = {.fd = child->supervisor->socket, .events = POLLIN};

	order(child, CHILD_KILL);
	while (poll(&verdict, 1, FREE_LIMIT_MS) < 0 && errno == EINTR)
		;
	if (verdict.revents == 0)
		kill(child->supervisor->pid, SIGKILL);
	finish(child);
}

void child_free(struct child *child)
{
	if (child == NULL)
		return;
	if (child->supervisor != NULL) {
		child->on_piece = NULL;
		end_now(child);
	}
	fd_close(&child->output_fd);
	fd_close(&child->errors_fd);
	fd_close(&child->order_fd);
	buf_free(&child->output);
	buf_free(&child->errors);
	free(child);
}
