/* What tg-queue is told to do, as requests to tg-sendd (tgtools-socket(7)). */
#ifndef TG_QUEUE_COMMANDS_H
#define TG_QUEUE_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "show.h"

enum { COMMANDS_ROWS_MAX = 10000 };

struct command_options {
	const char *user; /* NULL: the caller, "*": everybody */
	int64_t count;	  /* of rows, at most COMMANDS_ROWS_MAX; 0: as many as the command shows by itself */
	bool json;	  /* print what tg-sendd answers */
};

struct command {
	const char *socket_path;
	const struct command_options *options;
	struct show_view view;
	struct buf *out; /* what is for stdout is appended */
	bool is_cut;	 /* set where there may be more than was looked at */
	bool no_answer;	 /* set where tg-sendd did not answer: no further request will do better */
};

/* Each makes its request; 0, or -1 with error. A message that is under way is ERROR_TEMPORARY. */
typedef int command_fn(struct command *command, struct error *error);
command_fn command_list, command_history, command_cancel_all, command_retry_all, command_hold, command_resume,
    command_updates;

/* The same on one message or update. */
typedef int command_number_fn(struct command *command, int64_t number, struct error *error);
command_number_fn command_show, command_cancel, command_retry, command_update_show, command_update_delete;

#endif
