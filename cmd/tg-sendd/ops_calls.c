/* POST /calls: what the bot answers to updates. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "sendd.h"
#include "xalloc.h"

enum {
	/* Answers to people are still taken when notifications are not: they empty the inbox. */
	CALLS_FULL_PERCENT = STORE_FULL_PERCENT + 10,
	INTERVAL_MAX_MS = 3600000,
};

/* The member of a call that is not a parameter of Telegram's. */
static const char own_member[] = "tgtools";

static const char *const class_names[STORE_CLASSES] = {
    [STORE_REPLY] = "reply", [STORE_NOTIFICATION] = "notification", [STORE_BULK] = "bulk"};

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Parameters that may be a file, and then come as file:///path. */
static const char *const file_parameters[] = {
    "photo", "document", "video", "audio", "animation", "voice", "sticker", NULL};

/* The parameter of a call that is a file, and its path; NULL where none is. */
static const char *file_parameter(struct json_object *call, const char **path)
{
	static const char scheme[] = "file://";

	for (const char *const *name = file_parameters; *name != NULL; name++) {
		const char *value =
		    json_object_is_type(call, json_type_object) ? json_text(call, *name) : NULL;

		if (value == NULL || strncmp(value, scheme, sizeof scheme - 1) != 0)
			continue;
		*path = value + sizeof scheme - 1;
		return *name;
	}
	return NULL;
}

static int take_file(struct sendd *sendd, struct op *op, struct json_object *call, struct error *error)
{
	const char *path, *parameter = file_parameter(call, &path), *slash;
	struct call_file *file;

	if (parameter == NULL)
		return 0;
	slash = strrchr(path, '/');
	file = xcalloc(1, sizeof *file);
	file->call = call;
	file->parameter = parameter;
	file->name = slash != NULL ? slash + 1 : path;
	file->next = op->call_files;
	op->call_files = file;
	if (spool_copy(sendd, "File", path, op->caller.uid, sendd->config->delivery.file_max_bytes,
		file->spool, &file->error) == 0)
		return 0;
	file->spool[0] = '\0';
	if (file->error.kind == ERROR_INPUT)
		return 0;
	*error = file->error;
	return -1;
}

/* The calls of a line: one of an update's, or the line itself. */
static size_t count_calls(const struct call *line, struct json_object **calls)
{
	*calls = NULL;
	if (line->is_update && json_object_object_get_ex(line->line, "calls", calls))
		return json_object_array_length(*calls);
	return 1;
}

static struct json_object *call_at(const struct call *line, struct json_object *calls, size_t i)
{
	return calls != NULL ? json_object_array_get_idx(calls, i) : line->line;
}

int op_take_call_files(struct sendd *sendd, struct op *op, struct error *error)
{
	for (size_t i = 0; i < op->calls_count; i++) {
		struct json_object *calls;
		size_t count = op->calls[i].error.text[0] == '\0' ? count_calls(&op->calls[i], &calls) : 0;

		for (size_t j = 0; j < count; j++) {
			if (take_file(sendd, op, call_at(&op->calls[i], calls, j), error) != 0)
				return -1;
		}
	}
	return 0;
}

/* Gives the message the file of its call; ERROR_INPUT where it could not be taken. */
static int add_file(
    struct op *op, struct json_object *call, struct store_message *message, struct error *error)
{
	for (struct call_file *file = op->call_files; file != NULL; file = file->next) {
		if (file->call != call)
			continue;
		if (file->error.text[0] != '\0') {
			*error = file->error;
			return -1;
		}
		file->is_used = true;
		message->files[0] =
		    (struct store_file){(char *)file->parameter, file->spool, (char *)file->name};
		message->files_count = 1;
	}
	return 0;
}

static int read_class(struct json_object *own, enum store_class *class, struct error *error)
{
	const char *name = NULL;
	int found = json_get_text(own, "class", &name, error);

	if (found < 1)
		return found;
	for (int i = 0; i < STORE_CLASSES; i++) {
		if (strcmp(name, class_names[i]) == 0) {
			*class = (enum store_class)i;
			return 0;
		}
	}
	return error_set(error, ERROR_INPUT, "\"class\" is reply, notification or bulk");
}

/* NULL, or how the call is made. */
static const char *read_method(struct json_object *call, struct error *error)
{
	const char *method = NULL;

	if (!json_object_is_type(call, json_type_object) ||
	    json_get_text(call, "method", &method, error) <= 0 || method[0] == '\0' ||
	    method[strspn(method, letters)] != '\0') {
		error_set(error, ERROR_INPUT, "a call needs a \"method\" of letters");
		return NULL;
	}
	return method;
}

/* What is queued where the call dies: one without files, for the same chat, and nothing beyond it. */
static int read_otherwise(
    struct json_object *own, int64_t chat, struct json_object **otherwise, struct error *error)
{
	int64_t its_chat = chat;
	const char *path;
	int found = json_get_object(own, "otherwise", otherwise, error);

	if (found < 1)
		return found;
	if (read_method(*otherwise, error) == NULL ||
	    json_get_int64(*otherwise, "chat_id", &its_chat, error) < 0)
		return -1;
	if (its_chat != chat)
		return error_set(error, ERROR_INPUT, "\"otherwise\" goes to the chat of its call");
	if (json_object_object_get_ex(*otherwise, own_member, NULL) ||
	    file_parameter(*otherwise, &path) != NULL)
		return error_set(error, ERROR_INPUT, "\"otherwise\" takes no file and no \"tgtools\"");
	return 0;
}

