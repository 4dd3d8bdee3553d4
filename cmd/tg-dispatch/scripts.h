/* What handlers of several files need: the list of somebody's scripts, and a job for the one who wrote. */
#ifndef TG_DISPATCH_SCRIPTS_H
#define TG_DISPATCH_SCRIPTS_H

#include <stdbool.h>

#include "commands.h"
#include "error.h"

enum scripts_kind { SCRIPTS_OWN, SCRIPTS_SERVER, SCRIPTS_PROGRAM };

/*
 * Whether the scripts of the account, which is linked, are still to be listed: then it wishes for that, and
 * the handler is called again. request->running is there.
 */
bool scripts_must_wait(struct request *request);

/*
 * Wishes for the job, which is kept together with the answer, or answers why it cannot be: it runs already,
 * or too many do. What the job is given is the caller's to add to the wish. request->running and
 * request->txn are there; who has no link may start programs alone.
 */
int scripts_start(struct request *request, const char *name, enum scripts_kind kind, struct error *error);

#endif
