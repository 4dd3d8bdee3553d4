#include "deliver.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "courier.h"
#include "notice.h"
#include "script_state.h"

int deliver_report(const struct place *place, const struct script *script, const struct script_report *report,
    struct error *error)
{
	struct courier *courier = courier_new(place->config->file, -1);
	struct courier_answer answer;
	char key[NOTICE_KEY_BYTES];
	struct notice notice;
	int result;

	notice_new_key(key);
	notice_make(&notice, report, script->name, place->account.home, key, clock_wall_ms(), false);
	result = courier_submit(courier, &notice, &answer, error);
	courier_answer_free(&answer);
	notice_free(&notice);
	courier_free(courier);
	return result;
}

/* Ours, and nobody else may change what is in it. */
static int make_state_directory(const char *path, struct error *error)
{
	struct stat status;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return error_errno(error, ERROR_CONFIG, "cannot create %s", path);
	if (lstat(path, &status) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot use %s", path);
	if (!S_ISDIR(status.st_mode) || status.st_uid != getuid() || (status.st_mode & (S_IWGRP | S_IWOTH)))
		return error_set(error, ERROR_CONFIG,
		    "%s is not a directory that belongs to this account and that no other may write to",
		    path);
	return 0;
}

int deliver_note_run(
    const struct place *place, const struct script *script, int64_t now_ms, struct error *error)
{
	struct script_state *state;
	int result;

	if (make_state_directory(place->state_directory, error) != 0)
		return -1;
	state = script_state_read(place->state_directory);
	script_state_set_run(state, script->name, now_ms);
	result = script_state_save(state, now_ms, error);
	script_state_free(state);
	return result;
}
