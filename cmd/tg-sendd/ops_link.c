/* POST /api/telegram/verify, /api/telegram/unlink. */
#include <string.h>

#include "clock.h"
#include "json.h"
#include "sendd.h"
#include "texts.h"

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
	    .method = (char *)message_send_text,
	    .parameters = json_object_new_object()};
	int result = text_format(text_get(sendd->config, text), values, &line, entities, error);

	json_put_text(message.parameters, "text", buf_text(&line));
	json_object_object_add(message.parameters, "entities", entities);
	if (result == 0)
		result = op_queue(sendd, txn, op, &message, error);
	json_object_put(message.parameters);
	buf_free(&line);
	return result;
}

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

static bool collect_chat(void *context, const struct store_link *link)
{
	struct recipients *to = context;

	to->chats[to->count++] = link->chat;
	return to->count < RECIPIENTS_MAX;
}

int op_unlink(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	struct recipients to = {.count = 0};

	if (store_links_each(txn, op->user, collect_chat, &to, error) != 0)
		return -1;
	if (to.count == 0)
		return op_fail_unlinked(op);
	for (size_t i = 0; i < to.count; i++) {
		if (store_link_remove(txn, to.chats[i], error) < 0 ||
		    queue_notice(sendd, txn, op, to.chats[i], TEXT_UNLINKED, error) != 0)
			return -1;
	}
	op_ok(op);
	json_put_text(op->answer, "message", "Telegram unlinked.");
	return 0;
}
