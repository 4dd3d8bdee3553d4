/* tg-exec's turns: requests in, processes, events out. The protocol is described in tg-exec(8). */
#ifndef TG_EXEC_SERVICE_H
#define TG_EXEC_SERVICE_H

#include "command.h"
#include "config.h"
#include "error.h"

enum {
	SERVICE_JOBS_MAX = 256,
	SERVICE_LEFT_MAX = 8, /* processes of one account that did not end */
};

struct service_options {
	struct command_place place;
	const char *config_path; /* what -c said, for a reload */
	struct config *config;	 /* a reload replaces it; the caller frees what is there at the end */
	int input, output;
};

/*
 * Until the input ends, nobody reads the output any more, or SIGTERM or SIGINT comes. The caller ignores
 * SIGPIPE.
 */
int service_run(struct service_options *options, struct error *error);

#endif
