/*
 * A program of the configuration (exec) on its way: what runs in the process that tg-exec forks for it, which
 * says on standard output what notify-scripts says about a script, and ends the program at the end of its
 * standard input.
 */
#ifndef TG_EXEC_FIXED_H
#define TG_EXEC_FIXED_H

#include "command.h"
#include "config.h"
#include "request.h"

/* The program reads request->input. Returns the exit code of the process. */
int fixed_run(const struct command *command, const struct config *config, const struct request *request);

#endif
