/*
 * The menu of commands that Telegram shows beside the field for a message
 * (core.telegram.org/bots/api#setmycommands): one for all private chats, one for all groups, and one of its
 * own for a chat whose account may use more. Pure.
 */
#ifndef TG_DISPATCH_MENU_H
#define TG_DISPATCH_MENU_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "commands.h"
#include "config.h"

enum { MENU_COMMANDS_MAX = 100, MENU_DESCRIPTION_CHARACTERS = 256 };

/*
 * Rows with a description, in the order of the table, as an array of BotCommand. where is CHAT_PRIVATE or
 * CHAT_GROUP; caller NULL: what anyone and linked people may use, else what that caller may. What the system
 * cannot say about a caller makes it NULL: nothing is to be changed then.
 */
struct json_object *menu_commands(const struct command_table *table, const struct config *config,
    unsigned where, const struct caller *caller);

/* Stands for an array of commands of a bot, never 0. */
int64_t menu_hash(struct json_object *commands, const char *bot_name);

/*
 * The call that tells Telegram, or takes back where commands is NULL. chat is one, or STORE_MENU_PRIVATE or
 * STORE_MENU_GROUPS; commands is borrowed.
 */
struct json_object *menu_call(int64_t chat, struct json_object *commands);

#endif
