#include "deliver.h"
#include "clock.h"
#include "courier.h"
#include "notice.h"
#include "path.h"
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

int deliver_note_run(
    const struct place *place, const struct script *script, int64_t now_ms, struct error *error)
{
	struct script_state *state;
	int result;

	if (path_make_own(place->state_directory, error) != 0)
		return -1;
	state = script_state_read(place->state_directory);
	script_state_set_run(state, script->name, now_ms);
	result = script_state_save(state, now_ms, error);
	script_state_free(state);
	return result;
}
