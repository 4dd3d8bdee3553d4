/* What requests do to the store, each inside the batch's transaction; they may be applied more than once. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "json.h"
#include "log.h"
#include "sendd.h"
#include "texts.h"
#include "xalloc.h"

enum {
	CHATS_MAX = 64,
	ANSWER_MAX = 64 << 10,
	/* Answers to people are still taken when notifications are not: they empty the inbox. */
	CALLS_FULL_PERCENT = STORE_FULL_PERCENT + 10
};

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

struct op *op_new(struct httpd_request *request)
{
	struct op *op = xcalloc(1, sizeof *op);

	op->request = request;
	op->spool_fd = -1;
	return op;
}

void op_reset(struct op *op)
{
	json_object_put(op->answer);
	op->answer = NULL;
	op->status = 200;
	op->queued_count = 0;
	op->spool_used = false;
}

void op_free(struct sendd *sendd, struct op *op)
{
	if (op->request != NULL)
		op->request->state = NULL;
	fd_close(&op->spool_fd);
	if (op->spool[0] != '\0' && !op->spool_used)
		store_spool_remove(sendd->store, op->spool);
	for (size_t i = 0; i < op->calls_count; i++)
		json_object_put(op->calls[i].line);
	free(op->calls);
	free(op->queued);
	json_object_put(op->answer);
	json_object_put(op->parameters);
	json_object_put(op->body);
	free(op);
}

int op_fail(struct op *op, int status, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	json_object_put(op->answer);
	op->answer = json_object_new_object();
	op->status = status;
	json_put_text(op->answer, "error", text);
	return 0;
}

static void ok(struct op *op)
{
	op->answer = json_object_new_object();
	json_put_bool(op->answer, "ok", true);
}

static int fail_unlinked(struct op *op)
{
	return op_fail(op, 404, "User '%s' has no linked Telegram", op->user);
}

/* ---- queueing ---- */

static int queue(struct store_txn *txn, struct op *op, struct store_message *message, struct error *error)
{
	if (store_outbox_add(txn, message, error) != 0)
		return -1;
	if (op->queued_count == op->queued_size) {
		op->queued_size = op->queued_size ? op->queued_size * 2 : 4;
		op->queued = xreallocarray(op->queued, op->queued_size, sizeof *op->queued);
	}
	op->queued[op->queued_count++] = (struct queued){message->chat, message->class};
	return 0;
}

/* A message from the service itself to a chat. */
static int queue_notice(struct sendd *sendd, struct store_txn *txn, struct op *op, int64_t chat,
    enum text_id text, struct error *error)
{
	const struct text_value values[] = {{"user", op->user}, {NULL, NULL}};
	struct buf line = BUF_INIT(TEXT_MAX_BYTES);
	struct json_object *entities = json_object_new_array();
	struct store_message message = {.chat = chat,
	    .class = STORE_REPLY,
	    .accepted_ms = clock_wall_ms(),
	    .user = "",
	    .method = (char *)message_method(MESSAGE_TEXT),
	    .parameters = json_object_new_object()};
	int result = text_format(text_get(sendd->config, text), values, &line, entities, error);

	json_put_text(message.parameters, "text", buf_text(&line));
	json_object_object_add(message.parameters, "entities", entities);
	if (result == 0)
		result = queue(txn, op, &message, error);
	json_object_put(message.parameters);
	buf_free(&line);
	return result;
}

/* ---- the idempotency key ---- */

/* 1 where the key was used before: its first answer is given again. */
static int answer_again(struct store_txn *txn, struct op *op, struct error *error)
{
	struct buf line = BUF_INIT(ANSWER_MAX);
	int found = 0;

	if (op->key[0] != '\0')
		found = store_key_get(txn, op->caller.name, op->key, &line, error);
	if (found == 1 && json_parse(line.data, line.len, "stored answer", &op->answer, error) != 0)
		found = -1;
	buf_free(&line);
	return found;
}

static int keep_answer(struct store_txn *txn, struct op *op, const char *line, struct error *error)
{
	if (op->key[0] == '\0' || op->status != 200)
		return 0;
	return store_key_put(txn, op->caller.name, op->key, line, strlen(line), clock_wall_ms(), error);
}

