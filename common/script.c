#include "script.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path.h"
#include "xalloc.h"

/* ---- which files are scripts ---- */

bool script_name_is_valid(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	return name[0] != '\0' && name[0] != '.' && name[0] != '-' && strlen(name) < SCRIPT_NAME_BYTES &&
	       name[strspn(name, allowed)] == '\0';
}

static bool is_python_name(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && strcmp(name + len - 3, ".py") == 0;
}

/* NULL, or why this is not taken as a script; "" where that is worth no word. */
static const char *why_not(const char *name, const struct stat *status, uid_t uid)
{
	if (S_ISDIR(status->st_mode))
		return "";
	if (S_ISLNK(status->st_mode))
		return "it is a symbolic link; put the file itself there";
	if (!S_ISREG(status->st_mode))
		return "it is not a regular file";
	if (!(status->st_mode & S_IXUSR) && !is_python_name(name))
		return "";
	if (!script_name_is_valid(name))
		return "its name may have at most 64 of A-Z a-z 0-9 _ . -; rename it";
	if (status->st_uid != uid)
		return "it belongs to another account; replace it by a copy of your own";
	if (status->st_mode & (S_IWGRP | S_IWOTH))
		return "others may write to it; run chmod go-w on it";
	return NULL;
}

/* Where this cannot be told, starting it will say why. */
static bool names_interpreter(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char start[2] = "";
	bool result;

	if (fd < 0)
		return true;
	result = read(fd, start, sizeof start) == sizeof start && memcmp(start, "#!", sizeof start) == 0;
	close(fd);
	return result;
}

static void add_script(struct script_list *list, const char *directory, const char *name, bool python)
{
	struct script *script;

	list->items = xreallocarray(list->items, list->count + 1, sizeof *list->items);
	script = &list->items[list->count++];
	*script = (struct script){.path = path_join(directory, name), .python = python};
	snprintf(script->name, sizeof script->name, "%s", name);
}

static int by_name(const void *left, const void *right)
{
	return strcmp(((const struct script *)left)->name, ((const struct script *)right)->name);
}

/* Returns -1 where the directory is not to be trusted. */
static int check_directory(int fd, const char *directory, uid_t uid, struct error *error)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return error_errno(error, ERROR_CONFIG, "cannot stat %s", directory);
	if (status.st_uid != uid)
		return error_set(
		    error, ERROR_CONFIG, "%s belongs to another account; no script in it is run", directory);
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(error, ERROR_CONFIG,
		    "others may write to %s, so no script in it is run; run: chmod go-w %s", directory,
		    directory);
	return 0;
}

/* The descriptor, -1 where it cannot be used, -2 where there is none. */
static int open_directory(const char *directory, uid_t uid, struct error *error)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return -2;
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return error_set(error, ERROR_CONFIG,
		    "%s is no directory; it has to be one, not a link to one", directory);
	if (fd < 0)
		return error_errno(error, ERROR_CONFIG, "cannot open %s", directory);
	if (check_directory(fd, directory, uid, error) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int script_find(const char *directory, uid_t uid, script_skipped_fn *skipped, void *context,
    struct script_list *list, struct error *error)
{
	int fd = open_directory(directory, uid, error);
	const struct dirent *entry;
	struct stat status;
	const char *reason;
	DIR *stream;

	*list = (struct script_list){0};
	if (fd < 0)
		return fd == -2 ? 0 : -1;
	stream = fdopendir(fd);
	if (stream == NULL) {
		error_errno(error, ERROR_TEMPORARY, "cannot read %s", directory);
		close(fd);
		return -1;
	}
	while ((entry = readdir(stream)) != NULL) {
		/* Gone since it was listed: not a script any more. */
		if (entry->d_name[0] == '.' || fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		reason = why_not(entry->d_name, &status, uid);
		if (reason == NULL)
			add_script(list, directory, entry->d_name,
			    is_python_name(entry->d_name) &&
				(!(status.st_mode & S_IXUSR) || !names_interpreter(fd, entry->d_name)));
		else if (reason[0] != '\0')
			skipped(context, entry->d_name, reason);
	}
	closedir(stream);
	if (list->count > 0)
		qsort(list->items, list->count, sizeof *list->items, by_name);
	return 0;
}

void script_list_free(struct script_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].path);
	free(list->items);
	*list = (struct script_list){0};
}

/* ---- running one ---- */

/* Theirs if there is one, else that of the system; NULL where there is none. */
static char *find_python(const char *home)
{
	static const char *const places[] = {
	    "/usr/local/bin/python3", "/usr/bin/python3", "/bin/python3", NULL};
	char *own = path_join(home, ".venv/bin/python");

	if (access(own, X_OK) == 0)
		return own;
	free(own);
	for (const char *const *place = places; *place != NULL; place++) {
		if (access(*place, X_OK) == 0)
			return xstrdup(*place);
	}
	return NULL;
}

enum { VARIABLES = 7 };

static void make_environment(const struct script *script, const struct script_run *run, char **variables)
{
	char *own = path_join(run->home, ".venv/bin");
	bool has_own = access(own, X_OK) == 0;

	variables[0] = xasprintf("HOME=%s", run->home);
	variables[1] = xasprintf("USER=%s", run->user);
	variables[2] = xasprintf("LOGNAME=%s", run->user);
	variables[3] = xstrdup("SHELL=/bin/sh");
	variables[4] =
	    xasprintf("PATH=%s%s/usr/local/bin:/usr/bin:/bin", has_own ? own : "", has_own ? ":" : "");
	variables[5] = xstrdup("LANG=C.UTF-8");
	variables[6] = xasprintf("NOTIFY_SCRIPT=%s", script->name);
	variables[VARIABLES] = NULL;
	free(own);
}

int script_start(
    const struct script *script, const struct script_run *run, struct child **child, struct error *error)
{
	char *variables[VARIABLES + 1], *argv[3] = {script->path, NULL, NULL};
	struct child_options options = {
	    .argv = argv,
	    .environment = variables,
	    .directory = run->home,
	    .timeout_ms = run->timeout_ms,
	    .output_max_bytes = run->output_max_bytes,
	    .errors_max_bytes = SCRIPT_ERRORS_MAX_BYTES,
	};
	char *python = NULL;
	int result;

	if (script->python) {
		python = find_python(run->home);
		if (python == NULL)
			return error_set(error, ERROR_CONFIG,
			    "there is no python3 to run %s with; install it", script->name);
		argv[0] = python;
		argv[1] = script->path;
	}
	make_environment(script, run, variables);
	result = child_start(&options, child, error);
	for (size_t i = 0; i < VARIABLES; i++)
		free(variables[i]);
	free(python);
	return result;
}
