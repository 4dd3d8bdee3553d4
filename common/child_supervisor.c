#include "child_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"

enum { SWEEP_LIMIT_MS = 2000, SWEEP_PAUSE_MS = 20, STACK_BYTES = 64 << 10, EXIT_NOT_STARTED = 127 };

/* Where the supervisor keeps what it needs. */
enum { SOCKET_FD = STDERR_FILENO + 1, SIGNAL_FD };

/* A request, taken apart; everything points into the message. */
struct order {
	struct child_request head;
	const char *directory;
	char *argv[REQUEST_STRINGS_MAX + 2], **environment;
	int fds[REQUEST_FDS]; /* the last one -1: stdin is /dev/null */
};

/* ---- in the program's process, which shares our memory until it executes the program ---- */

static int fail(volatile struct child_start_answer *answer, enum child_step step)
{
	answer->step = step;
	answer->code = errno;
	return EXIT_NOT_STARTED;
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

static int limit(int resource, int64_t value)
{
	struct rlimit now, wanted = {(rlim_t)value, (rlim_t)value};

	if (value == 0)
		return 0;
	if (getrlimit(resource, &now) != 0)
		return -1;
	if (now.rlim_max != RLIM_INFINITY && now.rlim_max < wanted.rlim_max)
		wanted = (struct rlimit){now.rlim_max, now.rlim_max};
	return setrlimit(resource, &wanted);
}

/* Returns only where it could not; without a call of what never returns, to which sanitizers add their own.
 */
static int become_program(
    const struct order *order, pid_t supervisor, volatile struct child_start_answer *answer)
{
	const struct rlimit no_core = {0, 0};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != supervisor || setsid() < 0 ||
	    setrlimit(RLIMIT_CORE, &no_core) != 0 || limit(RLIMIT_DATA, order->head.limits.memory_bytes) ||
	    limit(RLIMIT_FSIZE, order->head.limits.file_bytes) ||
	    limit(RLIMIT_NOFILE, order->head.limits.open_files) || dup2(order->fds[0], STDOUT_FILENO) < 0 ||
	    dup2(order->fds[1], STDERR_FILENO) < 0 ||
	    (order->fds[2] >= 0 && dup2(order->fds[2], STDIN_FILENO) < 0))
		return fail(answer, STEP_SESSION);
	reset_signals();
	umask(022);
	if (order->directory[0] != '\0' && chdir(order->directory) != 0)
		return fail(answer, STEP_DIRECTORY);
	execve(order->argv[0], order->argv, order->environment);
	return fail(answer, STEP_EXECUTE);
}

/* ---- in the supervisor: all signals are blocked ---- */

/* What happened: a child changed, or an order came. */
enum event { EVENT_NONE, EVENT_CHILD, EVENT_STOP, EVENT_KILL };

static enum event read_order(void)
{
	char order;
	ssize_t got = recv(SOCKET_FD, &order, sizeof order, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return EVENT_NONE;
	return got == 1 && order == CHILD_STOP ? EVENT_STOP : EVENT_KILL;
}

static enum event read_signal(void)
{
	struct signalfd_siginfo info;

	if (read(SIGNAL_FD, &info, sizeof info) != sizeof info)
		return EVENT_NONE;
	return info.ssi_signo == SIGCHLD ? EVENT_CHILD : EVENT_KILL;
}

/* Waits at most so long, also for orders unless the last one came. */
static enum event wait_event(int64_t limit_ms, bool for_orders)
{
	struct pollfd fds[] = {{.fd = SIGNAL_FD, .events = POLLIN}, {.fd = SOCKET_FD, .events = POLLIN}};

