/*
 * The table of commands as it is in force: what is built in, and what the configuration adds to it.
 */
#ifndef TG_DISPATCH_TABLE_H
#define TG_DISPATCH_TABLE_H

#include "commands.h"
#include "config.h"
#include "error.h"

/*
 * The table borrows from config and must be freed before it. ERROR_CONFIG, "FILE:LINE: what is wrong", where
 * a row of the configuration is for what is built in.
 */
int table_new(const struct config *config, struct command_table **table, struct error *error);
void table_free(struct command_table *table);

#endif
