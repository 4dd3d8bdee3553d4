/*
 * One run of the scripts, so many at a time: what each reports is submitted when it ends. Nothing that a
 * script does ends the run.
 */
#ifndef TGTOOLS_NOTIFY_RUNNER_RUNNER_H
#define TGTOOLS_NOTIFY_RUNNER_RUNNER_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "outgoing.h"
#include "progress.h"
#include "runlog.h"
#include "script.h"
#include "script_state.h"

/* What is borrowed, and then what became of the run. */
struct runner {
	const struct config *config;
	struct outgoing *outgoing;
	struct script_state *state; /* NULL: nothing is remembered */
	struct runlog *log;
	struct children *children;
	struct script_run run;
	size_t jobs;
	int stop_fd; /* readable: end everything now; -1: none */

	bool dry_run; /* print what would be submitted, submit and keep nothing */
	bool force;   /* no cooldown counts, and none begins */
	bool plain;   /* what a script prints is the message */
	struct json_object
	    *cooling; /* what GET /scripts answered: whose cooldown runs is left out; NULL: nobody's */
	struct progress progress;

	bool stopped;
	size_t done, total;
	size_t failed; /* scripts */
	size_t left_out;
};

void runner_run(struct runner *runner, const struct script_list *scripts);

#endif
