/*
 * Hands notices to tg-sendd through a tg-send --messages of its own, which is started with the first one: so
 * who runs scripts holds no HTTP client in memory, and starts none where there is nothing to send. What
 * passes between the two is in tg-send(1). A courier that ends in the middle is started again once; what it
 * may have submitted already is not taken twice, by the key of the notice.
 *
 * The caller ignores SIGPIPE, and does not wait for children with waitpid(-1).
 */
#ifndef TGTOOLS_COURIER_H
#define TGTOOLS_COURIER_H

#include <json-c/json.h>

#include "error.h"
#include "notice.h"

struct courier;

struct courier_answer {
	int status;		  /* HTTP status; 0: there was no answer */
	struct json_object *body; /* what was answered, an object; owned; may be NULL */
};

/* config_path is borrowed. While wake_fd (-1: none) is readable nothing is waited for. */
struct courier *courier_new(const char *config_path, int wake_fd);

/* Lets it end; one that has something under way for more than 2 s is killed. */
void courier_free(struct courier *courier);

/*
 * Returns 0 with a 2xx answer. Any other answer is -1 with the service's own words in error and the kind by
 * its status; without an answer: ERROR_INPUT where a file cannot be sent, ERROR_DENIED or ERROR_CONFIG where
 * the socket cannot be used, else ERROR_TEMPORARY. notice_judge tells what to do then. answer is filled in
 * any case and released with courier_answer_free.
 */
int courier_submit(
    struct courier *courier, const struct notice *notice, struct courier_answer *answer, struct error *error);

/* The same for a GET of target, such as "/scripts". */
int courier_get(
    struct courier *courier, const char *target, struct courier_answer *answer, struct error *error);

void courier_answer_free(struct courier_answer *answer);

/* The longest line in either direction; of a longer one nothing is submitted. */
enum { COURIER_LINE_MAX_BYTES = 16 << 20 };

#endif
