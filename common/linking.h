/* Linking a chat with an account, and who is told of it, however it was asked for. */
#ifndef TGTOOLS_LINKING_H
#define TGTOOLS_LINKING_H

#include <json-c/json.h>
#include <stdint.h>

#include "config.h"
#include "error.h"
#include "store.h"

enum { LINKING_TOLD_MAX = 32 };

/*
 * Links chat (chat_name: Telegram's username, or "") with user, and appends to calls, an array, one
 * sendMessage for each chat that is told: this one, whose it is now; the other chats of the account that it
 * belonged to before, without a word about the new one; and the other chats of user, where it is new to them.
 * Chats that take no messages are left out, and those after the first LINKING_TOLD_MAX of an account.
 *
 * Returns 1 where the chat belonged to another account before, and 0 where it did not.
 */
int linking_move(struct store_txn *txn, const struct config *config, int64_t chat, const char *chat_name,
    const char *user, int64_t now_ms, struct json_object *calls, struct error *error);

#endif
