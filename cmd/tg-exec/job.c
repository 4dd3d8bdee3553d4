#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "launch.h"
#include "xalloc.h"
#include "fixed.h"

struct pipes {
	int input[2], output[2], errors[2];
};

static void close_pair(int pair[2])
{
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static void pipes_close(struct pipes *pipes)
{
	close_pair(pipes->input);
	close_pair(pipes->output);
	close_pair(pipes->errors);
}

static int pipes_open(struct pipes *pipes, struct error *error)
{
	*pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
	if (pipe2(pipes->input, O_CLOEXEC) == 0 && pipe2(pipes->output, O_CLOEXEC) == 0 &&
	    pipe2(pipes->errors, O_CLOEXEC) == 0 && fd_set_nonblocking(pipes->output[0], true) == 0 &&
	    fd_set_nonblocking(pipes->errors[0], true) == 0)
		return 0;
	error_errno(error, ERROR_TEMPORARY, "Cannot make pipes");
	pipes_close(pipes);
	return -1;
}

static struct job *new_job(const struct command *command, const struct request *request, int64_t limit_ms)
{
	struct job *job = xcalloc(1, sizeof *job);

	job->number = request->job;
	job->is_fixed = request->op == REQUEST_EXEC;
	if (request->op != REQUEST_LIST)
		job->script = xstrdup(job->is_fixed ? request->name : request->script);
	memcpy(job->account, command->account, sizeof job->account);
	job->started_ms = clock_monotonic_ms();
	job->deadline_ms = limit_ms > 0 ? job->started_ms + limit_ms : 0;
	lines_init(&job->lines, EVENT_LINE_MAX_BYTES);
	buf_init(&job->last_errors, JOB_ERRORS_MAX_BYTES);
	return job;
}

static int start_program(
    const struct command *command, const struct pipes *pipes, pid_t *pid, struct error *error)
{
	const struct launch_options options = {.argv = (char *const *)command->argv,
	    .environment = (char *const *)command->environment,
	    .input = pipes->input[0],
	    .output = pipes->output[1],
	    .errors = pipes->errors[1],
	    .directory = "/",
	    .place = LAUNCH_SESSION};
	int code = launch(&options, pid);

	if (code == 0)
		return 0;
	errno = code;
	return error_errno(error, ERROR_TEMPORARY, "Cannot start %s", command->argv[0]);
}

/* What tg-exec has open would keep others from ending. */
static bool take_pipes(const struct pipes *pipes)
{
	return setsid() >= 0 && dup2(pipes->input[0], STDIN_FILENO) >= 0 &&
	       dup2(pipes->output[1], STDOUT_FILENO) >= 0 && dup2(pipes->errors[1], STDERR_FILENO) >= 0 &&
	       close_range(STDERR_FILENO + 1, ~0U, 0) == 0;
}

static int fork_fixed(const struct command *command, const struct config *config,
    const struct request *request, const struct pipes *pipes, pid_t *pid, struct error *error)
{
	*pid = fork();
	if (*pid < 0)
		return error_errno(error, ERROR_TEMPORARY, "Cannot start a process");
	if (*pid == 0)
		_exit(take_pipes(pipes) ? fixed_run(command, config, request) : EX_OSERR);
	return 0;
}

int job_start(const struct command *command, const struct config *config, const struct request *request,
    int64_t limit_ms, struct job **job, struct error *error)
{
	struct pipes pipes;
	pid_t pid = 0;
	int result;

	if (pipes_open(&pipes, error) != 0)
		return -1;
	result = command->fixed != NULL ? fork_fixed(command, config, request, &pipes, &pid, error)
					: start_program(command, &pipes, &pid, error);
	if (result != 0) {
		pipes_close(&pipes);
		return -1;
	}
	*job = new_job(command, request, limit_ms);
	(*job)->pid = pid;
	(*job)->input = pipes.input[1];
	(*job)->output = pipes.output[0];
	(*job)->errors = pipes.errors[0];
	pipes.input[1] = pipes.output[0] = pipes.errors[0] = -1;
	pipes_close(&pipes);
	return 0;
}

void job_end(struct job *job, int64_t now_ms)
{
	if (job->phase != JOB_RUNNING)
		return;
	job->phase = JOB_ENDING;
	job->deadline_ms = now_ms + JOB_GRACE_MS;
	fd_close(&job->input);
}

static void close_pipes(struct job *job)
{
	fd_close(&job->input);
	fd_close(&job->output);
	fd_close(&job->errors);
}

void job_leave(struct job *job)
{
	job->phase = JOB_LEFT;
	job->deadline_ms = 0;
	/* Not permitted where it runs as another account. */
	if (job->pid > 0)
		(void)kill(-job->pid, SIGKILL);
	close_pipes(job);
}

static size_t bytes_in(int fd)
{
	int waiting = 0;

	return fd >= 0 && ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0 ? (size_t)waiting : 0;
}

bool job_reap(struct job *job)
{
	if (job->pid == 0 || waitpid(job->pid, &job->wait_status, WNOHANG) <= 0)
		return false;
	job->pid = 0;
	fd_close(&job->input);
	/* Something that escaped may hold the pipes and write for ever. */
	job->left = bytes_in(job->output);
	job_read_errors(job);
	fd_close(&job->errors);
	return true;
}

void job_read_errors(struct job *job)
{
	char chunk[16384];
	ssize_t got;

	if (job->errors < 0)
		return;
	got = read(job->errors, chunk, sizeof chunk);
	if (got > 0)
		buf_add_end(&job->last_errors, chunk, (size_t)got);
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		fd_close(&job->errors);
}

bool job_read(struct job *job)
{
	ssize_t got;

	if (job->output < 0)
		return false;
	got = lines_read(&job->lines, job->output);
	if (got > 0)
		job->left -= (size_t)got < job->left ? (size_t)got : job->left;
	else if (got == 0 || errno != EAGAIN)
		fd_close(&job->output);
	return got > 0;
}

bool job_is_over(const struct job *job)
{
	return job->pid == 0 && (job->output < 0 || job->left == 0);
}

void job_free(struct job *job)
{
	if (job == NULL)
		return;
	close_pipes(job);
	lines_free(&job->lines);
	buf_free(&job->last_errors);
	free(job->script);
	free(job);
}
