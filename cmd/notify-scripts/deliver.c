#include "deliver.h"

int deliver_report(const struct place *place, const struct script *script, const struct script_report *report,
    struct error *error)
{
	(void)place;
	(void)script;
	(void)report;
	return error_set(error, ERROR_TEMPORARY, "not built");
}

void deliver_note_run(const struct place *place, const struct script *script, int64_t now_ms)
{
	(void)place;
	(void)script;
	(void)now_ms;
}

int64_t deliver_last_run(void *context, const char *script)
{
	(void)context;
	(void)script;
	return 0;
}
