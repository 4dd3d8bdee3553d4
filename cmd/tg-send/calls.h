/*
 * tg-send --json: calls from a pipe to tg-sendd, in batches, in order, one batch at a time. At rest a line
 * leaves at once; under load one request carries hundreds. No line is dropped because tg-sendd is away.
 */
#ifndef TG_SEND_CALLS_H
#define TG_SEND_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

struct calls_outcome {
	int64_t refused; /* lines that tg-sendd, or their length, ruled out; each was logged */
	bool unfinished; /* a signal ended it while there was more to submit */
};

/*
 * Runs until the input has ended and all of it is submitted, or until SIGTERM or SIGINT. -1 where going on
 * makes no sense: tg-sendd does not take calls from this account, or its answers cannot be read.
 */
int calls_run(int input_fd, const char *socket_path, struct calls_outcome *outcome, struct error *error);

#endif
