/*
 * The client of tg-sendd's socket, for tg-send, tg-link, tg-queue and notify-runner. The protocol is in
 * tgtools-socket(7).
 */
#ifndef TGTOOLS_SUBMIT_H
#define TGTOOLS_SUBMIT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "error.h"

enum { SUBMIT_KEY_BYTES = 33 };

struct submit_answer {
	int status;		  /* HTTP status */
	struct json_object *body; /* what was answered; owned; may be NULL */
};

/* A new random idempotency key: what is submitted twice under one key is taken once. */
void submit_new_key(char key[SUBMIT_KEY_BYTES]);

/*
 * Makes one request. body is sent as application/json, or as content_type says. key NULL: none; with a key
 * a connection that breaks is tried again for a few seconds, since that cannot submit twice.
 *
 * Returns 0 with a 2xx answer. Any other answer is -1 with the service's own words in error and its kind
 * by the status: 400, 413 input; 401, 403, 404 denied; 429, 5xx temporary. Without an answer:
 * ERROR_TEMPORARY that says the service is not running. answer is filled whenever there was one, and is
 * released with submit_answer_free either way.
 */
int submit_request(const char *socket_path, const char *method, const char *target, const char *content_type,
    const void *body, size_t body_len, const char *key, struct submit_answer *answer, struct error *error);
void submit_answer_free(struct submit_answer *answer);

/* Appends "?name=value" or "&name=value" to a request target, percent-encoded; NULL value adds nothing. */
void submit_add_query(struct buf *target, const char *name, const char *value);

#endif
