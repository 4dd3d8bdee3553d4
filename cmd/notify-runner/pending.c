#include "pending.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "json.h"
#include "path.h"
#include "xalloc.h"

/* A name is a number that grows with time, of so many digits that names sort by it. */
enum { DIGITS = 15, JSON_MAX_BYTES = 8 << 20, CHUNK_BYTES = 65536 };

static const char ending[] = ".json";

static char *path_of(const struct pending *pending, const char *name, const char *end)
{
	return xasprintf("%s/%s%s", pending->directory, name, end);
}

/* Whether a name starts with a number, and then a dot. */
static bool has_number(const char *name)
{
	return strspn(name, "0123456789") == DIGITS && name[DIGITS] == '.';
}

static int by_name(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool is_listed(const struct pending *pending, const char *name)
{
	char number[DIGITS + 1], *key = number;

	if (!has_number(name))
		return false;
	memcpy(number, name, DIGITS);
	number[DIGITS] = '\0';
	return pending->count > 0 &&
	       bsearch(&key, pending->names, pending->count, sizeof *pending->names, by_name) != NULL;
}

static void list_name(struct pending *pending, const char *name)
{
	char number[DIGITS + 1];

	memcpy(number, name, DIGITS);
	number[DIGITS] = '\0';
	pending->names = xreallocarray(pending->names, pending->count + 1, sizeof *pending->names);
	pending->names[pending->count++] = xstrdup(number);
	/* Cannot fail: digits, and few of them. */
	pending->last = strtoll(number, NULL, 10) > pending->last ? strtoll(number, NULL, 10) : pending->last;
}

static int list_names(struct pending *pending, DIR *stream)
{
	const struct dirent *entry;
	int code;

	errno = 0;
	while ((entry = readdir(stream)) != NULL) {
		if (has_number(entry->d_name) && strcmp(entry->d_name + DIGITS, ending) == 0)
			list_name(pending, entry->d_name);
	}
	code = errno;
	if (pending->count > 0)
		qsort(pending->names, pending->count, sizeof *pending->names, by_name);
	errno = code;
	return code == 0 ? 0 : -1;
}

static bool has_ending(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* A file of ours that belongs to no message. */
static bool is_left_over(const struct pending *pending, const char *name)
{
	if (name[0] == '.')
		return has_ending(name, ".new");
	return has_number(name) && !is_listed(pending, name) && !has_ending(name, ".bad");
}

/* Adds up the sizes, and removes what is left from a crash. */
static void sweep(struct pending *pending, DIR *stream)
{
	const struct dirent *entry;
	struct stat status;

	rewinddir(stream);
	while ((entry = readdir(stream)) != NULL) {
		if (is_left_over(pending, entry->d_name))
			(void)unlinkat(dirfd(stream), entry->d_name, 0);
		else if (fstatat(dirfd(stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
			 S_ISREG(status.st_mode))
			pending->bytes += status.st_size;
	}
}

int pending_open(const char *directory, struct pending *pending, struct error *error)
{
	DIR *stream = opendir(directory);
	int result = 0;

	if (stream == NULL)
		return error_errno(error, ERROR_CONFIG, "cannot read %s", directory);
	*pending = (struct pending){.directory = xstrdup(directory)};
	if (list_names(pending, stream) != 0) {
		result = error_errno(error, ERROR_TEMPORARY, "cannot read %s", directory);
		pending_close(pending);
	} else {
		sweep(pending, stream);
	}
	closedir(stream);
	return result;
}

void pending_close(struct pending *pending)
{
	for (size_t i = 0; i < pending->count; i++)
		free(pending->names[i]);
	free(pending->names);
	free(pending->directory);
	*pending = (struct pending){0};
}

/* ---- adding ---- */

/* Where the content of a file comes from: from data, or from what is read from fd. */
struct source {
	const void *data;
	size_t len;
	int fd; /* -1: data */
};

static int copy(int from, int to, struct error *error, const char *path)
{
	char *chunk = xmalloc(CHUNK_BYTES);
	int result = 0;
	ssize_t got;

	while (result == 0 && (got = read(from, chunk, CHUNK_BYTES)) != 0) {
		if (got > 0 && fd_write_all(to, chunk, (size_t)got) != 0)
			result = error_errno(error, ERROR_TEMPORARY, "cannot write %s", path);
		else if (got < 0 && errno != EINTR)
			result = error_errno(error, ERROR_INPUT, "cannot copy a file to %s", path);
	}
	free(chunk);
	return result;
}

/* Under a name that a reader passes over, then on disk, then under its own name. */
static int write_file(const struct pending *pending, const char *name, const char *end,
    const struct source *source, struct error *error)
{
	char *path = path_of(pending, name, end),
	     *temporary = xasprintf("%s/.%s%s.new", pending->directory, name, end);
	int fd, result = 0;

	(void)unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && source->fd >= 0)
		result = copy(source->fd, fd, error, path);
	if (result == 0 && (fd < 0 || (source->fd < 0 && fd_write_all(fd, source->data, source->len) != 0) ||
			       fsync(fd) != 0 || rename(temporary, path) != 0))
		result = error_errno(error, ERROR_TEMPORARY, "cannot write %s", path);
	if (result != 0)
		(void)unlink(temporary);
	fd_close(&fd);
	free(temporary);
	free(path);
	return result;
}

/* A name ends in the number of the file. */
static int copy_file(const struct pending *pending, const char *name, size_t number,
    const struct notice_file *file, struct notice_file *kept, struct error *error)
{
	struct source source = {.fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
	char end[32];
	int result;

	snprintf(end, sizeof end, ".%zu", number);
	*kept = (struct notice_file){xasprintf("%s%s", name, end), xstrdup(file->name), file->is_photo};
	if (source.fd < 0)
		return error_errno(error, ERROR_INPUT, "cannot open %s", file->path);
	result = write_file(pending, name, end, &source, error);
	close(source.fd);
	return result;
}

static int write_notice(
    const struct pending *pending, const char *name, const struct notice *notice, struct error *error)
{
	struct json_object *object = notice_to_json(notice);
	const char *line = json_line(object);
	int result = write_file(pending, name, ending, &(struct source){line, strlen(line), -1}, error);

	json_object_put(object);
	return result != 0 ? -1 : path_sync_directory(pending->directory, error);
}

/* The JSON comes last: it says that all is there. */
static int write_all(
    const struct pending *pending, const char *name, const struct notice *notice, struct error *error)
{
	struct notice kept = *notice;
	int result = 0;

	json_object_get(kept.fields);
	kept.files_count = 0;
	for (size_t i = 0; result == 0 && i < notice->files_count; i++)
		result = copy_file(
		    pending, name, i + 1, &notice->files[i], &kept.files[kept.files_count++], error);
	if (result == 0)
		result = write_notice(pending, name, &kept, error);
	notice_free(&kept);
	return result;
}

static int64_t size_of(const struct notice *notice)
{
	struct json_object *object = notice_to_json(notice);
	int64_t bytes = (int64_t)strlen(json_line(object));
	struct stat status;

	json_object_put(object);
	for (size_t i = 0; i < notice->files_count; i++)
		bytes += stat(notice->files[i].path, &status) == 0 ? status.st_size : 0;
	return bytes;
}

static void remove_file(const struct pending *pending, const char *name, const char *end)
{
	char *path = path_of(pending, name, end);

	(void)unlink(path);
	free(path);
}

/* What cannot be removed now is at the next start. */
static void remove_files(const struct pending *pending, const char *name)
{
	for (int i = 1; i <= NOTICE_FILES_MAX; i++) {
		char end[16];

		snprintf(end, sizeof end, ".%d", i);
		remove_file(pending, name, end);
	}
}

int pending_add(struct pending *pending, const struct notice *notice, int64_t now_ms, struct error *error)
{
	int64_t bytes = size_of(notice);
	char name[32];

	if (pending->count >= PENDING_COUNT_MAX || pending->bytes + bytes > PENDING_BYTES_MAX)
		return error_set(error, ERROR_TEMPORARY, "%s is full (%zu messages, %lld MB)",
		    pending->directory, pending->count, (long long)pending->bytes >> 20);
	snprintf(name, sizeof name, "%0*lld", DIGITS,
	    (long long)(now_ms > pending->last ? now_ms : pending->last + 1));
	if (write_all(pending, name, notice, error) != 0) {
		remove_file(pending, name, ending);
		remove_files(pending, name);
		return -1;
	}
	list_name(pending, name);
	pending->bytes += bytes;
	return 0;
}

/* ---- loading ---- */

/* Only a file of this message, in this directory. */
static int locate_file(
    const struct pending *pending, const char *name, struct notice_file *file, struct error *error)
{
	char *relative = file->path;
	struct stat status;

	if (strncmp(relative, name, DIGITS) != 0 || relative[DIGITS] != '.' || strchr(relative, '/') != NULL)
		return error_set(error, ERROR_INPUT, "a file of it is damaged");
	file->path = path_of(pending, relative, "");
	free(relative);
	if (lstat(file->path, &status) != 0)
		return error_errno(error, ERROR_INPUT, "cannot open %s", file->path);
	return S_ISREG(status.st_mode)
		   ? 0
		   : error_set(error, ERROR_INPUT, "%s is not a regular file", file->path);
}

static int locate_files(
    const struct pending *pending, const char *name, struct notice *notice, struct error *error)
{
	for (size_t i = 0; i < notice->files_count; i++) {
		if (locate_file(pending, name, &notice->files[i], error) != 0)
			return -1;
	}
	return 0;
}

int pending_load(const struct pending *pending, size_t index, struct notice *notice, struct error *error)
{
	const char *name = pending->names[index];
	char *path = path_of(pending, name, ending);
	struct buf text = BUF_INIT(JSON_MAX_BYTES);
	struct json_object *object = NULL;
	int result = fd_read_file(path, &text, error);

	if (result == 0)
		result = json_parse_object(buf_text(&text), text.len, path, &object, error);
	if (result == 0)
		result = notice_from_json(object, notice, error);
	if (result == 0 && locate_files(pending, name, notice, error) != 0) {
		notice_free(notice);
		result = -1;
	}
	json_object_put(object);
	buf_free(&text);
	free(path);
	return result;
}

/* ---- removing ---- */

int pending_remove(struct pending *pending, size_t index, struct error *error)
{
	char *path = path_of(pending, pending->names[index], ending);
	int result = unlink(path) != 0 && errno != ENOENT
			 ? error_errno(error, ERROR_TEMPORARY, "cannot remove %s", path)
			 : path_sync_directory(pending->directory, error);

	if (result == 0)
		remove_files(pending, pending->names[index]);
	free(path);
	return result;
}

int pending_set_aside(struct pending *pending, size_t index, struct error *error)
{
	char *path = path_of(pending, pending->names[index], ending);
	char *aside = path_of(pending, pending->names[index], ".bad");
	int result = rename(path, aside);

	if (result != 0)
		error_errno(error, ERROR_TEMPORARY, "cannot rename %s", path);
	free(path);
	free(aside);
	return result;
}
