/*
 * Giving up what a process does not need. The unit of the bot cannot do it for all parts, since tg-exec must
 * reach sudo(8); so each of the others does it for itself.
 */
#ifndef TGTOOLS_CONFINE_H
#define TGTOOLS_CONFINE_H

#include "error.h"

/*
 * From now on nothing that this process or its children execute gains privileges, neither by a set-user-ID
 * bit nor otherwise (PR_SET_NO_NEW_PRIVS, prctl(2)). For good; children that were started before are not
 * affected.
 */
int confine_no_new_privileges(struct error *error);

#endif
