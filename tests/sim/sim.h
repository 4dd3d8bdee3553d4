/*
 * tg-sim simulates the Telegram Bot API on 127.0.0.1, for tests and for trying the tools without Telegram.
 *
 * What it does, on purpose differently from Telegram as well, and its control API are in help.c.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "args.h"
#include "faults.h"
#include "format.h"
#include "http.h"
#include "limits.h"
#include "store.h"
#include "updates.h"
#include "webhook.h"

#define BOT_ID 123456
#define BOT_USERNAME "tgtools_sim_bot"
#define BOT_NAME "tgtools"
#define METHODS_MAX 32

/* The getUpdates that waits for something to happen. */
struct poller {
	struct conn *conn;
	size_t limit;
	int64_t last_offset, last_us; /* of the call before, by the clock of the limits */
	bool has_last;
};

/* A request for /sim/wait. */
struct waiter {
	struct sim *sim;
	struct conn *conn;
	struct waiter *next;
	int64_t chat_id, count;
	bool for_chat;
	char *contains;
	uint64_t seen_version;
	int method;		      /* -1: none */
	int64_t delivered, confirmed; /* -1: not asked for */
};

/* What --chat shows as it happens. */
struct watcher {
	void (*sent)(struct watcher *w, struct chat *c, struct message *m);
	void (*edited)(struct watcher *w, struct chat *c, struct message *m);
	void (*deleted)(struct watcher *w, struct chat *c, struct message *m);
	void (*answered)(struct watcher *w, struct press *p);
};

struct sim {
	struct loop loop;
	struct server server;
	const char *token;
	struct store store;
	struct updates updates;
	struct limits limits;
	struct faults faults;
	struct webhook webhook;
	struct poller poller;
	struct waiter *waiters;
	struct timer wake; /* set when something changed that somebody may wait for */
	struct watcher *watcher;
	uint64_t requests, rejected;
	uint64_t by_method[METHODS_MAX];
	struct buf answer, why, scratch;
	struct formatted formatted;
};

void sim_init(struct sim *sim, const char *token, bool limits, double speed);
void sim_reset(struct sim *sim); /* forgets chats, updates, faults and counts */
void sim_free(struct sim *sim);
/* Something happened: whoever waits is looked after at the end of this turn. */
void sim_changed(struct sim *sim);

extern const struct http_events sim_events;

/* An update arrives; its id, or 0 if it is not allowed. `object` is what the member `type` holds. */
int64_t sim_update(struct sim *sim, int type, const struct buf *object);

/* What people do: inject.c. */
struct press_result {
	int64_t update_id, query_id;
	int32_t message_id;
	bool as_message;
};

struct message *inject_message(struct sim *sim, struct chat *c, struct user *from, const char *text,
    int32_t reply_to, int64_t *update_id);
/* Presses the button with this text or this data; false if it is not there. */
bool inject_tap(struct sim *sim, struct chat *c, struct user *from, int32_t message_id, const char *button,
    const char *data, struct press_result *result);
void inject_block(struct sim *sim, struct chat *c, bool blocked);

#endif
