/*
 * The updates that were taken from Telegram, up to their way to stdout. With a store they are in its inbox
 * (U1) and only their ids wait here, so a slow reader holds up no taking; without one the updates of one
 * answer wait in memory, and are confirmed only once they are written.
 */
#ifndef TG_POLL_TAKEN_H
#define TG_POLL_TAKEN_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "store.h"
#include "output.h"

struct taken {
	struct store *store; /* borrowed; NULL: none */
	struct store_position position;
	/* Ids in the order of printing; those before first are in the output or written. */
	int64_t *ids;
	size_t first, count, capacity;
	size_t fetched;		     /* without a store: ids[fetched .. first) are the lines in the output */
	struct json_object **values; /* without a store: the updates, beside ids; owned */
};

void taken_init(struct taken *taken, struct store *store);
void taken_free(struct taken *taken);

/* Queues all that is in the inbox, in order, and reads the position. For a start with a store. */
int taken_replay(struct taken *taken, struct error *error);

/*
 * Takes the updates of an answer to a poll with that offset: in one commit where there is a store. Returns
 * how many are new; -1: none was taken, and Telegram will give them again.
 */
int64_t taken_add(struct taken *taken, struct json_object *updates, int64_t offset, struct error *error);

/* Moves lines into an output that is empty. */
int taken_fetch(struct taken *taken, struct output *output, struct error *error);

/* Whether nothing waits for the output. */
bool taken_is_empty(const struct taken *taken);

/* Without a store: what is written counts as taken, up to the last whole line of output. */
void taken_note_written(struct taken *taken, const struct output *output);

#endif
