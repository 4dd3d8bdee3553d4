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
#include "http.h"

enum { SUBMIT_KEY_BYTES = 33, SUBMIT_ANSWER_MAX_BYTES = 64 << 20 };

struct submit_answer {
	int status;		  /* HTTP status; 0: there was no answer */
	struct json_object *body; /* what was answered, an object; owned; may be NULL */
};

/* A new random idempotency key: what is submitted twice under one key is taken once. */
void submit_new_key(char key[SUBMIT_KEY_BYTES]);

/*
 * Makes one request. body is sent as application/json, or as content_type says. key NULL: none, and one
 * attempt. With a key a connection that broke is made again for 5 s, which cannot submit twice, and one
 * that was refused for 2 s: longer than tg-sendd takes to start again.
 *
 * Returns 0 with a 2xx answer, whose body is then an object. Any other answer is -1 with the service's own
 * words, made printable, in error and the kind by its status (submit_kind); that of an account without a
 * link says what to do about it. Without an answer: ERROR_DENIED where the socket may not be used,
 * ERROR_CONFIG where its path cannot be one, else ERROR_TEMPORARY that says whether something may have been
 * taken. answer is filled in any case and released with submit_answer_free.
 */
int submit_request(const char *socket_path, const char *method, const char *target, const char *content_type,
    const void *body, size_t body_len, const char *key, struct submit_answer *answer, struct error *error);
void submit_answer_free(struct submit_answer *answer);

/*
 * POSTs a file as it is, reading it while it is sent. A connection that broke or was refused is made again as
 * with a key: with that of the message it is for, a second copy takes the place of the first; without one
 * (NULL) a second copy does no harm. Answers and errors as of submit_request; ERROR_INPUT where the file has
 * become shorter.
 */
int submit_upload(const char *socket_path, const char *target, const char *key, const struct http_file *file,
    struct submit_answer *answer, struct error *error);

/*
 * What a status that is not 2xx means: 400, 413, 422 input; 401, 403, 404 denied; 408, 409, 429, 5xx
 * temporary; anything else permanent.
 */
enum error_kind submit_kind(int status);

/* ERROR_CONFIG where path is too long for a socket, ERROR_DENIED where it may not be written to. */
int submit_check_socket(const char *path, struct error *error);

/* The object that is in the body of an answer, or NULL where there is none. The caller puts it. */
struct json_object *submit_read_body(const struct buf *body);

/* The words of an error answer, or "HTTP STATUS" where it has none, into error with its kind; returns -1. */
int submit_refusal(int status, struct json_object *body, struct error *error);

/*
 * Appends "?name=value" or "&name=value" to a request target, percent-encoded; NULL value adds nothing. -1
 * where target cannot take it all.
 */
int submit_add_query(struct buf *target, const char *name, const char *value);

#endif
