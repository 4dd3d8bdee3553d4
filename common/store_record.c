/* How a message is kept: its content as JSON, what changes on the way packed beside it. */
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "xalloc.h"

static const char *const state_names[STORE_STATES] = {
    [STORE_QUEUED] = "queued",
    [STORE_STARTED] = "started",
    [STORE_DEAD] = "dead",
    [STORE_UNCERTAIN] = "uncertain",
    [STORE_SCHEDULED] = "scheduled",
    [STORE_DELIVERED] = "delivered",
};

const char *store_state_name(enum store_state state)
{
	return state_names[state];
}

void id_key(struct store_key *key, int64_t id)
{
	key_init(key);
	key_add_int64(key, id);
}

void queue_key(struct store_key *key, const struct store_message *message)
{
	key_init(key);
	key_add_int64(key, message->chat);
	key_add_byte(key, (unsigned char)message->class);
	key_add_int64(key, message->id);
}

void owner_key(struct store_key *key, const char *user, unsigned char group, int64_t id)
{
	user_key(key, user);
	key_add_byte(key, group);
	key_add_int64(key, id);
}

void store_message_drop_files(struct store_message *message)
{
	for (size_t i = 0; i < message->files_count; i++) {
		free(message->files[i].parameter);
		free(message->files[i].spool);
		free(message->files[i].name);
	}
	message->files_count = 0;
}

void store_message_free(struct store_message *message)
{
	store_message_drop_files(message);
	free(message->last_error);
	free(message->user);
	free(message->script);
	free(message->target);
	free(message->key);
	free(message->reply_key);
	free(message->method);
	json_object_put(message->parameters);
	*message = (struct store_message){0};
}

/* Numbers that are 0 mostly are left out. */
static void put_number(struct json_object *record, const char *name, int64_t number)
{
	if (number != 0)
		json_put_int64(record, name, number);
}

static struct json_object *encode_files(const struct store_message *message)
{
	struct json_object *files = json_object_new_array();

	for (size_t i = 0; i < message->files_count; i++) {
		struct json_object *file = json_object_new_object();

		json_put_text(file, "parameter", message->files[i].parameter);
		json_put_text(file, "spool", message->files[i].spool);
		json_put_text(file, "name", message->files[i].name);
		json_object_array_add(files, file);
	}
	return files;
}

struct json_object *message_encode(const struct store_message *message)
{
	struct json_object *record = json_object_new_object();

	json_put_int64(record, "chat", message->chat);
	json_put_int64(record, "class", message->class);
	json_put_int64(record, "accepted_ms", message->accepted_ms);
	put_number(record, "due_ms", message->due_ms);
	json_put_text(record, "user", message->user);
	json_put_text(record, "script", message->script);
	json_put_text(record, "target", message->target);
	json_put_text(record, "key", message->key);
	put_number(record, "part", message->part);
	json_put_text(record, "reply_key", message->reply_key);
	json_put_text(record, "method", message->method);
	json_object_object_add(record, "parameters", json_object_get(message->parameters));
	if (message->files_count > 0)
		json_object_object_add(record, "files", encode_files(message));
	return record;
}

static char *copy_text(struct json_object *record, const char *key)
{
	const char *text = json_text(record, key);

	return text == NULL ? NULL : xstrdup(text);
}

/* Whether all of them are whole. */
static bool decode_files(struct json_object *record, struct store_message *message)
{
	struct json_object *files = NULL;
	size_t count = 0;

	if (json_object_object_get_ex(record, "files", &files) && json_object_is_type(files, json_type_array))
		count = json_object_array_length(files);
	for (size_t i = 0; i < count && i < STORE_FILES_MAX; i++) {
		struct json_object *file = json_object_array_get_idx(files, i);
		struct store_file *copy = &message->files[message->files_count++];

		copy->parameter = copy_text(file, "parameter");
		copy->spool = copy_text(file, "spool");
		copy->name = copy_text(file, "name");
		if (copy->parameter == NULL || copy->spool == NULL || copy->name == NULL)
			return false;
	}
	return count <= STORE_FILES_MAX;
}

int message_decode(int64_t id, const MDB_val *value, struct store_message *message, struct error *error)
{
	struct json_object *record, *parameters = NULL;
	int64_t class;
	bool whole;

	if (json_parse_object(value->mv_data, value->mv_size, "message", &record, error) != 0)
		return store_damaged(error, "message");
	class = json_int64(record, "class");
	json_object_object_get_ex(record, "parameters", &parameters);
	*message = (struct store_message){
	    .id = id,
	    .chat = json_int64(record, "chat"),
	    .class = class >= 0 && class < STORE_CLASSES ? (enum store_class) class : STORE_BULK,
	    .accepted_ms = json_int64(record, "accepted_ms"),
	    .due_ms = json_int64(record, "due_ms"),
	    .attempts = json_int64(record, "attempts"),
	    .last_error = copy_text(record, "error"),
	    .user = copy_text(record, "user"),
	    .script = copy_text(record, "script"),
	    .target = copy_text(record, "target"),
	    .key = copy_text(record, "key"),
	    .part = json_int64(record, "part"),
	    .reply_key = copy_text(record, "reply_key"),
	    .method = copy_text(record, "method"),
	    .parameters = json_object_get(parameters),
	    .delivered_ms = json_int64(record, "delivered_ms"),
	    .message_id = json_int64(record, "message_id"),
	};
	whole = decode_files(record, message) && message->user != NULL && message->method != NULL;
	json_object_put(record);
	if (whole)
		return 0;
	store_message_free(message);
	return store_damaged(error, "message");
}

int record_put(struct store_txn *txn, enum store_table table, int64_t id, struct json_object *record,
    struct error *error)
{
	const char *line = json_line(record);
	struct store_key key;

	id_key(&key, id);
	return table_put(txn, table, &key, line, strlen(line), error);
}

size_t state_encode(const struct store_message *message, unsigned char state[STATE_MAX])
{
	size_t len = message->last_error ? strnlen(message->last_error, STATE_ERROR_MAX) : 0;

	state[0] = (unsigned char)(message->started | message->told_to_wait << 1);
	int64_write(state + 1, message->attempts);
	int64_write(state + 1 + INT_BYTES, message->not_before_ms);
	if (len > 0)
		memcpy(state + STATE_MIN, message->last_error, len);
	return STATE_MIN + len;
}

int state_decode(const MDB_val *value, struct store_message *message, struct error *error)
{
	const unsigned char *state = value->mv_data;

	if (value->mv_size < STATE_MIN)
		return store_damaged(error, "message state");
	message->started = (state[0] & 1) != 0;
	message->told_to_wait = (state[0] & 2) != 0;
	message->attempts = int64_read(state + 1);
	message->not_before_ms = int64_read(state + 1 + INT_BYTES);
	free(message->last_error);
	message->last_error = value->mv_size == STATE_MIN
				  ? NULL
				  : xstrndup((const char *)state + STATE_MIN, value->mv_size - STATE_MIN);
	return 0;
}

int message_get_waiting(struct store_txn *txn, int64_t id, struct store_message *message, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	id_key(&key, id);
	found = table_get(txn, TABLE_OUTBOX, &key, &value, error);
	if (found != 1)
		return found;
	if (message_decode(id, &value, message, error) != 0)
		return -1;
	queue_key(&key, message);
	found = table_get(txn, TABLE_QUEUE, &key, &value, error);
	if (found == 0 || (found == 1 && state_decode(&value, message, error) == 0))
		return 1;
	store_message_free(message);
	return -1;
}
