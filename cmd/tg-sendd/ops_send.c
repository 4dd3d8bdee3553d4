/* POST /send, /send_photo, /send_document, /files, /delete. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "sendd.h"

enum { NAME_BYTES = 2 * crypto_generichash_BYTES + 8 };

/* ---- who gets it ---- */

static bool add_recipient(void *context, const struct store_link *link)
{
	struct recipients *to = context;

	if (link->paused)
		to->paused++;
	else
		to->chats[to->count++] = link->chat;
	return to->count < RECIPIENTS_MAX;
}

int op_recipients(struct store_txn *txn, const struct op *op, struct recipients *to, struct error *error)
{
	*to = (struct recipients){.count = 0};
	if (op->target == NULL)
		return store_links_each(txn, op->user, add_recipient, to, error);
	to->chats[to->count++] = op->target->chat;
	return store_chat_resolve(txn, &to->chats[0], error);
}

/* Those of its messages that will take the place of one that waits, and so need no more room. */
static int count_replaced(struct store_txn *txn, const struct op *op, const struct recipients *to,
    int64_t *replaced, struct error *error)
{
	struct store_sent sent;

	*replaced = 0;
	if (op->fields.key == NULL || op->fields.in != NULL || op->fields.at != NULL)
		return 0;
	for (size_t i = 0; i < to->count * op->parts.count; i++) {
		int found = store_sent_get(txn, op->user, op->fields.key, to->chats[i / op->parts.count],
		    (int64_t)(i % op->parts.count), &sent, error);

		if (found < 0)
			return -1;
		*replaced += found == 1 && sent.queued_id != 0;
	}
	return 0;
}

/* 1: go on; 0: there is an answer. */
static int check_recipients(struct sendd *sendd, struct store_txn *txn, struct op *op,
    const struct recipients *to, struct error *error)
{
	int64_t count, replaced, quota = sendd->config->delivery.user_quota;

	if (to->count == 0 && to->paused == 0)
		return op_fail_unlinked(op);
	if (to->count == 0)
		return op_fail(op, 403,
		    "Telegram refuses messages to '%s'; unblock the bot or send it /start, then try again",
		    op->user);
	if (store_outbox_count(txn, op->user, &count, error) != 0 ||
	    count_replaced(txn, op, to, &replaced, error) != 0)
		return -1;
	if (count + (int64_t)(to->count * op->parts.count) - replaced > quota)
		return op_fail(op, 429, "'%s' has %lld messages waiting, the most that may; try again later",
		    op->user, (long long)count);
	return 1;
}

/* ---- cooldowns ---- */

/* What a cooldown counts for: a script, what has the same key, or what says the same. */
static void cooldown_name(const struct op *op, char name[NAME_BYTES])
{
	const struct message_fields *fields = &op->fields;
	unsigned char hash[crypto_generichash_BYTES];
	crypto_generichash_state state;
	const char *const texts[] = {fields->to, fields->title, fields->text};

	if (fields->script != NULL || fields->key != NULL) {
		/* No name of a script starts with a colon. */
		snprintf(name, NAME_BYTES, "%s%s", fields->script != NULL ? "" : ":",
		    fields->script != NULL ? fields->script : fields->key);
		return;
	}
	crypto_generichash_init(&state, NULL, 0, sizeof hash);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		const char *text = texts[i] != NULL ? texts[i] : "";

		crypto_generichash_update(&state, (const unsigned char *)text, strlen(text) + 1);
	}
	crypto_generichash_final(&state, hash, sizeof hash);
	name[0] = name[1] = ':';
	sodium_bin2hex(name + 2, NAME_BYTES - 2, hash, sizeof hash);
}

/* 1: go on; 0: suppressed. */
static int claim_cooldown(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	char name[NAME_BYTES];
	int64_t left_ms = 0;
	int claimed;

	if (!op->fields.has_cooldown || op->fields.cooldown_ms == 0)
		return 1;
	cooldown_name(op, name);
	claimed = store_cooldown_claim(
	    txn, op->user, name, clock_wall_ms(), op->fields.cooldown_ms, &left_ms, error);
	if (claimed != 0)
		return claimed;
	op_ok(op);
	json_put_bool(op->answer, "suppressed", true);
	json_put_int64(op->answer, "retry_after", (left_ms + 999) / 1000);
	sendd->metrics.suppressed++;
	return 0;
}

/* ---- files ---- */

/* Each that came before must be there, of the same account. 1: go on; 0: there is an answer. */
static int find_staged(struct store_txn *txn, struct op *op, int64_t picture_max_bytes, struct error *error)
{
	for (size_t i = 0; i < op->fields.files_count; i++) {
		struct op_file *file = &op->files[i];
		struct store_staged staged;
		int found;

		if (!file->is_staged)
			continue;
		found = store_staged_get(txn, op->caller.name, file->spool, &staged, error);
		if (found == 0)
			op_fail(op, 409, "there is no file '%s' (any more)", file->spool);
		if (found != 1)
			return found;
		if (op->fields.files[i].is_photo && staged.size_bytes > picture_max_bytes)
			return op_fail(op, 413, "'%s' is larger than a picture may be, %lld MB", file->name,
			    (long long)picture_max_bytes >> 20);
		if (op->fields.files[i].name == NULL)
			snprintf(file->name, sizeof file->name, "%s", staged.name);
	}
	return 1;
}

