/*
 * Whose scripts these are, and where: the account and its home are those of the real user id, whatever the
 * environment says.
 */
#ifndef TGTOOLS_NOTIFY_SCRIPTS_PLACE_H
#define TGTOOLS_NOTIFY_SCRIPTS_PLACE_H

#include <stdbool.h>

#include "config.h"
#include "error.h"
#include "peer.h"
#include "script.h"

struct place {
	struct account account;
	struct config *config;
	char *directory;       /* of the scripts */
	char *state_directory; /* where script_state.h keeps what it knows; may be missing */
};

/* Whether this was started by sudo. Then the caller is another account, who decides on nothing but a name. */
bool place_is_sudo(void);

/*
 * config_path NULL: as all programs choose it, but by sudo that of the system. ERROR_USAGE for a path that
 * comes by sudo.
 */
int place_open(struct place *place, const char *config_path, struct error *error);
void place_close(struct place *place);

/*
 * The script of that name: one's own, or one of server_scripts that runs as this account. Those are taken
 * only from a configuration, and only as files, that nobody but root and this account may write. *timeout_ms
 * is that of the script, 0: none. script_free releases it.
 */
int place_script(const struct place *place, const char *name, bool server, struct script *script,
    int64_t *timeout_ms, struct error *error);

#endif
