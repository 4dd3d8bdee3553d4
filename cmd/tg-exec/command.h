/* Which program, with which arguments and which environment, does what a request asks for. */
#ifndef TG_EXEC_COMMAND_H
#define TG_EXEC_COMMAND_H

#include <sys/types.h>

#include "config.h"
#include "error.h"
#include "request.h"

enum { COMMAND_WORDS_MAX = 16 + REQUEST_ARGS_MAX };

/* What stays the same as long as tg-exec runs. */
struct command_place {
	const char *notify_scripts; /* absolute path */
	const char *environment;    /* "TGTOOLS_CONFIG=/absolute/path" */
	uid_t uid;		    /* what tg-exec runs as: another account is reached with sudo */
};

struct command {
	const char *argv[COMMAND_WORDS_MAX];
	const char *environment[4];
	char account[REQUEST_NAME_MAX_BYTES + 1]; /* whose process it becomes; "": tg-exec's own */
	char *const *fixed;			  /* in place of argv: of a row of the configuration */
	int64_t timeout_ms;			  /* of that */
};

/*
 * The texts of command are borrowed from the other three, fixed from config, and argv may point into command
 * itself, which must not be moved. ERROR_INPUT, ERROR_DENIED and ERROR_TEMPORARY are for the person who
 * asked.
 */
int command_make(const struct command_place *place, const struct config *config,
    const struct request *request, struct command *command, struct error *error);

#endif
