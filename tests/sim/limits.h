/*
 * The pace Telegram allows. Nobody publishes the exact limits; these follow the official FAQ:
 * a private chat 1 message a second with a burst of 3, a group 20 a minute with a burst of 20, all chats
 * together 30 a second with a burst of 30. Each is a token bucket, kept as the time at which it will be full
 * again (GCRA), and forgives 20 ms, so that jitter on the way is not the sender's fault. sendMessage,
 * sendPhoto and sendDocument count.
 */
#ifndef SIM_LIMITS_H
#define SIM_LIMITS_H

#include "store.h"

struct limits {
	bool enabled;
	double speed;
	int64_t base_us, base_real_us; /* the sped-up clock: base_us at base_real_us */
	int64_t overall_us;
};

void limits_init(struct limits *l, bool enabled, double speed);
void limits_set_speed(struct limits *l, double speed);
int64_t limits_now_us(const struct limits *l);
/* 0, and the message is counted; or the seconds to wait, and it is not. */
int64_t limits_take(struct limits *l, struct chat *c);

#endif
