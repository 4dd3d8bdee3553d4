/* When the owner of a script is told that it fails, and that it is well again. Pure. */
#ifndef TGTOOLS_NOTIFY_RUNNER_HEALTH_H
#define TGTOOLS_NOTIFY_RUNNER_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"
#include "notice.h"
#include "script_state.h"

enum health_word { HEALTH_SILENT, HEALTH_FAILING, HEALTH_WELL };

/*
 * What is to be said after a run that failed or not, and entry as it is then, but for told, which is the
 * caller's to set once it is said. incident names the failures that begin now; warn_failures 0: nothing is
 * ever said.
 */
enum health_word health_after(
    struct script_state_entry *entry, bool failed, int64_t warn_failures, const char *incident);

/*
 * The message. why, the reason of the last failure, and errors, what was written to stderr, go with
 * HEALTH_FAILING. Its idempotency key is that of the incident, so it is said once, whatever is forgotten.
 */
void health_notice(struct notice *notice, enum health_word word, const struct config *config,
    const char *script, const struct script_state_entry *entry, const char *why, const struct buf *errors,
    int64_t now_ms);

#endif
