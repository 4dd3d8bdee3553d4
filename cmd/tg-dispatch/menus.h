/*
 * Keeps the menus of commands at Telegram as they should be: looks through all of them at the start, after a
 * reload, when a link was made or removed, and each hour, a few at a time, and tells Telegram what differs
 * from what it was told last. That is remembered in the store once the calls have left.
 */
#ifndef TG_DISPATCH_MENUS_H
#define TG_DISPATCH_MENUS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "dispatch.h"
#include "error.h"

enum {
	MENUS_AT_ONCE = 50,	/* looked at in one turn */
	MENUS_LINKS_MS = 60000, /* between two looks whether links have changed, unless updates come */
	MENUS_UPDATE_MS = 1000, /* the same after an update */
	MENUS_ALL_MS = 3600000, /* accounts join and leave groups */
};

struct menus;

struct menus *menus_new(void);
void menus_free(struct menus *menus);

/* All of it is to be looked at again. */
void menus_restart(struct menus *menus);
/* An update was handled, which may have made or removed a link. */
void menus_note_update(struct menus *menus, int64_t now_ms);

/*
 * Looks at what is due and appends the calls to out; is_out says that all that was appended before has left.
 * Times are monotonic. ERROR_TEMPORARY: to be tried again.
 */
int menus_work(struct menus *menus, const struct dispatch *dispatch, bool is_out, int64_t now_ms,
    struct buf *out, struct error *error);
/* When menus_work has something to do next; INT64_MAX: not before what was appended has left. */
int64_t menus_due_ms(const struct menus *menus, bool is_out);

#endif