/* ---- /send, /send_photo, /send_document ---- */

struct recipients {
	int64_t chats[CHATS_MAX];
	size_t count, paused;
};

static bool add_recipient(void *context, const struct store_link *link)
{
	struct recipients *to = context;

	if (link->paused)
		to->paused++;
	else
		to->chats[to->count++] = link->chat;
	return to->count < CHATS_MAX;
}

static int find_recipients(
    struct store_txn *txn, const struct op *op, struct recipients *to, struct error *error)
{
	if (op->target == NULL)
		return store_links_each(txn, op->user, add_recipient, to, error);
	to->chats[to->count++] = op->target->chat;
	return 0;
}

/* Every message has a file of its own, so that each can go when its message has gone. */
static int file_for(struct sendd *sendd, struct op *op, char name[STORE_USER_BYTES], struct error *error)
{
	if (!op->spool_used) {
		op->spool_used = true;
		memcpy(name, op->spool, STORE_USER_BYTES);
		return 0;
	}
	return store_spool_link(sendd->store, op->spool, name, error);
}

static int queue_for(
    struct sendd *sendd, struct store_txn *txn, struct op *op, int64_t chat, int64_t *id, struct error *error)
{
	char spool[STORE_USER_BYTES] = "";
	struct store_message message = {
	    .chat = chat,
	    .class = STORE_NOTIFICATION,
	    .accepted_ms = clock_wall_ms(),
	    .user = op->user,
	    .script = (char *)op->fields.script,
	    .target = op->target != NULL ? op->target->name : NULL,
	    .method = (char *)message_method(op->kind),
	    .parameters = op->parameters,
	};

	if (op->spool[0] != '\0') {
		if (file_for(sendd, op, spool, error) != 0)
			return -1;
		message.file_spool = spool;
		message.file_parameter = (char *)message_file_parameter(op->kind);
		message.file_name = (char *)(op->fields.file_name ? op->fields.file_name : "file");
	}
	if (queue(txn, op, &message, error) != 0)
		return -1;
	*id = message.id;
	return 0;
}

static int queue_for_all(struct sendd *sendd, struct store_txn *txn, struct op *op,
    const struct recipients *to, struct error *error)
{
	struct json_object *ids = json_object_new_array();
	int64_t id, first = 0;

	for (size_t i = 0; i < to->count; i++) {
		if (queue_for(sendd, txn, op, to->chats[i], &id, error) != 0) {
			json_object_put(ids);
			return -1;
		}
		first = first ? first : id;
		json_object_array_add(ids, json_object_new_int64(id));
	}
	ok(op);
	json_put_int64(op->answer, "id", first);
	if (to->count > 1)
		json_object_object_add(op->answer, "ids", ids);
	else
		json_object_put(ids);
	return 0;
}

/* 1: go on; 0: there is an answer. */
static int check_recipients(struct sendd *sendd, struct store_txn *txn, struct op *op,
    const struct recipients *to, struct error *error)
{
	int64_t count, quota = sendd->config->delivery.user_quota;

	if (to->count == 0 && to->paused == 0)
		return fail_unlinked(op);
	if (to->count == 0)
		return op_fail(op, 403,
		    "Telegram refuses messages to '%s'; unblock the bot or send it /start, then try again",
		    op->user);
	if (store_outbox_count(txn, op->user, &count, error) != 0)
		return -1;
	if (count + (int64_t)to->count > quota)
		return op_fail(op, 429, "'%s' has %lld messages waiting, the most that may; try again later",
		    op->user, (long long)count);
	return 1;
}

/* 1: go on; 0: suppressed. */
static int claim_cooldown(struct store_txn *txn, struct op *op, struct error *error)
{
	int64_t left_ms = 0;
	int claimed;

	if (!op->fields.has_cooldown || op->fields.cooldown_ms == 0)
		return 1;
	claimed = store_cooldown_claim(
	    txn, op->user, op->fields.script, clock_wall_ms(), op->fields.cooldown_ms, &left_ms, error);
	if (claimed != 0)
		return claimed;
	ok(op);
	json_put_bool(op->answer, "suppressed", true);
	json_put_int64(op->answer, "retry_after", (left_ms + 999) / 1000);
	return 0;
}

