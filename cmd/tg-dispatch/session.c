/* Rows that lead to a session with a program. */
#include "commands.h"

/* Sessions are not part of this version, which tg-dispatch --check says as well. */
int commands_session(struct request *request, struct error *error)
{
	request->outcome = "no sessions";
	return request_answer(request, TEXT_SERVICE_FAILED, NULL, error);
}
