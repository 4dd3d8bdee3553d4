#include "script_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "fd.h"
#include "json.h"
#include "path.h"
#include "script.h"
#include "xalloc.h"

enum {
	VERSION = 1,
	FILE_MAX_BYTES = 8 << 20,
	LOCK_LIMIT_MS = 2000,
	LOCK_PAUSE_MS = 5,
};

struct script_state {
	char *path;		     /* of state.json */
	struct json_object *known;   /* by name, as in the file */
	struct json_object *changes; /* by name, the fields that were set */
	char warning[256];
};

/* ---- reading ---- */

/* Nothing but what we write ourselves is taken from the file. */
static void take_entry(struct json_object *known, const char *name, struct json_object *value)
{
	struct json_object *entry;
	struct error ignored;
	bool told = false;

	if (!script_name_is_valid(name) || !json_object_is_type(value, json_type_object))
		return;
	(void)json_get_bool(value, "told", &told, &ignored);
	entry = json_object_new_object();
	json_put_int64(entry, "last_run_ms", json_int64(value, "last_run_ms"));
	json_put_int64(entry, "failures", json_int64(value, "failures"));
	json_put_bool(entry, "told", told);
	json_put_text(entry, "incident", json_text(value, "incident"));
	json_object_object_add(known, name, entry);
}

static int parse(const struct buf *text, struct json_object *known, struct error *error)
{
	struct json_object *object = NULL, *scripts = NULL;
	int result = json_parse_object(buf_text(text), text->len, "it", &object, error);

	if (result == 0 && json_int64(object, "version") != VERSION)
		result = error_set(error, ERROR_INPUT, "it is of another version");
	if (result == 0 && json_get_object(object, "scripts", &scripts, error) != 1)
		result = error_set(error, ERROR_INPUT, "it has no scripts");
	if (result == 0) {
		json_object_object_foreach(scripts, name, value)
		{
			take_entry(known, name, value);
		}
	}
	json_object_put(object);
	return result;
}

/* Nothing is wrong with the file where only we cannot open it now. */
static int read_text(const char *path, struct buf *text, struct error *error)
{
	errno = 0;
	if (fd_read_file(path, text, error) == 0)
		return 0;
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO)
		error->kind = ERROR_TEMPORARY;
	return -1;
}

/* Fills known anew. -1 where the file is there and cannot be used; ERROR_TEMPORARY: not now. */
static int read_file(struct script_state *state, struct error *error)
{
	struct buf text = BUF_INIT(FILE_MAX_BYTES);
	int result = 0;

	json_object_put(state->known);
	state->known = json_object_new_object();
	if (access(state->path, F_OK) == 0 || errno != ENOENT)
		result = read_text(state->path, &text, error) == 0 ? parse(&text, state->known, error) : -1;
	buf_free(&text);
	return result;
}

static void note_damage(struct script_state *state, const struct error *why)
{
	snprintf(state->warning, sizeof state->warning, "state.json %s: %.180s",
	    why->kind == ERROR_TEMPORARY ? "cannot be read now" : "is put aside as .bad", why->text);
}

struct script_state *script_state_read(const char *directory)
{
	struct script_state *made = xcalloc(1, sizeof *made);
	struct error why;

	made->path = path_join(directory, "state.json");
	made->changes = json_object_new_object();
	if (read_file(made, &why) != 0)
		note_damage(made, &why);
	return made;
}

void script_state_free(struct script_state *state)
{
	if (state == NULL)
		return;
	json_object_put(state->known);
	json_object_put(state->changes);
	free(state->path);
	free(state);
}

const char *script_state_warning(const struct script_state *state)
{
	return state->warning[0] != '\0' ? state->warning : NULL;
}

/* ---- what is known ---- */

static void overlay(struct json_object *object, const char *name, struct script_state_entry *entry)
{
	struct json_object *fields = NULL;
	struct error ignored;
	const char *incident;

	if (!json_object_object_get_ex(object, name, &fields))
		return;
	(void)json_get_int64(fields, "last_run_ms", &entry->last_run_ms, &ignored);
	(void)json_get_int64(fields, "failures", &entry->failures, &ignored);
	(void)json_get_bool(fields, "told", &entry->told, &ignored);
	incident = json_text(fields, "incident");
	if (incident != NULL && strlen(incident) < sizeof entry->incident)
		snprintf(entry->incident, sizeof entry->incident, "%s", incident);
}

