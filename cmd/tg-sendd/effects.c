#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "sendd.h"
#include "xalloc.h"

struct effect {
	enum effect_kind {
		EFFECT_QUEUED,
		EFFECT_UNQUEUED,
		EFFECT_ENDED,
		EFFECT_MOVED,
		EFFECT_RETRIED,
		EFFECT_HOLD,
		EFFECT_RESUME,
		EFFECT_DROP,
		EFFECT_PASS
	} kind;
	int class;
	int64_t chat, flow, to, id;
	char name[STORE_USER_BYTES]; /* a file of the spool, or a user */
	struct json_object *call;    /* owned */
};

static struct effect *add(struct sendd *sendd, enum effect_kind kind)
{
	struct effects *effects = &sendd->effects;
	struct effect *effect;

	if (effects->count == effects->size) {
		effects->size = effects->size > 0 ? effects->size * 2 : 64;
		effects->items = xreallocarray(effects->items, effects->size, sizeof *effects->items);
	}
	effect = &effects->items[effects->count++];
	*effect = (struct effect){.kind = kind};
	return effect;
}

static void add_message(struct sendd *sendd, enum effect_kind kind, const struct store_message *message)
{
	struct effect *effect = add(sendd, kind);

	effect->chat = message->chat;
	effect->class = (int)message->class;
	effect->id = message->id;
	effect->flow = sched_flow_of(message->user, message->chat);
}

void effect_queued(struct sendd *sendd, const struct store_message *message)
{
	add_message(sendd, EFFECT_QUEUED, message);
}

void effect_unqueued(struct sendd *sendd, const struct store_message *message)
{
	add_message(sendd, EFFECT_UNQUEUED, message);
}

void effect_ended(struct sendd *sendd, int64_t id)
{
	add(sendd, EFFECT_ENDED)->id = id;
}

void effect_moved(struct sendd *sendd, int64_t from, int64_t to)
{
	struct effect *effect = add(sendd, EFFECT_MOVED);

	effect->chat = from;
	effect->to = to;
}

static void add_name(struct sendd *sendd, enum effect_kind kind, const char *name)
{
	struct effect *effect = add(sendd, kind);
	size_t len = strnlen(name, sizeof effect->name - 1);

	memcpy(effect->name, name, len);
	effect->name[len] = '\0';
}

void effect_retried(struct sendd *sendd, int64_t chat)
{
	add(sendd, EFFECT_RETRIED)->chat = chat;
}

void effect_hold(struct sendd *sendd, const char *user, bool held)
{
	add_name(sendd, held ? EFFECT_HOLD : EFFECT_RESUME, user);
}

void effect_drop(struct sendd *sendd, const char *spool)
{
	add_name(sendd, EFFECT_DROP, spool);
}

void effect_drop_spool(void *sendd, const char *spool)
{
	effect_drop(sendd, spool);
}

void effect_drop_files(struct sendd *sendd, const struct store_message *message)
{
	for (size_t i = 0; i < message->files_count; i++)
		effect_drop(sendd, message->files[i].spool);
}

void effect_pass(struct sendd *sendd, int64_t chat, struct json_object *parameters)
{
	struct effect *effect = add(sendd, EFFECT_PASS);

	effect->chat = chat;
	effect->call = json_object_get(parameters);
}

void effects_forget(struct sendd *sendd)
{
	for (size_t i = 0; i < sendd->effects.count; i++)
		json_object_put(sendd->effects.items[i].call);
	sendd->effects.count = 0;
}

static void hold(struct sendd *sendd, const char *user, bool held)
{
	if (user[0] == '\0')
		sched_pause(sendd->sched, held);
	else
		sched_pause_flow(sendd->sched, sched_flow_of(user, 0), held);
}

/* A message with an old number (scheduled, or dead before) stands before what was delivered last. */
static void pull_back(struct sendd *sendd, const struct effect *effect)
{
	struct sched_memo *memo = sched_memo(sendd->sched, effect->chat);

	if (memo == NULL)
		return;
	if (memo->after[effect->class] >= effect->id)
		memo->after[effect->class] = effect->id - 1;
	if (memo->lowest > effect->id)
		memo->lowest = effect->id;
}

static void forget_place(struct sendd *sendd, int64_t chat)
{
	struct sched_memo *memo = sched_memo(sendd->sched, chat);

	if (memo != NULL)
		*memo = (struct sched_memo){.lowest = INT64_MIN};
}

static void apply(struct sendd *sendd, const struct effect *effect, int64_t now_ms)
{
	switch (effect->kind) {
	case EFFECT_QUEUED:
		sched_add(sendd->sched, effect->chat, effect->class, effect->flow, 1, now_ms);
		pull_back(sendd, effect);
		break;
	case EFFECT_UNQUEUED:
		sched_remove(sendd->sched, effect->chat, effect->class, 1, now_ms);
		break;
	case EFFECT_ENDED:
		wait_ended(sendd, effect->id);
		break;
	case EFFECT_MOVED:
		sched_move(sendd->sched, effect->chat, effect->to, now_ms);
		forget_place(sendd, effect->to);
		break;
	case EFFECT_RETRIED:
		sched_retry(sendd->sched, effect->chat, now_ms);
		break;
	case EFFECT_HOLD:
	case EFFECT_RESUME:
		hold(sendd, effect->name, effect->kind == EFFECT_HOLD);
		break;
	case EFFECT_DROP:
		store_spool_remove(sendd->store, effect->name);
		break;
	case EFFECT_PASS:
		passing_send(sendd, effect->chat, effect->call, now_ms);
		break;
	}
}

void effects_apply(struct sendd *sendd)
{
	int64_t now_ms = clock_monotonic_ms();

	for (size_t i = 0; i < sendd->effects.count; i++)
		apply(sendd, &sendd->effects.items[i], now_ms);
	effects_forget(sendd);
}

void effects_free(struct sendd *sendd)
{
	effects_forget(sendd);
	free(sendd->effects.items);
	sendd->effects = (struct effects){0};
}
