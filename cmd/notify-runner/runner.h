/*
 * One run: what was kept from the last one goes out first, then the scripts run, so many at a time, and what
 * each reports is submitted when it ends. Nothing that a script does ends the run.
 */
#ifndef TGTOOLS_NOTIFY_RUNNER_RUNNER_H
#define TGTOOLS_NOTIFY_RUNNER_RUNNER_H

#include <stdbool.h>
#include <stddef.h>

#include "courier.h"
#include "error.h"
#include "pending.h"
#include "runlog.h"
#include "script.h"

/* What is borrowed, and then what became of the run. */
struct runner {
	struct courier *courier;
	struct notice_limits limits;
	struct script_run run;
	struct children *children;
	size_t jobs;
	bool dry_run; /* print what would be submitted, submit and keep nothing */
	int stop_fd;  /* readable: end everything now; -1: none */
	struct runlog *log;
	struct pending *pending; /* NULL with dry_run */

	bool stopped;
	bool away;	  /* tg-sendd takes nothing now */
	bool denied;	  /* it takes nothing of this person */
	struct error why; /* of either, or of the last message that was kept */
	size_t failed;	  /* scripts */
	size_t sent;
	size_t lost; /* messages that could neither be submitted nor kept; lost_why says more */
	struct error lost_why;
};

/* Submits what is kept, oldest first. */
void runner_replay(struct runner *runner);

/* Runs the scripts. */
void runner_run(struct runner *runner, const struct script_list *scripts);

#endif
