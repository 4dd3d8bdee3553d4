/* The list of a person's scripts, with what is known of each. Pure. */
#ifndef TGTOOLS_NOTIFY_SCRIPTS_LISTING_H
#define TGTOOLS_NOTIFY_SCRIPTS_LISTING_H

#include <json-c/json.h>
#include <stdint.h>

#include "script.h"

/* When a script ran last, wall time; 0: not known. */
typedef int64_t listing_last_run_fn(void *context, const char *script);

/*
 * [{"name":"disk.sh","stem":"disk","last_run":"5m ago","last_sent":"2026-01-31T08:00:00Z",
 * "cooldown_until":null}]: what is not known is null. sent is the answer of GET /scripts (tgtools-socket(7)),
 * or NULL; what is wrong in it is not known. The caller puts the array.
 */
struct json_object *listing_make(const struct script_list *list, listing_last_run_fn *last_run, void *context,
    struct json_object *sent, int64_t now_ms);

enum { LISTING_AGO_BYTES = 32 };
/* "40s ago", "5m ago", "3h ago", "12d ago"; returns text. */
char *listing_ago(int64_t age_ms, char text[LISTING_AGO_BYTES]);

#endif