	if (poll(fds, for_orders ? 2 : 1, limit_ms > 3600000 ? 3600000 : (int)limit_ms) <= 0)
		return EVENT_NONE;
	return fds[0].revents != 0 ? read_signal() : read_order();
}

static void kill_group(pid_t leader, int number)
{
	/* Before its setsid there is no group yet. */
	if (kill(-leader, number) != 0 && errno == ESRCH)
		kill(leader, number);
	kill(-leader, SIGCONT);
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
		return errno != EINTR;
	return info.si_pid != 0;
}

enum phase { RUNNING, ASKED, KILLED };

/* Returns when the program is a zombie, or cannot be killed. */
static void keep_deadline(pid_t pid, int64_t timeout_ms, struct child_verdict *verdict)
{
	enum phase phase = RUNNING;
	bool for_orders = true;
	int64_t next_ms = timeout_ms > 0 ? clock_monotonic_ms() + timeout_ms : INT64_MAX;

	while (!has_ended(pid)) {
		int64_t now_ms = clock_monotonic_ms();
		enum event event = now_ms < next_ms ? wait_event(next_ms - now_ms, for_orders) : EVENT_NONE;

		if (event == EVENT_KILL) {
			for_orders = false;
			phase = ASKED;
		} else if (event == EVENT_STOP && phase == RUNNING) {
			verdict->stopped = true;
		} else if (now_ms < next_ms) {
			continue;
		} else if (phase == KILLED) {
			return;
		} else if (phase == RUNNING) {
			verdict->timed_out = true;
		}
		kill_group(pid, phase == RUNNING ? SIGTERM : SIGKILL);
		phase = phase == RUNNING ? ASKED : KILLED;
		next_ms = clock_monotonic_ms() + CHILD_GRACE_MS;
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

static void wait_child(void)
{
	struct pollfd poller = {.fd = SIGNAL_FD, .events = POLLIN};

	if (poll(&poller, 1, SWEEP_PAUSE_MS) > 0)
		(void)read_signal();
}

/* Reaps all that ended; whether there is nobody else. */
static bool reap(void)
{
	pid_t reaped;

	do
		reaped = waitpid(-1, NULL, WNOHANG);
	while (reaped > 0);
	return reaped < 0 && errno == ECHILD;
}

/* The children of those that are killed become ours, so this goes on until there are none: true. */
static bool sweep(const struct child_cgroup *group)
{
	int64_t end_ms = clock_monotonic_ms() + SWEEP_LIMIT_MS;

	if (reap())
		return true;
	(void)child_cgroup_kill(group);
	while (!reap() && clock_monotonic_ms() < end_ms) {
		if (kill_children() == 0)
			return false;
		wait_child();
	}
	return reap();
}

/* What the program's process needs before it is the program. */
struct birth {
	const struct order *order;
	pid_t supervisor;
	volatile struct child_start_answer answer;
};

static int be_born(void *context)
{
	struct birth *birth = context;

	return become_program(birth->order, birth->supervisor, &birth->answer);
}

/* As vfork(2), which costs a fraction of fork(2), but on a stack of its own. */
static pid_t start(const struct order *order, struct child_start_answer *answer)
{
	static char stack[STACK_BYTES] __attribute__((aligned(16)));
	struct birth birth = {order, getpid(), {STEP_STARTED, 0}};
	pid_t pid = clone(be_born, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &birth);

	*answer = (struct child_start_answer){birth.answer.step, birth.answer.code};
	if (pid < 0)
		*answer = (struct child_start_answer){STEP_FORK, errno};
	if (pid > 0 && answer->step != STEP_STARTED)
		(void)waitpid(pid, NULL, 0);
	return answer->step == STEP_STARTED ? pid : -1;
}

static void tell(const void *data, size_t len)
{
	/* Where nobody reads it, nobody needs it. */
	if (send(SOCKET_FD, data, len, MSG_NOSIGNAL) != (ssize_t)len)
		_exit(1);
}

/* Frees the descriptors of the program, so that its output can end with it. */
static void close_order(struct order *order)
{
	for (size_t i = 0; i < REQUEST_FDS; i++)
		fd_close(&order->fds[i]);
}

static void run(struct order *order, struct child_cgroup *group)
{
	struct child_verdict verdict = {.wait_status = SIGKILL};
	struct child_start_answer answer;
	pid_t pid = start(order, &answer);

	close_order(order);
	tell(&answer, sizeof answer);
	if (pid < 0)
		return;
	keep_deadline(pid, order->head.timeout_ms, &verdict);
	/* Not reaped yet, so its number still means this group. */
	kill(-pid, SIGKILL);
	(void)waitpid(pid, &verdict.wait_status, WNOHANG);
	verdict.is_clean = sweep(group);
	tell(&verdict, sizeof verdict);
	if (!verdict.is_clean) {
		child_cgroup_leave(group);
		_exit(0);
	}
}

/* ---- the requests ---- */

/* The next string of a message, or NULL; a caller of our own memory makes no mistakes, but what if. */
static char *next_string(char **position, const char *end)
{
	char *string = *position, *stop = memchr(string, '\0', (size_t)(end - string));

	if (stop == NULL)
		return NULL;
	*position = stop + 1;
	return string;
}

static bool take_strings(struct order *order, char *position, const char *end)
{
	uint32_t arguments = order->head.arguments, variables = order->head.variables;

	order->directory = next_string(&position, end);
	if (order->directory == NULL || arguments == 0 || arguments > REQUEST_STRINGS_MAX ||
	    variables > REQUEST_STRINGS_MAX - arguments)
		return false;
	order->environment = order->argv + arguments + 1;
	for (uint32_t i = 0; i < arguments + variables; i++) {
		char *string = next_string(&position, end);

		if (string == NULL)
			return false;
		order->argv[i < arguments ? i : i + 1] = string;
	}
	order->argv[arguments] = NULL;
	order->environment[variables] = NULL;
	return true;
}

static bool take_fds(struct order *order, struct msghdr *message)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	size_t size_bytes;

	if (control == NULL || control->cmsg_type != SCM_RIGHTS)
		return false;
	size_bytes = control->cmsg_len - CMSG_LEN(0);
	if (size_bytes != sizeof order->fds && size_bytes != REQUEST_FDS_MIN * sizeof *order->fds)
		return false;
	order->fds[REQUEST_FDS - 1] = -1;
	memcpy(order->fds, CMSG_DATA(control), size_bytes);
	return true;
}

/* Waits for the next program. An order that comes too late for the one before is passed over. */
static bool take_order(struct order *order, char *data)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof order->fds)];
	} control;
	struct iovec part = {data, REQUEST_MAX_BYTES};
	struct msghdr message = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	ssize_t got;

	do {
		message.msg_controllen = sizeof control;
		got = recvmsg(SOCKET_FD, &message, MSG_CMSG_CLOEXEC);
	} while (got == 1 || (got < 0 && errno == EINTR));
	if (got < (ssize_t)sizeof order->head || !take_fds(order, &message))
		return false;
	memcpy(&order->head, data, sizeof order->head);
	return take_strings(order, data + sizeof order->head, data + got);
}

/* ---- its start ---- */

/* All that the caller had open goes first: where it had as many as it may, there is room for no other. */
static int take_descriptors(int socket)
{
	sigset_t wanted;
	int null;

	if (socket != SOCKET_FD && dup3(socket, SOCKET_FD, O_CLOEXEC) < 0)
		return -1;
	(void)close_range(SIGNAL_FD, ~0U, 0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		return -1;
	close(null);
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGTERM);
	return signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK) == SIGNAL_FD ? 0 : -1;
}

static void take_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	(void)sigaction(SIGCHLD, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

void child_supervise(int socket, pid_t caller)
{
	static char data[REQUEST_MAX_BYTES];
	static struct order order;
	struct child_cgroup group;

	take_signals();
	if (take_descriptors(socket) != 0 || setsid() < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != caller)
		_exit(1);
	child_cgroup_enter(&group);
	while (take_order(&order, data))
		run(&order, &group);
	child_cgroup_leave(&group);
	_exit(0);
}
