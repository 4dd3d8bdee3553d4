/* POST /api/telegram/verify, /api/telegram/unlink. */
#include <string.h>

#include "clock.h"
#include "json.h"
#include "linking.h"
#include "log.h"
#include "sendd.h"
#include "texts.h"

/* A message from the service itself to a chat. */
static int queue_notice(struct sendd *sendd, struct store_txn *txn, struct op *op, int64_t chat,
    struct json_object *parameters, struct error *error)
{
	struct store_message message = {.chat = chat,
	    .class = STORE_REPLY,
	    .accepted_ms = clock_wall_ms(),
	    .user = "",
	    .method = (char *)message_send_text,
	    .parameters = parameters};

	return op_queue(sendd, txn, op, &message, error);
}

int op_remove_link(struct sendd *sendd, struct store_txn *txn, struct op *op, const struct store_link *link,
    struct error *error)
{
	const struct text_value values[] = {{"user", link->user}, {NULL, NULL}};
	struct json_object *parameters = json_object_new_object(), *entities = json_object_new_array();
	struct buf line = BUF_INIT(TEXT_MAX_BYTES);
	int result = text_format(text_get(sendd->config, TEXT_UNLINKED), values, &line, entities, error);

	json_put_text(parameters, "text", buf_text(&line));
	json_object_object_add(parameters, "entities", entities);
	if (result == 0 && store_link_remove(txn, link->chat, error) < 0)
		result = -1;
	if (result == 0)
		result = queue_notice(sendd, txn, op, link->chat, parameters, error);
	json_object_put(parameters);
	buf_free(&line);
	return result;
}

int op_say_unlinked(struct op *op)
{
	op_ok(op);
	json_put_text(op->answer, "message", "Telegram unlinked.");
	return 0;
}

int op_move_link(struct sendd *sendd, struct store_txn *txn, struct op *op, int64_t chat,
    const char *chat_name, struct error *error)
{
	struct json_object *calls = json_object_new_array();
	int moved =
	    linking_move(txn, sendd->config, chat, chat_name, op->user, clock_wall_ms(), calls, error);
	int result = moved < 0 ? -1 : 0;

	for (size_t i = 0; result == 0 && i < json_object_array_length(calls); i++) {
		struct json_object *call = json_object_array_get_idx(calls, i);
		int64_t told = json_int64(call, "chat_id");

		/* Both have a place of their own in a message. */
		json_object_object_del(call, "method");
		json_object_object_del(call, "chat_id");
		result = queue_notice(sendd, txn, op, told, call, error);
	}
	if (result == 0)
		log_info("chat linked", LOG_INT("chat", chat), LOG_STR("user", op->user),
		    LOG_STR("outcome", moved == 1 ? "moved" : "linked"));
	json_object_put(calls);
	return result;
}

static int link_chat(struct sendd *sendd, struct store_txn *txn, struct op *op, const struct store_code *code,
    struct error *error)
{
	if (op_move_link(sendd, txn, op, code->chat, code->chat_name, error) != 0)
		return -1;
	op_ok(op);
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

static bool find_first(void *context, const struct store_link *link)
{
	*(struct store_link *)context = *link;
	return false;
}

int op_unlink(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	struct store_link link;
	bool any = false;

	for (;; any = true) {
		link.chat = 0;
		if (store_links_each(txn, op->user, find_first, &link, error) != 0)
			return -1;
		if (link.chat == 0)
			return any ? op_say_unlinked(op) : op_fail_unlinked(op);
		if (op_remove_link(sendd, txn, op, &link, error) != 0)
			return -1;
	}
}
