/*
 * What a button under a message carries: callback_data of 1 to 64 bytes (core.telegram.org/bots/api,
 * InlineKeyboardButton). It is "ACTION:TARGET" where that fits, else ":ID", an id of store_button_put that
 * stands for both; anybody may send the bot either, so who may tap is checked again at the tap.
 */
#ifndef TG_DISPATCH_BUTTON_H
#define TG_DISPATCH_BUTTON_H

#include <stdbool.h>

#include "commands.h"
#include "error.h"

enum { BUTTON_DATA_BYTES = 65 };

/* 1 to 32 of A-Za-z0-9_. */
bool button_is_action(const char *action);

/* ERROR_INPUT where action is none, or target (it may be "") is longer than STORE_TARGET_BYTES allows. */
int button_check(const char *action, const char *target, struct error *error);

/*
 * Whether what a service says may be kept in the store: not without one, and not where it is nearly full,
 * since with the rest of it everybody is answered.
 */
bool button_may_keep(const struct request *request);

/*
 * Checks and writes the data of a button. Returns 1; 0 where it must be kept and button_may_keep says no. In
 * a private chat an id is for the account of the caller alone, in a group for whoever taps.
 */
int button_data(struct request *request, const char *action, const char *target, char data[BUTTON_DATA_BYTES],
    struct error *error);

#endif
