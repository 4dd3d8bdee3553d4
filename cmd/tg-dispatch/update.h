/*
 * Reading Telegram's Update object (core.telegram.org/bots/api#update): what tg-dispatch needs of it, in
 * plain fields. Pure functions; everything in the object is hostile.
 */
#ifndef TG_DISPATCH_UPDATE_H
#define TG_DISPATCH_UPDATE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"

enum { UPDATE_USERNAME_BYTES = 33, UPDATE_TAP_ID_MAX = 256 };

enum update_kind {
	UPDATE_MESSAGE, /* a new message */
	UPDATE_TAP,	/* callback_query: a button was tapped */
	UPDATE_MEMBER,	/* my_chat_member: the bot was blocked or removed, or may write again */
	UPDATE_EDITED,	/* a message was changed; what it said before was handled then */
	UPDATE_OTHER,	/* channel posts, reactions, and what this version does not know */
};

/* Bits, so that a command can say where it works. */
enum update_chat_type {
	CHAT_PRIVATE = 1,
	CHAT_GROUP = 2, /* group and supergroup */
	CHAT_OTHER = 4, /* channels, their direct messages, unknown types: nothing is said there */
};

/* A file that came with a message; the texts are borrowed from the object. */
struct update_file {
	const char *kind; /* the field of the message: "photo", "document", ...; NULL: there is no file */
	const char *file_id;
	const char *file_name, *mime_type; /* NULL: not told */
	int64_t size_bytes;		   /* 0: not told */
};

struct update {
	int64_t update_id;
	enum update_kind kind;
	enum update_chat_type chat_type;
	int64_t chat;			      /* 0: none */
	int64_t thread;			      /* topic in a forum; 0: none */
	int64_t user;			      /* who caused it; 0: not told */
	char username[UPDATE_USERNAME_BYTES]; /* without @; "" where there is none */
	bool from_bot;			      /* written by another bot */
	bool is_content;		      /* a message that somebody wrote; false: a service message */
	const char *text;		      /* borrowed from the object; NULL: none */
	struct json_object *entities;	      /* of the text: an array; borrowed; NULL: none */
	const char *caption;		      /* of a file; borrowed; NULL: none */
	struct json_object *rich;	      /* a text with its form (RichMessage); borrowed; NULL: none */
	struct update_file file;
	int64_t date_ms;      /* when it was written, or edited, to the second; 0: not told, as of a tap */
	int64_t message_id;   /* of the message, or that the button is at; 0: not told, or out of reach */
	const char *tap_id;   /* UPDATE_TAP: what to answer; borrowed */
	const char *tap_data; /* what the button was given; borrowed; NULL: nothing */
	bool is_shut_out;     /* UPDATE_MEMBER: the chat takes nothing from the bot now */
};

/* The update_id, without which an object is no update. ERROR_INPUT. */
int update_read_id(struct json_object *object, int64_t *update_id, struct error *error);

/*
 * Fills *update. ERROR_INPUT where a field that is needed is missing or of another type; then the fields
 * that were read until there are filled, the others are 0, and kind is UPDATE_OTHER.
 */
int update_read(struct json_object *object, struct update *update, struct error *error);

#endif
