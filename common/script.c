#include "script.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "path.h"
#include "utf8.h"
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

static struct script make_script(int fd, const char *directory, const char *name, const struct stat *status)
{
	struct script script = {.path = path_join(directory, name),
	    .python = is_python_name(name) && (!(status->st_mode & S_IXUSR) || !names_interpreter(fd, name))};

	snprintf(script.name, sizeof script.name, "%s", name);
	return script;
}

static void add_script(struct script_list *list, struct script script)
{
	list->items = xreallocarray(list->items, list->count + 1, sizeof *list->items);
	list->items[list->count++] = script;
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
			add_script(list, make_script(fd, directory, entry->d_name, &status));
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

static int take_one(
    int fd, const char *directory, uid_t uid, const char *name, struct script *script, struct error *error)
{
	struct stat status;
	const char *reason;

	if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return error_set(error, ERROR_INPUT, "Script not found");
	reason = why_not(name, &status, uid);
	if (reason != NULL && reason[0] == '\0')
		return error_set(error, ERROR_INPUT, "Script not found");
	if (reason != NULL)
		return error_set(error, ERROR_INPUT, "%s is not taken as a script: %s", name, reason);
	*script = make_script(fd, directory, name, &status);
	return 0;
}

int script_find_one(
    const char *directory, uid_t uid, const char *name, struct script *script, struct error *error)
{
	int fd, result;

	if (!script_name_is_valid(name))
		return error_set(error, ERROR_INPUT, "Script not found");
	fd = open_directory(directory, uid, error);
	if (fd < 0)
		return fd == -2 ? error_set(error, ERROR_INPUT, "Script not found") : -1;
	result = take_one(fd, directory, uid, name, script, error);
	close(fd);
	return result;
}

void script_free(struct script *script)
{
	free(script->path);
	*script = (struct script){.path = NULL};
}

/* ---- running one ---- */

int script_check_args(char *const *args, struct error *error)
{
	size_t bytes = 0;

	for (size_t i = 0; args != NULL && args[i] != NULL; i++) {
		size_t len = strlen(args[i]);

		bytes += len + 1;
		if (i >= SCRIPT_ARGS_MAX || bytes > SCRIPT_ARGS_MAX_BYTES)
			return error_set(error, ERROR_INPUT,
			    "at most %d arguments of %d bytes together are taken", SCRIPT_ARGS_MAX,
			    SCRIPT_ARGS_MAX_BYTES);
		if (!utf8_is_valid(args[i], len))
			return error_set(error, ERROR_INPUT, "an argument is not UTF-8");
		for (size_t j = 0; j < len; j++) {
			if ((unsigned char)args[i][j] < ' ' || args[i][j] == 0x7f)
				return error_set(
				    error, ERROR_INPUT, "an argument contains control characters");
		}
	}
	return 0;
}

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

enum { VARIABLES_MAX = 9 };

static char *join_args(char *const *args)
{
	struct buf joined = BUF_INIT(SCRIPT_ARGS_MAX_BYTES + sizeof "NOTIFY_ARGS=");
	char *result;

	/* Fits, as script_check_args has seen to. */
	buf_add_text(&joined, "NOTIFY_ARGS=");
	for (size_t i = 0; args[i] != NULL; i++)
		buf_add_format(&joined, "%s%s", i > 0 ? " " : "", args[i]);
	result = xstrdup(buf_text(&joined));
	buf_free(&joined);
	return result;
}

static void make_environment(const struct script *script, const struct script_run *run, char **variables)
{
	char *own = path_join(run->home, ".venv/bin");
	bool has_own = access(own, X_OK) == 0;

	*variables++ = xasprintf("HOME=%s", run->home);
	*variables++ = xasprintf("USER=%s", run->user);
	*variables++ = xasprintf("LOGNAME=%s", run->user);
	*variables++ = xstrdup("SHELL=/bin/sh");
	*variables++ =
	    xasprintf("PATH=%s%s/usr/local/bin:/usr/bin:/bin", has_own ? own : "", has_own ? ":" : "");
	*variables++ = xstrdup("LANG=C.UTF-8");
	*variables++ = xasprintf("NOTIFY_SCRIPT=%s", script->name);
	if (run->manual)
		*variables++ = xstrdup("NOTIFY_MANUAL=1");
	if (run->args != NULL && run->args[0] != NULL)
		*variables++ = join_args(run->args);
	*variables = NULL;
	free(own);
}

static void make_argv(const struct script *script, const struct script_run *run, char *python, char **argv)
{
	if (python != NULL)
		*argv++ = python;
	*argv++ = script->path;
	for (size_t i = 0; run->args != NULL && run->args[i] != NULL; i++)
		*argv++ = run->args[i];
	*argv = NULL;
}

int script_start(struct children *children, const struct script *script, const struct script_run *run,
    struct child **child, struct error *error)
{
	char *variables[VARIABLES_MAX + 1], *argv[SCRIPT_ARGS_MAX + 3], *python = NULL;
	struct child_options options = {
	    .argv = argv,
	    .environment = variables,
	    .directory = run->home,
	    .timeout_ms = run->timeout_ms,
	    .output_max_bytes = run->output_max_bytes,
	    .errors_max_bytes = SCRIPT_ERRORS_MAX_BYTES,
	    .limits = run->limits,
	    .on_piece = run->on_piece,
	    .context = run->context,
	};
	int result;

	if (script_check_args(run->args, error) != 0)
		return -1;
	if (script->python) {
		python = find_python(run->home);
		if (python == NULL)
			return error_set(error, ERROR_CONFIG,
			    "there is no python3 to run %s with; install it", script->name);
	}
	make_argv(script, run, python, argv);
	make_environment(script, run, variables);
	result = child_start(children, &options, child, error);
	for (char **variable = variables; *variable != NULL; variable++)
		free(*variable);
	free(python);
	return result;
}