static int forget_staged(struct store_txn *txn, struct op *op, struct error *error)
{
	for (size_t i = 0; i < op->fields.files_count; i++) {
		if (op->files[i].is_staged &&
		    store_staged_remove(txn, op->caller.name, op->files[i].spool, error) < 0)
			return -1;
	}
	return 0;
}

/* They came for this message alone, and nobody will ask for them again. */
static int drop_staged(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	for (size_t i = 0; i < op->fields.files_count; i++) {
		int removed = op->files[i].is_staged
				  ? store_staged_remove(txn, op->caller.name, op->files[i].spool, error)
				  : 0;

		if (removed < 0)
			return -1;
		if (removed == 1)
			effect_drop(sendd, op->files[i].spool);
	}
	return 0;
}

/* Every message has a file of its own, so that each can go when its message has gone. */
static int file_for(
    struct sendd *sendd, struct op_file *file, char name[STORE_USER_BYTES], struct error *error)
{
	if (!file->is_used) {
		file->is_used = true;
		memcpy(name, file->spool, STORE_USER_BYTES);
		return 0;
	}
	return store_spool_link(sendd->store, file->spool, name, error);
}

/* The names that the files of one message have; the message borrows them. */
struct file_names {
	char spool[STORE_FILES_MAX][STORE_USER_BYTES];
	char parameter[STORE_FILES_MAX][MESSAGE_ATTACH_BYTES];
};

static int add_files(struct sendd *sendd, struct op *op, const struct message_part *part,
    struct store_message *message, struct file_names *names, struct error *error)
{
	bool is_document = part->document != NULL;
	size_t count = is_document ? 1 : part->files_count;

	for (size_t i = 0; i < count; i++) {
		struct op_file *file = &op->files[is_document ? OP_DOCUMENT : part->first_file + i];

		if (file_for(sendd, file, names->spool[i], error) != 0)
			return -1;
		if (count > 1)
			message_attach_name(i, names->parameter[i]);
		else
			snprintf(names->parameter[i], sizeof names->parameter[i], "%s",
			    message_file_parameter(
				!is_document && op->fields.files[part->first_file].is_photo));
		message->files[i] = (struct store_file){names->parameter[i], names->spool[i], file->name};
	}
	message->files_count = count;
	return 0;
}

/* ---- the messages ---- */

static int64_t due_of(const struct message_fields *fields, int64_t now_ms)
{
	int64_t due_ms = fields->in_ms > 0 ? now_ms + fields->in_ms : fields->at_ms;

	return due_ms > now_ms ? due_ms : 0;
}

static int queue_part(struct sendd *sendd, struct store_txn *txn, struct op *op, int64_t chat, size_t index,
    struct error *error)
{
	const struct message_part *part = &op->parts.items[index];
	struct file_names names;
	struct store_message message = {
	    .chat = chat,
	    .class = op->fields.bulk ? STORE_BULK : STORE_NOTIFICATION,
	    .accepted_ms = clock_wall_ms(),
	    .user = op->user,
	    .script = (char *)op->fields.script,
	    .target = op->target != NULL ? op->target->name : NULL,
	    .key = (char *)op->fields.key,
	    .part = (int64_t)index,
	    .reply_key = index == 0 ? (char *)op->fields.reply_to : NULL,
	    .method = (char *)part->method,
	    .parameters = part->parameters,
	};

	message.due_ms = due_of(&op->fields, message.accepted_ms);
	if (add_files(sendd, op, part, &message, &names, error) != 0)
		return -1;
	return keyed_queue(sendd, txn, op, &message, 0, error);
}

static void answer_ids(struct op *op)
{
	struct json_object *ids;

	op_ok(op);
	json_put_int64(op->answer, "id", op->ids_count > 0 ? op->ids[0] : 0);
	if (op->ids_count < 2)
		return;
	ids = json_object_new_array();
	for (size_t i = 0; i < op->ids_count; i++)
		json_object_array_add(ids, json_object_new_int64(op->ids[i]));
	json_object_object_add(op->answer, "ids", ids);
}

/* All parts for one chat; what there was under the key beyond them is taken back. */
static int queue_for(
    struct sendd *sendd, struct store_txn *txn, struct op *op, int64_t chat, struct error *error)
{
	int64_t taken_back = 0;
	size_t ids_count;