int op_send(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	struct recipients to = {.count = 0};
	int go_on = answer_again(txn, op, error);

	if (go_on != 0)
		return go_on < 0 ? -1 : 0;
	if (store_used_percent(sendd->store) >= STORE_FULL_PERCENT)
		return op_fail(op, 503, "the store is full; try again later");
	if (find_recipients(txn, op, &to, error) != 0)
		return -1;
	go_on = check_recipients(sendd, txn, op, &to, error);
	if (go_on == 1)
		go_on = claim_cooldown(txn, op, error);
	if (go_on == 1)
		go_on = queue_for_all(sendd, txn, op, &to, error);
	if (go_on < 0)
		return -1;
	return keep_answer(txn, op, json_line(op->answer), error);
}

/* ---- /calls ---- */

/* Parameters that may be a file, and then come as file:///path. */
static const char *const file_parameters[] = {
    "photo", "document", "video", "audio", "animation", "voice", "sticker", NULL};

/* 1 where the call has a file, which is then in the spool; its name goes to Telegram without its directory.
 */
static int take_call_file(struct sendd *sendd, const struct op *op, struct json_object *call,
    struct store_message *message, char spool[STORE_USER_BYTES], struct error *error)
{
	static const char scheme[] = "file://";

	for (const char *const *name = file_parameters; *name != NULL; name++) {
		const char *value = json_text(call, *name);

		if (value == NULL || strncmp(value, scheme, sizeof scheme - 1) != 0)
			continue;
		value += sizeof scheme - 1;
		if (spool_copy(sendd, "File", value, op->caller.uid, FILE_MAX_BYTES, spool, error) != 0)
			return -1;
		message->file_parameter = (char *)*name;
		message->file_spool = spool;
		message->file_name = strrchr(value, '/') + 1;
		return 1;
	}
	return 0;
}

static struct json_object *call_parameters(struct json_object *call, const char *without)
{
	struct json_object *parameters = json_object_new_object();

	json_object_object_foreach(call, key, value)
	{
		if (strcmp(key, "method") != 0 && strcmp(key, "chat_id") != 0 &&
		    (without == NULL || strcmp(key, without) != 0))
			json_object_object_add(parameters, key, json_object_get(value));
	}
	return parameters;
}

/* Queues one call of the bot; ERROR_INPUT says what is wrong with it, anything else ends the transaction. */
static int queue_call(struct sendd *sendd, struct store_txn *txn, struct op *op, struct json_object *call,
    int64_t *id, struct error *error)
{
	struct store_message message = {.class = STORE_REPLY, .accepted_ms = clock_wall_ms(), .user = ""};
	char spool[STORE_USER_BYTES];
	const char *method = NULL;
	int result;

	if (!json_object_is_type(call, json_type_object) ||
	    json_get_text(call, "method", &method, error) <= 0 || method[0] == '\0' ||
	    method[strspn(method, letters)] != '\0')
		return error_set(error, ERROR_INPUT, "a call needs a \"method\" of letters");
	if (json_get_int64(call, "chat_id", &message.chat, error) < 0 ||
	    take_call_file(sendd, op, call, &message, spool, error) < 0)
		return -1;
	message.method = (char *)method;
	message.parameters = call_parameters(call, message.file_parameter);
	result = queue(txn, op, &message, error);
	json_object_put(message.parameters);
	*id = message.id;
	return result;
}

static void result_failed(struct json_object *result, const char *text)
{
	log_warning("call refused", LOG_STR("error", text));
	json_put_bool(result, "ok", false);
	json_put_text(result, "error", text);
}

static void result_duplicate(struct json_object *result)
{
	json_put_bool(result, "ok", true);
	json_put_bool(result, "duplicate", true);
}

/* Queues the calls of one line; what is wrong with one of them is told and does not stop the others. */
static int queue_calls(struct sendd *sendd, struct store_txn *txn, struct op *op, const struct call *line,
    struct json_object *result, struct error *error)
{
	struct json_object *calls = NULL, *ids = json_object_new_array();
	struct error call_error = {.text = ""};
	size_t count = 1;
	int64_t id = 0;

