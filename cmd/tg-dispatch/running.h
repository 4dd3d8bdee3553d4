/*
 * The jobs: scripts and programs that were started from a chat and run now, who may start another one, and
 * what their chats are shown. What is to be shown leaves as lines of calls; each message of a job has a key,
 * so that it can be edited and a repeated one changes nothing.
 */
#ifndef TG_DISPATCH_RUNNING_H
#define TG_DISPATCH_RUNNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"
#include "error.h"
#include "executor.h"
#include "store.h"

enum {
	RUNNING_PER_USER = 3,
	RUNNING_MAX = 200, /* of all users */
};

struct running;

struct running *running_new(void);
void running_free(struct running *running);

/* ---- who may start what ---- */

enum running_verdict { RUNNING_ALLOWED, RUNNING_BUSY, RUNNING_MANY, RUNNING_FULL };

/*
 * Whether a job may start: what it runs runs once at a time, for the server or for who started it, which is a
 * chat where it is nobody known.
 */
enum running_verdict running_may_start(const struct running *running, const struct store_job *wanted);

/* Whether who is linked as user ("": nobody) and writes in chat started it. */
bool running_is_of(const struct store_job *job, const char *user, int64_t chat);

size_t running_count(const struct running *running);
/* The jobs by number, as running_is_of has it, borrowed, at most RUNNING_PER_USER. Returns how many. */
size_t running_of(const struct running *running, const char *user, int64_t chat,
    const struct store_job *jobs[RUNNING_PER_USER]);
/* NULL: it has ended. */
const struct store_job *running_find(const struct running *running, int64_t id);

/* ---- what happens to them; times are monotonic ---- */

void running_add(
    struct running *running, const struct config *config, const struct store_job *job, int64_t now_ms);
/* False where there is no such job. */
bool running_event(
    struct running *running, const struct config *config, const struct executor_event *event, int64_t now_ms);
/* tg-exec is gone. */
void running_interrupt(struct running *running, const struct config *config, int64_t now_ms);

/* ---- what is shown of them ---- */

/*
 * Appends what is to be said now. A chat that does not belong to the one who started a job any more is told
 * nothing; *orphan is such a job that should be stopped, 0: none. What is due behind it is left for the next
 * call. While a chat refuses messages what runs is kept until it takes them again.
 */
void running_show(struct running *running, const struct config *config, struct store *store, int64_t now_ms,
    struct buf *out, int64_t *orphan);
/* When running_show has something to say next; INT64_MAX: never. */
int64_t running_due_ms(const struct running *running);

/* A job of which all is said is forgotten: in the store, too. ERROR_TEMPORARY: to be tried again. */
int running_forget_ended(struct running *running, struct store *store, struct error *error);
bool running_has_ended(const struct running *running);

/*
 * What ran when the program ended, which is whatever the store has and running has not, is reported; it is
 * told again at the next start, since the report may have been lost. Appended to out.
 */
int running_report_interrupted(const struct running *running, struct store *store,
    const struct config *config, struct buf *out, struct error *error);

/* Removes documents that are older than an hour. */
void running_sweep_documents(const struct config *config, int64_t now_wall_ms);

#endif
