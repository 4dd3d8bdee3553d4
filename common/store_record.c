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
	free(message->parameters_text);
	free(message->otherwise);
	json_object_put(message->parameters);
	*message = (struct store_message){0};
}

int store_message_parse(struct store_message *message, struct error *error)
{
	const char *text = message->parameters_text != NULL ? message->parameters_text : "{}";

	if (message->parameters != NULL)
		return 0;
	if (json_parse_object(text, strlen(text), "message", &message->parameters, error) != 0)
		return store_damaged(error, "message");
	return 0;
}

/*
 * A record: RECORD_VERSION, the numbers, the texts each with its '\0' (empty: none), the number of files, and
 * three texts for each of them. RECORD_OTHERWISE instead of RECORD_VERSION: one more text, otherwise.
 */
enum { RECORD_VERSION = 2, RECORD_OTHERWISE = 3, RECORD_NUMBERS = 9, RECORD_MAX = 64 << 20 };

static void put_numbers(struct buf *record, const struct store_message *message)
{
	const int64_t numbers[RECORD_NUMBERS] = {message->chat, message->class, message->accepted_ms,
	    message->due_ms, message->part, message->attempts, message->ended_ms, message->message_id,
	    message->uncertain};
	unsigned char bytes[INT_BYTES];

	for (size_t i = 0; i < RECORD_NUMBERS; i++) {
		int64_write(bytes, numbers[i]);
		buf_add(record, bytes, sizeof bytes);
	}
}

static void put_text(struct buf *record, const char *text)
{
	buf_add(record, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

static void encode(struct buf *record, const struct store_message *message)
{
	unsigned char version = message->otherwise != NULL ? RECORD_OTHERWISE : RECORD_VERSION;
	unsigned char files = (unsigned char)message->files_count;

	buf_add(record, &version, 1);
	put_numbers(record, message);
	put_text(record, message->user);
	put_text(record, message->script);
	put_text(record, message->target);
	put_text(record, message->key);
	put_text(record, message->reply_key);
	put_text(record, message->method);
	put_text(record, message->last_error);
	put_text(
	    record, message->parameters != NULL ? json_line(message->parameters) : message->parameters_text);
	buf_add(record, &files, 1);
	for (size_t i = 0; i < message->files_count; i++) {
		put_text(record, message->files[i].parameter);
		put_text(record, message->files[i].spool);
		put_text(record, message->files[i].name);
	}
	if (message->otherwise != NULL)
		put_text(record, message->otherwise);
}

int message_put(
    struct store_txn *txn, enum store_table table, const struct store_message *message, struct error *error)
{
	struct buf record = BUF_INIT(RECORD_MAX);
	struct store_key key;
	int result;

	encode(&record, message);
	id_key(&key, message->id);
	result = table_append(txn, table, &key, record.data, record.len, error);
	buf_free(&record);
	return result;
}

/* What is left of a record; bad once it ended too early. */
struct reader {
	const unsigned char *at, *end;
	bool bad;
};

static int64_t take_number(struct reader *reader)
{
	int64_t number = 0;

	if (reader->end - reader->at < INT_BYTES) {
		reader->bad = true;
		return 0;
	}
	number = int64_read(reader->at);
	reader->at += INT_BYTES;
	return number;
}

static unsigned take_byte(struct reader *reader)
{
	if (reader->at < reader->end)
		return *reader->at++;
	reader->bad = true;
	return 0;
}

/* A copy, or NULL where it is empty. */
static char *take_text(struct reader *reader)
{
	size_t left = (size_t)(reader->end - reader->at);
	const char *text = (const char *)reader->at;
	const unsigned char *nul = left > 0 ? memchr(text, '\0', left) : NULL;

	if (nul == NULL) {
		reader->bad = true;
		return NULL;
	}
	reader->at = nul + 1;
	return text[0] != '\0' ? xstrndup(text, (size_t)((const char *)nul - text)) : NULL;
}

static void take_files(struct reader *reader, struct store_message *message)
{
	unsigned count = take_byte(reader);

	reader->bad |= count > STORE_FILES_MAX;
	for (unsigned i = 0; i < count && !reader->bad; i++) {
		struct store_file *file = &message->files[message->files_count++];

		file->parameter = take_text(reader);
		file->spool = take_text(reader);
		file->name = take_text(reader);
		reader->bad |= file->parameter == NULL || file->spool == NULL || file->name == NULL;
	}
}

static void take_message(struct reader *reader, struct store_message *message)
{
	int64_t class;

	message->chat = take_number(reader);
	class = take_number(reader);
	reader->bad |= class < 0 || class >= STORE_CLASSES;
	message->class = reader->bad ? STORE_BULK : (enum store_class) class;
	message->accepted_ms = take_number(reader);
	message->due_ms = take_number(reader);
	message->part = take_number(reader);
	message->attempts = take_number(reader);
	message->ended_ms = take_number(reader);
	message->message_id = take_number(reader);
	message->uncertain = take_number(reader) != 0;
	message->user = take_text(reader);
	message->script = take_text(reader);
	message->target = take_text(reader);
	message->key = take_text(reader);
	message->reply_key = take_text(reader);
	message->method = take_text(reader);
	message->last_error = take_text(reader);
	message->parameters_text = take_text(reader);
	take_files(reader, message);
	if (message->user == NULL)
		message->user = xstrdup("");
}

int message_decode(int64_t id, const MDB_val *value, struct store_message *message, struct error *error)
{
	struct reader reader = {.at = value->mv_data};
	unsigned version;

	*message = (struct store_message){.id = id};
	reader.end = reader.at + value->mv_size;
	version = take_byte(&reader);
	reader.bad = version != RECORD_VERSION && version != RECORD_OTHERWISE;
	if (!reader.bad)
		take_message(&reader, message);
	if (!reader.bad && version == RECORD_OTHERWISE)
		message->otherwise = take_text(&reader);
	if (!reader.bad && message->method != NULL && reader.at == reader.end)
		return 0;
	store_message_free(message);
	return store_damaged(error, "message");
}

int message_is_uncertain(const MDB_val *value, struct error *error)
{
	const unsigned char *record = value->mv_data;

	if (value->mv_size < 1 + RECORD_NUMBERS * (size_t)INT_BYTES || record[0] != RECORD_VERSION)
		return store_damaged(error, "message");
	return int64_read(record + 1 + (RECORD_NUMBERS - 1) * (size_t)INT_BYTES) != 0;
}

size_t state_encode(const struct store_message *message, unsigned char state[STATE_MAX])
{
	size_t len = message->last_error ? strnlen(message->last_error, STATE_ERROR_MAX) : 0;

	state[0] = message->told_to_wait;
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
	message->told_to_wait = state[0] != 0;
	message->attempts = int64_read(state + 1);
	message->not_before_ms = int64_read(state + 1 + INT_BYTES);
	free(message->last_error);
	message->last_error = value->mv_size == STATE_MIN
				  ? NULL
				  : xstrndup((const char *)state + STATE_MIN, value->mv_size - STATE_MIN);
	return 0;
}

int message_take_state(
    struct store_txn *txn, const MDB_val *state, struct store_message *message, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	if (state_decode(state, message, error) != 0)
		return -1;
	id_key(&key, message->id);
	found = table_get(txn, TABLE_STARTED, &key, &value, error);
	if (found != 1)
		return found;
	if (value.mv_size != INT_BYTES)
		return store_damaged(error, "attempt");
	message->started = true;
	message->attempts = int64_read(value.mv_data);
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
	if (found == 0 || (found == 1 && message_take_state(txn, &value, message, error) == 0))
		return 1;
	store_message_free(message);
	return -1;
}
