/*
 * Keys and the tokens of deep links in what people write: found whatever stands around them, so that no
 * message with a key stays in a chat. Pure but for what says otherwise. The handlers stand in commands.h.
 */
#ifndef TG_DISPATCH_LINK_H
#define TG_DISPATCH_LINK_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "commands.h"
#include "config.h"
#include "error.h"
#include "store.h"
#include "update.h"

/*
 * Whether the message, new or edited, with or without a file, may hold a key and is for this bot: it starts
 * with /link and anything behind it, in a private chat whoever that is addressed to, in a group as in
 * route_update; or a key of ours stands anywhere in its text. It goes to link_key_row then, before any other
 * route, and is deleted in every case.
 */
bool link_carries_key(const struct update *update, const char *bot_name);

/* The row of such messages. */
extern const struct command link_key_row;

/* The key in a text that link_carries_key found; NULL: it has none. False: there is none of the form that
 * keys have. */
enum { LINK_KEY_BYTES = STORE_APIKEY_FORM_MAX + 1 };
bool link_find_key(const char *text, char key[LINK_KEY_BYTES]);

/* The token of a deep link in "/start TOKEN"; false: it is another /start. */
bool link_find_token(const char *text, char token[STORE_START_BYTES]);

/* Whether any text in the update may open an account, so that it is nothing to keep for people to read. */
bool link_holds_secret(struct json_object *update);

/* What a key service has answered, as struct awaited has it. */
enum link_word {
	LINK_WORD_AWAY,	   /* no answer, or none that says anything about the key */
	LINK_WORD_INVALID, /* 401, 403, 404, with JSON */
	LINK_WORD_USER,	   /* the key is that of user */
};
enum link_word link_read_answer(struct json_object *answer, char user[STORE_USER_BYTES]);

/*
 * Adds the deletion of the message to calls, with a word for where Telegram refuses it. It is all that is
 * done with a message that carries a key where its chat is limited, or its handler fails.
 */
int link_delete(
    struct json_object *calls, const struct update *update, const struct config *config, struct error *error);

/*
 * The account that an update asks to be linked with, by a key, a token or what a service has answered: for
 * link_may before the transaction in which it is handled. txn reads. 1, 0, -1.
 */
int link_named(struct store_txn *txn, const struct config *config, const struct update *update,
    const struct awaited *awaited, char user[STORE_USER_BYTES], struct error *error);

/*
 * Whether the account may be linked at all, which is that it can be used and is in one of access.groups: 1,
 * 0, or -1 where the system cannot say. caller says where to ask. That may take its time the first time, so
 * it is asked before a transaction as well as in it.
 */
int link_may(const struct caller *caller, const struct config *config, const char *user);

#endif
