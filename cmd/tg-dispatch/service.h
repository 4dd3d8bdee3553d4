/*
 * The service around dispatch_update: lines of updates in on one descriptor, lines of calls out on another,
 * until the input ends, nobody reads the output any more, or a signal says so.
 */
#ifndef TG_DISPATCH_SERVICE_H
#define TG_DISPATCH_SERVICE_H

#include "error.h"
#include "dispatch.h"
#include "executor.h"

/*
 * Returns 0 at the end. While the store fails temporarily it waits, reads no further and handles the same
 * update again; after the end of input only for SERVICE_GIVE_UP_MS, then -1 with ERROR_TEMPORARY. SIGHUP
 * replaces dispatch->config by what config_path (NULL: the default) says then.
 *
 * executor (NULL: scripts cannot be run) stays the caller's. Jobs that run at the end are interrupted by it;
 * the next start reports that.
 */
enum { SERVICE_LINE_MAX_BYTES = 1 << 20, SERVICE_GIVE_UP_MS = 10000 };

int service_run(struct dispatch *dispatch, struct executor *executor, const char *config_path, int input,
    int output, struct error *error);

#endif