/* What a call says to us and not to Telegram; otherwise is borrowed. */
static int read_own(struct json_object *call, struct store_message *message, int64_t *interval_ms,
    struct json_object **otherwise, struct error *error)
{
	struct json_object *own = NULL;
	const char *key = NULL;
	int found = json_get_object(call, own_member, &own, error);

	*interval_ms = 0;
	if (found < 1)
		return found;
	if (read_class(own, &message->class, error) < 0 || json_get_text(own, "key", &key, error) < 0 ||
	    json_get_int64(own, "interval_ms", interval_ms, error) < 0 ||
	    read_otherwise(own, message->chat, otherwise, error) < 0)
		return -1;
	if (key != NULL && (key[0] == '\0' || strlen(key) > MESSAGE_KEY_MAX_BYTES))
		return error_set(error, ERROR_INPUT, "\"key\" has 1 to %d bytes", MESSAGE_KEY_MAX_BYTES);
	if (*interval_ms < 0 || *interval_ms > INTERVAL_MAX_MS)
		return error_set(error, ERROR_INPUT, "\"interval_ms\" is 0 to %d", INTERVAL_MAX_MS);
	message->key = (char *)key;
	return 0;
}

/* Says in broadcast that the call is for all linked chats; NULL: it is for one. */
static int read_broadcast(struct json_object *call, struct json_object **broadcast, struct error *error)
{
	struct json_object *own = NULL;
	int found = json_get_object(call, own_member, &own, error);

	*broadcast = NULL;
	return found == 1 ? json_get_object(own, "broadcast", broadcast, error) : found;
}

/*
 * A call without a chat waits for those that it could be confused with, and for no other: an answer to a tap,
 * for which somebody looks at a spinning button, for that of the same tap alone.
 */
static int64_t lane_of(struct json_object *call, const char *method)
{
	const char *tap = json_text(call, "callback_query_id");
	/* Of the menu of commands what was said last must stay. */
	const char *menu = strstr(method, "MyCommands");
	const char *name = tap != NULL ? tap : menu != NULL ? menu : method;
	uint32_t number = 2166136261U; /* FNV-1a */

	for (; *name != '\0'; name++)
		number = (number ^ (unsigned char)*name) * 16777619U;
	return sched_lane(number);
}

static struct json_object *call_parameters(struct json_object *call, const char *without)
{
	struct json_object *parameters = json_object_new_object();

	json_object_object_foreach(call, key, value)
	{
		if (strcmp(key, "method") != 0 && strcmp(key, "chat_id") != 0 &&
		    strcmp(key, own_member) != 0 && (without == NULL || strcmp(key, without) != 0))
			json_object_object_add(parameters, key, json_object_get(value));
	}
	return parameters;
}

/*
 * Queues one call of the bot; ERROR_INPUT says what is wrong with it, anything else ends the transaction. *id
 * 0: it became many.
 */
static int queue_call(struct sendd *sendd, struct store_txn *txn, struct op *op, struct json_object *call,
    const char *method, int64_t *id, struct error *error)
{
	struct store_message message = {.class = STORE_REPLY, .accepted_ms = clock_wall_ms(), .user = ""};
	struct json_object *otherwise = NULL, *broadcast;
	int64_t interval_ms;
	int result;

	if (json_get_int64(call, "chat_id", &message.chat, error) < 0 ||
	    read_own(call, &message, &interval_ms, &otherwise, error) != 0 ||
	    read_broadcast(call, &broadcast, error) < 0 || add_file(op, call, &message, error) != 0)
		return -1;
	/* Its chat may become another before it is needed. */
	if (otherwise != NULL) {
		json_object_object_del(otherwise, "chat_id");
		message.otherwise = (char *)json_line(otherwise);
	}
	message.method = (char *)method;
	if (message.chat == 0 && broadcast == NULL)
		message.chat = lane_of(call, method);
	message.parameters =
	    call_parameters(call, message.files_count > 0 ? message.files[0].parameter : NULL);
	if (broadcast != NULL)
		result = broadcast_queue(sendd, txn, op, broadcast, &message, error);
	else
		result = keyed_queue(sendd, txn, op, &message, interval_ms, error);
	json_object_put(message.parameters);
	*id = message.id;
	return result;
}

/* The same with a call that is made at once, and not kept. */
static int pass_call(
    struct sendd *sendd, struct store_txn *txn, struct json_object *call, struct error *error)
{
	struct json_object *parameters;
	int64_t chat = 0;
	int found = json_get_int64(call, "chat_id", &chat, error);

	if (found < 1)
		return found < 0 ? -1 : error_set(error, ERROR_INPUT, "a chat action needs a \"chat_id\"");
	if (store_chat_resolve(txn, &chat, error) != 0)
		return -1;
	parameters = call_parameters(call, NULL);
	effect_pass(sendd, chat, parameters);
	json_object_put(parameters);
	return 0;
}

/* *id 0: nothing was queued. */
static int take_call(struct sendd *sendd, struct store_txn *txn, struct op *op, struct json_object *call,
    int64_t *id, struct error *error)
{
	const char *method = read_method(call, error);

	*id = 0;
	if (method != NULL && passing_is(method))
		return pass_call(sendd, txn, call, error);
	return method != NULL ? queue_call(sendd, txn, op, call, method, id, error) : -1;
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
	struct json_object *calls, *ids = json_object_new_array();
	struct error call_error = {.text = ""};
	size_t count = count_calls(line, &calls);
	int64_t id = 0;

	for (size_t i = 0; i < count; i++) {
		if (take_call(sendd, txn, op, call_at(line, calls, i), &id, &call_error) == 0) {
			if (id != 0)
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
	int taken = op_answer_again(txn, op, error);

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
	return taken == 1 ? 0 : op_keep_answer(txn, op, "{}", error);
}
