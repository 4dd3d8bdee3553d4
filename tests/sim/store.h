/*
 * What the simulated Telegram knows: users, chats, the messages they show, files, callback queries. Messages
 * are kept as parsed fields (some 100 bytes and the text each), so that a million of them fit.
 */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include "buf.h"
#include "map.h"

#include <stdbool.h>

enum chat_type { CHAT_PRIVATE, CHAT_GROUP, CHAT_SUPERGROUP };

struct user {
	int64_t id;
	char *username, *first_name;
};

struct file {
	size_t number; /* its id is made from this */
	bool photo;
	char *name, *mime, *url; /* url: sent by URL, so that the rest is unknown */
	uint64_t size_bytes;
	char sha256[65];
	uint32_t width, height;
};

/* What only some messages have. */
struct extra {
	char *entities, *markup; /* JSON */
	char *options; /* JSON: members that are shown as they came (link_preview_options and such) */
	struct file *file;
	char **history;
	size_t history_count, history_cap;
	int64_t edit_date, group; /* group: the album it is part of; 0: none */
	int32_t reply_to, thread_id;
};

struct message {
	char *text;	   /* or caption; NULL: none */
	struct user *from; /* NULL: the bot */
	struct extra *extra;
	const char *method;
	int64_t date;
	int32_t id;
	uint32_t edits;
	bool deleted, silent, protect;
};

/* A button somebody pressed. */
struct press {
	struct chat *chat;
	struct user *by;
	char *data, *answer;
	int32_t message_id;
	bool answered, alert;
};

struct chat {
	int64_t id;
	enum chat_type type;
	char *title, *username; /* a private chat has its user's names instead */
	struct user *user;	/* of a private chat */
	bool blocked;
	struct message *messages;
	size_t count, cap;
	uint64_t shown;	  /* messages of the bot, those deleted left out */
	uint64_t version; /* grows with every change that one could see */
	int32_t last_id;  /* a supergroup counts its messages itself */
	uint64_t requests;
	const char **actions;
	size_t action_count, action_cap;
	struct press **presses;
	size_t press_count, press_cap;
	int64_t pace_us; /* see limits.h */
};

struct commands {
	char *scope, *language, *list; /* list: JSON */
};

struct store {
	struct map chat_by_id, user_by_id;
	struct chat **chats;
	size_t chat_count, chat_cap;
	struct user **users;
	size_t user_count, user_cap;
	struct file **files;
	size_t file_count, file_cap;
	struct press **presses; /* the id of a callback query is its place here, and an offset */
	size_t press_count, press_cap;
	struct commands *commands;
	size_t command_count, command_cap;
	int32_t last_id;
	uint64_t delivered;
};

void store_free(struct store *s);

struct user *store_user(struct store *s, int64_t id);				/* made if need be */
void user_rename(struct user *u, const char *username, const char *first_name); /* NULL: as it was */
struct chat *store_chat(const struct store *s, int64_t id);			/* NULL: there is none */
struct chat *store_chat_by_name(const struct store *s, const char *name, size_t len);
struct chat *store_new_chat(struct store *s, int64_t id, enum chat_type type);
const char *chat_type_name(enum chat_type type);

struct message *chat_new_message(struct store *s, struct chat *c, const char *text, size_t len);
struct message *chat_message(const struct chat *c, int32_t id);		/* also deleted ones */
struct extra *message_extra(struct message *m);				/* made if need be */
void message_set_text(struct message *m, const char *text, size_t len); /* the old one goes to the history */
void chat_delete_message(struct chat *c, struct message *m);

struct file *store_new_file(struct store *s, bool photo);
void file_id(const struct file *f, char id[48]);
struct file *store_file(const struct store *s, const char *id, size_t len);

/* The id of a callback query is PRESS_FIRST and its place in the list. */
#define PRESS_FIRST 4382000000000001000LL
struct press *store_new_press(
    struct store *s, struct chat *c, struct user *by, int32_t message_id, const char *data);
struct press *store_press(const struct store *s, int64_t query_id);

#endif