	if (line->is_update && json_object_object_get_ex(line->line, "calls", &calls))
		count = json_object_array_length(calls);
	for (size_t i = 0; i < count; i++) {
		struct json_object *call = calls ? json_object_array_get_idx(calls, i) : line->line;

		if (queue_call(sendd, txn, op, call, &id, &call_error) == 0) {
			json_object_array_add(ids, json_object_new_int64(id));
		} else if (call_error.kind != ERROR_INPUT) {
			json_object_put(ids);
			*error = call_error;
			return -1;
		}
	}
	if (call_error.text[0] != '\0')
		result_failed(result, call_error.text);
	else
		json_put_bool(result, "ok", true);
	json_object_object_add(result, "ids", ids);
	return 0;
}

static int apply_line(struct sendd *sendd, struct store_txn *txn, struct op *op, const struct call *line,
    struct json_object *result, struct error *error)
{
	int removed = 1;

	if (line->error.text[0] != '\0') {
		result_failed(result, line->error.text);
		return 0;
	}
	if (line->is_update)
		removed = store_inbox_remove(txn, line->update_id, error);
	if (removed < 0)
		return -1;
	if (removed == 1)
		return queue_calls(sendd, txn, op, line, result, error);
	/* U3 already: the same update was handled twice, and the first one counts. */
	result_duplicate(result);
	return 0;
}

/* A request that comes again is kept as its key alone: all of it was taken, and so each line is a duplicate.
 */
int op_calls(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	struct json_object *results;
	int taken = answer_again(txn, op, error);

	if (taken < 0)
		return -1;
	if (taken == 0 && store_used_percent(sendd->store) >= CALLS_FULL_PERCENT)
		return op_fail(op, 503, "the store is full; try again later");
	if (taken == 0)
		op->answer = json_object_new_object();
	results = json_object_new_array();
	json_object_object_add(op->answer, "results", results);
	for (size_t i = 0; i < op->calls_count; i++) {
		struct json_object *result = json_object_new_object();

		json_object_array_add(results, result);
		if (taken == 1)
			result_duplicate(result);
		else if (apply_line(sendd, txn, op, &op->calls[i], result, error) != 0)
			return -1;
	}
	return taken == 1 ? 0 : keep_answer(txn, op, "{}", error);
}

/* ---- links ---- */

static int link_chat(struct sendd *sendd, struct store_txn *txn, struct op *op, const struct store_code *code,
    struct error *error)
{
	struct store_link link = {.chat = code->chat, .linked_ms = clock_wall_ms()};

	memcpy(link.user, op->user, sizeof link.user);
	memcpy(link.chat_name, code->chat_name, sizeof link.chat_name);
	if (store_link_put(txn, &link, error) != 0)
		return -1;
	if (queue_notice(sendd, txn, op, code->chat, TEXT_LINKED, error) != 0)
		return -1;
	ok(op);
	json_put_text(op->answer, "message", "Telegram linked successfully.");
	return 0;
}

int op_verify(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	struct store_code code;

	if (store_code_take(
		txn, op->user, op->code, clock_wall_ms(), sendd->config->codes.tries, &code, error) != 0)
		return -1;
	if (code.result == STORE_CODE_TAKEN)
		return link_chat(sendd, txn, op, &code, error);
	if (code.result == STORE_CODE_WRONG)
		return op_fail(op, 400, "Invalid or expired verification code.");
	op_fail(op, 429, "Too many wrong codes");
	json_put_int64(op->answer, "retry_after", (code.wait_ms + 999) / 1000);
	return 0;
}

static bool collect_chat(void *context, const struct store_link *link)
{
	struct recipients *to = context;

	to->chats[to->count++] = link->chat;
	return to->count < CHATS_MAX;
}

int op_unlink(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	struct recipients to = {.count = 0};

	if (store_links_each(txn, op->user, collect_chat, &to, error) != 0)
		return -1;
	if (to.count == 0)
		return fail_unlinked(op);
	for (size_t i = 0; i < to.count; i++) {
		if (store_link_remove(txn, to.chats[i], error) < 0 ||
		    queue_notice(sendd, txn, op, to.chats[i], TEXT_UNLINKED, error) != 0)
			return -1;
	}
	ok(op);
	json_put_text(op->answer, "message", "Telegram unlinked.");
	return 0;
}
