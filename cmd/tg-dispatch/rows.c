#include "commands.h"

int commands_exec(struct request *request, struct error *error)
{
	return request_answer(request, TEXT_SERVICE_FAILED, NULL, error);
}

int commands_script(struct request *request, struct error *error)
{
	return request_answer(request, TEXT_SERVICE_FAILED, NULL, error);
}
