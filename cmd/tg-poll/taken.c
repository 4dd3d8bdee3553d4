#include "taken.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "plan.h"
#include "xalloc.h"

enum {
	UPDATE_MAX_BYTES = 1 << 20,
	RECORD_MAX_BYTES = 64 << 20,
	FETCH_BYTES = 65536,
};

void taken_init(struct taken *taken, struct store *store)
{
	*taken = (struct taken){.store = store};
}

void taken_free(struct taken *taken)
{
	for (size_t i = taken->first; taken->values != NULL && i < taken->count; i++)
		json_object_put(taken->values[i]);
	free(taken->values);
	free(taken->ids);
}

bool taken_is_empty(const struct taken *taken)
{
	return taken->first == taken->count;
}

static void queue(struct taken *taken, int64_t id, struct json_object *value)
{
	if (taken->count == taken->capacity) {
		taken->capacity = taken->capacity ? taken->capacity * 2 : 256;
		taken->ids = xreallocarray(taken->ids, taken->capacity, sizeof *taken->ids);
		if (taken->store == NULL)
			taken->values = xreallocarray(taken->values, taken->capacity, sizeof *taken->values);
	}
	if (taken->store == NULL)
		taken->values[taken->count] = json_object_get(value);
	taken->ids[taken->count++] = id;
}

int taken_replay(struct taken *taken, struct error *error)
{
	struct buf update = BUF_INIT(RECORD_MAX_BYTES);
	struct store_txn *txn;
	int64_t id = 0;
	int found;

	if (store_begin_read(taken->store, &txn, error) != 0)
		return -1;
	found = store_position_get(txn, &taken->position, error);
	while (found >= 0 && (found = store_inbox_next(txn, id, &id, &update, error)) == 1)
		queue(taken, id, NULL);
	store_abort(txn);
	buf_free(&update);
	return found < 0 ? -1 : 0;
}

static int compare_ids(const void *left, const void *right)
{
	int64_t a = json_int64(*(struct json_object *const *)left, "update_id");
	int64_t b = json_int64(*(struct json_object *const *)right, "update_id");

	return a < b ? -1 : a > b;
}

/* The id of an update that is to be taken, else 0. *last becomes the highest id seen. */
static int64_t wanted_id(struct json_object *update, int64_t offset, int64_t *last)
{
	int64_t id = json_int64(update, "update_id");

	if (id <= 0) {
		log_error("an update without an id was dropped");
		return 0;
	}
	if (id > *last)
		*last = id;
	if (!poll_is_new(offset, id))
		return 0;
	if (strlen(json_line(update)) > UPDATE_MAX_BYTES) {
		log_error("an update that is too large was dropped", LOG_INT("update_id", id));
		return 0;
	}
	return id;
}

static int add_one(struct taken *taken, struct store_txn *txn, int64_t id, struct json_object *update,
    int64_t now_ms, struct error *error)
{
	const char *line = json_line(update);
	int added = txn == NULL ? 1 : store_inbox_add(txn, id, line, strlen(line), now_ms, error);

	if (added == 1)
		queue(taken, id, update);
	return added < 0 ? -1 : 0;
}

static int add_all(struct taken *taken, struct store_txn *txn, struct json_object *updates, int64_t offset,
    int64_t *last, struct error *error)
{
	int64_t now_ms = clock_wall_ms();

	for (size_t i = 0; i < json_object_array_length(updates); i++) {
		struct json_object *update = json_object_array_get_idx(updates, i);
		int64_t id =
		    json_object_is_type(update, json_type_object) ? wanted_id(update, offset, last) : 0;

		if (id != 0 && add_one(taken, txn, id, update, now_ms, error) != 0)
			return -1;
	}
	return 0;
}

static int begin(struct taken *taken, struct store_txn **txn, struct error *error)
{
	int percent;

	*txn = NULL;
	if (taken->store == NULL)
		return 0;
	percent = store_used_percent(taken->store);
	if (percent >= STORE_FULL_PERCENT)
		return error_set(error, ERROR_TEMPORARY,
		    "the store is %d %% full; raise map_size in the configuration", percent);
	return store_begin(taken->store, txn, error);
}

int64_t taken_add(struct taken *taken, struct json_object *updates, int64_t offset, struct error *error)
{
	size_t before;
	struct store_txn *txn;
	int64_t last = 0;

	if (json_object_array_length(updates) == 0)
		return 0;
	if (begin(taken, &txn, error) != 0)
		return -1;
	if (taken_is_empty(taken) && taken->store != NULL)
		taken->first = taken->count = 0;
	before = taken->count;
	json_object_array_sort(updates, compare_ids);
	if (add_all(taken, txn, updates, offset, &last, error) != 0) {
		store_abort(txn);
		taken->count = before;
		return -1;
	}
	if (txn != NULL && store_commit(txn, error) != 0) {
		taken->count = before;
		return -1;
	}
	/* Without a store only what is written counts, unless nothing is to be written. */
	if (last > 0 && (taken->store != NULL || taken->count == before))
		taken->position = (struct store_position){last, clock_wall_ms()};
	return (int64_t)(taken->count - before);
}

static int fetch_from_store(
    struct taken *taken, struct store_txn *txn, struct output *output, struct error *error)
{
	struct buf update = BUF_INIT(RECORD_MAX_BYTES);
	int result = 0;

	while (result == 0 && !taken_is_empty(taken) && output->lines.len < FETCH_BYTES) {
		int64_t wanted = taken->ids[taken->first++], id = 0;
		int found = store_inbox_next(txn, wanted - 1, &id, &update, error);

		/* It may have been taken out of the inbox meanwhile. */
		if (found < 0)
			result = -1;
		else if (found == 1 && id == wanted && output_add(output, update.data, update.len) != 0)
			result =
			    error_set(error, ERROR_BUG, "update %" PRId64 " is too large to print", wanted);
	}
	buf_free(&update);
	return result;
}

static int fetch_from_memory(struct taken *taken, struct output *output, struct error *error)
{
	taken_note_written(taken, output);
	output_clear(output);
	if (taken_is_empty(taken))
		taken->first = taken->count = 0;
	taken->fetched = taken->first;
	while (!taken_is_empty(taken) && output->lines.len < FETCH_BYTES) {
		const char *line = json_line(taken->values[taken->first]);

		if (output_add(output, line, strlen(line)) != 0)
			return error_set(error, ERROR_BUG, "an update is too large to print");
		json_object_put(taken->values[taken->first++]);
	}
	return 0;
}

int taken_fetch(struct taken *taken, struct output *output, struct error *error)
{
	struct store_txn *txn;
	int result;

	if (taken->store == NULL)
		return fetch_from_memory(taken, output, error);
	if (taken_is_empty(taken))
		return 0;
	if (store_begin_read(taken->store, &txn, error) != 0)
		return -1;
	output_clear(output);
	result = fetch_from_store(taken, txn, output, error);
	store_abort(txn);
	return result;
}

void taken_note_written(struct taken *taken, const struct output *output)
{
	size_t lines = output_lines_written(output);

	if (taken->store != NULL || lines == 0 || taken->fetched + lines > taken->first)
		return;
	taken->position = (struct store_position){taken->ids[taken->fetched + lines - 1], clock_wall_ms()};
}
