#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path.h"
#include "xalloc.h"

bool place_is_sudo(void)
{
	return getenv("SUDO_UID") != NULL;
}

int place_open(struct place *place, const char *config_path, struct error *error)
{
	*place = (struct place){.config = NULL};
	if (getuid() != geteuid() || getgid() != getegid())
		return error_set(
		    error, ERROR_CONFIG, "this must not be a set-user-ID program; run: chmod ug-s");
	if (place_is_sudo() && config_path != NULL)
		return error_set(
		    error, ERROR_USAGE, "by sudo there is no other configuration than the system's");
	if (config_load(place_is_sudo() ? CONFIG_DEFAULT_PATH : config_path, &place->config, error) != 0 ||
	    account_by_uid(getuid(), &place->account, error) != 0)
		return -1;
	place->directory = path_join(place->account.home, place->config->scripts.directory);
	place->state_directory = path_join(place->account.home, ".notifications");
	return 0;
}

void place_close(struct place *place)
{
	config_free(place->config);
	free(place->directory);
	free(place->state_directory);
	*place = (struct place){.config = NULL};
}

/* Whether path, wherever it links to, is a file that only root and this account may change. */
static int check_trusted(const char *path, struct stat *status, struct error *error)
{
	if (stat(path, status) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot use %s", path);
	if (!S_ISREG(status->st_mode))
		return error_set(error, ERROR_CONFIG, "%s is not a regular file", path);
	if (status->st_uid != 0 && status->st_uid != getuid())
		return error_set(error, ERROR_CONFIG, "%s belongs neither to root nor to this account", path);
	if (status->st_mode & (S_IWGRP | S_IWOTH))
		return error_set(
		    error, ERROR_CONFIG, "others may write to %s; run: chmod go-w %s", path, path);
	return 0;
}

static const struct config_server_script *find_server_script(const struct place *place, const char *name)
{
	const struct config *config = place->config;

	for (size_t i = 0; i < config->server_scripts_count; i++) {
		const struct config_server_script *entry = &config->server_scripts[i];

		if (strcmp(entry->name, name) == 0 &&
		    (strcmp(entry->run_as, "user") == 0 || strcmp(entry->run_as, place->account.name) == 0))
			return entry;
	}
	return NULL;
}

static int server_script(const struct place *place, const char *name, struct script *script,
    int64_t *timeout_ms, struct error *error)
{
	const struct config_server_script *entry;
	struct stat status;

	if (check_trusted(place->config->file, &status, error) != 0)
		return -1;
	entry = find_server_script(place, name);
	if (entry == NULL)
		return error_set(error, ERROR_INPUT, "Script not found");
	if (check_trusted(entry->path, &status, error) != 0)
		return -1;
	if (access(entry->path, X_OK) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot run %s", entry->path);
	*script = (struct script){.path = xstrdup(entry->path)};
	snprintf(script->name, sizeof script->name, "%s", name);
	if (entry->long_running)
		*timeout_ms = 0;
	return 0;
}

int place_script(const struct place *place, const char *name, bool server, struct script *script,
    int64_t *timeout_ms, struct error *error)
{
	*timeout_ms = place->config->scripts.timeout_ms;
	if (server)
		return server_script(place, name, script, timeout_ms, error);
	return script_find_one(place->directory, getuid(), name, script, error);
}
