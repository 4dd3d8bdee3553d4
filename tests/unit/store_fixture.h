/* A store of its own for each test, in a directory that goes with it. */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "path.h"
#include "store.h"

enum { STORE_FIXTURE_PATH_BYTES = 64 };

static inline void store_fixture_open(char directory[STORE_FIXTURE_PATH_BYTES], int64_t map_size_bytes,
    struct store **store, struct store_txn **txn)
{
	struct error error;

	snprintf(directory, STORE_FIXTURE_PATH_BYTES, "/tmp/tgt-store.XXXXXX");
	assert_non_null(mkdtemp(directory));
	assert_int_equal(store_open(directory, map_size_bytes, store, &error), 0);
	assert_int_equal(store_begin(*store, txn, &error), 0);
}

/* txn NULL: it has ended. */
static inline void store_fixture_remove(const char *directory, struct store *store, struct store_txn *txn)
{
	static const char *const names[] = {"data.mdb", "lock.mdb", "spool", NULL};

	if (txn != NULL)
		store_abort(txn);
	store_close(store);
	for (const char *const *name = names; *name != NULL; name++) {
		char *path = path_join(directory, *name);

		if (unlink(path) != 0)
			(void)rmdir(path);
		free(path);
	}
	(void)rmdir(directory);
}

#endif
