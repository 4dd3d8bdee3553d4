/* Paths and directories. */
#ifndef TGTOOLS_PATH_H
#define TGTOOLS_PATH_H

#include <sys/types.h>

#include "error.h"

/* "directory/name"; the caller frees it. */
char *path_join(const char *directory, const char *name);

/* Creates a directory and those above it that are missing, with the given mode less the umask. */
int path_make_directories(const char *path, mode_t mode, struct error *error);

/*
 * Whether a directory is the caller's own, no link to one, and nobody else may write to it; the second makes
 * it where it is missing (mode 0700). ERROR_CONFIG where it is not.
 */
int path_check_own(const char *path, struct error *error);
int path_make_own(const char *path, struct error *error);

/* fsync(2) of a directory: makes a new or removed entry in it durable. */
int path_sync_directory(const char *path, struct error *error);

/*
 * Where a sibling program is: beside the running one or, once installed, in bin, sbin or libexec/tgtools
 * of the same prefix. The caller frees the result; NULL with error where there is none.
 */
char *path_sibling(const char *program, struct error *error);

#endif
