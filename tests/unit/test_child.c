/*
 * Scripts of people are started by this module. Whatever one of them does (hang, flood, detach, kill its
 * parent), it must end at its deadline with all that it started, and must not touch its neighbours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "fd.h"
#include "xalloc.h"

enum { OUTPUT_MAX = 1000, ERRORS_MAX = 100, LONG_MS = 60000 };

static char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "WORD=a b", NULL};
static char directory[] = "/tmp/tgchild.XXXXXX";
static struct children *supervisors;

static int make_directory(void **state)
{
	(void)state;
	supervisors = children_new();
	return mkdtemp(directory) == NULL ? -1 : chdir(directory);
}

static int remove_directory(void **state)
{
	pid_t pid;

	(void)state;
	children_free(supervisors);
	pid = fork();
	if (pid == 0)
		execl("/bin/rm", "rm", "-rf", directory, (char *)NULL);
	return chdir("/") | (waitpid(pid, NULL, 0) != pid);
}

static struct child *start_shell(const char *commands, int64_t timeout_ms)
{
	char *argv[] = {"/bin/sh", "-c", (char *)commands, NULL};
	struct child_options options = {.argv = argv,
	    .environment = environment,
	    .directory = directory,
	    .timeout_ms = timeout_ms,
	    .output_max_bytes = OUTPUT_MAX,
	    .errors_max_bytes = ERRORS_MAX};
	struct child *child = NULL;
	struct error error = {.text = ""};

	if (child_start(supervisors, &options, &child, &error) != 0)
		fail_msg("%s", error.text);
	return child;
}

static struct child_result result_of(struct child *child)
{
	struct child_result result;

	assert_int_equal(child_wait_any(&child, 1, -1, LONG_MS), 0);
	child_result(child, &result);
	child_free(child);
	return result;
}

static struct child_result run_shell(const char *commands, int64_t timeout_ms)
{
	return result_of(start_shell(commands, timeout_ms));
}

static void result_free(struct child_result *result)
{
	buf_free(&result->output);
	buf_free(&result->errors);
}

/* A zombie that nobody reaps is gone all the same. */
static bool is_gone(pid_t pid)
{
	char *path = xasprintf("/proc/%ld/stat", (long)pid), *end;
	struct buf stat = BUF_INIT(4096);
	int fd = open(path, O_RDONLY);
	bool gone = fd < 0 || fd_read_all(fd, &stat) != 0;

	if (!gone) {
		end = strrchr(buf_text(&stat), ')');
		gone = end == NULL || end[2] == 'Z' || end[2] == 'X';
	}
	fd_close(&fd);
	buf_free(&stat);
	free(path);
	return gone;
}

