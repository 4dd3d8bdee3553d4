#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd.h"
#include "sendd.h"

enum { BACKLOG = 512 };

static int fill_address(const char *path, struct sockaddr_un *address, struct error *error)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address->sun_path)
		return error_set(error, ERROR_CONFIG,
		    "socket path %s is longer than %zu bytes; choose a shorter one", path,
		    sizeof address->sun_path - 1);
	memcpy(address->sun_path, path, strlen(path));
	return 0;
}

/* A socket file that nobody listens on is left from a killed process; anything else is not ours to remove. */
static int remove_stale(const char *path, const struct sockaddr_un *address, struct error *error)
{
	struct stat status;
	int fd, connected;

	if (lstat(path, &status) != 0)
		return errno == ENOENT ? 0 : error_errno(error, ERROR_CONFIG, "cannot stat socket %s", path);
	if (!S_ISSOCK(status.st_mode))
		return error_set(
		    error, ERROR_CONFIG, "%s is in the way of the socket and is not a socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot make a socket");
	connected = connect(fd, (const struct sockaddr *)address, sizeof *address);
	close(fd);
	if (connected == 0)
		return error_set(
		    error, ERROR_TEMPORARY, "another tg-sendd listens on %s; stop it first", path);
	if (unlink(path) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot remove the stale socket %s", path);
	return 0;
}

static int set_access(const char *path, const char *group, int mode, struct error *error)
{
	struct group *entry;

	if (group[0] != '\0') {
		errno = 0;
		entry = getgrnam(group);
		if (entry == NULL)
			return error_set(error, ERROR_CONFIG,
			    "socket.group %s does not exist; create it: groupadd %s", group, group);
		if (chown(path, (uid_t)-1, entry->gr_gid) != 0)
			return error_errno(
			    error, ERROR_CONFIG, "cannot give socket %s to group %s", path, group);
	}
	if (chmod(path, (mode_t)mode) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot set the mode of socket %s", path);
	return 0;
}

int socket_listen(const char *path, const char *group, int mode, struct error *error)
{
	struct sockaddr_un address;
	mode_t old_mask;
	int fd, bound;

	if (fill_address(path, &address, error) != 0 || remove_stale(path, &address, error) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot make a socket");
	/* Nobody gets in before group and mode are what the configuration says. */
	old_mask = umask(0177);
	bound = bind(fd, (struct sockaddr *)&address, sizeof address);
	umask(old_mask);
	if (bound != 0) {
		error_errno(error, ERROR_CONFIG, "cannot create socket %s", path);
		goto out;
	}
	if (set_access(path, group, mode, error) != 0)
		goto out;
	if (listen(fd, BACKLOG) == 0)
		return fd;
	error_errno(error, ERROR_TEMPORARY, "cannot listen on socket %s", path);
out:
	if (bound == 0)
		(void)unlink(path);
	fd_close(&fd);
	return -1;
}
