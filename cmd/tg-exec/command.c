#include "command.h"

#include <stdio.h>
#include <string.h>

#include "peer.h"

#define SUDO "/usr/bin/sudo"

static const struct config_server_script *find_server_script(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->server_scripts_count; i++) {
		if (strcmp(config->server_scripts[i].name, name) == 0)
			return &config->server_scripts[i];
	}
	return NULL;
}

/*
 * The account that the program runs as: the caller's, or the one that the configuration names for a server's
 * script; *configured tells which.
 */
static const char *find_account(
    const struct config *config, const struct request *request, bool *configured, struct error *error)
{
	const struct config_server_script *script;

	*configured = false;
	if (!request->server)
		return request->user;
	script = find_server_script(config, request->script);
	if (script == NULL) {
		error_set(error, ERROR_INPUT, "Script not found");
		return NULL;
	}
	*configured = strcmp(script->run_as, "user") != 0;
	return *configured ? script->run_as : request->user;
}

static void add(struct command *command, size_t *count, const char *word)
{
	command->argv[(*count)++] = word;
}

static void fill_argv(
    const struct command_place *place, const struct request *request, bool sudo, struct command *command)
{
	size_t count = 0;

	if (sudo) {
		add(command, &count, SUDO);
		add(command, &count, "-n");
		add(command, &count, "-u");
		add(command, &count, command->account);
		add(command, &count, "--");
	}
	add(command, &count, place->notify_scripts);
	if (request->op == REQUEST_LIST) {
		add(command, &count, "list");
	} else {
		add(command, &count, "run");
		add(command, &count, "--stream");
		/* A script of the server only prints. */
		if (!request->server)
			add(command, &count, "--deliver");
		add(command, &count, "--until-eof");
		if (request->server)
			add(command, &count, "--server");
		add(command, &count, request->script);
		for (size_t i = 0; request->args[i] != NULL; i++)
			add(command, &count, request->args[i]);
	}
	add(command, &count, NULL);
}

static const struct config_route *find_route(const struct config *config, const struct request *request)
{
	const struct config_route *routes = NULL;
	size_t count = 0;

	if (strcmp(request->section, "commands") == 0) {
		routes = config->commands;
		count = config->commands_count;
	} else if (strcmp(request->section, "callbacks") == 0) {
		routes = config->callbacks;
		count = config->callbacks_count;
	} else if (strcmp(request->section, "text") == 0 && config->text.name != NULL) {
		routes = &config->text;
		count = 1;
	} else if (strcmp(request->section, "files") == 0 && config->files.name != NULL) {
		routes = &config->files;
		count = 1;
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(routes[i].name, request->name) == 0)
			return &routes[i];
	}
	return NULL;
}

static void fill_environment(const struct command_place *place, bool sudo, struct command *command)
{
	command->environment[0] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	command->environment[1] = "LANG=C.UTF-8";
	/* Behind sudo the configuration is that of the system, whatever is said here. */
	command->environment[2] = sudo ? NULL : place->environment;
}

/* The configuration may have changed since who asks has read it. */
static int make_fixed(const struct command_place *place, const struct config *config,
    const struct request *request, struct command *command, struct error *error)
{
	const struct config_route *route = find_route(config, request);

	if (route == NULL || route->exec.count == 0)
		return error_set(error, ERROR_INPUT, "The server knows no such program any more");
	command->fixed = route->exec.items;
	command->timeout_ms = route->timeout_ms > 0 ? route->timeout_ms : config->scripts.timeout_ms;
	fill_environment(place, false, command);
	return 0;
}

int command_make(const struct command_place *place, const struct config *config,
    const struct request *request, struct command *command, struct error *error)
{
	bool configured, sudo;
	const char *name;
	struct account account;

	*command = (struct command){.argv = {NULL}};
	if (request->op == REQUEST_EXEC)
		return make_fixed(place, config, request, command, error);
	name = find_account(config, request, &configured, error);
	if (name == NULL)
		return -1;
	if (!request_is_account(name))
		return error_set(error, ERROR_INPUT, "This is no name of an account");
	if (account_by_name(name, &account, error) != 0)
		return -1;
	/* Root is what the configuration says, or what tg-exec is: then nothing is won by it. */
	if (account.uid == 0 && place->uid != 0 && !configured)
		return error_set(error, ERROR_DENIED, "Nothing is run as %s from here", name);
	snprintf(command->account, sizeof command->account, "%s", name);
	sudo = account.uid != place->uid;
	fill_argv(place, request, sudo, command);
	fill_environment(place, sudo, command);
	return 0;
}