void script_state_get(const struct script_state *state, const char *name, struct script_state_entry *entry)
{
	*entry = (struct script_state_entry){0};
	overlay(state->known, name, entry);
	overlay(state->changes, name, entry);
}

static struct json_object *change_of(struct script_state *state, const char *name)
{
	struct json_object *fields = NULL;

	if (!json_object_object_get_ex(state->changes, name, &fields)) {
		fields = json_object_new_object();
		json_object_object_add(state->changes, name, fields);
	}
	return fields;
}

void script_state_set_run(struct script_state *state, const char *name, int64_t last_run_ms)
{
	json_put_int64(change_of(state, name), "last_run_ms", last_run_ms);
}

void script_state_set_health(
    struct script_state *state, const char *name, const struct script_state_entry *entry)
{
	struct json_object *fields = change_of(state, name);

	json_put_int64(fields, "failures", entry->failures);
	json_put_bool(fields, "told", entry->told);
	json_put_text(fields, "incident", entry->incident);
}

/* ---- writing ---- */

static int lock(const char *path, struct error *error)
{
	int64_t end_ms = clock_monotonic_ms() + LOCK_LIMIT_MS;
	char *name = xasprintf("%.*slock", (int)(strlen(path) - strlen("json")), path);
	int fd;

	while ((fd = fd_lock_file(name, 0600, error)) < 0 && error->kind == ERROR_TEMPORARY &&
	       clock_monotonic_ms() < end_ms)
		(void)nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_MS * 1000000}, NULL);
	free(name);
	return fd;
}

static void put_aside(const struct script_state *state)
{
	char *aside = xasprintf("%s.bad", state->path);

	/* Where this fails the file is replaced. */
	(void)rename(state->path, aside);
	free(aside);
}

static void merge(struct json_object *known, struct json_object *changes)
{
	json_object_object_foreach(changes, name, fields)
	{
		struct json_object *entry = NULL;

		if (!json_object_object_get_ex(known, name, &entry)) {
			json_object_object_add(known, name, json_object_get(fields));
			continue;
		}
		json_object_object_foreach(fields, key, value)
		{
			json_object_object_add(entry, key, json_object_get(value));
		}
	}
}

static struct json_object *to_json(struct json_object *known, int64_t now_ms)
{
	struct json_object *object = json_object_new_object(), *scripts = json_object_new_object();

	json_put_int64(object, "version", VERSION);
	json_object_object_add(object, "scripts", scripts);
	json_object_object_foreach(known, name, entry)
	{
		if (json_int64(entry, "last_run_ms") >= now_ms - SCRIPT_STATE_KEEP_MS)
			json_object_object_add(scripts, name, json_object_get(entry));
	}
	return object;
}

static int write_file(const char *path, const char *line, struct error *error)
{
	char *temporary = xasprintf("%s.new", path);
	int fd, result = 0;

	/* A script may have put anything there: a FIFO would keep us waiting. */
	(void)unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_all(fd, line, strlen(line)) != 0 || fd_write_all(fd, "\n", 1) != 0 ||
	    fsync(fd) != 0 || rename(temporary, path) != 0) {
		result = error_errno(error, ERROR_TEMPORARY, "cannot write %s", path);
		(void)unlink(temporary);
	}
	fd_close(&fd);
	free(temporary);
	return result;
}

int script_state_save(struct script_state *state, int64_t now_ms, struct error *error)
{
	int fd = lock(state->path, error), result;
	struct json_object *object;

	if (fd < 0)
		return -1;
	if (read_file(state, error) != 0) {
		note_damage(state, error);
		if (error->kind == ERROR_TEMPORARY) {
			close(fd);
			return -1;
		}
		put_aside(state);
	}
	merge(state->known, state->changes);
	object = to_json(state->known, now_ms);
	result = write_file(state->path, json_line(object), error);
	json_object_put(object);
	close(fd);
	if (result == 0) {
		json_object_put(state->changes);
		state->changes = json_object_new_object();
	}
	return result;
}
