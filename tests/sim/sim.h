/*
 * tg-sim simulates the Telegram Bot API on 127.0.0.1, for tests and for trying the tools without Telegram.
 *
 * It is as strict as Telegram, and on purpose stricter in these: an unknown parameter is 400 `unknown
 *parameter "x"` (the real server ignores it), and in a JSON body a number must be a number, not a string of
 *digits. What a bot sends is not searched for links, mentions and so on: its messages carry the entities it
 *gave them and no others.
 *
 * The control API: JSON in and out, no token, never subject to faults. Errors are
 *{"ok":false,"description":"..."}.
 *
 * POST /sim/chat {"chat_id":N,"type":"private|group|supergroup","title"?,"username"?,"first_name"?}
 *	creates or changes a chat. One that was never created and never wrote is "chat not found" to the bot.
 * POST /sim/message {"chat_id":N,"text":"...","from_id"?,"username"?,"first_name"?,"type"?,"reply_to"?}
 *	a user writes; chat and user are made if need be. -> {"ok":true,"update_id":N,"message_id":M}; an
 *array of such objects -> an array of such answers. update_id is null if allowed_updates excludes messages.
 * POST /sim/tap {"chat_id":N,"message_id":M,"button":"visible text"|"data":"callback data","from_id"?}
 *	a user presses a button -> {"ok":true,"update_id":N,"callback_query_id":"..."}; a button of a reply
 *keyboard sends its text instead -> as /sim/message. 400 if that button is not there. POST /sim/update
 *{"my_chat_member":{...}} any Update without its update_id -> {"ok":true,"update_id":N} GET
 * /sim/chat?id=N[&after=MESSAGE_ID] all that the chat shows (newer than MESSAGE_ID):
 *	{"chat_id","type","blocked","requests","messages":[{"message_id","from":"bot"|"user","from_id"?,"date","text"?,
 *	"caption"?,"entities"?,"photo"?,"document"?,"reply_markup"?,"reply_to"?,"message_thread_id"?,"options"?,"edits",
 *	"history"?,"edit_date"?,"media_group_id"?,"deleted","method"?,"silent","protected"}],"actions":[...],
 *	"pressed":[{"message_id","from_id","data","answered","answer_text"?,"show_alert"?}]}
 *	photo and document:
 *{"file_id","file_name"?,"mime_type"?,"file_size","sha256"?,"width"?,"height"?,"url"?} GET /sim/chats ->
 *[{"chat_id","type","messages","shown"}] (shown: the bot's messages that are not deleted) GET /sim/stats ->
 *{"requests","by_method":{},"delivered","rejected_429","requests_per_chat":{},"connections" (accepted so
 *far),"open_connections","updates_pending","updates_confirmed_through"} GET /sim/commands ->
 *[{"scope","language_code","commands"}] GET /sim/wait?timeout_ms=T& one of
 *	chat=N&count=K		until the chat shows at least K messages of the bot
 *	chat=N&contains=TEXT	until a message of the bot contains TEXT (text or caption as it is now)
 *	method=NAME&count=K	until K calls of that method have arrived in all
 *	delivered=K		until K messages were delivered to chats in all
 *	confirmed=UPDATE_ID	until the bot confirmed that update
 *	-> 200, or 408 at the timeout (default 10000), with /sim/chat where a chat is named, otherwise
 * /sim/stats POST /sim/fault {"method":"sendMessage"|"*","kind":"...","chat_id"?,"count"? (default 1; -1:
 *until cleared),...} http "status" (502): HTML as a proxy sends it	error
 *"status","description","parameters"?: JSON
 *	close_before: cut off, not carried out		close_after: carried out, no answer
 *	close_middle: carried out, half an answer	stall "ms": carried out, the answer comes late
 *	stall_before "ms": not carried out, cut off late	unauthorized: 401
 *	retry_after "seconds": 429			migrate "to": 400 with migrate_to_chat_id
 *	refuse "ms": the server is away for so long, at once, the control API too
 * DELETE /sim/fault clears all.
 * POST /sim/block {"chat_id":N,"blocked":true|false} the user blocks the bot (403) or comes back
 *(my_chat_member) POST /sim/limits {"enabled"?:bool,"speed"?:N} the pace limits of limits.h, and how fast
 *their clock runs POST /sim/reset forgets everything but the token.
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
