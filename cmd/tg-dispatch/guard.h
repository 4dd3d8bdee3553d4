/*
 * Which update was at hand when the process died. It stands in a small file that is mapped into memory, so
 * that noting it costs no system call, and is there after a crash, a kill or the end of memory; after a loss
 * of power perhaps not, but then it was not the update's fault.
 *
 * An update at which the process has died is remembered until it is handled to its end, also where others
 * are handled again before it, as they are after each start.
 */
#ifndef TG_DISPATCH_GUARD_H
#define TG_DISPATCH_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

/* How often the process may die at an update before it is not handled any more. */
enum { GUARD_DEATHS = 2 };

struct guard;

/*
 * Opens the file, creating it (mode 0600) where it is missing or not one of ours. What was at hand when the
 * process that had it open ended without guard_close is at fault once more. ERROR_TEMPORARY where another
 * process has it open.
 */
int guard_open(const char *path, struct guard **guard, struct error *error);
/* NULL: nothing. */
void guard_close(struct guard *guard);

/*
 * The update is at hand from now on. Returns how often the process has died at it. With a guard that is NULL
 * this is 0, and nothing is noted.
 */
int64_t guard_begin(struct guard *guard, int64_t update_id);

/*
 * It is not any more. handled: to its end, so that what it did before is forgotten. Else it will be begun
 * again, say because the store could not be written, or it was given up; should it come again, then it is
 * known.
 */
void guard_end(struct guard *guard, bool handled);

#endif
