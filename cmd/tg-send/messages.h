/*
 * tg-send --messages: whole messages, with their files, one JSON object a line, for those who run scripts
 * (common/courier.h). Strictly one after the other: an answer stands on stdout before the next line is read.
 */
#ifndef TG_SEND_MESSAGES_H
#define TG_SEND_MESSAGES_H

#include "error.h"
#include "upload.h"

enum { MESSAGES_LINE_MAX_BYTES = 16 << 20 };

/*
 * Reads {"idempotency_key","fields","files":[{"path","kind","name"}]} or {"get":"/target"} from input_fd to
 * its end and writes for each line {"status","body"}, or {"status","kind","error"} with status 0 where
 * tg-send was not answered, to output_fd. Blank lines are passed over. Returns -1 where it cannot read or
 * write; nobody reading any more is an end like that of the input.
 */
int messages_run(int input_fd, int output_fd, const char *socket_path, const struct upload_limits *limits,
    struct error *error);

#endif
