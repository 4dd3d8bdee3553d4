/* What is kept and submitted about a run on demand. */
#ifndef TGTOOLS_NOTIFY_SCRIPTS_DELIVER_H
#define TGTOOLS_NOTIFY_SCRIPTS_DELIVER_H

#include "error.h"
#include "place.h"
#include "script.h"

/* Submits a report that notifies, as this account; without a cooldown, since somebody asked for it. */
int deliver_report(const struct place *place, const struct script *script, const struct script_report *report,
    struct error *error);

/* Keeps when it ran. What goes wrong is said on stderr: nothing depends on it. */
void deliver_note_run(const struct place *place, const struct script *script, int64_t now_ms);

/* When it ran last, wall time; 0: not known. context is a struct place. */
int64_t deliver_last_run(void *context, const char *script);

#endif
