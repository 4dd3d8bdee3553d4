/* The table of commands as it was understood, for people: what tg-dispatch --check prints. Pure. */
#ifndef TG_DISPATCH_TABLE_PRINT_H
#define TG_DISPATCH_TABLE_PRINT_H

#include "buf.h"
#include "commands.h"
#include "config.h"

/*
 * Appends lines in aligned columns: the route, where it may be used, who may use it, its timeout, and where
 * it goes to; of all but the last one word. First the commands, then text, files and buttons ("ACTION:"),
 * then the sessions.
 */
void table_print(const struct command_table *table, const struct config *config, struct buf *out);

#endif