static void pause_briefly(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void assert_goes(pid_t pid)
{
	int64_t end_ms = clock_monotonic_ms() + 10000;

	assert_true(pid > 1);
	while (!is_gone(pid)) {
		assert_true(clock_monotonic_ms() < end_ms);
		pause_briefly();
	}
}

/* Waits for a file with a process id in it, and for its newline. */
static pid_t read_pid(const char *name)
{
	int64_t end_ms = clock_monotonic_ms() + 10000;
	struct buf text = BUF_INIT(64);
	pid_t pid;
	int fd;

	while (strchr(buf_text(&text), '\n') == NULL) {
		assert_true(clock_monotonic_ms() < end_ms);
		buf_clear(&text);
		fd = open(name, O_RDONLY);
		if (fd < 0 || fd_read_all(fd, &text) != 0)
			pause_briefly();
		fd_close(&fd);
	}
	pid = (pid_t)strtol(buf_text(&text), NULL, 10);
	buf_free(&text);
	unlink(name);
	return pid;
}

static void what_it_gets(void **state)
{
	static const char commands[] =
	    "cat; pwd; env | sort | grep -v '^PWD='; ls /proc/self/fd | tr '\\n' ' ';"
	    "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t';"
	    "ulimit -c; echo oops >&2; exit 3";
	char *expected = xasprintf("%s\nPATH=/usr/local/bin:/usr/bin:/bin\nWORD=a b\n0 1 2 3 "
				   "SigBlk:0000000000000000\nSigIgn:0000000000000000\n0\n",
	    directory);
	struct child_result result;
	sigset_t blocked, now;
	int extra = dup2(STDERR_FILENO, 50);

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	result = run_shell(commands, LONG_MS);
	sigprocmask(SIG_UNBLOCK, &blocked, &now);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	close(extra);
	assert_string_equal(buf_text(&result.output), expected);
	assert_string_equal(buf_text(&result.errors), "oops\n");
	assert_int_equal(result.exit_status, 3);
	assert_int_equal(result.signal, 0);
	assert_false(result.timed_out);
	assert_false(result.output_cut);
	/* The mask of the caller is as it was. */
	assert_true(sigismember(&now, SIGUSR1));
	assert_false(sigismember(&now, SIGTERM));
	result_free(&result);
	free(expected);
}

/* Not even a supervisor, once there is nothing more to start. */
static void nobody_stays(void **state)
{
	int status;

	(void)state;
	children_free(supervisors);
	supervisors = children_new();
	errno = 0;
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void ended_by_a_signal(void **state)
{
	struct child_result result = run_shell("kill -SEGV $$", LONG_MS);

	(void)state;
	assert_int_equal(result.exit_status, -1);
	assert_int_equal(result.signal, SIGSEGV);
	assert_false(result.timed_out);
	result_free(&result);
}

static void deadline(void **state)
{
	struct child_result result = run_shell("trap 'echo bye; exit 4' TERM; sleep 60 & wait", 200);

	(void)state;
	assert_true(result.timed_out);
	assert_int_equal(result.exit_status, 4);
	assert_string_equal(buf_text(&result.output), "bye\n");
	assert_in_range(result.duration_ms, 200, 1900);
	result_free(&result);
}

static void deadline_for_one_that_ignores_it(void **state)
{
	struct child_result result = run_shell("trap '' TERM; echo $$ >pid; while :; do sleep 60; done", 200);

	(void)state;
	assert_true(result.timed_out);
	assert_int_equal(result.signal, SIGKILL);
	assert_in_range(result.duration_ms, 200 + CHILD_GRACE_MS, LONG_MS / 2);
	assert_goes(read_pid("pid"));
	result_free(&result);
}

static void deadline_for_one_that_is_stopped(void **state)
{
	struct child_result result = run_shell("kill -STOP $$; echo on", 200);

	(void)state;
	assert_true(result.timed_out);
	assert_int_equal(result.signal, SIGTERM);
	result_free(&result);
}

/* It has the pipe of stdout, and would hold up whoever waits for its end. */
static void job_in_the_background(void **state)
{
	struct child_result result = run_shell("sleep 60 & echo $! >pid; echo done", LONG_MS);

	(void)state;
	assert_string_equal(buf_text(&result.output), "done\n");
	assert_int_equal(result.exit_status, 0);
	assert_in_range(result.duration_ms, 0, 20000);
	assert_goes(read_pid("pid"));
	result_free(&result);
}

static void job_in_a_session_of_its_own(void **state)
{
	struct child_result result =
	    run_shell("setsid sh -c 'setsid sleep 60 & echo $! >inner; echo $$ >outer; exec sleep 60' &\n"
		      "while [ ! -s outer ]; do :; done",
		LONG_MS);

	(void)state;
	assert_int_equal(result.exit_status, 0);
	assert_in_range(result.duration_ms, 0, 20000);
	/* At once, not some time: nothing of it is left when the end is told. */
	assert_true(is_gone(read_pid("outer")));
	assert_true(is_gone(read_pid("inner")));
	result_free(&result);
}

/* The first of them is an orphan while its script still runs, and the second script must not care. */
static void orphans_belong_to_one_script(void **state)
{
	struct child *children[2];
	struct child_result result;

	(void)state;
	children[0] =
	    start_shell("(setsid sh -c 'echo $$ >orphan; until [ -e go ]; do sleep 0.02; done;"
			"echo alive >answer' &); until [ -s answer ]; do sleep 0.02; done; cat answer",
		LONG_MS);
	assert_true(read_pid("orphan") > 1);
	children[1] = start_shell("exit 0", LONG_MS);
	assert_int_equal(child_wait_any(children, 2, -1, LONG_MS), 1);
	child_free(children[1]);
	children[1] = NULL;
	close(open("go", O_CREAT | O_WRONLY, 0600));
	result = result_of(children[0]);
	assert_string_equal(buf_text(&result.output), "alive\n");
	result_free(&result);
	unlink("go");
	unlink("answer");
}

static void too_much_output(void **state)
{
	struct child_result result = run_shell("seq 200000; echo end >&2", LONG_MS);

	(void)state;
	assert_int_equal(result.exit_status, 0);
	assert_true(result.output_cut);
	assert_int_equal(result.output.len, OUTPUT_MAX);
	assert_memory_equal(result.output.data, "1\n2\n3\n", 6);
	result_free(&result);
}

static void exactly_as_much_output(void **state)
{
	struct child_result result = run_shell("head -c 1000 /dev/zero", LONG_MS);

	(void)state;
	assert_false(result.output_cut);
	assert_int_equal(result.output.len, OUTPUT_MAX);
	result_free(&result);
}

static void endless_output(void **state)
{
	struct child_result result = run_shell("yes & yes >&2", 200);

	(void)state;
	assert_true(result.timed_out);
	assert_true(result.output_cut);
	assert_int_equal(result.errors.len, ERRORS_MAX);
	result_free(&result);
}

static void end_of_stderr(void **state)
{
	struct child_result result = run_shell("seq 99999 >&2; printf x >&2; printf 'y\\n' >&2", LONG_MS);

	(void)state;
	assert_int_equal(result.errors.len, ERRORS_MAX);
	assert_string_equal(buf_text(&result.errors) + ERRORS_MAX - 9, "\n99999\nxy\n" + 1);
	result_free(&result);
}

static void write_program(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void what_cannot_start(void **state)
{
	static const struct {
		const char *name, *text;
		mode_t mode;
		const char *directory, *expected;
	} cases[] = {
	    {"missing", NULL, 0, NULL, "No such file"},
	    {"plain", "#!/bin/sh\n", 0600, NULL, "Permission denied"},
	    {"empty", "", 0700, NULL, "no first line"},
	    {"words", "echo hello\n", 0700, NULL, "no first line"},
	    {"lost", "#!/no/such/interpreter\n", 0700, NULL, "interpreter that its first line names"},
	    {"dos", "#!/bin/sh\r\n", 0700, NULL, "interpreter that its first line names"},
	    {"fine", "#!/bin/sh\n", 0700, "/no/such/directory", "cannot enter directory /no/such"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *path = xasprintf("%s/%s", directory, cases[i].name);
		char *argv[] = {path, NULL};
		struct child_options options = {.argv = argv,
		    .environment = environment,
		    .directory = cases[i].directory,
		    .timeout_ms = LONG_MS};
		struct child *child = NULL;
		struct error error = {.text = ""};

		if (cases[i].text != NULL)
			write_program(path, cases[i].text, cases[i].mode);
		assert_int_equal(child_start(supervisors, &options, &child, &error), -1);
		assert_null(child);
		if (strstr(error.text, cases[i].expected) == NULL)
			fail_msg("%s: %s", cases[i].name, error.text);
		free(path);
	}
	nobody_stays(state);
}

/* Each is found once, in the order of their ends, whatever the others do. */
static void many_at_once(void **state)
{
	static const char *const commands[] = {"exec sleep 60", "yes", "kill -KILL $$",
	    "kill -KILL $PPID; while :; do :; done", "exit 1", "sleep 60 &", "kill -STOP $$", "echo ok"};
	enum { COUNT = sizeof commands / sizeof commands[0] };
	struct child *children[COUNT];
	bool seen[COUNT] = {false};

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		children[i] = start_shell(commands[i], i == 0 ? 1500 : 700);
	for (size_t i = 0; i < COUNT; i++) {
		int index = child_wait_any(children, COUNT, -1, LONG_MS);

		assert_in_range(index, 0, COUNT - 1);
		assert_false(seen[index]);
		assert_true(i == COUNT - 1 || index != 0);
		seen[index] = true;
		child_free(children[index]);
		children[index] = NULL;
	}
	assert_int_equal(child_wait_any(children, COUNT, -1, 0), -1);
	nobody_stays(state);
}

static void supervisor_killed(void **state)
{
	struct child_result result =
	    run_shell("echo $$ >pid; kill -KILL $PPID; while :; do :; done", LONG_MS);

	(void)state;
	assert_int_equal(result.signal, SIGKILL);
	assert_in_range(result.duration_ms, 0, 20000);
	assert_goes(read_pid("pid"));
	result_free(&result);
}

static void take_long(void *context, enum child_stream stream, const char *data, size_t len)
{
	(void)context;
	(void)stream;
	(void)data;
	(void)len;
	nanosleep(&(struct timespec){.tv_sec = 11}, NULL);
}

/*
 * Its caller would wait for ever, and with it all other scripts of the account. One that has ended while the
 * caller was busy is none of these.
 */
static void supervisor_stopped(void **state)
{
	struct child *stopped = start_shell("echo $$ >pid; kill -STOP $PPID; sleep 60", 100), *slow = NULL;
	char *argv[] = {"/bin/echo", "here", NULL};
	struct child_options options = {.argv = argv,
	    .environment = environment,
	    .timeout_ms = 5000, /* over before the caller looks */
	    .output_max_bytes = OUTPUT_MAX,
	    .on_piece = take_long};
	struct child_result result;
	struct error error;

	(void)state;
	assert_int_equal(child_start(supervisors, &options, &slow, &error), 0);
	result = result_of(slow);
	assert_false(result.timed_out);
	assert_int_equal(result.exit_status, 0);
	result_free(&result);
	result = result_of(stopped);
	assert_true(result.timed_out);
	assert_int_equal(result.signal, SIGKILL);
	assert_goes(read_pid("pid"));
	result_free(&result);
}

static void waking_and_limits(void **state)
{
	struct child *child = start_shell("sleep 60", LONG_MS);
	int64_t start_ms = clock_monotonic_ms();
	int wake = eventfd(0, EFD_CLOEXEC);

	(void)state;
	assert_int_equal(child_wait_any(&child, 1, wake, 50), -1);
	assert_in_range(clock_monotonic_ms() - start_ms, 50, 20000);
	assert_int_equal(eventfd_write(wake, 1), 0);
	assert_int_equal(child_wait_any(&child, 1, wake, -1), -1);
	assert_in_range(clock_monotonic_ms() - start_ms, 50, 20000);
	close(wake);
	child_free(child);
	nobody_stays(state);
}

static void freed_while_it_runs(void **state)
{
	struct child *child = start_shell(
	    "trap '' TERM INT HUP; (setsid sleep 60 & echo $! >far); sleep 60 & echo $! >near; wait",
	    LONG_MS);
	pid_t near = read_pid("near"), far = read_pid("far");
	int64_t start_ms = clock_monotonic_ms();

	(void)state;
	assert_false(is_gone(near));
	child_free(child);
	assert_in_range(clock_monotonic_ms() - start_ms, 0, 1900);
	assert_true(is_gone(near));
	assert_true(is_gone(far));
}

/* As after kill -9 of the runner, or the out-of-memory killer. */
static void caller_killed(void **state)
{
	pid_t caller = fork(), near, far;

	(void)state;
	if (caller == 0) {
		supervisors = children_new();
		start_shell("(setsid sleep 60 & echo $! >far); echo $$ >near; exec sleep 60", LONG_MS);
		pause();
		_exit(1);
	}
	near = read_pid("near");
	far = read_pid("far");
	assert_false(is_gone(near));
	kill(caller, SIGKILL);
	waitpid(caller, NULL, 0);
	assert_goes(near);
	assert_goes(far);
}

/* One supervisor starts one program after the other, and nothing of one is in the next. */
static void one_after_the_other(void **state)
{
	pid_t parents[3];

	(void)state;
	nobody_stays(state);
	for (size_t i = 0; i < 3; i++) {
		struct child_result result =
		    run_shell("echo $PPID; ulimit -n; (sleep 60 &) ; cd /; exit 7", LONG_MS);

		assert_int_equal(result.exit_status, 7);
		parents[i] = (pid_t)strtol(buf_text(&result.output), NULL, 10);
		result_free(&result);
	}
	assert_int_equal(parents[0], parents[1]);
	assert_int_equal(parents[0], parents[2]);
	/* Killed while it is idle, it is replaced. */
	kill(parents[0], SIGKILL);
	assert_goes(parents[0]);
	run_shell("exit 0", LONG_MS);
	nobody_stays(state);
}

/* Where control groups may be made nothing gets away by being faster, and no directory stays. */
static void control_group(void **state)
{
	struct child_result result =
	    run_shell("sed -n 's/^0:://p' /proc/self/cgroup; (setsid sleep 60 &); :", LONG_MS);
	const char *group = strstr(buf_text(&result.output), "/tgtools-");
	char path[256] = "";

	(void)state;
	if (group != NULL)
		snprintf(path, sizeof path, "/sys/fs/cgroup/unified%.*s",
		    (int)strcspn(buf_text(&result.output), "\n"), buf_text(&result.output));
	nobody_stays(state);
	assert_int_not_equal(access(path, F_OK), 0);
	result_free(&result);
	if (group == NULL)
		print_message("no control group can be made here\n");
}

static void limits(void **state)
{
	static const struct child_limits some = {64 << 20, 8192, 40};
	char *argv[] = {"/bin/sh", "-c",
	    "ulimit -n; ulimit -d; dd if=/dev/zero of=large bs=4096 count=4 2>/dev/null; wc -c <large; "
	    "umask; rm large",
	    NULL};
	struct child_options options = {.argv = argv,
	    .environment = environment,
	    .directory = directory,
	    .timeout_ms = LONG_MS,
	    .output_max_bytes = OUTPUT_MAX,
	    .limits = some};
	struct child *child = NULL;
	struct child_result result;
	struct error error;

	(void)state;
	assert_int_equal(child_start(supervisors, &options, &child, &error), 0);
	result = result_of(child);
	assert_string_equal(buf_text(&result.output), "40\n65536\n8192\n0022\n");
	result_free(&result);
}

/* With just so many as its pipes and its supervisor's connection take. */
static void no_descriptor_to_spare(void **state)
{
	enum { OPEN_MAX_HERE = 60, NEEDED = 6 };
	char *argv[] = {"/bin/echo", "here", NULL};
	struct child_options options = {
	    .argv = argv, .environment = environment, .timeout_ms = LONG_MS, .output_max_bytes = OUTPUT_MAX};
	struct children *own = children_new();
	struct child_result result;
	struct child *child = NULL;
	struct rlimit before, few;
	struct error error = {.text = ""};
	int fds[OPEN_MAX_HERE], count = 0, started;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){OPEN_MAX_HERE, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while ((fds[count] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0)
		count++;
	for (int i = 0; i < NEEDED; i++)
		close(fds[--count]);
	started = child_start(own, &options, &child, &error);
	while (count > 0)
		close(fds[--count]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_string_equal(error.text, "");
	assert_int_equal(started, 0);
	result = result_of(child);
	children_free(own);
	assert_int_equal(result.exit_status, 0);
	assert_string_equal(buf_text(&result.output), "here\n");
	result_free(&result);
}

/* More than a pipe holds: whether it reads it is the program's affair. */
static void what_it_reads(void **state)
{
	enum { LENGTH = 200000 };
	char *argv[] = {"/bin/sh", "-c", "head -c 1; wc -c", NULL};
	char *input = xmalloc(LENGTH + 1);
	struct child_options options = {.argv = argv,
	    .environment = environment,
	    .directory = directory,
	    .output_max_bytes = OUTPUT_MAX,
	    .input = input};
	struct child_result result;
	struct child *child = NULL;
	struct error error;

	(void)state;
	memset(input, 'x', LENGTH);
	input[LENGTH] = '\0';
	assert_int_equal(child_start(supervisors, &options, &child, &error), 0);
	result = result_of(child);
	assert_string_equal(buf_text(&result.output), "x199999\n");
	result_free(&result);
	/* The supervisor is the same, and the next one reads nothing. */
	result = run_shell("wc -c", 0);
	assert_string_equal(buf_text(&result.output), "0\n");
	result_free(&result);
	free(input);
}

static void told_to_stop(void **state)
{
	struct child *child =
	    start_shell("trap 'echo bye; exit 3' TERM; echo $$ >pid; sleep 60 & wait", LONG_MS);
	struct child_result result;

	(void)state;
	assert_true(read_pid("pid") > 1);
	child_stop(child);
	result = result_of(child);
	assert_true(result.stopped);
	assert_false(result.timed_out);
	assert_int_equal(result.exit_status, 3);
	assert_string_equal(buf_text(&result.output), "bye\n");
	result_free(&result);
	/* One that does not care has two seconds. */
	child = start_shell("trap '' TERM; echo $$ >pid; sleep 60; sleep 60", 0);
	assert_true(read_pid("pid") > 1);
	child_stop(child);
	child_stop(child);
	result = result_of(child);
	assert_true(result.stopped);
	assert_int_equal(result.signal, SIGKILL);
	assert_in_range(result.duration_ms, CHILD_GRACE_MS, CHILD_GRACE_MS + 10000);
	result_free(&result);
}

static void add_piece(void *context, enum child_stream stream, const char *data, size_t len)
{
	buf_add_text(context, stream == CHILD_OUTPUT ? "o:" : "e:");
	buf_add(context, data, len);
}

static struct child_result run_in_pieces(const char *commands, size_t max_bytes, struct buf *pieces)
{
	char *argv[] = {"/bin/sh", "-c", (char *)commands, NULL};
	struct child_options options = {.argv = argv,
	    .environment = environment,
	    .directory = directory,
	    .timeout_ms = LONG_MS,
	    .output_max_bytes = max_bytes,
	    .errors_max_bytes = ERRORS_MAX,
	    .on_piece = add_piece,
	    .context = pieces};
	struct child *child = NULL;
	struct error error;

	if (child_start(supervisors, &options, &child, &error) != 0)
		fail_msg("%s", error.text);
	return result_of(child);
}

/* What a person sees is what happened, also where a program writes to both faster than anybody reads. */
static void pieces_in_order(void **state)
{
	enum { LINES = 2000 };
	struct buf pieces = BUF_INIT(1 << 20), expected = BUF_INIT(1 << 20);
	struct child_result result;
	char commands[256];

	(void)state;
	snprintf(commands, sizeof commands,
	    "i=0; while [ $i -lt %d ]; do i=$((i+1)); echo $i; [ $((i %% 3)) = 0 ] || echo $i >&2;"
	    "[ $((i %% 7)) = 0 ] && echo again; done; printf end >&2",
	    LINES);
	for (int i = 1; i <= LINES; i++) {
		buf_add_format(&expected, "o:%d\n", i);
		if (i % 3 != 0)
			buf_add_format(&expected, "e:%d\n", i);
		if (i % 7 == 0)
			buf_add_text(&expected, "o:again\n");
	}
	buf_add_text(&expected, "e:end");
	result = run_in_pieces(commands, 1 << 20, &pieces);
	assert_int_equal(result.exit_status, 0);
	assert_string_equal(buf_text(&pieces), buf_text(&expected));
	assert_memory_equal(result.output.data, "1\n2\n3\n4\n", 8);
	result_free(&result);
	buf_free(&pieces);
	buf_free(&expected);
}

/* Large writes, a stream that is closed early, one that is opened by its name, and the cap on both together.
 */
static void pieces_of_all_kinds(void **state)
{
	struct buf pieces = BUF_INIT(1 << 20);
	struct child_result result =
	    run_in_pieces("exec 2>&-; seq 20000; echo x >/dev/stdout", 1 << 20, &pieces);

	(void)state;
	assert_int_equal(result.output.len, 108894 + 2);
	assert_false(result.output_cut);
	result_free(&result);
	buf_clear(&pieces);
	result = run_in_pieces("seq 200000 >&2; yes | head -c 5000", 3000, &pieces);
	assert_true(result.output_cut);
	assert_in_range(pieces.len, 3000, 3100);
	assert_int_equal(result.output.len, 3000);
	assert_int_equal(result.errors.len, ERRORS_MAX);
	result_free(&result);
	buf_free(&pieces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_it_gets),
	    cmocka_unit_test(nobody_stays),
	    cmocka_unit_test(ended_by_a_signal),
	    cmocka_unit_test(deadline),
	    cmocka_unit_test(deadline_for_one_that_ignores_it),
	    cmocka_unit_test(deadline_for_one_that_is_stopped),
	    cmocka_unit_test(job_in_the_background),
	    cmocka_unit_test(job_in_a_session_of_its_own),
	    cmocka_unit_test(orphans_belong_to_one_script),
	    cmocka_unit_test(too_much_output),
	    cmocka_unit_test(exactly_as_much_output),
	    cmocka_unit_test(endless_output),
	    cmocka_unit_test(end_of_stderr),
	    cmocka_unit_test(what_cannot_start),
	    cmocka_unit_test(many_at_once),
	    cmocka_unit_test(supervisor_killed),
	    cmocka_unit_test(supervisor_stopped),
	    cmocka_unit_test(waking_and_limits),
	    cmocka_unit_test(freed_while_it_runs),
	    cmocka_unit_test(caller_killed),
	    cmocka_unit_test(one_after_the_other),
	    cmocka_unit_test(control_group),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(no_descriptor_to_spare),
	    cmocka_unit_test(what_it_reads),
	    cmocka_unit_test(told_to_stop),
	    cmocka_unit_test(pieces_in_order),
	    cmocka_unit_test(pieces_of_all_kinds),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
