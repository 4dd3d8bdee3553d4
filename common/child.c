#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "xalloc.h"

enum { CHUNK_BYTES = 65536, SWEEP_LIMIT_MS = 2000, SWEEP_PAUSE_MS = 20, FREE_LIMIT_MS = 6000 };

/* Where the supervisor keeps its ends of the two pipes; both are close-on-exec. */
enum { EXEC_FD = STDERR_FILENO + 1, VERDICT_FD, FIRST_OTHER_FD };

enum step { STEP_SUPERVISE, STEP_FORK, STEP_SESSION, STEP_DIRECTORY, STEP_EXECUTE };

/* Why the program could not be started. */
struct start_failure {
	enum step step;
	int code; /* errno */
};

/* What the supervisor has to say when all is over. */
struct verdict {
	int wait_status;
	bool timed_out;
};

struct child {
	pid_t supervisor; /* 0: reaped */
	int output_fd, errors_fd, verdict_fd;
	bool ended;
	bool output_cut;
	size_t errors_max_bytes;
	int64_t started_ms, ended_ms;
	struct verdict verdict;
	struct buf output, errors;
};

struct pipes {
	int output[2], errors[2], verdict[2], exec[2], null;
};

/* ---- in the program's process, between fork and exec ---- */

static void fail(int fd, enum step step) __attribute__((noreturn));

static void fail(int fd, enum step step)
{
	struct start_failure failure = {step, errno};

	_exit(fd_write_all(fd, &failure, sizeof failure) == 0 ? 127 : 126);
}

static void reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* Those that cannot be set need no reset. */
	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become_program(const struct child_options *options, pid_t supervisor) __attribute__((noreturn));

static void become_program(const struct child_options *options, pid_t supervisor)
{
	const struct rlimit no_core = {0, 0};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != supervisor || setsid() < 0 ||
	    setrlimit(RLIMIT_CORE, &no_core) != 0)
		fail(EXEC_FD, STEP_SESSION);
	reset_signals();
	if (options->directory != NULL && chdir(options->directory) != 0)
		fail(EXEC_FD, STEP_DIRECTORY);
	execve(options->argv[0], options->argv, options->environment);
	fail(EXEC_FD, STEP_EXECUTE);
}

/* ---- in the supervisor: no memory is allocated, all signals are blocked ---- */

static void kill_group(pid_t leader, int number)
{
	/* Before its setsid there is no group yet. */
	if (kill(-leader, number) != 0 && errno == ESRCH)
		kill(leader, number);
	kill(-leader, SIGCONT);
}

/* Waits for SIGCHLD or SIGTERM, at most so long. Returns the signal, or -1. */
static int wait_signal(int64_t limit_ms)
{
	struct timespec limit = {limit_ms / 1000, limit_ms % 1000 * 1000000};
	sigset_t wanted;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGTERM);
	return sigtimedwait(&wanted, NULL, &limit);
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
		return errno != EINTR;
	return info.si_pid != 0;
}

/* Returns when the program is a zombie, or cannot be killed. SIGTERM: our caller wants an end, now. */
static void keep_deadline(pid_t pid, int64_t timeout_ms, bool *timed_out)
{
	enum { RUNNING, ASKED, KILLED } phase = RUNNING;
	int64_t next_ms = clock_monotonic_ms() + timeout_ms;

	while (!has_ended(pid)) {
		int64_t now_ms = clock_monotonic_ms();

		if (now_ms < next_ms) {
			if (wait_signal(next_ms - now_ms) != SIGTERM || phase == KILLED)
				continue;
			phase = ASKED;
		} else if (phase == KILLED) {
			return;
		}
		*timed_out = *timed_out || phase == RUNNING;
		kill_group(pid, phase == RUNNING ? SIGTERM : SIGKILL);
		next_ms = now_ms + CHILD_GRACE_MS;
		phase = phase == RUNNING ? ASKED : KILLED;
	}
}

/* Kills our children, which are what the program left behind. Returns how many could be. */
static int kill_children(void)
{
	char chunk[1024];
	ssize_t got;
	pid_t pid = 0;
	int killed = 0, fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	while ((got = read(fd, chunk, sizeof chunk)) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			if (chunk[i] >= '0' && chunk[i] <= '9') {
				pid = pid * 10 + (chunk[i] - '0');
			} else {
				killed += pid > 0 && kill(pid, SIGKILL) == 0;
				pid = 0;
			}
		}
	}
	close(fd);
	return killed;
}

/* The children of those that are killed become ours, so this goes on until there are none. */
static void sweep(void)
{
	int64_t end_ms = clock_monotonic_ms() + SWEEP_LIMIT_MS;
	pid_t reaped;

	while (clock_monotonic_ms() < end_ms) {
		do
			reaped = waitpid(-1, NULL, WNOHANG);
		while (reaped > 0);
		if (reaped < 0 || kill_children() == 0)
			return;
		wait_signal(SWEEP_PAUSE_MS);
	}
}

