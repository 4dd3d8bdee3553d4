/* Group commit: one transaction for all that a turn of the loop brought. */
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "sendd.h"

enum { COMMIT_RETRY_MS = 1000, TRIM_STEPS = 200, TRIM_MS = 60000, TRIM_BUSY_MS = 20 };

void batch_stage(struct sendd *sendd, struct op *op)
{
	op->staged = true;
	*sendd->ops_tail = op;
	sendd->ops_tail = &op->next;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t due_wait_ms(const struct sendd *sendd)
{
	int64_t wall_ms = clock_wall_ms();

	if (sendd->next_due_ms == INT64_MAX)
		return INT64_MAX;
	return sendd->next_due_ms > wall_ms ? sendd->next_due_ms - wall_ms : 0;
}

int64_t batch_wait_ms(const struct sendd *sendd)
{
	int64_t now_ms = clock_monotonic_ms(), wait_ms = sendd->trim_not_before_ms - now_ms;

	if (sendd->ops != NULL)
		return 0;
	wait_ms = sendd->ended != NULL ? 0 : sooner(wait_ms, due_wait_ms(sendd));
	if (wait_ms < sendd->commit_not_before_ms - now_ms)
		wait_ms = sendd->commit_not_before_ms - now_ms;
	return wait_ms > 0 ? wait_ms : 0;
}

static void answer(struct sendd *sendd, struct op *op)
{
	if (op->is_repeated)
		sendd->metrics.repeated++;
	else if (op->status == 200 && op->apply == op_send)
		sendd->metrics.accepted[op->fields.bulk ? STORE_BULK : STORE_NOTIFICATION] +=
		    (int64_t)op->ids_count;
	else if (op->status == 200)
		sendd->metrics.accepted[STORE_REPLY] += (int64_t)op->ids_count;
	else
		sendd->metrics.refused++;
	sendd->metrics.accepted[STORE_BULK] += op->broadcast_count;
	if (op->wait_ms > 0 && op->ids_count > 0 && op->status == 200 && op->request != NULL) {
		wait_begin(sendd, op);
		return;
	}
	if (op->request != NULL)
		answer_json(op->request, op->status, op->answer);
	op_free(sendd, op);
}

/* Takes the list of staged ops, so that each is answered once. */
static struct op *take_ops(struct sendd *sendd)
{
	struct op *ops = sendd->ops;

	sendd->ops = NULL;
	sendd->ops_tail = &sendd->ops;
	return ops;
}

static void answer_list(struct sendd *sendd, struct op *op)
{
	for (struct op *next; op != NULL; op = next) {
		next = op->next;
		answer(sendd, op);
	}
}

/* Forgets what is too old: more at once while there is more than a commit can take. */
static int trim(struct sendd *sendd, struct store_txn *txn, struct error *error)
{
	int64_t now_ms = clock_monotonic_ms(), wall_ms = clock_wall_ms();
	int more;

	if (now_ms < sendd->trim_not_before_ms)
		return 0;
	more = store_trim(txn, wall_ms - sendd->config->store.history_ms,
	    wall_ms - sendd->config->store.dead_ms, TRIM_STEPS, effect_drop_spool, sendd, error);
	if (more < 0 || store_staged_trim(txn, wall_ms, TRIM_STEPS, effect_drop_spool, sendd, error) != 0 ||
	    store_broken_trim(txn, wall_ms, error) != 0)
		return -1;
	sendd->trim_not_before_ms = now_ms + (more ? TRIM_BUSY_MS : TRIM_MS);
	return 0;
}

static int apply_list(struct sendd *sendd, struct store_txn *txn, struct op *op, struct error *error)
{
	for (; op != NULL; op = op->next) {
		op_reset(op);
		if (op->apply(sendd, txn, op, error) != 0)
			return -1;
	}
	return 0;
}

/* Everything in one transaction: what was asked, what ended, what begins. */
static int commit_all(struct sendd *sendd, struct op *ops, struct error *error)
{
	struct store_txn *txn;

	if (store_begin(sendd->store, &txn, error) != 0)
		return -1;
	/* Picking may end attempts that a crash interrupted, so recording comes after it. */
	if (delivery_pick(sendd, txn, error) != 0 || delivery_record_all(sendd, txn, error) != 0 ||
	    delivery_make_due(sendd, txn, error) != 0 || apply_list(sendd, txn, ops, error) != 0 ||
	    broadcast_report_ended(sendd, txn, error) != 0 || trim(sendd, txn, error) != 0) {
		store_abort(txn);
		effects_forget(sendd);
		return -1;
	}
	if (store_commit(txn, error) == 0)
		return 0;
	effects_forget(sendd);
	return -1;
}

/* One request alone, after a transaction with several failed: it must not suffer from the others. */
static void commit_alone(struct sendd *sendd, struct op *op)
{
	struct store_txn *txn;
	struct error error;
	int result = store_begin(sendd->store, &txn, &error);

	op->next = NULL;
	if (result == 0) {
		result = apply_list(sendd, txn, op, &error);
		if (result == 0)
			result = store_commit(txn, &error);
		else
			store_abort(txn);
	}
	if (result == 0)
		effects_apply(sendd);
	if (result != 0) {
		effects_forget(sendd);
		if (!error_is_temporary(error.kind))
			log_error("request failed", LOG_STR("error", error.text));
		op_reset(op);
		/* Where the disk fails this process ends, and the next one may take it. */
		op_fail(op, error.kind == ERROR_BUG ? 500 : 503, "%s", error.text);
	}
	answer(sendd, op);
}

static void commit_each(struct sendd *sendd, struct op *op)
{
	for (struct op *next; op != NULL; op = next) {
		next = op->next;
		commit_alone(sendd, op);
	}
}

static void tell_failure(struct sendd *sendd, const struct error *error)
{
	sendd->metrics.commits_failed++;
	if (!sendd->commit_failed)
		log_error("cannot commit; deliveries wait", LOG_STR("error", error->text));
	sendd->commit_failed = true;
	/* A damaged store or a failed disk does not get better in this process. */
	if (error->kind == ERROR_CONFIG || error->kind == ERROR_PERMANENT) {
		sendd->broken = true;
		sendd->error = *error;
	}
}

static void count_commit(struct sendd *sendd, const struct op *ops)
{
	sendd->metrics.commits++;
	for (; ops != NULL; ops = ops->next)
		sendd->metrics.committed++;
	for (const struct delivery *delivery = sendd->ended; delivery != NULL; delivery = delivery->next)
		sendd->metrics.committed++;
}

bool batch_commit(struct sendd *sendd)
{
	struct op *ops;
	struct error error;

	if (batch_wait_ms(sendd) != 0 && sched_wait_ms(sendd->sched, clock_monotonic_ms()) != 0)
		return false;
	ops = take_ops(sendd);
	if (commit_all(sendd, ops, &error) != 0) {
		tell_failure(sendd, &error);
		delivery_put_back(sendd);
		/* What came due in it is due again. */
		sendd->next_due_ms = 0;
		sendd->commit_not_before_ms = clock_monotonic_ms() + COMMIT_RETRY_MS;
		sched_hold_all(sendd->sched, sendd->commit_not_before_ms);
		commit_each(sendd, ops);
		return true;
	}
	if (sendd->commit_failed)
		log_info("commits work again");
	sendd->commit_failed = false;
	count_commit(sendd, ops);
	/* In this order: a message that was queued again stands before the one that was delivered last. */
	delivery_settle_all(sendd);
	effects_apply(sendd);
	answer_list(sendd, ops);
	delivery_start_all(sendd);
	return true;
}
