/* DELETE /queue, DELETE /queue/N, POST /queue/N/retry, /queue/hold, /queue/resume, DELETE /updates/N. */
#include <string.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "sendd.h"

/* The message that op is about: 1, or 0 with the answer where there is none that the caller may know of. */
static int find_message(struct store_txn *txn, struct op *op, enum store_state *state,
    struct store_message *message, struct error *error)
{
	int found = store_message_get(txn, op->number, state, message, error);

	if (found == 1 && !op->may_manage_all && strcmp(message->user, op->caller.name) != 0) {
		store_message_free(message);
		found = 0;
	}
	if (found == 0)
		op_fail(op, 404, "there is no message %lld", (long long)op->number);
	return found;
}

static int cancel(struct sendd *sendd, struct store_txn *txn, enum store_state state,
    const struct store_message *message, struct error *error)
{
	if (store_outbox_cancel(txn, state, message, error) != 0 || keyed_ended(txn, message, error) != 0)
		return -1;
	effect_drop_files(sendd, message);
	effect_ended(sendd, message->id);
	if (state == STORE_QUEUED)
		effect_unqueued(sendd, message);
	return 0;
}

int op_cancel(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	struct store_message message;
	enum store_state state;
	int found = find_message(txn, op, &state, &message, error), result;

	if (found != 1)
		return found;
	if (state == STORE_STARTED)
		result = op_fail(op, 409, "message %lld is on its way", (long long)op->number);
	else if (state == STORE_DELIVERED)
		result = op_fail(op, 410, "message %lld is delivered", (long long)op->number);
	else
		result = cancel(sendd, txn, state, &message, error);
	if (result == 0 && op->status == 200)
		op_ok(op);
	store_message_free(&message);
	return result;
}

struct cancelling {
	struct sendd *sendd;
	struct store_txn *txn;
	int64_t count;
	bool failed;
	struct error *error;
};

static bool cancel_one(void *context, enum store_state state, const struct store_message *message)
{
	struct cancelling *cancelling = context;

	if (state == STORE_STARTED)
		return true;
	cancelling->count++;
	cancelling->failed =
	    cancel(cancelling->sendd, cancelling->txn, state, message, cancelling->error) != 0;
	return !cancelling->failed;
}

int op_cancel_all(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	struct cancelling cancelling = {.sendd = sendd, .txn = txn, .error = error};

	const char *user = op->user[0] != '\0' ? op->user : NULL;

	if (store_outbox_each(txn, user, INT64_MAX, cancel_one, &cancelling, error) != 0 || cancelling.failed)
		return -1;
	op_ok(op);
	json_put_int64(op->answer, "cancelled", cancelling.count);
	return 0;
}

/* What waits is tried now; what is scheduled, dead or uncertain goes to the end of its queue. */
static int retry(struct sendd *sendd, struct store_txn *txn, enum store_state state,
    struct store_message *message, struct error *error)
{
	if (state == STORE_QUEUED) {
		/* A wait that Telegram asked for stands. */
		if (message->told_to_wait)
			return 0;
		message->not_before_ms = 0;
		effect_retried(sendd, message->chat);
		return store_outbox_update(txn, message, error);
	}
	if (store_outbox_revive(txn, state, message, clock_wall_ms(), error) != 0)
		return -1;
	effect_queued(sendd, message);
	return 0;
}

int op_retry(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	struct store_message message;
	enum store_state state;
	int found = find_message(txn, op, &state, &message, error), result = 0;

	if (found != 1)
		return found;
	if (state == STORE_DELIVERED)
		op_fail(op, 410, "message %lld is delivered", (long long)op->number);
	else if (state != STORE_STARTED)
		result = retry(sendd, txn, state, &message, error);
	if (result == 0 && op->status == 200)
		op_ok(op);
	store_message_free(&message);
	return result;
}

int op_hold(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	if (store_hold_set(txn, op->user, op->on, error) != 0)
		return -1;
	effect_hold(sendd, op->user, op->on);
	log_info(op->on ? "deliveries held" : "deliveries resumed", LOG_STR("by", op->caller.name),
	    LOG_STR("user", op->user[0] != '\0' ? op->user : "*"));
	op_ok(op);
	return 0;
}

int op_forget_update(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	int removed = store_broken_remove(txn, op->number, error);

	(void)sendd;
	if (removed < 0)
		return -1;
	if (removed == 0)
		return op_fail(op, 404, "there is no update %lld", (long long)op->number);
	op_ok(op);
	return 0;
}
