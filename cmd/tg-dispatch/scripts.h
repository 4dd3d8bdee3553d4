/* Starting a job for the one who wrote: what the handlers of scripts and of programs have in common. */
#ifndef TG_DISPATCH_SCRIPTS_H
#define TG_DISPATCH_SCRIPTS_H

#include "commands.h"
#include "error.h"

enum scripts_kind { SCRIPTS_OWN, SCRIPTS_SERVER, SCRIPTS_PROGRAM };

/*
 * Wishes for the job, which is kept together with the answer, or answers why it cannot be: it runs already,
 * or too many do. What the job is given is the caller's to add to the wish. request->running and
 * request->txn are there; who has no link may start programs alone.
 */
int scripts_start(struct request *request, const char *name, enum scripts_kind kind, struct error *error);

#endif