/*
 * Makes stdin, stdout, stderr, EXEC_FD and VERDICT_FD what they are to be and closes all others. Numbers
 * grow in the order of opening, so the pipes for EXEC_FD and VERDICT_FD, opened last, are above both.
 */
static int take_descriptors(const struct pipes *pipes)
{
	if (dup2(pipes->null, STDIN_FILENO) < 0 || dup2(pipes->output[1], STDOUT_FILENO) < 0 ||
	    dup2(pipes->errors[1], STDERR_FILENO) < 0 || dup3(pipes->exec[1], EXEC_FD, O_CLOEXEC) < 0 ||
	    dup3(pipes->verdict[1], VERDICT_FD, O_CLOEXEC) < 0)
		return -1;
	return close_range(FIRST_OTHER_FD, ~0U, 0);
}

static void take_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	(void)sigaction(SIGCHLD, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

static void supervise(const struct child_options *options, const struct pipes *pipes, pid_t caller)
    __attribute__((noreturn));

static void supervise(const struct child_options *options, const struct pipes *pipes, pid_t caller)
{
	struct verdict verdict = {.wait_status = SIGKILL};
	pid_t self, pid;

	if (take_descriptors(pipes) != 0)
		fail(pipes->exec[1], STEP_SUPERVISE);
	take_signals();
	if (setsid() < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 ||
	    getppid() != caller)
		fail(EXEC_FD, STEP_SUPERVISE);
	self = getpid();
	pid = fork();
	if (pid < 0)
		fail(EXEC_FD, STEP_FORK);
	if (pid == 0)
		become_program(options, self);
	close(EXEC_FD);
	(void)dup2(STDIN_FILENO, STDOUT_FILENO);
	(void)dup2(STDIN_FILENO, STDERR_FILENO);
	keep_deadline(pid, options->timeout_ms, &verdict.timed_out);
	/* Not reaped yet, so its number still means this group. */
	kill(-pid, SIGKILL);
	(void)waitpid(pid, &verdict.wait_status, WNOHANG);
	sweep();
	/* Where nobody reads it, nobody needs it. */
	_exit(fd_write_all(VERDICT_FD, &verdict, sizeof verdict) != 0);
}

/* ---- in the caller ---- */

static void close_pair(int pair[2])
{
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void pipes_close(struct pipes *pipes)
{
	close_pair(pipes->output);
	close_pair(pipes->errors);
	close_pair(pipes->verdict);
	close_pair(pipes->exec);
	fd_close(&pipes->null);
}

static int pipes_open(struct pipes *pipes, struct error *error)
{
	*pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, -1};
	pipes->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (pipes->null < 0 || pipe2(pipes->output, O_CLOEXEC) != 0 || pipe2(pipes->errors, O_CLOEXEC) != 0 ||
	    pipe2(pipes->verdict, O_CLOEXEC) != 0 || pipe2(pipes->exec, O_CLOEXEC) != 0 ||
	    fd_set_nonblocking(pipes->output[0], true) != 0 ||
	    fd_set_nonblocking(pipes->errors[0], true) != 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot make pipes");
		pipes_close(pipes);
		return -1;
	}
	return 0;
}

/* All signals stay blocked in the supervisor, which takes them with sigtimedwait. */
static pid_t fork_supervisor(const struct child_options *options, const struct pipes *pipes)
{
	pid_t caller = getpid(), pid;
	sigset_t all, before;
	int code;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		supervise(options, pipes, caller);
	code = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = code;
	return pid;
}

static void reap(struct child *child)
{
	while (child->supervisor > 0 && waitpid(child->supervisor, NULL, 0) < 0 && errno == EINTR)
		;
	child->supervisor = 0;
}

static int explain(
    const struct child_options *options, const struct start_failure *failure, struct error *error)
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

/* The pipe is closed by a successful exec. */
static int await_exec(const struct child_options *options, int fd, struct error *error)
{
	struct start_failure failure;
	struct buf got = BUF_INIT(sizeof failure);
	int result = 0;

	if (fd_read_all(fd, &got) != 0) {
		result = error_errno(error, ERROR_TEMPORARY, "cannot read from a pipe");
	} else if (got.len == sizeof failure) {
		memcpy(&failure, got.data, sizeof failure);
		result = explain(options, &failure, error);
	}
	buf_free(&got);
	return result;
}

int child_start(const struct child_options *options, struct child **child, struct error *error)
{
	struct child *made;
	struct pipes pipes;
	int exec_fd, result;
	pid_t pid;

	if (options->argv[0] == NULL || options->argv[0][0] != '/')
		return error_set(error, ERROR_BUG, "the path of a program must be absolute");
	if (pipes_open(&pipes, error) != 0)
		return -1;
	pid = fork_supervisor(options, &pipes);
	if (pid < 0) {
		error_errno(error, ERROR_TEMPORARY, "cannot start %s", options->argv[0]);
		pipes_close(&pipes);
		return -1;
	}
	made = xcalloc(1, sizeof *made);
	made->supervisor = pid;
	made->started_ms = clock_monotonic_ms();
	made->output_fd = pipes.output[0];
	made->errors_fd = pipes.errors[0];
	made->verdict_fd = pipes.verdict[0];
	made->errors_max_bytes = options->errors_max_bytes;
	buf_init(&made->output, options->output_max_bytes);
	buf_init(&made->errors, options->errors_max_bytes);
	exec_fd = pipes.exec[0];
	pipes.output[0] = pipes.errors[0] = pipes.verdict[0] = pipes.exec[0] = -1;
	pipes_close(&pipes);
	result = await_exec(options, exec_fd, error);
	close(exec_fd);
	if (result == 0)
		*child = made;
	else
		child_free(made);
	return result;
}

static void take_output(struct child *child, const char *data, size_t len)
{
	size_t room = child->output.max - child->output.len;

	child->output_cut = child->output_cut || len > room;
	buf_add(&child->output, data, len > room ? room : len);
}

static void take_errors(struct child *child, const char *data, size_t len)
{
	size_t max = child->errors.max;

	if (len > max) {
		data += len - max;
		len = max;
	}
	if (child->errors.len + len > max)
		buf_consume(&child->errors, child->errors.len + len - max);
	buf_add(&child->errors, data, len);
}

/* Reads once, at most so many bytes; closes *fd at the end of input. Returns what was read. */
static size_t move(struct child *child, int *fd, size_t limit_bytes)
{
	char chunk[CHUNK_BYTES];
	ssize_t got = read(*fd, chunk, limit_bytes < sizeof chunk ? limit_bytes : sizeof chunk);

	if (got > 0 && fd == &child->output_fd)
		take_output(child, chunk, (size_t)got);
	else if (got > 0)
		take_errors(child, chunk, (size_t)got);
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		fd_close(fd);
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

static void finish(struct child *child)
{
	struct buf got = BUF_INIT(sizeof child->verdict);

	/* Without a word from it the supervisor itself was killed. */
	child->verdict = (struct verdict){.wait_status = SIGKILL};
	if (fd_read_all(child->verdict_fd, &got) == 0 && got.len == sizeof child->verdict)
		memcpy(&child->verdict, got.data, sizeof child->verdict);
	buf_free(&got);
	drain(child, &child->output_fd);
	drain(child, &child->errors_fd);
	fd_close(&child->output_fd);
	fd_close(&child->errors_fd);
	fd_close(&child->verdict_fd);
	reap(child);
	child->ended_ms = clock_monotonic_ms();
	child->ended = true;
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
		fds[i * FDS_PER_CHILD].fd = children[i]->output_fd;
		fds[i * FDS_PER_CHILD + 1].fd = children[i]->errors_fd;
		fds[i * FDS_PER_CHILD + 2].fd = children[i]->verdict_fd;
	}
	fds[count * FDS_PER_CHILD].fd = wake_fd;
}

static void serve(const struct pollfd *fds, struct child *const *children, size_t count)
{
	for (size_t i = 0; i < count; i++, fds += FDS_PER_CHILD) {
		if (fds[0].revents != 0)
			move(children[i], &children[i]->output_fd, CHUNK_BYTES);
		if (fds[1].revents != 0)
			move(children[i], &children[i]->errors_fd, CHUNK_BYTES);
		if (fds[2].revents != 0)
			finish(children[i]);
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
	int64_t end_ms = clock_monotonic_ms() + limit_ms;
	int index, ready;

	while ((index = find_ended(children, count)) < 0) {
		fill_poll(fds, children, count, wake_fd);
		ready = poll(fds, count * FDS_PER_CHILD + 1, limit_ms < 0 ? -1 : left_until(end_ms));
		if (ready < 0 && errno != EINTR)
			break;
		if (ready > 0)
			serve(fds, children, count);
		if (ready > 0 && fds[count * FDS_PER_CHILD].revents != 0) {
			index = find_ended(children, count);
			break;
		}
		if (ready == 0 && limit_ms >= 0 && left_until(end_ms) == 0)
			break;
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
	    .output_cut = child->output_cut,
	    .duration_ms = child->ended_ms - child->started_ms,
	    .output = child->output,
	    .errors = child->errors,
	};
	buf_init(&child->output, 0);
	buf_init(&child->errors, 0);
}

void child_free(struct child *child)
{
	struct pollfd verdict;

	if (child == NULL)
		return;
	if (!child->ended) {
		verdict = (struct pollfd){.fd = child->verdict_fd, .events = POLLIN};
		kill(child->supervisor, SIGTERM);
		while (poll(&verdict, 1, FREE_LIMIT_MS) < 0 && errno == EINTR)
			;
		if (verdict.revents == 0)
			kill(child->supervisor, SIGKILL);
		finish(child);
	}
	buf_free(&child->output);
	buf_free(&child->errors);
	free(child);
}
