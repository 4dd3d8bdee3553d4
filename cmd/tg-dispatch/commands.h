/*
 * The one table of commands, and the rules that lead an update to a row of it. A row says everything about
 * its command, whether it is built in or stands in the configuration (table.h).
 */
#ifndef TG_DISPATCH_COMMANDS_H
#define TG_DISPATCH_COMMANDS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ask.h"
#include "config.h"
#include "error.h"
#include "peer.h"
#include "store.h"
#include "texts.h"
#include "update.h"

enum { COMMAND_NAME_BYTES = 33, REQUEST_ID_BYTES = 24 };

struct accounts;

/* On whose behalf a chat speaks. A link whose account no longer exists or is locked counts as none. */
struct caller {
	bool linked;
	struct store_link link;	   /* where linked */
	struct account account;	   /* where linked */
	struct accounts *accounts; /* where its groups are asked for */
	int64_t at_ms;		   /* when */
};

struct command_table;
struct limits;
struct running;

/* What is to be done once an update is handled and the store has kept that. */
enum wish_kind {
	WISH_NOTHING,
	WISH_LIST, /* the update waits for a list of scripts, and is handled again then */
	WISH_ASK,  /* the same with a service */
	WISH_RUN,
	WISH_STOP,
};

struct wish {
	enum wish_kind kind;
	char user[STORE_USER_BYTES]; /* WISH_LIST: whose scripts */
	struct ask ask;		     /* WISH_ASK, with whom it is for; texts are borrowed from the update */
	struct ask_context context;
	char request_id[REQUEST_ID_BYTES];
	struct store_job job;	  /* WISH_RUN: what is to be started; WISH_STOP: its id */
	struct json_object *args; /* WISH_RUN: of a script, or what a program reads; owned; NULL: none */
	const char *section;	  /* WISH_RUN: the section of the configuration with the program; static */
};

void wish_clear(struct wish *wish);

/* What an update had to wait for. */
struct awaited {
	enum wish_kind kind;
	const char
	    *user; /* WISH_LIST: whose scripts were asked for; WISH_ASK: the account that asked, or "" */
	const char *row; /* WISH_ASK: the row that asked */
	/* WISH_LIST: as notify-scripts(1) lists them, NULL: not to be had. WISH_ASK: as asker_done_fn has it
	 */
	struct json_object *answer;
	bool tap_answered; /* so that the tap takes no text any more */
};

/* One update on its way through a handler. */
struct request {
	const struct config *config;
	const struct command_table *table;
	const struct command *command; /* the row at hand; NULL: none */
	const char *request_id;
	const char *bot_name; /* "" while it is not known */
	const struct update *update;
	const struct caller *caller;
	struct store *store;   /* for a look of one's own where there is no txn; NULL: there is none */
	struct store_txn *txn; /* a write transaction where the row says so and there is a store, else NULL */
	int64_t now_ms;
	struct json_object *calls;     /* the answer so far */
	bool changed;		       /* set by a handler that wrote to txn */
	const char *outcome;	       /* one or two words for the log; static */
	const char *target;	       /* a tap: what stands behind the colon */
	const struct running *running; /* the jobs; NULL where scripts cannot be run now */
	const struct awaited *awaited; /* NULL: nothing was waited for */
	struct limits *limits;
	struct wish *wish;
};

/* Adds to calls. -1 with an error: calls is thrown away and txn aborted. */
typedef int command_fn(struct request *request, struct error *error);

enum command_store {
	COMMAND_READS,	       /* without a transaction */
	COMMAND_WRITES,	       /* in a write transaction */
	COMMAND_WRITES_ANSWER, /* the same, but only when it has what it waited for */
};

struct command {
	const char *name;	 /* of a command without the slash, lower case */
	const char *description; /* for /help; texts: help_NAME replaces it; NULL: it is not listed */
	const char *access;	 /* "anyone", "linked", "operator" or "%group" */
	unsigned where;		 /* CHAT_PRIVATE, CHAT_GROUP */
	enum command_store store;
	command_fn *run;
	const struct config_route *route; /* NULL: built in */
	bool takes_captions;		  /* it is called, too, where it stands in the caption of a file */
};

struct command_table {
	const struct command *rows; /* those that are built in first */
	size_t count;
	const struct command *taps; /* by what stands before the colon in the data of a button */
	size_t taps_count;
	const struct command *text, *files; /* NULL: they go nowhere */
};

/* NULL: there is no such row. */
const struct command *table_command(const struct command_table *table, const char *name);
const struct command *table_tap(const struct command_table *table, const char *action, size_t len);

