/* Ops: what requests do to the store, inside the batch's transaction; they may be applied more than once. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "json.h"
#include "sendd.h"
#include "xalloc.h"

enum { ANSWER_MAX = 64 << 10 };

struct op *op_new(struct httpd_request *request)
{
	struct op *op = xcalloc(1, sizeof *op);

	op->request = request;
	op->sink_fd = -1;
	return op;
}

void op_reset(struct op *op)
{
	json_object_put(op->answer);
	op->answer = NULL;
	op->status = 200;
	op->ids_count = 0;
	op->broadcast_count = 0;
	op->is_repeated = false;
	for (struct call_file *file = op->call_files; file != NULL; file = file->next)
		file->is_used = false;
	for (size_t i = 0; i < OP_FILES_MAX; i++)
		op->files[i].is_used = false;
}

static void free_call_files(struct sendd *sendd, struct op *op)
{
	while (op->call_files != NULL) {
		struct call_file *file = op->call_files;

		op->call_files = file->next;
		if (file->spool[0] != '\0' && !file->is_used)
			store_spool_remove(sendd->store, file->spool);
		free(file);
	}
}

void op_free(struct sendd *sendd, struct op *op)
{
	if (op->is_waiting)
		wait_leave(sendd, op);
	if (op->request != NULL)
		op->request->state = NULL;
	fd_close(&op->sink_fd);
	for (size_t i = 0; i < OP_FILES_MAX; i++) {
		if (op->files[i].spool[0] != '\0' && !op->files[i].is_used && !op->files[i].is_staged)
			store_spool_remove(sendd->store, op->files[i].spool);
	}
	free_call_files(sendd, op);
	for (size_t i = 0; i < op->calls_count; i++)
		json_object_put(op->calls[i].line);
	free(op->calls);
	free(op->ids);
	message_parts_free(&op->parts);
	json_object_put(op->answer);
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

int op_fail_unlinked(struct op *op)
{
	return op_fail(op, 404, "User '%s' has no linked Telegram", op->user);
}

void op_ok(struct op *op)
{
	op->answer = json_object_new_object();
	json_put_bool(op->answer, "ok", true);
}

void op_note_id(struct op *op, int64_t id)
{
	if (op->ids_count == op->ids_size) {
		op->ids_size = op->ids_size ? op->ids_size * 2 : 4;
		op->ids = xreallocarray(op->ids, op->ids_size, sizeof *op->ids);
	}
	op->ids[op->ids_count++] = id;
}

int op_queue(struct sendd *sendd, struct store_txn *txn, struct op *op, struct store_message *message,
    struct error *error)
{
	if (store_chat_resolve(txn, &message->chat, error) != 0 || store_outbox_add(txn, message, error) != 0)
		return -1;
	op_note_id(op, message->id);
	if (message->due_ms == 0)
		effect_queued(sendd, message);
	else if (message->due_ms < sendd->next_due_ms)
		sendd->next_due_ms = message->due_ms;
	return 0;
}

/* ---- the idempotency key ---- */

int op_answer_again(struct store_txn *txn, struct op *op, struct error *error)
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

int op_keep_answer(struct store_txn *txn, struct op *op, const char *line, struct error *error)
{
	if (op->key[0] == '\0' || op->status != 200)
		return 0;
	return store_key_put(txn, op->caller.name, op->key, line, strlen(line), clock_wall_ms(), error);
}
