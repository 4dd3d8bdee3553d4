/*
 * What is asked of tg-exec: one JSON object a line, described in tg-exec(8). Pure; whatever the line is, what
 * is taken from it is safe to stand in the argv of a program.
 */
#ifndef TG_EXEC_REQUEST_H
#define TG_EXEC_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "json.h"

enum {
	REQUEST_LINE_MAX_BYTES = 64 << 10,
	REQUEST_ARGS_MAX = 16,
	REQUEST_ARGS_MAX_BYTES = 1024, /* of all together */
	REQUEST_NAME_MAX_BYTES = 32,   /* of an account, as useradd(8) has it */
};

enum request_op { REQUEST_RUN, REQUEST_STOP, REQUEST_LIST, REQUEST_EXEC };

/* The texts are borrowed from object. */
struct request {
	enum request_op op;
	int64_t job;
	const char *user;   /* NULL where op is REQUEST_STOP or REQUEST_EXEC */
	const char *script; /* NULL but where op is REQUEST_RUN */
	const char *args[REQUEST_ARGS_MAX + 1];
	bool server; /* script is one of server_scripts */
	/* REQUEST_EXEC, else NULL: the section of the configuration, the row in it, what its program reads.
	 */
	const char *section, *name;
	struct json_object *input;
	struct json_object *object;
};

/*
 * ERROR_INPUT: the text is for the person who asked. Then request->job is the number of the job that is
 * refused by that, or 0 where the line asks for no job; there is nothing to free.
 */
int request_read(const char *line, size_t len, struct request *request, struct error *error);
void request_free(struct request *request);

/* Whether a text may be the name of an account: nothing that sudo or a shell reads as something else. */
bool request_is_account(const char *name);

#endif
