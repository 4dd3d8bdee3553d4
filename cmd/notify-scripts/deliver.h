/* What is kept and submitted about a run on demand. */
#ifndef TGTOOLS_NOTIFY_SCRIPTS_DELIVER_H
#define TGTOOLS_NOTIFY_SCRIPTS_DELIVER_H

#include <stdint.h>

#include "error.h"
#include "place.h"
#include "script.h"

/* Submits a report that notifies, as this account; without a cooldown, since somebody asked for it. */
int deliver_report(const struct place *place, const struct script *script, const struct script_report *report,
    struct error *error);

/* Keeps when it ran. */
int deliver_note_run(
    const struct place *place, const struct script *script, int64_t now_ms, struct error *error);

#endif
