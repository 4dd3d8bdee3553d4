/* Who is who: the process at the other end of a unix socket, and the accounts of this system. */
#ifndef TGTOOLS_PEER_H
#define TGTOOLS_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"

enum { ACCOUNT_NAME_BYTES = 64 };

struct account {
	uid_t uid;
	gid_t gid;
	char name[ACCOUNT_NAME_BYTES];
	char home[512];
};

/* The uid of the process that connected to fd, as the kernel has it (SO_PEERCRED). */
int peer_uid(int fd, uid_t *uid, struct error *error);

/* Looks an account up; ERROR_DENIED where it does not exist, ERROR_TEMPORARY where the system cannot say. */
int account_by_uid(uid_t uid, struct account *account, struct error *error);
int account_by_name(const char *name, struct account *account, struct error *error);

/* Whether the account is in the group, as its primary group or as a member; false for unknown groups. */
bool account_in_group(const struct account *account, const char *group);

/* Whether name is one of a list in which "%name" stands for a group (access.operators, senders). */
bool account_in_list(const struct account *account, char *const *names, size_t count);

#endif
