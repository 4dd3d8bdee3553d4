#include "store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path.h"

enum { NAME_RANDOM_BYTES = 16 };

const char *store_spool_directory(const struct store *store)
{
	return store->spool;
}

static void new_name(char name[STORE_USER_BYTES])
{
	unsigned char bytes[NAME_RANDOM_BYTES];

	randombytes_buf(bytes, sizeof bytes);
	sodium_bin2hex(name, STORE_USER_BYTES, bytes, sizeof bytes);
}

int store_spool_create(struct store *store, char name[STORE_USER_BYTES], struct error *error)
{
	char *path;
	int fd;

	new_name(name);
	path = path_join(store->spool, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		error_errno(error, ERROR_TEMPORARY, "cannot create a file in %s", store->spool);
	free(path);
	return fd;
}

int store_spool_keep(struct store *store, int fd, struct error *error)
{
	if (fsync(fd) != 0)
		return error_errno(error, ERROR_TEMPORARY, "cannot write a file in %s to disk", store->spool);
	return path_sync_directory(store->spool, error);
}

int store_spool_link(
    struct store *store, const char *name, char link_name[STORE_USER_BYTES], struct error *error)
{
	char *from = path_join(store->spool, name), *to;
	int result = 0;

	new_name(link_name);
	to = path_join(store->spool, link_name);
	if (link(from, to) != 0)
		result = error_errno(error, ERROR_TEMPORARY, "cannot link a file in %s", store->spool);
	else
		result = path_sync_directory(store->spool, error);
	free(from);
	free(to);
	return result;
}

void store_spool_remove(struct store *store, const char *name)
{
	char *path = path_join(store->spool, name);

	/* What stays behind is swept at the next start. */
	(void)unlink(path);
	free(path);
}

/* Each staged file is named at the end of its key. */
static int is_staged(struct store_txn *txn, const char *name, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(txn, TABLE_STAGED, &key, &value, error)) == 1;
	     key_increment(&key)) {
		const char *user = (const char *)key.bytes;

		if (strcmp(user + strlen(user) + 1, name) == 0)
			return 1;
	}
	return found;
}

static int sweep_entry(struct store *store, struct store_txn *txn, const char *name, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	user_key(&key, name);
	found = table_get(txn, TABLE_SPOOL, &key, &value, error);
	if (found == 0)
		found = is_staged(txn, name, error);
	if (found == 0)
		store_spool_remove(store, name);
	return found < 0 ? -1 : 0;
}

int store_spool_sweep(struct store *store, struct error *error)
{
	struct store_txn *txn;
	struct dirent *entry;
	DIR *directory = opendir(store->spool);
	int result;

	if (directory == NULL)
		return error_errno(error, ERROR_CONFIG, "cannot read directory %s", store->spool);
	result = store_begin_read(store, &txn, error);
	if (result == 0) {
		while (result == 0 && (entry = readdir(directory)) != NULL) {
			if (entry->d_name[0] != '.')
				result = sweep_entry(store, txn, entry->d_name, error);
		}
		store_abort(txn);
	}
	closedir(directory);
	return result;
}
