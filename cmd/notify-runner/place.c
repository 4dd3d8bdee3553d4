#include "place.h"

#include <stdlib.h>
#include <unistd.h>

#include "fd.h"
#include "path.h"
#include "xalloc.h"

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
	return path_check_own(place->home, error);
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
	if (path_make_own(place->state, error) != 0 || path_make_own(place->logs, error) != 0 ||
	    path_make_own(place->spool, error) != 0)
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