/* The account of the one who wrote; "": somebody without a link. */
const char *request_user(const struct request *request);

/* Sends a text of the table in texts.h. */
int request_say(
    struct request *request, enum text_id text, const struct text_value *values, struct error *error);

/* Whether the update is a tap that is not answered yet. */
bool request_has_open_tap(const struct request *request);

/* As request_say, but an open tap is answered with it. */
int request_answer(
    struct request *request, enum text_id text, const struct text_value *values, struct error *error);

/* Handlers that are rows of the tables in builtin.c. */
int scripts_list(struct request *request, struct error *error);
int scripts_list_page(struct request *request, struct error *error); /* a tap: the page */
int scripts_run(struct request *request, struct error *error);
int scripts_run_button(struct request *request, struct error *error); /* a tap: the id of a button */
int scripts_jobs(struct request *request, struct error *error);
int scripts_stop(struct request *request, struct error *error);
int scripts_stop_button(struct request *request, struct error *error); /* a tap: the id of a job */
int answer_page(struct request *request, struct error *error);	       /* a tap: the page of a list */
int answer_cancel(struct request *request, struct error *error);       /* a tap: no more than that */
int operators_users(struct request *request, struct error *error);
int operators_users_page(struct request *request, struct error *error); /* a tap: the page */
int operators_queue(struct request *request, struct error *error);
int broadcast_preview(struct request *request, struct error *error);
int broadcast_send(struct request *request, struct error *error);   /* a tap: the id of a draft */
int broadcast_cancel(struct request *request, struct error *error); /* the same */

int link_explain(struct request *request, struct error *error); /* /link without a key */
int link_key(struct request *request, struct error *error);	/* of link_key_row in link.h */
int link_status(struct request *request, struct error *error);
/* /start with the token of a deep link: 1 where that is all, 0 where the rest of /start follows. */
int link_start(struct request *request, struct error *error);

/* Handlers of rows of the configuration. */
int commands_http(struct request *request, struct error *error);
int commands_exec(struct request *request, struct error *error);
int commands_script(struct request *request, struct error *error);
int commands_session(struct request *request, struct error *error);

enum { DATE_TEXT_BYTES = 32 };
/* "2026-01-31 08:00 UTC"; returns text. */
const char *format_date(int64_t wall_ms, char text[DATE_TEXT_BYTES]);

/* All that is built in; borrowed for good. */
struct command_table commands_builtin(void);

/* A message that is a command: "/name", "/name@bot", and what follows after white space. */
struct command_line {
	char name[COMMAND_NAME_BYTES]; /* lower case */
	const char *bot;	       /* whom it is addressed to; NULL: nobody in particular */
	size_t bot_len;
	const char *args; /* what follows, from the white space on */
};

/* False where text is no command. */
bool command_parse(const char *text, struct command_line *line);
/* Whether it is addressed to the bot of that name, in letters of either case; "": to any bot. */
bool command_is_for(const struct command_line *line, const char *bot_name);

enum route_kind {
	ROUTE_NOTHING, /* nobody expects an answer */
	ROUTE_COMMAND,
	ROUTE_UNKNOWN, /* a command that is in no row */
	ROUTE_TEXT,    /* any other message to the bot; the row of text or files, if there is one */
	ROUTE_TAP,
	ROUTE_MEMBER, /* the link of the chat is paused or resumed */
};

struct route {
	enum route_kind kind;
	const struct command *command; /* NULL where there is no row, or nobody knows the button */
	const char *target;	       /* ROUTE_TAP: what stands behind the colon; borrowed from the update */
};

/*
 * Where an update goes: a function of these three alone. In a private chat every message is for the bot; in a
 * group a command is where it is addressed to bot_name (letters of either case; "": to any bot), and anything
 * where its row says that it works in groups.
 *
 * A button whose data is ":ID" is one of the store: it goes nowhere until route_button says what it is.
 */
struct route route_update(
    const struct command_table *table, const struct update *update, const char *bot_name);

/* The id of such a button, or NULL. */
const char *route_button_id(const struct update *update);
/* What the store knows of it, borrowed by the route. */
struct route route_button(const struct command_table *table, const struct store_button *button);

/* The word for a route in the log. */
const char *route_name(const struct route *route);

enum access_verdict {
	ACCESS_ALLOWED,
	ACCESS_NEEDS_LINK,
	ACCESS_DENIED,
	ACCESS_UNSURE, /* the system cannot say now */
};

/* Whether a caller may use what a row says; groups are looked up in the system. */
enum access_verdict access_check(
    const char *access, const struct caller *caller, const struct config *config);

#endif
