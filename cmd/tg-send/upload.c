#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "json.h"
#include "path.h"
#include "submit.h"
#include "text.h"
#include "xalloc.h"

enum {
	MEGABYTE = 1 << 20,
	COPY_BYTES = 65536,
	TARGET_MAX_BYTES = 4096,
	NAME_MAX_BYTES = 200,
	PROGRESS_AFTER_MS = 1000,
	PROGRESS_EVERY_MS = 200,
};

static int too_large(
    const struct upload *upload, const char *path, const struct upload_limits *limits, struct error *error)
{
	if (!upload->picture)
		return error_set(error, ERROR_INPUT,
		    "%.128s is larger than the %lld MB that a file may have; nothing was sent", path,
		    (long long)limits->file_max_bytes / MEGABYTE);
	return error_set(error, ERROR_INPUT,
	    "%.128s is larger than the %lld MB that a picture may have; send it as a file, with -a", path,
	    (long long)limits->picture_max_bytes / MEGABYTE);
}

static int64_t max_bytes(const struct upload *upload, const struct upload_limits *limits)
{
	return upload->picture ? limits->picture_max_bytes : limits->file_max_bytes;
}

static int make_unnamed_file(struct error *error)
{
	const char *directory = getenv("TMPDIR");
	char *path =
	    path_join(directory != NULL && directory[0] != '\0' ? directory : "/tmp", "tg-send.XXXXXX");
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		error_errno(error, ERROR_TEMPORARY, "cannot keep standard input in %.128s", path);
	else
		(void)unlink(path);
	free(path);
	return fd;
}

/* Copies standard input, up to one byte more than it may have, which tells that it is too large. */
static int copy_stdin(int to, int64_t max, struct error *error)
{
	struct buf chunk = BUF_INIT(COPY_BYTES);
	int64_t copied = 0;
	int result = -1;
	ssize_t got;

	while ((got = fd_read_some(STDIN_FILENO, &chunk)) > 0 && copied <= max) {
		if (fd_write_all(to, chunk.data, chunk.len) != 0) {
			error_errno(error, ERROR_TEMPORARY, "cannot keep standard input in a file");
			goto out;
		}
		copied += got;
		buf_clear(&chunk);
	}
	result = got < 0 ? error_errno(error, ERROR_INPUT, "cannot read standard input") : 0;
out:
	buf_free(&chunk);
	return result;
}

/* A file that is read from its start can be used as it is. */
static int open_stdin(int64_t max, struct error *error)
{
	struct stat status;
	int fd;

	if (fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode) &&
	    lseek(STDIN_FILENO, 0, SEEK_CUR) == 0) {
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		return fd >= 0 ? fd : error_errno(error, ERROR_INPUT, "cannot read standard input");
	}
	fd = make_unnamed_file(error);
	if (fd >= 0 && copy_stdin(fd, max, error) != 0)
		fd_close(&fd);
	return fd;
}

static int open_path(const char *path, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd >= 0 ? fd : error_errno(error, ERROR_INPUT, "cannot open %.128s", path);
}

static char *shown_name(const char *path, const char *name)
{
	struct buf shown = BUF_INIT(NAME_MAX_BYTES + 1);

	text_add_line(&shown, name != NULL ? name : basename(path), NAME_MAX_BYTES - 3);
	if (shown.len == 0)
		buf_add_text(&shown, "file");
	return shown.data;
}

int upload_open(const struct compose_file *file, const char *name, const struct upload_limits *limits,
    struct upload *upload, struct error *error)
{
	bool is_stdin = strcmp(file->path, "-") == 0;
	const char *path = is_stdin ? "standard input" : file->path;
	struct stat status;

	*upload = UPLOAD_INIT;
	upload->picture = file->picture;
	upload->name = shown_name(file->path, name);
	upload->fd = is_stdin ? open_stdin(max_bytes(upload, limits), error) : open_path(path, error);
	if (upload->fd < 0)
		return -1;
	if (fstat(upload->fd, &status) != 0)
		return error_errno(error, ERROR_INPUT, "cannot read %.128s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(error, ERROR_INPUT, "%.128s is not a regular file; nothing was sent", path);
	if (status.st_size == 0)
		return error_set(error, ERROR_INPUT, "%.128s is empty; nothing was sent", path);
	if (status.st_size > max_bytes(upload, limits))
		return too_large(upload, path, limits, error);
	upload->len = status.st_size;
	return 0;
}

struct progress {
	const struct upload *upload;
	int64_t next_ms; /* not before */
	bool shown;
};

static void show_progress(void *context, int64_t sent_bytes)
{
	struct progress *progress = context;
	const struct upload *upload = progress->upload;
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms < progress->next_ms)
		return;
	fprintf(stderr, "\r\033[K%s: %.1f of %.1f MB, %d %%", upload->name, (double)sent_bytes / MEGABYTE,
	    (double)upload->len / MEGABYTE, (int)(sent_bytes * 100 / upload->len));
	progress->next_ms = now_ms + PROGRESS_EVERY_MS;
	progress->shown = true;
}

int upload_send(const char *socket_path, struct upload *upload, const char *key, size_t part,
    bool with_progress, struct error *error)
{
	struct progress progress = {upload, clock_monotonic_ms() + PROGRESS_AFTER_MS, false};
	struct http_file file = {.fd = upload->fd, .len = upload->len, .context = &progress};
	struct buf target = BUF_INIT(TARGET_MAX_BYTES);
	struct submit_answer answer;
	struct error refusal;
	const char *id;
	int result;

	if (with_progress && isatty(STDERR_FILENO))
		file.progress = show_progress;
	buf_add_text(&target, "/files");
	(void)submit_add_query(&target, "name", upload->name);
	(void)buf_add_format(&target, "&part=%zu", part);
	result = submit_upload(socket_path, buf_text(&target), key, &file, &answer, &refusal);
	if (progress.shown)
		fputs("\r\033[K", stderr);
	upload->status = answer.status;
	id = answer.body != NULL ? json_text(answer.body, "file") : NULL;
	if (result != 0 && answer.status > 299)
		error_set(error, refusal.kind, "%.64s: %.150s; nothing was sent", upload->name, refusal.text);
	else if (result != 0)
		*error = refusal;
	else if (id == NULL)
		result = error_set(error, ERROR_PERMANENT,
		    "the answer of tg-sendd cannot be read; is it of the same version?");
	else
		upload->id = xstrdup(id);
	submit_answer_free(&answer);
	buf_free(&target);
	return result;
}

void upload_free(struct upload *upload)
{
	fd_close(&upload->fd);
	free(upload->name);
	free(upload->id);
	*upload = UPLOAD_INIT;
}
