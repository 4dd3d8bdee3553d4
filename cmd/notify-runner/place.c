#include "place.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "path.h"
#include "xalloc.h"

/* Ours, and nobody else may change what is in it. */
static int check_owner(const char *path, uid_t uid, struct error *error)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot use %s", path);
	if (!S_ISDIR(status.st_mode))
		return error_set(error, ERROR_CONFIG, "%s is not a directory", path);
	if (status.st_uid != uid)
		return error_set(error, ERROR_CONFIG, "%s belongs to another account", path);
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(
		    error, ERROR_CONFIG, "others may write to %s; run: chmod go-w %s", path, path);
	return 0;
}

static int find_home(struct place *place, const char *wanted, struct error *error)
{
	if (account_by_uid(getuid(), &place->account, error) != 0)
		return -1;
	if (wanted == NULL) {
		place->home = xstrdup(place->account.home);
		return 0;
	}
	place->home = realpath(wanted, NULL);
	if (place->home == NULL)
		return error_errno(error, ERROR_CONFIG, "cannot use %s", wanted);
	return check_owner(place->home, getuid(), error);
}

static int make_private(const char *path, struct error *error)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return error_errno(error, ERROR_CONFIG, "cannot create %s", path);
	return check_owner(path, getuid(), error);
}

int place_find(struct place *place, const char *home, const char *directory, struct error *error)
{
	*place = PLACE_INIT;
	if (find_home(place, home, error) != 0)
		return -1;
	place->scripts = path_join(place->home, directory);
	place->state = path_join(place->home, ".notifications");
	place->lock = path_join(place->state, "lock");
	place->logs = path_join(place->state, "logs");
	place->spool = path_join(place->state, "spool");
	return 0;
}

int place_lock(struct place *place, struct error *error)
{
	if (make_private(place->state, error) != 0 || make_private(place->logs, error) != 0 ||
	    make_private(place->spool, error) != 0)
		return -1;
	place->lock_fd = fd_lock_file(place->lock, 0600, error);
	if (place->lock_fd < 0 && error->kind == ERROR_TEMPORARY)
		return error_set(error, ERROR_TEMPORARY, "already running for %s (lock %s)",
		    place->account.name, place->lock);
	return place->lock_fd < 0 ? -1 : 0;
}

void place_close(struct place *place)
{
	fd_close(&place->lock_fd);
	free(place->home);
	free(place->scripts);
	free(place->state);
	free(place->lock);
	free(place->logs);
	free(place->spool);
	*place = PLACE_INIT;
}
