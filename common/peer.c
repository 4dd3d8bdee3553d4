#include "peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "xalloc.h"

enum { ENTRY_FIRST_BYTES = 4096, ENTRY_MAX_BYTES = 16 << 20, GROUPS_FIRST = 64, GROUPS_MAX = 65536 };

int peer_uid(int fd, uid_t *uid, struct error *error)
{
	struct ucred credentials;
	socklen_t len = sizeof credentials;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0)
		return error_errno(
		    error, ERROR_TEMPORARY, "cannot tell who is at the other end of the socket");
	/* The kernel says (uid_t)-1 where the socket is not connected. */
	if (len != sizeof credentials || credentials.uid == (uid_t)-1)
		return error_set(error, ERROR_DENIED, "nobody is at the other end of the socket");
	*uid = credentials.uid;
	return 0;
}

/* name NULL: by uid. Returns the error number of getpw*_r; *found is NULL where there is none. */
static int find_entry(const char *name, uid_t uid, struct passwd *entry, struct passwd **found, char **buffer)
{
	size_t size = ENTRY_FIRST_BYTES;
	int code;

	for (;;) {
		*buffer = xmalloc(size);
		code = name != NULL ? getpwnam_r(name, entry, *buffer, size, found)
				    : getpwuid_r(uid, entry, *buffer, size, found);
		if (code == EINTR || (code == ERANGE && size < ENTRY_MAX_BYTES)) {
			free(*buffer);
			size *= code == ERANGE ? 2 : 1;
			continue;
		}
		return code;
	}
}

/* getpwnam_r(3): some systems report an account that does not exist with one of these. */
static bool means_unknown(int code)
{
	return code == 0 || code == ENOENT || code == ESRCH || code == EBADF || code == EPERM;
}

static bool is_no_shell(const char *shell)
{
	const char *slash = strrchr(shell, '/');
	const char *name = slash != NULL ? slash + 1 : shell;

	return strcmp(name, "nologin") == 0 || strcmp(name, "false") == 0;
}

static int fill(const struct passwd *entry, struct account *account, struct error *error)
{
	if (strlen(entry->pw_name) >= sizeof account->name || strlen(entry->pw_dir) >= sizeof account->home)
		return error_set(error, ERROR_DENIED, "account %lu has a name or a home that is too long",
		    (unsigned long)entry->pw_uid);
	account->uid = entry->pw_uid;
	account->gid = entry->pw_gid;
	snprintf(account->name, sizeof account->name, "%s", entry->pw_name);
	snprintf(account->home, sizeof account->home, "%s", entry->pw_dir);
	account->no_shell = is_no_shell(entry->pw_shell);
	return 0;
}

static int look_up(const char *name, uid_t uid, struct account *account, struct error *error)
{
	struct passwd entry, *found = NULL;
	char *buffer, number[32];
	int code, result;

	snprintf(number, sizeof number, "uid %lu", (unsigned long)uid);
	code = find_entry(name, uid, &entry, &found, &buffer);
	errno = code;
	if (found != NULL)
		result = fill(found, account, error);
	else if (means_unknown(code))
		result =
		    error_set(error, ERROR_DENIED, "there is no account %.64s", name != NULL ? name : number);
	else
		result = error_errno(
		    error, ERROR_TEMPORARY, "cannot look up the account %.64s", name != NULL ? name : number);
	free(buffer);
	return result;
}

int account_by_uid(uid_t uid, struct account *account, struct error *error)
{
	return look_up(NULL, uid, account, error);
}

int account_by_name(const char *name, struct account *account, struct error *error)
{
	return look_up(name, 0, account, error);
}

/* The same for the file that passwords are in. */
static struct spwd *find_shadow(const char *name, struct spwd *entry, char **buffer)
{
	struct spwd *found = NULL;
	size_t size = ENTRY_FIRST_BYTES;
	int code;

	*buffer = xmalloc(size);
	while ((code = getspnam_r(name, entry, *buffer, size, &found)) == EINTR ||
	       (code == ERANGE && size < ENTRY_MAX_BYTES)) {
		size *= code == ERANGE ? 2 : 1;
		free(*buffer);
		*buffer = xmalloc(size);
	}
	return found;
}

/* A password behind a '!'; what stands for none ("!", "!!", "!*") is also given to accounts that are in use.
 */
static bool is_locked_password(const char *password)
{
	return password != NULL && password[0] == '!' && strchr("!*", password[1]) == NULL;
}

bool account_is_shut(const char *name, int64_t wall_ms)
{
	int64_t today = wall_ms / 86400000;
	struct spwd entry, *found;
	char *buffer;
	bool shut = false;

	found = find_shadow(name, &entry, &buffer);
	if (found != NULL)
		shut = (found->sp_expire >= 0 && found->sp_expire <= today) ||
		       is_locked_password(found->sp_pwdp);
	free(buffer);
	return shut;
}

int group_by_name(const char *name, gid_t *gid, struct error *error)
{
	struct group entry, *found = NULL;
	size_t size = ENTRY_FIRST_BYTES;
	char *buffer = xmalloc(size);
	int code, result = 0;

	while ((code = getgrnam_r(name, &entry, buffer, size, &found)) == EINTR ||
	       (code == ERANGE && size < ENTRY_MAX_BYTES)) {
		size *= code == ERANGE ? 2 : 1;
		free(buffer);
		buffer = xmalloc(size);
	}
	errno = code;
	if (found != NULL)
		*gid = found->gr_gid;
	else if (means_unknown(code))
		result = error_set(error, ERROR_DENIED, "there is no group %.64s", name);
	else
		result = error_errno(error, ERROR_TEMPORARY, "cannot look up the group %.64s", name);
	free(buffer);
	return result;
}

char *group_name(gid_t gid)
{
	struct group entry, *found = NULL;
	size_t size = ENTRY_FIRST_BYTES;
	char *buffer = xmalloc(size), *name;
	int code;

	while ((code = getgrgid_r(gid, &entry, buffer, size, &found)) == EINTR ||
	       (code == ERANGE && size < ENTRY_MAX_BYTES)) {
		size *= code == ERANGE ? 2 : 1;
		free(buffer);
		buffer = xmalloc(size);
	}
	name = found != NULL ? xstrdup(found->gr_name) : xasprintf("%lu", (unsigned long)gid);
	free(buffer);
	return name;
}

void account_groups(const struct account *account, gid_t **groups, size_t *count)
{
	int size = GROUPS_FIRST;

	*groups = xcalloc((size_t)size, sizeof **groups);
	if (getgrouplist(account->name, account->gid, *groups, &size) < 0) {
		if (size <= GROUPS_FIRST || size > GROUPS_MAX)
			size = 0;
		*groups = xreallocarray(*groups, (size_t)size + 1, sizeof **groups);
		if (getgrouplist(account->name, account->gid, *groups, &size) < 0)
			size = 0;
	}
	*count = (size_t)size;
}

bool account_in_group(const struct account *account, const char *group)
{
	struct error error;
	gid_t *groups, wanted = 0;
	size_t count;
	bool member = false;

	if (group_by_name(group, &wanted, &error) != 0)
		return false;
	if (account->gid == wanted)
		return true;
	account_groups(account, &groups, &count);
	for (size_t i = 0; i < count && !member; i++)
		member = groups[i] == wanted;
	free(groups);
	return member;
}

bool account_in_list(const struct account *account, char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i][0] == '%' ? account_in_group(account, names[i] + 1)
				       : strcmp(names[i], account->name) == 0)
			return true;
	}
	return false;
}
