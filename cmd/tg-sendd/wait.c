#include <string.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "sendd.h"

static const char cancelled[] = "cancelled";

/* How much it is the answer to "what became of all of them": the worst of several is told. */
static int weight(const char *state)
{
	static const char *const order[] = {
	    "delivered", "scheduled", "queued", "started", cancelled, "uncertain", "dead", NULL};
	int i = 0;

	while (order[i] != NULL && strcmp(order[i], state) != 0)
		i++;
	return i;
}

static bool is_over(const char *state)
{
	return strcmp(state, "delivered") == 0 || strcmp(state, "dead") == 0 ||
	       strcmp(state, "uncertain") == 0;
}

static void take_worst(struct json_object *answer, struct json_object *row)
{
	const char *state = json_text(row, "state"), *worst = json_text(answer, "state");

	if (worst != NULL && weight(worst) >= weight(state))
		return;
	json_put_text(answer, "state", state);
	json_object_object_del(answer, "error");
	json_put_text(answer, "error", json_text(row, "error"));
}

/* Its owner took it back meanwhile. */
static void take_gone(struct op *op, struct json_object *answer)
{
	struct json_object *row;

	if (op->shows_message) {
		op_fail(op, 404, "message %lld is cancelled", (long long)op->ids[0]);
		return;
	}
	row = json_object_new_object();
	json_put_text(row, "state", cancelled);
	take_worst(answer, row);
	json_object_put(row);
}

/* Adds what is known of its messages to the answer; returns whether all have ended, or -1. */
static int look(struct sendd *sendd, struct op *op, struct json_object *answer, struct error *error)
{
	bool over = true;

	for (size_t i = 0; i < op->ids_count; i++) {
		struct json_object *row = NULL;
		int found = view_message(sendd, op->ids[i], &row, error);

		if (found < 0)
			return -1;
		if (found == 0) {
			take_gone(op, answer);
			continue;
		}
		over = over && is_over(json_text(row, "state"));
		if (!op->shows_message) {
			take_worst(answer, row);
			json_object_put(row);
			continue;
		}
		json_object_put(op->answer);
		op->answer = row;
	}
	return over;
}

static void finish(struct sendd *sendd, struct op *op)
{
	wait_leave(sendd, op);
	if (op->request != NULL)
		answer_json(op->request, op->status, op->answer);
	op_free(sendd, op);
}

/* Answers op where it has nothing more to wait for; returns whether it did. */
static bool check(struct sendd *sendd, struct op *op, bool time_is_over)
{
	struct error error;
	int over = look(sendd, op, op->answer, &error);

	if (over < 0) {
		log_error("request failed", LOG_STR("error", error.text));
		op_fail(op, 503, "%s", error.text);
	}
	if (over == 0 && !time_is_over) {
		if (!op->shows_message)
			json_object_object_del(op->answer, "state");
		return false;
	}
	finish(sendd, op);
	return true;
}

void wait_begin(struct sendd *sendd, struct op *op)
{
	op->wait_until_ms = clock_monotonic_ms() + op->wait_ms;
	op->is_waiting = true;
	op->staged = false;
	op->next = sendd->waiting;
	sendd->waiting = op;
	check(sendd, op, op->wait_ms == 0);
}

void wait_leave(struct sendd *sendd, struct op *op)
{
	struct op **place = &sendd->waiting;

	while (*place != NULL && *place != op)
		place = &(*place)->next;
	if (*place != NULL)
		*place = op->next;
	op->is_waiting = false;
}

static bool has_id(const struct op *op, int64_t id)
{
	for (size_t i = 0; i < op->ids_count; i++) {
		if (op->ids[i] == id)
			return true;
	}
	return false;
}

void wait_ended(struct sendd *sendd, int64_t id)
{
	for (struct op *op = sendd->waiting, *next; op != NULL; op = next) {
		next = op->next;
		if (has_id(op, id))
			check(sendd, op, false);
	}
}

void wait_check(struct sendd *sendd, bool all)
{
	int64_t now_ms = clock_monotonic_ms();

	for (struct op *op = sendd->waiting, *next; op != NULL; op = next) {
		next = op->next;
		if (all || op->wait_until_ms <= now_ms)
			check(sendd, op, true);
	}
}

int64_t wait_timeout_ms(const struct sendd *sendd)
{
	int64_t now_ms = clock_monotonic_ms(), soonest = -1;

	for (const struct op *op = sendd->waiting; op != NULL; op = op->next) {
		int64_t left = op->wait_until_ms > now_ms ? op->wait_until_ms - now_ms : 0;

		if (soonest < 0 || left < soonest)
			soonest = left;
	}
	return soonest;
}
