/*
 * What is remembered about the scripts of an account between their runs, in state.json of a directory of the
 * account that nobody else may write to (~/.notifications):
 *
 *	{"version":1,"scripts":{"disk.sh":{"last_run_ms":N,"failures":N,"told":true,"incident":"HEX"}}}
 *
 * Who writes it changes what it knows better and leaves the rest, under a lock, and puts the new file in the
 * place of the old one at once: readers need no lock. What is lost with it is not needed by any message.
 */
#ifndef TGTOOLS_SCRIPT_STATE_H
#define TGTOOLS_SCRIPT_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

enum { SCRIPT_INCIDENT_BYTES = 33 };
#define SCRIPT_STATE_KEEP_MS (INT64_C(90) * 86400000)

struct script_state_entry {
	int64_t last_run_ms;		      /* wall time; 0: never */
	int64_t failures;		      /* how often in a row it has failed */
	bool told;			      /* to its owner */
	char incident[SCRIPT_INCIDENT_BYTES]; /* a name for these failures; "": there are none */
};

struct script_state;

/* Reads the file; where it is not there, or damaged, nothing is known. directory is copied. */
struct script_state *script_state_read(const char *directory);
void script_state_free(struct script_state *state);

/* What is wrong with the file, for the log; NULL: nothing. It is put aside as state.json.bad when it is
 * saved. */
const char *script_state_warning(const struct script_state *state);

/* What is known of a script, with what was set; all zero where nothing is. */
void script_state_get(const struct script_state *state, const char *name, struct script_state_entry *entry);

/* That it ran, and how it has done: the two are kept apart, since a run on demand is no failure in a row. */
void script_state_set_run(struct script_state *state, const char *name, int64_t last_run_ms);
void script_state_set_health(
    struct script_state *state, const char *name, const struct script_state_entry *entry);

/*
 * Writes what was set, and forgets scripts that have not run for SCRIPT_STATE_KEEP_MS. ERROR_TEMPORARY where
 * another program holds the lock for more than 2 s, or there is no room.
 */
int script_state_save(struct script_state *state, int64_t now_ms, struct error *error);

#endif
