/*
 * The Bot API: making a request and reading its answer. Facts are from the published API description
 * (core.telegram.org/bots/api, version 10.1) and the source of the official Bot API server.
 */
#ifndef TGTOOLS_TELEGRAM_H
#define TGTOOLS_TELEGRAM_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "http.h"

/* Names the bot's server; everything is borrowed. */
struct telegram {
	const char *api_url; /* without a slash at the end */
	const char *token;
	const char *proxy;
};

/* A file that goes with a call: the value of one parameter such as "photo", or what "attach://" names. */
struct telegram_file {
	const char *parameter;
	const char *path;
	const char *file_name;
};

/*
 * Starts a method with its parameters (an object of the API's own form; NULL: none). Without files it
 * goes as JSON; with some as multipart/form-data, nested values as JSON text. timeout_ms is for the whole
 * request, so for getUpdates it is more than that method's own timeout.
 */
int telegram_start(struct http_client *client, const struct telegram *telegram, const char *method,
    struct json_object *parameters, const struct telegram_file *files, size_t files_count, int64_t timeout_ms,
    http_done_fn *done, void *context, struct http_transfer **transfer, struct error *error);

/* The same, with the whole body as JSON text and no files. */
int telegram_start_text(struct http_client *client, const struct telegram *telegram, const char *method,
    const char *body, size_t body_len, int64_t timeout_ms, http_done_fn *done, void *context,
    struct http_transfer **transfer, struct error *error);

/* What an answer means for the call that was made. */
enum telegram_verdict {
	TELEGRAM_OK,
	TELEGRAM_WAIT,	       /* 429: not before retry_after_s, see whole_bot */
	TELEGRAM_RETRY,	       /* not carried out, or Telegram's own trouble: again, with backoff */
	TELEGRAM_UNCERTAIN,    /* it may have been carried out: no answer that makes sense came back */
	TELEGRAM_PLAIN_TEXT,   /* the markup was refused: again without it */
	TELEGRAM_AS_DOCUMENT,  /* the picture was refused for its size or form: again as a document */
	TELEGRAM_AS_TEXT_FILE, /* the text or the caption is too long: again as a file */
	TELEGRAM_NO_THREAD,    /* the forum topic is gone or closed: again without it */
	TELEGRAM_NO_REPLY,     /* the message that it replies to is gone: again as no reply */
	TELEGRAM_EDIT_GONE,    /* the message cannot be edited (any more): send a new one */
	TELEGRAM_MIGRATED,     /* the chat is now migrate_to: again there */
	TELEGRAM_UNREACHABLE,  /* this chat cannot be written to (blocked, kicked, gone): pause the link */
	TELEGRAM_REFUSED,      /* this call will never succeed: dead */
	TELEGRAM_CONFLICT,     /* 409 of getUpdates: another poller, or a webhook */
	TELEGRAM_BAD_TOKEN,    /* 401, or 404 for a method that exists: the token is wrong */
	TELEGRAM_VERDICTS,
};

struct telegram_reply {
	enum telegram_verdict verdict;
	bool whole_bot; /* TELEGRAM_WAIT: the limit is the bot's and not one chat's. An answer does not tell:
			   telegram_read says false, who knows about other chats knows better */
	int64_t retry_after_s;	    /* TELEGRAM_WAIT: at least 1 */
	int64_t migrate_to;	    /* TELEGRAM_MIGRATED */
	enum http_failure failure;  /* why there was no answer; HTTP_ANSWERED where there was one */
	int error_code;		    /* Telegram's error_code, else the HTTP status, else 0 */
	char description[256];	    /* Telegram's words, or why there was no answer; printable, one line */
	struct json_object *result; /* TELEGRAM_OK: owned, NULL where nothing had to be done; else NULL */
};

/* Reads an answer: a pure function. The caller releases reply with telegram_reply_free. */
void telegram_read(const struct http_answer *answer, struct telegram_reply *reply);
void telegram_reply_free(struct telegram_reply *reply);

/* Backoff before attempt number attempts + 1 (attempts >= 1), 1 s doubling up to 5 min, less up to half by
 * jitter in [0, 1). */
int64_t telegram_backoff_ms(int64_t attempts, double jitter);

#endif
