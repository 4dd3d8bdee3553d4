/* Who is who: the process at the other end of a unix socket, and the accounts of this system. */
#ifndef TGTOOLS_PEER_H
#define TGTOOLS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

enum { ACCOUNT_NAME_BYTES = 64 };

struct account {
	uid_t uid;
	gid_t gid;
	char name[ACCOUNT_NAME_BYTES];
	char home[512];
	bool no_shell; /* its shell is nologin or false */
};

/* The uid of the process that connected to fd, as the kernel has it (SO_PEERCRED). */
int peer_uid(int fd, uid_t *uid, struct error *error);

/* Looks an account up; ERROR_DENIED where it does not exist, ERROR_TEMPORARY where the system cannot say. */
int account_by_uid(uid_t uid, struct account *account, struct error *error);
int account_by_name(const char *name, struct account *account, struct error *error);

/*
 * Whether the account is shut, other than by its shell: it has expired, or its password is locked as usermod
 * -L does it. That stands in shadow(5), which most accounts cannot read; false where this one cannot. An
 * account without any password ("!" or "*") is not shut by that. wall_ms is now.
 */
bool account_is_shut(const char *name, int64_t wall_ms);

/* The groups of an account, the primary one among them; *groups is for free(). A directory service that does
 * not answer cannot be told from one that knows of no groups. */
void account_groups(const struct account *account, gid_t **groups, size_t *count);

/* The id of a group; ERROR_DENIED where it does not exist, ERROR_TEMPORARY where the system cannot say. */
int group_by_name(const char *name, gid_t *gid, struct error *error);

/* The name of a group, or its number where it has none or the system cannot say; for free(). */
char *group_name(gid_t gid);

/* Whether the account is in the group, as its primary group or as a member; false for unknown groups. */
bool account_in_group(const struct account *account, const char *group);

/* Whether name is one of a list in which "%name" stands for a group (access.operators, senders). */
bool account_in_list(const struct account *account, char *const *names, size_t count);

#endif
