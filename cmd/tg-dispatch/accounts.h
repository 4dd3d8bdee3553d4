/*
 * The accounts behind the links, asked of the system at each use and remembered for seconds: long enough
 * that an update costs no look-up in a directory service, and so short that an account which is deleted,
 * locked or leaves its group has lost its access at once. What the system could not say is asked again after
 * a second, and is never taken for a no. Bounded; times are milliseconds of one clock.
 */
#ifndef TG_DISPATCH_ACCOUNTS_H
#define TG_DISPATCH_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"
#include "peer.h"

enum {
	ACCOUNTS_MAX = 1024, /* what is beyond is asked for each time */
	ACCOUNTS_KEEP_MS = 5000,
	ACCOUNTS_RETRY_MS = 1000,
};

/* How the system is asked, each as its namesake in peer.h. */
struct accounts_system {
	int (*account)(const char *name, struct account *account, struct error *error);
	bool (*is_shut)(const char *name);
	void (*groups)(const struct account *account, gid_t **groups, size_t *count);
	int (*group)(const char *name, gid_t *gid, struct error *error);
};

struct accounts;

/* system is borrowed; NULL: this one. */
struct accounts *accounts_new(const struct accounts_system *system);
void accounts_free(struct accounts *accounts);

/*
 * ERROR_DENIED where there is no such account or it is locked (its shell is nologin or false, or
 * account_is_shut), ERROR_TEMPORARY where the system cannot say.
 */
int accounts_find(struct accounts *accounts, const char *name, int64_t now_ms, struct account *account,
    struct error *error);

/* Whether an account is in a group: 1, 0, or -1 where the system cannot say. */
int accounts_in_group(struct accounts *accounts, const char *name, const char *group, int64_t now_ms);

/* The same for a list of accounts and %groups. 1 also where only another entry could not be looked up. */
int accounts_in_list(
    struct accounts *accounts, const char *name, char *const *items, size_t count, int64_t now_ms);

#endif
