#include "limits.h"
#include "loop.h"

#define SECOND ((int64_t)1000000)
#define TOLERANCE_US ((int64_t)20000)

struct bucket {
	int64_t interval_us, burst;
};

static const struct bucket private_chat = {SECOND, 3}, group = {3 * SECOND, 20}, overall = {SECOND / 30, 30};

int64_t limits_now_us(const struct limits *l)
{
	return l->base_us + (int64_t)((double)(loop_now_us() - l->base_real_us) * l->speed);
}

void limits_set_speed(struct limits *l, double speed)
{
	l->base_us = limits_now_us(l);
	l->base_real_us = loop_now_us();
	l->speed = speed;
}

void limits_init(struct limits *l, bool enabled, double speed)
{
	*l = (struct limits){
	    .enabled = enabled, .speed = speed, .base_us = SECOND, .base_real_us = loop_now_us()};
}

/* How long until the bucket, full again at full_us, has a token; 0 or less: it has one. */
static int64_t lacking_us(const struct bucket *b, int64_t full_us, int64_t now_us)
{
	return full_us + b->interval_us - now_us - b->burst * b->interval_us - TOLERANCE_US;
}

static int64_t take(const struct bucket *b, int64_t full_us, int64_t now_us)
{
	return (full_us > now_us ? full_us : now_us) + b->interval_us;
}

int64_t limits_take(struct limits *l, struct chat *c)
{
	const struct bucket *own = c->type == CHAT_PRIVATE ? &private_chat : &group;
	int64_t now_us, lacking, lacking_overall;

	if (!l->enabled)
		return 0;
	now_us = limits_now_us(l);
	lacking = lacking_us(own, c->pace_us, now_us);
	lacking_overall = lacking_us(&overall, l->overall_us, now_us);
	if (lacking_overall > lacking)
		lacking = lacking_overall;
	if (lacking > 0)
		return (lacking + TOLERANCE_US + SECOND - 1) / SECOND;
	c->pace_us = take(own, c->pace_us, now_us);
	l->overall_us = take(&overall, l->overall_us, now_us);
	return 0;
}
