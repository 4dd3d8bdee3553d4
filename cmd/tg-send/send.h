/* One message of a person on its way: its text and files are gathered, then submitted as one. */
#ifndef TG_SEND_SEND_H
#define TG_SEND_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "compose.h"
#include "error.h"
#include "upload.h"

struct send {
	const struct compose *message;
	struct buf text;
	struct upload files[COMPOSE_FILES_MAX];
};

/* What tg-sendd made of it. */
struct send_result {
	int64_t *ids; /* owned; several where it became several messages */
	size_t count;
	bool suppressed; /* its cooldown still runs, for another retry_after_s */
	int64_t retry_after_s;
};

/*
 * Opens the files and reads the text: the words, else what is on standard input where that is not a terminal,
 * without its last newline. Sends nothing. Returns 1 where there is something to say, 0 where standard input
 * had nothing, -1 with an error. Released with send_free in any case.
 */
int send_gather(struct send *send, const struct compose *message, const struct upload_limits *limits,
    struct error *error);

/* The body of POST /send as it will be. The caller puts it. */
struct json_object *send_request(const struct send *send);

/*
 * Submits what was gathered: the files one by one, then the message, under a key of its own, so that a
 * restart of tg-sendd in the middle does not send twice.
 */
int send_submit(struct send *send, const char *socket_path, bool show_progress, struct send_result *result,
    struct error *error);

void send_free(struct send *send);
void send_result_free(struct send_result *result);

/* Takes back what was sent under a key; sets how many messages that were, 0 where there were none. */
int send_delete(const struct compose *message, const char *key, const char *socket_path, int64_t *deleted,
    struct error *error);

#endif
