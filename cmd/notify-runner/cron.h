/*
 * The line of notify-runner in the crontab of its user. What a crontab becomes is decided purely; crontab(1),
 * found in $PATH, reads and writes it. All other lines stay as they are, byte for byte.
 */
#ifndef TGTOOLS_NOTIFY_RUNNER_CRON_H
#define TGTOOLS_NOTIFY_RUNNER_CRON_H

#include <stdbool.h>

#include "buf.h"
#include "error.h"

#define CRON_EVERY_FIVE_MINUTES "*/5 * * * *"

/* Five fields, or @hourly and the like. ERROR_USAGE. */
int cron_check_schedule(const char *schedule, struct error *error);

/* Appends a command for a line of a crontab: each word safe from the shell and from cron. */
void cron_add_command(struct buf *line, char *const *words);

/*
 * Appends to out what the crontab is with one line that runs notify-runner: "SCHEDULE COMMAND". One that is
 * there stays as it is; with replace it becomes the new one. Further ones go. Returns whether anything
 * changed.
 */
bool cron_install(
    const struct buf *crontab, const char *schedule, const char *command, bool replace, struct buf *out);

/* Appends what the crontab is without any such line. Returns whether there was one. */
bool cron_remove(const struct buf *crontab, struct buf *out);

/* directory is for a temporary file. A user without a crontab has an empty one. */
int cron_read(struct buf *crontab, struct error *error);
int cron_write(const struct buf *crontab, const char *directory, struct error *error);

#endif
