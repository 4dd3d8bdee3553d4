/*
 * The queue of updates that getUpdates and the webhook empty. Which kinds of update get in at all is decided
 * when they arrive, by the last allowed_updates that a call named.
 */
#ifndef SIM_UPDATES_H
#define SIM_UPDATES_H

#include "buf.h"

#include <json-c/json.h>
#include <stdbool.h>

#define FIRST_UPDATE_ID 900000001

struct update {
	int64_t id;
	char *json;	/* what follows `{"update_id":N,` */
	bool in_flight; /* being pushed to the webhook */
	bool done;
};

struct updates {
	struct update *list;
	size_t first, end, cap; /* list[first..end) is pending */
	int64_t last_id, confirmed_through;
	uint32_t allowed; /* bits by update_type */
};

void updates_init(struct updates *u);
void updates_free(struct updates *u);
/* The number of a member of Update ("message", ...), or -1. */
int update_type(const char *name, size_t len);
/* Adds `"NAME":OBJECT}`; the id, or 0 if that kind is not allowed. */
int64_t updates_add(struct updates *u, int type, const char *object, size_t len);
size_t updates_pending(const struct updates *u);
void updates_confirm_below(struct updates *u, int64_t id);
void updates_confirm_one(struct updates *u, struct update *update); /* the webhook took it */
void updates_keep_last(struct updates *u, size_t count);
void updates_write(const struct update *update, struct buf *out);
/* From the parameter allowed_updates; an empty list means the usual ones. */
void updates_allow(struct updates *u, struct json_object *names);
void updates_write_allowed(
    const struct updates *u, struct buf *out); /* JSON array; nothing if it is the usual ones */

#endif
