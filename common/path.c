#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xalloc.h"

char *path_join(const char *directory, const char *name)
{
	size_t len = strlen(directory);

	return xasprintf("%s%s%s", directory, len > 0 && directory[len - 1] == '/' ? "" : "/", name);
}

static int make_directory(const char *path, mode_t mode, struct error *error)
{
	struct stat status;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno == EEXIST && stat(path, &status) == 0) {
		if (S_ISDIR(status.st_mode))
			return 0;
		errno = ENOTDIR;
	}
	return error_errno(error, ERROR_CONFIG, "cannot create directory %s", path);
}

int path_make_directories(const char *path, mode_t mode, struct error *error)
{
	char *copy = xstrdup(path);
	char *slash = copy;
	int result = 0;

	while (result == 0 && slash != NULL) {
		slash = strchr(slash + strspn(slash, "/"), '/');
		if (slash != NULL)
			*slash = '\0';
		result = make_directory(copy, mode, error);
		if (slash != NULL)
			*slash = '/';
	}
	free(copy);
	return result;
}

int path_check_own(const char *path, struct error *error)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot use %s", path);
	if (!S_ISDIR(status.st_mode))
		return error_set(error, ERROR_CONFIG, "%s is not a directory", path);
	if (status.st_uid != getuid())
		return error_set(error, ERROR_CONFIG, "%s belongs to another account", path);
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(
		    error, ERROR_CONFIG, "others may write to %s; run: chmod go-w %s", path, path);
	return 0;
}

int path_make_own(const char *path, struct error *error)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return error_errno(error, ERROR_CONFIG, "cannot create %s", path);
	return path_check_own(path, error);
}

int path_sync_directory(const char *path, struct error *error)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = 0;

	if (fd < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot open directory %s", path);
	if (fsync(fd) != 0)
		result = error_errno(error, ERROR_TEMPORARY, "cannot sync directory %s", path);
	close(fd);
	return result;
}

static char *if_executable(char *path)
{
	struct stat status;

	if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

char *path_sibling(const char *program, struct error *error)
{
	static const char *const places[] = {
	    "", "../bin/", "../sbin/", "../libexec/tgtools/", "../../bin/", "../../sbin/"};
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash, *found = NULL;

	if (len > 0) {
		self[len] = '\0';
		slash = strrchr(self, '/');
		if (slash != NULL)
			*slash = '\0';
		for (size_t i = 0; found == NULL && i < sizeof places / sizeof places[0]; i++)
			found = if_executable(xasprintf("%s/%s%s", self, places[i], program));
	}
	if (found == NULL)
		error_set(error, ERROR_CONFIG, "cannot find %s beside the running program; reinstall tgtools",
		    program);
	return found;
}
