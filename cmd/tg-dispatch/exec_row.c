/* Rows that lead to a program of the configuration. */
#include "commands.h"

#include "http_row.h"
#include "scripts.h"

/* Where the row stands; with its name that is how tg-exec finds the program. */
static const char *section_of(const struct request *request)
{
	if (request->command == request->table->text)
		return "text";
	if (request->command == request->table->files)
		return "files";
	return request->update->kind == UPDATE_TAP ? "callbacks" : "commands";
}

int commands_exec(struct request *request, struct error *error)
{
	if (request->running == NULL) {
		request->outcome = "away";
		return request_answer(request, TEXT_PROGRAMS_AWAY, NULL, error);
	}
	if (scripts_start(request, request->command->route->name, SCRIPTS_PROGRAM, error) != 0)
		return -1;
	if (request->wish->kind == WISH_RUN) {
		request->wish->section = section_of(request);
		request->wish->args = http_row_body(request);
	}
	return 0;
}
