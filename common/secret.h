/*
 * The bot's token: found, checked, kept in locked memory that is wiped when freed. Never printed, never
 * in argv, the environment of a child, a log or a core dump.
 */
#ifndef TGTOOLS_SECRET_H
#define TGTOOLS_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "error.h"

/* Whether text has the form of a token: 1-20 digits, a colon, 20-100 of A-Za-z0-9_-. */
bool secret_is_token(const char *text);

/*
 * Reads the token from $CREDENTIALS_DIRECTORY/token, else $TELEGRAM_BOT_TOKEN (which is removed from the
 * environment), else token_file, which must be a regular file that neither group nor others can read or
 * write. White space at the end is dropped. ERROR_CONFIG where there is none, it is readable by others, or
 * it is not of the form DIGITS:TEXT. Registers it with log_secret. Release with secret_free,
 * which ends that too.
 */
int secret_load_token(const char *token_file, char **token, struct error *error);
void secret_free(char *secret);

/*
 * Appends what a file holds that neither group nor others can read or write, without white space at its end.
 * ERROR_CONFIG where it is empty, contains a NUL character, is no regular file or is open to others. The
 * caller wipes text.
 */
int secret_read_file(const char *path, struct buf *text, struct error *error);

/* Makes this process leave no core and refuse debuggers of other users (PR_SET_DUMPABLE, RLIMIT_CORE). */
int secret_protect_process(struct error *error);

#endif