	for (size_t i = 0; i < op->parts.count; i++) {
		if (queue_part(sendd, txn, op, chat, i, error) != 0)
			return -1;
	}
	if (op->fields.key == NULL || due_of(&op->fields, clock_wall_ms()) != 0)
		return 0;
	ids_count = op->ids_count;
	if (keyed_take_back(
		sendd, txn, op, op->fields.key, &chat, (int64_t)op->parts.count, &taken_back, error) != 0)
		return -1;
	op->ids_count = ids_count;
	return 0;
}

static int queue_for_all(struct sendd *sendd, struct store_txn *txn, struct op *op,
    const struct recipients *to, struct error *error)
{
	if (forget_staged(txn, op, error) != 0)
		return -1;
	if (op->fields.script != NULL &&
	    store_script_sent(txn, op->user, op->fields.script, clock_wall_ms(), error) != 0)
		return -1;
	for (size_t i = 0; i < to->count; i++) {
		if (queue_for(sendd, txn, op, to->chats[i], error) != 0)
			return -1;
	}
	answer_ids(op);
	return 0;
}

/* Who asks again may wait again for what the first request queued. */
static void note_ids_again(struct op *op)
{
	struct json_object *ids = NULL;
	int64_t id = json_int64(op->answer, "id");

	op->is_repeated = true;
	if (!json_object_object_get_ex(op->answer, "ids", &ids) ||
	    !json_object_is_type(ids, json_type_array)) {
		if (id != 0)
			op_note_id(op, id);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(ids); i++)
		op_note_id(op, json_object_get_int64(json_object_array_get_idx(ids, i)));
}

int op_send(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	struct recipients to;
	int go_on = op_answer_again(txn, op, error);

	if (go_on < 0)
		return -1;
	if (go_on == 1) {
		note_ids_again(op);
		return drop_staged(sendd, txn, op, error);
	}
	if (store_used_percent(sendd->store) >= STORE_FULL_PERCENT)
		return op_fail(op, 503, "the store is full; try again later");
	if (op_recipients(txn, op, &to, error) != 0)
		return -1;
	go_on = check_recipients(sendd, txn, op, &to, error);
	if (go_on == 1)
		go_on = find_staged(txn, op, sendd->config->delivery.picture_max_bytes, error);
	if (go_on == 1)
		go_on = claim_cooldown(sendd, txn, op, error);
	if (go_on == 1)
		go_on = queue_for_all(sendd, txn, op, &to, error);
	/* Where the request is wrong it can be made again, with the same files. */
	if (go_on == 0 && op->status != 409 && op->status != 413)
		go_on = drop_staged(sendd, txn, op, error);
	if (go_on < 0)
		return -1;
	return op_keep_answer(txn, op, json_line(op->answer), error);
}

/* ---- /files ---- */

/* 1: it waits for its message, 0: there is an answer. */
static int keep_staged(
    struct sendd *sendd, struct store_txn *txn, struct op *op, int64_t size_bytes, struct error *error)
{
	struct op_file *file = &op->files[0];
	struct store_staged staged = {
	    .size_bytes = size_bytes, .staged_ms = clock_wall_ms(), .part = op->number};
	int stored;

	if (store_used_percent(sendd->store) >= STORE_FULL_PERCENT)
		return op_fail(op, 503, "the store is full; try again later");
	snprintf(staged.name, sizeof staged.name, "%s", file->name);
	snprintf(staged.key, sizeof staged.key, "%s", op->key);
	stored =
	    store_staged_put(txn, op->caller.name, file->spool, &staged, effect_drop_spool, sendd, error);
	if (stored == 0)
		return op_fail(op, 429, "'%s' has %d files waiting for their message, the most that may",
		    op->caller.name, STORE_STAGED_MAX);
	file->is_used = stored == 1;
	return stored;
}

int op_stage(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	int64_t size_bytes = op->request != NULL ? op->request->body_len : 0;
	int go_on = op_answer_again(txn, op, error);

	/* Its message was taken, and will be answered again without a look at its files. */
	if (go_on == 1)
		json_object_put(op->answer);
	else if (go_on == 0)
		go_on = keep_staged(sendd, txn, op, size_bytes, error);
	if (go_on != 1)
		return go_on;
	op_ok(op);
	json_put_text(op->answer, "file", op->files[0].spool);
	json_put_int64(op->answer, "size", size_bytes);
	return 0;
}

/* ---- /delete ---- */

int op_delete(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	int64_t count = 0;
	int64_t chat = op->target != NULL ? op->target->chat : 0;

	if (op->target != NULL && store_chat_resolve(txn, &chat, error) != 0)
		return -1;
	if (keyed_take_back(
		sendd, txn, op, op->fields.key, op->target != NULL ? &chat : NULL, 0, &count, error) != 0)
		return -1;
	if (count == 0)
		return op_fail(op, 404, "nothing is known under the key '%s'", op->fields.key);
	op_ok(op);
	json_put_int64(op->answer, "deleted", count);
	return 0;
}
