#include "store_internal.h"

#include <string.h>

enum { STATE_BYTES = 2, NUMBERS = 3, HEAD_BYTES = STATE_BYTES + NUMBERS * INT_BYTES };

/* What it is. */
enum { FLAG_SERVER = 1, FLAG_PROGRAM = 2 };

/* state, flags, chat, thread, time; user and script, each with its '\0'; link_chat where there is one. */
static size_t encode(const struct store_job *job, unsigned char record[KEY_MAX_BYTES])
{
	size_t user_len = strnlen(job->user, sizeof job->user - 1) + 1;
	size_t script_len = strnlen(job->script, sizeof job->script - 1) + 1;

	record[0] = (unsigned char)job->state;
	record[1] =
	    (unsigned char)((job->is_server ? FLAG_SERVER : 0) | (job->is_program ? FLAG_PROGRAM : 0));
	int64_write(record + STATE_BYTES, job->chat);
	int64_write(record + STATE_BYTES + INT_BYTES, job->thread);
	int64_write(record + STATE_BYTES + 2 * INT_BYTES, job->started_ms);
	memcpy(record + HEAD_BYTES, job->user, user_len);
	memcpy(record + HEAD_BYTES + user_len, job->script, script_len);
	if (job->link_chat == 0)
		return HEAD_BYTES + user_len + script_len;
	int64_write(record + HEAD_BYTES + user_len + script_len, job->link_chat);
	return HEAD_BYTES + user_len + script_len + INT_BYTES;
}

/* Moves *at behind a text and its '\0'; false where it is no such text or does not fit. */
static bool take_text(const unsigned char **at, const unsigned char *end, char *text, size_t size)
{
	const unsigned char *nul = memchr(*at, '\0', (size_t)(end - *at));
	size_t len = nul != NULL ? (size_t)(nul - *at) + 1 : 0;

	if (len < 1 || len > size)
		return false;
	memcpy(text, *at, len);
	*at = nul + 1;
	return true;
}

int job_decode(const struct store_key *key, const MDB_val *value, struct store_job *job, struct error *error)
{
	const unsigned char *record = value->mv_data, *at = record + HEAD_BYTES,
			    *end = record + value->mv_size;

	if (key->len != INT_BYTES || value->mv_size <= HEAD_BYTES || record[0] >= STORE_JOB_STATES)
		return store_damaged(error, "job");
	*job = (struct store_job){.id = int64_read(key->bytes),
	    .state = (enum store_job_state)record[0],
	    .is_server = (record[1] & FLAG_SERVER) != 0,
	    .is_program = (record[1] & FLAG_PROGRAM) != 0,
	    .chat = int64_read(record + STATE_BYTES),
	    .thread = int64_read(record + STATE_BYTES + INT_BYTES),
	    .started_ms = int64_read(record + STATE_BYTES + 2 * INT_BYTES)};
	if (!take_text(&at, end, job->user, sizeof job->user) ||
	    !take_text(&at, end, job->script, sizeof job->script) || job->script[0] == '\0' ||
	    (job->user[0] == '\0' && !job->is_program) || (at != end && end - at != INT_BYTES))
		return store_damaged(error, "job");
	if (at != end)
		job->link_chat = int64_read(at);
	return 0;
}

static int job_put(struct store_txn *txn, const struct store_job *job, struct error *error)
{
	unsigned char record[KEY_MAX_BYTES];
	size_t len = encode(job, record);
	struct store_key key;

	id_key(&key, job->id);
	return table_put(txn, TABLE_JOBS, &key, record, len, error);
}

int store_job_add(struct store_txn *txn, struct store_job *job, struct error *error)
{
	int64_t next = 1;

	if (meta_get_int64(txn, "next_job", &next, error) < 0)
		return -1;
	job->id = next;
	if (meta_put_int64(txn, "next_job", next + 1, error) != 0)
		return -1;
	return job_put(txn, job, error);
}

int store_job_set(struct store_txn *txn, int64_t id, enum store_job_state state, struct error *error)
{
	struct store_job job;
	struct store_key key;
	MDB_val value;
	int found;

	id_key(&key, id);
	found = table_get(txn, TABLE_JOBS, &key, &value, error);
	if (found != 1)
		return found;
	if (job_decode(&key, &value, &job, error) != 0)
		return -1;
	job.state = state;
	return job_put(txn, &job, error) == 0 ? 1 : -1;
}

int store_job_remove(struct store_txn *txn, int64_t id, struct error *error)
{
	struct store_key key;

	id_key(&key, id);
	return table_remove(txn, TABLE_JOBS, &key, error);
}

int store_job_next(struct store_txn *txn, int64_t after_id, struct store_job *job, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	if (after_id == INT64_MAX)
		return 0;
	id_key(&key, after_id + 1);
	found = table_seek(txn, TABLE_JOBS, &key, &value, error);
	if (found != 1)
		return found;
	return job_decode(&key, &value, job, error) == 0 ? 1 : -1;
}
