/*
 * Calls of the HTTP services behind routes, any number at once over one set of kept connections. Each ends
 * within the time of its route, whatever the service does, and none waits for another.
 *
 * A call carries X-Request-Id, Content-Type and Accept for JSON, User-Agent tgtools/VERSION, and the headers
 * of the configuration, which may replace the last three. Where it is safe (ask_rules.h) it is made again,
 * `retries` times at most, with the same id.
 */
#ifndef TG_DISPATCH_ASK_H
#define TG_DISPATCH_ASK_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"
#include "error.h"
#include "loop.h"

enum { ASK_ANSWER_BYTES = 1 << 20, ASK_TIMEOUT_MS = 5000 }; /* where the configuration says 0 */

/* What is to be asked. */
struct ask {
	const struct config_http *http; /* borrowed from the configuration; NULL: nothing */
	struct json_object *body;	/* owned; NULL: none */
	int64_t timeout_ms;		/* 0: that of http */
};

void ask_clear(struct ask *ask);

/* For whom; all is borrowed. */
struct ask_context {
	const char *request_id;
	const char *route; /* its name, for the log */
	int64_t chat;	   /* 0: none */
	int64_t thread;	   /* 0: none */
	int64_t user;	   /* the Telegram user; 0: not told */
	const char *account;
	const char *tap_id; /* of a tap that is not answered yet; NULL: there is none */
};

/*
 * The end of a call, told once for each, never from asker_start. answer is handed over; see ask_read in
 * ask_rules.h. tap_answered: its tap was answered meanwhile, so it takes no text any more.
 */
typedef void asker_done_fn(void *context, int64_t token, struct json_object *answer, bool tap_answered);

struct asker;

/* loop must outlive it, and has no other HTTP client. */
int asker_new(
    struct loop *loop, asker_done_fn *done, void *context, struct asker **asker, struct error *error);
/* Ends all calls without telling; not from inside done. */
void asker_free(struct asker *asker);

/*
 * Starts a call. All that it needs is copied, so the configuration may be replaced meanwhile. What is wrong
 * with it is told like any other failure.
 */
void asker_start(
    struct asker *asker, int64_t token, const struct ask *ask, const struct ask_context *context);

size_t asker_count(const struct asker *asker);

/*
 * Does what is due: makes calls again, tells of those that could not be made, and appends to out (NULL: not
 * now) what those who wait are shown, as plain lines of calls: "typing" after a second and then every five,
 * and after five seconds an empty answer to a tap, so that its button spins no longer. now_ms is monotonic.
 */
void asker_show(struct asker *asker, int64_t now_ms, struct buf *out);
/* When asker_show is due; INT64_MAX: never. */
int64_t asker_due_ms(const struct asker *asker);

#endif
