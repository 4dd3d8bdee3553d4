#include "request.h"

#include <string.h>

#include "script.h"
#include "utf8.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool request_is_account(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > REQUEST_NAME_MAX_BYTES || !is_letter(name[0]))
		return false;
	for (size_t i = 1; i < len; i++) {
		if (!is_letter(name[i]) && !(name[i] >= '0' && name[i] <= '9') && name[i] != '-' &&
		    name[i] != '.' && !(name[i] == '$' && i == len - 1))
			return false;
	}
	return true;
}

static bool has_control(const char *text)
{
	size_t len = strlen(text), i = 0;

	while (i < len) {
		uint32_t code = 0;
		size_t bytes = utf8_decode(text + i, len - i, &code);

		if (bytes == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
			return true;
		i += bytes;
	}
	return false;
}

/* An argument as an element of the array; NULL where it is no text. */
static const char *text_of(struct json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	text = json_object_get_string(value);
	return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

static int read_args(struct request *request, struct error *error)
{
	struct json_object *array = NULL;
	size_t count, total = 0;

	if (json_get_array(request->object, "args", &array, error) < 0)
		return -1;
	count = array != NULL ? json_object_array_length(array) : 0;
	if (count > REQUEST_ARGS_MAX)
		return error_set(error, ERROR_INPUT, "A script takes at most %d arguments", REQUEST_ARGS_MAX);
	if (count > 0 && request->server)
		return error_set(error, ERROR_INPUT, "Scripts of the server take no arguments");
	for (size_t i = 0; i < count; i++) {
		request->args[i] = text_of(json_object_array_get_idx(array, i));
		if (request->args[i] == NULL || has_control(request->args[i]))
			return error_set(error, ERROR_INPUT,
			    "Argument %zu is no text, or there are control characters in it", i + 1);
		total += strlen(request->args[i]);
	}
	if (total > REQUEST_ARGS_MAX_BYTES)
		return error_set(error, ERROR_INPUT, "The arguments are longer than %d bytes together",
		    REQUEST_ARGS_MAX_BYTES);
	return 0;
}

static int read_run(struct request *request, struct error *error)
{
	static const char *const keys[] = {"op", "job", "user", "script", "args", "server", NULL};

	if (json_only_keys(request->object, keys, error) != 0 ||
	    json_get_text(request->object, "script", &request->script, error) < 0 ||
	    json_get_bool(request->object, "server", &request->server, error) < 0)
		return -1;
	/* A name that no script can have needs no search. */
	if (request->script == NULL || !script_name_is_valid(request->script))
		return error_set(error, ERROR_INPUT, "Script not found");
	return read_args(request, error);
}

static int read_list(struct request *request, struct error *error)
{
	static const char *const keys[] = {"op", "job", "user", NULL};

	return json_only_keys(request->object, keys, error);
}

static int read_exec(struct request *request, struct error *error)
{
	static const char *const keys[] = {"op", "job", "section", "name", "request", NULL};

	if (json_only_keys(request->object, keys, error) != 0 ||
	    json_get_text(request->object, "section", &request->section, error) < 0 ||
	    json_get_text(request->object, "name", &request->name, error) < 0)
		return -1;
	if (request->section == NULL || request->name == NULL)
		return error_set(error, ERROR_INPUT, "section and name must be given");
	if (!json_object_object_get_ex(request->object, "request", &request->input) ||
	    !json_object_is_type(request->input, json_type_object))
		return error_set(error, ERROR_INPUT, "request must be an object");
	return 0;
}

static int read_user(struct request *request, struct error *error)
{
	if (json_get_text(request->object, "user", &request->user, error) < 0)
		return -1;
	if (request->user == NULL || !request_is_account(request->user))
		return error_set(error, ERROR_INPUT, "This is no name of an account");
	return 0;
}

/* What begins a job. */
static int read_begin(struct request *request, const char *op, struct error *error)
{
	if (strcmp(op, "exec") == 0) {
		request->op = REQUEST_EXEC;
		return read_exec(request, error);
	}
	request->op = strcmp(op, "list") == 0 ? REQUEST_LIST : REQUEST_RUN;
	if (request->op == REQUEST_RUN && strcmp(op, "run") != 0)
		return error_set(error, ERROR_INPUT, "op must be run, exec, stop or list");
	if (read_user(request, error) != 0)
		return -1;
	return request->op == REQUEST_RUN ? read_run(request, error) : read_list(request, error);
}

static int read_fields(struct request *request, struct error *error)
{
	const char *op = NULL;
	int64_t job = 0;

	if (json_get_int64(request->object, "job", &job, error) < 0)
		return -1;
	if (job <= 0)
		return error_set(error, ERROR_INPUT, "job must be a positive number");
	if (json_get_text(request->object, "op", &op, error) < 0 || op == NULL) {
		request->job = job;
		return error_set(error, ERROR_INPUT, "op must be run, exec, stop or list");
	}
	if (strcmp(op, "stop") == 0) {
		/* It begins no job, so what is wrong with it ends none. */
		request->op = REQUEST_STOP;
		request->job = job;
		return 0;
	}
	request->job = job;
	return read_begin(request, op, error);
}

int request_read(const char *line, size_t len, struct request *request, struct error *error)
{
	*request = (struct request){.job = 0};
	if (json_parse_object(line, len, "request", &request->object, error) != 0)
		return -1;
	if (read_fields(request, error) == 0)
		return 0;
	request_free(request);
	return -1;
}

void request_free(struct request *request)
{
	json_object_put(request->object);
	request->object = NULL;
}
