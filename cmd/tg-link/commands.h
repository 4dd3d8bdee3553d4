/* The subcommands of tg-link, and what they share. */
#ifndef TG_LINK_COMMANDS_H
#define TG_LINK_COMMANDS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "error.h"
#include "submit.h"
#include "text.h"

enum { OUTPUT_MAX_BYTES = 256 << 20, CELL_BYTES = 64, TARGET_MAX_BYTES = 4096, WORDS_MAX_BYTES = 300 };

struct options {
	const char *config_path;
	const char *user; /* NULL: the caller */
	bool json;
	bool quiet;
	const char *label, *expires; /* key new; NULL: none */
	bool qr;		     /* start: draw it in any case */
	char *const *arguments;	     /* behind the subcommand */
	size_t arguments_count;
};

/* A subcommand appends what it prints and returns the exit code, or -1 with error. */
typedef int command_fn(
    const char *socket_path, const struct options *options, struct buf *out, struct error *error);

/* links.c */
command_fn command_verify, command_unlink, command_status, command_list;
/* keys.c */
command_fn command_key_new, command_key_list, command_key_revoke, command_start;

/* A request to tg-sendd; body NULL: none. Where the caller has to wait, error says how long. */
int ask(const char *socket_path, const char *method, const char *target, struct json_object *body,
    struct submit_answer *answer, struct error *error);

/* The same to path, with ?user= where options name one. */
int ask_for_user(const char *socket_path, const char *method, const char *path, const struct options *options,
    struct submit_answer *answer, struct error *error);

/* A POST of body, which it takes over, with the user of options. */
int ask_post(const char *socket_path, const char *path, struct json_object *body,
    const struct options *options, struct submit_answer *answer, struct error *error);

/* Appends the answer as a line of JSON, or its "message", which is for people. */
void print_answer(const struct submit_answer *answer, const struct options *options, struct buf *out);

/* The array of an answer, or NULL with error: an answer of another version. */
struct json_object *rows_of(const struct submit_answer *answer, const char *name, struct error *error);

/* "2026-01-31T08:00:00Z" as people write it; anything else as it is. */
void format_time(const char *time, char text[CELL_BYTES]);

bool is_true(struct json_object *object, const char *key);

/* On a terminal a table has a header. */
void add_header(struct text_table *table, const char *const *names);

#endif
