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
enum { DIGITS = 15, JSON_MAX_BYTES = 8 << 20 };

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

/* Under a name that a reader passes over, then on disk, then under its own name. */
static int write_file(const struct pending *pending, const char *name, const char *end, const void *data,
    size_t len, struct error *error)
{
	char *path = path_of(pending, name, end),
	     *temporary = xasprintf("%s/.%s%s.new", pending->directory, name, end);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int result = -1;

	if (fd < 0 || fd_write_all(fd, data, len) != 0 || fsync(fd) != 0 || rename(temporary, path) != 0)
		error_errno(error, ERROR_TEMPORARY, "cannot write %s", path);
	else
		result = 0;
	if (result != 0)
		(void)unlink(temporary);
	fd_close(&fd);
	free(temporary);
	free(path);
	return result;
}

static int write_notice(
    const struct pending *pending, const char *name, const struct notice *notice, struct error *error)
{
	struct json_object *object = notice_to_json(notice);
	const char *line = json_line(object);
	int result = write_file(pending, name, ending, line, strlen(line), error);

	json_object_put(object);
	return result != 0 ? -1 : path_sync_directory(pending->directory, error);
}

static int64_t size_of(const struct notice *notice)
{
	struct json_object *object = notice_to_json(notice);
	int64_t bytes = (int64_t)strlen(json_line(object));

	json_object_put(object);
	for (size_t i = 0; i < notice->count; i++)
		bytes += (int64_t)notice->steps[i].file.len;
	return bytes;
}

/* The file of a step gets its number as the ending, which stays when steps before it are done. */
static int write_files(const struct pending *pending, const char *name, const struct notice *notice,
    struct notice *kept, struct error *error)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < notice->count; i++) {
		const struct notice_step *step = &notice->steps[i];
		char end[32];

		kept->steps[i] = *step;
		if (step->path == NULL)
			continue;
		snprintf(end, sizeof end, ".%zu", i + 1);
		kept->steps[i].path = xasprintf("%s%s", name, end);
		result = write_file(pending, name, end, step->file.data, step->file.len, error);
	}
	return result;
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
	for (int i = 1; i <= NOTICE_STEPS_MAX; i++) {
		char end[16];

		snprintf(end, sizeof end, ".%d", i);
		remove_file(pending, name, end);
	}
}

int pending_add(struct pending *pending, const struct notice *notice, int64_t now_ms, struct error *error)
{
	struct notice kept = {.made_ms = notice->made_ms, .count = notice->count};
	int64_t bytes = size_of(notice);
	char name[32];
	int result;

	if (pending->count >= PENDING_COUNT_MAX || pending->bytes + bytes > PENDING_BYTES_MAX)
		return error_set(error, ERROR_TEMPORARY, "%s is full (%zu messages, %lld MB)",
		    pending->directory, pending->count, (long long)pending->bytes >> 20);
	snprintf(name, sizeof name, "%0*lld", DIGITS,
	    (long long)(now_ms > pending->last ? now_ms : pending->last + 1));
	memcpy(kept.script, notice->script, sizeof kept.script);
	result = write_files(pending, name, notice, &kept, error);
	if (result == 0)
		result = write_notice(pending, name, &kept, error);
	if (result == 0) {
		list_name(pending, name);
		pending->bytes += bytes;
	} else {
		remove_file(pending, name, ending);
		remove_files(pending, name);
	}
	for (size_t i = 0; i < kept.count; i++) {
		if (kept.steps[i].path != notice->steps[i].path)
			free(kept.steps[i].path);
	}
	return result;
}

/* Only a file of this message, in this directory. */
static int locate_files(
    const struct pending *pending, const char *name, struct notice *notice, struct error *error)
{
	for (size_t i = 0; i < notice->count; i++) {
		char *file = notice->steps[i].path;

		if (file == NULL)
			continue;
		if (strncmp(file, name, DIGITS) != 0 || file[DIGITS] != '.' || strchr(file, '/') != NULL)
			return error_set(error, ERROR_INPUT, "a step is damaged");
		notice->steps[i].path = path_of(pending, file, "");
		free(file);
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

int pending_update(struct pending *pending, size_t index, const struct notice *notice, struct error *error)
{
	struct notice kept = *notice;

	for (size_t i = 0; i < kept.count; i++) {
		if (kept.steps[i].path != NULL)
			kept.steps[i].path = strrchr(kept.steps[i].path, '/') + 1;
	}
	return write_notice(pending, pending->names[index], &kept, error);
}

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
