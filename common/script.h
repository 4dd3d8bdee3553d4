/*
 * Notification scripts: which files of a directory are scripts, how one is run, what its output means.
 * The contract is described in notify-script(7).
 */
#ifndef TGTOOLS_SCRIPT_H
#define TGTOOLS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "child.h"
#include "error.h"

enum { SCRIPT_NAME_BYTES = 65 };

struct script {
	char name[SCRIPT_NAME_BYTES]; /* the file name, ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$ */
	char *path;
	bool python; /* a .py file without an execute bit: needs an interpreter */
};

struct script_list {
	struct script *items; /* in name order */
	size_t count;
};

/* Called for each file that looks like a script but is not taken, with the reason. */
typedef void script_skipped_fn(void *context, const char *name, const char *reason);

/*
 * Finds the scripts of uid in directory: regular files (no symbolic links) owned by uid, not writable by
 * group or others, in a directory for which the same holds, executable or named *.py. A directory that does
 * not exist has no scripts.
 */
int script_find(const char *directory, uid_t uid, script_skipped_fn *skipped, void *context,
    struct script_list *list, struct error *error);
void script_list_free(struct script_list *list);

/* Whether a name may be that of a script. */
bool script_name_is_valid(const char *name);

struct script_run {
	const char *home; /* working directory, $HOME, and where .venv/bin/python is looked for */
	const char *user;
	int64_t timeout_ms;
	size_t output_max_bytes;
};

int script_start(
    const struct script *script, const struct script_run *run, struct child **child, struct error *error);

/* What a script reported. Strings are owned. */
struct script_report {
	bool notify;
	bool silent;
	char *title;
	char *message;
	char *image_path;
	char *document_path;
	char *key;
	int64_t cooldown_ms;
	char warning[128]; /* "" or what was tolerated, for the log */
};

enum { SCRIPT_COOLDOWN_DEFAULT_MS = 3600000 };

/* Reads stdout of a script. ERROR_INPUT says how the contract was broken. Pure. */
int script_parse(const char *output, size_t len, struct script_report *report, struct error *error);
void script_report_free(struct script_report *report);

#endif
