/*
 * Notification scripts: which files of a directory are scripts, how one is run, what its output means.
 * The contract is described in notify-script(7).
 */
#ifndef TGTOOLS_SCRIPT_H
#define TGTOOLS_SCRIPT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "child.h"
#include "error.h"

enum { SCRIPT_NAME_BYTES = 65 };

struct script {
	char name[SCRIPT_NAME_BYTES]; /* the file name, ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$ */
	char *path;
	bool python; /* a .py file that names no interpreter or has no execute bit: run with Python */
};

struct script_list {
	struct script *items; /* in name order */
	size_t count;
};

/* Called for each file that looks like a script but is not taken, with the reason. */
typedef void script_skipped_fn(void *context, const char *name, const char *reason);

/*
 * Finds the scripts of uid in directory: regular files (no symbolic links) owned by uid, not writable by
 * group or others, in a directory for which the same holds, executable by uid or named *.py. A directory
 * that does not exist has no scripts; one that is not safe is ERROR_CONFIG. Hidden files, directories and
 * files that are neither executable nor *.py are passed over in silence.
 */
int script_find(const char *directory, uid_t uid, script_skipped_fn *skipped, void *context,
    struct script_list *list, struct error *error);
void script_list_free(struct script_list *list);

/*
 * The script of that name, by the same rules. ERROR_INPUT "Script not found" where there is none, or with the
 * reason why the file is not taken; ERROR_CONFIG for the directory. script_free releases it.
 */
int script_find_one(
    const char *directory, uid_t uid, const char *name, struct script *script, struct error *error);
void script_free(struct script *script);

/* Whether a name may be that of a script. */
bool script_name_is_valid(const char *name);

struct script_run {
	const char *home; /* working directory, $HOME, and where .venv/bin is looked for */
	const char *user;
	int64_t timeout_ms; /* 0: none */
	size_t output_max_bytes;
	struct child_limits limits;
	bool manual;		  /* on demand: NOTIFY_MANUAL=1 */
	char *const *args;	  /* of the script; also, joined by blanks, in NOTIFY_ARGS; NULL: none */
	child_piece_fn *on_piece; /* as child.h has it */
	void *context;
};

/* What may be handed to a script: so many arguments, so many bytes together, UTF-8 without controls. */
enum { SCRIPT_ARGS_MAX = 16, SCRIPT_ARGS_MAX_BYTES = 1024 };
int script_check_args(char *const *args, struct error *error);

enum { SCRIPT_ERRORS_MAX_BYTES = 4096 }; /* how much of the end of stderr is kept */

/*
 * Starts it, by its first line or with Python (~/.venv/bin/python, else python3), with nothing in its
 * environment but HOME, USER, LOGNAME, SHELL, PATH, LANG, NOTIFY_SCRIPT and, where they apply, NOTIFY_MANUAL
 * and NOTIFY_ARGS. It runs as the caller, so a file that its owner swaps meanwhile can do no more than that.
 */
int script_start(struct children *children, const struct script *script, const struct script_run *run,
    struct child **child, struct error *error);

/* What a script reported. Strings are owned. */
struct script_report {
	bool notify; /* there is something to send */
	bool silent;
	char *title;
	char *message;
	char *image_path;
	char *document_path;
	char *key;	     /* what a later report under the same key would replace; not acted upon */
	int64_t cooldown_ms; /* 0: none */
	char warning[320];   /* "" or what was tolerated, for the log: one line of UTF-8 */
};

#define SCRIPT_COOLDOWN_DEFAULT_MS INT64_C(3600000)
#define SCRIPT_COOLDOWN_MAX_MS (INT64_C(3650) * 86400000)

/* What tgtools-socket(7) takes as a key. */
enum { SCRIPT_KEY_MAX_BYTES = 64 };

/*
 * Reads stdout of a script: one JSON object with white space and byte order marks around it, or lines of a
 * log and then that object; notify-script(7) has the table of what happens with anything else. A report that
 * asks for a message but has nothing in it comes back with notify false and a warning. ERROR_INPUT says how
 * the contract was broken, and report is left alone. Pure.
 */
int script_parse(const char *output, size_t len, struct script_report *report, struct error *error);
void script_report_free(struct script_report *report);

/* The object that script_parse reads, with all that stands in it. Pure. The caller puts it. */
int script_parse_object(const char *output, size_t len, struct json_object **object, struct error *error);

/* Whether it ended well and its output is whole, whatever that is. ERROR_INPUT says why not. Pure. */
int script_check_result(const struct child_result *result, const struct script_run *run, struct error *error);

/* What a script that ended comes to: its report, or ERROR_INPUT with why there is none that counts. Pure. */
int script_conclude(const struct child_result *result, const struct script_run *run,
    struct script_report *report, struct error *error);

#endif
