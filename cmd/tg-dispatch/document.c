#include "document.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "path.h"
#include "xalloc.h"

static char *directory_of(const char *store_path)
{
	return path_join(store_path, "output");
}

static int begin(struct document *document, const char *store_path, const char *name, struct error *error)
{
	char *directory = directory_of(store_path);
	char *path = path_join(directory, name);
	int result = path_make_directories(directory, 0700, error);

	if (result == 0) {
		document->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (document->fd < 0)
			result = error_errno(error, ERROR_TEMPORARY, "cannot create %s", path);
	}
	if (result == 0)
		document->path = path;
	else
		free(path);
	free(directory);
	return result;
}

int document_add(struct document *document, const char *store_path, const char *script, int64_t job,
    const char *data, size_t len, int64_t max_bytes, struct error *error)
{
	if (document->path == NULL) {
		char *name = xasprintf("%s-%lld.txt", script, (long long)job);
		int result = begin(document, store_path, name, error);

		free(name);
		if (result != 0)
			return -1;
	}
	if (document->size_bytes + (int64_t)len > max_bytes)
		return error_set(error, ERROR_INPUT, "%s is too long", document->path);
	if (fd_write_all(document->fd, data, len) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot write %s", document->path);
	document->size_bytes += (int64_t)len;
	return 0;
}

void document_end(struct document *document)
{
	fd_close(&document->fd);
}

void document_free(struct document *document)
{
	fd_close(&document->fd);
	free(document->path);
	*document = DOCUMENT_INIT;
}

int document_write(
    const char *store_path, const char *name, const void *data, size_t len, char **path, struct error *error)
{
	struct document document = DOCUMENT_INIT;
	int result = begin(&document, store_path, name, error);

	if (result == 0 && fd_write_all(document.fd, data, len) != 0)
		result = error_errno(error, ERROR_TEMPORARY, "cannot write %s", document.path);
	if (result == 0)
		*path = xstrdup(document.path);
	document_free(&document);
	return result;
}

void document_sweep(const char *store_path, int64_t now_wall_ms)
{
	char *directory = directory_of(store_path);
	DIR *entries = opendir(directory);
	const struct dirent *entry;

	while (entries != NULL && (entry = readdir(entries)) != NULL) {
		struct stat status;

		if (entry->d_name[0] != '.' &&
		    fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		    (int64_t)status.st_mtime * 1000 < now_wall_ms - DOCUMENT_KEEP_MS)
			(void)unlinkat(dirfd(entries), entry->d_name, 0);
	}
	if (entries != NULL)
		closedir(entries);
	free(directory);
}
