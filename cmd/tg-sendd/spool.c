#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "sendd.h"

static int open_unlinked(const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
	    .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

/* Only what is about the file itself is the caller's mistake; to run out of descriptors, say, is not. */
static int fail_open(const char *what, const char *path, struct error *error)
{
	static const int mistakes[] = {
	    ENOENT, ENOTDIR, ELOOP, EACCES, EPERM, ENAMETOOLONG, ENXIO, ENODEV, ETXTBSY};

	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		if (errno == mistakes[i])
			return error_set(error, ERROR_INPUT, "%s not found: %s", what, path);
	}
	return error_errno(error, ERROR_TEMPORARY, "cannot open %s", path);
}

static int check_file(int fd, const char *path, uid_t owner, int64_t max_bytes, struct error *error)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot stat %s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(error, ERROR_INPUT, "%s is not a regular file", path);
	if (status.st_uid != owner)
		return error_set(error, ERROR_INPUT, "%s is not your file", path);
	if (status.st_size == 0)
		return error_set(error, ERROR_INPUT, "%s is empty", path);
	if (status.st_size > max_bytes)
		return error_set(
		    error, ERROR_INPUT, "%s is larger than %lld MB", path, (long long)max_bytes >> 20);
	return 0;
}

/* Copies what is there when it is read; a file that grows meanwhile ends at max_bytes. */
static int copy(int from, int to, int64_t max_bytes, const char *path, struct error *error)
{
	while (max_bytes > 0) {
		ssize_t moved = sendfile(to, from, NULL, (size_t)max_bytes);

		if (moved == 0)
			return 0;
		if (moved < 0 && errno != EINTR)
			return error_errno(error, ERROR_TEMPORARY, "cannot copy %s", path);
		max_bytes -= moved > 0 ? moved : 0;
	}
	return 0;
}

int spool_write(struct sendd *sendd, const char *text, char name[STORE_USER_BYTES], struct error *error)
{
	int fd = store_spool_create(sendd->store, name, error), result;

	if (fd < 0)
		return -1;
	result = fd_write_all(fd, text, strlen(text));
	if (result != 0)
		error_errno(error, ERROR_TEMPORARY, "cannot write a file of the spool");
	else
		result = store_spool_keep(sendd->store, fd, error);
	if (result != 0)
		store_spool_remove(sendd->store, name);
	fd_close(&fd);
	return result;
}

int spool_copy(struct sendd *sendd, const char *what, const char *path, uid_t owner, int64_t max_bytes,
    char name[STORE_USER_BYTES], struct error *error)
{
	int from, to = -1, result = -1;

	if (path[0] != '/')
		return error_set(error, ERROR_INPUT, "%s not found: %s", what, path);
	from = open_unlinked(path);
	if (from < 0)
		return fail_open(what, path, error);
	if (check_file(from, path, owner, max_bytes, error) != 0)
		goto out;
	to = store_spool_create(sendd->store, name, error);
	if (to < 0)
		goto out;
	result = copy(from, to, max_bytes, path, error);
	if (result == 0)
		result = store_spool_keep(sendd->store, to, error);
	if (result != 0)
		store_spool_remove(sendd->store, name);
out:
	fd_close(&from);
	fd_close(&to);
	return result;
}
