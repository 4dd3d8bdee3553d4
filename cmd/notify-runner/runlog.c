#include "runlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "fd.h"
#include "path.h"
#include "utf8.h"
#include "xalloc.h"

enum { TEXT_MAX_BYTES = 8192, LINE_MAX_BYTES = 4 * TEXT_MAX_BYTES + 4096 };

static int open_file(struct runlog *log, struct error *error)
{
	struct stat status;

	log->fd = open(
	    log->path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (log->fd < 0)
		return error_errno(error, ERROR_CONFIG, "cannot open %s", log->path);
	if (fstat(log->fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		fd_close(&log->fd);
		return error_set(error, ERROR_CONFIG, "%s is not a regular file", log->path);
	}
	log->size_bytes = status.st_size;
	return 0;
}

int runlog_open(struct runlog *log, const char *directory, bool echo, struct error *error)
{
	*log = (struct runlog){.fd = -1, .echo = echo};
	if (directory == NULL)
		return 0;
	log->path = path_join(directory, "runner.log");
	if (open_file(log, error) == 0)
		return 0;
	runlog_close(log);
	return -1;
}

void runlog_close(struct runlog *log)
{
	fd_close(&log->fd);
	free(log->path);
	log->path = NULL;
}

static void rotate(struct runlog *log)
{
	char *old = xasprintf("%s.1", log->path);
	struct error ignored;

	if (rename(log->path, old) == 0) {
		fd_close(&log->fd);
		/* Where it cannot be opened, the write fails and tells. */
		(void)open_file(log, &ignored);
	}
	free(old);
}

/* A line stays one line, and a terminal that shows it stays as it is. */
static void add_printable(struct buf *line, const char *text)
{
	size_t left = strlen(text), len;
	uint32_t code;

	for (; left > 0; text += len, left -= len) {
		len = utf8_decode(text, left, &code);
		if (len == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0) ||
		    (code >= 0x2028 && code < 0x202f)) {
			len = len == 0 ? 1 : len;
			for (size_t i = 0; i < len; i++)
				buf_add_format(
				    line, text[i] == '\n' ? "\\n" : "\\x%02x", (unsigned char)text[i]);
		} else {
			buf_add(line, text, len);
		}
	}
}

static void write_line(struct runlog *log, const struct buf *line)
{
	if (log->size_bytes >= RUNLOG_MAX_BYTES)
		rotate(log);
	if (fd_write_all(log->fd, line->data, line->len) == 0)
		log->size_bytes += (int64_t)line->len;
	else
		log->failed = true;
}

void runlog_add(struct runlog *log, const char *subject, const char *format, ...)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES), told = BUF_INIT(LINE_MAX_BYTES);
	char *text = xmalloc(TEXT_MAX_BYTES), time[CLOCK_TEXT_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, TEXT_MAX_BYTES, format, args);
	va_end(args);
	add_printable(&line, subject);
	buf_add_text(&line, ": ");
	add_printable(&line, text);
	buf_add_text(&line, "\n");
	if (log->path != NULL) {
		buf_add_format(&told, "%s %s", clock_format(clock_wall_ms(), time), buf_text(&line));
		write_line(log, &told);
	}
	if (log->echo)
		fprintf(stderr, "notify-runner: %s", buf_text(&line));
	buf_free(&told);
	buf_free(&line);
	free(text);
}
